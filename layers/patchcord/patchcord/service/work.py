"""One run over one call: what it works on, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from patchcord.crm.port import Crm
from patchcord.model.effects import TaskKind
from patchcord.model.events import Event
from patchcord.model.settings import Settings
from patchcord.model.timeline import Timeline
from patchcord.service.clients import Index
from patchcord.service.clock import Deadline
from patchcord.service.gate import Gate
from patchcord.service.journal import EffectState
from patchcord.service.projects import Project
from patchcord.store.port import Claim, Entry

CALLBACK, CLOSED = f"task:{TaskKind.CALLBACK.value}", f"close:{TaskKind.CALLBACK.value}"
"""The keys of a call's own callback task, and of completing an earlier call's."""


class Status(StrEnum):
    """What became of an event for now. WAITING and PARKED are brought back by the promise."""

    DONE = "done"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    WAITING = "waiting"
    PARKED = "parked"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Report:
    """What was done for an event: the situation, the effects as they stand, and for WAITING the pause that is wise."""

    status: Status
    situation: str = ""
    reason: str = ""
    rules: tuple[str, ...] = ()
    effects: Mapping[str, EffectState] = field(default_factory=dict)
    retry_after: timedelta | None = None


@dataclass
class Work:
    """One run over one call."""

    project: Project
    entry: Entry
    claim: Claim
    deadline: Deadline
    again: bool
    timeline: Timeline
    crm: Crm
    gate: Gate
    states: dict[str, EffectState]
    index: Index
    unripe: tuple[Event, ...]
    looked: bool = False

    @property
    def settings(self) -> Settings:
        return self.project.settings
