"""Rows in the neutral words of the ledger."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from sandbox.twins.base import iso, neutral_fields, recording_in
from sandbox.twins.creatio.schema import CALL_CATEGORY, NAMES, NEUTRAL, NEVER, NOBODY
from sandbox.twins.creatio.state import PHONES, Row, State

NATIVE = {
    "UtmSourceStr": "utm_source", "UtmMediumStr": "utm_medium", "UtmCampaignStr": "utm_campaign", "UtmTermStr": "utm_term",
    "UtmContentStr": "utm_content",
}  # fmt: skip
TARGETS = (("lead", "LeadId"), ("deal", "OpportunityId"), ("contact", "ContactId"), ("organization", "AccountId"))


def words_of(state: State, name: str, row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    """A record, activity or call in the words of `Write.fields`; nothing for other rows."""
    if name == "Activity":
        return activity_words(state, row, marker)
    if name == "Call":
        return _call_words(row)
    return record_words(state, name, row) if name in NEUTRAL else {}


def _id(row: Row, column: str) -> str | None:
    value = row.get(column)
    return value if value and value != NOBODY else None


def status_of(state: State, name: str, row: Row) -> str:
    """open, converted, closed, won or lost (6)."""
    if name == "Lead" and state.flag("QualifyStatus", row["QualifyStatusId"], "IsFinal"):
        return "converted" if state.flag("QualifyStatus", row["QualifyStatusId"], "Successful") else "closed"
    if name == "Opportunity" and state.flag("OpportunityStage", row["StageId"], "End"):
        return "won" if state.flag("OpportunityStage", row["StageId"], "Successful") else "lost"
    return "open"


def record_words(state: State, name: str, row: Row) -> dict[str, Any]:
    words: dict[str, Any] = {"name": row[NAMES[name]], "owner": _id(row, "OwnerId"), "status": status_of(state, name, row)}
    words |= neutral_fields(_own_values(state, name, row))
    for column, parameter in NATIVE.items():
        if row.get(column):
            words["attribution"].setdefault(parameter, row[column])
    if name == "Opportunity":
        words |= {"contact": _id(row, "ContactId"), "organization": _id(row, "AccountId")}
        return words | {"pipeline": None, "stage": _id(row, "StageId")}
    columns = ("MobilePhone", "BusinesPhone") if name == "Lead" else PHONES[name]
    words["phone"] = next((row[column] for column in columns if row[column]), None)
    if name == "Contact":
        words |= {"email": row["Email"], "organization": _id(row, "AccountId")}
    if name == "Lead":
        words |= {"email": row["Email"], "contact": _id(row, "QualifiedContactId")}
        words |= {"organization": _id(row, "QualifiedAccountId")}
    return words


def _own_values(state: State, name: str, row: Row) -> dict[str, Any]:
    """The customer's own columns by name without `Usr`; empty ones are left out."""
    own = [column for column in state.columns[name].values() if column.custom and row.get(column.name) != column.empty]
    return {(one.link if one.refers else one.name).removeprefix("Usr"): row.get(one.name) for one in own}


def targets_of(row: Row) -> list[list[str]]:
    return [[kind, row[column]] for kind, column in TARGETS if _id(row, column)]


def is_done(state: State, row: Row) -> bool:
    return state.flag("ActivityStatus", row["StatusId"], "Finish")


def activity_sort(state: State, row: Row) -> tuple[str, str]:
    """A note is an activity that was done when it was made and stands in no calendar; all else is a task (10)."""
    if row["Id"] in state.born_done and not row["ShowInScheduler"]:
        return "note", "note"
    return "task", "call" if row["ActivityCategoryId"] == CALL_CATEGORY else "task"


def activity_words(state: State, row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    text = str(row["Notes"] or "")
    found = marker.search(text)
    due = None if row["Id"] in state.born_done or row["DueDate"] == NEVER else iso(datetime.fromisoformat(row["DueDate"]))
    return {
        "title": row["Title"], "text": text, "completed": is_done(state, row), "assignee": _id(row, "OwnerId"),
        "author": _id(row, "AuthorId"), "due_at": due, "targets": targets_of(row), "recording": recording_in(text),
        "marker": found[1] if found else None,
    }  # fmt: skip


def _call_words(row: Row) -> dict[str, Any]:
    """A call: our key stands in `IntegrationId`; it has no owner (9)."""
    return {
        "title": row["Caption"], "text": row["Notes"], "targets": targets_of(row), "recording": recording_in(row["Notes"]),
        "marker": row["IntegrationId"] or None,
    }  # fmt: skip
