"""Portal, departments, agents and fields (crm_zohodesk.md 1, 11)."""

from __future__ import annotations

from werkzeug.wrappers import Response

from sandbox.twins.base import json_answer
from sandbox.twins.zoho_desk.wire import Call, Invalid, page, row_of

AGENT_STATUSES = ("ACTIVE", "DISABLED", "DELETED")


def list_organizations(call: Call) -> Response:
    """The portals of the token's user; needs no orgId (1)."""
    account = call.twin.account
    return json_answer({"data": [{"id": account.org_id, "portalName": account.portal, "companyName": "Acme"}]})


def list_departments(call: Call) -> Response:
    call.only("isEnabled", "from", "limit")
    wanted = call.query("isEnabled")
    rows = [row for row in call.state.departments.values() if wanted in ("", str(row["isEnabled"]).lower())]
    return page(call, rows, first=call.twin.account.first_place, default=10, most=200)


def list_agents(call: Call) -> Response:
    """Up to 200; all of them unless `status` narrows them."""
    call.only("status", "from", "limit")
    wanted = call.query("status")
    if wanted not in ("", *AGENT_STATUSES):
        raise Invalid("status")
    rows = [row for row in call.state.agents.values() if wanted in ("", row["status"])]
    return page(call, rows, first=call.twin.account.first_place, default=10, most=200)


def get_agent(call: Call) -> Response:
    return json_answer(row_of(call.state.agents, call.args["key"]))


def list_fields(call: Call) -> Response:
    call.only("module")
    fields = call.state.fields.get(call.query("module"))
    if fields is None:
        raise Invalid("module")
    return json_answer({"data": list(fields.values())})
