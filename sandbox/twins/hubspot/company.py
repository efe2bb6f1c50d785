"""Owners, pipelines and the account itself (crm_hubspot.md 7, 13, 16)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import json_answer
from sandbox.twins.hubspot.state import DEALS, LEADS, Row, State, stamp
from sandbox.twins.hubspot.wire import Call, Problem, not_found, page_of, sort_of

FIRST_OWNER, FIRST_USER = 41_629_778, 9_586_500
DEAL_STAGES = (
    ("appointmentscheduled", "Appointment scheduled", "0.2"), ("qualifiedtobuy", "Qualified to buy", "0.4"),
    ("contractsent", "Contract sent", "0.9"), ("closedwon", "Closed won", "1.0"), ("closedlost", "Closed lost", "0.0"),
)  # fmt: skip
LEAD_STAGES = (
    ("new-stage-id", "New", ""), ("attempting-stage-id", "Attempting", ""), ("connected-stage-id", "Connected", ""),
    ("qualified-stage-id", "Qualified", ""), ("unqualified-stage-id", "Unqualified", ""),
)  # fmt: skip


def owner_row(state: State, *, name: str, email: str, active: bool) -> Row:
    """An owner; one whose user is deactivated is archived and has no `userId` (13)."""
    number = state.ids.number("owner")
    first, _, last = name.partition(" ")
    now = stamp(state.clock())
    row: Row = {
        "id": str(FIRST_OWNER + number), "email": email, "firstName": first, "lastName": last,
        "userId": FIRST_USER + number if active else None, "createdAt": now, "updatedAt": now, "archived": not active,
        "teams": [{"id": "368389", "name": "Sales", "primary": True}],
    }  # fmt: skip
    state.owners[row["id"]] = row
    return row


def pipeline_row(state: State, sort: str, key: str, label: str, stages: Sequence[tuple[str, str, str]]) -> Row:
    """A pipeline; the stages of deals tell by their probability whether they are closed (7)."""
    now = stamp(state.clock())
    shown = [
        {"id": stage, "label": text, "displayOrder": number, "createdAt": now, "updatedAt": now, "archived": False,
         "metadata": {"isClosed": "true" if chance in ("1.0", "0.0") else "false", "probability": chance} if chance else {}}
        for number, (stage, text, chance) in enumerate(stages)
    ]  # fmt: skip
    row: Row = {"id": key, "label": label, "displayOrder": len(state.pipelines[sort]), "stages": shown, "createdAt": now,
                "updatedAt": now, "archived": False}  # fmt: skip
    state.pipelines[sort][key] = row
    return row


def add_pipelines(state: State) -> None:
    pipeline_row(state, DEALS, "default", "Sales pipeline", DEAL_STAGES)
    pipeline_row(state, LEADS, "lead-pipeline-id", "Lead pipeline", LEAD_STAGES)


# ---- calls


def list_owners(call: Call) -> Response:
    """`GET /crm/owners/…`: deactivated users only with `archived=true` (13)."""
    archived = call.query("archived", "false") == "true"
    rows = [row for row in call.state.owners.values() if row["archived"] is archived]
    if call.query("email"):
        rows = [row for row in rows if row["email"] == call.query("email")]
    page, paging = page_of(call, rows, most=500, default=100)
    return json_answer({"results": page, **paging})


def get_owner(call: Call) -> Response:
    row = call.state.owners.get(call.args["key"])
    if row is None or row["archived"] is not (call.query("archived", "false") == "true"):
        raise not_found("No owner found")
    return json_answer(row)


def list_pipelines(call: Call) -> Response:
    sort = sort_of(call, "sort")
    if sort not in call.state.pipelines:
        raise Problem(400, f"{sort} have no pipelines")
    return json_answer({"results": list(call.state.pipelines[sort].values())})


def account_details(call: Call) -> Response:
    """`GET /account-info/…/details` (16)."""
    account = call.twin.account
    answer: dict[str, Any] = {"portalId": account.hub_id, "uiDomain": account.ui_domain, "timeZone": account.timezone,
                              "accountType": "STANDARD", "companyCurrency": "UAH"}  # fmt: skip
    return json_answer(answer)
