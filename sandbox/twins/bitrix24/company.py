"""Users, stages, pipelines and what the portal tells of itself (crm_bitrix24.md 5, 11)."""

from __future__ import annotations

from sandbox.twins.base import Refused
from sandbox.twins.bitrix24.state import DEAL, Row
from sandbox.twins.bitrix24.wire import Call, Result, fits, ordered, paged

SOURCES = ("CALL", "EMAIL", "WEB", "ADVERTISING", "WEBFORM", "CALLBACK")
BRIEF = ("ID", "ACTIVE", "NAME", "LAST_NAME", "SECOND_NAME", "USER_TYPE", "WORK_POSITION", "UF_DEPARTMENT")
"""What `user_brief` and `user_basic` show of a user."""


def users(call: Call) -> Result:
    """`user.get`; dismissed ones are in it unless ACTIVE is asked for."""
    conditions = call.mapping("FILTER") | {name: call.params[name] for name in ("ID", "EMAIL", "ACTIVE") if name in call.params}
    wanted = {name: _flag(value) if name == "ACTIVE" else value for name, value in conditions.items()}
    rows = [row for row in call.state.users.values() if fits(row, wanted)]
    return paged(call, [_visible(call, row) for row in ordered(rows, {}, "ID")])


def _flag(value: object) -> str:
    return "Y" if str(value).upper() in ("Y", "1", "TRUE") else "N"


def _visible(call: Call, row: Row) -> Row:
    return row if "user" in call.scopes else {name: row[name] for name in BRIEF}


def current(call: Call) -> Result:
    return Result(_visible(call, call.state.users[call.user]))


def profile(call: Call) -> Result:
    row = call.state.users[call.user]
    admin = call.user in call.state.admins
    return Result({"ID": row["ID"], "ADMIN": admin, "NAME": row["NAME"], "LAST_NAME": row["LAST_NAME"], "TIME_ZONE": ""})


def scope(call: Call) -> Result:
    return Result(list(call.scopes))


def mode(call: Call) -> Result:
    return Result(call.twin.account.mode)


def categories(call: Call) -> Result:
    if call.number("entityTypeId") != DEAL:
        raise Refused(400, "Entity type does not support categories", "ENTITY_TYPE_NOT_SUPPORTED")
    return paged(call, list(call.state.categories.values()), lambda page: {"categories": page})


def statuses(call: Call) -> Result:
    lists: dict[str, list[tuple[str, str | None]]] = {**call.state.stages, "SOURCE": [(code, None) for code in SOURCES]}
    rows: list[Row] = [
        {"ID": str(number), "ENTITY_ID": name, "STATUS_ID": code, "NAME": code.title(), "SORT": str(10 * number),
         "SEMANTICS": semantics}
        for name, codes in lists.items() for number, (code, semantics) in enumerate(codes, 1)
    ]  # fmt: skip
    return paged(call, [row for row in rows if fits(row, call.mapping("filter"))])


def server_time(call: Call) -> Result:
    return Result(call.state.now())
