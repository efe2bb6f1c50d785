"""Reading forms and dialogues: names, precedence, what is kept, and that nothing but BadInput is raised (telephony.md 4)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchcord.model.employees import Agent, Employee
from patchcord.model.events import ATTRIBUTION, Event, EventKind, Moment, Part
from patchcord.model.settings import FORM_FIELDS
from patchcord.telephony import ringostat
from patchcord.telephony.form_fields import FORM, VISIT, told
from patchcord.telephony.port import BadInput, HttpRequest, Reading
from patchcord.telephony.ringostat.forms import DIALOGUE
from patchcord.telephony.ringostat_setup import webhooks
from patchcord.telephony.site import OtherContent, agent_of, read_dispatch, read_form

NOW = datetime(2026, 3, 5, 10, 0, tzinfo=UTC)
KYIV = Reading("UA", "Europe/Kyiv")
JSON = {"content-type": "application/json"}
SHARED = Path(__file__).resolve().parents[3] / "shared" / "specs" / "telephony" / "ringostat"


def post(payload: Mapping[str, Any] | bytes, headers: Mapping[str, str] = JSON) -> HttpRequest:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return HttpRequest("POST", NOW, headers=headers, body=body)


def form(payload: Mapping[str, Any], reading: Reading = KYIV) -> Event:
    return ringostat.read(post(payload), "form", reading)


def site(payload: Mapping[str, Any] | bytes, headers: Mapping[str, str] = JSON, honeypot: str = "website") -> Event:
    return read_form(post(payload, headers), "callback", KYIV, honeypot)[0]


def pressed(payload: Mapping[str, Any] | bytes) -> Event:
    return read_dispatch(post(payload), KYIV, {})


# --- names ---


def test_what_settings_may_name_is_what_is_read() -> None:
    assert set(FORM) == {*FORM_FIELDS, *ATTRIBUTION}
    assert set(VISIT) == set(ATTRIBUTION)


@pytest.mark.parametrize("aliases", [FORM, DIALOGUE])
def test_no_alias_means_two_things(aliases: Mapping[str, tuple[str, ...]]) -> None:
    names = [*aliases, *(alias for others in aliases.values() for alias in others)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("payload", "phone"),
    [
        ({"phone": "1", "tel": "2"}, "1"),
        ({"tel": "2", "phone": "1"}, "1"),
        ({"phone": "", "tel": "2"}, "2"),
        ({"PHONE": "1"}, "1"),
        ({"{{Телефон}}": "3"}, "3"),
        ({"Телефон": "3", "tel": "2"}, "3"),
        ({"Телефон": "3", "phone": "1"}, "1"),
        ({"mobile": "9", "phone_number": "4"}, "4"),
        ({"phone": 380671234567}, "380671234567"),
    ],
)
def test_which_name_wins(payload: dict[str, Any], phone: str) -> None:
    assert told([payload], FORM, {"Телефон": "phone"}).values["phone"] == phone


def test_a_mapped_name_means_only_what_the_map_says() -> None:
    found = told([{"name": "Acme", "tel": "7"}], FORM, {"name": "company", "tel": "caller_number"})
    assert found.values == {"company": "Acme", "phone": "7"}
    assert told([{"colour": "red"}], FORM, {"colour": "nothing known"}).rest == {"colour": "red"}


def test_the_first_layer_wins_and_secrets_are_not_kept() -> None:
    found = told([{"phone": "1"}, {"phone": "2", "token": "t", "password": "p", "page": "x"}], FORM, {})
    assert (found.values, found.rest) == ({"phone": "1"}, {"page": "x"})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\r\nb\n\nc", "a\nb\n\nc"),
        ("a\x00b\x1bc", "a b c"),
        (["S", "", "M"], "S, M"),
        (True, "1"),
        (7.0, "7"),
        ({"a": [1]}, '{"a": [1]}'),
        ("x" * 5000, "x" * 4000),
    ],
)
def test_values_as_text(value: object, text: str) -> None:
    assert told([{"message": value}], FORM, {}).rest == {"message": text}


@pytest.mark.parametrize("value", ["", "  ", None, [], [""]])
def test_what_is_empty_is_not_there(value: object) -> None:
    assert told([{"message": value}], FORM, {}).rest == {}


# --- forms ---


def test_ringostats_sample_form() -> None:
    if not SHARED.is_dir():
        pytest.skip("the samples do not lie beside this checkout (shared/specs)")
    (path,) = SHARED.glob("08*.json")
    event = form(json.loads(path.read_text("utf-8"))["http"]["body"])
    assert (event.kind, event.moment, event.provider) == (EventKind.FORM, Moment.SUBMIT, "ringostat")
    assert (event.client, event.person_name, event.person_email) == ("+380671112233", "Марія", "maria@example.com")
    assert event.at == datetime(2025, 10, 9, 11, 2, 11, tzinfo=UTC)
    assert event.form == {
        "form_id": "feedback-1",
        "form_name": "Callback request",
        "comment": "Передзвоніть після 15:00",
        "page": "https://shop.example/contacts",
    }
    assert event.attribution["utm_campaign"] == "brand_ua"
    assert {"client_id", "landing", "remote_ip"} <= set(event.attribution)


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        ({"first_name": "Olena", "last_name": "Koval"}, "Olena Koval"),
        ({"lastname": "Koval"}, "Koval"),
        ({"name": "O. Koval", "first_name": "Olena"}, "O. Koval"),
        ({"name": "Olena\nKoval"}, "Olena Koval"),
    ],
)
def test_who_sent_it(payload: dict[str, Any], name: str) -> None:
    assert form(payload).person_name == name


@pytest.mark.parametrize("junk", ["null", "(not set)", "-1", "undefined"])
def test_ringostats_words_for_nothing_are_nothing(junk: str) -> None:
    event = form({"phone": junk, "name": "Olena", "utm_source": junk, "colour": junk})
    assert (event.client, event.attribution, event.form) == (None, {}, {})


def test_a_site_may_say_minus_one() -> None:
    assert site({"name": "Olena", "floor": "-1"}).form["floor"] == "-1"


@pytest.mark.parametrize(("keep", "visit"), [(False, {}), (True, {"utm_source": "(direct)"})])
def test_direct_visits(keep: bool, visit: dict[str, str]) -> None:
    reading = Reading("UA", "Europe/Kyiv", keep_direct=keep)
    assert form({"name": "Olena", "utm_source": "(direct)"}, reading).attribution == visit


@pytest.mark.parametrize("text", ["yesterday", "2036-01-01 00:00:00", "1999-01-01 00:00:00"])
def test_a_time_that_cannot_be_is_the_time_of_arrival(text: str) -> None:
    event = form({"name": "Olena", "submitted_at": text})
    assert event.at == NOW
    assert "@" in event.call


def test_how_a_form_is_named() -> None:
    """telephony.md 6."""
    assert form({"name": "Olena", "submission_id": "17"}).call == "form:17"
    assert form({"name": "Olena", "form_id": "f1", "submission_id": "17"}).call == "form:f1:17"
    assert form({"name": "Olena"}).call == form({"name": "Olena"}).call != form({"name": "Olha"}).call
    assert form({"a": "bc"}).call != form({"ab": "c"}).call
    assert form({"name": "a", "email": ""}).call != form({"company": "a"}).call
    assert "@" not in form({"name": "Olena", "submitted_at": "2026-03-05 11:59:00"}).call


@pytest.mark.parametrize("payload", [{}, {"project_id": "110070"}, {"utm_source": "google"}, {"phone": "", "name": None}])
def test_a_form_that_says_nothing_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="body"):
        form(payload)


@pytest.mark.parametrize("email", ["a@b.example", "a+b@c.d.example"])
def test_an_email(email: str) -> None:
    assert site({"email": email}).person_email == email


@pytest.mark.parametrize("email", ["a", "a@b", "@b.example", "a b@c.example", "a@.", "a" * 250 + "@b.example"])
def test_what_is_no_email(email: str) -> None:
    with pytest.raises(BadInput, match="email"):
        site({"email": email})
    assert form({"email": email}).form["email"]


def test_what_a_robot_left_out_is_not_held_against_it() -> None:
    event, trapped = read_form(post({"website": "x", "phone": "spam", "email": "spam"}), "callback", KYIV, "website")
    assert trapped
    assert event.form == {"form": "callback", "phone": "spam", "email": "spam"}


@pytest.mark.parametrize("sort", ["", "text/plain", "multipart/form-data; boundary=x", "application/xml"])
def test_other_content_is_not_read(sort: str) -> None:
    with pytest.raises(OtherContent):
        site({"name": "Olena"}, {"content-type": sort})


# --- dialogues ---


def test_ringostats_sample_dialogue() -> None:
    if not SHARED.is_dir():
        pytest.skip("the samples do not lie beside this checkout (shared/specs)")
    for hint, pattern in (("chat.start", "09*.json"), ("chat.end", "10*.json")):
        (path,) = SHARED.glob(pattern)
        event = ringostat.read(post(json.loads(path.read_text("utf-8"))["http"]["body"]), hint, KYIV)
        assert (event.kind, event.moment, event.call) == (EventKind.MESSENGER, Moment.END, "dialogue:5f0c9a")
        assert (event.client, event.person_name, event.key) == ("+380671112233", "Ivan", hint)
        (part,) = event.parts
        assert (part.part, part.agent.provider_id, part.agent.name) == (Part.DISPATCHING, "331851", "Олена Коваль")
        assert event.extra["channel"] == "telegram"
    assert event.at == datetime(2025, 10, 9, 11, 31, 45, tzinfo=UTC)


def test_a_configured_dialogue_is_a_dispatch() -> None:
    """S0-31."""
    reading = Reading("UA", "Europe/Kyiv", dispatches=frozenset({"chat.end"}))
    moments = [ringostat.read(post({"dialog_id": "1"}), hint, reading).moment for hint in ("chat.start", "chat.end")]
    assert moments == [Moment.END, Moment.DISPATCH]


def test_nobody_is_named_by_a_bare_name() -> None:
    assert ringostat.read(post({"dialog_id": "1", "employee_fio": "Anna"}), "chat.end", KYIV).parts == ()


def test_a_number_that_is_none_is_kept() -> None:
    event = ringostat.read(post({"dialog_id": "1", "client_phone": "@ivan", "email": "x"}), "chat.end", KYIV)
    assert (event.client, event.person_email) == (None, None)
    assert (event.extra["phone"], event.extra["email"]) == ("@ivan", "x")


ANNA = Employee("anna", email="anna@acme.example", main_directions=("sip:acme_anna",), crm_user="1")
BORIS = Employee("boris", main_directions=("+380501112233",), crm_user="2")
NORA = Employee("nora", email="nora@acme.example", provider_ids=("77",), extension="105")


@pytest.mark.parametrize(
    ("text", "agent"),
    [
        ("anna", Agent(sip="acme_anna")),
        ("boris", Agent(number="+380501112233")),
        ("nora", Agent(provider_id="77", extension="105", email="nora@acme.example", name="nora")),
        ("anna@acme.example", Agent(email="anna@acme.example")),
        ("sip:Acme_Anna@pbx.example", Agent(sip="acme_anna")),
        ("050 111 22 33", Agent(number="+380501112233")),
        ("105", Agent(extension="105")),
    ],
)
def test_who_pressed(text: str, agent: Agent) -> None:
    assert agent_of(text, {employee.key: employee for employee in (ANNA, BORIS, NORA)}, "UA") == agent


# --- anything at all ---

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["067 123 45 67", "a@b.example"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from([*FORM, *DIALOGUE, "website", "form_id", "additional_call_data"])
payloads = st.dictionaries(names | st.text(), values, max_size=12)


def check(event: Event) -> None:
    assert event.call
    assert event.call.isprintable()
    assert event.key
    json.dumps([dict(event.form), dict(event.extra)], ensure_ascii=False).encode()


@given(payloads, st.sampled_from(["form", "chat.start", "chat.end"]))
def test_arbitrary_payloads_of_ringostat(payload: dict[str, Any], hint: str) -> None:
    try:
        check(ringostat.read(post(payload), hint, KYIV))
    except BadInput as bad:
        assert str(bad)


@given(payloads)
def test_arbitrary_forms_and_dispatches(payload: dict[str, Any]) -> None:
    for read in (site, pressed):
        try:
            check(read(payload))
        except BadInput as bad:
            assert str(bad)


@given(st.binary(), st.sampled_from(["application/json", "application/x-www-form-urlencoded"]))
def test_arbitrary_bodies(body: bytes, sort: str) -> None:
    try:
        check(site(body, {"content-type": sort}))
    except BadInput as bad:
        assert str(bad)


@given(st.binary())
def test_arbitrary_bodies_of_dispatches(body: bytes) -> None:
    try:
        check(pressed(body))
    except BadInput as bad:
        assert str(bad)


# --- the cabinet ---


def test_every_printed_parameter_of_forms_and_dialogues_is_read_or_a_field_of_the_form() -> None:
    hooks = {hook.url.rpartition("/ringostat/")[2]: hook for hook in webhooks("https://api.example", "acme", "s")}
    known = {name for aliases in (FORM, DIALOGUE) for key, others in aliases.items() for name in (key, *others)}
    for tail in ("form", "chat/start", "chat/end"):
        assert set(hooks[tail].parameters) - known <= {"project_id", "form_id", "form_name"}
        assert not hooks[tail].required
