"""From neutral words to Bitrix24's parameters (crm_bitrix24.md 7-10). No I/O; raises Rejected for what cannot be its."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from patchcord.crm.bitrix24.declaration import DECLARATION, NAME_OF_PERSON, VENDOR, Connection
from patchcord.crm.bitrix24.rest import Command, Earlier, Row, rows_of
from patchcord.crm.errors import Gone, Rejected
from patchcord.crm.port import CallDraft, Change, Draft, TaskDraft
from patchcord.model.events import CallType, Outcome
from patchcord.model.records import RecordKind, Ref

Fields = dict[str, Any]

ENTITIES = {RecordKind.LEAD: 1, RecordKind.DEAL: 2, RecordKind.CONTACT: 3, RecordKind.ORGANIZATION: 4}
"""entityTypeId (5)."""
CODES = {RecordKind.LEAD: "L", RecordKind.DEAL: "D", RecordKind.CONTACT: "C", RecordKind.ORGANIZATION: "CO"}
"""In a task's UF_CRM_TASK (9)."""
ORIGINATOR = "patchcord"
"""Whose `originId` it is (13)."""
MARKER_WORD = "Patchcord"
"""Stands before the marker in texts, so that a person who reads it knows whose it is."""
NATIVE_UTM = {
    "utm_source": "utmSource", "utm_medium": "utmMedium", "utm_campaign": "utmCampaign", "utm_content": "utmContent",
    "utm_term": "utmTerm",
}  # fmt: skip
_FIELD = re.compile(r"[a-z][A-Za-z0-9]{1,60}|UF_CRM_\w{1,60}")
"""What can be a field: one that every portal has, or one of the portal's own."""
CREATION_ORDER = (RecordKind.ORGANIZATION, RecordKind.CONTACT, RecordKind.LEAD, RecordKind.DEAL)
PRIMARY_FIRST = (RecordKind.LEAD, RecordKind.DEAL, RecordKind.CONTACT, RecordKind.ORGANIZATION)
PARTNERS = (RecordKind.CONTACT, RecordKind.LEAD, RecordKind.ORGANIZATION, RecordKind.DEAL)
"""Whom a call was with: a deal only when there is nobody else."""
CALL_ACTIVITY, INCOMING, OUTGOING, PLAIN = 2, 1, 2, 1
TELEPHONY_OUT, TELEPHONY_IN = 1, 2
WITHOUT_DEADLINE = timedelta(days=1)
"""A to-do needs a deadline (9); this is for those that have none."""

_TAG = re.compile(
    r"\[(?=/?(?:b|i|u|s|p|url|img|user|quote|code|color|size|font|list|left|right|center|table|tr|td|th|disk|video)\b)", re.I
)
_INVISIBLE = "\u2060"


def whole(text: str, what: str) -> int:
    """An id as a number; raises Rejected when it is none."""
    if not (text.isascii() and text.isdigit()):
        raise Rejected(VENDOR, f"write {what}", f"the {what} is not a number", 400)
    return int(text)


