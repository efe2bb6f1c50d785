"""A twin of Ringostat's API (telephony.md 2), as far as the product asks it: who is online, callbacks, the list of calls.

Written from the reference. Assumed, because that does not say it: a wrong key is 401; `from` and `to` are read as UTC.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Request, Response

from sandbox.host import served

ADDRESS = "127.0.0.1"
CALLBACK = "Api\\V2\\Callback.external"
NEEDED = ("projectId", "caller", "callee", "direction", "manager_dst")
NO_METHOD, BAD_PARAMETERS = -32601, -32602

Row = Mapping[str, Any]


@dataclass(slots=True)
class RingostatTwin:
    """The API of one project. `online` are SIP logins, `calls` rows as the list writes them (`calldate` with its offset),
    `callbacks` the parameters of the calls that were asked for."""

    auth_key: str
    project_id: str
    online: Sequence[str] = ()
    calls: list[Row] = field(default_factory=list)
    callbacks: list[Row] = field(default_factory=list)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        with Request(environ) as request:
            return self._answer(request)(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.headers.get("Auth-key") != self.auth_key:
            return Response("", 401)
        match request.method, request.path:
            case "GET", "/sipstatus/online":
                return _json(list(self.online))
            case "GET", "/calls/list":
                return _json(self._listed(request.args))
            case "POST", "/a/v2":
                return _json(self._called_back(request.get_json()))
        return Response("", 404)

    def _listed(self, query: Mapping[str, str]) -> list[Row]:
        begin, end = (datetime.strptime(query[name], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) for name in ("from", "to"))
        fields = query["fields"].split(",")
        rows = (row for row in self.calls if begin <= datetime.fromisoformat(row["calldate"]) <= end)
        return [{name: row.get(name, "") for name in fields} for row in rows]

    def _called_back(self, told: Any) -> dict[str, Any]:
        """JSON-RPC: an error is a 200, too."""
        params = told.get("params") or {}
        if told.get("method") != CALLBACK:
            return _error(told, NO_METHOD, "Method not found")
        if any(name not in params for name in NEEDED) or params["projectId"] != self.project_id:
            return _error(told, BAD_PARAMETERS, "Invalid params")
        self.callbacks.append(params)
        return {"jsonrpc": "2.0", "id": told.get("id"), "result": True}


def _error(told: Any, code: int, words: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": told.get("id"), "error": {"code": code, "message": words}}


def _json(tree: Any) -> Response:
    return Response(json.dumps(tree), mimetype="application/json")


@contextmanager
def serve(twin: RingostatTwin) -> Iterator[str]:
    """The twin on a free port of this machine; yields its address."""
    with served(twin, ADDRESS, 0) as url:
        yield url
