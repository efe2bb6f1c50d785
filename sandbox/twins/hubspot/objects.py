"""Objects of every sort: create, read, change, delete, batches (crm_hubspot.md 6.4, 8, 10, 11, 15)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import changed, json_answer
from sandbox.twins.hubspot.links import PRIMARY_CONTACT, connect, linked_in, wanted_links
from sandbox.twins.hubspot.neutral import any_words
from sandbox.twins.hubspot.properties import (
    by_value,
    check_needed,
    check_values,
    created_name,
    modified_name,
    place,
    value_of,
)
from sandbox.twins.hubspot.state import CALLS, CONTACTS, LEADS, NEUTRAL, NOTES, RECORDS, TASKS, TYPE_IDS, Row, Thing, stamp
from sandbox.twins.hubspot.wire import Call, Problem, batch, body_of, not_found, page_of, sort_of, thing_of

MOST_INPUTS = 100
BASIC = {
    CONTACTS: ("firstname", "lastname", "email"), "companies": ("name", "domain"), "deals": ("dealname", "dealstage", "pipeline"),
    LEADS: ("hs_lead_name",), TASKS: (), CALLS: (), NOTES: (),
}  # fmt: skip
"""What an answer holds when no properties are asked for."""


def shown(call: Call, thing: Thing, names: Iterable[str] | None) -> Row:
    """An object with the properties asked for; unknown names are left out, values are texts or null (1)."""
    known = call.state.properties[thing.sort]
    always = ("hs_object_id", created_name(thing.sort), modified_name(thing.sort))
    wanted = dict.fromkeys((*always, *(BASIC[thing.sort] if names is None else names)))
    account = call.twin.account
    return {
        "id": thing.id, "properties": {name: value_of(call.twin, thing, name) for name in wanted if name in known},
        "createdAt": stamp(thing.created), "updatedAt": stamp(thing.updated), "archived": False,
        "url": f"https://{account.ui_domain}/contacts/{account.hub_id}/record/{TYPE_IDS[thing.sort]}/{thing.id}",
    }  # fmt: skip


def _asked(call: Call) -> list[str] | None:
    return call.names("properties") or None


# ---- creation (8, 10, 11)


def create(call: Call) -> Response:
    sort, body = sort_of(call, "sort"), body_of(call)
    unknown = set(body) - {"properties", "associations", "objectWriteTraceId"}
    if unknown:
        raise Problem(400, f"Invalid input JSON: unknown field {sorted(unknown)[0]}")
    thing = make(call, sort, body.get("properties"), body.get("associations", []))
    return json_answer(shown(call, thing, list(thing.properties)), 201)


def make(call: Call, sort: str, given: Any, associations: Any) -> Thing:
    """A new object with its links; leads need their primary contact in the same call (8.3)."""
    values = check_values(call, sort, given)
    check_needed(call, sort, values)
    place(call, sort, values)
    links = wanted_links(call, sort, associations)
    if sort == LEADS and not any(PRIMARY_CONTACT in types for _, types in links):
        raise Problem(400, "Lead creation requires a primary contact or company association")
    if sort == TASKS:
        values.setdefault("hs_task_status", "NOT_STARTED")
        values.setdefault("hs_task_type", "TODO")
    thing = call.state.add(sort, {name: value for name, value in values.items() if value is not None})
    for end, types in links:
        connect(call.state, thing.place, end, types)
    tell_creation(call, thing)
    return thing


def tell_creation(call: Call, thing: Thing) -> None:
    words = any_words(call.twin, thing)
    if thing.sort in RECORDS:
        call.twin.wrote("create", NEUTRAL[thing.sort], thing.id, words)
    elif thing.sort == TASKS:
        call.twin.wrote("task", (thing.properties.get("hs_task_type") or "").lower(), thing.id, words)
    elif thing.sort == CALLS:
        call.twin.wrote("log", "call", thing.id, words)
    else:
        call.twin.wrote("note", "note", thing.id, words)


# ---- reading


def found(call: Call, sort: str, key: str, id_property: str) -> Thing:
    """By id, or by the value of a unique property (8.2, 15); 400 for a property that is not unique."""
    if not id_property or id_property == "hs_object_id":
        return thing_of(call, sort, key)
    row = call.state.properties[sort].get(id_property)
    is_unique = row is not None and (row["hasUniqueValue"] or (sort == CONTACTS and id_property == "email"))
    if not is_unique:
        raise Problem(400, f"idProperty {id_property} is not a unique property of {sort}")
    thing = by_value(call.state, sort, id_property, key)
    if thing is None:
        raise not_found("Object not found")
    return thing


def get(call: Call) -> Response:
    sort = sort_of(call, "sort")
    thing = found(call, sort, call.args["key"], call.query("idProperty"))
    links = linked_in(call, thing.place, call.names("associations"))
    return json_answer(shown(call, thing, _asked(call)) | ({"associations": links} if links else {}))


def list_all(call: Call) -> Response:
    """`GET /crm/objects/…`: by id, lists do not lag."""
    things = list(call.state.things[sort_of(call, "sort")].values())
    page, paging = page_of(call, things)
    return json_answer({"results": [shown(call, thing, _asked(call)) for thing in page], **paging})


def _missing(ids: list[str]) -> Row:
    words = "Could not get some objects, they may be deleted or not exist."
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": words,
        "context": {"ids": ids},
        "errors": [],
        "links": {},
    }


def _inputs(call: Call) -> list[Row]:
    inputs = body_of(call).get("inputs")
    if not isinstance(inputs, list) or not 1 <= len(inputs) <= MOST_INPUTS or not all(isinstance(one, dict) for one in inputs):
        raise Problem(400, f"inputs must be a list of 1 to {MOST_INPUTS}")
    return inputs


def batch_read(call: Call) -> Response:
    """`POST …/batch/read`: what is not there is an error of a 207 (4)."""
    sort, body = sort_of(call, "sort"), body_of(call)
    results, missing = [], []
    for entry in _inputs(call):
        try:
            thing = found(call, sort, str(entry.get("id")), str(body.get("idProperty") or ""))
        except Problem as problem:
            if problem.status != 404:
                raise
            missing.append(str(entry.get("id")))
        else:
            results.append(shown(call, thing, body.get("properties")))
    return batch(call, results, [_missing(missing)] if missing else [])


# ---- changing


def update(call: Call) -> Response:
    sort, body = sort_of(call, "sort"), body_of(call)
    thing = found(call, sort, call.args["key"], call.query("idProperty"))
    if set(body) - {"properties", "objectWriteTraceId"}:
        raise Problem(400, "Invalid input JSON: unknown field")
    change(call, thing, body.get("properties"))
    return json_answer(shown(call, thing, list(body["properties"])))


def change(call: Call, thing: Thing, given: Any) -> None:
    """Set properties; an empty text clears (8.2)."""
    values = check_values(call, thing.sort, given, itself=thing)
    before, after = any_words(call.twin, thing), {**thing.properties, **values}
    place(call, thing.sort, after)
    thing.properties = {name: value for name, value in after.items() if value is not None}
    call.state.touch(thing, known_at_once=not call.twin.account.changes_lag)
    tell_change(call, thing, changed(before, any_words(call.twin, thing)))


def tell_change(call: Call, thing: Thing, news: Row) -> None:
    if thing.sort in RECORDS:
        call.twin.wrote("update", NEUTRAL[thing.sort], thing.id, news)
    elif thing.sort == TASKS and news.get("completed"):
        call.twin.wrote("complete_task", (thing.properties.get("hs_task_type") or "").lower(), thing.id, news)
    else:
        call.twin.wrote("update", {TASKS: "task", CALLS: "log"}.get(thing.sort, "note"), thing.id, news)


def delete(call: Call) -> Response:
    call.state.remove(thing_of(call, sort_of(call, "sort"), call.args["key"]).place)
    return Response(status=204)


def batch_upsert(call: Call) -> Response:
    """`POST …/batch/upsert` by a unique property: no associations, no leads (15)."""
    sort, results = sort_of(call, "sort"), []
    for entry in _inputs(call):
        if "associations" in entry:
            raise Problem(400, "Invalid input JSON: unknown field associations")
        try:
            thing = found(call, sort, str(entry.get("id")), str(entry.get("idProperty") or ""))
        except Problem as problem:
            if problem.status != 404:
                raise
            thing, new = make(call, sort, entry.get("properties"), []), True
        else:
            change(call, thing, entry.get("properties"))
            new = False
        results.append(shown(call, thing, list(entry["properties"])) | {"new": new})
    return batch(call, results)
