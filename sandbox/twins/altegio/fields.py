"""Custom fields of clients and appointments (crm_altegio.md 9)."""

from __future__ import annotations

import re
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.altegio.state import Row, State, field_row
from sandbox.twins.altegio.wire import Call, body_of, invalid, not_found, ok

TYPES = ("text", "number", "list", "date", "datetime")


def list_fields(call: Call) -> Response:
    rows = call.state.fields[_category(call)].values()
    return ok([{"id": row["id"], "salon_id": call.account.location_id, "custom_field": row} for row in rows])


def add_field(call: Call) -> Response:
    body: Row = body_of(call)
    for name in ("type", "code", "title"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise invalid(name, f"{name} is required")
    if body["type"] not in TYPES or body["code"] in call.state.fields[_category(call)]:
        raise invalid("code", "type is unknown or the code is taken")
    row = field_row(call.state, _category(call), body["code"], body["title"], body["type"], body.get("values") or [])
    return ok({"id": row["id"], "custom_field": row}, status=201)


def _category(call: Call) -> str:
    category = str(call.args["category"])
    if category not in call.state.fields:
        raise not_found("Category of fields")
    return category


def custom_values(state: State, given: Any) -> Row:
    """`custom_fields` of a client as they are stored: by code; a list takes an array."""
    if given == []:
        return {}
    if not isinstance(given, dict):
        raise invalid("custom_fields", "custom_fields must be an object")
    for code, value in given.items():
        row = state.fields["client"].get(code)
        if row is None or not _takes(row, value):
            raise invalid(f"custom_fields.{code}", f"Custom field {code} is unknown or does not take this value")
    return {code: value for code, value in given.items() if value not in ("", None, [])}


def _takes(row: Row, value: Any) -> bool:
    sort = row["type"]["code"]
    if value in ("", None):
        return True
    if sort == "list":
        return isinstance(value, list) and all(item in row["values"] for item in value)
    if sort == "number":
        return isinstance(value, int | float) or (isinstance(value, str) and bool(re.fullmatch(r"-?\d+(\.\d+)?", value)))
    if sort in ("date", "datetime"):
        return isinstance(value, str) and bool(re.match(r"\d{4}-\d\d-\d\d", value))
    return isinstance(value, str | int | float)
