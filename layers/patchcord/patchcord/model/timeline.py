"""The timeline of a call: its events folded into one picture, whatever their order or number (design 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    `rank` is that of the latest moment seen.
    """

    kind: EventKind
    provider: str
    call: str
    moments: frozenset[Moment]
    rank: int = 0
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
        return RANK[moment] <= self.rank


def fold(events: Iterable[Event]) -> Timeline:
    """The timeline of the events of one call. Any permutation and duplication of them gives the same timeline.

    Raises ValueError without events, or when they belong to different calls.
    """
    given = list(events)
    if not given:
        raise ValueError("a timeline needs at least one event")
    if len({(event.provider, event.call) for event in given}) > 1:
        raise ValueError("the events belong to different calls")
    ordered = sorted({event.key: event for event in given}.values(), key=_place)
    last = ordered[-1]
    ends = [event for event in ordered if event.moment is Moment.END]
    outcome_event = _decisive(ends)
    parts = _parts(ordered)
    handlers = _handlers(parts)
    outcome = outcome_event.outcome if outcome_event else Outcome.ANSWERED if handlers else None
    recorded = _last(ordered, "recording")
    moments = {event.moment for event in ordered}
    if Moment.END not in moments:
        moments.discard(Moment.RECORDING)  # a recording may be told of while the call goes on
    told = _told(ordered)
    recording_late = recorded is not None and (
        recorded.moment is Moment.RECORDING or any(event.recording is None for event in ends if event.outcome is not None)
    )
    if recording_late and ends:
        moments.add(Moment.RECORDING)
    return Timeline(
        kind=last.kind,
        provider=last.provider,
        call=last.call,
        moments=frozenset(moments),
        rank=max((RANK[moment] for moment in moments), default=0),
        call_type=told.get("call_type"),
        client=told.get("client"),
        hidden=any(event.client_hidden for event in ordered) and all(event.client is None for event in ordered),
        line=told.get("line"),
        outcome=outcome,
        missed_in=_miss_place(ordered) if outcome is Outcome.MISSED else None,
        voicemail=outcome is Outcome.MISSED and any(event.voicemail for event in ends),
        status=outcome_event.status if outcome_event else None,
        handlers=handlers if outcome is not Outcome.MISSED else (),
        offered_to=_in_order(parts.get(Part.OFFERED, ())),
        caller=_latest(parts.get(Part.CALLER, ())),
        dispatching=_latest(parts.get(Part.DISPATCHING, ())),
        started_at=_started_at(ordered),
        ended_at=_ended_at(outcome_event) if outcome_event else last.at,
        wait_seconds=told.get("wait_seconds"),
        talk_seconds=outcome_event.talk_seconds if outcome_event else None,
        recording=recorded.recording if recorded else None,
        recording_late=recording_late,
        attribution=_merged(ordered, "attribution"),
        department=told.get("department"),
        person_name=told.get("person_name"),
        person_email=told.get("person_email"),
        form={} if last.kind is EventKind.CALL else _merged(ordered, "form"),
    )


def _place(event: Event) -> tuple[int, datetime, str]:
    return RANK[event.moment], event.at, event.key


def _decisive(ends: list[Event]) -> Event | None:
    """Of several end events the one that tells of a conversation; talk wins over every word (telephony.md 6)."""
    told = [event for event in ends if event.outcome is not None]
    answered = [event for event in told if event.outcome is Outcome.ANSWERED]
    return answered[-1] if answered else told[-1] if told else None


def _miss_place(ordered: list[Event]) -> MissPlace | None:
    """Where a call got lost: a group if it was ever distributed to one (S4-41, telephony.md 6), else where its end says."""
    told = [event.missed_in for event in ordered if event.missed_in is not None]
    return MissPlace.GROUP if MissPlace.GROUP in told else told[-1] if told else None


Taken = tuple[datetime, int, Moment, Agent]
"""An agent's part: when it began, which event told of it, at which moment, and who."""


def _parts(ordered: list[Event]) -> dict[Part, list[Taken]]:
    """Who had which part in the call, in the order of the events."""
    parts: dict[Part, list[Taken]] = {}
    for index, event in enumerate(ordered):
        for item in event.parts:
            parts.setdefault(item.part, []).append((item.at, index, event.moment, item.agent))
    return parts


def _handlers(parts: Mapping[Part, list[Taken]]) -> tuple[Agent, ...]:
    """Who talked, first to last. An end event names one talker only: it adds one that no answer event told of."""
    talked = parts.get(Part.ANSWERED)
    if not talked:
        return ()
    handlers = list(_in_order([taken for taken in talked if taken[2] is not Moment.END]))
    for agent in _in_order([taken for taken in talked if taken[2] is Moment.END]):
        # a bare name identifies nobody, so it adds nobody to those who are known (telephony.md 1.4)
        if not handlers or (agent.is_identified and not any(agent.same_as(other) for other in handlers)):
            handlers.append(agent)
    return tuple(handlers)


def _in_order(taken: Sequence[Taken]) -> tuple[Agent, ...]:
    """The agents in the order of time, each run of the same agent once."""
    agents: list[Agent] = []
    for *_, agent in sorted(taken, key=lambda part: part[:2]) if len(taken) > 1 else taken:
        if not agents or not agent.same_as(agents[-1]):
            agents.append(agent)
    return tuple(agents)


def _latest(taken: Sequence[Taken]) -> Agent | None:
    return taken[-1][3] if taken else None


def _started_at(ordered: list[Event]) -> datetime:
    """When the call began, as told, else when it was first heard of."""
    told = [event.started_at for event in ordered if event.started_at is not None]
    return min(told) if told else min(event.at for event in ordered)


def _ended_at(event: Event) -> datetime:
    if event.started_at is not None and event.total_seconds is not None:
        return event.started_at + timedelta(seconds=event.total_seconds)
    return event.at


_TOLD = ("call_type", "client", "line", "wait_seconds", "department", "person_name", "person_email")


def _told(ordered: list[Event]) -> dict[str, Any]:
    """Each value as the event of the latest moment tells it."""
    told: dict[str, Any] = {}
    for event in ordered:
        for name in _TOLD:
            value = getattr(event, name)
            if value is not None:
                told[name] = value
    return told


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


def ripe(events: Iterable[Event], now: datetime) -> tuple[Event, ...]:
    """The events that may be acted upon: their time has come, or all that must have come before them is there."""
    by_key = {event.key: event for event in events}
    return tuple(event for event in by_key.values() if is_ripe(event, now) or _has_its_past(event, by_key))


def is_ripe(event: Event, now: datetime) -> bool:
    """Whether nothing more is waited for, whatever else has come."""
    return event.ripe_at is None or event.ripe_at <= now


def _has_its_past(event: Event, by_key: Mapping[str, Event]) -> bool:
    """Whether every event that this one follows is there, and theirs as well."""
    waiting, seen = [event], {event.key}
    while waiting:
        follows = waiting.pop().follows
        if follows is None or not by_key.keys() >= set(follows):
            return False
        waiting += [by_key[key] for key in follows if key not in seen]
        seen.update(follows)
    return True