def existing(text: str) -> int:
    """The id of something that is there already; raises Gone when it cannot be one."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise Gone(VENDOR, "read an object", "this cannot be its id")
    return int(text)


def _number(text: str | None, what: str) -> int | None:
    return None if text is None else whole(text, what)


def cut(name: str, kind: RecordKind | None = None) -> str:
    """The name as long as Bitrix24 takes it."""
    return name[: NAME_OF_PERSON if kind is RecordKind.CONTACT else DECLARATION.name_length]


def _given(fields: Mapping[str, Any]) -> Fields:
    return {name: value for name, value in fields.items() if value not in (None, "", [])}


def name_field(kind: RecordKind) -> str:
    return "name" if kind is RecordKind.CONTACT else "title"


# --- records (7)


def in_creation_order(drafts: Sequence[Draft]) -> list[Draft]:
    return sorted(drafts, key=lambda draft: CREATION_ORDER.index(draft.kind))


Link = int | Earlier


def item_fields(draft: Draft, links: Mapping[RecordKind, Link], connection: Connection) -> Fields:
    """The fields of a new item, without the mapped ones."""
    name = draft.name or draft.phone or draft.email or draft.marker
    return _given(
        {
            name_field(draft.kind): cut(name, draft.kind),
            "assignedById": _number(draft.owner, "owner"),
            "originatorId": ORIGINATOR,
            "originId": draft.marker,
            **_native(draft, connection),
            **_links(draft.kind, links),
            **visit(draft.attribution),
        }
    )


def _native(draft: Draft, connection: Connection) -> Fields:
    """What only some of the kinds have."""
    fields: Fields = {}
    if draft.kind is not RecordKind.DEAL:
        fields["fm"] = _communications(draft)
    if draft.kind is not RecordKind.ORGANIZATION:
        fields["sourceId"] = connection.source_id
    if draft.kind is RecordKind.DEAL:
        fields["categoryId"] = _number(draft.pipeline, "pipeline")
    if draft.kind in (RecordKind.LEAD, RecordKind.DEAL):
        fields["stageId"] = draft.stage
    return fields


def _communications(draft: Draft) -> list[Fields]:
    entries = (("PHONE", draft.phone), ("EMAIL", draft.email))
    return [{"typeId": kind, "valueType": "WORK", "value": value} for kind, value in entries if value]


def _links(kind: RecordKind, links: Mapping[RecordKind, Link]) -> Fields:
    """Contact and company of a lead or deal, the company of a contact; a company is named by the others."""
    contact, company = links.get(RecordKind.CONTACT), links.get(RecordKind.ORGANIZATION)
    if kind is RecordKind.ORGANIZATION:
        return {}
    if kind is RecordKind.CONTACT:
        return {"companyId": company}
    return {"contactIds": [contact] if contact is not None else None, "companyId": company}


def visit(attribution: Mapping[str, str]) -> Fields:
    """The visit's data that every portal has fields for (7)."""
    return {field: cut(attribution[parameter]) for parameter, field in NATIVE_UTM.items() if attribution.get(parameter)}


def change_fields(kind: RecordKind, change: Change) -> Fields:
    """The fields of a change, without the mapped ones; empty when nothing of it applies."""
    name = {name_field(kind): cut(change.name, kind)} if change.name else {}
    return _given({"assignedById": _number(change.owner, "owner"), **name, **visit(change.attribution)})


def add_item(kind: RecordKind, fields: Mapping[str, Any]) -> Command:
    return Command("crm.item.add", {"entityTypeId": ENTITIES[kind], "fields": dict(fields), "useOriginalUfNames": "Y"})


def update_item(kind: RecordKind, key: Link, fields: Mapping[str, Any]) -> Command:
    params = {"entityTypeId": ENTITIES[kind], "id": key, "fields": dict(fields), "useOriginalUfNames": "Y"}
    return Command("crm.item.update", params)


def describe_fields(kind: RecordKind) -> Command:
    return Command("crm.item.fields", {"entityTypeId": ENTITIES[kind], "useOriginalUfNames": "Y"})


# --- mapped fields (7)


def check_fields(fields: Mapping[str, str]) -> None:
    """Raises Rejected for what can be no field: Bitrix24 itself would ignore it in silence."""
    for field in fields:
        if not _FIELD.fullmatch(field):
            raise Rejected(VENDOR, "write fields", f"there is no field {field[:60]}", 400)


def typed(value: str, row: Row) -> Any:
    """The text as its field takes it: the element's id for a list, a list for a multiple one, Y or N, plain numbers."""
    parts = [part.strip() for part in value.split(",") if part.strip()] if row.get("isMultiple") else [value]
    values = [_typed(part, str(row.get("type") or ""), rows_of(row.get("items"))) for part in parts]
    return values if row.get("isMultiple") else values[0]


def _typed(text: str, kind: str, items: Sequence[Row]) -> str:
    plain = text.strip()
    if kind == "enumeration":
        return next((str(item.get("ID")) for item in items if str(item.get("VALUE")).strip().lower() == plain.lower()), plain)
    if kind == "boolean":
        return "Y" if plain.lower() in ("1", "y", "yes", "true", "+") else "N"
    if kind in ("integer", "double", "money"):
        return re.sub(r"\s", "", plain).replace(",", ".")
    return text


