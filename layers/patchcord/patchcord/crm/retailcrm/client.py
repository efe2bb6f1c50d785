"""RetailCRM behind the port: which requests are made, in which order (crm_retailcrm.md 6-15)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Transient
from patchcord.crm.http import Http
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
from patchcord.crm.retailcrm import reading, writing
from patchcord.crm.retailcrm.account import API, ENTITIES, Account
from patchcord.crm.retailcrm.check import lacks
from patchcord.crm.retailcrm.declaration import DECLARATION, VENDOR, Connection, RetailDialect
from patchcord.crm.retailcrm.reading import Row
from patchcord.crm.together import together
from patchcord.model.phone import Phone
from patchcord.model.records import Record, RecordKind, Ref
from patchcord.wire import Answer, segment

PATHS = {RecordKind.CONTACT: "/customers", RecordKind.DEAL: "/orders"}
CREATED_FROM = {RecordKind.CONTACT: "filter[dateFrom]", RecordKind.DEAL: "filter[createdAtFrom]"}
LINKS = {RecordKind.CONTACT: "/customers/{}", RecordKind.DEAL: "/orders/{}/edit"}
CREATION_ORDER = (RecordKind.CONTACT, RecordKind.DEAL)
NOTES, TASKS = "/customers/notes", "/tasks"
COMMENT = "order:"
"""Before the id of a note that stands in an order's comment: orders have no notes (8)."""


