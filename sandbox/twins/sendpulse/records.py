"""Contacts, deals and their comments (crm_sendpulse.md 4, 5, 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import Refused, changed, json_answer
from sandbox.twins.sendpulse import wire
from sandbox.twins.sendpulse.neutral import comment_words, record_words
from sandbox.twins.sendpulse.state import CONTACT, DEAL, Row, State, contact_row, deal_row, phone_entry
from sandbox.twins.sendpulse.wire import Call, body_of, check_id, check_text, check_user, data, invalid, take_attributes

OLD_FORM = ("responsibleId", "firstName", "lastName", "phones", "emails", "tags", "attributes", "messengers")
NEW_FORM = ("responsibleId", "firstName", "lastName", "externalContactId")
DEAL_FORM = (
    "pipelineId", "stepId", "responsibleId", "name", "price", "currency", "contact", "attributes", "sourceId", "status", "order",
)  # fmt: skip
NOT_PARTIAL = ("pipelineId", "status", "stepId", "name", "price")
DEAL_FILTERS = (
    "id", "pipelineId", "status", "stepId", "name", "responsibleId", "number", "price", "currency", "sourceType", "sourceId",
    "createdAt", "updatedAt",
)  # fmt: skip


def shown(state: State, kind: str, row: Row) -> Row:
    """A record as it is answered, with its comments and the ids of its tasks."""
    own = {name: value for name, value in row.items() if name not in ("contact", "hung")}
    own["attributes"] = wire.shown_attributes(state, row["attributes"])
    own["comments"] = [
        shown_comment(comment) for comment in state.comments.values() if (comment["kind"], comment["record"]) == (kind, row["id"])
    ]
    own["tasks"] = [task["id"] for task in state.tasks.values() if row["id"] in task[f"{kind}s"]]
    return own | ({"dealsQty": len(state.deals_of(row["id"]))} if kind == CONTACT else {})


def get_record(call: Call) -> Response:
    kind = call.args["kind"]
    return wire.single(call, shown(call.state, kind, call.row(call.state.table(kind))))


# ---- contacts


def list_contacts(call: Call) -> Response:
    """`POST /contacts/get-list`: numbers are compared as they were typed (4)."""
    body = body_of(call)
    rows = [
        row for row in call.state.contacts.values()
        if call.twin.searchable(call.state.indexed[CONTACT, row["id"]])
        and _has_phone(call, row, body.get("phone")) and _meets(call, row, body.get("fieldValueConditions") or [])
    ]  # fmt: skip
    chosen = rows[wire.limits(body, 10)]
    return data({"list": [shown(call.state, CONTACT, row) for row in chosen], "total": len(rows)})


def _has_phone(call: Call, row: Row, wanted: Any) -> bool:
    numbers = [entry["phone"] for entry in row["phones"]]
    if wanted is None:
        return True
    return any(wanted in number for number in numbers) if call.account.phone_is_part else wanted in numbers


def _meets(call: Call, row: Row, conditions: list[Row]) -> bool:
    """Conditions are ANDed; an unknown field name finds nothing (4)."""
    wanted = conditions[-1:] if call.account.like == "last" else conditions
    return all(_meets_one(call, row, condition) for condition in wanted)


def _meets_one(call: Call, row: Row, condition: Row) -> bool:
    values: Mapping[str, list[str]] = {
        "phones": [entry["phone"] for entry in row["phones"]],
        "emails": [entry["email"] for entry in row["emails"]],
        "firstName": [row["firstName"]],
        "lastName": [row["lastName"]],
    }
    found, wanted = values.get(str(condition.get("field")), []), str(condition.get("value"))
    if condition.get("expression") == "like" and call.account.like != "exact":
        return any(wanted.casefold() in value.casefold() for value in found)
    return wanted in found


def create_contact_at_once(call: Call) -> Response:
    """`POST /contacts`, deprecated: the only form in one step (5)."""
    if not call.account.old_contact_form:
        raise Refused(404, "Not found")
    body = body_of(call, OLD_FORM, ("responsibleId",))
    for name in ("phones", "emails"):
        if not all(isinstance(text, str) and len(text) <= wire.LONGEST_PHONE for text in body.get(name) or ()):
            raise invalid(f"The {name} are invalid.")
    attributes = take_attributes(call, CONTACT, body.get("attributes"))
    row = _new_contact(call, body)
    row["phones"] = [phone_entry(call.state, text, main=not place) for place, text in enumerate(body.get("phones") or ())]
    row["emails"] = [{"email": text, "isMain": not place} for place, text in enumerate(body.get("emails") or ())]
    row |= {"tags": list(body.get("tags") or ()), "attributes": attributes}
    return _created(call, CONTACT, row)


def create_contact(call: Call) -> Response:
    """`POST /contacts/create`: a name and somebody responsible, nothing else (5)."""
    return _created(call, CONTACT, _new_contact(call, body_of(call, NEW_FORM, ("responsibleId",))))


def _new_contact(call: Call, body: Row) -> Row:
    check_user(call, body)
    for name in ("firstName", "lastName"):
        check_text(body, name)
    row = contact_row(call.state, body["responsibleId"])
    return row | {name: body[name] for name in ("firstName", "lastName", "externalContactId") if body.get(name)}


def _created(call: Call, kind: str, row: Row) -> Response:
    call.state.add(kind, row)
    call.twin.wrote("create", kind, row["id"], record_words(call.state, kind, row))
    return data(shown(call.state, kind, row))


def _updated(call: Call, kind: str, row: Row, news: Row) -> None:
    before = record_words(call.state, kind, row)
    row |= {**news, "updatedAt": call.state.now()}
    call.twin.wrote("update", kind, row["id"], changed(before, record_words(call.state, kind, row)))


def update_contact(call: Call) -> Response:
    """`PUT /contacts/{id}`: somebody responsible is needed (5)."""
    row = call.row(call.state.contacts)
    body = body_of(call, ("responsibleId", "firstName", "lastName"), ("responsibleId",))
    check_user(call, body)
    for name in ("firstName", "lastName"):
        check_text(body, name)
    _updated(call, CONTACT, row, body)
    return data(shown(call.state, CONTACT, row))


def add_phone(call: Call) -> Response:
    row, body = call.row(call.state.contacts), body_of(call, ("phone",), ("phone",))
    check_text(body, "phone", wire.LONGEST_PHONE)
    entry = phone_entry(call.state, body["phone"], main=not row["phones"])
    _updated(call, CONTACT, row, {"phones": [*row["phones"], entry]})
    return data(entry)


def add_emails(call: Call) -> Response:
    row, body = call.row(call.state.contacts), body_of(call, ("emails",), ("emails",))
    entries = [{"email": str(entry["email"]), "isMain": bool(entry.get("isMain"))} for entry in body["emails"]]
    _updated(call, CONTACT, row, {"emails": [*row["emails"], *entries]})
    return data(entries)


def write_attributes(call: Call) -> Response:
    """`POST /contacts/{id}/attributes/batch`: an upsert, 201 (5)."""
    row, body = call.row(call.state.contacts), body_of(call, ("attributesValues",), ("attributesValues",))
    values = take_attributes(call, CONTACT, body["attributesValues"], "attributesValues")
    _updated(call, CONTACT, row, {"attributes": {**row["attributes"], **values}})
    return data(body["attributesValues"], 201)


# ---- deals


def deals_of_contact(call: Call) -> Response:
    rows = call.state.deals_of(call.row(call.state.contacts)["id"])
    return data([shown(call.state, DEAL, row) for row in rows])


def list_deals(call: Call) -> Response:
    """`POST /deals/get-list`: by the contact's number and by filters (4)."""
    body = body_of(call)
    rows = [
        row for row in call.state.deals.values()
        if call.twin.searchable(call.state.indexed[DEAL, row["id"]])
        and _is_of_phone(call, row, body.get("phone"))
        and all(_passes(row, one) for one in body.get("filter") or ())
    ]  # fmt: skip
    chosen = rows[wire.limits(body, 10)]
    return data([shown(call.state, DEAL, row) for row in chosen], meta={"total": len(rows)})


