"""To-dos and calls of a card: `crm.activity.*` (crm_bitrix24.md 9)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.twins.base import Refused
from sandbox.twins.bitrix24.neutral import BB, PLAIN, activity_words, call_words
from sandbox.twins.bitrix24.state import WORDS, Row, State, whole
from sandbox.twins.bitrix24.wire import NO_CODE, Call, Result, as_list, as_mapping, fits, ordered, paged, split_operator

CALL, PROVIDER = 2, 6
"""TYPE_ID of calls and of what a provider makes, such as to-dos."""
TODO = "CRM_TODO"
TEXTS = ("SUBJECT", "DESCRIPTION", "ORIGINATOR_ID", "ORIGIN_ID", "LOCATION")
NUMBERS = ("DESCRIPTION_TYPE", "DIRECTION", "PRIORITY", "RESPONSIBLE_ID")
TIMES = ("START_TIME", "END_TIME")
LONGEST = 255


def activity_row(state: State, *, entity: int, key: int, user: int, subject: str) -> Row:
    """An open activity of an item; made by nobody's rules yet, and stored."""
    now, identity = state.now(), state.ids.number("activity")
    row: Row = {
        "ID": identity, "OWNER_ID": key, "OWNER_TYPE_ID": entity, "TYPE_ID": PROVIDER, "PROVIDER_ID": "", "SUBJECT": subject,
        "CREATED": now, "LAST_UPDATED": now, "START_TIME": None, "END_TIME": None, "DEADLINE": None, "COMPLETED": "N",
        "STATUS": "1", "RESPONSIBLE_ID": user, "PRIORITY": 2, "DESCRIPTION": "", "DESCRIPTION_TYPE": PLAIN, "DIRECTION": 0,
        "LOCATION": "", "ORIGINATOR_ID": None, "ORIGIN_ID": None, "AUTHOR_ID": user, "EDITOR_ID": user,
        "COMMUNICATIONS": [], "BINDINGS": [(entity, key)] if key else [],
    }  # fmt: skip
    state.activities[identity] = row
    return row


def shown(row: Row) -> Row:
    """As the methods answer: nearly everything is text."""
    plain = {name: value for name, value in row.items() if name not in ("BINDINGS", "COMMUNICATIONS")}
    return {name: str(value) if isinstance(value, int) else value for name, value in plain.items()}


# ---- the ledger


def is_log(row: Row) -> bool:
    """A call activity that tells the call's direction is a call that was held; without, it stands for something done."""
    return row["TYPE_ID"] == CALL and row["DIRECTION"] in (1, 2)


def words_of(call: Call, row: Row) -> Mapping[str, Any]:
    held = next((one for one in call.state.calls.values() if one["CRM_ACTIVITY_ID"] == row["ID"]), None)
    marker, me = call.twin.marker_in_text, call.twin.account.webhook_user
    return activity_words(row, marker, me) if held is None else call_words(held, row, marker, me)


def kind_of(row: Row) -> str:
    return "todo" if row["PROVIDER_ID"] == TODO else "call"


def tell_made(call: Call, row: Row, kind: str = "") -> None:
    do = "log" if kind or is_log(row) else "task"
    call.twin.recorder.made(("activity", str(row["ID"])), do, kind or kind_of(row), lambda: words_of(call, row))


def tell_touched(call: Call, row: Row) -> None:
    sort = "log" if is_log(row) else "task"
    call.twin.recorder.touched(("activity", str(row["ID"])), sort, lambda: words_of(call, row), kind_of(row))


# ---- crm.activity.add, .get, .update, .delete, .list


def add(call: Call) -> Result:
    fields = call.mapping("fields")
    _check_new(call, fields)
    entity, key = _owner(call, fields)
    values = _values(call, fields)
    row = activity_row(call.state, entity=entity, key=key, user=call.user, subject="")
    row |= {"TYPE_ID": whole(fields["TYPE_ID"]), "PROVIDER_ID": "CRM_CALL" if whole(fields["TYPE_ID"]) == CALL else ""}
    _bind_communications(call, row, fields)
    _write(call, row, values)
    tell_made(call, row)
    return Result(row["ID"])


