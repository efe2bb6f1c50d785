"""Searching: filters, tokens, free text, and an index that lags (crm_hubspot.md 5, 6)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import digits, json_answer
from sandbox.twins.hubspot.neutral import moment_of
from sandbox.twins.hubspot.objects import shown
from sandbox.twins.hubspot.properties import Values, modified_name, value_of
from sandbox.twins.hubspot.state import COMPANIES, CONTACTS, DEALS, LEADS, Row, Thing
from sandbox.twins.hubspot.wire import Call, Problem, body_of, invalid, sort_of

MOST_GROUPS, MOST_FILTERS, MOST_IN_GROUP, LONGEST_BODY, MOST_RESULTS = 5, 18, 6, 3000, 10_000
TEXTS = {
    CONTACTS: ("firstname", "lastname", "email", "phone", "hs_additional_emails", "fax", "mobilephone", "company"),
    COMPANIES: ("website", "phone", "name", "domain"), DEALS: ("dealname", "pipeline", "dealstage", "description"),
    LEADS: ("hs_lead_name",),
}  # fmt: skip
"""What free text is looked for in (6.1)."""
WITHOUT_VALUE, WITH_VALUES = ("HAS_PROPERTY", "NOT_HAS_PROPERTY"), ("IN", "NOT_IN")
Test = Callable[[str | None, Row], bool]


def search(call: Call) -> Response:
    """`POST …/search`: groups are alternatives, filters of a group hold together."""
    sort, body = sort_of(call, "sort"), body_of(call)
    if len(json.dumps(body, ensure_ascii=False, separators=(",", ":"))) > LONGEST_BODY:
        raise Problem(400, f"The request body is too long: {LONGEST_BODY} characters at most")
    groups = _groups(call, sort, body.get("filterGroups") or [])
    start, limit = _place(body)
    visible = [(thing, values) for thing in call.state.things[sort].values() if (values := seen(call, thing)) is not None]
    found = [thing for thing, values in visible if _fits(call, thing, values, groups) and _has_text(call, thing, values, body)]
    found = _sorted(call, sort, found, body.get("sorts") or [])
    page, more = found[start : start + limit], start + limit < len(found)
    paging = {"paging": {"next": {"after": str(start + limit)}}} if more else {}
    return json_answer({"total": len(found), "results": [shown(call, thing, body.get("properties")) for thing in page], **paging})


def seen(call: Call, thing: Thing) -> Values | None:
    """The object's properties as the index knows them; None while it does not know the object."""
    known = [values for since, values in thing.versions if call.twin.searchable(since)]
    return known[-1] if known else None


def _place(body: Row) -> tuple[int, int]:
    """Where the page begins (`after` is a number as text) and how long it is (5)."""
    limit, after = body.get("limit", 10), body.get("after", "0")
    if not isinstance(limit, int) or not 1 <= limit <= 200:
        raise Problem(400, "limit must be between 1 and 200")
    if not isinstance(after, str) or not after.isdigit():
        raise Problem(400, "after must be an integer")
    if int(after) + limit > MOST_RESULTS:
        raise Problem(400, f"Search results are limited to {MOST_RESULTS}")
    return int(after), limit


# ---- filters


def _groups(call: Call, sort: str, given: Any) -> list[list[Row]]:
    groups: list[list[Row]] = []
    for group in given if isinstance(given, list) else [given]:
        if not isinstance(group, dict) or not isinstance(group.get("filters"), list):
            raise Problem(400, "Invalid input JSON: filterGroups")
        groups.append(group["filters"])
    count = sum(len(filters) for filters in groups)
    if len(groups) > MOST_GROUPS or count > MOST_FILTERS or any(len(filters) > MOST_IN_GROUP for filters in groups):
        raise Problem(400, "There are too many filters or groups")
    for one in (one for filters in groups for one in filters):
        _check_filter(call, sort, one)
    return groups


def _check_filter(call: Call, sort: str, one: Row) -> None:
    name, operator = str(one.get("propertyName")), str(one.get("operator"))
    if operator not in OPERATORS:
        raise Problem(400, f"There was a problem with the request: operator {operator}")
    if name.startswith("associations."):
        if operator not in ("EQ", "IN"):
            raise Problem(400, f"{operator} is not supported for {name}")
    elif name not in call.state.properties[sort]:
        words = f'Property "{name}" does not exist'
        raise Problem(400, words, [invalid(name, words, "PROPERTY_DOESNT_EXIST")])
    if operator in WITH_VALUES and not isinstance(one.get("values"), list):
        raise Problem(400, f"values are needed for {operator}")
    if operator not in (*WITHOUT_VALUE, *WITH_VALUES) and not isinstance(one.get("value"), str):
        raise Problem(400, f"a value is needed for {operator}")


