"""Kommo behind the port: which requests are made, in which order (crm_kommo.md 5-14)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Unauthorised
from patchcord.crm.http import Http
from patchcord.crm.kommo import answers, reading, writing
from patchcord.crm.kommo.declaration import DECLARATION, VENDOR, Calls, Companies, Connection, KommoDialect, Searching
from patchcord.crm.kommo.reading import Row
from patchcord.crm.kommo.writing import WORDS, Body, LinkedSet
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
from patchcord.crm.together import together
from patchcord.model.effects import LogKind
from patchcord.model.phone import Phone, digits_of, notations
from patchcord.model.records import Record, RecordKind, Ref
from patchcord.wire import Answer, segment

API = "/api/v4"
PATHS = {kind: f"{API}/{word}" for kind, word in WORDS.items()}
TASKS, CALLS = f"{API}/tasks", f"{API}/calls"
CARRIERS = (RecordKind.CONTACT, RecordKind.ORGANIZATION)
CREATION_ORDER = (RecordKind.ORGANIZATION, RecordKind.CONTACT, RecordKind.DEAL)
NOTE_ORDER = (RecordKind.DEAL, RecordKind.CONTACT, RecordKind.ORGANIZATION)
"""Where the note of a known id is looked for: the cards a call goes to most often first."""
CALL_NOTES, TEXT_NOTES = ("call_in", "call_out"), ("common",)
SKEW = timedelta(seconds=60)
"""How far their clock may be behind ours when a write is looked for by its time."""
PAGE, MOST_PAGES, MOST_IDS = 250, 20, 100
Query = tuple[tuple[str, Any], ...]
T = TypeVar("T")


class Kommo:
    """One connection to a company's Kommo."""

    declaration = DECLARATION

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.http = Http(
            VENDOR,
            connection.base_url,
            connection.credentials,
            time_out=DECLARATION.time_out,
            rate=DECLARATION.rate,
            dialect=KommoDialect(),
        )
        self._field_rows: dict[RecordKind, tuple[Row, ...]] = {}

    # --- look-up (5)

    def find(self, phone: Phone, search: Search) -> tuple[Record, ...]:
        """Two requests as a rule: contacts, then their leads; or contacts, then companies, where no open lead is known.

        Companies wait for the leads, because most clients have an open one and need no third request. Where companies are
        always wanted, they are asked for together with the contacts.
        """
        if self._asks_for_both():
            contacts, companies = together([partial(self._carriers, kind, phone, search) for kind in CARRIERS])
            leads = self._leads_of((*contacts, *companies))
        else:
            contacts, companies = self._carriers(RecordKind.CONTACT, phone, search), ()
            leads = self._leads_of(contacts)
            if self._needs_companies(leads):
                companies = self._carriers(RecordKind.ORGANIZATION, phone, search)
                known = reading.ids_of(leads)
                leads += tuple(row for row in self._leads_of(companies) if reading.text_id(row.get("id")) not in known)
        return reading.records_of(contacts, companies, leads, search, self._connection.incoming_stages)

    def _asks_for_both(self) -> bool:
        """Not where each number is looked for in many notations: two at once would go over seven requests a second (2)."""
        return self._connection.companies is Companies.ALWAYS and self._connection.search is Searching.NATIONAL

    def _needs_companies(self, leads: Iterable[Row]) -> bool:
        if self._connection.companies is Companies.NEEDED:
            return not any(reading.is_open(row, self._connection.incoming_stages) for row in leads)
        return self._connection.companies is Companies.ALWAYS

    def _carriers(self, kind: RecordKind, phone: Phone, search: Search) -> tuple[Row, ...]:
        """The contacts or companies of the number: the search is by text, so its finds are looked at again."""
        for term in self._terms(phone):
            rows = self._list(PATHS[kind], WORDS[kind], (("query", term), ("with", "leads")), "search")
            same = reading.carriers(rows, phone, search.region)
            if same:
                return reading.in_listed_formats(same, phone, search)
        return ()

    def _terms(self, phone: Phone) -> tuple[str, ...]:
        """The national number; in accounts whose search does not see through notations, each of these as well (5)."""
        if self._connection.search is Searching.NATIONAL:
            return (phone.national,)
        return tuple(dict.fromkeys((phone.national, phone.digits, *notations(phone))))

    def _leads_of(self, rows: Iterable[Row]) -> tuple[Row, ...]:
        """The leads that contacts or companies name, last changed first; they are named by id alone (5)."""
        named = dict.fromkeys(key for row in rows for key in reading.ids_of(reading.embedded(row, "leads")))
        newest = sorted(named, key=lambda key: (len(key), key), reverse=True)
        found: list[Row] = []
        for start in range(0, len(newest), MOST_IDS):
            ids = tuple(("filter[id][]", key) for key in newest[start : start + MOST_IDS])
            found += self._leads((*ids, ("order[updated_at]", "desc")), "read leads")
        return tuple(found)

    def _leads(self, query: Query, operation: str) -> Iterator[Row]:
        return self._list(PATHS[RecordKind.DEAL], "leads", (*query, ("with", "contacts")), operation)

    # --- records (6)

    def create(self, drafts: Sequence[Draft]) -> Created:
        """One request for a lead with its contact and its company, else one for each record."""
        together = writing.linked_set(drafts)
        if together is not None:
            return self._create_together(together, drafts)
        refs: dict[str, Ref] = {}
        for draft in sorted(drafts, key=lambda draft: CREATION_ORDER.index(draft.kind)):
            try:
                links = _linked(draft, drafts, refs)
                refs[draft.key] = self._create(draft, links)
                self._link(refs[draft.key], writing.unlinked(draft, links))
            except CrmError as error:
                return Created(refs, draft.key, error)
        return Created(refs)

    def _create_together(self, together: LinkedSet, drafts: Sequence[Draft]) -> Created:
        kinds = [draft.kind for draft in drafts if writing.has_fields(draft, self._connection)]

        def send() -> Body:
            return together.body(self._connection, self._field_rows)

        try:
            answer = self._with_types(
                kinds, send, lambda body: self._post(f"{PATHS[RecordKind.DEAL]}/complex", body, "create set")
            )
            return Created({draft.key: Ref(draft.kind, key) for draft, key in answers.made_together(answer, drafts)})
        except CrmError as error:
            return Created({}, answers.guilty(error, together), error)

    def _create(self, draft: Draft, links: Sequence[Ref]) -> Ref:
        operation = f"create {DECLARATION.kinds[draft.kind]}"
        kinds = [draft.kind] if writing.has_fields(draft, self._connection) else []

        def send() -> Body:
            return writing.linked_body(draft, links, self._connection, self._field_rows)

        answer = self._with_types(kinds, send, lambda body: self._post(PATHS[draft.kind], body, operation))
        return Ref(draft.kind, answers.new_id(answer, WORDS[draft.kind], operation))

    def _link(self, made: Ref, links: Sequence[Body]) -> None:
        """Links that the creation itself could not bring (6)."""
        if links:
            self.http.call("POST", f"{PATHS[made.kind]}/{made.id}/link", json=links, operation="link records", cost="write")

    def update(self, ref: Ref, change: Change) -> None:
        operation = f"update {DECLARATION.kinds[ref.kind]}"
        path = _path(PATHS[ref.kind], ref.id)

        def send() -> Body:
            return writing.change_body(ref.kind, change, self._field_rows)

        def call(body: Body) -> Answer | None:
            return self.http.call("PATCH", path, json=body, operation=operation, cost="write") if body else None

        self._with_types([ref.kind] if change.fields or change.attribution else [], send, call)

    def _with_types(self, kinds: Sequence[RecordKind], body: Callable[[], Body], call: Callable[[Body], T]) -> T:
        """Send custom fields as texts; once they were refused, as what their types want, without fields there are none of."""
        first = body()
        try:
            return call(first)
        except Rejected:
            for kind in kinds:
                if kind not in self._field_rows:
                    self._read_fields(kind)
            second = body()
            if second == first:
                raise
        return call(second)

    def _post(self, path: str, element: Body, operation: str) -> Answer:
        """A collection takes an array, of one element here: one bad one would fail them all (3)."""
        return self.http.call("POST", path, json=[element], operation=operation, cost="write")

    # --- tasks (8)

    def create_task(self, draft: TaskDraft) -> str:
        body = writing.task_body(draft, self._connection, datetime.now(UTC))
        return answers.new_id(self._post(TASKS, body, "create task"), "tasks", "create task")

    def complete_task(self, task_id: str) -> None:
        self._patch_task(task_id, {"is_completed": True}, "complete task")

    def assign_task(self, task_id: str, user: str) -> None:
        self._patch_task(task_id, {"responsible_user_id": writing.whole(user, "assignee")}, "assign task")

    def _patch_task(self, task_id: str, body: Body, operation: str) -> None:
        self.http.call("PATCH", _path(TASKS, task_id), json=body, operation=operation, cost="write")

    def task(self, task_id: str) -> TaskState:
        row = self._read(_path(TASKS, task_id), "read task")
        return TaskState(str(row.get("id")), row.get("is_completed") is True, reading.text_id(row.get("responsible_user_id")))

    # --- calls and notes (9)

    def log_call(self, draft: CallDraft) -> str:
        """A call, whose card Kommo finds; where it finds none, and if so wanted, a call's note on a card of ours."""
        if draft.kind is LogKind.NOTE or not draft.client:
            text = "\n".join(part for part in (draft.title, draft.text) if part)
            return self._new_note(draft.targets, writing.text_note(text, draft.marker, draft.recording), "log call")
        made = self._new_call(draft) if self._connection.calls is Calls.ENDPOINT else None
        return made or self._new_note(draft.targets, writing.call_note(draft), "log call")

    def _new_call(self, draft: CallDraft) -> str | None:
        """The call's id, None when nobody was found by the number: then nothing is stored, although the status is 200."""
        answer = self._post(CALLS, writing.call_body(draft), "log call")
        if isinstance(answer.json, dict) and answer.json.get("errors"):
            return None
        return answers.new_id(answer, "calls", "log call")

    def add_note(self, targets: tuple[Ref, ...], text: str, marker: str) -> str:
        return self._new_note(targets, writing.text_note(text, marker), "create note")

    def _new_note(self, targets: Sequence[Ref], body: Body, operation: str) -> str:
        on = writing.card(targets, self._connection)
        if on is None:
            raise Rejected(VENDOR, operation, "a note needs a lead, a contact or a company")
        return answers.new_id(self._post(f"{_path(PATHS[on.kind], on.id)}/notes", body, operation), "notes", operation)

    def add_recording(self, sort: Written, written_id: str, link: str) -> None:
        """What stands there is read first, so that the link is added once. A note's card is not known: up to three tries."""
        if sort is Written.TASK:
            self._add_to_task(written_id, link)
            return
        for kind in NOTE_ORDER:
            path = f"{PATHS[kind]}/notes"
            row = self._read_if_there(_path(path, written_id), "read note")
            if row is not None:
                self._add_to_note(path, row, link)
                return
        raise Gone(VENDOR, "read note", "there is no such note")

    def _add_to_task(self, task_id: str, link: str) -> None:
        """To the result of a completed task, to the text of an open one."""
        row = self._read(_path(TASKS, task_id), "read task")
        text, result = reading.task_texts(row)
        if reading.has_link(text, link) or reading.has_link(result, link):
            return
        if row.get("is_completed") is True:
            body: Body = {"is_completed": True, "result": {"text": writing.text_with((result,), link)}}
        else:
            body = {"text": writing.text_with((text,), link)}
        self._patch_task(task_id, body, "add recording")

    def _add_to_note(self, path: str, row: Row, link: str) -> None:
        params = reading.parameters_of(row)
        is_call = row.get("note_type") in CALL_NOTES
        name = "link" if is_call else "text"
        old = str(params.get(name) or "")
        if not reading.has_link(old, link):
            news = {**params, name: link if is_call else writing.text_with((old,), link)}
            body = [{"id": row.get("id"), "note_type": row.get("note_type"), "params": news}]
            self.http.call("PATCH", path, json=body, operation="add recording", cost="write")

    # --- writes whose answer was lost (12)

    def find_by_marker(self, trace: Trace) -> str | None:
        if trace.sort is Written.RECORD:
            return self._find_record(trace, trace.kind) if trace.kind is not None else None
        line = writing.marker_line(trace.marker)
        if trace.sort is Written.TASK:
            return next((_id(row) for row in self._tasks_on_card(trace) if reading.has_marker(row.get("text"), line)), None)
        found = (_id(row) for row in self._notes_of(trace) if _is_ours(row, trace.marker, line))
        return next(found, None)

    def _find_record(self, trace: Trace, kind: RecordKind) -> str | None:
        """Among what was made since the intent: by the marker's field if there is one, else by number or name.

        Lists do not wait for the search's index.
        """
        since = int((trace.since - SKEW).timestamp())
        query: Query = (("filter[created_at][from]", since), ("order[id]", "desc"))
        if kind is RecordKind.DEAL:
            rows = self._leads(query, "look for a lost record")
        else:
            rows = self._list(PATHS[kind], WORDS[kind], query, "look for a lost record")
        field = self._connection.marker_fields.get(kind)
        if field:
            return next((_id(row) for row in rows if trace.marker in reading.values_of(row, field)), None)
        return next((_id(row) for row in rows if _is_meant(row, trace)), None)

    def _tasks_on_card(self, trace: Trace) -> Iterator[Row]:
        on = writing.card(trace.targets, self._connection)
        query: Query = (("filter[entity_type]", WORDS[on.kind]), ("filter[entity_id][]", on.id)) if on else ()
        return self._list(TASKS, "tasks", query, "look for a lost write")

    def _notes_of(self, trace: Trace) -> Iterator[Row]:
        """The notes among which ours would be, newest first; a call may also lie with any lead of the client (9)."""
        if trace.log is not LogKind.CALL:
            on = writing.card(trace.targets, self._connection)
            yield from self._notes((on,) if on else (), TEXT_NOTES)
            return
        # a call without a number was written as a text
        yield from self._notes(trace.targets, (*CALL_NOTES, *TEXT_NOTES))
        leads = [Ref(RecordKind.DEAL, key) for ref in trace.targets for key in self._lead_ids(ref)]
        yield from self._notes([ref for ref in leads if ref not in trace.targets], CALL_NOTES)

    def _notes(self, cards: Sequence[Ref], types: Sequence[str]) -> Iterator[Row]:
        for kind in NOTE_ORDER:
            ids = [("filter[entity_id][]", ref.id) for ref in cards if ref.kind is kind]
            query: Query = (*ids, *(("filter[note_type][]", one) for one in types), ("order[id]", "desc"))
            if ids:
                yield from self._list(f"{PATHS[kind]}/notes", "notes", query, "look for a lost write")

    def _lead_ids(self, ref: Ref) -> tuple[str, ...]:
        if ref.kind is RecordKind.DEAL:
            return ()
        row = self._read_if_there(_path(PATHS[ref.kind], ref.id), "read client", (("with", "leads"),))
        return reading.ids_of(reading.embedded(row, "leads")) if row else ()

    # --- the account (6, 8, 10)

    def users(self) -> tuple[User, ...]:
        return tuple(reading.read_user(row) for row in self._list(f"{API}/users", "users", (), "list users"))

    def fields(self, kind: RecordKind) -> tuple[CrmField, ...]:
        return tuple(reading.read_field(row, kind) for row in self._read_fields(kind))

    def _read_fields(self, kind: RecordKind) -> tuple[Row, ...]:
        rows = self._list(f"{PATHS[kind]}/custom_fields", "custom_fields", (), "list fields")
        self._field_rows[kind] = tuple(rows)
        return self._field_rows[kind]

    def check(self) -> tuple[Lack, ...]:
        """What the connection misses; stops at refused credentials, because nothing else can be seen then."""
        try:
            account = self._read(f"{API}/account", "read account", (("with", "task_types"),))
        except Unauthorised as error:
            return (Lack("unauthorised", f"Kommo refuses our credentials ({error.words})", "Connect Kommo again."),)
        except Gone:
            return (Lack("address", "No Kommo answers at this address", "Correct the account's address."),)
        except Misconfigured as error:
            return (_no_right("the account", error),)
        return (*self._lacking_types(account), *self._lacking_users(), *self._lacking_fields())

    def _lacking_types(self, account: Row) -> Iterator[Lack]:
        known = reading.ids_of(reading.embedded(account, "task_types"))
        if known and str(self._connection.task_type) not in known:
            yield Lack("task_type", f"There is no task type {self._connection.task_type}", "Choose another task type.")

    def _lacking_users(self) -> Iterator[Lack]:
        """Only an administrator's token may list users, and without them nobody can be made responsible (10)."""
        try:
            self.users()
        except Misconfigured as error:
            yield _no_right("the users", error)

    def _lacking_fields(self) -> Iterator[Lack]:
        for kind, key in self._connection.marker_fields.items():
            try:
                known = {field.id for field in self.fields(kind)}
            except Misconfigured as error:
                yield _no_right(f"the fields of a {DECLARATION.kinds[kind]}", error)
                continue
            if key not in known:
                what = f"The field {key} for our marker is missing in {DECLARATION.kinds[kind]}"
                yield Lack("marker_field", what, "Create a text field and enter its id.")

    def link(self, ref: Ref) -> str:
        return f"{self.http.base_url}/{WORDS[ref.kind]}/detail/{segment(ref.id)}"

    def close(self) -> None:
        """Hang up kept connections."""
        self.http.close()
        self._connection.credentials.close()

    # --- reading

    def _read(self, path: str, operation: str, query: Query = ()) -> Row:
        """One object; raises Gone when there is none."""
        row = self._read_if_there(path, operation, query)
        if row is None:
            raise Gone(VENDOR, operation, "there is none any more")
        return row

    def _read_if_there(self, path: str, operation: str, query: Query = ()) -> Row | None:
        """One object, None for 204 and 404 alike (3)."""
        try:
            answer = self.http.call("GET", path, query=query, operation=operation)
        except Gone:
            return None
        if answer.status == 204:
            return None
        if not isinstance(answer.json, dict):
            raise answers.unknown_shape(operation)
        return answer.json

    def _list(self, path: str, name: str, query: Query, operation: str) -> Iterator[Row]:
        """The rows of a list, page after page, until a page names no next one or is 204 (3)."""
        for page in range(1, MOST_PAGES + 1):
            place = (("page", page),) if page > 1 else ()
            answer = self.http.call("GET", path, query=(*query, ("limit", PAGE), *place), operation=operation)
            if answer.status == 204:
                return
            yield from answers.rows(answer, name, operation)
            links = answer.json.get("_links")
            if not isinstance(links, dict) or not links.get("next"):
                return


