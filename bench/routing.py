"""How long an answer keeps a ringing phone waiting: in answers of the CRM in a row, beside the depth the vendor forces."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from multiprocessing import get_context
from statistics import median
from typing import Protocol, Self, TypeVar, cast
from unittest.mock import patch

from werkzeug.wrappers import Request, Response

from bench.crm_requests import vendors
from bench.figures import Figure
from patchcord.crm.connect import open_crm
from patchcord.crm.port import Crm, Search
from patchcord.model.phone import read_phone
from patchcord.model.records import RecordKind
from patchcord.store.memory import MemorySecrets, MemoryStore
from sandbox.twins import twin_class
from sandbox.twins.base import ManualClock, Twin, serve
from tests.harness import SECRET, Context, function, http_event, world

DELAY = 0.15
"""Seconds after which the twin answers a request."""
LOOK_UPS, IN_TURN = 20, 3
"""Look-ups of a vendor as they are, and with their requests one after another."""
AT_ONCE = 3
"""Vendors that are measured at the same time: nearly all of a look-up is waiting."""
MOST = 0.15
"""Of the delay, what the usual look-up may take beyond the answers that it must wait for: our own work."""

PHONE = read_phone("+380671234567", "UA")
PLAIN = Search("UA")
PAUSE = timedelta(minutes=1)
"""Between two look-ups, on the twin's clock, so that they do not meet the vendor's limits."""
PROJECT = "acme"
NOT_ASKED = ("sendpulse",)
"""CRMs that are not asked for the responsible (C-12)."""

T = TypeVar("T")


class Closing(Crm, Protocol):
    """A connection that can hang up."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """A vendor's answers: the seconds of each, those of one whose requests go one after another, and the depth it must have."""

    vendor: str
    seconds: Sequence[float]
    in_turn: float
    depth: int


def measure() -> Sequence[Figure]:
    """Answers for a known client at every vendor that has a twin. Each process has a vendor and its twin to itself."""
    with ProcessPoolExecutor(AT_ONCE, get_context("spawn")) as processes:
        return [figure(taken) for taken in processes.map(taken_by, vendors())]


def taken_by(vendor: str) -> Taken:
    """What answers for a known client take at this vendor."""
    with known_client(vendor) as place:
        seconds = place.seconds(LOOK_UPS)
        with in_place_of_threads(InTurn):
            in_turn = median(place.seconds(IN_TURN))
        return Taken(vendor, seconds, in_turn, place.forced_depth(known=True))


def figure(taken: Taken) -> Figure:
    """The answers told in delays. The usual one is limited; of twenty the slowest shows the machine's hiccups as well."""
    usual, slowest = median(taken.seconds) / DELAY, percentile(taken.seconds, 99) / DELAY
    measured, most = f"{usual:.2f} / {slowest:.2f} ({taken.in_turn / DELAY:.2f})", taken.depth + MOST
    return Figure(taken.vendor, measured, f"{taken.depth} in a row", usual / taken.depth, f"p50 <= {most:g}", usual <= most)


def percentile(values: Sequence[float], percent: int) -> float:
    """By rank: the smallest value that so many percent do not exceed. Of fewer than a hundred the 99th is the greatest."""
    return sorted(values)[ceil(len(values) * percent / 100) - 1]


# --- the stand


@dataclass(frozen=True, slots=True)
class Stand:
    """A vendor's twin, a connection to it, and the product in front of it. `anna` is a user of the twin."""

    vendor: str
    crm: Crm
    twin: Twin
    clock: ManualClock
    anna: str

    def answer(self) -> float:
        """Seconds until a question of a Webhook number is answered. SendPulse is not asked (C-12): there it is the look-up."""
        if self.vendor in NOT_ASKED:
            return self.look_up()
        path, asked = {"project": "demo", "secret": SECRET}, {"caller_number": PHONE.digits, "uniqueid": uuid.uuid4().hex}
        event = http_event("GET", path, query=asked)
        begun = time.perf_counter()
        function("smart_routing").handler(event, Context())
        taken = time.perf_counter() - begun
        self.clock.advance(PAUSE)
        return taken

    def look_up(self) -> float:
        """Seconds of one look-up."""
        begun = time.perf_counter()
        self.crm.find(PHONE, PLAIN)
        taken = time.perf_counter() - begun
        self.clock.advance(PAUSE)
        return taken

    def seconds(self, look_ups: int) -> list[float]:
        """Seconds of each of some answers at a slow twin. One goes before them, so that all connections are open."""
        with late(self.twin):
            self.answer()
            return [self.answer() for _ in range(look_ups)]

    def depth(self) -> int:
        """The requests of a look-up that wait for one another, counted instead of timed. Signing in is not of them."""
        self.look_up()
        rounds = Rounds(lambda: len(self.twin.requests))
        with in_place_of_threads(rounds):
            self.look_up()
        return rounds.depth

    def forced_depth(self, *, known: bool) -> int:
        """What it ought to be, as the vendor's declaration has it from its reference."""
        requests = self.crm.declaration.requests
        return (requests.look_up_depth_known if known else None) or requests.look_up_depth


