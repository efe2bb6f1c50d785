"""From neutral words to Megaplan's bodies (crm_megaplan.md 5-8). No I/O; raises Rejected for ids that cannot be its."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from patchcord.crm.errors import Rejected
from patchcord.crm.megaplan.declaration import DECLARATION, VENDOR, Connection
from patchcord.crm.megaplan.reading import EMPLOYEE, TYPES
from patchcord.crm.megaplan.talk import Row
from patchcord.crm.port import CallDraft, Change, Draft, TaskDraft
from patchcord.model.events import CallType, Outcome
from patchcord.model.phone import Phone, digits_of, notations
from patchcord.model.records import RecordKind, Ref

Body = dict[str, Any]

MARKER_WORD = "Patchcord"
"""Stands before the marker, so that a person who reads it knows whose it is."""
CLIENTS = (RecordKind.CONTACT, RecordKind.ORGANIZATION)


def is_id(text: str) -> bool:
    """Whether the text can be an id."""
    return text.isascii() and text.isdigit()


def link(kind: str, key: str) -> Body:
    """A reference to an entity (3); raises Rejected when this cannot be its id."""
    if not is_id(key):
        raise Rejected(VENDOR, f"link {kind}", f"the id of the {kind} is not a number")
    return {"contentType": kind, "id": key}


def cut(name: str) -> str:
    """The name as long as Megaplan takes it."""
    return name[: DECLARATION.name_length]


def first(refs: Iterable[Ref], kind: RecordKind) -> str | None:
    """The id of the first of a kind."""
    return next((ref.id for ref in refs if ref.kind is kind), None)


def date_time(at: datetime) -> Body:
    """A typed time (3)."""
    return {"contentType": "DateTime", "value": at.astimezone(UTC).isoformat(timespec="seconds")}


def _without_none(body: Mapping[str, Any]) -> Body:
    return {name: value for name, value in body.items() if value is not None}


# --- look-up (4)


def asked_numbers(phone: Phone) -> list[Body]:
    """The number in every notation it may be stored in: how Megaplan compares them is not known (14)."""
    texts = dict.fromkeys((phone.digits, *notations(phone), f"00{phone.digits}"))
    return [{"contentType": "ContactInfo", "type": "phone", "value": text} for text in texts]


# --- records (5)


def waves(drafts: Sequence[Draft]) -> list[list[Draft]]:
    """The drafts in the groups that can be created at once: a deal needs the id of its client, a company takes its people.

    Ids are not known within a bulk, so people come first, then companies and deals, last the deals of new companies.
    """
    people = [draft for draft in drafts if draft.kind is RecordKind.CONTACT]
    companies = {draft.key for draft in drafts if draft.kind is RecordKind.ORGANIZATION}
    late = [draft for draft in drafts if draft.kind is RecordKind.DEAL and _is_of_company(draft, people, companies)]
    others = [draft for draft in drafts if draft not in people and draft not in late]
    return [wave for wave in (people, others, late) if wave]


def _is_of_company(deal: Draft, people: Sequence[Draft], companies: set[str]) -> bool:
    persons = {person.key for person in people}
    has_person = any((isinstance(item, Ref) and item.kind is RecordKind.CONTACT) or item in persons for item in deal.links)
    return not has_person and any(item in companies for item in deal.links)


def record_body(draft: Draft, links: Sequence[Ref], custom: Mapping[str, Any], connection: Connection) -> Body:
    """The body that creates a client; deals need a program as well, see `deal_body`."""
    name = cut(draft.name or draft.phone or draft.email or draft.marker)
    body: Body = {
        **custom,
        "contentType": TYPES[draft.kind],
        "contactInfo": _contact_info(draft) or None,
        "responsibles": [link(EMPLOYEE, draft.owner)] if draft.owner else None,
        "advertisingWay": way(draft.attribution, connection),
        "tags": _tags(draft),
        "description": _description(draft, custom),
    }
    if draft.kind is RecordKind.ORGANIZATION:
        people = [link(TYPES[ref.kind], ref.id) for ref in links if ref.kind is RecordKind.CONTACT]
        return _without_none({**body, "name": name, "contacts": people or None})
    company = first(links, RecordKind.ORGANIZATION)
    return _without_none(
        {**body, "firstName": name, "company": link(TYPES[RecordKind.ORGANIZATION], company) if company else None}
    )


def _description(draft: Draft, custom: Mapping[str, Any]) -> str:
    """What the project writes there, and our marker: a record has no other field for it (11)."""
    return "\n".join(part for part in (custom.get("description"), marker_line(draft.marker)) if part)


def _contact_info(draft: Draft) -> list[Body]:
    given = (("phone", draft.phone), ("email", draft.email))
    return [{"contentType": "ContactInfo", "type": sort, "value": text, "isMain": True} for sort, text in given if text]


def _tags(draft: Draft) -> list[Body] | None:
    return [link("Tag", tag) for tag in draft.tags if is_id(tag)] or None


def deal_body(draft: Draft, links: Sequence[Ref], custom: Mapping[str, Any], program: str, state: str | None) -> Body:
    """The body that creates a deal: its client is the person, else the company."""
    client = next((link(TYPES[kind], key) for kind in CLIENTS if (key := first(links, kind))), None)
    return _without_none(
        {
            **custom,
            "contentType": TYPES[RecordKind.DEAL],
            "name": cut(draft.name or draft.marker),
            "program": link("Program", program),
            "state": link("ProgramState", state) if state else None,
            "contractor": client,
            "manager": link(EMPLOYEE, draft.owner) if draft.owner else None,
            "description": _description(draft, custom),
        }
    )


def change_body(ref: Ref, change: Change, custom: Mapping[str, Any], connection: Connection) -> Body:
    """The body that changes a record, empty when nothing of the change applies to it."""
    is_deal = ref.kind is RecordKind.DEAL
    name = "firstName" if ref.kind is RecordKind.CONTACT else "name"
    owner = link(EMPLOYEE, change.owner) if change.owner else None
    changes = _without_none(
        {
            **custom,
            name: cut(change.name) if change.name else None,
            **({"manager": owner} if is_deal else {"responsibles": [owner] if owner else None}),
            **({} if is_deal else {"advertisingWay": way(change.attribution, connection)}),
        }
    )
    return {**changes, "contentType": TYPES[ref.kind], "id": ref.id} if changes else {}


def way(attribution: Mapping[str, str], connection: Connection) -> Body | None:
    """The source channel that the connection names for this source (5)."""
    key = connection.ways.get(attribution.get("utm_source", "").lower())
    return link("ContractorAdvertisingWay", key) if key else None


# --- the account's own fields (9)


def typed(value: str, field: Row) -> Any:
    """The value as its field takes it: numbers as numbers, times as times, options as they are spelled."""
    sort = str(field.get("contentType") or "")
    if sort in ("FloatField", "IntegerField", "BigIntField"):
        return _as_number(value)
    if sort in ("DateField", "DateTimeField"):
        return _as_time(value)
    if sort == "EnumField":
        options = {str(option).lower(): option for option in field.get("enumValues") or ()}
        return options.get(value.strip().lower(), value)
    return value


def _as_number(text: str) -> Any:
    plain = re.sub(r"\s", "", text).replace(",", ".")
    if re.fullmatch(r"-?\d{1,15}", plain):
        return int(plain)
    return float(plain) if re.fullmatch(r"-?\d{1,15}\.\d{1,10}", plain) else text


def _as_time(text: str) -> Any:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return text
    return date_time(at if at.tzinfo else at.replace(tzinfo=UTC))


# --- todos, comments (6, 7)


def marker_line(marker: str) -> str:
    """The last line of everything we write as text."""
    return f"{MARKER_WORD} {' '.join(marker.split())}"


def note_html(text: str, marker: str | None, recording: str | None = None) -> str:
    """Plain text as HTML: its paragraphs, the recording as a link, the marker as a small last line."""
    lines = text[: DECLARATION.text_length].splitlines()
    paragraphs = [f"<p>{html.escape(line)}</p>" for line in lines if line.strip()]
    if recording:
        paragraphs.append(link_html(recording))
    if marker:
        paragraphs.append(f"<p><small>{html.escape(marker_line(marker))}</small></p>")
    return "".join(paragraphs)


def link_html(address: str) -> str:
    """A paragraph with the link, which is its own text: a link needs no language."""
    escaped = html.escape(address)
    if not address.startswith(("https://", "http://")):
        return f"<p>{escaped}</p>"
    return f'<p><a href="{escaped}">{escaped}</a></p>'


def todo_body(draft: TaskDraft, connection: Connection, done_status: str | None) -> Body:
    """A todo tied to its records. Its time is refused in most forms (6), so the deadline stands first in the text."""
    due = None if draft.completed else draft.due_at
    text = f"{_deadline(due, connection)}\n{draft.text}" if due and not connection.timed else draft.text
    return _without_none(
        {
            "contentType": "Todo",
            "name": cut(draft.title or draft.marker),
            "description": note_html(text, draft.marker, draft.recording),
            "responsible": link(EMPLOYEE, draft.assignee) if draft.assignee else None,
            "category": link("TodoCategory", connection.category) if connection.category else None,
            "status": link("TodoStatus", done_status) if draft.completed and done_status else None,
            "when": _interval(due) if due and connection.timed else None,
            "relations": [link(TYPES[ref.kind], ref.id) for ref in dict.fromkeys(draft.targets) if ref.kind in TYPES],
        }
    )


def _deadline(due: datetime, connection: Connection) -> str:
    """The deadline for people, in the connection's time zone; the sign needs no language."""
    return f"⏰ {due.astimezone(connection.timezone):%d.%m.%Y %H:%M %Z}"


