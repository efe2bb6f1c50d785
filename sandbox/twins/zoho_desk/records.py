"""Contacts, accounts and tickets (crm_zohodesk.md 6, 7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from sandbox.twins.base import changed, json_answer
from sandbox.twins.zoho_desk.neutral import record_fields
from sandbox.twins.zoho_desk.state import ACCOUNTS, CONTACTS, NEUTRAL, TICKETS, Row
from sandbox.twins.zoho_desk.wire import (
    Call,
    Check,
    Invalid,
    body_of,
    check_body,
    check_known,
    is_id,
    is_id_or_none,
    is_object,
    is_time,
    page,
    row_of,
    sorted_rows,
    text,
)

if TYPE_CHECKING:
    from sandbox.twins.zoho_desk.twin import ZohoDeskTwin

LONG = text(65_535)
ALLOWED: Mapping[str, Mapping[str, Check]] = {
    CONTACTS: {
        "lastName": text(100, 1), "firstName": text(100), "email": text(255), "phone": text(50), "mobile": text(50),
        "accountId": is_id_or_none, "ownerId": is_id_or_none, "type": text(120), "title": text(120), "description": LONG,
        "layoutId": is_id, "cf": is_object,
    },
    ACCOUNTS: {
        "accountName": text(255, 1), "phone": text(120), "email": text(255), "website": text(255), "ownerId": is_id_or_none,
        "description": LONG, "cf": is_object,
    },
    TICKETS: {
        "subject": text(255, 1), "departmentId": is_id, "contactId": is_id, "contact": is_object, "phone": text(120),
        "email": text(255), "status": text(120), "priority": text(120), "assigneeId": is_id_or_none, "teamId": is_id_or_none,
        "channel": text(120), "category": text(120), "classification": text(120), "description": LONG, "dueDate": is_time,
        "layoutId": is_id, "cf": is_object,
    },
}  # fmt: skip
NEEDED = {CONTACTS: ("lastName",), ACCOUNTS: ("accountName",), TICKETS: ("subject", "departmentId")}
EMPTY: Mapping[str, Row] = {
    CONTACTS: {"firstName": None, "email": None, "phone": None, "mobile": None, "accountId": None, "ownerId": None},
    ACCOUNTS: {"phone": None, "email": None, "website": None, "ownerId": None},
    TICKETS: {"phone": None, "email": None, "priority": None, "channel": None, "assigneeId": None, "teamId": None},
}
PAGES = {CONTACTS: "Contacts", ACCOUNTS: "Accounts", TICKETS: "Cases"}


def new_row(twin: ZohoDeskTwin, module: str, body: Row) -> Row:
    """Store a record of a body that was checked."""
    row = twin.state.add(module, {**EMPTY[module], **body, "cf": dict(body.get("cf") or {})})
    row["webUrl"] = f"https://desk.zoho.eu/support/{twin.account.portal}/ShowHomePage.do#{PAGES[module]}/dv/{row['id']}"
    if module == TICKETS:
        row["ticketNumber"] = str(twin.ids.number("ticket") + 100)
        set_status(twin, row, body.get("status") or "Open")
    return row


def set_status(twin: ZohoDeskTwin, row: Row, status: str) -> None:
    """A status by its name, with its type (6)."""
    row |= {"status": status, "statusType": twin.account.ticket_statuses[status]}
    row["closedTime"] = twin.state.now() if row["statusType"] == "Closed" else None


def create_record(call: Call) -> Response:
    """`POST /{module}`: 200 with the whole record (3)."""
    body = _checked(call, NEEDED[call.module])
    if call.module == TICKETS and not body.get("contactId"):
        body["contactId"] = _inline_contact(call, body.pop("contact", None))
    row = new_row(call.twin, call.module, body)
    call.twin.wrote("create", NEUTRAL[call.module], row["id"], record_fields(call.state, call.module, row))
    return json_answer(row)


def _inline_contact(call: Call, given: Row | None) -> str:
    """A ticket without a contact makes one, of a name or an address; it has no phone (7)."""
    if not given:
        raise Invalid("contactId", "missing")
    check_body(given, {name: ALLOWED[CONTACTS][name] for name in ("lastName", "firstName", "email")})
    if not given.get("lastName") and not given.get("email"):
        raise Invalid("contact/lastName", "missing")
    row = new_row(call.twin, CONTACTS, {"lastName": given.get("lastName") or given["email"], **given})
    call.twin.wrote("create", "contact", row["id"], record_fields(call.state, CONTACTS, row))
    return str(row["id"])


def update_record(call: Call) -> Response:
    """`PATCH /{module}/{id}`: only what is named."""
    row = row_of(call.state.tables[call.module], call.args["key"])
    body = _checked(call, (), row["id"])
    before = record_fields(call.state, call.module, row)
    row["cf"].update(body.pop("cf", {}))
    status = body.pop("status", None)
    row.update(body)
    if status:
        set_status(call.twin, row, status)
    call.state.touch(row)
    after = record_fields(call.state, call.module, row)
    call.twin.wrote("update", NEUTRAL[call.module], row["id"], changed(before, after))
    return json_answer(row)


def _checked(call: Call, needed: tuple[str, ...], own: str = "") -> Row:
    """The body, once everything in it is known to be right; cf values as they are stored."""
    body, state = body_of(call), call.state
    check_body(body, ALLOWED[call.module], needed)
    tables = state.tables
    check_known(body, {"ownerId": state.agents, "assigneeId": state.agents, "departmentId": state.departments,
                       "contactId": tables[CONTACTS], "accountId": tables[ACCOUNTS]})  # fmt: skip
    if body.get("status") and body["status"] not in call.twin.account.ticket_statuses:
        raise Invalid("status")
    if call.module == CONTACTS and body.get("email") and call.twin.account.unique_email:
        _only_one(tables[CONTACTS], body["email"], own)
    if "cf" in body:
        body["cf"] = {name: _value(call, name, value) for name, value in body["cf"].items()}
    return body


def _only_one(contacts: Mapping[str, Row], email: str, own: str) -> None:
    if any((row["email"] or "").lower() == email.lower() and key != own for key, row in contacts.items()):
        raise Invalid("email", "duplicate")


def _value(call: Call, name: str, value: Any) -> Any:
    """A custom value as its field takes it (7, 11)."""
    field = call.state.fields[call.module].get(name)
    if field is None or not field["isCustomField"]:
        raise Invalid(f"cf/{name}")
    if value is None:
        return None
    allowed = {option["value"] for option in field["allowedValues"]}
    if allowed and value not in allowed:
        raise Invalid(f"cf/{name}")
    if field["type"] in ("Number", "Decimal"):
        return _number(call, name, value)
    longest = 65_535 if field["type"] == "Textarea" else call.twin.account.field_length
    if not isinstance(value, str) or len(value) > longest:
        raise Invalid(f"cf/{name}")
    return value


def _number(call: Call, name: str, value: Any) -> Any:
    readable = isinstance(value, str) and call.twin.account.numbers_as_texts and re.fullmatch(r"-?\d+(\.\d+)?", value)
    if isinstance(value, bool) or not (readable or isinstance(value, int | float)):
        raise Invalid(f"cf/{name}")
    return value


def shown(call: Call, row: Row) -> Row:
    """A row in a list; some portals' lists leave the long parts out."""
    hidden = ("cf", "description") if call.twin.account.short_lists else ()
    return {name: value for name, value in row.items() if name not in hidden}


def get_record(call: Call) -> Response:
    return json_answer(row_of(call.state.tables[call.module], call.args["key"]))


def list_records(call: Call) -> Response:
    """`GET /{module}`: from 1 (4)."""
    call.only("from", "limit", "sortBy", "status", "departmentIds", "include")
    rows = sorted_rows(call, list(call.state.tables[call.module].values()))
    return page(call, [shown(call, row) for row in rows], first=call.twin.account.first_place, default=10)


def contact_tickets(call: Call) -> Response:
    """`GET /contacts/{id}/tickets`: no index, so no delay (5)."""
    call.only("from", "limit", "sortBy", "status", "include")
    contact = row_of(call.state.tables[CONTACTS], call.args["key"])
    rows = [row for row in call.state.tables[TICKETS].values() if row["contactId"] == contact["id"]]
    ordered = [shown(call, row) for row in sorted_rows(call, rows)]
    return page(call, ordered, first=call.twin.account.first_place, default=10)
