"""Notes on a card, and calls that find their card themselves (crm_kommo.md 9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import changed, digits
from sandbox.twins.kommo.fields import PHONE, entries_with_code
from sandbox.twins.kommo.neutral import call_words, note_words
from sandbox.twins.kommo.records import ordered, row_of
from sandbox.twins.kommo.state import COMPANIES, CONTACTS, LEADS, Row, State, is_open
from sandbox.twins.kommo.wire import (
    Call,
    Check,
    Invalid,
    below,
    check_body,
    each,
    elements,
    hal,
    is_bool,
    is_int,
    is_long,
    is_object,
    is_text,
    is_time,
    known_user,
    listed,
    nothing,
    written,
)

CALLS = ("call_in", "call_out")
TEXT_KINDS = ("common",)
STATUSES = range(1, 8)
TAIL = 10
"""`/calls` compares the last ten digits."""


def _duration(value: Any) -> bool:
    return is_int(value) and value >= 0


def _status(value: Any) -> bool:
    return value in STATUSES


def _person(value: Any) -> bool:
    return is_int(value) or is_text(value)


ABOUT_A_CALL: Mapping[str, Check] = {
    "uniq": is_text, "duration": _duration, "source": is_text, "link": is_text, "phone": is_text, "call_result": is_long,
    "call_status": _status, "call_responsible": _person,
}  # fmt: skip
COMMON: Mapping[str, Check] = {"responsible_user_id": is_int, "created_by": is_int, "created_at": is_time, "request_id": is_text}
ON_NOTE: Mapping[str, Check] = {
    **COMMON, "id": is_int, "entity_id": is_int, "note_type": is_text, "params": is_object,
    "is_need_to_trigger_digital_pipeline": is_bool,
}  # fmt: skip
ON_CALL: Mapping[str, Check] = {
    **COMMON, **ABOUT_A_CALL, "direction": lambda value: value in ("inbound", "outbound"), "updated_by": is_int,
    "updated_at": is_time,
}  # fmt: skip


def note_row(state: State, word: str, key: int, note_type: str, params: Row, author: int) -> Row:
    now = state.now()
    return {
        "id": state.new_id("note"), "entity_id": key, "entity_type": word, "created_by": author, "updated_by": author,
        "created_at": now, "updated_at": now, "responsible_user_id": author, "group_id": 0, "note_type": note_type,
        "params": params, "account_id": state.account_id, "recognised_by": [],
    }  # fmt: skip


def shown(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("recognised_by", "entity_type")}


def _words(call: Call, row: Row) -> dict[str, Any]:
    return call_words(row) if row["note_type"] in CALLS else note_words(row, call.twin.marker_in_text)


# ---- reading


def list_notes(call: Call) -> Response:
    """`GET /{…}/notes` and `GET /{…}/{id}/notes` with filters by id, card, type and time of change."""
    rows = [row for row in call.state.notes.values() if row["entity_type"] == call.word]
    rows = [row for row in rows if call.args.get("key") in (None, row["entity_id"])]
    for name in ("id", "entity_id", "note_type"):
        wanted = call.several(f"filter[{name}]")
        rows = [row for row in rows if not wanted or str(row[name]) in wanted]
    since = call.query("filter[updated_at]") or call.query("filter[updated_at][from]")
    rows = [row for row in rows if not since or row["updated_at"] >= int(since)]
    return listed(call, "notes", [shown(row) for row in ordered(call, rows)])


def get_note(call: Call) -> Response:
    row = call.state.notes.get(call.args["note"])
    return nothing() if row is None or row["entity_type"] != call.word else hal(shown(row))


# ---- writing


def create_notes(call: Call) -> Response:
    """`POST /{…}/{id}/notes`, or `POST /{…}/notes` where each element names its `entity_id`."""
    if "key" in call.args:
        row_of(call, call.word, call.args["key"])
    items = elements(call)
    each(items, lambda item: _check_note(call, item))
    rows = [_new_note(call, item) for item in items]
    told = [{"id": row["id"], "entity_id": row["entity_id"], "request_id": item["request_id"]}
            for row, item in zip(rows, items, strict=True)]  # fmt: skip
    return written(call, "notes", told)


def _check_note(call: Call, item: Row) -> None:
    check_body(item, ON_NOTE, ("note_type", "params"))
    key = call.args.get("key") or item.get("entity_id")
    if key not in call.state.records[call.word]:
        raise Invalid("entity_id", "Entity not found.", "NotFound")
    _check_params(item["note_type"], item["params"])
    for name in ("responsible_user_id", "created_by"):
        known_user(call, item.get(name), name)


def _check_params(note_type: str, params: Row) -> None:
    if note_type in CALLS:
        below("params", lambda: check_body(params, ABOUT_A_CALL, ("uniq", "duration", "source", "phone")))
    elif note_type in TEXT_KINDS:
        below("params", lambda: check_body(params, {"text": is_long}, ("text",)))
    else:
        raise Invalid("note_type")


def _new_note(call: Call, item: Row) -> Row:
    key = call.args.get("key") or item["entity_id"]
    row = note_row(call.state, call.word, key, item["note_type"], item["params"], call.user["id"])
    _store(call, row, item)
    is_call = row["note_type"] in CALLS
    call.twin.wrote("log" if is_call else "note", "call" if is_call else "note", row["id"], _words(call, row))
    return row


def _store(call: Call, row: Row, item: Row) -> None:
    row.update({name: item[name] for name in ("responsible_user_id", "created_by", "created_at") if item.get(name) is not None})
    call.state.notes[row["id"]] = row


def update_notes(call: Call) -> Response:
    """`PATCH /{…}/notes` and `PATCH /{…}/{id}/notes`: an array; `params` are replaced whole."""
    items = elements(call)
    rows = each(items, lambda item: _note_to_change(call, item))
    for row, item in zip(rows, items, strict=True):
        before = _words(call, row)
        row["params"] = item.get("params") or row["params"]
        call.state.touch(row, call.user["id"])
        kind = "log" if row["note_type"] in CALLS else "note"
        call.twin.wrote("update", kind, row["id"], changed(before, _words(call, row)))
    told = [{"id": row["id"], "entity_id": row["entity_id"], "request_id": item["request_id"], "updated_at": row["updated_at"]}
            for row, item in zip(rows, items, strict=True)]  # fmt: skip
    return written(call, "notes", told)


def _note_to_change(call: Call, item: Row) -> Row:
    check_body(item, ON_NOTE, ("id",))
    row = call.state.notes.get(item["id"])
    if row is None or row["entity_type"] != call.word or call.args.get("key") not in (None, row["entity_id"]):
        raise Invalid("id", "Entity not found.", "NotFound")
    if item.get("note_type", row["note_type"]) != row["note_type"]:
        raise Invalid("note_type")
    if "params" in item:
        _check_params(row["note_type"], item["params"])
    return row


# ---- calls that find their card


def create_calls(call: Call) -> Response:
    """`POST /calls`: 200 even when nobody has the number; that element stands in `errors` and is not stored."""
    items = elements(call)
    each(items, lambda item: _check_call(call, item))
    stored: list[Row] = []
    errors: list[Row] = []
    for item in items:
        row = _known(call, item) or _new_call(call, item)
        if row is None:
            errors.append({"request_id": item["request_id"], "title": "Entity not found", "status": 263,
                           "detail": "Entity not found by phone number"})  # fmt: skip
        else:
            stored.append({"id": row["id"], "entity_id": row["entity_id"], "entity_type": _singular(row["entity_type"]),
                           "account_id": call.state.account_id, "request_id": item["request_id"]})  # fmt: skip
    return written(call, "calls", stored, _total_items=len(stored), errors=errors)


def _singular(word: str) -> str:
    return {LEADS: "lead", CONTACTS: "contact", COMPANIES: "company"}[word]


def _check_call(call: Call, item: Row) -> None:
    check_body(item, ON_CALL, ("direction", "phone", "source"))
    if "duration" not in item:
        raise Invalid("duration", "This field is missing.", "FieldMissing")
    for name in ("responsible_user_id", "created_by"):
        known_user(call, item.get(name), name)


def _known(call: Call, item: Row) -> Row | None:
    """The call with that `uniq`: a repeated one makes no second entry."""
    fitting = (
        row for row in call.state.notes.values() if row["note_type"] in CALLS and row["params"].get("uniq") == item.get("uniq")
    )
    return next(fitting, None) if item.get("uniq") else None


def _new_call(call: Call, item: Row) -> Row | None:
    carriers = {word: _carriers(call, word, item["phone"]) for word in (CONTACTS, COMPANIES)}
    card = _card(call, carriers)
    if card is None:
        return None
    params = {name: value for name, value in item.items() if name in ABOUT_A_CALL}
    note_type = "call_in" if item["direction"] == "inbound" else "call_out"
    row = note_row(call.state, *card, note_type, params, call.user["id"])
    row["recognised_by"] = carriers[CONTACTS][:1] if card[0] == LEADS else []
    _store(call, row, item)
    call.twin.wrote("log", "call", row["id"], _words(call, row))
    return row


def _carriers(call: Call, word: str, phone: str) -> list[int]:
    """The contacts or companies whose number ends in the same ten digits."""
    tail = digits(phone)[-TAIL:]
    rows = call.state.records[word].items()
    return [
        key for key, row in rows if any(digits(text)[-TAIL:] == tail for text in entries_with_code(call.state, word, row, PHONE))
    ]


def _card(call: Call, carriers: Mapping[str, list[int]]) -> tuple[str, int] | None:
    """Exactly one active lead: that one; several or none: the contact or the company."""
    leads = {
        lead["id"] for word, keys in carriers.items() for key in keys for lead in call.state.leads_of(word, key) if is_open(lead)
    }
    if len(leads) == 1:
        return LEADS, leads.pop()
    return next(((word, key) for word in (CONTACTS, COMPANIES) for key in carriers[word]), None)
