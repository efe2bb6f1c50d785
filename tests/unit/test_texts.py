"""Titles, descriptions and names in four languages (O-02, O-07, O-57, S4-05, S4-13, S4-45, C-24, P-ZC-06, P-BX-03)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchcord.model.effects import CreateRecord, CreateTask, LogCall, TaskKind
from patchcord.model.events import Event, MissPlace, Outcome
from patchcord.model.timeline import fold
from patchcord.scenarios.texts import LANGUAGES, PLACEHOLDER, fill, texts_of, words
from tests.unit.builders import (
    CLIENT,
    LINE,
    NEW,
    PROFILES,
    Changes,
    agent,
    answered,
    called,
    client,
    contact,
    decision,
    dispatch,
    form,
    lead,
    made,
    missed,
    project,
)

KNOWN = {
    "auto_client",
    "client",
    "department",
    "direction",
    "due",
    "employee",
    "lead_id",
    "line",
    "person",
    "recording",
    "talk",
    "task",
    "visit",
    "wait",
    "way",
    "HH:MM",
    "DD.MM.YYYY",
}
"""Every placeholder that is filled, and `lead_id`, which is left for whoever learns it (C-23)."""

CALLS: list[list[Event]] = [
    answered("anna", department="sales"),
    answered("oldphone"),
    missed(place=MissPlace.IVR),
    missed(place=MissPlace.GROUP),
    missed(voicemail=True),
    called("boris"),
    called("oldphone"),
    called("anna", Outcome.NO_ANSWER),
    form(person_email="olena@example.com"),
    dispatch(),
]
LEAD = client(lead(), contact())


def _at(event: Event, moment: datetime) -> Event:
    return replace(event, started_at=moment)


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_languages_have_the_same_texts(language: str) -> None:
    """S3-28, O-02."""
    assert {section: set(texts) for section, texts in words(language).items()} == {
        section: set(texts) for section, texts in words("en").items()
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_and_every_placeholder_is_known(language: str) -> None:
    for section, texts in words(language).items():
        for name, text in texts.items():
            assert text.strip(), (section, name)
            assert set(PLACEHOLDER.findall(text)) <= KNOWN, (section, name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_say_the_same_facts(language: str) -> None:
    """A fact that one language leaves out would be missing for its readers."""
    for section, texts in words("en").items():
        for name, text in texts.items():
            assert set(PLACEHOLDER.findall(words(language)[section][name])) == set(PLACEHOLDER.findall(text)), (section, name)


@pytest.mark.parametrize("language", [name for name in LANGUAGES if name != "en"])
def test_translations_are_translated(language: str) -> None:
    """C-24; what consists of placeholders only is the same everywhere."""
    for section, texts in words("en").items():
        for name, text in texts.items():
            if PLACEHOLDER.sub("", text).strip():
                assert words(language)[section][name] != text, (section, name)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(TaskKind))
def test_every_kind_of_task_has_a_title(language: str, kind: TaskKind) -> None:
    """O-07."""
    for events in CALLS:
        texts = texts_of(fold(events), project(changes={"integration.language": language}))
        title = texts.title(kind.value, agent("anna"))
        assert title.strip()
        assert "{" not in title


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("profile", PROFILES)
def test_no_placeholder_reaches_the_crm(profile: str, language: str) -> None:
    """Only `{lead_id}` is left, in the name of a messenger's record (C-23)."""
    setting = project(profile, {"integration.language": language, "forms.enabled": True, "create_on_outgoing": True})
    for events, known in product(CALLS, (NEW, LEAD)):
        for effect in decision(events, known, setting).effects:
            if isinstance(effect, CreateRecord):
                assert effect.name.replace("{lead_id}", "").strip(" :")
                assert "{" not in effect.name.replace("{lead_id}", "")
            elif isinstance(effect, CreateTask | LogCall):
                assert effect.title.strip()
                assert "{" not in effect.title + effect.text


def test_a_title_that_no_language_has_stays_visible() -> None:
    """An unknown placeholder is for everybody to see."""
    assert fill("Call {cleint} of {client}", {"client": "X"}) == "Call {cleint} of X"


# --- names of clients made automatically ---

NAMES = {
    "en": ("New (16:30 05.03.2018, incoming call)", "New (16:30 05.03.2018, outgoing call)"),
    "ru": ("Новый (16:30 05.03.2018, входящий вызов)", "Новый (16:30 05.03.2018, исходящий вызов)"),
}
AT = datetime(2018, 3, 5, 13, 30, tzinfo=UTC)
AUTO: Changes = {
    "timezone": "Europe/Moscow",
    "answered_new": "client",
    "missed_new": "client",
    "create_on_outgoing": True,
}


