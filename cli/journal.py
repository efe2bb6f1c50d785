"""The journal as commands read it: one call by its id, the calls of some days, and what each of them is in a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from cli.failures import missing, usage
from patchcord.model.employees import Agent, Directory
from patchcord.model.phone import masked
from patchcord.model.timeline import Timeline, fold
from patchcord.service.journal import State, effect_state, events_of
from patchcord.store.port import CallKey, Entry, Store

PROVIDERS = ("ringostat", "mango", "site")


def call_of(store: Store, project: str, word: str, usual: str) -> Entry:
    """A call by `provider:id`, or by its id alone if that is unique; `usual` is the project's own provider.

    Raises Failure when there is none, or when the id is that of several.
    """
    provider, _, id = word.partition(":")
    keys = [CallKey(project, name, word) for name in dict.fromkeys((usual, *PROVIDERS))]
    if provider in PROVIDERS and id:
        keys.insert(0, CallKey(project, provider, id))
    entries = [entry for key in keys if (entry := store.entry(key)) is not None]
    if len(entries) > 1:
        raise usage(f"several calls have the id {word}", f"Say which: {', '.join(named(entry) for entry in entries)}.")
    if not entries:
        raise missing(f"the journal of {project} has no call {word}", "`patchcord calls` lists them; they are kept for 90 days.")
    return entries[0]


def named(entry: Entry) -> str:
    """A call as `call_of` takes it."""
    return f"{entry.key.provider}:{entry.key.call}"


def days(first: date, last: date) -> list[str]:
    """The days from the last back to the first, as the journal names them."""
    return [(last - timedelta(days=back)).isoformat() for back in range((last - first).days + 1)]


def calls_of(store: Store, project: str, of_days: Iterable[str]) -> Iterator[Entry]:
    """The calls first heard of on these days, in their order, the newest of each day first."""
    for day in of_days:
        after: str | None = None
        while True:
            page = store.calls(project, day, after=after)
            yield from page.entries
            after = page.next
            if after is None:
                break


@dataclass(frozen=True, slots=True)
class Line:
    """A call in a line. `status`: `open` (something is still to be done), `failed` (the CRM refused something), `ignored`,
    `done`."""

    call: str
    heard: str
    client: str
    way: str
    situation: str
    reason: str
    status: str
    employees: tuple[str, ...]
    written: tuple[str, ...]


def line_of(entry: Entry, directory: Directory, *, numbers: bool = False) -> Line:
    """A call in a line; the client's number is masked unless `numbers`."""
    decision = json.loads(entry.decision) if entry.decision else {}
    states = [effect_state(text) for text in entry.effects.values()]
    timeline = timeline_of(entry)
    client = timeline.client if timeline else None
    return Line(
        call=named(entry),
        heard=f"{entry.at:%Y-%m-%d %H:%M:%S}" if entry.at else "",
        client=(client or "") if numbers else masked(client) if client else "",
        way=(timeline.call_type.value if timeline.call_type else timeline.kind.value) if timeline else "",
        situation=decision.get("situation", ""),
        reason=decision.get("reason", ""),
        status=status_of(entry, decision.get("situation", "")),
        employees=employees_of(timeline, directory) if timeline else (),
        written=tuple(state.what for state in states if state.state is State.DONE),
    )


def timeline_of(entry: Entry) -> Timeline | None:
    """All that is known of a call; None for one of which only effects are left."""
    events = events_of(entry)
    return fold(events) if events else None


def status_of(entry: Entry, situation: str) -> str:
    """How far a call is."""
    if set(entry.events) - entry.settled:
        return "open"
    if any(effect_state(text).state is State.FAILED for text in entry.effects.values()):
        return "failed"
    return "ignored" if situation == "ignored" else "done"


def employees_of(timeline: Timeline, directory: Directory) -> tuple[str, ...]:
    """Who had a part in a call: employees' keys, else the directions."""
    agents = (*timeline.handlers, *timeline.offered_to, timeline.caller, timeline.dispatching)
    return tuple(dict.fromkeys(person(agent, directory) for agent in agents if agent is not None))


def person(agent: Agent, directory: Directory) -> str:
    """An agent as an employee's key, else as the telephony names it."""
    employee = directory.find(agent)
    return employee.key if employee is not None else agent.direction
