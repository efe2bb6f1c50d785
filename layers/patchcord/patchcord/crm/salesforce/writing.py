"""From neutral words to Salesforce's bodies (crm_salesforce.md 8-11). No I/O; raises Rejected for what cannot be its."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from patchcord.crm.errors import Rejected
from patchcord.crm.port import CallDraft, Change, Draft, TaskDraft
from patchcord.crm.salesforce.declaration import DECLARATION, LENGTHS, OBJECTS, QUEUE, USER, VENDOR, Connection
from patchcord.crm.salesforce.queries import is_id, is_name
from patchcord.model.effects import LogKind, TaskKind
from patchcord.model.events import CallType
from patchcord.model.records import RecordKind, Ref

Body = dict[str, Any]

CREATION_ORDER = (RecordKind.ORGANIZATION, RecordKind.CONTACT, RecordKind.LEAD, RecordKind.DEAL)
OPTIONAL = ("LeadSource", "AccountSource", "Email")
"""What a record is rather created without than not at all (4)."""
SOURCES = {RecordKind.ORGANIZATION: "AccountSource"}
"""The native source field, where it is not `LeadSource`."""
CALL_TYPES = {CallType.IN: "Inbound", CallType.OUT: "Outbound", CallType.INTERNAL: "Internal"}
NO_ASSIGNMENT = {"Sforce-Auto-Assign": "FALSE"}
"""Our owner stays: an active assignment rule would replace him (8.1)."""
SAVE_ANYWAY = {"Sforce-Duplicate-Rule-Header": "allowSave=true, includeRecordDetails=true"}
"""Rules that only warn let the record through; those that block tell the record there is (15)."""
_CALLED_ABOUT = frozenset({TaskKind.CALL_LOG, TaskKind.ACQUAINT})


@dataclass(frozen=True, slots=True)
class Part:
    """One write: of the draft `key`, creating a `target`, or changing the one with `record_id`. `name` is its reference."""

    key: str
    kind: RecordKind
    name: str
    target: str
    body: Body
    headers: Mapping[str, str]
    record_id: str = ""


def cut(text: str, length: int) -> str:
    """The text as long as Salesforce takes it, counted in UTF-16 units, no character halved."""
    return text.encode("utf-16-le")[: 2 * length].decode("utf-16-le", "ignore")


def _without_none(body: Mapping[str, Any]) -> Body:
    return {name: value for name, value in body.items() if value is not None}


def _owner(text: str | None, what: str) -> str | None:
    """A user's or a queue's id; raises Rejected when it is none."""
    if text is None or (is_id(text) and text.startswith((USER, QUEUE))):
        return text
    raise Rejected(VENDOR, f"write {what}", f"the {what} is not the id of a user", 400)


def checked(fields: Mapping[str, str]) -> Body:
    """Fields by their API names; raises Rejected when one cannot be a name."""
    for name in fields:
        if not is_name(name):
            raise Rejected(VENDOR, "write fields", f"there is no field {name}", 400)
    return dict(fields)


# --- records (8, 9)


def parts_of(
    draft: Draft, drafts: Sequence[Draft], refs: Mapping[str, Ref], connection: Connection, now: datetime
) -> tuple[Part, ...]:
    """The writes that create a draft. `drafts` is its whole set in order, `refs` the drafts that exist already."""
    names = {one.key: f"r{number}" for number, one in enumerate(drafts)}
    links = _links(draft, drafts, refs, {key: f"@{{{name}.id}}" for key, name in names.items()})
    body = {**_words(draft, links, drafts, connection, now), **checked(draft.fields)}
    if connection.marker_field:
        body[connection.marker_field] = draft.marker
    name, body = names[draft.key], _without_none(body)
    own = Part(draft.key, draft.kind, name, OBJECTS[draft.kind], body, _headers(draft.kind, draft.owner))
    return (own, *_new_employer(draft, name))


def _headers(kind: RecordKind, owner: str | None) -> Mapping[str, str]:
    return {**SAVE_ANYWAY, **NO_ASSIGNMENT} if kind is RecordKind.LEAD and owner else SAVE_ANYWAY


def _links(
    draft: Draft, drafts: Sequence[Draft], refs: Mapping[str, Ref], references: Mapping[str, str]
) -> dict[RecordKind, str]:
    """What the draft is linked to, whichever of the two names the other: the first id or reference of each kind."""
    known = {one.key: Ref(one.kind, references[one.key]) for one in drafts} | dict(refs)
    own = [link if isinstance(link, Ref) else known.get(link) for link in draft.links]
    others = [known[one.key] for one in drafts if draft.key in one.links]
    found: dict[RecordKind, str] = {}
    for ref in (*own, *others):
        if ref is not None:
            found.setdefault(ref.kind, ref.id)
    return found


def _new_employer(draft: Draft, name: str) -> Iterable[Part]:
    """A new account of a contact that exists: the link stands in the contact (9)."""
    for number, link in enumerate(draft.links):
        if draft.kind is RecordKind.ORGANIZATION and isinstance(link, Ref) and link.kind is RecordKind.CONTACT:
            body = {"AccountId": f"@{{{name}.id}}"}
            yield Part(draft.key, link.kind, f"{name}l{number}", "Contact", body, SAVE_ANYWAY, link.id)


def composite_part(part: Part, data: str) -> Body:
    """A write as a part of a composite call; `data` is the path of the interface's version (8.6)."""
    method, path = ("PATCH", f"/{part.record_id}") if part.record_id else ("POST", "")
    url = f"{data}/sobjects/{part.target}{path}"
    return {"method": method, "url": url, "referenceId": part.name, "httpHeaders": dict(part.headers), "body": part.body}


