"""A lead with its contact and its company in one request: `POST /leads/complex` (crm_kommo.md 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import digits
from sandbox.twins.kommo.fields import PHONE, entries_with_code
from sandbox.twins.kommo.records import ALLOWED, Wanted, checked, create, join
from sandbox.twins.kommo.state import COMPANIES, CONTACTS, LEADS, Row, incoming_stage, is_open
from sandbox.twins.kommo.wire import Call, Invalid, below, each, elements, hal, is_int, is_list, is_object

MOST_LEADS = 50
CATEGORIES = ("sip", "forms")


@dataclass(frozen=True, slots=True)
class Nested:
    """A contact or company of a complex lead: one that exists, or one to be made."""

    row: Row | None = None
    wanted: Wanted | None = None


@dataclass(frozen=True, slots=True)
class Complex:
    """A checked element."""

    item: Row
    lead: Wanted
    nested: dict[str, Nested]


def create_complex(call: Call) -> Response:
    """At most 50 leads, each with at most one contact and one company; the answer is a bare array."""
    checked_items = each(elements(call, MOST_LEADS), lambda item: _checked(call, item))
    return hal([_made(call, one) for one in checked_items])


def _checked(call: Call, item: Row) -> Complex:
    inside = item.get("_embedded") or {}
    if not is_object(inside):
        raise Invalid("_embedded", "This value is not valid.", "InvalidType")
    own = {name: value for name, value in inside.items() if name not in (CONTACTS, COMPANIES, "metadata")}
    lead = checked(call, LEADS, {**item, "_embedded": own}, allowed=ALLOWED[LEADS])
    if "metadata" in inside:
        lead = _incoming(call, item, inside["metadata"], lead)
    nested = {word: _nested(call, word, inside[word]) for word in (CONTACTS, COMPANIES) if inside.get(word)}
    return Complex(item, lead, nested)


def _incoming(call: Call, item: Row, metadata: Any, lead: Wanted) -> Wanted:
    """`metadata` puts the lead into the incoming stage; then it must name no stage."""
    if not is_object(metadata) or metadata.get("category") not in CATEGORIES:
        raise Invalid("_embedded.metadata.category")
    if "status_id" in item:
        raise Invalid("status_id", "This field was not expected.", "NotExpected")
    assert lead.pipeline is not None
    return Wanted(lead.body, lead.custom, lead.pipeline, incoming_stage(call.state, lead.pipeline))


def _nested(call: Call, word: str, given: Any) -> Nested:
    path = f"_embedded.{word}"
    if not is_list(given) or len(given) > 1 or not is_object(given[0]):
        raise Invalid(path, "At most one element is allowed.", "TooMany")
    body = given[0]
    if "id" not in body:
        return Nested(wanted=below(f"{path}.0", lambda: checked(call, word, body, allowed=ALLOWED[word])))
    if not is_int(body["id"]) or body["id"] not in call.state.records[word]:
        raise Invalid(f"{path}.0.id", "Entity not found.", "NotFound")
    return Nested(row=call.state.records[word][body["id"]])


def _made(call: Call, one: Complex) -> Row:
    """Company, contact, lead, linked with each other; or the open lead it is a duplicate of."""
    known = _duplicate(call, one) if call.twin.account.duplicate_control else None
    if known is not None:
        return _told(one.item, known, merged=True)
    rows = {word: _row(call, word, one.nested[word]) for word in (COMPANIES, CONTACTS) if word in one.nested}
    body = dict(one.lead.body)
    body["_embedded"] = {**(body.get("_embedded") or {}), **{word: [{"id": row["id"]}] for word, row in rows.items()}}
    if len(rows) == 2 and rows[CONTACTS]["company"] != rows[COMPANIES]["id"]:
        _employ(call, rows[CONTACTS], rows[COMPANIES], is_new=one.nested[CONTACTS].row is None)
    lead = create(call, LEADS, Wanted(body, one.lead.custom, one.lead.pipeline, one.lead.status))
    return _told(one.item, lead, merged=False)


def _row(call: Call, word: str, nested: Nested) -> Row:
    if nested.row is not None:
        return nested.row
    assert nested.wanted is not None
    return create(call, word, nested.wanted)


def _employ(call: Call, contact: Row, company: Row, *, is_new: bool) -> None:
    """The contact's link to the company; that of a new contact is part of its creation."""
    if is_new:
        contact["company"] = company["id"]
    else:
        join(call, (CONTACTS, contact), (COMPANIES, company))


def _told(item: Row, lead: Row, *, merged: bool) -> Row:
    contact = lead["contacts"][0] if lead["contacts"] else None
    return {"id": lead["id"], "contact_id": contact, "company_id": lead["company"], "request_id": [item["request_id"]],
            "merged": merged}  # fmt: skip


def _duplicate(call: Call, one: Complex) -> Row | None:
    """The open lead of a contact with the same number."""
    wanted = one.nested[CONTACTS].wanted if CONTACTS in one.nested else None
    fields = call.state.fields[CONTACTS]
    custom = wanted.custom if wanted else {}
    sought = {
        digits(entry["value"])[-10:] for key, entries in custom.items() if fields[key]["code"] == PHONE for entry in entries
    }
    for key, contact in call.state.records[CONTACTS].items():
        if any(digits(number)[-10:] in sought for number in entries_with_code(call.state, CONTACTS, contact, PHONE)):
            for lead in call.state.leads_of(CONTACTS, key):
                if is_open(lead):
                    return lead
    return None
