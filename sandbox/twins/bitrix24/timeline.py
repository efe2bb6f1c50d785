"""Comments in the timeline of a card: `crm.timeline.*` (crm_bitrix24.md 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.twins.base import Refused
from sandbox.twins.bitrix24.neutral import comment_words
from sandbox.twins.bitrix24.state import WORDS, Row, whole
from sandbox.twins.bitrix24.wire import NO_CODE, Call, Result, fits, ordered, paged

ENTITIES = {word: entity for entity, word in WORDS.items()}


def add(call: Call) -> Result:
    fields = call.mapping("fields")
    pair = _entity(call, fields)
    if not fields.get("COMMENT"):
        raise Refused(400, "The field COMMENT is not defined or empty.", NO_CODE)
    key = call.state.ids.number("comment")
    row: Row = {"ID": key, "ENTITY_ID": pair[1], "ENTITY_TYPE": WORDS[pair[0]], "CREATED": call.state.now(),
                "COMMENT": str(fields["COMMENT"]), "AUTHOR_ID": whole(fields.get("AUTHOR_ID")) or call.user,
                "BINDINGS": [pair]}  # fmt: skip
    call.state.comments[key] = row
    call.twin.recorder.made(("comment", str(key)), "note", "note", lambda: _words(call, row))
    return Result(key)


def _words(call: Call, row: Row) -> dict[str, Any]:
    return comment_words(row, call.twin.marker_in_text, call.twin.account.webhook_user)


def _entity(call: Call, fields: Mapping[str, Any]) -> tuple[int, int]:
    entity, key = ENTITIES.get(str(fields.get("ENTITY_TYPE") or "").lower(), 0), whole(fields.get("ENTITY_ID")) or 0
    if call.state.item(entity, key) is None:
        raise Refused(400, "The owner of the comment is not defined or invalid.", "OWNER_NOT_FOUND")
    return entity, key


def shown(row: Row) -> Row:
    found = {name: value for name, value in row.items() if name != "BINDINGS"}
    return {name: str(value) if isinstance(value, int) else value for name, value in found.items()}


def _row(call: Call, key: Any) -> Row:
    row = call.state.comments.get(whole(key) or 0)
    if row is None:
        raise Refused(400, "Comment is not found", "NOT_FOUND")
    return row


def get(call: Call) -> Result:
    return Result(shown(_row(call, call.get("id"))))


def update(call: Call) -> Result:
    row = _row(call, call.get("id"))
    call.twin.recorder.touched(("comment", str(row["ID"])), "note", lambda: _words(call, row))
    row["COMMENT"] = str(call.mapping("fields").get("COMMENT") or row["COMMENT"])
    return Result(True)


def listed(call: Call) -> Result:
    """Of one entity, which the filter has to name."""
    conditions = call.mapping("filter")
    pair = _entity(call, conditions)
    others = {name: value for name, value in conditions.items() if name not in ("ENTITY_ID", "ENTITY_TYPE")}
    rows = [row for row in call.state.comments.values() if pair in row["BINDINGS"] and fits(row, others)]
    return paged(call, [shown(row) for row in ordered(rows, call.mapping("order"), "ID")])


def bind(call: Call) -> Result:
    """`crm.timeline.bindings.bind`: the comment stands in another card as well."""
    fields = call.mapping("fields")
    row, pair = _row(call, fields.get("OWNER_ID")), _entity(call, fields)
    call.twin.recorder.touched(("comment", str(row["ID"])), "note", lambda: _words(call, row))
    if pair not in row["BINDINGS"]:
        row["BINDINGS"].append(pair)
    return Result(True)
