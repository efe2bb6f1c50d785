"""Hostile bodies at every door that reads one: refused by name, nothing written, nothing raised, one JSON object a log line."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from patchcord.service.accept import LARGEST_BODY
from tests.harness import CLICK_SECRET, Context, function, http_event
from tests.security.doors import BY_ROUTE, DOORS, JSON, MANGO, READING, ROUTING, SITES, Door, name, signed
from tests.security.hostile import BOMB, UNREADABLE, VALUES
from tests.security.stage import SECRETS, SITE, Stage, stage

TELLING = tuple(door for door in DOORS if door.told)
SECONDS = 1.0
"""For one answer, whatever the body; the slowest takes some 20 ms here."""
REFUSED = {400, 413, 415}


@pytest.fixture(scope="module")
def here() -> Iterator[Stage]:
    with stage() as opened:
        yield opened


def is_unsigned(door: Door) -> bool:
    return MANGO in door.route


@pytest.mark.parametrize("door", READING, ids=name)
def test_what_cannot_be_read_is_refused_and_nothing_is_written(here: Stage, door: Door) -> None:
    for what, body in UNREADABLE.items():
        if what == "empty text" and ROUTING in door.route:
            continue  # a question without a body may stand in the address
        before, begun = here.kept(), time.monotonic()
        answered = door.knock(here, body=body)
        refused = REFUSED | ({404} if is_unsigned(door) else set())
        assert answered.status in refused, what
        assert answered.headers["content-type"] == "application/problem+json"
        assert here.kept() == before, what
        assert time.monotonic() - begun < SECONDS, what


@pytest.mark.parametrize("door", TELLING, ids=name)
def test_no_value_of_any_field_breaks_a_door(here: Stage, door: Door) -> None:
    """Every field with every value: read, or refused with the field's name. Nothing is raised and nothing half written."""
    assert door.told is not None
    for field in door.told:
        for what, value in VALUES.items():
            before = here.kept()
            answered = door.knock(here, told={**door.told, field: value})
            assert answered.status < 500, (field, what)
            if answered.status >= 400:
                assert here.kept() == before, (field, what)
                assert answered.json.get("errors") or answered.json.get("code"), (field, what)
    here.keep_promises()
    records = here.records()
    assert not [record for record in records if record.get("level") in {"ERROR", "CRITICAL"} or "Crashed" in record]
    assert not [secret for secret in SECRETS if secret in here.log]
    assert not here.product.queue.buried


@pytest.mark.parametrize("door", READING, ids=name)
def test_more_than_is_read_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch, door: Door) -> None:
    """What API Gateway lets through at most: 10 MB."""
    real, decoded = base64.b64decode, list[int]()

    def noted(text: str, **more: Any) -> bytes:
        decoded.append(len(text))
        return real(text, **more)

    monkeypatch.setattr(base64, "b64decode", noted)
    with stage() as fresh:
        assert door.knock(fresh, body=b"x" * 10_000_000).status in {400, 413}
        assert fresh.kept() == (0, [], 0, 0)
    assert not [length for length in decoded if length > 2 * LARGEST_BODY]


@pytest.mark.parametrize("door", READING, ids=name)
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip"])
def test_nothing_is_unpacked(here: Stage, door: Door, encoding: str) -> None:
    """A packed body is no text; the good one stays good whatever the header says about it."""
    before = here.kept()
    for body in (BOMB, gzip.compress(door.body())):
        assert door.knock(here, body=body, headers={"content_encoding": encoding}).status in REFUSED | {404}
    assert here.kept() == before
    assert door.knock(here, headers={"content_encoding": encoding}).status < 400


@pytest.mark.parametrize("door", [door for door in READING if door.sort == JSON], ids=name)
@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "latin-1", "x-nothing", ""])
def test_a_text_is_utf_8_whatever_its_label_says(here: Stage, door: Door, charset: str) -> None:
    assert door.knock(here, sort=f"{JSON}; charset={charset}").status < 400
    assert door.knock(here, body=b"\xef\xbb\xbf" + door.body(), sort=f"{JSON}; charset={charset}").status < 400