def _is_of_phone(call: Call, deal: Row, wanted: Any) -> bool:
    return wanted is None or any(_has_phone(call, call.state.contacts[key], wanted) for key in deal["contact"])


def _passes(row: Row, one: Row) -> bool:
    name, wanted = one.get("name"), one.get("value")
    if name not in DEAL_FILTERS:
        raise invalid("The selected filter is invalid.")
    value = row[name]
    tests = {"eq": value == wanted, "neq": value != wanted, "like": str(wanted) in str(value)}
    if one.get("expression") == "in":
        return isinstance(wanted, list) and value in wanted
    if one.get("expression") not in tests:
        raise invalid("The selected expression is invalid.")
    return bool(tests[str(one["expression"])])


def create_deal(call: Call) -> Response:
    """`POST /deals`: `contact` links at once (5)."""
    body = body_of(call, DEAL_FORM, ("pipelineId", "stepId"))
    _check_deal(call, body)
    contacts = body.get("contact") or []
    if not isinstance(contacts, list) or any(key not in call.state.contacts for key in contacts):
        raise invalid("The selected contact is invalid.")
    attributes = take_attributes(call, DEAL, body.get("attributes"))
    row = deal_row(call.state, body["pipelineId"], body["stepId"], body.get("responsibleId") or 1)
    row |= {name: body[name] for name in ("name", "price", "currency", "sourceId") if body.get(name) is not None}
    return _created(call, DEAL, row | {"contact": list(contacts), "attributes": attributes})


def update_deal(call: Call) -> Response:
    """`PUT /deals/{id}` is not partial; without `order` the card moves to the top (5)."""
    row, body = call.row(call.state.deals), body_of(call, DEAL_FORM, NOT_PARTIAL)
    _check_deal(call, body)
    values = take_attributes(call, DEAL, body.pop("attributes", None))
    news = {name: value for name, value in body.items() if name != "contact" and value is not None}
    _updated(call, DEAL, row, {"order": 0, **news, "attributes": {**row["attributes"], **values}})
    return data(shown(call.state, DEAL, row))


def _check_deal(call: Call, body: Row) -> None:
    check_user(call, body)
    check_text(body, "name")
    check_id(body, "pipelineId", call.state.pipelines)
    steps = {step["id"]: step for step in call.state.pipelines[body["pipelineId"]]["steps"]}
    check_id(body, "stepId", steps)


# ---- comments (8)


def shown_comment(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("kind", "record")}


def create_comment(call: Call) -> Response:
    """`POST /contacts/{id}/comments`, `POST /deals/{id}/comments`, with their text as `message`.

    The ledger names a comment by its whole path: its number alone leads nowhere.
    """
    kind = call.args["kind"]
    record, body = call.row(call.state.table(kind)), body_of(call, ("message",), ("message",))
    check_text(body, "message", wire.LONGEST_TEXT)
    row = {
        "id": call.state.ids.number("comment"), "userId": 1, "text": body["message"], "createdAt": call.state.now(),
        "updatedAt": call.state.now(), "childCount": 0, "childUsers": [], "kind": kind, "record": record["id"],
    }  # fmt: skip
    call.state.comments[row["id"]] = row
    name = f"{kind}s/{record['id']}/comments/{row['id']}"
    call.twin.wrote("note", "note", name, comment_words(row, call.twin.marker_in_text))
    return json_answer({"data": shown_comment(row)})
