"""From Kommo's answers to neutral words (crm_kommo.md 4, 5, 6, 8, 9, 10). No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from patchcord.crm.kommo.declaration import CLOSED
from patchcord.crm.port import CrmField, Search, User
from patchcord.model.phone import Phone, in_notation_of, same_number
from patchcord.model.records import Record, RecordKind

Row = Mapping[str, Any]

FIELD_TYPES = {
    "text": "string", "textarea": "string", "url": "string", "tracking_data": "string", "multitext": "string",
    "streetaddress": "string", "smart_address": "string", "legal_entity": "string", "category": "string",
    "numeric": "number", "price": "number", "monetary": "number", "checkbox": "boolean", "select": "option",
    "radiobutton": "option", "multiselect": "options", "date": "date", "birthday": "date", "date_time": "datetime",
    "linked_entity": "record", "chained_list": "option",
}  # fmt: skip
"""Kommo's field types and ours (6)."""


def rows_of(data: Any) -> tuple[Row, ...]:
    """The objects of a list in an answer; whatever else stands there is left out."""
    return tuple(row for row in data if isinstance(row, dict)) if isinstance(data, list) else ()


def text_id(value: Any) -> str | None:
    """An id as text; 0 is the robot (3), so it is nobody."""
    return None if value in (None, "", 0) else str(value)


def read_time(value: Any) -> datetime | None:
    """Unix seconds (3)."""
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 100_000_000_000
    return datetime.fromtimestamp(value, UTC) if is_number else None


def embedded(row: Row, name: str) -> tuple[Row, ...]:
    """The records that stand inside a record (5)."""
    inside = row.get("_embedded")
    return rows_of(inside.get(name)) if isinstance(inside, dict) else ()


def ids_of(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(key for row in rows if (key := text_id(row.get("id"))) is not None)


# --- records


def values_of(row: Row, key: str) -> tuple[str, ...]:
    """The values of a custom field, by its id or its code."""
    for field in rows_of(row.get("custom_fields_values")):
        if key in (str(field.get("field_id")), field.get("field_code")):
            values = (entry.get("value") for entry in rows_of(field.get("values")))
            return tuple(str(value) for value in values if value not in (None, ""))
    return ()


def carriers(rows: Iterable[Row], phone: Phone, region: str) -> tuple[Row, ...]:
    """The contacts or companies that really have the number: the search looks into everything (5)."""
    return tuple(row for row in rows if any(same_number(phone, text, region) for text in values_of(row, "PHONE")))


def in_listed_formats(rows: Sequence[Row], phone: Phone, search: Search) -> tuple[Row, ...]:
    """Only those whose number is stored in one of the listed notations; all of them when none is listed (O-12)."""
    if not search.formats:
        return tuple(rows)
    wanted = {in_notation_of(phone, example) for example in search.formats}
    return tuple(row for row in rows if any(text.strip() in wanted for text in values_of(row, "PHONE")))


def is_open(row: Row, incoming: frozenset[int]) -> bool:
    """Neither won nor lost nor deleted, and not still waiting among the incoming ones (4)."""
    return row.get("status_id") not in CLOSED | incoming and row.get("is_deleted") is not True


def records_of(
    contacts: Sequence[Row], companies: Sequence[Row], leads: Sequence[Row], search: Search, incoming: frozenset[int]
) -> tuple[Record, ...]:
    """Contacts, companies (found by themselves or with a contact), and the leads of both, in the order found."""
    known = ids_of(contacts)
    read = _reader(search.attribution)
    return (
        *(read(row, RecordKind.CONTACT, organization=_first(embedded(row, "companies"))) for row in contacts),
        *_companies(contacts, companies, read),
        *(
            read(
                row,
                RecordKind.DEAL,
                is_open=is_open(row, incoming),
                contact=_contact_of(row, known),
                organization=_first(embedded(row, "companies")),
            )
            for row in leads
        ),
    )


def _reader(attribution: Mapping[RecordKind, Mapping[str, str]]) -> Callable[..., Record]:
    """Makes a record of a row, with what it holds of the visit where that is wanted of its kind."""

    def read(
        row: Row, kind: RecordKind, *, is_open: bool = True, contact: str | None = None, organization: str | None = None
    ) -> Record:
        return Record(
            kind=kind,
            id=str(row.get("id")),
            owner=text_id(row.get("responsible_user_id")),
            open=is_open,
            name=str(row.get("name") or ""),
            contact=contact,
            organization=organization,
            created_at=read_time(row.get("created_at")),
            updated_at=read_time(row.get("updated_at")),
            attribution=stored_attribution(row, attribution[kind]) if attribution.get(kind) else None,
        )

    return read


def _companies(contacts: Iterable[Row], companies: Sequence[Row], read: Callable[..., Record]) -> Iterator[Record]:
    """The companies found by number, and by id alone those that the contacts name."""
    yield from (read(row, RecordKind.ORGANIZATION) for row in companies)
    named = dict.fromkeys(key for contact in contacts for key in ids_of(embedded(contact, "companies")))
    for key in named:
        if key not in ids_of(companies):
            yield Record(kind=RecordKind.ORGANIZATION, id=key)


def _first(rows: Sequence[Row]) -> str | None:
    return next(iter(ids_of(rows)), None)


def _contact_of(lead: Row, known: Sequence[str]) -> str | None:
    """The lead's contact that carries the number, else its main one."""
    people = embedded(lead, "contacts")
    main = ids_of(row for row in people if row.get("is_main") is True)
    return next((key for key in ids_of(people) if key in known), None) or next(iter(main), None) or _first(people)


def stored_attribution(row: Row, fields: Mapping[str, str]) -> dict[str, str]:
    """What the record holds of the visit, by parameter."""
    found = {parameter: ",".join(values_of(row, key)) for parameter, key in fields.items()}
    return {parameter: value for parameter, value in found.items() if value}


# --- users and fields


def read_user(row: Row) -> User:
    """A user; free ones cannot work in the account, so they count as inactive (10)."""
    rights = row.get("rights")
    given: Row = rights if isinstance(rights, dict) else {}
    return User(
        id=str(row.get("id")),
        name=str(row.get("name") or ""),
        email=str(row.get("email") or ""),
        active=given.get("is_active") is True and given.get("is_free") is not True,
        admin=given.get("is_admin") is True,
    )


def read_field(row: Row, kind: RecordKind) -> CrmField:
    """A field's description (6). Those with a code belong to Kommo itself."""
    own = str(row.get("type") or "")
    return CrmField(
        id=str(row.get("id")),
        name=str(row.get("name") or ""),
        kind=kind,
        type=FIELD_TYPES.get(own, own),
        custom=not row.get("code"),
    )


# --- texts


def task_texts(row: Row) -> tuple[str, str]:
    """A task's text and its result's; an open task has an empty list for a result (8)."""
    result = row.get("result")
    return str(row.get("text") or ""), str(result.get("text") or "") if isinstance(result, dict) else ""


def parameters_of(note: Row) -> dict[str, Any]:
    """A note's parameters."""
    params = note.get("params")
    return dict(params) if isinstance(params, dict) else {}


def has_marker(text: Any, line: str) -> bool:
    """Whether one of the text's lines is our marker's."""
    return isinstance(text, str) and any(" ".join(own.split()) == line for own in text.splitlines())


def has_link(text: str, link: str) -> bool:
    """Whether the link stands in the text already, whole."""
    return re.search(rf"(?<!\S){re.escape(link)}(?!\S)", text) is not None
