"""Plays a history: deliveries at their time, promises when they fall due, deadlines, and at last somebody who mends the CRMs."""

from __future__ import annotations

import heapq
import io
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from patchcord.scenarios.profiles import merge
from patchcord.service.deadlines import Watch
from patchcord.service.overdue import CrmNotNow, EscalationRefused, LookFailed
from patchcord.service.projects import save
from patchcord.store.sqs import redriven
from sandbox.twins.base import ManualClock
from tests.executions import PAUSES
from tests.harness import START, VirtualClock, World, function
from tests.simulation.history import History, Scene
from tests.simulation.scenes import SITE, Delivery, deliveries
from tests.simulation.stage import Place, Stage, stage_of
from tests.simulation.turns import Worker

AGAIN = timedelta(seconds=30)
"""After how long without an answer a provider sends a webhook again; API Gateway gives up then."""
TRIES = 3
MENDED = timedelta(minutes=40)
"""How long after the last scene somebody looks after the CRMs."""
RETRIERS = 5
"""Functions that work on promises side by side (template.yaml)."""
FUNCTION_SECONDS = 30.0
MOST_STEPS = 30_000


@dataclass(eq=False)
class Told:
    """One delivery and its answer; `worker` is who took it."""

    place: Place
    scene: Scene
    delivery: Delivery
    begun: datetime
    worker: Worker | None = None
    status: int = 0
    body: Any = None
    seconds: float = 0.0

    @property
    def acknowledged(self) -> bool:
        return 200 <= self.status < 300


class DoesNotSettle(AssertionError):
    """The history never comes to rest."""


class TimeLeft:
    """What Lambda tells a function about its time, on the history's clock."""

    function_name = "simulation"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:simulation"
    aws_request_id = "simulation"

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        self._clock, self._ends = clock, clock() + timedelta(seconds=seconds)

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends - self._clock()).total_seconds() * 1000)


