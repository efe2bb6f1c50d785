"""What follows a late task, and what completes a callback: settings, effects and texts, without any CRM."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from patchcord.model.effects import CompleteTask, CreateTask, TaskKind, UpdateRecord
from patchcord.model.events import Outcome
from patchcord.model.records import Client
from patchcord.model.settings import Settings
from patchcord.model.timeline import fold
from patchcord.scenarios.constraints import check
from patchcord.scenarios.decide import decide
from patchcord.scenarios.overdue import Late, escalation, handing_over, key_of, next_due, task_of
from patchcord.scenarios.profiles import InvalidSettings, effective
from patchcord.service.journal import EffectState, Snapshot, State, effect_state, snapshot
from tests.unit.builders import answered, called, client, contact, lead, missed, project, told

LEAD = client(lead(), contact())
NOW = datetime(2026, 3, 5, 14, 0, tzinfo=UTC)
FOR_ANNA = {"rows.in_missed_existing.task.assignee": "anna"}


def late(settings: Settings, *, employee: str | None = "anna", round: int = 1, begun: bool = False) -> tuple[Late, Any]:
    timeline = fold(missed())
    task = task_of(decide(timeline, LEAD, settings), "task:callback")
    assert task is not None
    return Late(task, NOW, settings.employees.get(employee or ""), round, begun), timeline


def effects(employee: str | None = "anna", round: int = 1, begun: bool = False, **changes: Any) -> tuple[Any, ...]:
    settings = project(changes=FOR_ANNA | {key.replace("__", "."): value for key, value in changes.items()})
    found, timeline = late(settings, employee=employee, round=round, begun=begun)
    return escalation(found, timeline, settings, NOW)


# --- settings ---


def refused(**tasks: Any) -> list[tuple[str, str]]:
    found = check(effective({"crm": {"vendor": "pipedrive"}, "tasks": tasks}))
    return [(finding.code, finding.field) for finding in found if finding.field.startswith("tasks.")]


def test_defaults() -> None:
    """Design 10; D-32 is the default of closing."""
    tasks = effective({"crm": {"vendor": "megaplan"}}).tasks
    assert (tasks.on_overdue, tasks.overdue_repetitions, tasks.overdue_every) == ("remind_senior", 1, None)
    assert tasks.close_when_reached is False


@pytest.mark.parametrize("number", [0, -1, 11])
def test_it_is_told_of_once_at_least_and_not_for_ever(number: int) -> None:
    assert refused(overdue_repetitions=number) == [("REPETITIONS_NOT_POSSIBLE", "tasks.overdue_repetitions")]


@pytest.mark.parametrize(("every", "codes"), [("PT0S", ["DEADLINE_MUST_BE_POSITIVE"]), ("PT30M", [])])
def test_time_passes_between_two_rounds(every: str, codes: list[str]) -> None:
    """V-05."""
    assert [code for code, _ in refused(overdue_every=every)] == codes


def test_another_word_is_refused() -> None:
    with pytest.raises(InvalidSettings):
        effective({"crm": {"vendor": "pipedrive"}, "tasks": {"on_overdue": "shout"}})


def test_no_row_makes_a_task_about_a_late_one() -> None:
    """V-08."""
    document = {"crm": {"vendor": "pipedrive"}, "rows": {"in_missed_new": {"task": {"kind": "overdue", "assignee": "senior"}}}}
    assert ("TASK_NOT_POSSIBLE", "rows.in_missed_new.task") in [(it.code, it.field) for it in check(effective(document))]


# --- what follows ---


def test_a_reminder() -> None:
    (reminder,) = effects()
    assert isinstance(reminder, CreateTask)
    assert (reminder.kind, reminder.completed, reminder.assignee) == (TaskKind.OVERDUE, False, "senior")
    assert reminder.key == key_of("task:callback", 1) == "overdue:task:callback:1"
    assert reminder.due_at == NOW + timedelta(hours=4)


def test_the_task_itself_is_handed_over_after_a_note() -> None:
    note, given = effects(tasks__on_overdue="reassign")
    assert (note.key, note.about) == (key_of("task:callback", 1), "overdue")
    assert (given.key, given.effect, given.assignee) == (handing_over("task:callback", 1), "task:callback", "senior")
    assert note.note.startswith("Handed over: ")


def test_what_was_begun_is_finished_although_the_task_is_with_the_senior_manager_by_now() -> None:
    assert [effect.key for effect in effects("senior", begun=True, tasks__on_overdue="reassign")] == [
        key_of("task:callback", 1),
        handing_over("task:callback", 1),
    ]


def test_each_round_has_keys_of_its_own() -> None:
    keys = [effect.key for round in (1, 2) for effect in effects(round=round, tasks__on_overdue="reassign")]
    assert len(set(keys)) == len(keys) == 4


@pytest.mark.parametrize("action", ["remind_senior", "reassign", "note"])
@pytest.mark.parametrize("employee", ["senior", "anna"])
def test_of_a_late_senior_manager_a_note_tells(action: str, employee: str) -> None:
    found = effects(employee=employee, tasks__on_overdue=action)
    only_note = employee == "senior" or action == "note"
    assert all(isinstance(effect, UpdateRecord) for effect in found) is only_note
    if only_note:
        assert [(effect.about, effect.owner, bool(effect.note)) for effect in found] == [("overdue", None, True)]


def test_a_task_of_nobody_we_know_is_late_as_well() -> None:
    (reminder,) = effects(employee=None)
    assert reminder.assignee == "senior"
    assert "–" in reminder.text


def test_a_title_of_the_projects_own() -> None:
    (reminder,) = effects(tasks__titles={"overdue": "LATE! {task}"})
    assert reminder.title.startswith("LATE! Call back ")


def test_the_next_round_is_a_deadline_later_unless_the_project_says_when() -> None:
    assert next_due(NOW, project(changes={"tasks.deadline": "PT2H"})) == NOW + timedelta(hours=2)
    assert next_due(NOW, project(changes={"tasks.overdue_every": "PT15M"})) == NOW + timedelta(minutes=15)


def test_the_next_round_is_in_working_hours_where_deadlines_are() -> None:
    """O-06, O-48: Thursday 16:00 in Kyiv and four hours of work."""
    changes: dict[str, Any] = {"tasks.deadline_clock": "business", "working_hours": {"days": "mon-fri"}}
    assert next_due(NOW, project(changes=changes)) == datetime(2026, 3, 6, 9, 0, tzinfo=UTC)


def test_a_completed_task_is_never_late() -> None:
    settings = project()
    assert task_of(decide(fold(answered("anna")), LEAD, settings), "log") is None


# --- closing ---

REACHED = client(lead(), contact(), open_callback=True)


def with_callback(known: Client) -> Client:
    return replace(known, callback="T9")


@pytest.mark.parametrize("profile", ["pipedrive", "kommo", "hubspot", "megaplan", "sendpulse"])
@pytest.mark.parametrize("events", [answered("anna"), answered("boris"), called("anna")], ids=["owner", "other", "called back"])
def test_a_talk_completes_the_open_callback(profile: str, events: Any) -> None:
    settings = project(profile, {"tasks.close_when_reached": True})
    assert "end: task T9 completed" in told(events, with_callback(REACHED), settings)


@pytest.mark.parametrize(
    ("changes", "known", "events"),
    [
        ({}, with_callback(REACHED), answered("anna")),
        ({"tasks.close_when_reached": True}, replace(REACHED, open_callback=False), answered("anna")),
        ({"tasks.close_when_reached": True}, with_callback(REACHED), missed()),
        ({"tasks.close_when_reached": True}, with_callback(REACHED), called("anna", Outcome.NO_ANSWER)),
    ],
    ids=["off (D-32)", "none open", "missed again", "not reached"],
)
def test_otherwise_it_stays_open(changes: dict[str, Any], known: Client, events: Any) -> None:
    found = decide(fold(events), known, project(changes=changes)).effects
    assert not any(isinstance(effect, CompleteTask) for effect in found)


def test_a_crm_without_tasks_completes_none() -> None:
    settings = project("altegio", {"tasks.close_when_reached": True})
    found = decide(fold(answered("anna")), with_callback(REACHED), settings).effects
    assert not any(isinstance(effect, CompleteTask) for effect in found)


# --- the journal ---


@pytest.mark.parametrize("known", [with_callback(REACHED), REACHED, replace(REACHED, open_callback=False)])
def test_the_client_as_first_seen_keeps_the_callback(known: Client) -> None:
    """Journals of before tell only that there is one; what is not told is not completed."""
    read = snapshot(Snapshot(known, NOW).dump(), known.phone).client
    assert (read.open_callback, read.callback) == (known.open_callback, known.callback)


@pytest.mark.parametrize("watched", [True, False])
def test_the_journal_knows_whether_a_deadline_is_waited_for(watched: bool) -> None:
    state = EffectState(State.DONE, "open task: callback", NOW, id="1", watched=watched)
    assert effect_state(state.dump()) == state
    assert ("watched" in state.dump()) is watched
