"""A stand-in of Ringostat's API (telephony.md 2): calls of a period, who is online, callbacks, the contact book.

Written from the reference. What that leaves open can be chosen: `zone` is the one in which periods are read, `filters` whether
filters are understood, `most` how many calls come in one answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from werkzeug.wrappers import Request, Response

from sandbox.host import served

AUTH_KEY = "auth-key-of-the-cabinet-0123456789"
PROJECT_ID = "110070"


@dataclass
class RingostatServer:
    """`calls` are rows as the API writes them; `answer` replaces the next answers; `asked` keeps every query of the list.

    `online` are SIP logins; `callbacks` the parameters of what was dialled, `refusal` the error instead; `contacts` is the
    contact book by external id.
    """

    calls: list[dict[str, Any]] = field(default_factory=list)
    answer: Response | None = None
    asked: list[Mapping[str, str]] = field(default_factory=list)
    filters: bool = True
    zone: tzinfo | None = None
    most: int = 6500
    online: list[str] = field(default_factory=list)
    callbacks: list[dict[str, Any]] = field(default_factory=list)
    refusal: str | None = None
    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    synced: int = 0

    def add(self, call: str, at: str = "2026-03-05T12:12:00+0200", **row: Any) -> str:
        """A call with its recording; the recording's address comes back."""
        address = f"https://app.ringostat.com/recordings/{call}.ogg?token=00000000000000000000000000000000"
        self.calls.append(
            {"uniqueid": call, "calldate": at, "disposition": "PROPER", "has_recording": "1", "recording": address, **row}
        )
        return address

    def __call__(self, environ: Any, start_response: Any) -> Any:
        with Request(environ) as request:
            return self._answer(request)(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.path == "/calls/list":
            self.asked.append(request.args.to_dict())
        if self.answer is not None:
            return self.answer
        doors = {
            ("GET", "/calls/list"): self._list,
            ("GET", "/sipstatus/online"): lambda request: _json(self.online),
            ("POST", "/a/v2"): self._remote,
            ("POST", "/minicrm/contacts/sync"): self._sync,
        }
        door = doors.get((request.method, request.path))
        if door is None:
            return Response("", 404)
        if request.headers.get("Auth-key") != AUTH_KEY:
            return Response("", 401)
        return door(request)

    # --- calls/list

    def _list(self, request: Request) -> Response:
        query = request.args.to_dict()
        rows = [row for row in self.calls if self._is_asked_for(row, query)][: self.most]
        fields = query["fields"].split(",")
        return _json([{name: row.get(name) for name in fields} for row in rows])

    def _is_asked_for(self, row: Mapping[str, Any], query: Mapping[str, str]) -> bool:
        begin, end = (datetime.strptime(query[name], "%Y-%m-%d %H:%M:%S") for name in ("from", "to"))  # noqa: DTZ007
        told = datetime.strptime(row["calldate"], "%Y-%m-%dT%H:%M:%S%z")
        at = (told if self.zone is None else told.astimezone(self.zone)).replace(tzinfo=None)
        if not begin <= at <= end:
            return False
        name, _, value = query.get("filters", "").partition("=")
        return not name or not self.filters or row[name] == value

    # --- JSON-RPC: refusals come with status 200

    def _remote(self, request: Request) -> Response:
        told = json.loads(request.get_data())
        wrong = told.get("jsonrpc") != "2.0" or told.get("method") != "Api\\V2\\Callback.external"
        params = told.get("params") or {}
        missing = [name for name in ("projectId", "caller", "callee", "direction") if not params.get(name)]
        words = self.refusal or ("Method not found" if wrong else f"no {missing[0]}" if missing else None)
        if words is not None:
            return _json({"jsonrpc": "2.0", "id": told.get("id"), "error": {"code": -32000, "message": words}})
        self.callbacks.append(params)
        return _json({"jsonrpc": "2.0", "id": told.get("id"), "result": True})

    # --- the contact book

    def _sync(self, request: Request) -> Response:
        if request.headers.get("x-project-id") != PROJECT_ID:
            return Response("", 403)
        self.synced += 1
        for contact in json.loads(request.get_data())["contacts"]:
            self.contacts[str(contact.get("externalId") or contact.get("leadId"))] = contact
        return _json({"status": "ok"})


def _json(told: Any) -> Response:
    return Response(json.dumps(told), mimetype="application/json")


def row(call: str, at: datetime, client: str, *, line: str = "380442220000", who: str = "", talk: int = 0, **more: Any) -> Any:
    """A row of the list for an incoming call: answered by a SIP login `who`, or missed."""
    wait = 8 if talk else 30
    return {
        "uniqueid": call,
        "call_type": "in",
        "calldate": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "caller_number": client.removeprefix("+"),
        "dst": line,
        "connected_with": who,
        "disposition": "PROPER" if talk else "NO ANSWER",
        "waittime": str(wait),
        "billsec": str(talk),
        "duration": str(wait + talk),
        "employee_number": "-1",
        "has_recording": "0",
        "recording": None,
        **more,
    }


@contextmanager
def ringostat() -> Iterator[tuple[RingostatServer, str]]:
    """The server and its address."""
    server = RingostatServer()
    with served(server, "127.0.0.1", 0) as url:
        yield server, url
