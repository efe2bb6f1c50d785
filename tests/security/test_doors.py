"""Who gets in: at every door a wrong, a foreign and a missing secret are refused alike, and nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from patchcord.service import projects
from patchcord.service.projects import Projects, secret_hash
from tests.harness import CLICK_SECRET, SECRET, Context, function, http_event
from tests.mango_scenarios import SCENARIOS
from tests.security.doors import BY_ROUTE, DOORS, KEYED, MANGO, SITES, Door, foreign, name, signed
from tests.security.stage import OTHER_KEY, OTHER_SALT, PBX_SECRET, SECRETS, Stage, link, stack, stage

WRONG = {
    "another": "x" * 36,
    "short": "x",
    "a hash": secret_hash(SECRET),
    "a longer one": SECRET + "x",
    "a NUL": SECRET + "\0",
    "in capitals": SECRET.upper(),
    "10,000 letters": "x" * 10_000,
    "a path": "../" * 20,
    "other digits": "٠١٢٣٤٥٦٧٨٩" * 4,
}

GATEWAYS = "Not Found"
"""What API Gateway says itself where there is no route, such as for a secret with a slash in it."""


@pytest.fixture(scope="module")
def here() -> Iterator[Stage]:
    with stage() as opened:
        yield opened


def test_every_route_is_a_door_of_these_tests() -> None:
    assert {door.route for door in DOORS} == {route.key for function in stack().functions for route in function.routes}


@pytest.mark.parametrize("door", DOORS, ids=name)
def test_whoever_may_gets_in(here: Stage, door: Door) -> None:
    """Without this the refusals below would prove nothing."""
    assert door.knock(here).status < 400


@pytest.mark.parametrize("door", KEYED, ids=name)
def test_a_wrong_secret_opens_nothing_and_is_told_nothing(here: Stage, door: Door) -> None:
    before = here.kept()
    for secret in (*WRONG.values(), foreign(door)):
        changed: dict[str, Any] = {door.key or "": secret}
        answered = door.knock(here, **changed)
        assert answered.status == 404
        assert door.method == "HEAD" or set(answered.json.values()) & {"There is nothing here.", GATEWAYS}
    assert here.kept() == before


@pytest.mark.parametrize("door", DOORS, ids=name)
def test_another_project_is_not_reached(here: Stage, door: Door) -> None:
    """Neither a project that there is not, nor one that there is, with the secret of this one."""
    before = here.kept()
    for project in (
        "nobody",
        "other",
        "pbx" if door.place["project"] == "demo" else "demo",
        "Demo",
        "demo#x",
        "../demo",
        "demo\0",
    ):
        assert door.knock(here, project=project).status in {403, 404}
    assert here.kept() == before


@pytest.mark.parametrize("door", [door for door in KEYED if door.key == "secret"], ids=name)
def test_the_buttons_secret_and_the_webhooks_are_two(here: Stage, door: Door) -> None:
    """A button in a CRM is seen by many people; what it shows must not open the webhooks, nor the other way round."""
    theirs = CLICK_SECRET if door.place["secret"] != CLICK_SECRET else SECRET
    before = here.kept()
    assert door.knock(here, secret=theirs).status == 404
    assert here.kept() == before


@pytest.mark.parametrize(
    "body",
    [
        signed(json.dumps(SCENARIOS[0].events[0][1]), salt=OTHER_SALT),
        signed(json.dumps(SCENARIOS[0].events[0][1]), key=OTHER_KEY, salt=OTHER_SALT),
        signed(json.dumps(SCENARIOS[0].events[0][1])) + b"&json={}&sign=0",
        b"json={}&" + signed(json.dumps(SCENARIOS[0].events[0][1])),
        b"sign=0&" + signed(json.dumps(SCENARIOS[0].events[0][1])),
        signed(json.dumps(SCENARIOS[0].events[0][1])).replace(b"sign=", b"sign[]="),
        signed(json.dumps(SCENARIOS[0].events[0][1])).replace(b"Appeared", b"Connected"),
    ],
    ids=["another salt", "another account", "a second envelope", "a text before", "a sign before", "a list", "changed"],
)
def test_a_forged_signature_is_refused(here: Stage, body: bytes) -> None:
    """MANGO's event with the right address; of parameters that come twice the first counts, for signature and text alike."""
    before = here.kept()
    answered = BY_ROUTE[f"POST {MANGO}"].knock(here, body=body)
    is_whole = b"&json={}" in body
    assert answered.status == 200 if is_whole else answered.status in {403, 404}
    assert here.kept() == before


