"""MANGO's events: who signed them, what each tells, and that a call is the same in whatever order they come (telephony.md 3)."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from math import factorial
from typing import Any
from urllib.parse import urlencode

import pytest

from patchcord.model.events import CallType, Event, EventKind, MissPlace, Moment, Outcome, Part
from patchcord.model.timeline import Timeline, fold, ripe
from patchcord.telephony.mango import read, verify
from patchcord.telephony.mango.commands import Command, command_of
from patchcord.telephony.mango.legs import SETTLING
from patchcord.telephony.mango.payload import OLDEST
from patchcord.telephony.port import BadInput, HttpRequest, NotAuthentic, Reading
from tests.harness import MANGO_KEY, MANGO_SALT
from tests.mango_scenarios import (
    APPEAL,
    BEGUN,
    CALLED_BACK,
    CLIENT,
    CONSULTED,
    ENTRY,
    LINE,
    MISSED_BY_EMPLOYEE,
    MISSED_IN_GROUP,
    MISSED_IN_MENU,
    OUTGOING,
    RECORDED,
    RECORDING,
    ROUTED,
    SCENARIOS,
    TRANSFERRED,
    TYPED,
    Scenario,
    Told,
    client,
    leg,
    menu,
    rung,
    summary,
    us,
)

NOW = datetime.fromtimestamp(BEGUN + 300, UTC)
READING = Reading("UA", "Europe/Kyiv")
SECRETS = {"mango_key": MANGO_KEY, "mango_salt": MANGO_SALT}
MOST_PERMUTED = 7
"""Events of a call up to which every order of them is tried; beyond, 2,000 random ones."""


def request(
    text: str, *, key: str = MANGO_KEY, salt: str = MANGO_SALT, now: datetime = NOW, spoilt: Mapping[str, str] | None = None
) -> HttpRequest:
    sign = hashlib.sha256((key + text + salt).encode()).hexdigest()
    fields = {"vpbx_api_key": key, "sign": sign, "json": text, **(spoilt or {})}
    return HttpRequest("POST", now, body=urlencode({name: value for name, value in fields.items() if value}).encode())


def event(told: Told, now: datetime = NOW) -> Event:
    found = read(request(json.dumps(told[1]), now=now), told[0], READING)
    assert found is not None
    return found


def events(told: Sequence[Told]) -> list[Event]:
    """The events that are kept."""
    found = (read(request(json.dumps(one)), path, READING) for path, one in told)
    return [one for one in found if one is not None]


def timeline(scenario: Scenario) -> Timeline:
    return fold(events(scenario.events))


def orders(scenario: Scenario) -> Iterator[Sequence[Told]]:
    """Every order of a call's events, or 2,000 random ones of a long call."""
    if len(scenario.events) <= MOST_PERMUTED:
        yield from permutations(scenario.events)
        return
    shuffler = random.Random(scenario.name)
    for _ in range(2_000):
        yield shuffler.sample(scenario.events, len(scenario.events))


# --- who sent it (telephony.md 3.1) ---


def test_a_signed_event_is_authentic() -> None:
    verify(request("{}"), "events/call", SECRETS.get)


def test_the_signature_is_of_the_text_as_it_was_sent() -> None:
    """Cyrillic, blanks and slashes included: parsing and writing it anew would give another text."""
    verify(request('{ "a":"\\u0416", "b":"Ж\\/" }'), "events/call", SECRETS.get)


@pytest.mark.parametrize(
    ("spoilt", "known"),
    [
        ({"sign": "0" * 64}, True),
        ({"sign": ""}, True),
        ({"sign": "ж"}, True),
        ({"json": '{"entry_id":"other"}'}, True),
        ({"json": ""}, True),
        ({"vpbx_api_key": "another-account"}, False),
        ({"vpbx_api_key": ""}, False),
    ],
)
def test_what_is_forged_or_cut_is_refused(spoilt: dict[str, str], known: bool) -> None:
    with pytest.raises(NotAuthentic) as refused:
        verify(request('{"entry_id":"e"}', spoilt=spoilt), "events/call", SECRETS.get)
    assert refused.value.known is known


