"""Employees, groups and lines as MANGO shows them (telephony.md 3.6)."""

from __future__ import annotations

from typing import Any

from sandbox.telephony.mango_twin import parameters, wire
from sandbox.telephony.mango_twin.gate import Body
from sandbox.telephony.mango_twin.state import SCHEMA, Employee, Group, Line, State
from sandbox.telephony.mango_twin.wire import Refusal


def users(state: State, body: Body) -> dict[str, Any]:
    """`config/users/request`: all employees or the one with `extension`; `ext_fields` says what else is shown."""
    wanted = parameters.extension(body, "extension") if parameters.has(body, "extension") else None
    extra = body.get("ext_fields") or []
    if not isinstance(extra, list) or not all(isinstance(name, str) for name in extra):
        raise Refusal(wire.BAD_FORMAT, "ext_fields")
    shown = [one for one in state.employees if wanted in (None, one.extension)]
    return {"users": [_user(state, one, set(extra)) for one in shown]}


def _user(state: State, one: Employee, extra: set[str]) -> dict[str, Any]:
    general = {"name": one.name, "email": one.email, "department": one.department, "position": ""}
    telephony = {"extension": one.extension, "outgoingline": None, "numbers": _numbers(one, extra)}
    sips = [{"number": number.removeprefix("sip:")} for number in one.numbers if number.startswith("sip:")]
    more_general = {"user_id": one.user_id, "sips": sips, "access_role_id": 10451, "mobile": None, "login": None}
    more_general |= {"use_status": 0, "use_cc_numbers": 0}
    more_telephony = {"dial_alg": 1, "line_id": None, "trunk_number_id": None}
    user: dict[str, Any] = {
        "general": general | {name: value for name, value in more_general.items() if f"general.{name}" in extra},
        "telephony": telephony | {name: value for name, value in more_telephony.items() if f"telephony.{name}" in extra},
    }
    if "groups" in extra:
        user["groups"] = [group.group_id for group in state.groups_of(one.extension)]
    return user


def _numbers(one: Employee, extra: set[str]) -> list[dict[str, Any]]:
    schedule: dict[str, Any] = {"schedule": []} if "telephony.numbers.schedule" in extra else {}
    return [
        {"number": number, "protocol": _protocol(number), "order": order, "wait_sec": 120, "status": "on"} | schedule
        for order, number in enumerate(one.numbers)
    ]


def _protocol(number: str) -> str:
    scheme, colon, _ = number.partition(":")
    return scheme if colon else "tel"


def groups(state: State, body: Body) -> dict[str, Any]:
    """`groups`: all, or those of one id or one operator; operators only with `show_users` 1."""
    show = parameters.has(body, "show_users") and parameters.chosen(body, "show_users", (0, 1)) == 1
    return {"result": wire.OK, "groups": [_group(state, one, show) for one in state.groups if _wanted(state, one, body)]}


def _wanted(state: State, group: Group, body: Body) -> bool:
    if parameters.has(body, "group_id") and parameters.whole(body, "group_id") != group.group_id:
        return False
    operators = [one for one in map(state.employee, group.operators) if one]
    if parameters.has(body, "operator_id") and parameters.whole(body, "operator_id") not in [one.user_id for one in operators]:
        return False
    named = parameters.has(body, "operator_extension")
    return not named or parameters.extension(body, "operator_extension") in group.operators


def _group(state: State, group: Group, show: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"id": group.group_id, "name": group.name, "description": "", "extension": group.extension}
    row |= {"dial_alg_group": 1, "dial_alg_users": 1, "auto_redirect": 0, "auto_dial": None, "line_id": None}
    row |= {"use_dynamic_ivr": 0, "use_dynamic_seq_num": 0, "melody_id": None}
    return row | {"operators": _operators(state, group)} if show else row


def _operators(state: State, group: Group) -> list[dict[str, Any]]:
    found = [one for one in map(state.employee, group.operators) if one]
    return [
        {"id": one.user_id, "name": one.name, "extension": one.extension, "priority": place, "order": place}
        for place, one in enumerate(found, start=1)
    ]


def lines(state: State, _body: Body) -> dict[str, Any]:
    """`incominglines`."""
    return {"result": wire.OK, "lines": [_line(one) for one in state.lines]}


def _line(line: Line) -> dict[str, Any]:
    row: dict[str, Any] = {"line_id": line.line_id, "number": line.number, "name": line.name, "comment": line.comment}
    return row | {"region": line.region, "schema_id": SCHEMA, "schema_name": line.schema_name}
