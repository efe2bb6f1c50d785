"""What a body may say: known fields of the right types, links to what exists (crm_megaplan.md 3, 5, 6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sandbox.twins.megaplan.state import (
    CALL,
    COMPANY,
    DEAL,
    EMPLOYEE,
    GROUP,
    HUMAN,
    PROGRAM,
    PROGRAM_STATE,
    TASK,
    TODO,
    TODO_CATEGORY,
    TODO_STATUS,
    WAY,
    Row,
    link,
)
from sandbox.twins.megaplan.wire import Call, refused

CONTACT_TYPES = frozenset(
    ("email", "jabber", "icq", "skype", "link", "phone", "telegram", "whatsapp", "viber", "instagram", "max_messenger")
)
CLIENTS = (HUMAN, COMPANY)
LINKS: Mapping[str, tuple[str, ...]] = {
    "company": (COMPANY,), "program": (PROGRAM,), "state": (PROGRAM_STATE,), "contractor": CLIENTS, "contact": CLIENTS,
    "manager": (EMPLOYEE, GROUP, HUMAN), "responsible": (EMPLOYEE, GROUP, *CLIENTS), "owner": (EMPLOYEE,),
    "category": (TODO_CATEGORY,), "status": (TODO_STATUS,), "advertisingWay": (WAY,), "fromUser": (EMPLOYEE, *CLIENTS),
    "toUser": (EMPLOYEE, *CLIENTS),
}  # fmt: skip
"""Fields that hold one link, and to what."""
LINK_LISTS: Mapping[str, tuple[str, ...]] = {
    "responsibles": (EMPLOYEE, GROUP, *CLIENTS), "contacts": (HUMAN,), "relations": (CALL, *CLIENTS, DEAL, TASK),
}  # fmt: skip
WRITABLE: Mapping[str, frozenset[str]] = {
    HUMAN: frozenset({"firstName", "lastName", "middleName", "company", "responsibles", "contactInfo", "description",
                      "advertisingWay", "tags"}),
    COMPANY: frozenset({"name", "contacts", "responsibles", "contactInfo", "description", "advertisingWay", "tags"}),
    DEAL: frozenset({"name", "description", "program", "state", "contractor", "contact", "manager"}),
    TASK: frozenset({"name", "statement", "isUrgent", "isTemplate", "responsible", "deadline", "contractor"}),
    TODO: frozenset({"name", "description", "status", "category", "when", "responsible", "relations"}),
    CALL: frozenset({"fromPhone", "toPhone", "fromUser", "toUser", "providerId", "timeFrom", "timeTo", "type", "state",
                     "recordLinks"}),
}  # fmt: skip
WHEN_REFUSED = "'stdClass' is not assignable to 'IntervalDates|IntervalTime'"


def checked(call: Call, word: str, body: Row) -> Row:
    """The fields of a body as they are stored; 422 for what the type does not have or does not take."""
    if body.get("contentType") != word:
        raise refused(f"contentType {word} is expected", "contentType")
    return {name: _value(call, word, name, value) for name, value in body.items() if name not in ("contentType", "id")}


def _value(call: Call, word: str, name: str, value: Any) -> Any:
    own = call.state.own_fields.get(word, {}).get(name)
    if own is not None:
        return _own_value(own, value)
    if name not in WRITABLE[word]:
        raise refused(f'There is extra field "{name}", which is not defined for content type "{word}"', name)
    if name == "when" and not call.twin.account.when_accepted:
        raise refused(WHEN_REFUSED, name)
    if name in LINKS and (word, name) != (CALL, "state"):
        return _linked(call, name, value, LINKS[name]) if value is not None else None
    if name in LINK_LISTS:
        return [_linked(call, name, one, LINK_LISTS[name]) for one in _list(name, value)]
    check = _CHECKS.get(name, _any)
    if not check(call, value):
        raise refused(f"{name} has a wrong value", name)
    return value


def _linked(call: Call, name: str, value: Any, allowed: tuple[str, ...]) -> Row:
    row = call.state.find(value)
    if row is None or row["contentType"] not in allowed:
        raise refused(f"{name}: there is no such {'|'.join(allowed)}", name)
    return link(row)


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise refused(f"{name}: a list is expected", name)
    return value


def _own_value(field: Row, value: Any) -> Any:
    """Values of the account's own fields: numbers as numbers, options as they are spelled (9)."""
    sort, name = field["contentType"], field["name"]
    fits = {
        "StringField": isinstance(value, str),
        "FloatField": isinstance(value, int | float) and not isinstance(value, bool),
        "DateField": _is_date_time(value),
        "EnumField": value in field.get("enumValues", ()),
    }[sort]
    if value is not None and not fits:
        raise refused(f"'{type(value).__name__}' is not assignable to '{sort}'", name)
    return value


# ---- single values


def _any(call: Call, value: Any) -> bool:
    return True


def _name(call: Call, value: Any) -> bool:
    return isinstance(value, str) and len(value) <= call.twin.account.longest_name


def _text(call: Call, value: Any) -> bool:
    return isinstance(value, str) and len(value) <= call.twin.account.longest_text


def _flag(call: Call, value: Any) -> bool:
    return isinstance(value, bool)


def _phone(call: Call, value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{1,20}", value) is not None


def _contact_info(call: Call, value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict)
        and one.get("contentType") == "ContactInfo"
        and one.get("type") in CONTACT_TYPES
        and isinstance(one.get("value"), str)
        and bool(one["value"])
        for one in value
    )


def _is_date_time(value: Any) -> bool:
    if not isinstance(value, dict) or value.get("contentType") != "DateTime":
        return False
    try:
        return datetime.fromisoformat(value["value"]).tzinfo is not None
    except (KeyError, TypeError, ValueError):
        return False


def _moment(call: Call, value: Any) -> bool:
    return _is_date_time(value)


def _interval(call: Call, value: Any) -> bool:
    is_interval = isinstance(value, dict) and value.get("contentType") == "IntervalTime"
    return is_interval and _is_date_time(value.get("from")) and _is_date_time(value.get("to"))


def _one_of(*words: str) -> Callable[[Call, Any], bool]:
    return lambda call, value: value in words


def _addresses(call: Call, value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and one.startswith("http") for one in value)


_CHECKS: Mapping[str, Callable[[Call, Any], bool]] = {
    "name": _name, "firstName": _name, "lastName": _name, "middleName": _name, "description": _text, "statement": _text,
    "isUrgent": _flag, "isTemplate": _flag, "contactInfo": _contact_info, "deadline": _moment, "timeFrom": _moment,
    "timeTo": _moment, "when": _interval, "fromPhone": _phone, "toPhone": _phone, "recordLinks": _addresses,
    "type": _one_of("unknown", "in", "out", "miss", "fail"),
    "state": _one_of("unknown", "calling", "talking", "finished", "hold"),
}  # fmt: skip
