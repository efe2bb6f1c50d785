"""Pipedrive behind the port: which requests are made, in which order (crm_pipedrive.md 6-16)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.http import Http
from patchcord.crm.pipedrive import reading, writing
from patchcord.crm.pipedrive.declaration import DECLARATION, SCOPES, VENDOR, Connection, PipedriveDialect
from patchcord.crm.pipedrive.reading import Row
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
from patchcord.model.phone import Phone, StorageFormat, digits_of, formatted
from patchcord.model.records import Record, RecordKind, Ref
from patchcord.wire import Answer, segment

PATHS = {
    RecordKind.CONTACT: "/api/v2/persons",
    RecordKind.ORGANIZATION: "/api/v2/organizations",
    RecordKind.LEAD: "/api/v1/leads",
    RecordKind.DEAL: "/api/v2/deals",
}
FIELD_PATHS = {
    RecordKind.CONTACT: "/api/v2/personFields",
    RecordKind.ORGANIZATION: "/api/v2/organizationFields",
    RecordKind.LEAD: "/api/v2/dealFields",
    RecordKind.DEAL: "/api/v2/dealFields",
}
"""Leads take the custom fields of deals (8.3)."""
LINKS = {
    RecordKind.CONTACT: "/person/",
    RecordKind.ORGANIZATION: "/organization/",
    RecordKind.LEAD: "/leads/inbox/",
    RecordKind.DEAL: "/deal/",
}
ACTIVITIES, NOTES = "/api/v2/activities", "/api/v1/notes"
CREATION_ORDER = (RecordKind.ORGANIZATION, RecordKind.CONTACT, RecordKind.LEAD, RecordKind.DEAL)
READ_BACK_ORDER = (RecordKind.LEAD, RecordKind.DEAL, RecordKind.CONTACT, RecordKind.ORGANIZATION)
DEAL_FILTERS = {RecordKind.CONTACT: "person_id", RecordKind.ORGANIZATION: "org_id"}
LEAD_FILTERS = {RecordKind.CONTACT: "person_id", RecordKind.ORGANIZATION: "organization_id"}
"""What the lists of deals and leads can be narrowed to, narrowest first."""
NOTE_LOG = "note:"
"""Before the id of a log that is a note, to tell it from an activity."""
SKEW = timedelta(seconds=60)
"""How far their clock may be behind ours when a write is looked for by its time."""
MOST_PAGES = 50
MOST_IDS = 100


class Pipedrive:
    """One connection to a company's Pipedrive."""

    declaration = DECLARATION

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.http = Http(
            VENDOR,
            connection.base_url,
            connection.credentials,
            time_out=DECLARATION.time_out,
            rate=DECLARATION.rate,
            dialect=PipedriveDialect(),
        )
        self._field_rows: dict[str, tuple[Row, ...]] = {}

    # --- look-up (6)

    def find(self, phone: Phone, search: Search) -> tuple[Record, ...]:
        """One request; up to two more when the first finds others' numbers only, one more when attribution is asked for."""
        persons, related = self._persons_with(phone, search.region)
        records = reading.records_of(reading.in_listed_formats(persons, phone, search), related)
        return self._with_attribution(records, search.attribution)

    def _persons_with(self, phone: Phone, region: str) -> tuple[Sequence[Row], Sequence[Row]]:
        """The persons of the number and what the search answered with them: national number first (6.2)."""
        related: Sequence[Row] = ()
        for term in dict.fromkeys((phone.national, digits_of(formatted(phone, StorageFormat.NATIONAL)), phone.e164)):
            data = self._search(term)
            found = reading.found_items(data, "items")
            related = reading.found_items(data, "related_items")
            same = reading.persons_of_number(found, phone, region)
            if same or not found:
                return same, related
        return (), related

    def _search(self, term: str) -> Any:
        query = {"term": term, "item_types": "person", "fields": "phone", "search_for_related_items": True, "limit": 100}
        return _data(self.http.call("GET", "/api/v2/itemSearch", query=query, operation="search", cost="search"), dict, "search")

    def _with_attribution(
        self, records: tuple[Record, ...], wanted: Mapping[RecordKind, Mapping[str, str]]
    ) -> tuple[Record, ...]:
        """The records with the visit's data of the first kind it is wanted of: one request, which also tells the times."""
        for kind in READ_BACK_ORDER:
            asked = [record for record in records if record.kind is kind and record.open][:MOST_IDS]
            if asked and wanted.get(kind):
                rows = self._rows_for(kind, asked, tuple(wanted[kind].values()))
                return tuple(_told(record, rows.get(record.ref), wanted[kind]) for record in records)
        return records

    def _rows_for(self, kind: RecordKind, records: Sequence[Record], fields: Sequence[str]) -> dict[Ref, Row]:
        """These records in full, by reference; what is not there any more is missing."""
        if kind is RecordKind.LEAD:
            rows = self._lead_rows(records)
        else:
            query = {"ids": ",".join(record.id for record in records), "limit": MOST_IDS}
            if len(fields) <= 15:
                query["custom_fields"] = ",".join(fields)
            answer = self.http.call("GET", PATHS[kind], query=query, operation="read records")
            rows = reading.rows_of(_data(answer, list, "read records"))
        return {Ref(kind, str(row.get("id"))): row for row in rows}

    def _lead_rows(self, leads: Sequence[Record]) -> tuple[Row, ...]:
        """One lead costs 2 tokens, the list of a person's leads 20 (3.1)."""
        if len(leads) > 1 and leads[0].contact:
            query = {"person_id": leads[0].contact, "limit": 500}
            answer = self.http.call("GET", PATHS[RecordKind.LEAD], query=query, operation="read leads")
            return reading.rows_of(_data(answer, list, "read leads"))
        try:
            return (self._read(RecordKind.LEAD, leads[0].id),)
        except Gone:
            return ()

    def _read(self, kind: RecordKind, record_id: str) -> Row:
        operation = f"read {DECLARATION.kinds[kind]}"
        row: Row = _data(self.http.call("GET", _path(PATHS[kind], record_id), operation=operation), dict, operation)
        return row

    # --- records (8)

    def create(self, drafts: Sequence[Draft]) -> Created:
        """Organisation, person, lead or deal, one request each; no composite call exists (14)."""
        refs: dict[str, Ref] = {}
        for draft in sorted(drafts, key=lambda draft: CREATION_ORDER.index(draft.kind)):
            try:
                refs[draft.key] = self._create(draft, _linked(draft, drafts, refs))
                self._link_contacts(draft, refs[draft.key])
            except CrmError as error:
                return Created(refs, draft.key, error)
        return Created(refs)

    def _create(self, draft: Draft, links: Sequence[Ref]) -> Ref:
        operation = f"create {DECLARATION.kinds[draft.kind]}"
        fields = {**draft.fields, **writing.marker_fields(draft, self._connection)}

        def send(custom: Mapping[str, Any]) -> Answer:
            body = writing.record_body(draft, links, custom)
            return self.http.call("POST", PATHS[draft.kind], json=body, operation=operation, cost="write")

        return Ref(draft.kind, _new_id(self._with_types(draft.kind, fields, send), operation))

    def _link_contacts(self, draft: Draft, made: Ref) -> None:
        """A new organisation of a person that exists: the link stands in the person (9)."""
        for link in draft.links:
            if draft.kind is RecordKind.ORGANIZATION and isinstance(link, Ref) and link.kind is RecordKind.CONTACT:
                body = {"org_id": writing.whole(made.id, "organization")}
                path = _path(PATHS[RecordKind.CONTACT], link.id)
                self.http.call("PATCH", path, json=body, operation="update person", cost="write")

    def update(self, ref: Ref, change: Change) -> None:
        operation = f"update {DECLARATION.kinds[ref.kind]}"
        path = _path(PATHS[ref.kind], ref.id)

        def send(custom: Mapping[str, Any]) -> Answer:
            return self.http.call(
                "PATCH", path, json=writing.change_body(ref.kind, change, custom), operation=operation, cost="write"
            )

        if writing.change_body(ref.kind, change, change.fields):
            self._with_types(ref.kind, change.fields, send)

    def _with_types(self, kind: RecordKind, fields: Mapping[str, str], send: Callable[[Mapping[str, Any]], Answer]) -> Answer:
        """Send custom fields as texts, and as what their types want once the texts were refused (12)."""
        path = FIELD_PATHS[kind]
        if path in self._field_rows:
            return send(self._typed(path, fields))
        try:
            return send(fields)
        except Rejected:
            values = self._typed(path, fields) if fields else fields
            if values == fields:
                raise
        return send(values)

    def _typed(self, path: str, fields: Mapping[str, str]) -> dict[str, Any]:
        if path not in self._field_rows:
            self._field_rows[path] = tuple(self._list(path, {}, "list fields"))
        rows = {row.get("field_code"): row for row in self._field_rows[path]}
        return {key: _typed_value(value, rows.get(key, {})) for key, value in fields.items()}

    # --- tasks, calls, notes (10, 11)

    def create_task(self, draft: TaskDraft) -> str:
        body = writing.task_body(draft, self._connection)
        return _new_id(self.http.call("POST", ACTIVITIES, json=body, operation="create task", cost="write"), "create task")

    def complete_task(self, task_id: str) -> None:
        self.http.call("PATCH", _path(ACTIVITIES, task_id), json={"done": True}, operation="complete task", cost="write")

    def assign_task(self, task_id: str, user: str) -> None:
        body = {"owner_id": writing.whole(user, "assignee")}
        self.http.call("PATCH", _path(ACTIVITIES, task_id), json=body, operation="assign task", cost="write")

    def task(self, task_id: str) -> TaskState:
        row = self._activity(task_id)
        return TaskState(str(row.get("id")), row.get("done") is True, reading.text_id(row.get("owner_id")))

    def _activity(self, activity_id: str) -> Row:
        answer = self.http.call("GET", _path(ACTIVITIES, activity_id), operation="read task")
        row: Row = _data(answer, dict, "read task")
        if row.get("is_deleted"):
            raise Gone(VENDOR, "read task", "the activity is deleted")
        return row

    def log_call(self, draft: CallDraft) -> str:
        """A completed activity, or a note if the draft wants one; call logs need an OAuth app and an upload (10.3)."""
        if draft.kind is LogKind.NOTE:
            text = "\n".join(part for part in (draft.title, draft.text) if part)
            return NOTE_LOG + self._new_note(draft.targets, writing.note_html(text, draft.marker, draft.recording))
        body = writing.call_body(draft, self._connection)
        return _new_id(self.http.call("POST", ACTIVITIES, json=body, operation="log call", cost="write"), "log call")

    def add_note(self, targets: tuple[Ref, ...], text: str, marker: str) -> str:
        return self._new_note(targets, writing.note_html(text, marker))

    def _new_note(self, targets: Sequence[Ref], content: str) -> str:
        body = {"content": content, **writing.note_targets(targets)}
        return _new_id(self.http.call("POST", NOTES, json=body, operation="create note", cost="write"), "create note")

    def add_recording(self, sort: Written, written_id: str, link: str) -> None:
        """Two requests: what stands there is read first, so that the link is added once."""
        if sort is Written.NOTE or written_id.startswith(NOTE_LOG):
            path, name, verb = _path(NOTES, written_id.removeprefix(NOTE_LOG)), "content", "PUT"
            row: Row = _data(self.http.call("GET", path, operation="read note"), dict, "read note")
        else:
            path, name, verb = _path(ACTIVITIES, written_id), "note", "PATCH"
            row = self._activity(written_id)
        text = str(row.get(name) or "")
        if not reading.has_link(text, link):
            self.http.call(verb, path, json={name: text + writing.link_html(link)}, operation="add recording", cost="write")

    # --- writes whose answer was lost (15)

    def find_by_marker(self, trace: Trace) -> str | None:
        if trace.sort is Written.RECORD and trace.kind is not None:
            return self._find_lead(trace) if trace.kind is RecordKind.LEAD else self._find_record(trace, trace.kind)
        line = writing.marker_line(trace.marker)
        is_note = trace.sort is Written.NOTE or trace.log is LogKind.NOTE
        path, name = (NOTES, "content") if is_note else (ACTIVITIES, "note")
        order = {"sort": "add_time DESC"} if is_note else {"sort_by": "add_time", "sort_direction": "desc"}
        narrow = dict(list(writing.note_targets(trace.targets).items())[:1])
        query = {**narrow, **order, "updated_since": _since(trace)}
        rows = self._list(path, query, "look for a lost write")
        found = next((_id(row) for row in rows if reading.has_marker(row.get(name), line)), None)
        return NOTE_LOG + found if found and is_note and trace.sort is Written.LOG else found

    def _find_lead(self, trace: Trace) -> str | None:
        """By `origin_id`, which only a creation can set."""
        query: dict[str, Any] = {
            **_narrowed(trace.targets, LEAD_FILTERS),
            "sort": "add_time DESC",
            "updated_since": _since(trace),
        }
        rows = self._list(PATHS[RecordKind.LEAD], query, "look for a lost lead")
        return next((_id(row) for row in rows if row.get("origin_id") == trace.marker), None)

    def _find_record(self, trace: Trace, kind: RecordKind) -> str | None:
        """By the marker's field if there is one, else by number or name among what was made since the intent."""
        key = self._connection.marker_fields.get(kind)
        query: dict[str, Any] = {"updated_since": _since(trace), "sort_by": "add_time", "sort_direction": "desc"}
        if key:
            query["custom_fields"] = key
        if kind is RecordKind.DEAL:
            query |= _narrowed(trace.targets, DEAL_FILTERS)
        rows = self._list(PATHS[kind], query, "look for a lost record")
        if key:
            return next((_id(row) for row in rows if reading.stored_attribution(row, {"": key}).get("") == trace.marker), None)
        return next((_id(row) for row in rows if _is_meant(row, trace) and _made_since(row, trace.since)), None)

    # --- the account (12, 13, 16)

    def users(self) -> tuple[User, ...]:
        rows = reading.rows_of(_data(self.http.call("GET", "/api/v1/users", operation="list users"), list, "list users"))
        return tuple(reading.read_user(row) for row in rows)

    def fields(self, kind: RecordKind) -> tuple[CrmField, ...]:
        path = FIELD_PATHS[kind]
        self._field_rows[path] = tuple(self._list(path, {}, "list fields"))
        return tuple(reading.read_field(row, kind) for row in self._field_rows[path])

    def check(self) -> tuple[Lack, ...]:
        """What the connection misses; stops at refused credentials, because nothing else can be seen then."""
        try:
            self.http.call("GET", "/api/v1/users/me", operation="read own user")
        except Unauthorised as error:
            return (Lack("unauthorised", f"Pipedrive refuses our credentials ({error.words})", "Connect Pipedrive again."),)
        except Gone:
            return (Lack("address", "No Pipedrive answers at this address", "Correct the company's address."),)
        except Misconfigured as error:
            return (_no_right("the own user", error),)
        return (*self._lacking_scopes(), *self._lacking_types(), *self._lacking_fields())

    def _lacking_scopes(self) -> Iterator[Lack]:
        given = self._connection.scopes() if self._connection.scopes else frozenset(SCOPES)
        for scope in (scope for scope in SCOPES if given and scope not in given):
            yield Lack("scope", f"The scope {scope} is not granted", "Add it to the app and connect Pipedrive again.")

    def _lacking_types(self) -> Iterator[Lack]:
        try:
            answer = self.http.call("GET", "/api/v1/activityTypes", operation="list activity types")
        except Misconfigured as error:
            yield _no_right("the activity types", error)
            return
        rows = reading.rows_of(_data(answer, list, "list activity types"))
        active = {row.get("key_string") for row in rows if row.get("active_flag") is True}
        for key in dict.fromkeys((self._connection.activity_task, self._connection.activity_call)):
            if key not in active:
                yield Lack("activity_type", f"The activity type {key} is missing or not active", "Activate it or choose another.")

    def _lacking_fields(self) -> Iterator[Lack]:
        for kind, key in self._connection.marker_fields.items():
            try:
                known = {field.id for field in self.fields(kind)}
            except Misconfigured as error:
                yield _no_right(f"the fields of a {DECLARATION.kinds[kind]}", error)
                continue
            if key not in known:
                what = f"The field {key} for our marker is missing in {DECLARATION.kinds[kind]}"
                yield Lack("marker_field", what, "Create a text field and enter its key.")

    def link(self, ref: Ref) -> str:
        return self.http.base_url + LINKS[ref.kind] + segment(ref.id)

    def close(self) -> None:
        """Hang up kept connections."""
        self.http.close()
        self._connection.credentials.close()

    def _list(self, path: str, query: Mapping[str, Any], operation: str) -> Iterator[Row]:
        """The rows of a list, page after page: by cursor in v2, by start in v1 (5)."""
        place: dict[str, Any] = {}
        for _ in range(MOST_PAGES):
            answer = self.http.call("GET", path, query={**query, "limit": 100, **place}, operation=operation)
            yield from reading.rows_of(_data(answer, list, operation))
            place = _next_page(answer.json.get("additional_data"))
            if not place:
                return


