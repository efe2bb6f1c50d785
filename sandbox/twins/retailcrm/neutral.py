"""Rows in the neutral words of the ledger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sandbox.twins.base import iso, recording_in
from sandbox.twins.retailcrm.account import Account
from sandbox.twins.retailcrm.fields import neutral_values
from sandbox.twins.retailcrm.state import CUSTOMER, NEUTRAL, ORDER, Row, State, full_name, numbers_of

STATUSES = {"complete": "won", "cancel": "lost"}
"""What the final groups mean; every other group is open (5)."""


def as_id(value: Any) -> str | None:
    return None if value is None else str(value)


def words_of(state: State, account: Account, word: str, row: Row) -> dict[str, Any]:
    """A customer or an order in the words of `Write.fields`; order method and status are its pipeline and stage."""
    numbers = numbers_of(row)
    words: dict[str, Any] = {"name": full_name(row) or None, "owner": as_id(row.get("managerId")), "email": row.get("email")}
    words |= {"phone": numbers[0] if numbers else None, "status": status_of(account, row), **neutral_values(state, word, row)}
    if word == ORDER:
        words |= {"contact": as_id((row.get("customer") or {}).get("id")), "pipeline": row.get("orderMethod")}
        words["stage"] = row["status"]
    if row.get("tags"):
        words["tags"] = list(row["tags"])
    return words


def status_of(account: Account, row: Row) -> str:
    return STATUSES.get(account.group_of(row["status"]), "open") if "status" in row else "open"


def record_words(state: State, account: Account, word: str, row: Row) -> dict[str, Any]:
    """What `Twin.records` tells of a row."""
    words = words_of(state, account, word, row)
    touched = row.get("statusUpdatedAt", row["createdAt"])
    times = {"created_at": iso(state.utc(str(row["createdAt"]))), "updated_at": iso(state.utc(str(touched)))}
    return {"kind": NEUTRAL[word], "id": str(row["id"]), "open": words["status"] == "open", **words, **times}


def task_words(state: State, row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    """A task: its text is the title, its commentary the text (9)."""
    return {
        "title": row["text"], "completed": row["complete"], "assignee": as_id(row["performer"]),
        "author": as_id(row.get("creator")), "due_at": iso(state.utc(row["datetime"])) if row.get("datetime") else None,
        "targets": targets_of(row), **text_words(row.get("commentary", ""), marker),
    }  # fmt: skip


def text_words(text: str, marker: re.Pattern[str]) -> dict[str, Any]:
    """`text`, `recording` and `marker` of a task, a note or a comment."""
    found = marker.search(text)
    return {"text": text, "recording": recording_in(text), "marker": found[1] if found else None}


def note_words(row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    return {**text_words(row["text"], marker), "author": as_id(row.get("managerId")), "targets": targets_of(row)}


def comment_words(order: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    """The manager's comment stands for an order's notes (8)."""
    targets = [[NEUTRAL[ORDER], str(order["id"])]]
    return {**text_words(order.get("managerComment", ""), marker), "author": None, "targets": targets}


def targets_of(row: Mapping[str, Any]) -> list[list[str]]:
    """The order and the customer that something hangs on."""
    return [[NEUTRAL[word], str(row[word]["id"])] for word in (ORDER, CUSTOMER) if row.get(word)]
