"""The way out to MANGO's interface: commands, employees and groups, recordings, statistics (telephony.md 3.1, 3.5, 3.6).

Whatever would be refused is not sent, requests keep MANGO's gaps, and after a refusal the path, or everything, rests: two
wrong requests within two minutes shut the whole account out. MANGO speaks TLS 1.2 only, which `requests` agrees to.

Assumed, because the reference does not say it: a callback to a group counts as a callback; periods of statistics are
written `DD.MM.YYYY HH:MM:SS` in Moscow's time (as published integrations do); they are asked for as seldom as the older
kind, every 5 s; a recording that is not stored yet is answered like an unknown one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlencode

from patchcord.telephony.errors import Invalid, Missing, NotReady, Refused, Unavailable
from patchcord.telephony.mango import checked
from patchcord.telephony.mango.addresses import file_address
from patchcord.telephony.mango.checked import PROVIDER
from patchcord.telephony.mango.records import Group, StatCall, User, calls_of, groups_of, users_of
from patchcord.telephony.mango.refusals import body_of, trouble_of
from patchcord.telephony.mango.sign import sign
from patchcord.wire import CONNECT_TIME_OUT, FORM, JSON, USER_AGENT, Answer, Failure, Request, Wire

BASE_URL = "https://app.mango-office.ru/vpbx"
MOSCOW = timezone(timedelta(hours=3))
HEADERS = {"User-Agent": USER_AGENT, "Accept": JSON, "Content-Type": FORM}
AT_ONCE = timedelta()

EVERYTHING = "all"
"""The name of the limit that all requests of an account share."""
SHARED_GAP = timedelta(milliseconds=100)
MOMENT = timedelta(milliseconds=250)
"""What even an impatient request waits for the shared limit: somebody else's request is no reason to drop it."""

RETRY_RECORDING = timedelta(minutes=1)
"""Ask again about once a minute until a recording is there (telephony.md 3.6)."""
USER_FIELDS = ("general.user_id",)
STATISTICS_FAILED = frozenset({"error", "not-found", "cancel"})


@dataclass(frozen=True, slots=True)
class Path:
    """An address below the base, the gap between two of its requests, and how long one of them is worth waiting for."""

    path: str
    gap: timedelta = SHARED_GAP
    patience: timedelta = timedelta(seconds=1)


QUARTER, TWO_SECONDS, FIVE_SECONDS = timedelta(milliseconds=250), timedelta(seconds=2), timedelta(seconds=5)
ROUTE = Path("commands/route", TWO_SECONDS, AT_ONCE)
CALLBACK = Path("commands/callback", QUARTER)
CALLBACK_GROUP = Path("commands/callback_group", QUARTER)
HANGUP = Path("commands/call/hangup", QUARTER)
USERS = Path("config/users/request", TWO_SECONDS, TWO_SECONDS)
GROUPS = Path("groups")
RECORDING = Path("queries/recording/post")
ASK_CALLS = Path("stats/calls/request/", TWO_SECONDS, TWO_SECONDS)
CALLS = Path("stats/calls/result/", FIVE_SECONDS, FIVE_SECONDS)


@dataclass(frozen=True, slots=True)
class Account:
    """The product code and the signing key of a MANGO account."""

    key: str = field(repr=False)
    salt: str = field(repr=False)


class Limits(Protocol):
    """When requests may go, agreed upon by all who send them for one account."""

    def wait(self, name: str, gap: timedelta, patience: timedelta) -> bool:
        """Wait until a request of this name may go; False if that would take longer than `patience`."""
        ...

    def rest(self, name: str, pause: timedelta) -> None:
        """Let nobody send requests of this name for that long."""
        ...


