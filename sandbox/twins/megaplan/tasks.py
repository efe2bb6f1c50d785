"""Tasks and todos (crm_megaplan.md 6)."""

from __future__ import annotations

from werkzeug.wrappers import Response

from sandbox.twins.base import Refused, changed
from sandbox.twins.megaplan.bodies import checked
from sandbox.twins.megaplan.contractors import add_comment
from sandbox.twins.megaplan.neutral import DONE_SORTS, is_done, task_words
from sandbox.twins.megaplan.state import CALL, EMPLOYEE, TASK, TODO, TODO_STATUS, Row, link
from sandbox.twins.megaplan.wire import Call, asked, is_seen, listed, living, missing, ok, page, refused, short, whole

CLOSED = ("done", "completed", "cancelled", "rejected")


def status_of(call: Call, sort: str) -> Row:
    """The account's first status of a sort."""
    return next(link(row) for row in call.state.table(TODO_STATUS).values() if row["masterType"] == sort)


# ---- todos


def create_todo(call: Call) -> Response:
    """`POST /todo`, and `POST /callInfo/{id}/todos`."""
    row = _new_todo(call)
    if "key" in call.args:
        row["relations"] = [*row["relations"], link(living(call, CALL, call.args["key"]))]
    return ok(short(call, [row])[0])


def _new_todo(call: Call) -> Row:
    values = checked(call, TODO, call.record())
    if not values.get("name"):
        raise refused("name: the value must not be empty", "name")
    if not call.twin.account.status_at_creation:
        values.pop("status", None)
    row = call.state.new(TODO, **{**_empty_todo(call), **values})
    call.state.add(row)
    call.twin.wrote("task", "todo", row["id"], task_words(call.twin, row))
    return row


def _empty_todo(call: Call) -> Row:
    bot: Row = {"contentType": EMPLOYEE, "id": call.twin.bot}
    return {"name": "", "description": "", "status": status_of(call, "scheduled"), "category": None, "when": None,
            "responsible": bot, "relations": []}  # fmt: skip


def update_todo(call: Call) -> Response:
    """`POST /todo/{id}`. Without the id in the body it makes another todo and says so only by its id (3)."""
    body = call.record()
    row = living(call, TODO, call.args["key"])
    if "id" not in body:
        return ok(short(call, [_new_todo(call)])[0])
    before = task_words(call.twin, row)
    row.update(checked(call, TODO, body))
    call.twin.wrote("update", "task", row["id"], changed(before, task_words(call.twin, row)))
    return ok(short(call, [row])[0])


def get_todo(call: Call) -> Response:
    row = call.state.table(TODO).get(call.args["key"])
    if row is None or not is_seen(call, row):
        raise missing(TODO)
    return ok(whole(call, row, asked(call, TODO)))


def list_todos(call: Call) -> Response:
    return page(call, listed(call, TODO), TODO)


def todo_action(call: Call) -> Response:
    """`POST /todo/{id}/doAction`: finish, renew, take; each only where the todo is in the state for it."""
    row, body = living(call, TODO, call.args["key"]), call.record()
    actions = {"TodoFinishActionRequest": _finish, "TodoRenewActionRequest": _renew, "TodoTakeActionRequest": _take}
    action = actions.get(str(body.get("contentType")))
    if action is None:
        raise refused("contentType of the action is unknown", "contentType")
    action(call, row, body)
    return ok(short(call, [row])[0])


def _finish(call: Call, row: Row, body: Row) -> None:
    """The result's text becomes a comment of the todo."""
    if is_done(call.state, row):
        raise Refused(403, f"No act_finish rights for model {row['id']}")
    status = call.state.find(body.get("status"))
    if body.get("status") is not None and (status is None or status["masterType"] not in DONE_SORTS):
        raise refused("status: is not one that finishes", "status")
    row["status"] = link(status) if status else status_of(call, "finished")
    if body.get("resultText"):
        add_comment(call, row, f"<p>{body['resultText']}</p>")
    words = task_words(call.twin, row)
    call.twin.wrote("complete_task", "todo", row["id"], {"completed": True, "recording": words["recording"]})


def _renew(call: Call, row: Row, body: Row) -> None:
    if not is_done(call.state, row):
        raise Refused(403, f"No act_renew rights for model {row['id']}")
    row["status"] = status_of(call, "scheduled")


def _take(call: Call, row: Row, body: Row) -> None:
    row["responsible"] = {"contentType": EMPLOYEE, "id": call.twin.bot}


# ---- tasks


def create_task(call: Call) -> Response:
    """`POST /task`: the two flags are needed."""
    values = checked(call, TASK, call.record())
    for name in ("name", "isUrgent", "isTemplate"):
        if values.get(name) in (None, ""):
            raise refused(f"{name}: the value must not be empty", name)
    bot: Row = {"contentType": EMPLOYEE, "id": call.twin.bot}
    empty: Row = {"statement": "", "responsible": bot, "owner": bot, "deadline": None, "contractor": None, "status": "assigned"}
    row = call.state.add(call.state.new(TASK, **{**empty, **values}))
    call.twin.wrote("task", "task", row["id"], task_words(call.twin, row))
    return ok(short(call, [row])[0])


def get_task(call: Call) -> Response:
    row = call.state.table(TASK).get(call.args["key"])
    if row is None:
        raise missing(TASK)
    return ok(whole(call, row, asked(call, TASK)))


def list_tasks(call: Call) -> Response:
    return page(call, listed(call, TASK), TASK)


def task_action(call: Call) -> Response:
    """`POST /task/{id}/doAction`: done, accepted, cancelled, renewed."""
    row, action = living(call, TASK, call.args["key"]), call.record().get("action")
    results = {"act_done": "done", "act_accept_work": "completed", "act_cancel": "cancelled", "act_renew": "assigned"}
    if action not in results:
        raise refused("action is unknown", "action")
    if (row["status"] in CLOSED) != (action in ("act_renew", "act_accept_work")):
        raise Refused(403, f"No {action} rights for model {row['id']}")
    row["status"] = results[action]
    if row["status"] in CLOSED:
        call.twin.wrote("complete_task", "task", row["id"], {"completed": True})
    return ok(short(call, [row])[0])