def _words(draft: Draft, links: Mapping[RecordKind, str], drafts: Sequence[Draft], connection: Connection, now: datetime) -> Body:
    body: Body = {
        **names_of(draft.kind, draft.name or draft.phone or draft.email or draft.marker),
        "OwnerId": _owner(draft.owner, "owner"),
        **_source(draft.kind, draft.attribution, connection),
    }
    if draft.kind is not RecordKind.DEAL:
        body["Phone"] = draft.phone
    if draft.kind in (RecordKind.CONTACT, RecordKind.LEAD):
        body["Email"] = draft.email
    if draft.kind is RecordKind.CONTACT:
        body["AccountId"] = links.get(RecordKind.ORGANIZATION)
    if draft.kind is RecordKind.LEAD:
        body |= _lead_words(draft, links, drafts, connection)
    if draft.kind is RecordKind.DEAL:
        body |= _deal_words(draft, links, connection, now)
    return body


def names_of(kind: RecordKind, name: str) -> Body:
    """The whole name: as the last name of a person (8.1, 8.2)."""
    field = "LastName" if kind in (RecordKind.CONTACT, RecordKind.LEAD) else "Name"
    return {field: cut(name, LENGTHS[OBJECTS[kind]])}


def _source(kind: RecordKind, attribution: Mapping[str, str], connection: Connection) -> Body:
    """The native source field (8.1)."""
    value = attribution.get(connection.lead_source)
    return {SOURCES.get(kind, "LeadSource"): cut(value, 255)} if value else {}


def _lead_words(draft: Draft, links: Mapping[RecordKind, str], drafts: Sequence[Draft], connection: Connection) -> Body:
    """A lead has a company by name only, and links where the customer made fields for them (8.1, 9)."""
    companies = [one.name for one in drafts if one.kind is RecordKind.ORGANIZATION]
    related = {
        connection.lead_contact_field: links.get(RecordKind.CONTACT),
        connection.lead_organization_field: links.get(RecordKind.ORGANIZATION),
    }
    related.pop("", None)
    company = next((name for name in companies if name), connection.company)
    return {"Company": cut(company, 255), **related}


def _deal_words(draft: Draft, links: Mapping[RecordKind, str], connection: Connection, now: datetime) -> Body:
    """An opportunity: its stage by name, a record type for a pipeline, its primary contact (8.4, 8.5)."""
    return {
        "StageName": draft.stage or connection.stage,
        "CloseDate": day(now + timedelta(days=connection.close_in_days), connection),
        "RecordTypeId": draft.pipeline,
        "AccountId": links.get(RecordKind.ORGANIZATION),
        "ContactId": links.get(RecordKind.CONTACT),
    }


def change_part(ref: Ref, change: Change) -> Part:
    """The write that changes a record; its body is empty when nothing of the change applies to it.

    The native source stays: it may hold what somebody chose.
    """
    body = {**_without_none({"OwnerId": _owner(change.owner, "owner")}), **checked(change.fields)}
    if change.name:
        body |= names_of(ref.kind, change.name)
        if "LastName" in body:
            body["FirstName"] = None
    headers = {**SAVE_ANYWAY, **NO_ASSIGNMENT} if ref.kind is RecordKind.LEAD else SAVE_ANYWAY
    return Part(ref.id, ref.kind, "r0", OBJECTS[ref.kind], body, headers, ref.id)


# --- after a refusal (4, 12)


def mended(part: Part, refusal: str, types: Mapping[str, Mapping[str, Any]]) -> Part:
    """The part without optional fields that the refusal names, and with custom values as their fields take them."""
    body = {name: value for name, value in part.body.items() if name not in OPTIONAL or name not in refusal}
    typed_values = {name: typed(value, types[name]) for name, value in body.items() if name in types and isinstance(value, str)}
    return replace(part, body={**body, **typed_values})


def own_fields(part: Part) -> tuple[str, ...]:
    """The names of the customer's own fields in the part."""
    return tuple(name for name in part.body if name.endswith("__c"))


def typed(value: str, field: Mapping[str, Any]) -> Any:
    """The value as its field takes it: numbers as numbers, options by their value (12)."""
    sort = field.get("type")
    if sort in ("double", "currency", "percent", "int", "long"):
        return _as_number(value)
    if sort == "boolean":
        return value.strip().lower() in ("true", "1", "yes")
    if sort == "multipicklist":
        return ";".join(_option(part.strip(), field) for part in re.split("[,;]", value))
    return _option(value, field) if sort == "picklist" else value


