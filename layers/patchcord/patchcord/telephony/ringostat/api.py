"""Asking and telling Ringostat's API: calls and their recordings, who is online, callbacks, contacts (telephony.md 2).

Assumed, because the reference does not say it: a wrong key is answered with 401 or 403; the content type need not say
JSON; a filter that is not understood is ignored, so each row is looked at again; `calls/list` takes the names of the
webhooks' parameters as `fields`; a callback's parties are digits and SIP logins, as the API's lists write them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from patchcord.telephony.errors import Invalid, Missing, NotAdmitted, NotReady, Refused, Unavailable
from patchcord.telephony.statuses import Meaning, is_final, meaning_of
from patchcord.wire import CONNECT_TIME_OUT, JSON, USER_AGENT, Answer, Failure, Request, Wire, read_pause, scrubbed

PROVIDER = "ringostat"
BASE_URL = "https://api.ringostat.net"
OPERATION = "calls/list"
ONLINE = "sipstatus/online"
REMOTE = "a/v2"
CALLBACK = "Api\\V2\\Callback.external"
CONTACTS = "minicrm/contacts/sync"
CALL_ID = re.compile(r"[A-Za-z0-9._:@+-]{1,128}")
"""Ids as they are seen, such as `ua18_-1760003245.1098915`; no separator that a filter could be broken up by."""

FIELDS = ("uniqueid", "disposition", "has_recording", "recording", "recording_wav")
LINKS = ("recording", "recording_wav")
CALL_FIELDS = (
    *("uniqueid", "call_type", "calldate", "caller", "caller_number", "dst", "outbound_number", "connected_with"),
    *("disposition", "waittime", "billsec", "duration", "employee_number", "employee_fio", "extension_number", "department"),
    *("has_recording", "recording", "recording_wav", "substitution_type", "pool_name"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term", "client_id", "landing", "refferrer"),
)
"""What of a call is asked for: what the webhook at its end tells (telephony.md 1.3)."""

MARGIN = timedelta(days=1)
"""Whether `from` and `to` are UTC or the project's time is not stated; a day on each side covers every zone."""

MOST_CALLS = 6_500
"""At most so many calls come in one answer: if so many come, some may be missing, and the period is split."""
SHORTEST_PERIOD = timedelta(minutes=1)
MOST_REQUESTS = 60
"""For one list. What is left then, or a full minute that cannot be split, is told as cut off."""

PREPARING = timedelta(minutes=1)
"""When a recording that is being stored may be asked for again."""

RINGS_CALLEE_FIRST, RINGS_CALLER_FIRST = 0, 1
"""`manager_dst`, where the callee is our employee and the caller the client. One source only, and no word of the vendor."""

Row = Mapping[str, Any]
Side = Literal["client", "employee"]


@dataclass(frozen=True, slots=True)
class Listing:
    """The calls of a period that are over, as the API writes them, oldest first. `cut` are the periods (aware) of which more
    calls may be missing than could be fetched."""

    rows: tuple[Row, ...] = field(default=(), repr=False)
    cut: tuple[tuple[datetime, datetime], ...] = ()


