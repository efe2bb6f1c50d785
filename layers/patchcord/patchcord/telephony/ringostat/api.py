"""Asking Ringostat's API: the present address of a call's recording (telephony.md 2).

Assumed, because the reference does not say it: `calls/list` answers 401 or 403 to a wrong key; its content type need not
say JSON; a filter that is not understood is ignored, so each row is looked at again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from patchcord.telephony.errors import Invalid, Missing, NotAdmitted, NotReady, Refused, Unavailable
from patchcord.telephony.statuses import Meaning, meaning_of
from patchcord.wire import CONNECT_TIME_OUT, JSON, USER_AGENT, Answer, Failure, Request, Wire, read_pause

PROVIDER = "ringostat"
BASE_URL = "https://api.ringostat.net"
OPERATION = "calls/list"
CALL_ID = re.compile(r"[A-Za-z0-9._:@+-]{1,128}")
"""Ids as they are seen, such as `ua18_-1760003245.1098915`; no separator that a filter could be broken up by."""

FIELDS = ("uniqueid", "disposition", "has_recording", "recording", "recording_wav")
LINKS = ("recording", "recording_wav")
MARGIN = timedelta(days=1)
"""Whether `from` and `to` are UTC or the project's time is not stated; a day on each side covers every zone."""

PREPARING = timedelta(minutes=1)
"""When a recording that is being stored may be asked for again."""

Row = Mapping[str, Any]


class RingostatApi:
    """The API of one Ringostat project. `auth_key` is the key of the cabinet's page; it goes into a header only."""

    def __init__(self, auth_key: str, base_url: str = BASE_URL, time_out: float = 5) -> None:
        self._auth_key = auth_key
        self._base_url = base_url.rstrip("/")
        self._time_out = float(time_out)
        self._wire = Wire(PROVIDER, hidden=(auth_key,))

    def recording(self, call_id: str, day: str) -> str:
        """The address of a call's recording. `day` is the call's day, `YYYY-MM-DD`.

        Raises Invalid for what is no id or no day, without asking; Missing when there is no such call or it has no
        recording; NotReady while the call goes on or its recording is being stored; NotAdmitted, Unavailable, Refused.
        """
        for row in self._calls(call_id, day):
            if row.get("uniqueid") == call_id:
                return _link(row)
        raise Missing(PROVIDER, OPERATION, "there is no such call")

    def _calls(self, call_id: str, day: str) -> Iterator[Row]:
        if not CALL_ID.fullmatch(call_id):
            raise Invalid(PROVIDER, OPERATION, "this is no id of a call")
        begin, end = _period(day)
        query = {
            "export_type": "json",
            "from": f"{begin} 00:00:00",
            "to": f"{end} 23:59:59",
            "fields": ",".join(FIELDS),
            "filters": f"uniqueid={call_id}",
        }
        headers = {"User-Agent": USER_AGENT, "Accept": JSON, "Auth-key": self._auth_key}
        request = Request("GET", f"{self._base_url}/{OPERATION}?{urlencode(query)}", headers)
        outcome = self._wire.send(request, (min(CONNECT_TIME_OUT, self._time_out), self._time_out))
        if isinstance(outcome, Failure):
            raise Unavailable(PROVIDER, OPERATION, outcome.words)
        _raise_for(outcome)
        return _rows(outcome)


def _period(day: str) -> tuple[date, date]:
    try:
        middle = date.fromisoformat(day)
        return middle - MARGIN, middle + MARGIN
    except (ValueError, OverflowError):
        raise Invalid(PROVIDER, OPERATION, "this is no day") from None


def _raise_for(answer: Answer) -> None:
    """The error that a status stands for."""
    status = answer.status
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise NotAdmitted(PROVIDER, OPERATION, "the key is not accepted", status)
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS) or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        pause = read_pause(answer.headers.get("retry-after", ""))
        raise Unavailable(PROVIDER, OPERATION, "it does not answer now", status, pause)
    if status != HTTPStatus.OK:
        raise Refused(PROVIDER, OPERATION, "it does not take the request", status)


def _rows(answer: Answer) -> Iterator[Row]:
    """The calls of an answer: a list of objects. An object with `error` is a refusal, as in the API's other half."""
    try:
        told = json.loads(answer.text)
    except ValueError:
        raise Unavailable(PROVIDER, OPERATION, "the answer is not JSON") from None
    if isinstance(told, dict) and "error" in told:
        raise Refused(PROVIDER, OPERATION, "it does not take the request")
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
