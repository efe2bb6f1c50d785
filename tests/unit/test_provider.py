"""The providers of projects: clients, the limits that functions share, the roster and how long it is trusted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from patchcord.model.roster import Roster, RosterUser
from patchcord.scenarios.profiles import effective
from patchcord.service.limits import StoreLimits
from patchcord.service.projects import IncompleteProject, Project
from patchcord.service.provider import Providers
from patchcord.store.memory import MemorySecrets, MemoryStore
from sandbox.telephony.mango_twin import MangoTwin, serve
from sandbox.twins.base import Fault, ManualClock
from tests.harness import VirtualClock

NOON = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
ANNA = RosterUser("7", "Анна", "anna@acme.example", ("sip:anna@acme", "79031112233"))


class World:
    """A project with a MANGO account, the twin of that account, and functions of ours that share one store."""

    def __init__(self, twin: MangoTwin, url: str, clock: ManualClock) -> None:
        self.twin, self.clock = twin, clock
        self.store, self.secrets = MemoryStore(now=clock), MemorySecrets()
        self.project = self.a_project("acme", f"{url}/vpbx")
        self.secrets.put("acme", "mango_key", twin.key)
        self.secrets.put("acme", "mango_salt", twin.salt)

    def a_project(self, name: str, base_url: str | None) -> Project:
        telephony = {"provider": "mango", "base_url": base_url}
        return Project(name, 1, effective({"crm": {"vendor": "megaplan"}, "telephony": telephony}), "client secret")

    def providers(self) -> Providers:
        """Those of a function in a container of its own."""
        return Providers(self.store, self.secrets, VirtualClock(self.clock))

    def asked(self, path: str = "") -> int:
        return sum(path in seen.path for seen in self.twin.requests)

    def break_down(self) -> None:
        self.twin.misbehave(Fault("status", times=None))


@pytest.fixture
def world() -> Iterator[World]:
    clock = ManualClock(NOON)
    twin = MangoTwin(clock=clock)
    twin.seed_employee(extension="0511", name=ANNA.name, email=ANNA.email, user_id=7, numbers=ANNA.numbers)
    twin.seed_employee(extension="", name="Борис", user_id=8)
    twin.seed_group(extension="303", name="Продажи", operators=("0511",))
    with serve(twin) as running:
        yield World(twin, running.url, clock)


# --- the client


def test_a_client_is_opened_once_for_an_account(world: World) -> None:
    providers = world.providers()
    mango = providers.mango(world.project)
    assert providers.mango(world.project) is mango
    assert providers.mango(replace(world.project, version=2)) is mango
    world.secrets.put("acme", "mango_salt", "a new salt")
    assert providers.mango(world.project) is not mango


def test_projects_have_clients_of_their_own(world: World) -> None:
    providers = world.providers()
    world.secrets.put("globex", "mango_key", "another key")
    world.secrets.put("globex", "mango_salt", "another salt")
    other = world.a_project("globex", None)
    assert providers.mango(other) is not providers.mango(world.project)
    assert providers.mango(world.project) is providers.mango(world.project)


@pytest.mark.parametrize("secret", ["mango_key", "mango_salt"])
def test_a_project_without_its_secrets_is_incomplete(world: World, secret: str) -> None:
    world.secrets.put("acme", secret, "")
    with pytest.raises(IncompleteProject) as incomplete:
        world.providers().mango(world.project)
    assert (incomplete.value.project, incomplete.value.secret) == ("acme", secret)
    assert world.providers().roster(world.project) is None


# --- the limits


def limits(store: MemoryStore, clock: ManualClock, project: str = "acme") -> StoreLimits:
    return StoreLimits(store, project, "mango", VirtualClock(clock))


def test_a_gap_is_exact_whoever_sends() -> None:
    clock = ManualClock(NOON)
    store = MemoryStore(now=clock)
    one, other = limits(store, clock), limits(store, clock)
    assert one.wait("route", 2 * SECOND, timedelta())
    clock.advance(timedelta(milliseconds=1999))
    assert not other.wait("route", 2 * SECOND, timedelta())
    assert not one.wait("route", 2 * SECOND, timedelta())
    clock.advance(timedelta(milliseconds=1))
    assert other.wait("route", 2 * SECOND, timedelta())
    assert not one.wait("route", 2 * SECOND, timedelta())


def test_names_and_projects_have_gaps_of_their_own() -> None:
    clock = ManualClock(NOON)
    store = MemoryStore(now=clock)
    assert limits(store, clock).wait("route", MINUTE, timedelta())
    assert limits(store, clock).wait("users", MINUTE, timedelta())
    assert limits(store, clock, "globex").wait("route", MINUTE, timedelta())
    assert clock() == NOON


def test_patience_waits_as_long_as_it_lasts_and_no_longer() -> None:
    clock = ManualClock(NOON)
    store = MemoryStore(now=clock)
    assert limits(store, clock).wait("route", 2 * SECOND, timedelta())
    assert not limits(store, clock).wait("route", 2 * SECOND, SECOND)
    assert clock() == NOON + SECOND
    assert limits(store, clock).wait("route", 2 * SECOND, SECOND)
    assert clock() == NOON + 2 * SECOND


def test_a_rest_holds_for_all_and_is_not_waited_for_in_vain() -> None:
    clock = ManualClock(NOON)
    store = MemoryStore(now=clock)
    limits(store, clock).rest("route", 2 * MINUTE)
    limits(store, clock).rest("route", MINUTE)
    assert not limits(store, clock).wait("route", SECOND, MINUTE)
    assert clock() == NOON
    assert limits(store, clock).wait("users", SECOND, timedelta())
    assert limits(store, clock).wait("route", SECOND, 3 * MINUTE)
    assert clock() == NOON + 2 * MINUTE
    assert not limits(store, clock).wait("route", SECOND, timedelta())


def test_a_rest_holds_although_a_request_has_just_gone() -> None:
    clock = ManualClock(NOON)
    store = MemoryStore(now=clock)
    assert limits(store, clock).wait("route", 2 * SECOND, timedelta())
    limits(store, clock).rest("route", 2 * MINUTE)
    clock.advance(2 * SECOND)
    assert not limits(store, clock).wait("route", 2 * SECOND, timedelta())


# --- the roster


def test_the_roster_tells_groups_from_employees(world: World) -> None:
    roster = world.providers().roster(world.project)
    assert roster == Roster({"303": "Продажи"}, {"0511": ANNA})
    assert roster.is_group("303")
    assert not roster.is_group("0511")
    assert "anna@" not in repr(roster)
    assert "7903" not in repr(roster)


def test_the_roster_is_asked_for_once_an_hour(world: World) -> None:
    providers = world.providers()
    for _ in range(3):
        assert providers.roster(world.project)
    world.clock.advance(HOUR - SECOND)
    assert providers.roster(world.project)
    assert world.asked() == 2
    world.twin.seed_group(extension="304", name="Склад")
    world.clock.advance(SECOND)
    renewed = providers.roster(world.project)
    assert renewed is not None
    assert renewed.is_group("304")
    assert world.asked() == 4


def test_functions_share_the_roster(world: World) -> None:
    first = world.providers().roster(world.project)
    assert world.providers().roster(world.project) == first
    assert world.asked() == 2


def test_a_roster_that_is_not_to_be_had_is_tried_once_a_minute(world: World) -> None:
    world.break_down()
    assert world.providers().roster(world.project) is None
    world.clock.advance(MINUTE - SECOND)
    assert world.providers().roster(world.project) is None
    assert world.asked() == 1
    world.clock.advance(SECOND)
    assert world.providers().roster(world.project) is None
    assert world.asked() == 2
    world.twin.faults.behave()
    world.clock.advance(MINUTE)
    assert world.providers().roster(world.project) is not None


def test_half_a_roster_is_none(world: World) -> None:
    world.twin.misbehave(Fault("garbage", path="groups"))
    assert world.providers().roster(world.project) is None
    assert world.asked("users") == world.asked("groups") == 1


def test_an_old_roster_is_used_for_a_day_when_mango_cannot_be_asked(world: World) -> None:
    providers = world.providers()
    roster = providers.roster(world.project)
    world.break_down()
    world.clock.advance(2 * HOUR)
    for _ in range(3):
        assert providers.roster(world.project) == roster
    assert world.providers().roster(world.project) == roster
    assert world.asked() == 3
    world.clock.advance(22 * HOUR)
    assert world.providers().roster(world.project) is None


def test_while_somebody_asks_the_others_do_not(world: World) -> None:
    assert world.store.lease("acme", "mango:roster", "somebody", NOON, NOON + MINUTE)
    assert world.providers().roster(world.project) is None
    assert world.asked() == 0


def test_the_roster_of_one_project_is_no_other_s(world: World) -> None:
    providers = world.providers()
    assert providers.roster(world.project)
    assert providers.roster(world.a_project("globex", None)) is None
    assert world.asked() == 2
