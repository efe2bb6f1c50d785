"""Calls: live ones, finished ones, late recordings (crm_megaplan.md 8)."""

from __future__ import annotations

from werkzeug.wrappers import Response

from sandbox.twins.base import changed
from sandbox.twins.megaplan.bodies import checked
from sandbox.twins.megaplan.neutral import call_words
from sandbox.twins.megaplan.state import CALL, CONTRACTORS, EMPLOYEE, Row, link
from sandbox.twins.megaplan.wire import LIST_KEYS, Call, asked, living, missing, ok, page, refused, whole


def create(call: Call) -> Response:
    """`POST /callInfo`: a live call."""
    return ok(_made(call, checked(call, CALL, call.record())))


def history(call: Call) -> Response:
    """`POST /callInfo/history`: each created, or updated where the provider's id is known, in its final state."""
    if not isinstance(call.body, list) or not call.body:
        raise refused("an array of CallInfo is expected")
    return ok([_upserted(call, one) for one in call.body])


def _upserted(call: Call, body: object) -> Row:
    if not isinstance(body, dict):
        raise refused("an array of CallInfo is expected")
    values = checked(call, CALL, body)
    known = _newest(call, str(values.get("providerId") or ""))
    return _changed(call, known, values) if known else _made(call, values)


def _newest(call: Call, provider_id: str) -> Row | None:
    rows = [row for row in call.state.table(CALL).values() if provider_id and str(row.get("providerId")) == provider_id]
    return rows[-1] if rows else None


def _made(call: Call, values: Row) -> Row:
    row = call.state.add({**call.state.new(CALL, recordLinks=[]), **values})
    call.twin.wrote("log", "call", row["id"], call_words(call.twin, row))
    return row


def _changed(call: Call, row: Row, values: Row) -> Row:
    before = call_words(call.twin, row)
    row.update(values)
    call.twin.wrote("update", "log", row["id"], changed(before, call_words(call.twin, row)))
    return row


def update(call: Call) -> Response:
    """`POST /callInfo/{id}` moves a call on."""
    row = living(call, CALL, call.args["key"])
    return ok(_changed(call, row, checked(call, CALL, call.record())))


def get(call: Call) -> Response:
    return ok(whole(call, living(call, CALL, call.args["key"]), asked(call, CALL)))


def by_provider(call: Call) -> Response:
    """`GET /callInfo/provider`."""
    asked(call, CALL, {"providerId"})
    row = _newest(call, str(call.literal.get("providerId") or ""))
    if row is None:
        raise missing(CALL)
    return ok(whole(call, row))


def update_by_provider(call: Call) -> Response:
    """`POST /callInfo/provider` edits the newest call with that id."""
    values = checked(call, CALL, call.record())
    row = _newest(call, str(values.get("providerId") or ""))
    if row is None:
        raise missing(CALL)
    return ok(_changed(call, row, values))


def set_contractor(call: Call) -> Response:
    """`POST /callInfo/{id}/setContractor`: the client of an incoming or missed call is who calls."""
    row = living(call, CALL, call.args["key"])
    client = call.state.find(call.record())
    if client is None or client["contentType"] not in CONTRACTORS:
        raise refused("there is no such contractor")
    side = "toUser" if row.get("type") in ("out", "fail") else "fromUser"
    return ok(_changed(call, row, {side: link(client)}))


def list_rows(call: Call) -> Response:
    return page(call, call.state.table(CALL).values(), CALL)


def user_configs(call: Call) -> Response:
    """`GET /callUserConfig`: everybody's extension."""
    asked(call, "CallUserConfig", LIST_KEYS)
    people = call.state.table(EMPLOYEE).values()
    rows = [
        {"contentType": "CallUserConfig", "id": str(place), "employee": link(row), "internalNumber": f"{100 + place}"}
        for place, row in enumerate(people, 1)
    ]
    return ok(rows, {"count": len(rows), "limit": 100, "hasMoreNext": False, "hasMorePrev": False})
