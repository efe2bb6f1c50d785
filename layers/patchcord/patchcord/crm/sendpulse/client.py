"""SendPulse behind the port: which requests are made, in which order (crm_sendpulse.md 4-11)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from patchcord.crm.errors import CrmError, Gone, Rejected
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
from patchcord.crm.sendpulse import lost, reading, writing
from patchcord.crm.sendpulse.account import Account
from patchcord.crm.sendpulse.declaration import DECLARATION, VENDOR, Connection
from patchcord.crm.sendpulse.reading import Row
from patchcord.crm.together import together
from patchcord.model.phone import Phone
from patchcord.model.records import Record, RecordKind, Ref
from patchcord.wire import segment

CONTACTS, DEALS, TASKS = "/contacts", "/deals", "/tasks"
PATHS = {RecordKind.CONTACT: CONTACTS, RecordKind.DEAL: DEALS}
LINKS = {RecordKind.CONTACT: "/crm/contacts?contactId=", RecordKind.DEAL: "/crm/deals?dealId="}
MOST_PAGES = 5
NO_SUCH_CALL = 405
_COMMENT = re.compile(r"(\w+)/([0-9]+)/comments/([0-9]+)")


class SendPulse:
    """One connection to an account's SendPulse CRM."""

    declaration = DECLARATION

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._account = Account(connection)
        self._in_steps = connection.in_steps

    @property
    def http(self) -> Http:
        return self._account.http

    # --- look-up (4)

    def find(self, phone: Phone, search: Search) -> tuple[Record, ...]:
        """Two requests: the contacts, then the deals of each that has some; or the contacts once more when none was found."""
        contacts = reading.in_listed_formats(self._contacts_with(phone, search.region), phone, search)
        wanted = search.attribution
        owned = together([partial(self._deals_of, row, wanted.get(RecordKind.DEAL)) for row in contacts])
        deals = {record.id: record for records in owned for record in records}
        return (*(reading.read_contact(row, wanted.get(RecordKind.CONTACT)) for row in contacts), *deals.values())

    def _contacts_with(self, phone: Phone, region: str) -> tuple[Row, ...]:
        """By the pieces of the number, which finds every notation; then as it is written, should `like` mean another thing."""
        by_pieces = {"fieldValueConditions": writing.conditions(phone, self._connection.by_tail)}
        for body in (by_pieces, {"phone": phone.e164}):
            rows = self._account.found("/contacts/get-list", body, "find contacts", MOST_PAGES)
            own = reading.contacts_of_number(rows, phone, region)
            if own:
                return own
        return ()

    def _deals_of(self, contact: Row, attribution: Mapping[str, str] | None) -> tuple[Record, ...]:
        """The deals of a contact; it tells how many there are. One deleted in between has none."""
        key = str(contact["id"])
        if contact.get("dealsQty") == 0:
            return ()
        try:
            rows = self._account.rows(f"{CONTACTS}/{segment(key)}/deals", "list deals")
        except Gone:
            return ()
        return tuple(reading.read_deal(row, key, attribution) for row in rows if "id" in row)

    # --- records (5)

    def create(self, drafts: Sequence[Draft]) -> Created:
        """Contacts first, one request each; then deals, which are linked at once."""
        refs: dict[str, Ref] = {}
        for draft in sorted(drafts, key=lambda draft: draft.kind is RecordKind.DEAL):
            try:
                refs[draft.key] = Ref(draft.kind, self._create(draft, _linked(draft, drafts, refs)))
            except CrmError as error:
                return Created(refs, draft.key, error)
        return Created(refs)

    def _create(self, draft: Draft, links: Sequence[Ref]) -> str:
        _path(draft.kind)
        if draft.kind is RecordKind.CONTACT:
            return self._create_contact(draft)
        place = self._account.place_of_deal(draft.pipeline, draft.stage)
        return self._account.new_id(DEALS, writing.deal_body(draft, links, self._connection, place), "create deal")

    def _create_contact(self, draft: Draft) -> str:
        """By the form at once; it is deprecated, so the one in steps takes its place from when it is gone."""
        if not self._in_steps:
            try:
                return self._account.new_id(CONTACTS, writing.contact_body(draft, self._connection), "create contact")
            except (Gone, Rejected) as error:
                if isinstance(error, Rejected) and error.status != NO_SUCH_CALL:
                    raise
            self._in_steps = True
        return self._create_in_steps(draft)

    def _create_in_steps(self, draft: Draft) -> str:
        rest = writing.contact_rest(draft, self._connection)
        key = self._account.new_id(f"{CONTACTS}/create", writing.contact_start(draft, self._connection), "create contact")
        for path, body in rest:
            self._account.send("POST", f"{CONTACTS}/{segment(key)}/{path}", body, "complete contact")
        return key

    def update(self, ref: Ref, change: Change) -> None:
        """A contact: one request for name and owner, one for fields. A deal: what it has is read first."""
        if not (change.owner or change.name or change.fields):
            return
        path = _record_path(ref)
        if ref.kind is RecordKind.DEAL:
            self._update_deal(path, change)
            return
        if change.owner or change.name:
            self._account.send("PUT", path, self._contact_change(path, change), "update contact")
        if change.fields:
            body = {"attributesValues": writing.values(change.fields)}
            self._account.send("POST", f"{path}/attributes/batch", body, "update contact")

    def _contact_change(self, path: str, change: Change) -> dict[str, Any]:
        """Somebody responsible must be named: without a new one, who it is now."""
        owner: Any = writing.whole(change.owner, "owner") if change.owner else None
        if owner is None:
            owner = self._account.one(path, "read contact").get("responsibleId") or self._connection.responsible
        names = {"firstName": writing.cut(change.name), "lastName": ""} if change.name else {}
        return {"responsibleId": owner, **names}

    def _update_deal(self, path: str, change: Change) -> None:
        row = self._account.one(path, "read deal")
        known = reading.field_values(row) if change.fields else {}
        body = writing.deal_change(row, change.owner, change.name, change.fields, known)
        self._account.send("PUT", path, body, "update deal")

    # --- tasks (7)

    def create_task(self, draft: TaskDraft) -> str:
        """A completed task is created in the done column."""
        board, step = self._account.place_of_task(draft.board, done=draft.completed)
        return self._account.new_id(TASKS, writing.task_body(draft, self._connection, board, step), "create task")

    def complete_task(self, task_id: str) -> None:
        """Into the done column of the board it stands on now."""
        row = self._task(task_id)
        step = self._account.done_step(row.get("boardId"))
        if reading.is_done(row, step):
            return
        if step is None:
            raise Rejected(VENDOR, "complete task", "the task stands on no board that has a done column", 400)
        self._account.send("PUT", _task_path(task_id), {"stepId": step}, "complete task")

    def assign_task(self, task_id: str, user: str) -> None:
        self._account.send("PUT", _task_path(task_id), {"responsibleId": writing.whole(user, "assignee")}, "assign task")

    def task(self, task_id: str) -> TaskState:
        row = self._task(task_id)
        done = reading.is_done(row, None) or reading.is_done(row, self._account.done_step(row.get("boardId")))
        return TaskState(str(row["id"]), done, reading.text_id(row.get("responsibleId")))

    def _task(self, task_id: str) -> Row:
        return self._account.one(_task_path(task_id), "read task")

    # --- calls and notes: comments (8)

    def log_call(self, draft: CallDraft) -> str:
        """A comment on one card: no call can be created."""
        return self._comment(self._card(draft.targets), writing.comment_of(draft))

    def add_note(self, targets: tuple[Ref, ...], text: str, marker: str) -> str:
        return self._comment(self._card(targets), writing.text_with(text, writing.marker_line(marker)))

    def _card(self, targets: Sequence[Ref]) -> Ref:
        """What a comment hangs on: the contact, or the deal where the settings say so, else the other."""
        kinds = [RecordKind.CONTACT, RecordKind.DEAL]
        for kind in reversed(kinds) if self._connection.deal_first else kinds:
            key = writing.first(targets, kind)
            if key:
                return Ref(kind, key)
        raise Rejected(VENDOR, "create comment", "a comment needs a contact or a deal", 400)

    def _comment(self, card: Ref, text: str) -> str:
        """The id names the card as well, because nothing else leads to a comment."""
        return _comment_key(card, self._account.new_id(f"{_record_path(card)}/comments", {"message": text}, "create comment"))

    def add_recording(self, sort: Written, written_id: str, link: str) -> None:
        """Two requests: what stands there is read first, so that the link is added once."""
        if sort is Written.TASK:
            self._add_to_task(written_id, link)
        else:
            self._add_to_card(written_id, link)

    def _add_to_task(self, task_id: str, link: str) -> None:
        text = str(self._task(task_id).get("description") or "")
        if not reading.has_line(text, link):
            self._account.send("PUT", _task_path(task_id), {"description": writing.text_with(text, link)}, "add recording")

    def _add_to_card(self, key: str, link: str) -> None:
        """A comment cannot be changed, so the link becomes one of its own, headed as the first one."""
        card, comment = _card_and_comment(key)
        comments = reading.rows_of(self._account.one(_record_path(card), "read card").get("comments"))
        own = next((row for row in comments if str(row.get("id")) == comment), None)
        if own is None:
            raise Gone(VENDOR, "read comment", "there is no such comment")
        if not any(reading.has_line(row.get("text"), link) for row in comments):
            head = str(own.get("text") or "").partition("\n")[0]
            self._comment(card, writing.text_with(head, link))

    # --- writes whose answer was lost (10)

    def find_by_marker(self, trace: Trace) -> str | None:
        if trace.sort is Written.RECORD and trace.kind is not None:
            return lost.record_id(self._account, trace, trace.kind)
        if trace.sort is Written.TASK:
            return lost.task_id(self._account, trace)
        card = self._card(trace.targets)
        found = lost.comment_id(self._account, card, trace.marker)
        return _comment_key(card, found) if found else None

    # --- the account (6, 11)

    def users(self) -> tuple[User, ...]:
        return self._account.users()

    def fields(self, kind: RecordKind) -> tuple[CrmField, ...]:
        return self._account.fields(kind)

    def check(self) -> tuple[Lack, ...]:
        return self._account.lacks()

    def link(self, ref: Ref) -> str:
        return self._connection.web_url + LINKS[ref.kind] + segment(ref.id)

    def close(self) -> None:
        """Hang up kept connections."""
        self.http.close()
        self._connection.credentials.close()


