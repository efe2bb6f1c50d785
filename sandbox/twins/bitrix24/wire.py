"""The call in hand: its parameters in JSON, form or query, its answers, its errors, its pages (crm_bitrix24.md 1, 3)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Refused, json_answer
from sandbox.twins.bitrix24.state import Row, State, whole

if TYPE_CHECKING:
    from sandbox.twins.bitrix24.twin import Bitrix24Twin

PAGE = 50
CODES = {
    400: "ERROR_CORE", 401: "NO_AUTH_FOUND", 403: "ACCESS_DENIED", 404: "ERROR_METHOD_NOT_FOUND",
    405: "ERROR_BATCH_METHOD_NOT_ALLOWED", 429: "OPERATION_TIME_LIMIT", 503: "QUERY_LIMIT_EXCEEDED",
}  # fmt: skip
"""The code a status usually comes with (3)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a method. `user` is the one in whose name it comes; `app` tells an application from a webhook."""

    twin: Bitrix24Twin
    params: Mapping[str, Any]
    user: int
    app: bool
    scopes: tuple[str, ...]

    @property
    def state(self) -> State:
        return self.twin.state

    def get(self, name: str) -> Any:
        """A parameter, whatever the case of its name."""
        return next((value for key, value in self.params.items() if key.lower() == name.lower()), None)

    def mapping(self, name: str) -> dict[str, Any]:
        """A parameter that is an object; a list is an object with numbers for names, as PHP has it."""
        return as_mapping(self.get(name))

    def number(self, name: str) -> int:
        """A whole number that is needed."""
        found = whole(self.get(name))
        if found is None:
            raise Refused(400, f"Could not find value for parameter {{{name}}}", "100")
        return found


@dataclass(frozen=True, slots=True)
class Result:
    """What a method came to; lists also have their total and the start of the next page."""

    value: Any
    total: int | None = None
    next: int | None = None


Handler = Callable[[Call], Result]


def as_mapping(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {str(number): item for number, item in enumerate(value)}
    return dict(value) if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """A list; a query's numbered parameters are one as well, a single value is a list of one."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else [] if value in (None, "") else [value]


# ---- parameters


def params_of(request: Request) -> dict[str, Any]:
    """Query and body together, the body wins. 400 for a body that is no JSON object."""
    found = parse_query(request.query_string.decode("latin-1"))
    body = request.get_data()
    if not body.strip():
        return found
    if request.mimetype == "application/x-www-form-urlencoded":
        return found | parse_query(body.decode("latin-1"))
    try:
        given = json.loads(body)
    except ValueError:
        raise Refused(400, "Invalid JSON", "INVALID_REQUEST") from None
    return found | as_mapping(given)


def parse_query(text: str) -> dict[str, Any]:
    """A query as PHP reads it: `a[b][0]=c`; plus is a space; what is numbered from 0 on is a list."""
    root: dict[str, Any] = {}
    for pair in filter(None, text.split("&")):
        name, _, value = pair.partition("=")
        _put(root, _path(unquote_plus(name)), unquote_plus(value))
    return {name: _listed(value) for name, value in root.items()}


def _path(name: str) -> list[str]:
    head, bracket, rest = name.partition("[")
    return [head, *re.findall(r"\[([^\]]*)\]", bracket + rest)]


def _put(node: dict[str, Any], path: Sequence[str], value: str) -> None:
    for step in path[:-1]:
        below = node.setdefault(step or str(len(node)), {})
        if not isinstance(below, dict):
            return
        node = below
    node[path[-1] or str(len(node))] = value


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    values = [_listed(value) for value in node.values()]
    is_list = list(node) == [str(number) for number in range(len(node))]
    return values if is_list else dict(zip(node, values, strict=True))


# ---- answers


def ok(result: Result, time: Row) -> Response:
    body: Row = {"result": result.value}
    if result.next is not None:
        body["next"] = result.next
    if result.total is not None:
        body["total"] = result.total
    return json_answer({**body, "time": time})


NO_CODE = "-"
"""For refusals whose code is empty, as it is for many older methods (3)."""


def error_body(refused: Refused) -> Row:
    return {"error": "" if refused.code == NO_CODE else refused.code, "error_description": refused.words}


def paged(call: Call, rows: Sequence[Any], wrap: Callable[[list[Any]], Any] = list) -> Result:
    """Fifty of the rows from `start` on; with -1 there is neither total nor next (3)."""
    given = call.get("start")
    start = -1 if str(given) == "-1" else whole(given) or 0
    page = list(rows[max(start, 0) : max(start, 0) + PAGE])
    if start < 0:
        return Result(wrap(page))
    more = start + PAGE < len(rows)
    return Result(wrap(page), len(rows), start + PAGE if more else None)


# ---- filters and order of lists


OPERATORS = ("!@", "@", ">=", "<=", ">", "<", "=%", "%=", "!%", "%", "!=", "!", "=")


def split_operator(name: str) -> tuple[str, str]:
    """The operator and the field of a filter's key."""
    operator = next((mark for mark in OPERATORS if name.startswith(mark)), "")
    return operator, name[len(operator) :]


def fits(row: Mapping[str, Any], conditions: Mapping[str, Any]) -> bool:
    """Whether a row fits a filter: conditions joined by AND, below `logic: OR` by OR (7)."""
    judged = [_fits_one(row, name, value) for name, value in conditions.items() if name != "logic"]
    return any(judged) if str(conditions.get("logic")).upper() == "OR" else all(judged)


def _fits_one(row: Mapping[str, Any], name: str, value: Any) -> bool:
    if name.isdigit():
        return fits(row, as_mapping(value))
    operator, column = split_operator(name)
    held = [_plain(one) for one in as_list(row.get(column))] or [""]
    wanted = [_plain(one) for one in as_list(value)]
    if operator in ("", "=", "@"):
        # an empty list of wanted values is taken for no condition at all: the portal does not promise anything better
        return not wanted if isinstance(value, list) and not value else bool(set(held) & set(wanted or [""]))
    if operator in ("!", "!=", "!@"):
        return not set(held) & set(wanted or [""])
    if operator in ("%", "%=", "=%"):
        return any(wanted[0].strip("%").lower() in one.lower() for one in held)
    return _compared(operator, held[0], wanted[0] if wanted else "")


def _compared(operator: str, held: str, wanted: str) -> bool:
    left, right = _comparable(held, wanted)
    return bool({">=": left >= right, "<=": left <= right, ">": left > right, "<": left < right}[operator])


def _comparable(held: str, wanted: str) -> tuple[Any, Any]:
    """Numbers as numbers, times as times, anything else as text."""
    from datetime import datetime

    for read in (float, datetime.fromisoformat):
        try:
            return read(held), read(wanted)
        except ValueError:
            continue
    return held, wanted


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "Y" if value else "N"
    return "" if value is None else str(value)


def ordered(rows: list[Row], order: Mapping[str, Any], default: str) -> list[Row]:
    """By the fields of `order`, the first counts most; else by `default`."""
    for name, direction in reversed(list(order.items()) or [(default, "ASC")]):
        rows = sorted(rows, key=lambda row: _sortable(row.get(name)), reverse=str(direction).upper() == "DESC")
    return rows


def _sortable(value: Any) -> tuple[int, float, str]:
    number = whole(value)
    return (0, float(number), "") if number is not None else (1, 0.0, str(value))
