"""Dialogues through the real handlers: only the pressed button sends the client's data (S0-30…S0-34, D-17, D-18)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from patchcord.store.port import CallKey
from sandbox.twins.base import ManualClock, serve
from sandbox.twins.pipedrive import PipedriveTwin
from tests.harness import START, World, world
from tests.integration.demo import CLIENT, document

BUTTON = {"phone": "380671234567", "name": "Ivan", "channel": "telegram", "dialogue": "5f0c9a", "pressed_by": "anna"}
RINGOSTATS = {
    "project_id": "110070",
    "dialog_id": "5f0c9a",
    "channel": "telegram",
    "client_name": "Ivan",
    "client_phone": "380671234567",
    "client_username": "ivan_k",
    "employee_number": "331851",
    "employee_fio": "Anna Shevchenko",
    "started_at": "2026-03-05 11:40:00",
}
APPEAL = {
    "conversion_id": "9001",
    "entry_id": "",
    "channel_type": 6,
    "direction": 0,
    "create": int(START.timestamp()) - 900,
    "end": int(START.timestamp()),
    "assign_user_id": 300049011,
    "close_user_id": 300049012,
    "client_info": {"name": "Ivan", "phone": "380671234567"},
}
KINDS = ["contact", "lead", "organization"]

Stage = tuple[World, PipedriveTwin]


@contextmanager
def product_on_twin(messenger: dict[str, Any] | None = None, provider: str = "ringostat", **more: Any) -> Iterator[Stage]:
    clock = ManualClock(START)
    twin = PipedriveTwin(clock=clock)
    with serve(twin) as running:
        body = document(twin, running.url, messenger=messenger or {}, telephony={"provider": provider}, **more)
        body["employees"]["anna"]["provider_ids"] = ["331851"]
        body["employees"]["boris"]["provider_ids"] = ["300049012"]
        with world(body, manual=clock) as product:
            yield product, twin


@pytest.fixture
def stage() -> Iterator[Stage]:
    with product_on_twin() as pair:
        yield pair


def made(twin: PipedriveTwin) -> list[str]:
    return sorted(write.kind for write in twin.writes("create"))


def owners(product: World, twin: PipedriveTwin) -> set[str]:
    """Whose the records are: the employees' keys."""
    project = product.service.projects.get("demo")
    assert project is not None
    keys = {employee.crm_user: key for key, employee in project.settings.employees.items()}
    return {keys[write.fields["owner"]] for write in twin.writes("create")}


def journal(product: World, provider: str, call: str) -> Any:
    return product.store.entry(CallKey("demo", provider, call))


# --- the button ---


def test_the_button_makes_the_records_and_says_so(stage: Stage) -> None:
    """S0-30, S0-32, S0-33, S0-34."""
    product, twin = stage
    answered = product.dispatch(BUTTON)
    assert (answered["status_code"], answered["status"], answered["situation"]) == (200, "done", "messenger_new")
    assert made(twin) == KINDS
    assert owners(product, twin) == {"anna"}
    (contact,) = (write for write in twin.writes("create") if write.kind == "contact")
    (lead,) = (write for write in twin.writes("create") if write.kind == "lead")
    assert (contact.fields["name"], contact.fields["phone"]) == ("Ivan", CLIENT)
    assert lead.fields["contact"] == contact.id
    (renamed,) = (write for write in twin.writes("update") if write.id == lead.id)
    assert lead.id in renamed.fields["name"]
    events = [json.loads(body) for body in journal(product, "messenger", "dialogue:5f0c9a").events.values()]
    assert [event["extra"] for event in events] == [{"channel": "telegram"}]


def test_the_button_pressed_twice_makes_them_once(stage: Stage) -> None:
    product, twin = stage
    product.dispatch(BUTTON)
    assert product.dispatch(BUTTON)["status"] == "duplicate"
    product.dispatch({**BUTTON, "dialogue": "another"})
    assert made(twin) == KINDS


def test_nothing_is_made_for_a_client_the_crm_knows(stage: Stage) -> None:
    """D-18."""
    product, twin = stage
    twin.seed_contact(phone=CLIENT, name="Ivan")
    assert product.dispatch(BUTTON)["situation"] == "messenger_existing"
    assert made(twin) == []


@pytest.mark.parametrize(
    ("presser", "owner"),
    [
        ("anna", "anna"),
        ("boris@acme.example", "boris"),
        ("BORIS@acme.example", "boris"),
        ("acme_boris", "boris"),
        ("sip:acme_boris@pbx.example", "boris"),
        ("nobody", "olena"),
        ("nora", "olena"),
        ("anna@elsewhere.example", "olena"),
        (None, "olena"),
    ],
)
def test_whose_button_it_was(stage: Stage, presser: str | None, owner: str) -> None:
    """D-17: unknown people and those without a CRM account are the senior manager."""
    product, twin = stage
    product.dispatch({**BUTTON, "pressed_by": presser})
    assert owners(product, twin) == {owner}


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"phone": None}, ["phone"]),
        ({"phone": "ivan_k"}, ["phone"]),
        ({"dialogue": ""}, ["dialogue"]),
        ({"dialogue": "x" * 151, "phone": "1"}, ["phone", "dialogue"]),
        ({"email": "ivan"}, ["email"]),
        ({"phone": {"number": CLIENT}}, ["phone"]),
    ],
)
def test_what_the_button_lacks_is_named(stage: Stage, changes: dict[str, Any], fields: list[str]) -> None:
    """V-12: without a number there is nothing to look for."""
    product, twin = stage
    answered = product.dispatch({**BUTTON, **changes})
    assert (answered["status_code"], [error["field"] for error in answered["errors"]]) == (400, fields)
    assert not twin.requests


