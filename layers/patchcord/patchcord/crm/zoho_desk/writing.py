"""From neutral words to Desk's bodies (crm_zohodesk.md 5, 7-10). No I/O; raises Rejected for what Desk cannot take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from patchcord.crm.errors import Rejected
from patchcord.crm.port import CallDraft, Change, Draft, TaskDraft
from patchcord.crm.zoho_desk.declaration import DECLARATION, VENDOR, Connection
from patchcord.model.events import CallType, Outcome
from patchcord.model.phone import Phone, StorageFormat, digits_of, formatted, notations
from patchcord.model.records import RecordKind, Ref

Body = dict[str, Any]

CONTACT, ORGANIZATION, DEAL = RecordKind.CONTACT, RecordKind.ORGANIZATION, RecordKind.DEAL
MARKER_WORD = "Patchcord"
"""Stands before the marker, so that a person who reads it knows whose it is."""
LENGTHS = {CONTACT: 100, ORGANIZATION: 255, DEAL: 255}
"""Characters of a last name, an account's name and a ticket's subject (7)."""
NAMES = {CONTACT: "lastName", ORGANIZATION: "accountName", DEAL: "subject"}
OWNERS = {CONTACT: "ownerId", ORGANIZATION: "ownerId", DEAL: "assigneeId"}
"""Who is responsible: a ticket's assignee, the owner of the others (6)."""
NATIVE = {
    CONTACT: frozenset({"mobile", "type", "title", "description"}),
    ORGANIZATION: frozenset({"website", "description"}),
    DEAL: frozenset({"priority", "channel", "category", "classification", "description"}),
}
"""Desk's own fields that a project may fill besides custom ones (7)."""
ACTIVITY_SUBJECT, COMMENT, RECORDING_URL = 300, 32_000, 2_500
MOST_VALUES = 30
_API_NAME = re.compile(r"cf_\w+", re.ASCII)


# --- texts and ids


def is_number(text: str) -> bool:
    """Whether the text can be an id: digits, more than a JavaScript number holds."""
    return text.isascii() and text.isdigit() and len(text) <= 25


def whole(text: str, what: str) -> str:
    """An id; raises Rejected when it is none."""
    if not is_number(text):
        raise Rejected(VENDOR, f"write {what}", f"the {what} is not a number")
    return text


def _id(text: str | None, what: str) -> str | None:
    return None if text is None else whole(text, what)


def cut(text: str, length: int) -> str:
    """The text as long as Desk takes it, counted as its server counts: an emoji is two."""
    return text.encode("utf-16-le", "ignore")[: 2 * length].decode("utf-16-le", "ignore")


def cut_name(kind: RecordKind, name: str) -> str:
    return cut(name, LENGTHS[kind])


def first(refs: Iterable[Ref], kind: RecordKind) -> str | None:
    """The id of the first of a kind."""
    return next((ref.id for ref in refs if ref.kind is kind), None)


def _without_none(body: Mapping[str, Any]) -> Body:
    return {name: value for name, value in body.items() if value is not None}


# --- look-up (5)


def searched(phone: Phone) -> str:
    """The values to search a number by: its notations, and wildcards for its end in any grouping."""
    return ",".join(dict.fromkeys([*notations(phone), *_endings(phone)][:MOST_VALUES]))


def plainly_searched(phone: Phone) -> str:
    """The values whose form is documented (5): with plus sign, without, and as at home."""
    return ",".join(
        dict.fromkeys((phone.e164, phone.digits, digits_of(formatted(phone, StorageFormat.NATIONAL)), phone.national))
    )


def _endings(phone: Phone) -> list[str]:
    """The last seven digits, as people group them; whoever else ends so is sorted out on our side."""
    tail = phone.national[-7:]
    groups = ((tail[:3], tail[3:]), (tail[:3], tail[3:5], tail[5:]))
    return [f"*{tail}", *(f"*{sign.join(parts)}" for parts in groups for sign in "- .")]


# --- records (7)


def fields_of(kind: RecordKind, fields: Mapping[str, str], connection: Connection) -> Body:
    """Custom fields inside `cf` by api name, Desk's own beside it; raises Rejected for others."""
    unknown = [name for name in fields if not _API_NAME.fullmatch(name) and name not in NATIVE[kind]]
    if unknown:
        raise Rejected(VENDOR, "write fields", f"a {DECLARATION.kinds[kind]} has no field {unknown[0]}", 422)
    own = {name: cut(value, connection.field_length) for name, value in fields.items() if _API_NAME.fullmatch(name)}
    native = {name: value for name, value in fields.items() if name not in own}
    return {**native, "cf": own} if own else native


def record_body(draft: Draft, links: Sequence[Ref], phone: str | None, connection: Connection) -> Body:
    """The body that creates the record. `phone` is its own or, for a ticket, that of the contact made with it."""
    marker = connection.marker_fields.get(draft.kind)
    body = fields_of(draft.kind, {**draft.fields, **({marker: draft.marker} if marker else {})}, connection)
    name = draft.name or phone or draft.email or draft.marker
    body |= {NAMES[draft.kind]: cut_name(draft.kind, name), "phone": phone, "email": draft.email or None}
    body[OWNERS[draft.kind]] = _id(draft.owner, "owner")
    if draft.kind is CONTACT:
        body["accountId"] = _id(first(links, ORGANIZATION), "account")
    if draft.kind is DEAL:
        body = {**_ticket_words(draft, links, phone, connection), **body}
    return _without_none(body)


