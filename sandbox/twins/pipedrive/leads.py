"""Leads (v1) and their conversion (v2): crm_pipedrive.md 7, 8.3."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import Refused, changed
from sandbox.twins.pipedrive.fields import check_required, check_values, custom_of
from sandbox.twins.pipedrive.neutral import words_of
from sandbox.twins.pipedrive.records import deal_row, place
from sandbox.twins.pipedrive.state import DEAL, LEAD, ORGANIZATION, PERSON, Row, State, lead_time
from sandbox.twins.pipedrive.wire import (
    LONGEST,
    Call,
    Check,
    bad,
    body_of,
    filtered,
    is_date,
    is_int,
    is_list,
    is_object,
    is_short,
    is_text,
    known,
    known_owner,
    ok,
    page_v1,
    row_of,
    sorted_v1,
    v1_flag,
    v1_numbers,
)

NUMBERS = ("owner_id", "person_id", "organization_id", "channel")
COLUMNS = ("owner_id", "person_id", "organization_id")


def _flag(value: Any) -> bool:
    return value in (True, False, 0, 1, "0", "1")


def _money(value: Any) -> bool:
    return is_object(value) and set(value) == {"amount", "currency"}


CHANGEABLE: Mapping[str, Check] = {
    "title": is_short, "owner_id": is_int, "label_ids": is_list, "person_id": is_int, "organization_id": is_int,
    "value": _money, "expected_close_date": is_date, "visible_to": lambda value: str(value) in ("1", "3", "5", "7"),
    "was_seen": _flag, "channel": is_int, "channel_id": lambda value: is_text(value) and len(value) <= LONGEST,
}  # fmt: skip
ON_CREATION: Mapping[str, Check] = {**CHANGEABLE, "origin_id": lambda value: is_text(value) and len(value) <= LONGEST}
ON_UPDATE: Mapping[str, Check] = {**CHANGEABLE, "is_archived": _flag}


def lead_row(state: State, title: str, owner: int, domain: str) -> Row:
    """A new lead; `visible_to` is a text here, `source_name` and `origin` are always API (8.3)."""
    now, key = lead_time(state.clock()), state.ids.uuid(LEAD)
    return {
        "id": key, "title": title, "owner_id": owner, "creator_id": owner, "label_ids": [], "person_id": None,
        "organization_id": None, "source_name": "API", "origin": "API", "origin_id": None, "channel": None, "channel_id": None,
        "source_deal_id": None, "is_archived": False, "was_seen": False, "value": None, "expected_close_date": None,
        "next_activity_id": None, "add_time": now, "update_time": now, "visible_to": "3",
        "cc_email": f"{domain}+1+lead{key[:8]}@pipedrivemail.com",
    }  # fmt: skip


# ---- the calls


def list_leads(call: Call) -> Response:
    """`GET /api/v1/leads`: not archived ones only; `/leads/archived` the others."""
    archived = call.args["archived"]
    rows = [row for row in call.state.leads.values() if row["is_archived"] == archived]
    found = sorted_v1(call, filtered(call, rows, COLUMNS))
    return page_v1(call, found, at_root=call.twin.account.leads_paging_at_root)


def get_lead(call: Call) -> Response:
    return ok(_lead(call))


def _lead(call: Call) -> Row:
    """The lead of the path. 400 for what is no UUID; 404 for a deleted or converted one."""
    key = call.args["key"]
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key, re.I):
        raise Refused(400, "Lead id must be a UUID")
    return row_of(call.state.leads, key.lower(), "Lead")


def create_lead(call: Call) -> Response:
    """`POST /api/v1/leads`: 201; needs a title and a person or an organisation."""
    body = body_of(call)
    if not body.get("title"):
        raise Refused(400, "title is required")
    if not body.get("person_id") and not body.get("organization_id"):
        raise Refused(400, "A lead must be linked to a person or an organization.")
    body = _checked(call, body, ON_CREATION)
    check_required(call, LEAD, body)
    row = lead_row(call.state, body["title"], call.user["id"], call.twin.account.domain)
    _apply(row, body)
    call.state.add(LEAD, row)
    call.twin.wrote("create", LEAD, row["id"], words_of(call.state, LEAD, row))
    return ok(row, status=201)


def update_lead(call: Call) -> Response:
    """`PATCH /api/v1/leads/{id}`; `null` clears; an archived lead refuses (7)."""
    row = _lead(call)
    if row["is_archived"]:
        raise Refused(400, "Archived leads cannot be changed.")
    body = _checked(call, body_of(call), ON_UPDATE)
    before = words_of(call.state, LEAD, row)
    _apply(row, body)
    call.state.touch(row)
    call.twin.wrote("update", LEAD, row["id"], changed(before, words_of(call.state, LEAD, row)))
    return ok(row)


def _checked(call: Call, sent: Row, allowed: Mapping[str, Check]) -> Row:
    """The body with v1's numbers read; 400 for unknown fields, wrong values and ids that do not exist."""
    body = v1_numbers(sent, NUMBERS)
    custom = custom_of(call.state, LEAD)
    for name, value in body.items():
        if name not in allowed and name not in custom:
            raise Refused(400, f"{name} is not allowed")
        if value is not None and name in allowed and not allowed[name](value):
            raise Refused(400, f"{name} has an invalid value")
    check_values(call, LEAD, {name: value for name, value in body.items() if name in custom})
    known_owner(call, body.get("owner_id"))
    known(call, PERSON, body.get("person_id"), "person_id")
    known(call, ORGANIZATION, body.get("organization_id"), "organization_id")
    return body


