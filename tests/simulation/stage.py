"""Where a history is played: projects on twins, containers over one store, every request of theirs in the history's hands."""

from __future__ import annotations

import json
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
import requests

from patchcord.crm.connect import open_crm
from patchcord.crm.port import Crm
from patchcord.scenarios.profiles import effective, merge
from patchcord.scenarios.routes import Route
from patchcord.service import route
from patchcord.service.deadlines import MemoryDeadlines
from patchcord.service.in_time import TooLate
from patchcord.service.observe import Observer
from patchcord.service.projects import save, secret_hash
from patchcord.service.work import Report
from patchcord.store.memory import MemorySecrets, MemoryStore
from sandbox.twins import twin_class
from sandbox.twins.base import Fault, ManualClock, Twin
from tests.harness import MANGO_KEY, MANGO_SALT, NOBODY, SECRET, START, Container, PromiseQueue, VirtualClock, container, wired
from tests.integration.demo import document
from tests.simulation.history import CrmTrouble, History, Office
from tests.simulation.scenes import BLOCKED, LINES, SITE, number_of
from tests.simulation.transport import ask, send_by
from tests.simulation.turns import TurnLock, Turns

CRM_SLOWER = 8
"""How much longer a request to a CRM takes than one to AWS."""
TIMED_OUT = 120.0
EXTENSIONS = {"anna": "101", "boris": "102", "olena": "100"}
MEGAPLAN = {"process": {"kind": "Sale", "status": "New request"}}


class WorkersClock(VirtualClock):
    """What a worker reads as the time: its container's clock, which may be wrong, and waiting that lets others work."""

    def __init__(self, turns: Turns, skew: float) -> None:
        super().__init__(turns.clock)
        self._turns, self._skew = turns, timedelta(seconds=skew)

    def now(self) -> datetime:
        return self.manual() + self._skew

    def monotonic(self) -> float:
        """Seconds as budgets and deadlines count them."""
        return (self.manual() - START).total_seconds()

    def sleep(self, seconds: float) -> None:
        self._turns.pause(seconds)


class TellingObserver(Observer):
    """Keeps what must not happen: an error that nobody foresaw."""

    def __init__(self) -> None:
        super().__init__(service="simulation")
        self.logger.setLevel("CRITICAL")
        self.crashes: list[str] = []

    def count(self, name: str) -> None:
        if name == "Crashed":
            self.crashes.append(traceback.format_exc())

    def reported(self, report: Report, crm: str, milliseconds: float) -> None: ...

    def routed(self, found: Route, milliseconds: int, failure: str, late: bool, crm: str) -> None: ...


class Hands:
    """Every request passes here: it takes its time, and the worker may die or freeze before or after it."""

    def __init__(self, history: History, turns: Turns) -> None:
        self._history, self._turns = history, turns
        self._troubles = {trouble.nth: trouble for trouble in history.workers}
        self.count = 0
        self.struck: Counter[str] = Counter()

    def pass_on(self, operation: Callable[..., Any], *args: Any, slower: int = 1, **kwargs: Any) -> Any:
        worker = self._turns.current
        trouble = self._troubles.get(self.count) if worker is not None else None
        pace = self._history.paces[self.count % len(self._history.paces)]
        self.count += 1
        if worker is not None:
            self._turns.check(worker)
        self._turns.pause(pace * slower / 1000)
        if worker is None or trouble is None:
            return operation(*args, **kwargs)
        worker.troubled = True
        self.struck[trouble.sort] += 1
        worker.dead = trouble.sort == "dies_before"
        self._turns.check(worker)
        answer = operation(*args, **kwargs)
        worker.dead = trouble.sort == "dies_after"
        self._turns.check(worker)
        if trouble.sort == "freezes":
            worker.zombie = True
            self._turns.pause(trouble.seconds)
        return answer


class Handed:
    """A store, queue or the like whose every method passes through the hands. `noted` hears of each call first."""

    def __init__(self, inner: Any, hands: Hands, noted: Callable[[str, tuple[Any, ...]], None] = lambda name, args: None) -> None:
        self._inner, self._hands, self._noted = inner, hands, noted

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._inner, name)
        if not callable(member):
            return member

        def run(*args: Any, **kwargs: Any) -> Any:
            answer = self._hands.pass_on(member, *args, **kwargs)
            self._noted(name, args)
            return answer

        return run