def _ticket_words(draft: Draft, links: Sequence[Ref], phone: str | None, connection: Connection) -> Body:
    """Department (our pipeline), status (our stage), contact: without one Desk makes it of a name (7)."""
    contact = _id(first(links, CONTACT), "contact")
    inline = {"lastName": cut_name(CONTACT, phone or draft.name or draft.marker)}
    return {
        "departmentId": whole(draft.pipeline or connection.department, "department"),
        "status": draft.stage or None,
        "channel": connection.channel or None,
        "contactId": contact,
        "contact": None if contact else inline,
    }


def change_body(kind: RecordKind, change: Change, connection: Connection) -> Body:
    """The body that changes a record; empty when nothing of the change applies to it."""
    body = fields_of(kind, change.fields, connection)
    body[OWNERS[kind]] = _id(change.owner, "owner")
    if change.name:
        body[NAMES[kind]] = cut_name(kind, change.name)
        if kind is CONTACT:
            body["firstName"] = ""  # the whole name stands in the last one
    return _without_none(body)


def typed(values: Mapping[str, Any], types: Mapping[str, str]) -> Body:
    """Custom values with numbers where their fields are numbers."""
    return {name: _number(value) if types.get(name) == "number" else value for name, value in values.items()}


def _number(value: Any) -> Any:
    plain = re.sub(r"\s", "", str(value)).replace(",", ".")
    if re.fullmatch(r"-?\d{1,15}", plain):
        return int(plain)
    return float(plain) if re.fullmatch(r"-?\d{1,15}\.\d{1,10}", plain) else value


# --- tasks, calls, comments (8-10)


def marker_line(marker: str) -> str:
    """The last line of everything we write as text."""
    return f"{MARKER_WORD} {' '.join(marker.split())}"


def description(text: str, marker: str, *more: str | None, length: int = DECLARATION.text_length) -> str:
    """Plain text: what happened, links, and the marker as a line of its own."""
    tail = "\n".join([*(line for line in more if line), marker_line(marker)])
    return f"{cut(text, length - len(tail) - 1)}\n{tail}".lstrip()


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def attached(targets: Sequence[Ref]) -> Body:
    """One contact and one ticket; accounts have no link (8)."""
    return _without_none({"contactId": _id(first(targets, CONTACT), "contact"), "ticketId": _id(first(targets, DEAL), "ticket")})


def unattached(targets: Sequence[Ref]) -> tuple[Ref, ...]:
    """The targets that a task cannot hang on: further ones, and an account that stands alone."""
    held = {Ref(kind, key) for kind in (CONTACT, DEAL) if (key := first(targets, kind))}
    left = dict.fromkeys(ref for ref in targets if ref not in held)
    return tuple(ref for ref in left if ref.kind is not ORGANIZATION or not held)


def task_body(draft: TaskDraft, links: Sequence[str], connection: Connection) -> Body:
    """A task; `links` are addresses of records it should hang on and cannot (8)."""
    return _without_none(
        {
            "departmentId": whole(draft.board or connection.department, "department"),
            "subject": cut(draft.title or draft.marker, DECLARATION.name_length),
            **attached(draft.targets),
            "ownerId": _id(draft.assignee, "assignee"),
            "dueDate": _time(draft.due_at) if draft.due_at else None,
            "status": connection.task_completed if draft.completed else None,
            "description": description(draft.text, draft.marker, draft.recording, *links),
        }
    )


def call_body(draft: CallDraft, contact: str, links: Sequence[str], connection: Connection) -> Body:
    """A call, which always has a contact (9). A link that is no address stands in the text."""
    recording = draft.recording if is_address(draft.recording) else None
    text = description(draft.text, draft.marker, None if recording else draft.recording, *links)
    return _without_none(
        {
            "departmentId": connection.department,
            "subject": cut(draft.title or draft.marker, ACTIVITY_SUBJECT),
            **attached(draft.targets),
            "contactId": whole(contact, "contact"),
            "ownerId": _id(draft.assignee or draft.author, "assignee"),
            "direction": "outbound" if draft.call_type is CallType.OUT else "inbound",
            "status": "Completed" if draft.outcome is Outcome.ANSWERED else "Missed",
            "startTime": _time(draft.started_at),
            "duration": draft.talk_seconds,
            "recordingUrl": recording,
            "description": text,
        }
    )


def is_address(link: str | None) -> bool:
    """Whether the link can stand in a call's own field for it."""
    return bool(link) and str(link).startswith(("https://", "http://")) and len(str(link)) <= RECORDING_URL


def comment_body(content: str) -> Body:
    """A comment that customers never see (10)."""
    return {"content": content, "isPublic": False, "contentType": "plainText"}
