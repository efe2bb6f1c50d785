"""The call in hand: answers, errors, paging, filters and bodies (crm_retailcrm.md 2, 4, 6.2)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Refused, json_answer
from sandbox.twins.retailcrm.account import Account
from sandbox.twins.retailcrm.state import Row, State

if TYPE_CHECKING:
    from sandbox.twins.retailcrm.twin import RetailCrmTwin

LONGEST = 255
LONGEST_TEXT = 65_535
"""Bytes of a long text."""
FORM = "application/x-www-form-urlencoded"
LIMITS = (20, 50, 100)


class Malformed(Exception):
    """400 with the entity's fields that are wrong (4)."""

    def __init__(self, errors: Mapping[str, str], words: str = "Errors in the entity format") -> None:
        super().__init__(words)
        self.errors, self.words = dict(errors), words


@dataclass(frozen=True, slots=True)
class Call:
    """One request, signed in."""

    twin: RetailCrmTwin
    request: Request
    args: Mapping[str, Any]

    @property
    def state(self) -> State:
        return self.twin.state

    @property
    def account(self) -> Account:
        return self.twin.account

    def parameter(self, name: str, default: str = "") -> str:
        """A parameter of the query or of the form."""
        return self.request.values.get(name, default)


Handler = Callable[[Call], Response]


# ---- answers


def ok(status: int = 200, /, **parts: object) -> Response:
    return json_answer({"success": True, **parts}, status)


def error(status: int, words: str, errors: Mapping[str, str] | None = None) -> Response:
    body: Row = {"success": False, "errorMsg": words}
    return json_answer(body | ({"errors": dict(errors)} if errors else {}), status)


def not_found() -> Refused:
    return Refused(404, "Not found")


def shown(row: Row) -> Row:
    """A row as it is answered: an empty map arrives as a list, as PHP writes it (4)."""
    return {name: value if value != {} else [] for name, value in row.items()}


def page(call: Call, name: str, rows: Sequence[Row]) -> Response:
    """One page of a list with its `pagination` (4)."""
    limit, number = call.parameter("limit", "20"), call.parameter("page", "1")
    if limit not in map(str, LIMITS):
        raise Malformed({"limit": "The value you selected is not a valid choice."})
    if not number.isdigit() or int(number) < 1:
        raise Malformed({"page": "This value should be 1 or more."})
    size, place = int(limit), int(number)
    pagination = {"limit": size, "totalCount": len(rows), "currentPage": place, "totalPageCount": -(-len(rows) // size)}
    return ok(pagination=pagination, **{name: [shown(row) for row in rows[(place - 1) * size : place * size]]})


# ---- filters


@dataclass(frozen=True, slots=True)
class Filter:
    """`filter[name]=…`, `filter[name][]=…` and `filter[customFields][code]=…` of a query (2)."""

    values: Mapping[str, tuple[str, ...]]

    def one(self, name: str) -> str:
        return self.values.get(name, ("",))[-1]

    def among(self, name: str, value: object) -> bool:
        """Whether the value is in the list; True when the list is not given."""
        wanted = self.values.get(name)
        return wanted is None or str(value) in wanted

    def custom(self) -> dict[str, str]:
        """Wanted values of custom fields, by code."""
        matches = ((re.fullmatch(r"customFields\[(\w+)\]", name), values) for name, values in self.values.items())
        return {match[1]: values[-1] for match, values in matches if match}


def filter_of(call: Call, known: Iterable[str]) -> Filter:
    """The query's filter; unknown names are ignored or refused, as the account is set up (17)."""
    values: dict[str, tuple[str, ...]] = {}
    for name, value in call.request.args.items(multi=True):
        match = re.fullmatch(r"filter\[(\w+)\]((?:\[\w*\])?)", name)
        if match is None:
            continue
        key = match[1] + (match[2] if match[2] != "[]" else "")
        if match[1] in known:
            values[key] = (*values.get(key, ()), value)
        elif call.account.unknown_filters == "refused":
            raise Malformed({f"filter[{match[1]}]": "This form should not contain extra fields."})
    return Filter(values)


def created_within(rows: Iterable[Row], chosen: Filter, since: str = "createdAtFrom", until: str = "createdAtTo") -> list[Row]:
    """By the account's own time: a date, or a date with a time."""
    first, last = chosen.one(since), chosen.one(until)
    return [
        row for row in rows
        if (not first or row["createdAt"][: len(first)] >= first) and (not last or row["createdAt"][: len(last)] <= last)
    ]  # fmt: skip


def newest_first(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["createdAt"], row["id"]), reverse=True)


# ---- bodies


def entity(call: Call, name: str) -> Any:
    """The object of a POST: JSON inside one field of a form (2)."""
    text = call.request.form.get(name) if call.request.mimetype == FORM else None
    if text is None:
        raise Refused(400, f"Parameter '{name}' is missing")
    try:
        found = json.loads(text)
    except ValueError:
        raise Refused(400, f"Invalid JSON of the parameter '{name}'") from None
    if not isinstance(found, dict | list):
        raise Refused(400, f"Parameter '{name}' must be an object")
    return found


def site_of(call: Call) -> str:
    """The shop written to: needed when the key opens several (1)."""
    open_to = call.account.sites_of_key or call.account.sites
    site = call.parameter("site") or (open_to[0] if len(open_to) == 1 else "")
    if not site:
        raise Refused(400, "Parameter 'site' is missing")
    if site not in open_to:
        raise Refused(400, f"API key doesn't have access to the site {site}")
    return site


def row_of(call: Call, table: Mapping[int, Row]) -> Row:
    """The row of the path by `by=id` or `by=externalId`, which is the default (1); 404 when there is none."""
    key, by = call.args["key"], call.parameter("by", "externalId")
    if by not in ("id", "externalId"):
        raise Refused(400, "Parameter 'by' must be id or externalId")
    found = (row for row in table.values() if str(row.get(by, "")) == key)
    row = next(found, None)
    if row is None:
        raise not_found()
    return row


def check_names(body: Mapping[str, Any], allowed: Iterable[str]) -> None:
    extra = [name for name in body if name not in allowed]
    if extra:
        raise Malformed(dict.fromkeys(extra, "This form should not contain extra fields."))


def check_texts(body: Mapping[str, Any], short: Iterable[str], long: Iterable[str] = ()) -> None:
    """Texts are texts, and not longer than their column."""
    for name in short:
        value = body.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > LONGEST):
            raise Malformed({name: f"This value is too long. It should have {LONGEST} characters or less."})
    for name in long:
        value = body.get(name)
        if value is not None and (not isinstance(value, str) or len(value.encode()) > LONGEST_TEXT):
            raise Malformed({name: "This value is too long."})


def check_moment(body: Mapping[str, Any], name: str, form: str) -> None:
    """A time is written exactly in its form (2)."""
    try:
        if name in body:
            datetime.strptime(body[name], form)  # noqa: DTZ007 - the account's own time
    except (TypeError, ValueError):
        raise Malformed({name: "This value is not valid."}) from None


def check_user(call: Call, body: Mapping[str, Any], name: str) -> None:
    """A user that is named must exist (11)."""
    if name not in body:
        return
    key = body[name]
    user = call.state.users.get(key) if isinstance(key, int) and not isinstance(key, bool) else None
    if user is None or (call.account.refuse_inactive_manager and not user["active"]):
        raise Malformed({name: "This value is not valid."})
