"""Zoho Desk behind the port: which requests are made, in which order (crm_zohodesk.md 5-14)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

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
from patchcord.crm.zoho_desk import lost, reading, writing
from patchcord.crm.zoho_desk.declaration import DECLARATION, SCOPES, VENDOR, Connection, DeskDialect
from patchcord.crm.zoho_desk.reading import Row
from patchcord.model.effects import LogKind
from patchcord.model.phone import Phone
from patchcord.model.records import Record, RecordKind, Ref
from patchcord.wire import Answer, segment

BASE = "/api/v1"
MODULES = {RecordKind.CONTACT: "contacts", RecordKind.ORGANIZATION: "accounts", RecordKind.DEAL: "tickets"}
PAGES = {RecordKind.CONTACT: "Contacts", RecordKind.ORGANIZATION: "Accounts", RecordKind.DEAL: "Cases"}
CREATION_ORDER = (RecordKind.ORGANIZATION, RecordKind.CONTACT, RecordKind.DEAL)
COMMENT_ORDER = (RecordKind.DEAL, RecordKind.CONTACT, RecordKind.ORGANIZATION)
"""Where a comment goes when it could go to several: a ticket's are what agents read (10)."""
NOTE_LOG = "note:"
"""Before the place of a log that is a comment, `note:tickets/<id>/<comment>`, to tell it from a call."""
MOST_PAGES = 50
PAGE = 100
MOST_CONTACTS = MOST_READS = 5
"""For how many contacts of one number tickets are listed, and how many records are read for their custom fields."""


