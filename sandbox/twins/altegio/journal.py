"""Comments of clients, and the chain's telephony integration (crm_altegio.md 7, 8)."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.altegio.clients import client_of
from sandbox.twins.altegio.neutral import comment_words
from sandbox.twins.altegio.state import FIRST_COMMENT, Row
from sandbox.twins.altegio.wire import Call, body_of, invalid, not_found, ok
from sandbox.twins.base import Refused, digits

TYPES = ("incoming", "outgoing", "internal")
STATUSES = ("success", "missed", "cancel", "busy", "notallowed", "notavailable", "notfound")


def list_comments(call: Call) -> Response:
    """The comments of a client, newest first."""
    rows = call.state.comments.get(client_of(call)["id"], [])
    return ok(list(reversed(rows)), {"total_count": len(rows)})


def add_comment(call: Call) -> Response:
    """Plain text, stored as typed."""
    client, text = client_of(call)["id"], body_of(call).get("text")
    if not isinstance(text, str) or not text.strip() or len(text) > call.account.text_length:
        raise invalid("text", "text is empty or too long")
    now, author = call.state.short_time(), next(iter(call.state.users.values()))
    row: Row = {
        "id": FIRST_COMMENT + call.state.ids.number("comment"), "create_date": now, "update_date": now, "type": "default",
        "text": text, "files": [], "user": {"id": author["id"], "name": author["name"], "avatar": ""},
    }  # fmt: skip
    call.state.comments.setdefault(client, []).append(row)
    call.twin.wrote("note", "note", f"{client}/{row['id']}", comment_words(client, row, call.twin.marker_in_text))
    return ok(row, {}, 201)


def remove_comment(call: Call) -> Response:
    rows = call.state.comments.get(client_of(call)["id"], [])
    kept = [row for row in rows if row["id"] != call.args["comment_id"]]
    if len(kept) == len(rows):
        raise not_found("Comment")
    call.state.comments[client_of(call)["id"]] = kept
    return Response(status=204)


def telephony(call: Call) -> Response:
    """`POST /voip/integration`: accepted, not checked beyond the token and the command (8)."""
    body: Row = body_of(call)
    if call.account.crm_token not in (body.get("crm_token"), body.get("crmToken")):
        raise Refused(401, "crm_token is wrong")
    if body.get("command") not in ("setup", "event", "history"):
        raise invalid("command", "command is unknown")
    call.state.commands.append(body)
    if body["command"] == "history":
        _save_call(call, body)
    return ok(None, {"message": "Accepted"}, 202)


def _save_call(call: Call, body: Row) -> None:
    """A finished call; the client is the one with the number, 0 for nobody."""
    phone = digits(str(body.get("phone", "")))
    client = call.state.with_phone(phone)
    row: Row = {
        "id": call.state.ids.number("call"), "client_id": client["id"] if client else 0, "caller_phone": phone,
        "record_link": body.get("link", ""), "duration": body.get("duration", 0), "status": body.get("status"),
        "type": body.get("type"), "call_date": body.get("start") or call.state.short_time(),
    }  # fmt: skip
    call.state.calls.append(row)


def list_calls(call: Call) -> Response:
    """`GET /voip/integration/calls`: the filters stand in the body of a GET."""
    body: Row = body_of(call)
    for name in ("salon_id", "date_from", "date_to"):
        if not body.get(name):
            raise invalid(name, f"{name} is required")
    rows = [row for row in call.state.calls if _wanted(row, body)]
    page, limit = int(body.get("page", 1)), min(int(body.get("limit", 25)), 1000)
    return ok(rows[(page - 1) * limit : page * limit])


def _wanted(row: Row, body: Row) -> bool:
    phone, day = digits(str(body.get("phone", ""))), str(row["call_date"])[:10]
    types: Any = body.get("types") or TYPES
    statuses: Any = body.get("statuses") or STATUSES
    in_days = str(body["date_from"]) <= day <= str(body["date_to"])
    return in_days and phone in row["caller_phone"] and row["type"] in types and row["status"] in statuses
