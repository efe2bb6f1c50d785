"""Plays scenes over HTTP, and says of each delivery whether it ended as its script says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import requests

from patchcord.model.events import Moment
from patchcord.service.journal import events_of
from patchcord.store.port import CallKey, Entry
from sandbox.player.delivery import Delivery, Door
from sandbox.player.evening import DueTask
from sandbox.player.outcome import Outcome, of_answer, of_deadline, of_journal
from sandbox.player.routed import Routing, newest
from sandbox.player.scene import ANSWERED, REACHED, TOGETHER, Expected, Scene
from sandbox.player.webhook_number import Question

DONE, ACCEPTED = 200, 202
EVENTS_MAY_FOLLOW = "events_may_follow"
"""The reason for which an event waits for others."""
LOOK_AGAIN = 0.1
WRONG_SECRET = "not-the-secret-of-this-project"


class Journal(Protocol):
    """Where the end of an event can be read: the product's store."""

    def entry(self, key: CallKey) -> Entry | None: ...


class Pbx(Protocol):
    """A telephony that is told whom to ring, while the caller hears its greeting."""

    def begin(self, call: Any) -> Any:
        """The call as one that begins now, and can be commanded."""
        ...

    def sent_to(self, call: Any) -> str:
        """Where a command of ours has sent the call; empty when none did."""
        ...

    def told(self, call: Any) -> Any:
        """The call with the id of the command that it has got, if it has got one."""
        ...


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the play takes place: the project's addresses by door, its journal, how to cause trouble and how to end it, how many
    requests the CRM has got so far, and the telephony, if that is told whom to ring.

    `catch_up` lets the product look for what got lost; `fall_due` lets the deadline of a task come that an effect of a call has
    made, and says what became of it; `settle` lets the time pass until the CRM shows everything that was written.

    `patience` is how many seconds a promise may take to finish an event. `skip` lets the time pass for which an event waits for
    others; `until` waits for the next event of a live call.
    """

    doors: Mapping[Door, str]
    project: str
    journal: Journal
    trouble: Callable[[str], None]
    relieve: Callable[[], None]
    requests: Callable[[], int]
    catch_up: Callable[[], None]
    fall_due: Callable[[CallKey, str], str]
    settle: Callable[[], None]
    pbx: Pbx | None = None
    patience: float = 30.0
    skip: Callable[[timedelta], None] = lambda by: None
    until: Callable[[datetime], None] = lambda at: None


def play(stage: Stage, scenes: Iterable[Scene[Any]]) -> Iterator[Outcome]:
    """Send every delivery of every scene, one after another, and yield what came of it, in that order.

    While an event waits for others, the scenes of other clients go on; those of the same client come after it.
    """
    unfinished: list[_Run] = []
    with requests.Session() as session:
        session.trust_env = False
        for scene in scenes:
            run = _Run(stage, session, scene)
            if any(run.must_follow(other) for other in unfinished):
                yield from _finished(unfinished)
            run.perform()
            unfinished.append(run)
            if not (run.may_wait and any(not it.looked_after() for it in unfinished)):
                yield from _finished(unfinished)
        yield from _finished(unfinished)


def _finished(runs: list[_Run]) -> Iterator[Outcome]:
    for run in runs:
        run.finish()
        yield from run.played
    runs.clear()


@dataclass(slots=True)
class _Open:
    """A delivery that was accepted, and that a promise has to finish. `took`: how many seconds after its answer it had."""

    place: int
    key: CallKey
    event: str
    since: float
    waits_for_others: bool
    took: float | None = None


@dataclass(slots=True)
class _Run:
    """One scene. Deliveries that come close upon each other do not wait for what becomes of another."""

    stage: Stage
    session: requests.Session
    scene: Scene[Any]
    call: Any = None
    played: list[Outcome] = field(default_factory=list)
    open: list[_Open] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    routings: set[str] = field(default_factory=set)

    @property
    def may_wait(self) -> bool:
        """Whether other scenes may go on before this one is finished."""
        return not self.scene.trouble and all(opened.waits_for_others for opened in self.open)

    def must_follow(self, other: _Run) -> bool:
        """Whether the other scene has to be finished before this one begins."""
        is_evening = self.scene.lost or isinstance(self.scene.call, DueTask)
        return is_evening or self.scene.trouble is not None or self.scene.call.client == other.scene.call.client

    def perform(self) -> None:
        """Send everything. What was accepted is still open then, but need not wait for anything more."""
        self.call = self._begun()
        if self._looks_at_tasks():
            self.stage.settle()
        first, *rest = self.scene.expects
        self._deliver(0, first)
        if self.scene.trouble == "late":
            self.stage.relieve()
        if self.scene.live and self.stage.pbx is not None:
            self.call = self.stage.pbx.told(self.call)
        for place, expected in enumerate(rest, 1):
            self._deliver(place, expected)
        self._let_time_pass()

    def _looks_at_tasks(self) -> bool:
        """Whether an earlier task is looked at: minutes or hours have gone by since it was written, which no play waits for."""
        return isinstance(self.scene.call, DueTask) or any(REACHED in expected.writes for expected in self.scene.expects)

    def _begun(self) -> Any:
        """The call of the scene; a live one begins now."""
        if len(self.scene.deliveries) != len(self.scene.expects):
            raise ValueError(f"not one expectation for each delivery: {self.scene.shows}")
        live = self.stage.pbx if self.scene.live else None
        return self.scene.call if live is None else live.begin(self.scene.call)

    def _deliver(self, place: int, expected: Expected) -> None:
        """Send one delivery when its time has come, and let happen to the CRM what happens to it then."""
        deliveries = self.scene.deliveries_of(self.call)
        delivery = deliveries[place]
        if self.open and delivery.at - self.played[self.open[0].place].delivery.at >= TOGETHER:
            self._let_time_pass()
            self.finish()
        if self.scene.live:
            self.stage.until(delivery.at)
        if self.scene.trouble and place == (0 if self.scene.trouble == "late" else len(deliveries) - 1):
            self.stage.trouble(self.scene.trouble)
        self._send(delivery, expected)

    def _let_time_pass(self) -> None:
        if any(opened.waits_for_others for opened in self.open):
            self.stage.skip(TOGETHER)

    def _send(self, delivery: Delivery, expected: Expected) -> None:
        if delivery.door in self.stage.doors:
            self._request(delivery, expected)
        else:
            self._let_happen(delivery, expected)

    def _let_happen(self, delivery: Delivery, expected: Expected) -> None:
        """What no request brings about: catching up with a lost call, or a task that is due."""
        key, begun = CallKey(self.stage.project, delivery.provider, delivery.told_in or self.call.id), time.monotonic()
        outcome = ""
        if delivery.door == "list":
            self.stage.catch_up()
        else:
            outcome = self.stage.fall_due(key, delivery.hint)
        entry = self.stage.journal.entry(key)
        told: dict[str, Any] = {"http": 404, "status": "not found"}
        if entry is not None:
            told = of_deadline(outcome, entry, delivery.hint) if outcome else {"http": 200, **of_journal(entry, self.known)}
        milliseconds = (time.monotonic() - begun) * 1000
        self.played.append(Outcome(scene=self.scene, delivery=delivery, expected=expected, milliseconds=milliseconds, **told))

    def _request(self, delivery: Delivery, expected: Expected) -> None:
        asked, url = self.stage.requests(), self._address(delivery)
        headers, query = dict(delivery.headers), dict(delivery.query)
        begun = time.monotonic()
        answer = self.session.request(delivery.method, url, params=query, headers=headers, data=delivery.body, timeout=60)
        ended = time.monotonic()
        asked, body = self.stage.requests() - asked, _json(answer)
        key = CallKey(self.stage.project, delivery.provider, body.get("call", delivery.told_in))
        if answer.status_code == ACCEPTED:
            waits = body.get("reason") == EVENTS_MAY_FOLLOW
            self.open.append(_Open(len(self.played), key, body.get("event", Moment.SUBMIT.value), ended, waits))
        told = of_answer(answer.status_code, body, self.known)
        if delivery.told_in and answer.status_code == DONE:
            entry = self.stage.journal.entry(key)
            told |= {"status": "not found"} if entry is None else of_journal(entry, self.known)
        if isinstance(delivery, Question) and answer.ok:
            told["status"] = ANSWERED
        outcome = Outcome(
            scene=self.scene,
            delivery=delivery,
            expected=expected,
            milliseconds=(ended - begun) * 1000,
            routing=self._routing(delivery, answer) if answer.ok else None,
            requests=asked,
            **told,
        )
        self.known.update(item.key for item in outcome.written)
        self.played.append(outcome)

    def _address(self, delivery: Delivery) -> str:
        base = self.stage.doors[delivery.door]
        if self.scene.spoilt == "secret":
            base = "/".join([*base.split("/")[:-2], WRONG_SECRET, ""])
        below = delivery.path if delivery.door in {"hooks", "routing"} else delivery.hint
        return (base + below).removesuffix("/")

    def _routing(self, delivery: Delivery, answer: requests.Response) -> Routing | None:
        """Whom the caller was put through to by this delivery: as the telephony was told, and as the journal says."""
        if isinstance(delivery, Question):
            direction = delivery.direction(answer.text)
        elif self.stage.pbx is not None:
            direction = self.stage.pbx.sent_to(self.call)
        else:
            return None
        entry = self.stage.journal.entry(CallKey(self.stage.project, delivery.provider, self.call.id))
        found = newest(events_of(entry), self.routings, direction) if entry is not None else None
        if found is not None:
            self.routings.add(found.key)
        return found

    def looked_after(self) -> bool:
        """Whether the promises have finished everything that was accepted, by now."""
        for opened in self.open:
            if opened.took is None:
                entry = self.stage.journal.entry(opened.key)
                if entry is not None and opened.event in entry.settled:
                    opened.took = time.monotonic() - opened.since
        return all(opened.took is not None for opened in self.open)

    def finish(self) -> None:
        """Wait until the promises have finished what was accepted. What they wrote is told of the first delivery."""
        begun = time.monotonic()
        while not self.looked_after() and time.monotonic() - begun < self.stage.patience:
            time.sleep(LOOK_AGAIN)
        for opened in self.open:
            entry = self.stage.journal.entry(opened.key) if opened.took is not None else None
            if entry is not None:
                outcome = self.played[opened.place]
                told = of_journal(entry, self.known)
                self.known.update(item.key for item in told["written"])
                told["written"] = (*outcome.written, *told["written"])
                self.played[opened.place] = replace(outcome, later=opened.took, **told)
        self.open.clear()


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