# --- helpers


def _data(answer: Answer, shape: type, operation: str) -> Any:
    """`data` of an answer; raises Transient when it is not of the shape the vendor documents (null is an empty list)."""
    body = answer.json
    data = body.get("data") if isinstance(body, dict) else None
    if data is None and shape is list and isinstance(body, dict):
        return []
    if not isinstance(data, shape):
        raise Transient(VENDOR, operation, "the answer has an unknown shape")
    return data


def _new_id(answer: Answer, operation: str) -> str:
    """The id of what was created; without one it is not known whether it was."""
    key = reading.text_id(_data(answer, dict, operation).get("id"))
    if key is None:
        raise Transient(VENDOR, operation, "the answer holds no id")
    return key


def _next_page(more: Any) -> dict[str, Any]:
    """The query that continues a list, empty at its end. Lead lists have their paging at the root or inside."""
    if not isinstance(more, dict):
        return {}
    if more.get("next_cursor"):
        return {"cursor": str(more["next_cursor"])}
    paging = more["pagination"] if isinstance(more.get("pagination"), dict) else more
    going_on = paging.get("more_items_in_collection") and isinstance(paging.get("next_start"), int)
    return {"start": paging["next_start"]} if going_on else {}


def _path(collection: str, key: str) -> str:
    """The path of one object. What cannot be an id of it is gone before it is asked for."""
    is_lead = collection == PATHS[RecordKind.LEAD]
    if not (writing.is_lead_id(key) if is_lead else writing.is_number(key)):
        raise Gone(VENDOR, "read an object", "this cannot be its id")
    return f"{collection}/{segment(key)}"


