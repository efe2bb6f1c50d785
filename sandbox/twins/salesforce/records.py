"""One record at a time: create, update, upsert, read, delete, describe (crm_salesforce.md 4, 8, 9, 10, 12, 15)."""

from __future__ import annotations

from typing import Any

from sandbox.twins.base import changed, digits
from sandbox.twins.salesforce.checks import check_links, checked_values
from sandbox.twins.salesforce.neutral import task_sort, words_of
from sandbox.twins.salesforce.query import field_named, visible_object
from sandbox.twins.salesforce.schema import (
    ACCOUNT,
    CONTACT,
    LEAD,
    NEUTRAL,
    NOTE,
    NOTE_LINK,
    OPPORTUNITY,
    ROLE,
    TASK,
    WRITABLE,
    Field,
)
from sandbox.twins.salesforce.state import Row
from sandbox.twins.salesforce.wire import Call, Fault, Reply, answered, body_of, not_found


def _target(call: Call) -> str:
    return visible_object(call, str(call.args["name"]))


def _existing(call: Call, name: str, key: str) -> Row:
    """The record of a path; 404, with another code for one that was deleted."""
    row = call.state.table(name).get(key[:15])
    if row is not None and len(key) in (15, 18):
        return row
    if key[:15] in call.state.deleted:
        raise Fault("ENTITY_IS_DELETED", "entity is deleted", status=404)
    raise not_found()


def may_write(call: Call, name: str) -> None:
    if name not in WRITABLE:
        raise Fault("INVALID_TYPE_FOR_OPERATION", f"entity type {name} does not support create or update")
    if name in call.twin.org.read_only:
        raise Fault("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", status=403)


# ---- reading


def describe(call: Call) -> Reply:
    """`GET /sobjects/{Object}/describe` (12)."""
    name = _target(call)
    may = name in WRITABLE and name not in call.twin.org.read_only
    shown = [one for one in call.state.fields[name].values() if (name, one.name) not in call.twin.org.hidden]
    body = {
        "name": name, "label": name, "custom": False, "queryable": True, "searchable": True, "createable": may,
        "updateable": may, "deletable": may, "fields": [one.described() for one in shown],
    }  # fmt: skip
    return Reply(200, body)


def get(call: Call) -> Reply:
    """`GET /sobjects/{Object}/{id}?fields=…`: all fields, or those asked for."""
    name = _target(call)
    row = _existing(call, name, str(call.args["key"]))
    asked = [one.strip() for one in call.query.get("fields", "").split(",") if one.strip()]
    names = [field_named(call, name, one).name for one in asked] or list(call.state.fields[name])
    return Reply(200, answered(call, name, row, {one: row.get(one) for one in dict.fromkeys(["Id", *names])}))


# ---- writing


def create(call: Call) -> Reply:
    """`POST /sobjects/{Object}`."""
    return _created(call, _target(call), body_of(call))


def _created(call: Call, name: str, body: Row) -> Reply:
    may_write(call, name)
    values = checked_values(call, name, body)
    _need(call, name, values)
    check_links(call, name, values, {})
    _default(call, name, values)
    _look_for_duplicates(call, name, values)
    contact = values.pop("ContactId", None) if name == OPPORTUNITY else None
    row = call.state.add(name, values, call.user["Id"])
    if contact:
        call.state.add(ROLE, {"OpportunityId": row["Id"], "ContactId": contact, "IsPrimary": True}, call.user["Id"])
    _tell_created(call, name, row)
    return Reply(201, {"id": row["Id"], "success": True, "errors": []}, {"Location": call.path(f"sobjects/{name}/{row['Id']}")})


def _need(call: Call, name: str, values: Row) -> None:
    missing = [
        one.name
        for one in call.state.fields[name].values()
        if one.createable and not one.nillable and one.default is None and values.get(one.name) in (None, "")
    ]
    if missing:
        raise Fault("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", *missing)


def _default(call: Call, name: str, values: Row) -> None:
    """What is filled in on creation. An active assignment rule takes leads unless a header says no (8.1)."""
    for one in call.state.fields[name].values():
        if one.default and values.get(one.name) is None:
            values[one.name] = one.default
    if "OwnerId" in call.state.fields[name]:
        values["OwnerId"] = values.get("OwnerId") or call.user["Id"]
    _assign(call, name, values)


def _assign(call: Call, name: str, values: Row) -> None:
    rule = call.twin.org.assigns_leads_to
    if name == LEAD and rule and call.headers.get("sforce-auto-assign", "TRUE").upper() != "FALSE":
        values["OwnerId"] = rule


def update(call: Call) -> Reply:
    """`PATCH /sobjects/{Object}/{id}`: 204 without a body."""
    name = _target(call)
    _changed(call, name, _existing(call, name, str(call.args["key"])), body_of(call))
    return Reply(204)


