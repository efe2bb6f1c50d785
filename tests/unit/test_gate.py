"""The gate before the CRM: whatever workers do and however late they do it, no vendor counts more than it allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from patchcord.crm.kommo.declaration import DECLARATION as KOMMO
from patchcord.crm.port import Crm, Declaration
from patchcord.service.gate import UNDER_WAY, Gate, NotNow, kept_for_routing, look_up_cost, share_of, window_of
from patchcord.service.line import Line
from patchcord.store.memory import MemoryStore
from patchcord.store.port import Granted, Wait
from sandbox.twins.base import ManualClock
from tests.contract.page import declarations
from tests.harness import START, VirtualClock

WORKERS = 4
STEPS = st.lists(
    st.tuples(st.integers(0, WORKERS), st.floats(0, 0.7), st.floats(0, 1)), min_size=8, max_size=60
)  # fmt: skip
"""Which worker goes on (the last of them is routing), after how many windows of ours, and how late its requests arrive."""


@dataclass(frozen=True)
class Declared:
    """As much of a CRM as the gate looks at."""

    declaration: Declaration


def crm_of(declaration: Declaration) -> Crm:
    return cast(Crm, Declared(declaration))


def asked_by_event(gate: Gate, crm: Crm) -> Iterator[int]:
    """What an event asks of the gate, as service/perform.py does: the units that are sent after each step."""
    least = crm.declaration.requests
    gate.reserve(look_up_cost(crm) + least.create + least.task)
    yield 0
    gate.spend(look_up_cost(crm))
    yield look_up_cost(crm)
    for units in (least.create, least.task):
        gate.reserve(units)
        yield 0
        gate.spend(units)
        yield units


def asked_by_caller(gate: Gate, crm: Crm) -> Iterator[int]:
    gate.spend(look_up_cost(crm))
    yield look_up_cost(crm)


def worker(gate: Gate, crm: Crm) -> Iterator[int]:
    """One event, or caller, after the other; what cannot be done now is given up."""
    while True:
        try:
            yield from (asked_by_caller if gate.routing else asked_by_event)(gate, crm)
        except NotNow:
            yield 0


@pytest.mark.parametrize("declaration", list(declarations()), ids=lambda declaration: declaration.vendor)
@given(steps=STEPS)
@example(steps=[(number % WORKERS, 0.0, 0.5) for number in range(60)])
@example(steps=[(number % WORKERS, 0.24, 0.5) for number in range(60)])
def test_no_vendor_counts_more_than_it_allows(declaration: Declaration, steps: list[tuple[int, float, float]]) -> None:
    crm, clock = crm_of(declaration), VirtualClock(ManualClock(START))
    store, kept = MemoryStore(now=clock.now), kept_for_routing(crm)
    gates = [Gate(store, "demo", crm, clock, kept_free=kept) for _ in range(WORKERS)]
    workers = [worker(gate, crm) for gate in (*gates, Gate(store, "demo", crm, clock, routing=True))]
    arrived: list[tuple[datetime, int]] = []
    for number, windows, late in steps:
        clock.sleep((window_of(crm) * windows).total_seconds())
        units = next(workers[number])
        arrived.append((clock.now() + UNDER_WAY * late, units))
    for begun, _ in arrived:
        within = sum(units for at, units in arrived if begun <= at < begun + declaration.rate.window)
        assert within <= declaration.rate.units


# --- who comes first, who comes too late ---


@dataclass
class Door:
    """Gates of Kommo's connection on one clock."""

    clock: VirtualClock
    store: MemoryStore
    crm: Crm

    def gate(self, *, routing: bool = False) -> Gate:
        return Gate(self.store, "demo", self.crm, self.clock, routing, 0 if routing else kept_for_routing(self.crm))


@pytest.fixture
def door() -> Door:
    clock = VirtualClock(ManualClock(START))
    return Door(clock, MemoryStore(now=clock.now), crm_of(KOMMO))


def test_a_caller_is_looked_up_first_and_what_routing_leaves_is_not_lost(door: Door) -> None:
    window = window_of(door.crm)
    opened = door.clock.now() + window - (door.clock.now() - datetime(1970, 1, 1, tzinfo=UTC)) % window
    door.clock.skip((opened - door.clock.now()).total_seconds())
    door.gate().spend(share_of(door.crm))
    assert door.clock.now() - opened == window / 2  # until then the window was routing's
    door.gate(routing=True).spend(look_up_cost(door.crm))
    assert door.clock.now() - opened == window


def test_units_that_were_not_used_in_their_window_are_nobodys(door: Door) -> None:
    late, other = door.gate(), door.gate()
    late.reserve(1)
    door.clock.skip(window_of(door.crm).total_seconds())
    other.spend(share_of(door.crm))
    begun = door.clock.now()
    late.spend(1)
    assert door.clock.now() > begun


def test_whoever_has_begun_is_given_more_patience_than_whoever_has_not(door: Door) -> None:
    begun, fresh = door.gate(), door.gate()
    begun.spend(1)
    busy = Busy(door.store, door.clock.now() + timedelta(seconds=5))
    begun.store = fresh.store = cast(MemoryStore, busy)
    with pytest.raises(NotNow):
        fresh.spend(1)
    begun.spend(1)
    assert door.clock.now() >= busy.until


@dataclass
class Busy:
    """A store whose bucket others have always emptied, until then."""

    store: MemoryStore
    until: datetime

    def take(self, project: str, connection: str, units: int, most: int, window: timedelta, now: datetime) -> Granted | Wait:
        return Wait(now + window, cooling=False) if now < self.until else Granted()


# --- the line ---


def test_the_line_gives_each_a_turn_of_its_own_as_far_apart_as_the_rate_wants_it(door: Door) -> None:
    line = Line(door.store, "demo", door.crm, door.clock)
    assert line.last() is None
    turns = [line.turn(door.clock.now()) for _ in range(100)]
    told = [turn for turn in turns if turn is not None]
    gaps = {after - before for before, after in pairwise(told)}
    assert gaps == {window_of(door.crm) * 4 / share_of(door.crm)}  # a look-up of two, a set of records, a trace
    assert line.turn(door.clock.now(), patience=timedelta(seconds=60)) is None
    assert line.last() == told[-1]
    door.clock.skip((told[-1] - door.clock.now()).total_seconds())
    assert line.last() is None