# --- texts (8, 9)


def marker_line(marker: str) -> str:
    """The last line of texts that have no field for the marker."""
    return f"{MARKER_WORD} {' '.join(marker.split())}"


def plain_text(text: str, recording: str | None = None, *more: str) -> str:
    """The text, cut if it is too long, the recording's link and further lines."""
    return "\n".join(part for part in (text[: DECLARATION.text_length].rstrip(), recording, *more) if part)


def bb_text(text: str, marker: str, recording: str | None = None) -> str:
    """As plain_text for BB code: what looks like a tag is kept from being one; the marker stands last."""
    return plain_text(_TAG.sub("[" + _INVISIBLE, text), recording, marker_line(marker))


# --- to-dos and tasks (9)


def primary_first(targets: Sequence[Ref]) -> list[Ref]:
    """Each target once: leads and deals before the people they are about; of one kind in the order given."""
    return sorted(dict.fromkeys(targets), key=lambda ref: PRIMARY_FIRST.index(ref.kind))


def todo(draft: TaskDraft, owner: Ref, now: datetime) -> Command:
    """An open to-do of a card, with a deadline."""
    params = {
        "ownerTypeId": ENTITIES[owner.kind],
        "ownerId": whole(owner.id, "target"),
        "deadline": moment(draft.due_at or now + WITHOUT_DEADLINE),
        "title": cut(draft.title or draft.marker),
        "description": bb_text(draft.text, draft.marker, draft.recording),
        "responsibleId": _number(draft.assignee, "assignee"),
    }
    return Command("crm.activity.todo.add", _given(params))


def portal_task(draft: TaskDraft, me: str) -> Command:
    """A task of the task manager, found again by XML_ID."""
    fields = {
        "TITLE": cut(draft.title or draft.marker),
        "RESPONSIBLE_ID": whole(draft.assignee or me, "assignee"),
        "DESCRIPTION": bb_text(draft.text, draft.marker, draft.recording),
        "DEADLINE": moment(draft.due_at) if draft.due_at else None,
        "UF_CRM_TASK": [f"{CODES[ref.kind]}_{whole(ref.id, 'target')}" for ref in primary_first(draft.targets)],
        "XML_ID": draft.marker,
    }
    return Command("tasks.task.add", {"fields": _given(fields)})


def assignment(key: int, user: str, *, is_task: bool) -> Command:
    """What gives an activity, or a task of the task manager, to a user."""
    fields = {"RESPONSIBLE_ID": whole(user, "assignee")}
    if is_task:
        return Command("tasks.task.update", {"taskId": key, "fields": fields})
    return Command("crm.activity.update", {"id": key, "fields": fields})


def done_task(draft: TaskDraft, targets: Sequence[Ref], me: str) -> Command:
    """A completed task: a call activity that is done, without a direction (9)."""
    fields = _activity(draft.marker, draft.title, plain_text(draft.text, draft.recording), targets)
    fields |= {"RESPONSIBLE_ID": whole(draft.assignee or me, "assignee"), "COMMUNICATIONS": [_partner(targets)]}
    return Command("crm.activity.add", {"fields": fields})


def bindings(made: Earlier, targets: Sequence[Ref]) -> list[Command]:
    """The further cards an activity stands in."""
    return [
        Command(
            "crm.activity.binding.add",
            {"activityId": made, "entityTypeId": ENTITIES[ref.kind], "entityId": whole(ref.id, "target")},
        )
        for ref in targets
    ]


def _activity(marker: str, title: str, text: str, targets: Sequence[Ref]) -> Fields:
    return {
        "OWNER_TYPE_ID": ENTITIES[targets[0].kind],
        "OWNER_ID": whole(targets[0].id, "target"),
        "TYPE_ID": CALL_ACTIVITY,
        "SUBJECT": cut(title or marker),
        "DESCRIPTION": text,
        "DESCRIPTION_TYPE": PLAIN,
        "COMPLETED": "Y",
        "ORIGINATOR_ID": ORIGINATOR,
        "ORIGIN_ID": marker,
    }


def partner_of(targets: Sequence[Ref]) -> Ref:
    """Whom a call was with; Bitrix24 binds the activity to it by itself."""
    return min(targets, key=lambda ref: PARTNERS.index(ref.kind))