def test_utf_7_stays_what_it_is() -> None:
    with stage() as fresh:
        form = BY_ROUTE[f"POST {SITES}"]
        assert (
            form.knock(fresh, told={**(form.told or {}), "name": "+ADw-script+AD4-"}, sort=f"{JSON}; charset=utf-7").status == 200
        )
        (contact,) = [write for write in fresh.twin.writes("create") if write.kind == "contact"]
        assert contact.fields["name"] == "+ADw-script+AD4-"


@pytest.mark.parametrize("sort", ["text/plain", "multipart/form-data; boundary=x", "text/xml", "", "application/x-pickle"])
def test_a_form_of_another_kind_is_415(here: Stage, sort: str) -> None:
    """`text/plain` needs no permission in a browser; a form in it would pass the list of sites by."""
    assert BY_ROUTE[f"POST {SITES}"].knock(here, sort=sort).status == 415


# --- what comes twice ---


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    """One reading for all: nobody who looks at the text before us may see another number than we do."""
    with stage() as fresh:
        body = b'{"phone": "067 123 45 67", "name": "A", "phone": "067 765 43 21"}'
        assert BY_ROUTE[f"POST {SITES}"].knock(fresh, body=body).status == 200
        (contact,) = [write for write in fresh.twin.writes("create") if write.kind == "contact"]
        assert contact.fields["phone"] == "+380677654321"


def test_a_parameter_that_comes_twice_is_no_number(here: Stage) -> None:
    """API Gateway joins the two with a comma, which no number has."""
    door, before = BY_ROUTE["GET /v1/hooks/{project}/{secret}/ringostat/missed"], here.kept()
    good = "&".join(f"{key}={value}" for key, value in (door.told or {}).items() if key != "caller_number")
    answered = here.ask("GET", f"{door.path()}?{good}&caller_number=380671234567&caller_number=380677654321")
    assert answered.status == 400
    assert here.kept() == before


def test_a_secret_that_comes_twice_opens_nothing(here: Stage) -> None:
    door = BY_ROUTE["POST /v1/calls/{project}/{secret}"]
    assert here.ask("POST", f"{door.path(secret='x' * 30)}?secret={CLICK_SECRET}", body=door.body()).status == 404


# --- what the gateway would not do ---


@pytest.mark.parametrize("door", READING, ids=name)
def test_a_wrongly_encoded_body_is_refused(door: Door) -> None:
    with stage() as fresh:
        functions = {"hooks": "missed_call", "forms": "form_submission", "dispatch": "messenger_dispatch"}
        functions |= {"routing": "smart_routing", "calls": "click_to_call"}
        kind = door.route.split("/")[2]
        shapes: tuple[dict[str, Any], ...] = (
            {"body": "not base64", "isBase64Encoded": True},
            {"body": base64.b64encode(b"\xff\xfe").decode(), "isBase64Encoded": True},
            {"body": "x" * (LARGEST_BODY + 1), "isBase64Encoded": False},
            {"body": '"\ud800"', "isBase64Encoded": False},
        )
        for changed in shapes:
            event = {**http_event("POST", door.place, headers={"content-type": door.sort, "origin": SITE}), **changed}
            handler = function("pbx_events" if is_unsigned(door) else functions[kind]).handler
            assert handler(event, Context())["statusCode"] in REFUSED | {404}
        assert fresh.kept() == (0, [], 0, 0)


def test_an_accepted_event_is_not_lost_behind_hostile_ones() -> None:
    """Good ones between bad ones are all carried out."""
    with stage() as fresh:
        door = BY_ROUTE["POST /v1/hooks/{project}/{secret}/ringostat/missed"]
        bodies = list(UNREADABLE.values())
        for number, body in enumerate(bodies):
            told = {**(door.told or {}), "uniqueid": f"ua1_-1772704800.{number}", "caller_number": f"38067{number:07}"}
            assert door.knock(fresh, body=body).status == 400
            assert door.knock(fresh, told=told).status == 200
        fresh.keep_promises()
        assert len([write for write in fresh.twin.writes("create") if write.kind == "lead"]) == len(bodies)


def test_a_signed_text_is_read_as_strictly(here: Stage) -> None:
    """A signature says who sent it, not that it can be read."""
    door, before = BY_ROUTE[f"POST {MANGO}"], here.kept()
    for text in ("[]", "1", '{"a":' * 100_000, "{" * 30, '{"entry_id": ' + "9" * 10_000 + "}", json.dumps({"entry_id": {}})):
        assert door.knock(here, body=signed(text)).status == 400
    assert here.kept() == before