# --- helpers


def _path(collection: str, key: str) -> str:
    """The path of one object. What cannot be an id of it is gone before it is asked for."""
    if not writing.is_number(key):
        raise Gone(VENDOR, "read an object", "this cannot be its id")
    return f"{collection}/{segment(key)}"


def _id(row: Row) -> str:
    return str(row.get("id"))


def _linked(draft: Draft, drafts: Sequence[Draft], refs: Mapping[str, Ref]) -> tuple[Ref, ...]:
    """What the draft is linked to so far, whichever of the two names the other."""
    own = [link if isinstance(link, Ref) else refs.get(link) for link in draft.links]
    others = [refs.get(other.key) for other in drafts if draft.key in other.links]
    return tuple(ref for ref in (*own, *others) if ref is not None)


def _is_ours(note: Row, marker: str, line: str) -> bool:
    """A call by its `uniq`, a text by its last line."""
    params = reading.parameters_of(note)
    return params.get("uniq") == marker or reading.has_marker(params.get("text"), line)


def _is_meant(row: Row, trace: Trace) -> bool:
    """Whether the record is the one that was to be created: a contact by its number, else by name and contact."""
    wanted = digits_of(trace.phone)[-9:]
    numbers = reading.values_of(row, "PHONE")
    if trace.kind is RecordKind.CONTACT and wanted and numbers:
        return any(digits_of(number)[-9:] == wanted for number in numbers)
    people = {ref.id for ref in trace.targets if ref.kind is RecordKind.CONTACT}
    if trace.kind is RecordKind.DEAL and people and not people & set(reading.ids_of(reading.embedded(row, "contacts"))):
        return False
    return bool(trace.name) and str(row.get("name") or "").split() == writing.cut(trace.name).split()


def _no_right(what: str, error: Misconfigured) -> Lack:
    return Lack("right", f"We may not read {what} ({error.words})", "Give an administrator's token with this right.")
