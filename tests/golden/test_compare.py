"""The comparer can fail: each kind of difference between a row and what was done is told (tests/golden/compare.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.golden.compare import Action, differences

CONTACT: Action = {"do": "create", "entity": "contact", "as": "C1", "owner": "anna", "at": "answer", "utm": True}
LEAD: Action = {"do": "create", "entity": "lead", "as": "L1", "owner": "anna", "at": "answer", "utm": True, "link_to": ["C1"]}
TASK: Action = {
    "do": "task",
    "kind": "callback",
    "state": "open",
    "assignee": "senior",
    "attach_to": ["L1", "C1"],
    "at": "end",
    "due_in": "PT4H",
}
LOG: Action = {"do": "log", "kind": "call", "attach_to": ["C1"], "author": None, "at": "end"}
EXPECTED = [CONTACT, LEAD, TASK, LOG]


def done(**changes: Mapping[str, Any]) -> list[Action]:
    """What was done: as expected but for the changes of `contact`, `lead`, `task` or `log`."""
    usual = {"contact": CONTACT, "lead": LEAD, "task": TASK, "log": LOG}
    actions = {name: {key: value for key, value in action.items() if key != "as"} for name, action in usual.items()}
    return [{**action, **changes.get(name, {})} for name, action in actions.items()]


def test_as_expected() -> None:
    assert differences(EXPECTED, [], done()) == []


def test_in_another_order_and_with_more_said_is_as_expected() -> None:
    """A row lists its actions in a readable order and states what matters."""
    actual = done(task={"attach_to": ["C1", "L1"], "title": "Call back"}, lead={"name": "Lead"})
    assert differences(EXPECTED, [], actual[::-1]) == []


def test_missing() -> None:
    assert differences(EXPECTED, [], done()[:-1]) == ["missing log call"]


def test_unexpected() -> None:
    again = [*done(), {**TASK}]
    assert differences(EXPECTED, [], again) == ["unexpected task callback"]
    assert differences([], [], [{"do": "popup", "shows": []}]) == ["unexpected popup"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"lead": {"owner": "boris"}}, "create lead: owner is 'boris', expected 'anna'"),
        ({"lead": {"at": "end"}}, "create lead: at is 'end', expected 'answer'"),
        ({"lead": {"link_to": []}}, "create lead: link_to is [], expected ['C1']"),
        ({"lead": {"utm": False}}, "create lead: utm is False, expected True"),
        ({"task": {"assignee": "anna"}}, "task callback: assignee is 'anna', expected 'senior'"),
        ({"task": {"state": "completed"}}, "task callback: state is 'completed', expected 'open'"),
        ({"task": {"due_in": "PT2H"}}, "task callback: due_in is 'PT2H', expected 'PT4H'"),
        ({"task": {"due_in": None}}, "task callback: due_in is None, expected 'PT4H'"),
        ({"task": {"attach_to": ["L1"]}}, "task callback: attach_to is ['L1'], expected ['L1', 'C1']"),
        ({"task": {"attach_to": ["L1", "C1", "O1"]}}, "task callback: attach_to is ['L1', 'C1', 'O1'], expected ['L1', 'C1']"),
        ({"task": {"recording_link": True}}, "task callback: recording_link is True, expected None"),
        ({"log": {"author": "senior"}}, "log call: author is 'senior', expected None"),
    ],
)
def test_a_wrong_value(changes: dict[str, Action], told: str) -> None:
    assert differences(EXPECTED, [], done(**changes)) == [told]


def test_a_missing_recording_link() -> None:
    wanted = [{**LOG, "recording_link": True}]
    assert differences(wanted, [], [{**LOG, "recording_link": False}]) != []
    assert differences(wanted, [], [{**LOG, "recording_link": "https://rec.example/1.mp3"}]) == []


def test_another_kind_is_missing_and_unexpected() -> None:
    problems = differences([TASK], [], [{**TASK, "kind": "review_call"}])
    assert problems == ["missing task callback", "unexpected task review_call"]


def test_the_nearest_candidate_is_compared() -> None:
    """Of two leads the one that fits is taken, so that only the other is told of."""
    other = {**LEAD, "as": "L2", "owner": "boris"}
    actual = [{**LEAD, "owner": "boris"}, {**LEAD}]
    assert differences([LEAD, other], [], actual) == []
    assert differences([LEAD], [], actual) == ["unexpected create lead"]


def test_fields_that_are_not_listed_do_not_matter_and_listed_ones_do() -> None:
    wanted = [{**CONTACT, "fields": {"F1": "x"}}]
    assert differences(wanted, [], [{**CONTACT, "fields": {"F1": "x", "F2": "y"}}]) == []
    assert len(differences(wanted, [], [{**CONTACT, "fields": {"F2": "y"}}])) == 1


def test_the_answer_of_somebody_is_an_answer() -> None:
    wanted = [{**CONTACT, "at": "answer_of_anna"}]
    assert differences(wanted, [], [CONTACT]) == []
    assert len(differences(wanted, [], [{**CONTACT, "at": "end"}])) == 1


UPDATE: Action = {"do": "update", "entity": "lead", "id": "L1", "owner": "boris", "at": "end"}
FILLED: Action = {"do": "update", "entity": "contact", "id": "C1", "set": {"F1": "google"}}


@pytest.mark.parametrize(
    ("pattern", "actions"),
    [
        ("any_crm_write", [CONTACT]),
        ({"do": "create"}, [CONTACT]),
        ({"do": "create", "entity": "lead"}, [LEAD]),
        ({"do": "task", "assignee": "senior"}, [TASK]),
        ({"do": "task", "attach_to": "L1"}, [TASK]),
        ({"do": "update", "id": "L1"}, [UPDATE]),
        ({"do": "update", "field": "owner"}, [UPDATE]),
        ({"do": "update", "field": "F1"}, [FILLED]),
        ({"do": "create", "has_field": "F1"}, [{**CONTACT, "fields": {"F1": "x"}}]),
        ({"do": "task", "count_over": 1}, [TASK, {**TASK}]),
    ],
)
def test_a_forbidden_action(pattern: Any, actions: list[Action]) -> None:
    assert differences(actions, [pattern], actions) == [f"forbidden {pattern}"]


@pytest.mark.parametrize(
    ("pattern", "actions"),
    [
        ("any_crm_write", [{"do": "popup", "shows": []}]),
        ({"do": "create", "entity": "deal"}, [LEAD]),
        ({"do": "task", "assignee": "anna"}, [TASK]),
        ({"do": "task", "attach_to": "D1"}, [TASK]),
        ({"do": "update", "field": "owner"}, [FILLED]),
        ({"do": "update", "field": "utm_medium"}, [FILLED]),
        ({"do": "create", "has_field": "F1"}, [CONTACT]),
        ({"do": "task", "count_over": 1}, [TASK]),
    ],
)
def test_an_action_that_is_not_forbidden(pattern: Any, actions: list[Action]) -> None:
    assert differences(actions, [pattern], actions) == []


def test_all_differences_are_told_at_once() -> None:
    actual = [*done(lead={"owner": "boris", "at": "end"})[1:], {"do": "create", "entity": "deal"}]
    assert differences(EXPECTED, [{"do": "create", "entity": "deal"}], actual) == [
        "missing create contact",
        "create lead: owner is 'boris', expected 'anna'",
        "create lead: at is 'end', expected 'answer'",
        "unexpected create deal",
        "forbidden {'do': 'create', 'entity': 'deal'}",
    ]