class Newer:
    """A later version of ours, side by side with this one: what it stores holds more than this version knows of."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._inner, name)
        if name not in {"accept", "note", "begin", "finish"}:
            return member

        def run(*args: Any, **kwargs: Any) -> Any:
            return member(*(_with_more(item) for item in args), **{key: _with_more(item) for key, item in kwargs.items()})

        return run


def _with_more(item: Any) -> Any:
    """The texts that a later version would store: JSON objects with something unknown in them."""
    from dataclasses import replace

    from patchcord.store.port import Changes

    if isinstance(item, Changes):
        effects = {key: _with_more(text) for key, text in item.effects.items()}
        return replace(item, effects=effects, client=_with_more(item.client), decision=_with_more(item.decision))
    if isinstance(item, str) and item.startswith("{"):
        return json.dumps({**json.loads(item), "of_a_later_version": {"more": [1]}})
    return item


@dataclass(eq=False)
class Place:
    """A project in play: its name, twin and what its CRM still has in store for it."""

    name: str
    office: Office
    twin: Twin
    document: dict[str, Any]
    troubles: list[CrmTrouble]
    asked: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def answer(self, prepared: requests.PreparedRequest, seconds: float, turns: Turns) -> requests.Response:
        """The CRM's answer to one request, as bad as the history wants it."""
        nth = self.asked
        self.asked += 1
        trouble = next((it for it in self.troubles if it.nth <= nth < it.nth + it.times), None)
        if trouble is None:
            return ask(self.twin, prepared)
        self.refused[trouble.sort] += 1
        if trouble.sort == "time_out" or (trouble.sort == "slow" and seconds < 5):
            turns.pause(min(seconds, TIMED_OUT))
            raise requests.ReadTimeout("too slow")
        if trouble.sort == "slow":
            turns.pause(5)
            return ask(self.twin, prepared)
        status = int(trouble.sort) if trouble.sort.isdigit() else 503
        self.twin.misbehave(Fault("status" if trouble.sort.isdigit() else trouble.sort, status=status))  # type: ignore[arg-type]
        try:
            return ask(self.twin, prepared)
        finally:
            self.twin.behave()


@dataclass(eq=False)
class Stage:
    """A history's product: the store, the queue, the containers, and what is seen of them."""

    history: History
    clock: ManualClock
    turns: Turns
    hands: Hands
    store: MemoryStore
    queue: PromiseQueue
    secrets: MemorySecrets
    observer: TellingObserver
    deadlines: MemoryDeadlines
    places: list[Place]
    accepted: dict[int, list[tuple[Any, str]]] = field(default_factory=dict)
    containers: list[tuple[Container, bool]] = field(default_factory=list)

    def enter(self) -> tuple[Container, Callable[[], None]]:
        """A container that is free, else a new one; and how to leave it."""
        free = next((place for place, (_, busy) in enumerate(self.containers) if not busy), None)
        if free is None:
            free = len(self.containers)
            self.containers.append((self._made(free), False))
        made = self.containers[free][0]
        self.containers[free] = (made, True)

        def leave() -> None:
            self.containers[free] = (made, False)

        return made, leave

    def _made(self, number: int) -> Container:
        history = self.history
        clock = WorkersClock(self.turns, history.skews[number % len(history.skews)])
        store: Any = Handed(self.store, self.hands, self._note)
        if number % history.versions:
            store = Newer(store)

        def connect(*how: Any) -> Crm:
            return _on_time(open_crm(*how), clock, TurnLock(self.turns))

        queue, deadlines = Handed(self.queue, self.hands), Handed(self.deadlines, self.hands)
        return container(
            store, queue, Handed(self.secrets, self.hands), clock, self.observer, deadlines, connect, clock.monotonic  # type: ignore[arg-type]
        )  # fmt: skip

    def _note(self, name: str, args: tuple[Any, ...]) -> None:
        worker = self.turns.current
        if name == "accept" and worker is not None:
            self.accepted.setdefault(worker.number, []).append((args[0], args[1]))

    def in_time(self, task: Callable[[], Any], seconds: float) -> Any:
        """`patchcord.service.in_time` on virtual time."""
        if seconds <= 0:
            raise TooLate
        kept: list[Any] = []
        failed: list[BaseException] = []

        def run() -> None:
            try:
                kept.append(task())
            except Exception as error:
                failed.append(error)

        current = self.turns.current
        helper = self.turns.start(run, context=current.context if current else None)
        if not self.turns.wait_for(helper, seconds):
            raise TooLate
        if failed:
            raise failed[0]
        if current is not None and helper.dead:  # the process is gone, and both with it
            current.dead = True
            self.turns.check(current)
        return kept[0]

    def on_the_wire(self, address: str) -> Callable[[requests.PreparedRequest, float], requests.Response]:
        """Who answers at an address: the twins, and nobody else."""
        place = next((known for known in self.places if address == _address(known.name)), None)

        def answer(prepared: requests.PreparedRequest, seconds: float) -> requests.Response:
            if place is None:
                raise requests.ConnectionError("nobody listens")
            response: requests.Response = self.hands.pass_on(place.answer, prepared, seconds, self.turns, slower=CRM_SLOWER)
            return response

        return answer