@dataclass(eq=False)
class Player:
    """One history in play. `told` are the deliveries with their answers, `looks` what executions of deadlines came to,
    `redriven` how many dead letters were sent again."""

    stage: Stage
    told: list[Told] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    redriven: int = 0
    _agenda: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _watched: set[str] = field(default_factory=set)
    _retrying: int = 0
    _count: int = 0

    def play(self) -> None:
        """From the first delivery until nothing is left to do, with the CRMs mended and what was given up sent again."""
        history = self.stage.history
        for number, scene in enumerate(history.scenes):
            self._plan(scene, f"{1772704800 + scene.at}.{number}")
        if history.saved is not None:
            self._at(START + timedelta(seconds=history.saved), self._save)
        if history.jump is not None:
            self._at(START + timedelta(seconds=history.jump), lambda: self.stage.clock.advance(timedelta(hours=1)))
        last = max((scene.at for scene in history.scenes), default=0)
        self._at(START + timedelta(seconds=last) + MENDED, self._mend)
        self._run()
        self._redrive()
        self._run()

    # --- what comes ---

    def _plan(self, scene: Scene, name: str) -> None:
        place = self.stage.places[scene.office]
        for number, delivery in enumerate(deliveries(scene, name)):
            if number in scene.lost:
                continue
            at = START + timedelta(seconds=scene.at + delivery.after + _of(scene.late, number))
            self._at(at, partial(self._deliver, place, scene, delivery, TRIES))
            if again := _of(scene.again, number):
                self._at(at + timedelta(seconds=again), partial(self._deliver, place, scene, delivery, 1))

    def _deliver(self, place: Place, scene: Scene, delivery: Delivery, tries: int) -> None:
        told = Told(place, scene, delivery, self.stage.clock())
        self.told.append(told)
        told.worker = self._invoke(lambda product: _sent(product, told))

        def look_after() -> None:
            if not told.acknowledged:
                self._deliver(place, scene, delivery, tries - 1)

        if tries > 1 and delivery.door != "question":
            self._at(told.begun + AGAIN, look_after)

    def _save(self) -> None:
        """Somebody adds a line of the telephony to the settings."""
        for place in self.stage.places:
            place.document = merge(place.document, {"lines": [*place.document["lines"], "+380449990000"]})
            save(self.stage.store, place.name, place.document, "test", self.stage.clock())

    def _mend(self) -> None:
        """Somebody has looked after the CRMs, and connected again those that refused our credentials."""
        for place in self.stage.places:
            place.troubles.clear()
            self.stage.store.unblock(place.name, place.office.vendor)
        self._redrive()

    def _redrive(self) -> None:
        """Somebody sends again what was given up."""
        buried, self.stage.queue.buried[:] = list(self.stage.queue.buried), []
        self.redriven += len(buried)
        for body, _ in buried:
            self.stage.queue.promise(redriven(body) or body, timedelta(0))

    # --- what is done ---

    def _at(self, at: datetime, action: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (at, self._count, action))

    def _run(self) -> None:
        for _ in range(MOST_STEPS):
            if not self._step():
                return
        raise DoesNotSettle(f"{MOST_STEPS} steps, and still something to do")

    def _step(self) -> bool:
        self._watch()
        agenda, turns, queue = self._agenda, self.stage.turns, self.stage.queue
        received = queue.next_at if self._retrying < RETRIERS else None
        times = [at for at in (turns.next_at, agenda[0][0] if agenda else None, received) if at is not None]
        if not times:
            return False
        at = min(times)
        if turns.next_at is not None and turns.next_at <= at:
            turns.step()
            return True
        if at > self.stage.clock():
            self.stage.clock.advance(at - self.stage.clock())
        if agenda and agenda[0][0] <= at:
            heapq.heappop(agenda)[2]()
        else:
            self._retry()
        return True

    def _invoke(self, work: Callable[[World], object]) -> Worker:
        """A function's invocation, in a container of its own for as long as it takes."""
        stage = self.stage
        made, leave = stage.enter()

        def run() -> None:
            try:
                work(self._world(made.service, worker))
            finally:
                if not worker.dead:  # a process that is gone is nobody's container any more
                    leave()

        worker = stage.turns.start(run, seconds=FUNCTION_SECONDS, context=made)
        return worker

    def _world(self, service: Any, worker: Worker) -> World:
        stage, clock = self.stage, VirtualClock(self.stage.clock)
        context = lambda seconds: TimeLeft(stage.clock, seconds)  # noqa: E731 - a worker's own
        return World(clock, stage.store, stage.queue, stage.secrets, service, service, io.StringIO(), context=context)

    def _retry(self) -> None:
        queue = self.stage.queue
        records = queue.deliver(VirtualClock(self.stage.clock))
        if not records:
            return
        self._retrying += 1

        def work(product: World) -> None:
            try:
                answer = function("retry").handler({"Records": records}, product.context(FUNCTION_SECONDS))
                queue.acknowledge(records, {item["itemIdentifier"] for item in answer["batchItemFailures"]})
            finally:
                self._retrying -= 1

        self._invoke(work)

    # --- deadlines ---

    def _watch(self) -> None:
        for name, watch in list(self.stage.deadlines.started.items()):
            if name not in self._watched:
                self._watched.add(name)
                self._look_at(watch.tree(), watch, 0)

    def _look_at(self, state: dict[str, Any], watch: Watch, tries: int) -> None:
        def work(product: World) -> None:
            again = timedelta(seconds=PAUSES[min(tries, len(PAUSES) - 1)])
            try:
                found = function("task_deadline").handler(state, product.context(FUNCTION_SECONDS))
            except EscalationRefused as refused:
                self.looks.append(refused.reason)
            except (CrmNotNow, LookFailed) as error:
                self.looks.append(str(error))
                self._at(self.stage.clock() + again, lambda: self._look(state, watch, tries + 1))
            else:
                self.looks.append(found["outcome"])
                if found["next"] == "again":
                    self._look_at(found, watch, 0)

        at = max(datetime.fromisoformat(state["due_at"]), self.stage.clock()) if not tries else self.stage.clock()
        self._at(at, lambda: self._begin_look(work, state, watch, tries))

    def _look(self, state: dict[str, Any], watch: Watch, tries: int) -> None:
        if tries <= len(PAUSES):
            self._look_at(state, watch, tries)

    def _begin_look(self, work: Callable[[World], None], state: dict[str, Any], watch: Watch, tries: int) -> None:
        done: list[bool] = []

        def whole(product: World) -> None:
            work(product)
            done.append(True)

        self._invoke(whole)
        # Step Functions repeats an invocation that ended without an answer
        after = self.stage.clock() + AGAIN + AGAIN
        self._at(after, lambda: None if done else self._look(state, watch, tries + 1))


def _of(values: tuple[int, ...], number: int) -> int:
    return values[number] if number < len(values) else 0


def _sent(product: World, told: Told) -> None:
    """Deliver to the door, and keep the answer."""
    product.project = told.place.name
    door, payload, begun = told.delivery.door, told.delivery.payload, product.clock.now()
    if door == "site":
        answer = product.form(payload, origin=SITE)
        told.status, told.body = answer["statusCode"], answer["body"]
    elif door == "question":
        answer = product.route(payload)
        told.status, told.body = answer["statusCode"], answer["body"]
    else:
        sent = product.dispatch if door == "button" else lambda it: _webhook(product, told, it)
        found = sent(payload)
        told.status, told.body = found["status_code"], found
    told.seconds = (product.clock.now() - begun).total_seconds()


def _webhook(product: World, told: Told, payload: Any) -> dict[str, Any]:
    if told.place.office.provider == "mango":
        return product.mango(told.delivery.door, payload)
    return product.post(told.delivery.door, payload)


def play(history: History) -> Player:
    """Play a history to its end; what came of it. Raises what the histories' own code raises, and DoesNotSettle."""
    with stage_of(history) as stage, redirect_stdout(io.StringIO()):
        player = Player(stage)
        player.play()
    if stage.turns.failures:
        raise stage.turns.failures[0]
    return player
