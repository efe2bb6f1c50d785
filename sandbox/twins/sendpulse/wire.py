"""The call in hand: answers, errors, bodies, filters (crm_sendpulse.md 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Refused, json_answer
from sandbox.twins.sendpulse.account import Account
from sandbox.twins.sendpulse.state import DEAL, NUMBER, SELECT, Row, State

if TYPE_CHECKING:
    from sandbox.twins.sendpulse.twin import SendPulseTwin

LONGEST_NAME, LONGEST_PHONE, LONGEST_VALUE, LONGEST_TEXT = 255, 50, 5500, 65_535


@dataclass(frozen=True, slots=True)
class Call:
    """One request, signed in."""

    twin: SendPulseTwin
    request: Request
    args: Mapping[str, Any]

    @property
    def state(self) -> State:
        return self.twin.state

    @property
    def account(self) -> Account:
        return self.twin.account

    def row(self, table: Mapping[int, Row], name: str = "key") -> Row:
        """The row of the path; 404 when there is none."""
        row = table.get(int(self.args[name]))
        if row is None:
            raise Refused(404, "Not found")
        return row


Handler = Callable[[Call], Response]


# ---- answers


def data(body: object, status: int = 200, **beside: object) -> Response:
    return json_answer({"data": body, **beside}, status)


def single(call: Call, row: Row) -> Response:
    """A single read: some are wrapped twice (3)."""
    return data({"data": row} if call.account.wrapped_twice else row)


def gateway_error(status: int, words: str, code: int) -> Response:
    """The gateway's error (3)."""
    return json_answer({"message": words, "error_code": code}, status)


def invalid(words: str) -> Refused:
    """The body of 422 is not known (13)."""
    return Refused(422, words)


# ---- bodies


def body_of(call: Call, allowed: Iterable[str] = (), needed: Iterable[str] = ()) -> Row:
    """The JSON object of a request; its names are checked where `allowed` says them."""
    body = call.request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refused(400, "The body must be a JSON object")
    names = frozenset(allowed)
    extra = sorted(set(body) - names) if names else []
    if extra:
        raise invalid(f"The field {extra[0]} is unknown.")
    missing = [name for name in needed if body.get(name) is None]
    if missing:
        raise invalid(f"The {missing[0]} field is required.")
    return body


def check_text(body: Row, name: str, longest: int = LONGEST_NAME) -> None:
    value = body.get(name)
    if value is not None and (not isinstance(value, str) or len(value) > longest):
        raise invalid(f"The {name} may not be greater than {longest} characters.")


def check_id(body: Row, name: str, table: Mapping[int, Row]) -> None:
    """An id that is named must be a number and exist."""
    value = body.get(name)
    if value is not None and (not isinstance(value, int) or value not in table):
        raise invalid(f"The selected {name} is invalid.")


def check_user(call: Call, body: Row) -> None:
    check_id(body, "responsibleId", {key: row for key, row in call.state.users.items() if row["confirmed"]})


def local_time(body: Row, name: str) -> str | None:
    """`Y-m-d H:i`; a bad format silently fails (7)."""
    try:
        datetime.strptime(str(body[name]), "%Y-%m-%d %H:%M")  # noqa: DTZ007 - the account's own time
    except (KeyError, ValueError):
        return None
    return str(body[name])


def limits(body: Row, default: int) -> slice:
    """`limit` 1 to 100 and `offset` (3)."""
    limit, offset = body.get("limit", default), body.get("offset", 0)
    if not isinstance(limit, int) or not 1 <= limit <= 100 or not isinstance(offset, int) or offset < 0:
        raise invalid("The limit must be between 1 and 100.")
    return slice(offset, offset + limit)


# ---- attributes (6)


def take_attributes(call: Call, kind: str, given: Any, name: str = "attributes") -> dict[int, str]:
    """Values by attribute id, out of `[{attributeId, value}]`; contacts also take `[{name, type, value}]` (5)."""
    if not isinstance(given or [], list):
        raise invalid(f"The {name} must be an array.")
    return dict(_attribute(call, kind, entry) for entry in given or [])


def _attribute(call: Call, kind: str, entry: Any) -> tuple[int, str]:
    key, value = (entry.get("attributeId"), entry.get("value")) if isinstance(entry, dict) else (None, None)
    if key is None and isinstance(entry, dict) and entry.get("name") and kind != DEAL:
        key = call.twin.attribute_named(kind, str(entry["name"]), int(entry.get("type") or 0))
    row = call.state.attributes.get(key) if isinstance(key, int) else None
    if row is None or row["kind"] != kind:
        raise invalid("The selected attributeId is invalid.")
    if not isinstance(value, str) or len(value) > LONGEST_VALUE or not _fits(row, value):
        raise invalid(f"The value of {row['name']} is invalid.")
    return int(row["id"]), value


def _fits(row: Row, value: str) -> bool:
    if row["type"] == NUMBER:
        return value.replace(".", "", 1).removeprefix("-").isdigit()
    return row["type"] != SELECT or value in row["options"]


def shown_attributes(state: State, values: Mapping[int, str]) -> list[Row]:
    names = ("id", "name", "status", "type", "mandatory", "order", "options")
    return [
        {**{name: state.attributes[key][name] for name in names}, "value": {"type": "string", "value": value}}
        for key, value in values.items()
    ]
