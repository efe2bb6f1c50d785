"""The Salesforce twin: dispatch, and how tests and the stand put things into it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Clock, Connection, Status, Twin, Window, json_answer, locked, utc_now
from sandbox.twins.salesforce import access
from sandbox.twins.salesforce.neutral import record_words, task_sort, task_words
from sandbox.twins.salesforce.org import Org
from sandbox.twins.salesforce.routes import NEWEST, OLDEST, ROUTES
from sandbox.twins.salesforce.schema import (
    ACCOUNT,
    CONTACT,
    KINDS,
    LEAD,
    LEAD_STATUS,
    OBJECTS,
    OPPORTUNITY,
    PROFILE,
    QUEUE,
    RECORD_TYPE,
    ROLE,
    TASK,
    TASK_STATUS,
    USER,
    Field,
    own_field,
)
from sandbox.twins.salesforce.state import LONG_AGO, Row, State, stamp
from sandbox.twins.salesforce.wire import CODES, Call, Fault, Handler, Reply, not_found

DAY = timedelta(hours=24)
STAGES = {"open": "Prospecting", "won": "Closed Won", "converted": "Closed Won"}


class SalesforceTwin(Twin):
    """A Salesforce org with one integration user.

    `clock` and `search_lag` as for every twin; `org` says how the org is set up, `set` changes it.
    """

    vendor: ClassVar[str] = "salesforce"
    title: ClassVar[str] = "Salesforce"

    def __init__(self, *, clock: Clock = utc_now, search_lag: timedelta = timedelta(0), org: Org | None = None) -> None:
        self.org = org or Org()
        super().__init__(clock=clock, search_lag=search_lag)

    @locked
    def set(self, **changes: Any) -> None:
        """Change the org's set-up; the day's calls are counted anew."""
        self.org = replace(self.org, **changes)
        self.calls = Window(self.org.daily_calls, DAY)

    def forget(self) -> None:
        self.state = State(self.ids, self.clock)
        self.sessions = access.Sessions(self)
        self.calls = Window(self.org.daily_calls, DAY)
        self.cursors: dict[str, Sequence[Row]] = {}
        self.integration_user = ""
        self._profiles = {
            admin: self._stored(PROFILE, {"Name": name, "PermissionsModifyAllData": admin})
            for admin, name in ((True, "System Administrator"), (False, "Standard User"))
        }
        self.integration_user = self.seed_user(name="Integration", email="integration@example.com")
        for one in OBJECTS[LEAD]:
            for label in one.options if one.name == "Status" else ():
                self._stored(LEAD_STATUS, {"MasterLabel": label, "IsConverted": label == "Closed - Converted"})
        for one in OBJECTS[TASK]:
            for label in one.options if one.name == "Status" else ():
                self._stored(TASK_STATUS, {"MasterLabel": label, "IsClosed": label == "Completed"})

    # ---- answering

    def rules(self) -> Iterator[Rule]:
        yield Rule("/services/oauth2/authorize", methods=["GET"], endpoint=self._authorize)
        yield Rule("/services/oauth2/token", methods=["POST"], endpoint=self._token)
        yield Rule("/services/data/", methods=["GET"], endpoint=self._versions)
        for method, path, handler in ROUTES:
            yield Rule(path, methods=[method], endpoint=_Endpoint(self, handler))

    def _authorize(self, request: Request) -> Response:
        return access.authorize(self, request)

    def _token(self, request: Request) -> Response:
        return access.token(self, request)

    def _versions(self, request: Request) -> Response:
        shown = [{"version": f"{number}.0", "url": f"/services/data/v{number}.0"} for number in range(OLDEST, NEWEST + 1)]
        return json_answer(shown)

    def run(self, handler: Handler, request: Request, args: Mapping[str, Any]) -> Response:
        """One call of the REST interface: sign-in, edition, the day's limit, then the work."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        session = self.sessions.used(token) if scheme in ("Bearer", "OAuth") else None
        user = self.state.row(session.user) if session else None
        if user is None:
            return self.unauthorised()
        if not self.org.api_enabled:
            return self.refusal(403, "The REST API is not enabled for this Organization.", "API_DISABLED_FOR_ORG")
        if not self.calls.take(self.clock()):
            return self.too_many()
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(self, request.method, request.args.to_dict(), headers, request.get_data(), user, "", args)
        return self._carried_out(handler, call)

    def _carried_out(self, handler: Handler, call: Call) -> Response:
        try:
            reply = _versioned(handler, call)
        except Fault as fault:
            reply = Reply(fault.status, fault.body)
        for do, kind, record_id, words in call.written:
            self.wrote(do, kind, record_id, words)
        return self._response(reply)

    def dispatch(self, call: Call, path: str) -> Reply:
        """A part of a composite call: routed like a call of its own, without being counted."""
        try:
            endpoint, args = self._map.bind("twin").match(path, call.method)
        except HTTPException:
            raise not_found() from None
        if not isinstance(endpoint, _Endpoint):
            raise not_found()
        return _versioned(endpoint.handler, replace(call, args=args))

    def _response(self, reply: Reply) -> Response:
        """Every answer tells how much of the day is used (3)."""
        answer = Response(status=reply.status) if reply.body is None else json_answer(reply.body, reply.status)
        answer.headers.update(reply.headers)
        used = self.org.daily_calls - self.calls.remaining(self.clock())
        answer.headers["Sforce-Limit-Info"] = f"api-usage={used}/{self.org.daily_calls}"
        return answer

    def cursor(self, shown: Sequence[Row]) -> str:
        """The locator of a query whose rows take more than a page."""
        known = next((key for key, rows in self.cursors.items() if rows is shown), None)
        key = known or f"01g5g{self.ids.number('cursor'):010d}"
        self.cursors[key] = shown
        return key

    def refusal(self, status: int, words: str, code: str = "") -> Response:
        return self._response(Reply(status, [{"message": words, "errorCode": code or CODES.get(status, "UNKNOWN_EXCEPTION")}]))

    def unauthorised(self) -> Response:
        return self.refusal(401, "Session expired or invalid")

    def no_right(self) -> Response:
        return self.refusal(403, "insufficient access rights on object id", "INSUFFICIENT_ACCESS_OR_READONLY")

    def too_many(self) -> Response:
        """A 403, not a 429, and nobody says for how long (3)."""
        return self.refusal(403, "TotalRequests Limit exceeded.", "REQUEST_LIMIT_EXCEEDED")

    # ---- tokens

    @locked
    def grant(self, url: str, *, refresh: bool = False) -> dict[str, str]:
        """What the token call would answer, for a twin served at `url`; with a refresh token when a person agreed."""
        facts = {"access_token": self.sessions.begin(self.integration_user).token, "instance_url": url, "token_type": "Bearer"}
        return facts | ({"refresh_token": self.sessions.approve(self.integration_user)} if refresh else {})

    @locked
    def expire_sessions(self) -> None:
        """All access tokens end now; asking for new ones still works."""
        self.sessions.live.clear()

    @locked
    def revoke(self) -> None:
        """The administrator takes the app's approvals back."""
        self.sessions.live.clear()
        self.sessions.refresh.clear()

    def connection(self, url: str) -> Connection:
        secrets = {"client_id": self.org.client_id, "client_secret": self.org.client_secret, "grant": json.dumps(self.grant(url))}
        return Connection({"base_url": url}, secrets)

    # ---- seeds of the org

    @locked
    def seed_user(self, *, name: str, email: str = "", active: bool = True, admin: bool = False) -> str:
        number = len(self.state.table(USER)) + 1
        values = {"Name": name, "Email": email, "Username": f"user{number}@{self.org.domain}.example", "IsActive": active,
                  "UserType": "Standard", "TimeZoneSidKey": "Europe/Kiev", "ProfileId": self._profiles[admin]}  # fmt: skip
        return self._stored(USER, values)

    @locked
    def seed_queue(self, name: str) -> str:
        """A queue: it can own leads and tasks, and is nobody (7)."""
        return self._stored(QUEUE, {"Name": name, "Type": "Queue"})

    @locked
    def seed_record_type(self, kind: str, name: str) -> str:
        """A record type: what comes nearest to a pipeline (8.5)."""
        return self._stored(RECORD_TYPE, {"Name": name, "SobjectType": KINDS[kind], "IsActive": True})

    @locked
    def seed_field(self, kind: str, name: str, field_type: str = "text", options: Sequence[str] = ()) -> str:
        """As for every twin; also of `task`, and of the type `marker` (a unique external id, 15)."""
        return self._add_field(KINDS.get(kind, TASK), own_field(name, field_type, tuple(options)))

    @locked
    def seed_link(self, kind: str, name: str, to_kind: str) -> str:
        """A look-up field of the customer's, such as one from leads to contacts (9)."""
        return self._add_field(KINDS[kind], Field(f"{name}__c", "reference", label=name, refers=(KINDS[to_kind],)))

    @locked
    def require_field(self, kind: str, name: str) -> None:
        """The administrator makes a field required (8.5, 12)."""
        fields = self.state.fields[KINDS[kind]]
        fields[name] = replace(fields[name], nillable=False)

    def _add_field(self, target: str, made: Field) -> str:
        self.state.fields[target][made.name] = made
        for row in self.state.table(target).values():
            row.setdefault(made.name, None)
        return made.name

    def _stored(self, target: str, values: Row) -> str:
        return str(self.state.add(target, values, self.integration_user)["Id"])

    # ---- seeds of records

    @locked
    def seed_contact(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        values = {"LastName": name or phone or "Unknown", "MobilePhone": phone, "AccountId": organization}
        adopted = self.state.row(self.state.adoptable.pop(phone, None)) if phone else None
        if adopted is None:
            return self._seeded(CONTACT, values, owner, updated, attribution)
        adopted |= values | {"OwnerId": owner or adopted["OwnerId"]}
        self.state.completed(CONTACT, adopted)
        return self._dated(CONTACT, adopted, updated, attribution)

    @locked
    def seed_organization(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        return self._seeded(ACCOUNT, {"Name": name or phone or "Unknown", "Phone": phone}, owner, updated, attribution)

    @locked
    def seed_lead(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        """`contact` and `organization` go into look-up fields where the org has them; a converted lead became that contact."""
        values = {"LastName": name or phone or "Unknown", "Company": "Private person", "Phone": phone}
        values["Status"] = "Open - Not Contacted"
        for one in self.state.fields[LEAD].values():
            if one.custom and one.refers:
                values[one.name] = contact if CONTACT in one.refers else organization
        key = self._seeded(LEAD, values, owner, updated, attribution)
        if status == "converted":
            self._convert(self.state.table(LEAD)[key[:15]], contact)
        elif status != "open":
            self.state.table(LEAD)[key[:15]]["Status"] = "Closed - Not Converted"
        return key

    @locked
    def seed_deal(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None, pipeline: str | None = None, stage: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        person = self.state.row(contact or self._person_with(phone))
        values = {
            "Name": name or f"Deal {phone or ''}".strip(), "StageName": stage or STAGES.get(status, "Closed Lost"),
            "CloseDate": f"{self._today() + timedelta(days=30)}", "RecordTypeId": pipeline,
            "AccountId": organization or (person["AccountId"] if person else None),
        }  # fmt: skip
        key = self._seeded(OPPORTUNITY, values, owner, updated, attribution)
        if person:
            self._stored(ROLE, {"OpportunityId": key, "ContactId": person["Id"], "IsPrimary": True})
        return key

    @locked
    def seed_task(
        self, *, title: str, text: str = "", completed: bool = False, assignee: str | None = None,
        due_at: datetime | None = None, targets: Sequence[tuple[str, str]] = (), updated: datetime | None = None,
    ) -> str:  # fmt: skip
        links = dict(targets)
        values = {
            "Subject": title, "Description": text, "Status": "Completed" if completed else "Not Started",
            "WhoId": links.get("lead") or links.get("contact"), "WhatId": links.get("deal") or links.get("organization"),
            "ActivityDate": f"{due_at:%Y-%m-%d}" if due_at else f"{self._today()}", "TaskSubtype": "Task",
            "IsReminderSet": due_at is not None, "ReminderDateTime": stamp(due_at) if due_at else None,
        }  # fmt: skip
        return self._seeded(TASK, values, assignee, updated, None)

    def _today(self) -> date:
        return self.clock().date()

    def _person_with(self, phone: str | None) -> str | None:
        """The contact of a deal that is seeded with a phone only; `seed_contact` adopts it."""
        if not phone:
            return None
        for row in self.state.table(CONTACT).values():
            if row["MobilePhone"] == phone:
                return str(row["Id"])
        self.state.adoptable[phone] = made = self.seed_contact(phone=phone)
        return made

    def _seeded(
        self, target: str, values: Row, owner: str | None, updated: datetime | None, attribution: Mapping[str, str] | None
    ) -> str:
        values["OwnerId"] = owner or self.integration_user
        return self._dated(target, self.state.add(target, values, self.integration_user), updated, attribution)

    def _dated(self, target: str, row: Row, updated: datetime | None, attribution: Mapping[str, str] | None) -> str:
        """A seed is searchable at once, and last changed when told so."""
        row.update({self._field_named(target, name): value for name, value in (attribution or {}).items()})
        row["CreatedDate"] = row["LastModifiedDate"] = row["SystemModstamp"] = stamp(updated or self.clock())
        self.state.indexed[row["Id"][:15]] = LONG_AGO
        return str(row["Id"])

    def _field_named(self, target: str, name: str) -> str:
        """The custom field of that label, made when the org has none."""
        for one in self.state.fields[target].values():
            if one.custom and one.title.lower().removeprefix("patchcord_") == name:
                return one.name
        return self._add_field(target, own_field(name, "text", ()))

    # ---- what people do in Salesforce's own pages

    def _row(self, kind: str, key: str) -> Row:
        return self.state.table(KINDS.get(kind, TASK))[key[:15]]

    @locked
    def set_owner(self, kind: str, record_id: str, owner: str) -> None:
        row = self._row(kind, record_id)
        row["OwnerId"] = owner
        self.state.touch(KINDS[kind], row)

    @locked
    def set_status(self, kind: str, record_id: str, status: Status) -> None:
        row = self._row(kind, record_id)
        if kind == "deal":
            row["StageName"] = STAGES.get(status, "Closed Lost")
        elif status == "converted":
            self._convert(row, None)
        else:
            row["Status"] = "Open - Not Contacted" if status == "open" else "Closed - Not Converted"
        self.state.touch(KINDS[kind], row)

    def _convert(self, lead: Row, contact: str | None) -> None:
        """A lead becomes a contact with an account and an opportunity (7); or it became that contact long ago."""
        person = self.state.row(contact)
        if person is None:
            account = self.seed_organization(name=lead["Company"], owner=lead["OwnerId"])
            made = self.seed_contact(phone=lead["Phone"], name=lead["Name"], owner=lead["OwnerId"], organization=account)
            person = self.state.row(made) or {}
            lead["ConvertedOpportunityId"] = self.seed_deal(name=lead["Company"], owner=lead["OwnerId"], contact=made)
        lead |= {"ConvertedContactId": person["Id"], "ConvertedAccountId": person["AccountId"]}
        lead |= {"IsConverted": True, "Status": "Closed - Converted"}

    @locked
    def finish_task(self, task_id: str) -> None:
        row = self._row("task", task_id)
        row["Status"] = "Completed"
        self.state.touch(TASK, row)

    @locked
    def remove(self, kind: str, record_id: str) -> None:
        self.state.remove(record_id)
        roles = self.state.table(ROLE)
        for key in [key for key, row in roles.items() if record_id[:15] in (row["OpportunityId"][:15], row["ContactId"][:15])]:
            del roles[key]

    # ---- how things stand

    @locked
    def records(self, kind: str) -> list[dict[str, Any]]:
        return [record_words(self.state, KINDS[kind], row) for row in self.state.table(KINDS[kind]).values()]

    @locked
    def tasks(self) -> list[dict[str, Any]]:
        """Tasks and calls; notes are left out, though they are the same object."""
        rows = [row for row in self.state.table(TASK).values() if task_sort(row)[0] != "note"]
        return [{"kind": task_sort(row)[1], "id": row["Id"], **task_words(self.state, row, self.marker_in_text)} for row in rows]


class _Endpoint:
    """What a URL rule leads to: the handler, for this twin."""

    def __init__(self, twin: SalesforceTwin, handler: Handler) -> None:
        self._twin, self.handler = twin, handler

    def __call__(self, request: Request, **args: Any) -> Response:
        return self._twin.run(self.handler, request, args)


def _versioned(handler: Handler, call: Call) -> Reply:
    """Versions that do not exist (any more) are not there (1)."""
    version = call.args["version"]
    if not OLDEST <= version <= NEWEST:
        raise not_found()
    return handler(replace(call, version=str(version)))
