"""The Zoho Desk twin: dispatch, and how tests and the stand put things into it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NoReturn

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Clock, Connection, Refused, Status, Twin, locked, utc_now
from sandbox.twins.zoho_desk import access, wire
from sandbox.twins.zoho_desk.account import Account
from sandbox.twins.zoho_desk.activities import new_activity, set_task_status
from sandbox.twins.zoho_desk.neutral import record_words, task_words
from sandbox.twins.zoho_desk.records import new_row, set_status
from sandbox.twins.zoho_desk.routes import ROUTES, Route
from sandbox.twins.zoho_desk.state import (
    ACCOUNTS,
    CONTACTS,
    KINDS,
    TASKS,
    TICKETS,
    Row,
    State,
    add_built_in,
    add_field,
    time_text,
)

BASE = "/api/v1"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
FIELD_TYPES = {"text": "Text", "number": "Number", "date": "Date", "phone": "Phone", "option": "Picklist"}


class ZohoDeskTwin(Twin):
    """A portal with one department and one administrator.

    `clock` and `search_lag` as for every twin; `account` says how the portal is set up, `set` changes it.
    """

    vendor: ClassVar[str] = "zoho_desk"
    title: ClassVar[str] = "Zoho Desk"

    def __init__(self, *, clock: Clock = utc_now, search_lag: timedelta = timedelta(0), account: Account | None = None) -> None:
        self.account = account or Account()
        super().__init__(clock=clock, search_lag=search_lag)

    @locked
    def set(self, **changes: Any) -> None:
        """Change the portal's set-up; the day's credits begin anew."""
        self.account = replace(self.account, **changes)
        self.meter = access.Meter(self)

    def forget(self) -> None:
        self.state = State(self.ids, self.clock)
        self.grants = access.Grants(self)
        self.meter = access.Meter(self)
        add_built_in(self.state)
        self.department = self.seed_department("Support")
        self.admin = self.seed_user(name="Admin", email="admin@example.com", admin=True)

    # ---- answering

    def rules(self) -> Iterator[Rule]:
        yield Rule("/oauth/v2/token", methods=["POST"], endpoint=self._token)
        for route in ROUTES:
            yield Rule(BASE + route.path, methods=[route.method], endpoint=_Endpoint(self, route))

    def _token(self, request: Request) -> Response:
        return access.token(self, request)

    def run(self, route: Route, request: Request, args: Mapping[str, Any]) -> Response:
        """One call of the API: sign-in, portal, credits, scope, then the work. Every answer tells its price (2)."""
        token = self.grants.live(request.headers.get("Authorization", ""))
        if token is None:
            return self.unauthorised()
        answer = None if route.path == "/organizations" else access.wrong_portal(self, request)
        if answer is None and not self.meter.pay(route.cost):
            answer = self.meter.used_up()
        if answer is None and not access.in_scope(route.scopes, route.method, token.scopes):
            answer = self.no_right()
        if answer is None:
            answer = self._work(route, wire.Call(self, request, {"module": route.module, **args}))
        answer.headers.update(self.meter.headers(route.cost))
        return answer

    def _work(self, route: Route, call: wire.Call) -> Response:
        try:
            return route.handler(call)
        except wire.Invalid as refused:
            return wire.error(refused.status, refused.words, refused.code, refused.errors)
        except Refused as refused:
            return self.refusal(refused.status, refused.words, refused.code)

    def refusal(self, status: int, words: str, code: str = "") -> Response:
        return wire.error(status, words, code)

    def unauthorised(self) -> Response:
        return wire.error(401, "The OAuth Token you provided is invalid.", "INVALID_OAUTH")

    def no_right(self) -> Response:
        return wire.error(403, "Your access token does not cover this operation.", "SCOPE_MISMATCH")

    def too_many(self) -> Response:
        """Too many calls at the same time; no `Retry-After` (2)."""
        answer = wire.error(429, "Too many requests at the same time.")
        answer.headers.update(self.meter.headers(0))
        return answer

    # ---- tokens

    @locked
    def grant(self, scopes: tuple[str, ...] | None = None) -> access.Token:
        """An access token and its refresh token, as a self client has them."""
        given = self.account.scopes if scopes is None else scopes
        return self.grants.issue(self.grants.grant(given))

    @locked
    def expire_access_tokens(self) -> None:
        """Calls answer 401 until somebody refreshes."""
        self.grants.access.clear()

    @locked
    def revoke_grants(self) -> None:
        """The user takes the access back."""
        self.grants.access.clear()
        self.grants.refresh.clear()

    # ---- seeds of the portal

    def connection(self, url: str) -> Connection:
        account, token = self.account, self.grant()
        options = {"base_url": url, "accounts_url": url, "org_id": account.org_id, "portal": account.portal,
                   "department_id": self.department}  # fmt: skip
        facts = {"access_token": token.access, "refresh_token": token.refresh, "scope": " ".join(token.scopes)}
        secrets = {"client_id": account.client_id, "client_secret": account.client_secret, "grant": json.dumps(facts)}
        return Connection(options, secrets)

    @locked
    def seed_department(self, name: str, *, enabled: bool = True) -> str:
        key = self.state.new_id()
        self.state.departments[key] = {"id": key, "name": name, "isEnabled": enabled}
        return key

    @locked
    def seed_user(self, *, name: str, email: str = "", active: bool = True, admin: bool = False) -> str:
        key, (first, _, last) = self.state.new_id(), name.partition(" ")
        self.state.agents[key] = {
            "id": key, "emailId": email, "firstName": first if last else "", "lastName": last or first, "name": name,
            "status": "ACTIVE" if active else "DISABLED", "zuid": str(7654321 + self.ids.number("zuid")), "extn": "",
            "phone": "", "mobile": "", "rolePermissionType": "Admin" if admin else "AgentPersonal",
            "associatedDepartmentIds": [self.department],
        }  # fmt: skip
        return key

    @locked
    def seed_field(self, kind: str, name: str, field_type: str = "text", options: Sequence[str] = ()) -> str:
        return add_field(self.state, _module(kind), name, FIELD_TYPES.get(field_type, field_type), options)

    # ---- seeds of records

    @locked
    def seed_contact(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        first, _, last = (name or phone or "Unknown").partition(" ")
        words = {"firstName": first if last else None, "lastName": last or first, "phone": phone}
        words |= {"ownerId": owner, "accountId": organization}
        adopted = self.state.adoptable.pop(phone, None) if phone else None
        row = self.state.tables[CONTACTS][adopted] if adopted else new_row(self, CONTACTS, words)
        row.update(words)
        return self._seeded(CONTACTS, row, updated, attribution)

    @locked
    def seed_organization(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        row = new_row(self, ACCOUNTS, {"accountName": name or phone or "Unknown", "phone": phone, "ownerId": owner})
        return self._seeded(ACCOUNTS, row, updated, attribution)

    def seed_lead(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> NoReturn:  # fmt: skip
        raise NotImplementedError("Zoho Desk has no leads (crm_zohodesk.md 6): seed a deal, which is a ticket")

    @locked
    def seed_deal(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None, pipeline: str | None = None, stage: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        words = {"subject": name or f"Ticket {phone or ''}".strip(), "phone": phone, "assigneeId": owner, "status": stage}
        words |= {"contactId": contact or self._contact_with(phone), "departmentId": pipeline or self.department}
        if organization:
            self.state.tables[CONTACTS][str(words["contactId"])]["accountId"] = organization
        key = self._seeded(TICKETS, new_row(self, TICKETS, words), updated, attribution)
        if status != "open":
            self.set_status("deal", key, status)
        return key

    @locked
    def seed_task(
        self, *, title: str, text: str = "", completed: bool = False, assignee: str | None = None,
        due_at: datetime | None = None, targets: Sequence[tuple[str, str]] = (), updated: datetime | None = None,
    ) -> str:  # fmt: skip
        links = dict(targets)
        body = {"subject": title, "description": text, "ownerId": assignee, "departmentId": self.department}
        body |= {"contactId": links.get("contact"), "ticketId": links.get("deal")}
        row = new_activity(self, TASKS, {**body, "dueDate": time_text(due_at) if due_at else None})
        row["createdTime"] = row["modifiedTime"] = time_text(updated or self.clock())
        if completed:
            self.finish_task(row["id"])
        return str(row["id"])

    def _contact_with(self, phone: str | None) -> str:
        """The contact a ticket needs (7), when it is seeded with a phone only; `seed_contact` adopts it."""
        for key, row in self.state.tables[CONTACTS].items():
            if phone and row["phone"] == phone:
                return key
        made = self.seed_contact(phone=phone)
        if phone:
            self.state.adoptable[phone] = made
        return made

    def _seeded(self, module: str, row: Row, updated: datetime | None, attribution: Mapping[str, str] | None) -> str:
        """Store a seed: searchable at once, last changed when told so."""
        row["cf"].update({self._field_named(module, name): value for name, value in (attribution or {}).items()})
        row["createdTime"] = row["modifiedTime"] = time_text(updated or self.clock())
        self.state.indexed[row["id"]] = LONG_AGO
        return str(row["id"])

    def _field_named(self, module: str, name: str) -> str:
        """The api name of the custom field of that name, made when the portal has none."""
        for api_name, field in self.state.fields[module].items():
            if field["isCustomField"] and field["displayLabel"].lower().removeprefix("patchcord_") == name:
                return api_name
        return add_field(self.state, module, name, "Text", ())

    # ---- what people do in Desk's own pages

    def _row(self, kind: str, key: str) -> Row:
        return self.state.tables[_module(kind)][key]

    @locked
    def set_owner(self, kind: str, record_id: str, owner: str) -> None:
        row = self._row(kind, record_id)
        row["assigneeId" if kind == "deal" else "ownerId"] = owner
        self.state.touch(row)

    @locked
    def set_status(self, kind: str, record_id: str, status: Status) -> None:
        """A ticket is open or closed; won, lost and archived are closed ones."""
        row = self._row(kind, record_id)
        set_status(self, row, "Open" if status == "open" else "Closed")

    @locked
    def set_ticket_status(self, ticket: str, status: str) -> None:
        """One of the portal's own statuses, such as On Hold."""
        set_status(self, self._row("deal", ticket), status)

    @locked
    def finish_task(self, task_id: str) -> None:
        row = self.state.tables[TASKS][task_id]
        set_task_status(self, row, "Completed")
        self.state.touch(row)

    @locked
    def remove(self, kind: str, record_id: str) -> None:
        del self.state.tables[TASKS if kind == "task" else _module(kind)][record_id]

    # ---- how things stand

    @locked
    def records(self, kind: str) -> list[dict[str, Any]]:
        module = _module(kind)
        return [record_words(self.state, module, row) for row in self.state.tables[module].values()]

    @locked
    def tasks(self) -> list[dict[str, Any]]:
        rows = self.state.tables[TASKS].values()
        return [{"kind": "task", "id": row["id"], **task_words(row, self.marker_in_text)} for row in rows]


class _Endpoint:
    """A route of a twin, callable as the base calls endpoints."""

    def __init__(self, twin: ZohoDeskTwin, route: Route) -> None:
        self._twin, self._route = twin, route

    def __call__(self, request: Request, **args: Any) -> Response:
        return self._twin.run(self._route, request, args)


def _module(kind: str) -> str:
    """The vendor's module of a neutral kind; Desk has no leads (6)."""
    if kind not in KINDS:
        raise NotImplementedError(f"Zoho Desk has no {kind}s (crm_zohodesk.md 6)")
    return KINDS[kind]
