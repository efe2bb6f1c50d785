"""What MANGO's answers hold: groups, employees and counted calls (telephony.md 3.6).

Names of fields are those of the reference; of the counted calls, whose fields it lists only in part, they are those that
published integrations read (S). Whatever is missing or of another kind is left empty: nothing here is worth failing for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from patchcord.model.events import CallType

CALL_TYPES = {1: CallType.IN, 2: CallType.OUT, 3: CallType.INTERNAL}
"""`context_type`, which is not the summary's `call_direction` (telephony.md 3.6)."""

WHOLE = re.compile(r"[0-9]{1,18}")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """A group of employees; `extension` is its short number."""

    id: str
    name: str
    extension: str


@dataclass(frozen=True, slots=True)
class User:
    """An employee. `numbers` are the phone numbers and SIP addresses of the dialling card, in its order."""

    user_id: str
    name: str
    email: str = field(repr=False)
    extension: str
    numbers: tuple[str, ...] = field(default=(), repr=False)
    department: str = ""
    position: str = ""


@dataclass(frozen=True, slots=True)
class StatLeg:
    """A leg of a counted call. `type` is `number`, `user`, `group` or `conference`; a group's `members` are legs again.

    `abonent_id` is the user's or group's id; not every account's answers hold the extension. The `name` of a client is
    his number.
    """

    type: str
    abonent_id: str = ""
    name: str = field(default="", repr=False)
    extension: str = ""
    number: str = field(default="", repr=False)
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    talk_seconds: int = 0
    end_reason: int | None = None
    recordings: tuple[str, ...] = ()
    transferred: bool = False
    members: tuple[StatLeg, ...] = ()

    def all(self) -> Iterator[StatLeg]:
        """This leg and those below it."""
        yield self
        for member in self.members:
            yield from member.all()


@dataclass(frozen=True, slots=True)
class StatCall:
    """A call as the statistics count it: the source for finding what no event told of.

    `answered` is `context_status` 1; `caller_id` the user's id of an employee who called.
    """

    entry_id: str
    call_type: CallType | None = None
    answered: bool = False
    started_at: datetime | None = None
    caller: str = field(default="", repr=False)
    called: str = field(default="", repr=False)
    caller_id: str = ""
    caller_name: str = field(default="", repr=False)
    talk_seconds: int = 0
    recall_status: int | None = None
    legs: tuple[StatLeg, ...] = ()

    @property
    def recordings(self) -> tuple[str, ...]:
        """The ids of all recordings, in the order of the legs."""
        found = (recording for top in self.legs for leg in top.all() for recording in leg.recordings)
        return tuple(dict.fromkeys(found))


def groups_of(body: Row) -> tuple[Group, ...]:
    """The groups in an answer to `groups`; one without a short number cannot be dialled and is left out."""
    rows = _rows(body.get("groups"))
    return tuple(Group(_text(row, "id"), _text(row, "name"), _text(row, "extension")) for row in rows if _text(row, "extension"))


def users_of(body: Row) -> tuple[User, ...]:
    """The employees in an answer to `config/users/request`, with and without a short number."""
    return tuple(map(_user, _rows(body.get("users"))))


def _user(row: Row) -> User:
    general, telephony = _row(row.get("general")), _row(row.get("telephony"))
    numbers = (_text(number, "number") for number in _rows(telephony.get("numbers")))
    return User(
        user_id=_text(general, "user_id"),
        name=_text(general, "name"),
        email=_text(general, "email"),
        extension=_text(telephony, "extension"),
        numbers=tuple(number for number in numbers if number),
        department=_text(general, "department"),
        position=_text(general, "position"),
    )


def calls_of(body: Row) -> tuple[StatCall, ...]:
    """The calls in an answer to `stats/calls/result/`: `data` is a list of periods with a `list` of calls each, or one."""
    data = body.get("data")
    periods = [_row(data)] if isinstance(data, dict) else _rows(data)
    rows = (row for period in periods for row in _rows(period.get("list")))
    return tuple(_call(row) for row in rows if _text(row, "entry_id"))


def _call(row: Row) -> StatCall:
    return StatCall(
        entry_id=_text(row, "entry_id"),
        call_type=CALL_TYPES.get(_number(row, "context_type") or 0),
        answered=_number(row, "context_status") == 1,
        started_at=_time(row, "context_start_time"),
        caller=_text(row, "caller_number"),
        called=_text(row, "called_number"),
        caller_id=_text(row, "caller_id"),
        caller_name=_text(row, "caller_name"),
        talk_seconds=_number(row, "talk_duration") or 0,
        recall_status=_number(row, "recall_status"),
        legs=tuple(_leg(leg) for leg in _rows(row.get("context_calls"))),
    )


def _leg(row: Row, deep: bool = True) -> StatLeg:
    return StatLeg(
        type=_text(row, "call_type"),
        abonent_id=_text(row, "call_abonent_id"),
        name=_text(row, "call_abonent_info"),
        extension=_text(row, "call_abonent_extension"),
        number=_text(row, "call_abonent_number"),
        started_at=_time(row, "call_start_time"),
        answered_at=_time(row, "call_answer_time"),
        ended_at=_time(row, "call_end_time"),
        talk_seconds=_number(row, "talk_duration") or 0,
        end_reason=_number(row, "call_end_reason"),
        recordings=_ids(row.get("recording_id")),
        transferred=row.get("BlindTransfer") is True or row.get("ConsultTransfer") is True,
        members=tuple(_leg(member, deep=False) for member in _rows(row.get("members"))) if deep else (),
    )


def _ids(value: object) -> tuple[str, ...]:
    """One id or a list of them."""
    items: Iterable[object] = value if isinstance(value, list) else (value,)
    return tuple(item for item in items if isinstance(item, str) and item)


def _rows(value: object) -> list[Row]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _row(value: object) -> Row:
    return value if isinstance(value, dict) else {}


def _text(row: Row, name: str) -> str:
    """Ids and short numbers come as text or number; leading zeros survive only in text."""
    value = row.get(name)
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _number(row: Row, name: str) -> int | None:
    text = _text(row, name)
    return int(text) if WHOLE.fullmatch(text) else None


def _time(row: Row, name: str) -> datetime | None:
    """Unix seconds; 0 and what no calendar holds are no time."""
    seconds = _number(row, name)
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None
