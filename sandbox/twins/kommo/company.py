"""The account, its users and its pipelines (crm_kommo.md 6, 8, 10)."""

from __future__ import annotations

from werkzeug.wrappers import Response

from sandbox.twins.base import Refused
from sandbox.twins.kommo.neutral import TASK_TYPES
from sandbox.twins.kommo.wire import Call, hal, listed


def get_account(call: Call) -> Response:
    """`GET /account`, with `task_types` when asked."""
    account = call.twin.account
    inside = {"task_types": [{"id": key, "name": name.replace("_", " ").capitalize(), "code": name.upper()}
                             for key, name in TASK_TYPES.items()]} if call.asked("task_types") else {}  # fmt: skip
    return hal({
        "id": account.account_id, "name": account.subdomain.title(), "subdomain": account.subdomain,
        "current_user_id": call.user["id"], "country": "UA", "is_unsorted_on": True,
        "is_api_filter_enabled": account.api_filter, "_embedded": inside,
    })  # fmt: skip


def list_users(call: Call) -> Response:
    """`GET /users`: inactive ones too; administrators only (checked with the route)."""
    return listed(call, "users", list(call.state.users.values()))


def get_user(call: Call) -> Response:
    row = call.state.users.get(call.args["key"])
    if row is None:
        raise Refused(404, "Entity not found")
    return hal(row)


def list_pipelines(call: Call) -> Response:
    """`GET /leads/pipelines`: all, with their stages."""
    rows = [{**row, "_embedded": {"statuses": call.state.statuses[key]}} for key, row in call.state.pipelines.items()]
    return hal({"_total_items": len(rows), "_links": {}, "_embedded": {"pipelines": rows}})
