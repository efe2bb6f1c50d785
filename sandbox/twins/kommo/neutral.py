"""Rows in the neutral words of the ledger."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from sandbox.twins.base import iso, recording_in
from sandbox.twins.kommo.fields import EMAIL, PHONE, entries_with_code, neutral_of
from sandbox.twins.kommo.state import COMPANIES, CONTACTS, LEADS, LOST, NEUTRAL, WON, Row, State, is_open

TASK_TYPES = {1: "follow_up", 2: "meeting"}
"""The task types every account has (8)."""


def as_id(value: Any) -> str | None:
    return None if value is None else str(value)


def moment(seconds: int) -> str:
    return iso(datetime.fromtimestamp(seconds, UTC))


def words_of(state: State, word: str, row: Row) -> dict[str, Any]:
    """A contact, company or lead in the words of `Write.fields`."""
    words: dict[str, Any] = {"name": row["name"], "owner": as_id(row["responsible_user_id"]), "status": status_of(row)}
    words |= neutral_of(state, word, row)
    words["tags"] = [tag["name"] for tag in row["tags"]]
    if word in (CONTACTS, COMPANIES):
        numbers, addresses = (entries_with_code(state, word, row, code) for code in (PHONE, EMAIL))
        words |= {"phone": numbers[0] if numbers else None, "email": addresses[0] if addresses else None}
    if word in (CONTACTS, LEADS):
        words["organization"] = as_id(row["company"])
    if word == LEADS:
        words |= {"contact": as_id(row["contacts"][0] if row["contacts"] else None)}
        words |= {"pipeline": as_id(row["pipeline_id"]), "stage": as_id(row["status_id"])}
    return words


def status_of(row: Row) -> str:
    return {WON: "won", LOST: "lost"}.get(row.get("status_id", 0), "open")


def record_words(state: State, word: str, row: Row) -> dict[str, Any]:
    """What `Twin.records` tells of a row."""
    head = {"kind": NEUTRAL[word], "id": str(row["id"]), "open": is_open(row)}
    times = {name: moment(row[name]) for name in ("updated_at", "created_at")}
    return {**head, **words_of(state, word, row), **times}


def task_words(row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    """A task. Kommo's tasks have one text: its first line is the title. It hangs on one card only (8)."""
    text = "\n".join(part for part in (row["text"], result_text(row)) if part)
    return {
        "title": row["text"].partition("\n")[0], "text": text, "completed": row["is_completed"],
        "assignee": as_id(row["responsible_user_id"]), "author": as_id(row["created_by"]), "due_at": moment(row["complete_till"]),
        "targets": card_of(row), "recording": recording_in(text), "marker": marker_in(text, marker),
    }  # fmt: skip


def result_text(row: Row) -> str:
    return str(row["result"]["text"]) if isinstance(row["result"], dict) else ""


def card_of(row: Row) -> list[list[str]]:
    """The card a task or a note hangs on."""
    return [[NEUTRAL[row["entity_type"]], str(row["entity_id"])]] if row["entity_id"] else []


def marker_in(text: str, marker: re.Pattern[str]) -> str | None:
    found = marker.search(text)
    return found[1] if found else None


def note_words(row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    """A note with a text."""
    text = str(row["params"].get("text") or "")
    head = {"text": text, "recording": recording_in(text), "marker": marker_in(text, marker)}
    return {**head, "author": as_id(row["created_by"]), "targets": card_of(row)}


def call_words(row: Row) -> dict[str, Any]:
    """A call on a card. Our id of it, `uniq`, is the marker.

    A call that came through `/calls` belongs to the contact it was recognised by as well as to the card Kommo chose (9).
    """
    params = row["params"]
    text = str(params.get("call_result") or "")
    person = params.get("call_responsible")
    targets = [*card_of(row), *[["contact", str(key)] for key in row["recognised_by"]]]
    return {
        "title": text.partition("\n")[0], "text": text, "recording": params.get("link"), "marker": params.get("uniq"),
        "author": str(person) if isinstance(person, int) else as_id(row["created_by"]),
        "assignee": as_id(row["responsible_user_id"]), "targets": targets, "phone": params.get("phone"),
        "talk_seconds": params.get("duration"), "direction": "in" if row["note_type"] == "call_in" else "out",
        "started_at": moment(row["created_at"]), "call_status": params.get("call_status"),
    }  # fmt: skip
