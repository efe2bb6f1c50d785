"""From neutral words to SendPulse's bodies (crm_sendpulse.md 4-8). No I/O; raises Rejected for ids that are no numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from itertools import pairwise
from typing import Any

from patchcord.crm.errors import Rejected
from patchcord.crm.port import CallDraft, Draft, TaskDraft
from patchcord.crm.sendpulse.declaration import DECLARATION, VENDOR, Connection
from patchcord.crm.sendpulse.reading import Row
from patchcord.model.phone import Phone, notations
from patchcord.model.records import RecordKind, Ref

Body = dict[str, Any]

MARKER_WORD = "Patchcord"
"""Stands before the marker, so that a person who reads it knows whose it is."""
LONGEST_VALUE = 5500
LONGEST_PHONE = 50
SOURCE = 8
"""`public_api`: where a task comes from (7)."""
PRIORITY = 2
TAIL = 9
_ID = re.compile(r"[0-9]{1,18}")


def is_number(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def whole(text: str, what: str) -> int:
    """An id as the number it is; raises Rejected when it is none."""
    if not is_number(text):
        raise Rejected(VENDOR, f"write {what}", f"the {what} is not an id", 400)
    return int(text)


def cut(name: str) -> str:
    """The name as long as SendPulse takes it."""
    return name[: DECLARATION.name_length]


def first(refs: Iterable[Ref], kind: RecordKind) -> str | None:
    """The id of the first of a kind."""
    return next((ref.id for ref in refs if ref.kind is kind), None)


def without_none(body: Mapping[str, Any]) -> Body:
    return {name: value for name, value in body.items() if value is not None}


# --- look-up (4)


def conditions(phone: Phone, by_tail: bool) -> list[Body]:
    """What finds the number however it was typed: numbers are not normalised, so each piece that no notation breaks is asked
    for; or, as one text, the end of the number."""
    texts = [phone.national[-TAIL:]] if by_tail else list(dict.fromkeys(pieces(phone)))
    return [{"field": "phones", "expression": "like", "value": text} for text in texts]


def pieces(phone: Phone) -> Iterator[str]:
    """The national number, broken wherever one of its usual notations breaks it."""
    cuts = {0, len(phone.national)}
    for text in notations(phone):
        cuts |= set(_breaks(text, phone.national))
    places = sorted(cuts)
    found = [phone.national[start:end] for start, end in pairwise(places)]
    yield from [piece for piece in found if len(piece) > 1] or [phone.national]


def _breaks(text: str, national: str) -> Iterator[int]:
    """Where in the national number a notation has something else than digits."""
    before = len(re.sub(r"\D", "", text)) - len(national)
    count = -before
    for char, following in zip(text, text[1:] + " ", strict=True):
        count += char.isdigit()
        if 0 < count < len(national) and not following.isdigit():
            yield count


# --- records (5)


def owner_of(owner: str | None, connection: Connection) -> int | None:
    """Somebody must be responsible: whoever the draft names, else whoever the settings name."""
    return connection.responsible if owner is None else whole(owner, "owner")


def values(fields: Mapping[str, str]) -> list[Body]:
    """Values of the account's own fields: always texts (6)."""
    return [{"attributeId": whole(key, "field"), "value": value[:LONGEST_VALUE]} for key, value in fields.items()]


def draft_fields(draft: Draft, connection: Connection) -> dict[str, str]:
    """The draft's fields, and the one for our marker where the settings name one (10)."""
    key = connection.marker_fields.get(draft.kind)
    return {**draft.fields, **({key: draft.marker} if key else {})}


def contact_name(draft: Draft) -> str:
    return cut(draft.name or draft.phone or draft.email or draft.marker)


def contact_body(draft: Draft, connection: Connection) -> Body:
    """The deprecated form: everything at once."""
    return without_none(
        {
            "responsibleId": owner_of(draft.owner, connection),
            "firstName": contact_name(draft),
            "phones": [draft.phone[:LONGEST_PHONE]] if draft.phone else None,
            "emails": [draft.email] if draft.email else None,
            "tags": [int(tag) for tag in draft.tags if is_number(tag)] or None,
            "attributes": values(draft_fields(draft, connection)) or None,
        }
    )


