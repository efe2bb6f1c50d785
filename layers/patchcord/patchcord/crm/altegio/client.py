"""Altegio behind the port: which requests are made, in which order (crm_altegio.md 4-12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

from patchcord.crm.altegio import reading, writing
from patchcord.crm.altegio.declaration import DECLARATION, NOT_PAID, VENDOR, AltegioDialect, Connection
from patchcord.crm.altegio.reading import Row
from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Transient, Unauthorised
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
from patchcord.crm.together import together
from patchcord.model.phone import Phone, digits_of
from patchcord.model.records import Record, RecordKind, Ref
from patchcord.wire import Answer, segment

PAGE = 200
MOST_PAGES = 5
"""More clients than this do not share the digits of a number."""
MOST_READ = 10
"""So many clients are read one by one at most: several share a number only by way of another notation."""


class Altegio:
    """One connection to a location of a company."""

    declaration = DECLARATION

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.http = Http(
            VENDOR,
            connection.base_url,
            connection.credentials,
            time_out=DECLARATION.time_out,
            rate=DECLARATION.rate,
            dialect=AltegioDialect(),
            hidden=connection.hidden,
        )
        self._field_rows: tuple[Row, ...] | None = None

    # --- look-up (4)

    def find(self, phone: Phone, search: Search) -> tuple[Record, ...]:
        """One request, and one more a client when its custom fields are wanted: the search does not tell them."""
        rows = tuple(self._search((phone.national, phone.digits)))
        if rows and all(reading.is_hidden(row) for row in rows):
            raise Misconfigured(VENDOR, "search", "the numbers of clients are hidden from the user of the token")
        wanted = search.attribution.get(RecordKind.CONTACT) or {}
        return tuple(together([partial(self._told, row, wanted) for row in reading.of_number(rows, phone, search)]))

    def _search(self, terms: Sequence[str]) -> Iterator[Row]:
        """The clients that contain one of the terms, page after page."""
        path = f"/company/{self._connection.location}/clients/search"
        for page in range(1, MOST_PAGES + 1):
            answer = self._call("POST", path, "search", json=writing.search_body(terms, page, PAGE))
            rows = reading.rows_of(_data(answer, list, "search"))
            yield from (row for row in rows if row.get("id"))
            if len(rows) < PAGE:
                return

    def _told(self, row: Row, wanted: Mapping[str, str]) -> Record:
        """The client, with the visit's data it holds when they are asked for."""
        if not wanted:
            return reading.read_client(row)
        try:
            return reading.read_client(row, reading.stored_attribution(self._read(str(row["id"])), wanted))
        except Gone:
            return reading.read_client(row)

    def _read(self, client_id: str) -> Row:
        row: Row = _data(self._call("GET", self._client_path(client_id), "read client"), dict, "read client")
        return row

    # --- clients (5)

    def create(self, drafts: Sequence[Draft]) -> Created:
        """One request a client; there is nothing else to create, and nothing to link."""
        refs: dict[str, Ref] = {}
        for draft in drafts:
            try:
                refs[draft.key] = self._create(draft)
            except CrmError as error:
                return Created(refs, draft.key, error)
        return Created(refs)

    def _create(self, draft: Draft) -> Ref:
        """A number is unique in a location: when the creation is refused, the client may be there already (11)."""
        if draft.kind is not RecordKind.CONTACT:
            raise Rejected(VENDOR, f"create {draft.kind.value}", "Altegio has clients only")
        if not draft.phone:
            raise Rejected(VENDOR, "create client", "Altegio takes no client without a number")
        path = f"/clients/{self._connection.location}"

        def send(fields: Mapping[str, Any]) -> Answer:
            return self._call("POST", path, "create client", json=writing.client_body(draft, fields), cost="write")

        try:
            return Ref(RecordKind.CONTACT, _new_id(self._with_types(draft.fields, send), "create client"))
        except Rejected:
            known = self._holder_of(draft.phone)
            if known is None:
                raise
            return known

    def _holder_of(self, phone: str) -> Ref | None:
        """The client that holds exactly these digits."""
        digits = digits_of(phone)
        rows = self._search((digits,)) if len(digits) >= reading.SHORTEST else iter(())
        same = (row for row in rows if digits_of(reading.number_of(row)) == digits)
        return next((Ref(RecordKind.CONTACT, str(row["id"])) for row in same), None)

    def update(self, ref: Ref, change: Change) -> None:
        """Read, merge, write: name and number are needed again, and the rest may be cleared (5). An owner has no place."""
        if ref.kind is not RecordKind.CONTACT:
            raise Gone(VENDOR, f"update {ref.kind.value}", "Altegio has clients only")
        path = self._client_path(ref.id)
        if not change.name and not change.fields:
            return
        row = self._read(ref.id)
        if reading.is_hidden(row):
            raise Misconfigured(VENDOR, "update client", "the number is hidden from the user of the token: it would be lost")

        def send(fields: Mapping[str, Any]) -> Answer:
            return self._call("PUT", path, "update client", json=writing.changed_body(row, change, fields), cost="write")

        self._with_types(change.fields, send)

    def _with_types(self, fields: Mapping[str, str], send: Callable[[Mapping[str, Any]], Answer]) -> Answer:
        """Send custom fields as texts, and as what their types want once the texts were refused (9)."""
        if not fields or self._field_rows is not None:
            return send(self._typed(fields))
        try:
            return send(fields)
        except Rejected:
            values = self._typed(fields)
            if values == fields:
                raise
        return send(values)

    def _typed(self, fields: Mapping[str, str]) -> dict[str, Any]:
        if not fields:
            return {}
        if self._field_rows is None:
            self._field_rows = self._read_fields()
        rows = {row.get("code"): row for row in self._field_rows}
        return {code: writing.typed(value, rows.get(code, {})) for code, value in fields.items()}

    # --- tasks: there are none (1)

    def create_task(self, draft: TaskDraft) -> str:
        _no_tasks("create task")

    def complete_task(self, task_id: str) -> None:
        _no_tasks("complete task")

    def assign_task(self, task_id: str, user: str) -> None:
        _no_tasks("assign task")

    def task(self, task_id: str) -> TaskState:
        _no_tasks("read task")

    # --- calls and notes: comments of a client (7)

    def log_call(self, draft: CallDraft) -> str:
        """A comment, whatever sort of log is wanted: the body that saves a call is not known (8)."""
        text = writing.comment_text((draft.title, draft.text), draft.marker, draft.recording)
        return self._comment(_client_of(draft.targets), text)

    def add_note(self, targets: tuple[Ref, ...], text: str, marker: str) -> str:
        return self._comment(_client_of(targets), writing.comment_text((text,), marker))

    def _comment(self, client_id: str, text: str) -> str:
        """The id of the new comment: that of its client and its own, because it has no address without the client."""
        answer = self._call("POST", self._comments_path(client_id), "add comment", json={"text": text}, cost="write")
        return f"{client_id}/{_new_id(answer, 'add comment')}"

    def _comments(self, client_id: str) -> list[Row]:
        """A client's comments, oldest first."""
        answer = self._call("GET", self._comments_path(client_id), "list comments")
        rows = reading.rows_of(_data(answer, list, "list comments"))
        return sorted((row for row in rows if isinstance(row.get("id"), int)), key=lambda row: int(row["id"]))

    def add_recording(self, sort: Written, written_id: str, link: str) -> None:
        """A comment cannot be changed (7), so the link becomes a comment of its own, unless one has it already."""
        if sort is Written.TASK:
            _no_tasks("add recording")
        client_id, _, comment_id = written_id.partition("/")
        rows = self._comments(client_id)
        if not any(str(row["id"]) == comment_id for row in rows):
            raise Gone(VENDOR, "add recording", "the comment is deleted")
        if not any(reading.has_link(row.get("text"), link) for row in rows):
            self._comment(client_id, link)

    # --- writes whose answer was lost (11)

    def find_by_marker(self, trace: Trace) -> str | None:
        line = writing.marker_line(trace.marker)
        if trace.sort is Written.TASK:
            return None
        if trace.sort is Written.RECORD:
            return self._marked_client(trace, line) if trace.kind is RecordKind.CONTACT else None
        for client_id in dict.fromkeys(ref.id for ref in trace.targets if ref.kind is RecordKind.CONTACT):
            for row in self._comments(client_id):
                if reading.has_marker(row.get("text"), line):
                    return f"{client_id}/{row['id']}"
        return None

    def _marked_client(self, trace: Trace, line: str) -> str | None:
        """Clients of the number, else of the name, newest first, that have the marker in their comment."""
        digits, name = digits_of(trace.phone), writing.cut(trace.name.strip())
        term = digits or name
        rows = self._search((term,)) if term else iter(())
        same = [row for row in rows if (digits_of(reading.number_of(row)) == digits if digits else row.get("name") == name)]
        return next((str(row["id"]) for row in same[:MOST_READ] if self._is_marked(str(row["id"]), line)), None)

    def _is_marked(self, client_id: str, line: str) -> bool:
        try:
            return reading.has_marker(self._read(client_id).get("comment"), line)
        except Gone:
            return False

    # --- the location (9, 12)

    def users(self) -> tuple[User, ...]:
        answer = self._call("GET", f"/company/{self._connection.location}/users", "list users")
        return tuple(reading.read_user(row) for row in reading.rows_of(_data(answer, list, "list users")) if row.get("id"))

    def fields(self, kind: RecordKind) -> tuple[CrmField, ...]:
        if kind is not RecordKind.CONTACT:
            return ()
        self._field_rows = self._read_fields()
        return (*reading.built_in_fields(), *(reading.read_field(row) for row in self._field_rows))

    def _read_fields(self) -> tuple[Row, ...]:
        answer = self._call("GET", f"/custom_fields/client/{self._connection.location}", "list fields")
        return reading.described(reading.rows_of(_data(answer, list, "list fields")))

    def check(self) -> tuple[Lack, ...]:
        """What the connection misses; stops when the clients cannot be seen, because nothing else can be then."""
        path = f"/company/{self._connection.location}/clients/search"
        try:
            answer = self._call("POST", path, "search", json={"page": 1, "page_size": 1, "fields": list(writing.TOLD)})
        except Unauthorised as error:
            return (Lack("unauthorised", f"Altegio refuses our tokens ({error.words})", "Store both tokens again."),)
        except Gone:
            what = f"There is no location {self._connection.location} for us"
            return (Lack("location", what, "Correct location_id, or give the application access to the location."),)
        except Misconfigured as error:
            return (_no_right("the clients", error),)
        return (*_lacking_numbers(reading.rows_of(_data(answer, list, "search"))), *self._lacking_rights())

    def _lacking_rights(self) -> Iterator[Lack]:
        steps: tuple[tuple[str, Callable[[], object]], ...] = (
            ("the users", self.users),
            ("the custom fields of clients", self._read_fields),
        )
        for what, step in steps:
            try:
                step()
            except Misconfigured as error:
                yield _no_right(what, error)

    def link(self, ref: Ref) -> str:
        """The location's clients: the address of a card is not known (12)."""
        return f"{self._connection.app_url.rstrip('/')}/clients/{self._connection.location}/base/?id={segment(ref.id)}"

    def close(self) -> None:
        """Hang up kept connections."""
        self.http.close()
        self._connection.credentials.close()

    # --- the wire

    def _call(self, method: str, path: str, operation: str, *, json: Any = None, cost: str = "read") -> Answer:
        headers = {"Accept": self._connection.media_type, "Content-Type": "application/json"}
        return self.http.call(method, path, json=json, operation=operation, headers=headers, cost=cost)

    def _client_path(self, client_id: str) -> str:
        return f"/client/{self._connection.location}/{_whole(client_id)}"

    def _comments_path(self, client_id: str) -> str:
        return f"/clients/{self._connection.location}/clients/{_whole(client_id)}/comments"


