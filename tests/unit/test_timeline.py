"""Folding: the same picture of a call from its events in any order and number (design 5, telephony.md 6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchcord.model.employees import Agent
from patchcord.model.events import CallType, Event, EventKind, MissPlace, Moment, Outcome, Part, Participation
from patchcord.model.timeline import fold
from tests.unit.builders import (
    CLIENT,
    LINE,
    RECORDING,
    START,
    TALK,
    UTM,
    WAIT,
    agent,
    answer,
    answered,
    end,
    event,
    missed,
    part,
    ring,
)

RATED = event(Moment.END, WAIT + TALK, key="rated", parts=(part(Part.ANSWERED, "anna", WAIT),))
"""What the rating menu tells: who talked, nothing of the result."""


# --- any order, any number ---

agents = st.builds(
    Agent,
    provider_id=st.none() | st.sampled_from(("7001", "7002")),
    sip=st.none() | st.sampled_from(("demo_anna", "demo_boris", "demo_oldphone")),
    name=st.none() | st.sampled_from(("Anna", "Boris")),
)
times = st.integers(0, 600).map(lambda seconds: START + timedelta(seconds=seconds))
call_events = st.builds(
    Event,
    provider=st.just("ringostat"),
    call=st.just("c1"),
    key=st.text("abcdef", min_size=1, max_size=2),
    moment=st.sampled_from((Moment.RING, Moment.ANSWER, Moment.END, Moment.RECORDING)),
    at=times,
    call_type=st.none() | st.sampled_from(CallType),
    client=st.none() | st.sampled_from((CLIENT, "+380501112233")),
    client_hidden=st.booleans(),
    line=st.none() | st.just(LINE),
    parts=st.lists(st.builds(Participation, st.sampled_from(Part), agents, times), max_size=2).map(tuple),
    outcome=st.none() | st.sampled_from(Outcome),
    missed_in=st.none() | st.sampled_from(MissPlace),
    voicemail=st.booleans(),
    started_at=st.none() | times,
    talk_seconds=st.none() | st.integers(0, 300),
    total_seconds=st.none() | st.integers(0, 600),
    recording=st.none() | st.sampled_from((RECORDING, "https://rec.example/c2.mp3")),
    attribution=st.dictionaries(st.sampled_from(tuple(UTM)), st.sampled_from(("google", "bing")), max_size=2),
    department=st.none() | st.sampled_from(("sales", "support")),
)


@settings(deadline=None, max_examples=200)
@given(st.lists(call_events, min_size=1, max_size=6, unique_by=lambda told: told.key), st.data())
def test_order_and_repetition_change_nothing(events: list[Event], data: st.DataObject) -> None:
    """Design 5, D-07."""
    again = data.draw(st.lists(st.sampled_from(events), max_size=4))
    assert fold(data.draw(st.permutations([*events, *again]))) == fold(events)


def test_nothing_is_no_call() -> None:
    with pytest.raises(ValueError, match="at least one"):
        fold([])


@pytest.mark.parametrize("other", [ring(call="c2"), end(call="c2"), ring(provider="mango")])
def test_two_calls_are_refused(other: Event) -> None:
    with pytest.raises(ValueError, match="different calls"):
        fold([ring(), other])


# --- what a call looks like ---


def test_a_ringing_call_has_no_outcome() -> None:
    timeline = fold([ring()])
    assert (timeline.outcome, timeline.handlers, set(timeline.moments)) == (None, (), {Moment.RING})
    assert timeline.attribution == UTM


def test_an_answer_tells_the_outcome_before_the_end() -> None:
    """S0-04, S3-35: something is due at pick-up."""
    timeline = fold([ring(), answer("anna")])
    assert timeline.outcome is Outcome.ANSWERED
    assert timeline.reached(Moment.ANSWER)
    assert not timeline.reached(Moment.END)


def test_a_lost_answer_is_made_up_for_by_the_end() -> None:
    """D-08."""
    timeline = fold([end("anna")])
    assert timeline.reached(Moment.RING)
    assert timeline.reached(Moment.ANSWER)
    assert timeline.handlers == (agent("anna"),)


@pytest.mark.parametrize("moment", [Moment.SUBMIT, Moment.DISPATCH])
def test_the_end_of_a_call_is_no_later_moment_of_something_else(moment: Moment) -> None:
    assert not fold([end("anna")]).reached(moment)


@pytest.mark.parametrize("who", [("anna", "boris"), ("anna", "boris", "anna"), ("oldphone", "anna")])
def test_transfers_are_told_first_to_last(who: tuple[str, ...]) -> None:
    """S4-36, S4-37, D-26."""
    assert fold(reversed(answered(*who))).handlers == tuple(agent(name) for name in who)


def test_an_end_names_a_talker_whom_no_answer_told_of() -> None:
    timeline = fold([answer("anna"), end("boris", parts=(part(Part.ANSWERED, "boris", 60),))])
    assert timeline.handlers == (agent("anna"), agent("boris"))


def test_a_bare_name_adds_nobody_to_those_who_are_known() -> None:
    """telephony.md 1.4."""
    timeline = fold([answer("anna"), end(parts=(part(Part.ANSWERED, Agent(name="Anna Koval"), WAIT),))])
    assert timeline.handlers == (agent("anna"),)


def test_the_same_agent_told_twice_counts_once() -> None:
    twice = replace(answer("anna"), key="again")
    assert fold([answer("anna"), twice, end("anna")]).handlers == (agent("anna"),)


# --- the outcome ---


def test_talk_wins_over_a_miss() -> None:
    """D-24, telephony.md 6: one leg was missed, another talked."""
    lost = end(outcome=Outcome.MISSED, key="leg", missed_in=MissPlace.GROUP, talk_seconds=0)
    for events in ([lost, end("anna")], [replace(lost, at=lost.at + timedelta(minutes=5)), end("anna")]):
        timeline = fold(events)
        assert (timeline.outcome, timeline.talk_seconds, timeline.missed_in) == (Outcome.ANSWERED, TALK, None)


def test_an_end_without_talk_undoes_the_answer() -> None:
    """D-24: answered needs a talk time above zero."""
    timeline = fold([answer("anna"), *missed()])
    assert (timeline.outcome, timeline.handlers) == (Outcome.MISSED, ())


def test_an_end_that_says_nothing_does_not_hide_the_one_that_does() -> None:
    timeline = fold([end("anna"), event(Moment.END, 500, key="end:open")])
    assert (timeline.outcome, timeline.talk_seconds) == (Outcome.ANSWERED, TALK)


def test_a_voice_message_is_a_miss() -> None:
    """D-29."""
    timeline = fold(missed(voicemail=True, recording=RECORDING))
    assert (timeline.outcome, timeline.voicemail, timeline.recording) == (Outcome.MISSED, True, RECORDING)
    assert timeline.recording_late is False


def test_a_message_before_a_talk_is_no_voicemail() -> None:
    assert fold([*missed(voicemail=True, key="leg"), end("anna")]).voicemail is False


def test_offers_are_told_in_order() -> None:
    """S4-12, S4-42."""
    timeline = fold(missed("anna", "boris", place=MissPlace.GROUP))
    assert timeline.offered_to == (agent("anna"), agent("boris"))
    assert timeline.missed_in is MissPlace.GROUP


# --- recordings and ratings ---


@pytest.mark.parametrize(
    "late",
    [
        end("anna", key="end+recording", at=START + timedelta(seconds=300)),
        event(Moment.RECORDING, 300, key="rated", recording=RECORDING),
    ],
)
def test_a_recording_after_the_end_is_late(late: Event) -> None:
    """D-28."""
    timeline = fold([late, end("anna", recording=None)])
    assert (timeline.recording, timeline.recording_late) == (RECORDING, True)
    assert timeline.reached(Moment.RECORDING)


def test_a_recording_with_the_end_is_not_late() -> None:
    timeline = fold(answered("anna"))
    assert (timeline.recording, timeline.recording_late) == (RECORDING, False)
    assert not timeline.reached(Moment.RECORDING)


@pytest.mark.parametrize("after", [1, WAIT + TALK, 900])
def test_a_rating_changes_nothing_of_the_result(after: int) -> None:
    """P-WH-01: the menu comes after the answer, its webhook maybe before the end's."""
    rated = replace(RATED, at=START + timedelta(seconds=after))
    timeline = fold([*answered("anna", recording=None), rated])
    assert (timeline.outcome, timeline.talk_seconds, timeline.recording_late) == (Outcome.ANSWERED, TALK, False)
    assert timeline.handlers == (agent("anna"),)


# --- the client and the times ---


def test_the_caller_is_hidden_until_somebody_tells_the_number() -> None:
    """D-09."""
    hidden = ring(client=None, client_hidden=True)
    assert fold([hidden]).hidden is True
    assert fold([hidden, end("anna")]).hidden is False


def test_times_count_from_the_start_the_provider_told() -> None:
    """D-03, D-33: a resent event keeps its own time."""
    timeline = fold([end("anna", at=START + timedelta(days=2))])
    assert timeline.started_at == START
    assert timeline.ended_at == START + timedelta(seconds=WAIT + TALK)


def test_the_latest_event_that_tells_a_value_is_believed() -> None:
    timeline = fold([ring(line=None, attribution={"utm_source": "old"}), end("anna", attribution={"utm_medium": "cpc"})])
    assert timeline.line == LINE
    assert timeline.attribution == {"utm_source": "old", "utm_medium": "cpc"}


def test_a_form_keeps_what_was_written() -> None:
    """S0-27."""
    timeline = fold([event(Moment.SUBMIT, kind=EventKind.FORM, person_name="Olena", form={"city": "Lviv"})])
    assert (timeline.kind, timeline.person_name, timeline.form) == (EventKind.FORM, "Olena", {"city": "Lviv"})