class ZohoDesk:
    """One connection to a company's portal."""

    declaration = DECLARATION

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.http = Http(
            VENDOR,
            connection.base_url,
            connection.credentials,
            time_out=DECLARATION.time_out,
            rate=DECLARATION.rate,
            dialect=DeskDialect(),
        )
        self._takes_wildcards = True

    # --- look-up (5)

    def find(self, phone: Phone, search: Search) -> tuple[Record, ...]:
        """Three requests, the first two together; one more for each further contact, and where lists leave out wanted fields.

        Tickets by their own number wait for the contacts: asked for at once, they would cost every known client a request.
        """
        contacts = self._contacts_with(phone, search)
        tickets = self._tickets_of(contacts) if contacts else self._tickets_with(phone, search)
        records = reading.records_of(contacts, tickets)
        known = {**_by_ref(RecordKind.CONTACT, contacts), **_by_ref(RecordKind.DEAL, tickets)}
        return self._with_attribution(records, known, search.attribution)

    def _contacts_with(self, phone: Phone, search: Search) -> tuple[Row, ...]:
        names = ("phone", "mobile") if self._connection.search_mobile else ("phone",)
        return reading.of_number(self._search(RecordKind.CONTACT, names, phone), phone, search)

    def _tickets_with(self, phone: Phone, search: Search) -> tuple[Row, ...]:
        return reading.of_number(self._search(RecordKind.DEAL, ("phone",), phone), phone, search)

    def _search(self, kind: RecordKind, names: Sequence[str], phone: Phone) -> list[Row]:
        """By all notations; if the portal refuses these values, by the plain ones, from then on."""
        if self._takes_wildcards:
            try:
                return self._search_by(kind, names, writing.searched(phone))
            except Rejected as refusal:
                if refusal.status != 422:
                    raise
            self._takes_wildcards = False
        return self._search_by(kind, names, writing.plainly_searched(phone))

    def _search_by(self, kind: RecordKind, names: Sequence[str], values: str) -> list[Row]:
        """In each of these fields at the same time."""
        place = {"sortBy": "-modifiedTime", "limit": PAGE}
        path, operation = f"/{MODULES[kind]}/search", f"search {MODULES[kind]}"
        found = together([partial(self._rows, path, {name: values, **place}, operation) for name in names])
        return [row for rows in found for row in rows]

    def _tickets_of(self, contacts: Sequence[Row]) -> tuple[Row, ...]:
        """The contacts' tickets, last changed first: a list, so a new one is in it at once."""
        found = together([partial(self._tickets_of_one, contact) for contact in contacts[:MOST_CONTACTS]])
        return tuple(row for rows in found for row in rows)

    def _tickets_of_one(self, contact: Row) -> tuple[Row, ...]:
        path = _path("contacts", str(contact.get("id")))
        try:
            return self._rows(f"{path}/tickets", {"sortBy": "-modifiedTime", "limit": PAGE}, "list tickets of contact")
        except Gone:
            return ()  # deleted, and the index does not know yet

    def _with_attribution(
        self, records: tuple[Record, ...], known: Mapping[Ref, Row], wanted: Mapping[RecordKind, Mapping[str, str]]
    ) -> tuple[Record, ...]:
        """The records with the visit's data of the kinds it is wanted of; what lists do not tell is read."""
        asked = [record.ref for record in records if record.open and wanted.get(record.kind)]
        rows = {ref: known[ref] for ref in asked if ref in known and reading.custom(known[ref]) is not None}
        for read in together([partial(self._read_if_there, ref) for ref in asked if ref not in rows][:MOST_READS]):
            rows |= read
        return tuple(
            replace(record, attribution=reading.stored_attribution(rows[record.ref], wanted[record.kind]))
            if record.ref in rows
            else record
            for record in records
        )

    def _read_if_there(self, ref: Ref) -> dict[Ref, Row]:
        try:
            return {ref: self.read(MODULES[ref.kind], ref.id)}
        except Gone:
            return {}

    # --- records (7)

    def create(self, drafts: Sequence[Draft]) -> Created:
        """Account, contact, ticket, one request each; no composite call exists (12)."""
        refs: dict[str, Ref] = {}
        for draft in sorted(drafts, key=lambda draft: CREATION_ORDER.index(draft.kind)):
            try:
                refs[draft.key] = self._create(draft, drafts, refs)
                self._link_contacts(draft, refs[draft.key])
            except CrmError as error:
                return Created(refs, draft.key, error)
        return Created(refs)

    def _create(self, draft: Draft, drafts: Sequence[Draft], refs: Mapping[str, Ref]) -> Ref:
        links = _linked(draft, drafts, refs)
        phone = draft.phone or (_phone_of_contact(draft, drafts) if draft.kind is RecordKind.DEAL else None)
        body = writing.record_body(draft, links, phone, self._connection)
        operation = f"create {DECLARATION.kinds[draft.kind]}"
        return Ref(draft.kind, _new_id(self._write("POST", f"/{MODULES[draft.kind]}", draft.kind, body, operation), operation))

    def _link_contacts(self, draft: Draft, made: Ref) -> None:
        """A new account of a contact that exists: the link stands in the contact (7)."""
        for link in draft.links:
            if draft.kind is RecordKind.ORGANIZATION and isinstance(link, Ref) and link.kind is RecordKind.CONTACT:
                self._call("PATCH", _path("contacts", link.id), "update contact", {"accountId": made.id})

    def update(self, ref: Ref, change: Change) -> None:
        body = writing.change_body(ref.kind, change, self._connection)
        path = _path(MODULES[ref.kind], ref.id)
        if body:
            self._write("PATCH", path, ref.kind, body, f"update {DECLARATION.kinds[ref.kind]}")

    def _write(self, method: str, path: str, kind: RecordKind, body: Mapping[str, Any], operation: str) -> Answer:
        """Send a record, and once more when its refusal can be mended."""
        try:
            return self._call(method, path, operation, body)
        except Rejected as refusal:
            mended = self._mended(kind, body, refusal)
            if mended == body:
                raise
        return self._call(method, path, operation, mended)

    def _mended(self, kind: RecordKind, body: Mapping[str, Any], refusal: Rejected) -> Mapping[str, Any]:
        """Without an e-mail that another contact has (7), with numbers where texts were refused."""
        if "/email duplicate" in refusal.words:
            return {name: value for name, value in body.items() if name != "email"}
        if "/cf/" in refusal.words and "cf" in body:
            types = {field.id: field.type for field in self.fields(kind)}
            return {**body, "cf": writing.typed(body["cf"], types)}
        return body

    # --- tasks, calls, comments (8-10)

    def create_task(self, draft: TaskDraft) -> str:
        body = writing.task_body(draft, self._links(draft.targets), self._connection)
        return _new_id(self._call("POST", "/tasks", "create task", body), "create task")

    def complete_task(self, task_id: str) -> None:
        self._call("PATCH", _path("tasks", task_id), "complete task", {"status": self._connection.task_completed})

    def assign_task(self, task_id: str, user: str) -> None:
        self._call("PATCH", _path("tasks", task_id), "assign task", {"ownerId": writing.whole(user, "assignee")})

    def task(self, task_id: str) -> TaskState:
        row = self.read("tasks", task_id)
        completed = reading.is_closed(row, self._connection.task_completed)
        return TaskState(str(row.get("id")), completed, reading.text_id(row.get("ownerId")))

    def log_call(self, draft: CallDraft) -> str:
        if draft.kind is LogKind.NOTE:
            text = "\n".join(part for part in (draft.title, draft.text) if part)
            return self._log_note(draft, text)
        links = self._links(draft.targets)
        body = writing.call_body(draft, self._contact_of(draft.targets), links, self._connection)
        return _new_id(self._call("POST", "/calls", "log call", body), "log call")

    def _contact_of(self, targets: Sequence[Ref]) -> str:
        """The contact a call needs (9): the one named, else the ticket's."""
        contact, ticket = writing.first(targets, RecordKind.CONTACT), writing.first(targets, RecordKind.DEAL)
        if contact is None and ticket is not None:
            contact = reading.text_id(self.read("tickets", ticket).get("contactId"))
        if contact is None:
            raise Rejected(VENDOR, "log call", "a call needs a contact", 422)
        return contact

    def _log_note(self, draft: CallDraft, text: str) -> str:
        place = comment_place(draft.targets)
        content = writing.description(text, draft.marker, draft.recording, length=writing.COMMENT)
        return f"{NOTE_LOG}{place.removeprefix('/')}/{self._comment(place, content)}"

    def add_note(self, targets: tuple[Ref, ...], text: str, marker: str) -> str:
        return self._comment(comment_place(targets), writing.description(text, marker, length=writing.COMMENT))

    def _comment(self, place: str, content: str) -> str:
        answer = self._call("POST", f"{place}/comments", "create comment", writing.comment_body(content))
        return _new_id(answer, "create comment")

    def add_recording(self, sort: Written, written_id: str, link: str) -> None:
        """Two requests: what stands there is read first, so that the link is added once."""
        if written_id.startswith(NOTE_LOG):
            self._comment_recording(written_id, link)
        elif sort is Written.LOG and writing.is_address(link):
            if self.read("calls", written_id).get("recordingUrl") != link:
                self._call("PATCH", _path("calls", written_id), "add recording", {"recordingUrl": link})
        else:
            self._describe_recording("tasks" if sort is Written.TASK else "calls", written_id, link)

    def _describe_recording(self, module: str, key: str, link: str) -> None:
        text = self.read(module, key).get("description") or ""
        if not reading.has_link(text, link):
            self._call("PATCH", _path(module, key), "add recording", {"description": f"{text}\n{link}".lstrip()})

    def _comment_recording(self, log_id: str, link: str) -> None:
        """A comment stays as it is; the link comes in another one below the same record."""
        module, _, rest = log_id.removeprefix(NOTE_LOG).partition("/")
        place = _path(module, rest.partition("/")[0])
        rows = self.pages(f"{place}/comments", {}, "list comments")
        if not any(reading.has_link(row.get("content"), link) for row in rows):
            self._comment(place, link)

    def _links(self, targets: Sequence[Ref]) -> tuple[str, ...]:
        return tuple(self.link(ref) for ref in writing.unattached(targets))

    # --- writes whose answer was lost (13)

    def find_by_marker(self, trace: Trace) -> str | None:
        if trace.sort is Written.RECORD and trace.kind is not None:
            return lost.find_record(self, trace, trace.kind, self._connection.marker_fields.get(trace.kind))
        if trace.sort is Written.NOTE or trace.log is LogKind.NOTE:
            place = comment_place(trace.targets)
            found = lost.find_comment(self, trace, place)
            is_log = found is not None and trace.sort is Written.LOG
            return f"{NOTE_LOG}{place.removeprefix('/')}/{found}" if is_log else found
        return lost.find_activity(self, trace)

    # --- the account (1, 11)

    def users(self) -> tuple[User, ...]:
        return tuple(reading.read_user(row) for row in self.pages("/agents", {}, "list agents", size=200))

    def fields(self, kind: RecordKind) -> tuple[CrmField, ...]:
        rows = self._rows("/fields", {"module": MODULES[kind]}, "list fields")
        return tuple(reading.read_field(row, kind) for row in rows)

    def check(self) -> tuple[Lack, ...]:
        """What the connection misses; stops at refused credentials, because nothing else can be seen then."""
        try:
            portals = self._rows("/organizations", {}, "list portals", headers={})
        except Unauthorised as error:
            return (Lack("unauthorised", f"Zoho refuses our credentials ({error.words})", "Connect Zoho Desk again."),)
        except Gone:
            return (Lack("address", "No Zoho Desk answers at this address", "Correct the data centre."),)
        except Misconfigured as error:
            return (_no_right("the portals", error),)
        if self._connection.org_id not in {str(row.get("id")) for row in portals}:
            what = "The user who connected Zoho Desk does not belong to this portal"
            return (Lack("portal", what, "Correct org_id, or connect with a user of the portal."),)
        return (*self._lacking_scopes(), *self._lacking_department(), *self._lacking_rights(), *self._lacking_fields())

    def _lacking_scopes(self) -> Iterator[Lack]:
        given = self._connection.scopes()
        for families, verbs in SCOPES.items():
            for verb in verbs:
                allowed = {f"Desk.{family}.{right}" for family in families for right in (verb, "ALL")}
                if given and not allowed & given:
                    scope = f"Desk.{families[0]}.{verb}"
                    yield Lack("scope", f"The scope {scope} is not granted", "Connect Zoho Desk again with this scope.")

    def _lacking_department(self) -> Iterator[Lack]:
        try:
            rows = list(self.pages("/departments", {"isEnabled": True}, "list departments"))
        except Misconfigured as error:
            yield _no_right("the departments", error)
            return
        if self._connection.department not in {str(row.get("id")) for row in rows}:
            what = f"There is no enabled department {self._connection.department}"
            yield Lack("department", what, "Enter the id of an enabled department.")

    def _lacking_rights(self) -> Iterator[Lack]:
        """Reads one of each sort of thing the portal's edition or the user's profile may lack."""
        for module in ("contacts", "accounts", "tickets", "tasks", "calls", "agents"):
            try:
                self._rows(f"/{module}", {"limit": 1}, f"list {module}")
            except Misconfigured as error:
                yield _no_right(f"the {module}", error)

    def _lacking_fields(self) -> Iterator[Lack]:
        for kind, key in self._connection.marker_fields.items():
            try:
                known = {field.id for field in self.fields(kind)}
            except Misconfigured as error:
                yield _no_right(f"the fields of a {DECLARATION.kinds[kind]}", error)
                continue
            if key not in known:
                what = f"The field {key} for our marker is missing in {DECLARATION.kinds[kind]}"
                yield Lack("marker_field", what, "Create a one-line field and enter its API name.")

    def link(self, ref: Ref) -> str:
        """The address that a record's own `webUrl` has (14)."""
        page = f"/support/{segment(self._connection.portal)}/ShowHomePage.do#{PAGES[ref.kind]}/dv/{segment(ref.id)}"
        return self.http.base_url + page

    def close(self) -> None:
        """Hang up kept connections."""
        self.http.close()
        self._connection.credentials.close()

    # --- requests

    def _call(self, method: str, path: str, operation: str, body: Any = None, query: Any = (), headers: Any = None) -> Answer:
        """One request; all but the list of portals name the portal (1)."""
        portal = {"orgId": self._connection.org_id} if headers is None else headers
        return self.http.call(method, BASE + path, query=query, json=body, headers=portal, operation=operation)

    def read(self, module: str, key: str) -> Row:
        """One record in full; raises Gone when it does not exist any more."""
        operation = f"read {module}"
        answer = self._call("GET", _path(module, key), operation)
        return _object(answer, operation)

    def _rows(self, path: str, query: Mapping[str, Any], operation: str, headers: Any = None) -> tuple[Row, ...]:
        """The rows of one page; 204 without a body means none (3)."""
        answer = self._call("GET", path, operation, query=query, headers=headers)
        if answer.status == 204:
            return ()
        data = answer.json.get("data") if isinstance(answer.json, dict) else None
        if not isinstance(data, list):
            raise Transient(VENDOR, operation, "the answer has an unknown shape")
        return reading.rows_of(data)

    def pages(self, path: str, query: Mapping[str, Any], operation: str, size: int = PAGE) -> Iterator[Row]:
        """The rows of a list, page after page, each once. Where lists begin at 1, pages overlap by one row (4)."""
        seen: set[Any] = set()
        for _ in range(MOST_PAGES):
            place = {"from": len(seen)} if seen else {}
            rows = self._rows(path, {**query, "limit": size, **place}, operation)
            new = [row for row in rows if row.get("id") not in seen]
            seen.update(row.get("id") for row in new)
            yield from new
            if len(rows) < size or not new:
                return


