"""From neutral words to HubSpot's bodies (crm_hubspot.md 8-11). No I/O; raises Rejected for what cannot be its."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from patchcord.crm.errors import Rejected
from patchcord.crm.hubspot.declaration import DECLARATION, VENDOR
from patchcord.crm.port import CallDraft, Change, Draft, TaskDraft
from patchcord.model.effects import TaskKind
from patchcord.model.events import CallType, Outcome
from patchcord.model.records import RecordKind, Ref

Body = dict[str, Any]
Properties = dict[str, str]

OBJECTS = {
    RecordKind.CONTACT: "contacts", RecordKind.ORGANIZATION: "companies", RecordKind.LEAD: "leads", RecordKind.DEAL: "deals",
}  # fmt: skip
TASKS, CALLS, NOTES = "tasks", "calls", "notes"
BODIES = {TASKS: "hs_task_body", CALLS: "hs_call_body", NOTES: "hs_note_body"}
RECORDING = "hs_call_recording_url"
LINKS: Mapping[str, Mapping[RecordKind, int]] = {
    "contacts": {RecordKind.ORGANIZATION: 279},
    "deals": {RecordKind.CONTACT: 3, RecordKind.ORGANIZATION: 5},
    "leads": {RecordKind.CONTACT: 578, RecordKind.ORGANIZATION: 580},
    TASKS: {RecordKind.CONTACT: 204, RecordKind.ORGANIZATION: 192, RecordKind.DEAL: 216, RecordKind.LEAD: 647},
    CALLS: {RecordKind.CONTACT: 194, RecordKind.ORGANIZATION: 182, RecordKind.DEAL: 206, RecordKind.LEAD: 597},
    NOTES: {RecordKind.CONTACT: 202, RecordKind.ORGANIZATION: 190, RecordKind.DEAL: 214, RecordKind.LEAD: 855},
}
"""The ids of HubSpot's own association types (8)."""
ONE_EACH = frozenset({"contacts", "deals", "leads"})
"""What belongs to one contact and one company; activities hang on any number."""
DIRECTIONS = {CallType.IN: "INBOUND", CallType.OUT: "OUTBOUND"}
STATUSES = {Outcome.ANSWERED: "COMPLETED", Outcome.MISSED: "NO_ANSWER", Outcome.NO_ANSWER: "NO_ANSWER", Outcome.IGNORED: "FAILED"}
CONNECTED, NOT_CONNECTED = "f240bbac-87c9-4f6e-bf70-924b57d47db7", "73a0d17f-1163-4015-bdd5-ec830791da20"
"""The dispositions every account has (10.3)."""

MARKER_WORD = "Patchcord"
"""Stands before the marker, so that a person who reads it knows whose it is."""


def is_number(text: str) -> bool:
    """Whether the text can be an id (1)."""
    return text.isascii() and text.isdigit()


def is_property_name(text: str) -> bool:
    """Whether the text can be a property's internal name."""
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_\-]*", text) is not None


def _owner(text: str | None) -> str | None:
    if text is not None and not is_number(text):
        raise Rejected(VENDOR, "write owner", "the owner is not the id of one", 400)
    return text


def _own(fields: Mapping[str, str]) -> Properties:
    """Properties by name; raises Rejected for a name that no property can have."""
    wrong = next((name for name in fields if not is_property_name(name)), None)
    if wrong is not None:
        raise Rejected(VENDOR, "write property", f"{wrong[:40]} is no name of a property", 400)
    return dict(fields)


def cut(name: str) -> str:
    """The name as long as HubSpot shows it."""
    return name[: DECLARATION.name_length]


def first(refs: Iterable[Ref], kind: RecordKind) -> str | None:
    """The id of the first of a kind."""
    return next((ref.id for ref in refs if ref.kind is kind), None)


def _said(properties: Mapping[str, str | None]) -> Properties:
    return {name: text for name, text in properties.items() if text}


def body_with(properties: Mapping[str, str], object_name: str, targets: Sequence[Ref]) -> Body:
    """A creation: the properties, and the associations inside the same call (8)."""
    body: Body = {"properties": dict(properties)}
    links = [_association(ref.id, LINKS[object_name][ref.kind]) for ref in _linked(object_name, targets)]
    return body | ({"associations": links} if links else {})


def _linked(object_name: str, targets: Sequence[Ref]) -> list[Ref]:
    known = LINKS.get(object_name, {})
    refs = [ref for ref in dict.fromkeys(targets) if ref.kind in known]
    if object_name not in ONE_EACH:
        return refs
    return list({ref.kind: ref for ref in reversed(refs)}.values())[::-1]


def _association(key: str, type_id: int) -> Body:
    if not is_number(key):
        raise Rejected(VENDOR, "write association", "this cannot be the id of a record", 400)
    return {"to": {"id": key}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]}


# --- records


def record_body(draft: Draft, links: Sequence[Ref], own: Mapping[str, str], place: Mapping[str, str]) -> Body:
    """The body that creates the record; `own` are the account's properties, `place` pipeline and stage (8)."""
    if draft.kind is RecordKind.LEAD and first(links, RecordKind.CONTACT) is None:
        raise Rejected(VENDOR, "create lead", "a lead cannot exist without a contact", 400)
    properties = {**_own(own), **named(draft.kind, draft.name or draft.phone or draft.email or draft.marker), **place}
    properties |= _said({"hubspot_owner_id": _owner(draft.owner)})
    if draft.kind in DECLARATION.phone_kinds:
        properties |= _said({"phone": draft.phone, "email": draft.email if draft.kind is RecordKind.CONTACT else None})
    return body_with(properties, OBJECTS[draft.kind], links)


