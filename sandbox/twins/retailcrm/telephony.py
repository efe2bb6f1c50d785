"""Telephony: who is responsible for a number, calls that are shown and kept, the module behind it (crm_retailcrm.md 6.1, 10)."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import Refused, digits
from sandbox.twins.retailcrm.state import CUSTOMER, NEUTRAL, Row, full_name, numbers_of
from sandbox.twins.retailcrm.wire import Call, Malformed, check_moment, check_user, entity, newest_first, ok

RESULTS = ("answered", "busy", "failed", "no answer", "not allowed", "unknown")
"""`no answer` here, `no answered` in events: two spellings (10)."""
HANGUPS = ("answered", "busy", "cancel", "failed", "no answered")
DIRECTIONS = ("in", "out")
MOMENT = "%Y-%m-%d %H:%M:%S"


def _telephony(call: Call) -> Row | None:
    """The registered module's part for telephony."""
    modules = (row for row in call.state.modules.values() if row.get("active"))
    return next((row["integrations"]["telephony"] for row in modules if "telephony" in row.get("integrations", {})), None)


def manager(call: Call) -> Response:
    """`GET /telephony/manager`: the last order's manager before the customer's own (6.1)."""
    if call.account.manager_needs_module and _telephony(call) is None:
        raise Refused(400, "Telephony not enabled")
    phone = digits(call.parameter("phone"))
    if not phone:
        raise Refused(400, "Parameter 'phone' is missing")
    customer, order = _customer_with(call, phone), _last_order_with(call, phone)
    answer: Row = {}
    user = call.state.users.get((order or {}).get("managerId") or (customer or {}).get("managerId") or 0)
    if user is not None and (call.parameter("ignoreStatus") == "1" or (user["online"] and user["status"] == "free")):
        answer["manager"] = {name: user[name] for name in ("id", "firstName", "lastName", "email")} | _code_of(call, user)
    if call.parameter("details") == "1":
        answer |= _details(call, phone, customer, order)
    return ok(**answer)


def _customer_with(call: Call, phone: str) -> Row | None:
    return next((row for row in newest_first(call.state.customers.values()) if _has(row, phone)), None)


def _last_order_with(call: Call, phone: str) -> Row | None:
    return next((row for row in newest_first(call.state.orders.values()) if _has(row, phone)), None)


def _has(row: Row, phone: str) -> bool:
    return any(digits(number)[-9:] == phone[-9:] for number in numbers_of(row))


def _code_of(call: Call, user: Row) -> Row:
    codes = (_telephony(call) or {}).get("additionalCodes", ())
    return next(({"code": entry["code"]} for entry in codes if entry["userId"] == user["id"]), {})


def _details(call: Call, phone: str, customer: Row | None, order: Row | None) -> Row:
    base = f"https://{call.account.domain}"
    links = {"newOrderLink": f"{base}/orders/add?phone={phone}"}
    if order is not None:
        links["lastOrderLink"] = f"{base}/orders/{order['id']}/edit"
    if customer is None:
        return {"links": links | {"newCustomerLink": f"{base}/customers/add?phone={phone}"}}
    shown = {
        name: customer[name] for name in ("id", "externalId", "firstName", "lastName", "email", "phones") if name in customer
    }
    return {"customer": shown, "links": links | {"customerLink": f"{base}/customers/{customer['id']}"}}


def event(call: Call) -> Response:
    """`POST /telephony/call/event`: the pop-up card; users and codes that do not exist are told."""
    body: Row = entity(call, "event")
    if body.get("type") not in (*DIRECTIONS, "hangup") or not digits(str(body.get("phone", ""))):
        raise Malformed({"type": "The value you selected is not a valid choice."})
    if body["type"] == "hangup" and body.get("hangupStatus", "answered") not in HANGUPS:
        raise Malformed({"hangupStatus": "The value you selected is not a valid choice."})
    codes = {entry["code"] for entry in (_telephony(call) or {}).get("additionalCodes", ())}
    unknown = {
        "notExistCodes": [code for code in body.get("codes", ()) if code not in codes],
        "notExistUsers": [user for user in body.get("userIds", ()) if user not in call.state.users],
    }
    return ok(**{name: found for name, found in unknown.items() if found})


def upload(call: Call) -> Response:
    """`POST /telephony/calls/upload`: a call with a known externalId is told as a duplicate and changes nothing (10)."""
    if _telephony(call) is None:
        raise Refused(400, "Telephony not enabled or not supports calls upload")
    rows = entity(call, "calls")
    for row in rows:
        _check_call(call, row)
    duplicates = [row for row in rows if row.get("externalId") in call.state.calls]
    for row in rows:
        if row not in duplicates:
            _keep(call, row)
    return ok(processedCallsCount=len(rows) - len(duplicates), duplicateCalls=duplicates)


def _check_call(call: Call, row: Any) -> None:
    if not isinstance(row, dict) or row.get("type") not in DIRECTIONS or row.get("result") not in RESULTS:
        raise Malformed({"type": "The value you selected is not a valid choice."})
    check_moment(row, "date", MOMENT)
    check_user(call, row, "userId")
    for name in ("date", "phone"):
        if not row.get(name):
            raise Malformed({name: "This value should not be blank."})


def _keep(call: Call, row: Row) -> None:
    key = row.get("externalId") or f"call-{call.state.ids.number('call')}"
    call.state.calls[key] = row
    customer = _customer_with(call, digits(row["phone"]))
    targets = [[NEUTRAL[CUSTOMER], str(customer["id"])]] if customer else []
    words = {
        "title": full_name(customer) if customer else row["phone"], "text": "", "recording": row.get("recordUrl"),
        "author": str(row["userId"]) if row.get("userId") else None, "marker": row.get("externalId"), "targets": targets,
        "talk_seconds": row.get("duration", 0),
    }  # fmt: skip
    call.twin.wrote("log", "call", key, words)


# ---- the module


def get_module(call: Call) -> Response:
    row = call.state.modules.get(call.args["key"])
    if row is None:
        raise Refused(404, "Not found")
    return ok(integrationModule=row)


def edit_module(call: Call) -> Response:
    """`POST /integration-modules/{code}/edit`: makes the module, or changes it."""
    body: Row = entity(call, "integrationModule")
    for name in ("code", "integrationCode", "clientId"):
        if not body.get(name):
            raise Malformed({name: "This value should not be blank."})
    if body["code"] != call.args["key"]:
        raise Malformed({"code": "This value is not valid."})
    call.state.modules[body["code"]] = {**call.state.modules.get(body["code"], {}), **body}
    return ok(info={})