def _partner(targets: Sequence[Ref], number: str = "") -> Fields:
    ref = partner_of(targets)
    value = {"VALUE": number} if number else {}
    return {**value, "ENTITY_ID": whole(ref.id, "target"), "ENTITY_TYPE_ID": ENTITIES[ref.kind]}


# --- calls (9, 10)


def call_activity(draft: CallDraft, targets: Sequence[Ref], me: str) -> Command:
    """A call that was held, as an activity."""
    fields = _activity(draft.marker, draft.title, plain_text(draft.text, draft.recording), targets)
    ended = draft.started_at + timedelta(seconds=draft.talk_seconds)
    fields |= {
        "RESPONSIBLE_ID": whole(draft.assignee or draft.author or me, "assignee"),
        "COMMUNICATIONS": [_partner(targets, draft.client)],
        "START_TIME": moment(draft.started_at),
        "END_TIME": moment(ended),
        "DIRECTION": OUTGOING if draft.call_type is CallType.OUT else INCOMING,
    }
    return Command("crm.activity.add", {"fields": fields})


def registration(draft: CallDraft, user: str) -> Command:
    """The call of a telephony application; the same EXTERNAL_CALL_ID gives the same call for half an hour (10.1)."""
    named = (RecordKind.CONTACT, RecordKind.ORGANIZATION, RecordKind.LEAD)
    client = next((ref for kind in named for ref in draft.targets if ref.kind is kind), None)
    params = {
        "USER_ID": whole(user, "assignee"),
        "PHONE_NUMBER": draft.client,
        "TYPE": TELEPHONY_OUT if draft.call_type is CallType.OUT else TELEPHONY_IN,
        "CALL_START_DATE": moment(draft.started_at),
        "CRM_ENTITY_TYPE": DECLARATION.kinds[client.kind].upper() if client else None,
        "CRM_ENTITY_ID": whole(client.id, "target") if client else None,
        "EXTERNAL_CALL_ID": draft.marker,
    }
    # zeros are meant: no card on the screen, no new record, no message in the chat
    return Command("telephony.externalCall.register", {**_given(params), "CRM_CREATE": 0, "SHOW": 0, "ADD_TO_CHAT": 0})


def finishing(draft: CallDraft, user: str, call: Earlier) -> Command:
    """The end of the call; its activity appears by itself (10.3)."""
    status = {Outcome.ANSWERED: "200", Outcome.MISSED: "304", Outcome.NO_ANSWER: "480"}.get(draft.outcome, "OTHER")
    params = {"CALL_ID": call, "USER_ID": whole(user, "assignee"), "DURATION": draft.talk_seconds, "STATUS_CODE": status}
    return Command("telephony.externalCall.finish", {**params, "ADD_TO_CHAT": 0})


def attachment(call: Earlier | str, link: str) -> Command:
    """The recording, which Bitrix24 fetches (10.4)."""
    return Command("telephony.externalCall.attachRecord", {"CALL_ID": call, "RECORD_URL": link})


def activity_text(draft: CallDraft) -> Fields:
    """What the activity of a telephony call says besides; its ORIGIN_ID is the telephony's own."""
    text = plain_text(draft.text, draft.recording, marker_line(draft.marker))
    return {"SUBJECT": cut(draft.title or draft.marker), "DESCRIPTION": text, "DESCRIPTION_TYPE": PLAIN}


# --- comments (8)


def comment(target: Ref, text: str) -> Command:
    """A comment in a card; its text is BB code."""
    return Command("crm.timeline.comment.add", {"fields": {**_card(target), "COMMENT": text}})


def comment_binding(made: Earlier, target: Ref) -> Command:
    return Command("crm.timeline.bindings.bind", {"fields": {"OWNER_ID": made, **_card(target)}})


def _card(target: Ref) -> Fields:
    return {"ENTITY_ID": whole(target.id, "target"), "ENTITY_TYPE": DECLARATION.kinds[target.kind]}


def moment(at: datetime) -> str:
    """ISO 8601 with an offset."""
    return at.astimezone(UTC).isoformat(timespec="seconds")
