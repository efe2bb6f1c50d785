"""Bitrix24 behind the port: which calls are made, in which order (crm_bitrix24.md 6-14)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from patchcord.crm.bitrix24 import lost, reading, writing
from patchcord.crm.bitrix24.creating import Creation
from patchcord.crm.bitrix24.declaration import DECLARATION, VENDOR, Connection, without_leads
from patchcord.crm.bitrix24.lookup import LookUp
from patchcord.crm.bitrix24.mapped import MappedFields, changed
from patchcord.crm.bitrix24.rest import Command, Rest, Results, Row, earlier, unknown_shape
from patchcord.crm.errors import Gone, Misconfigured, Rejected, Unauthorised
from patchcord.crm.port import (
    CallDraft,
    Change,
    Created,
    CrmField,
    Draft,
    Lack,
    Search,
    TaskDraft,
    TaskState,
    Trace,
    User,
    Written,
)
from patchcord.model.effects import LogKind
from patchcord.model.phone import Phone
from patchcord.model.records import Record, RecordKind, Ref
from patchcord.wire import segment

COMMENT, TASK, CALL = "comment:", "task:", "externalCall."
"""Before the ids of comments and tasks of the task manager, to tell them from activities; calls have their own word."""
TELEPHONY_ORIGIN = "VI_"
MADE = "made"
LOG = logging.getLogger(__name__)


class Bitrix24:
    """One connection to a company's Bitrix24."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        declaration = DECLARATION if connection.has_leads else without_leads(DECLARATION)
        # open tasks of the task manager can be changed when they are done, to-dos of a card cannot (9)
        self.declaration = replace(declaration, assigns_ticked_off=connection.open_task == "task")
        self._rest = Rest(connection)
        self.http = self._rest.http
        self._mapped = MappedFields()
        self._me = ""

    # --- look-up (6)

    def find(self, phone: Phone, search: Search) -> tuple[Record, ...]:
        """One request; a second one where the portal's batch does not hand over lists of ids."""
        return LookUp(self._rest, self._connection, search, phone).records()

    # --- records (7)

    def create(self, drafts: Sequence[Draft]) -> Created:
        """The whole set in one batch, which stops at the first failure; what was made before it stays."""
        return Creation(self._rest, self._mapped, self._connection, drafts).carry_out()

    def update(self, ref: Ref, change: Change) -> None:
        """One request; a second one when a mapped field turns out to want something else than text."""
        operation = f"update {DECLARATION.kinds[ref.kind]}"
        key, fields = writing.existing(ref.id), writing.change_fields(ref.kind, change)
        writing.check_fields(change.fields)
        if not fields and not change.fields:
            return
        sent = self._mapped.typed(ref.kind, change.fields)
        commands = self._mapped.descriptions([ref.kind] if change.fields else [])
        commands[MADE] = writing.update_item(ref.kind, key, {**fields, **sent})
        results = self._rest.run(commands, operation, halt=False)
        self._mapped.remember(results)
        again = changed(self._mapped.typed(ref.kind, change.fields), sent)
        if again and isinstance(results.errors.get(MADE), Rejected):
            self._call(writing.update_item(ref.kind, key, {**fields, **sent, **again}), operation)
            return
        results.needed(MADE)
        if again:
            self._call(writing.update_item(ref.kind, key, again), operation)

    # --- tasks, calls, notes (8-10)

    def create_task(self, draft: TaskDraft) -> str:
        """One request: an open to-do or a completed call in a card, bound to the other cards in the same batch."""
        targets = writing.primary_first(draft.targets)
        if not targets or (self._connection.open_task == "task" and not draft.completed):
            return TASK + self._portal_task(draft)
        if draft.completed:
            return self._made(writing.done_task(draft, targets, self._user()), _unbound(targets), "create task")
        return self._made(writing.todo(draft, targets[0], datetime.now(UTC)), targets[1:], "create task", "id")

    def _made(self, command: Command, others: Sequence[Ref], operation: str, *inside: str) -> str:
        """Make an activity and bind it; its id stands in the result `inside` this key."""
        more = writing.bindings(earlier(MADE, *inside), others)
        results = self._rest.run({MADE: command, **{f"b{number}": one for number, one in enumerate(more)}}, operation, halt=True)
        made = results.needed(MADE)
        for key in results.errors:
            LOG.warning("bitrix24: an activity could not be bound to every card (%s)", results.errors[key].words)
        return _id(made.get(*inside) if inside and isinstance(made, dict) else made, operation)

    def _portal_task(self, draft: TaskDraft) -> str:
        commands = {MADE: writing.portal_task(draft, self._user())}
        if draft.completed:
            commands["done"] = Command("tasks.task.complete", {"taskId": earlier(MADE, "task", "id")})
        results = self._rest.run(commands, "create task", halt=True)
        key = _id(_task_of(results.needed(MADE)).get("id"), "create task")
        if draft.completed:
            results.needed("done")
        return key

    def complete_task(self, task_id: str) -> None:
        """Completing what is completed changes nothing."""
        key = writing.existing(task_id.removeprefix(TASK))
        is_task = task_id.startswith(TASK)
        done = {"taskId": key} if is_task else {"id": key, "fields": {"COMPLETED": "Y"}}
        try:
            self._rest.call("tasks.task.complete" if is_task else "crm.activity.update", done, "complete task")
        except Rejected:
            if not self.task(task_id).completed:
                raise

    def assign_task(self, task_id: str, user: str) -> None:
        """Whose a to-do is that was ticked off cannot be changed any more (9); a refusal is none if it is that user's already."""
        command = writing.assignment(writing.existing(task_id.removeprefix(TASK)), user, is_task=task_id.startswith(TASK))
        try:
            self._call(command, "assign task")
        except Rejected:
            if self.task(task_id).assignee != user:
                raise

    def task(self, task_id: str) -> TaskState:
        if task_id.startswith(TASK):
            row = self._task_row(task_id)
            completed = str(row.get("status")) in reading.COMPLETED_TASK
            return TaskState(task_id, completed, reading.text_id(row.get("responsibleId")))
        row = self._activity(task_id)
        return TaskState(task_id, row.get("COMPLETED") == "Y", reading.text_id(row.get("RESPONSIBLE_ID")))

    def _task_row(self, task_id: str) -> Row:
        select = ["ID", "STATUS", "RESPONSIBLE_ID", "DESCRIPTION"]
        params = {"taskId": writing.existing(task_id.removeprefix(TASK)), "select": select}
        row = _task_of(self._rest.call("tasks.task.get", params, "read task"))
        if not row:
            raise Gone(VENDOR, "read task", "the task is not there")
        return row

    def _activity(self, activity_id: str) -> Row:
        row = self._rest.call("crm.activity.get", {"id": writing.existing(activity_id)}, "read task")
        if not isinstance(row, dict):
            raise unknown_shape("read task")
        return row

    def log_call(self, draft: CallDraft) -> str:
        """A comment, a call activity, or a call of the telephony; the last one only an application can make (1)."""
        if draft.kind is LogKind.NOTE:
            text = "\n".join(part for part in (draft.title, draft.text) if part)
            return COMMENT + self._comment(draft.targets, writing.bb_text(text, draft.marker, draft.recording))
        if draft.kind is LogKind.CALL_ENTITY and self._connection.access.is_application and draft.client:
            return self._telephony_call(draft)
        targets = writing.primary_first(draft.targets)
        if not targets:
            raise Rejected(VENDOR, "log call", "a call needs a record to stand in", 400)
        return self._made(writing.call_activity(draft, targets, self._user()), _unbound(targets), "log call")

    def _telephony_call(self, draft: CallDraft) -> str:
        """Registered, finished, with its recording and text: one batch. The activity's id, or the call's without one."""
        user, call = draft.assignee or draft.author or self._user(), earlier("call", "CALL_ID")
        activity = earlier(MADE, "CRM_ACTIVITY_ID")
        commands = {"call": writing.registration(draft, user), MADE: writing.finishing(draft, user, call)}
        if draft.recording:
            commands["record"] = writing.attachment(call, draft.recording)
        commands["text"] = Command("crm.activity.update", {"id": activity, "fields": writing.activity_text(draft)})
        deals = [ref for ref in writing.primary_first(draft.targets) if ref.kind is RecordKind.DEAL]
        commands |= {f"b{number}": one for number, one in enumerate(writing.bindings(activity, deals))}
        results = self._rest.run(commands, "log call", halt=True)
        made = results.needed(MADE)
        for error in results.errors.values():
            LOG.warning("bitrix24: a call is logged without all of its details (%s)", error.words)
        found = reading.text_id(made.get("CRM_ACTIVITY_ID")) if isinstance(made, dict) else None
        return found or _id(results.needed("call").get("CALL_ID"), "log call")

    def add_note(self, targets: tuple[Ref, ...], text: str, marker: str) -> str:
        return self._comment(targets, writing.bb_text(text, marker))

    def _comment(self, targets: Sequence[Ref], text: str) -> str:
        """A comment in the first card, bound to the others."""
        cards = writing.primary_first(targets)
        if not cards:
            raise Rejected(VENDOR, "create comment", "a comment needs a record to stand in", 400)
        commands = {MADE: writing.comment(cards[0], text)}
        more = (writing.comment_binding(earlier(MADE), card) for card in cards[1:])
        results = self._rest.run(
            {**commands, **{f"b{number}": one for number, one in enumerate(more)}}, "create comment", halt=True
        )
        key = _id(results.needed(MADE), "create comment")
        for error in results.errors.values():
            LOG.warning("bitrix24: a comment could not be shown in every card (%s)", error.words)
        return key

    def add_recording(self, sort: Written, written_id: str, link: str) -> None:
        """Two requests: what stands there is read first, so that the link is added once."""
        operation = "add recording"
        if written_id.startswith(CALL):
            self._call(writing.attachment(written_id, link), operation)
        elif sort is Written.NOTE or written_id.startswith(COMMENT):
            key = writing.existing(written_id.removeprefix(COMMENT))
            row = self._rest.call("crm.timeline.comment.get", {"id": key}, "read comment")
            self._append(row, "COMMENT", link, Command("crm.timeline.comment.update", {"id": key}))
        elif written_id.startswith(TASK):
            key = writing.existing(written_id.removeprefix(TASK))
            row = {"DESCRIPTION": self._task_row(written_id).get("description")}
            self._append(row, "DESCRIPTION", link, Command("tasks.task.update", {"taskId": key}))
        else:
            self._append_to_activity(written_id, link)

    def _append(self, row: Any, name: str, link: str, command: Command, **before: Command) -> None:
        """Add the link to a text unless it is there; `before` are commands that go with it."""
        if not isinstance(row, dict):
            raise unknown_shape("add recording")
        text = str(row.get(name) or "")
        if not reading.has_link(text, link):
            params = {**command.params, "fields": {name: f"{text}\n{link}".lstrip("\n")}}
            self._rest.run({**before, MADE: Command(command.method, params)}, "add recording", halt=True).needed(MADE)

    def _append_to_activity(self, activity_id: str, link: str) -> None:
        """A call of the telephony gets the recording itself as well (10.4)."""
        row = self._activity(activity_id)
        origin = str(row.get("ORIGIN_ID") or "")
        before = {}
        if origin.startswith(TELEPHONY_ORIGIN + CALL) and self._connection.access.is_application:
            before["record"] = writing.attachment(origin.removeprefix(TELEPHONY_ORIGIN), link)
        self._append(row, "DESCRIPTION", link, Command("crm.activity.update", {"id": writing.existing(activity_id)}), **before)

    # --- writes whose answer was lost (13)

    def find_by_marker(self, trace: Trace) -> str | None:
        if trace.sort is Written.RECORD and trace.kind is not None:
            return lost.find_item(self._rest, trace.kind, trace.marker)
        if lost.is_comment(trace):
            found = lost.find_comment(self._rest, trace)
            return COMMENT + found if found and trace.sort is Written.LOG else found
        portal_tasks = self._connection.open_task == "task" or not trace.targets
        found, is_task = lost.find_activity(self._rest, trace, portal_tasks=portal_tasks)
        return TASK + found if found and is_task else found

    # --- the account (1, 5, 11, 14)

    def users(self) -> tuple[User, ...]:
        """Everybody, dismissed people too."""
        profile = self._profile()
        administrator = reading.text_id(profile.get("ID")) if profile.get("ADMIN") is True else None
        rows = self._rest.rows("user.get", {"FILTER": {"USER_TYPE": "employee"}}, "list users")
        return tuple(reading.read_user(row, administrator) for row in rows)

    def _profile(self) -> Row:
        found = self._rest.call("profile", {}, "read own user")
        return found if isinstance(found, dict) else {}

    def _user(self) -> str:
        """The user in whose name calls come; asked for once where the credentials do not tell."""
        self._me = self._me or self._connection.access.user() or reading.text_id(self._profile().get("ID")) or ""
        return self._me

    def fields(self, kind: RecordKind) -> tuple[CrmField, ...]:
        command = writing.describe_fields(kind)
        found = self._rest.call(command.method, command.params, "list fields")
        self._mapped.keep(kind, found)
        return tuple(reading.read_field(name, row, kind) for name, row in self._mapped.rows(kind).items())

    def check(self) -> tuple[Lack, ...]:
        """What the connection misses; stops at refused credentials, because nothing else can be seen then."""
        commands = {"scope": Command("scope", {}), "mode": Command("crm.settings.mode.get", {})}
        try:
            results = self._rest.batch(commands, "check", halt=False)
        except Unauthorised as error:
            remedy = "Make a new incoming webhook, or connect the application again."
            return (Lack("unauthorised", f"Bitrix24 refuses our credentials ({error.words})", remedy),)
        except Gone:
            return (Lack("address", "No Bitrix24 answers at this address", "Correct the portal's address."),)
        except Misconfigured as error:
            return (_no_right(error),)
        return (*self._lacking_scopes(results), *self._lacking_leads(results))

    def _lacking_scopes(self, results: Results) -> Iterator[Lack]:
        given = {str(scope) for scope in results.values.get("scope") or () if isinstance(scope, str)}
        for scope, enough in self._scopes().items():
            if given and not given & enough:
                yield Lack("scope", f"The scope {scope} is not granted", "Add it to the webhook or application.")

    def _scopes(self) -> dict[str, set[str]]:
        """What is needed, and what is enough for it. `user_brief` and `user_basic` do not tell the e-mail (1)."""
        scopes = {"crm": {"crm"}, "user": {"user"}}
        scopes |= {"telephony": {"telephony"}} if self._connection.access.is_application else {}
        return scopes | ({"task": {"task", "tasks"}} if self._connection.open_task == "task" else {})

    def _lacking_leads(self, results: Results) -> Iterator[Lack]:
        """Leads are switched off in the portal, but not in the settings (5)."""
        error = results.errors.get("mode")
        if isinstance(error, Misconfigured) and "scope" not in error.words.lower():
            yield _no_right(error)
        if self._connection.has_leads and str(results.values.get("mode")) == "2":
            remedy = "Set crm_mode to simple and create deals, or switch leads on in the portal."
            yield Lack("leads", "The portal works without leads", remedy)

    def link(self, ref: Ref) -> str:
        return f"{self._connection.base_url}/crm/{DECLARATION.kinds[ref.kind]}/details/{segment(ref.id)}/"

    def close(self) -> None:
        """Hang up kept connections."""
        self.http.close()
        self._connection.access.close()

    def _call(self, command: Command, operation: str) -> Any:
        return self._rest.call(command.method, command.params, operation)


# --- helpers


def _unbound(targets: Sequence[Ref]) -> list[Ref]:
    """The targets that a call activity is not bound to by itself: neither its owner nor whom the call was with."""
    bound = (targets[0], writing.partner_of(targets))
    return [ref for ref in targets if ref not in bound]


def _id(value: Any, operation: str) -> str:
    """The id of what was created; without one it is not known whether it was."""
    key = reading.text_id(value)
    if key is None:
        raise unknown_shape(operation)
    return key


def _task_of(result: Any) -> Row:
    """The task in a result of tasks.task.*."""
    task = result.get("task") if isinstance(result, dict) else None
    return task if isinstance(task, dict) else {}


def _no_right(error: Misconfigured) -> Lack:
    """What is behind a 403: the plan, a scope, or a right of the user (2, 3)."""
    words = error.words.lower()
    if "plan" in words or "subscription" in words:
        return Lack("plan", f"The portal's plan has no REST ({error.words})", "Choose a plan with REST.")
    if "scope" in words:
        return Lack("scope", f"A scope is missing ({error.words})", "Add it to the webhook or application.")
    return Lack("right", f"We may not read the portal's settings ({error.words})", "Give the user this right.")