def contact_start(draft: Draft, connection: Connection) -> Body:
    """The current form begins with a name."""
    return {"responsibleId": owner_of(draft.owner, connection), "firstName": contact_name(draft)}


def contact_rest(draft: Draft, connection: Connection) -> list[tuple[str, Body]]:
    """What the current form adds to a contact, with the paths below it."""
    fields = values(draft_fields(draft, connection))
    steps = [
        ("phones", {"phone": draft.phone[:LONGEST_PHONE]} if draft.phone else None),
        ("emails", {"emails": [{"email": draft.email, "isMain": True}]} if draft.email else None),
        ("attributes/batch", {"attributesValues": fields} if fields else None),
    ]
    return [(path, body) for path, body in steps if body is not None]


def deal_body(draft: Draft, contacts: Sequence[Ref], connection: Connection, place: tuple[int, int]) -> Body:
    """A deal in its pipeline and step, linked at once."""
    return without_none(
        {
            "pipelineId": place[0],
            "stepId": place[1],
            "responsibleId": owner_of(draft.owner, connection),
            "name": cut(draft.name or draft.marker),
            "contact": [whole(ref.id, "contact") for ref in contacts if ref.kind is RecordKind.CONTACT] or None,
            "attributes": values(draft_fields(draft, connection)) or None,
        }
    )


def deal_change(row: Row, owner: str | None, name: str | None, fields: Mapping[str, str], known: Mapping[str, str]) -> Body:
    """A deal's change is not partial, and a card without its `order` moves to the top (5): so with what it has."""
    kept = {key: row.get(key) for key in ("pipelineId", "stepId", "status", "name", "responsibleId", "order")}
    news = {"responsibleId": whole(owner, "owner") if owner else None, "name": cut(name) if name else None}
    attributes = values({**known, **fields}) if fields else None
    return without_none({**kept, "price": row.get("price") or 0, **without_none(news), "attributes": attributes})


# --- tasks and comments (7, 8)


def marker_line(marker: str) -> str:
    """The last line of everything we write as text."""
    return f"{MARKER_WORD} {' '.join(marker.split())}"


def text_with(*lines: str | None) -> str:
    """The lines as one text: the first is cut, so that the others stay."""
    body, *rest = lines
    ending = "".join(f"\n{line}" for line in rest if line)
    return ((body or "")[: DECLARATION.text_length - len(ending)] + ending).strip()


def comment_of(draft: CallDraft) -> str:
    """A call as a comment: no call can be created (8)."""
    said = "\n".join(part for part in (draft.title, draft.text) if part)
    return text_with(said, draft.recording, marker_line(draft.marker))


def task_body(draft: TaskDraft, connection: Connection, board: int, step: int) -> Body:
    """A task with its links; in the last column it is a completed one."""
    return without_none(
        {
            "name": cut(draft.title or draft.marker),
            "boardId": board,
            "stepId": step,
            "responsibleId": whole(draft.assignee, "assignee") if draft.assignee else None,
            "priority": PRIORITY,
            "description": text_with(draft.text, draft.recording, marker_line(draft.marker)),
            "finishAt": local(draft.due_at, connection.timezone) if draft.due_at else None,
            "sourceType": SOURCE,
            "connections": _connections(draft.targets),
        }
    )


def _connections(targets: Sequence[Ref]) -> Body | None:
    found = {
        "contactIds": [whole(ref.id, "contact") for ref in targets if ref.kind is RecordKind.CONTACT],
        "dealIds": [whole(ref.id, "deal") for ref in targets if ref.kind is RecordKind.DEAL],
    }
    return {name: ids for name, ids in found.items() if ids} or None


def local(at: datetime, zone: tzinfo) -> str:
    """`Y-m-d H:i` in the account's zone: any other form fails silently (7)."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