def test_another_accounts_salt_is_refused() -> None:
    with pytest.raises(NotAuthentic):
        verify(request("{}", salt="salt-of-another"), "events/call", SECRETS.get)


def test_a_project_without_a_key_takes_nothing() -> None:
    with pytest.raises(NotAuthentic):
        verify(request("{}", key=""), "events/call", {"mango_key": "", "mango_salt": ""}.get)


def test_a_ping_needs_no_signature() -> None:
    """What the cabinet's button sends is not documented beyond its path."""
    verify(HttpRequest("GET", NOW), "ping", SECRETS.get)
    assert read(HttpRequest("GET", NOW), "ping", READING) is None


@pytest.mark.parametrize("body", [b"\xff\xfe=1", b"json=%FF", b"a=1&" * 500, b"json=" + b"x" * 300_000])
def test_a_body_that_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        verify(HttpRequest("POST", NOW, body=body), "events/call", SECRETS.get)


# --- what a call looks like ---


def facts(told: Timeline) -> dict[str, Any]:
    return {
        "way": told.call_type,
        "client": told.client,
        "outcome": told.outcome,
        "missed_in": told.missed_in,
        "talked": [agent.extension for agent in told.handlers],
        "rung": [agent.extension for agent in told.offered_to],
        "caller": told.caller.extension if told.caller else None,
    }


IN: dict[str, Any] = {"way": CallType.IN, "client": f"+{CLIENT}", "missed_in": None, "talked": [], "rung": [], "caller": None}
OUT = {**IN, "way": CallType.OUT, "outcome": Outcome.ANSWERED, "caller": "101"}


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        (ROUTED, {**IN, "outcome": Outcome.ANSWERED, "talked": ["101"], "rung": ["101"]}),
        (MISSED_IN_MENU, {**IN, "outcome": Outcome.MISSED, "missed_in": MissPlace.IVR}),
        (MISSED_IN_GROUP, {**IN, "outcome": Outcome.MISSED, "missed_in": MissPlace.GROUP, "rung": ["303", "101"]}),
        (MISSED_BY_EMPLOYEE, {**IN, "outcome": Outcome.MISSED, "missed_in": MissPlace.EMPLOYEE, "rung": ["101", "102"]}),
        (OUTGOING, OUT),
        (TRANSFERRED, {**IN, "outcome": Outcome.ANSWERED, "talked": ["101", "102"], "rung": ["101", "102"]}),
        (CONSULTED, {**IN, "outcome": Outcome.ANSWERED, "talked": ["101", "102"], "rung": ["101"]}),
        (RECORDED, {**IN, "outcome": Outcome.ANSWERED, "talked": ["101"], "rung": ["101"]}),
        (TYPED, {**IN, "outcome": Outcome.ANSWERED, "talked": ["102"], "rung": ["102"]}),
        (CALLED_BACK, {**OUT, "outcome": Outcome.NO_ANSWER}),
    ],
    ids=lambda value: value.name if isinstance(value, Scenario) else "",
)
def test_a_call_is_what_it_was(scenario: Scenario, expected: dict[str, Any]) -> None:
    """S4-12, S4-36, S4-39, S4-41; telephony.md 3.7, 6."""
    assert facts(timeline(scenario)) == expected


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_call_is_the_same_in_every_order_of_its_events(scenario: Scenario) -> None:
    """telephony.md 0, fact 6: all permutations up to seven events."""
    expected = timeline(scenario)
    read_once = {id(told): read(request(json.dumps(told[1])), told[0], READING) for told in scenario.events}
    tried = 0
    for order in orders(scenario):
        kept = [one for told in order if (one := read_once[id(told)]) is not None]
        assert fold(kept) == expected
        tried += 1
    assert tried == min(factorial(len(scenario.events)), 5_040)


