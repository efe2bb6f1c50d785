"""A stand-in of Ringostat's `calls/list` (telephony.md 2): the calls of a period, for whoever has the key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from werkzeug.wrappers import Request, Response

from sandbox.host import served

AUTH_KEY = "auth-key-of-the-cabinet-0123456789"


@dataclass
class RingostatServer:
    """`calls` are rows as the API writes them; `answer` replaces the next answers; `asked` keeps every query."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    answer: Response | None = None
    asked: list[Mapping[str, str]] = field(default_factory=list)
    filters: bool = True

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
        query = request.args.to_dict()
        self.asked.append(query)
        if self.answer is not None:
            return self.answer
        if (request.method, request.path) != ("GET", "/calls/list"):
            return Response("", 404)
        if request.headers.get("Auth-key") != AUTH_KEY:
            return Response("", 401)
        rows = [row for row in self.calls if self._is_asked_for(row, query)]
        fields = query["fields"].split(",")
        return Response(json.dumps([{name: row.get(name) for name in fields} for row in rows]), mimetype="application/json")

    def _is_asked_for(self, row: Mapping[str, Any], query: Mapping[str, str]) -> bool:
        begin, end = (datetime.strptime(query[name], "%Y-%m-%d %H:%M:%S") for name in ("from", "to"))  # noqa: DTZ007
        at = datetime.strptime(row["calldate"], "%Y-%m-%dT%H:%M:%S%z").replace(tzinfo=None)
        name, _, value = query["filters"].partition("=")
        return begin <= at <= end and (not self.filters or row[name] == value)


@contextmanager
def ringostat() -> Iterator[tuple[RingostatServer, str]]:
    """The server and its address."""
    server = RingostatServer()
    with served(server, "127.0.0.1", 0) as url:
        yield server, url
