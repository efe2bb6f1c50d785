"""Megaplan behind the port: which calls are made, in which order (crm_megaplan.md 4-12)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.http import Http
from patchcord.crm.megaplan import reading, writing
from patchcord.crm.megaplan.account import PATHS, Account
from patchcord.crm.megaplan.declaration import DECLARATION, RIGHTS, VENDOR, Connection, MegaplanDialect
from patchcord.crm.megaplan.lookup import NEWEST, LookUp
from patchcord.crm.megaplan.reading import Cards
from patchcord.crm.megaplan.talk import Envelope, Question, Row, Talk, one
from patchcord.crm.port import (
    CallDraft,
    Change,
    Created,
    CrmField,
    Draft,
    DuePrecision,
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

EMPLOYEE_FIELDS = ("contactInfo", "isWorking", "canLogin", "possibleActions")
LINKS = {RecordKind.CONTACT: "/crm/{}/card/", RecordKind.ORGANIZATION: "/crm/{}/card/", RecordKind.DEAL: "/deals/{}/card/"}
TODOS, CALLS = "/todo", "/callInfo"
SKEW = timedelta(seconds=60)
"""How far their clock may be behind ours when a write is looked for by its time."""


class Megaplan:
    """One connection to a company's Megaplan."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.declaration = replace(DECLARATION, due=DuePrecision.MINUTE) if connection.timed else DECLARATION
        self.http = Http(
            VENDOR,
            connection.base_url,
            connection.credentials,
            time_out=DECLARATION.time_out,
            rate=DECLARATION.rate,
            dialect=MegaplanDialect(),
            hidden=connection.hidden,
        )
        self._talk = Talk(self.http)
        self._account = Account(self._talk, connection)
        self._look_up = LookUp(self._talk, connection)

    def find(self, phone: Phone, search: Search) -> tuple[Record, ...]:
        """One request, one more for what a found client's card does not tell (4, 10)."""
        return self._look_up.find(phone, search)

    # --- records (5)

    def create(self, drafts: Sequence[Draft]) -> Created:
        """People first, then companies and deals in one bulk (3, 10)."""
        refs: dict[str, Ref] = {}
        for wave in writing.waves(drafts):
            outcomes = self._create([(draft, _linked(draft, drafts, refs)) for draft in wave])
            made = {draft.key: outcome for draft, outcome in zip(wave, outcomes, strict=True)}
            refs |= {key: outcome for key, outcome in made.items() if isinstance(outcome, Ref)}
            for key, outcome in made.items():
                if isinstance(outcome, CrmError):
                    return Created(refs, key, outcome)
        return Created(refs)

    def _create(self, wave: Sequence[tuple[Draft, Sequence[Ref]]]) -> list[Ref | CrmError]:
        bodies = [self._body(draft, links) for draft, links in wave]
        asked = [_creation(draft, body) for (draft, _), body in zip(wave, bodies, strict=True) if isinstance(body, dict)]
        answers = iter(self._talk.together(asked))
        outcomes = [body if isinstance(body, CrmError) else next(answers) for body in bodies]
        return [self._made(draft, body, outcome) for (draft, _), body, outcome in zip(wave, bodies, outcomes, strict=True)]

    def _body(self, draft: Draft, links: Sequence[Ref]) -> dict[str, Any] | CrmError:
        """The body that creates the record, or why there can be none."""
        try:
            custom = self._account.keyed(draft.kind, draft.fields)
            if draft.kind is not RecordKind.DEAL:
                return writing.record_body(draft, links, custom, self._connection)
            program = self._account.program(draft.pipeline)
            return writing.deal_body(draft, links, custom, program, self._account.state(program, draft.stage))
        except CrmError as error:
            return error

    def _made(self, draft: Draft, body: Any, outcome: Envelope | CrmError) -> Ref | CrmError:
        """What became of a creation; one that was refused is tried again where we can do better."""
        try:
            if isinstance(outcome, Rejected) and isinstance(body, dict):
                outcome = self._second_try(draft, body, outcome)
            if isinstance(outcome, CrmError):
                return outcome
            return Ref(draft.kind, _new_id(outcome, "create record"))
        except CrmError as error:
            return error

    def _second_try(self, draft: Draft, body: dict[str, Any], refusal: Rejected) -> Envelope:
        """Once more with the values as their fields want them, or into the state by a transition (5, 9)."""
        custom = self._account.typed(draft.kind, draft.fields) if draft.fields else {}
        better = {**body, **{name: value for name, value in custom.items() if name not in reading.BUILT_IN[draft.kind]}}
        if better != body:
            return self._talk.ask(_creation(draft, better))
        if "state" not in body or "state" not in refusal.words.lower():
            raise refusal
        made = self._talk.ask(_creation(draft, {name: value for name, value in body.items() if name != "state"}))
        self._move(_new_id(made, "create process"), str(body["state"]["id"]))
        return made

    def _move(self, deal: str, state: str) -> None:
        """Into a state by a transition; a deal that cannot be moved stays in its first state, it is made all the same."""
        path = f"{PATHS[RecordKind.DEAL]}/{deal}"
        try:
            transitions = self._talk.rows(Question("list transitions", f"{path}/possibleTransitions"))
            fitting = [row for row in transitions if str((row.get("to") or {}).get("id")) == state]
            if fitting:
                body = {"transition": {"contentType": "ProgramTransition", "id": str(fitting[0].get("id"))}}
                self._talk.ask(Question("move process", f"{path}/applyTransition", body=body))
        except (Rejected, Misconfigured, Gone):
            return

    def update(self, ref: Ref, change: Change) -> None:
        operation, path = f"update {DECLARATION.kinds[ref.kind]}", _path(PATHS[ref.kind], ref.id)
        body = writing.change_body(ref, change, self._account.keyed(ref.kind, change.fields), self._connection)
        if not body:
            return
        try:
            self._talk.ask(Question(operation, path, body=body))
        except Rejected:
            better = {**body, **(self._account.typed(ref.kind, change.fields) if change.fields else {})}
            if better == body:
                raise
            self._talk.ask(Question(operation, path, body=better))

    # --- todos (6)

    def create_task(self, draft: TaskDraft) -> str:
        """A todo; a completed one is made with its final status, or finished if Megaplan did not take that."""
        status = self._account.done_status() if draft.completed else None
        body = writing.todo_body(draft, self._connection, status)
        row = self._talk.row(Question("create task", TODOS, body=body))
        key = _id(row, "create task")
        if draft.completed and not self._account.is_done(Cards(row).of(row.get("status"))):
            self.complete_task(key)
        return key

    def complete_task(self, task_id: str) -> None:
        """One request; a refusal is none if the todo is finished already (6)."""
        body: dict[str, Any] = {"contentType": "TodoFinishActionRequest"}
        if self._connection.done_status:
            body["status"] = writing.link("TodoStatus", self._connection.done_status)
        try:
            self._talk.ask(Question("complete task", f"{_path(TODOS, task_id)}/doAction", body=body))
        except (Misconfigured, Rejected):
            if not self.task(task_id).completed:
                raise

    def assign_task(self, task_id: str, user: str) -> None:
        self._change_todo(task_id, {"responsible": writing.link(reading.EMPLOYEE, user)}, "assign task")

    def _change_todo(self, todo: str, fields: Mapping[str, Any], operation: str) -> None:
        """The id stands in the body as well, without it another todo would be made (3)."""
        self._talk.ask(Question(operation, _path(TODOS, todo), body={"contentType": "Todo", "id": todo, **fields}))

    def task(self, task_id: str) -> TaskState:
        row = self._todo(task_id, "status", "responsible")
        return TaskState(
            str(row.get("id")),
            self._account.is_done(row.get("status")),
            reading.link_id(row.get("responsible"), reading.EMPLOYEE),
        )

    def _todo(self, task_id: str, *fields: str) -> Row:
        row = self._talk.row(Question("read task", _path(TODOS, task_id), {"fields": [*fields, "isDropped"]}))
        if row.get("isDropped") is True:
            raise Gone(VENDOR, "read task", "the todo is deleted")
        return row

    # --- calls and comments (7, 8)

    def log_call(self, draft: CallDraft) -> str:
        """A finished call without a widget, or a comment if the draft wants one."""
        if draft.kind is LogKind.NOTE:
            target = self._note_target(draft.targets)
            text = "\n".join(part for part in (draft.title, draft.text) if part)
            return _note_id(target, self._comment(target, writing.note_html(text, draft.marker, draft.recording)))
        body = [writing.call_body(draft, self._client_of(draft.targets))]
        rows = self._talk.rows(Question("log call", f"{CALLS}/history", body=body))
        return _id(rows[0] if rows else {}, "log call")

    def _client_of(self, targets: Sequence[Ref]) -> Ref | None:
        """Whose call it was; a deal's client is asked for, because a call hangs on clients only (8)."""
        for kind in (RecordKind.CONTACT, RecordKind.ORGANIZATION):
            if key := writing.first(targets, kind):
                return Ref(kind, key)
        deal = writing.first(targets, RecordKind.DEAL)
        if deal is None:
            return None
        row = self._talk.row(Question("read process", _path(PATHS[RecordKind.DEAL], deal), {"fields": ["contractor"]}))
        return reading.ref_of(row.get("contractor") or {})

    def add_note(self, targets: tuple[Ref, ...], text: str, marker: str) -> str:
        return self._comment(self._note_target(targets), writing.note_html(text, marker))

    def _note_target(self, targets: Sequence[Ref]) -> Ref:
        """A comment hangs on one record: the client, else the deal, or the other way round (7)."""
        order = (RecordKind.CONTACT, RecordKind.ORGANIZATION, RecordKind.DEAL)
        kinds = order[::-1] if self._connection.notes_on_deal else order
        for kind in kinds:
            if key := writing.first(targets, kind):
                return Ref(kind, key)
        raise Rejected(VENDOR, "create note", "there is no record to comment on")

    def _comment(self, target: Ref, content: str) -> str:
        path = f"{_path(PATHS[target.kind], target.id)}/comments"
        return _new_id(self._talk.ask(Question("create note", path, body=writing.comment_body(content))), "create note")

    def _comments(self, target: Ref) -> list[Row]:
        """The comments of a record as its card lists them."""
        row = self._talk.row(Question("read notes", _path(PATHS[target.kind], target.id), {"fields": ["comments"]}))
        comments, cards = row.get("comments"), Cards(row)
        return [cards.of(comment) for comment in (comments if isinstance(comments, list) else ())]

    def add_recording(self, sort: Written, written_id: str, link: str) -> None:
        """Two requests: what stands there is read first, so that the link is added once."""
        if sort is Written.TASK:
            self._record_todo(written_id, link)
        elif target := _note_target_of(written_id):
            if not any(reading.has_link(comment.get("content"), link) for comment in self._comments(target)):
                self._comment(target, writing.link_html(link))
        elif sort is Written.NOTE:
            raise Rejected(VENDOR, "add recording", "a comment cannot be changed")
        else:
            self._record_call(written_id, link)

    def _record_todo(self, todo: str, link: str) -> None:
        """Into the todo's text."""
        text = str(self._todo(todo, "description").get("description") or "")
        if not reading.has_link(text, link):
            self._change_todo(todo, {"description": text + writing.link_html(link)}, "add recording")

    def _record_call(self, call: str, link: str) -> None:
        """By the provider's id, which changes the call without showing it to anybody (8)."""
        row = self._talk.row(Question("read call", _path(CALLS, call), {"fields": ["recordLinks", "providerId"]}))
        links = [str(item) for item in row.get("recordLinks") or ()]
        if link not in links:
            body = {"contentType": "CallInfo", "providerId": row.get("providerId"), "recordLinks": [*links, link]}
            self._talk.ask(Question("add recording", f"{CALLS}/provider", body=body))

    # --- writes whose answer was lost (11)

    def find_by_marker(self, trace: Trace) -> str | None:
        if trace.sort is Written.NOTE or trace.log is LogKind.NOTE:
            return self._find_note(trace)
        if trace.sort is Written.LOG:
            return self._find_call(trace.marker)
        path = TODOS if trace.kind is None or trace.sort is Written.TASK else PATHS[trace.kind]
        line = writing.marker_line(trace.marker)
        query = {**NEWEST, "fields": ["description", "timeCreated"]}
        for row in self._talk.pages("look for a lost write", path, query):
            made = reading.read_time(row.get("timeCreated"))
            if made is not None and made < trace.since - SKEW:
                return None
            if reading.has_marker(row.get("description"), line):
                return str(row.get("id"))
        return None

    def _find_call(self, marker: str) -> str | None:
        try:
            envelope = self._talk.ask(Question("look for a lost call", f"{CALLS}/provider", {"providerId": marker}))
        except Gone:
            return None
        data = envelope.get("data")
        return str(data["id"]) if isinstance(data, dict) and data.get("id") else None

    def _find_note(self, trace: Trace) -> str | None:
        line, target = writing.marker_line(trace.marker), self._note_target(trace.targets)
        found = [row for row in self._comments(target) if reading.has_marker(row.get("content"), line)]
        if not found:
            return None
        key = str(found[0].get("id"))
        return _note_id(target, key) if trace.log is LogKind.NOTE else key

    # --- the account (9, 12)

    def users(self) -> tuple[User, ...]:
        rows = self._talk.pages("list users", "/employee", {"limit": 500, "fields": list(EMPLOYEE_FIELDS)})
        return tuple(reading.read_user(row) for row in rows)

    def fields(self, kind: RecordKind) -> tuple[CrmField, ...]:
        return tuple(reading.read_fields(self._account.fields(kind, fresh=True), kind))

    def check(self) -> tuple[Lack, ...]:
        """What the connection misses; stops at refused credentials, because nothing else can be seen then."""
        try:
            row = self._talk.row(Question("read own user", "/currentUser", {"fields": ["possibleActions"]}))
        except Unauthorised as error:
            return (Lack("unauthorised", f"Megaplan refuses our credentials ({error.words})", "Enter the password again."),)
        except Gone:
            return (Lack("address", "No Megaplan answers at this address", "Correct the account's address."),)
        except Misconfigured as error:
            return (Lack("right", f"We may not read the own user ({error.words})", "Give the bot user this right."),)
        return (*_lacking_rights(row), *self._lacking_program(), *self._lacking_status())

    def _lacking_program(self) -> Iterator[Lack]:
        named = self._connection.program
        rows = list(self._talk.pages("list programs", "/program", {})) if named else []
        if named and not any(named in (str(row.get("id")), row.get("name")) for row in rows):
            yield Lack("program", f"There is no program {named}", "Enter the id of a program the bot user can see.")

    def _lacking_status(self) -> Iterator[Lack]:
        named = self._connection.done_status
        if named and self._account.status_sorts().get(named) not in reading.DONE:
            yield Lack("done_status", f"{named} is no status that finishes a todo", "Enter the id of such a status.")

    def link(self, ref: Ref) -> str:
        return self.http.base_url + LINKS[ref.kind].format(segment(ref.id))

    def close(self) -> None:
        """Hang up kept connections."""
        self.http.close()
        self._connection.credentials.close()


