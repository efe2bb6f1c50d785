"""From Pipedrive's answers to neutral words (crm_pipedrive.md 6, 7, 12, 13). No I/O."""

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
    "varchar": "string", "varchar_auto": "string", "text": "string", "phone": "string", "address": "string",
    "double": "number", "monetary": "number", "int": "number", "date": "date", "daterange": "date", "time": "time",
    "timerange": "time", "enum": "option", "set": "options", "user": "user", "org": "record", "people": "record",
    "boolean": "boolean",
}  # fmt: skip
"""Pipedrive's field types and ours (12)."""


def rows_of(data: Any) -> tuple[Row, ...]:
    """The objects of a list in an answer; whatever else stands there is left out."""
    return tuple(row for row in data if isinstance(row, dict)) if isinstance(data, list) else ()


def text_id(value: Any) -> str | None:
    """An id as text; ids come as numbers, UUIDs, or as an object with an `id`."""
    if isinstance(value, dict):
        value = value.get("id", value.get("value"))
    return None if value in (None, "", 0) else str(value)


def read_time(text: Any) -> datetime | None:
    """RFC 3339 of v2 and leads, or `YYYY-MM-DD HH:MM:SS` of v1; both are UTC (1)."""
    if not isinstance(text, str) or not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


# --- records


def found_items(data: Any, name: str) -> tuple[Row, ...]:
    """The found items below `items` or `related_items` of a search's answer (6.1)."""
    rows = rows_of(data.get(name)) if isinstance(data, dict) else ()
    return tuple(row["item"] for row in rows if isinstance(row.get("item"), dict))


def numbers_of(person: Row) -> tuple[str, ...]:
    """A person's numbers: texts in search answers, objects with a `value` elsewhere (8.2)."""
    numbers = person.get("phones")
    values = [number.get("value") if isinstance(number, dict) else number for number in numbers or ()]
    return tuple(value for value in values if isinstance(value, str))


def persons_of_number(persons: Iterable[Row], phone: Phone, region: str) -> tuple[Row, ...]:
    """The persons that really have the number: the search itself is fuzzy (6.2)."""
    return tuple(person for person in persons if any(same_number(phone, text, region) for text in numbers_of(person)))


def in_listed_formats(persons: Sequence[Row], phone: Phone, search: Search) -> tuple[Row, ...]:
    """Only the persons whose number is stored in one of the listed notations; all of them when none is listed (O-12)."""
    if not search.formats:
        return tuple(persons)
    wanted = {in_notation_of(phone, example) for example in search.formats}
    return tuple(person for person in persons if any(text.strip() in wanted for text in numbers_of(person)))


def records_of(persons: Sequence[Row], related: Iterable[Row]) -> tuple[Record, ...]:
    """Persons, their organisations, and the leads and deals of these persons, in the order found (6.1)."""
    ids = {text_id(person) for person in persons}
    leads_and_deals = [item for item in related if text_id(item.get("person")) in ids]
    return (
        *(_person(person) for person in persons),
        *_organizations(persons),
        *(_primary(item, RecordKind.LEAD) for item in leads_and_deals if item.get("type") == "lead"),
        *(_primary(item, RecordKind.DEAL) for item in leads_and_deals if item.get("type") == "deal"),
    )


def _person(item: Row) -> Record:
    return Record(
        kind=RecordKind.CONTACT,
        id=str(item["id"]),
        owner=text_id(item.get("owner")),
        name=str(item.get("name") or ""),
        organization=text_id(item.get("organization")),
    )


def _organizations(persons: Iterable[Row]) -> Iterator[Record]:
    """The persons' organisations, each once. The search does not tell their owners."""
    organizations = {text_id(person["organization"]): person["organization"] for person in persons if person.get("organization")}
    for key, item in organizations.items():
        if key is not None:
            name = str(item.get("name") or "") if isinstance(item, dict) else ""
            yield Record(kind=RecordKind.ORGANIZATION, id=key, name=name)


def _primary(item: Row, kind: RecordKind) -> Record:
    """A lead or a deal. Open: not archived, and a deal has the status `open` (7)."""
    is_open = not item.get("is_archived") and (kind is RecordKind.LEAD or item.get("status") == "open")
    return Record(
        kind=kind,
        id=str(item["id"]),
        owner=text_id(item.get("owner")),
        open=is_open,
        name=str(item.get("title") or ""),
        contact=text_id(item.get("person")),
        organization=text_id(item.get("organization")),
    )


def stored_attribution(row: Row, fields: Mapping[str, str]) -> dict[str, str]:
    """What the record holds of the visit: custom fields stand inside `custom_fields` (v2) or at the root (leads)."""
    custom = row.get("custom_fields")
    inside: Row = custom if isinstance(custom, dict) else {}
    found = {parameter: _plain(inside.get(key, row.get(key))) for parameter, key in fields.items()}
    return {parameter: value for parameter, value in found.items() if value}


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("value", value.get("id"))
    if isinstance(value, list):
        return ",".join(_plain(item) for item in value)
    return "" if value is None else str(value)


# --- users and fields


def read_user(row: Row) -> User:
    """A user; administrators are those with access to the account's settings (13)."""
    access = rows_of(row.get("access"))
    return User(
        id=str(row["id"]),
        name=str(row.get("name") or ""),
        email=str(row.get("email") or ""),
        active=row.get("active_flag") is True and not row.get("is_deleted"),
        admin=any(item.get("app") == "account_settings" and item.get("admin") is True for item in access),
    )


def read_field(row: Row, kind: RecordKind) -> CrmField:
    """A field's description (12)."""
    own = str(row.get("field_type") or "")
    return CrmField(
        id=str(row.get("field_code") or ""),
        name=str(row.get("field_name") or ""),
        kind=kind,
        type=FIELD_TYPES.get(own, own),
        custom=row.get("is_custom_field") is True,
    )


# --- texts


def text_of(markup: Any) -> str:
    """The text of HTML; every tag ends a line."""
    return html.unescape(re.sub(r"<[^>]*>", "\n", markup)) if isinstance(markup, str) else ""


def has_marker(markup: Any, marker_line: str) -> bool:
    """Whether one of the text's lines is our marker's, whatever the server did to the tags around it."""
    return any(" ".join(line.split()) == marker_line for line in text_of(markup).splitlines())


def has_link(markup: Any, link: str) -> bool:
    """Whether the link stands in the HTML already, in the text or as a target."""
    return isinstance(markup, str) and re.search(re.escape(link) + r"(?=[\"'<\s]|$)", html.unescape(markup)) is not None
