"""Forms through the real handlers: who may send, what is answered, what is kept, what reaches the CRM (S0-26…S0-29)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from sandbox.twins.base import Fault, ManualClock, serve
from sandbox.twins.pipedrive import PipedriveTwin
from tests.harness import SECRET, START, World, world
from tests.integration.demo import CLIENT, document

SITE = "https://www.shop.example"
FORM_ENCODED = "application/x-www-form-urlencoded"
RINGOSTATS = {
    "project_id": "110070",
    "form_id": "feedback-1",
    "form_name": "Callback request",
    "name": "Марія",
    "phone": "+38 (067) 111-22-33",
    "email": "maria@example.com",
    "comment": "Передзвоніть після 15:00",
    "utm_source": "google",
    "client_id": "1169999034.1760002100",
    "landing": "https://shop.example/pricing",
    "remote_ip": "203.0.113.10",
}
FORM = {"phone": "067 123 45 67", "name": "Olena", "email": "olena@example.com", "message": "Call me", "utm_source": "google"}

Stage = tuple[World, PipedriveTwin]


@contextmanager
def product_on_twin(forms: dict[str, Any] | None = None, **settings: Any) -> Iterator[Stage]:
    clock = ManualClock(START)
    twin = PipedriveTwin(clock=clock)
    rules = {"enabled": True, "origins": [SITE], **(forms or {})}
    with serve(twin) as running, world(document(twin, running.url, forms=rules, **settings), manual=clock) as product:
        yield product, twin


@pytest.fixture
def stage() -> Iterator[Stage]:
    with product_on_twin() as pair:
        yield pair


def entries(product: World) -> list[Any]:
    return list(product.store.calls("demo", f"{START:%Y-%m-%d}").entries)


def events(product: World) -> list[dict[str, Any]]:
    return [json.loads(body) for entry in entries(product) for body in entry.events.values()]


def made(twin: PipedriveTwin) -> list[str]:
    return sorted(write.kind for write in twin.writes("create"))


# --- who may send ---


def test_a_sites_form_reaches_the_crm_and_the_answer_tells_nothing(stage: Stage) -> None:
    product, twin = stage
    answered = product.form(FORM, origin=SITE)
    assert (answered["statusCode"], json.loads(answered["body"])) == (200, {"status": "accepted"})
    assert made(twin) == ["contact", "lead", "organization"]
    (contact,) = (write for write in twin.writes("create") if write.kind == "contact")
    assert (contact.fields["name"], contact.fields["phone"]) == ("Olena", CLIENT)
    assert [event["attribution"] for event in events(product)] == [{"utm_source": "google"}]


def test_a_browser_may_read_the_answer_of_a_listed_site_only(stage: Stage) -> None:
    product, _ = stage
    answered = product.form(FORM, origin=SITE)
    assert answered["headers"]["access-control-allow-origin"] == SITE
    assert answered["headers"]["vary"] == "origin"
    refused = product.form(FORM, origin="https://evil.example")
    assert refused["statusCode"] == 403
    assert not any(name.startswith("access-control") for name in refused["headers"])
    assert len(entries(product)) == 1


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (SITE, 204),
        ("https://WWW.shop.example", 204),
        ("https://shop.example", 403),
        ("http://www.shop.example", 403),
        ("https://www.shop.example.evil.example", 403),
        ("null", 403),
    ],
)
def test_a_browser_asks_first(stage: Stage, origin: str, status: int) -> None:
    product, twin = stage
    answered = product.form(b"", method="OPTIONS", origin=origin, access_control_request_method="POST")
    assert answered["statusCode"] == status
    allowed = {name: value for name, value in answered["headers"].items() if name.startswith("access-control")}
    assert bool(allowed) is (status == 204)
    if allowed:
        assert allowed["access-control-allow-methods"] == "POST"
        assert allowed["access-control-allow-headers"] == "content-type"
    assert not twin.requests


@pytest.mark.parametrize(
    ("secret", "status"), [({"x_patchcord_secret": SECRET}, 200), ({"x_patchcord_secret": "no"}, 403), ({}, 403)]
)
def test_a_server_shows_the_secret(stage: Stage, secret: dict[str, str], status: int) -> None:
    product, _ = stage
    assert product.form(FORM, **secret)["statusCode"] == status
    assert len(entries(product)) == (status == 200)


def test_the_secret_does_not_open_the_door_to_a_foreign_site(stage: Stage) -> None:
    product, _ = stage
    assert product.form(FORM, origin="https://evil.example", x_patchcord_secret=SECRET)["statusCode"] == 403


def test_an_unknown_project_is_404(stage: Stage) -> None:
    product, _ = stage
    assert product.form(FORM, origin=SITE, project="nobody")["statusCode"] == 404


def test_whoever_sends_too_many_waits(stage: Stage) -> None:
    product, _ = stage
    answers = [product.form({**FORM, "message": str(number)}, origin=SITE)["statusCode"] for number in range(11)]
    assert answers == [200] * 10 + [429]
    last = product.form(FORM, origin=SITE)
    assert 0 < int(last["headers"]["retry-after"]) <= 60
    assert last["headers"]["access-control-allow-origin"] == SITE
    assert product.form({**FORM, "message": "a server"}, x_patchcord_secret=SECRET)["statusCode"] == 200
    product.clock.skip(60)
    assert product.form({**FORM, "message": "later"}, origin=SITE)["statusCode"] == 200


def test_no_address_of_a_sender_is_kept_in_the_clear(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    product, _ = stage
    names: list[str] = []
    taken = product.store.take

    def told(project: str, name: str, *more: Any) -> Any:
        names.append(name)
        return taken(project, name, *more)

    monkeypatch.setattr(product.store, "take", told)
    product.form(FORM, origin=SITE)
    assert any(name.startswith("form:") for name in names)
    assert not any("198.51.100.7" in name for name in names)


# --- what is read ---


def test_form_fields_are_read_as_json_is(stage: Stage) -> None:
    product, _ = stage
    told = urlencode([*FORM.items(), ("size[]", "S"), ("size[]", "M")]).encode()
    assert product.form(told, sort=f"{FORM_ENCODED}; charset=UTF-8", origin=SITE)["statusCode"] == 200
    (event,) = events(product)
    assert event["client"] == CLIENT
    assert event["form"] == {"form": "callback", "message": "Call me", "size": "S, M"}


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({**FORM, "phone": "call me"}, "phone"),
        ({**FORM, "phone": ["067 123 45 67"]}, "phone"),
        ({**FORM, "tel": "12", "phone": ""}, "tel"),
        ({**FORM, "email": "olena"}, "email"),
        ({"website": "", "phone": " "}, "body"),
        ({f"field{number}": "x" for number in range(101)}, "body"),
        (b"{", "body"),
        (b"[]", "body"),
        ({**FORM, "submission": "x" * 151}, "submission"),
    ],
)
def test_what_cannot_be_read_is_400_and_names_the_field(stage: Stage, payload: Any, field: str) -> None:
    product, _ = stage
    answered = product.form(payload, origin=SITE)
    assert answered["statusCode"] == 400
    assert [error["field"] for error in json.loads(answered["body"])["errors"]] == [field]
    assert answered["headers"]["access-control-allow-origin"] == SITE
    assert not entries(product)


def test_a_large_form_is_413_and_another_content_415(stage: Stage) -> None:
    product, _ = stage
    for size in (64, 120, 300, 2000):
        assert product.form({"message": "x" * size * 1024}, origin=SITE)["statusCode"] == 413
    assert product.form({"message": "x" * 60 * 1024}, origin=SITE)["statusCode"] == 200
    assert product.form(b"phone", sort="multipart/form-data; boundary=x", origin=SITE)["statusCode"] == 415


def test_the_sites_own_names_are_understood() -> None:
    with product_on_twin({"field_names": {"Телефон": "phone", "firma": "company", "quelle": "utm_source"}}) as (product, _):
        product.form({"Телефон": "067 123 45 67", "firma": "Acme", "quelle": "leaflet", "your-name": "Olena"}, origin=SITE)
        (event,) = events(product)
        assert (event["client"], event["person_name"]) == (CLIENT, "Olena")
        assert event["attribution"] == {"utm_source": "leaflet"}
        assert event["form"] == {"form": "callback", "company": "Acme"}


def test_a_form_without_a_phone_makes_records_without_a_look_up(stage: Stage) -> None:
    """D-16."""
    product, twin = stage
    assert product.form({"name": "Olena", "email": "olena@example.com"}, origin=SITE)["statusCode"] == 200
    assert made(twin) == ["contact", "lead", "organization"]


def test_fields_are_written_where_they_are_mapped() -> None:
    """O-16, V-10, P-PD-14, P-PD-15."""
    clock = ManualClock(START)
    twin = PipedriveTwin(clock=clock)
    field = twin.seed_field("contact", "City")
    rules = {"enabled": True, "origins": [SITE], "mapping": {"contact": [["city", field]]}}
    with serve(twin) as running, world(document(twin, running.url, forms=rules), manual=clock) as product:
        product.form({**FORM, "city": "Lviv"}, origin=SITE)
        (contact,) = (write for write in twin.writes("create") if write.kind == "contact")
        assert contact.fields["fields"] == {"City": "Lviv"}


# --- robots ---


def test_a_robots_form_is_answered_like_any_other_and_kept_aside(stage: Stage) -> None:
    product, twin = stage
    answered = product.form({**FORM, "website": "https://spam.example"}, origin=SITE)
    assert (answered["statusCode"], json.loads(answered["body"])) == (200, {"status": "accepted"})
    (entry,) = entries(product)
    assert (json.loads(entry.decision)["situation"], json.loads(entry.decision)["reason"]) == ("ignored", "honeypot")
    assert not twin.requests
    assert product.keep_promises() == 0
    product.form(FORM, origin=SITE)
    assert made(twin) == ["contact", "lead", "organization"]


def test_an_empty_honeypot_is_no_field_of_the_form() -> None:
    with product_on_twin({"honeypot": "fax"}) as (product, _):
        product.form({**FORM, "fax": "", "website": "https://olena.example"}, origin=SITE)
        (event,) = events(product)
        assert event["form"] == {"form": "callback", "message": "Call me", "website": "https://olena.example"}


# --- once, and never lost ---


@pytest.mark.parametrize(("minutes", "calls"), [(0, 1), (4, 1), (9, 1), (11, 2)])
@pytest.mark.parametrize("begun", [0, 7, 9.9])
def test_the_same_form_within_ten_minutes_is_one(stage: Stage, begun: float, minutes: int, calls: int) -> None:
    """telephony.md 6: wherever the ten minutes begin."""
    product, twin = stage
    product.clock.skip(begun * 60)
    product.form(FORM, origin=SITE)
    product.clock.skip(minutes * 60)
    product.form(FORM, origin=SITE)
    assert len(entries(product)) == calls
    assert len(made(twin)) == 3
    assert len(twin.writes("note")) == calls


def test_two_people_with_the_same_words_are_two(stage: Stage) -> None:
    product, twin = stage
    product.form(FORM, origin=SITE)
    product.form({**FORM, "phone": "067 765 43 21"}, origin=SITE)
    product.form(FORM, form="newsletter", origin=SITE)
    assert len(entries(product)) == 3
    assert made(twin).count("lead") == 2


def test_a_form_with_an_id_is_one_however_late_it_comes_again(stage: Stage) -> None:
    product, twin = stage
    product.form({**FORM, "submission": "s-1"}, origin=SITE)
    product.clock.skip(86_400)
    product.form({**FORM, "submission": "s-1", "message": "changed"}, origin=SITE)
    product.form({**FORM, "submission": "s-1"}, form="other", origin=SITE)
    assert [entry.key.call for entry in entries(product)] == ["form:callback:s-1"]
    assert len(twin.writes("note")) == 2


def test_nothing_personal_is_in_names_or_logs(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    product, _ = stage
    product.form({"phone": CLIENT}, origin=SITE)
    product.form({"phone": "nonsense of Olena"}, origin=SITE)
    told = product.log.getvalue() + capsys.readouterr().out + "".join(entry.key.call for entry in entries(product))
    assert not [word for word in (CLIENT, CLIENT[1:], "Olena", "198.51.100.7") if word in told]


def test_the_name_of_a_form_is_another_in_every_project() -> None:
    """A form may say nothing but a number: whoever sees the name must not find it by hashing all numbers there are."""
    names = set()
    for key in ("the key of one project", "the key of another"):
        twin = PipedriveTwin()
        settings = {"forms": {"enabled": True, "origins": [SITE]}}
        with serve(twin) as running, world(document(twin, running.url, **settings), secrets={"client_key": key}) as product:
            product.form({"phone": CLIENT}, origin=SITE)
            names |= {entry.key.call for entry in entries(product)}
    assert len(names) == 2


def test_a_form_waits_for_the_crm(stage: Stage) -> None:
    product, twin = stage
    twin.misbehave(Fault("status", status=503, times=3))
    answered = product.form(FORM, origin=SITE)
    assert (answered["statusCode"], json.loads(answered["body"])) == (202, {"status": "accepted"})
    product.keep_promises()
    assert made(twin) == ["contact", "lead", "organization"]


def test_nothing_reaches_the_crm_while_forms_are_off() -> None:
    """S0-29: what comes is kept."""
    with product_on_twin({"enabled": False}) as (product, twin):
        assert product.form(FORM, origin=SITE)["statusCode"] == 200
        assert product.post("form", RINGOSTATS)["reason"] == "forms_off"
        assert [json.loads(entry.decision)["reason"] for entry in entries(product)] == ["forms_off"] * 2
        assert not twin.requests


# --- Ringostat's ---


def test_ringostats_form_makes_the_records_too(stage: Stage) -> None:
    product, twin = stage
    answered = product.post("form", RINGOSTATS)
    assert (answered["status"], answered["situation"]) == ("done", "form_new")
    (event,) = events(product)
    assert (event["client"], event["person_email"]) == ("+380671112233", "maria@example.com")
    assert event["form"] == {
        "form_id": "feedback-1",
        "form_name": "Callback request",
        "comment": "Передзвоніть після 15:00",
    }
    assert made(twin) == ["contact", "lead", "organization"]


def test_ringostats_form_sent_again_is_the_same(stage: Stage) -> None:
    """D-07: also by form fields or GET, and when it says when it was submitted, on any day."""
    product, twin = stage
    for again in (RINGOSTATS, {**RINGOSTATS, "submitted_at": "2026-03-05 12:00:00"}):
        product.post("form", again)
        product.clock.skip(300)
        assert product.post("form", again)["status"] == "duplicate"
    product.clock.skip(86_400)
    sent = {**RINGOSTATS, "submitted_at": "2026-03-05 12:00:00"}
    assert product.send("form", "GET", query=sent)["status"] == "duplicate"
    assert (
        product.send("form", "POST", body=urlencode(sent).encode(), headers={"content-type": FORM_ENCODED})["status"]
        == "duplicate"
    )
    assert len(twin.writes("note")) == 2


def test_a_number_that_cannot_be_read_does_not_lose_ringostats_form(stage: Stage) -> None:
    """D-16: nobody would see the refusal."""
    product, twin = stage
    assert product.post("form", {**RINGOSTATS, "phone": "ask Maria", "email": "at home"})["status"] == "done"
    (event,) = events(product)
    assert "client" not in event
    assert (event["form"]["phone"], event["form"]["email"]) == ("ask Maria", "at home")
    assert made(twin) == ["contact", "lead", "organization"]


def test_ringostats_door_wants_the_secret(stage: Stage) -> None:
    product, _ = stage
    assert product.post("form", RINGOSTATS, secret="wrong-secret-0123456789abc")["status_code"] == 404


def test_a_converted_lead_gets_a_new_one_on_its_contact(stage: Stage) -> None:
    """C-28, D-05."""
    product, twin = stage
    contact = twin.seed_contact(phone=CLIENT, name="Olena")
    twin.seed_lead(contact=contact, status="converted")
    product.form(FORM, origin=SITE)
    assert made(twin) == ["lead"]
    (lead,) = twin.writes("create")
    assert lead.fields["contact"] == contact


def test_a_form_and_a_call_of_a_new_client_make_one_lead(stage: Stage) -> None:
    """The index knows of the lead before the CRM's search does."""
    from tests.integration.demo import missed

    product, twin = stage
    product.form(FORM, origin=SITE)
    product.clock.skip(timedelta(seconds=2).total_seconds())
    product.post("missed", missed())
    assert made(twin).count("lead") == 1
