"""The call in hand, and the two styles of bodies, answers and paging (crm_pipedrive.md 1, 4, 5)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Refused, iso, json_answer
from sandbox.twins.pipedrive.state import Key, Row, State, is_admin

if TYPE_CHECKING:
    from sandbox.twins.pipedrive.twin import PipedriveTwin

LONGEST = 255
Check = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Call:
    """One request with the user in whose name it comes; `app` tells an OAuth app from an API token."""

    twin: PipedriveTwin
    request: Request
    user: Row
    app: bool
    args: Mapping[str, Any]

    @property
    def state(self) -> State:
        return self.twin.state

    @property
    def admin(self) -> bool:
        return is_admin(self.user)

    def query(self, name: str, default: str = "") -> str:
        return self.request.args.get(name, default)


Handler = Callable[[Call], Response]


# ---- answers


def ok(data: object, additional: object = None, status: int = 200, **more: object) -> Response:
    """Both versions: `success`, `data`, and `additional_data` where there is paging."""
    body: Row = {"success": True, "data": data, **more}
    if additional is not None:
        body["additional_data"] = additional
    return json_answer(body, status)


def error(status: int, words: str, code: str = "") -> Response:
    """The common error shape; v2 validation has a `code` instead of the empty parts (crm_pipedrive.md 4)."""
    if code:
        return json_answer({"success": False, "error": words, "code": code}, status)
    body = {"success": False, "error": words, "error_info": "Please check developers.pipedrive.com for more information.",
            "data": None, "additional_data": None}  # fmt: skip
    return json_answer(body, status)


def bad(words: str) -> Refused:
    """400 as v2 says it."""
    return Refused(400, words, "ERR_BAD_REQUEST")


def not_found(what: str) -> Refused:
    return Refused(404, f"{what} was not found")


# ---- paging (5)


def limit_of(call: Call, most: int = 500, default: int = 100) -> int:
    given = call.query("limit", str(default))
    if not given.isdigit() or not 1 <= int(given) <= most:
        raise bad(f"limit must be between 1 and {most}")
    return int(given)


def encode_cursor(start: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"start": start}).encode()).decode()


def decode_cursor(text: str) -> int:
    try:
        return int(json.loads(base64.urlsafe_b64decode(text))["start"]) if text else 0
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise bad("Invalid cursor") from None


def cut_v2(call: Call, rows: Sequence[Row], most: int = 500) -> tuple[list[Row], Row]:
    """One page and its `additional_data` with `next_cursor` (None at the end)."""
    start, limit = decode_cursor(call.query("cursor")), limit_of(call, most)
    more = start + limit < len(rows)
    return list(rows[start : start + limit]), {"next_cursor": encode_cursor(start + limit) if more else None}


def page_v1(call: Call, rows: Sequence[Row], *, at_root: bool = False) -> Response:
    """One page with `start` and `limit`; the paging stands in `additional_data.pagination`."""
    given = call.query("start", "0")
    if not given.isdigit():
        raise Refused(400, "start must be a number")
    start, limit = int(given), limit_of(call)
    more = start + limit < len(rows)
    paging: Row = {"start": start, "limit": limit, "more_items_in_collection": more}
    if more:
        paging["next_start"] = start + limit
    return ok(list(rows[start : start + limit]), paging if at_root else {"pagination": paging})


# ---- lists


def moment_of(text: str, what: str) -> str:
    """RFC 3339 of a query as our own notation, so that texts can be compared."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise bad(f"{what} must be a date in RFC3339 format") from None
    return iso(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def filtered(call: Call, rows: Iterable[Row], columns: Sequence[str]) -> list[Row]:
    """Rows that fit the query's filters: `columns` by equality, and `ids`, `updated_since`, `updated_until`."""
    found = list(rows)
    for column in columns:
        wanted = call.query(column)
        if wanted:
            found = [row for row in found if str(row.get(column)).lower() == wanted.lower()]
    if call.query("ids"):
        ids = call.query("ids").split(",")[:100]
        found = [row for row in found if str(row["id"]) in ids]
    return updated_within(call, found)


def updated_within(call: Call, rows: list[Row]) -> list[Row]:
    since, until = call.query("updated_since"), call.query("updated_until")
    if since:
        first = moment_of(since, "updated_since")
        rows = [row for row in rows if _seconds(row) >= first]
    if until:
        last = moment_of(until, "updated_until")
        rows = [row for row in rows if _seconds(row) < last]
    return rows


def _seconds(row: Row) -> str:
    """`update_time` without fractions, in one notation for v1 and v2."""
    return re.sub(r"\.\d+", "", str(row["update_time"]).replace(" ", "T")).removesuffix("Z") + "Z"


def sorted_v2(call: Call, rows: list[Row], columns: Sequence[str] = ("id", "update_time", "add_time")) -> list[Row]:
    """By `sort_by` and `sort_direction`."""
    column, direction = call.query("sort_by", "id"), call.query("sort_direction", "asc")
    if column not in columns or direction not in ("asc", "desc"):
        raise bad("sort_by or sort_direction is not allowed")
    return sorted(rows, key=lambda row: (row.get(column) or "", row["id"]), reverse=direction == "desc")


def sorted_v1(call: Call, rows: list[Row]) -> list[Row]:
    """By `sort`: field name, a space, ASC or DESC; what is equal, by age."""
    column, _, direction = call.query("sort", "add_time ASC").partition(" ")
    if direction.upper() not in ("", "ASC", "DESC"):
        raise Refused(400, "sort has a wrong direction")
    places = sorted(
        enumerate(rows), key=lambda pair: (str(pair[1].get(column) or ""), pair[0]), reverse=direction.upper() == "DESC"
    )
    return [row for _, row in places]


# ---- bodies


def body_of(call: Call) -> Row:
    """The JSON object sent. 415 for another content type, 400 for what is no object."""
    if call.request.mimetype != "application/json":
        raise Refused(415, "Unsupported media type, send application/json")
    try:
        body = json.loads(call.request.get_data())
    except ValueError:
        raise Refused(400, "Request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "Request body must be an object")
    return body


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_short(value: Any) -> bool:
    """A text a `varchar` holds, not empty."""
    return isinstance(value, str) and len(value.strip()) > 0 and len(value) <= LONGEST


def is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


def is_list(value: Any) -> bool:
    return isinstance(value, list)


def is_date(value: Any) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", value)) and bool(datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC))
    except (TypeError, ValueError):
        return False


def is_time(value: Any) -> bool:
    """`HH:MM` or `HH:MM:SS` of a day."""
    return isinstance(value, str) and bool(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", value))


def is_duration(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"\d{1,3}:[0-5]\d(:[0-5]\d)?", value))


def check_body(body: Row, allowed: Mapping[str, Check], needed: Sequence[str] = ()) -> None:
    """v2: unknown fields, wrong types (no numbers as texts, no 1 for true) and missing ones are refused with 400."""
    for name, value in body.items():
        if name not in allowed:
            raise bad(f"'{name}' is not allowed")
        if value is None and name not in needed:
            continue
        if not allowed[name](value):
            raise bad(f"Validation failed: {name}: has an invalid value")
    for name in needed:
        if name in body and body[name] is None:
            raise bad(f"Validation failed: {name}: must not be empty")


def need(body: Row, *names: str) -> None:
    """Required fields of a creation."""
    for name in names:
        if body.get(name) in (None, ""):
            raise bad(f"Validation failed: {name}: is required")


def v1_numbers(body: Row, names: Iterable[str]) -> Row:
    """v1 accepts numbers as texts; here they become numbers, in a copy."""
    return {name: int(value) if name in names and isinstance(value, str) and value.isdigit() else value
            for name, value in body.items()}  # fmt: skip


def v1_flag(value: Any) -> bool:
    """v1 knows true, 1 and "1"."""
    return value in (True, 1, "1", "true")


# ---- what a body refers to


def known(call: Call, word: str, key: Any, field: str) -> None:
    """Raises 400 unless there is such a record."""
    if key is not None and key not in call.state.table(word):
        raise bad(f"Validation failed: {field}: {word} {key} does not exist")


def known_owner(call: Call, key: Any, field: str = "owner_id") -> None:
    """400 for a user that does not exist, and for a deactivated one where the account is set up so (8.5)."""
    user = call.state.users.get(key) if key is not None else None
    if key is not None and (user is None or user["is_deleted"]):
        raise bad(f"Validation failed: {field}: user {key} does not exist")
    if user and not user["active_flag"] and call.twin.account.refuse_inactive_owner:
        raise bad(f"Validation failed: {field}: user {key} is not active")


def row_of(table: Mapping[Key, Row], key: Any, what: str) -> Row:
    """The row with that id; 404 when there is none (any more)."""
    row = table.get(key)
    if row is None or row.get("is_deleted"):
        raise not_found(what)
    return row