def _interval(due: datetime) -> Body:
    return {"contentType": "IntervalTime", "from": date_time(due), "to": date_time(due)}


def comment_body(content: str) -> Body:
    return {"contentType": "Comment", "content": content}


# --- calls (8)


def call_body(draft: CallDraft, client: Ref | None) -> Body:
    """A finished call. It takes no text; our marker is the provider's id, so that repeating it makes no second call."""
    person = link(TYPES[client.kind], client.id) if client else None
    who = draft.author or draft.assignee
    employee = link(EMPLOYEE, who) if who else None
    ours, theirs = ("from", "to") if draft.call_type is CallType.OUT else ("to", "from")
    return _without_none(
        {
            "contentType": "CallInfo",
            "providerId": draft.marker,
            "type": _call_type(draft),
            "state": "finished",
            f"{theirs}Phone": digits_of(draft.client) or None,
            f"{ours}Phone": digits_of(draft.line) or None,
            f"{theirs}User": person,
            f"{ours}User": employee,
            "timeFrom": date_time(draft.started_at),
            "timeTo": date_time(draft.started_at + timedelta(seconds=draft.talk_seconds)),
            "recordLinks": [draft.recording] if draft.recording else None,
        }
    )


def _call_type(draft: CallDraft) -> str:
    if draft.call_type is CallType.OUT:
        return "out" if draft.outcome is Outcome.ANSWERED else "fail"
    return "in" if draft.outcome is Outcome.ANSWERED else "miss"
