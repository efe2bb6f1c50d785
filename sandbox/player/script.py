"""What the pure decision says of a day: the script by which the play is judged.

Ringostat's day with Pipedrive is scripted by hand (`day.py`), and a test holds this one equal to it. For every other day the
clients' records are kept here as the calls make them, each delivery is read and decided with the product's own pure parts,
and the whole way (handlers, queue, journal, CRM) has to come to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from patchcord.model.effects import AssignTask, CompleteTask, CreateRecord, CreateTask, Effect, Made, TaskKind, UpdateRecord
from patchcord.model.events import Event, Moment
from patchcord.model.records import Client, Record
from patchcord.model.roster import Roster, needs_roster, with_roster
from patchcord.model.settings import Settings
from patchcord.model.talks import Talk
from patchcord.model.timeline import Timeline, fold, is_ripe, ripe
from patchcord.scenarios.afterwards import with_afterwards
from patchcord.scenarios.decide import decide
from patchcord.scenarios.dialling import Dial, Wish, dial
from patchcord.scenarios.overdue import Late, escalation
from patchcord.scenarios.routes import Caller
from patchcord.scenarios.screen import nothing_due, screen
from patchcord.scenarios.talks import talk_of
from patchcord.telephony.mango.commands import Command
from sandbox.player.beside import Click, Submission
from sandbox.player.delivery import Delivery
from sandbox.player.evening import DueTask
from sandbox.player.reading import event_of
from sandbox.player.routed import Routed
from sandbox.player.routing_script import Callers
from sandbox.player.scene import (
    ACKNOWLEDGED,
    AGAIN,
    REFUSALS,
    TOGETHER,
    Expected,
    Scene,
    dials,
    done,
    due,
    ignored,
)
from sandbox.player.webhook_number import Question

HELD = Expected(202, "accepted")
"""Nothing is known of it yet: others may follow that came about before it."""


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A task that a call has left open: the call, and the effect that made it."""

    provider: str
    call: str
    effect: CreateTask
    timeline: Timeline

    @property
    def name(self) -> str:
        """What stands here for its id in the CRM."""
        return f"{self.call}:{self.effect.key}"

    def scene(self, settings: Settings, *, completed: bool) -> Scene[Any]:
        """Its deadline, and what has to come of that."""
        task = self.effect
        assert task.due_at is not None
        at = task.due_at.astimezone(ZoneInfo(settings.timezone))
        shown = DueTask(start=at, client=self.timeline.client, id=self.call, provider=self.provider, effect=task.key)
        return Scene(shows=shown.shows, call=shown, expects=(self._comes_to(settings, completed=completed),))

    def _comes_to(self, settings: Settings, *, completed: bool) -> Expected:
        if completed:
            return due("completed_or_gone")
        assert self.effect.due_at is not None
        late = Late(self.effect, self.effect.due_at, settings.employees.get(self.effect.assignee or ""), 1)
        effects = escalation(late, self.timeline, settings, self.effect.due_at)
        outcome = settings.tasks.on_overdue if effects else "nobody_to_tell"
        return due(outcome, *(effect.key for effect in effects))


