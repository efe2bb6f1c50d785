"""From neutral words to Zoho's records (crm_zohocrm.md 7-10). No I/O; raises Rejected for ids and names that cannot be its."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from patchcord.crm.errors import Rejected
from patchcord.crm.port import CallDraft, Change, Draft, TaskDraft
from patchcord.crm.zoho_crm.declaration import DECLARATION, MODULES, VENDOR, Connection
from patchcord.crm.zoho_crm.queries import is_api_name
from patchcord.model.events import CallType, Outcome
from patchcord.model.records import RecordKind, Ref

Body = dict[str, Any]
Links = Mapping[RecordKind, str]
"""Ids of the records that a new one is linked to, or references to earlier parts of a composite (12)."""

MARKER_WORD = "Patchcord"
"""Stands before the marker, so that a person who reads it knows whose it is."""
LENGTHS = {RecordKind.CONTACT: 80, RecordKind.LEAD: 80, RecordKind.ORGANIZATION: 200, RecordKind.DEAL: 120}
COMPANY, TITLE, NOTE_TEXT, LINK, TAG = 200, 120, 65_535, 450, 25
NUMBERS = ("integer", "int", "long", "bigint", "double", "decimal", "currency", "float", "number", "percent")
DROPPED = object()
"""In place of a value: the field is left out, because Zoho refuses what we have for it."""
OPTIONAL = ("Lead_Source", "Tag", "Email", "Remind_At")
"""What is rather left out than the whole record refused."""


def cut(text: str, length: int) -> str:
    """The text in at most so many UTF-16 units, which is how Zoho's side may count."""
    return text.encode("utf-16-le")[: 2 * length].decode("utf-16-le", "ignore")


def is_id(text: str) -> bool:
    return text.isascii() and text.isdigit()


def reference(text: str | None, what: str) -> Body | None:
    """A user or record by its id; raises Rejected when the text cannot be one."""
    if text is None:
        return None
    if not is_id(text) and not text.startswith("@{"):
        raise Rejected(VENDOR, f"write {what}", f"the id of the {what} is not a number", 400)
    return {"id": text}


def first(refs: Iterable[Ref], kind: RecordKind) -> str | None:
    """The id of the first of a kind."""
    return next((ref.id for ref in refs if ref.kind is kind), None)


def _without_none(body: Mapping[str, Any]) -> Body:
    return {name: value for name, value in body.items() if value is not None and value is not DROPPED}


# --- records (7)


def own_fields(fields: Mapping[str, str]) -> Mapping[str, str]:
    """The fields as they are; raises Rejected for what cannot be the api name of one."""
    wrong = next((name for name in fields if not is_api_name(name)), None)
    if wrong is not None:
        raise Rejected(VENDOR, "write fields", f"{wrong[:50]} is no api name of a field", 400)
    return fields


def record_body(draft: Draft, links: Links, company: str, connection: Connection, amended: Mapping[str, Any]) -> Body:
    """The new record; `amended` are values as Zoho turned out to want them, and `company` is what a lead's account is called."""
    marker_field = connection.marker_fields.get(draft.kind)
    body: Body = {
        **connection.defaults.get(draft.kind, {}),
        **_kind_words(draft, links, company, connection),
        "Owner": reference(draft.owner, "owner"),
        "Tag": [{"name": cut(tag, TAG)} for tag in draft.tags if tag.strip()] or None,
        "Lead_Source": lead_source(draft, connection),
        **own_fields(draft.fields),
    }
    if marker_field:
        body[marker_field] = draft.marker
    return _without_none({**body, **amended})


def _kind_words(draft: Draft, links: Links, company: str, connection: Connection) -> Body:
    """What only records of this kind have."""
    name = cut(draft.name.strip() or draft.phone or draft.email or draft.marker, LENGTHS[draft.kind])
    phones = connection.phone_fields.get(draft.kind, ())
    phone = {phones[0]: draft.phone} if phones and draft.phone else {}
    if draft.kind is RecordKind.DEAL:
        return _deal_words(draft, name, links, connection)
    if draft.kind is RecordKind.ORGANIZATION:
        return {"Account_Name": name, **phone}
    person = {"Last_Name": name, "Email": draft.email, **phone}
    if draft.kind is RecordKind.CONTACT:
        return person | {"Account_Name": reference(links.get(RecordKind.ORGANIZATION), "account")}
    lookups = {own: reference(links.get(kind), kind.value) for kind, own in connection.lead_lookups.items()}
    return {**person, "Company": cut(company or connection.lead_company or draft.phone or name, COMPANY), **lookups}


