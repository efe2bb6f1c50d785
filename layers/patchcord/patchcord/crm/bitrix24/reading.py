"""From Bitrix24's answers to neutral words (crm_bitrix24.md 5, 7, 9, 11). No I/O."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from patchcord.crm.port import CrmField, Search, User
from patchcord.model.phone import Phone, in_notation_of, same_number
from patchcord.model.records import Record, RecordKind

Row = Mapping[str, Any]

FIELD_TYPES = {
    "string": "string", "text": "string", "char": "string", "url": "string", "address": "string", "integer": "number",
    "double": "number", "money": "number", "date": "date", "datetime": "date", "boolean": "boolean", "user": "user",
    "employee": "user", "enumeration": "option", "crm_status": "option", "crm_category": "option",
}  # fmt: skip
"""Bitrix24's field types and ours (7)."""
CLOSED_LEAD_STAGES = ("CONVERTED", "JUNK")
OPEN = "P"
_TAGS = re.compile(r"<[^>]*>|\[/?(?:p|b|i|u|s|size|color|url)(?:=[^\]]*)?\]", re.I)
COMPLETED_TASK = frozenset({"4", "5"})
"""A task that is done, and one whose maker has yet to say so (9)."""


def text_id(value: Any) -> str | None:
    """An id as text; ids come as numbers or texts, 0 is none."""
    return None if value in (None, "", 0, "0") or isinstance(value, list | dict | bool) else str(value)


def is_yes(value: Any) -> bool:
    """Y, 1 and true."""
    return value is True or str(value).upper() in ("Y", "1", "TRUE")


def read_time(text: Any) -> datetime | None:
    """ISO 8601 with the portal's offset."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at.astimezone(UTC) if at is not None and at.tzinfo else None


# --- records


def numbers_of(row: Row) -> tuple[str, ...] | None:
    """The phone numbers of an item, None when the answer does not tell them (7)."""
    entries = row.get("fm")
    if isinstance(entries, dict):
        entries = list(entries.values())
    if not isinstance(entries, list):
        return None
    phones = (entry for entry in entries if isinstance(entry, dict) and entry.get("typeId") == "PHONE")
    return tuple(str(entry.get("value") or "") for entry in phones)


def is_of_number(row: Row, phone: Phone, search: Search) -> bool:
    """Whether the item really has the number, in one of the listed notations if some are listed (O-11, O-12)."""
    numbers = numbers_of(row)
    if not numbers:
        # a lead with a contact may show no number of its own; the portal found it by one, but nobody knows in which notation
        return not search.formats
    if search.formats:
        wanted = {in_notation_of(phone, example) for example in search.formats}
        return any(number.strip() in wanted for number in numbers)
    return any(same_number(phone, number, search.region) for number in numbers)


def read_record(kind: RecordKind, row: Row, wanted: Mapping[str, str] | None) -> Record:
    """An item as a record; `wanted` are the fields whose values are asked for, by parameter."""
    return Record(
        kind=kind,
        id=str(row["id"]),
        owner=text_id(row.get("assignedById")),
        open=is_open(kind, row),
        name=_name(row),
        contact=text_id(row.get("contactId")),
        organization=text_id(row.get("companyId")),
        created_at=read_time(row.get("createdTime")),
        updated_at=read_time(row.get("updatedTime")),
        attribution=None if wanted is None else stored(row, wanted),
    )


def is_open(kind: RecordKind, row: Row) -> bool:
    """Leads and deals are open while their stage is neither a success nor a failure (5)."""
    if kind not in (RecordKind.LEAD, RecordKind.DEAL):
        return True
    semantics = row.get("stageSemanticId")
    if semantics:
        return bool(semantics == OPEN)
    if kind is RecordKind.DEAL:
        return not is_yes(row.get("closed"))
    return row.get("stageId") not in CLOSED_LEAD_STAGES


def _name(row: Row) -> str:
    person = " ".join(str(row[part]) for part in ("name", "secondName", "lastName") if row.get(part))
    return str(row.get("title") or person)


def stored(row: Row, wanted: Mapping[str, str]) -> dict[str, str]:
    """What the item holds of the visit."""
    found = {parameter: _plain(row.get(field)) for parameter, field in wanted.items()}
    return {parameter: value for parameter, value in found.items() if value}


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(_plain(one) for one in value)
    return "" if value is None or isinstance(value, dict) else str(value)


# --- users and fields


def read_user(row: Row, administrator: str | None) -> User:
    """A user; of administrators only the own user is known (11)."""
    name = " ".join(str(row[part]) for part in ("NAME", "LAST_NAME") if row.get(part))
    key = str(row["ID"])
    email = str(row.get("EMAIL") or "")
    return User(id=key, name=name or email, email=email, active=is_yes(row.get("ACTIVE")), admin=key == administrator)


def is_own_field(field: str) -> bool:
    """Whether a field is of the portal's own."""
    return field.startswith(("UF_CRM_", "ufCrm"))


def read_field(field: str, row: Row, kind: RecordKind) -> CrmField:
    """A field's description (7)."""
    own = str(row.get("type") or "")
    name = str(row.get("title") or row.get("formLabel") or row.get("listLabel") or field)
    return CrmField(id=field, name=name, kind=kind, type=FIELD_TYPES.get(own, own), custom=is_own_field(field))


# --- texts


def has_line(text: Any, line: str) -> bool:
    """Whether one of the text's lines is this one, whatever tags the portal has put around it."""
    if not isinstance(text, str):
        return False
    return any(" ".join(one.split()) == line for one in _TAGS.sub("\n", html.unescape(text)).splitlines())


def has_link(text: Any, link: str) -> bool:
    """Whether the whole link stands in the text already, as a word or within tags."""
    return isinstance(text, str) and re.search(re.escape(link) + r"(?=[\s\[\]<\"']|$)", html.unescape(text)) is not None


def first_of(rows: Sequence[Row], text: str, line: str) -> str | None:
    """The id of the first row whose text has the line."""
    return next((text_id(row.get("ID")) for row in rows if has_line(row.get(text), line)), None)
