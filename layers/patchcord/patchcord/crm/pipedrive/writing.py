"""From neutral words to Pipedrive's bodies (crm_pipedrive.md 8-11). No I/O; raises Rejected for ids that cannot be its."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from patchcord.crm.errors import Rejected
from patchcord.crm.pipedrive.declaration import DECLARATION, VENDOR, Connection
from patchcord.crm.port import CallDraft, Change, Draft, TaskDraft
from patchcord.model.effects import TaskKind
from patchcord.model.records import RecordKind, Ref

Body = dict[str, Any]

MARKER_WORD = "Patchcord"
"""Stands before the marker, so that a person who reads it knows whose it is."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CALLED_ABOUT = frozenset({TaskKind.CALL_LOG, TaskKind.ACQUAINT})


def is_number(text: str) -> bool:
    """Whether the text can be an id of v2."""
    return text.isascii() and text.isdigit()


def is_lead_id(text: str) -> bool:
    """Whether the text can be a lead's id, a UUID."""
    return _UUID.fullmatch(text) is not None


def whole(text: str, what: str) -> int:
    """An id as the number v2 insists on (1); raises Rejected when it is none."""
    if not is_number(text):
        raise Rejected(VENDOR, f"write {what}", f"the {what} is not a number")
    return int(text)


def lead_id(text: str) -> str:
    """A lead's id, a UUID; raises Rejected when it is none."""
    if not is_lead_id(text):
        raise Rejected(VENDOR, "write lead", "the lead's id is not a UUID")
    return text


def cut(name: str) -> str:
    """The name as long as Pipedrive takes it."""
    return name[: DECLARATION.name_length]


def first(refs: Iterable[Ref], kind: RecordKind) -> str | None:
    """The id of the first of a kind."""
    return next((ref.id for ref in refs if ref.kind is kind), None)


def _without_none(body: Mapping[str, Any]) -> Body:
    return {name: value for name, value in body.items() if value is not None}


def _number(text: str | None, what: str) -> int | None:
    return None if text is None else whole(text, what)


# --- records


def marker_fields(draft: Draft, connection: Connection) -> dict[str, str]:
    """The custom field that takes the marker, where the connection names one; leads have `origin_id` (15)."""
    key = connection.marker_fields.get(draft.kind)
    return {key: draft.marker} if key and draft.kind is not RecordKind.LEAD else {}


def record_body(draft: Draft, links: Sequence[Ref], custom: Mapping[str, Any]) -> Body:
    """The body that creates the record: links by id, custom fields where this kind has them (8)."""
    if draft.kind is RecordKind.LEAD:
        return _lead_body(draft, links, custom)
    body: Body = {"owner_id": _number(draft.owner, "owner"), "custom_fields": dict(custom) or None}
    body["label_ids"] = [int(tag) for tag in draft.tags if is_number(tag)] or None
    if draft.kind is RecordKind.DEAL:
        body |= _deal_words(draft, links)
    else:
        body["name"] = cut(draft.name or draft.phone or draft.email or draft.marker)
    if draft.kind is RecordKind.CONTACT:
        body |= _person_words(draft, links)
    return _without_none(body)


def _person_words(draft: Draft, links: Sequence[Ref]) -> Body:
    return {
        "org_id": _number(first(links, RecordKind.ORGANIZATION), "organization"),
        "phones": [{"value": draft.phone, "primary": True, "label": "mobile"}] if draft.phone else None,
        "emails": [{"value": draft.email, "primary": True, "label": "work"}] if draft.email else None,
    }


def _deal_words(draft: Draft, links: Sequence[Ref]) -> Body:
    return {
        "title": cut(draft.name or draft.marker),
        "person_id": _number(first(links, RecordKind.CONTACT), "contact"),
        "org_id": _number(first(links, RecordKind.ORGANIZATION), "organization"),
        "pipeline_id": _number(draft.pipeline, "pipeline"),
        "stage_id": _number(draft.stage, "stage"),
    }


def _lead_body(draft: Draft, links: Sequence[Ref], custom: Mapping[str, Any]) -> Body:
    """A lead: v1, custom fields of deals at the root, our marker as `origin_id` (8.3)."""
    return _without_none(
        {
            **custom,
            "title": cut(draft.name or draft.marker),
            "owner_id": _number(draft.owner, "owner"),
            "person_id": _number(first(links, RecordKind.CONTACT), "contact"),
            "organization_id": _number(first(links, RecordKind.ORGANIZATION), "organization"),
            "origin_id": draft.marker,
            "channel_id": channel(draft.attribution),
            "label_ids": [tag for tag in draft.tags if is_lead_id(tag)] or None,
        }
    )


def channel(attribution: Mapping[str, str]) -> str | None:
    """`source / medium`: the free text of a lead's channel (8.3)."""
    parts = [attribution.get(name, "") for name in ("utm_source", "utm_medium")]
    return cut(" / ".join(part for part in parts if part)) or None


