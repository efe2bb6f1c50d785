"""The call in hand, the envelope, the JSON literal of GET calls, cards, paging and filters (crm_megaplan.md 3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Refused, json_answer
from sandbox.twins.megaplan.state import (
    COMMENT,
    COMPANY,
    CONTRACTORS,
    DEAL,
    EMPLOYEE,
    GROUP,
    HUMAN,
    PROGRAM,
    PROGRAM_STATE,
    TASK,
    TODO,
    TODO_CATEGORY,
    TODO_STATUS,
    WAY,
    Row,
    State,
    is_link,
    link,
    result_of,
    states_of,
)

if TYPE_CHECKING:
    from sandbox.twins.megaplan.twin import MegaplanTwin

LIST_KEYS = frozenset({"limit", "pageAfter", "pageBefore", "pageWith", "fields", "onlyRequestedFields", "sortBy", "filter", "q"})
CARD_KEYS = frozenset({"fields", "onlyRequestedFields"})
MOST = 500
SHORT: Mapping[str, tuple[str, ...]] = {
    HUMAN: ("name", "responsibles"), COMPANY: ("name", "responsibles"), EMPLOYEE: ("name", "position", "isWorking"),
    DEAL: ("name", "number", "result"), TASK: ("name", "status"), TODO: ("name", "status"), COMMENT: ("content", "timeCreated"),
    PROGRAM: ("name",), PROGRAM_STATE: ("name", "type", "isEntry"), TODO_STATUS: ("name", "masterType"), WAY: ("name",),
    TODO_CATEGORY: ("name", "masterType"), GROUP: ("name",),
}  # fmt: skip
"""What lists and first occurrences show unless more is asked for."""


@dataclass(frozen=True)
class Call:
    """One request in the name of the bot user."""

    twin: MegaplanTwin
    request: Request
    args: Mapping[str, Any]

    @property
    def state(self) -> State:
        return self.twin.state

    @cached_property
    def literal(self) -> Row:
        """What stands after the question mark, if it is one JSON object; anything else is ignored, as `?limit=5` is."""
        try:
            given = json.loads(unquote(self.request.query_string.decode()))
        except ValueError:
            return {}
        return given if isinstance(given, dict) else {}

    @cached_property
    def body(self) -> Any:
        """The JSON sent; 422 for what is none."""
        try:
            return json.loads(self.request.get_data() or b"{}")
        except ValueError:
            raise refused("the body is not JSON") from None

    def record(self) -> Row:
        """The JSON object sent."""
        if not isinstance(self.body, dict):
            raise refused("an object is expected")
        return self.body


Handler = Callable[[Call], Response]


# ---- answers


def ok(data: object, pagination: Mapping[str, Any] | None = None) -> Response:
    meta: Row = {"status": 200, "errors": []}
    if pagination is not None:
        meta["pagination"] = dict(pagination)
    return json_answer({"meta": meta, "data": data})


def error(status: int, words: str, field: str, http_status: int) -> Response:
    """An error's envelope; `http_status` may be 200 all the same, then without data as an empty list has none (3)."""
    one = {"field": field or None, "message": words, "type": "error"}
    return json_answer({"meta": {"status": status, "errors": [one]}, "data": [] if http_status == 200 else None}, http_status)


def refused(words: str, field: str = "") -> Refused:
    return Refused(422, words, field)


def missing(what: str) -> Refused:
    return Refused(404, f"{what} is not found")


def living(call: Call, word: str, key: str) -> Row:
    """The entity of the path, if it is there and was not deleted."""
    row = call.state.table(word).get(key)
    if row is None or row.get("isDropped"):
        raise missing(word)
    return row


# ---- cards


def key_of(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row["contentType"]), str(row["id"])