class RingostatApi:
    """The API of one Ringostat project. `auth_key` is the key of the cabinet's page; it goes into a header only.

    `zone` is the one in which the list of calls reads its period, None when nobody knows. Every method raises NotAdmitted
    for a wrong key, Refused, and Unavailable; a callback whose answer was lost (Unavailable) may ring all the same.
    """

    def __init__(self, auth_key: str, base_url: str = BASE_URL, time_out: float = 5, zone: str | None = None) -> None:
        self._auth_key = auth_key
        self._base_url = base_url.rstrip("/")
        self._time_out = float(time_out)
        self._zone = None if zone is None else ZoneInfo(zone)
        self._wire = Wire(PROVIDER, hidden=(auth_key,))

    def recording(self, call_id: str, day: str) -> str:
        """The address of a call's recording. `day` is the call's day, `YYYY-MM-DD`.

        Raises Invalid for what is no id or no day, without asking; Missing when there is no such call or it has no
        recording; NotReady while the call goes on or its recording is being stored; NotAdmitted, Unavailable, Refused.
        """
        if not CALL_ID.fullmatch(call_id):
            raise Invalid(PROVIDER, OPERATION, "this is no id of a call")
        begin, end = _period(day)
        period = f"{begin} 00:00:00", f"{end} 23:59:59"
        for row in self._asked(period, FIELDS, filters=f"uniqueid={call_id}"):
            if row.get("uniqueid") == call_id:
                return _link(row)
        raise Missing(PROVIDER, OPERATION, "there is no such call")

    # --- the list of calls

    def calls(self, begin: datetime, end: datetime) -> Listing:
        """The calls that began between two aware times and are over. Calls that go on are left out: they come later.

        A period with too many calls is split until each part fits into an answer.
        """
        if begin.tzinfo is None or end.tzinfo is None or end <= begin:
            raise Invalid(PROVIDER, OPERATION, "this is no period between two times with zone")
        found: dict[str, Row] = {}
        cut: list[tuple[datetime, datetime]] = []
        waiting, asked = [self._widened(begin, end)], 0
        while waiting:
            first, last = waiting.pop(0)
            rows = list(self._asked((_text(first), _text(last)), CALL_FIELDS))
            asked += 1
            found.update((str(row.get("uniqueid")), row) for row in rows)
            if len(rows) >= MOST_CALLS:
                if last - first <= SHORTEST_PERIOD or asked + len(waiting) + 2 > MOST_REQUESTS:
                    cut.append((self._aware(first), self._aware(last)))
                else:
                    middle = (first + (last - first) / 2).replace(microsecond=0)
                    waiting[:0] = [(first, middle), (middle, last)]
        over = [row for row in found.values() if is_final(_word(row)) and _is_within(row, begin, end)]
        return Listing(tuple(sorted(over, key=_order)), tuple(cut))

    def _widened(self, begin: datetime, end: datetime) -> tuple[datetime, datetime]:
        """The period in the list's own time, or in UTC with a day on each side when that is not known."""
        if self._zone is not None:
            return begin.astimezone(self._zone).replace(tzinfo=None), end.astimezone(self._zone).replace(tzinfo=None)
        return (begin.astimezone(UTC) - MARGIN).replace(tzinfo=None), (end.astimezone(UTC) + MARGIN).replace(tzinfo=None)

    def _aware(self, at: datetime) -> datetime:
        return at.replace(tzinfo=self._zone or UTC).astimezone(UTC)

    def _asked(self, period: tuple[str, str], fields: Sequence[str], **more: str) -> Iterator[Row]:
        query = {"export_type": "json", "from": period[0], "to": period[1], "fields": ",".join(fields), **more}
        return _rows(self._send("GET", OPERATION, query=query))

    # --- dialling

    def online(self) -> tuple[str, ...]:
        """The logins of the SIP accounts that can be rung now."""
        told = _json(self._send("GET", ONLINE), ONLINE)
        if not isinstance(told, list) or not all(isinstance(login, str) for login in told):
            raise Unavailable(PROVIDER, ONLINE, "the answer is no list of logins")
        return tuple(told)

    def call_back(self, project_id: str, client: str, login: str, *, first: Side, swapped: bool = False) -> None:
        """Connect a client (E.164) and a SIP login, ringing the one named first.

        Of the two ways there are, `callback/outward_call` cannot say who is rung first; this one can (O-50). `swapped`
        turns the order around, should the only source for it be wrong.
        """
        callee_first = (first == "employee") != swapped
        params = {
            "projectId": project_id,
            "caller": client.removeprefix("+"),
            "callee": login,
            "caller_type": "default",
            "callee_type": "default",
            "direction": "out",
            "manager_dst": RINGS_CALLEE_FIRST if callee_first else RINGS_CALLER_FIRST,
        }
        body = {"jsonrpc": "2.0", "id": 1, "method": CALLBACK, "params": params}
        _json(self._send("POST", REMOTE, body=body), "callback")

    # --- the Smart Phone's contact book

    def sync_contacts(self, project_id: str, contacts: Sequence[Mapping[str, Any]]) -> None:
        """Put contacts into the contact book of Ringostat Smart Phone (P-API-01); names of fields as in telephony.md 2."""
        body = {"contacts": [{"projectId": project_id, **contact} for contact in contacts]}
        answer = self._send("POST", CONTACTS, body=body, headers={"x-project-id": project_id})
        if answer.text.strip():
            _json(answer, CONTACTS)

    # --- the exchange

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        url = f"{self._base_url}/{path}" + (f"?{urlencode(query)}" if query else "")
        kind = {} if body is None else {"Content-Type": JSON}
        sent = {"User-Agent": USER_AGENT, "Accept": JSON, "Auth-key": self._auth_key, **kind, **(headers or {})}
        request = Request(method, url, sent, None if body is None else json.dumps(body).encode())
        outcome = self._wire.send(request, (min(CONNECT_TIME_OUT, self._time_out), self._time_out))
        if isinstance(outcome, Failure):
            raise Unavailable(PROVIDER, path, outcome.words)
        _raise_for(outcome, path)
        return outcome


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")