# --- helpers


def _data(answer: Answer, shape: type, operation: str) -> Any:
    """`data` of an answer; raises Transient when it is not of the shape the vendor documents (null is an empty list)."""
    body = answer.json
    data = body.get("data") if isinstance(body, dict) else None
    if data is None and shape is list and isinstance(body, dict) and "data" in body:
        return []
    if not isinstance(data, shape):
        raise Transient(VENDOR, operation, "the answer has an unknown shape")
    return data


def _new_id(answer: Answer, operation: str) -> str:
    """The id of what was created; without one it is not known whether it was."""
    key = _data(answer, dict, operation).get("id")
    if not key:
        raise Transient(VENDOR, operation, "the answer holds no id")
    return str(key)


def _whole(key: str) -> str:
    """An id for a path. What cannot be one is gone before it is asked for."""
    if not writing.is_number(key):
        raise Gone(VENDOR, "read client", "this cannot be its id")
    return key


def _client_of(targets: Sequence[Ref]) -> str:
    """The client a comment is for: the first of those named; a comment has one (7)."""
    found = next((ref.id for ref in targets if ref.kind is RecordKind.CONTACT), None)
    if found is None:
        raise Rejected(VENDOR, "add comment", "there is no client to comment on")
    return found


def _no_tasks(operation: str) -> NoReturn:
    raise Rejected(VENDOR, operation, "Altegio has no tasks")


def _lacking_numbers(rows: Sequence[Row]) -> Iterator[Lack]:
    if rows and all(reading.is_hidden(row) for row in rows):
        yield Lack("right", "The numbers of clients are hidden from us", "Give the user the right to see clients' phones.")


def _no_right(what: str, error: Misconfigured) -> Lack:
    if error.words.startswith(NOT_PAID):
        return Lack("plan", f"Altegio has locked the location ({error.words})", "Pay for the location.")
    return Lack("right", f"We may not read {what} ({error.words})", "Give the application or its user this right.")
