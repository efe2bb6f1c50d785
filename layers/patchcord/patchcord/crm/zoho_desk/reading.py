"""From Desk's answers to neutral words (crm_zohodesk.md 5, 6, 11). No I/O."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from patchcord.crm.port import CrmField, Search, User
from patchcord.model.phone import Phone, in_notation_of, same_number
from patchcord.model.records import Record, RecordKind

Row = Mapping[str, Any]

FIELD_TYPES = {
    "text": "string", "textarea": "string", "largetext": "string", "phone": "string", "email": "string", "url": "string",
    "number": "number", "decimal": "number", "currency": "number", "percent": "number", "date": "date",
    "datetime": "datetime", "picklist": "option", "multiselect": "options", "boolean": "boolean", "lookup": "record",
}  # fmt: skip
"""Desk's field types, in small letters, and ours (11)."""


def rows_of(data: Any) -> tuple[Row, ...]:
    """The objects of a list in an answer; whatever else stands there is left out."""
    return tuple(row for row in data if isinstance(row, dict)) if isinstance(data, list) else ()


def text_id(value: Any) -> str | None:
    return None if value in (None, "", 0) else str(value)


def read_time(text: Any) -> datetime | None:
    """A time in UTC (7)."""
    if not isinstance(text, str) or not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


# --- records


def numbers_of(row: Row) -> tuple[str, ...]:
    """The numbers of a contact or ticket."""
    return tuple(value for value in (row.get("phone"), row.get("mobile")) if isinstance(value, str) and value.strip())


def of_number(rows: Iterable[Row], phone: Phone, search: Search) -> tuple[Row, ...]:
    """The rows that really have the number, each once, and in a listed notation if any is listed (O-12)."""
    wanted = {in_notation_of(phone, example) for example in search.formats}
    found: dict[Any, Row] = {}
    for row in rows:
        same = [text for text in numbers_of(row) if same_number(phone, text, search.region)]
        if same and (not wanted or any(text.strip() in wanted for text in same)):
            found.setdefault(row.get("id"), row)
    return tuple(found.values())


def name_of(row: Row) -> str:
    """A contact's two names as one, an account's name, a ticket's subject."""
    if "lastName" in row:
        return " ".join(str(part) for part in (row.get("firstName"), row.get("lastName")) if part)
    return str(row.get("accountName") or row.get("subject") or "")


def contact(row: Row) -> Record:
    return Record(
        kind=RecordKind.CONTACT,
        id=str(row.get("id")),
        owner=text_id(row.get("ownerId")),
        name=name_of(row),
        organization=text_id(row.get("accountId")),
        created_at=read_time(row.get("createdTime")),
        updated_at=read_time(row.get("modifiedTime")),
    )


def accounts(contacts: Iterable[Row]) -> Iterator[Record]:
    """The contacts' accounts, each once. The search tells their ids only."""
    ids = dict.fromkeys(text_id(row.get("accountId")) for row in contacts)
    return (Record(kind=RecordKind.ORGANIZATION, id=key) for key in ids if key)


def ticket(row: Row, account: str | None) -> Record:
    """A ticket; its account is its contact's (7). Open: not of the type `Closed`, whatever the status is called (6)."""
    return Record(
        kind=RecordKind.DEAL,
        id=str(row.get("id")),
        owner=text_id(row.get("assigneeId")),
        open=str(row.get("statusType") or row.get("status")).lower() != "closed",
        name=name_of(row),
        contact=text_id(row.get("contactId")),
        organization=text_id(row.get("accountId")) or account,
        created_at=read_time(row.get("createdTime")),
        updated_at=read_time(row.get("modifiedTime")),
    )


def records_of(contacts: Sequence[Row], tickets: Iterable[Row]) -> tuple[Record, ...]:
    """Contacts, their accounts, and tickets, in the order found."""
    owned = {text_id(row.get("id")): text_id(row.get("accountId")) for row in contacts}
    found = (ticket(row, owned.get(text_id(row.get("contactId")))) for row in tickets)
    return (*(contact(row) for row in contacts), *accounts(contacts), *found)


def custom(row: Row) -> Row | None:
    """A row's custom values, None when the row does not tell them."""
    values = row.get("cf")
    return values if isinstance(values, dict) else {} if "cf" in row else None


def stored_attribution(row: Row, fields: Mapping[str, str]) -> dict[str, str]:
    """What the record holds of the visit."""
    values = {**row, **(custom(row) or {})}
    found = {parameter: values.get(key) for parameter, key in fields.items()}
    return {parameter: str(value) for parameter, value in found.items() if value not in (None, "")}


# --- tasks, users, fields


def is_closed(row: Row, completed: str) -> bool:
    """Whether a task is done: by its status's type, its status or the time it was closed (8)."""
    kind = row.get("statusType")
    return kind == "Closed" if kind else row.get("status") == completed or bool(row.get("completedTime"))


def read_user(row: Row) -> User:
    """An agent (11)."""
    names = (row.get("firstName"), row.get("lastName"))
    return User(
        id=str(row.get("id")),
        name=str(row.get("name") or " ".join(str(name) for name in names if name)),
        email=str(row.get("emailId") or ""),
        active=row.get("status") == "ACTIVE",
        admin=str(row.get("rolePermissionType") or "").lower() == "admin",
    )


def read_field(row: Row, kind: RecordKind) -> CrmField:
    """A field's description; custom ones are named `cf_…` (11)."""
    own, name = str(row.get("type") or ""), str(row.get("apiName") or "")
    return CrmField(
        id=name,
        name=str(row.get("displayLabel") or name),
        kind=kind,
        type=FIELD_TYPES.get(own.lower(), own.lower()),
        custom=row.get("isCustomField") is True or name.startswith("cf_"),
    )


# --- texts


def lines_of(text: Any) -> Iterator[str]:
    """The lines of a text, as it stands and as HTML: comments may come back either way."""
    if isinstance(text, str):
        yield from text.splitlines()
        yield from html.unescape(re.sub(r"<[^>]*>", "\n", text)).splitlines()


def has_marker(text: Any, marker_line: str) -> bool:
    """Whether one of the text's lines is our marker's."""
    return any(" ".join(line.split()) == marker_line for line in lines_of(text))


def has_link(text: Any, link: str) -> bool:
    """Whether the link stands in the text already."""
    return any(link in line.split() for line in lines_of(text))
