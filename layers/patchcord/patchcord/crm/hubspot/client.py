"""HubSpot behind the port: which requests are made, in which order (crm_hubspot.md 6-16)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from patchcord.crm.errors import CrmError, Gone, Rejected
from patchcord.crm.http import Http
from patchcord.crm.hubspot import reading, writing
from patchcord.crm.hubspot.account import Account, unknown_pipeline
from patchcord.crm.hubspot.declaration import DECLARATION, VENDOR, VERSION, WITHOUT_LEADS, Connection, HubSpotDialect
from patchcord.crm.hubspot.lookup import LookUp
from patchcord.crm.hubspot.lost import LostWrites
from patchcord.crm.hubspot.reading import Row
from patchcord.crm.hubspot.writing import BODIES, CALLS, NOTES, OBJECTS, RECORDING, TASKS, Body
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
from patchcord.model.phone import Phone, digits_of
from patchcord.model.records import Record, RecordKind, Ref
from patchcord.wire import Answer, segment

CREATION_ORDER = (RecordKind.ORGANIZATION, RecordKind.CONTACT, RecordKind.LEAD, RecordKind.DEAL)
TYPE_IDS = {RecordKind.CONTACT: "0-1", RecordKind.ORGANIZATION: "0-2", RecordKind.LEAD: "0-136", RecordKind.DEAL: "0-3"}
PLACES = {RecordKind.LEAD: ("hs_pipeline", "hs_pipeline_stage"), RecordKind.DEAL: ("pipeline", "dealstage")}
NOTE_LOG = "note:"
"""Before the id of a log that is a note, to tell it from a call."""
OBJECT_OF = {Written.TASK: TASKS, Written.LOG: CALLS, Written.NOTE: NOTES}

Send = Callable[[Mapping[str, str]], Answer]
"""Sends a creation with the properties of the account's own that are given to it."""


