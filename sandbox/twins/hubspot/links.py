"""Associations: their type ids, making, reading and cutting them (crm_hubspot.md 8, 9)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import changed, json_answer
from sandbox.twins.hubspot.neutral import words_of
from sandbox.twins.hubspot.state import (
    CALLS,
    COMPANIES,
    CONTACTS,
    DEALS,
    LEADS,
    NEUTRAL,
    NOTES,
    RECORDS,
    TASKS,
    Link,
    Place,
    Row,
    State,
)
from sandbox.twins.hubspot.wire import Call, Problem, batch, body_of, page_of, sort_of, thing_of

TYPES: dict[tuple[str, str], tuple[int, ...]] = {
    (CONTACTS, COMPANIES): (279, 1), (DEALS, CONTACTS): (3,), (DEALS, COMPANIES): (341, 5), (LEADS, CONTACTS): (578, 608),
    (LEADS, COMPANIES): (580, 610), (TASKS, CONTACTS): (204,), (TASKS, COMPANIES): (192,), (TASKS, DEALS): (216,),
    (TASKS, LEADS): (647,), (CALLS, CONTACTS): (194,), (CALLS, COMPANIES): (182,), (CALLS, DEALS): (206,),
    (CALLS, LEADS): (597,), (NOTES, CONTACTS): (202,), (NOTES, COMPANIES): (190,), (NOTES, DEALS): (214,), (NOTES, LEADS): (855,),
}  # fmt: skip
"""The table of 8: from, to, and the type ids of HubSpot's own; the first is that of a link without a label."""
PRIMARY = {(CONTACTS, COMPANIES): 1, (DEALS, COMPANIES): 5}
PRIMARY_CONTACT = 578
BACK = {279: 280, 1: 2, 3: 4, 341: 342, 5: 6, 578: 579, 608: 609, 580: 581, 610: 611}


def back(type_id: int) -> int:
    """The id of the same association seen from the other side."""
    return BACK.get(type_id, type_id - 1)


def target_sort(sort: str, type_id: int) -> str | None:
    """The sort of object that an association of this type leads to."""
    return next((to for (start, to), ids in TYPES.items() if start == sort and type_id in ids), None)


def connect(state: State, start: Place, end: Place, types: Iterable[int], since: datetime | None = None) -> None:
    """Associate two objects; the first company of a contact or deal becomes its primary one."""
    wanted = set(types)
    primary = PRIMARY.get((start[0], end[0]))
    others = (link.types for place, link in state.links_of(start) if place[0] == end[0])
    if primary and not any(primary in known for known in others):
        wanted.add(primary)
    at = since or state.clock()
    for one, other, ids in ((start, end, wanted), (end, start, {back(number) for number in wanted})):
        state.links.setdefault(one, {}).setdefault(other, Link(set(), at)).types.update(ids)


# ---- inside a creation


def wanted_links(call: Call, sort: str, associations: Any) -> list[tuple[Place, set[int]]]:
    """The `associations` of a creation; 400 for types that do not fit and for objects that are not there."""
    if not isinstance(associations, list):
        raise Problem(400, "Invalid input JSON: associations must be a list")
    return [_wanted_link(call, sort, entry) for entry in associations]


def _wanted_link(call: Call, sort: str, entry: Any) -> tuple[Place, set[int]]:
    try:
        key, types = str(entry["to"]["id"]), entry["types"]
        ids = {int(one["associationTypeId"]) for one in types if one["associationCategory"] == "HUBSPOT_DEFINED"}
    except (KeyError, TypeError, ValueError):
        raise Problem(400, "Invalid input JSON: an association has `to` and `types`") from None
    sorts = {target_sort(sort, number) for number in ids}
    end = next(iter(sorts), None)
    if len(sorts) != 1 or end is None:
        raise Problem(400, f"One or more association types are not valid for {sort}: {sorted(ids)}")
    if call.state.thing((end, key)) is None:
        raise Problem(400, f"One or more associations are not valid: no {end} with id {key}")
    return (end, key), ids


# ---- calls (9)


def pair_of(call: Call) -> tuple[Place, Place]:
    """The two objects in a path; 404 when one is not there."""
    start = thing_of(call, sort_of(call, "sort"), call.args["key"])
    return start.place, thing_of(call, sort_of(call, "other"), call.args["other_key"]).place