def _fits(call: Call, thing: Thing, values: Values, groups: Sequence[Sequence[Row]]) -> bool:
    return not groups or any(all(_holds(call, thing, values, one) for one in group) for group in groups)


def _holds(call: Call, thing: Thing, values: Values, one: Row) -> bool:
    name = one["propertyName"]
    if name.startswith("associations."):
        return _is_linked(call, thing, name.removeprefix("associations."), one)
    return OPERATORS[one["operator"]](value_of(call.twin, thing, name, values), one)


def _is_linked(call: Call, thing: Thing, word: str, one: Row) -> bool:
    """The pseudo property `associations.contact` (6.3); links lag as records do."""
    sort = {"company": COMPANIES}.get(word, f"{word}s")
    wanted = {str(value) for value in one.get("values") or [one.get("value")]}
    links = call.state.links_of(thing.place)
    return any(end[0] == sort and end[1] in wanted and call.twin.searchable(link.since) for end, link in links)


def _equal(value: str | None, one: Row) -> bool:
    return value is not None and value.lower() == str(one["value"]).lower()


def _among(value: str | None, one: Row) -> bool:
    """Texts are compared in lower case: the values sent must be (6.2)."""
    return value is not None and value.lower() in one["values"]


def _number(text: str | None) -> float | str:
    """Numbers and times in an order; ISO times become milliseconds."""
    if text and re.fullmatch(r"-?\d+(\.\d+)?", text):
        return float(text)
    try:
        moment = moment_of(text)
    except ValueError:
        return 0.0
    return moment.timestamp() * 1000 if moment else 0.0


def _compared(test: Callable[[Any, Any], bool]) -> Test:
    return lambda value, one: value is not None and test(_number(value), _number(str(one["value"])))


def _between(value: str | None, one: Row) -> bool:
    return value is not None and bool(_number(str(one["value"])) <= _number(value) <= _number(str(one.get("highValue"))))  # type: ignore[operator]


def _tokens(text: str) -> list[str]:
    return re.findall(r"[\w*]+", text.lower())


def _has_token(value: str | None, one: Row) -> bool:
    """Each word of the filter is a word of the value; `*` stands for any characters."""
    words = _tokens(value or "")
    patterns = [re.escape(token).replace(r"\*", ".*") for token in _tokens(str(one["value"]))]
    return bool(patterns) and all(any(re.fullmatch(pattern, word) for word in words) for pattern in patterns)


OPERATORS: dict[str, Test] = {
    "EQ": _equal, "NEQ": lambda value, one: not _equal(value, one), "IN": _among,
    "NOT_IN": lambda value, one: not _among(value, one), "LT": _compared(lambda a, b: a < b),
    "LTE": _compared(lambda a, b: a <= b), "GT": _compared(lambda a, b: a > b), "GTE": _compared(lambda a, b: a >= b),
    "BETWEEN": _between,
    "HAS_PROPERTY": lambda value, one: value is not None, "NOT_HAS_PROPERTY": lambda value, one: value is None,
    "CONTAINS_TOKEN": _has_token, "NOT_CONTAINS_TOKEN": lambda value, one: not _has_token(value, one),
}  # fmt: skip


# ---- free text and order


def _has_text(call: Call, thing: Thing, values: Values, body: Row) -> bool:
    """`query`: every word begins a word of one of the default properties; a number may be a part of a stored one."""
    query = str(body.get("query") or "").strip().lower()
    if not query:
        return True
    texts = [values.get(name) or "" for name in TEXTS.get(thing.sort, ())]
    words = [word for text in texts for word in re.findall(r"[\w@.]+", text.lower())]
    if all(any(word.startswith(part) for word in words) for part in re.findall(r"[\w@.]+", query)):
        return True
    numbers = (values.get("phone"), values.get("mobilephone"))
    return call.twin.account.query_finds_parts and query.isdigit() and any(query in digits(text or "") for text in numbers)


def _sorted(call: Call, sort: str, found: list[Thing], sorts: Any) -> list[Thing]:
    """By one property; without one by creation, oldest first."""
    if not sorts:
        return found
    if not isinstance(sorts, list) or len(sorts) > 1:
        raise Problem(400, "Only one sort is allowed")
    first = sorts[0]
    name, direction = (first.get("propertyName"), first.get("direction")) if isinstance(first, dict) else (str(first), None)
    if name not in call.state.properties[sort] and name != modified_name(sort):
        raise Problem(400, f'Property "{name}" does not exist')
    return sorted(found, key=lambda thing: value_of(call.twin, thing, str(name)) or "", reverse=direction == "DESCENDING")
