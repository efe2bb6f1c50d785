"""What the pure decision says of a day: the script by which the play of any CRM is judged.

Pipedrive's day is scripted by hand (`day.py`), and a test holds this one equal to it. For the other CRMs the clients'
records are kept here as the calls make them, each delivery is read and decided with the product's own pure parts, and the
whole way (handlers, queue, journal, CRM) has to come to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from patchcord.model.effects import CreateRecord, Effect
from patchcord.model.events import Event
from patchcord.model.records import Client, Record
from patchcord.model.settings import Settings
from patchcord.model.timeline import Timeline, fold
from patchcord.scenarios.decide import decide
from patchcord.scenarios.screen import nothing_due, screen
from patchcord.telephony.port import HttpRequest, Reading
from patchcord.telephony.ringostat import read
from sandbox.player.day import AGAIN, NOBODY, UNREADABLE, Expected, Scene, done, ignored, later
from sandbox.player.ringostat import Delivery


@dataclass
class Script:
    """The clients as the CRM knows them so far, and what the next scene has to come to."""

    settings: Settings
    known: dict[str, list[Record]] = field(default_factory=dict)
    made: int = 0

    def of(self, scenes: Iterable[Scene]) -> Iterator[Scene]:
        """The scenes with what is to be expected of each delivery."""
        for scene in scenes:
            yield replace(scene, expects=tuple(self._scene(scene)))

    def _scene(self, scene: Scene) -> Iterator[Expected]:
        if scene.spoilt is not None:
            yield from (UNREADABLE if scene.spoilt == "body" else NOBODY for _ in scene.deliveries)
            return
        call = _Call(self.settings, tuple(self.known.get(scene.call.client or "", ())))
        for place, delivery in enumerate(scene.deliveries, 1):
            expected = call.delivered(delivery)
            troubled = scene.trouble is not None and place == len(scene.deliveries)
            yield later(expected.situation, *expected.writes) if troubled and expected.writes else expected
        self.known.setdefault(scene.call.client or "", []).extend(self._records(call.effects.values()))

    def _records(self, effects: Iterable[Effect]) -> Iterator[Record]:
        for effect in effects:
            if isinstance(effect, CreateRecord):
                self.made += 1
                owner = _user(effect.owner, self.settings) if self.settings.vendor.owners else None
                yield Record(effect.kind, f"made-{self.made}", owner=owner)


def _user(employee: str | None, settings: Settings) -> str | None:
    found = settings.employees.get(employee or "")
    return found.crm_user if found is not None else None


class _Call:
    """One call, delivery by delivery."""

    def __init__(self, settings: Settings, records: tuple[Record, ...]) -> None:
        self.settings, self.records = settings, records
        self.events: dict[str, Event] = {}
        self.effects: dict[str, Effect] = {}

    def delivered(self, delivery: Delivery) -> Expected:
        event = read(_request(delivery), _hint(delivery.path), _reading(self.settings))
        if event.key in self.events:
            return AGAIN
        alone = fold([event])
        self.events[event.key] = event
        screened = screen(alone, self.settings)
        if screened is not None:
            return ignored(screened[0])
        nothing = nothing_due(alone, self.settings)
        if nothing is not None:
            return replace(done(nothing.situation), reason=nothing.reason)
        return self._decided(fold(self.events.values()))

    def _decided(self, timeline: Timeline) -> Expected:
        decision = decide(timeline, Client(timeline.client, self.records), self.settings)
        new = {effect.key: effect for effect in decision.effects if effect.key not in self.effects}
        self.effects |= new
        return replace(done(decision.situation, *new), reason=decision.reason)


def _request(delivery: Delivery) -> HttpRequest:
    headers = {name.lower(): value for name, value in delivery.headers.items()}
    return HttpRequest(delivery.method, delivery.at, dict(delivery.query), headers, delivery.body)


def _hint(path: str) -> str:
    """`ringostat/in/after` as the functions tell it: `in.after`."""
    return path.removeprefix("ringostat/").replace("/", ".")


def _reading(settings: Settings) -> Reading:
    rules = settings.telephony
    return Reading(settings.phone.default_region, settings.timezone, rules.key_map, rules.keep_direct)
