"""From neutral words to Creatio's bodies (crm_creatio.md 7-10, 13). No I/O; raises Rejected for ids that cannot be its."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from patchcord.crm.creatio.declaration import DECLARATION, ENTITIES, LENGTHS, NAMES, VENDOR, Connection
from patchcord.crm.creatio.queries import is_id, is_name, time
from patchcord.crm.creatio.reading import Column, Model
from patchcord.crm.errors import Rejected
from patchcord.crm.port import CallDraft, Change, Draft, TaskDraft
from patchcord.model.effects import TaskKind
from patchcord.model.events import CallType
from patchcord.model.records import RecordKind, Ref

Body = dict[str, Any]

CREATION_ORDER = (RecordKind.ORGANIZATION, RecordKind.CONTACT, RecordKind.DEAL, RecordKind.LEAD)
MARKER_WORD = "Patchcord"
"""Stands before the marker, so that a person who reads it knows whose it is."""
UTM = {
    "utm_source": "UtmSourceStr", "utm_medium": "UtmMediumStr", "utm_campaign": "UtmCampaignStr", "utm_term": "UtmTermStr",
    "utm_content": "UtmContentStr",
}  # fmt: skip
"""The lead's own columns for a visit (7)."""
LINKS = {
    "Lead": {
        RecordKind.CONTACT: "QualifiedContactId",
        RecordKind.ORGANIZATION: "QualifiedAccountId",
        RecordKind.DEAL: "OpportunityId",
    },
    "Opportunity": {RecordKind.CONTACT: "ContactId", RecordKind.ORGANIZATION: "AccountId"},
    "Contact": {RecordKind.ORGANIZATION: "AccountId"},
    "Account": {},
}
TARGETS = {
    RecordKind.LEAD: "LeadId",
    RecordKind.DEAL: "OpportunityId",
    RecordKind.CONTACT: "ContactId",
    RecordKind.ORGANIZATION: "AccountId",
}
"""What an activity or a call hangs on, all at once if wanted (8, 9)."""
CALL_LENGTH = timedelta(minutes=30)
"""How much of the calendar a task takes before its deadline."""
_CALLED_ABOUT = frozenset({TaskKind.CALL_LOG, TaskKind.ACQUAINT})


@dataclass(frozen=True, slots=True)
class Part:
    """One write of a set: of the draft `key`, creating the record `id`, or changing it. `own` are the mapped columns."""

    key: str
    kind: RecordKind
    entity: str
    id: str
    body: Body
    own: frozenset[str] = frozenset()
    creates: bool = True
    phone: str = ""