def _on_time(crm: Crm, clock: WorkersClock, alone: TurnLock) -> Crm:
    """A connection whose deadlines and tokens live on the history's time."""
    crm.http.clock = clock.monotonic
    credentials = crm.http.credentials
    for name, value in (("_clock", clock.now), ("_sleep", clock.sleep), ("_alone", alone)):
        if hasattr(credentials, name):
            setattr(credentials, name, value)
    return crm


def _address(name: str) -> str:
    return f"127.0.0.1:{7000 + int(name.removeprefix('project-'))}"


_TWINS: dict[tuple[int, str], Twin] = {}
"""Twins are used again: making one costs more than playing a history."""


def _twin(number: int, office: Office, clock: ManualClock) -> Twin:
    kind = twin_class(office.vendor)
    twin = _TWINS.setdefault((number, office.vendor), kind(clock=clock))
    twin.clock, twin.search_lag = clock, timedelta(0)
    twin.reset()
    return twin


def _place(number: int, history: History, clock: ManualClock, secrets: MemorySecrets) -> Place:
    office = history.offices[number]
    name, twin = f"project-{number}", _twin(number, office, clock)
    url = f"http://{_address(name)}"
    connection = twin.connection(url)
    body = document(twin, url, lines=[LINES[office.provider]], blocked_numbers=[number_of(BLOCKED)])
    for person, extension in EXTENSIONS.items():
        body["employees"][person]["extension"] = extension
    body["crm"]["options"] = dict(connection.options)
    body["tasks"] = {"on_overdue": office.overdue}
    body["forms"] = {"enabled": True, "origins": [SITE]}
    body["telephony"] = {"provider": office.provider, "base_url": NOBODY, "secrets": [secret_hash(SECRET)]}
    body = merge(body, MEGAPLAN if office.vendor == "megaplan" else {})
    if effective(body).routing.supported:
        body["routing"] = {"enabled": True}
    for client in office.known:
        _seed(twin, body, number_of(client))
    if office.lags:
        twin.search_lag = import_module(f"patchcord.crm.{office.vendor}.declaration").DECLARATION.search_lag
    own = {"client_key": f"key-of-the-hashes-of-{name}", "mango_key": MANGO_KEY, "mango_salt": MANGO_SALT}
    for secret, value in {"api_token": "twin-api-token", **own, **connection.secrets}.items():
        secrets.put(name, secret, value)
    troubles = [trouble for trouble in history.crm if trouble.office == number]
    return Place(name, office, twin, body, troubles)


def _seed(twin: Twin, body: dict[str, Any], number: str) -> None:
    """A client whom Boris looks after."""
    boris = body["employees"]["boris"]["crm_user"]
    contact = twin.seed_contact(phone=number, name="A client", owner=boris)
    kinds = {kind.value for kind in effective(body).vendor.words.values()}
    if "lead" in kinds:
        twin.seed_lead(phone=number, name="A request", owner=boris, contact=contact)
    elif "deal" in kinds:
        twin.seed_deal(phone=number, name="A request", owner=boris, contact=contact)


@contextmanager
def stage_of(history: History) -> Iterator[Stage]:
    """The product of a history, wired to the functions' handlers as long as the context lasts."""
    clock = ManualClock(START)
    turns = Turns(clock)
    hands, secrets, store = Hands(history, turns), MemorySecrets(), MemoryStore(now=clock)
    places = [_place(number, history, clock, secrets) for number in range(len(history.offices))]
    for place in places:
        save(store, place.name, place.document, "test", clock())
    queue, observer = PromiseQueue(VirtualClock(clock)), _observer()
    made = Stage(history, clock, turns, hands, store, queue, secrets, observer, MemoryDeadlines(), places)

    def current() -> Container:
        worker = turns.current
        assert worker is not None
        entered: Container = worker.context
        return entered

    with wired(current), pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "send", send_by(made.on_the_wire))
        patch.setattr(route, "in_time", made.in_time)
        patch.setattr("concurrent.futures.ThreadPoolExecutor", Inline)
        yield made


class Inline:
    """Look-ups that go side by side, one after another: so that a history is played the same way each time."""

    def __init__(self, *how: Any) -> None: ...

    def __enter__(self) -> Inline:
        return self

    def __exit__(self, *how: object) -> None: ...

    def submit(self, task: Callable[[], Any]) -> Any:
        from concurrent.futures import Future

        outcome: Future[Any] = Future()
        try:
            outcome.set_result(task())
        except Exception as error:
            outcome.set_exception(error)
        return outcome


_OBSERVERS: list[TellingObserver] = []


def _observer() -> TellingObserver:
    """One for all histories: powertools' loggers live as long as the process."""
    if not _OBSERVERS:
        _OBSERVERS.append(TellingObserver())
    _OBSERVERS[0].crashes = []
    return _OBSERVERS[0]