@pytest.mark.parametrize("body", [b"", b"phone=1", b"[]", b"\xff"])
def test_anything_but_an_object_is_refused(stage: Stage, body: bytes) -> None:
    product, _ = stage
    assert product.dispatch(body)["status_code"] == 400


def test_the_button_wants_the_secret(stage: Stage) -> None:
    product, twin = stage
    assert product.dispatch(BUTTON, secret="wrong-secret-0123456789abc")["status_code"] == 404
    assert not twin.requests


# --- Ringostat's dialogues ---


def test_a_dialogue_alone_does_nothing(stage: Stage) -> None:
    """S0-31."""
    product, twin = stage
    for hint in ("chat.start", "chat.end"):
        answered = product.post(hint, RINGOSTATS)
        assert (answered["status_code"], answered["status"], answered["reason"]) == (200, "ignored", "not_dispatched")
    assert not twin.requests
    assert len(journal(product, "ringostat", "dialogue:5f0c9a").events) == 2


@pytest.mark.parametrize(
    ("setting", "hints", "expected"),
    [
        ("start", ["chat.start"], KINDS),
        ("start", ["chat.start", "chat.end", "chat.start"], KINDS),
        ("start", ["chat.end"], KINDS),
        ("end", ["chat.start"], []),
        ("end", ["chat.start", "chat.end"], KINDS),
        ("button", ["chat.start", "chat.end"], []),
    ],
)
def test_a_project_can_have_a_dialogue_count_as_the_button(setting: str, hints: list[str], expected: list[str]) -> None:
    """S0-31, C-23: a lost start is made up for by the end."""
    with product_on_twin({"dispatch_on": setting}) as (product, twin):
        for hint in hints:
            product.post(hint, RINGOSTATS)
        assert made(twin) == expected
        assert not expected or owners(product, twin) == {"anna"}


def test_a_dialogue_without_a_number_is_kept() -> None:
    """V-12: a messenger may give none."""
    with product_on_twin({"dispatch_on": "start"}) as (product, twin):
        answered = product.post("chat.start", {**RINGOSTATS, "client_phone": None})
        assert (answered["status"], answered["reason"]) == ("ignored", "dispatch_without_phone")
        assert not twin.requests


@pytest.mark.parametrize(
    ("hint", "payload", "field"),
    [("chat.start", {**RINGOSTATS, "dialog_id": ""}, "dialogue"), ("chat.middle", RINGOSTATS, "moment")],
)
def test_a_dialogue_that_cannot_be_read_is_400(stage: Stage, hint: str, payload: dict[str, Any], field: str) -> None:
    product, _ = stage
    answered = product.post(hint, payload)
    assert (answered["status_code"], [error["field"] for error in answered["errors"]]) == (400, [field])


def test_nothing_is_sent_while_the_messenger_is_off() -> None:
    """O-19."""
    with product_on_twin({"enabled": False}) as (product, twin):
        assert product.dispatch(BUTTON)["reason"] == "messenger_off"
        assert not twin.requests


def test_blocked_numbers_are_not_sent_either() -> None:
    """D-19, C-22."""
    with product_on_twin(blocked_numbers=["067 123 45 67"]) as (product, twin):
        assert product.dispatch(BUTTON)["reason"] == "blocked_number"
        assert not twin.requests


# --- MANGO's appeals ---


@pytest.mark.parametrize(("counts", "expected"), [(False, []), (True, KINDS)])
def test_a_closed_appeal_counts_only_where_the_project_says_so(counts: bool, expected: list[str]) -> None:
    """S0-31; telephony.md 3.4: for whoever closed it."""
    with product_on_twin({"on_appeal_close": counts}, provider="mango") as (product, twin):
        for _ in range(2):
            assert product.mango("events/md/onAppealClose", APPEAL)["status_code"] == 200
        assert made(twin) == expected
        assert not expected or owners(product, twin) == {"boris"}
        (event,) = journal(product, "mango", "appeal:9001").events.values()
        assert json.loads(event)["extra"] == {"channel": "6"}


@pytest.mark.parametrize(("closed_by", "owner"), [(0, "olena"), (None, "olena"), (-1, "olena"), (300049012, "boris")])
def test_an_appeal_that_closed_by_itself_belongs_to_whom_it_was_assigned(closed_by: int | None, owner: str) -> None:
    with product_on_twin({"on_appeal_close": True}, provider="mango") as (product, twin):
        product.mango("events/md/onAppealClose", {**APPEAL, "close_user_id": closed_by})
        assert owners(product, twin) == {owner}
