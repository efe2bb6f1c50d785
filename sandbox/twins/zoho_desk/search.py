"""`GET /contacts|accounts|tickets/search`: an index, with its delay (crm_zohodesk.md 4, 5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from werkzeug.wrappers import Response

from sandbox.twins.base import Refused
from sandbox.twins.zoho_desk.neutral import name_of
from sandbox.twins.zoho_desk.records import shown
from sandbox.twins.zoho_desk.state import ACCOUNTS, CONTACTS, TICKETS, Row
from sandbox.twins.zoho_desk.wire import Call, Invalid, page, sorted_rows

PARAMETERS = {
    CONTACTS: ("phone", "mobile", "email", "fullName", "lastName", "accountName"),
    ACCOUNTS: ("accountName", "phone", "website"),
    TICKETS: ("phone", "email", "status", "contactId", "accountId", "assigneeId", "departmentId", "subject", "ticketNumber"),
}
CUSTOM = tuple(f"customField{number}" for number in range(1, 11))
NUMBERS = ("phone", "mobile")
MOST_VALUES = 30
SHORTEST_ALL = 3


def search(call: Call) -> Response:
    """Parameters are joined by AND, values of one by OR; `count` tells how many there are (5)."""
    known = (*PARAMETERS[call.module], "_all", *CUSTOM)
    call.only("from", "limit", "sortBy", *known)
    wanted = {name: value for name, value in call.request.args.items() if name in known}
    if not wanted:
        raise Refused(422, "At least one search parameter is needed.")
    for name, value in wanted.items():
        _check(name, value)
        if name in NUMBERS and call.twin.account.plain_numbers_only and not re.fullmatch(r"[+\d,]+", value):
            raise Invalid(name)
    rows = [row for row in _indexed(call) if all(_fits(call, row, name, value) for name, value in wanted.items())]
    found = [shown(call, row) for row in sorted_rows(call, rows)]
    return page(call, found, first=0, default=10, count=True)


def _check(name: str, value: str) -> None:
    """422 for values that a parameter does not take (5)."""
    if name == "_all":
        right = len(value) >= SHORTEST_ALL
    elif name in CUSTOM:
        right = re.fullmatch(r"cf_\w+:.+", value) is not None
    else:
        right = len(value.split(",")) <= MOST_VALUES
    if not right:
        raise Invalid(name)


def _indexed(call: Call) -> Iterator[Row]:
    for row in call.state.tables[call.module].values():
        if call.twin.searchable(call.state.indexed[row["id"]]):
            yield row


def _fits(call: Call, row: Row, name: str, wanted: str) -> bool:
    if name == "_all":
        return any(_matches(call, wanted, value) for value in _texts(row))
    if name in CUSTOM:
        field, _, value = wanted.partition(":")
        return _matches(call, value, _text(row["cf"].get(field)))
    return any(_is(call, row, name, value) for value in wanted.split(","))


def _is(call: Call, row: Row, name: str, wanted: str) -> bool:
    """One value against one field; `${...}` stands for a set of values (5)."""
    own = _text(_own(call, row, name))
    special: dict[str, Callable[[], bool]] = {
        "${empty}": lambda: not own,
        "${notempty}": lambda: bool(own),
        "${open}": lambda: row.get("statusType") in _open_types(call),
    }
    if wanted in special:
        return special[wanted]()
    return _matches(call, wanted, own, is_number=name in NUMBERS)


def _open_types(call: Call) -> tuple[str, ...]:
    return ("Open", "On Hold") if call.twin.account.open_macro_has_on_hold else ("Open",)


def _own(call: Call, row: Row, name: str) -> Any:
    if name == "fullName":
        return name_of(row)
    if name == "accountName" and call.module == CONTACTS:
        return call.state.tables[ACCOUNTS].get(row["accountId"], {}).get("accountName")
    if name == "accountId" and call.module == TICKETS:
        return call.state.tables[CONTACTS].get(row["contactId"], {}).get("accountId")
    return row.get(name)


def _texts(row: Row) -> Iterator[str]:
    yield from (_text(value) for value in (*row.values(), *row["cf"].values()) if isinstance(value, str))


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _matches(call: Call, wanted: str, own: str, *, is_number: bool = False) -> bool:
    """The whole value, in any case; `*` stands for anything. Numbers lose their signs where the index does (5)."""
    if is_number and call.twin.account.index_strips:
        wanted, own = re.sub(r"[^\d*]", "", wanted), re.sub(r"\D", "", own)
    pattern = ".*".join(re.escape(part) for part in wanted.split("*"))
    return bool(own) and bool(wanted) and re.fullmatch(pattern, own, re.I | re.S) is not None