def _option(label: str, field: Mapping[str, Any]) -> str:
    options = [row for row in field.get("picklistValues") or () if isinstance(row, dict)]
    found = (str(row.get("value")) for row in options if str(row.get("label")).lower() == label.lower())
    return next(found, label)


def _as_number(text: str) -> Any:
    plain = re.sub(r"\s", "", text).replace(",", ".")
    if re.fullmatch(r"-?\d{1,15}", plain, re.ASCII):
        return int(plain)
    return float(plain) if re.fullmatch(r"-?\d{1,15}\.\d{1,10}", plain, re.ASCII) else text


# --- tasks, calls, notes (10, 11): all three are the object Task


def task_body(draft: TaskDraft, connection: Connection, now: datetime) -> Body:
    """A task; completed ones about a recorded call are of the subtype for calls (10.1, 10.2)."""
    is_call = draft.completed and draft.kind in _CALLED_ABOUT and draft.recording is not None
    return _without_none(
        {
            **_text_words(draft.title, draft.text, draft.recording, draft.targets, draft.marker, connection),
            "OwnerId": _owner(draft.assignee, "assignee"),
            "TaskSubtype": "Call" if is_call else None,
            **(_done(now, connection) if draft.completed else _due(draft.due_at, connection)),
        }
    )


def assignment(user: str) -> Body:
    """What gives a task to a user or a queue."""
    return {"OwnerId": _owner(user, "assignee")}


def call_body(draft: CallDraft, connection: Connection) -> Body:
    """A completed call on its day, or a note (10.2, 11)."""
    body = _text_words(draft.title, draft.text, draft.recording, draft.targets, draft.marker, connection)
    body["OwnerId"] = _owner(draft.assignee or draft.author, "assignee")
    if draft.kind is LogKind.NOTE:
        return _without_none({**body, "Status": connection.completed_status})
    return _without_none(
        {
            **body,
            **_done(draft.started_at, connection),
            "TaskSubtype": "Call",
            "CallType": CALL_TYPES[draft.call_type],
            "CallDurationInSeconds": draft.talk_seconds,
            "CallDisposition": draft.outcome.value,
        }
    )


def note_body(targets: Sequence[Ref], text: str, marker: str, connection: Connection) -> Body:
    """A note: a completed task that stands on no day, its first line as its subject (11)."""
    title = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return {**_text_words(title, text, None, targets, marker, connection), "Status": connection.completed_status}


def _text_words(
    title: str, text: str, recording: str | None, targets: Sequence[Ref], marker: str, connection: Connection
) -> Body:
    """Subject, text, links, and our marker where a query can find it (10.2, 15)."""
    linked, left_out = task_links(targets)
    lines = [recording or "", *(f"{connection.base_url}/{ref.id}" for ref in left_out)]
    own = {connection.recording_field: recording} if recording and connection.recording_field else {}
    return {
        "Subject": cut(title or marker, LENGTHS["Task"]),
        "Description": with_lines(text, *lines),
        "CallObject": cut(marker, 255),
        **linked,
        **own,
    }


def with_lines(text: str, *lines: str) -> str:
    """The text with lines after it; the text is cut to make room for them."""
    added = "".join(f"\n{line}" for line in lines if line)
    return (cut(text, DECLARATION.text_length - len(added)) + added).removeprefix("\n")


def task_links(targets: Sequence[Ref]) -> tuple[Body, tuple[Ref, ...]]:
    """Whom and what a task is about, and the people and opportunities it cannot hang on as well.

    One contact with one opportunity or account, or else one lead, which stands alone (10.1). An account is no loss: the
    task shows there through its contact or opportunity.
    """
    for ref in targets:
        if not is_id(ref.id):
            raise Rejected(VENDOR, "write task", f"the {ref.kind} has an id that cannot be one", 400)
    who = first(targets, RecordKind.CONTACT) or first(targets, RecordKind.LEAD)
    what = first(targets, RecordKind.DEAL) or first(targets, RecordKind.ORGANIZATION)
    if who is not None and who.kind is RecordKind.LEAD:
        what = None
    left_out = [ref for ref in targets if ref not in (who, what) and ref.kind is not RecordKind.ORGANIZATION]
    linked = {"WhoId": who.id if who else None, "WhatId": what.id if what else None}
    return _without_none(linked), tuple(dict.fromkeys(left_out))


def first(refs: Iterable[Ref], kind: RecordKind) -> Ref | None:
    """The first of a kind."""
    return next((ref for ref in refs if ref.kind is kind), None)


def day(at: datetime, connection: Connection) -> str:
    """The day on which a moment falls where the company is."""
    from zoneinfo import ZoneInfo

    return f"{at.astimezone(ZoneInfo(connection.timezone)):%Y-%m-%d}"


def _done(at: datetime, connection: Connection) -> Body:
    return {"Status": connection.completed_status, "ActivityDate": day(at, connection)}


def _due(at: datetime | None, connection: Connection) -> Body:
    """The day, and the time as a reminder: a task has no other place for it (10.1)."""
    if at is None:
        return {}
    time = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000+0000}"
    return {"ActivityDate": day(at, connection), "IsReminderSet": True, "ReminderDateTime": time}
