"""`crm.item.*`: leads, deals, contacts, companies (crm_bitrix24.md 5, 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.twins.base import Refused
from sandbox.twins.bitrix24.account import SIMPLE
from sandbox.twins.bitrix24.fields import NATIVE, bad_value, camel, entity_of, original, taken
from sandbox.twins.bitrix24.neutral import record_words
from sandbox.twins.bitrix24.state import (
    COMPANY,
    CONTACT,
    DEAL,
    LEAD,
    LONG_AGO,
    NEUTRAL,
    WORDS,
    Row,
    State,
    flag,
    stage_list,
    whole,
)
from sandbox.twins.bitrix24.wire import Call, Result, as_list, as_mapping, fits, ordered, paged, split_operator

STAGED = (LEAD, DEAL)


def not_found() -> Refused:
    return Refused(400, "Item not found", "NOT_FOUND")


def new_row(state: State, entity: int, user: int) -> Row:
    """An item as the portal makes it from nothing, not stored yet."""
    key, now = state.ids.number(WORDS[entity]), state.now()
    row: Row = {name: [] if "[]" in kind else None for name, kind in NATIVE[entity].items()}
    row |= {"id": key, "createdTime": now, "updatedTime": now, "createdBy": user, "updatedBy": user, "assignedById": user,
            "opened": "Y"}  # fmt: skip
    if "title" in row:
        row["title"] = f"{WORDS[entity].capitalize()} #{key}"
    if entity == DEAL:
        row["categoryId"] = 0
    if entity in STAGED:
        row["stageId"] = state.stages_of(entity, row)[0][0]
    return row


def store(state: State, entity: int, row: Row) -> None:
    """Keep it; search shows it from now plus the lag on."""
    state.items[entity][row["id"]] = row
    state.indexed[entity, row["id"]] = state.clock()


def view(state: State, entity: int, row: Row) -> Row:
    """The item with what is worked out: semantics of its stage, all contacts of a company, numbers as text."""
    shown = {**dict.fromkeys(state.fields[entity]), **row}
    if entity in STAGED:
        shown["stageSemanticId"] = state.semantics(entity, row)
    if entity == DEAL:
        shown["closed"] = "N" if shown["stageSemanticId"] == "P" else "Y"
    if entity == COMPANY:
        shown["contactIds"] = [key for key, one in state.items[CONTACT].items() if row["id"] in one["companyIds"]]
    for name, kind in (("phone", "PHONE"), ("email", "EMAIL")):
        found = [entry["value"] for entry in row.get("fm") or () if entry["typeId"] == kind]
        if "fm" in row:
            shown[name] = found[0] if found else None
    return shown


def _renamed(shown: Row, keep: bool) -> Row:
    return {camel(name) if name.startswith("UF_") and not keep else name: value for name, value in shown.items()}


# ---- the methods


def item_add(call: Call) -> Result:
    entity, given = entity_of(call), call.mapping("fields")
    _check_required(call, entity, given)
    row = new_row(call.state, entity, call.user)
    _apply(call, entity, row, given)
    store(call.state, entity, row)
    _bind_company(call, entity, row, given)
    identity = (WORDS[entity], str(row["id"]))
    call.twin.recorder.made(identity, "create", NEUTRAL[entity], lambda: record_words(call.state, entity, row))
    if entity == LEAD and call.twin.account.mode == SIMPLE:
        convert(call.state, row)
    return Result({"item": _renamed(view(call.state, entity, row), flag(call.get("useOriginalUfNames")))})


def item_update(call: Call) -> Result:
    entity, row = entity_of(call), _row(call)
    words = (WORDS[entity], str(row["id"]))
    call.twin.recorder.touched(words, NEUTRAL[entity], lambda: record_words(call.state, entity, row))
    given = call.mapping("fields")
    _apply(call, entity, row, given)
    _bind_company(call, entity, row, given)
    row |= {"updatedTime": call.state.now(), "updatedBy": call.user}
    return Result({"item": _renamed(view(call.state, entity, row), flag(call.get("useOriginalUfNames")))})


def item_get(call: Call) -> Result:
    row = _row(call)
    return Result({"item": _renamed(view(call.state, entity_of(call), row), flag(call.get("useOriginalUfNames")))})


def item_delete(call: Call) -> Result:
    del call.state.items[entity_of(call)][_row(call)["id"]]
    return Result([])


def item_list(call: Call) -> Result:
    entity, state = entity_of(call), call.state
    conditions = _conditions(call, entity, call.mapping("filter"))
    rows = [view(state, entity, row) for row in state.items[entity].values()]
    found = ordered([row for row in rows if fits(row, conditions)], call.mapping("order"), "id")
    return paged(call, found, lambda page: {"items": [_selected(call, entity, row) for row in page]})


def _row(call: Call) -> Row:
    row = call.state.item(entity_of(call), call.get("id"))
    if row is None:
        raise not_found()
    return row


# ---- selections and filters


def _selected(call: Call, entity: int, row: Row) -> Row:
    """What `select` names. `fm` comes with `*` only; phone and e-mail are texts (7)."""
    names = [original(entity, call.state, str(name)) for name in as_list(call.get("select"))] or ["*"]
    if "*" in names:
        hidden = {"phone", "email", *(() if "fm" in names else ("fm",))} - set(names)
        shown = {name: value for name, value in row.items() if name not in hidden}
    else:
        shown = {name: row.get(name) for name in ("id", *names) if name in row and name != "fm"}
    return _renamed(shown, flag(call.get("useOriginalUfNames")))


def _conditions(call: Call, entity: int, given: Mapping[str, Any]) -> Row:
    """The filter with original names; refuses what is no field, and lists within lists."""
    found: Row = {}
    for name, value in given.items():
        if name.isdigit() or name == "logic":
            found[name] = _conditions(call, entity, as_mapping(value)) if name.isdigit() else value
            continue
        operator, column = split_operator(name)
        column = original(entity, call.state, column)
        known = column in NATIVE[entity] or column in call.state.fields[entity]
        if not known or column == "fm" or (column == "contactIds" and not call.twin.account.filters_contact_ids):
            raise Refused(400, f"Invalid filter: field '{column}' is not allowed in filter", "INVALID_ARG_VALUE")
        if any(isinstance(one, dict | list) for one in as_list(value)):
            raise Refused(400, f"Invalid filter: field '{column}' has invalid value", "INVALID_ARG_VALUE")
        found[operator + column] = value
    return found


# ---- what a creation or change does


def _check_required(call: Call, entity: int, given: Mapping[str, Any]) -> None:
    for word, name in call.twin.account.required:
        if word == WORDS[entity] and given.get(name) in (None, ""):
            raise Refused(400, f"Field {name} is required", "CRM_FIELD_ERROR_REQUIRED")


def _apply(call: Call, entity: int, row: Row, given: Mapping[str, Any]) -> None:
    values = taken(call, entity, given)
    numbers = _numbers(call, row, given.get("fm")) if "fm" in given and "fm" in NATIVE[entity] else None
    _check_stage(call, entity, row, values)
    row |= values
    if numbers is not None:
        row["fm"] = numbers
    if entity in STAGED:
        row["contactIds"], row["contactId"] = _contacts(row, values)
    if entity == CONTACT:
        row["companyIds"], row["companyId"] = _companies(row, values)


def _contacts(row: Row, values: Row) -> tuple[list[int], int | None]:
    """All contacts of a lead or deal and the primary one, which is the first."""
    if "contactIds" in values:
        keys = list(values["contactIds"])
    elif "contactId" in values:
        keys = [values["contactId"], *(key for key in row["contactIds"] if key != values["contactId"])]
    else:
        keys = row["contactIds"]
    keys = [key for key in keys if key]
    return keys, keys[0] if keys else None


def _companies(row: Row, values: Row) -> tuple[list[int], int | None]:
    keys = list(values["companyIds"]) if "companyIds" in values else list(row["companyIds"])
    main = values.get("companyId", keys[0] if keys else None)
    return list(dict.fromkeys(key for key in (main, *keys) if key)), main


def _bind_company(call: Call, entity: int, row: Row, given: Mapping[str, Any]) -> None:
    """A company that names its contacts is the main one of those that have none."""
    if entity != COMPANY or "contactIds" not in given:
        return
    for key in as_list(given["contactIds"]):
        contact = call.state.items[CONTACT][whole(key) or 0]
        contact["companyIds"] = list(dict.fromkeys([*contact["companyIds"], row["id"]]))
        contact["companyId"] = contact["companyId"] or row["id"]


def _check_stage(call: Call, entity: int, row: Row, values: Row) -> None:
    if entity == DEAL and "categoryId" in values:
        values["categoryId"] = whole(values["categoryId"])
        if values["categoryId"] not in call.state.categories:
            raise bad_value("categoryId")
        values.setdefault("stageId", call.state.stages[stage_list(values["categoryId"])][0][0])
    if values.get("stageId") and values["stageId"] not in dict(call.state.stages_of(entity, row | values)):
        raise bad_value("stageId")


def _numbers(call: Call, row: Row, given: Any) -> list[Row]:
    """`fm`: a list on creation; on a change `n0` adds, a number edits, an empty value deletes (7)."""
    kept = {str(entry["id"]): entry for entry in row["fm"] or ()}
    known = frozenset(kept)
    for key, entry in as_mapping(given).items():
        if not isinstance(entry, dict) or not entry.get("typeId"):
            raise bad_value("fm")
        if key in known and entry.get("value") in (None, ""):
            del kept[key]
        elif entry.get("value"):
            name = key if key in known else str(call.state.ids.number("fm"))
            kept[name] = {"id": int(name), "typeId": entry["typeId"], "valueType": entry.get("valueType") or "WORK",
                          "value": str(entry["value"])}  # fmt: skip
    return list(kept.values())


def convert(state: State, lead: Row) -> Row:
    """A lead becomes a deal, with a contact if it has a person's name (5)."""
    lead["stageId"] = "CONVERTED"
    if not lead["contactId"] and (lead["name"] or lead["lastName"]):
        contact = new_row(state, CONTACT, lead["createdBy"])
        contact |= {"name": lead["name"], "lastName": lead["lastName"], "fm": list(lead["fm"]), "leadId": lead["id"],
                    "assignedById": lead["assignedById"]}  # fmt: skip
        store(state, CONTACT, contact)
        lead |= {"contactId": contact["id"], "contactIds": [contact["id"]]}
    deal = new_row(state, DEAL, lead["createdBy"])
    deal |= {name: lead[name] for name in ("title", "assignedById", "contactId", "contactIds", "companyId", "sourceId")}
    deal |= {name: value for name, value in lead.items() if name.startswith("utm")}
    deal["leadId"] = lead["id"]
    store(state, DEAL, deal)
    state.indexed[DEAL, deal["id"]] = LONG_AGO
    return deal
