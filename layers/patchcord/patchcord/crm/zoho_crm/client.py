"""Zoho CRM behind the port: which requests are made, in which order (crm_zohocrm.md 5-13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from patchcord.crm.errors import Rejected
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
from patchcord.crm.zoho_crm import checking, queries, reading, writing
from patchcord.crm.zoho_crm.api import Amended, Api, path_of
from patchcord.crm.zoho_crm.creation import Creation
from patchcord.crm.zoho_crm.declaration import CALLS, DECLARATION, MODULES, NOTES, TASKS, Connection
from patchcord.crm.zoho_crm.queries import Part
from patchcord.crm.zoho_crm.reading import Row
from patchcord.model.effects import LogKind
from patchcord.model.phone import Phone, digits_of
from patchcord.model.records import Record, RecordKind, Ref
from patchcord.wire import segment

TABS = {
    RecordKind.CONTACT: "Contacts",
    RecordKind.ORGANIZATION: "Accounts",
    RecordKind.LEAD: "Leads",
    RecordKind.DEAL: "Potentials",
}
"""How the addresses of Zoho's pages call the modules (14)."""
NOTE_LOG = "note:"
"""Before the id of a log that is a note, to tell it from a call."""
SKEW = timedelta(seconds=60)
"""How far their clock may be behind ours when a write is looked for by its time."""
LOST = "look for a lost write"


class ZohoCrm:
    """One connection to a company's Zoho CRM."""

    declaration = DECLARATION

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._api = Api(connection)
        self.http = self._api.http
        self._refused_reminders = False

    # --- look-up (5, 6)

    def find(self, phone: Phone, search: Search) -> tuple[Record, ...]:
        """One request, one more when attribution is asked for and somebody was found."""
        answers = self._api.ask(queries.look_up(phone, self._connection), "search", "search")
        found = {part.name: reading.listed(answer, "search") for part, answer in answers}
        return self._with_attribution(reading.records_of(found, phone, search, self._connection), search.attribution)

    def _with_attribution(
        self, records: tuple[Record, ...], wanted: Mapping[RecordKind, Mapping[str, str]]
    ) -> tuple[Record, ...]:
        """The open records with the visit's data, for all kinds it is wanted of in one request."""
        parts = [part for kind, fields in wanted.items() if (part := _attribution_part(kind, records, fields))]
        if not parts:
            return records
        rows = {
            (part.name, reading.text_id(row)): row
            for part, answer in self._api.ask(parts, "read records", "composite")
            for row in reading.listed(answer, "read records")
        }
        return tuple(_told(record, rows.get((record.kind.value, record.id)), wanted) for record in records)

    # --- records (7)

    def create(self, drafts: Sequence[Draft]) -> Created:
        """Account, contact, lead, deal in one composite, done as a whole or not at all; a single one by itself."""
        return Creation(self._api, drafts).run()

    def update(self, ref: Ref, change: Change) -> None:
        path = path_of(MODULES[ref.kind], ref.id)
        if writing.change_body(ref.kind, change, {}):
            self._api.write(
                lambda amended: Part("record", "PUT", path, {"data": [writing.change_body(ref.kind, change, amended)]}),
                change.fields,
                f"update {DECLARATION.kinds[ref.kind]}",
            )

    # --- tasks, calls, notes (8, 9, 10)

    def create_task(self, draft: TaskDraft) -> str:
        known: Amended = {"Remind_At": writing.DROPPED} if self._refused_reminders else {}

        def part(amended: Amended) -> Part:
            self._refused_reminders |= "Remind_At" in amended
            return Part("task", "POST", f"/{TASKS}", {"data": [writing.task_body(draft, self._connection, {**known, **amended})]})

        return self._api.write(part, {}, "create task")

    def complete_task(self, task_id: str) -> None:
        body = {"data": [{"Status": self._connection.task_completed}]}
        self._api.call(Part("task", "PUT", path_of(TASKS, task_id), body), "complete task", "write")

    def assign_task(self, task_id: str, user: str) -> None:
        body = {"data": [{"Owner": writing.reference(user, "assignee")}]}
        self._api.call(Part("task", "PUT", path_of(TASKS, task_id), body), "assign task", "write")

    def task(self, task_id: str) -> TaskState:
        """A task is completed when it says so or has a time of closing, which Zoho itself sets (8)."""
        row = self._api.row(TASKS, task_id, "Status,Closed_Time,Owner", "read task")
        completed = row.get("Status") == self._connection.task_completed or bool(row.get("Closed_Time"))
        return TaskState(task_id, completed, reading.text_id(row.get("Owner")))

    def log_call(self, draft: CallDraft) -> str:
        """A call, or a note if the draft wants one."""
        if draft.kind is LogKind.NOTE:
            body = writing.note_body(draft.title, draft.text, draft.marker, draft.recording)
            return NOTE_LOG + self._new_note(draft.targets, body)
        body = {"data": [writing.call_body(draft, self._connection)]}
        return reading.new_id(self._api.call(Part("call", "POST", f"/{CALLS}", body), "log call", "write"), "log call")

    def add_note(self, targets: tuple[Ref, ...], text: str, marker: str) -> str:
        return self._new_note(targets, writing.note_body("", text, marker))

    def _new_note(self, targets: Sequence[Ref], body: writing.Body) -> str:
        parent = writing.note_parent(targets)
        part = Part("note", "POST", f"{path_of(MODULES[parent.kind], parent.id)}/{NOTES}", {"data": [body]})
        return reading.new_id(self._api.call(part, "create note", "write"), "create note")

    def add_recording(self, sort: Written, written_id: str, link: str) -> None:
        """Two requests: what stands there is read first, so that the link is added once."""
        if sort is Written.NOTE or written_id.startswith(NOTE_LOG):
            self._add_to_text(NOTES, written_id.removeprefix(NOTE_LOG), "Note_Content", link, writing.NOTE_TEXT)
        elif sort is Written.TASK:
            self._add_to_text(TASKS, written_id, "Description", link, DECLARATION.text_length)
        else:
            self._add_to_call(written_id, link)

    def _add_to_text(self, module: str, key: str, name: str, link: str, length: int) -> None:
        row = self._api.row(module, key, name, "read text")
        text = str(row.get(name) or "")
        if not reading.has_line(text, link):
            body = {"data": [{name: writing.with_link(text, link, length)}]}
            self._api.call(Part("text", "PUT", path_of(module, key), body), "add recording", "write")

    def _add_to_call(self, key: str, link: str) -> None:
        """Into the field for it; into the description when Zoho does not let the field be changed any more (9)."""
        row = self._api.row(CALLS, key, "Voice_Recording__s,Description", "read call")
        if row.get("Voice_Recording__s") == link or reading.has_line(row.get("Description"), link):
            return
        try:
            if writing.is_recording_link(link):
                body = {"data": [{"Voice_Recording__s": link}]}
                self._api.call(Part("call", "PUT", path_of(CALLS, key), body), "add recording", "write")
                return
        except Rejected:
            pass
        self._add_to_text(CALLS, key, "Description", link, DECLARATION.text_length)

    # --- writes whose answer was lost (13)

    def find_by_marker(self, trace: Trace) -> str | None:
        if trace.sort is Written.RECORD and trace.kind is not None:
            return self._find_record(trace, trace.kind)
        is_note = trace.sort is Written.NOTE or trace.log is LogKind.NOTE
        module = NOTES if is_note else TASKS if trace.sort is Written.TASK else CALLS
        name, line = "Note_Content" if is_note else "Description", writing.marker_line(trace.marker)
        rows = self._made_since(trace, module, (name,))
        found = next((str(row["id"]) for row in rows if reading.has_line(row.get(name), line)), None)
        return NOTE_LOG + found if found and is_note and trace.sort is Written.LOG else found

    def _find_record(self, trace: Trace, kind: RecordKind) -> str | None:
        """By the marker's field if there is one, else by number or name among what was made since the intent."""
        field = self._connection.marker_fields.get(kind)
        if field:
            rows = reading.listed(self._api.call(queries.by_marker(kind, field, trace.marker), LOST), LOST)
            return next((str(row["id"]) for row in rows), None)
        phones = self._connection.phone_fields.get(kind, ())
        made = self._made_since(trace, MODULES[kind], (*queries.NAMES[kind], *phones))
        return next((str(row["id"]) for row in made if _is_meant(row, trace, kind, phones)), None)

    def _made_since(self, trace: Trace, module: str, fields: Sequence[str]) -> Iterator[Row]:
        """What was created since the intent, youngest first. Lists are fresh, unlike searches (13)."""
        query = {"fields": ",".join((*fields, "Created_Time")), "sort_by": "Created_Time", "sort_order": "desc"}
        if module == MODULES[RecordKind.LEAD]:
            query["converted"] = "both"
        for row in self._api.pages(Part("list", "GET", f"/{module}", query=query), LOST, "data"):
            at = reading.read_time(row.get("Created_Time"))
            if at is not None and at < trace.since - SKEW:
                return
            if row.get("id"):
                yield row

    # --- the account (11, 14)

    def users(self) -> tuple[User, ...]:
        rows = self._api.pages(Part("users", "GET", "/users", query={"type": "AllUsers"}), "list users", "users")
        return tuple(reading.read_user(row) for row in rows)

    def fields(self, kind: RecordKind) -> tuple[CrmField, ...]:
        rows = self._api.metadata("fields", {"module": MODULES[kind]})
        return tuple(reading.read_field(row, kind) for row in rows)

    def check(self) -> tuple[Lack, ...]:
        """What the connection misses; stops at refused credentials, because nothing else can be seen then."""
        return checking.lacks(self._api)

    def link(self, ref: Ref) -> str:
        return f"{self._connection.web_url}/tab/{TABS[ref.kind]}/{segment(ref.id)}"

    def close(self) -> None:
        """Hang up kept connections."""
        self.http.close()
        self._connection.credentials.close()


