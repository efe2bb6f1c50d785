"""Users, activity types, pipelines and stages (crm_pipedrive.md 8.4, 10.1, 13)."""

from __future__ import annotations

from werkzeug.wrappers import Response

from sandbox.twins.base import Refused
from sandbox.twins.pipedrive.state import Row
from sandbox.twins.pipedrive.wire import Call, cut_v2, filtered, ok, row_of, sorted_v2


def _shown(call: Call, user: Row) -> Row:
    return {**user, "is_you": user["id"] == call.user["id"]}


def list_users(call: Call) -> Response:
    """`GET /api/v1/users`: all at once, deactivated ones too."""
    return ok([_shown(call, user) for user in call.state.users.values()])


def get_user(call: Call) -> Response:
    return ok(_shown(call, row_of(call.state.users, call.args["key"], "User")))


def find_users(call: Call) -> Response:
    """`GET /api/v1/users/find` by name, or by e-mail with `search_by_email=1`."""
    term = call.query("term").lower()
    if not term:
        raise Refused(400, "term is required")
    column = "email" if call.query("search_by_email") == "1" else "name"
    return ok([_shown(call, user) for user in call.state.users.values() if term in user[column].lower()])


def get_me(call: Call) -> Response:
    """`GET /api/v1/users/me`: the user of the token, with the company's domain (1)."""
    account = call.twin.account
    company = {"company_id": account.company_id, "company_name": account.domain.title(), "company_domain": account.domain,
               "company_country": "UA", "company_industry": None,
               "language": {"language_code": "en", "country_code": "US"}}  # fmt: skip
    return ok({**_shown(call, call.user), **company})


def list_activity_types(call: Call) -> Response:
    """`GET /api/v1/activityTypes`, switched-off ones too."""
    return ok(list(call.state.activity_types.values()))


def list_pipelines(call: Call) -> Response:
    page, additional = cut_v2(call, sorted_v2(call, list(call.state.pipelines.values())))
    return ok(page, additional)


def list_stages(call: Call) -> Response:
    found = filtered(call, call.state.stages.values(), ("pipeline_id",))
    page, additional = cut_v2(call, sorted_v2(call, found, ("id", "update_time", "add_time", "order_nr")))
    return ok(page, additional)
