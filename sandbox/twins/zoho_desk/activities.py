"""Tasks, calls and comments (crm_zohodesk.md 8, 9, 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from sandbox.twins.base import changed, json_answer
from sandbox.twins.zoho_desk.neutral import call_words, comment_words, task_words
from sandbox.twins.zoho_desk.records import LONG, shown
from sandbox.twins.zoho_desk.state import CALLS, CONTACTS, TASKS, TICKETS, Row
from sandbox.twins.zoho_desk.wire import (
    Call,
    Check,
    Invalid,
    body_of,
    check_body,
    check_known,
    is_bool,
    is_id,
    is_id_or_none,
    is_object,
    is_time,
    one_of,
    page,
    row_of,
    sorted_rows,
    text,
)

if TYPE_CHECKING:
    from sandbox.twins.zoho_desk.twin import ZohoDeskTwin


def _long_or_none(value: Any) -> bool:
    return value is None or LONG(value)


def _seconds(value: Any) -> bool:
    return str(value).isdigit() and not isinstance(value, bool)


def _address(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://")) and len(value) <= 2500


COMMON: Mapping[str, Check] = {
    "subject": text(300, 1), "departmentId": is_id, "ticketId": is_id_or_none, "ownerId": is_id_or_none,
    "teamId": is_id_or_none, "priority": text(120), "description": _long_or_none, "cf": is_object,
}  # fmt: skip
ALLOWED: Mapping[str, Mapping[str, Check]] = {
    TASKS: {**COMMON, "contactId": is_id_or_none, "dueDate": is_time, "status": text(120), "category": text(120)},
    CALLS: {
        **COMMON, "contactId": is_id, "startTime": is_time, "duration": _seconds, "recordingUrl": _address,
        "status": one_of("Completed", "Scheduled", "Missed", "Canceled", "In Progress"),
        "direction": one_of("inbound", "outbound"),
    },
}  # fmt: skip
NEEDED = {TASKS: ("departmentId", "subject"),
          CALLS: ("contactId", "departmentId", "startTime", "status", "subject", "direction")}  # fmt: skip
EMPTY: Mapping[str, Row] = {
    TASKS: {"dueDate": None, "ownerId": None, "ticketId": None, "contactId": None, "description": None, "completedTime": None},
    CALLS: {"duration": None, "ownerId": None, "ticketId": None, "description": None, "recordingUrl": None},
}
COMMENT: Mapping[str, Check] = {"content": text(32_000, 1), "isPublic": is_bool, "contentType": one_of("plainText", "html")}


def words_of(twin: ZohoDeskTwin, module: str, row: Row) -> dict[str, Any]:
    return task_words(row, twin.marker_in_text) if module == TASKS else call_words(row, twin.marker_in_text)


def new_activity(twin: ZohoDeskTwin, module: str, body: Row) -> Row:
    """Store a task or call of a body that was checked."""
    row = twin.state.add(module, {**EMPTY[module], **body})
    if module == TASKS:
        set_task_status(twin, row, body.get("status") or "Not Started")
    return row


def set_task_status(twin: ZohoDeskTwin, row: Row, status: str) -> None:
    """A task's status with its type and, when it closes, the time (8)."""
    row |= {"status": status, "statusType": twin.account.task_statuses[status]}
    closed = row["statusType"] == "Closed"
    row["completedTime"] = (row["completedTime"] or twin.state.now()) if closed else None


def create_activity(call: Call) -> Response:
    """`POST /tasks` and `POST /calls`."""
    row = new_activity(call.twin, call.module, _checked(call, NEEDED[call.module]))
    words = words_of(call.twin, call.module, row)
    if call.module == CALLS:
        call.twin.wrote("log", "call", row["id"], words)
    else:
        call.twin.wrote("task", "task", row["id"], words)
    return json_answer(row)


def update_activity(call: Call) -> Response:
    """`PATCH /tasks/{id}` and `PATCH /calls/{id}`. Closing a task is told as such."""
    row = row_of(call.state.tables[call.module], call.args["key"])
    body = _checked(call, ())
    before = words_of(call.twin, call.module, row)
    status = body.pop("status", None)
    row.update(body)
    if status and call.module == TASKS:
        set_task_status(call.twin, row, status)
    elif status:
        row["status"] = status
    call.state.touch(row)
    words = changed(before, words_of(call.twin, call.module, row))
    if words.pop("completed", False):
        call.twin.wrote("complete_task", "task", row["id"], {"completed": True})
    if words or not status:
        call.twin.wrote("update", "task" if call.module == TASKS else "log", row["id"], words)
    return json_answer(row)


def _checked(call: Call, needed: tuple[str, ...]) -> Row:
    body, tables = body_of(call), call.state.tables
    check_body(body, ALLOWED[call.module], needed)
    check_known(body, {"ownerId": call.state.agents, "departmentId": call.state.departments, "contactId": tables[CONTACTS],
                       "ticketId": tables[TICKETS]})  # fmt: skip
    if call.module == TASKS and body.get("status") and body["status"] not in call.twin.account.task_statuses:
        raise Invalid("status")
    return body


def list_activities(call: Call) -> Response:
    """`GET /tasks`, `GET /calls`, and those of one ticket."""
    call.only("from", "limit", "sortBy", "departmentId", "assignee", "isCompleted", "include", "ticketId")
    rows = list(call.state.tables[call.module].values())
    if "key" in call.args:
        ticket = row_of(call.state.tables[TICKETS], call.args["key"])
        rows = [row for row in rows if row["ticketId"] == ticket["id"]]
    ordered = [shown(call, row) for row in sorted_rows(call, rows, ("createdTime", "modifiedTime", "dueDate", "startTime"))]
    return page(call, ordered, first=call.twin.account.first_place, default=10)


# ---- comments (10)


def create_comment(call: Call) -> Response:
    """`POST /{module}/{id}/comments`: public unless it says otherwise."""
    record = row_of(call.state.tables[call.module], call.args["key"])
    body = body_of(call)
    check_body(body, COMMENT, ("content",))
    row = {"id": call.state.new_id(), "isPublic": True, "contentType": "html", **body, "module": call.module,
           "record": record["id"], "commentedTime": call.state.now(), "commenterId": None}  # fmt: skip
    call.state.comments[row["id"]] = row
    call.twin.wrote("note", "note", row["id"], comment_words(row, call.twin.marker_in_text))
    return json_answer(_seen(row))


def list_comments(call: Call) -> Response:
    call.only("from", "limit", "sortBy")
    record = row_of(call.state.tables[call.module], call.args["key"])
    rows = [_seen(row) for row in call.state.comments.values() if row["record"] == record["id"]]
    return page(call, rows, first=call.twin.account.first_place, default=10)


def _seen(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("module", "record")}