def change_body(kind: RecordKind, change: Change, custom: Mapping[str, Any]) -> Body:
    """The body that changes a record; empty when nothing of the change applies to it."""
    name = "title" if kind in (RecordKind.LEAD, RecordKind.DEAL) else "name"
    body: Body = {"owner_id": _number(change.owner, "owner"), name: cut(change.name) if change.name else None}
    if kind is RecordKind.LEAD:
        # the channel stays: it may hold what somebody else wrote, and the look-up does not tell (D-25)
        return _without_none({**custom, **body})
    return _without_none({**body, "custom_fields": dict(custom) or None})


# --- custom fields


def typed(value: str, field_type: str, options: Mapping[str, int]) -> Any:
    """The value as its field takes it: numbers as numbers, options by id (12). `options` are ids by label in lower case."""
    if field_type == "set":
        return [_option(part.strip(), options) for part in value.split(",") if part.strip()]
    if field_type in ("enum", "user", "org", "people"):
        return _option(value.strip(), options)
    if field_type in ("double", "monetary", "int"):
        return _as_number(value)
    return value


def _option(text: str, options: Mapping[str, int]) -> Any:
    found = options.get(text.lower())
    if found is not None:
        return found
    return int(text) if is_number(text) else text


def _as_number(text: str) -> Any:
    plain = re.sub(r"\s", "", text).replace(",", ".")
    if re.fullmatch(r"-?\d{1,15}", plain):
        return int(plain)
    return float(plain) if re.fullmatch(r"-?\d{1,15}\.\d{1,10}", plain) else text


# --- tasks, calls, notes


def marker_line(marker: str) -> str:
    """The last line of everything we write as text."""
    return f"{MARKER_WORD} {' '.join(marker.split())}"


def note_html(text: str, marker: str, recording: str | None = None) -> str:
    """Plain text as HTML: its paragraphs, the recording as a link, the marker as a small last line (10.1)."""
    lines = text[: DECLARATION.text_length].splitlines()
    paragraphs = [f"<p>{html.escape(line)}</p>" for line in lines if line.strip()]
    if recording:
        paragraphs.append(link_html(recording))
    return "".join([*paragraphs, f"<p><small>{html.escape(marker_line(marker))}</small></p>"])


def link_html(link: str) -> str:
    """A paragraph with the link, which is its own text: a link needs no language."""
    escaped = html.escape(link)
    if not link.startswith(("https://", "http://")):
        return f"<p>{escaped}</p>"
    return f'<p><a href="{escaped}">{escaped}</a></p>'


def activity_targets(targets: Sequence[Ref]) -> Body:
    """What an activity is attached to: one lead or deal, one organisation, persons as participants (9, 10.1)."""
    persons = dict.fromkeys(whole(ref.id, "contact") for ref in targets if ref.kind is RecordKind.CONTACT)
    people = [{"person_id": person, "primary": number == 0} for number, person in enumerate(persons)]
    return _without_none(
        {
            **_one_primary(targets),
            "org_id": _number(first(targets, RecordKind.ORGANIZATION), "organization"),
            "participants": people or None,
        }
    )


def note_targets(targets: Sequence[Ref]) -> Body:
    """What a note is attached to (11)."""
    return _without_none(
        {
            **_one_primary(targets),
            "person_id": _number(first(targets, RecordKind.CONTACT), "contact"),
            "org_id": _number(first(targets, RecordKind.ORGANIZATION), "organization"),
        }
    )


def _one_primary(targets: Sequence[Ref]) -> Body:
    """The first lead or deal: Pipedrive takes one or the other."""
    primary = next((ref for ref in targets if ref.kind in (RecordKind.LEAD, RecordKind.DEAL)), None)
    if primary is None:
        return {}
    if primary.kind is RecordKind.LEAD:
        return {"lead_id": lead_id(primary.id)}
    return {"deal_id": whole(primary.id, "deal")}


def task_body(draft: TaskDraft, connection: Connection) -> Body:
    """An activity for a task; completed ones about a call are of the type for calls (10.1, 10.2)."""
    is_call = draft.completed and draft.kind in _CALLED_ABOUT
    return _without_none(
        {
            "subject": cut(draft.title or draft.marker),
            "type": connection.activity_call if is_call else connection.activity_task,
            "owner_id": _number(draft.assignee, "assignee"),
            **activity_targets(draft.targets),
            **(_due(draft.due_at) if draft.due_at else {}),
            "done": draft.completed,
            "note": note_html(draft.text, draft.marker, draft.recording),
        }
    )


def call_body(draft: CallDraft, connection: Connection) -> Body:
    """A completed activity of the type for calls, at the time of the call (10.2)."""
    return _without_none(
        {
            "subject": cut(draft.title or draft.marker),
            "type": connection.activity_call,
            "owner_id": _number(draft.assignee or draft.author, "assignee"),
            **activity_targets(draft.targets),
            **_due(draft.started_at),
            "duration": _duration(draft.talk_seconds) if draft.talk_seconds else None,
            "done": True,
            "note": note_html(draft.text, draft.marker, draft.recording),
        }
    )


def _due(at: datetime) -> Body:
    """Date and time in UTC (10.1)."""
    utc = at.astimezone(UTC)
    return {"due_date": f"{utc:%Y-%m-%d}", "due_time": f"{utc:%H:%M}"}


def _duration(seconds: int) -> str:
    """`HH:MM`, a begun minute counts."""
    minutes = -(-seconds // 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
