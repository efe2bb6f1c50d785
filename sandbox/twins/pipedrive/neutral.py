"""Rows in the neutral words of the ledger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sandbox.twins.base import plain_text, recording_in
from sandbox.twins.pipedrive.fields import custom_of, neutral_of
from sandbox.twins.pipedrive.state import DEAL, LEAD, NEUTRAL, ORGANIZATION, PERSON, Row, State


def as_id(value: Any) -> str | None:
    return None if value is None else str(value)


def words_of(state: State, word: str, row: Row) -> dict[str, Any]:
    """A person, organization, lead or deal in the words of `Write.fields`."""
    words: dict[str, Any] = {"name": row.get("name") or row.get("title"), "owner": as_id(row["owner_id"])}
    words["status"] = status_of(word, row)
    words |= neutral_of(state, word, row)
    if word == PERSON:
        words |= {"phone": primary(row["phones"]), "email": primary(row["emails"]), "organization": as_id(row["org_id"])}
    if word == ORGANIZATION:
        words["phone"] = _organization_phone(state, row)
    if word == LEAD:
        words |= {"contact": as_id(row["person_id"]), "organization": as_id(row["organization_id"])}
        words["marker"] = row["origin_id"] or words["marker"]
    if word == DEAL:
        words |= {"contact": as_id(row["person_id"]), "organization": as_id(row["org_id"])}
        words |= {"pipeline": as_id(row["pipeline_id"]), "stage": as_id(row["stage_id"])}
        words["marker"] = row["origin_id"] or words["marker"]
    return words


def primary(entries: list[Row]) -> str | None:
    """The primary number or address of a person."""
    chosen = [entry["value"] for entry in entries if entry.get("primary")] or [entry["value"] for entry in entries]
    return str(chosen[0]) if chosen else None


def _organization_phone(state: State, row: Row) -> str | None:
    """Organisations have a phone only in a field of the account's own (6.1): of type phone, or called so."""
    for code, field in custom_of(state, ORGANIZATION).items():
        if field["field_type"] == "phone" or field["field_name"].lower() in ("phone", "patchcord_phone"):
            return as_id(row["custom_fields"].get(code))
    return None


def task_words(row: Row, marker: re.Pattern[str]) -> dict[str, Any]:
    """An activity. `due_at` is a date alone for a whole-day one (10.1)."""
    return {
        "title": row["subject"], "completed": row["done"], "assignee": as_id(row["owner_id"]),
        "author": as_id(row["creator_user_id"]), "due_at": due_of(row), "targets": targets_of(row),
        **text_words(row["note"] or "", marker),
    }  # fmt: skip


def text_words(markup: str, marker: re.Pattern[str]) -> dict[str, Any]:
    """`text`, `recording` and `marker` of a note or an activity."""
    found = marker.search(plain_text(markup))
    return {"text": plain_text(markup), "recording": recording_in(markup), "marker": found[1] if found else None}


def due_of(row: Row) -> str | None:
    if not row["due_date"] or not row["due_time"]:
        return as_id(row["due_date"])
    return f"{row['due_date']}T{row['due_time']}Z"


def targets_of(row: Mapping[str, Any]) -> list[list[str]]:
    """The records an activity, note or call log hangs on: lead, deal, contacts, organization."""
    people = [entry["person_id"] for entry in row.get("participants") or ()] or [row.get("person_id")]
    pairs = [("lead", row.get("lead_id")), ("deal", row.get("deal_id")), *(("contact", key) for key in people)]
    return [[kind, str(key)] for kind, key in (*pairs, ("organization", row.get("org_id"))) if key]


def status_of(word: str, row: Row) -> str:
    """open, archived, won or lost; contacts and organisations are always open."""
    return "archived" if row.get("is_archived") else str(row["status"]) if word == DEAL else "open"


def record_words(state: State, word: str, row: Row) -> dict[str, Any]:
    """What `Twin.records` tells of a row."""
    head = {"kind": NEUTRAL[word], "id": str(row["id"]), "open": status_of(word, row) == "open"}
    return {**head, **words_of(state, word, row), "updated_at": row["update_time"], "created_at": row["add_time"]}