def default_type(start: Place, end: Place) -> int:
    types = TYPES.get((start[0], end[0])) or tuple(back(number) for number in TYPES.get((end[0], start[0]), ()))
    if not types:
        raise Problem(400, f"{start[0]} and {end[0]} cannot be associated")
    return types[0]


def put_default(call: Call) -> Response:
    """`PUT …/associations/default/…`: the link without a label."""
    start, end = pair_of(call)
    type_id = default_type(start, end)
    before = _words(call, start, end)
    if (start[0], end[0]) in TYPES:
        connect(call.state, start, end, (type_id,))
    else:
        connect(call.state, end, start, (default_type(end, start),))
    _tell(call, before)
    spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}
    return batch(call, [{"from": {"id": start[1]}, "to": {"id": end[1]}, "associationSpec": spec}])


def delete_links(call: Call) -> Response:
    """`DELETE …/associations/…`: all links of the pair. A lead without a primary contact is deleted (8.3)."""
    start, end = pair_of(call)
    before = _words(call, start, end)
    call.state.links.get(start, {}).pop(end, None)
    call.state.links.get(end, {}).pop(start, None)
    _tell(call, before)
    for sort, key in (start, end):
        if sort == LEADS and not call.state.linked((sort, key), CONTACTS):
            call.state.remove((sort, key))
    return Response(status=204)


def _words(call: Call, *places: Place) -> dict[Place, Row]:
    things = [call.state.thing(place) for place in places if place[0] in RECORDS]
    return {thing.place: words_of(call.twin, thing) for thing in things if thing}


def _tell(call: Call, before: dict[Place, Row]) -> None:
    for place, words in before.items():
        thing = call.state.thing(place)
        news = changed(words, words_of(call.twin, thing)) if thing else {}
        if news:
            call.twin.wrote("update", NEUTRAL[place[0]], place[1], news)


def list_links(call: Call) -> Response:
    """`GET …/{id}/associations/{sort}`: ids are numbers here (1)."""
    thing = thing_of(call, sort_of(call, "sort"), call.args["key"])
    page, paging = page_of(call, _ends(call.state, thing.place, sort_of(call, "other")), most=500, default=500)
    return json_answer({"results": page, **paging})


def _ends(state: State, place: Place, sort: str) -> list[Row]:
    return [
        {"toObjectId": int(end[1]), "associationTypes": [_type(number) for number in sorted(link.types)]}
        for end, link in state.links_of(place) if end[0] == sort
    ]  # fmt: skip


def _type(number: int) -> Row:
    return {"category": "HUBSPOT_DEFINED", "typeId": number, "label": None}


def read_links(call: Call) -> Response:
    """`POST /crm/associations/…/batch/read`: objects without links are errors of a 207."""
    inputs = body_of(call).get("inputs")
    if not isinstance(inputs, list) or len(inputs) > 1000:
        raise Problem(400, "inputs must be a list of at most 1000")
    sort, other = sort_of(call, "sort"), sort_of(call, "other")
    found, errors = [], []
    for entry in inputs:
        ends = _ends(call.state, (sort, str(entry.get("id"))), other)
        if ends:
            found.append({"from": {"id": str(entry["id"])}, "to": ends})
        else:
            errors.append(not_linked(sort, other, str(entry.get("id"))))
    return batch(call, found, errors)


def not_linked(sort: str, other: str, key: str) -> Row:
    words = f"No {other} is associated with {sort} {key}."
    context = {"fromObjectId": [key], "toObjectType": [other]}
    return {"status": "error", "category": "OBJECT_NOT_FOUND", "message": words, "context": context, "errors": [], "links": {}}


def linked_in(call: Call, place: Place, names: Iterable[str]) -> Row:
    """`associations` of an object as `GET …?associations=` answers them; ids are texts here."""
    answer: Row = {}
    for name in names:
        sort = sort_of(call, "", name)
        keys = call.state.linked(place, sort)
        if keys:
            word = f"{place[0].rstrip('s')}_to_{sort.rstrip('s')}"
            answer[sort] = {"results": [{"id": key, "type": word} for key in keys]}
    return answer