def _changed(call: Call, name: str, row: Row, body: Row) -> None:
    may_write(call, name)
    if name == LEAD and row["IsConverted"]:
        raise Fault("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    values = checked_values(call, name, body, row)
    check_links(call, name, values, row)
    emptied = [one for one in values if values[one] in (None, "") and not call.state.fields[name][one].nillable]
    if emptied:
        raise Fault("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(emptied)}]", *emptied)
    before = _words(call, name, row)
    _assign(call, name, values)
    row.update(values)
    row["LastModifiedById"] = call.user["Id"]
    call.state.touch(name, row)
    _tell_changed(call, name, row, before)


def upsert(call: Call) -> Reply:
    """`PATCH /sobjects/{Object}/{Field__c}/{value}`: 201 when it was made, 200 when it was there, 300 for several (15)."""
    name, value = _target(call), str(call.args["value"])
    one = field_named(call, name, str(call.args["field"]))
    if not one.external:
        raise Fault("NOT_FOUND", "Provided external ID field does not exist or is not accessible", status=404)
    rows = [row for row in call.state.table(name).values() if row.get(one.name) == value]
    if len(rows) > 1:
        return Reply(300, [call.path(f"sobjects/{name}/{row['Id']}") for row in rows])
    if rows:
        _changed(call, name, rows[0], body_of(call))
        return Reply(200, {"id": rows[0]["Id"], "success": True, "errors": [], "created": False})
    made = _created(call, name, {**body_of(call), one.name: value})
    return Reply(201, {**made.body, "created": True})


def delete(call: Call) -> Reply:
    """`DELETE /sobjects/{Object}/{id}`."""
    name = _target(call)
    row = _existing(call, name, str(call.args["key"]))
    may_write(call, name)
    call.state.remove(row["Id"])
    return Reply(204)


# ---- duplicates (15)


def _look_for_duplicates(call: Call, name: str, values: Row) -> None:
    _look_for_same_values(call, name, values)
    rule = call.twin.org.duplicate_rule
    wishes = call.headers.get("sforce-duplicate-rule-header", "").replace(" ", "").lower()
    if rule == "off" or name not in NEUTRAL or (rule == "alert" and "allowsave=true" in wishes):
        return
    matches = [row for row in call.state.table(name).values() if _numbers(call, name, row) & _numbers(call, name, values)]
    if matches:
        found = [_match(call, name, row, details="includerecorddetails=true" in wishes) for row in matches]
        result = {
            "allowSave": rule == "alert", "duplicateRule": f"Standard_{name}_Duplicate_Rule", "errorMessage": None,
            "duplicateRuleEntityType": name, "matchResults": [{"entityType": name, "errors": [], "matchRecords": found}],
        }  # fmt: skip
        raise Fault("DUPLICATES_DETECTED", "Use one of these records?", duplicateResult=result)


def _look_for_same_values(call: Call, name: str, values: Row) -> None:
    """A unique field holds each value once."""
    for one in call.state.fields[name].values():
        if not one.external or not values.get(one.name):
            continue
        for row in call.state.table(name).values():
            if row.get(one.name) == values[one.name]:
                words = f"duplicate value found: {one.name} duplicates value on record with id: {row['Id']}"
                raise Fault("DUPLICATE_VALUE", words)


def _numbers(call: Call, name: str, row: Row) -> set[str]:
    phones = [one.name for one in call.state.fields[name].values() if one.type == "phone"]
    return {digits(row[one])[-9:] for one in phones if row.get(one)}


def _match(call: Call, name: str, row: Row, *, details: bool) -> Row:
    values = {one: row[one] for one in ("Id", "Name", *_phones_of(call.state.fields[name]))} if details else {"Id": row["Id"]}
    return {"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0, "record": answered(call, name, row, values)}


def _phones_of(fields: dict[str, Field]) -> list[str]:
    return [one.name for one in fields.values() if one.type == "phone"]


# ---- the ledger


def _words(call: Call, name: str, row: Row) -> dict[str, Any]:
    return words_of(call.state, name, row, call.twin.marker_in_text)


def _tell_created(call: Call, name: str, row: Row) -> None:
    if name in NEUTRAL:
        call.wrote("create", NEUTRAL[name], row["Id"], _words(call, name, row))
    elif name == TASK:
        do, kind = task_sort(row)
        call.wrote(do, kind, row["Id"], _words(call, name, row))
    elif name == NOTE_LINK:
        note = call.state.row(row["ContentDocumentId"])
        if note is not None:
            call.wrote("note", "note", note["Id"], _words(call, NOTE, note))


def _tell_changed(call: Call, name: str, row: Row, before: dict[str, Any]) -> None:
    news = changed(before, _words(call, name, row))
    if name == TASK and news.get("completed"):
        news = {word: value for word, value in news.items() if word != "due_at"}
        call.wrote("complete_task", str(row["TaskSubtype"]), row["Id"], news)
    elif name in (TASK, NOTE):
        call.wrote("update", "task" if name == TASK else "note", row["Id"], news)
    elif name in (LEAD, CONTACT, ACCOUNT, OPPORTUNITY):
        call.wrote("update", NEUTRAL[name], row["Id"], news)