def _id(row: Row) -> str:
    return str(row.get("id"))


def _told(record: Record, row: Row | None, fields: Mapping[str, str]) -> Record:
    """The record with what its row tells: the visit's data and the times."""
    if row is None:
        return record
    return replace(
        record,
        attribution=reading.stored_attribution(row, fields),
        created_at=reading.read_time(row.get("add_time")),
        updated_at=reading.read_time(row.get("update_time")),
    )


def _linked(draft: Draft, drafts: Sequence[Draft], refs: Mapping[str, Ref]) -> tuple[Ref, ...]:
    """What the draft is linked to so far, whichever of the two names the other."""
    own = [link if isinstance(link, Ref) else refs.get(link) for link in draft.links]
    others = [refs.get(other.key) for other in drafts if draft.key in other.links]
    return tuple(ref for ref in (*own, *others) if ref is not None)


def _typed_value(value: str, row: Row) -> Any:
    options = {str(option.get("label")).lower(): option["id"] for option in reading.rows_of(row.get("options")) if "id" in option}
    return writing.typed(value, str(row.get("field_type") or ""), options)


def _narrowed(targets: Sequence[Ref], filters: Mapping[RecordKind, str]) -> dict[str, str]:
    """The filter of a list for the first kind of target there is one of."""
    found = ((name, writing.first(targets, kind)) for kind, name in filters.items())
    return next(({name: key} for name, key in found if key), {})


def _since(trace: Trace) -> str:
    return f"{(trace.since - SKEW).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _made_since(row: Row, since: datetime) -> bool:
    made = reading.read_time(row.get("add_time"))
    return made is not None and made >= since - SKEW


def _is_meant(row: Row, trace: Trace) -> bool:
    """Whether the record is the one that was to be created: by its number, else by its name."""
    wanted = digits_of(trace.phone)[-9:]
    if trace.kind is RecordKind.CONTACT and wanted:
        return any(digits_of(number)[-9:] == wanted for number in reading.numbers_of(row))
    return bool(trace.name) and (row.get("name") or row.get("title")) == writing.cut(trace.name)


def _no_right(what: str, error: Misconfigured) -> Lack:
    return Lack("right", f"We may not read {what} ({error.words})", "Give the user or the app this right.")
