"""What a call leaves for routing by calls: who of us spoke, or tried to speak, with the client (S1-17…S1-29, C-20)."""

from __future__ import annotations

from patchcord.model.events import CallType, EventKind, Moment, Outcome
from patchcord.model.records import Client
from patchcord.model.settings import Settings
from patchcord.model.talks import Talk
from patchcord.model.timeline import Timeline
from patchcord.scenarios.matches import match
from patchcord.scenarios.people import owner_of
from patchcord.scenarios.routing import needs_talks


def talk_of(timeline: Timeline, settings: Settings) -> Talk | None:
    """The call as routing remembers it, once it has ended; None if nobody of ours took part, or nothing looks at calls.

    Employees without a CRM user count: they can be rung.
    """
    if not needs_talks(settings) or not timeline.reached(Moment.END) or timeline.started_at is None:
        return None
    outgoing, successful = timeline.call_type is CallType.OUT, timeline.outcome is Outcome.ANSWERED
    if timeline.call_type is CallType.INTERNAL or not (outgoing or successful):
        return None
    agents = (timeline.caller,) if outgoing else timeline.handlers
    found = [employee for agent in agents if agent is not None and (employee := settings.directory.find(agent)) is not None]
    if not found:
        return None
    return Talk(found[-1].key, CallType.OUT if outgoing else CallType.IN, timeline.started_at, successful)


def is_talk(timeline: Timeline) -> bool:
    """Whether the call has ended and somebody of ours spoke with the client, in or out."""
    is_call = timeline.kind is EventKind.CALL and timeline.call_type is not CallType.INTERNAL
    return is_call and timeline.reached(Moment.END) and timeline.outcome is Outcome.ANSWERED


def responsible_of(client: Client, settings: Settings) -> str | None:
    """The key of the employee who is a client's responsible by his records, None when there is none to be told."""
    record = match(client, settings).responsible_record
    owner = None if record is None else owner_of(record, settings)
    return None if owner is None else owner.key
