"""From Creatio's answers to neutral words (crm_creatio.md 4-6, 11). No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

from patchcord.crm.creatio.declaration import NOBODY, Connection
from patchcord.crm.port import CrmField, Search, User
from patchcord.model.phone import Phone, in_notation_of, same_number
from patchcord.model.records import Record, RecordKind

Row = Mapping[str, Any]

FIELD_TYPES = {
    "String": "string", "Guid": "record", "DateTimeOffset": "date", "Date": "date", "Boolean": "boolean", "Int16": "number",
    "Int32": "number", "Int64": "number", "Decimal": "number", "Double": "number", "Stream": "file",
}  # fmt: skip


def rows_of(data: Any) -> tuple[Row, ...]:
    """The objects of a list; whatever else stands there is left out."""
    return tuple(row for row in data if isinstance(row, dict)) if isinstance(data, list) else ()


def row_in(row: Row, name: str) -> Row:
    """A lookup's record within a row; an empty one where there is none."""
    inner = row.get(name)
    return inner if isinstance(inner, dict) else {}


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def key_of(value: Any) -> str | None:
    """An id, None for an empty lookup (4)."""
    key = text(value).lower()
    return key if key and key != NOBODY else None


def read_time(value: Any) -> datetime | None:
    """`2026-09-01T10:00:05.28Z`; an empty date is in the year 1 (4)."""
    try:
        at = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return at.astimezone(UTC) if at.year > 1 and at.tzinfo else None


# --- what was found


def is_of_number(numbers: Iterable[str], phone: Phone, search: Search) -> bool:
    """Whether one of the texts is the number, in one of the listed notations if there are any (O-12)."""
    stored = [number for number in numbers if same_number(phone, number, search.region)]
    if not search.formats:
        return bool(stored)
    wanted = {in_notation_of(phone, example) for example in search.formats}
    return any(number.strip() in wanted for number in stored)


def holders(rows: Iterable[Row], owner: str, phone: Phone, search: Search) -> dict[str, Row]:
    """Whose communication rows these are: contacts or accounts by id, each once."""
    found: dict[str, Row] = {}
    for row in rows:
        key = key_of(row.get(f"{owner}Id"))
        if key and is_of_number([text(row.get("Number"))], phone, search):
            found.setdefault(key, {**row_in(row, owner), "Id": key})
    return found


def leads_of_number(rows: Iterable[Row], phone: Phone, search: Search) -> Iterator[Row]:
    numbers = ("MobilePhone", "BusinesPhone")
    return (row for row in rows if is_of_number([text(row.get(name)) for name in numbers], phone, search))


def _record(row: Row, kind: RecordKind, name: str, **more: Any) -> Record:
    return Record(
        kind=kind,
        id=str(row.get("Id")).lower(),
        owner=key_of(row.get("OwnerId")) or key_of(row.get("SalesOwnerId")),
        name=text(row.get(name)),
        created_at=read_time(row.get("CreatedOn")),
        updated_at=read_time(row.get("ModifiedOn")),
        **more,
    )


def contact(row: Row) -> Record:
    return _record(row, RecordKind.CONTACT, "Name", organization=key_of(row.get("AccountId")))


def organization(row: Row) -> Record:
    return _record(row, RecordKind.ORGANIZATION, "Name")


def lead(row: Row) -> Record:
    """A lead is open while its status is not final (6)."""
    is_open = row_in(row, "QualifyStatus").get("IsFinal") is not True
    links = {"contact": key_of(row.get("QualifiedContactId")), "organization": key_of(row.get("QualifiedAccountId"))}
    return _record(row, RecordKind.LEAD, "LeadName", open=is_open, **links)


def deal(row: Row) -> Record:
    """An opportunity is open while its stage is no end (6)."""
    is_open = row_in(row, "Stage").get("End") is not True
    links = {"contact": key_of(row.get("ContactId")), "organization": key_of(row.get("AccountId"))}
    return _record(row, RecordKind.DEAL, "Title", open=is_open, **links)


def joined_deal(row: Row) -> Record:
    """An opportunity by one of those who take part; only open ones are asked for (5.3)."""
    inner: Row = {**row_in(row, "Opportunity"), "Id": row.get("OpportunityId")}
    return deal({**inner, "ContactId": key_of(inner.get("ContactId")) or row.get("ContactId")})


def once(records: Iterable[Record]) -> tuple[Record, ...]:
    return tuple({record.ref: record for record in records}.values())


def stored_attribution(row: Row, fields: Mapping[str, str]) -> dict[str, str]:
    """What the record holds of the visit."""
    found = {parameter: row.get(name) for parameter, name in fields.items()}
    return {parameter: str(value) for parameter, value in found.items() if value not in (None, "", NOBODY)}


def has_link(stored: str, link: str) -> bool:
    """Whether the link stands in the text already."""
    return re.search(re.escape(link) + r"(?=\s|$)", stored) is not None


# --- users and columns


def read_user(row: Row, connection: Connection) -> User:
    """A user by his contact, which is what owner columns hold (7, 11)."""
    person = row_in(row, "Contact")
    return User(
        id=key_of(row.get("ContactId")) or "",
        name=text(person.get("Name")) or text(row.get("Name")),
        email=text(row.get("Email")) or text(person.get("Email")),
        active=row.get("Active") is True,
        admin=key_of(row.get("ParentRoleId")) == connection.ids["administrators"],
    )


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the model: its type without `Edm.`, and the entity a lookup leads to."""

    type: str
    refers: str = ""


Model = Mapping[str, Mapping[str, Column]]


def read_model(xml: str, entities: Iterable[str]) -> Model:
    """The columns of these entities from `$metadata` (11). Raises ValueError for what is no XML."""
    try:
        root = ElementTree.fromstring(xml)  # noqa: S314 - from the customer's own CRM, behind our sign-in
    except ElementTree.ParseError:
        raise ValueError("the metadata are no XML") from None
    types = (node for node in root.iter() if _tag(node) == "EntityType")
    return {node.get("Name", ""): _columns(node) for node in types if node.get("Name") in set(entities)}


def _tag(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2]


def _columns(node: ElementTree.Element) -> dict[str, Column]:
    """A lookup `X` is the column `XId` and the link `X` (4)."""
    links = {one.get("Name", ""): one.get("Type", "").rpartition(".")[2] for one in node if _tag(one) == "NavigationProperty"}
    plain = {one.get("Name", ""): one.get("Type", "").removeprefix("Edm.") for one in node if _tag(one) == "Property"}
    return {name: Column(sort, links.get(name.removesuffix("Id"), "") if sort == "Guid" else "") for name, sort in plain.items()}


def read_field(name: str, column: Column, kind: RecordKind, connection: Connection) -> CrmField:
    """A column; the model has no labels, so its own name without the prefix stands for one."""
    custom = name.startswith(connection.prefix)
    shown = (name.removesuffix("Id") if column.refers else name).removeprefix(connection.prefix)
    sort = FIELD_TYPES.get(column.type, column.type.lower())
    if column.refers:
        sort = "user" if column.refers == "Contact" and name in ("OwnerId", "SalesOwnerId") else "option"
    return CrmField(id=name, name=shown or name, kind=kind, type=sort, custom=custom)
