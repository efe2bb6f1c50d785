"""Looking for a write whose answer was lost; SendPulse offers nothing for it (crm_sendpulse.md 10)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from patchcord.crm.errors import Gone
from patchcord.crm.port import Trace
from patchcord.crm.sendpulse import reading, writing
from patchcord.crm.sendpulse.account import Account
from patchcord.crm.sendpulse.declaration import VENDOR
from patchcord.crm.sendpulse.reading import Row
from patchcord.model.phone import digits_of, try_phone
from patchcord.model.records import RecordKind, Ref

SKEW = timedelta(seconds=60)
"""How far their clock may be behind ours when a write is looked for by its time; times of tasks are cut to the minute."""
MOST_TASKS = 25
TASKS = "/tasks"


def record_id(account: Account, trace: Trace, kind: RecordKind) -> str | None:
    """By the marker's field if there is one, else by number or name among what was made since the intent.

    The form in steps may have stopped before the number or the marker: then the number is added now.
    """
    rows = _contacts(account, trace) if kind is RecordKind.CONTACT else _deals(account, trace)
    key = account.connection.marker_fields.get(kind)
    if key and not account.connection.in_steps:
        row = next((row for row in rows if reading.field_values(row).get(key) == trace.marker), None)
    else:
        row = next((row for row in rows if _made_since(row, trace.since) and _is_meant(row, trace, kind)), None)
    if row is None:
        linked = kind is RecordKind.DEAL and writing.first(trace.targets, RecordKind.CONTACT) is not None
        return None if linked else trace.seen(None, VENDOR, f"look for a lost {kind.value}")
    if kind is RecordKind.CONTACT and trace.phone and not reading.numbers_of(row):
        body = {"phone": trace.phone[: writing.LONGEST_PHONE]}
        account.send("POST", f"/contacts/{row['id']}/phones", body, "complete contact")
    return str(row["id"])


def _contacts(account: Account, trace: Trace) -> Iterator[Row]:
    """The contacts with the number, first as we wrote it; without one all of them, as also when the form in steps may have
    stopped before it."""
    operation, phone = "look for a lost contact", try_phone(trace.phone, "")
    if trace.phone:
        yield from account.found("/contacts/get-list", {"phone": trace.phone}, operation)
    if phone is not None:
        body = {"fieldValueConditions": writing.conditions(phone, account.connection.by_tail)}
        yield from account.found("/contacts/get-list", body, operation)
    if not trace.phone or account.connection.in_steps:
        yield from account.found("/contacts/get-list", {}, operation)


def _deals(account: Account, trace: Trace) -> Iterator[Row]:
    """The deals of the contact it was to be linked to; without one those of its name."""
    contact = writing.first(trace.targets, RecordKind.CONTACT)
    if contact and writing.is_number(contact):
        try:
            yield from account.rows(f"/contacts/{contact}/deals", "look for a lost deal")
        except Gone:
            return
    elif trace.name:
        by_name = [{"name": "name", "expression": "eq", "value": writing.cut(trace.name)}]
        yield from account.found("/deals/get-list", {"filter": by_name}, "look for a lost deal")


def _is_meant(row: Row, trace: Trace, kind: RecordKind) -> bool:
    """By its number, else by its name: a contact whose number did not arrive yet has none."""
    named = reading.contact_name(row) if kind is RecordKind.CONTACT else row.get("name")
    numbers = reading.numbers_of(row)
    if kind is RecordKind.CONTACT and trace.phone and numbers:
        return any(digits_of(text)[-9:] == digits_of(trace.phone)[-9:] for text in numbers)
    return bool(trace.name) and named == writing.cut(trace.name)


def _made_since(row: Row, since: datetime) -> bool:
    made = reading.read_time(row.get("createdAt"))
    return made is not None and made >= since - SKEW


def task_id(account: Account, trace: Trace) -> str | None:
    """By the line in its description, among the tasks of the first card it was to hang on, the newest first."""
    line = writing.marker_line(trace.marker)
    return next((str(row["id"]) for row in _tasks(account, trace) if reading.has_line(row.get("description"), line)), None)


def _tasks(account: Account, trace: Trace) -> Iterator[Row]:
    if not trace.targets:
        yield from account.all_of("/tasks/list", "look for a lost task")
        return
    keys = [key for key in card_of(account, trace.targets[0]).get("tasks") or () if isinstance(key, int)]
    for key in sorted(keys, reverse=True)[:MOST_TASKS]:
        row = account.one(f"{TASKS}/{key}", "read task")
        made = reading.read_time(row.get("createdAt"), account.connection.timezone)
        if made is not None and made < trace.since - SKEW:
            return
        yield row


def comment_id(account: Account, card: Ref, marker: str) -> str | None:
    """By the line in its text, among the comments that the card shows."""
    comments = reading.rows_of(card_of(account, card).get("comments"))
    line = writing.marker_line(marker)
    return next((str(row.get("id")) for row in comments if reading.has_line(row.get("text"), line)), None)


def card_of(account: Account, card: Ref) -> Row:
    """The contact or deal in full; an empty one when it is not there any more."""
    try:
        return account.one(f"/{card.kind.value}s/{writing.whole(card.id, 'card')}", "read card")
    except Gone:
        return {}
