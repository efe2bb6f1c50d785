"""From neutral words to Kommo's bodies (crm_kommo.md 6, 8, 9). No I/O; raises Rejected for ids that cannot be its."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from patchcord.crm.errors import Rejected
from patchcord.crm.kommo.declaration import DECLARATION, FIELD_LENGTH, TRACKING, VENDOR, Card, Connection
from patchcord.crm.port import CallDraft, Change, Draft, TaskDraft
from patchcord.model.events import CallType, Outcome
from patchcord.model.records import RecordKind, Ref

Body = dict[str, Any]
FieldRows = Mapping[RecordKind, Sequence[Mapping[str, Any]]]
"""The custom fields as Kommo describes them, as far as they have been read."""

MARKER_WORD = "Patchcord"
"""Stands before the marker, so that a person who reads it knows whose it is; it is also the source of our calls."""

WORDS = {RecordKind.CONTACT: "contacts", RecordKind.ORGANIZATION: "companies", RecordKind.DEAL: "leads"}
TALKED, NOT_REACHED = 4, 6
"""How a call ended (9)."""
CARDS = {
    Card.CONTACT: (RecordKind.CONTACT, RecordKind.DEAL, RecordKind.ORGANIZATION),
    Card.LEAD: (RecordKind.DEAL, RecordKind.CONTACT, RecordKind.ORGANIZATION),
}


def is_number(text: str) -> bool:
    """Whether the text can be an id."""
    return text.isascii() and text.isdigit() and len(text) < 20


def whole(text: str, what: str) -> int:
    """An id as the number Kommo wants; raises Rejected when it is none."""
    if not is_number(text):
        raise Rejected(VENDOR, f"write {what}", f"the {what} is not a number")
    return int(text)


def _number(text: str | None, what: str) -> int | None:
    return None if text is None else whole(text, what)


def cut(name: str) -> str:
    """The name as long as Kommo takes it."""
    return name[: DECLARATION.name_length]


def _without_none(body: Mapping[str, Any]) -> Body:
    return {name: value for name, value in body.items() if value not in (None, [])}


# --- custom fields (6)


def custom_values(kind: RecordKind, fields: Mapping[str, str], attribution: Mapping[str, str], known: FieldRows) -> list[Body]:
    """The fields a project maps, and a lead's own UTM fields. `known` turns texts into what the fields' types want."""
    rows = {str(row.get(name)): row for row in known.get(kind, ()) for name in ("id", "code") if row.get(name)}
    mapped = {str(rows[key].get("id")) if key in rows else key for key in fields}
    own = _tracking(attribution) if kind is RecordKind.DEAL else {}
    if kind in known:
        own = {code: value for code, value in own.items() if code in rows and str(rows[code].get("id")) not in mapped}
    values = {**{key: typed(value, rows.get(key, {})) for key, value in fields.items() if value}, **own}
    return [
        {**_field_name(key), "values": value if isinstance(value, list) else [{"value": value}]} for key, value in values.items()
    ]


def _tracking(attribution: Mapping[str, str]) -> dict[str, str]:
    return {TRACKING[name]: value[:FIELD_LENGTH] for name, value in attribution.items() if name in TRACKING and value}


def _field_name(key: str) -> Body:
    """A field by its id, or by its code where a project names that."""
    return {"field_id": int(key)} if is_number(key) else {"field_code": key}


def typed(value: str, field: Mapping[str, Any]) -> Any:
    """The value as its field takes it; several choices as a list of values. Without a description it stays a text."""
    match field.get("type"):
        case "numeric" | "price" | "monetary":
            return _as_number(value)
        case "checkbox":
            return value.strip().lower() in ("1", "true", "yes", "on", "+")
        case "date" | "birthday" | "date_time":
            return _as_moment(value)
        case "multiselect":
            return [{"value": part.strip()} for part in value.split(",") if part.strip()]
        case "text" | "url" | "tracking_data":
            return value[:FIELD_LENGTH]
    return value


def _as_number(value: str) -> Any:
    plain = re.sub(r"\s", "", value).replace(",", ".")
    if re.fullmatch(r"-?\d{1,15}", plain):
        return int(plain)
    return float(plain) if re.fullmatch(r"-?\d{1,15}\.\d{1,10}", plain) else value


def _as_moment(value: str) -> Any:
    """Unix seconds (6); what is no date stays as it is."""
    try:
        at = datetime.fromisoformat(value.strip())
    except ValueError:
        return value
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def _with_kind(code: str, value: str | None) -> list[Body]:
    """A number or an e-mail address, of the kind for work."""
    return [{"field_code": code, "values": [{"value": value, "enum_code": "WORK"}]}] if value else []


# --- records (6)


def has_fields(draft: Draft, connection: Connection) -> bool:
    """Whether the draft brings custom values whose types matter."""
    return bool(draft.fields or draft.kind in connection.marker_fields or (draft.kind is RecordKind.DEAL and draft.attribution))


def record_body(draft: Draft, connection: Connection, known: FieldRows) -> Body:
    """The body that creates the record, without its links."""
    marker = connection.marker_fields.get(draft.kind)
    fields = {**draft.fields, **({marker: draft.marker} if marker else {})}
    values = custom_values(draft.kind, fields, draft.attribution, known)
    body: Body = {
        "name": cut(draft.name or draft.phone or draft.email or draft.marker),
        "responsible_user_id": _number(draft.owner, "owner"),
        "created_by": _number(draft.creator, "creator"),
        "tags_to_add": [{"name": cut(tag)} for tag in draft.tags],
    }
    if draft.kind is RecordKind.DEAL:
        body |= {"pipeline_id": _number(draft.pipeline, "pipeline"), "status_id": _number(draft.stage, "stage")}
    else:
        values = [*_with_kind("PHONE", draft.phone), *_with_kind("EMAIL", draft.email), *values]
    return _without_none({**body, "custom_fields_values": values})


def linked_body(draft: Draft, links: Sequence[Ref], connection: Connection, known: FieldRows) -> Body:
    """The same with links to records that exist, as far as a creation can bring them: `unlinked` tells the rest."""
    body = record_body(draft, connection, known)
    inside: Body = {}
    if draft.kind is not RecordKind.ORGANIZATION:
        inside["companies"] = [{"id": key} for key in _ids(links, RecordKind.ORGANIZATION)[:1]]
    if draft.kind is RecordKind.DEAL:
        people = _ids(links, RecordKind.CONTACT)
        inside["contacts"] = [{"id": key, "is_main": place == 0} for place, key in enumerate(people)]
    inside = _without_none(inside)
    return {**body, "_embedded": inside} if inside else body


def unlinked(draft: Draft, links: Sequence[Ref]) -> list[Body]:
    """The links that need a request of their own: of a company all, of a contact those to leads."""
    wanted: Mapping[RecordKind, tuple[RecordKind, ...]] = {
        RecordKind.ORGANIZATION: (RecordKind.CONTACT, RecordKind.DEAL),
        RecordKind.CONTACT: (RecordKind.DEAL,),
    }
    kinds = wanted.get(draft.kind, ())
    return [{"to_entity_id": key, "to_entity_type": WORDS[kind]} for kind in kinds for key in _ids(links, kind)]


def _ids(refs: Iterable[Ref], kind: RecordKind) -> list[int]:
    return list(dict.fromkeys(whole(ref.id, WORDS[kind]) for ref in refs if ref.kind is kind))


@dataclass(frozen=True, slots=True)
class LinkedSet:
    """A lead with what goes along with it in one request: at most one contact and one company, new or existing."""

    lead: Draft
    contact: Draft | Ref | None
    company: Draft | Ref | None

    def body(self, connection: Connection, known: FieldRows) -> Body:
        """The element of `/leads/complex`. Of existing records only the id is sent (16)."""
        inside = {
            name: [{"id": whole(part.id, name)} if isinstance(part, Ref) else record_body(part, connection, known)]
            for name, part in (("contacts", self.contact), ("companies", self.company))
            if part is not None
        }
        return {**record_body(self.lead, connection, known), "_embedded": inside}


def linked_set(drafts: Sequence[Draft]) -> LinkedSet | None:
    """The drafts as one request, None when `/leads/complex` cannot express them (6)."""
    leads = [draft for draft in drafts if draft.kind is RecordKind.DEAL]
    if len(leads) != 1 or len(drafts) == 1 or not _hang_together(drafts):
        return None
    refs = dict.fromkeys(link for draft in drafts for link in draft.links if isinstance(link, Ref))
    parts: dict[RecordKind, list[Draft | Ref]] = {RecordKind.CONTACT: [], RecordKind.ORGANIZATION: [], RecordKind.DEAL: []}
    for draft in drafts:
        parts[draft.kind].append(draft)
    for ref in refs:
        parts[ref.kind].append(ref)
    if any(len(found) > 1 for found in parts.values()):
        return None
    contact, company = (next(iter(parts[kind]), None) for kind in (RecordKind.CONTACT, RecordKind.ORGANIZATION))
    return LinkedSet(leads[0], contact, company)


def _hang_together(drafts: Sequence[Draft]) -> bool:
    """Whether every draft is linked with every other, if only by way of a third."""
    reached = {drafts[0].key}
    for _ in drafts:
        for draft in drafts:
            near = {draft.key, *(link for link in draft.links if isinstance(link, str))}
            reached |= near if near & reached else set()
    return {draft.key for draft in drafts} <= reached


def change_body(kind: RecordKind, change: Change, known: FieldRows) -> Body:
    """The body that changes a record; empty when nothing of the change applies to it."""
    return _without_none(
        {
            "name": cut(change.name) if change.name else None,
            "responsible_user_id": _number(change.owner, "owner"),
            "custom_fields_values": custom_values(kind, change.fields, change.attribution, known),
        }
    )


# --- texts


def marker_line(marker: str) -> str:
    """The last line of everything we write as text."""
    return f"{MARKER_WORD} {' '.join(marker.split())}"


def text_with(lines: Iterable[str | None], *last: str | None) -> str:
    """The lines that are not empty, cut so that the last ones stay whole."""
    end = "\n".join(line for line in last if line)
    head = "\n".join(line for line in lines if line)
    room = DECLARATION.text_length - len(end) - 1
    return "\n".join(part for part in (head[:room].rstrip(), end) if part)


# --- tasks, calls, notes (8, 9)


def card(targets: Sequence[Ref], connection: Connection) -> Ref | None:
    """What a task or note hangs on: one card only."""
    order = CARDS[connection.card]
    return min((ref for ref in targets if ref.kind in order), key=lambda ref: order.index(ref.kind), default=None)


def task_body(draft: TaskDraft, connection: Connection, now: datetime) -> Body:
    """A task. A completed one is due now and has the recording for its result; an open one carries it in its text."""
    on = card(draft.targets, connection)
    in_text = None if draft.completed else draft.recording
    return _without_none(
        {
            "text": text_with((cut(draft.title), draft.text), in_text, marker_line(draft.marker)),
            "complete_till": int((draft.due_at or now).timestamp()),
            "task_type_id": connection.task_type,
            "responsible_user_id": _number(draft.assignee, "assignee"),
            "entity_id": whole(on.id, "card") if on else None,
            "entity_type": WORDS[on.kind] if on else None,
            "is_completed": True if draft.completed else None,
            "result": {"text": draft.recording} if draft.completed and draft.recording else None,
        }
    )


def text_note(text: str, marker: str, recording: str | None = None) -> Body:
    """A note with a text."""
    return {"note_type": "common", "params": {"text": text_with((text,), recording, marker_line(marker))}}


def _call_parameters(draft: CallDraft) -> Body:
    """What `/calls` and a call's note have in common. `uniq` is our marker (12)."""
    return _without_none(
        {
            "uniq": draft.marker,
            "duration": max(draft.talk_seconds, 0),
            "source": MARKER_WORD,
            "link": draft.recording,
            "phone": draft.client,
            "call_result": text_with((cut(draft.title), draft.text)),
            "call_status": TALKED if draft.outcome is Outcome.ANSWERED else NOT_REACHED,
            "call_responsible": _number(draft.author, "author"),
        }
    )


def _people_and_time(draft: CallDraft) -> Body:
    return _without_none(
        {
            "responsible_user_id": _number(draft.assignee or draft.author, "assignee"),
            "created_by": _number(draft.author, "author"),
            "created_at": int(draft.started_at.timestamp()),
        }
    )


def call_body(draft: CallDraft) -> Body:
    """A call whose card Kommo finds itself."""
    direction = "outbound" if draft.call_type is CallType.OUT else "inbound"
    return {"direction": direction, **_call_parameters(draft), **_people_and_time(draft)}


def call_note(draft: CallDraft) -> Body:
    """A call on a card of our choice."""
    note_type = "call_out" if draft.call_type is CallType.OUT else "call_in"
    return {"note_type": note_type, "params": _call_parameters(draft), **_people_and_time(draft)}