@pytest.mark.parametrize("language", NAMES)
def test_the_name_of_an_automatic_client(language: str) -> None:
    """S4-05, S4-13, S4-45, O-57: word for word; a missed call says "incoming call" as well."""
    setting = project("megaplan", {**AUTO, "integration.language": language})
    incoming, outgoing = NAMES[language]
    for events, name in ((answered("anna"), incoming), (missed("anna"), incoming), (called("anna"), outgoing)):
        timed = [_at(event, AT) for event in events]
        assert made(timed, NEW, setting)["contact"].name == name


@pytest.mark.parametrize(
    ("zone", "moment", "text"),
    [
        ("Europe/Kyiv", datetime(2026, 3, 4, 22, 5, tzinfo=UTC), "00:05 05.03.2026"),
        ("Europe/Kyiv", datetime(2026, 7, 1, 20, 59, tzinfo=UTC), "23:59 01.07.2026"),
        ("Europe/Warsaw", datetime(2026, 12, 31, 23, 0, tzinfo=UTC), "00:00 01.01.2027"),
        ("America/New_York", datetime(2026, 3, 5, 17, 0, tzinfo=UTC), "12:00 05.03.2026"),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_names_have_the_projects_clock(zone: str, moment: datetime, text: str, language: str) -> None:
    """C-24: the project's time zone, 24 hours, time before date, in every language."""
    setting = project("megaplan", {**AUTO, "timezone": zone, "integration.language": language})
    assert f"({text}, " in made([_at(event, moment) for event in answered("anna")], NEW, setting)["contact"].name


@pytest.mark.parametrize("key", ["names.auto_client_in", "name_template_in"])
def test_a_projects_own_template(key: str) -> None:
    """O-57."""
    setting = project("megaplan", {**AUTO, key: "Caller {client} {HH:MM}"})
    assert made([_at(event, AT) for event in missed("anna")], NEW, setting)["contact"].name == f"Caller {CLIENT} 16:30"


def test_megaplan_speaks_russian_unless_told_otherwise() -> None:
    """O-02."""
    assert project("megaplan").integration.language == "ru"
    assert {project(profile).integration.language for profile in PROFILES if profile != "megaplan"} == {"en"}


def test_a_persons_own_name_is_the_contacts_name() -> None:
    assert made(form(), NEW, project("megaplan", {"forms.enabled": True}))["contact"].name == "Olena"


# --- descriptions ---


def test_a_description_tells_the_facts_of_the_call() -> None:
    text = texts_of(fold(answered("anna", department="sales")), project()).description(agent("anna"))
    assert text.splitlines() == [
        f"Client: {CLIENT}",
        f"Number dialled: {LINE}",
        "Time: 05.03.2026 12:00",
        "Waited: 0:08",
        "Talk: 1:35",
        "Employee: Anna Koval",
        "Department: sales",
    ]


@pytest.mark.parametrize(
    ("events", "fact"),
    [
        (missed(place=MissPlace.IVR), "voice menu"),
        (missed(place=MissPlace.GROUP), "Nobody of the group"),
        (missed(voicemail=True), "voice message"),
        (missed(client=None, client_hidden=True), "hid the number"),
    ],
)
def test_a_description_tells_where_a_call_was_lost(events: list[Event], fact: str) -> None:
    """D-24, D-29, D-09."""
    assert fact in texts_of(fold(events), project()).description()


def test_a_description_names_an_unknown_direction_instead_of_an_employee() -> None:
    """P-ZC-06, S0-12: and asks to hand the record over."""
    text = texts_of(fold(answered("oldphone")), project()).description(agent("oldphone"), direction="sip:demo_oldphone")
    assert "sip:demo_oldphone" in text
    assert "hand this record and the call over" in text
    assert "Employee:" not in text


def test_the_visit_in_one_line() -> None:
    """P-BX-03."""
    assert texts_of(fold(answered("anna")), project()).visit().startswith("Visit: client_id=GA1.2.1.1, utm_campaign=brand")
    assert texts_of(fold(answered("anna", attribution={})), project()).visit() == ""


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=30), st.sampled_from(LANGUAGES))
def test_whatever_a_visitor_types_stays_as_it_is(text: str, language: str) -> None:
    """A name with braces is no template."""
    setting = project(changes={"integration.language": language, "forms.enabled": True})
    name = made(form(person_name=text or "x"), NEW, setting)["contact"].name
    assert name == (text or "x")
