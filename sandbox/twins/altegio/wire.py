"""The call in hand, the envelope, errors and paging (crm_altegio.md 3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from sandbox.twins.altegio.account import Account
from sandbox.twins.altegio.state import Row, State
from sandbox.twins.base import Refused, json_answer

if TYPE_CHECKING:
    from sandbox.twins.altegio.twin import AltegioTwin


@dataclass(frozen=True, slots=True)
class Call:
    """One request that is signed in and allowed."""

    twin: AltegioTwin
    request: Request
    args: Mapping[str, Any]

    @property
    def state(self) -> State:
        return self.twin.state

    @property
    def account(self) -> Account:
        return self.twin.account

    def query(self, name: str, default: str = "") -> str:
        return self.request.args.get(name, default)


Handler = Callable[[Call], Response]


def ok(data: object, meta: object = None, status: int = 200) -> Response:
    """Success; `meta` is a list when there is nothing in it."""
    return json_answer({"success": True, "data": data, "meta": [] if meta is None else meta}, status)


def failure(status: int, words: str, errors: Mapping[str, Sequence[str]] | None = None) -> Response:
    """Failure; 422 names the fields."""
    meta: Row = {"message": words}
    if errors:
        meta["errors"] = dict(errors)
    return json_answer({"success": False, "data": None, "meta": meta}, status)


def invalid(field: str, words: str) -> Refused:
    """422 for one field; the field travels as the code."""
    return Refused(422, words, field)


def not_found(what: str) -> Refused:
    return Refused(404, f"{what} not found")


def body_of(call: Call, shape: type = dict) -> Any:
    """The JSON sent. 400 for what is no JSON of that shape."""
    if call.request.mimetype != "application/json":
        raise Refused(400, "Content-Type must be application/json")
    try:
        body = json.loads(call.request.get_data())
    except ValueError:
        raise Refused(400, "Request body is not valid JSON") from None
    if not isinstance(body, shape):
        raise Refused(400, "Request body has a wrong shape")
    return body


def whole(value: Any, default: int, most: int, name: str) -> int:
    """A page or a page's size out of a body or a query."""
    text = str(default if value in (None, "") else value)
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise invalid(name, f"{name} must be between 1 and {most}")
    return int(text)


def paged(call: Call, rows: Sequence[Row]) -> Response:
    """A list by `page` and `count`, the total in `meta` (3)."""
    page, count = whole(call.query("page"), 1, 100_000, "page"), whole(call.query("count"), 25, 200, "count")
    return ok(list(rows[(page - 1) * count : page * count]), {"page": page, "total_count": len(rows)})