def our_id(tenant: str, sort: str, marker: str) -> str:
    """The id of what we write, always the same for the same: a second try finds the first one there (13)."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"patchcord/{tenant}/{sort}/{marker}"))


def cut(text: str, length: int) -> str:
    """The text as long as Creatio takes it, counted in UTF-16 units, no character halved."""
    return text.encode("utf-16-le")[: 2 * length].decode("utf-16-le", "ignore")


def _without_none(body: Mapping[str, Any]) -> Body:
    return {name: value for name, value in body.items() if value not in (None, "")}


def guid(text: str | None, what: str) -> str | None:
    """An id; raises Rejected when it is none."""
    if text is None or is_id(text):
        return text
    raise Rejected(VENDOR, f"write {what}", f"the {what} is not an id", 400)


def checked(fields: Mapping[str, str]) -> Body:
    """Columns by their names; raises Rejected when one cannot be a name."""
    for name in fields:
        if not is_name(name):
            raise Rejected(VENDOR, "write fields", f"there is no column {name}", 400)
    return dict(fields)


# --- records (7)


def draft_id(draft: Draft, tenant: str) -> str:
    return our_id(tenant, draft.kind.value, draft.marker)


def parts_of(draft: Draft, drafts: Sequence[Draft], connection: Connection) -> tuple[Part, ...]:
    """The writes that create a draft of a set; the others of the set are known by the ids we choose (12)."""
    entity, key = ENTITIES[draft.kind], draft_id(draft, connection.tenant)
    links = _links(draft, drafts, connection.tenant)
    columns = {column: links.get(kind) for kind, column in LINKS[entity].items()}
    body: Body = {"Id": key, **_names(draft, drafts, entity), **columns, **_words(draft, entity, connection)}
    body = {**_without_none(body), **checked(draft.fields)}
    phone = draft.phone or "" if draft.kind is RecordKind.CONTACT else ""
    own = Part(draft.key, draft.kind, entity, key, body, frozenset(draft.fields), phone=phone)
    return (own, *_new_employer(draft, key))


def _links(draft: Draft, drafts: Sequence[Draft], tenant: str) -> dict[RecordKind, str]:
    """What the draft is linked to, whichever of the two names the other: the first id of each kind."""
    known = {one.key: Ref(one.kind, draft_id(one, tenant)) for one in drafts}
    own = [link if isinstance(link, Ref) else known.get(link) for link in draft.links]
    others = [known[one.key] for one in drafts if draft.key in one.links]
    found: dict[RecordKind, str] = {}
    for ref in (*own, *others):
        if ref is not None:
            found.setdefault(ref.kind, str(guid(ref.id, ref.kind.value)))
    return found


def _new_employer(draft: Draft, key: str) -> Iterable[Part]:
    """A new account of a contact that exists: the link stands in the contact (7)."""
    for link in draft.links:
        if draft.kind is RecordKind.ORGANIZATION and isinstance(link, Ref) and link.kind is RecordKind.CONTACT:
            yield Part(draft.key, link.kind, "Contact", str(guid(link.id, "contact")), {"AccountId": key}, creates=False)


def _names(draft: Draft, drafts: Sequence[Draft], entity: str) -> Body:
    """The name; a lead also has its contact's and account's as text, which are not the links (7)."""
    name = draft.name or draft.phone or draft.email or draft.marker
    names: Body = {NAMES[entity]: cut(name, LENGTHS[entity])}
    if entity == "Lead":
        for column, kind in (("Contact", RecordKind.CONTACT), ("Account", RecordKind.ORGANIZATION)):
            names[column] = cut(next((one.name for one in drafts if one.kind is kind), ""), LENGTHS[column])
    return names


def _words(draft: Draft, entity: str, connection: Connection) -> Body:
    body: Body = {"OwnerId": guid(draft.owner, "owner")}
    if entity == "Account":
        body["Phone"] = draft.phone
    if entity in ("Contact", "Lead"):
        body |= {"MobilePhone": draft.phone, "Email": cut(draft.email or "", 250)}
    if entity == "Opportunity":
        body["StageId"] = guid(draft.stage or None, "stage")
    if entity == "Lead":
        body |= {"QualifyStatusId": guid(draft.stage or None, "stage"), "LeadTypeId": connection.lead_type}
        body |= {column: cut(draft.attribution.get(name, ""), 500) for name, column in UTM.items()}
    return body


def phone_part(part: Part, connection: Connection) -> Part:
    """The row that makes a contact's number searchable, where the server does not make it (7)."""
    key = our_id(connection.tenant, "phone", part.id)
    body = {
        "Id": key, "ContactId": part.id, "CommunicationTypeId": connection.ids["mobile_phone"], "Number": part.phone,
    }  # fmt: skip
    return Part(part.key, part.kind, "ContactCommunication", key, body)


def change_part(ref: Ref, change: Change) -> Part:
    """The write that changes a record; its body is empty when nothing of the change applies to it.

    The lead's own UTM columns stay: they may hold what somebody else wrote (D-25).
    """
    entity = ENTITIES[ref.kind]
    name = cut(change.name, LENGTHS[entity]) if change.name else None
    body = {**_without_none({"OwnerId": guid(change.owner, "owner"), NAMES[entity]: name}), **checked(change.fields)}
    return Part(ref.id, ref.kind, entity, ref.id, body, frozenset(change.fields), creates=False)


# --- mapped columns, after a refusal (11)


def labels_of(parts: Iterable[Part], model: Model) -> set[tuple[str, str]]:
    """Pick lists and labels whose ids are needed."""
    return {
        (column.refers, part.body[name])
        for part in parts
        for name, column in _typed_columns(part, model)
        if column.refers and not is_id(str(part.body[name]))
    }


def mended(part: Part, model: Model, options: Mapping[tuple[str, str], str]) -> Part:
    """The part with mapped values as their columns take them."""
    news = {
        name: options.get((column.refers, part.body[name]), part.body[name]) if column.refers else typed(part.body[name], column)
        for name, column in _typed_columns(part, model)
    }
    return replace(part, body={**part.body, **news})


def _typed_columns(part: Part, model: Model) -> list[tuple[str, Column]]:
    columns = model.get(part.entity, {})
    return [(name, columns[name]) for name in part.own if name in columns and isinstance(part.body.get(name), str)]


def typed(value: str, column: Column) -> Any:
    """Numbers as numbers, flags as flags, days as times."""
    plain = re.sub(r"\s", "", value).replace(",", ".")
    if column.type in ("Decimal", "Double", "Int16", "Int32", "Int64"):
        if re.fullmatch(r"-?\d{1,15}", plain, re.ASCII):
            return int(plain)
        return float(plain) if re.fullmatch(r"-?\d{1,15}\.\d{1,10}", plain, re.ASCII) else value
    if column.type == "Boolean":
        return value.strip().lower() in ("true", "1", "yes")
    if column.type == "DateTimeOffset" and re.fullmatch(r"\d{4}-\d\d-\d\d", plain, re.ASCII):
        return f"{plain}T00:00:00Z"
    return value


