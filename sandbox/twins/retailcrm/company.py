"""Users, references, settings, and what the key may do (crm_retailcrm.md 1, 2, 5, 11)."""

from __future__ import annotations

from collections.abc import Sequence

from werkzeug.wrappers import Response

from sandbox.twins.retailcrm.state import Row
from sandbox.twins.retailcrm.wire import Call, filter_of, not_found, ok, page

FINAL = ("complete", "cancel")


def versions(call: Call) -> Response:
    return ok(versions=["3.0", "4.0", "5.0"])


def credentials(call: Call) -> Response:
    """`GET /api/credentials`: the methods of the key and the shops it opens (1)."""
    limited = call.account.sites_of_key
    sites: Row = {} if limited is None else {"sitesAvailable": list(limited)}
    rights = sorted(call.twin.rights())
    return ok(credentials=rights, siteAccess="access_full" if limited is None else "access_selective", **sites)


def settings(call: Call) -> Response:
    touched = {"updated_at": "2026-01-01 00:00:00"}
    zone = {"value": call.account.timezone, **touched}
    return ok(
        settings={"system_language": {"value": "RU", **touched}, "timezone": zone, "work_times": [], "non_working_days": []}
    )


# ---- users (11)


def list_users(call: Call) -> Response:
    chosen = filter_of(call, ("email", "status", "online", "active", "isManager", "isAdmin", "groups"))
    rows = [
        row for row in call.state.users.values()
        if all(chosen.among(name, int(row[name])) for name in ("active", "isManager", "isAdmin", "online"))
        and chosen.among("email", row["email"])
    ]  # fmt: skip
    return page(call, "users", rows)


def get_user(call: Call) -> Response:
    row = call.state.users.get(int(call.args["key"])) if call.args["key"].isdigit() else None
    if row is None:
        raise not_found()
    return ok(user=row)


# ---- references (5, 7)


def _named(codes: Sequence[str]) -> Row:
    return {code: {"code": code, "name": code.replace("-", " ").capitalize(), "active": True, "ordering": place}
            for place, code in enumerate(codes, 1)}  # fmt: skip


def statuses(call: Call) -> Response:
    rows = _named(call.account.statuses)
    return ok(statuses={code: {**row, "group": call.account.group_of(code)} for code, row in rows.items()})


def status_groups(call: Call) -> Response:
    """`process` is true while the order is being worked on."""
    groups = call.account.groups
    return ok(
        statusGroups={
            code: {**row, "process": code not in FINAL, "statuses": list(groups[code])}
            for code, row in _named(tuple(groups)).items()
        }
    )


def order_methods(call: Call) -> Response:
    return ok(orderMethods=_named(call.account.order_methods))


def order_types(call: Call) -> Response:
    return ok(orderTypes=_named(call.account.order_types))


def sites(call: Call) -> Response:
    open_to = call.account.sites_of_key or call.account.sites
    return ok(sites={code: {**row, "url": f"https://{code}.example"} for code, row in _named(open_to).items()})
