"""Rows in the neutral words of the ledger."""

from __future__ import annotations

import re
from typing import Any

from sandbox.twins.base import neutral_fields, plain_text, recording_in
from sandbox.twins.zoho_desk.state import ACCOUNTS, CONTACTS, NEUTRAL, TICKETS, Row, State


def name_of(row: Row) -> str:
    """A contact's two names as one, an account's name, a ticket's subject."""
    if "lastName" in row:
        return " ".join(part for part in (row.get("firstName"), row["lastName"]) if part)
    return str(row.get("accountName") or row.get("subject") or "")


def record_fields(state: State, module: str, row: Row) -> dict[str, Any]:
    """A contact, account or ticket in the words of `Write.fields`. A ticket's account follows its contact (7)."""
    labels = {name: field["displayLabel"] for name, field in state.fields[module].items()}
    words = {"name": name_of(row), "phone": row.get("phone"), "status": status_of(module, row)}
    words |= neutral_fields({labels[name]: value for name, value in row["cf"].items() if name in labels})
    if module == CONTACTS:
        words |= {"owner": row["ownerId"], "organization": row["accountId"], "email": row["email"]}
    if module == ACCOUNTS:
        words |= {"owner": row["ownerId"]}
    if module == TICKETS:
        account = state.tables[CONTACTS].get(row["contactId"], {}).get("accountId")
        words |= {"owner": row["assigneeId"], "contact": row["contactId"], "organization": account}
        words |= {"pipeline": row["departmentId"], "stage": row["status"]}
    return words


def status_of(module: str, row: Row) -> str:
    """open or closed: finished is the type `Closed`, whatever the status is called (6)."""
    return "closed" if module == TICKETS and row["statusType"] == "Closed" else "open"


def record_words(state: State, module: str, row: Row) -> dict[str, Any]:
    """What `Twin.records` tells of a row."""
    head = {"kind": NEUTRAL[module], "id": row["id"], "open": status_of(module, row) == "open"}
    return {**head, **record_fields(state, module, row), "updated_at": row["modifiedTime"], "created_at": row["createdTime"]}


def targets_of(row: Row) -> list[list[str]]:
    pairs = (("deal", row.get("ticketId")), ("contact", row.get("contactId")))
    return [[kind, key] for kind, key in pairs if key]


def text_words(text: str, marker: re.Pattern[str]) -> dict[str, Any]:
    """`text`, `recording` and `marker` of a description or a comment in plain text."""
    found = marker.search(text)
    return {"text": text, "recording": recording_in(text), "marker": found[1] if found else None}


def task_words(row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    due = row["dueDate"]
    return {
        "title": row["subject"], "completed": row["statusType"] == "Closed", "assignee": row["ownerId"],
        "due_at": re.sub(r"\.\d+", "", due) if due else None, "targets": targets_of(row),
        **text_words(row["description"] or "", marker),
    }  # fmt: skip


def call_words(row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    words = text_words(row["description"] or "", marker)
    return {
        **words, "title": row["subject"], "assignee": row["ownerId"], "author": row["ownerId"], "targets": targets_of(row),
        "recording": row["recordingUrl"] or words["recording"], "outcome": row["status"], "direction": row["direction"],
        "talk_seconds": int(row["duration"] or 0), "started_at": row["startTime"],
    }  # fmt: skip


def comment_words(row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    content = plain_text(row["content"]) if row["contentType"] == "html" else row["content"]
    targets = [[NEUTRAL[row["module"]], row["record"]]]
    return {**text_words(content, marker), "targets": targets, "public": row["isPublic"]}
