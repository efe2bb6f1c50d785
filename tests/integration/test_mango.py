"""MANGO's calls through the real handler, up to what stands in the CRM: any order, any duplicate, nobody who does not sign."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from urllib.parse import urlencode

import pytest

from patchcord.model.vendors import VENDORS
from patchcord.scenarios.profiles import merge
from patchcord.service.perform import Performer
from patchcord.store.port import CallKey
from sandbox.telephony.mango_twin import MangoTwin
from sandbox.telephony.mango_twin import serve as serve_mango
from sandbox.twins import twin_class
from sandbox.twins.base import Fault, ManualClock, Twin, Write, serve
from tests.harness import MANGO_KEY, MANGO_SALT, NOBODY, Context, World, function, http_event, world
from tests.integration.demo import document, missed
from tests.mango_scenarios import (
    BEGUN,
    CLIENT,
    ENTRY,
    MISSED_BY_EMPLOYEE,
    MISSED_IN_GROUP,
    MISSED_IN_MENU,
    OUTGOING,
    RECORDED,
    ROUTED,
    SCENARIOS,
    TRANSFERRED,
    Scenario,
    Told,
    client,
    summary,
)

MANGO: dict[str, Any] = {"telephony": {"provider": "mango"}}
MEGAPLAN: dict[str, Any] = {
    **MANGO,
    "answered_new": "client_and_process",
    "missed_new": "client",
    "process": {"kind": "Sale", "status": "New request"},
    "ivr_missed_owner": "olena",
    "create_on_outgoing": True,
}
EXTENSIONS = {"anna": "101", "boris": "102", "olena": "100"}
MOST_PERMUTED = 7


@dataclass
class Office:
    """A MANGO project on a Megaplan twin."""

    product: World
    twin: Twin
    users: dict[str, str]

    def hear(self, events: Sequence[Told]) -> list[dict[str, Any]]:
        """Deliver events, keep all promises; what was answered."""
        answers = [self.product.mango(path, told) for path, told in events]
        self.product.keep_promises()
        return answers

    def state(self, writes: Sequence[Write]) -> list[dict[str, Any]]:
        """What a call's writes came to, without the CRM's ids: the records as they are in the end, tasks and calls."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for write in writes:
            told = found.setdefault((write.kind, write.id), {"kind": write.kind})
            told.update({name: NUMBER.sub("", str(value)) for name, value in write.fields.items() if name in SHOWN and value})
        names = {user: name for name, user in self.users.items()}
        for told in found.values():
            told.update({role: names.get(told[role], told[role]) for role in ("owner", "assignee", "author") if role in told})
        return sorted(found.values(), key=repr)


NUMBER = re.compile(r"\+\d{9,}")
SHOWN = ("name", "owner", "assignee", "author", "title", "pipeline_name", "stage_name", "due_at", "seconds")


@contextmanager
def office(vendor: str = "megaplan", **settings: Any) -> Iterator[Office]:
    """A MANGO project on a CRM's twin."""
    clock = ManualClock(datetime.fromtimestamp(BEGUN + 60, UTC))
    twin: Twin = twin_class(vendor)(clock=clock)
    with serve(twin) as running:
        connection = twin.connection(running.url)
        base = document(twin, running.url, **merge(MEGAPLAN if vendor == "megaplan" else MANGO, settings))
        for name, extension in EXTENSIONS.items():
            base["employees"][name]["extension"] = extension
        base["crm"]["options"] = dict(connection.options)
        users = {name: employee["crm_user"] for name, employee in base["employees"].items() if employee.get("crm_user")}
        with world(base, manual=clock, secrets=connection.secrets) as product:
            yield Office(product, twin, users)


def orders(scenario: Scenario) -> list[Sequence[Told]]:
    """Every order of a call's events, or 2,000 random ones of a long call."""
    if len(scenario.events) <= MOST_PERMUTED:
        return list(permutations(scenario.events))
    return shuffled(scenario, 2_000)


def shuffled(scenario: Scenario, count: int) -> list[Sequence[Told]]:
    shuffler = random.Random(scenario.name)
    return [shuffler.sample(scenario.events, len(scenario.events)) for _ in range(count)]


