"""Salesforce behind the port: which requests are made, in which order (crm_salesforce.md 6-16)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from patchcord.crm.errors import CrmError, Gone, Rejected, Transient
from patchcord.crm.http import Http, error_of
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
from patchcord.crm.salesforce import health, queries, reading, writing
from patchcord.crm.salesforce.declaration import DECLARATION, OBJECTS, VENDOR, Connection, SalesforceDialect, errors_of
from patchcord.crm.salesforce.reading import Row
from patchcord.crm.salesforce.writing import Part
from patchcord.model.phone import Phone, notations
from patchcord.model.records import Record, RecordKind, Ref
from patchcord.wire import Answer, segment

SKEW = timedelta(seconds=60)
"""How far their clock may be behind ours when a write is looked for by its time."""
MOST_PAGES = 50
DATA = "/services/data/"
PART_HEADERS = {"content-type": "application/json"}
Rows = tuple[Row, ...]


class Salesforce:
    """One connection to a company's Salesforce org."""

    declaration = DECLARATION

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = SalesforceDialect()
        self.http = Http(
            VENDOR,
            connection.base_url,
            connection.credentials,
            time_out=DECLARATION.time_out,
            rate=DECLARATION.rate,
            dialect=self._dialect,
            hidden=connection.hidden,
        )
        self._types: dict[str, Mapping[str, Row]] = {}

    # --- look-up (6)

    def find(self, phone: Phone, search: Search) -> tuple[Record, ...]:
        """One request; one more for opportunities that could not be asked for by number, and one when attribution is wanted."""
        by_number = self._connection.look_up == "batch" and self._connection.opportunities in ("roles", "both")
        spellings = notations(phone) if by_number else ()
        paths = [_asking("search", queries.search(phone, self._connection))]
        paths += [_asking("query", queries.roles_by_number(spellings))] if spellings else []
        found, *more = self._ask(paths, "look up", cost="search")
        rows = self._rows_in(found, "searchRecords", "look up")
        people = [row for row in rows if reading.is_of_number(row, reading.sort_of(row), phone, search)]
        roles = self._unless_late(more[0], "look up") if more else None
        mine = [role for role in roles or () if reading.is_of_number(reading.row_in(role, "Contact"), "Contact", phone, search)]
        missing, opportunities = self._opportunities(people, () if roles is None else spellings)
        deals = reading.deals_of((*mine, *missing), opportunities)
        return self._with_attribution((*reading.records_of(people, self._connection), *deals), search.attribution)

    def _unless_late(self, answer: Answer, operation: str) -> Rows | None:
        """The rows of a query over numbers, None when a very large org took too long for it: there is another way."""
        try:
            return self._rows_in(answer, "records", operation)
        except Transient:
            return None

    def _opportunities(self, people: Sequence[Row], spellings: Sequence[str]) -> tuple[Rows, Rows]:
        """By role those of contacts with another spelling, and those of accounts; nothing is asked if there is none to ask."""
        mode, asked = self._connection.opportunities, dict[str, str]()
        contacts = [row for row in people if reading.sort_of(row) == "Contact"]
        others = [str(row["Id"]) for row in contacts if not set(reading.numbers_of(row, "Contact")) & set(spellings)]
        if others and mode in ("roles", "both"):
            asked["roles"] = queries.roles_of(others)
        accounts = reading.accounts_of(people)
        if accounts and mode in ("accounts", "both"):
            asked["accounts"] = queries.opportunities_of(accounts)
        answers = self._ask([_asking("query", query) for query in asked.values()], "find opportunities")
        rows = {name: self._rows_in(answer, "records", "find opportunities") for name, answer in zip(asked, answers, strict=True)}
        return rows.get("roles", ()), rows.get("accounts", ())

    def _with_attribution(
        self, records: tuple[Record, ...], wanted: Mapping[RecordKind, Mapping[str, str]]
    ) -> tuple[Record, ...]:
        """The open records with the visit's data they hold, all kinds in one request. A wrong field leaves them untold."""
        open_ids = {kind: [one.id for one in records if one.kind is kind and one.open][: queries.MOST_IDS] for kind in wanted}
        kinds = [kind for kind, ids in open_ids.items() if ids and wanted[kind]]
        paths = [_asking("query", queries.values_of(OBJECTS[kind], open_ids[kind], wanted[kind].values())) for kind in kinds]
        rows: dict[Ref, Row] = {}
        try:
            for kind, answer in zip(kinds, self._ask(paths, "read attribution"), strict=True):
                rows |= {Ref(kind, str(row.get("Id"))): row for row in self._rows_in(answer, "records", "read attribution")}
        except Rejected:
            pass  # what the records hold stays unknown: no reason to leave the call alone
        return tuple(
            replace(one, attribution=reading.stored_attribution(rows[one.ref], wanted[one.kind])) if one.ref in rows else one
            for one in records
        )

    def _ask(self, paths: Sequence[str], operation: str, cost: str = "read") -> tuple[Answer, ...]:
        """Several questions in one request: an answer for each, which may be an error (6.4)."""
        if len(paths) < 2:
            return tuple(self._call("GET", path, operation, cost=cost) for path in paths)
        parts = [{"method": "GET", "url": f"{self._connection.version}/{path}"} for path in paths]
        body = {"haltOnError": False, "batchRequests": parts}
        answer = self._call("POST", "composite/batch", operation, json=body, cost=cost)
        return _parts_in(answer, "results", ("statusCode", "result"), len(paths), operation)

    # --- records (8)

    def create(self, drafts: Sequence[Draft]) -> Created:
        """One request: one record as itself, a set as one composite call that is done whole or not at all (8.6).

        A record that a duplicate rule names takes the place of its draft; the rest is then sent once more (15).
        """
        left = sorted(drafts, key=lambda draft: writing.CREATION_ORDER.index(draft.kind))
        refs: dict[str, Ref] = {}
        while left:
            created = self._create(left, refs)
            refs |= created.refs
            if created.error is not None:
                return Created(refs, created.failed, created.error)
            left = [draft for draft in left if draft.key not in refs]
        return Created(refs)

    def _create(self, drafts: Sequence[Draft], refs: Mapping[str, Ref]) -> Created:
        """These drafts at once; after a refusal again without what was refused needlessly."""
        now, parts = datetime.now(UTC), list[Part]()
        for draft in drafts:
            try:
                parts += writing.parts_of(draft, drafts, refs, self._connection, now)
            except Rejected as error:
                return Created({}, draft.key, error)
        created = self._send_set(parts)
        if not isinstance(created.error, Rejected):
            return created
        better = [self._mended(part, created.error) for part in parts]
        return self._send_set(better) if better != parts else created

    def _send_set(self, parts: Sequence[Part]) -> Created:
        try:
            answers = self._send(parts)
        except CrmError as error:
            return Created({}, parts[0].key, error)
        for part, answer in zip(parts, answers, strict=True):
            existing = reading.existing_of(answer.json, part.target, part.body.get("Phone"))
            if existing is not None and not part.record_id:
                return Created({part.key: Ref(part.kind, existing)})
        made: dict[str, Ref] = {}
        for part, answer in zip(parts, answers, strict=True):
            if reading.is_halted(answer.json):
                continue  # rolled back because of another part, which tells why
            try:
                self._raise_for(answer, f"create {part.target}")
                if not part.record_id:
                    made[part.key] = Ref(part.kind, _id_in(answer, f"create {part.target}"))
            except CrmError as error:
                return Created({}, part.key, error)
        if not made:
            return Created({}, parts[0].key, Transient(VENDOR, "create a set", "rolled back, and nobody tells why"))
        return Created(made)

    def _send(self, parts: Sequence[Part]) -> tuple[Answer, ...]:
        """The writes, and an answer for each."""
        if len(parts) == 1:
            target, headers = parts[0].target, parts[0].headers
            answer = self._call(
                "POST", f"sobjects/{target}", f"create {target}", json=parts[0].body, headers=headers, cost="write"
            )
            return (answer,)
        calls = [writing.composite_part(part, DATA + self._connection.version) for part in parts]
        headers = {name: value for part in parts for name, value in part.headers.items()}
        body = {"allOrNone": True, "compositeRequest": calls}
        answer = self._call("POST", "composite", "create a set", json=body, headers=headers, cost="write")
        return _parts_in(answer, "compositeResponse", ("httpStatusCode", "body"), len(parts), "create a set")

    def update(self, ref: Ref, change: Change) -> None:
        part = writing.change_part(ref, change)
        path = _record_path(part.target, ref.id)
        if not part.body:
            return
        try:
            self._change(path, part)
        except Rejected as error:
            better = self._mended(part, error)
            if better == part:
                raise
            self._change(path, better)

    def _change(self, path: str, part: Part) -> None:
        operation = f"update {part.target}"
        self._raise_for(self._call("PATCH", path, operation, json=part.body, headers=part.headers, cost="write"), operation)

    def _mended(self, part: Part, refusal: Rejected) -> Part:
        """The part as the vendor may take it after all; the types of own fields are read once."""
        if writing.own_fields(part) and part.target not in self._types:
            self._types[part.target] = reading.by_name(self.described(part.target))
        return writing.mended(part, refusal.words, self._types.get(part.target, {}))

    # --- tasks, calls, notes (10, 11)

    def create_task(self, draft: TaskDraft) -> str:
        return self._new_task(writing.task_body(draft, self._connection, datetime.now(UTC)), "create task")

    def log_call(self, draft: CallDraft) -> str:
        return self._new_task(writing.call_body(draft, self._connection), "log call")

    def add_note(self, targets: tuple[Ref, ...], text: str, marker: str) -> str:
        return self._new_task(writing.note_body(targets, text, marker, self._connection), "create note")

    def _new_task(self, body: Mapping[str, Any], operation: str) -> str:
        answer = self._call("POST", "sobjects/Task", operation, json=body, cost="write")
        self._raise_for(answer, operation)
        return _id_in(answer, operation)

    def complete_task(self, task_id: str) -> None:
        body = {"Status": self._connection.completed_status}
        self._call("PATCH", _record_path("Task", task_id), "complete task", json=body, cost="write")

    def assign_task(self, task_id: str, user: str) -> None:
        self._call("PATCH", _record_path("Task", task_id), "assign task", json=writing.assignment(user), cost="write")

    def task(self, task_id: str) -> TaskState:
        row = self._read_task(task_id, "Id", "IsClosed", "OwnerId")
        return TaskState(str(row.get("Id") or task_id), row.get("IsClosed") is True, reading.person(row.get("OwnerId")))

    def _read_task(self, task_id: str, *fields: str) -> Row:
        path = f"{_record_path('Task', task_id)}?fields={','.join(fields)}"
        return _object(self._call("GET", path, "read task"), "read task")

    def add_recording(self, sort: Written, written_id: str, link: str) -> None:
        """Two requests: what stands there is read first, so that the link is added once. Notes and logs are tasks as well."""
        stored = reading.text(self._read_task(written_id, "Description").get("Description"))
        if not reading.has_link(stored, link):
            body = {"Description": writing.with_lines(stored, link)}
            if self._connection.recording_field:
                body[self._connection.recording_field] = link
            self._call("PATCH", _record_path("Task", written_id), "add recording", json=body, cost="write")

    # --- writes whose answer was lost (15)

    def find_by_marker(self, trace: Trace) -> str | None:
        """A query sees what is committed at once, unlike the search (6.1)."""
        since = trace.since - SKEW
        if trace.sort is not Written.RECORD or trace.kind is None:
            query = queries.made_since("Task", since, ("CallObject",), f"CallObject={queries.quoted(trace.marker)}")
            return reading.marked(self.rows(query, "look for a lost write"), "CallObject", trace.marker)
        target, field = OBJECTS[trace.kind], self._connection.marker_field
        if field:
            query = queries.made_since(target, since, (field,), f"{field}={queries.quoted(trace.marker)}")
            return reading.marked(self.rows(query, "look for a lost record"), field, trace.marker)
        ((name, meant),) = writing.names_of(trace.kind, trace.name).items()
        rows = self.rows(queries.made_since(target, since, (name, *queries.PHONES.get(target, ()))), "look for a lost record")
        return next((str(row["Id"]) for row in rows if reading.is_meant(row, target, trace.phone, name, meant)), None)

    # --- the org (12, 13, 16)

    def users(self) -> tuple[User, ...]:
        try:
            rows = tuple(self.rows(queries.users("Profile.PermissionsModifyAllData"), "list users"))
        except Rejected:
            rows = tuple(self.rows(queries.users(), "list users"))
        return tuple(reading.read_user(row) for row in rows)

    def fields(self, kind: RecordKind) -> tuple[CrmField, ...]:
        described = self.described(OBJECTS[kind])
        self._types[OBJECTS[kind]] = reading.by_name(described)
        return tuple(reading.read_field(row, kind) for row in reading.rows_of(described.get("fields")))

    def check(self) -> tuple[Lack, ...]:
        return tuple(health.lacks(self, self._connection))

    def described(self, target: str) -> Row:
        """An object's description (12)."""
        return _object(self._call("GET", f"sobjects/{target}/describe", f"describe {target}"), f"describe {target}")

    def limits(self) -> Row:
        """What is left of the day's calls (3)."""
        return _object(self._call("GET", "limits", "read limits"), "read limits")

    def rows(self, query: str, operation: str) -> Iterator[Row]:
        """The rows of a query, page after page (5)."""
        path = _asking("query", query)
        for _ in range(MOST_PAGES):
            answer = self._call("GET", path, operation)
            yield from self._rows_in(answer, "records", operation)
            path = reading.text(answer.json.get("nextRecordsUrl"))
            if not path.startswith(DATA):
                return

    def link(self, ref: Ref) -> str:
        return f"{self._connection.base_url}/{segment(ref.id)}"

    def close(self) -> None:
        """Hang up kept connections."""
        self.http.close()
        self._connection.credentials.close()

    # --- requests

    def _call(self, method: str, path: str, operation: str, **more: Any) -> Answer:
        """One request to where the org lives now: the token's answer says so (1). A whole path is taken as it is."""
        told = str(self._connection.credentials.grant().facts.get("instance_url") or "").rstrip("/")
        base = self._connection.base_url
        instance = told if told.partition("://")[0] == base.partition("://")[0] else base
        whole = path if path.startswith(DATA) else f"{DATA}{self._connection.version}/{path}"
        return self.http.call(method, instance + whole, operation=operation, **more)

    def _raise_for(self, answer: Answer, operation: str) -> None:
        """Raises the error an answer or a part of one stands for."""
        error = error_of(VENDOR, operation, answer, self._dialect)
        if error is None and any(errors_of(answer.json)):
            error = Rejected(VENDOR, operation, self._dialect.words(answer), answer.status)
        if error is not None:
            raise error

    def _rows_in(self, answer: Answer, name: str, operation: str) -> Rows:
        """The rows of a query's or a search's answer; raises the error it stands for."""
        self._raise_for(answer, operation)
        body = _object(answer, operation)
        if not isinstance(body.get(name), list):
            raise Transient(VENDOR, operation, "the answer has an unknown shape")
        return reading.rows_of(body[name])


