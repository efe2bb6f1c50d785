"""What a provider told us: one accepted delivery, in neutral words (telephony.md 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from patchcord.model.employees import Agent
from patchcord.model.words import Word


class EventKind(Word):
    """What happened: a call, a site form, a messenger dialogue."""

    CALL = "call"
    FORM = "form"
    MESSENGER = "messenger"


class Moment(Word):
    """When in the life of a call, form or dialogue something is due (rules.md 0)."""

    RING = "ring"
    ANSWER = "answer"
    END = "end"
    RECORDING = "recording"
    SUBMIT = "submit"
    DISPATCH = "dispatch"


RANK: Mapping[Moment, int] = {moment: rank for rank, moment in enumerate(Moment)}


class CallType(Word):
    """The way of a call, from the company's point of view."""

    IN = "in"
    OUT = "out"
    INTERNAL = "internal"


class Outcome(Word):
    """How a call ended (D-24). NO_ANSWER: the client did not take our call. IGNORED: the network refused it."""

    ANSWERED = "answered"
    MISSED = "missed"
    NO_ANSWER = "no_answer"
    IGNORED = "ignored"


class MissPlace(Word):
    """Where a missed call was lost."""

    EMPLOYEE = "employee"
    GROUP = "group"
    IVR = "ivr"


class Part(Word):
    """What an agent had to do with the call."""

    OFFERED = "offered"
    ANSWERED = "answered"
    CALLER = "caller"
    DISPATCHING = "dispatching"


@dataclass(frozen=True, slots=True)
class Participation:
    """One agent's part in a call; `at` is when it began."""

    part: Part
    agent: Agent
    at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One accepted delivery.

    `call` is the provider's id of the call, form or dialogue; `key` tells deliveries of the same call apart and is
    equal for repeated ones (D-07). `client` is E.164. Times are aware UTC. Whatever the provider did not say is None
    or empty. `extra` keeps what nobody understood.

    Where a provider's events come in parallel (telephony.md 0, fact 6), `follows` holds the keys of those that must
    have come before this one, None when that cannot be told, and `ripe_at` is when it is acted upon even without them.
    """

    provider: str
    call: str
    key: str
    moment: Moment
    at: datetime
    kind: EventKind = EventKind.CALL
    call_type: CallType | None = None
    client: str | None = None
    client_hidden: bool = False
    line: str | None = None
    parts: tuple[Participation, ...] = ()
    outcome: Outcome | None = None
    missed_in: MissPlace | None = None
    voicemail: bool = False
    status: str | None = None
    started_at: datetime | None = None
    wait_seconds: int | None = None
    talk_seconds: int | None = None
    total_seconds: int | None = None
    recording: str | None = None
    attribution: Mapping[str, str] = field(default_factory=dict)
    department: str | None = None
    person_name: str | None = None
    person_email: str | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    follows: tuple[str, ...] | None = None
    ripe_at: datetime | None = None

    @property
    def is_remark(self) -> bool:
        """Whether it is only for whoever reads the journal: nothing of it is known of the call, or done for it."""
        alone = Event(self.provider, self.call, self.key, Moment.RING, self.at, extra=self.extra)
        return self == alone


ATTRIBUTION = (
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_content",
    "utm_term",
    "client_id",
    "landing",
    "referrer",
    "keyword",
    "pool",
    "insertion",
    "remote_ip",
)
"""The visit's data under their neutral names (O-23, O-25)."""
