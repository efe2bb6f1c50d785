"""What follows when an open task was not done in time (design 10): who is told, and how."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from patchcord.model.effects import AssignTask, CreateTask, Decision, Effect, TaskKind, UpdateRecord
from patchcord.model.employees import Employee
from patchcord.model.settings import Settings
from patchcord.model.timeline import Timeline
from patchcord.scenarios.due import due_after
from patchcord.scenarios.texts import texts_of

PREFIX = "overdue:"
"""Keys of these effects begin with it. They stand in the call's journal, and the call's own decision knows nothing of them."""


@dataclass(frozen=True, slots=True)
class Late:
    """A task that is late: the effect that made it, its deadline, with whom it is by now, and how often it was late before
    plus one. `begun` says that an earlier try of this round meant to hand it over: with the senior manager it may be since."""

    task: CreateTask
    due_at: datetime
    employee: Employee | None
    round: int
    begun: bool = False


def task_of(decision: Decision, key: str) -> CreateTask | None:
    """The open task that a decision asks for under this key, None when it asks for it no more."""
    found = (effect for effect in decision.effects if isinstance(effect, CreateTask) and not effect.completed)
    return next((effect for effect in found if effect.key == key), None)


def key_of(task: str, round: int) -> str:
    """The key of what is written in a round for the task with this key."""
    return f"{PREFIX}{task}:{round}"


def handing_over(task: str, round: int) -> str:
    """The key of giving the task with this key to the senior manager in a round."""
    return f"{key_of(task, round)}:assignee"


def next_due(now: datetime, settings: Settings) -> datetime:
    """When somebody looks again, and when what is written now is due."""
    return due_after(now, settings.tasks.overdue_every or settings.tasks.deadline, settings)


def escalation(late: Late, timeline: Timeline, settings: Settings, now: datetime) -> tuple[Effect, ...]:
    """What is written, in this order; nothing if there is neither anybody to be given a task nor a record for a note.

    The senior manager who is late himself is given no second task: a note tells everybody else (design 10).
    """
    action, senior = settings.tasks.on_overdue, settings.senior
    senior_is_late = late.employee == senior and not late.begun
    if senior is None or not senior.known or senior_is_late or action == "note":
        return _note(late, timeline, settings, "overdue")
    if action == "remind_senior":
        return (_reminder(late, timeline, settings, senior, now),)
    # the note comes first: it tells who was late, which nobody can tell any more once the task is handed over
    return *_note(late, timeline, settings, "handed_over"), _handed_over(late, senior)


def _reminder(late: Late, timeline: Timeline, settings: Settings, senior: Employee, now: datetime) -> CreateTask:
    texts = texts_of(timeline, settings)
    return CreateTask(
        key=key_of(late.task.key, late.round),
        at=late.task.at,
        rules=late.task.rules,
        kind=TaskKind.OVERDUE,
        completed=False,
        assignee=senior.key,
        targets=late.task.targets,
        title=texts.title(TaskKind.OVERDUE.value, task=late.task.title),
        text=f"{_line(late, timeline, settings, 'overdue')}\n{late.task.text}",
        due_at=next_due(now, settings),
        board=late.task.board,
    )


def _handed_over(late: Late, senior: Employee) -> AssignTask:
    return AssignTask(
        key=handing_over(late.task.key, late.round),
        at=late.task.at,
        rules=late.task.rules,
        effect=late.task.key,
        assignee=senior.key,
        late=True,
    )


def _note(late: Late, timeline: Timeline, settings: Settings, line: str) -> tuple[UpdateRecord, ...]:
    """A note at the record that the task belongs to; a hidden caller's task belongs to none."""
    text = _line(late, timeline, settings, line)
    return tuple(
        UpdateRecord(
            key=key_of(late.task.key, late.round),
            at=late.task.at,
            rules=late.task.rules,
            target=target,
            about="overdue",
            note=text,
        )
        for target in late.task.targets[:1]
    )


def _line(late: Late, timeline: Timeline, settings: Settings, line: str) -> str:
    who = (late.employee.name or late.employee.key) if late.employee is not None else "–"
    return texts_of(timeline, settings).late(line, late.task.title, who, late.due_at)
