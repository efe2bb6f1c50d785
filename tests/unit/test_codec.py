"""Events as JSON for the journal (design 6): nothing is lost on the way."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchcord.model.codec import dump, load
from patchcord.model.employees import Agent
from patchcord.model.events import CallType, Event, EventKind, MissPlace, Moment, Outcome, Part, Participation

AT = datetime(2026, 3, 5, 10, 0, tzinfo=UTC)
SHORT = Event(provider="ringostat", call="c1", key="ring", moment=Moment.RING, at=AT)

times = st.datetimes(timezones=st.just(UTC))
agents = st.builds(Agent, **{field.name: st.none() | st.text() for field in fields(Agent)})
special: dict[str, Any] = {
    "at": times,
    "started_at": st.none() | times,
    "ripe_at": st.none() | times,
    "follows": st.none() | st.lists(st.text(), max_size=2).map(tuple),
    "parts": st.lists(st.builds(Participation, st.sampled_from(Part), agents, times), max_size=3).map(tuple),
}
events = st.builds(Event, **{field.name: special.get(field.name, ...) for field in fields(Event)})
"""Every field, also one that is added to Event later, by its type."""


@given(events)
def test_what_is_loaded_is_what_was_dumped(event: Event) -> None:
    assert load(dump(event)) == event


@given(events)
def test_dumping_is_stable(event: Event) -> None:
    assert dump(load(dump(event))) == dump(event)


def test_empty_fields_are_left_out() -> None:
    assert json.loads(dump(SHORT)) == {
        "provider": "ringostat",
        "call": "c1",
        "key": "ring",
        "moment": "ring",
        "at": "2026-03-05T10:00:00+00:00",
    }


def test_a_full_event_keeps_its_types() -> None:
    event = Event(
        provider="ringostat",
        call="c1",
        key="end",
        moment=Moment.END,
        at=AT,
        kind=EventKind.FORM,
        call_type=CallType.OUT,
        outcome=Outcome.MISSED,
        missed_in=MissPlace.IVR,
        talk_seconds=0,
        parts=(Participation(Part.CALLER, Agent(sip="acme_olena", name="Олена"), AT),),
        extra={"note": "Привіт"},
    )
    loaded = load(dump(event))
    assert loaded == event
    assert loaded.talk_seconds == 0
    assert isinstance(loaded.parts, tuple)
    assert (loaded.moment, loaded.kind, loaded.parts[0].part) == (Moment.END, EventKind.FORM, Part.CALLER)
    assert type(loaded.outcome) is Outcome
    assert "Олена" in dump(event)


def test_times_are_written_in_utc() -> None:
    kyiv = timezone(timedelta(hours=2))
    event = Event(provider="p", call="c", key="k", moment=Moment.RING, at=AT.astimezone(kyiv))
    assert dump(event) == dump(Event(provider="p", call="c", key="k", moment=Moment.RING, at=AT))


def test_a_field_of_a_newer_version_is_ignored() -> None:
    newer = json.loads(dump(SHORT)) | {"mood": "fine"}
    assert load(json.dumps(newer)) == SHORT


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", "{}", '{"moment": "never"}', '{"parts": 1}', '{"at": 5}', '{"parts": [["caller"]]}']
)
def test_what_is_no_event_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        load(text)