def _word(row: Row) -> str | None:
    word = row.get("disposition")
    return word if isinstance(word, str) and word.strip() else None


def _began(row: Row) -> datetime | None:
    """When a call began, if the row says it with an offset, as the API does."""
    try:
        at = datetime.fromisoformat(str(row.get("calldate")))
    except ValueError:
        return None
    return None if at.tzinfo is None else at.astimezone(UTC)


def _is_within(row: Row, begin: datetime, end: datetime) -> bool:
    """Whether the call belongs to the period; one whose time cannot be read is left to whoever reads the whole row."""
    at = _began(row)
    return at is None or begin <= at < end


def _order(row: Row) -> tuple[datetime, str]:
    return _began(row) or datetime.min.replace(tzinfo=UTC), str(row.get("uniqueid"))


def _period(day: str) -> tuple[date, date]:
    try:
        middle = date.fromisoformat(day)
        return middle - MARGIN, middle + MARGIN
    except (ValueError, OverflowError):
        raise Invalid(PROVIDER, OPERATION, "this is no day") from None


def _raise_for(answer: Answer, operation: str) -> None:
    """The error that a status stands for."""
    status = answer.status
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise NotAdmitted(PROVIDER, operation, "the key is not accepted", status)
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS) or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        pause = read_pause(answer.headers.get("retry-after", ""))
        raise Unavailable(PROVIDER, operation, "it does not answer now", status, pause)
    if status != HTTPStatus.OK:
        raise Refused(PROVIDER, operation, "it does not take the request", status)


def _json(answer: Answer, operation: str) -> Any:
    """The answer's JSON. An object with `error` is a refusal, whatever the status says (telephony.md 2)."""
    try:
        told = json.loads(answer.text)
    except ValueError:
        raise Unavailable(PROVIDER, operation, "the answer is not JSON") from None
    if isinstance(told, dict) and told.get("error"):
        error = told["error"]
        words = error.get("message") if isinstance(error, dict) else error
        raise Refused(PROVIDER, operation, f"it does not take the request: {scrubbed(str(words))}")
    return told


def _rows(answer: Answer) -> Iterator[Row]:
    """The calls of an answer: a list of objects."""
    told = _json(answer, OPERATION)
    if not isinstance(told, list):
        raise Unavailable(PROVIDER, OPERATION, "the answer is no list of calls")
    return (row for row in told if isinstance(row, dict))


def _link(row: Row) -> str:
    """The first address that stands in the row; an absent one is null, empty or -1 (telephony.md 1.3)."""
    for name in LINKS:
        address = row.get(name)
        if isinstance(address, str) and address.strip() not in ("", "-1"):
            return address.strip()
    goes_on = meaning_of(str(row.get("disposition"))) is Meaning.TRANSIENT
    if goes_on or str(row.get("has_recording")) == "1":
        raise NotReady(PROVIDER, OPERATION, "the recording is not stored yet", retry_after=PREPARING)
    raise Missing(PROVIDER, OPERATION, "the call has no recording")
