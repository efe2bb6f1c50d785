"""Writes whose answer was lost (crm_bitrix24.md 13): by `originId`, XML_ID, or the marker's line in the text."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from patchcord.crm.bitrix24.declaration import DECLARATION
from patchcord.crm.bitrix24.reading import first_of, text_id
from patchcord.crm.bitrix24.rest import Command, Rest, Results, rows_of
from patchcord.crm.bitrix24.writing import ENTITIES, ORIGINATOR, existing, marker_line, moment, primary_first
from patchcord.crm.port import Trace, Written
from patchcord.model.effects import LogKind
from patchcord.model.records import RecordKind, Ref

OPERATION = "look for a lost write"
SKEW = timedelta(seconds=60)
"""How far their clock may be behind ours."""
ORIGIN, TASK = "origin", "task"


def find_item(rest: Rest, kind: RecordKind, marker: str) -> str | None:
    """A record by `originId`, which search has nothing to do with."""
    params = {
        "entityTypeId": ENTITIES[kind],
        "select": ["id"],
        "filter": {"=originatorId": ORIGINATOR, "=originId": marker},
        "order": {"id": "ASC"},
        "start": -1,
    }
    rows = rows_of(rest.call("crm.item.list", params, OPERATION), "items")
    return text_id(rows[0].get("id")) if rows else None


def find_comment(rest: Rest, trace: Trace) -> str | None:
    """A comment by its last line, among the newest of each card."""
    commands = {f"t{number}": _comments(ref) for number, ref in enumerate(primary_first(trace.targets))}
    return _by_line(rest.batch(commands, OPERATION, halt=False), commands, "COMMENT", trace.marker) if commands else None


def _comments(ref: Ref) -> Command:
    card = {"ENTITY_ID": existing(ref.id), "ENTITY_TYPE": DECLARATION.kinds[ref.kind]}
    return Command("crm.timeline.comment.list", {"filter": card, "select": ["ID", "COMMENT"], "order": {"ID": "DESC"}})


def find_activity(rest: Rest, trace: Trace, *, portal_tasks: bool) -> tuple[str | None, bool]:
    """A to-do or a call by ORIGIN_ID or by the last line of its text; a task of the task manager by XML_ID.

    The answer is the id, and whether it is that of a task of the task manager.
    """
    commands = {ORIGIN: _by_origin(trace.marker)}
    commands |= {f"t{number}": _newer(ref, trace) for number, ref in enumerate(primary_first(trace.targets))}
    if portal_tasks and trace.sort is Written.TASK:
        commands[TASK] = Command("tasks.task.list", {"filter": {"XML_ID": trace.marker}, "select": ["ID"]})
    results = rest.batch(commands, OPERATION, halt=False)
    found = next((text_id(row.get("ID")) for row in rows_of(results.needed(ORIGIN))), None)
    found = found or _by_line(results, commands, "DESCRIPTION", trace.marker)
    if found or TASK not in commands:
        return found, False
    tasks = rows_of(results.needed(TASK), "tasks")
    return next((text_id(row.get("id")) for row in tasks), None), True


def _by_origin(marker: str) -> Command:
    conditions = {"ORIGINATOR_ID": ORIGINATOR, "ORIGIN_ID": marker}
    return Command("crm.activity.list", {"filter": conditions, "select": ["ID"], "order": {"ID": "ASC"}, "start": -1})


def _newer(ref: Ref, trace: Trace) -> Command:
    bound = [{"OWNER_TYPE_ID": ENTITIES[ref.kind], "OWNER_ID": existing(ref.id)}]
    conditions: dict[str, Any] = {"BINDINGS": bound, ">=CREATED": moment(trace.since - SKEW)}
    select = ["ID", "DESCRIPTION"]
    return Command("crm.activity.list", {"filter": conditions, "select": select, "order": {"ID": "DESC"}, "start": -1})


def _by_line(results: Results, commands: dict[str, Command], text: str, marker: str) -> str | None:
    lists = (rows_of(results.needed(key)) for key in commands if key.startswith("t") and key != TASK)
    return next((found for rows in lists if (found := first_of(rows, text, marker_line(marker)))), None)


def is_comment(trace: Trace) -> bool:
    return trace.sort is Written.NOTE or trace.log is LogKind.NOTE