def _deal_words(draft: Draft, name: str, links: Links, connection: Connection) -> Body:
    """A deal needs a stage, in many companies also a pipeline and a day of closing (7)."""
    closing = datetime.now(UTC).astimezone(connection.time_zone) + timedelta(days=connection.closing_days)
    return {
        "Deal_Name": name,
        "Stage": draft.stage or connection.deal_stage,
        "Pipeline": draft.pipeline or connection.deal_pipeline or None,
        "Closing_Date": f"{closing:%Y-%m-%d}",
        "Contact_Name": reference(links.get(RecordKind.CONTACT), "contact"),
        "Account_Name": reference(links.get(RecordKind.ORGANIZATION), "account"),
    }


def lead_source(draft: Draft, connection: Connection) -> str | None:
    """`source / medium` in the pick list that takes unknown values (7); accounts have none of their own here."""
    if not connection.lead_source or draft.kind is RecordKind.ORGANIZATION:
        return None
    parts = [draft.attribution.get(name, "") for name in ("utm_source", "utm_medium")]
    return cut(" / ".join(part for part in parts if part), 120) or None


def change_body(kind: RecordKind, change: Change, amended: Mapping[str, Any]) -> Body:
    """The body that changes a record; empty when nothing of the change applies to it. A new name replaces both names."""
    named: Body = {}
    if change.name:
        name = cut(change.name, LENGTHS[kind])
        plain = {RecordKind.ORGANIZATION: "Account_Name", RecordKind.DEAL: "Deal_Name"}.get(kind)
        named = {plain: name} if plain else {"First_Name": None, "Last_Name": name}
    owner = {"Owner": reference(change.owner, "owner")} if change.owner is not None else {}
    body = {**named, **owner, **own_fields(change.fields), **amended}
    return {name: value for name, value in body.items() if value is not DROPPED}


def typed(value: str, expected: str) -> Any:
    """The value as its field takes it, by what Zoho says it expects (3)."""
    kind = expected.lower()
    plain = re.sub(r"\s", "", value).replace(",", ".")
    if kind in NUMBERS and re.fullmatch(r"-?\d{1,15}", plain):
        return int(plain)
    if kind in NUMBERS and re.fullmatch(r"-?\d{1,15}\.\d{1,10}", plain):
        return float(plain)
    if kind == "boolean":
        return value.strip().lower() in ("1", "true", "yes", "on")
    if kind == "jsonarray":
        return [part.strip() for part in re.split(r"[;,]", value) if part.strip()]
    return value


# --- tasks, calls, notes (8, 9, 10)


def marker_line(marker: str) -> str:
    """The last line of everything we write as text."""
    return f"{MARKER_WORD} {' '.join(marker.split())}"