class RetailCrm:
    """One connection to a company's RetailCRM."""

    declaration = DECLARATION

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.http = Http(
            VENDOR,
            connection.base_url,
            connection.credentials,
            time_out=DECLARATION.time_out,
            rate=DECLARATION.rate,
            dialect=RetailDialect(),
        )
        self._account = Account(self.http, connection)

    # --- look-up (6.2)

    def find(self, phone: Phone, search: Search) -> tuple[Record, ...]:
        """Customers and orders at the same time: two requests. Once two more, together, for statuses and the time zone."""
        for notation in self._connection.phone_search:
            found = self._find(writing.search_term(phone, notation), phone, search)
            if found:
                return found
        return ()

    def _find(self, term: str, phone: Phone, search: Search) -> tuple[Record, ...]:
        some, others = together([partial(self._customers, term), partial(self._orders, term)])
        customers = reading.of_number(some, phone, search)
        orders = reading.orders_of(others, customers, phone, search)
        if not customers and not orders:
            return ()
        self._account.learn(str(row.get("status") or "") for row in orders)
        zone = self._account.zone()
        return (
            *(reading.customer(row, search, zone) for row in customers),
            *(reading.order(row, search, zone, self._account.is_open) for row in orders),
        )

    def _customers(self, term: str) -> tuple[Row, ...]:
        return self._account.page("/customers", "customers", {"filter[name]": term}, "search customers")[0]

    def _orders(self, term: str) -> tuple[Row, ...]:
        return self._account.page("/orders", "orders", {"filter[customer]": term}, "search orders")[0]

    # --- records (7)

    def create(self, drafts: Sequence[Draft]) -> Created:
        """Customer and order, one request each."""
        refs: dict[str, Ref] = {}
        for draft in sorted(drafts, key=lambda draft: CREATION_ORDER.index(draft.kind)):
            try:
                refs[draft.key] = self._create(draft, _linked(draft, drafts, refs), _phone(draft, drafts))
            except CrmError as error:
                return Created(refs, draft.key, error)
        return Created(refs)

    def _create(self, draft: Draft, links: Sequence[Ref], phone: str | None) -> Ref:
        """One record. A refusal may mean that it is there already, made by a try whose answer was lost (4, 13)."""
        operation = f"create {DECLARATION.kinds[draft.kind]}"

        def send(fields: Mapping[str, Any]) -> Answer:
            body = writing.record_body(draft, links, phone, fields, self._connection)
            return self._write(f"{PATHS[draft.kind]}/create", ENTITIES[draft.kind], body, operation)

        try:
            answer = self._with_types(draft.kind, writing.with_marker(draft, self._connection), send)
        except Rejected:
            made = self._find_record(draft.kind, draft.marker)
            if made is None:
                raise
            return Ref(draft.kind, made)
        return Ref(draft.kind, _new_id(answer, operation))

    def update(self, ref: Ref, change: Change) -> None:
        def send(fields: Mapping[str, Any]) -> Answer:
            return self._edit(ref, writing.change_body(ref.kind, change, fields))

        if writing.change_body(ref.kind, change, change.fields):
            self._with_types(ref.kind, change.fields, send)

    def _edit(self, ref: Ref, body: Mapping[str, Any]) -> Answer:
        path = _path(PATHS[ref.kind], ref.id, "/edit")
        return self._write(path, ENTITIES[ref.kind], body, f"update {DECLARATION.kinds[ref.kind]}", by="id")

    def _with_types(self, kind: RecordKind, fields: Mapping[str, str], send: Callable[[Mapping[str, Any]], Answer]) -> Answer:
        """Send fields as texts, and as what their types want once the texts were refused (7)."""
        if self._account.knows_fields(kind):
            return send(self._account.typed(kind, fields))
        try:
            return send(fields)
        except Rejected:
            values = self._account.typed(kind, fields)
            if values == fields:
                raise
        return send(values)

    def _write(self, path: str, name: str, body: Mapping[str, Any], operation: str, **parameters: str) -> Answer:
        """A form with the object as JSON in one field, and the shop where one is named (2)."""
        site = {"site": self._connection.site} if self._connection.site else {}
        form = {**parameters, **site, name: json.dumps(body, ensure_ascii=False)}
        return self.http.call("POST", API + path, form=form, operation=operation, cost="write")

    # --- tasks (9)

    def create_task(self, draft: TaskDraft) -> str:
        """A completed task takes a second request: a new one is always open."""
        performer = draft.assignee or self._account.performer()
        zone = self._account.zone() if draft.due_at else None
        body = writing.task_body(draft, performer, zone, self._connection)
        task_id = _new_id(self._write(f"{TASKS}/create", "task", body, "create task"), "create task")
        if draft.completed:
            self._complete_new(task_id, performer)
        return task_id

    def _complete_new(self, task_id: str, performer: str) -> None:
        """A refusal is no refusal of the task, which is there: the next try must look for it, not make a second one."""
        try:
            self._edit_task(task_id, performer, {"complete": True}, "complete task")
        except (Gone, Misconfigured, Rejected) as error:
            raise Transient(VENDOR, error.request, error.words) from error

    def complete_task(self, task_id: str) -> None:
        """Two requests: an edit needs the performer."""
        self._complete(self._task(task_id))

    def _complete(self, row: Row) -> None:
        if row.get("complete") is not True:
            self._edit_task(str(row.get("id")), self._performer_of(row), {"complete": True}, "complete task")

    def assign_task(self, task_id: str, user: str) -> None:
        self._edit_task(task_id, user, {}, "assign task")

    def task(self, task_id: str) -> TaskState:
        row = self._task(task_id)
        return TaskState(str(row.get("id")), row.get("complete") is True, reading.performer_of(row))

    def _task(self, task_id: str) -> Row:
        row: Row = reading.part(self._account.read(_path(TASKS, task_id), "read task"), "task", dict, "read task")
        return row

    def _performer_of(self, row: Row) -> str:
        return reading.performer_of(row) or self._account.performer()

    def _edit_task(self, task_id: str, performer: str, body: Mapping[str, Any], operation: str) -> None:
        whole = {"performerId": writing.whole(performer, "performer"), **body}
        self._write(_path(TASKS, task_id, "/edit"), "task", whole, operation)

    # --- notes (8)

    def log_call(self, draft: CallDraft) -> str:
        """A note; the vendor's own calls need a registered telephony module and cannot be read back (10)."""
        text = "\n".join(part for part in (draft.title, draft.text) if part)
        lines = writing.with_lines(text, draft.recording, writing.marker_line(draft.marker))
        return self._new_note(draft.targets, lines, draft.marker, draft.author)

    def add_note(self, targets: tuple[Ref, ...], text: str, marker: str) -> str:
        return self._new_note(targets, writing.with_lines(text, writing.marker_line(marker)), marker)

    def _new_note(self, targets: Sequence[Ref], text: str, marker: str, author: str | None = None) -> str:
        """A note of the customer, else a part of the order's comment."""
        contact, order = writing.first(targets, RecordKind.CONTACT), writing.first(targets, RecordKind.DEAL)
        if contact:
            return self._customer_note(contact, text, author)
        if order is None:
            raise Rejected(VENDOR, "create note", "a note needs a customer or an order")
        self._comment(order, text, writing.marker_line(marker))
        return COMMENT + order

    def _customer_note(self, customer: str, text: str, author: str | None = None) -> str:
        body = writing.note_body(customer, text, author)
        return _new_id(self._write(f"{NOTES}/create", "note", body, "create note"), "create note")

    def _comment(self, order_id: str, text: str, known_by: str) -> None:
        """Add to the manager's comment, unless the line it is known by stands there; an edit would overwrite it (8)."""
        comment = str(self._order(order_id).get("managerComment") or "")
        if not reading.has_line(comment, known_by):
            whole = "\n".join(part for part in (comment, text) if part)
            self._edit(Ref(RecordKind.DEAL, order_id), {"managerComment": whole})

    def _order(self, order_id: str) -> Row:
        answer = self._account.read(_path(PATHS[RecordKind.DEAL], order_id), "read order", {"by": "id", **self._of_site()})
        row: Row = reading.part(answer, "order", dict, "read order")
        return row

    def _of_site(self) -> dict[str, str]:
        return {"site": self._connection.site} if self._connection.site else {}

    # --- recordings that come late

    def add_recording(self, sort: Written, written_id: str, link: str) -> None:
        """What stands there is read first, so that the link is added once."""
        if sort is Written.TASK:
            self._add_to_task(written_id, link)
        elif written_id.startswith(COMMENT):
            self._comment(written_id.removeprefix(COMMENT), link, link)
        else:
            self._add_to_note(written_id, link)

    def _add_to_task(self, task_id: str, link: str) -> None:
        row = self._task(task_id)
        commentary = str(row.get("commentary") or "")
        if not reading.has_line(commentary, link):
            whole = "\n".join(part for part in (commentary, link) if part)
            self._edit_task(task_id, self._performer_of(row), {"commentary": whole}, "add recording")

    def _add_to_note(self, note_id: str, link: str) -> None:
        """Notes cannot be changed (8), so the link becomes a note of its own, headed as the first one."""
        query = {"filter[ids][]": note_id}
        rows = self._account.rows(NOTES, "notes", query, "read note") if writing.is_number(note_id) else ()
        row = next((row for row in rows if str(row.get("id")) == note_id), None)
        customer = reading.text_id(reading.inner(row, "customer").get("id")) if row else None
        if row is None or customer is None:
            raise Gone(VENDOR, "read note", "there is no such note")
        notes = self._account.rows(NOTES, "notes", {"filter[customerIds][]": customer}, "list notes")
        if not any(reading.has_line(note.get("text"), link) for note in notes):
            head = str(row.get("text") or "").partition("\n")[0]
            self._customer_note(customer, f"{head}\n{link}")

    # --- writes whose answer was lost (13)

    def find_by_marker(self, trace: Trace) -> str | None:
        if trace.sort is Written.RECORD and trace.kind is not None:
            return self._find_record(trace.kind, trace.marker, trace.since)
        if trace.sort is Written.TASK:
            return self._find_task(trace)
        return self._find_note(trace)

    def _find_record(self, kind: RecordKind, marker: str, since: datetime | None = None) -> str | None:
        """By the externalId, which a creation sets, or by the field that stands for it."""
        code = self._connection.marker_fields.get(kind)
        by_field = {f"filter[customFields][{code}]": marker, **({CREATED_FROM[kind]: _day_before(since)} if since else {})}
        query = by_field if code else {"filter[externalIds][]": marker}
        rows = self._account.rows(PATHS[kind], PATHS[kind].removeprefix("/"), query, "look for a lost record")
        found = (row for row in rows if (reading.field_value(row, code) if code else row.get("externalId")) == marker)
        return next((str(row.get("id")) for row in found), None)

    def _find_task(self, trace: Trace) -> str | None:
        """By the line in its commentary. One that was to be completed and is still open is completed now."""
        line, done = writing.marker_line(trace.marker), writing.marker_line(trace.marker, done=True)
        rows = self._account.rows(TASKS, "tasks", {"filter[createdAtFrom]": _day_before(trace.since)}, "look for a lost task")
        row = next((row for row in rows if reading.has_line(row.get("commentary"), line, done)), None)
        if row is None:
            return None
        if reading.has_line(row.get("commentary"), done):
            self._complete(row)
        return str(row.get("id"))

    def _find_note(self, trace: Trace) -> str | None:
        line = writing.marker_line(trace.marker)
        contact, order = writing.first(trace.targets, RecordKind.CONTACT), writing.first(trace.targets, RecordKind.DEAL)
        if contact is None and order:
            return COMMENT + order if reading.has_line(self._order(order).get("managerComment"), line) else None
        narrow = {"filter[customerIds][]": contact} if contact else {}
        query = {**narrow, "filter[createdAtFrom]": _day_before(trace.since)}
        rows = self._account.rows(NOTES, "notes", query, "look for a lost note")
        return next((str(row.get("id")) for row in rows if reading.has_line(row.get("text"), line)), None)

    # --- the account (1, 7, 11, 14)

    def users(self) -> tuple[User, ...]:
        return self._account.users()

    def fields(self, kind: RecordKind) -> tuple[CrmField, ...]:
        rows = self._account.field_rows(kind, fresh=True)
        return (*reading.built_in_fields(kind), *(reading.read_field(row, kind) for row in rows))

    def check(self) -> tuple[Lack, ...]:
        return lacks(self._account, self._connection)

    def link(self, ref: Ref) -> str:
        return self.http.base_url + LINKS[ref.kind].format(segment(ref.id))

    def close(self) -> None:
        """Hang up kept connections."""
        self.http.close()
        self._connection.credentials.close()


