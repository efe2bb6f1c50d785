"""The Bitrix24 twin: dispatch, and how tests and the stand put things into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from patchcord.model.events import ATTRIBUTION
from sandbox.twins.base import Clock, Connection, Refused, Status, Twin, json_answer, locked, utc_now
from sandbox.twins.bitrix24 import access, wire
from sandbox.twins.bitrix24.account import Account
from sandbox.twins.bitrix24.activities import TODO, activity_row, kind_of, words_of
from sandbox.twins.bitrix24.batch import batch
from sandbox.twins.bitrix24.fields import USER_TYPES, field_row
from sandbox.twins.bitrix24.items import convert, new_row, store
from sandbox.twins.bitrix24.methods import method_of
from sandbox.twins.bitrix24.neutral import UTM, record_row, task_words
from sandbox.twins.bitrix24.recorder import Recorder
from sandbox.twins.bitrix24.state import (
    COMPANY,
    CONTACT,
    DEAL,
    KINDS,
    LEAD,
    LETTERS,
    LONG_AGO,
    Row,
    State,
    add_category,
    stage_list,
    user_row,
    whole,
)
from sandbox.twins.bitrix24.tasks import DONE, task_row


class Bitrix24Twin(Twin):
    """A portal with one administrator (user 1), whose webhook it is, and one pipeline of deals.

    `clock` and `search_lag` as for every twin; `account` says how the portal is set up, `set` changes it.
    """

    vendor: ClassVar[str] = "bitrix24"
    title: ClassVar[str] = "Bitrix24"

    def __init__(self, *, clock: Clock = utc_now, search_lag: timedelta = timedelta(0), account: Account | None = None) -> None:
        self.account = account or Account()
        super().__init__(clock=clock, search_lag=search_lag)

    @locked
    def set(self, **changes: Any) -> None:
        """Change the portal's set-up; the limits begin anew."""
        self.account = replace(self.account, **changes)
        self.gate = access.Gate(self)

    def forget(self) -> None:
        self.state = State(self.ids, self.clock, self.account.offset)
        self.grants = access.Grants(self)
        self.gate = access.Gate(self)
        self.recorder = Recorder(self)
        add_category(self.state, "General")
        self.seed_user(name="Admin", email="admin@example.com", admin=True)

    # ---- answering

    def rules(self) -> Iterator[Rule]:
        yield Rule("/oauth/authorize/", methods=["GET"], endpoint=self._authorize)
        yield Rule("/oauth/token/", methods=["GET", "POST"], endpoint=self._token)
        yield Rule("/rest/<int:user>/<code>/<method>", methods=["GET", "POST"], endpoint=self._webhook)
        yield Rule("/rest/<method>", methods=["GET", "POST"], endpoint=self._application)

    def _authorize(self, request: Request) -> Response:
        return access.authorize(self, request)

    def _token(self, request: Request) -> Response:
        return access.token(self, request)

    def _webhook(self, request: Request, user: int, code: str, method: str) -> Response:
        self.gate.enter()
        return self._answer(request, access.by_webhook(self, user, code), method)

    def _application(self, request: Request, method: str) -> Response:
        self.gate.enter()
        return self._answer(request, access.by_token(self, wire.params_of(request).get("auth")), method)

    def _answer(self, request: Request, visitor: access.Visitor, name: str) -> Response:
        """One request: a method, or a batch of them. What was written is told at its end, also after a refusal."""
        if not self.account.paid:
            raise Refused(403, "REST API is available only on commercial plans", "ACCESS_DENIED")
        params = {key: value for key, value in wire.params_of(request).items() if key != "auth"}
        call = wire.Call(self, params, visitor.user, visitor.app, visitor.scopes)
        method = name.removesuffix(".json")
        try:
            return wire.ok(batch(call) if method == "batch" else self.work(method, call), self.time_of(method))
        finally:
            self.recorder.flush()

    def work(self, method: str, call: wire.Call) -> wire.Result:
        """Carry out one method, alone or inside of a batch."""
        handler = method_of(method, app=call.app, scopes=call.scopes)
        self.gate.charge(method.lower())
        return handler(call)

    def time_of(self, method: str) -> Row:
        """The `time` of an answer (3)."""
        now, shown = self.clock().timestamp(), self.state.now()
        operating, resets = self.gate.operating(method.lower())
        return {"start": now, "finish": now, "duration": 0.05, "processing": 0.02, "date_start": shown, "date_finish": shown,
                "operating_reset_at": resets, "operating": operating}  # fmt: skip

    def refusal(self, status: int, words: str, code: str = "") -> Response:
        """The vendor's error; without a code the one that usually comes with the status."""
        body = wire.error_body(Refused(status, words, code or wire.CODES.get(status, "INTERNAL_SERVER_ERROR")))
        return json_answer({**body, "time": self.time_of("")} if status == 429 else body, status)

    def unauthorised(self) -> Response:
        return self.refusal(401, "The access token provided has expired.", "expired_token")

    def no_right(self) -> Response:
        return self.refusal(403, "The request requires higher privileges than provided", "insufficient_scope")

    def too_many(self) -> Response:
        return self.refusal(429, "Method is blocked due to operation time limit.", "OPERATION_TIME_LIMIT")

    # ---- tokens and webhooks

    @locked
    def grant(self, user: str = "1", scopes: tuple[str, ...] | None = None) -> access.Grant:
        """An OAuth grant (access and refresh token) as an installed application has it."""
        return self.grants.issue(int(user), self.account.scopes if scopes is None else scopes)

    @locked
    def expire_access_tokens(self) -> None:
        """Calls answer 401 expired_token until somebody refreshes."""
        self.grants.expire()

    @locked
    def revoke_grants(self) -> None:
        """The application is removed from the portal."""
        self.grants.revoke()

    # ---- seeds of the portal

    def webhook(self, url: str) -> str:
        """The webhook's address as Bitrix24 shows it to its maker."""
        return f"{url}/rest/{self.account.webhook_user}/{self.account.webhook_code}/"

    def connection(self, url: str) -> Connection:
        return Connection({"base_url": url}, {"webhook": self.webhook(url)})

    @locked
    def seed_user(self, *, name: str, email: str = "", active: bool = True, admin: bool = False) -> str:
        row = user_row(self.state, name=name, email=email, active=active)
        if admin:
            self.state.admins.add(int(row["ID"]))
        return str(row["ID"])

    @locked
    def set_user_active(self, user: str, active: bool) -> None:
        """Somebody dismisses a user; his webhook dies with him."""
        self.state.users[int(user)]["ACTIVE"] = active

    @locked
    def seed_pipeline(self, name: str) -> tuple[str, tuple[str, ...]]:
        """A further pipeline of deals: its id and its stages."""
        key = add_category(self.state, name)
        return str(key), tuple(code for code, _ in self.state.stages[stage_list(key)])

    @locked
    def seed_field(self, kind: str, name: str, field_type: str = "text", options: Sequence[str] = ()) -> str:
        return str(field_row(self.state, KINDS[kind], name, USER_TYPES[field_type], options)["code"])

    # ---- seeds of records

    @locked
    def seed_contact(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        adopted = self.state.adoptable.pop(phone, None) if phone else None
        row = self.state.items[CONTACT][adopted] if adopted else new_row(self.state, CONTACT, 1)
        row |= {"name": name or row["name"] or phone or "Unknown", "companyId": whole(organization)}
        row["companyIds"] = [row["companyId"]] if row["companyId"] else []
        return self._seeded(CONTACT, row, phone, owner, updated, attribution)

    @locked
    def seed_organization(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        row = new_row(self.state, COMPANY, 1)
        row["title"] = name or row["title"]
        return self._seeded(COMPANY, row, phone, owner, updated, attribution)

    @locked
    def seed_lead(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        row = new_row(self.state, LEAD, 1)
        row |= {"title": name or row["title"], **_links(whole(contact), organization)}
        key = self._seeded(LEAD, row, phone, owner, updated, attribution)
        self._put_status("lead", key, status)
        return key

    @locked
    def seed_deal(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None, pipeline: str | None = None, stage: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        row = new_row(self.state, DEAL, 1)
        row |= {"title": name or row["title"], "categoryId": whole(pipeline) or 0}
        row["stageId"] = stage or self.state.stages[stage_list(row["categoryId"])][0][0]
        row |= _links(whole(contact) or self._contact_with(phone), organization)
        key = self._seeded(DEAL, row, None, owner, updated, attribution)
        self._put_status("deal", key, status)
        return key

    @locked
    def seed_task(
        self, *, title: str, text: str = "", completed: bool = False, assignee: str | None = None,
        due_at: datetime | None = None, targets: Sequence[tuple[str, str]] = (), updated: datetime | None = None,
    ) -> str:  # fmt: skip
        pairs = [(KINDS[kind], int(key)) for kind, key in targets]
        entity, key = pairs[0] if pairs else (0, 0)
        row = activity_row(self.state, entity=entity, key=key, user=whole(assignee) or 1, subject=title)
        row |= {"PROVIDER_ID": TODO, "DESCRIPTION": text, "DESCRIPTION_TYPE": 2, "BINDINGS": pairs}
        row["DEADLINE"] = self.state.time(due_at) if due_at else None
        row["CREATED"] = row["LAST_UPDATED"] = self.state.time(updated or self.clock())
        if completed:
            self.finish_task(str(row["ID"]))
        return str(row["ID"])

    @locked
    def seed_portal_task(self, *, title: str, targets: Sequence[tuple[str, str]] = ()) -> str:
        """A task of the task manager."""
        row = task_row(self.state, title, 1)
        row["UF_CRM_TASK"] = [f"{LETTERS[KINDS[kind]]}_{key}" for kind, key in targets]
        return str(row["ID"])

    def _contact_with(self, phone: str | None) -> int | None:
        """The contact of a deal that is seeded with a phone only; `seed_contact` adopts it."""
        if not phone:
            return None
        for key, row in self.state.items[CONTACT].items():
            if any(entry["value"] == phone for entry in row["fm"]):
                return key
        made = int(self.seed_contact(phone=phone))
        self.state.adoptable[phone] = made
        return made

    def _seeded(
        self, entity: int, row: Row, phone: str | None, owner: str | None, updated: datetime | None,
        attribution: Mapping[str, str] | None,
    ) -> str:  # fmt: skip
        """Store a seed: searchable at once, last changed when told so."""
        row["assignedById"] = whole(owner) or row["assignedById"]
        if phone:
            row["fm"] = [{"id": self.ids.number("fm"), "typeId": "PHONE", "valueType": "WORK", "value": phone}]
        row |= {self._field_named(entity, name): value for name, value in (attribution or {}).items()}
        row["createdTime"] = row["updatedTime"] = self.state.time(updated or self.clock())
        store(self.state, entity, row)
        self.state.indexed[entity, row["id"]] = LONG_AGO
        return str(row["id"])

    def _field_named(self, entity: int, name: str) -> str:
        """The field for a parameter: one of the portal's own that is called so, else the UTM fields, else a new one."""
        for code, own in self.state.fields[entity].items():
            if own["label"].lower().removeprefix("patchcord_") == name:
                return code
        native = next((field for field, parameter in UTM.items() if parameter == name), None)
        if native is None and name not in ATTRIBUTION:
            raise ValueError(f"{name} is no parameter of a visit")
        return native or str(field_row(self.state, entity, name, "string", ())["code"])

    # ---- what people do in the portal's own pages

    def _row(self, kind: str, key: str) -> Row:
        return self.state.items[KINDS[kind]][int(key)]

    @locked
    def set_owner(self, kind: str, record_id: str, owner: str) -> None:
        self._row(kind, record_id).update(assignedById=int(owner), updatedTime=self.state.now())

    @locked
    def set_status(self, kind: str, record_id: str, status: Status) -> None:
        self._row(kind, record_id)["updatedTime"] = self.state.now()
        self._put_status(kind, record_id, status)

    def _put_status(self, kind: str, record_id: str, status: Status) -> None:
        """Closed and archived are failures here; a converted lead becomes a deal."""
        row, entity = self._row(kind, record_id), KINDS[kind]
        if kind == "lead" and status == "converted":
            convert(self.state, row)
            return
        wanted = {"open": None, "won": "S", "converted": "S"}.get(status, "F")
        stages = self.state.stages_of(entity, row)
        if (self.state.semantics(entity, row) == "P") != (wanted is None) or wanted:
            row["stageId"] = next(code for code, semantics in stages if semantics == wanted)

    @locked
    def finish_task(self, task_id: str) -> None:
        if int(task_id) in self.state.tasks:
            self.state.tasks[int(task_id)]["STATUS"] = DONE
        else:
            self.state.activities[int(task_id)] |= {"COMPLETED": "Y", "STATUS": "2"}

    @locked
    def remove(self, kind: str, record_id: str) -> None:
        if kind == "task":
            table = self.state.tasks if int(record_id) in self.state.tasks else self.state.activities
            del table[int(record_id)]
        else:
            del self.state.items[KINDS[kind]][int(record_id)]

    # ---- how things stand

    @locked
    def records(self, kind: str) -> list[dict[str, Any]]:
        entity = KINDS[kind]
        return [record_row(self.state, entity, row) for row in self.state.items[entity].values()]

    @locked
    def tasks(self) -> list[dict[str, Any]]:
        """To-dos and calls of cards, and the tasks of the task manager."""
        call = wire.Call(self, {}, self.account.webhook_user, False, ())
        activities = [
            {"kind": kind_of(row), "id": str(row["ID"]), **words_of(call, row)} for row in self.state.activities.values()
        ]
        marker, me = self.marker_in_text, self.account.webhook_user
        others = [{"kind": "task", "id": str(key), **task_words(row, marker, me)} for key, row in self.state.tasks.items()]
        return [*activities, *others]


def _links(contact: int | None, organization: str | None) -> Row:
    return {"contactId": contact, "contactIds": [contact] if contact else [], "companyId": whole(organization)}