PORTION = 720
"""Orders tried by one test, so that the tests of a long call can run side by side."""
PORTIONS = [
    pytest.param(scenario, begin, id=f"{scenario.name}, {begin // PORTION + 1}")
    for scenario in SCENARIOS
    for begin in range(0, len(orders(scenario)), PORTION)
]
FRESH = 120
"""Orders tried on one twin: its search reads all that it has."""


def as_another_call(events: Sequence[Told], number: int) -> list[Told]:
    """The same call of another client."""
    text = json.dumps(events).replace(ENTRY, f"entry-{number}").replace(CLIENT, f"38067{number:07}")
    text = text.replace("MToxMDAwNjA4NTo1MDA5NDExMDIyOjE=", f"recording-{number}")
    return [(path, told) for path, told in json.loads(text)]


def assert_all_the_same(tried: Sequence[Sequence[Told]], **settings: Any) -> None:
    """Each order of events leads to the same in the CRM."""
    expected: list[dict[str, Any]] | None = None
    for begin in range(0, len(tried), FRESH):
        with office(**settings) as here:
            for number, order in enumerate(tried[begin : begin + FRESH], begin):
                before = len(here.twin.ledger)
                here.hear(as_another_call(order, number))
                came_to = here.state(here.twin.ledger[before:])
                expected = came_to if expected is None else expected
                assert came_to == expected, f"order {number}"
            assert not here.product.queue.buried


@pytest.mark.parametrize(("scenario", "begin"), PORTIONS)
def test_every_order_leads_to_the_same_in_the_crm(scenario: Scenario, begin: int) -> None:
    """telephony.md 0, fact 6; S4-04, S4-37: all permutations up to seven events."""
    assert_all_the_same([scenario.events, *orders(scenario)[begin : begin + PORTION]])


def test_every_order_of_a_transfer_gives_the_client_to_the_last_handler() -> None:
    """S4-36, D-26."""
    assert_all_the_same([TRANSFERRED.events, *shuffled(TRANSFERRED, 300)], update_owner_on_transfer=True)


def test_deliveries_that_repeat_change_nothing() -> None:
    """D-07."""
    with office() as here:
        here.hear(TRANSFERRED.events)
        before = len(here.twin.ledger)
        assert before
        for answer in here.hear(TRANSFERRED.events):
            assert (answer["status_code"], answer["status"]) == (200, "duplicate")
        assert len(here.twin.ledger) == before


# --- what is in the CRM afterwards ---


def test_a_late_recording_is_added_once_and_its_link_leads_to_the_file() -> None:
    """D-28; telephony.md 0, fact 9: MANGO's own link is for one use, so the CRM holds ours."""
    ready = datetime.fromtimestamp(BEGUN + 300, UTC)
    with mango() as pbx, office(telephony={"base_url": pbx.url}) as here:
        pbx.twin.add_recording("recording-1", entry_id="entry-1", ready_at=ready, content=b"sound")
        events = as_another_call([*RECORDED.events[:2], *RECORDED.events[4:]], 1)
        here.hear(events[:3])
        (log,) = here.twin.writes("log")
        assert not log.fields.get("recording")
        here.hear([events[3], events[3]])
        links = [write.fields["recording"] for write in here.twin.ledger if write.fields.get("recording")]
        assert len(links) == 1
        waiting = opened(here, links[0])
        assert (waiting["statusCode"], waiting["headers"]["retry-after"]) == (202, "60")
        here.product.clock.skip(300)
        pbx.clock.advance(timedelta(seconds=300))
        found = opened(here, links[0])
        assert found["statusCode"] == 302
        assert found["headers"]["location"].startswith("https://files.mango-office.ru/")


@pytest.mark.parametrize("trouble", ["429", "503", "the worker dies", "the worker dies, and MANGO sends it again"])
def test_a_recording_told_after_the_end_is_not_lost_to_a_bad_moment(trouble: str) -> None:
    """D-28: it is stored and promised like any event that asks for work."""
    with office() as here:
        events = as_another_call([*RECORDED.events[:2], *RECORDED.events[4:]], 1)
        here.hear(events[:3])
        here.twin.misbehave(Fault("status", status=int(trouble) if trouble.isdigit() else 503, times=1))
        if trouble.isdigit():
            assert here.hear([events[3]])[0]["status_code"] == 202
        else:
            dies_once = DiesOnce(after_storing="again" in trouble)
            with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
                patch.setattr(here.product.queue, "promise", dies_once.before(here.product.queue.promise))
                patch.setattr(Performer, "_proceed", dies_once.before(Performer._proceed))
                here.product.mango(*events[3])
            here.hear([events[3]] if "again" in trouble else [])
        here.product.keep_promises()
        assert len([write for write in here.twin.ledger if write.fields.get("recording")]) == 1
        assert here.hear([events[3]])[0]["status"] == "duplicate"