def _check_new(call: Call, fields: Mapping[str, Any]) -> None:
    if not fields.get("SUBJECT"):
        raise Refused(400, "The field SUBJECT is not defined or empty.", NO_CODE)
    _check_responsible(call, fields)
    if whole(fields.get("TYPE_ID")) not in (1, CALL):
        raise Refused(400, "The field TYPE_ID is not defined or invalid.", NO_CODE)
    partners = as_list(fields.get("COMMUNICATIONS"))
    if not partners or not all(isinstance(one, dict) for one in partners):
        raise Refused(400, "The field COMMUNICATIONS is not defined or invalid.", NO_CODE)
    if len(partners) > 1:
        raise Refused(400, "The only one communication is allowed for activity of specified type.", NO_CODE)


def _check_responsible(call: Call, fields: Mapping[str, Any]) -> None:
    if whole(fields.get("RESPONSIBLE_ID")) not in call.state.users:
        raise Refused(400, "The field RESPONSIBLE_ID is not defined or invalid.", NO_CODE)


def _owner(call: Call, fields: Mapping[str, Any]) -> tuple[int, int]:
    entity, key = whole(fields.get("OWNER_TYPE_ID")) or 0, whole(fields.get("OWNER_ID")) or 0
    if call.state.item(entity, key) is None:
        raise Refused(
            400, "Could not build binding. Please ensure that owner info and communications are defined correctly.", NO_CODE
        )
    return entity, key


def _bind_communications(call: Call, row: Row, fields: Mapping[str, Any]) -> None:
    """Who is spoken with is bound as well."""
    for partner in as_list(fields.get("COMMUNICATIONS")):
        pair = (whole(partner.get("ENTITY_TYPE_ID")) or 0, whole(partner.get("ENTITY_ID")) or 0)
        if call.state.item(*pair) is not None and pair not in row["BINDINGS"]:
            row["BINDINGS"].append(pair)
        row["COMMUNICATIONS"].append({"VALUE": "", **partner})


def _values(call: Call, fields: Mapping[str, Any]) -> Row:
    """The fields as they are stored; a refusal leaves all as it was."""
    values: Row = {}
    for name, value in fields.items():
        if name in TEXTS:
            _check_length(name, value)
            values[name] = str(value)
        elif name in NUMBERS:
            values[name] = whole(value) or 0
        elif name in TIMES:
            values[name] = time_of(call.state, value)
        elif name == "COMPLETED":
            values[name], values["STATUS"] = ("Y", "2") if str(value).upper() == "Y" else ("N", "1")
    return values


def _write(call: Call, row: Row, values: Row) -> None:
    row |= values
    if row["TYPE_ID"] == CALL:
        row["DEADLINE"] = row["START_TIME"]
    row |= {"LAST_UPDATED": call.state.now(), "EDITOR_ID": call.user}


def _check_length(name: str, value: Any) -> None:
    if name == "SUBJECT" and len(str(value)) > LONGEST:
        raise Refused(400, f"The field {name} is too long.", NO_CODE)


