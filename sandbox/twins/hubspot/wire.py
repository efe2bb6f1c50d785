"""The call in hand, error shapes, paging and batch answers (crm_hubspot.md 1, 4, 5)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Refused, json_answer
from sandbox.twins.hubspot.state import BY_TYPE_ID, TYPE_IDS, Row, State, Thing, stamp

if TYPE_CHECKING:
    from sandbox.twins.hubspot.twin import HubSpotTwin

CATEGORIES = {
    400: "VALIDATION_ERROR", 401: "INVALID_AUTHENTICATION", 403: "MISSING_SCOPES", 404: "OBJECT_NOT_FOUND", 409: "CONFLICT",
    423: "LOCKED", 429: "RATE_LIMITS", 477: "MIGRATION_IN_PROGRESS",
}  # fmt: skip
MIGRATION_PAUSE = "3600"


class Problem(Refused):
    """A refusal with the parts of HubSpot's error body (4)."""

    def __init__(self, status: int, words: str, errors: Sequence[Row] = (), category: str = "") -> None:
        super().__init__(status, words, category or CATEGORIES.get(status, ""))
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was let in; `app` tells an OAuth app from a static token."""

    twin: HubSpotTwin
    request: Request
    app: bool
    args: Mapping[str, Any]

    @property
    def state(self) -> State:
        return self.twin.state

    def query(self, name: str, default: str = "") -> str:
        return self.request.args.get(name, default)

    def names(self, name: str) -> list[str]:
        """A comma list in the query; the parameter may be repeated."""
        return [part.strip() for text in self.request.args.getlist(name) for part in text.split(",") if part.strip()]


Handler = Callable[[Call], Response]


def error(twin: HubSpotTwin, status: int, words: str, category: str = "", errors: Sequence[Row] = ()) -> Response:
    """The common error shape; without a category only what HubSpot sends for an unknown sort of object."""
    body: Row = {"status": "error", "message": words, "correlationId": twin.ids.uuid("correlation")}
    if category:
        body["category"] = category
    if errors:
        body["errors"] = list(errors)
    return json_answer(body, status, {"Retry-After": MIGRATION_PAUSE} if status == 477 else None)


def invalid(name: str, words: str, code: str) -> Row:
    """One entry of `errors`: a property and what is wrong with it."""
    return {"message": words, "code": code, "context": {"propertyName": [name]}}


def not_found(what: str = "Object not found.  objectId are usually numeric.") -> Problem:
    return Problem(404, what)


def sort_of(call: Call, part: str, name: str = "") -> str:
    """The sort of object a path names, by name or by type id; 400 in the bare shape for an unknown one."""
    given = name or str(call.args[part])
    sort = BY_TYPE_ID.get(given, given)
    if sort not in TYPE_IDS:
        raise Refused(400, f"Unable to infer object type from: {given}")
    return sort


def thing_of(call: Call, sort: str, key: str) -> Thing:
    """The object with that id; 404 when there is none."""
    thing = call.state.thing((sort, key))
    if thing is None:
        raise not_found()
    return thing


def body_of(call: Call) -> Row:
    """The JSON object sent; 415 for another content type, 400 for what is no object."""
    if call.request.mimetype != "application/json":
        raise Problem(415, "Unsupported Media Type", category="VALIDATION_ERROR")
    try:
        body = json.loads(call.request.get_data())
    except ValueError:
        raise Problem(400, "Invalid input JSON on line 1, column 1") from None
    if not isinstance(body, dict):
        raise Problem(400, "Invalid input JSON: an object is needed")
    return body


def page_of(call: Call, rows: Sequence[Any], *, most: int = 100, default: int = 10) -> tuple[list[Any], Row]:
    """One page of a list and its `paging`; cursors are opaque, those of lists begin with `l-` here (5)."""
    given, cursor = call.query("limit", str(default)), call.query("after", "l-0")
    if not given.isdigit() or not 1 <= int(given) <= most:
        raise Problem(400, f"limit must be between 1 and {most}")
    if not cursor.startswith("l-") or not cursor[2:].isdigit():
        raise Problem(400, "The cursor is not one of this list")
    start, limit = int(cursor[2:]), int(given)
    more = start + limit < len(rows)
    paging = {"paging": {"next": {"after": f"l-{start + limit}", "link": "?after="}}} if more else {}
    return list(rows[start : start + limit]), paging


def batch(call: Call, results: Sequence[Row], errors: Sequence[Row] = (), status: int = 200) -> Response:
    """The answer of a batch: 207 when a part of it failed (4)."""
    now = stamp(call.state.clock())
    body: Row = {"status": "COMPLETE", "results": list(results), "startedAt": now, "completedAt": now}
    if errors:
        body |= {"numErrors": len(errors), "errors": list(errors)}
    return json_answer(body, 207 if errors else status)