# --- helpers


def _asking(resource: str, text: str) -> str:
    """The path of a query or a search with its text."""
    return f"{resource}?q={quote(text, safe='')}"


def _record_path(target: str, key: str) -> str:
    """The path of one record. What cannot be an id is gone before it is asked for."""
    if not queries.is_id(key):
        raise Gone(VENDOR, f"read {target}", "this cannot be its id")
    return f"sobjects/{target}/{key}"


def _object(answer: Answer, operation: str) -> Row:
    if not isinstance(answer.json, dict):
        raise Transient(VENDOR, operation, "the answer has an unknown shape")
    return answer.json


def _id_in(answer: Answer, operation: str) -> str:
    """The id of what was created; without one it is not known whether it was."""
    key = reading.text(_object(answer, operation).get("id"))
    if not key:
        raise Transient(VENDOR, operation, "the answer holds no id")
    return key


def _parts_in(answer: Answer, name: str, names: tuple[str, str], count: int, operation: str) -> tuple[Answer, ...]:
    """The parts of a composite answer as answers of their own: the outer status says nothing about them (8.6)."""
    status, body = names
    rows = reading.rows_of(_object(answer, operation).get(name))
    if len(rows) != count or not all(isinstance(row.get(status), int) for row in rows):
        raise Transient(VENDOR, operation, "the answer has an unknown shape")
    return tuple(Answer(row[status], PART_HEADERS, json=row.get(body)) for row in rows)
