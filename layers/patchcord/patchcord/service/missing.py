"""What the journal lacks of what a telephony provider lists: whole calls, ends, recordings (telephony.md 6).

The journal of each listed call is read once. An event is missing when nothing there tells what it tells; what came by
webhook counts, under whatever key it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from patchcord.model.events import Event, Moment
from patchcord.service.journal import events_of
from patchcord.store.port import CallKey, Entry


@dataclass(frozen=True, slots=True)
class Listed:
    """A call as the provider lists it: the events that would have told of it, the end first."""

    events: tuple[Event, ...]

    @property
    def call(self) -> str:
        return self.events[0].call

    @property
    def began(self) -> datetime:
        end = self.events[0]
        return end.started_at or end.at


@dataclass(frozen=True, slots=True)
class Found:
    """What the provider listed: `odd` rows could not be read, of the periods in `cut` calls may be missing. `more`: the rest
    comes with the next run."""

    calls: tuple[Listed, ...] = ()
    odd: int = 0
    cut: tuple[tuple[datetime, datetime], ...] = field(default=())
    more: bool = False


def missing(listed: Listed, entry: Entry | None) -> Iterator[Event]:
    """The events of a listed call that its journal lacks, in their order."""
    known = [] if entry is None else events_of(entry)
    recorded = any(event.recording is not None for event in known)
    ended = any(event.moment is Moment.END and event.outcome is not None for event in known)
    keys = {event.key for event in known}
    for event in listed.events:
        if event.key in keys:
            continue
        tells_end = event.outcome is not None and not ended
        tells_recording = event.recording is not None and not recorded
        if event.moment is Moment.RECORDING or tells_end or tells_recording:
            yield event


def in_order(calls: Iterable[Listed]) -> list[Listed]:
    """The calls by the time they began (D-33)."""
    return sorted(calls, key=lambda listed: (listed.began, listed.call))


def key_of(project: str, listed: Listed) -> CallKey:
    return CallKey(project, listed.events[0].provider, listed.call)
