"""From RetailCRM's answers to neutral words (crm_retailcrm.md 4-9, 11). No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from patchcord.crm.errors import Transient
from patchcord.crm.port import CrmField, Search, User
from patchcord.crm.retailcrm.declaration import VENDOR
from patchcord.model.phone import Phone, in_notation_of, same_number
from patchcord.model.records import Record, RecordKind
from patchcord.wire import Answer

Row = Mapping[str, Any]

FIELD_TYPES = {"text": "string", "email": "string", "integer": "number", "numeric": "number", "dictionary": "option"}
"""RetailCRM's types of fields and ours; the others have the same name (7)."""
BUILT_IN = {
    RecordKind.CONTACT: ("firstName", "lastName", "patronymic", "email"),
    RecordKind.DEAL: ("firstName", "lastName", "patronymic", "email", "additionalPhone", "customerComment"),
}
"""Texts of the vendor's own that can be mapped like custom fields."""


def part(answer: Answer, name: str, shape: type, operation: str) -> Any:
    """A part of an answer by its name; raises Transient when it is not of its shape. An empty map arrives as `[]` (4)."""
    found = answer.json.get(name) if isinstance(answer.json, dict) else None
    if shape is dict and found == []:
        return {}
    if not isinstance(found, shape):
        raise Transient(VENDOR, operation, "the answer has an unknown shape")
    return found


def rows_of(data: Any) -> tuple[Row, ...]:
    """The objects of a list in an answer; whatever else stands there is left out."""
    return tuple(row for row in data if isinstance(row, dict)) if isinstance(data, list) else ()


def inner(row: Row, name: str) -> Row:
    """An object within a row, empty when there is none."""
    found = row.get(name)
    return found if isinstance(found, dict) else {}


def text_id(value: Any) -> str | None:
    return None if value in (None, "", 0) or isinstance(value, dict | list) else str(value)


def has_next_page(answer: Answer) -> bool:
    """Whether the list goes on (4)."""
    paging = inner(answer.json, "pagination") if isinstance(answer.json, dict) else {}
    place, last = paging.get("currentPage"), paging.get("totalPageCount")
    return isinstance(place, int) and isinstance(last, int) and place < last


# --- times


def zone_of(name: str) -> tzinfo | None:
    """The time zone of that name, None when there is none."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def read_time(text: Any, zone: tzinfo) -> datetime | None:
    """`Y-m-d H:i:s` of the account's zone as UTC (2)."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


# --- look-up


def numbers_of(row: Row) -> tuple[str, ...]:
    """The numbers of a customer, or of an order itself (6.2)."""
    values = [row.get("phone"), row.get("additionalPhone"), *(entry.get("number") for entry in rows_of(row.get("phones")))]
    return tuple(value for value in values if isinstance(value, str))


def of_number(rows: Iterable[Row], phone: Phone, search: Search) -> tuple[Row, ...]:
    """The rows that really have the number, in a listed notation where some are listed (O-12): the search is fuzzy (6.2)."""
    if search.formats:
        wanted = {in_notation_of(phone, example) for example in search.formats}
        return tuple(row for row in rows if any(text.strip() in wanted for text in numbers_of(row)))
    return tuple(row for row in rows if any(same_number(phone, text, search.region) for text in numbers_of(row)))


def orders_of(orders: Sequence[Row], customers: Sequence[Row], phone: Phone, search: Search) -> tuple[Row, ...]:
    """The orders with the number, and those of the customers that have it."""
    ids = {text_id(customer.get("id")) for customer in customers} - {None}
    own = {id(row) for row in of_number(orders, phone, search)}
    return tuple(row for row in orders if id(row) in own or contact_of(row) in ids)


def name_of(row: Row) -> str:
    """A person's name, else the order's number."""
    parts = [row.get(name) for name in ("firstName", "patronymic", "lastName")]
    return " ".join(part for part in parts if isinstance(part, str) and part) or str(row.get("number") or "")


def customer(row: Row, search: Search, zone: tzinfo) -> Record:
    return Record(
        kind=RecordKind.CONTACT,
        id=str(row["id"]),
        owner=text_id(row.get("managerId")),
        name=name_of(row),
        created_at=read_time(row.get("createdAt"), zone),
        attribution=_visit(row, search.attribution.get(RecordKind.CONTACT)),
    )


def order(row: Row, search: Search, zone: tzinfo, is_open: Callable[[str], bool]) -> Record:
    """An order; its status tells whether it is open (5)."""
    created = read_time(row.get("createdAt"), zone)
    return Record(
        kind=RecordKind.DEAL,
        id=str(row["id"]),
        owner=text_id(row.get("managerId")),
        open=is_open(str(row.get("status") or "")),
        name=name_of(row),
        contact=contact_of(row),
        created_at=created,
        updated_at=read_time(row.get("statusUpdatedAt"), zone) or created,
        attribution=_visit(row, search.attribution.get(RecordKind.DEAL)),
    )


def contact_of(order: Row) -> str | None:
    """The person who ordered; a corporate customer's order names him apart (7)."""
    corporate = inner(order, "customer").get("type") == "customer_corporate"
    return text_id(inner(order, "contact" if corporate else "customer").get("id"))


def _visit(row: Row, wanted: Mapping[str, str] | None) -> dict[str, str] | None:
    """What the row holds of the visit in the wanted fields, None when none is wanted."""
    if not wanted:
        return None
    found = {parameter: str(value) for parameter, code in wanted.items() if (value := field_value(row, code)) not in (None, "")}
    return {parameter: value for parameter, value in found.items() if value}


def field_value(row: Row, code: str) -> Any:
    """The value of a custom field, or of one of the vendor's own."""
    return inner(row, "customFields").get(code, row.get(code))


# --- tasks


def performer_of(task: Row) -> str | None:
    """The user who has the task, None for a group of users (9)."""
    is_user = task.get("performerType", "user") == "user"
    return text_id(task.get("performer", task.get("performerId"))) if is_user else None


# --- users and fields


def read_user(row: Row) -> User:
    """A user (11)."""
    return User(
        id=str(row.get("id")),
        name=name_of(row),
        email=str(row.get("email") or ""),
        active=row.get("active") is True,
        admin=row.get("isAdmin") is True,
    )


def read_field(row: Row, kind: RecordKind) -> CrmField:
    """A custom field's description (7)."""
    own = str(row.get("type") or "")
    return CrmField(str(row.get("code") or ""), str(row.get("name") or ""), kind, FIELD_TYPES.get(own, own), custom=True)


def built_in_fields(kind: RecordKind) -> tuple[CrmField, ...]:
    return tuple(CrmField(name, name, kind, "string", custom=False) for name in BUILT_IN[kind])


# --- texts


def has_line(text: Any, *lines: str) -> bool:
    """Whether one of the lines stands in the text, whatever spaces are around it."""
    return isinstance(text, str) and any(" ".join(line.split()) in lines for line in text.splitlines())
