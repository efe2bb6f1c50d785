"""Rows in the neutral words of the ledger."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from sandbox.twins.base import iso, neutral_fields, recording_in
from sandbox.twins.zoho_crm.fields import target_of
from sandbox.twins.zoho_crm.state import (
    ACCOUNTS,
    CALLS,
    CONTACTS,
    DEAD,
    DEALS,
    LEADS,
    NEUTRAL,
    NOTES,
    TASKS,
    Row,
    State,
    is_converted,
)

LOOKUPS = {CONTACTS: "contact", ACCOUNTS: "organization"}
STATUSES = {"Open": "open", "Closed Won": "won", "Closed Lost": "lost"}


def words_of(state: State, module: str, row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    """The words of `Write.fields` for a row of any module."""
    if module in (TASKS, CALLS, NOTES):
        return activity_words(module, row, marker)
    words: dict[str, Any] = {"name": state.name_of(module, row["id"]), "owner": row["Owner"]}
    words["status"] = status_of(state, module, row)
    own = {name: field for name, field in state.fields[module].items() if field["custom_field"]}
    words |= neutral_fields({field["field_label"]: row.get(name) for name, field in own.items() if not target_of(field)})
    words |= _links(module, row, own)
    if module == DEALS:
        return words | {"pipeline": row.get("Pipeline"), "stage": row.get("Stage")}
    return words | {"phone": row.get("Mobile") or row.get("Phone"), "email": row.get("Email")}


def _links(module: str, row: Row, own: dict[str, Row]) -> dict[str, Any]:
    """Contact and organization: Zoho's own lookups, and for a lead those that the customer made (7)."""
    if module == CONTACTS:
        return {"organization": row.get("Account_Name")}
    if module == DEALS:
        return {"contact": row.get("Contact_Name"), "organization": row.get("Account_Name")}
    found = {LOOKUPS[target_of(field)]: row.get(name) for name, field in own.items() if target_of(field) in LOOKUPS}
    return {"contact": None, "organization": None, **found} if module == LEADS else {}


def status_of(state: State, module: str, row: Row) -> str:
    """open, converted, archived (a dead lead), won or lost (6)."""
    if module == LEADS:
        return "converted" if is_converted(row) else "archived" if row.get("Lead_Status") in DEAD else "open"
    return STATUSES.get(state.forecast_of(row.get("Stage")), "open") if module == DEALS else "open"


def activity_words(module: str, row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    """A task, a call or a note."""
    text = str(row.get("Note_Content" if module == NOTES else "Description") or "")
    found = marker.search(text)
    words = {
        "title": row.get("Note_Title" if module == NOTES else "Subject"), "text": text, "marker": found[1] if found else None,
        "recording": row.get("Voice_Recording__s") or recording_in(text), "author": row.get("Created_By"),
        "assignee": row.get("Owner"), "targets": targets_of(row),
    }  # fmt: skip
    if module == TASKS:
        words |= {"completed": row.get("Status") == "Completed", "due_at": due_of(row)}
    return words


def due_of(row: Row) -> str | None:
    """The instant of the reminder where there is one; the date itself has no time (8)."""
    alarm = re.search(r"DATE-TIME:(\S+)", str((row.get("Remind_At") or {}).get("ALARM")))
    return iso(datetime.fromisoformat(alarm[1])) if alarm else row.get("Due_Date")


def targets_of(row: Row) -> list[list[str]]:
    """What a task, call or note hangs on."""
    what, module = row.get("What_Id") or row.get("Parent_Id"), str(row.get("$se_module"))
    pairs = [(NEUTRAL.get(module, module), what), ("contact", row.get("Who_Id"))]
    return [[kind, str(key)] for kind, key in pairs if key]


def record_words(state: State, module: str, row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    """What `Twin.records` tells of a row."""
    head = {"kind": NEUTRAL[module], "id": row["id"], "open": status_of(state, module, row) == "open"}
    times = {"updated_at": row["Modified_Time"], "created_at": row["Created_Time"]}
    return {**head, **words_of(state, module, row, marker), **times}
