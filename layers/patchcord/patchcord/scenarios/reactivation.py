"""After the integration was off: which calls of that time are sent again, in which order, and when their tasks are due.

Sources: P-PD-10…13, O-49, O-61, D-33; the setting must be on before the integration is switched on again (P-PD-11).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from patchcord.model.effects import CreateTask, Decision, Effect
from patchcord.model.settings import Settings

CAUGHT_UP = "caught_up_at"
"""What marks an event that was taken in late, among its extra fields: deadlines count from then (D-33)."""
LONGEST = 30
"""Days back that can be asked for."""


@dataclass(frozen=True, slots=True)
class Resent:
    """What becomes of the calls: those that are sent again, oldest first, and those that are left alone."""

    sent: tuple[datetime, ...] = ()
    left: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """What a version of the settings says of the integration, and since when it is in force. `ticked`: calls of the time
    while it was off are to be sent again."""

    at: datetime
    enabled: bool
    ticked: bool = False


@dataclass(frozen=True, slots=True)
class Activation:
    """When the integration was switched on, and whether it had been on before: the first time there is nothing to send again.

    `ticked` is what the settings said then: ticking it later is of no effect (P-PD-11).
    """

    at: datetime
    again: bool = False
    ticked: bool = False


def reach(settings: Settings) -> int:
    """How many days are looked back, the day of re-activation included (P-PD-13, O-61)."""
    kept = settings.events.retention
    days = settings.resend.days if kept is None else min(settings.resend.days, kept)
    return max(0, min(days, LONGEST))


def resent_since(activated: datetime, settings: Settings, resend: bool | None = None) -> datetime | None:
    """From when on calls are sent again: midnight in the project's zone, so many days back; None when none are.

    `resend` overrules the setting: somebody asked for it.
    """
    wanted = settings.resend.on_reactivation if resend is None else resend
    days = reach(settings)
    if not wanted or not days:
        return None
    zone = ZoneInfo(settings.timezone)
    first = activated.astimezone(zone).date() - timedelta(days=days - 1)
    return datetime.combine(first, time(), zone).astimezone(UTC)


def resent(calls: Iterable[datetime], activated: datetime, settings: Settings, resend: bool | None = None) -> Resent:
    """Which of the calls that began at these times are sent again. What came after the re-activation is not among them."""
    since = resent_since(activated, settings, resend)
    ordered = sorted(calls)
    sent = tuple(at for at in ordered if since is not None and since <= at < activated)
    return Resent(sent, tuple(at for at in ordered if at not in sent and at < activated))


def activation(versions: Sequence[Version]) -> Activation | None:
    """Since when the integration is on; None when it is off. `versions` are all of them, newest first."""
    off = next((index for index, version in enumerate(versions) if not version.enabled), len(versions))
    if off == 0:
        return None
    first = versions[off - 1]
    return Activation(first.at, any(version.enabled for version in versions[off:]), first.ticked)


def due_from(decision: Decision, ended_at: datetime | None, now: datetime, settings: Settings) -> Decision:
    """The decision for a call that is sent again: it keeps its times, but deadlines count from now (D-33)."""
    return replace(decision, effects=tuple(_due_from(effect, ended_at, now, settings) for effect in decision.effects))


def _due_from(effect: Effect, ended_at: datetime | None, now: datetime, settings: Settings) -> Effect:
    if not isinstance(effect, CreateTask) or effect.due_in is None or (ended_at is not None and ended_at >= now):
        return effect
    business = settings.calendar is not None and settings.tasks.deadline_clock == "business"
    due = settings.calendar.after(now, effect.due_in) if business and settings.calendar else now + effect.due_in
    return replace(effect, due_at=due)
