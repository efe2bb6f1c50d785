"""Tasks of the task manager: `tasks.task.*` (crm_bitrix24.md 9)."""

from __future__ import annotations

import re
from typing import Any

from sandbox.twins.base import Refused
from sandbox.twins.bitrix24.activities import time_of
from sandbox.twins.bitrix24.neutral import task_words
from sandbox.twins.bitrix24.state import Row, State, whole
from sandbox.twins.bitrix24.wire import Call, Result, as_list, fits, ordered, paged

WAITING, DONE = "2", "5"
"""STATUS: 2 waiting, 3 in progress, 4 awaiting control, 5 done, 6 deferred."""
CODE = re.compile(r"(L|D|C|CO)_\d+")
FIRST_ID = 1000
"""Tasks and activities are numbered apart; so the twin lets no id be one of both."""
WRITABLE = ("TITLE", "DESCRIPTION", "XML_ID")


def task_row(state: State, title: str, user: int) -> Row:
    key, now = FIRST_ID + state.ids.number("task"), state.now()
    row: Row = {
        "ID": key, "TITLE": title, "DESCRIPTION": "", "STATUS": WAITING, "RESPONSIBLE_ID": user, "CREATED_BY": user,
        "CREATED_DATE": now, "CHANGED_DATE": now, "CLOSED_DATE": None, "DEADLINE": None, "UF_CRM_TASK": [], "XML_ID": None,
    }  # fmt: skip
    state.tasks[key] = row
    return row


def shown(row: Row) -> Row:
    """camelCase, and ids as text."""
    names = {name: name if name.startswith("UF_") else _camel(name) for name in row}
    return {names[name]: str(value) if isinstance(value, int) else value for name, value in row.items()} | {
        "ufCrmTask": row["UF_CRM_TASK"] or False
    }


def _camel(name: str) -> str:
    head, *rest = name.lower().split("_")
    return head + "".join(part.capitalize() for part in rest)


def add(call: Call) -> Result:
    fields = call.mapping("fields")
    for name in ("TITLE", "RESPONSIBLE_ID"):
        if not fields.get(name):
            raise Refused(400, f"Field {name} is required", "ERROR_CORE")
    values = _values(call, fields)
    row = task_row(call.state, "", call.user)
    row |= values
    key = ("task", str(row["ID"]))
    call.twin.recorder.made(key, "task", "task", lambda: _words(call, row))
    return Result({"task": shown(row)})


def _words(call: Call, row: Row) -> dict[str, Any]:
    return task_words(row, call.twin.marker_in_text, call.twin.account.webhook_user)


def _values(call: Call, fields: dict[str, Any]) -> Row:
    """The fields as they are stored; a refusal leaves all as it was."""
    values: Row = {name: str(fields[name]) for name in WRITABLE if name in fields}
    if "RESPONSIBLE_ID" in fields:
        values["RESPONSIBLE_ID"] = whole(fields["RESPONSIBLE_ID"])
        if values["RESPONSIBLE_ID"] not in call.state.users:
            raise Refused(400, "Responsible is not found", "ERROR_CORE")
    if fields.get("DEADLINE"):
        values["DEADLINE"] = time_of(call.state, fields["DEADLINE"])
    if "UF_CRM_TASK" in fields:
        codes = [str(code) for code in as_list(fields["UF_CRM_TASK"])]
        values["UF_CRM_TASK"] = [code for code in codes if CODE.fullmatch(code)]
    return {**values, "CHANGED_DATE": call.state.now()}


def _row(call: Call) -> Row:
    row = call.state.tasks.get(call.number("taskId"))
    if row is None:
        raise Refused(400, "Task not found or not accessible", "ERROR_CORE")
    return row


def get(call: Call) -> Result:
    return Result({"task": shown(_row(call))})


def update(call: Call) -> Result:
    row, values = _row(call), _values(call, call.mapping("fields"))
    _tell(call, row)
    row |= values
    return Result({"task": shown(row)})


def complete(call: Call) -> Result:
    row = _row(call)
    if row["STATUS"] == DONE:
        raise Refused(400, "Action on task is not allowed", "ERROR_CORE")
    _tell(call, row)
    row |= {"STATUS": DONE, "CLOSED_DATE": call.state.now()}
    return Result({"task": shown(row)})


def _tell(call: Call, row: Row) -> None:
    call.twin.recorder.touched(("task", str(row["ID"])), "task", lambda: _words(call, row))


def listed(call: Call) -> Result:
    rows = [row for row in call.state.tasks.values() if fits(row, call.mapping("filter"))]
    return paged(call, ordered(rows, call.mapping("order"), "ID"), lambda page: {"tasks": [shown(row) for row in page]})