class HubSpot:
    """One connection to a company's HubSpot."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.declaration = DECLARATION if connection.leads else WITHOUT_LEADS
        self.http = Http(
            VENDOR,
            connection.base_url,
            connection.credentials,
            time_out=DECLARATION.time_out,
            rate=DECLARATION.rate,
            dialect=HubSpotDialect(),
        )
        self._account = Account(self.http, connection, self.declaration.kinds)
        self._look_up = LookUp(self.http, leads=connection.leads, closed_stages=connection.closed_lead_stages)
        self._lost = LostWrites(self.http, connection.marker)
        self._unmarked: set[str] = set()

    def find(self, phone: Phone, search: Search) -> tuple[Record, ...]:
        return self._look_up.find(phone, search)

    # --- records (8)

    def create(self, drafts: Sequence[Draft]) -> Created:
        """Company, contact, lead or deal, one request each; no call goes across sorts (14)."""
        refs: dict[str, Ref] = {}
        for draft in sorted(drafts, key=lambda draft: CREATION_ORDER.index(draft.kind)):
            try:
                refs[draft.key] = self._create(draft, _linked(draft, drafts, refs))
                self._link_contacts(draft, refs[draft.key])
            except CrmError as error:
                return Created(refs, draft.key, error)
        return Created(refs)

    def _create(self, draft: Draft, links: Sequence[Ref]) -> Ref:
        name, place = OBJECTS[draft.kind], self._place(draft)

        def send(own: Mapping[str, str]) -> Answer:
            return self._post(name, writing.record_body(draft, links, own, place))

        def with_types(own: Mapping[str, str]) -> Answer:
            return self._with_types(name, draft.fields, lambda fields: send({**fields, **own}))

        try:
            return Ref(draft.kind, self._marked(name, draft.marker, with_types))
        except Rejected as error:
            existing = self._of_email(draft, links) if error.status == 409 and draft.email else None
            if existing is None:
                raise
            return existing

    def _post(self, name: str, body: Body) -> Answer:
        return self.http.call("POST", _path(name), json=body, operation=f"create {name}", cost="write")

    def _patch(self, name: str, key: str, properties: Mapping[str, str]) -> Answer:
        body = {"properties": dict(properties)}
        return self.http.call("PATCH", _path(name, key), json=body, operation=f"update {name}", cost="write")

    def _marked(self, name: str, marker: str, send: Send) -> str:
        """Create with our marker in its property; without it where the account turns out to have none (4, 15).

        A value that is used already means that the object was made before: its id is the answer.
        """
        own, operation = self._connection.marker, f"create {name}"
        if not own or name in self._unmarked:
            return reading.id_of(send({}), operation)
        try:
            return reading.id_of(send({own: marker}), operation)
        except Rejected as error:
            about_marker = own in error.words
            existing = self._made_before(name, marker) if about_marker or error.status == 409 else None
            if existing is not None:
                return existing
            if not about_marker:
                raise
        self._unmarked.add(name)
        return reading.id_of(send({}), operation)

    def _made_before(self, name: str, marker: str) -> str | None:
        try:
            return self._lost.by_marker(name, marker)
        except Rejected:
            return None

    def _with_types(self, name: str, fields: Mapping[str, str], send: Send) -> Answer:
        """Send values as texts, and as what their properties take once texts were refused (12)."""
        if self._account.knows(name):
            return send(self._typed(name, fields))
        try:
            return send(fields)
        except Rejected:
            values = self._typed(name, fields) if fields else fields
            if values == fields:
                raise
        return send(values)

    def _typed(self, name: str, fields: Mapping[str, str]) -> dict[str, str]:
        rows = {row.get("name"): row for row in self._account.properties(name)}
        return {key: writing.typed(text, rows.get(key, {})) for key, text in fields.items()}

    def _place(self, draft: Draft) -> dict[str, str]:
        """Pipeline and stage: a deal needs a stage, a lead takes the first of the default pipeline (8.3, 8.4)."""
        if draft.kind not in PLACES or (draft.kind is RecordKind.LEAD and not (draft.pipeline or draft.stage)):
            return {}
        known = self._connection
        pipeline = draft.pipeline or (known.deal_pipeline if draft.kind is RecordKind.DEAL else "")
        usual = known.deal_stage if draft.kind is RecordKind.DEAL and pipeline == known.deal_pipeline else ""
        stage = draft.stage or usual or self._first_stage(draft.kind, pipeline)
        return {name: text for name, text in zip(PLACES[draft.kind], (pipeline, stage), strict=True) if text}

    def _first_stage(self, kind: RecordKind, pipeline: str) -> str:
        stages = self._account.stages(OBJECTS[kind]).get(pipeline, ())
        if not stages:
            raise unknown_pipeline(pipeline)
        return stages[0]

    def _of_email(self, draft: Draft, links: Sequence[Ref]) -> Ref | None:
        """The contact that has the address already (4): it gets the number, where there is room, and the company."""
        path, operation = f"{_path('contacts')}/batch/read", "read contact by e-mail"
        body = {"idProperty": "email", "inputs": [{"id": draft.email}], "properties": list(reading.NUMBERS[RecordKind.CONTACT])}
        rows = reading.results_of(self.http.call("POST", path, json=body, operation=operation), operation)
        if not rows:
            return None
        ref = Ref(RecordKind.CONTACT, str(rows[0].get("id")))
        room = _room_for(rows[0], draft.phone)
        if room and draft.phone:
            self._patch("contacts", ref.id, {room: draft.phone})
        company = writing.first(links, RecordKind.ORGANIZATION)
        if company:
            self._associate(ref, Ref(RecordKind.ORGANIZATION, company))
        return ref

    def _link_contacts(self, draft: Draft, made: Ref) -> None:
        """A new company of contacts that exist: the links come later (9)."""
        for link in draft.links:
            if draft.kind is RecordKind.ORGANIZATION and isinstance(link, Ref) and link.kind is RecordKind.CONTACT:
                self._associate(link, made)

    def _associate(self, start: Ref, end: Ref) -> None:
        path = f"{_path(OBJECTS[start.kind], start.id)}/associations/default/{OBJECTS[end.kind]}/{segment(end.id)}"
        self.http.call("PUT", path, operation="associate", cost="write")

    def update(self, ref: Ref, change: Change) -> None:
        name = OBJECTS[ref.kind]
        if writing.change_properties(ref.kind, change, change.fields):
            self._with_types(
                name, change.fields, lambda own: self._patch(name, ref.id, writing.change_properties(ref.kind, change, own))
            )

    # --- tasks, calls, notes (10, 11)

    def create_task(self, draft: TaskDraft) -> str:
        return self._marked(TASKS, draft.marker, lambda own: self._post(TASKS, writing.task_body(draft, own)))

    def complete_task(self, task_id: str) -> None:
        self._patch(TASKS, task_id, {"hs_task_status": "COMPLETED"})

    def assign_task(self, task_id: str, user: str) -> None:
        self._patch(TASKS, task_id, writing.assignment(user))

    def task(self, task_id: str) -> TaskState:
        row = self._read(TASKS, task_id, "hs_task_status", "hubspot_owner_id")
        completed = reading.value(row, "hs_task_status") == "COMPLETED"
        return TaskState(str(row.get("id")), completed, reading.value(row, "hubspot_owner_id") or None)

    def _read(self, name: str, key: str, *properties: str) -> Row:
        operation = f"read {name}"
        answer = self.http.call("GET", _path(name, key), query={"properties": ",".join(properties)}, operation=operation)
        reading.id_of(answer, operation)
        row: Row = answer.json
        return row

    def log_call(self, draft: CallDraft) -> str:
        """A call with its recording, or a note if the draft wants one (10.3)."""
        if draft.kind is LogKind.NOTE:
            return NOTE_LOG + self._note(draft)
        linked = writing.is_playable(draft.recording)
        try:
            return self._call(draft, linked=linked)
        except Rejected as error:
            if not linked or RECORDING not in error.words:
                raise
        return self._call(draft, linked=False)

    def _call(self, draft: CallDraft, *, linked: bool) -> str:
        return self._marked(CALLS, draft.marker, lambda own: self._post(CALLS, writing.call_body(draft, own, linked=linked)))

    def _note(self, draft: CallDraft) -> str:
        text = "\n".join(part for part in (draft.title, draft.text) if part)
        more = {"recording": draft.recording, "owner": draft.author or draft.assignee}
        return self._marked(
            NOTES, draft.marker, lambda own: self._post(NOTES, writing.note_body(text, draft.marker, draft.targets, own, **more))
        )

    def add_note(self, targets: tuple[Ref, ...], text: str, marker: str) -> str:
        return self._marked(NOTES, marker, lambda own: self._post(NOTES, writing.note_body(text, marker, targets, own)))

    def add_recording(self, sort: Written, written_id: str, link: str) -> None:
        """Two requests: what stands there is read first, so that the link is added once."""
        name = NOTES if written_id.startswith(NOTE_LOG) else OBJECT_OF.get(sort, CALLS)
        key = written_id.removeprefix(NOTE_LOG)
        row = self._read(name, key, *([RECORDING, BODIES[CALLS]] if name == CALLS else [BODIES[name]]))
        text, known = reading.value(row, BODIES[name]), reading.value(row, RECORDING)
        if link == known or reading.has_link(text, link):
            return
        if name == CALLS and not known and writing.is_playable(link) and self._takes_recording(key, link):
            return
        self._patch(name, key, {BODIES[name]: text + writing.link_html(link)})

    def _takes_recording(self, key: str, link: str) -> bool:
        """Whether the call took the recording's address; perhaps only with the ending of a sound file (10.3)."""
        try:
            self._patch(CALLS, key, {RECORDING: link})
        except Rejected as error:
            if RECORDING not in error.words:
                raise
            return False
        return True

    def find_by_marker(self, trace: Trace) -> str | None:
        found = self._lost.find(trace)
        is_note = trace.sort is Written.LOG and trace.log is LogKind.NOTE
        return NOTE_LOG + found if found and is_note else found

    # --- the account (12, 13, 16)

    def users(self) -> tuple[User, ...]:
        return tuple(reading.read_user(row) for row in self._account.owners())

    def fields(self, kind: RecordKind) -> tuple[CrmField, ...]:
        """The properties of the kind that can be written."""
        rows = self._account.properties(OBJECTS[kind])
        return tuple(reading.read_field(row, kind) for row in rows if not reading.is_read_only(row))

    def check(self) -> tuple[Lack, ...]:
        return self._account.lacks()

    def link(self, ref: Ref) -> str:
        """Without a request where the settings name the account."""
        domain, account = self._account.place()
        return f"https://{domain}/contacts/{segment(account)}/record/{TYPE_IDS[ref.kind]}/{segment(ref.id)}"

    def close(self) -> None:
        """Hang up kept connections."""
        self.http.close()
        self._connection.credentials.close()


# --- helpers


def _path(name: str, key: str | None = None) -> str:
    """The path of a sort of object, or of one. What cannot be an id is gone before it is asked for."""
    if key is None:
        return f"/crm/objects/{VERSION}/{name}"
    if not writing.is_number(key):
        raise Gone(VENDOR, f"read {name}", "this cannot be its id")
    return f"/crm/objects/{VERSION}/{name}/{key}"


def _linked(draft: Draft, drafts: Sequence[Draft], refs: Mapping[str, Ref]) -> tuple[Ref, ...]:
    """What the draft is linked to so far, whichever of the two names the other."""
    own = [link if isinstance(link, Ref) else refs.get(link) for link in draft.links]
    others = [refs.get(other.key) for other in drafts if draft.key in other.links]
    return tuple(ref for ref in (*own, *others) if ref is not None)


def _room_for(row: Row, phone: str | None) -> str | None:
    """The property that can take the number; None when the contact has it, or both numbers already."""
    names = reading.NUMBERS[RecordKind.CONTACT]
    wanted = digits_of(phone or "")[-9:]
    if any(digits_of(reading.value(row, name))[-9:] == wanted for name in names):
        return None
    return next((name for name in names if not reading.value(row, name)), None)