# --- helpers


def _path(kind: RecordKind) -> str:
    """Where a kind lives; raises Rejected for one that SendPulse does not have here."""
    if kind not in PATHS:
        raise Rejected(VENDOR, "write record", f"there is no {kind.value} in SendPulse", 400)
    return PATHS[kind]


def _record_path(ref: Ref) -> str:
    """The path of one record. What cannot be an id is gone before it is asked for."""
    if not writing.is_number(ref.id):
        raise Gone(VENDOR, "read record", "this cannot be its id")
    return f"{_path(ref.kind)}/{ref.id}"


def _task_path(task_id: str) -> str:
    if not writing.is_number(task_id):
        raise Gone(VENDOR, "read task", "this cannot be its id")
    return f"{TASKS}/{task_id}"


def _comment_key(card: Ref, comment: str) -> str:
    """A comment is known below its card only: `contacts/7001/comments/5`."""
    return f"{_record_path(card).removeprefix('/')}/comments/{comment}"


def _card_and_comment(key: str) -> tuple[Ref, str]:
    found = _COMMENT.fullmatch(key)
    kind = next((kind for kind, path in PATHS.items() if found and path == f"/{found[1]}"), None)
    if found is None or kind is None:
        raise Gone(VENDOR, "read comment", "this cannot be its id")
    return Ref(kind, found[2]), found[3]


def _linked(draft: Draft, drafts: Sequence[Draft], refs: Mapping[str, Ref]) -> tuple[Ref, ...]:
    """What the draft is linked to so far, whichever of the two names the other."""
    own = [link if isinstance(link, Ref) else refs.get(link) for link in draft.links]
    others = [refs.get(other.key) for other in drafts if draft.key in other.links]
    return tuple(ref for ref in (*own, *others) if ref is not None)
