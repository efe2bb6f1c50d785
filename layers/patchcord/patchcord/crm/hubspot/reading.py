"""From HubSpot's answers to neutral words (crm_hubspot.md 5-7, 12, 13). No I/O."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from patchcord.crm.errors import Transient
from patchcord.crm.hubspot.declaration import VENDOR
from patchcord.crm.port import CrmField, Search, User
from patchcord.model.phone import Phone, in_notation_of, same_number
from patchcord.model.records import Record, RecordKind
from patchcord.wire import Answer

Row = Mapping[str, Any]

NAMES = {
    RecordKind.CONTACT: ("firstname", "lastname"), RecordKind.ORGANIZATION: ("name",), RecordKind.LEAD: ("hs_lead_name",),
    RecordKind.DEAL: ("dealname",),
}  # fmt: skip
NUMBERS = {RecordKind.CONTACT: ("phone", "mobilephone"), RecordKind.ORGANIZATION: ("phone",)}
"""The properties that hold a number as it was typed (6.1)."""
STATES = {
    RecordKind.CONTACT: ("associatedcompanyid",),
    RecordKind.LEAD: ("hs_pipeline_stage",),
    RecordKind.DEAL: ("hs_is_closed",),
}
FIELD_TYPES = {
    "string": "string", "phone_number": "string", "number": "number", "date": "date", "datetime": "datetime", "bool": "boolean",
    "enumeration": "option",
}  # fmt: skip
"""HubSpot's property types and ours (12)."""


def properties_of(kind: RecordKind) -> tuple[str, ...]:
    """What is wanted of a record in a look-up."""
    return (*NAMES[kind], *NUMBERS.get(kind, ()), "hubspot_owner_id", *STATES.get(kind, ()))


# --- answers


def results_of(answer: Answer, operation: str) -> tuple[Row, ...]:
    """`results` of an answer; raises Transient when it is not of the shape the vendor documents."""
    body = answer.json
    results = body.get("results") if isinstance(body, dict) else None
    if not isinstance(results, list):
        raise Transient(VENDOR, operation, "the answer has an unknown shape")
    return tuple(row for row in results if isinstance(row, dict))


def id_of(answer: Answer, operation: str) -> str:
    """The id of what was created; without one it is not known whether it was."""
    key = answer.json.get("id") if isinstance(answer.json, dict) else None
    if not key:
        raise Transient(VENDOR, operation, "the answer holds no id")
    return str(key)


def next_page(answer: Answer) -> str | None:
    """The opaque cursor of the next page (5)."""
    paging = answer.json.get("paging") if isinstance(answer.json, dict) else None
    following = paging.get("next") if isinstance(paging, dict) else None
    return str(following["after"]) if isinstance(following, dict) and following.get("after") else None


def value(row: Row, name: str) -> str:
    """A property's value; what is not there is empty."""
    properties = row.get("properties")
    found = properties.get(name) if isinstance(properties, dict) else None
    return "" if found is None else str(found)


def read_time(text: Any) -> datetime | None:
    """ISO 8601 of an answer, in UTC."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at.astimezone(UTC) if at is not None and at.tzinfo else at.replace(tzinfo=UTC) if at else None


# --- records


def name_of(row: Row, kind: RecordKind) -> str:
    """The record's name; a contact's is first and last name."""
    return " ".join(part for part in (value(row, name) for name in NAMES[kind]) if part)


def of_number(rows: Iterable[Row], kind: RecordKind, phone: Phone, search: Search) -> tuple[Row, ...]:
    """The rows that really have the number: the filters take too many on purpose (6.2); with listed notations only those."""
    wanted = listed(phone, search)
    numbers = NUMBERS[kind]
    if wanted:
        return tuple(row for row in rows if any(value(row, name).strip() in wanted for name in numbers))
    return tuple(row for row in rows if any(same_number(phone, value(row, name), search.region) for name in numbers))


def listed(phone: Phone, search: Search) -> tuple[str, ...]:
    """The number in the listed notations, none when none is listed (O-12)."""
    return tuple(dict.fromkeys(in_notation_of(phone, example) for example in search.formats))


def record(row: Row, kind: RecordKind, search: Search, *, closed_stages: frozenset[str], **links: str | None) -> Record:
    """A record found. Open: a lead in none of the closed stages, a deal that is not closed (7)."""
    wanted = search.attribution.get(kind)
    return Record(
        kind=kind,
        id=str(row.get("id")),
        owner=value(row, "hubspot_owner_id") or None,
        open=value(row, "hs_is_closed") != "true" and value(row, "hs_pipeline_stage") not in closed_stages,
        name=name_of(row, kind),
        contact=links.get("contact"),
        organization=value(row, "associatedcompanyid") or links.get("organization"),
        created_at=read_time(row.get("createdAt")),
        updated_at=read_time(row.get("updatedAt")),
        attribution=None if wanted is None else attribution(row, wanted),
    )


def attribution(row: Row, fields: Mapping[str, str]) -> dict[str, str]:
    """What the record holds of the visit."""
    found = {parameter: value(row, name) for parameter, name in fields.items()}
    return {parameter: text for parameter, text in found.items() if text}


def companies_of(contacts: Sequence[Record], known: Iterable[Record]) -> tuple[Record, ...]:
    """The companies that the contacts belong to, each once, but for those that are known already."""
    found = {record.id for record in known}
    ids = dict.fromkeys(record.organization for record in contacts)
    return tuple(Record(kind=RecordKind.ORGANIZATION, id=key) for key in ids if key and key not in found)


# --- owners and properties


def read_user(row: Row) -> User:
    """An owner: its `id` is what records name (8.5). HubSpot does not tell who is an administrator (13)."""
    names = (str(row.get(part) or "") for part in ("firstName", "lastName"))
    name = " ".join(part for part in names if part)
    return User(id=str(row.get("id")), name=name, email=str(row.get("email") or ""), active=row.get("archived") is not True)


def read_field(row: Row, kind: RecordKind) -> CrmField:
    """A property's description (12)."""
    own = str(row.get("type") or "")
    several = own == "enumeration" and row.get("fieldType") == "checkbox"
    return CrmField(
        id=str(row.get("name") or ""),
        name=str(row.get("label") or row.get("name") or ""),
        kind=kind,
        type="options" if several else FIELD_TYPES.get(own, own),
        custom=row.get("hubspotDefined") is not True,
    )


def is_read_only(row: Row) -> bool:
    """Whether HubSpot computes the property or keeps it to itself (12)."""
    meta = row.get("modificationMetadata")
    return row.get("calculated") is True or (isinstance(meta, dict) and meta.get("readOnlyValue") is True)


# --- texts


def text_of(markup: str) -> str:
    """The text of HTML; every tag ends a line."""
    return html.unescape(re.sub(r"<[^>]*>", "\n", markup))


def has_marker(markup: str, marker_line: str) -> bool:
    """Whether one of the text's lines is our marker's, whatever the server did to the tags around it."""
    return any(" ".join(line.split()) == marker_line for line in text_of(markup).splitlines())


def has_link(markup: str, link: str) -> bool:
    """Whether the link stands in the HTML already, in the text or as a target."""
    return re.search(re.escape(link) + r"(?=[\"'<\s]|$)", html.unescape(markup)) is not None
