"""Click-to-call through the real handler, up to what the telephony's interface is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.wrappers import Response

from patchcord.model.codec import load
from patchcord.service.projects import secret_hash
from patchcord.store.port import CallKey
from sandbox.telephony.mango_twin import MangoTwin
from sandbox.telephony.mango_twin import serve as serve_mango
from sandbox.twins.base import Fault, ManualClock
from tests.harness import CLICK_SECRET, MANGO_KEY, MANGO_SALT, NOBODY, SECRET, START, World, world
from tests.ringostat_server import AUTH_KEY, PROJECT_ID, RingostatServer, ringostat
from tests.unit.builders import CLIENT, document

CLICK = {"to": "067 123-45-67", "employee": "boris"}


@dataclass
class Desk:
    """A project with a button in its CRM, and its telephony."""

    product: World
    server: RingostatServer


@contextmanager
def desk(**changes: Any) -> Iterator[Desk]:
    with ringostat() as (server, url):
        server.online = ["demo_anna", "demo_boris"]
        own = {"click_to_call.secrets": [secret_hash(CLICK_SECRET)], **{k.replace("__", "."): v for k, v in changes.items()}}
        body = document("sendpulse", {"telephony.base_url": url, "telephony.project_id": PROJECT_ID, **own})
        with world(body, secrets={"ringostat_api_key": AUTH_KEY}) as product:
            yield Desk(product, server)


@pytest.fixture
def here() -> Iterator[Desk]:
    with desk(click_to_call__sip_account=None) as opened:
        yield opened


def test_a_click_connects_the_client_with_whoever_clicked(here: Desk) -> None:
    """C-19, S2-24: `manager_dst` 1 rings the caller of the request first, which is the client (telephony.md 2)."""
    answer = here.product.click(CLICK)
    assert (answer["status_code"], answer["status"]) == (200, "dialling")
    assert (answer["order"], answer["account"], answer["employee"]) == (["client", "sip:demo_boris"], "sip:demo_boris", "boris")
    (dialled,) = here.server.callbacks
    assert (dialled["caller"], dialled["callee"], dialled["manager_dst"]) == ("380671234567", "demo_boris", 1)
    assert (dialled["projectId"], dialled["direction"]) == (PROJECT_ID, "out")


def test_the_journal_tells_of_it_and_nothing_is_promised(here: Desk) -> None:
    call = here.product.click(CLICK)["call"]
    entry = here.product.store.entry(CallKey("demo", "ringostat", call))
    assert entry is not None
    event = load(entry.events[call])
    assert (event.client, event.extra["employee"], event.extra["order"]) == (CLIENT, "boris", "client sip:demo_boris")
    assert entry.settled == {call}
    assert not here.product.queue.promised


@pytest.mark.parametrize(("first", "swap", "digit"), [("client", False, 1), ("employee", False, 0), ("client", True, 0)])
def test_who_is_rung_first(first: str, swap: bool, digit: int) -> None:
    """O-50."""
    with desk(click_to_call__first_leg=first, click_to_call__swap_legs=swap) as here:
        here.product.click({"to": CLIENT})
        assert [dialled["manager_dst"] for dialled in here.server.callbacks] == [digit]


def test_the_projects_own_account_and_its_replacement() -> None:
    """S2-25, S2-26, D-30."""
    with desk(click_to_call__sip_account="sip:demo_anna") as here:
        assert here.product.click(CLICK)["account"] == "sip:demo_anna"
        here.product.clock.sleep(20)
        here.server.online = ["demo_boris", "demo_senior"]
        assert here.product.click(CLICK)["account"] in {"sip:demo_boris", "sip:demo_senior"}
        here.product.clock.sleep(20)
        here.server.online = []
        answer = here.product.click(CLICK)
        assert (answer["status_code"], answer["code"]) == (409, "NO_SIP_ONLINE")
        assert len(here.server.callbacks) == 2


# --- the door ---


@pytest.mark.parametrize("secret", [SECRET, "another-secret-0123456789abcdef", ""])
def test_only_the_buttons_own_secret_opens(here: Desk, secret: str) -> None:
    answer = here.product.click(CLICK, secret=secret)
    assert (answer["status_code"], answer["title"]) == (404, "There is nothing here.")
    assert not here.server.callbacks


def test_the_buttons_secret_takes_no_webhooks(here: Desk) -> None:
    assert here.product.post("missed", {"uniqueid": "x"}, secret=CLICK_SECRET)["status_code"] == 404


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (b"{", "body"),
        (b"\xff\xfe", "body"),
        (b"[]", "body"),
        ({}, "to"),
        ({"to": 380671234567}, "to"),
        ({"to": CLIENT, "employee": ["boris"]}, "employee"),
        ({"to": CLIENT, "first": "me"}, "first"),
        ({"to": CLIENT, "key": "k" * 201}, "key"),
    ],
)
def test_what_cannot_be_read_is_named(here: Desk, payload: Any, field: str) -> None:
    answer = here.product.click(payload)
    assert (answer["status_code"], [error["field"] for error in answer["errors"]]) == (400, [field])


@pytest.mark.parametrize(
    ("payload", "status", "code"),
    [
        ({"to": "+48221234567"}, 403, "REGION_NOT_ALLOWED"),
        ({"to": "+380900212345"}, 403, "COSTLY_NUMBER"),
        ({"to": "+380679999999"}, 403, "BLOCKED_NUMBER"),
        ({"to": "102"}, 422, "NUMBER_NOT_POSSIBLE"),
        ({"to": "+380442220000"}, 422, "OWN_NUMBER"),
        ({"to": CLIENT, "employee": "nobody"}, 422, "EMPLOYEE_UNKNOWN"),
        ({"to": CLIENT, "employee": "senior"}, 409, "EMPLOYEE_OFFLINE"),
    ],
)
def test_what_is_not_dialled_says_why(payload: dict[str, str], status: int, code: str) -> None:
    with desk(click_to_call__sip_account=None, blocked_numbers=["0679999999"]) as here:
        answer = here.product.click(payload)
        assert (answer["status_code"], answer["code"]) == (status, code)
        assert answer["title"]
        assert not here.server.callbacks


# --- once, and not too often ---


def test_a_double_click_dials_once(here: Desk) -> None:
    first, second = here.product.click(CLICK), here.product.click({**CLICK, "to": "+380 67 1234567"})
    assert (second["status_code"], second["status"], second["call"]) == (200, "repeated", first["call"])
    here.product.clock.sleep(11)
    assert here.product.click(CLICK)["status"] == "dialling"
    assert len(here.server.callbacks) == 2


def test_another_employee_or_number_is_another_click(here: Desk) -> None:
    for click in (CLICK, {**CLICK, "employee": "anna"}, {**CLICK, "to": "+380671234568"}):
        assert here.product.click(click)["status"] == "dialling"


@pytest.mark.parametrize("by_header", [True, False])
def test_an_idempotency_key_holds_longer(here: Desk, by_header: bool) -> None:
    def click(key: str) -> Any:
        return here.product.click(CLICK, idempotency_key=key) if by_header else here.product.click({**CLICK, "key": key})

    first = click("k-1")
    here.product.clock.sleep(300)
    assert (click("k-1")["status"], click("k-1")["call"]) == ("repeated", first["call"])
    assert click("k-2")["status"] == "dialling"


def test_what_was_refused_may_be_tried_again_at_once(here: Desk) -> None:
    here.server.online = []
    assert here.product.click(CLICK)["code"] == "NO_SIP_ONLINE"
    here.server.online = ["demo_boris"]
    assert here.product.click(CLICK)["status"] == "dialling"


def test_only_so_many_calls_a_minute() -> None:
    with desk(click_to_call__sip_account=None, click_to_call__per_minute=2) as here:
        numbers = [f"+3806712345{end:02}" for end in range(3)]
        answers = [here.product.click({"to": number}) for number in numbers]
        assert [answer["status_code"] for answer in answers] == [200, 200, 429]
        assert answers[2]["code"] == "TOO_MANY_CALLS"
        assert 1 <= int(answers[2]["headers"]["retry-after"]) <= 60
        here.product.clock.sleep(60)
        assert here.product.click({"to": numbers[2]})["status"] == "dialling"


# --- the telephony's troubles ---


def test_the_telephony_refuses(here: Desk) -> None:
    here.server.refusal = f"Caller {CLIENT} is not allowed"
    answer = here.product.click(CLICK)
    assert (answer["status_code"], answer["code"]) == (502, "TELEPHONY_REFUSED")
    assert CLIENT not in here.product.log.getvalue()
    here.server.refusal = None
    assert here.product.click(CLICK)["status"] == "dialling"


def test_an_answer_that_was_lost_is_not_dialled_twice(here: Desk) -> None:
    here.server.answer = Response("", 503)
    assert here.product.click(CLICK)["code"] == "TELEPHONY_UNAVAILABLE"
    here.server.answer = None
    assert here.product.click(CLICK)["code"] == "ALREADY_DIALLING"
    here.product.clock.sleep(11)
    assert here.product.click(CLICK)["status"] == "dialling"


@pytest.mark.parametrize("lacking", ["ringostat_api_key", "project_id"])
def test_a_project_that_is_not_set_up_says_so(lacking: str) -> None:
    changes = {"telephony__project_id": None} if lacking == "project_id" else {}
    with desk(**changes) as here:
        if lacking != "project_id":
            here.product.secrets.put("demo", lacking, "")
        assert here.product.click({"to": CLIENT})["status_code"] == 503
        assert not here.server.callbacks


def test_numbers_and_secrets_are_in_no_log(here: Desk) -> None:
    here.product.click(CLICK)
    here.product.click({"to": "+48221234567"})
    log = here.product.log.getvalue()
    assert [text for text in (CLIENT, "671234567", "48221234567", CLICK_SECRET, AUTH_KEY) if text in log] == []


# --- MANGO ---


@contextmanager
def mango_desk() -> Iterator[tuple[World, MangoTwin]]:
    clock = ManualClock(START)
    twin = MangoTwin(clock=clock, key=MANGO_KEY, salt=MANGO_SALT)
    twin.seed_employee(extension="102", name="Boris")
    with serve_mango(twin) as calling:
        body = document(
            "megaplan",
            {
                "telephony.provider": "mango",
                "telephony.base_url": f"{calling.url}/vpbx",
                "click_to_call.secrets": [secret_hash(CLICK_SECRET)],
            },
        )
        with world(body, manual=clock) as product:
            yield product, twin


def test_mango_rings_the_employee_and_its_result_stands_beside_the_command() -> None:
    with mango_desk() as (product, twin):
        answer = product.click(CLICK)
        assert (answer["status"], answer["order"]) == ("dialling", ["sip:demo_boris", "client"])
        (command,) = [command.body for command in twin.ledger if command.path == "commands/callback"]
        assert (command["from"], command["to_number"]) == ({"extension": "102"}, CLIENT[1:])
        product.mango("result/callback", {"command_id": command["command_id"], "result": 1000})
        entry = product.store.entry(CallKey("demo", "mango", answer["call"]))
        assert entry is not None
        assert len(entry.events) == 2
        assert "1000" in json.dumps(list(entry.events.values()))


def test_mango_cannot_ring_the_client_first() -> None:
    with mango_desk() as (product, twin):
        answer = product.click({**CLICK, "first": "client"})
        assert (answer["status_code"], answer["code"]) == (409, "CLIENT_FIRST_NOT_POSSIBLE")
        assert not twin.ledger


def test_mango_that_does_not_answer() -> None:
    with mango_desk() as (product, twin):
        twin.misbehave(Fault("status", path="/vpbx/commands/callback", status=503))
        assert product.click(CLICK)["code"] == "TELEPHONY_UNAVAILABLE"


def test_nobody_is_asked_for_what_is_never_dialled() -> None:
    with desk(telephony__base_url=NOBODY) as here:
        assert here.product.click({"to": "+48221234567"})["code"] == "REGION_NOT_ALLOWED"
