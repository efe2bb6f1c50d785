"""Tasks (crm_sendpulse.md 7) and what the account is made of (6)."""

from __future__ import annotations

from werkzeug.wrappers import Response

from sandbox.twins.base import Refused, changed
from sandbox.twins.sendpulse import wire
from sandbox.twins.sendpulse.neutral import is_done, task_words
from sandbox.twins.sendpulse.state import CONTACT, DEAL, Row, task_row
from sandbox.twins.sendpulse.wire import Call, body_of, check_id, check_text, check_user, data, invalid

TASK_FORM = (
    "name", "boardId", "stepId", "responsibleId", "description", "priority", "startAt", "finishAt", "alert", "observers", "tags",
    "sourceType", "connections",
)  # fmt: skip


def shown(call: Call, row: Row) -> Row:
    """A task as it is answered: no flag tells that it is done."""
    ended = row["updatedAt"] if is_done(call.state, row) else None
    return {**row, **({"endedAt": ended} if call.account.ends_show else {})}


def create_task(call: Call) -> Response:
    """`POST /tasks`, 201: nothing is formally needed; links are made at once."""
    body = body_of(call, TASK_FORM)
    _check(call, body)
    links = _links(call, body.get("connections") or {})
    board = body.get("boardId") or min(call.state.boards)
    row = task_row(call.state, "", board, body.get("stepId") or call.state.boards[board]["steps"][0]["id"])
    call.state.tasks[row["id"]] = row | _news(body) | links
    row = call.state.tasks[row["id"]]
    call.twin.wrote("task", "task", row["id"], task_words(call.state, row, call.twin.marker_in_text))
    return data(shown(call, row), 201)


def update_task(call: Call) -> Response:
    """`PUT /tasks/{id}`: only what is named; the last column completes (7)."""
    row, body = call.row(call.state.tasks), body_of(call, TASK_FORM)
    _check(call, body)
    before = task_words(call.state, row, call.twin.marker_in_text)
    row |= {**_news(body), "updatedAt": call.state.local(call.state.clock())}
    news = changed(before, task_words(call.state, row, call.twin.marker_in_text))
    if news.get("completed"):
        call.twin.wrote("complete_task", "task", row["id"], news)
    else:
        call.twin.wrote("update", "task", row["id"], news)
    return data(shown(call, row))


def _check(call: Call, body: Row) -> None:
    check_user(call, body)
    check_text(body, "name")
    check_text(body, "description", wire.LONGEST_TEXT)
    check_id(body, "boardId", call.state.boards)
    check_id(body, "stepId", {step["id"]: step for board in call.state.boards.values() for step in board["steps"]})
    if body.get("priority", 1) not in (1, 2, 3) or body.get("sourceType", 8) not in (8, 10):
        raise invalid("The selected priority or sourceType is invalid.")


def _news(body: Row) -> Row:
    plain = ("name", "boardId", "stepId", "responsibleId", "description", "priority", "observers", "tags")
    times = {name: wire.local_time(body, name) for name in ("startAt", "finishAt") if name in body}
    return {name: body[name] for name in plain if body.get(name) is not None} | times


def _links(call: Call, given: Row) -> Row:
    links = {"contacts": list(given.get("contactIds") or ()), "deals": list(given.get("dealIds") or ())}
    for kind in (CONTACT, DEAL):
        if any(key not in call.state.table(kind) for key in links[f"{kind}s"]):
            raise invalid("The selected connections are invalid.")
    return links


def get_task(call: Call) -> Response:
    return wire.single(call, shown(call, call.row(call.state.tasks)))


def list_tasks(call: Call) -> Response:
    """`POST /tasks/list`: `status` 1 or 2; no paging is documented (3, 7)."""
    wanted = body_of(call).get("status")
    rows = [row for row in call.state.tasks.values() if wanted in (None, 2 if is_done(call.state, row) else 1)]
    return data([shown(call, row) for row in rows])


# ---- users, pipelines, boards, attributes (6)


def users(call: Call) -> Response:
    """Only people who confirmed an invitation; no flag tells who is blocked (6)."""
    listed = [row for row in call.state.users.values() if row["confirmed"] and (row["id"] != 1 or call.account.owner_is_listed)]
    return data([{name: value for name, value in row.items() if name != "confirmed"} for row in listed])


def pipelines(call: Call) -> Response:
    return data(list(call.state.pipelines.values()))


def boards(call: Call) -> Response:
    return data([{**row, "attributes": []} for row in call.state.boards.values()])


def attributes(call: Call) -> Response:
    """The fields of contacts, or those of deals of one pipeline."""
    kind, pipeline = call.args["kind"], call.args.get("key")
    if pipeline is not None and int(pipeline) not in call.state.pipelines:
        raise Refused(404, "Not found")
    rows = call.state.attributes_of(kind, int(pipeline) if pipeline else None)
    return data([{name: value for name, value in row.items() if name not in ("kind", "pipeline")} for row in rows])
