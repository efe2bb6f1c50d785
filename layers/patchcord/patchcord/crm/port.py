"""The port every CRM vendor implements (design 7): small and coarse, so that a vendor can use its batch calls.

Owners, authors and assignees are CRM user ids here; employees stay on the other side of the port. Texts are plain
with `\\n` between paragraphs; a vendor turns them into its own markup. Times are aware UTC.
Every method may raise the five errors of `patchcord.crm.errors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from patchcord.crm.errors import CrmError, Transient
from patchcord.model.effects import LogKind, TaskKind
from patchcord.model.events import CallType, Outcome
from patchcord.model.phone import Phone
from patchcord.model.records import Record, RecordKind, Ref

if TYPE_CHECKING:
    from patchcord.crm.http import Http


class DuePrecision(StrEnum):
    """What a vendor's task can hold as its deadline."""

    MINUTE = "minute"
    DATE = "date"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Rate:
    """A vendor's burst limit: `units` within a rolling `window`; `costs` gives the units of the dearer requests."""

    units: int
    window: timedelta
    costs: Mapping[str, int] = field(default_factory=dict)

    def cost(self, request: str) -> int:
        """Units of one request of this sort (`search`, `write`, …)."""
        return self.costs.get(request, 1)


@dataclass(frozen=True, slots=True)
class Requests:
    """How many requests the vendor's interface forces for each step: the floor of its reference.

    `task` is any one trace of a call: a task, a call, or a comment where the CRM has nothing better.
    `look_up_known` is for a client who has records, where that takes more than finding out that there are none.
    `look_up_depth` is how many requests of a look-up, made with no more than those, have to wait for one another, the first
    included: the round trips a caller waits for. For a client nobody knows; `look_up_depth_known` is for one with records.
    """

    look_up: int
    create: int
    task: int
    completed_task: int
    look_up_known: int | None = None
    look_up_depth: int = 1
    look_up_depth_known: int | None = None


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a vendor is: read by the planner, the limits, the docs and the contract suite.

    `kinds` maps the neutral kinds it has to its own words; `phone_kinds` are those that carry a phone number;
    `search_lag` is how long a new record may stay invisible to its search; `time_out` bounds one request in seconds;
    `assigns_ticked_off` says whether a task can be given to another user after somebody ticked it off, as one always can that
    is open or was completed when it was made. `name_length` and `text_length` are the longest texts it takes, `value_length`
    the longest value of an ordinary field; `assumed` lists what nobody could verify.
    """

    vendor: str
    title: str
    kinds: Mapping[RecordKind, str]
    phone_kinds: frozenset[RecordKind]
    due: DuePrecision
    logs: frozenset[LogKind]
    tasks: bool
    search_lag: timedelta
    rate: Rate
    requests: Requests
    assigns_ticked_off: bool = True
    time_out: float = 8.0
    name_length: int = 255
    text_length: int = 60_000
    value_length: int = 60_000
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Search:
    """How to look for a number (O-11, O-12): `region` reads stored numbers without a country code.

    With `formats` the vendor's own behaviour is reproduced: only numbers stored in one of these notations count
    (S3-58); without, every notation of the number does. `attribution` names the fields whose values are wanted back,
    parameter to field id per kind.
    """

    region: str
    formats: tuple[str, ...] = ()
    attribution: Mapping[RecordKind, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A record to be created. `links` are existing records or keys of drafts that stand earlier in the same set."""

    key: str
    kind: RecordKind
    name: str
    marker: str
    owner: str | None = None
    creator: str | None = None
    phone: str | None = None
    email: str | None = None
    links: tuple[Ref | str, ...] = ()
    attribution: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    pipeline: str | None = None
    stage: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Created:
    """What a set came to: ids by draft key, and the error that stopped it with the draft it stopped at, if any."""

    refs: Mapping[str, Ref]
    failed: str | None = None
    error: CrmError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is changed in a record; None and empty mean: leave it."""

    owner: str | None = None
    name: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    attribution: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDraft:
    """A task to be created. A completed one carries the recording, an open one its deadline."""

    marker: str
    kind: TaskKind
    title: str
    text: str
    completed: bool
    assignee: str | None
    targets: tuple[Ref, ...]
    due_at: datetime | None = None
    recording: str | None = None
    board: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDraft:
    """A call to be recorded as the vendor's call, note or call entity. `client` and `line` are E.164 or empty."""

    marker: str
    kind: LogKind
    title: str
    text: str
    targets: tuple[Ref, ...]
    call_type: CallType
    outcome: Outcome
    started_at: datetime
    talk_seconds: int = 0
    client: str = ""
    line: str = ""
    author: str | None = None
    assignee: str | None = None
    recording: str | None = None