def named(kind: RecordKind, name: str) -> Properties:
    """The properties that hold a name. A person's name is split after its first word, a number is not."""
    short = cut(name)
    if kind is not RecordKind.CONTACT:
        word = {RecordKind.ORGANIZATION: "name", RecordKind.LEAD: "hs_lead_name"}.get(kind, "dealname")
        return {word: short}
    head, _, tail = short.partition(" ")
    whole = not head or not any(char.isalpha() for char in short)
    return {"firstname": short} if whole else {"firstname": head, **_said({"lastname": tail})}


def change_properties(kind: RecordKind, change: Change, own: Mapping[str, str]) -> Properties:
    """The properties of a change, empty when there is none; an empty text clears an old last name."""
    properties = {**_own(own), **_said({"hubspot_owner_id": _owner(change.owner)})}
    if change.name:
        properties |= ({"lastname": ""} if kind is RecordKind.CONTACT else {}) | named(kind, change.name)
    return properties


def typed(text: str, row: Mapping[str, Any]) -> str:
    """The value as its property takes it (12): options by value instead of label, plain numbers, days without a time."""
    options = row.get("options")
    values = {str(option.get("label")).lower(): str(option.get("value")) for option in options or () if isinstance(option, dict)}
    if values:
        parts = text.split(";") if row.get("fieldType") == "checkbox" else [text]
        return ";".join(values.get(part.strip().lower(), part.strip()) for part in parts)
    if row.get("type") == "number":
        return re.sub(r"\s", "", text).replace(",", ".")
    return text[:10] if row.get("type") == "date" and re.match(r"\d{4}-\d\d-\d\d[T ]", text) else text


# --- tasks, calls, notes


def marker_line(marker: str) -> str:
    """The last line of what we write where the account has no property for our marker."""
    return f"{MARKER_WORD} {' '.join(marker.split())}"


def to_html(text: str, recording: str | None, line: str = "") -> str:
    """Plain text as HTML: its paragraphs, the recording as a link, a small last line for the marker (10.1)."""
    parts = [*_paragraphs(text), link_html(recording) if recording else ""]
    return "".join(parts) + (f"<p><small>{html.escape(line)}</small></p>" if line else "")


def _paragraphs(text: str) -> Iterable[str]:
    """The lines, as many as fit; half of an escaped character at the end is left out."""
    room = DECLARATION.text_length
    for line in text.splitlines():
        whole = html.escape(line)
        piece = whole if len(whole) <= room else re.sub(r"&[^;]*$", "", whole[:room])
        room -= len(piece) + len("<p></p>")
        if piece.strip():
            yield f"<p>{piece}</p>"
        if room <= 0:
            return


def link_html(link: str) -> str:
    """A paragraph with the link, which is its own text: a link needs no language."""
    escaped = html.escape(link)
    if not link.startswith(("https://", "http://")):
        return f"<p>{escaped}</p>"
    return f'<p><a href="{escaped}">{escaped}</a></p>'


def time_text(at: datetime) -> str:
    """ISO 8601 in UTC (10.1)."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def task_body(draft: TaskDraft, own: Mapping[str, str]) -> Body:
    """A task; `hs_timestamp` is its deadline and always needed (10.1). `own` holds the marker, or is empty."""
    properties = {
        "hs_timestamp": time_text(draft.due_at or datetime.now(UTC)),
        "hs_task_subject": cut(draft.title or draft.marker),
        "hs_task_body": to_html(draft.text, draft.recording, "" if own else marker_line(draft.marker)),
        "hs_task_status": "COMPLETED" if draft.completed else "NOT_STARTED",
        "hs_task_type": "CALL" if draft.kind is TaskKind.CALLBACK else "TODO",
        "hubspot_owner_id": _owner(draft.assignee),
        **own,
    }
    return body_with(_said(properties), TASKS, draft.targets)


def assignment(user: str) -> Properties:
    """The properties that give a task to an owner."""
    return _said({"hubspot_owner_id": _owner(user)})


def call_body(draft: CallDraft, own: Mapping[str, str], *, linked: bool) -> Body:
    """A call; its owner is who talked (10.3). Not `linked`: the recording stands in the text."""
    incoming = draft.call_type is CallType.IN
    properties = {
        "hs_timestamp": time_text(draft.started_at),
        "hs_call_title": cut(draft.title or draft.marker),
        "hs_call_body": to_html(draft.text, None if linked else draft.recording, "" if own else marker_line(draft.marker)),
        "hs_call_direction": DIRECTIONS.get(draft.call_type),
        "hs_call_status": STATUSES[draft.outcome],
        "hs_call_disposition": CONNECTED if draft.outcome is Outcome.ANSWERED else NOT_CONNECTED,
        "hs_call_duration": str(draft.talk_seconds * 1000) if draft.talk_seconds else None,
        "hs_call_from_number": draft.client if incoming else draft.line,
        "hs_call_to_number": draft.line if incoming else draft.client,
        RECORDING: draft.recording if linked else None,
        "hubspot_owner_id": _owner(draft.author or draft.assignee),
        **own,
    }
    return body_with(_said(properties), CALLS, draft.targets)


def is_playable(link: str | None) -> bool:
    """Whether a call can hold the recording's address: https only (10.3)."""
    return link is not None and re.fullmatch(r"https://\S+", link) is not None


def note_body(text: str, marker: str, targets: Sequence[Ref], own: Mapping[str, str], **more: str | None) -> Body:
    """A note, dated now (11); `recording` and `owner` where it stands for a call."""
    properties = {
        "hs_timestamp": time_text(datetime.now(UTC)),
        "hs_note_body": to_html(text, more.get("recording"), "" if own else marker_line(marker)),
        "hubspot_owner_id": _owner(more.get("owner")),
        **own,
    }
    return body_with(_said(properties), NOTES, targets)