def asked(call: Call, word: str, allowed: Iterable[str] = CARD_KEYS) -> tuple[str, ...]:
    """The names under `fields`; 422 for parameters and fields that do not exist (3)."""
    for name in call.literal:
        if name not in allowed:
            raise refused(f'There is extra field "{name}", which is not defined')
    names = tuple(name for name in call.literal.get("fields") or () if isinstance(name, str))
    unknown = [name for name in names if not _has(call.state, word, name)]
    if unknown:
        raise refused(f"{word} have not this fields: {', '.join(unknown)}", "fields")
    return names


_COMPUTED: Mapping[str, frozenset[str]] = {
    HUMAN: frozenset({"comments", "todos", "countDeals"}), COMPANY: frozenset({"comments", "todos", "countDeals", "contacts"}),
    DEAL: frozenset({"comments", "result"}), TODO: frozenset({"comments"}), TASK: frozenset({"comments"}),
    PROGRAM: frozenset({"states"}),
}  # fmt: skip
_KNOWN: Mapping[str, frozenset[str]] = {
    HUMAN: frozenset({"firstName", "lastName", "middleName", "name", "company", "responsibles", "contactInfo", "description",
                      "advertisingWay", "tags", "timeCreated", "timeUpdated", "isDropped", "type", "status", "gender"}),
    COMPANY: frozenset({"name", "responsibles", "contactInfo", "description", "advertisingWay", "tags", "timeCreated",
                        "timeUpdated", "isDropped", "type", "status"}),
    DEAL: frozenset({"name", "number", "description", "program", "state", "contractor", "contact", "manager", "timeCreated",
                     "timeUpdated", "isDropped"}),
    EMPLOYEE: frozenset({"name", "position", "contactInfo", "isWorking", "fireInProgress", "canLogin", "login", "timeCreated",
                         "possibleActions", "status"}),
    TASK: frozenset({"name", "statement", "status", "responsible", "owner", "deadline", "contractor", "isUrgent", "isTemplate",
                     "timeCreated", "isDropped"}),
    TODO: frozenset({"name", "description", "status", "category", "when", "responsible", "relations", "timeCreated",
                     "isDropped"}),
    PROGRAM: frozenset({"name"}), PROGRAM_STATE: frozenset({"name", "type", "isEntry", "program"}),
}  # fmt: skip


def _has(state: State, word: str, name: str) -> bool:
    known = _KNOWN.get(word)
    return known is None or name in known | _COMPUTED.get(word, frozenset()) or name in state.own_fields.get(word, {})


def short(call: Call, rows: Sequence[Row], names: Sequence[str] = (), *, only: bool = False) -> list[Row]:
    """Cards of a list: the usual few fields and those asked for. Its own rows are what occurs first in the answer."""
    seen = {key_of(row) for row in rows}
    cards = []
    for row in rows:
        shown = dict.fromkeys((*(() if only else SHORT.get(row["contentType"], ())), *names))
        cards.append({**link(row), **{name: _value(call, row, name, seen) for name in shown}})
    return cards


def whole(call: Call, row: Row, names: Sequence[str] = ()) -> Row:
    """The card of one entity: all that is stored, and what was asked for."""
    seen = {key_of(row)}
    stored = [name for name in row if name not in ("contentType", "id", "result")]
    extra = ["result"] if row["contentType"] == DEAL else ["states"] if row["contentType"] == PROGRAM else []
    shown = dict.fromkeys((*stored, *extra, *names))
    return {**link(row), **{name: _value(call, row, name, seen) for name in shown}}


def _value(call: Call, row: Row, name: str, seen: set[tuple[str, str]]) -> Any:
    if name == "result":
        return result_of(call.state, row)
    if name == "countDeals":
        return len(call.state.deals_of(row))
    if name in ("comments", "contacts", "states", "todos"):
        return [_embedded(call, link(one), seen) for one in _related(call.state, row, name)]
    return _embedded(call, row.get(name), seen)


def _related(state: State, row: Row, name: str) -> list[Row]:
    if name == "comments":
        return state.comments.get(key_of(row), [])
    if name == "states":
        return states_of(state, row)
    if name == "contacts":
        return state.contacts_of(row)
    return [todo for todo in state.table(TODO).values() if link(row) in todo["relations"]]


