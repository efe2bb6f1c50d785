"""Effects: the intended CRM writes of a decision, in neutral words.

Each has a key that is stable within its call. The key is what makes repeating safe, so it never contains anything
that a later event of the same call could change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from patchcord.model.events import Moment
from patchcord.model.records import RecordKind, Ref
from patchcord.model.words import Word


@dataclass(frozen=True, slots=True)
class Made:
    """A record that another effect of the same call makes, by that effect's key."""

    kind: RecordKind
    key: str


Target = Ref | Made
"""What an effect is attached to: a record that exists, or one that the call itself makes."""


class TaskKind(Word):
    """Why a task exists (rules.md 0). OVERDUE tells the senior manager of another task that was not done in time."""

    CALLBACK = "callback"
    REVIEW_CALL = "review_call"
    CALL_LOG = "call_log"
    ACQUAINT = "acquaint"
    CHECK_SETTINGS = "check_settings"
    OVERDUE = "overdue"


class LogKind(Word):
    """How a call is recorded other than by a task (O-56)."""

    CALL = "call"
    NOTE = "note"
    CALL_ENTITY = "call_entity"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRecord:
    """A new record. People are employee keys. `fields` are the vendor's own field ids; `attribution` is neutral.

    A `name` with `{lead_id}` is completed with the record's own id once that is known (C-23).
    """

    key: str
    at: Moment
    rules: tuple[str, ...]
    kind: RecordKind
    name: str
    owner: str | None = None
    creator: str | None = None
    phone: str | None = None
    email: str | None = None
    links: tuple[Target, ...] = ()
    attribution: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    pipeline: str | None = None
    stage: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRecord:
    """A change of a record. `about` says what is written: `owner`, `utm`, `fields`, `form`, `name` or
    `overdue`; a `name` may hold `{lead_id}`, for the record's own id."""

    key: str
    at: Moment
    rules: tuple[str, ...]
    target: Target
    about: str
    owner: str | None = None
    attribution: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTask:
    """A task, open with a deadline or already completed. `due_at` is None for completed ones.

    `direction` is named in the text when it belongs to no known employee (P-ZC-06).
    """

    key: str
    at: Moment
    rules: tuple[str, ...]
    kind: TaskKind
    completed: bool
    assignee: str | None
    targets: tuple[Target, ...]
    title: str
    text: str
    due_in: timedelta | None = None
    due_at: datetime | None = None
    recording: str | None = None
    direction: str | None = None
    visit_data: bool = False
    board: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCall:
    """The call itself, written as the vendor's call, a note or a call entity. `author` is who talked, if known."""

    key: str
    at: Moment
    rules: tuple[str, ...]
    kind: LogKind
    targets: tuple[Target, ...]
    title: str
    text: str
    author: str | None = None
    assignee: str | None = None
    recording: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRecording:
    """The recording link, added to a task or log that was written without it (D-28)."""

    key: str
    at: Moment
    rules: tuple[str, ...]
    effect: str
    recording: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowPopup:
    """What the softphone or the CRM's widget shows while the phone rings (O-51). No CRM write."""

    key: str
    at: Moment
    rules: tuple[str, ...]
    shows: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteTask:
    """An open callback task of an earlier call, done because the client was reached. `task` is the vendor's id."""

    key: str
    at: Moment
    rules: tuple[str, ...]
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignTask:
    """A task of this very call, given to somebody else: to whom the whole call says, or because it is `late`. `effect` is
    the key of the effect that wrote it."""

    key: str
    at: Moment
    rules: tuple[str, ...]
    effect: str
    assignee: str
    late: bool = False


Effect = CreateRecord | UpdateRecord | CreateTask | LogCall | AddRecording | ShowPopup | CompleteTask | AssignTask


@dataclass(frozen=True, slots=True)
class Decision:
    """What shall happen for a call as far as it is known now, and why.

    `situation` is a row of rules.md 3.1 or `ignored` with a `reason`; `rules` are the ids that led there.
    """

    situation: str
    effects: tuple[Effect, ...] = ()
    rules: tuple[str, ...] = ()
    reason: str = ""
