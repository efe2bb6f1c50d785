"""Persons, organisations and deals: v2 (crm_pipedrive.md 6.3, 8.1, 8.2, 8.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import Refused, changed
from sandbox.twins.pipedrive.fields import check_required, check_values, shown_custom
from sandbox.twins.pipedrive.neutral import words_of
from sandbox.twins.pipedrive.state import DEAL, NEUTRAL, ORGANIZATION, PERSON, Row, State
from sandbox.twins.pipedrive.wire import (
    Call,
    Check,
    bad,
    body_of,
    check_body,
    cut_v2,
    filtered,
    is_date,
    is_int,
    is_list,
    is_number,
    is_object,
    is_short,
    is_text,
    known,
    known_owner,
    need,
    ok,
    row_of,
    sorted_v2,
)

CONTACT_SYNC = ("job_title", "notes", "im", "birthday", "postal_address")


def is_entries(value: Any) -> bool:
    """`[{value, primary, label}]`: phones and e-mail addresses."""
    return isinstance(value, list) and all(
        isinstance(entry, dict) and is_short(entry.get("value")) and set(entry) <= {"value", "primary", "label"}
        for entry in value
    )


COMMON: Mapping[str, Check] = {
    "owner_id": is_int, "add_time": is_text, "visible_to": is_int, "label_ids": is_list, "custom_fields": is_object,
}  # fmt: skip
ALLOWED: Mapping[str, Mapping[str, Check]] = {
    PERSON: {
        **COMMON, "name": is_short, "org_id": is_int, "emails": is_entries, "phones": is_entries, "marketing_status": is_text,
        **dict.fromkeys(CONTACT_SYNC, lambda value: True),
    },
    ORGANIZATION: {
        **COMMON, "name": is_short, "address": is_object, "website": is_text, "linkedin": is_text, "industry": is_int,
        "annual_revenue": is_int, "employee_count": is_int,
    },
    DEAL: {
        **COMMON, "title": is_short, "person_id": is_int, "org_id": is_int, "pipeline_id": is_int, "stage_id": is_int,
        "value": is_number, "currency": is_text, "status": lambda value: value in ("open", "won", "lost"),
        "is_archived": lambda value: isinstance(value, bool), "lost_reason": is_text, "probability": is_number,
        "expected_close_date": is_date,
    },
}  # fmt: skip
FILTERS = {
    PERSON: ("owner_id", "org_id"),
    ORGANIZATION: ("owner_id",),
    DEAL: ("owner_id", "person_id", "org_id", "pipeline_id", "stage_id", "status"),
}
NAMED = {PERSON: "name", ORGANIZATION: "name", DEAL: "title"}
TITLES = {PERSON: "Person", ORGANIZATION: "Organization", DEAL: "Deal"}


# ---- rows


def person_row(state: State, name: str, owner: int) -> Row:
    first, _, last = name.partition(" ")
    return {
        **_head(state, PERSON, owner), "name": name, "first_name": first, "last_name": last or None, "org_id": None,
        "phones": [], "emails": [], "picture_id": None,
    }  # fmt: skip


def organization_row(state: State, name: str, owner: int) -> Row:
    return {**_head(state, ORGANIZATION, owner), "name": name, "address": None, "website": None}


def deal_row(state: State, title: str, owner: int, currency: str) -> Row:
    """An open deal without pipeline and stage: `place` sets them."""
    return {
        **_head(state, DEAL, owner), "title": title, "person_id": None, "org_id": None, "pipeline_id": None, "stage_id": None,
        "value": 0, "currency": currency, "stage_change_time": state.now(), "is_archived": False, "status": "open",
        "probability": None, "lost_reason": None, "close_time": None, "won_time": None, "lost_time": None,
        "expected_close_date": None, "origin": "API", "origin_id": None, "channel": None, "channel_id": None,
        "source_lead_id": None, "arr": None, "mrr": None, "acv": None,
    }  # fmt: skip


def _head(state: State, word: str, owner: int) -> Row:
    now = state.now()
    return {
        "id": state.ids.number(word), "owner_id": owner, "add_time": now, "update_time": now, "is_deleted": False,
        "visible_to": 3, "label_ids": [], "custom_fields": {},
    }  # fmt: skip


def place(state: State, row: Row, pipeline: int | None, stage: int | None) -> None:
    """Pipeline and stage of a deal; what is left out is the first stage, the default pipeline (8.4). 400 when they do not fit."""
    if stage is not None and stage not in state.stages:
        raise bad(f"Validation failed: stage_id: stage {stage} does not exist")
    chosen = pipeline or (state.stages[stage]["pipeline_id"] if stage else next(iter(state.pipelines)))
    fitting = [key for key, other in state.stages.items() if other["pipeline_id"] == chosen]
    if chosen not in state.pipelines or (stage and stage not in fitting):
        raise bad("Validation failed: pipeline_id: pipeline and stage do not fit")
    row["pipeline_id"], row["stage_id"] = chosen, stage or fitting[0]


# ---- the calls


def list_rows(call: Call) -> Response:
    """`GET /api/v2/{persons,organizations,deals}`; archived deals are not among them (7)."""
    word = call.args["word"]
    rows = (row for row in call.state.table(word).values() if not row.get("is_archived"))
    page, additional = cut_v2(call, sorted_v2(call, filtered(call, rows, FILTERS[word])))
    return ok([shown(call, word, row) for row in page], additional)


def list_archived_deals(call: Call) -> Response:
    rows = [row for row in call.state.deals.values() if row["is_archived"]]
    page, additional = cut_v2(call, sorted_v2(call, filtered(call, rows, FILTERS[DEAL])))
    return ok([shown(call, DEAL, row) for row in page], additional)


def get_row(call: Call) -> Response:
    word = call.args["word"]
    return ok(shown(call, word, row_of(call.state.table(word), call.args["key"], TITLES[word])))


def shown(call: Call, word: str, row: Row) -> Row:
    """A row as v2 answers it; `source_lead_id` of a deal only when asked for (7)."""
    hidden = () if "source_lead_id" in call.query("include_fields").split(",") else ("source_lead_id",)
    return {name: value for name, value in row.items() if name not in hidden} | {"custom_fields": shown_custom(call, word, row)}


def create_row(call: Call) -> Response:
    word, body = call.args["word"], body_of(call)
    _check(call, word, body)
    need(body, NAMED[word])
    check_required(call, word, body.get("custom_fields") or {})
    row = _new(call, word, body)
    _apply(call, word, row, body)
    call.state.add(word, row)
    call.twin.wrote("create", NEUTRAL[word], row["id"], words_of(call.state, word, row))
    return ok(shown(call, word, row))


def _new(call: Call, word: str, body: Row) -> Row:
    owner = body.get("owner_id") or call.user["id"]
    if word == PERSON:
        return person_row(call.state, body["name"], owner)
    if word == ORGANIZATION:
        return organization_row(call.state, body["name"], owner)
    row = deal_row(call.state, body["title"], owner, call.twin.account.currency)
    place(call.state, row, body.get("pipeline_id"), body.get("stage_id"))
    return row


def update_row(call: Call) -> Response:
    """`PATCH`: list fields are replaced as a whole (8.2); archived deals refuse (7)."""
    word, body = call.args["word"], body_of(call)
    row = row_of(call.state.table(word), call.args["key"], TITLES[word])
    if row.get("is_archived"):
        raise bad("Archived deals cannot be changed")
    _check(call, word, body)
    before = words_of(call.state, word, row)
    if word == DEAL and (body.get("pipeline_id") or body.get("stage_id")):
        place(call.state, row, body.get("pipeline_id"), body.get("stage_id"))
    _apply(call, word, row, body)
    call.state.touch(row)
    call.twin.wrote("update", NEUTRAL[word], row["id"], changed(before, words_of(call.state, word, row)))
    return ok(shown(call, word, row))


def _check(call: Call, word: str, body: Row) -> None:
    if not call.twin.account.contact_sync and word == PERSON and set(body) & set(CONTACT_SYNC):
        raise Refused(403, "Contact sync is not enabled for this company.")
    check_body(body, ALLOWED[word], (NAMED[word], "owner_id"))
    known_owner(call, body.get("owner_id"))
    known(call, PERSON, body.get("person_id"), "person_id")
    known(call, ORGANIZATION, body.get("org_id"), "org_id")
    check_values(call, word, body.get("custom_fields") or {})


def _apply(call: Call, word: str, row: Row, body: Row) -> None:
    """Put the sent fields into the row."""
    own = {"custom_fields", "pipeline_id", "stage_id", "phones", "emails"}
    row.update({name: value for name, value in body.items() if name not in own})
    row["custom_fields"].update(body.get("custom_fields") or {})
    for name in ("phones", "emails"):
        if name in body:
            row[name] = entries_of(body[name] or [])
    if word == PERSON and "name" in body:
        row["first_name"], _, last = body["name"].partition(" ")
        row["last_name"] = last or None
    if word == DEAL and body.get("status") in ("won", "lost"):
        row["close_time"] = row[f"{body['status']}_time"] = call.state.now()


def entries_of(entries: list[Row]) -> list[Row]:
    """Numbers or addresses with their missing parts; one is primary."""
    chosen = next((place for place, entry in enumerate(entries) if entry.get("primary")), 0)
    return [{"value": entry["value"], "primary": place == chosen, "label": entry.get("label") or "work"}
            for place, entry in enumerate(entries)]  # fmt: skip