# --- tasks, calls, notes (8-10)


def targets_of(targets: Sequence[Ref]) -> Body:
    """What it hangs on: the first of each kind."""
    found: Body = {}
    for ref in targets:
        found.setdefault(TARGETS[ref.kind], guid(ref.id, ref.kind.value))
    return found


def with_lines(text: str, *lines: str) -> str:
    """The text with lines after it; the text is cut to make room for them."""
    added = "".join(f"\n{line}" for line in lines if line)
    return (cut(text, DECLARATION.text_length - len(added)) + added).removeprefix("\n")


def marker_line(marker: str) -> str:
    return f"{MARKER_WORD} {' '.join(marker.split())}"


def task_body(draft: TaskDraft, connection: Connection, now: datetime) -> Body:
    """An activity in the calendar; done ones about a call are of its category (8)."""
    is_call = draft.completed and draft.kind in _CALLED_ABOUT
    due = draft.due_at if draft.due_at and not draft.completed else now
    start = due if draft.completed else due - CALL_LENGTH
    body = _activity(draft.marker, draft.title, draft.text, draft.recording or "", draft.targets, connection)
    body |= {
        "Id": our_id(connection.tenant, "task", draft.marker), "StartDate": time(start), "DueDate": time(due),
        "ActivityCategoryId": connection.ids["call_category" if is_call else "task_category"],
        "StatusId": connection.ids["completed" if draft.completed else "not_started"], "ShowInScheduler": True,
        "OwnerId": guid(draft.assignee, "assignee"),
    }  # fmt: skip
    if draft.due_at and not draft.completed:
        body |= {"RemindToOwner": True, "RemindToOwnerDate": time(start)}
    return _without_none(body)


def note_body(targets: Sequence[Ref], text: str, marker: str, connection: Connection, at: datetime) -> Body:
    """A note: a completed activity that stands in no calendar (10)."""
    title = next((line.strip() for line in text.splitlines() if line.strip()), "")
    words = _activity(marker, title, text, "", targets, connection)
    return {"Id": our_id(connection.tenant, "note", marker), **words, **_out_of_calendar(at, connection)}


def logged_note_body(draft: CallDraft, connection: Connection) -> Body:
    """A call told as a note (10)."""
    words = _activity(draft.marker, draft.title, draft.text, draft.recording or "", draft.targets, connection)
    words |= {"Id": our_id(connection.tenant, "log", draft.marker), "OwnerId": guid(draft.assignee or draft.author, "assignee")}
    return _without_none({**words, **_out_of_calendar(draft.started_at, connection)})


def _out_of_calendar(at: datetime, connection: Connection) -> Body:
    return {
        "StartDate": time(at), "DueDate": time(at), "ActivityCategoryId": connection.ids["task_category"],
        "StatusId": connection.ids["completed"], "ShowInScheduler": False,
    }  # fmt: skip


def _activity(marker: str, title: str, text: str, recording: str, targets: Sequence[Ref], connection: Connection) -> Body:
    return {
        "Title": cut(title or marker, LENGTHS["Activity"]),
        "Notes": with_lines(text, recording, marker_line(marker)),
        "TypeId": connection.ids["task_type"],
        "PriorityId": connection.ids["priority"],
        **targets_of(targets),
    }


def call_body(draft: CallDraft, connection: Connection) -> Body:
    """A call: our marker is its key, the recording stands in its notes (9)."""
    directions = {CallType.IN: "incoming", CallType.OUT: "outgoing"}
    ends = (draft.line, draft.client) if draft.call_type is CallType.OUT else (draft.client, draft.line)
    return _without_none(
        {
            "Id": our_id(connection.tenant, "log", draft.marker),
            "IntegrationId": cut(draft.marker, 250),
            "Caption": cut(draft.title or draft.marker, LENGTHS["Call"]),
            "CallerId": ends[0],
            "CalledId": ends[1],
            "DirectionId": connection.ids[directions.get(draft.call_type, "no_direction")],
            "StartDate": time(draft.started_at),
            "EndDate": time(draft.started_at + timedelta(seconds=draft.talk_seconds)),
            "Duration": draft.talk_seconds,
            "TalkTime": draft.talk_seconds,
            "Notes": with_lines(draft.text, draft.recording or ""),
            **targets_of(draft.targets),
        }
    )
