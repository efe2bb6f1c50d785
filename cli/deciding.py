"""Decisions made again from the journal, and what differs between two of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from patchcord.model.effects import Decision, Effect
from patchcord.model.events import Event
from patchcord.model.records import Client
from patchcord.model.roster import Roster, needs_roster, with_roster
from patchcord.model.settings import Settings
from patchcord.model.timeline import Timeline, fold, ripe
from patchcord.scenarios.afterwards import with_afterwards
from patchcord.scenarios.decide import decide
from patchcord.service.journal import EffectState, effect_state, events_of, made_for, snapshot
from patchcord.service.writing import in_words
from patchcord.store.port import Entry

Rosters = Callable[[], Roster | None]

PERSONAL = frozenset({"name", "phone", "email", "title", "text", "note", "recording", "attribution", "fields"})
"""What of an effect may hold a client's data: that it differs is told, not how."""
NOT_WRITTEN = frozenset({"key", "rules"})


def nobody() -> Roster | None:
    """No roster: short numbers stay short numbers."""
    return None


def timeline_at(events: list[Event], now: datetime, settings: Settings, rosters: Rosters = nobody) -> Timeline:
    """What is known of a call by now, groups told from employees as when it was carried out."""
    timeline = fold(ripe(events, now) or events)
    if not needs_roster(timeline, settings.directory):
        return timeline
    roster = rosters()
    return timeline if roster is None else with_roster(timeline, roster)


def client_of(entry: Entry, timeline: Timeline) -> Client:
    """The client as the call has found it; a new one when nobody has looked."""
    if entry.client is None:
        return Client(timeline.client)
    return snapshot(entry.client, timeline.client).client


def states_of(entry: Entry) -> dict[str, EffectState]:
    """The effects of a call as they stand."""
    return {key: effect_state(text) for key, text in entry.effects.items()}


def decided_again(entry: Entry, settings: Settings, now: datetime, rosters: Rosters = nobody, *, anew: bool = False) -> Decision:
    """What these settings make of a call that is in the journal. Raises ValueError for one without events.

    `anew`: as if nothing were written yet, so that two settings are compared and not what one of them has left behind.
    """
    timeline = timeline_at(events_of(entry), now, settings, rosters)
    return decision_of(timeline, client_of(entry, timeline), settings, {} if anew else states_of(entry))


def decision_of(timeline: Timeline, client: Client, settings: Settings, states: Mapping[str, EffectState]) -> Decision:
    """The decision, with the owners of what the call has made put right."""
    return with_afterwards(decide(timeline, client, settings), timeline, made_for(states))


@dataclass(frozen=True, slots=True)
class Planned:
    """An effect in words. `whose` is an employee's key or a role's person; `due` when a task is due."""

    key: str
    what: str
    at: str
    whose: str
    due: str
    rules: tuple[str, ...]


def planned(effect: Effect) -> Planned:
    """An effect as a person reads it, without a client's data."""
    whose = next((value for name in ("owner", "assignee", "author") if (value := getattr(effect, name, None))), "")
    due = getattr(effect, "due_at", None)
    return Planned(
        effect.key,
        in_words(effect),
        effect.at.value,
        whose,
        due.isoformat(timespec="seconds") if due else "",
        tuple(dict.fromkeys(effect.rules)),
    )


@dataclass(frozen=True, slots=True)
class Change:
    """What differs in a call's decision. `changed` says `key: field before → after`."""

    situation_before: str
    situation_after: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


def change_of(before: Decision, after: Decision) -> Change | None:
    """What differs between two decisions of one call; None when the same would be written."""
    old = {effect.key: effect for effect in before.effects}
    new = {effect.key: effect for effect in after.effects}
    change = Change(
        _situation(before),
        _situation(after),
        added=tuple(in_words(new[key]) for key in new if key not in old),
        removed=tuple(in_words(old[key]) for key in old if key not in new),
        changed=tuple(words for key in old if key in new for words in _differing(old[key], new[key])),
    )
    same = change.situation_before == change.situation_after and not (change.added or change.removed or change.changed)
    return None if same else change


def _situation(decision: Decision) -> str:
    return f"{decision.situation}: {decision.reason}" if decision.reason else decision.situation


def _differing(before: Effect, after: Effect) -> list[str]:
    """The fields of one effect that differ, in words."""
    if type(before) is not type(after):
        return [f"{before.key}: {in_words(before)} → {in_words(after)}"]
    names = [field.name for field in fields(before) if field.name not in NOT_WRITTEN]
    differing = [name for name in names if getattr(before, name) != getattr(after, name)]
    if "due_in" in differing and "due_at" in differing:
        differing.remove("due_at")  # the one follows from the other
    return [
        f"{before.key}: other {name}"
        if name in PERSONAL
        else f"{before.key}: {name} {_told(name, before)} → {_told(name, after)}"
        for name in differing
    ]


def _told(name: str, effect: Effect) -> str:
    value: Any = getattr(effect, name)
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes")
    if isinstance(value, tuple):
        return ", ".join(map(_short, value)) or "none"
    return "none" if value is None else str(value)


def _short(item: Any) -> str:
    """An attachment as `lead 17`, or the key of the effect that makes it; anything else as it is."""
    kind = getattr(item, "kind", None)
    return f"{kind} {getattr(item, 'id', None) or getattr(item, 'key', '')}" if kind is not None else str(item)
