"""Creatio behind the port: which requests are made, in which order (crm_creatio.md 4-14)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from patchcord.crm.creatio import batches, health, queries, reading, writing
from patchcord.crm.creatio.batches import Request
from patchcord.crm.creatio.creating import Creating
from patchcord.crm.creatio.declaration import DECLARATION, ENTITIES, VENDOR, Connection, CreatioDialect
from patchcord.crm.creatio.reading import Model, Row
from patchcord.crm.creatio.writing import Part
from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Transient
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
from patchcord.model.effects import LogKind
from patchcord.model.phone import Phone
from patchcord.model.records import Record, RecordKind, Ref
from patchcord.wire import Answer, segment

PAGE, MOST_PAGES = 500, 40
USER_COLUMNS = "Id,Name,ContactId,Email,Active,ParentRoleId"
VIEW_COLUMNS = "Id,Name,ContactId,Active"
PAGES = {
    "classic": {
        RecordKind.CONTACT: "ContactPageV2", RecordKind.ORGANIZATION: "AccountPageV2", RecordKind.LEAD: "LeadPageV2",
        RecordKind.DEAL: "OpportunityPageV2",
    },
    "freedom": {
        RecordKind.CONTACT: "Contacts_FormPage", RecordKind.ORGANIZATION: "Accounts_FormPage",
        RecordKind.LEAD: "Leads_FormPage", RecordKind.DEAL: "Opportunities_FormPage",
    },
}  # fmt: skip
CARDS = {"classic": "Nui/ViewModule.aspx#CardModuleV2", "freedom": "Shell/#Card"}


class Creatio:
    """One connection to a customer's Creatio."""

    declaration = DECLARATION

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = CreatioDialect(forms=connection.forms)
        self.http = Http(
            VENDOR,
            connection.base_url,
            connection.credentials,
            time_out=DECLARATION.time_out,
            rate=DECLARATION.rate,
            dialect=self._dialect,
            hidden=connection.hidden,
        )
        self._creating = Creating(self, connection)
        self._model: Model | None = None

    # --- look-up (5)

    def find(self, phone: Phone, search: Search) -> tuple[Record, ...]:
        """One request for who has the number, and one more for what is theirs if there is anybody.

        One more when attribution is wanted of records that were found.
        """
        connection = self._connection
        first = [
            queries.by_number("Contact", queries.PEOPLE, phone, connection),
            queries.by_number("Account", queries.FIRMS, phone, connection),
            queries.leads_with((queries.plain_tail(phone), *queries.spelled_tails(phone)), connection),
        ]
        people_rows, firm_rows, leads = self._ask(first, "look up", cost="search")
        people = reading.holders(people_rows, "Contact", phone, search)
        people = {key: row for key, row in people.items() if not self._is_employee(row)}
        firms = reading.holders(firm_rows, "Account", phone, search)
        theirs = self._of_holders(people, firms)
        own_leads = (reading.lead(row) for row in reading.leads_of_number(leads, phone, search))
        contacts = (reading.contact(row) for row in people.values())
        organizations = (reading.organization(row) for row in firms.values())
        records = reading.once((*own_leads, *theirs, *contacts, *organizations))
        return self._with_attribution(records, search.attribution)

    def _is_employee(self, row: Row) -> bool:
        """Employees are contacts too, but no clients (5.1)."""
        return reading.key_of(row.get("TypeId")) == self._connection.ids["employee_type"]

    def _of_holders(self, people: Mapping[str, Row], firms: Mapping[str, Row]) -> Iterator[Record]:
        """Leads and opportunities of those who have the number, and the contacts' accounts."""
        connection, who, which = self._connection, [*people][: queries.MOST_IDS], [*firms][: queries.MOST_IDS]
        if not who and not which:
            return
        asked = {"leads": queries.leads_of(who, which, connection), "deals": queries.deals_of(who, which, connection)}
        if who:
            asked["joined"] = queries.joined_deals_of(who, connection)
        employers = {reading.key_of(row.get("AccountId")) for row in people.values()} - {None, *firms}
        if employers:
            asked["employers"] = queries.records("Account", (key or "" for key in employers), queries.FIRMS.split(","))
        found = dict(zip(asked, self._ask([*asked.values()], "look up", cost="search"), strict=True))
        yield from (reading.lead(row) for row in found.get("leads", ()))
        yield from (reading.joined_deal(row) for row in found.get("joined", ()))
        yield from (reading.deal(row) for row in found.get("deals", ()))
        yield from (reading.organization(row) for row in found.get("employers", ()))

    def _with_attribution(
        self, records: tuple[Record, ...], wanted: Mapping[RecordKind, Mapping[str, str]]
    ) -> tuple[Record, ...]:
        """The open records with the visit's data they hold, all kinds in one request. A wrong column leaves them untold."""
        asked: dict[RecordKind, str] = {}
        for kind, fields in wanted.items():
            ids = [one.id for one in records if one.kind is kind and one.open]
            columns = [name for name in fields.values() if queries.is_name(name)]
            if ids and columns:
                asked[kind] = queries.records(ENTITIES[kind], ids, columns)
        if not asked:
            return records
        answers = self.batch(batches.reads([*asked.values()]), "read attribution")
        rows: dict[Ref, Row] = {}
        for kind, answer in zip(asked, answers, strict=True):
            value = answer.json.get("value") if answer.status == 200 and isinstance(answer.json, dict) else None
            rows |= {Ref(kind, str(row.get("Id")).lower()): row for row in reading.rows_of(value)}
        return tuple(
            replace(one, attribution=reading.stored_attribution(rows[one.ref], wanted[one.kind])) if one.ref in rows else one
            for one in records
        )

    # --- records (7)

    def create(self, drafts: Sequence[Draft]) -> Created:
        """One request, whatever is in the set; one more where the server makes no row for a contact's number (7)."""
        return self._creating.create(drafts)

    def update(self, ref: Ref, change: Change) -> None:
        part = writing.change_part(ref, change)
        if not part.body:
            return
        operation = f"update {part.entity}"
        try:
            self._change(part, operation)
        except Rejected:
            (better,) = self.mended([part])
            if better == part:
                raise
            self._change(better, operation)

    def _change(self, part: Part, operation: str) -> None:
        """A change behind a look whether the record is there: the change itself would not tell (12)."""
        if not queries.is_id(part.id):
            raise Gone(VENDOR, operation, "this cannot be its id")
        requests = [Request("GET", queries.one(part.entity, part.id)), batches.write(part)]
        for answer in self.batch(requests, operation, cost="write", go_on=False):
            self._raise_for(answer, operation)

    def mended(self, parts: Sequence[Part]) -> list[Part]:
        """The parts with mapped values as their columns take them; the model is read once, labels are looked up."""
        if not any(part.own for part in parts):
            return list(parts)
        model = self.model()
        labels = sorted(writing.labels_of(parts, model))
        urls = [queries.asking(pick, filter=f"Name eq {queries.quoted(label)}", select="Id", top=1) for pick, label in labels]
        found = self._ask(urls, "read pick lists") if urls else ()
        options = {label: str(rows[0].get("Id")) for label, rows in zip(labels, found, strict=True) if rows}
        return [writing.mended(part, model, options) for part in parts]

    # --- tasks, calls, notes (8-10)

    def create_task(self, draft: TaskDraft) -> str:
        return self._new("Activity", writing.task_body(draft, self._connection, datetime.now(UTC)), "create task")

    def log_call(self, draft: CallDraft) -> str:
        if draft.kind is LogKind.NOTE:
            return self._new("Activity", writing.logged_note_body(draft, self._connection), "log call")
        return self._new("Call", writing.call_body(draft, self._connection), "log call")

    def add_note(self, targets: tuple[Ref, ...], text: str, marker: str) -> str:
        return self._new("Activity", writing.note_body(targets, text, marker, self._connection, datetime.now(UTC)), "create note")

    def _new(self, entity: str, body: Mapping[str, Any], operation: str) -> str:
        """A record with the id we chose; one that is there already was made by an earlier try (13)."""
        key = str(body["Id"])
        try:
            answer = self._call("POST", entity, operation, json=body, cost="write")
        except Rejected as error:
            if error.status == 409 and self._is_there(entity, key):
                return key
            raise
        told = reading.text(answer.json.get("Id")) if isinstance(answer.json, dict) else ""
        if not told:
            raise Transient(VENDOR, operation, "the answer holds no id")
        return told.lower()

    def complete_task(self, task_id: str) -> None:
        self._change_task(task_id, {"StatusId": self._connection.ids["completed"]}, "complete task")

    def assign_task(self, task_id: str, user: str) -> None:
        self._change_task(task_id, {"OwnerId": writing.guid(user, "assignee")}, "assign task")

    def _change_task(self, task_id: str, body: writing.Body, operation: str) -> None:
        self._change(Part(task_id, RecordKind.CONTACT, "Activity", task_id, body, creates=False), operation)

    def task(self, task_id: str) -> TaskState:
        status = queries.expanded("Status", "Id,Finish", self._connection)
        url = queries.asking(f"Activity({_id(task_id, 'read task')})", select="Id,OwnerId,StatusId", expand=status)
        row = _object(self._call("GET", url, "read task"), "read task")
        done = reading.row_in(row, "Status").get("Finish") is True
        done = done or reading.key_of(row.get("StatusId")) == self._connection.ids["completed"]
        return TaskState(task_id, done, reading.key_of(row.get("OwnerId")))

    def add_recording(self, sort: Written, written_id: str, link: str) -> None:
        """Two requests: what stands there is read first, so that the link is added once. A log is a call or a note."""
        operation, key = "add recording", _id(written_id, "add recording")
        entities = ("Call", "Activity") if sort is Written.LOG else ("Activity",)
        answers = self.batch(batches.reads([queries.one(entity, key, "Id,Notes") for entity in entities]), operation)
        for entity, answer in zip(entities, answers, strict=True):
            if answer.status != 404:
                self._raise_for(answer, operation)
                return self._append(entity, key, reading.text(_object(answer, operation).get("Notes")), link)
        raise Gone(VENDOR, operation, "there is no such record")

    def _append(self, entity: str, key: str, notes: str, link: str) -> None:
        if not reading.has_link(notes, link):
            body = {"Notes": writing.with_lines(notes, link)}
            self._call("PATCH", f"{entity}({key})", "add recording", json=body, cost="write")

    # --- writes whose answer was lost (13)

    def find_by_marker(self, trace: Trace) -> str | None:
        """The id was ours to choose: we look whether it is there."""
        tenant = self._connection.tenant
        if trace.sort is Written.RECORD:
            kind = trace.kind or RecordKind.CONTACT
            return self._if_there([ENTITIES[kind]], writing.our_id(tenant, kind.value, trace.marker))
        entities = ["Activity"]
        if trace.sort is Written.LOG and trace.log is not LogKind.NOTE:
            entities = ["Call", "Activity"] if trace.log is None else ["Call"]
        return self._if_there(entities, writing.our_id(tenant, trace.sort.value, trace.marker))

    def _if_there(self, entities: Sequence[str], key: str) -> str | None:
        return key if any(self._is_there(entity, key) for entity in entities) else None

    def _is_there(self, entity: str, key: str) -> bool:
        operation = "look for a lost write"
        try:
            answer = self._call("GET", queries.one(entity, key), operation)
        except Gone:
            return False
        if not isinstance(answer.json, dict) or "Id" not in answer.json:  # a gateway's empty page says nothing
            raise Transient(VENDOR, operation, "the answer holds no id")
        return True

    # --- the site (11, 14)

    def users(self) -> tuple[User, ...]:
        """Users that have a contact; from the view where the table is not ours to read (11)."""
        try:
            rows = [*self._users("SysAdminUnit", USER_COLUMNS)]
        except (Misconfigured, Gone):
            rows = [*self._users("VwSysAdminUnit", VIEW_COLUMNS)]
        users = (reading.read_user(row, self._connection) for row in rows)
        return tuple(user for user in users if user.id)

    def _users(self, table: str, columns: str) -> Iterator[Row]:
        for page in range(MOST_PAGES):
            url = queries.users(table, columns, page * PAGE, PAGE, self._connection)
            rows = _rows(self._call("GET", url, "list users"), "list users")
            yield from rows
            if len(rows) < PAGE:
                return

    def fields(self, kind: RecordKind) -> tuple[CrmField, ...]:
        """The columns of a kind, read anew."""
        self._model = None
        columns = self.model().get(ENTITIES[kind], {})
        return tuple(reading.read_field(name, column, kind, self._connection) for name, column in columns.items())

    def model(self) -> Model:
        """Our entities' columns; the whole document is megabytes, so it is read when it is needed and kept (11)."""
        if self._model is None:
            answer = self._call("GET", "$metadata", "read the model", headers={"Accept": "application/xml"})
            try:
                self._model = reading.read_model(answer.text, ENTITIES.values())
            except ValueError as error:
                raise Transient(VENDOR, "read the model", str(error)) from None
        return self._model

    def check(self) -> tuple[Lack, ...]:
        return tuple(health.lacks(self, self._connection))

    def answers_at(self, root: str) -> bool:
        """Whether the interface lives below that part of the host (1)."""
        try:
            self.http.call("GET", f"{root}/odata/Contact?$select=Id&$top=1", operation="look for the interface")
        except CrmError:
            return False
        return True

    def link(self, ref: Ref) -> str:
        connection = self._connection
        page = PAGES[connection.interface][ref.kind]
        return f"{connection.base_url}{connection.root}/{CARDS[connection.interface]}/{page}/edit/{segment(ref.id)}"

    def close(self) -> None:
        """Hang up kept connections."""
        self.http.close()
        self._connection.credentials.close()

    # --- requests

    def _call(self, method: str, resource: str, operation: str, **more: Any) -> Answer:
        """One request; bodies say that numbers may be texts (1)."""
        headers: dict[str, str] = {**({"Content-Type": batches.CONTENT} if "json" in more else {}), **more.pop("headers", {})}
        path = f"{self._connection.root}/odata/{resource}"
        return self.http.call(method, path, operation=operation, headers=headers, **more)

    def batch(self, requests: Sequence[Request], operation: str, *, cost: str = "read", go_on: bool = True) -> tuple[Answer, ...]:
        """Several requests in one: an answer for each, which may be an error. The first error stops the rest unless `go_on`."""
        headers = {"Prefer": "continue-on-error"} if go_on else {}
        answer = self._call("POST", "$batch", operation, json=batches.body_of(requests), headers=headers, cost=cost)
        return batches.answers_in(answer, len(requests), operation)

    def _ask(self, urls: Sequence[str], operation: str, cost: str = "read") -> tuple[tuple[Row, ...], ...]:
        """Several lists in one request; raises the first error. An object that this product has not has no rows."""
        answers = self.batch(batches.reads(urls), operation, cost=cost)
        for answer in answers:
            if answer.status != 404:
                self._raise_for(answer, operation)
        return tuple(() if answer.status == 404 else _rows(answer, operation) for answer in answers)

    def error_in(self, answer: Answer, operation: str) -> CrmError | None:
        """The error a part stands for, None when it was done."""
        return error_of(VENDOR, operation, answer, self._dialect)

    def _raise_for(self, answer: Answer, operation: str) -> None:
        error = self.error_in(answer, operation)
        if error is not None:
            raise error


# --- helpers


def _id(text: str, operation: str) -> str:
    """An id. What cannot be one is gone before it is asked for."""
    if not queries.is_id(text):
        raise Gone(VENDOR, operation, "this cannot be its id")
    return text


def _object(answer: Answer, operation: str) -> Row:
    if not isinstance(answer.json, dict):
        raise Transient(VENDOR, operation, "the answer has an unknown shape")
    return answer.json


def _rows(answer: Answer, operation: str) -> tuple[Row, ...]:
    value = _object(answer, operation).get("value")
    if not isinstance(value, list):
        raise Transient(VENDOR, operation, "the answer has an unknown shape")
    return reading.rows_of(value)
