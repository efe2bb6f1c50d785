"""Rows in the neutral words of the ledger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.twins.base import iso, neutral_fields, plain_text, recording_in
from sandbox.twins.bitrix24.state import COMPANY, CONTACT, DEAL, LEAD, LETTERS, NEUTRAL, Row, State

INTEGRATION = "integration"
"""The rules' word for the account that the integration was connected with (`author: integration`)."""
UTM = {"utmSource": "utm_source", "utmMedium": "utm_medium", "utmCampaign": "utm_campaign", "utmContent": "utm_content",
       "utmTerm": "utm_term"}  # fmt: skip
_BB_LINK = re.compile(r"\[url(?:=[^\]]*)?\](.*?)\[/url\]", re.I | re.S)
_BB_TAG = re.compile(r"\[/?(?:b|i|u|s|p|img|user|quote|code|color|size|font|list|\*|left|right|center)(?:=[^\]]*)?\]", re.I)
PLAIN, BB, HTML = 1, 2, 3
"""DESCRIPTION_TYPE (9)."""


def as_id(value: Any) -> str | None:
    return None if value in (None, "", 0) else str(value)


# ---- records


def record_words(state: State, entity: int, row: Row) -> dict[str, Any]:
    """A lead, deal, contact or company in the words of `Write.fields`."""
    words: dict[str, Any] = {"name": name_of(row), "owner": as_id(row["assignedById"]), "status": status_of(state, entity, row)}
    labels = {own["label"]: row.get(code) for code, own in state.fields[entity].items()}
    words |= neutral_fields(labels)
    visit = {parameter: row[name] for name, parameter in UTM.items() if row.get(name)}
    words["attribution"] = visit | words["attribution"]
    words["marker"] = row["originId"] or words["marker"]
    if entity != DEAL:
        words |= {"phone": _first(row, "PHONE"), "email": _first(row, "EMAIL")}
    if entity in (LEAD, DEAL):
        words |= {"contact": as_id(row["contactId"]), "organization": as_id(row["companyId"])}
        words |= {"pipeline": str(row["categoryId"]) if entity == DEAL else None, "stage": row["stageId"]}
    if entity == CONTACT:
        words["organization"] = as_id(row["companyId"])
    return words


def name_of(row: Row) -> str:
    if row.get("title"):
        return str(row["title"])
    return " ".join(part for part in (row.get("name"), row.get("secondName"), row.get("lastName")) if part)


def _first(row: Row, kind: str) -> str | None:
    return next((entry["value"] for entry in row["fm"] if entry["typeId"] == kind), None)


def status_of(state: State, entity: int, row: Row) -> str:
    if entity in (CONTACT, COMPANY):
        return "open"
    done = "converted" if entity == LEAD else "won"
    return {"P": "open", "S": done, "F": "lost"}[state.semantics(entity, row)]


def record_row(state: State, entity: int, row: Row) -> dict[str, Any]:
    """What `Twin.records` tells of an item."""
    words = record_words(state, entity, row)
    head = {"kind": NEUTRAL[entity], "id": str(row["id"]), "open": words["status"] == "open"}
    return {**head, **words, "created_at": row["createdTime"], "updated_at": row["updatedTime"]}


# ---- activities, tasks, comments


def activity_words(row: Row, marker: re.Pattern[str], me: int) -> dict[str, Any]:
    """A to-do or a call."""
    words = {
        "title": row["SUBJECT"], "completed": row["COMPLETED"] == "Y", "assignee": as_id(row["RESPONSIBLE_ID"]),
        "author": author(row["AUTHOR_ID"], me), "due_at": due_of(row), "targets": targets_of(row["BINDINGS"]),
        **text_words(row["DESCRIPTION"], row["DESCRIPTION_TYPE"], marker),
    }  # fmt: skip
    if row["ORIGINATOR_ID"] and row["ORIGIN_ID"]:
        words["marker"] = row["ORIGIN_ID"]
    return words


def call_words(call: Row, row: Row, marker: re.Pattern[str], me: int) -> dict[str, Any]:
    """A call of the telephony, with what stands in its activity."""
    words = activity_words(row, marker, me)
    words["recording"] = call["RECORD_URL"] or words["recording"]
    words["marker"] = words["marker"] or call["EXTERNAL_CALL_ID"]
    return words


def task_words(row: Row, marker: re.Pattern[str], me: int) -> dict[str, Any]:
    """A task of tasks.task.*."""
    words = {
        "title": row["TITLE"], "completed": row["STATUS"] == "5", "assignee": as_id(row["RESPONSIBLE_ID"]),
        "author": author(row["CREATED_BY"], me), "due_at": _utc(row["DEADLINE"]), "targets": coded_targets(row["UF_CRM_TASK"]),
        **text_words(row["DESCRIPTION"], BB, marker),
    }  # fmt: skip
    return words | ({"marker": row["XML_ID"]} if row["XML_ID"] else {})


def comment_words(row: Row, marker: re.Pattern[str], me: int) -> dict[str, Any]:
    return {"author": author(row["AUTHOR_ID"], me), "targets": targets_of(row["BINDINGS"]),
            **text_words(row["COMMENT"], BB, marker)}  # fmt: skip


def text_words(text: str, kind: int, marker: re.Pattern[str]) -> dict[str, Any]:
    """`text`, `recording` and `marker`, as somebody reads them."""
    shown = plain_text(text) if kind == HTML else without_tags(text) if kind == BB else text
    found = marker.search(shown)
    return {"text": shown, "recording": recording_in(text if kind == HTML else shown), "marker": found[1] if found else None}


def without_tags(text: str) -> str:
    """The text of BB code."""
    return _BB_TAG.sub("", _BB_LINK.sub(r"\1", text))


def author(user: Any, me: int) -> str | None:
    return INTEGRATION if user == me else as_id(user)


def due_of(row: Mapping[str, Any]) -> str | None:
    """The deadline; that of a completed call is only when it began."""
    return None if row["TYPE_ID"] == 2 and row["COMPLETED"] == "Y" else _utc(row["DEADLINE"])


def _utc(text: str | None) -> str | None:
    return iso(datetime.fromisoformat(text)) if text else None


def targets_of(bindings: list[tuple[int, int]]) -> list[list[str]]:
    return [[NEUTRAL[entity], str(key)] for entity, key in bindings]


def coded_targets(codes: list[str]) -> list[list[str]]:
    """`L_11`, `CO_4`, … as kinds and ids."""
    entities = {letter: entity for entity, letter in LETTERS.items()}
    return [[NEUTRAL[entities[code.rpartition("_")[0]]], code.rpartition("_")[2]] for code in codes]
