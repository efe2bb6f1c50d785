"""Tasks and notes (crm_retailcrm.md 8, 9)."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import changed
from sandbox.twins.retailcrm.neutral import note_words, task_words
from sandbox.twins.retailcrm.state import CUSTOMER, ORDER, Row, State, full_name
from sandbox.twins.retailcrm.wire import (
    Call,
    Malformed,
    check_moment,
    check_names,
    check_texts,
    check_user,
    created_within,
    entity,
    filter_of,
    newest_first,
    not_found,
    ok,
    page,
    site_of,
)

TASK = frozenset(
    ("text", "commentary", "datetime", "performerId", "performerType", "phone", "phoneSite", "customer", "order", "complete")
)
TASK_FILTERS = ("orderNumber", "customer", "status", "text", "ids", "performers", "creators", "createdAtFrom", "createdAtTo")
NOTE_FILTERS = ("ids", "customerIds", "customerExternalIds", "managerIds", "text", "createdAtFrom", "createdAtTo")
TASK_TIME = "%Y-%m-%d %H:%M"
BLANK = "This value should not be blank."


def _by_id(call: Call, table: dict[int, Row]) -> Row:
    row = table.get(int(call.args["key"])) if call.args["key"].isdigit() else None
    if row is None:
        raise not_found()
    return row


# ---- tasks (9)


def task_row(state: State, text: str, performer: int) -> Row:
    """A task that is to be done."""
    return {
        "id": state.ids.number("task"), "text": text, "createdAt": state.now(), "complete": False, "performer": performer,
        "performerType": "user",
    }  # fmt: skip


def list_tasks(call: Call) -> Response:
    chosen = filter_of(call, TASK_FILTERS)
    rows = [
        row for row in call.state.tasks.values()
        if chosen.among("ids", row["id"]) and chosen.among("performers", row["performer"])
        and chosen.among("status", "completed" if row["complete"] else "performing")
        and chosen.one("text").casefold() in row["text"].casefold()
        and chosen.among("orderNumber", (row.get("order") or {}).get("number"))
        and chosen.one("customer").casefold() in _customer_name(call, row).casefold()
    ]  # fmt: skip
    return page(call, "tasks", newest_first(created_within(rows, chosen)))


def _customer_name(call: Call, row: Row) -> str:
    return full_name(call.state.customers.get((row.get("customer") or {}).get("id", 0), {}))


def get_task(call: Call) -> Response:
    return ok(task=_by_id(call, call.state.tasks))


def create_task(call: Call) -> Response:
    """`POST /tasks/create`: text and performer are needed; `complete` may be passed over (17)."""
    body, site = _task_body(call), site_of(call)
    missing = {name: BLANK for name in ("text", "performerId") if body.get(name) in (None, "")}
    if missing:
        raise Malformed(missing, "Task is not loaded")
    links = _links(call, body, site)
    row = task_row(call.state, body["text"], body["performerId"])
    _apply(call, row, body | ({} if call.account.complete_on_create else {"complete": False}), links)
    call.state.tasks[row["id"]] = row
    call.twin.wrote("task", "task", row["id"], task_words(call.state, row, call.twin.marker_in_text))
    return ok(201, id=row["id"])


def edit_task(call: Call) -> Response:
    """`POST /tasks/{id}/edit`: a blank performer is refused."""
    row, site = _by_id(call, call.state.tasks), site_of(call)
    body = _task_body(call)
    if body.get("performerId") is None:
        raise Malformed({"performerId": BLANK}, "Task is not loaded")
    before = task_words(call.state, row, call.twin.marker_in_text)
    _apply(call, row, body, _links(call, body, site))
    news = changed(before, task_words(call.state, row, call.twin.marker_in_text))
    if news.get("completed"):
        call.twin.wrote("complete_task", "task", row["id"], news)
    else:
        call.twin.wrote("update", "task", row["id"], news)
    return ok()


def _task_body(call: Call) -> Row:
    body: Row = entity(call, "task")
    check_names(body, TASK)
    check_texts(body, ("text", "phone", "phoneSite"), ("commentary",))
    check_moment(body, "datetime", TASK_TIME)
    check_user(call, body, "performerId")
    if not isinstance(body.get("complete", False), bool):
        raise Malformed({"complete": "This value is not valid."})
    return body


def _apply(call: Call, row: Row, body: Row, links: Row) -> None:
    row.update({name: body[name] for name in ("text", "commentary", "datetime", "phone", "phoneSite") if body.get(name)})
    row.update(links)
    row["performer"] = body["performerId"]
    row["complete"] = body.get("complete", row["complete"])
    if row["complete"]:
        row.setdefault("completedAt", call.state.now())
    else:
        row.pop("completedAt", None)


def _links(call: Call, body: Row, site: str) -> Row:
    """The customer and the order of a task."""
    links: Row = {}
    if body.get("customer"):
        found = linked(call, CUSTOMER, body["customer"])
        links["customer"] = {"type": "customer", "id": found["id"], "site": site}
    if body.get("order"):
        found = linked(call, ORDER, body["order"])
        links["order"] = {"id": found["id"], "number": found["number"]}
    return links


def linked(call: Call, word: str, given: Any) -> Row:
    """The record that is named by its id or externalId (8)."""
    names = [name for name in ("id", "externalId") if isinstance(given, dict) and name in given]
    if not names:
        raise Malformed({word: "Set one of the following fields: id, externalId"})
    name = names[0]
    found = next((row for row in call.state.table(word).values() if row.get(name) == given[name]), None)
    if found is None:
        raise Malformed({f"{word}.{name}": f"{word.capitalize()} with {name}={given[name]} not found."})
    return found


# ---- notes (8)


def list_notes(call: Call) -> Response:
    chosen = filter_of(call, NOTE_FILTERS)
    rows = [
        row for row in call.state.notes.values()
        if chosen.among("ids", row["id"]) and chosen.among("customerIds", row["customer"]["id"])
        and chosen.among("managerIds", row.get("managerId")) and chosen.one("text").casefold() in row["text"].casefold()
    ]  # fmt: skip
    return page(call, "notes", newest_first(created_within(rows, chosen)))


def create_note(call: Call) -> Response:
    """`POST /customers/notes/create`: only customers have notes."""
    body: Row = entity(call, "note")
    site = site_of(call)
    check_names(body, ("text", "customer", "managerId"))
    check_texts(body, (), ("text",))
    check_user(call, body, "managerId")
    if not body.get("text"):
        raise Malformed({"text": BLANK})
    customer = linked(call, CUSTOMER, body.get("customer"))
    row: Row = {
        "customer": {"site": site, "id": customer["id"], "type": "customer"}, "id": call.state.ids.number("note"),
        "text": body["text"], "createdAt": call.state.now(),
    }  # fmt: skip
    row |= {"managerId": body["managerId"]} if "managerId" in body else {}
    call.state.notes[row["id"]] = row
    call.twin.wrote("note", "note", row["id"], note_words(row, call.twin.marker_in_text))
    return ok(201, id=row["id"])


def delete_note(call: Call) -> Response:
    row = _by_id(call, call.state.notes)
    del call.state.notes[row["id"]]
    return ok()