class Killed(BaseException):
    """The process is gone."""


@dataclass
class DiesOnce:
    """A worker that dies when the event is stored, or when it is promised as well."""

    after_storing: bool

    def before(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            if self.after_storing or step.__name__ != "promise":
                raise Killed
            return step(*args)

        return run


def opened(here: Office, link: str) -> dict[str, Any]:
    """What somebody gets who opens a link out of the CRM."""
    assert link.startswith("https://hooks.example/v1/recordings/demo/")
    path = {"project": "demo", "token": link.rsplit("/", 1)[1]}
    answer: dict[str, Any] = function("recording").handler(http_event("GET", path), Context())
    return answer


@contextmanager
def mango() -> Iterator[Pbx]:
    """MANGO's own interface, with the account of the project; `url` is its base address."""
    clock = ManualClock(datetime.fromtimestamp(BEGUN + 200, UTC))
    twin = MangoTwin(clock=clock, key=MANGO_KEY, salt=MANGO_SALT, files_url="https://files.mango-office.ru")
    with serve_mango(twin) as running:
        yield Pbx(twin, f"{running.url}/vpbx", clock)


@dataclass
class Pbx:
    twin: MangoTwin
    url: str
    clock: ManualClock


def test_groups_are_told_from_employees_by_mangos_own_list() -> None:
    """S4-41, telephony.md 3.3: only the summary came, and its short number is neither's for certain."""
    alone = [summary(1, client(), {"extension": "303"}, end=44, reason=1111)]
    with mango() as pbx, office(group_missed_owner="boris", telephony={"base_url": pbx.url}) as here:
        pbx.twin.seed_group(extension="303", name="Sales", operators=())
        here.hear(alone)
        (made,) = here.twin.writes("create", "contact")
        assert made.fields["owner"] == here.users["boris"]
        here.hear(as_another_call(alone, 2))
        assert sum("groups" in seen.path for seen in pbx.twin.requests) == 1


def test_an_employee_is_known_by_the_address_that_mango_has_of_him() -> None:
    """telephony.md 3.6: the settings know Boris by his e-mail address only, not by this short number."""
    with mango() as pbx, office(telephony={"base_url": pbx.url}) as here:
        pbx.twin.seed_employee(extension="0777", name="B.", email="boris@acme.example")
        here.hear([summary(1, client(), {"extension": "0777"}, end=30, reason=1111)])
        (made,) = here.twin.writes("create", "contact")
        assert made.fields["owner"] == here.users["boris"]


def test_a_pbx_that_cannot_be_asked_holds_nothing_up() -> None:
    with office(telephony={"base_url": NOBODY}) as here:
        here.hear([summary(1, client(), {"extension": "303"}, end=44, reason=1111)])
        (made,) = here.twin.writes("create", "contact")
        assert made.fields["owner"] == here.users["olena"]


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_crm_takes_mangos_calls(vendor: str) -> None:
    """The settings of seed 004 are ordinary ones; so are its calls."""
    settings = {"answered_new": "client", "missed_new": "client"} if vendor == "megaplan" else {}
    with office(vendor, **settings) as here:
        here.hear(as_another_call(TRANSFERRED.events, 1))
        here.hear(as_another_call(MISSED_BY_EMPLOYEE.events, 2))
        assert {"38067" + f"{number:07}" for number in (1, 2)} <= {
            "".join(filter(str.isdigit, str(write.fields.get("phone")))) for write in here.twin.writes("create")
        }
        assert not here.product.queue.buried


OWNERLESS = ("altegio", "sendpulse")
"""Altegio's clients belong to nobody; SendPulse's are made while it rings, before anybody has them (S2-02)."""


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_settings_that_were_made_for_mango_work_with_every_crm(vendor: str) -> None:
    """S4-03, S4-05, S4-08, S4-36, S4-39, S4-41, S4-43."""
    made_for_mango = {
        "answered_new": "client",
        "missed_new": "client",
        "update_owner_on_transfer": True,
        "create_on_outgoing": True,
        "group_missed_owner": "boris",
        "ivr_missed_owner": "olena",
        "names": {"auto_client_in": "New ({HH:MM}, in)", "auto_client_out": "New ({HH:MM}, out)"},
    }
    with office(vendor, **made_for_mango) as here:
        expected = {"New (12:00, in)": ["boris", "boris", "olena"], "New (12:00, out)": ["anna"]}
        owners: dict[str, list[str | None]] = {name: [] for name in expected}
        for number, scenario in enumerate((TRANSFERRED, MISSED_IN_GROUP, MISSED_IN_MENU, OUTGOING)):
            before = len(here.twin.ledger)
            here.hear(as_another_call(scenario.events, number))
            (client_made,) = [one for one in here.state(here.twin.ledger[before:]) if one["kind"] == "contact"]
            owners[str(client_made["name"])].append(client_made.get("owner"))
        assert {name: len(found) for name, found in owners.items()} == {name: len(whom) for name, whom in expected.items()}
        assert vendor in OWNERLESS or owners == expected


# --- who gets in ---


@pytest.mark.parametrize(
    ("spoilt", "status"),
    [
        ({"salt": "another-salt"}, 403),
        ({"key": "another-key"}, 404),
        ({"secret": "x" * 30}, 404),
    ],
)
def test_nobody_gets_in_who_does_not_sign(spoilt: dict[str, str], status: int) -> None:
    """telephony.md 3.1: refused, and nothing is stored."""
    with office() as here:
        for path, told in ROUTED.events:
            assert here.product.mango(path, told, **spoilt)["status_code"] == status
        here.product.keep_promises()
        assert here.product.store.entry(CallKey("demo", "mango", ENTRY)) is None
        assert not here.twin.ledger
        assert not here.product.queue.promised


def test_another_providers_door_is_no_way_round_the_signature() -> None:
    with office() as here:
        assert here.product.post("missed", missed())["status_code"] == 404
        assert not here.twin.requests


@pytest.mark.parametrize("length", [0, 1, 40, -1])
def test_a_body_that_was_cut_is_refused(length: int) -> None:
    path, told = ROUTED.events[0]
    text = json.dumps(told)
    whole = urlencode({"vpbx_api_key": MANGO_KEY, "sign": "0" * 64, "json": text}).encode()
    with office() as here:
        answer = here.product.pbx(path, whole[:length])
        assert answer["status_code"] in {403, 404}
        assert here.product.store.entry(CallKey("demo", "mango", ENTRY)) is None


def test_a_body_that_is_too_long_is_refused() -> None:
    with office() as here:
        assert here.product.mango("events/call", {"entry_id": ENTRY, "x": "y" * 300_000})["status_code"] == 400
        assert here.product.store.entry(CallKey("demo", "mango", ENTRY)) is None


def test_a_replay_after_the_journal_has_forgotten_is_refused() -> None:
    with office() as here:
        here.hear(ROUTED.events)
        before = len(here.twin.ledger)
        here.product.clock.skip(100 * 24 * 3600)
        assert {answer["status_code"] for answer in here.hear(ROUTED.events)} == {400}
        assert len(here.twin.ledger) == before


def test_only_listed_senders_are_heard() -> None:
    path, told = ROUTED.events[0]
    with office(telephony={"senders": ["81.88.80.132", "81.88.82.0/24"]}) as here:
        assert here.product.mango(path, told)["status_code"] == 403
    with office(telephony={"senders": ["198.51.100.0/24"]}) as here:
        assert here.product.mango(path, told)["status_code"] == 200


def test_what_is_not_a_call_is_acknowledged() -> None:
    with office() as here:
        for path in ("ping", "events/record/tagged", "result/route"):
            assert here.product.mango(path, {"command_id": "cid1", "result": 1000})["status"] == "acknowledged"
        assert here.product.pbx("ping", b"")["status_code"] == 200
