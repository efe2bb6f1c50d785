"""The timeline of a call: its events folded into one picture, whatever their order or number (design 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from patchcord.model.employees import Agent
from patchcord.model.events import RANK, CallType, Event, EventKind, MissPlace, Moment, Outcome, Part


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything known of one call, form or dialogue.

    `handlers` are the agents who talked, first to last; `offered_to` those who were rung, in order. `recording_late`
    says that the recording came after the end had been told (D-28). `outcome` is None while the call still rings.
    """

    kind: EventKind
    provider: str
    call: str
    moments: frozenset[Moment]
    call_type: CallType | None = None
    client: str | None = None
    hidden: bool = False
    line: str | None = None
    outcome: Outcome | None = None
    missed_in: MissPlace | None = None
    voicemail: bool = False
    status: str | None = None
    handlers: tuple[Agent, ...] = ()
    offered_to: tuple[Agent, ...] = ()
    caller: Agent | None = None
    dispatching: Agent | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    wait_seconds: int | None = None
    talk_seconds: int | None = None
    recording: str | None = None
    recording_late: bool = False
    attribution: Mapping[str, str] = field(default_factory=dict)
    department: str | None = None
    person_name: str | None = None
    person_email: str | None = None
    form: Mapping[str, str] = field(default_factory=dict)

    def reached(self, moment: Moment) -> bool:
        """Whether what is due at `moment` is due by now: it or a later one was seen (D-08)."""
        return any(RANK[seen] >= RANK[moment] for seen in self.moments)


def fold(events: Iterable[Event]) -> Timeline:
    """The timeline of the events of one call. Any permutation and duplication of them gives the same timeline.

    Raises ValueError without events, or when they belong to different calls.
    """
    ordered = sorted({event.key: event for event in events}.values(), key=_place)
    if not ordered:
        raise ValueError("a timeline needs at least one event")
    if len({(event.provider, event.call) for event in ordered}) > 1:
        raise ValueError("the events belong to different calls")
    last = ordered[-1]
    ends = [event for event in ordered if event.moment is Moment.END]
    outcome_event = _decisive(ends)
    handlers = _handlers(ordered)
    outcome = outcome_event.outcome if outcome_event else Outcome.ANSWERED if handlers else None
    recorded = _last(ordered, "recording")
    moments = {event.moment for event in ordered}
    recording_late = recorded is not None and (
        recorded.moment is Moment.RECORDING or any(event.recording is None for event in ends)
    )
    if recording_late:
        moments.add(Moment.RECORDING)
    return Timeline(
        kind=last.kind,
        provider=last.provider,
        call=last.call,
        moments=frozenset(moments),
        call_type=_value(ordered, "call_type"),
        client=_value(ordered, "client"),
        hidden=any(event.client_hidden for event in ordered) and all(event.client is None for event in ordered),
        line=_value(ordered, "line"),
        outcome=outcome,
        missed_in=outcome_event.missed_in if outcome_event else None,
        voicemail=outcome is Outcome.MISSED and any(event.voicemail for event in ends),
        status=outcome_event.status if outcome_event else None,
        handlers=handlers if outcome is not Outcome.MISSED else (),
        offered_to=_agents(ordered, Part.OFFERED),
        caller=_first_agent(ordered, Part.CALLER),
        dispatching=_first_agent(ordered, Part.DISPATCHING),
        started_at=min((event.started_at for event in ordered if event.started_at), default=ordered[0].at),
        ended_at=_ended_at(outcome_event) if outcome_event else last.at,
        wait_seconds=_value(ordered, "wait_seconds"),
        talk_seconds=outcome_event.talk_seconds if outcome_event else None,
        recording=recorded.recording if recorded else None,
        recording_late=recording_late,
        attribution=_merged(ordered, "attribution"),
        department=_value(ordered, "department"),
        person_name=_value(ordered, "person_name"),
        person_email=_value(ordered, "person_email"),
        form=_merged(ordered, "form"),
    )


def _place(event: Event) -> tuple[int, datetime, str]:
    return RANK[event.moment], event.at, event.key


def _decisive(ends: list[Event]) -> Event | None:
    """Of several end events the one that tells of a conversation; talk wins over every word (telephony.md 6)."""
    told = [event for event in ends if event.outcome is not None]
    answered = [event for event in told if event.outcome is Outcome.ANSWERED]
    return answered[-1] if answered else told[-1] if told else None


def _handlers(ordered: list[Event]) -> tuple[Agent, ...]:
    """Who talked, first to last. An end event names one talker only: it adds one that no answer event told of."""
    handlers = list(_agents([event for event in ordered if event.moment is not Moment.END], Part.ANSWERED))
    for agent in _agents([event for event in ordered if event.moment is Moment.END], Part.ANSWERED):
        # a bare name identifies nobody, so it adds nobody to those who are known (telephony.md 1.4)
        if not handlers or (agent.is_identified and not any(agent.same_as(other) for other in handlers)):
            handlers.append(agent)
    return tuple(handlers)


def _agents(events: list[Event], part: Part) -> tuple[Agent, ...]:
    """The agents with this part, in the order of time, each run of the same agent once."""
    taken = sorted(
        ((item.at, index, item.agent) for index, event in enumerate(events) for item in event.parts if item.part is part),
        key=lambda entry: entry[:2],
    )
    agents: list[Agent] = []
    for _, _, agent in taken:
        if not agents or not agent.same_as(agents[-1]):
            agents.append(agent)
    return tuple(agents)


def _first_agent(events: list[Event], part: Part) -> Agent | None:
    for event in reversed(events):
        for item in event.parts:
            if item.part is part:
                return item.agent
    return None


def _ended_at(event: Event) -> datetime:
    if event.started_at is not None and event.total_seconds is not None:
        return event.started_at + timedelta(seconds=event.total_seconds)
    return event.at


def _value(events: list[Event], name: str) -> Any:
    found = _last(events, name)
    return None if found is None else getattr(found, name)


def _last(events: list[Event], name: str) -> Event | None:
    """The event of the latest moment that tells the value."""
    for event in reversed(events):
        if getattr(event, name) is not None:
            return event
    return None


def _merged(events: list[Event], name: str) -> dict[str, str]:
    merged: dict[str, str] = {}
    for event in events:
        merged.update(getattr(event, name))
    return merged