def test_times_are_those_of_the_summary() -> None:
    told = timeline(TRANSFERRED)
    assert (told.wait_seconds, told.talk_seconds) == (5, 135)
    assert told.started_at == datetime.fromtimestamp(BEGUN, UTC)
    assert told.ended_at == datetime.fromtimestamp(BEGUN + 140, UTC)
    assert (told.line, told.status) == (f"+{LINE}", "1110")


def test_a_summary_alone_is_a_whole_call() -> None:
    """telephony.md 0, fact 10: outside the employee's schedule it is the only event."""
    told = fold([event(summary(1, client(), us("101"), end=20, reason=1192))])
    assert facts(told) == {**IN, "outcome": Outcome.MISSED, "missed_in": MissPlace.EMPLOYEE, "rung": ["101"]}


@pytest.mark.parametrize(
    ("reason", "talk", "outcome"),
    [
        (1110, 5, Outcome.ANSWERED),
        (1120, 5, Outcome.ANSWERED),
        (9999, 5, Outcome.ANSWERED),
        (1110, 0, Outcome.MISSED),
        (1121, 0, Outcome.MISSED),
        (1190, 0, Outcome.MISSED),
        (1999, 0, Outcome.MISSED),
        (2219, 0, Outcome.MISSED),
        (1151, 0, Outcome.IGNORED),
        (1152, 0, Outcome.IGNORED),
    ],
)
def test_talk_time_tells_the_outcome_and_no_number_is_unknown(reason: int, talk: int, outcome: Outcome) -> None:
    """telephony.md 3.7: 1000 and others stand where no table has them."""
    for result in (0, 1):
        assert event(summary(1, client(), us("101"), talk=talk, end=30, reason=reason, result=result)).outcome is outcome


def test_an_answering_machine_is_no_answer() -> None:
    told = event(summary(2, us("101"), {"number": CLIENT}, end=30, reason=1310))
    assert (told.call_type, told.outcome) == (CallType.OUT, Outcome.NO_ANSWER)


def test_a_queue_makes_it_a_groups_call_although_nobody_was_rung() -> None:
    """S4-41: distributed to a group and missed, even with an empty `to`."""
    told = fold(events([MISSED_IN_GROUP.events[1], summary(1, client(), {}, end=30, reason=1110)]))
    assert told.missed_in is MissPlace.GROUP


def test_a_call_among_colleagues_has_no_client() -> None:
    """D-10."""
    told = fold(
        events(
            [
                leg("leg-1", 1, "Appeared", 0, "abonent", us("101"), us("102")),
                leg("leg-1", 2, "Connected", 3, "abonent", us("101"), us("102")),
                summary(0, us("101"), us("102"), talk=3, end=10, reason=1100),
            ]
        )
    )
    assert (told.call_type, told.client, told.hidden, told.handlers) == (CallType.INTERNAL, None, False, ())


@pytest.mark.parametrize("caller", [{}, {"number": ""}, {"number": "anonymous"}, {"number": "hidden"}])
def test_a_caller_without_a_number_is_hidden(caller: dict[str, str]) -> None:
    """D-09."""
    told = fold(events([summary(1, caller, us("101"), end=30, reason=1111)]))
    assert (told.hidden, told.client) == (True, None)


def test_a_consultation_does_not_make_a_colleague_a_handler() -> None:
    """Only who talks with the client counts; until then it looks like a call among colleagues."""
    told = timeline(Scenario("", (*CONSULTED.events[:4], CONSULTED.events[5])))
    assert [agent.extension for agent in told.handlers] == ["101"]


