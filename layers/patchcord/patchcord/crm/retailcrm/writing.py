"""From neutral words to RetailCRM's bodies (crm_retailcrm.md 7-9). No I/O; raises Rejected for ids that cannot be its."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from patchcord.crm.errors import Rejected
from patchcord.crm.port import Change, Draft, TaskDraft
from patchcord.crm.retailcrm.declaration import DECLARATION, VENDOR, Connection
from patchcord.crm.retailcrm.reading import BUILT_IN
from patchcord.model.phone import Phone, StorageFormat, digits_of, formatted
from patchcord.model.records import RecordKind, Ref

Body = dict[str, Any]

MARKER_WORD = "Patchcord"
"""Stands before the marker, so that a person who reads it knows whose it is."""
DONE_SIGN = "✓"
"""Stands behind the marker of a task that is to be completed by a second request (9)."""
SOURCE = {
    "source": "utm_source",
    "medium": "utm_medium",
    "campaign": "utm_campaign",
    "keyword": "utm_term",
    "content": "utm_content",
}
"""The vendor's own place for the visit's data (7)."""


def is_number(text: str) -> bool:
    """Whether the text can be an id."""
    return text.isascii() and text.isdigit()


def whole(text: str, what: str) -> int:
    """An id as the number it is; raises Rejected when it is none."""
    if not is_number(text):
        raise Rejected(VENDOR, f"write {what}", f"the {what} is not a number")
    return int(text)


def cut(name: str) -> str:
    """The name as long as RetailCRM takes it."""
    return name[: DECLARATION.name_length]


def first(refs: Iterable[Ref], kind: RecordKind) -> str | None:
    """The id of the first of a kind."""
    return next((ref.id for ref in refs if ref.kind is kind), None)


def search_term(phone: Phone, notation: str) -> str:
    """The number as it is put into the search (6.2)."""
    if notation == "significant":
        return phone.national
    text = formatted(phone, StorageFormat(notation))
    return digits_of(text) if notation == "digits" else text


def _filled(body: Mapping[str, Any]) -> Body:
    return {name: value for name, value in body.items() if value not in (None, "", {}, [])}


def _number(text: str | None, what: str) -> int | None:
    return None if text is None else whole(text, what)


# --- records


def with_marker(draft: Draft, connection: Connection) -> dict[str, str]:
    """The draft's fields, with our marker where the connection names a field for it (13)."""
    code = connection.marker_fields.get(draft.kind)
    return {**draft.fields, **({code: draft.marker} if code else {})}


def record_body(draft: Draft, links: Sequence[Ref], phone: str | None, fields: Mapping[str, Any], connection: Connection) -> Body:
    """The body that creates a customer or an order; the externalId is our marker unless a field takes it (7, 13)."""
    has_field = draft.kind in connection.marker_fields
    body: Body = {
        "externalId": None if has_field else draft.marker,
        "firstName": cut(draft.name or phone or draft.email or draft.marker),
        "email": draft.email,
        "managerId": _number(draft.owner, "owner"),
        "source": {name: cut(draft.attribution[word]) for name, word in SOURCE.items() if draft.attribution.get(word)},
    }
    own = _order_words(draft, links, phone, connection) if draft.kind is RecordKind.DEAL else _customer_words(draft)
    return _filled({**body, **own, **field_words(draft.kind, fields)})


def _customer_words(draft: Draft) -> Body:
    return {"phones": [{"number": draft.phone}] if draft.phone else None, "addTags": list(draft.tags)}


def _order_words(draft: Draft, links: Sequence[Ref], phone: str | None, connection: Connection) -> Body:
    """Pipeline and stage are the order's method and status."""
    contact = first(links, RecordKind.CONTACT)
    return {
        "phone": phone,
        "customer": {"id": whole(contact, "contact")} if contact else None,
        "orderMethod": draft.pipeline or connection.order_method,
        "status": draft.stage,
    }


def field_words(kind: RecordKind, fields: Mapping[str, Any]) -> Body:
    """Mapped fields: the vendor's own at the root, custom ones by code."""
    own = {name: value for name, value in fields.items() if name in BUILT_IN[kind]}
    return {**own, "customFields": {code: value for code, value in fields.items() if code not in own} or None}


def change_body(kind: RecordKind, change: Change, fields: Mapping[str, Any]) -> Body:
    """The body that changes a record. The source stays: it may hold what somebody else wrote (D-25)."""
    body: Body = {"managerId": _number(change.owner, "owner"), "firstName": cut(change.name) if change.name else None}
    return _filled({**field_words(kind, fields), **_filled(body)})


def typed(value: str, field_type: str, elements: Mapping[str, str]) -> Any:
    """The value as its field takes it: dictionary elements by code, numbers without spaces (7).

    `elements` are codes by label in lower case.
    """
    if field_type == "dictionary":
        return elements.get(value.strip().lower(), value)
    if field_type == "boolean":
        return {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower(), value)
    if field_type in ("integer", "numeric"):
        plain = re.sub(r"\s", "", value).replace(",", ".")
        return plain if re.fullmatch(r"-?\d{1,15}(\.\d{1,10})?", plain) else value
    return value


# --- tasks and notes


def marker_line(marker: str, *, done: bool = False) -> str:
    """The last line of everything we write as text."""
    return " ".join((MARKER_WORD, *marker.split(), *((DONE_SIGN,) if done else ())))


def with_lines(text: str, *lines: str | None) -> str:
    """The text, as long as RetailCRM takes it, and our lines below it."""
    return "\n".join(line for line in (text[: DECLARATION.text_length], *lines) if line)


def task_body(draft: TaskDraft, performer: str, zone: tzinfo | None, connection: Connection) -> Body:
    """A task that is to be done (9). The recording's link stands in the commentary."""
    contact, order = (first(draft.targets, kind) for kind in (RecordKind.CONTACT, RecordKind.DEAL))
    line = marker_line(draft.marker, done=draft.completed)
    return _filled(
        {
            "text": cut(draft.title or draft.marker),
            "commentary": with_lines(draft.text, draft.recording, line),
            "datetime": task_time(draft.due_at, zone) if draft.due_at and zone else None,
            "performerId": whole(performer, "performer"),
            "customer": _filled({"id": whole(contact, "contact"), "site": connection.site}) if contact else None,
            "order": {"id": whole(order, "order")} if order else None,
        }
    )


def task_time(at: datetime, zone: tzinfo) -> str:
    """`Y-m-d H:i` in the account's time (2)."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def note_body(customer: str, text: str, author: str | None = None) -> Body:
    """A customer's note (8)."""
    return _filled({"text": text, "customer": {"id": whole(customer, "contact")}, "managerId": _number(author, "author")})
