"""Activities: tasks and calls (crm_pipedrive.md 10.1, 10.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import changed
from sandbox.twins.pipedrive.neutral import task_words
from sandbox.twins.pipedrive.state import DEAL, LEAD, ORGANIZATION, PERSON, Row, State
from sandbox.twins.pipedrive.wire import (
    Call,
    Check,
    bad,
    body_of,
    check_body,
    cut_v2,
    filtered,
    is_bool,
    is_date,
    is_duration,
    is_int,
    is_list,
    is_object,
    is_short,
    is_text,
    is_time,
    known,
    known_owner,
    need,
    ok,
    row_of,
    sorted_v2,
)

ACTIVITY = "activity"
FILTERS = ("owner_id", "deal_id", "lead_id", "org_id", "done")


def _participants(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict) and is_int(entry.get("person_id")) and set(entry) <= {"person_id", "primary"} for entry in value
    )


ALLOWED: Mapping[str, Check] = {
    "subject": is_short, "type": is_text, "owner_id": is_int, "deal_id": is_int, "lead_id": is_text, "org_id": is_int,
    "project_id": is_int, "due_date": is_date, "due_time": is_time, "duration": is_duration, "busy": is_bool, "done": is_bool,
    "location": is_object, "participants": _participants, "attendees": is_list, "public_description": is_text,
    "priority": is_int, "note": is_text,
}  # fmt: skip


def activity_row(state: State, subject: str, key_string: str, owner: int, creator: int) -> Row:
    now = state.now()
    return {
        "id": state.ids.number(ACTIVITY), "subject": subject, "type": key_string, "owner_id": owner, "creator_user_id": creator,
        "is_deleted": False, "add_time": now, "update_time": now, "deal_id": None, "lead_id": None, "person_id": None,
        "org_id": None, "project_id": None, "due_date": None, "due_time": None, "duration": None, "busy": False, "done": False,
        "marked_as_done_time": None, "location": None, "participants": [], "public_description": None, "priority": None,
        "note": None,
    }  # fmt: skip


def list_activities(call: Call) -> Response:
    """`GET /api/v2/activities` with person_id (any participant), lead_id, deal_id, org_id, owner_id, done, updated_since."""
    rows: list[Row] = [row for row in call.state.activities.values() if not row["is_deleted"]]
    person = call.query("person_id")
    if person:
        rows = [row for row in rows if person in {str(entry["person_id"]) for entry in row["participants"]}]
    found = filtered(call, rows, FILTERS)
    page, additional = cut_v2(call, sorted_v2(call, found, ("id", "update_time", "add_time", "due_date")))
    return ok(page, additional)


def get_activity(call: Call) -> Response:
    return ok(row_of(call.state.activities, call.args["key"], "Activity"))


def create_activity(call: Call) -> Response:
    """`POST /api/v2/activities`; with `done` it is completed at once."""
    body = body_of(call)
    _check(call, body)
    need(body, "subject")
    key_string = body.get("type") or next(iter(active_types(call.state)))
    row = activity_row(call.state, body["subject"], key_string, body.get("owner_id") or call.user["id"], call.user["id"])
    _apply(call.state, row, body)
    call.state.activities[row["id"]] = row
    call.twin.wrote("task", row["type"], row["id"], task_words(row, call.twin.marker_in_text))
    return ok(row)


def update_activity(call: Call) -> Response:
    """`PATCH /api/v2/activities/{id}`; `{"done": true}` closes it (10.2)."""
    row = row_of(call.state.activities, call.args["key"], "Activity")
    body = body_of(call)
    _check(call, body)
    before = task_words(row, call.twin.marker_in_text)
    _apply(call.state, row, body)
    call.state.touch(row)
    news = changed(before, task_words(row, call.twin.marker_in_text))
    if news.get("completed"):
        call.twin.wrote("complete_task", row["type"], row["id"], news)
    else:
        call.twin.wrote("update", "task", row["id"], news)
    return ok(row)


def active_types(state: State) -> dict[str, Row]:
    """Activity types that may be used, by key (10.1)."""
    return {str(row["key_string"]): row for row in state.activity_types.values() if row["active_flag"]}


def _check(call: Call, body: Row) -> None:
    if "person_id" in body:
        raise bad("'person_id' is a read-only field. Add a primary participant instead")
    check_body(body, ALLOWED, ("subject", "type", "owner_id", "done"))
    if body.get("deal_id") and body.get("lead_id"):
        raise bad("deal_id and lead_id cannot be set together")
    if "type" in body and body["type"] not in active_types(call.state):
        raise bad(f"Validation failed: type: '{body['type']}' is not an active activity type")
    known_owner(call, body.get("owner_id"))
    for word, name in ((DEAL, "deal_id"), (LEAD, "lead_id"), (ORGANIZATION, "org_id")):
        known(call, word, body.get(name), name)
    _check_participants(call, body.get("participants") or [])


def _check_participants(call: Call, entries: list[Row]) -> None:
    for entry in entries:
        known(call, PERSON, entry["person_id"], "participants")
    if sum(1 for entry in entries if entry.get("primary")) > 1:
        raise bad("Validation failed: participants: only one can be primary")


def _apply(state: State, row: Row, body: Row) -> None:
    row.update({name: value for name, value in body.items() if name not in ("participants", "attendees")})
    if "participants" in body:
        _join(row, body["participants"] or [])
    row["note"] = sanitised(row["note"]) if row["note"] else row["note"]
    for name in ("due_time", "duration"):
        row[name] = f"{row[name]}:00" if row[name] and row[name].count(":") == 1 else row[name]
    row["due_time"] = row["due_time"] if row["due_date"] else None
    if row["done"] != bool(row["marked_as_done_time"]):
        row["marked_as_done_time"] = state.now() if row["done"] else None


def _join(row: Row, entries: list[Row]) -> None:
    """Participants; the primary one (or the first) is the activity's person."""
    chosen = next((place for place, entry in enumerate(entries) if entry.get("primary")), 0)
    row["participants"] = [{"person_id": entry["person_id"], "primary": place == chosen} for place, entry in enumerate(entries)]
    row["person_id"] = entries[chosen]["person_id"] if entries else None


def sanitised(markup: str) -> str:
    """HTML without scripts and event handlers, as the server keeps it (10.1)."""
    without = re.sub(r"<(script|style|iframe)\b.*?(</\1>|$)", "", markup, flags=re.I | re.S)
    handler = re.compile(r"\s+on\w+\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>]+)", re.I)
    return re.sub(r"<\w[^<>]*>", lambda tag: handler.sub("", tag[0]), without)
