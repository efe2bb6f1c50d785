"""What the account holds: employees, groups, lines, sound files, legs of calls under way, recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sandbox.twins.base import Ids

Place = Literal["ivr", "queue", "abonent"]
FIRST_USER, FIRST_GROUP, FIRST_LINE, SCHEMA = 300_043_100, 10_051_190, 300_024_480, 10_000_008
SHORT = 6
"""So many digits at most has a short number."""


@dataclass(frozen=True, slots=True)
class Employee:
    """Somebody of the company; `extension` may be empty, and may begin with zeros. `numbers` in the order of use."""

    user_id: int
    extension: str
    name: str
    email: str
    department: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A group of operators, with its short number; `operators` are extensions."""

    group_id: int
    extension: str
    name: str
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A number of the account. A SIP line has its URI as `number` and its own `name`."""

    line_id: int
    number: str
    name: str | None
    comment: str | None
    region: str
    schema_name: str


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg of a call under way (telephony.md 3.2). `extension` is the employee's or the group's; `over` when it ended."""

    call_id: str
    entry_id: str
    place: Place
    connected: bool = False
    extension: str = ""
    taken_from_call_id: str = ""
    command_id: str = ""
    recorded: bool = False
    over: bool = False


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording; from `ready_at` (aware) on it can be fetched."""

    recording_id: str
    entry_id: str
    ready_at: datetime
    content: bytes


@dataclass
class State:
    """All of it. Nothing here knows HTTP."""

    ids: Ids = field(default_factory=lambda: Ids("mango"))
    employees: list[Employee] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    sounds: set[int] = field(default_factory=set)
    legs: dict[str, Leg] = field(default_factory=dict)
    recordings: dict[str, Recording] = field(default_factory=dict)

    def employee(self, extension: str) -> Employee | None:
        return next((one for one in self.employees if extension and one.extension == extension), None)

    def employee_at(self, number: str) -> Employee | None:
        """The employee with this extension, or with this among his numbers."""
        return self.employee(number) or next((one for one in self.employees if number in one.numbers), None)

    def group(self, extension: str) -> Group | None:
        return next((one for one in self.groups if one.extension == extension), None)

    def groups_of(self, extension: str) -> list[Group]:
        return [group for group in self.groups if extension and extension in group.operators]

    def has_line(self, name: str) -> bool:
        """Whether the account has this line; an account without any seeded line has all."""
        return not self.lines or any(name in (line.number, line.name) for line in self.lines)

    def can_be_dialled(self, number: str) -> bool:
        """Whether a number leads anywhere: a short one has to be an employee's or a group's."""
        known = self.employee(number) is not None or self.group(number) is not None
        return known or number.startswith("sip:") or len(number) > SHORT

    def add_employee(
        self, extension: str, name: str, email: str, department: str, numbers: Sequence[str], user_id: int
    ) -> Employee:
        added = Employee(user_id, extension, name, email, department, tuple(numbers))
        self.employees.append(added)
        return added
