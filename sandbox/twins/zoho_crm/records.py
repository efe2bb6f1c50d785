"""Records of any module: create, change, upsert, read, list, convert (crm_zohocrm.md 3, 4, 7)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sandbox.twins.base import changed
from sandbox.twins.zoho_crm import activities, fields
from sandbox.twins.zoho_crm.neutral import words_of
from sandbox.twins.zoho_crm.state import (
    ACCOUNTS,
    CALLS,
    CONTACTS,
    DEALS,
    LEADS,
    NEUTRAL,
    NOTES,
    STANDARD_PIPELINE,
    TASKS,
    Row,
    full_name,
    is_converted,
)
from sandbox.twins.zoho_crm.wire import NOTHING, Call, Reply, Wrong, invalid, whole

MOST_RECORDS, MOST_FIELDS, MOST_PAGED = 100, 50, 2000
TRIGGERS = {"workflow", "approval", "blueprint", "pathfinder", "orchestration"}
SORTS = {TASKS: ("task", "task"), CALLS: ("log", "call"), NOTES: ("note", "note")}
"""How the ledger calls the making of what is no record."""


def module_of(call: Call) -> str:
    module = str(call.args.get("module"))
    if module not in call.state.tables or module in call.twin.account.hidden_modules:
        raise Wrong(400, "INVALID_MODULE", "the module name given seems to be invalid", resource_path_index=0)
    return module


def record_of(call: Call, module: str, key: str) -> Row | None:
    """A record that can be worked on; a converted lead is none any more (7)."""
    row = call.state.tables[module].get(key)
    return None if row is None or is_converted(row) else row


# ---- writing


def sent(call: Call) -> list[Row]:
    """`data` of a body: up to 100 records, one in a part of a composite request (12)."""
    body = call.body()
    data = body.get("data")
    if not isinstance(data, list) or not data or not all(isinstance(entry, dict) for entry in data):
        raise Wrong(400, "INVALID_DATA", "data", api_name="data", json_path="$.data", expected_data_type="jsonarray")
    if len(data) > (1 if call.part else MOST_RECORDS):
        raise Wrong(400, "LIMIT_EXCEEDED", "too many records", api_name="data", json_path="$.data")
    trigger = body.get("trigger", [])
    if not isinstance(trigger, list) or not set(trigger) <= TRIGGERS:
        raise invalid("trigger")
    return data


def result(call: Call, row: Row, words: str, **more: Any) -> Row:
    """One entry of `data[]` of a write that went well (7)."""
    people = {name: {"id": row[name], "name": call.state.user_name(row[name])} for name in ("Created_By", "Modified_By")}
    details = {"id": row["id"], "Created_Time": row["Created_Time"], "Modified_Time": row["Modified_Time"], **people}
    details |= {"$approval_state": "approved"} if "Note_Content" not in row else {}
    return {"code": "SUCCESS", **more, "details": details, "message": words, "status": "success"}


def written(results: Sequence[Row], status: int) -> Reply:
    """207 when some failed, 400 when all did (3)."""
    failed = sum(entry["status"] == "error" for entry in results)
    return Reply(400 if failed == len(results) else 207 if failed else status, {"data": list(results)})


def create(call: Call) -> Reply:
    module, results = module_of(call), []
    for index, record in enumerate(sent(call)):
        try:
            results.append(result(call, made(call, module, record, index), "record added"))
        except Wrong as wrong:
            results.append(wrong.body)
    return written(results, 201)


def made(call: Call, module: str, record: Row, index: int) -> Row:
    """A new record, checked, stored and reported."""
    values = fields.cleaned(call, module, record, index)
    if module == DEALS and values.get("Stage") and not values.get("Pipeline") and not call.twin.account.pipelines_on:
        values["Pipeline"] = STANDARD_PIPELINE
    fields.check_mandatory(call, module, values, index, with_layout="Layout" in record)
    fields.check_unique(call, module, values, index)
    activities.check(module, values, {}, index, late=call.twin.account.late_recordings)
    row = call.state.add(module, activities.completed(module, values, call.state.now()), call.user)
    do, kind = SORTS.get(module, ("create", NEUTRAL.get(module, module)))
    call.twin.report(do, kind, row["id"], words_of(call.state, module, row, call.twin.marker_in_text))
    return row


def update(call: Call) -> Reply:
    """`PUT /{Module}/{id}`, or `PUT /{Module}` with ids in the records."""
    module, results = module_of(call), []
    for index, record in enumerate(sent(call)):
        try:
            key = str(call.args.get("key") or record.get("id") or "")
            results.append(result(call, change(call, module, key, record, index), "record updated"))
        except Wrong as wrong:
            results.append(wrong.body)
    return written(results, 200)


def change(call: Call, module: str, key: str, record: Row, index: int) -> Row:
    """A record with new values; what changed is reported."""
    row = record_of(call, module, key)
    if row is None:
        raise invalid("id", index, "the id given seems to be invalid")
    record = {"$se_module": row.get("$se_module"), **record} if "What_Id" in record else record
    values = fields.cleaned(call, module, record, index)
    fields.check_unique(call, module, {**row, **values}, index, own=key)
    fields.check_mandatory(call, module, {**row, **values}, index, with_layout=False)
    activities.check(module, {**row, **values}, row, index, late=call.twin.account.late_recordings)
    before = words_of(call.state, module, row, call.twin.marker_in_text)
    row.update(activities.completed(module, {**row, **values}, call.state.now()))
    call.state.touch(module, row, call.user)
    _report_change(call, module, row, before)
    return row


def _report_change(call: Call, module: str, row: Row, before: Row) -> None:
    news = changed(before, words_of(call.state, module, row, call.twin.marker_in_text))
    if module == TASKS and news.get("completed"):
        call.twin.report("complete_task", "task", row["id"], news)
    else:
        kind = SORTS[module][1] if module in SORTS else NEUTRAL.get(module, module)
        call.twin.report("update", kind, row["id"], news)


def upsert(call: Call) -> Reply:
    """`POST /{Module}/upsert` with `duplicate_check_fields`; not for tasks and calls (13)."""
    module, results = module_of(call), []
    if module in SORTS:
        raise Wrong(400, "INVALID_MODULE", "the module is not supported", resource_path_index=0)
    names = call.body().get("duplicate_check_fields") or [{ACCOUNTS: "Account_Name", DEALS: "Deal_Name"}.get(module, "Email")]
    for index, record in enumerate(sent(call)):
        same = _same(call, module, record, names)
        try:
            if same is None:
                row, action = made(call, module, record, index), "insert"
            else:
                row, action = change(call, module, same[1]["id"], record, index), "update"
            words = "record added" if same is None else "record updated"
            results.append(result(call, row, words, action=action, duplicate_field=same[0] if same else None))
        except Wrong as wrong:
            results.append(wrong.body)
    return written(results, 200)


def _same(call: Call, module: str, record: Row, names: Sequence[str]) -> tuple[str, Row] | None:
    rows = call.state.tables[module].values()
    found = ((name, row) for name in names for row in rows if record.get(name) and row.get(name) == record[name])
    return next(found, None)


def change_owner(call: Call) -> Reply:
    """`POST /{Module}/{id}/actions/change_owner` (7)."""
    module = module_of(call)
    row = change(call, module, str(call.args["key"]), {"Owner": call.body().get("owner")}, 0)
    return Reply(200, {"code": "SUCCESS", "details": {"id": row["id"]}, "message": "owner changed", "status": "success"})


def convert(call: Call) -> Reply:
    """`POST /Leads/{id}/actions/convert`: a contact, an account where there is a company, a deal if asked for (7)."""
    lead = call.state.tables[LEADS].get(str(call.args["key"]))
    if lead is None:
        raise invalid("id", 0, "the id given seems to be invalid")
    if is_converted(lead):
        raise Wrong(400, "ID_ALREADY_CONVERTED", "id already converted")
    order = sent(call)[0]
    details = convert_lead(call, lead, order)
    return Reply(200, {"data": [{"code": "SUCCESS", "details": details, "message": "converted", "status": "success"}]})


def convert_lead(call: Call, lead: Row, order: Row) -> Row:
    state, owner = call.state, lead["Owner"]
    account = (order.get("Accounts") or {}).get("id")
    if not account and lead.get("Company"):
        account = state.add(ACCOUNTS, {"Account_Name": lead["Company"], "Owner": owner}, call.user)["id"]
    contact = (order.get("Contacts") or {}).get("id")
    if not contact:
        kept = {name: lead.get(name) for name in ("First_Name", "Last_Name", "Phone", "Mobile", "Email", "Owner")}
        contact = state.add(CONTACTS, {**kept, "Account_Name": account}, call.user)["id"]
    lead |= {"Converted__s": True, "Converted_Contact": contact, "Converted_Account": account}
    if order.get("Deals"):
        deal = {**order["Deals"], "Contact_Name": contact, "Account_Name": account, "Owner": owner}
        lead["Converted_Deal"] = state.add(DEALS, deal, call.user)["id"]
    state.touch(LEADS, lead, call.user)
    made_ids = (("Contacts", contact), ("Accounts", account), ("Deals", lead.get("Converted_Deal")))
    return {module: {"id": key, "name": state.name_of(module, key)} if key else None for module, key in made_ids}


# ---- reading


def wanted_fields(call: Call, *, needed: bool) -> list[str]:
    names = [name.strip() for name in call.query.get("fields", "").split(",") if name.strip()]
    if needed and not names:
        raise Wrong(400, "REQUIRED_PARAM_MISSING", "One of the expected parameter is missing", param_name="fields")
    if len(names) > MOST_FIELDS:
        raise Wrong(400, "LIMIT_EXCEEDED", "cannot process more than 50 fields", limit=MOST_FIELDS, resource_path_index=0)
    return names


def get(call: Call) -> Reply:
    """One record, with all its fields or those asked for; nothing for what is not there."""
    module = module_of(call)
    row = call.state.tables[module].get(str(call.args["key"]))
    if row is None:
        return NOTHING
    names = wanted_fields(call, needed=False) or list(call.state.fields[module])
    shown = fields.listed(call.state, module, row, names)
    if "$se_module" in row:
        shown["$se_module"] = row["$se_module"]
    return Reply(200, {"data": [shown]})


def list_all(call: Call) -> Reply:
    """`GET /{Module}`: `fields` is needed; `ids`, `converted`, order and paging (4)."""
    module = module_of(call)
    rows = [row for row in call.state.tables[module].values() if _is_shown(call, row)]
    return page(call, module, rows, wanted_fields(call, needed=True))


def related(call: Call) -> Reply:
    """`GET /{Module}/{id}/{Related}`: deals of a contact or account, tasks, calls and notes of a record."""
    module, other, key = module_of(call), str(call.args["other"]), str(call.args["key"])
    link = {CONTACTS: "Contact_Name", ACCOUNTS: "Account_Name"}.get(module, "")
    names = ("Who_Id", "What_Id", "Parent_Id") if other in SORTS else (link,)
    rows = [row for row in call.state.tables[other].values() if key in [row.get(name) for name in names]]
    reply = page(call, other, rows, wanted_fields(call, needed=other != NOTES) or list(call.state.fields[other]))
    for name in ("sort_by", "sort_order") if reply.body else ():
        del reply.body["info"][name]
    return reply


def _is_shown(call: Call, row: Row) -> bool:
    wanted, ids = call.query.get("converted", "false"), call.query.get("ids")
    fits = wanted == "both" or is_converted(row) == (wanted == "true")
    since = call.headers.get("If-Modified-Since")
    young = not since or datetime.fromisoformat(row["Modified_Time"]) >= datetime.fromisoformat(since)
    return fits and young and (not ids or row["id"] in ids.split(","))


def page(call: Call, module: str, rows: Sequence[Row], names: Sequence[str]) -> Reply:
    """One page in the order asked for; nothing found is 204 (3, 4)."""
    most = 25 if call.part else 200
    size, number = whole(call.query.get("per_page", ""), most, most), whole(call.query.get("page", ""), 1, 10**6)
    if size * number > MOST_PAGED:
        raise Wrong(400, "DISCRETE_PAGINATION_LIMIT_EXCEEDED", "use page_token beyond 2000 records", limit=MOST_PAGED)
    order, down = call.query.get("sort_by", "id"), call.query.get("sort_order", "desc") == "desc"
    if order not in ("id", "Created_Time", "Modified_Time"):
        raise Wrong(400, "INVALID_DATA", "invalid sort_by", param_name="sort_by")
    ordered = sorted(rows, key=lambda row: (row[order], row["id"]), reverse=down)
    cut = ordered[size * (number - 1) : size * number]
    if not cut:
        return NOTHING
    info = {"per_page": size, "count": len(cut), "page": number, "sort_by": order, "sort_order": "desc" if down else "asc",
            "more_records": size * number < len(ordered)}  # fmt: skip
    return Reply(200, {"data": [fields.listed(call.state, module, row, names) for row in cut], "info": info})


# ---- search (5.1)


def search(call: Call) -> Reply:
    """By the first of email, phone, word; through an index that lags. Converted leads are hidden unless asked for."""
    module = module_of(call)
    chosen = next((name for name in ("criteria", "email", "phone", "word") if call.query.get(name)), None)
    if chosen is None:
        names = ["criteria", "email", "phone", "word"]
        raise Wrong(400, "EXPECTED_PARAM_MISSING", "One of the expected parameter is missing", param_names=names)
    if chosen == "criteria":
        raise Wrong(400, "NOT_SUPPORTED", "the twin searches by email, phone and word only", module=module)
    value = call.query[chosen]
    if chosen == "phone" and not re.fullmatch(r"\+?[\d\s\-().]{3,50}", value):
        raise Wrong(400, "INVALID_DATA", "invalid phone", param_name="phone")
    indexed = call.state.indexed
    rows = [
        row
        for row in call.state.tables[module].values()
        if call.twin.searchable(indexed[module, row["id"]]) and _is_shown(call, row) and _holds(call, module, row, chosen, value)
    ]
    return page(call, module, rows, wanted_fields(call, needed=False) or list(call.state.fields[module]))


def _holds(call: Call, module: str, row: Row, chosen: str, value: str) -> bool:
    """Whether any field of the sort holds the value; numbers by their digits, whatever stands between them."""
    if chosen == "word":
        return value.lower() in (full_name(row) or call.state.name_of(module, row["id"])).lower()
    names = [name for name, field in call.state.fields[module].items() if field["data_type"] == chosen]
    stored = [str(row[name]) for name in names if row.get(name)]
    if chosen == "email":
        return value.lower() in [text.lower() for text in stored]
    digits = re.sub(r"\D", "", value)
    return any(digits in re.sub(r"\D", "", text) for text in stored)