class Mango:
    """The interface of one MANGO account.

    Commands are only accepted here; what came of one is told by the event `result/<command>` with its `command_id`. A
    command whose answer was lost (Unavailable) may have been carried out all the same.

    Every method raises Invalid for what must not be sent, Unavailable when it is not MANGO's or the limits' moment,
    NotAdmitted for a wrong key or a blocked account, Missing and Refused. `time_out` is how many seconds connecting may
    take, and the answer. `zone` is that of the statistics' dates.
    """

    def __init__(
        self,
        account: Account,
        limits: Limits,
        *,
        base_url: str = BASE_URL,
        time_out: float = 3.0,
        zone: tzinfo = MOSCOW,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._account = account
        self._limits = limits
        self._base_url = base_url.rstrip("/")
        self._time_out = time_out
        self._zone = zone
        self._clock = clock
        self._wire = Wire(PROVIDER, hidden=(account.key, account.salt), clock=clock)

    # --- commands (telephony.md 3.5)

    def route(self, call_id: str, to_number: str, command_id: str, *, patience: timedelta = AT_ONCE) -> None:
        """Send a call that is in the menu or a queue, or rings somewhere, to an extension, number or SIP address.

        One that may not go within `patience` is dropped: the greeting would be over (telephony.md 3.8).
        """
        body = {
            "command_id": checked.an_id(ROUTE.path, "command_id", command_id),
            "call_id": checked.an_id(ROUTE.path, "call_id", call_id),
            "to_number": checked.a_number(ROUTE.path, "to_number", to_number),
        }
        self._ask(ROUTE, body, patience)

    def callback(self, extension: str, to_number: str, command_id: str, *, line_number: str | None = None) -> None:
        """Ring the employee, and when he answers, the number; the line is what the number sees."""
        body: dict[str, Any] = {
            "command_id": checked.an_id(CALLBACK.path, "command_id", command_id),
            "from": {"extension": checked.an_extension(CALLBACK.path, "extension", extension)},
            "to_number": checked.a_number(CALLBACK.path, "to_number", to_number),
        }
        if line_number is not None:
            body["line_number"] = checked.a_line(CALLBACK.path, "line_number", line_number)
        self._ask(CALLBACK, body)

    def callback_group(self, first: str, then: str, command_id: str, *, line_number: str) -> None:
        """Ring `first`, and when it answers, `then`; one of the two is a group's extension, the other a number."""
        body = {
            "command_id": checked.an_id(CALLBACK_GROUP.path, "command_id", command_id),
            "from": checked.a_number(CALLBACK_GROUP.path, "from", first),
            "to": checked.a_number(CALLBACK_GROUP.path, "to", then),
            "line_number": checked.a_line(CALLBACK_GROUP.path, "line_number", line_number),
        }
        self._ask(CALLBACK_GROUP, body)

    def hangup(self, call_id: str, command_id: str) -> None:
        """End a call."""
        body = {
            "command_id": checked.an_id(HANGUP.path, "command_id", command_id),
            "call_id": checked.an_id(HANGUP.path, "call_id", call_id),
        }
        self._ask(HANGUP, body)

    # --- who there is (telephony.md 3.6)

    def groups(self) -> tuple[Group, ...]:
        """The account's groups."""
        return groups_of(self._object(GROUPS, {}, "groups"))

    def users(self) -> tuple[User, ...]:
        """The account's employees. One request in two seconds: keep the answer."""
        return users_of(self._object(USERS, {"ext_fields": USER_FIELDS}, "users"))

    # --- recordings (telephony.md 3.6)

    def recording(self, recording_id: str, action: str = "download", *, young: bool = True) -> str:
        """The present address of a recording: it opens once, and soon no more. Nobody follows it here.

        `action` is `download` or `play`. MANGO does not tell a recording that is not stored yet from one that is gone;
        of a `young` call it is taken for the former and raises NotReady, else Missing. An address that is not MANGO's
        raises Refused.
        """
        body = {
            "recording_id": checked.an_id(RECORDING.path, "recording_id", recording_id),
            "action": checked.an_action(RECORDING.path, action),
        }
        try:
            answer = self._ask(RECORDING, body)
        except Missing as missing:
            if not young:
                raise
            raise NotReady(PROVIDER, RECORDING.path, missing.words, missing.code, RETRY_RECORDING) from None
        if answer.status >= 300:
            return file_address(RECORDING.path, self._url(RECORDING), answer.headers.get("location", ""))
        raise NotReady(PROVIDER, RECORDING.path, f"status {answer.status} without an address", None, RETRY_RECORDING)

    # --- statistics (telephony.md 3.6)

    def ask_calls(self, begin: datetime, end: datetime, *, limit: int = 1_000, offset: int = 0) -> str:
        """Have the calls of a period (aware times, at most a month) counted; the key to fetch them with."""
        begin, end = checked.a_period(ASK_CALLS.path, begin, end)
        limit, offset = checked.a_page(ASK_CALLS.path, limit, offset)
        period = {"start_date": self._written(begin), "end_date": self._written(end)}
        key = self._object(ASK_CALLS, {**period, "limit": limit, "offset": offset}, "key")["key"]
        if not isinstance(key, str) or not key:
            raise Unavailable(PROVIDER, ASK_CALLS.path, "the key is no text")
        return key

    def calls(self, key: str) -> tuple[StatCall, ...] | None:
        """The calls that were counted, None when they are not ready. Missing: nobody asked, or more than a minute ago."""
        checked.an_id(CALLS.path, "key", key, checked.LONGEST_KEY)
        answer = self._ask(CALLS, {"key": key})
        body = body_of(answer)
        status = body.get("status")
        if status in STATISTICS_FAILED:
            raise Missing(PROVIDER, CALLS.path, f"status {status}")
        if answer.status in (HTTPStatus.NO_CONTENT, HTTPStatus.ACCEPTED) or status not in (None, "complete"):
            return None
        if "data" not in body:
            raise Unavailable(PROVIDER, CALLS.path, "the answer is not understood")
        return calls_of(body)

    def _written(self, at: datetime) -> str:
        return at.astimezone(self._zone).strftime("%d.%m.%Y %H:%M:%S")

    # --- the exchange

    def _object(self, path: Path, body: Mapping[str, Any], needed: str) -> Mapping[str, Any]:
        """The JSON object that was asked for; Unavailable if it lacks what it is for."""
        told = body_of(self._ask(path, body))
        if needed not in told:
            raise Unavailable(PROVIDER, path.path, "the answer is not understood")
        return told

    def _ask(self, path: Path, body: Mapping[str, Any], patience: timedelta | None = None) -> Answer:
        """One request, when the limits allow it; the answer if it is no error (a recording's redirection is none)."""
        patience = path.patience if patience is None else patience
        self._wait(path, patience)
        answer = self._send(path, json.dumps(body, separators=(",", ":")))
        trouble = trouble_of(path.path, answer, self._account.key, self._account.salt)
        if trouble is not None:
            if trouble.rest:
                self._limits.rest(EVERYTHING if trouble.everything else path.path, trouble.rest)
            raise trouble.error
        if answer.status >= 300 and path is not RECORDING:
            raise Refused(PROVIDER, path.path, "MANGO sends us elsewhere: is the address right?")
        return answer

    def _wait(self, path: Path, patience: timedelta) -> None:
        """Wait for the path's limit and then for the one that all share; Unavailable without sending if it takes too long."""
        for name, gap, longest in ((path.path, path.gap, patience), (EVERYTHING, SHARED_GAP, max(patience, MOMENT))):
            if not self._limits.wait(name, gap, longest):
                raise Unavailable(PROVIDER, path.path, "not sent: the limit is used up", None, gap)

    def _send(self, path: Path, text: str) -> Answer:
        """The signed request, on the wire. What is signed is exactly what is sent."""
        signature = sign(self._account.key, text, self._account.salt)
        form = urlencode({"vpbx_api_key": self._account.key, "sign": signature, "json": text}).encode()
        request = Request("POST", self._url(path), HEADERS, form)
        time_outs = min(CONNECT_TIME_OUT, self._time_out), self._time_out
        deadline = self._clock() + self._time_out
        outcome = self._wire.send(request, time_outs, deadline=deadline, hidden=(signature,))
        if not isinstance(outcome, Failure):
            return outcome
        if outcome.unsendable:
            raise Invalid(PROVIDER, path.path, outcome.words)
        raise Unavailable(PROVIDER, path.path, outcome.words)

    def _url(self, path: Path) -> str:
        return f"{self._base_url}/{path.path}"