def test_a_form_without_origin_and_secret_is_refused(here: Stage) -> None:
    door, before = BY_ROUTE[f"POST {SITES}"], here.kept()
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "https://www.shop.example.evil.example"}):
        assert door.knock(here, headers=headers).status == 403
    bare = Door(door.route, door.place, door.told)
    for secret in (*WRONG.values(), CLICK_SECRET, PBX_SECRET):
        if secret.isascii() and secret.isprintable():
            assert bare.knock(here, headers={"x-patchcord-secret": secret}).status == 403
    assert bare.knock(here).status == 403
    assert here.kept() == before


def test_a_link_to_a_recording_ends(here: Stage) -> None:
    """tests/unit/test_links.py changes every byte of one; here is the door."""
    door = BY_ROUTE["GET /v1/recordings/{project}/{token}"]
    assert [door.knock(here, token=link(days=days)).status for days in (1, -1)] == [302, 404]
    assert door.knock(here, token=link(key="key-of-another")).status == 404


@pytest.mark.parametrize("door", DOORS, ids=name)
def test_whatever_is_replayed_changes_nothing(door: Door) -> None:
    with stage() as fresh:
        first = door.knock(fresh)
        fresh.keep_promises()
        before = (len(fresh.twin.ledger), fresh.twin.ledger[-1:], list(fresh.telephony.callbacks))
        for _ in range(3):
            assert door.knock(fresh).status == first.status
        fresh.product.clock.skip(5)
        assert door.knock(fresh).status == first.status
        fresh.keep_promises()
        assert (len(fresh.twin.ledger), fresh.twin.ledger[-1:], fresh.telephony.callbacks) == before


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "TRACE", "CONNECT", "PUT"])
def test_other_methods_meet_no_function(here: Stage, method: str) -> None:
    before = here.kept()
    for door in DOORS:
        if f"{method} {door.route.split(' ')[1]}" not in BY_ROUTE:
            assert here.ask(method, door.path(), body=door.body() if door.reads else b"").status == 404
    assert here.kept() == before


@pytest.mark.parametrize("door", DOORS, ids=name)
def test_a_payload_that_no_gateway_would_make_is_refused_too(here: Stage, door: Door) -> None:
    """The functions do not rely on the gateway for what it leaves out, and raise nothing."""
    name_of = next(it for it in stack().functions if any(route.key == door.route for route in it.routes)).code.split("/")[-1]
    shapes: list[dict[str, Any]] = [
        {"pathParameters": {**door.place, "project": "\ud800"}},
        {"pathParameters": {**door.place, door.key or "form": "\ud800"}},
        {"pathParameters": {**door.place, "project": ""}},
        {"isBase64Encoded": True, "body": "no base64 ü"},
        {"headers": None, "queryStringParameters": None, "body": None},
    ]
    for changed in shapes:
        event = {**http_event(door.method, door.place), **changed}
        answered = function(name_of).handler(event, Context())
        assert answered["statusCode"] < 500


def test_the_log_names_no_secret_and_is_one_object_a_line(here: Stage) -> None:
    for door in DOORS:
        door.knock(here)
    assert here.records()
    assert not [secret for secret in SECRETS if secret in here.log]


def test_names_of_projects_that_are_tried_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projects, "MOST_UNKNOWN", 10)
    with stage() as fresh:
        own = Projects(fresh.product.store, fresh.product.secrets, fresh.product.clock, lambda *_: None)  # type: ignore[arg-type]
        known = own.get("demo")
        assert [own.get(f"nobody-{number}") for number in range(100)] == [None] * 100
        assert len(own._cached) <= 11
        assert own.get("demo") is known