@pytest.mark.parametrize("initiator", ["API", "CC", "СС", "MissGroupСallCallback", "ObDial", "CallbackWidget"])
def test_a_callback_is_an_outgoing_call_whose_first_leg_is_inverted(initiator: str) -> None:
    """telephony.md 3.2: some of these names stand in the manual with Cyrillic letters."""
    told = event(
        leg("leg-8a", 1, "Appeared", 0, "abonent", {"number": CLIENT}, us("101"), callback_initiator=initiator),
    )
    assert (told.call_type, told.client) == (CallType.OUT, f"+{CLIENT}")
    assert [(item.part, item.agent.extension) for item in told.parts] == [(Part.CALLER, "101")]
    assert told.extra["callback_initiator"].isascii()


@pytest.mark.parametrize("number", ["79031112233", "89031112233", "+7 903 111-22-33"])
def test_russian_numbers_are_one_number(number: str) -> None:
    """telephony.md 8.3."""
    assert event(summary(1, {"number": number}, {}, end=5, reason=1170)).client == "+79031112233"


def test_an_extension_keeps_its_noughts() -> None:
    told = event(summary(1, client(), {"extension": "0511"}, end=5, reason=1111))
    assert told.parts[0].agent.extension == "0511"


def test_values_come_as_numbers_and_as_texts() -> None:
    path, told = TRANSFERRED.events[-1]
    texts = {name: str(value) if isinstance(value, int) else value for name, value in told.items()}
    assert event((path, texts)) == event((path, told))


def test_a_misspelt_location_is_read() -> None:
    """The samples of 2017."""
    path, told = rung("101", 1, "Appeared", 0)
    misspelt = {("locaton" if name == "location" else name): value for name, value in told.items()}
    assert event((path, misspelt)) == event((path, told))


def test_a_clock_three_hours_ahead_is_set_right() -> None:
    """One edition of the manual calls the times UTC+3."""
    path, told = rung("101", 1, "Appeared", 0)
    ahead = event((path, {**told, "timestamp": BEGUN + 3 * 3600}), now=datetime.fromtimestamp(BEGUN + 1, UTC))
    assert ahead.at == datetime.fromtimestamp(BEGUN, UTC)


# --- order within a call ---


def test_an_answer_waits_for_what_came_before_it() -> None:
    appeared, connected = event(rung("101", 1, "Appeared", 0, taken=None)), event(rung("101", 2, "Connected", 5, taken=None))
    assert connected not in ripe([connected], NOW)
    assert connected in ripe([connected, appeared], NOW)
    assert connected in ripe([connected], NOW + SETTLING)


def test_a_transfers_answer_waits_for_the_leg_it_was_taken_from() -> None:
    told = {index: event(one) for index, one in enumerate(TRANSFERRED.events)}
    second = told[5]
    assert second not in ripe([told[2], told[4], second], NOW)
    assert second in ripe([told[0], told[2], told[4], second], NOW)


def test_a_summary_waits_in_any_case() -> None:
    """Nothing tells how many events a call has."""
    told = events(ROUTED.events)
    assert told[-1] not in ripe(told, NOW)
    assert told[-1] in ripe(told, NOW + SETTLING)


def test_a_leg_that_repeats_a_state_is_two_events() -> None:
    keys = [event(told).key for told in CONSULTED.events if told[1].get("call_state") == "Connected"]
    assert len(set(keys)) == 3


# --- other events ---


def test_a_recording_is_one_event_whenever_it_is_told_of() -> None:
    complete, stored = (event(RECORDED.events[index]) for index in (3, 5))
    assert complete.key == stored.key
    assert (complete.moment, complete.recording) == (Moment.RECORDING, RECORDING)


@pytest.mark.parametrize(
    "told",
    [
        {"recording_state": "Started"},
        {"recording_state": "Continued"},
        {"recording_state": "Completed", "completion_code": 4002},
        {"recording_state": "Completed", "completion_code": 2211},
        {"recording_state": "Completed", "completion_code": 1000, "recipient": "Mail"},
    ],
)
def test_a_recording_that_is_not_kept_is_not_told_of(told: dict[str, Any]) -> None:
    path, complete = RECORDED.events[3]
    assert read(request(json.dumps({**complete, **told})), path, READING) is None


