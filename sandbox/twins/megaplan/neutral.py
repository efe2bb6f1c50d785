"""Rows in the neutral words of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.twins.base import iso, neutral_fields, plain_text, recording_in
from sandbox.twins.megaplan.state import (
    COMPANY,
    CONTRACTORS,
    DEAL,
    EMPLOYEE,
    HUMAN,
    NEUTRAL,
    PROGRAM,
    PROGRAM_STATE,
    TASK,
    Row,
    State,
    moment_of,
    result_of,
)

if TYPE_CHECKING:
    from sandbox.twins.megaplan.twin import MegaplanTwin

DONE_SORTS = ("finished", "success", "fail", "finish_without_result")
STATUSES = {"active": "open", "positive": "won", "negative": "lost"}


def id_of(value: Any, *words: str) -> str | None:
    """The id of a link to one of these types."""
    return str(value["id"]) if isinstance(value, dict) and value.get("contentType") in words else None


# ---- records


def record_words(twin: MegaplanTwin, row: Row) -> dict[str, Any]:
    """A client or a deal in the words of `Write.fields`."""
    word, state = row["contentType"], twin.state
    found = neutral_fields({name: row.get(key) for key, name in state.names_of(word).items()})
    marker = twin.marker_in_text.search(plain_text(row["description"]))
    found["marker"] = found["marker"] or (marker[1] if marker else None)
    way = state.find(row.get("advertisingWay"))
    if way:
        found["attribution"].setdefault("utm_source", way["name"])
    people = _deal(state, row) if word == DEAL else _client(row)
    return {"name": row["name"], "status": status_of(state, row), **found, **people}


def _client(row: Row) -> dict[str, Any]:
    people = [id_of(one, EMPLOYEE) for one in row["responsibles"]]
    words: dict[str, Any] = {
        "owner": next((one for one in people if one), None),
        "phone": primary(row, "phone"),
        "email": primary(row, "email"),
    }
    return words | ({"organization": id_of(row["company"], COMPANY)} if row["contentType"] == HUMAN else {})


def primary(row: Row, sort: str) -> str | None:
    """The main number or address of a client."""
    infos = [one for one in row["contactInfo"] if one["type"] == sort]
    chosen = [one for one in infos if one.get("isMain")] or infos
    return str(chosen[0]["value"]) if chosen else None


def _deal(state: State, row: Row) -> dict[str, Any]:
    """The client of a deal is a person or a company; the person's company counts as well."""
    person = id_of(row["contractor"], HUMAN) or id_of(row["contact"], HUMAN)
    company = id_of(row["contractor"], COMPANY) or (id_of(state.table(HUMAN)[person]["company"], COMPANY) if person else None)
    program, stage = row["program"]["id"], row["state"]["id"]
    return {"owner": id_of(row["manager"], EMPLOYEE), "contact": person, "organization": company,
            "pipeline": program, "pipeline_name": state.table(PROGRAM)[program]["name"],
            "stage": stage, "stage_name": state.table(PROGRAM_STATE)[stage]["name"]}  # fmt: skip


def status_of(state: State, row: Row) -> str:
    """open, won or lost; clients are always open. What was deleted is archived."""
    if row["isDropped"]:
        return "archived"
    return STATUSES[result_of(state, row)] if row["contentType"] == DEAL else "open"


def standing(twin: MegaplanTwin, row: Row) -> dict[str, Any]:
    """What `Twin.records` tells of a row."""
    head = {"kind": NEUTRAL[row["contentType"]], "id": row["id"], "open": status_of(twin.state, row) == "open"}
    times = {"created_at": _iso(moment_of(row["timeCreated"])), "updated_at": _iso(moment_of(row["timeUpdated"]))}
    return {**head, **record_words(twin, row), **times}


def _iso(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None


# ---- tasks, calls, comments


def is_done(state: State, row: Row) -> bool:
    if row["contentType"] == TASK:
        return row["status"] in ("done", "completed", "cancelled")
    return (state.find(row["status"]) or {}).get("masterType") in DONE_SORTS


def task_words(twin: MegaplanTwin, row: Row) -> dict[str, Any]:
    """A task or todo. The recording may stand in its text or in a comment."""
    text = row["statement"] if row["contentType"] == TASK else row["description"]
    said = [one["content"] for one in twin.state.comments.get((row["contentType"], row["id"]), [])]
    recordings = [found for markup in (text, *said) if (found := recording_in(markup))]
    when = row["deadline"] if row["contentType"] == TASK else (row["when"] or {}).get("to")
    targets = [row["contractor"]] if row["contentType"] == TASK else row["relations"]
    return {
        "title": row["name"], "completed": is_done(twin.state, row), "assignee": id_of(row["responsible"], EMPLOYEE),
        "author": twin.bot, "due_at": _iso(moment_of(when)), "targets": targets_of(targets), **text_words(twin, text),
        "recording": recordings[0] if recordings else None,
    }  # fmt: skip


def text_words(twin: MegaplanTwin, markup: str) -> dict[str, Any]:
    found = twin.marker_in_text.search(plain_text(markup))
    return {"text": plain_text(markup), "recording": recording_in(markup), "marker": found[1] if found else None}


def targets_of(links: list[Any]) -> list[list[str]]:
    return [[NEUTRAL[one["contentType"]], str(one["id"])] for one in links if one and one["contentType"] in NEUTRAL]


def note_words(twin: MegaplanTwin, row: Row, target: Row) -> dict[str, Any]:
    kind = NEUTRAL.get(target["contentType"], "task")
    return {**text_words(twin, row["content"]), "author": twin.bot, "targets": [[kind, target["id"]]]}


def call_words(twin: MegaplanTwin, row: Mapping[str, Any]) -> dict[str, Any]:
    """A call: who talked, with whom, when, and its recording. It has no text."""
    sides = (row.get("fromUser"), row.get("toUser"))
    began, ended = moment_of(row.get("timeFrom")), moment_of(row.get("timeTo"))
    links = row.get("recordLinks") or []
    return {
        "type": row.get("type"), "state": row.get("state"), "from": row.get("fromPhone"), "to": row.get("toPhone"),
        "author": next((key for side in sides if (key := id_of(side, EMPLOYEE))), None),
        "targets": targets_of([side for side in sides if id_of(side, *CONTRACTORS)]),
        "recording": links[-1] if links else None, "marker": row.get("providerId"), "text": "",
        "started_at": _iso(began), "talk_seconds": int((ended - began).total_seconds()) if began and ended else None,
    }  # fmt: skip