def _apply(row: Row, body: Row) -> None:
    row.update({name: value for name, value in body.items() if name not in ("owner_id", "title") or value is not None})
    row["is_archived"], row["was_seen"] = v1_flag(row["is_archived"]), v1_flag(row["was_seen"])
    row["visible_to"] = str(row["visible_to"])


# ---- conversion (7)


def convert_lead(call: Call) -> Response:
    """`POST /api/v2/leads/{id}/convert/deal`: done at once, the answer names the conversion."""
    row = _lead(call)
    body = body_of(call) if call.request.get_data() else {}
    if row["is_archived"] or set(body) - {"stage_id", "pipeline_id"}:
        raise bad("The lead cannot be converted like that")
    deal = make_deal(call.state, row, call.twin.account.currency, body.get("pipeline_id"), body.get("stage_id"))
    conversion = call.state.ids.uuid("conversion")
    facts = {"lead_id": row["id"], "deal_id": deal["id"], "conversion_id": conversion, "status": "completed"}
    call.state.conversions[conversion] = facts
    call.twin.wrote("create", DEAL, deal["id"], words_of(call.state, DEAL, deal))
    return ok({"conversion_id": conversion})


def conversion_status(call: Call) -> Response:
    facts = call.state.conversions.get(call.args["conversion"])
    if facts is None or facts["lead_id"] != call.args["key"]:
        raise Refused(404, "Conversion was not found")
    return ok(facts)


def make_deal(state: State, lead: Row, currency: str, pipeline: int | None = None, stage: int | None = None) -> Row:
    """The deal a lead becomes: a new id, `source_lead_id`, the custom fields; the lead is gone."""
    deal = deal_row(state, lead["title"], lead["owner_id"], currency)
    place(state, deal, pipeline, stage)
    deal |= {"person_id": lead["person_id"], "org_id": lead["organization_id"], "source_lead_id": lead["id"]}
    deal |= {name: lead[name] for name in ("origin_id", "channel", "channel_id")}
    deal["custom_fields"] = {code: lead[code] for code in custom_of(state, LEAD) if code in lead}
    del state.leads[lead["id"]]
    return state.add(DEAL, deal)