# --- helpers


def _creation(draft: Draft, body: Mapping[str, Any]) -> Question:
    return Question(f"create {DECLARATION.kinds[draft.kind]}", PATHS[draft.kind], body=dict(body))


def _new_id(envelope: Envelope, operation: str) -> str:
    return _id(one(envelope, operation), operation)


def _id(row: Row, operation: str) -> str:
    """The id of what was created; without one it is not known whether it was."""
    if not row.get("id"):
        raise Transient(VENDOR, operation, "the answer holds no id")
    return str(row["id"])


def _path(collection: str, key: str) -> str:
    """The path of one object. What cannot be an id of it is gone before it is asked for."""
    if not writing.is_id(key):
        raise Gone(VENDOR, "read an object", "this cannot be its id")
    return f"{collection}/{key}"


def _linked(draft: Draft, drafts: Sequence[Draft], refs: Mapping[str, Ref]) -> tuple[Ref, ...]:
    """What the draft is linked to so far, whichever of the two names the other."""
    own = [item if isinstance(item, Ref) else refs.get(item) for item in draft.links]
    others = [refs.get(other.key) for other in drafts if draft.key in other.links]
    return tuple(ref for ref in (*own, *others) if ref is not None)


def _note_id(target: Ref, comment: str) -> str:
    """The id of a log that is a comment: comments can be reached through their record only."""
    return f"note:{target.kind.value}:{target.id}:{comment}"


def _note_target_of(written_id: str) -> Ref | None:
    """The record of a log that is a comment, None for other ids."""
    parts = written_id.split(":")
    return Ref(RecordKind(parts[1]), parts[2]) if len(parts) == 4 and parts[0] == "note" else None


def _lacking_rights(user: Row) -> Iterator[Lack]:
    """The rights the bot user lacks, where Megaplan tells them (2)."""
    given = user.get("possibleActions")
    told = given if isinstance(given, list) and given else RIGHTS
    for right in RIGHTS:
        if right not in told:
            yield Lack("right", f"The bot user lacks the right {right}", "Give the bot user this right.")