# --- helpers


def _path(module: str, key: str) -> str:
    """The path of one record. What cannot be an id of it is gone before it is asked for."""
    if not writing.is_number(key):
        raise Gone(VENDOR, f"read {module}", "this cannot be its id")
    return f"/{module}/{key}"


def comment_place(targets: Sequence[Ref]) -> str:
    """The path of the record that takes a comment."""
    found = ((kind, writing.first(targets, kind)) for kind in COMMENT_ORDER)
    place = next(((kind, key) for kind, key in found if key), None)
    if place is None:
        raise Rejected(VENDOR, "write comment", "a comment needs a ticket, a contact or an account", 422)
    return _path(MODULES[place[0]], place[1])


def _object(answer: Answer, operation: str) -> Row:
    if not isinstance(answer.json, dict):
        raise Transient(VENDOR, operation, "the answer has an unknown shape")
    return answer.json


def _new_id(answer: Answer, operation: str) -> str:
    """The id of what was created; without one it is not known whether it was."""
    key = reading.text_id(_object(answer, operation).get("id"))
    if key is None:
        raise Transient(VENDOR, operation, "the answer holds no id")
    return key


def _by_ref(kind: RecordKind, rows: Sequence[Row]) -> dict[Ref, Row]:
    return {Ref(kind, str(row.get("id"))): row for row in rows}


def _linked(draft: Draft, drafts: Sequence[Draft], refs: Mapping[str, Ref]) -> tuple[Ref, ...]:
    """What the draft is linked to so far, whichever of the two names the other."""
    own = [link if isinstance(link, Ref) else refs.get(link) for link in draft.links]
    others = [refs.get(other.key) for other in drafts if draft.key in other.links]
    return tuple(ref for ref in (*own, *others) if ref is not None)


def _phone_of_contact(draft: Draft, drafts: Sequence[Draft]) -> str | None:
    """The number of the contact that is made with the ticket: the ticket has a field of its own for it (5)."""
    linked = (other for other in drafts if other.key in draft.links or draft.key in other.links)
    return next((other.phone for other in linked if other.kind is RecordKind.CONTACT and other.phone), None)


def _no_right(what: str, error: Misconfigured) -> Lack:
    """A scope, the edition or the user's profile: the error code says which (3)."""
    if "LICENSE_ACCESS_LIMITED" in error.words:
        return Lack("plan", f"The edition does not have {what} ({error.words})", "Choose an edition that has them.")
    code = "scope" if "SCOPE_MISMATCH" in error.words else "right"
    return Lack(code, f"We may not read {what} ({error.words})", "Give the app this scope and the user this right.")
