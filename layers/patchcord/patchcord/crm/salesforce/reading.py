"""From Salesforce's answers to neutral words (crm_salesforce.md 6, 7, 12, 13). No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from patchcord.crm.port import CrmField, Search, User
from patchcord.crm.salesforce.declaration import DUPLICATES, QUEUE, Connection, errors_of
from patchcord.crm.salesforce.queries import PHONES
from patchcord.model.phone import Phone, digits_of, in_notation_of, same_number
from patchcord.model.records import Record, RecordKind

Row = Mapping[str, Any]

FIELD_TYPES = {
    "string": "string", "textarea": "string", "phone": "string", "email": "string", "url": "string", "combobox": "string",
    "encryptedstring": "string", "double": "number", "currency": "number", "percent": "number", "int": "number", "long": "number",
    "date": "date", "datetime": "date", "time": "time", "picklist": "option", "multipicklist": "options", "boolean": "boolean",
    "reference": "record", "id": "record",
}  # fmt: skip
"""Salesforce's field types and ours (12)."""


def rows_of(data: Any) -> tuple[Row, ...]:
    """The objects of a list; whatever else stands there is left out."""
    return tuple(row for row in data if isinstance(row, dict)) if isinstance(data, list) else ()


def row_in(row: Row, name: str) -> Row:
    """A related record nested in a row; an empty one where there is none."""
    inner = row.get(name)
    return inner if isinstance(inner, dict) else {}


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def read_time(value: Any) -> datetime | None:
    """`2026-09-10T10:00:00.000+0000`, or with another zone."""
    try:
        return datetime.fromisoformat(text(value)).astimezone(UTC)
    except ValueError:
        return None


def person(user_id: Any) -> str | None:
    """An owner, None for a queue: nobody is responsible then (7)."""
    return None if not user_id or str(user_id).startswith(QUEUE) else str(user_id)


# --- what was found


def sort_of(row: Row) -> str:
    """The object a row is of."""
    return text(row_in(row, "attributes").get("type"))


def numbers_of(row: Row, target: str) -> tuple[str, ...]:
    return tuple(number for number in (text(row.get(name)) for name in PHONES.get(target, ())) if number)


def is_of_number(row: Row, target: str, phone: Phone, search: Search) -> bool:
    """Whether the record really has the number, in one of the listed notations if there are any (6.1, O-12)."""
    stored = [number for number in numbers_of(row, target) if same_number(phone, number, search.region)]
    if not search.formats:
        return bool(stored)
    wanted = {in_notation_of(phone, example) for example in search.formats}
    return any(number.strip() in wanted for number in stored)


def records_of(people: Sequence[Row], connection: Connection) -> Iterator[Record]:
    """Leads, contacts, and accounts: those found and those of the contacts, each once."""
    yield from (_lead(row, connection) for row in people if sort_of(row) == "Lead")
    contacts = [row for row in people if sort_of(row) == "Contact"]
    yield from (_record(row, RecordKind.CONTACT, organization=text(row.get("AccountId")) or None) for row in contacts)
    found = (row for row in people if sort_of(row) == "Account")
    accounts: dict[str, Record] = {str(row["Id"]): _record(row, RecordKind.ORGANIZATION) for row in found}
    for row in contacts:
        key = text(row.get("AccountId"))
        if key:
            accounts.setdefault(key, _record({**row_in(row, "Account"), "Id": key}, RecordKind.ORGANIZATION))
    yield from accounts.values()


def accounts_of(people: Iterable[Row]) -> tuple[str, ...]:
    """The accounts that were found, and those of the contacts."""
    ids = (text(row.get("Id" if sort_of(row) == "Account" else "AccountId")) for row in people)
    return tuple(dict.fromkeys(key for key in ids if key))


def _record(row: Row, kind: RecordKind, **more: Any) -> Record:
    return Record(
        kind=kind,
        id=str(row.get("Id")),
        owner=person(row.get("OwnerId")),
        name=text(row.get("Name")),
        created_at=read_time(row.get("CreatedDate")),
        updated_at=read_time(row.get("LastModifiedDate")),
        **more,
    )


def _lead(row: Row, connection: Connection) -> Record:
    """A lead is open until it is converted or has one of the statuses that count as closed (7)."""
    is_open = row.get("IsConverted") is not True and text(row.get("Status")) not in connection.closed_statuses
    contact = text(row.get(connection.lead_contact_field)) or None
    organization = text(row.get(connection.lead_organization_field)) or None
    return _record(row, RecordKind.LEAD, open=is_open, contact=contact, organization=organization)