def _embedded(call: Call, value: Any, seen: set[tuple[str, str]]) -> Any:
    """A link becomes a card where it first occurs in the answer, later ones stay bare (3)."""
    if isinstance(value, list):
        return [_embedded(call, one, seen) for one in value]
    row = call.state.find(value) if is_link(value) else None
    if row is None or key_of(row) in seen or not (call.twin.account.embeds or row["contentType"] == COMMENT):
        return value
    seen.add(key_of(row))
    names = SHORT.get(row["contentType"], ())
    return {**link(row), **{name: row[name] for name in names if name in row and not isinstance(row[name], list | dict)}}


# ---- lists


def page(call: Call, rows: Iterable[Row], word: str) -> Response:
    """A list: filtered, sorted, cut, as cards."""
    names = asked(call, word, LIST_KEYS)
    found = _sorted(call, [row for row in rows if _fits(call.literal.get("filter"), row)])
    limit = call.literal.get("limit", 100)
    if not isinstance(limit, int) or not 1 <= limit <= MOST:
        raise refused("limit is out of range", "limit")
    start = _start(call, found, word)
    shown = found[start : start + limit]
    more = {"hasMoreNext": start + limit < len(found), "hasMorePrev": start > 0}
    only = call.literal.get("onlyRequestedFields") is True
    return ok(short(call, shown, names, only=only), {"count": len(found), "limit": limit, **more})


def _start(call: Call, rows: Sequence[Row], word: str) -> int:
    """The place after `pageAfter`, which names the concrete subtype of a contractor."""
    after = call.literal.get("pageAfter")
    if after is None:
        return 0
    wanted = CONTRACTORS if word in CONTRACTORS else (word,)
    if not isinstance(after, dict) or after.get("contentType") not in wanted:
        raise refused("pageAfter is not assignable", "pageAfter")
    places = [place for place, row in enumerate(rows) if row["id"] == str(after.get("id"))]
    return places[0] + 1 if places else len(rows)


def _sorted(call: Call, rows: list[Row]) -> list[Row]:
    for rule in reversed(call.literal.get("sortBy") or []):
        if not isinstance(rule, dict) or "fieldName" not in rule:
            raise refused("'array' is not assignable to 'SortField[]'", "sortBy")
        name, down = rule["fieldName"], rule.get("desc") is True
        places = sorted(enumerate(rows), key=lambda pair: (_order(pair[1].get(name)), pair[0]), reverse=down)
        rows = [row for _, row in places]
    return rows


def _order(value: Any) -> str:
    return str(value.get("value") if isinstance(value, dict) else value or "")


def _fits(given: Any, row: Row) -> bool:
    """Ad-hoc filters by client and by name work; of an unknown field nothing is heard, the list comes unfiltered (3)."""
    group = ((given or {}).get("config") or {}).get("termGroup") or {}
    answers = [_term(term, row) for term in group.get("terms") or () if term.get("field") in ("contractor", "name")]
    if not answers:
        return True
    return any(answers) if group.get("join") == "or" else all(answers)


def _term(term: Row, row: Row) -> bool:
    value = term.get("value")
    if term["field"] == "contractor":
        wanted = value if isinstance(value, list) else [value]
        return any(isinstance(one, dict) and row.get("contractor") == link(one) for one in wanted)
    name = str(row.get("name") or "")
    return str(value) in name if term.get("comparison") == "contains" else str(value) == name


def listed(call: Call, word: str) -> list[Row]:
    """What lists show of a type: nothing that was deleted, and todos only after a while (3)."""
    rows = [row for row in call.state.table(word).values() if not row.get("isDropped")]
    return [row for row in rows if word != TODO or is_seen(call, row)]


def is_seen(call: Call, row: Row) -> bool:
    """Whether search, or the list of todos, shows a row yet."""
    return call.twin.searchable(call.state.seen_from[key_of(row)])
