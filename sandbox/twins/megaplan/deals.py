"""Deals of a program (crm_megaplan.md 5)."""

from __future__ import annotations

from werkzeug.wrappers import Response

from sandbox.twins.base import Refused, changed
from sandbox.twins.megaplan.bodies import checked
from sandbox.twins.megaplan.neutral import record_words
from sandbox.twins.megaplan.state import DEAL, PROGRAM, PROGRAM_STATE, Row, deal_row, link, states_of
from sandbox.twins.megaplan.wire import LIST_KEYS, Call, asked, listed, living, missing, ok, page, refused, short, whole

NEW = ("name", "number", "result", "program", "state", "contractor", "manager")


def create(call: Call) -> Response:
    """`POST /deal`: `program` is required, the state must be one of its states."""
    values = checked(call, DEAL, call.record())
    program = call.state.find(values.get("program"))
    if program is None:
        raise refused("program: the value must not be empty", "program")
    row = deal_row(call.state, program)
    if "state" in values:
        _check_state(call, program, values["state"])
    row.update(values)
    call.state.add(row)
    call.twin.wrote("create", "deal", row["id"], record_words(call.twin, row))
    return ok(short(call, [row], NEW)[0])


def _check_state(call: Call, program: Row, state: Row) -> None:
    if not call.twin.account.state_at_creation:
        raise refused("state: the field cannot be set", "state")
    if state not in [link(one) for one in states_of(call.state, program)]:
        raise refused("state: is not one of the program", "state")


def update(call: Call) -> Response:
    """`POST /deal/{id}`. The state is changed by transitions only."""
    row = living(call, DEAL, call.args["key"])
    values = checked(call, DEAL, call.record())
    if "state" in values:
        raise refused("state: the field cannot be set", "state")
    before = record_words(call.twin, row)
    row.update(values)
    call.state.touch(row)
    call.twin.wrote("update", "deal", row["id"], changed(before, record_words(call.twin, row)))
    return ok(short(call, [row], NEW)[0])


def get(call: Call) -> Response:
    row = call.state.table(DEAL).get(call.args["key"])
    if row is None:
        raise missing(DEAL)
    return ok(whole(call, row, asked(call, DEAL)))


def list_rows(call: Call) -> Response:
    return page(call, listed(call, DEAL), DEAL)


def transitions(call: Call) -> Response:
    """`GET /deal/{id}/possibleTransitions`: into every other state of the program."""
    asked(call, "ProgramTransition", LIST_KEYS)
    deal = living(call, DEAL, call.args["key"])
    program = call.state.find(deal["program"]) or {}
    others = [state for state in states_of(call.state, program) if link(state) != deal["state"]]
    return ok([_transition(state) for state in others])


def _transition(state: Row) -> Row:
    transition = {"contentType": "ProgramTransition", "id": f"7{state['id']}", "name": state["name"]}
    return {**transition, "to": link(state), "enabled": True}


def apply_transition(call: Call) -> Response:
    """`POST /deal/{id}/applyTransition` with the id of a possible transition."""
    row = living(call, DEAL, call.args["key"])
    given = call.record().get("transition")
    key = str(given.get("id") if isinstance(given, dict) else given)
    target = call.state.table(PROGRAM_STATE).get(key.removeprefix("7"))
    if not key.startswith("7") or target is None or target["program"] != row["program"]:
        raise Refused(403, f"No transition {key} for model {row['id']}")
    before = record_words(call.twin, row)
    row["state"] = link(target)
    call.state.touch(row)
    call.twin.wrote("update", "deal", row["id"], changed(before, record_words(call.twin, row)))
    return ok(short(call, [row], NEW)[0])


def get_program(call: Call) -> Response:
    """`GET /program/{id}`: with its states."""
    return ok(whole(call, living(call, PROGRAM, call.args["key"]), asked(call, PROGRAM)))


def program_states(call: Call) -> Response:
    return page(call, states_of(call.state, living(call, PROGRAM, call.args["key"])), PROGRAM_STATE)
