"""The Zoho CRM twin: dispatch, and how tests and the stand put things into it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Clock, Connection, Status, Twin, json_answer, locked, utc_now
from sandbox.twins.zoho_crm import access, activities, company, fields
from sandbox.twins.zoho_crm.account import Account
from sandbox.twins.zoho_crm.neutral import activity_words, record_words
from sandbox.twins.zoho_crm.routes import BASE, ROUTES, Route
from sandbox.twins.zoho_crm.state import (
    ACCOUNTS,
    CONTACTS,
    DEALS,
    KINDS,
    LEADS,
    STAGES,
    STANDARD_PIPELINE,
    TASKS,
    Row,
    State,
)
from sandbox.twins.zoho_crm.wire import Call, Reply, Wrong, read_body, respond

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
DEAL_STAGES = {
    "open": "Qualification",
    "won": "Closed Won",
    "closed": "Closed Won",
    "lost": "Closed Lost",
    "archived": "Closed Lost",
}
WORDS = {
    400: "INVALID_DATA",
    403: "NO_PERMISSION",
    404: "INVALID_URL_PATTERN",
    405: "INVALID_REQUEST_METHOD",
    500: "INTERNAL_ERROR",
}


class Transaction:
    """What is done together: the state before it, and the writes to report if it does not fail."""

    def __init__(self) -> None:
        self.failed = False
        self.writes: list[tuple[str, str, str, Row]] = []

    def fail(self) -> None:
        self.failed = True


class ZohoCrmTwin(Twin):
    """A Zoho CRM organisation with one administrator and one pipeline.

    `clock` and `search_lag` as for every twin; `account` says how the organisation is set up, `set` changes it.
    """

    vendor: ClassVar[str] = "zoho_crm"
    title: ClassVar[str] = "Zoho CRM"

    def __init__(self, *, clock: Clock = utc_now, search_lag: timedelta = timedelta(0), account: Account | None = None) -> None:
        self.account = account or Account()
        self._counting = threading.Lock()
        super().__init__(clock=clock, search_lag=search_lag)

    @locked
    def set(self, **changes: Any) -> None:
        """Change the organisation's set-up; the meter begins anew."""
        self.account = replace(self.account, **changes)
        self.meter = access.Meter(self)

    def forget(self) -> None:
        self.state = State(self.ids, self.clock, self.account.time_zone)
        self.grants = access.Grants(self)
        self.meter = access.Meter(self)
        self._transaction: Transaction | None = None
        fields.add_standard(self.state)
        self.seed_pipeline(STANDARD_PIPELINE, STAGES)
        self.admin = self.seed_user(name="Admin", email="admin@example.com", admin=True)
        self.refresh_token = self.grants.grant(self.admin, self.account.scopes)

    # ---- answering

    def rules(self) -> Iterator[Rule]:
        yield Rule("/oauth/v2/token", methods=["POST"], endpoint=self._token)
        for route in ROUTES:
            yield Rule(f"{BASE}{route.path}", methods=[route.method], endpoint=_Endpoint(self, route))

    def _token(self, request: Request) -> Response:
        return access.token(self, request)

    def answer(self, request: Request) -> Response:
        """As every twin, but first the calls at the same time are counted: those that wait for their turn count too (2)."""
        weight = 5 if request.path.endswith("/__composite_requests") else 1
        if self.account.slots is None or not request.path.startswith(BASE):
            return super().answer(request)
        with self._counting:
            full = self.meter.busy + weight > self.account.slots
            self.meter.busy += 0 if full else weight
        if full:
            self._note(request, 429)
            return self.too_many()
        try:
            return super().answer(request)
        finally:
            with self._counting:
                self.meter.busy -= weight

    def run(self, route: Route, request: Request, args: Mapping[str, Any]) -> Response:
        """One call of the API: sign-in, credits, scope, then the work."""
        token = self.grants.live(request.headers.get("Authorization", ""))
        if token is None:
            return self.unauthorised()
        if not self.meter.pay(route.credits):
            return self.too_many()
        call = Call(self, route.method, request.path, token.user, token.scopes, query=request.args.to_dict(),
                    headers=dict(request.headers), payload=read_body(request), args={**route.args, **args})  # fmt: skip
        response = respond(self._work(route, call))
        response.headers.update(self.meter.headers())
        return response

    def _work(self, route: Route, call: Call) -> Reply:
        try:
            access.check_scope(*route.scopes(call.args), call.scopes)
            if route.path.endswith("/search"):
                access.check_scope("search", "READ", call.scopes)
            return route.handler(call)
        except Wrong as wrong:
            return Reply(wrong.status, wrong.body)

    def perform(self, method: str, path: str, user: str, scopes: tuple[str, ...], *, part: bool, **inner: Any) -> Reply:
        """A part of a composite request, without a wire."""
        try:
            endpoint, args = self._map.bind("twin").match(path, method)
        except HTTPException:
            return Reply(404, Wrong(404, "INVALID_URL_PATTERN", "Please check if the URL trying to access is a correct one").body)
        route = endpoint.route
        return self._work(route, Call(self, method, path, user, scopes, args={**route.args, **args}, part=part, **inner))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Everything inside happens, or nothing of it when it fails."""
        kept = deepcopy((self.state.tables, self.state.indexed))
        self._transaction = transaction = Transaction()
        try:
            yield transaction
        finally:
            self._transaction = None
        if transaction.failed:
            self.state.tables, self.state.indexed = kept
        for write in () if transaction.failed else transaction.writes:
            self.wrote(*write)

    def report(self, do: str, kind: str, key: str, words: Row) -> None:
        """Put a write into the ledger, at the end of the transaction if there is one."""
        if self._transaction is None:
            self.wrote(do, kind, key, words)
        else:
            self._transaction.writes.append((do, kind, key, words))

    # ---- refusals

    def refusal(self, status: int, words: str, code: str = "") -> Response:
        return self._error(Wrong(status, code or WORDS.get(status, "INTERNAL_ERROR" if status > 500 else "INVALID_DATA"), words))

    def unauthorised(self) -> Response:
        return self._error(Wrong(401, "INVALID_TOKEN", "invalid oauth token"))

    def no_right(self) -> Response:
        return self._error(
            Wrong(403, "NO_PERMISSION", "permission denied to access this module", permissions=["Crm_Implied_Api_Access"])
        )

    def too_many(self) -> Response:
        response = self._error(Wrong(429, "TOO_MANY_REQUESTS", "You have reached the limit of requests"))
        response.headers.update(self.meter.headers())
        return response

    def _error(self, wrong: Wrong) -> Response:
        body = {"data": [wrong.body]} if self.account.wrapped_errors else wrong.body
        return json_answer(body, wrong.status)

    # ---- tokens

    @locked
    def token(self, scopes: tuple[str, ...] | None = None) -> access.Token:
        """An access token, of a refresh token of its own if scopes are named."""
        refresh = self.refresh_token if scopes is None else self.grants.grant(self.admin, scopes)
        return self.grants.issue(refresh)

    @locked
    def expire_access_tokens(self) -> None:
        """Calls answer 401 until somebody refreshes."""
        self.grants.access.clear()

    @locked
    def revoke_grants(self) -> None:
        """The app's access is revoked: no token works any more."""
        self.grants.access.clear()
        self.grants.refresh.clear()

    def connection(self, url: str) -> Connection:
        token = self.token()
        grant = {"access_token": token.access, "refresh_token": token.refresh, "api_domain": url}
        secrets = {"client_id": self.account.client_id, "client_secret": self.account.client_secret, "grant": json.dumps(grant)}
        return Connection({"accounts_url": url}, secrets)

    # ---- seeds of the organisation

    @locked
    def seed_user(self, *, name: str, email: str = "", active: bool = True, admin: bool = False) -> str:
        key = self.state.new_id("user")
        self.state.users[key] = company.user_row(key, name, email, active=active, admin=admin)
        return key

    @locked
    def seed_pipeline(self, name: str, stages: Sequence[tuple[str, str]]) -> str:
        """A pipeline; stages are (name, forecast type). Its id is its name, which is what records hold."""
        self.state.pipelines[name] = list(stages)
        return name

    @locked
    def seed_field(
        self, kind: str, name: str, field_type: str = "text", options: Sequence[str] = (), *, unique: bool = False
    ) -> str:
        """A custom field; its id is its api name. `kind` may be `task` or a module's name, too."""
        module = KINDS.get(kind) or {"task": TASKS}.get(kind, kind)
        data_type = fields.CUSTOM_TYPES.get(field_type, field_type)
        row = fields.add_field(
            self.state, module, fields.api_name(name), name, data_type, custom=True, unique=unique, options=options
        )
        return str(row["api_name"])

    @locked
    def seed_lookup(self, kind: str, name: str, to: str) -> str:
        """A lookup that the customer made, such as from leads to contacts (7)."""
        row = fields.add_field(self.state, KINDS[kind], fields.api_name(name), name, "lookup", target=KINDS[to], custom=True)
        return str(row["api_name"])

    # ---- seeds of records

    @locked
    def seed_contact(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        adopted = self.state.adoptable.pop(phone, None) if phone else None
        values = {"Last_Name": name or phone or "Unknown", "Mobile": phone, "Account_Name": organization, "Owner": owner}
        if adopted is None:
            return self._seeded(CONTACTS, values, updated, attribution)
        row = self.state.tables[CONTACTS][adopted]
        row |= {key: value for key, value in values.items() if value} | self._attributed(CONTACTS, attribution)
        return adopted

    @locked
    def seed_organization(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        values = {"Account_Name": name or phone or "Unknown", "Phone": phone, "Owner": owner}
        return self._seeded(ACCOUNTS, values, updated, attribution)

    @locked
    def seed_lead(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        """A lead carries its number itself; contact and organization count where the customer made lookups for them."""
        values = {"Last_Name": name or phone or "Unknown", "Mobile": phone, "Owner": owner, "Lead_Status": "Not Contacted"}
        links = {CONTACTS: contact, ACCOUNTS: organization}
        own = {name: fields.target_of(field) for name, field in self.state.fields[LEADS].items() if field["custom_field"]}
        values |= {name: links[target] for name, target in own.items() if target in links}
        key = self._seeded(LEADS, values, updated, attribution)
        if status != "open":
            self.set_status("lead", key, status)
        return key

    @locked
    def seed_deal(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None, pipeline: str | None = None, stage: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        values = {
            "Deal_Name": name or f"Deal {phone or ''}".strip(), "Owner": owner, "Account_Name": organization,
            "Contact_Name": contact or self._contact_with(phone), "Pipeline": pipeline or STANDARD_PIPELINE,
            "Stage": stage or DEAL_STAGES.get(status, "Qualification"),
        }  # fmt: skip
        return self._seeded(DEALS, values, updated, attribution)

    @locked
    def seed_task(
        self, *, title: str, text: str = "", completed: bool = False, assignee: str | None = None,
        due_at: datetime | None = None, targets: Sequence[tuple[str, str]] = (), updated: datetime | None = None,
    ) -> str:  # fmt: skip
        links = dict(targets)
        what = next(((KINDS[kind], links[kind]) for kind in ("lead", "deal", "organization") if kind in links), (None, None))
        values = {
            "Subject": title, "Description": text or None, "Owner": assignee,
            "Status": "Completed" if completed else "Not Started",
            "Due_Date": f"{due_at:%Y-%m-%d}" if due_at else None, "$se_module": what[0], "What_Id": what[1],
            "Who_Id": links.get("contact"),
        }  # fmt: skip
        return self._seeded(TASKS, activities.completed(TASKS, values, self.state.now()), updated, None)

    def _contact_with(self, phone: str | None) -> str | None:
        """The contact of a deal that is seeded with a phone only; `seed_contact` adopts it."""
        if not phone:
            return None
        found = next((key for key, row in self.state.tables[CONTACTS].items() if row.get("Mobile") == phone), None)
        if found is None:
            found = self.state.adoptable[phone] = self._seeded(CONTACTS, {"Last_Name": phone, "Mobile": phone}, None, None)
        return found

    def _seeded(self, module: str, values: Row, updated: datetime | None, attribution: Mapping[str, str] | None) -> str:
        """Store a seed: searchable at once, last changed when told so."""
        row = self.state.add(module, values | self._attributed(module, attribution), self.admin)
        if updated:
            row["Created_Time"] = row["Modified_Time"] = self.state.time(updated)
        self.state.indexed[module, row["id"]] = LONG_AGO
        return str(row["id"])

    def _attributed(self, module: str, attribution: Mapping[str, str] | None) -> Row:
        return {self._field_named(module, name): value for name, value in (attribution or {}).items()}

    def _field_named(self, module: str, parameter: str) -> str:
        """The custom field of that parameter, made when the organisation has none."""
        for name, field in self.state.fields[module].items():
            if field["custom_field"] and field["field_label"].lower().removeprefix("patchcord_") == parameter:
                return name
        return self.seed_field(module, parameter)

    # ---- what people do in Zoho's own pages

    def _row(self, kind: str, key: str) -> Row:
        return self.state.tables[KINDS.get(kind, TASKS)][key]

    @locked
    def set_owner(self, kind: str, record_id: str, owner: str) -> None:
        row = self._row(kind, record_id)
        row["Owner"] = owner
        row["Modified_Time"] = self.state.now()

    @locked
    def set_status(self, kind: str, record_id: str, status: Status) -> None:
        """A lead is converted, dead or open again; a deal goes to a stage of that forecast type."""
        row = self._row(kind, record_id)
        if kind == "deal":
            row["Stage"] = DEAL_STAGES.get(status, "Closed Won")
        else:
            row["Converted__s"] = status == "converted"
            row["Lead_Status"] = "Not Contacted" if status in ("open", "converted") else "Lost Lead"

    @locked
    def finish_task(self, task_id: str) -> None:
        row = self._row("task", task_id)
        row.update(activities.completed(TASKS, {**row, "Status": "Completed"}, self.state.now()))

    @locked
    def remove(self, kind: str, record_id: str) -> None:
        del self.state.tables[KINDS.get(kind, TASKS)][record_id]

    # ---- how things stand

    @locked
    def records(self, kind: str) -> list[dict[str, Any]]:
        rows = self.state.tables[KINDS[kind]].values()
        return [record_words(self.state, KINDS[kind], row, self.marker_in_text) for row in rows]

    @locked
    def tasks(self) -> list[dict[str, Any]]:
        rows = self.state.tables[TASKS].values()
        return [{"kind": "task", "id": row["id"], **activity_words(TASKS, row, self.marker_in_text)} for row in rows]


class _Endpoint:
    """What a URL rule leads to: the route, for this twin."""

    def __init__(self, twin: ZohoCrmTwin, route: Route) -> None:
        self._twin, self.route = twin, route

    def __call__(self, request: Request, **args: Any) -> Response:
        return self._twin.run(self.route, request, args)
