"""The call in hand, answers, and the error object of every call (crm_zohocrm.md 3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from sandbox.twins.base import json_answer
from sandbox.twins.zoho_crm.state import Row, State

if TYPE_CHECKING:
    from sandbox.twins.zoho_crm.twin import ZohoCrmTwin


class Wrong(Exception):
    """Zoho's error object, raised by whoever finds the mistake."""

    def __init__(self, status: int, code: str, words: str, **details: Any) -> None:
        super().__init__(words)
        self.status, self.code, self.words, self.details = status, code, words, details

    @property
    def body(self) -> Row:
        return {"code": self.code, "details": self.details, "message": self.words, "status": "error"}


def invalid(name: str, index: int = 0, words: str = "invalid data", **details: Any) -> Wrong:
    """INVALID_DATA for a field of a record."""
    return Wrong(400, "INVALID_DATA", words, api_name=name, json_path=f"$.data[{index}].{name}", **details)


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and a JSON body; None is an empty body."""

    status: int
    body: Any = None


NOTHING = Reply(204)


@dataclass(frozen=True, slots=True)
class Call:
    """One request, or one part of a composite one, with the user in whose name it comes."""

    twin: ZohoCrmTwin
    method: str
    path: str
    user: str
    scopes: tuple[str, ...]
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    payload: Any = None
    args: Mapping[str, Any] = field(default_factory=dict)
    part: bool = False

    @property
    def state(self) -> State:
        return self.twin.state

    def body(self) -> Row:
        if not isinstance(self.payload, dict):
            raise Wrong(400, "INVALID_REQUEST", "unable to process your request. Please verify if the JSON is well formed")
        return self.payload


Handler = Callable[[Call], Reply]


def read_body(request: Request) -> Any:
    """The JSON body; None when there is none or it is no JSON."""
    try:
        return json.loads(request.get_data() or b"null")
    except ValueError:
        return None


def respond(reply: Reply) -> Response:
    if reply.body is None:
        return Response(b"", reply.status)
    return json_answer(reply.body, reply.status)


def whole(text: str, default: int, most: int) -> int:
    """A number of the query, between 1 and `most`."""
    if not text:
        return default
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise Wrong(400, "INVALID_DATA", "the given value is out of range", param_name="per_page")
    return int(text)
