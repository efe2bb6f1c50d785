"""A CRM that can be asked and not written to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from patchcord.crm.http import Http
from patchcord.crm.port import CallDraft, Change, Crm, CrmField, Draft, Lack, Search, TaskDraft, TaskState, Trace, User, Written
from patchcord.model.phone import Phone
from patchcord.model.records import Record, RecordKind, Ref


@dataclass(eq=False)
class WriteRefused(Exception):
    """Somebody tried to write where only reading is allowed. Nothing was sent."""

    operation: str

    def __str__(self) -> str:
        return f"{self.operation} would write into the CRM"


class ReadOnly:
    """The port over another connection: questions go through, every write raises WriteRefused."""

    def __init__(self, crm: Crm) -> None:
        self._crm = crm
        self.declaration = crm.declaration

    @property
    def http(self) -> Http:
        return self._crm.http

    # --- questions ---

    def find(self, phone: Phone, search: Search) -> tuple[Record, ...]:
        """Every record of the number."""
        return self._crm.find(phone, search)

    def task(self, task_id: str) -> TaskState:
        """A task as it stands."""
        return self._crm.task(task_id)

    def find_by_marker(self, trace: Trace) -> str | None:
        """The id of a write of ours."""
        return self._crm.find_by_marker(trace)

    def users(self) -> tuple[User, ...]:
        """The users."""
        return self._crm.users()

    def fields(self, kind: RecordKind) -> tuple[CrmField, ...]:
        """The fields of a kind."""
        return self._crm.fields(kind)

    def check(self) -> tuple[Lack, ...]:
        """What the connection misses."""
        return self._crm.check()

    def link(self, ref: Ref) -> str:
        """Where a person opens a record."""
        return self._crm.link(ref)

    # --- writes ---

    def create(self, drafts: Sequence[Draft]) -> NoReturn:
        """Refused."""
        raise WriteRefused("create")

    def update(self, ref: Ref, change: Change) -> NoReturn:
        """Refused."""
        raise WriteRefused("update")

    def create_task(self, draft: TaskDraft) -> NoReturn:
        """Refused."""
        raise WriteRefused("create_task")

    def complete_task(self, task_id: str) -> NoReturn:
        """Refused."""
        raise WriteRefused("complete_task")

    def assign_task(self, task_id: str, user: str) -> NoReturn:
        """Refused."""
        raise WriteRefused("assign_task")

    def log_call(self, draft: CallDraft) -> NoReturn:
        """Refused."""
        raise WriteRefused("log_call")

    def add_note(self, targets: tuple[Ref, ...], text: str, marker: str) -> NoReturn:
        """Refused."""
        raise WriteRefused("add_note")

    def add_recording(self, sort: Written, written_id: str, link: str) -> NoReturn:
        """Refused."""
        raise WriteRefused("add_recording")