@dataclass
class Script:
    """The clients as the CRM knows them so far, who talked with them, and what the next scene has to come to.

    `online` are the SIP accounts that can be rung, None where the telephony does not tell. `open` are the tasks that the day
    leaves behind, `completed` those of them that are done, `callbacks` the last one of each client that is to be called back.
    """

    settings: Settings
    known: dict[str, list[Record]] = field(default_factory=dict)
    roster: Roster | None = None
    online: Sequence[str] | None = None
    made: int = 0
    talks: dict[str, list[Talk]] = field(default_factory=dict)
    open: list[OpenTask] = field(default_factory=list)
    completed: set[str] = field(default_factory=set)
    callbacks: dict[str, str] = field(default_factory=dict)

    def of(self, scenes: Iterable[Scene[Any]]) -> Iterator[Scene[Any]]:
        """The scenes with what is to be expected of each delivery. A live call goes where routing sends it."""
        for scene in scenes:
            yield self._scene(scene)

    def evening(self) -> Iterator[Scene[Any]]:
        """The deadlines of the day's open tasks, once its scenes are through."""
        if self.settings.tasks.on_overdue != "none":
            for task in self.open:
                yield task.scene(self.settings, completed=task.name in self.completed)

    def _scene(self, scene: Scene[Any]) -> Scene[Any]:
        if scene.spoilt is not None:
            return replace(scene, expects=tuple(REFUSALS[scene.spoilt] for _ in scene.deliveries))
        if isinstance(scene.call, Click):
            return replace(scene, expects=(self._clicked(scene.call),))
        if isinstance(scene.call, Submission) and scene.call.robot:
            return replace(scene, expects=(ignored("honeypot"),))
        client = scene.call.client or ""
        records, talks = tuple(self.known.get(client, ())), tuple(self.talks.get(client, ()))
        callers = Callers(self.settings, records, talks, crm_is_late=scene.trouble == "late")
        rehearsal = _Rehearsal(self.settings, self.roster, callers, self.callbacks.get(client))
        if scene.live:
            scene = rehearsal.put_through(scene)
        for delivery in scene.deliveries:
            rehearsal.delivered(delivery)
        rehearsal.wait()
        self.known.setdefault(client, []).extend(self._records(rehearsal.calls.values()))
        self.talks.setdefault(client, []).extend(call.talk for call in rehearsal.calls.values() if call.talk is not None)
        for id, call in rehearsal.calls.items():
            self._note_tasks(scene.deliveries[-1].provider, id, call)
        *expected, last = rehearsal.expected
        goes_wrong = scene.trouble not in {None, "late"} and last.writes
        return replace(scene, expects=(*expected, replace(last, http=202) if goes_wrong else last))

    def _clicked(self, click: Click) -> Expected:
        """Who is rung, and in which order."""
        found = dial(Wish(click.client or "", click.employee), self.settings, self.online, min)
        assert isinstance(found, Dial), f"not dialled: {found}"
        return dials(*found.order)

    def _note_tasks(self, provider: str, id: str, call: _Call) -> None:
        """Which tasks a call has left open, and which one of an earlier call is done by it."""
        client = call.timeline.client if call.timeline is not None else None
        for effect in call.effects.values():
            if isinstance(effect, CompleteTask):
                self.completed.add(effect.task)
                self.callbacks.pop(client or "", None)
            elif isinstance(effect, CreateTask) and not effect.completed and effect.due_at and call.timeline is not None:
                task = OpenTask(provider, id, effect, call.timeline)
                self.open.append(task)
                if effect.kind is TaskKind.CALLBACK:
                    self.callbacks[client or ""] = task.name

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
    """The deliveries of a scene, one after another. Those that were only accepted are finished before a later one comes.

    `routed` is what has to come of the first one beside the rest, where the caller is put through; `looked`: the CRM has told
    of the client by then, and is asked no second time.
    """

    settings: Settings
    roster: Roster | None
    callers: Callers
    callback: str | None = None
    routed: Routed | None = None
    looked: bool = False
    calls: dict[str, _Call] = field(default_factory=dict)
    expected: list[Expected] = field(default_factory=list)
    open: list[tuple[int, datetime, _Call]] = field(default_factory=list)

    def put_through(self, scene: Scene[Any]) -> Scene[Any]:
        """The scene as it goes on once its first event has come: a command sends the caller to somebody, or does not."""
        first = scene.deliveries[0]
        event = event_of(first, self.settings)
        assert event is not None
        caller = Caller(event.client, event.client_hidden, event.line)
        found, self.looked = self.callers.route(caller, first.at)
        extension = self.callers.extension(found)
        self.routed = self.callers.routed(found, extension, self.looked)
        return replace(scene, call=scene.call.sent_for(Command("route", "0", scene.call.id).id)) if extension else scene

    def delivered(self, delivery: Delivery) -> None:
        if self.open and delivery.at - self.open[0][1] >= TOGETHER:
            self.wait()
        if isinstance(delivery, Question):
            expected, self.looked = self.callers.asked(delivery)
            self.expected.append(expected)
            return
        event = event_of(delivery, self.settings)
        if event is not None and delivery.door == "list":
            event = replace(event, ripe_at=None)  # it is long over: nothing follows
        self.expected.append(ACKNOWLEDGED if event is None else self._came_of(event, delivery.at))

    def _came_of(self, event: Event, at: datetime) -> Expected:
        call = self.calls.setdefault(event.call, _Call(self.settings, self.roster, self.callers.records, self.callback))
        expected = call.delivered(event, at)
        if expected.http == HELD.http:
            self.open.append((len(self.expected), at, call))
        quiet = expected.http == 200 and expected.status == "done" and expected.situation and not expected.writes
        return replace(expected, routed=None if self.expected else self.routed, unasked=bool(self.looked and quiet))

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
    callback: str | None = None
    events: dict[str, Event] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    effects: dict[str, Effect] = field(default_factory=dict)
    owners: dict[str, str | None] = field(default_factory=dict)
    talk: Talk | None = None
    timeline: Timeline | None = None

    def delivered(self, event: Event, now: datetime) -> Expected:
        """What comes of an event at once."""
        if event.key in self.settled:
            return AGAIN
        repeated = event.key in self.events
        self.events[event.key] = event
        alone = fold([event])
        screened = screen(alone, self.settings)
        if screened is not None:
            self.settled.add(event.key)
            return ignored(screened[0])
        nothing = nothing_due(alone, self.settings)
        if nothing is not None and talk_of(alone, self.settings) is None:
            if event.moment is Moment.END or event.is_remark:
                self.settled.add(event.key)
            elif self._has_ended(now):
                return self.carried_out(now)
            elif repeated:
                return AGAIN
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
        client = Client(timeline.client, self.records, self.callback is not None, self.callback)
        decision = decide(timeline, client, self.settings)
        if decision.situation == "ignored":
            return replace(ignored(decision.reason), http=http)
        self.talk, self.timeline = talk_of(timeline, self.settings), timeline
        decision = with_afterwards(decision, timeline, self.owners)
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
        elif isinstance(effect, CreateTask) and effect.assignee is not None:
            self.owners[effect.key] = effect.assignee
        elif isinstance(effect, AssignTask):
            self.owners[effect.effect] = effect.assignee
        elif isinstance(effect, UpdateRecord) and effect.about == "owner" and isinstance(effect.target, Made):
            self.owners[effect.target.key] = effect.owner

    def _has_ended(self, now: datetime) -> bool:
        ends = (event for event in self.events.values() if event.moment is Moment.END)
        return any(event.key in self.settled or is_ripe(event, now) for event in ends)