def deals_of(roles: Iterable[Row], opportunities: Iterable[Row]) -> tuple[Record, ...]:
    """The opportunities of contact roles, then those of accounts, each once (6.3)."""
    found: dict[str, Record] = {}
    for role in roles:
        row: Row = {**row_in(role, "Opportunity"), "Id": role.get("OpportunityId")}
        found.setdefault(str(row["Id"]), _deal(row, text(role.get("ContactId")) or None))
    for opportunity in opportunities:
        found.setdefault(str(opportunity["Id"]), _deal(opportunity, None))
    return tuple(found.values())


def _deal(row: Row, contact: str | None) -> Record:
    account = text(row.get("AccountId")) or None
    return _record(row, RecordKind.DEAL, open=row.get("IsClosed") is not True, contact=contact, organization=account)


def stored_attribution(row: Row, fields: Mapping[str, str]) -> dict[str, str]:
    """What the record holds of the visit. Names come back in the customer's own case."""
    values = {name.lower(): value for name, value in row.items()}
    found = {parameter: values.get(name.lower()) for parameter, name in fields.items()}
    return {parameter: str(value) for parameter, value in found.items() if value not in (None, "")}


# --- what was refused


def existing_of(body: Any, target: str, number: str | None) -> str | None:
    """The record that a duplicate rule names instead of creating one (15); its number, where it is told, must be the same."""
    for error in errors_of(body):
        if error["errorCode"] != DUPLICATES:
            continue
        for match in rows_of(row_in(error, "duplicateResult").get("matchResults")):
            for found in rows_of(match.get("matchRecords")):
                record = row_in(found, "record")
                if sort_of(record) == target and record.get("Id") and _may_be(record, target, number):
                    return str(record["Id"])
    return None


def _may_be(record: Row, target: str, number: str | None) -> bool:
    told = {digits_of(stored)[-9:] for stored in numbers_of(record, target)}
    return not number or not told or digits_of(number)[-9:] in told


def is_halted(body: Any) -> bool:
    """Whether a part was rolled back because of another one (8.6)."""
    return any(error["errorCode"] == "PROCESSING_HALTED" for error in errors_of(body))


# --- what was lost


def marked(rows: Iterable[Row], field: str, marker: str) -> str | None:
    """The first row with exactly this marker: a query does not tell capital letters from small ones."""
    return next((str(row["Id"]) for row in rows if row.get(field) == marker), None)


def is_meant(row: Row, target: str, number: str, name_field: str, name: str) -> bool:
    """Whether the record is the one that was to be created: by its number, else by its name."""
    wanted = digits_of(number)[-9:]
    if wanted and target in PHONES:
        return any(digits_of(stored)[-9:] == wanted for stored in numbers_of(row, target))
    return bool(name) and row.get(name_field) == name


# --- users and fields


def by_name(described: Row) -> dict[str, Row]:
    """The fields of a description by their API names."""
    return {text(row.get("name")): row for row in rows_of(described.get("fields"))}


def read_user(row: Row) -> User:
    """A user; administrators may modify all data (13)."""
    return User(
        id=str(row.get("Id")),
        name=text(row.get("Name")),
        email=text(row.get("Email")),
        active=row.get("IsActive") is True,
        admin=row_in(row, "Profile").get("PermissionsModifyAllData") is True,
    )


def read_field(row: Row, kind: RecordKind) -> CrmField:
    """A field's description (12)."""
    own = text(row.get("type"))
    refers_to_user = row.get("referenceTo") == ["User"]
    return CrmField(
        id=text(row.get("name")),
        name=text(row.get("label")),
        kind=kind,
        type="user" if refers_to_user else FIELD_TYPES.get(own, own),
        custom=text(row.get("name")).endswith("__c"),
    )


def is_required(row: Row) -> bool:
    """Whether a creation must carry the field (12)."""
    return row.get("createable") is True and row.get("nillable") is False and row.get("defaultedOnCreate") is False


def has_link(stored: Any, link: str) -> bool:
    """Whether the link stands in the text already."""
    return re.search(re.escape(link) + r"(?=\s|$)", text(stored)) is not None
