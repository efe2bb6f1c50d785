"""The question and the answer of smart routing: who calls, whom the call is put through to, and why (design 9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

from patchcord.model.employees import Employee, direction_identity
from patchcord.model.records import Record, RecordKind
from patchcord.model.settings import Settings
from patchcord.model.words import Word


class Looked(Enum):
    """What there is instead of records. FAILED: the CRM was too late or answered with an error (D-20)."""

    NOT_ASKED = "not_asked"
    FAILED = "failed"


NOT_ASKED: Final = Looked.NOT_ASKED
FAILED: Final = Looked.FAILED
Records = tuple[Record, ...] | Looked

STICKINESS = "stickiness"
"""The name by which an address asks for the global stickiness alone."""


class Source(Word):
    """By which way somebody was chosen."""

    BY_CRM = "by_crm"
    BY_CALLS = "by_calls"
    STICKINESS = "stickiness"
    FIXED = "fixed"
    LAST_OWNER = "last_owner"
    NOBODY = "nobody"


class Reason(Word):
    """Why somebody or nobody was chosen. CRM_FAILED stands with both: with the last known owner, and with nobody."""

    FOUND = "found"
    INTEGRATION_OFF = "integration_off"
    HIDDEN_NUMBER = "hidden_number"
    NO_CLIENT_NUMBER = "no_client_number"
    BLOCKED_NUMBER = "blocked_number"
    OWN_NUMBER = "own_number"
    ROUTING_OFF = "routing_off"
    NO_SUCH_BLOCK = "no_such_block"
    NOT_SUPPORTED = "not_supported"
    CRM_FAILED = "crm_failed"
    NOT_FOUND = "not_found"
    OWNER_UNUSABLE = "owner_unusable"
    OUTSIDE_HOURS = "outside_hours"
    NOT_PICKED_UP = "not_picked_up"


FoundIn = RecordKind | Literal["call_history"]
"""Where an employee was found: the kind of the record that he owns, or the earlier calls."""

SOURCE_RULES: Mapping[Source, tuple[str, ...]] = {
    Source.BY_CRM: ("S1-03", "S1-13", "S1-14"),
    Source.BY_CALLS: ("S1-04", "S1-17", "S1-29"),
    Source.STICKINESS: ("S1-20", "S1-23", "C-20"),
    Source.FIXED: ("O-46",),
    Source.LAST_OWNER: ("D-20",),
}

REASON_RULES: Mapping[Reason, tuple[str, ...]] = {
    Reason.INTEGRATION_OFF: ("S3-29",),
    Reason.HIDDEN_NUMBER: ("D-09",),
    Reason.NO_CLIENT_NUMBER: ("D-09",),
    Reason.BLOCKED_NUMBER: ("S0-36", "D-19"),
    Reason.OWN_NUMBER: ("D-10",),
    Reason.ROUTING_OFF: ("O-42", "S4-24"),
    Reason.NO_SUCH_BLOCK: ("O-46",),
    Reason.NOT_SUPPORTED: ("S1-05", "C-12"),
    Reason.CRM_FAILED: ("D-20",),
    Reason.NOT_FOUND: ("S1-10", "S1-29"),
    Reason.OWNER_UNUSABLE: ("S1-15", "C-11"),
    Reason.OUTSIDE_HOURS: ("S1-22",),
    Reason.NOT_PICKED_UP: ("S1-24", "D-37"),
}


KIND_RULES: Mapping[RecordKind, tuple[str, ...]] = {
    RecordKind.LEAD: ("S1-07",),
    RecordKind.DEAL: ("S1-08",),
    RecordKind.CONTACT: ("S1-09",),
}
"""What is said of an owner found in a record of this kind."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and what is asked.

    `client` and `line` are E.164; a caller whose number is withheld or no phone number has no `client`. `block` is the block
    that the address named: its number from 1, its type, or `stickiness`; then nothing else is looked at. `tried` is whom
    the last answer for this call named and who did not pick up: an employee's key, or the number of a `number` block.
    """

    client: str | None = field(default=None, repr=False)
    hidden: bool = False
    line: str | None = field(default=None, repr=False)
    block: str | None = None
    tried: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AskCrm:
    """The block with this number cannot answer without the CRM: ask `route` again with the records."""

    block: int


@dataclass(frozen=True, slots=True)
class Route:
    """The answer. Nobody is found if there is no `direction`; then `next` is where the telephony goes on.

    `employee` is a key, None for a `number` block. `directions` are all main directions, `direction` the one to answer with:
    `sip:login` or E.164 (P-WR-02). `block` counts from 1, None for the global stickiness.
    """

    employee: str | None = None
    directions: tuple[str, ...] = field(default=(), repr=False)
    direction: str | None = field(default=None, repr=False)
    found_in: FoundIn | None = None
    source: Source = Source.NOBODY
    block: int | None = None
    ring_seconds: int | None = None
    reason: Reason = Reason.FOUND
    next: Literal["next_block", "number_scheme"] = "next_block"
    rules: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether there is somebody, or some number, to ring."""
        return self.direction is not None


def nobody(reason: Reason) -> Route:
    """The answer without anybody, with the rules behind the reason."""
    return Route(reason=reason, rules=REASON_RULES[reason])


def refused(caller: Caller, settings: Settings) -> Reason | None:
    """Why nobody is looked for at all. `blocked.scope` `calls` lets the look-ups of blocked numbers pass (O-14, C-22)."""
    if not settings.integration.enabled:
        return Reason.INTEGRATION_OFF
    if caller.client is None or caller.hidden:
        return Reason.HIDDEN_NUMBER if caller.hidden else Reason.NO_CLIENT_NUMBER
    if settings.blocked.scope == "all" and caller.client in settings.blocked_e164:
        return Reason.BLOCKED_NUMBER
    own = caller.client == caller.line or caller.client in settings.own_e164
    return Reason.OWN_NUMBER if own or settings.directory.owns_number(caller.client) else None


def main_directions(employee: Employee, region: str) -> tuple[str, ...]:
    """The main directions that an answer can name: SIP accounts as `sip:login`, numbers in E.164 (P-WR-02)."""
    read = (direction_identity(text, region) for text in employee.main_directions)
    written = {"sip": "sip:{}", "number": "{}"}
    return tuple(written[sort].format(value) for sort, value in read if sort in written and value)