def test_a_recording_during_the_call_does_not_end_it() -> None:
    told = fold(events(RECORDED.events[:4]))
    assert not told.reached(Moment.END)
    assert told.recording == RECORDING


def test_a_closed_dialogue_tells_of_its_client() -> None:
    told = event(APPEAL)
    assert (told.kind, told.client, told.person_name, told.call) == (
        EventKind.MESSENGER,
        f"+{CLIENT}",
        "Ivan",
        "appeal:9001",
    )
    assert told.moment is not Moment.DISPATCH


def test_a_calls_appeal_is_left_to_its_call() -> None:
    assert read(request(json.dumps({**APPEAL[1], "channel_type": 1})), APPEAL[0], READING) is None


def test_a_result_belongs_to_the_call_of_its_command() -> None:
    command = Command("route", "7f3a", ENTRY)
    told = read(request(json.dumps({"command_id": command.id, "result": 4101})), "result/route", READING)
    assert told is not None
    assert (told.call, told.extra) == (ENTRY, {"command": "route", "result": "4101"})


@pytest.mark.parametrize("command", ["cid1488272666", "", "pc", "pc::x:y", "other:route:1:e"])
def test_a_result_of_somebody_elses_command_is_acknowledged(command: str) -> None:
    assert read(request(json.dumps({"command_id": command, "result": 1000})), "result/route", READING) is None


def test_an_id_tells_its_command_unless_the_calls_is_too_long() -> None:
    assert command_of(Command("route", "1", "a:b==").id) == Command("route", "1", "a:b==")
    assert command_of(Command("route", "1", "x" * 128).id) == Command("route", "1", "")


@pytest.mark.parametrize("path", ["events/record/tagged", "events/new/thing", "anything"])
def test_an_event_that_nobody_knows_is_acknowledged(path: str) -> None:
    assert read(request('{"a":1}'), path, READING) is None


# --- what cannot be read ---


@pytest.mark.parametrize(
    ("path", "told", "field"),
    [
        ("events/call", {"call_id": "leg-1", "seq": 1}, "entry_id"),
        ("events/call", {"entry_id": "e", "seq": 1}, "call_id"),
        ("events/call", {"entry_id": "e" * 129, "call_id": "l", "seq": 1}, "entry_id"),
        ("events/call", {"entry_id": "e", "call_id": "l", "seq": "one"}, "seq"),
        ("events/call", {"entry_id": "e", "call_id": "l", "seq": 1, "from": "79031112233"}, "from"),
        ("events/call", {"entry_id": "e", "call_id": "l", "seq": 1, "to": {"extension": ["101"]}}, "to.extension"),
        ("events/call", {"entry_id": "e", "call_id": "l", "seq": 1, "timestamp": "soon"}, "timestamp"),
        ("events/summary", {"entry_id": "e", "call_direction": 7}, "call_direction"),
        ("events/summary", {"entry_id": {"id": 1}, "call_direction": 1}, "entry_id"),
        ("events/record/added", {"entry_id": "e"}, "recording_id"),
    ],
)
def test_what_is_wrong_is_named(path: str, told: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as refused:
        read(request(json.dumps(told)), path, READING)
    assert field in {problem.field for problem in refused.value.problems}


@pytest.mark.parametrize("text", ["", "[]", "null", '{"a":', "{" * 40, '{"a":' * 30 + "1" + "}" * 30])
def test_a_text_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read(request(text), "events/call", READING)


def test_an_event_older_than_the_journal_remembers_is_refused() -> None:
    """It could not be told from one that somebody sends again."""
    path, told = menu("Appeared", 1, 0)
    with pytest.raises(BadInput, match="timestamp"):
        read(request(json.dumps(told), now=NOW + OLDEST + timedelta(days=1)), path, READING)