def time_of(state: State, value: Any) -> str:
    """ISO 8601, without an offset in the portal's own zone."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise Refused(400, "Wrong datetime format", "WRONG_DATETIME_FORMAT") from None
    return state.time(moment if moment.tzinfo else moment.replace(tzinfo=state.offset))


def get(call: Call) -> Result:
    return Result(shown(_row(call)))


def _row(call: Call) -> Row:
    row = call.state.activities.get(whole(call.get("id")) or 0)
    if row is None:
        raise Refused(400, "Activity is not found.", NO_CODE)
    return row


def update(call: Call) -> Result:
    row, fields = _row(call), call.mapping("fields")
    if row["PROVIDER_ID"] == TODO and row["COMPLETED"] == "Y" and set(fields) - {"COMPLETED"}:
        raise Refused(400, "Completed activity can not be updated", "CAN_NOT_UPDATE_COMPLETED_TODO")
    if "RESPONSIBLE_ID" in fields:
        _check_responsible(call, fields)
    values = _values(call, fields)
    tell_touched(call, row)
    _write(call, row, values)
    return Result(True)


def delete(call: Call) -> Result:
    del call.state.activities[_row(call)["ID"]]
    return Result(True)


def listed(call: Call) -> Result:
    conditions = call.mapping("filter")
    bindings = [as_mapping(one) for one in as_list(conditions.pop("BINDINGS", None))]
    for name in conditions:
        column = split_operator(name)[1]
        if not (name.isdigit() or name == "logic" or column in ("ID", "CREATED", "COMPLETED", *NUMBERS, *TEXTS, *_OWNER)):
            raise Refused(400, f"Field {column} can not be filtered", NO_CODE)
    rows = [row for row in call.state.activities.values() if fits(row, conditions) and _is_bound(row, bindings)]
    return paged(call, [_selected(call, row) for row in ordered(rows, call.mapping("order"), "START_TIME")])


_OWNER = ("OWNER_ID", "OWNER_TYPE_ID", "TYPE_ID", "PROVIDER_ID", "AUTHOR_ID", "LAST_UPDATED", "DEADLINE")


def _is_bound(row: Row, wanted: list[dict[str, Any]]) -> bool:
    return not wanted or any(
        all(whole(one.get(name)) in (None, value) for name, value in (("OWNER_TYPE_ID", entity), ("OWNER_ID", key)))
        for one in wanted
        for entity, key in row["BINDINGS"]
    )


def _selected(call: Call, row: Row) -> Row:
    names = [str(name) for name in as_list(call.get("select"))]
    found = shown(row) if not names or "*" in names else {name: shown(row).get(name) for name in ("ID", *names)}
    return found | ({"COMMUNICATIONS": row["COMMUNICATIONS"]} if "COMMUNICATIONS" in names else {})


# ---- crm.activity.todo.add, crm.activity.binding.add, .list


def todo_add(call: Call) -> Result:
    entity, key = call.number("ownerTypeId"), call.number("ownerId")
    if call.get("deadline") in (None, ""):
        raise Refused(400, "Could not find value for parameter {deadline}", "100")
    if call.state.item(entity, key) is None:
        raise Refused(400, "Owner not found", "OWNER_NOT_FOUND")
    _check_length("SUBJECT", call.get("title") or "")
    responsible = whole(call.get("responsibleId")) or call.user
    if responsible not in call.state.users:
        raise Refused(400, "Responsible user not found", "100")
    deadline = time_of(call.state, call.get("deadline"))
    row = activity_row(call.state, entity=entity, key=key, user=call.user, subject=str(call.get("title") or ""))
    row |= {"PROVIDER_ID": TODO, "DESCRIPTION": str(call.get("description") or ""), "DESCRIPTION_TYPE": BB,
            "RESPONSIBLE_ID": responsible, "DEADLINE": deadline}  # fmt: skip
    tell_made(call, row)
    return Result({"id": row["ID"]})


def binding_add(call: Call) -> Result:
    row = call.state.activities.get(call.number("activityId"))
    pair = (call.number("entityTypeId"), call.number("entityId"))
    if row is None or pair[0] not in WORDS or call.state.item(*pair) is None:
        raise Refused(400, "Entity not found", "NOT_FOUND")
    if pair in row["BINDINGS"]:
        raise Refused(400, "Activity is already bound to this entity", "ACTIVITY_IS_ALREADY_BOUND")
    tell_touched(call, row)
    row["BINDINGS"].append(pair)
    return Result(True)


def binding_list(call: Call) -> Result:
    row = call.state.activities.get(call.number("activityId"))
    if row is None:
        raise Refused(400, "Entity not found", "NOT_FOUND")
    return Result([{"entityTypeId": entity, "entityId": key} for entity, key in row["BINDINGS"]])
