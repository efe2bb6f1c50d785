"""What the pure decision says of a day: the script by which the play is judged.

Ringostat's day with Pipedrive is scripted by hand (`day.py`), and a test holds this one equal to it. For every other day the
clients' records are kept here as the calls make them, each delivery is read and decided with the product's own pure parts,
and the whole way (handlers, queue, journal, CRM) has to come to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib import import_module
from typing import Any, cast

from patchcord.model.effects import CreateRecord, Effect, Made, UpdateRecord
from patchcord.model.events import Event, Moment
from patchcord.model.records import Client, Record
from patchcord.model.roster import Roster, needs_roster, with_roster
from patchcord.model.settings import Settings
from patchcord.model.timeline import Timeline, fold, is_ripe, ripe
from patchcord.scenarios.decide import decide
from patchcord.scenarios.owners import with_right_owners
from patchcord.scenarios.screen import nothing_due, screen
from patchcord.telephony.port import HttpRequest, Reading, Telephony
from sandbox.player.delivery import Delivery
from sandbox.player.scene import ACKNOWLEDGED, AGAIN, REFUSALS, TOGETHER, Expected, Scene, done, ignored

HELD = Expected(202, "accepted")
"""Nothing is known of it yet: others may follow that came about before it."""


@dataclass
class Script:
    """The clients as the CRM knows them so far, and what the next scene has to come to."""

    settings: Settings
    known: dict[str, list[Record]] = field(default_factory=dict)
    roster: Roster | None = None
    made: int = 0

    def of(self, scenes: Iterable[Scene[Any]]) -> Iterator[Scene[Any]]:
        """The scenes with what is to be expected of each delivery."""
        for scene in scenes:
            yield replace(scene, expects=tuple(self._scene(scene)))

    def _scene(self, scene: Scene[Any]) -> Sequence[Expected]:
        if scene.spoilt is not None:
            return [REFUSALS[scene.spoilt] for _ in scene.deliveries]
        client = scene.call.client or ""
        rehearsal = _Rehearsal(self.settings, self.roster, tuple(self.known.get(client, ())))
        for delivery in scene.deliveries:
            rehearsal.delivered(delivery)
        rehearsal.wait()
        self.known.setdefault(client, []).extend(self._records(rehearsal.calls.values()))
        *expected, last = rehearsal.expected
        return [*expected, replace(last, http=202) if scene.trouble is not None and last.writes else last]

    def _records(self, calls: Iterable[_Call]) -> Iterator[Record]:
        for call in calls:
            for effect in call.effects.values():
                if isinstance(effect, CreateRecord):
                    self.made += 1
                    owner = _user(call.owners[effect.key], self.settings) if self.settings.vendor.owners else None
                    yield Record(effect.kind, f"made-{self.made}", owner=owner)


def _user(employee: str | None, settings: Settings) -> str | None:
    found = settings.employees.get(employee or "")
    return found.crm_user if found is not None else None


@dataclass
class _Rehearsal:
    """The deliveries of a scene, one after another. Those that were only accepted are finished before a later one comes."""

    settings: Settings
    roster: Roster | None
    records: tuple[Record, ...]
    calls: dict[str, _Call] = field(default_factory=dict)
    expected: list[Expected] = field(default_factory=list)
    open: list[tuple[int, datetime, _Call]] = field(default_factory=list)

    def delivered(self, delivery: Delivery) -> None:
        if self.open and delivery.at - self.open[0][1] >= TOGETHER:
            self.wait()
        event = _read(delivery, self.settings)
        if event is None:
            self.expected.append(ACKNOWLEDGED)
            return
        call = self.calls.setdefault(event.call, _Call(self.settings, self.roster, self.records))
        expected = call.delivered(event, delivery.at)
        if expected.http == HELD.http:
            self.open.append((len(self.expected), delivery.at, call))
        self.expected.append(expected)

    def wait(self) -> None:
        """Time goes by: what was accepted is carried out, and what that writes is the first one's."""
        for place, _, call in self.open:
            final, own = call.carried_out(self.open[-1][1] + TOGETHER), self.expected[place]
            self.expected[place] = replace(final, http=own.http, writes=(*own.writes, *final.writes))
        self.open.clear()


@dataclass
class _Call:
    """One call as the journal knows it, delivery by delivery."""

    settings: Settings
    roster: Roster | None
    records: tuple[Record, ...]
    events: dict[str, Event] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    effects: dict[str, Effect] = field(default_factory=dict)
    owners: dict[str, str | None] = field(default_factory=dict)

    def delivered(self, event: Event, now: datetime) -> Expected:
        """What comes of an event at once."""
        if event.key in self.settled:
            return AGAIN
        self.events[event.key] = event
        alone = fold([event])
        screened = screen(alone, self.settings)
        if screened is not None:
            self.settled.add(event.key)
            return ignored(screened[0])
        nothing = nothing_due(alone, self.settings)
        if nothing is not None:
            self.settled.add(event.key)
            if event.moment is not Moment.END and self._has_ended(now):
                return self.carried_out(now)
            return replace(done(nothing.situation), reason=nothing.reason)
        if event.follows is None and not is_ripe(event, now):
            return HELD
        return self.carried_out(now)

    def carried_out(self, now: datetime) -> Expected:
        """What the call's events come to, as far as they may be acted upon."""
        due = ripe(self.events.values(), now)
        http = 200 if len(due) == len(self.events) else 202
        if not due:
            return HELD
        self.settled.update(event.key for event in due)
        timeline = self._told_apart(fold(due))
        decision = decide(timeline, Client(timeline.client, self.records), self.settings)
        if decision.situation == "ignored":
            return replace(ignored(decision.reason), http=http)
        decision = with_right_owners(decision, timeline, self.owners)
        new = {effect.key: effect for effect in decision.effects if effect.key not in self.effects}
        self.effects |= new
        for effect in new.values():
            self._note_owner(effect)
        return Expected(http, "done", decision.situation, decision.reason, tuple(new))

    def _told_apart(self, timeline: Timeline) -> Timeline:
        """With groups told from employees, where a short number stands in no settings."""
        if self.roster is None or not needs_roster(timeline, self.settings.directory):
            return timeline
        return with_roster(timeline, self.roster)

    def _note_owner(self, effect: Effect) -> None:
        if isinstance(effect, CreateRecord):
            self.owners[effect.key] = effect.owner
        elif isinstance(effect, UpdateRecord) and effect.about == "owner" and isinstance(effect.target, Made):
            self.owners[effect.target.key] = effect.owner

    def _has_ended(self, now: datetime) -> bool:
        return any(event.moment is Moment.END and is_ripe(event, now) for event in self.events.values())


def _read(delivery: Delivery, settings: Settings) -> Event | None:
    """The event in a delivery, by the provider's own module."""
    headers = {name.lower(): value for name, value in delivery.headers.items()}
    request = HttpRequest(delivery.method, delivery.at, dict(delivery.query), headers, delivery.body)
    rules = settings.telephony
    reading = Reading(settings.phone.default_region, settings.timezone, rules.key_map, rules.keep_direct)
    provider = cast(Telephony, import_module(f"patchcord.telephony.{delivery.provider}"))
    return provider.read(request, _hint(delivery), reading)


def _hint(delivery: Delivery) -> str:
    """What follows the provider's name, as its functions tell it: Ringostat's are `in.after`, MANGO's `events/call`."""
    return delivery.hint.replace("/", ".") if delivery.provider == "ringostat" else delivery.hint
