"""Notes and call logs: v1 (crm_pipedrive.md 10.3, 11)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import Refused, changed
from sandbox.twins.pipedrive.activities import activity_row, sanitised
from sandbox.twins.pipedrive.neutral import as_id, targets_of, text_words
from sandbox.twins.pipedrive.state import DEAL, LEAD, ORGANIZATION, PERSON, Row, v1_time
from sandbox.twins.pipedrive.wire import (
    Call,
    body_of,
    filtered,
    is_int,
    is_text,
    known_owner,
    ok,
    page_v1,
    row_of,
    sorted_v1,
    v1_flag,
    v1_numbers,
)

LINKS = {"lead_id": LEAD, "deal_id": DEAL, "person_id": PERSON, "org_id": ORGANIZATION}
NUMBERS = ("deal_id", "person_id", "org_id", "user_id", "activity_id")
PINS = tuple(f"pinned_to_{word}_flag" for word in ("lead", "deal", "organization", "person", "project", "task"))
OUTCOMES = ("connected", "no_answer", "left_message", "left_voicemail", "wrong_number", "busy")


def _links(call: Call, body: Row) -> None:
    """400 for ids that are none, or that nobody has."""
    for name in NUMBERS:
        if body.get(name) is not None and not is_int(body[name]):
            raise Refused(400, f"{name} must be a number")
    if body.get("lead_id") is not None and not is_text(body["lead_id"]):
        raise Refused(400, "lead_id must be a UUID")
    for name, word in LINKS.items():
        if body.get(name) is not None and body[name] not in call.state.table(word):
            raise Refused(400, f"{name}: {word} {body[name]} was not found")


def _author(call: Call, body: Row) -> int:
    """The user it is written for: another one only by an administrator (10.3, 11)."""
    given = body.get("user_id")
    if given is None or given == call.user["id"]:
        return int(call.user["id"])
    known_owner(call, given, "user_id")
    if not call.admin:
        raise Refused(403, "You do not have permissions to do this.")
    return int(given)


# ---- notes (11)


def list_notes(call: Call) -> Response:
    found = filtered(call, call.state.notes.values(), ("user_id", *LINKS))
    return page_v1(call, sorted_v1(call, found))


def get_note(call: Call) -> Response:
    return ok(row_of(call.state.notes, call.args["key"], "Note"))


def create_note(call: Call) -> Response:
    """`POST /api/v1/notes`: content and at least one of lead, deal, person, organisation."""
    body = v1_numbers(body_of(call), NUMBERS)
    if not is_text(body.get("content")) or not body["content"]:
        raise Refused(400, "Content is required")
    if not any(body.get(name) for name in LINKS):
        raise Refused(400, "At least one of lead_id, deal_id, person_id, org_id is required")
    _links(call, body)
    row = _note(call, body)
    call.state.notes[row["id"]] = row
    call.twin.wrote("note", "note", row["id"], _note_words(call, row))
    return ok(row)


def _note(call: Call, body: Row) -> Row:
    state, now = call.state, v1_time(call.state.clock())
    author = state.users[_author(call, body)]
    titles = {name: state.name_of(word, body.get(name)) for name, word in LINKS.items()}
    return {
        "id": state.ids.number("note"), "active_flag": True, "add_time": now, "update_time": now,
        "content": sanitised(body["content"]), **{name: body.get(name) for name in LINKS}, "last_update_user_id": None,
        "deal": {"title": titles["deal_id"]} if body.get("deal_id") else None,
        "person": {"name": titles["person_id"]} if body.get("person_id") else None,
        "organization": {"name": titles["org_id"]} if body.get("org_id") else None,
        **{name: v1_flag(body.get(name)) for name in PINS}, "user_id": author["id"],
        "user": {"email": author["email"], "icon_url": None, "is_you": author["id"] == call.user["id"], "name": author["name"]},
    }  # fmt: skip


def update_note(call: Call) -> Response:
    """`PUT /api/v1/notes/{id}` (1)."""
    row = row_of(call.state.notes, call.args["key"], "Note")
    body = v1_numbers(body_of(call), NUMBERS)
    _links(call, body)
    before = _note_words(call, row)
    row.update({name: value for name, value in body.items() if name in ("content", *LINKS)})
    row["content"] = sanitised(row["content"])
    row["update_time"] = v1_time(call.state.clock())
    call.twin.wrote("update", "note", row["id"], changed(before, _note_words(call, row)))
    return ok(row)


def _note_words(call: Call, row: Row) -> dict[str, Any]:
    words = text_words(row["content"], call.twin.marker_in_text)
    return {**words, "author": as_id(row["user_id"]), "targets": targets_of(row)}


# ---- call logs (10.3)


def list_call_logs(call: Call) -> Response:
    return page_v1(call, list(call.state.call_logs.values()))


def get_call_log(call: Call) -> Response:
    return ok(row_of(call.state.call_logs, call.args["key"], "Call log"))


def create_call_log(call: Call) -> Response:
    """`POST /api/v1/callLogs`: OAuth apps with `phone-integration` only (checked with the route)."""
    body = v1_numbers(body_of(call), NUMBERS)
    _check_log(body)
    _links(call, body)
    author = _author(call, body)
    row: Row = {
        "id": call.state.ids.hex("call_log", 32), "company_id": call.twin.account.company_id, "has_recording": False,
        "user_id": author, "subject": body.get("subject") or "Call", "duration": body.get("duration"),
        "outcome": body["outcome"], "from_phone_number": body.get("from_phone_number"),
        "to_phone_number": body["to_phone_number"], "start_time": body["start_time"], "end_time": body["end_time"],
        **{name: body.get(name) for name in LINKS}, "note": sanitised(body.get("note") or ""),
    }  # fmt: skip
    row["activity_id"] = _activity_of(call, body, row)
    call.state.call_logs[row["id"]] = row
    call.twin.wrote("log", "call", row["id"], _log_words(call, row))
    return ok(row)


def _check_log(body: Row) -> None:
    for name in ("outcome", "to_phone_number", "start_time", "end_time"):
        if not body.get(name):
            raise Refused(400, f"{name} is required")
    if body["outcome"] not in OUTCOMES:
        raise Refused(400, f"outcome must be one of {', '.join(OUTCOMES)}")
    if body.get("deal_id") and body.get("lead_id"):
        raise Refused(400, "Only one of deal_id and lead_id may be given")
    if not re.fullmatch(r"\d+", str(body.get("duration", "0"))) or not isinstance(body.get("duration", "0"), str):
        raise Refused(400, "duration must be a string of seconds")
    for name in ("start_time", "end_time"):
        _check_time(name, body[name])


def _check_time(name: str, value: object) -> None:
    try:
        datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise Refused(400, f"{name} must have the form YYYY-MM-DD HH:MM:SS") from None


def _activity_of(call: Call, body: Row, row: Row) -> int:
    """The call activity of the log: the one named, whose links win, or a new completed one."""
    state = call.state
    if body.get("activity_id"):
        found = row_of(state.activities, body["activity_id"], "Activity")
        row.update({name: found[name] for name in LINKS})
        return int(found["id"])
    made = activity_row(state, row["subject"], "call", row["user_id"], call.user["id"])
    made |= {name: row[name] for name in LINKS}
    made |= {"done": True, "marked_as_done_time": state.now(), "note": row["note"]}
    made["participants"] = [{"person_id": row["person_id"], "primary": True}] if row["person_id"] else []
    state.activities[made["id"]] = made
    return int(made["id"])


def _log_words(call: Call, row: Mapping[str, Any]) -> dict[str, Any]:
    words = text_words(row["note"], call.twin.marker_in_text)
    facts = {"outcome": row["outcome"], "talk_seconds": int(row["duration"] or 0), "started_at": row["start_time"]}
    return {"title": row["subject"], **words, "author": as_id(row["user_id"]), "targets": targets_of(row), **facts}


def upload_recording(call: Call) -> Response:
    """`POST /api/v1/callLogs/{id}/recordings`: multipart field `file`; a second one is 409."""
    row = row_of(call.state.call_logs, call.args["key"], "Call log")
    if "file" not in call.request.files:
        raise Refused(400, "file is required")
    if row["has_recording"]:
        raise Refused(409, "The recording has already been added")
    row["has_recording"] = True
    call.twin.wrote("update", "log", row["id"], {"recording": call.request.files["file"].filename})
    return ok(None)
