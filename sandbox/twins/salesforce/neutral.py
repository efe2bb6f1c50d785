"""Rows in the neutral words of the ledger."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.twins.base import iso, neutral_fields, plain_text, recording_in
from sandbox.twins.salesforce.schema import ACCOUNT, CONTACT, LEAD, NEUTRAL, NOTE, NOTE_LINK, OPPORTUNITY, TASK
from sandbox.twins.salesforce.state import Row, State, object_of, same_id

PHONES = ("MobilePhone", "Phone", "HomePhone", "OtherPhone")


def words_of(state: State, name: str, row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    """A record, task or note in the words of `Write.fields`."""
    if name == TASK:
        return task_words(state, row, marker)
    if name == NOTE:
        return _note_words(state, row, marker)
    return _record_words(state, name, row) if name in NEUTRAL else {}


def task_sort(row: Row) -> tuple[str, str]:
    """What a task is: the record of a call (10.2), a note (11), or a task.

    All three are the same object. A call tells its way; what is born completed and stands on no day is a note.
    """
    if row["CallType"]:
        return "log", "call"
    if row["IsClosed"] and not row["ActivityDate"]:
        return "note", "note"
    return "task", str(row["TaskSubtype"])


# ---- records


def _record_words(state: State, name: str, row: Row) -> dict[str, Any]:
    words: dict[str, Any] = {"name": row["Name"], "owner": row["OwnerId"], "status": status_of(name, row)}
    words |= neutral_fields(_own_values(state, name, row))
    if name != OPPORTUNITY:
        words["phone"] = next((row[one] for one in PHONES if row.get(one)), None)
    if name in (CONTACT, LEAD):
        words["email"] = row["Email"]
    if name == CONTACT:
        words["organization"] = row["AccountId"]
    if name == LEAD:
        words |= {"contact": _own_link(state, row, CONTACT), "organization": _own_link(state, row, ACCOUNT)}
    if name == OPPORTUNITY:
        people = [role["ContactId"] for role in state.contacts_of(row["Id"])]
        words |= {"contact": people[0] if people else None, "organization": row["AccountId"]}
        words |= {"pipeline": row["RecordTypeId"], "stage": row["StageName"]}
    return words


def _own_values(state: State, name: str, row: Row) -> dict[str, Any]:
    """The customer's own fields by label, look-ups left out."""
    own = [one for one in state.fields[name].values() if one.custom and not one.refers]
    return {one.title: row.get(one.name) for one in own}


def _own_link(state: State, row: Row, target: str) -> str | None:
    """What a look-up field of the customer's links a lead to; Salesforce itself links it to nothing (9)."""
    own = [one.name for one in state.fields[LEAD].values() if one.custom and target in one.refers]
    return next((row[name] for name in own if row.get(name)), None)


def status_of(name: str, row: Row) -> str:
    """open, converted, closed, won or lost; contacts and accounts are always open (7)."""
    if name == LEAD:
        return "converted" if row["IsConverted"] else "closed" if str(row["Status"]).startswith("Closed ") else "open"
    if name == OPPORTUNITY and row["IsClosed"]:
        return "won" if row["IsWon"] else "lost"
    return "open"


def record_words(state: State, name: str, row: Row) -> dict[str, Any]:
    """What `Twin.records` tells of a row."""
    head = {"kind": NEUTRAL[name], "id": row["Id"], "open": status_of(name, row) == "open"}
    return {**head, **_record_words(state, name, row), "updated_at": row["LastModifiedDate"], "created_at": row["CreatedDate"]}


# ---- tasks and notes


def task_words(state: State, row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    """A task. Our marker stands in `CallObject`, in a field of the customer's, or in the text (10.2, 15)."""
    text = str(row["Description"] or "")
    own = neutral_fields(_own_values(state, TASK, row))
    found = marker.search(text)
    return {
        "title": row["Subject"], "text": text, "completed": row["IsClosed"], "assignee": row["OwnerId"],
        "author": row["CreatedById"], "due_at": due_of(row), "targets": targets_of((row["WhoId"], row["WhatId"])),
        "recording": recording_in(text), "marker": row["CallObject"] or own["marker"] or (found[1] if found else None),
    }  # fmt: skip


def due_of(row: Mapping[str, Any]) -> str | None:
    """The reminder's time, which alone is exact; else the day (10.1). That of a task without a reminder that is done is no
    deadline: it is when it was done."""
    if row["IsReminderSet"] and row["ReminderDateTime"]:
        return iso(datetime.fromisoformat(row["ReminderDateTime"]))
    return None if row["IsClosed"] else row["ActivityDate"] or None


def targets_of(ids: tuple[str | None, ...]) -> list[list[str]]:
    """The records something hangs on, as neutral kinds and ids."""
    return [[NEUTRAL[object_of(one)], one] for one in ids if one and object_of(one) in NEUTRAL]


def _note_words(state: State, row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    text = plain_text(base64.b64decode(row["Content"] or "").decode("utf-8", "replace"))
    found = marker.search(text)
    links = [link for link in state.table(NOTE_LINK).values() if same_id(link["ContentDocumentId"], row["Id"])]
    return {
        "title": row["Title"], "text": text, "author": row["CreatedById"], "recording": recording_in(text),
        "targets": targets_of(tuple(link["LinkedEntityId"] for link in links)), "marker": found[1] if found else None,
    }  # fmt: skip