@contextmanager
def stand(vendor: str) -> Iterator[Stand]:
    """A twin with nobody in it."""
    clock = ManualClock(datetime.now(UTC))
    twin = twin_class(vendor)(clock=clock)
    with serve(twin) as running:
        connection = twin.connection(running.url)
        secrets = MemorySecrets()
        for name, value in connection.secrets.items():
            secrets.put(PROJECT, name, value)
        crm = cast(Closing, open_crm(vendor, connection.options, secrets, MemoryStore(), PROJECT))
        anna = twin.seed_user(name="Anna")
        document = {
            "crm": {"vendor": vendor, "options": dict(connection.options)},
            "integration": {"enabled": True},
            "routing": {"timeout": "PT10S", "enabled": vendor not in NOT_ASKED},
            "employees": {"anna": {"main_directions": ["sip:anna"], "crm_user": anna}},
            "senior_manager": "anna",
        }
        try:
            with world(document, manual=clock, secrets=connection.secrets):
                yield Stand(vendor, crm, twin, clock, anna)
        finally:
            crm.close()


@contextmanager
def known_client(vendor: str) -> Iterator[Stand]:
    """A twin with a client of Anna's: organisation, contact, open lead and open deal, as far as the vendor has them."""
    with stand(vendor) as place:
        twin, kinds, anna = place.twin, place.crm.declaration.kinds, place.anna
        acme = twin.seed_organization(name="Acme", owner=anna) if RecordKind.ORGANIZATION in kinds else None
        olena = twin.seed_contact(phone=PHONE.e164, name="Olena", owner=anna, organization=acme)
        if RecordKind.LEAD in kinds:
            twin.seed_lead(phone=PHONE.e164, name="Wish", owner=anna, contact=olena)
        if RecordKind.DEAL in kinds:
            twin.seed_deal(phone=PHONE.e164, name="Order", owner=anna, contact=olena)
        yield place


@contextmanager
def late(twin: Twin) -> Iterator[None]:
    """Every request is answered after the delay, in which the twin does its work: a slow twin is not counted as our own time.

    A twin's own lateness (`Fault`) would come on top of its work, and for each part of a bulk.
    """
    answer = twin.answer

    def answer_late(request: Request) -> Response:
        until = time.monotonic() + DELAY
        response = answer(request)
        time.sleep(max(0.0, until - time.monotonic()))
        return response

    with patch.object(twin, "answer", answer_late):
        yield


# --- in place of threads


@contextmanager
def in_place_of_threads(pool: Callable[..., object]) -> Iterator[None]:
    """What `patchcord.crm.together` makes its pools of; pools that there are already go on."""
    with patch("concurrent.futures.ThreadPoolExecutor", pool):
        yield


class InTurn:
    """Does a task when it is handed over."""

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, task: Callable[[], T]) -> Future[T]:
        done: Future[T] = Future()
        done.set_result(task())
        return done


@dataclass
class Rounds:
    """Counts how many requests wait for one another: of tasks that go together, only those of the longest."""

    count: Callable[[], int]
    begun: int = field(init=False)
    saved: int = 0

    def __post_init__(self) -> None:
        self.begun = self.count()

    @property
    def depth(self) -> int:
        return self.count() - self.begun - self.saved

    def __call__(self, *_: object) -> _Round:
        return _Round(self)


class _Round(InTurn):
    """Tasks that go together; the caller's own is the one that is not handed over."""

    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds
        self._begun = rounds.count()
        self._lengths: list[int] = []

    def submit(self, task: Callable[[], T]) -> Future[T]:
        before = self._rounds.count()
        done = super().submit(task)
        self._lengths.append(self._rounds.count() - before)
        return done

    def __exit__(self, *_: object) -> None:
        together = self._rounds.count() - self._begun
        own = together - sum(self._lengths)
        self._rounds.saved += together - max(own, *self._lengths)