# --- helpers


def _path(collection: str, key: str, rest: str = "") -> str:
    """The path of one object. What cannot be an id of it is gone before it is asked for."""
    if not writing.is_number(key):
        raise Gone(VENDOR, "read an object", "this cannot be its id")
    return f"{collection}/{key}{rest}"


def _new_id(answer: Answer, operation: str) -> str:
    """The id of what was created; without one it is not known whether it was."""
    key = reading.text_id(answer.json.get("id")) if isinstance(answer.json, dict) else None
    if key is None:
        raise Transient(VENDOR, operation, "the answer holds no id")
    return key


def _linked(draft: Draft, drafts: Sequence[Draft], refs: Mapping[str, Ref]) -> tuple[Ref, ...]:
    """What the draft is linked to so far, whichever of the two names the other."""
    own = [link if isinstance(link, Ref) else refs.get(link) for link in draft.links]
    others = [refs.get(other.key) for other in drafts if draft.key in other.links]
    return tuple(ref for ref in (*own, *others) if ref is not None)


def _phone(draft: Draft, drafts: Sequence[Draft]) -> str | None:
    """The draft's number; an order without one takes that of its new customer, because it has a number of its own (6.2)."""
    linked = (other.phone for other in drafts if other.key in draft.links or draft.key in other.links)
    return draft.phone or next((phone for phone in linked if phone), None)


def _day_before(since: datetime) -> str:
    """A date that is not too late in any time zone."""
    return f"{since.astimezone(UTC) - timedelta(days=1):%Y-%m-%d}"