def whole_text(lines: Sequence[str | None], end: Sequence[str], length: int) -> str:
    """The lines, cut so that the end has room."""
    ending = "\n".join(end)
    start = cut("\n".join(line for line in lines if line), length - len(ending.encode("utf-16-le")) // 2 - 1)
    return "\n".join(part for part in (start.rstrip("\n"), ending) if part)


def with_link(text: str, link: str, length: int) -> str:
    """The text with the recording's link, above the marker."""
    lines = text.splitlines()
    marker = [lines.pop()] if lines and lines[-1].startswith(f"{MARKER_WORD} ") else []
    return whole_text(lines, [link, *marker], length)


def place(targets: Sequence[Ref]) -> tuple[str | None, Ref | None]:
    """The contact and the other record that a task or call hangs on: no contact stands beside a lead (8)."""
    lead, deal = (next((ref for ref in targets if ref.kind is kind), None) for kind in (RecordKind.LEAD, RecordKind.DEAL))
    if lead is not None and deal is None:
        return None, lead
    account = next((ref for ref in targets if ref.kind is RecordKind.ORGANIZATION), None)
    return first(targets, RecordKind.CONTACT), deal or account


def note_parent(targets: Sequence[Ref]) -> Ref:
    """The one record that a note stands at (10); raises Rejected when there is none."""
    who, what = place(targets)
    parent = Ref(RecordKind.CONTACT, who) if who is not None else what
    if parent is None or not is_id(parent.id):
        raise Rejected(VENDOR, "create note", "there is no record to write the note to", 400)
    return parent


def _hung(targets: Sequence[Ref]) -> Body:
    who, what = place(targets)
    body = {"Who_Id": reference(who, "contact")}
    return body if what is None else {**body, "What_Id": reference(what.id, "record"), "$se_module": MODULES[what.kind]}


def task_body(draft: TaskDraft, connection: Connection, amended: Mapping[str, Any]) -> Body:
    """A task. Its day is a date; the time stands in the reminder and in the text (8)."""
    due = draft.due_at.astimezone(connection.time_zone) if draft.due_at else None
    lines = (draft.text, f"⏰ {due:%Y-%m-%d %H:%M %z}" if due else None)
    ending = [line for line in (draft.recording, marker_line(draft.marker)) if line]
    body: Body = {
        "Subject": cut(draft.title or draft.marker, DECLARATION.name_length),
        "Status": connection.task_completed if draft.completed else connection.task_open,
        "Owner": reference(draft.assignee, "assignee"),
        **_hung(draft.targets),
        "Due_Date": f"{due:%Y-%m-%d}" if due else None,
        "Description": whole_text(lines, ending, DECLARATION.text_length),
    }
    if due and not draft.completed and connection.reminder != "none":
        body["Remind_At"] = {
            "ALARM": f"ACTION={connection.reminder.upper()};TRIGGER=DATE-TIME:{due.isoformat(timespec='seconds')}"
        }
    return _without_none({**body, **amended})


def call_body(draft: CallDraft, connection: Connection) -> Body:
    """A finished call, written once with all that is known (9)."""
    started = draft.started_at.astimezone(connection.time_zone).isoformat(timespec="seconds")
    kind = call_type(draft)
    fits = is_recording_link(draft.recording)
    ending = [line for line in (None if fits else draft.recording, marker_line(draft.marker)) if line]
    return _without_none(
        {
            "Subject": cut(draft.title or draft.marker, DECLARATION.name_length),
            "Call_Type": kind,
            "Call_Start_Time": started,
            "Call_Duration": duration(draft.talk_seconds, connection.call_duration, least=0 if kind == "Missed" else 1),
            "Owner": reference(draft.assignee or draft.author, "assignee"),
            **_hung(draft.targets),
            "Voice_Recording__s": draft.recording if fits else None,
            "Description": whole_text((draft.text,), ending, DECLARATION.text_length),
        }
    )


def is_recording_link(link: str | None) -> bool:
    """Whether the link can stand in the field for it."""
    return bool(link) and str(link).startswith(("https://", "http://")) and len(str(link)) <= LINK


def call_type(draft: CallDraft) -> str:
    """Inbound, Outbound or Missed; an outgoing call that nobody took stays Outbound (9)."""
    if draft.call_type is CallType.OUT:
        return "Outbound"
    return "Inbound" if draft.outcome is Outcome.ANSWERED else "Missed"


def duration(seconds: int, form: str, least: int) -> str:
    """`mm:ss`, or `HH:mm` with begun minutes; never zero where Zoho refuses that (9)."""
    units = max(least, seconds if form == "mm:ss" else -(-seconds // 60))
    return f"{units // 60:02d}:{units % 60:02d}"


def note_body(title: str, text: str, marker: str, recording: str | None = None) -> Body:
    """A note; its title is the first line unless it has one (10)."""
    ending = [line for line in (recording, marker_line(marker)) if line]
    return _without_none({"Note_Title": cut(title, TITLE) or None, "Note_Content": whole_text((text,), ending, NOTE_TEXT)})
