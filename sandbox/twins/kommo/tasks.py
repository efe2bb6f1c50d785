"""Tasks: one card each, a text and a time in seconds (crm_kommo.md 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import Refused, changed
from sandbox.twins.kommo.neutral import TASK_TYPES, task_words
from sandbox.twins.kommo.state import Row, State
from sandbox.twins.kommo.wire import (
    Call,
    Check,
    Invalid,
    check_body,
    each,
    elements,
    hal,
    is_bool,
    is_int,
    is_long,
    is_text,
    is_time,
    known_user,
    listed,
    nothing,
    object_of,
    written,
)


def _result(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"text"} and is_long(value["text"])


ALLOWED: Mapping[str, Check] = {
    "text": is_long, "complete_till": is_time, "task_type_id": is_int, "entity_id": is_int, "entity_type": is_text,
    "responsible_user_id": is_int, "duration": is_int, "is_completed": is_bool, "result": _result, "request_id": is_text,
    "created_by": is_int, "updated_by": is_int, "created_at": is_time, "updated_at": is_time,
}  # fmt: skip
PLAIN = tuple(name for name in ALLOWED if name not in ("request_id", "result"))


def task_row(state: State, text: str, complete_till: int, owner: int) -> Row:
    now = state.now()
    return {
        "id": state.new_id("task"), "created_by": owner, "updated_by": owner, "created_at": now, "updated_at": now,
        "responsible_user_id": owner, "group_id": 0, "entity_id": None, "entity_type": None, "duration": 0,
        "is_completed": False, "task_type_id": 1, "text": text, "result": [], "complete_till": complete_till,
        "account_id": state.account_id,
    }  # fmt: skip


def kind_of(row: Row) -> str:
    return TASK_TYPES[row["task_type_id"]]


def list_tasks(call: Call) -> Response:
    """`GET /tasks` with filters by card, state, owner, type and id."""
    rows = list(call.state.tasks.values())
    columns = {"entity_type": "entity_type", "entity_id": "entity_id", "responsible_user_id": "responsible_user_id",
               "task_type": "task_type_id", "id": "id"}  # fmt: skip
    for name, column in columns.items():
        wanted = call.several(f"filter[{name}]")
        rows = [row for row in rows if not wanted or str(row[column]) in wanted]
    done = call.query("filter[is_completed]")
    return listed(call, "tasks", [row for row in rows if done == "" or row["is_completed"] == (done == "1")])


def get_task(call: Call) -> Response:
    row = call.state.tasks.get(call.args["key"])
    return nothing() if row is None else hal(row)


def create_tasks(call: Call) -> Response:
    """`POST /tasks`: an array; open and completed ones may stand in it together."""
    items = elements(call)
    each(items, lambda item: _check(call, item, needed=("text", "complete_till")))
    made = [_create(call, item) for item in items]
    return written(
        call, "tasks", [{"id": row["id"], "request_id": item["request_id"]} for row, item in zip(made, items, strict=True)]
    )


def _create(call: Call, item: Row) -> Row:
    row = task_row(call.state, item["text"], item["complete_till"], call.user["id"])
    _apply(row, item)
    call.state.tasks[row["id"]] = row
    call.twin.wrote("task", kind_of(row), row["id"], task_words(row, call.twin.marker_in_text))
    return row


def update_task(call: Call) -> Response:
    """`PATCH /tasks/{id}`; `is_completed` with a `result` closes it."""
    row = call.state.tasks.get(call.args["key"])
    if row is None:
        raise Refused(404, "Entity not found")
    body = object_of(call)
    _check(call, body)
    before = task_words(row, call.twin.marker_in_text)
    call.state.touch(row, call.user["id"])
    _apply(row, body)
    news = changed(before, task_words(row, call.twin.marker_in_text))
    if news.get("completed"):
        call.twin.wrote("complete_task", kind_of(row), row["id"], news)
    else:
        call.twin.wrote("update", "task", row["id"], news)
    return hal({"id": row["id"], "updated_at": row["updated_at"]})


def _check(call: Call, item: Row, needed: tuple[str, ...] = ()) -> None:
    check_body(item, ALLOWED, needed)
    for name in ("responsible_user_id", "created_by", "updated_by"):
        known_user(call, item.get(name), name)
    if item.get("task_type_id", 1) not in TASK_TYPES:
        raise Invalid("task_type_id")
    if "entity_type" in item and item["entity_type"] not in call.state.records:
        raise Invalid("entity_type")
    if ("entity_id" in item) != ("entity_type" in item):
        raise Invalid("entity_type", "This field is missing.", "FieldMissing")
    if "entity_id" in item and item["entity_id"] not in call.state.records[item["entity_type"]]:
        raise Invalid("entity_id", "Entity not found.", "NotFound")


def _apply(row: Row, body: Row) -> None:
    row.update({name: body[name] for name in PLAIN if body.get(name) is not None})
    if body.get("result"):
        row["result"] = {"text": body["result"]["text"]}
