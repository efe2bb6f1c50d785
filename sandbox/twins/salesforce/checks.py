"""What a body may hold (crm_salesforce.md 4, 8.5, 9, 10)."""

from __future__ import annotations

import base64
import re
from typing import Any

from sandbox.twins.salesforce.query import NUMBERS
from sandbox.twins.salesforce.schema import LEAD, PREFIXES, QUEUE, TASK, USER, Field
from sandbox.twins.salesforce.state import Row, is_id
from sandbox.twins.salesforce.wire import Call, Fault


def checked_values(call: Call, name: str, body: Row, before: Row | None = None) -> Row:
    """The values of a body, each of its field's sort; `before` is the row that is changed."""
    values: Row = {}
    for given, value in body.items():
        if given == "attributes":
            continue
        one = _settable(call, name, given, before is not None)
        values[one.name] = _checked(one, value) if value is not None else None
    return values


def _settable(call: Call, name: str, given: str, is_update: bool) -> Field:
    one = next((known for known in call.state.fields[name].values() if known.name.lower() == given.lower()), None)
    if one is None or (name, one.name) in call.twin.org.hidden:
        raise Fault("INVALID_FIELD", f"No such column '{given}' on sobject of type {name}")
    if not one.createable or (is_update and one.once):
        words = f"Unable to create/update fields: {one.name}. Please check the security settings of this field."
        raise Fault("INVALID_FIELD_FOR_INSERT_UPDATE", words, one.name)
    return one


def _checked(one: Field, value: Any) -> Any:
    if one.type in NUMBERS:
        return _number(one, value)
    if one.type == "boolean":
        return _of_type(one, value, isinstance(value, bool))
    if not isinstance(value, str):
        raise _unreadable(one, value)
    if one.length and len(value.encode("utf-16-le")) // 2 > one.length:
        words = f"{one.title}: data value too large: {value[:40]} (max length={one.length})"
        raise Fault("STRING_TOO_LONG", words, one.name)
    return _special(one, value)


def _special(one: Field, value: str) -> str:
    """Texts that must look like something."""
    if one.type == "reference" and value and not is_id(value):
        raise Fault("MALFORMED_ID", f"{one.title}: id value of incorrect type: {value[:40]}", one.name)
    if one.type == "date":
        return str(_of_type(one, value, re.fullmatch(r"\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])", value) is not None))
    if one.type == "datetime":
        return str(_of_type(one, value, re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)", value) is not None))
    if one.type == "email" and value and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        raise Fault("INVALID_EMAIL_ADDRESS", f"{one.title}: invalid email address: {value}", one.name)
    if one.type == "picklist" and one.restricted and value not in one.options:
        words = f"{one.title}: bad value for restricted picklist field: {value[:40]}"
        raise Fault("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", words, one.name)
    if one.type == "base64":
        return _of_base64(one, value)
    return value


def _of_base64(one: Field, value: str) -> str:
    try:
        base64.b64decode(value, validate=True)
    except ValueError:
        raise _unreadable(one, value) from None
    return value


def _number(one: Field, value: Any) -> Any:
    whole = isinstance(value, int) or (one.type != "int" and isinstance(value, float))
    return _of_type(one, value, whole and not isinstance(value, bool))


def _of_type(one: Field, value: Any, fits: bool) -> Any:
    if not fits:
        raise _unreadable(one, value)
    return value


def _unreadable(one: Field, value: Any) -> Fault:
    sort = {bool: "VALUE_TRUE", int: "VALUE_NUMBER_INT", float: "VALUE_NUMBER_FLOAT"}.get(type(value), "VALUE_STRING")
    return Fault("JSON_PARSER_ERROR", f"Cannot deserialize instance of {one.type} from {sort} value {str(value)[:40]}")


# ---- what a body refers to


def check_links(call: Call, name: str, values: Row, before: Row) -> None:
    """References must lead to records of the right sort; a task on a lead has no `WhatId` (9, 10.1)."""
    for one in call.state.fields[name].values():
        if one.refers and values.get(one.name):
            values[one.name] = _linked(call, one, values[one.name])
    if name == TASK:
        after = {**before, **values}
        if after.get("WhatId") and str(after.get("WhoId") or "").startswith(PREFIXES[LEAD]):
            raise Fault("FIELD_INTEGRITY_EXCEPTION", "WhatId is not allowed when WhoId is a lead", "WhatId")


def _linked(call: Call, one: Field, given: str) -> str:
    if given[:3] not in {PREFIXES[name] for name in one.refers}:
        raise Fault("MALFORMED_ID", f"{one.title}: id value of incorrect type: {given}", one.name)
    row = call.state.row(given)
    if row is None and given[:15] in call.state.deleted:
        raise Fault("ENTITY_IS_DELETED", "entity is deleted", one.name)
    if row is None:
        raise Fault("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", one.name)
    if one.name == "OwnerId":
        _check_owner(call, row)
    return str(row["Id"])


def _check_owner(call: Call, row: Row) -> None:
    is_user = not row["Id"].startswith(PREFIXES[QUEUE]) and row["Id"].startswith(PREFIXES[USER])
    if is_user and not row["IsActive"] and call.twin.org.refuse_inactive_owner:
        raise Fault("INACTIVE_OWNER_OR_USER", "operation performed with inactive user [" + row["Id"] + "] as owner", "OwnerId")
