"""Rows in the neutral words of the ledger."""

from __future__ import annotations

import re
from typing import Any

from sandbox.twins.base import neutral_fields, recording_in
from sandbox.twins.sendpulse.state import CONTACT, DEAL, LOST, OPEN, WON, Row, State, last_step

STATUSES = {OPEN: "open", WON: "won", LOST: "lost", 0: "archived"}


def as_id(value: Any) -> str | None:
    return None if value is None else str(value)


def record_words(state: State, kind: str, row: Row) -> dict[str, Any]:
    """A contact or a deal in the words of `Write.fields`."""
    named = {state.attributes[key]["name"]: value for key, value in row["attributes"].items()}
    words = {"owner": as_id(row["responsibleId"]), **neutral_fields(named)}
    return words | (_contact_words(row) if kind == CONTACT else _deal_words(row))


def _contact_words(row: Row) -> dict[str, Any]:
    name = " ".join(part for part in (row["firstName"], row["lastName"]) if part)
    phone = next((entry["phone"] for entry in row["phones"]), None)
    email = next((entry["email"] for entry in row["emails"]), None)
    tags = {"tags": list(row["tags"])} if row["tags"] else {}
    return {"name": name or None, "phone": phone, "email": email, "status": "open", **tags}


def _deal_words(row: Row) -> dict[str, Any]:
    return {
        "name": row["name"], "phone": None, "status": STATUSES[row["status"]], "pipeline": str(row["pipelineId"]),
        "stage": str(row["stepId"]), "contact": as_id(next(iter(row["contact"]), None)),
    }  # fmt: skip


def task_words(state: State, row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    """A task is done when it stands in its board's last column (7)."""
    due = state.utc(row["finishAt"]) if row["finishAt"] else None
    targets = [[DEAL, str(key)] for key in row["deals"]] + [[CONTACT, str(key)] for key in row["contacts"]]
    return {
        "title": row["name"], "completed": is_done(state, row), "assignee": as_id(row["responsibleId"]), "author": None,
        "due_at": f"{due:%Y-%m-%dT%H:%M:%SZ}" if due else None, "targets": targets,
        "board": state.boards.get(row["boardId"], {}).get("name"), **text_words(row["description"], marker),
    }  # fmt: skip


def is_done(state: State, row: Row) -> bool:
    board = state.boards.get(row["boardId"])
    return board is not None and row["stepId"] == last_step(board)


def text_words(text: str, marker: re.Pattern[str]) -> dict[str, Any]:
    """`text`, `recording` and `marker` of a task or a comment."""
    found = marker.search(text)
    return {"text": text, "recording": recording_in(text), "marker": found[1] if found else None}


def comment_words(row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    """A comment is by the user of the key, whoever talked."""
    return {**text_words(row["text"], marker), "author": None, "targets": [[row["kind"], str(row["record"])]]}