# --- helpers


def _attribution_part(kind: RecordKind, records: Sequence[Record], fields: Mapping[str, str]) -> Part | None:
    """The call that reads the visit's data of the open records of a kind, None when there is nothing to read."""
    ids = [record.id for record in records if record.kind is kind and record.open][: queries.PART_ROWS]
    names = [name for name in fields.values() if queries.is_api_name(name)]
    if not ids or not names:
        return None
    return Part(kind.value, "GET", f"/{MODULES[kind]}", query={"ids": ",".join(ids), "fields": ",".join(names)})


def _told(record: Record, row: Row | None, wanted: Mapping[RecordKind, Mapping[str, str]]) -> Record:
    """The record with the visit's data that it was read with."""
    return record if row is None else replace(record, attribution=reading.stored_attribution(row, wanted[record.kind]))


def _is_meant(row: Row, trace: Trace, kind: RecordKind, phones: Sequence[str]) -> bool:
    """Whether the record is the one that was to be created: by its number, else by its name."""
    wanted = digits_of(trace.phone)[-9:]
    if wanted and kind in (RecordKind.CONTACT, RecordKind.LEAD):
        return any(digits_of(str(row.get(name) or ""))[-9:] == wanted for name in phones)
    return bool(trace.name) and reading.name_of(kind, row) == writing.cut(trace.name.strip(), writing.LENGTHS[kind])