class Written(StrEnum):
    """The sorts of things we write, for looking one up by its marker."""

    RECORD = "record"
    TASK = "task"
    LOG = "log"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What is known of a write whose answer was lost: enough to look for it without the vendor's search index.

    `since` is when the write was intended; `kind` is the record kind when `sort` is RECORD; `targets` are the records it
    was to be attached to; `name` and `phone` what a record was to be called. `lag_left` is how long a lagging search may
    still not show it: where there is nothing but the search, `seen` says so.
    """

    marker: str
    sort: Written
    since: datetime
    kind: RecordKind | None = None
    log: LogKind | None = None
    targets: tuple[Ref, ...] = ()
    name: str = ""
    phone: str = ""
    lag_left: timedelta = timedelta(0)

    def seen(self, found: str | None, vendor: str, request: str) -> str | None:
        """What a lagging search tells of the write; raises Transient as long as finding nothing means nothing."""
        if found is None and self.lag_left > timedelta(0):
            raise Transient(vendor, request, "the search may not show it yet", retry_after=self.lag_left)
        return found


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task as it stands in the CRM."""

    id: str
    completed: bool
    assignee: str | None


@dataclass(frozen=True, slots=True)
class User:
    """A user of the CRM. `active` is False for blocked, deleted and deactivated ones."""

    id: str
    name: str
    email: str
    active: bool
    admin: bool = False


@dataclass(frozen=True, slots=True)
class CrmField:
    """A field of a record kind: the vendor's id, its label, and a neutral type (`string`, `number`, `date`, `option`, …)."""

    id: str
    name: str
    kind: RecordKind
    type: str
    custom: bool


@dataclass(frozen=True, slots=True)
class Lack:
    """Something the connection misses: a stable code, what it is, and what the administrator does about it."""

    code: str
    what: str
    remedy: str


class Crm(Protocol):
    """One connection to a vendor's CRM. `http.deadline` bounds every request of it, for callers who wait."""

    declaration: Declaration

    @property
    def http(self) -> Http: ...

    def find(self, phone: Phone, search: Search) -> tuple[Record, ...]:
        """Every record of the number, of all kinds, open or not, in the order the vendor gives them."""
        ...

    def create(self, drafts: Sequence[Draft]) -> Created:
        """Create a linked set in one go where the vendor can. A failure half-way is told in the answer, not raised."""
        ...

    def update(self, ref: Ref, change: Change) -> None: ...

    def create_task(self, draft: TaskDraft) -> str: ...

    def complete_task(self, task_id: str) -> None: ...

    def assign_task(self, task_id: str, user: str) -> None:
        """Give a task to another user of the CRM; repeating it changes nothing. Raises Gone when it has been deleted, and
        Rejected when it was ticked off where that is the end of it (`Declaration.assigns_ticked_off`)."""
        ...

    def task(self, task_id: str) -> TaskState: ...

    def log_call(self, draft: CallDraft) -> str: ...

    def add_note(self, targets: tuple[Ref, ...], text: str, marker: str) -> str: ...

    def add_recording(self, sort: Written, written_id: str, link: str) -> None:
        """Add the recording's link to a task or log that exists already (D-28). Repeating it changes nothing."""
        ...

    def find_by_marker(self, trace: Trace) -> str | None:
        """The id of a write whose answer was lost, or None when it did not happen. Raises Transient when that cannot be
        known yet (`Trace.seen`)."""
        ...

    def users(self) -> tuple[User, ...]: ...

    def fields(self, kind: RecordKind) -> tuple[CrmField, ...]: ...

    def check(self) -> tuple[Lack, ...]: ...

    def link(self, ref: Ref) -> str:
        """The address under which a person opens the record."""
        ...
