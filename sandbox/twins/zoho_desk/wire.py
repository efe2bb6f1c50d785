"""The call in hand, bodies, answers, errors and paging (crm_zohodesk.md 3, 4)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Refused, json_answer
from sandbox.twins.zoho_desk.state import Row, State

if TYPE_CHECKING:
    from sandbox.twins.zoho_desk.twin import ZohoDeskTwin

CODES = {
    400: "BAD_REQUEST", 401: "INVALID_OAUTH", 403: "FORBIDDEN", 404: "URL_NOT_FOUND", 405: "METHOD_NOT_ALLOWED",
    413: "RESOURCE_SIZE_EXCEEDED", 415: "UNSUPPORTED_MEDIA_TYPE", 422: "UNPROCESSABLE_ENTITY", 429: "TOO_MANY_REQUESTS",
}  # fmt: skip
"""The error code of a status (3)."""
INVALID = "The data is invalid due to validation restrictions"
DEEPEST = 4999


@dataclass(frozen=True, slots=True)
class Call:
    """One request, after sign-in."""

    twin: ZohoDeskTwin
    request: Request
    args: Mapping[str, Any]

    @property
    def state(self) -> State:
        return self.twin.state

    @property
    def module(self) -> str:
        return str(self.args["module"])

    def query(self, name: str, default: str = "") -> str:
        return self.request.args.get(name, default)

    def only(self, *known: str) -> None:
        """422 for parameters that the call does not have."""
        for name in self.request.args:
            if name not in known:
                raise Refused(422, f"Extra query parameter '{name}' is present in the input.")


Handler = Callable[[Call], Response]


class Invalid(Refused):
    """422 INVALID_DATA about one field; `sort` is invalid, duplicate or missing (3)."""

    def __init__(self, name: str, sort: str = "invalid") -> None:
        super().__init__(422, INVALID, "INVALID_DATA")
        self.errors = [{"fieldName": f"/{name}", "errorType": sort, "errorMessage": ""}]


def error(status: int, words: str, code: str = "", errors: Sequence[Row] = ()) -> Response:
    body: Row = {"errorCode": code or CODES.get(status, "INTERNAL_SERVER_ERROR"), "message": words}
    return json_answer({**body, "errors": list(errors)} if errors else body, status)


def not_found() -> Refused:
    return Refused(404, "The URL you requested could not be found.")


def row_of(table: Mapping[str, Row], key: str) -> Row:
    """The row with that id; 404 when there is none (any more)."""
    row = table.get(key)
    if row is None:
        raise not_found()
    return row


def body_of(call: Call) -> Row:
    if call.request.mimetype != "application/json":
        raise Refused(415, "The content type is not supported.")
    try:
        body = json.loads(call.request.get_data())
    except ValueError:
        raise Refused(400, "The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise Refused(400, "The request body is not an object.")
    if not body:
        raise Refused(400, "The request body is empty.", "EMPTY_PAYLOAD")
    return body


def page(call: Call, rows: Sequence[Row], *, first: int, default: int, most: int = 100, count: bool = False) -> Response:
    """One page by `from` and `limit`; 204 without a body when nothing is on it (3, 4)."""
    limit = _number(call, "limit", default)
    if not 1 <= limit <= most:
        raise Invalid("limit")
    given = _number(call, "from", first)
    if given > DEEPEST:
        raise Invalid("from")
    start = max(0, given - first)
    shown = list(rows[start : start + limit])
    if not shown:
        return Response(status=204)
    return json_answer({"data": shown, "count": len(rows)} if count else {"data": shown})


def _number(call: Call, name: str, default: int) -> int:
    text = call.query(name, str(default))
    if not text.isdigit():
        raise Invalid(name)
    return int(text)


def sorted_rows(call: Call, rows: Sequence[Row], names: Sequence[str] = ("createdTime", "modifiedTime")) -> list[Row]:
    """By `sortBy`, with a minus for descending (4)."""
    given = call.query("sortBy")
    if not given:
        return list(rows)
    if given.removeprefix("-") not in names:
        raise Invalid("sortBy")
    ordered = sorted(rows, key=lambda row: (str(row.get(given.removeprefix("-")) or ""), row["id"]))
    return ordered[::-1] if given.startswith("-") else ordered


# ---- checks of a body


Check = Callable[[Any], bool]


def is_id(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{1,25}", value) is not None


def is_id_or_none(value: Any) -> bool:
    return value is None or is_id(value)


def is_time(value: Any) -> bool:
    form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z"
    return value is None or (isinstance(value, str) and re.fullmatch(form, value) is not None)


def is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


def text(most: int, least: int = 0) -> Check:
    """A text of so many characters."""
    return lambda value: isinstance(value, str) and least <= len(value) <= most


def one_of(*values: str) -> Check:
    return lambda value: value in values


def check_body(body: Row, allowed: Mapping[str, Check], needed: Sequence[str] = ()) -> None:
    for name in needed:
        if body.get(name) in (None, ""):
            raise Invalid(name, "missing")
    for name, value in body.items():
        if name not in allowed or not allowed[name](value):
            raise Invalid(name)


def check_known(body: Row, tables: Mapping[str, Mapping[str, Row]]) -> None:
    """422 for ids of nobody; `tables` by the name that refers to them."""
    for name, table in tables.items():
        if body.get(name) is not None and body[name] not in table:
            raise Invalid(name)
