"""From Altegio's answers to neutral words (crm_altegio.md 3, 4, 7, 9). No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from patchcord.crm.port import CrmField, Search, User
from patchcord.model.phone import Phone, digits_of, in_notation_of, same_number
from patchcord.model.records import Record, RecordKind

Row = Mapping[str, Any]

FIELD_TYPES = {"text": "string", "number": "number", "list": "options", "date": "date", "datetime": "time"}
"""Altegio's types of custom fields and ours (9)."""
BUILT_IN = {
    "name": ("Name", "string"), "surname": ("Surname", "string"), "phone": ("Phone", "string"), "email": ("Email", "string"),
    "comment": ("Comment", "string"), "card": ("Card", "string"), "birth_date": ("Birthday", "date"),
}  # fmt: skip
"""The fields of every client (5)."""
SHORTEST = 9
"""Fewer digits are no number that Altegio takes (4)."""


def rows_of(data: Any) -> tuple[Row, ...]:
    """The objects of a list in an answer; whatever else stands there is left out."""
    return tuple(row for row in data if isinstance(row, dict)) if isinstance(data, list) else ()


def is_set(flag: Any) -> bool:
    """A flag: true, 1 or "1" (3)."""
    return flag in (True, 1, "1")


# --- clients


def number_of(row: Row) -> str:
    """A client's number: text, or an integer in older answers (3)."""
    value = row.get("phone")
    return "" if value is None else str(value)


def is_hidden(row: Row) -> bool:
    """Whether the number is kept from us (2)."""
    number = number_of(row)
    return "*" in number or not digits_of(number)


def of_number(rows: Sequence[Row], phone: Phone, search: Search) -> tuple[Row, ...]:
    """The clients of the number; with listed notations, those stored in one of them (O-12)."""
    same = tuple(row for row in rows if same_number(phone, number_of(row), search.region))
    if not search.formats:
        return same
    wanted = {in_notation_of(phone, example) for example in search.formats}
    return tuple(row for row in same if wanted & _written(row))


def _written(row: Row) -> set[str]:
    """How the number is stored; an integer has lost its plus sign."""
    number = number_of(row).strip()
    return {number} if isinstance(row.get("phone"), str) else {number, f"+{number}"}


def read_client(row: Row, attribution: Mapping[str, str] | None = None) -> Record:
    """A client: always open, of nobody, of no organization (1)."""
    return Record(kind=RecordKind.CONTACT, id=str(row["id"]), name=str(row.get("name") or ""), attribution=attribution)


def custom_fields(row: Row) -> dict[str, Any]:
    """The custom fields by code; none come as a list (3)."""
    values = row.get("custom_fields")
    return dict(values) if isinstance(values, dict) else {}


def stored_attribution(row: Row, fields: Mapping[str, str]) -> dict[str, str]:
    """What the client holds of the visit, by parameter."""
    values = custom_fields(row)
    found = {parameter: _plain(values.get(code)) for parameter, code in fields.items()}
    return {parameter: value for parameter, value in found.items() if value}


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(_plain(item) for item in value)
    return "" if value is None else str(value)


# --- users and fields


def read_user(row: Row) -> User:
    """A user of the location; one that is not approved was invited only (9)."""
    return User(
        id=str(row["id"]),
        name=str(row.get("name") or ""),
        email=str(row.get("email") or ""),
        active=is_set(row.get("is_approved")),
        admin=is_set(row.get("is_non_deletable")),
    )


def built_in_fields() -> tuple[CrmField, ...]:
    kind = RecordKind.CONTACT
    return tuple(CrmField(id=key, name=name, kind=kind, type=sort, custom=False) for key, (name, sort) in BUILT_IN.items())


def described(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The descriptions of custom fields, which stand one level down (9)."""
    return tuple(row["custom_field"] for row in rows if isinstance(row.get("custom_field"), dict))


def type_of(row: Row) -> str:
    """The vendor's word for a custom field's type."""
    sort = row.get("type")
    return str(sort.get("code") or "") if isinstance(sort, dict) else str(sort or "")


def read_field(row: Row) -> CrmField:
    sort = type_of(row)
    return CrmField(
        id=str(row.get("code") or ""),
        name=str(row.get("title") or ""),
        kind=RecordKind.CONTACT,
        type=FIELD_TYPES.get(sort, sort),
        custom=True,
    )


# --- texts


def has_marker(text: Any, marker_line: str) -> bool:
    """Whether one of the text's lines is our marker's."""
    return isinstance(text, str) and any(" ".join(line.split()) == marker_line for line in text.splitlines())


def has_link(text: Any, link: str) -> bool:
    """Whether the link stands in the text already."""
    return isinstance(text, str) and re.search(re.escape(link) + r"(?=\s|$)", text) is not None
