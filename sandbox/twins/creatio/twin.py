"""The Creatio twin: dispatch, and how tests and the stand put things into it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Clock, Connection, Refused, Status, Twin, html_page, json_answer, locked, utc_now
from sandbox.twins.creatio import access, batch, query, records
from sandbox.twins.creatio.metadata import edmx
from sandbox.twins.creatio.neutral import activity_sort, activity_words, record_words
from sandbox.twins.creatio.schema import (
    ADMINISTRATORS,
    CALL_CATEGORY,
    COMPLETED,
    EMPLOYEE,
    EVERYBODY,
    FIRST_STAGE,
    INCOMING,
    KINDS,
    MEDIUM_PRIORITY,
    MOBILE,
    NAMED,
    NOT_STARTED,
    TASK_TYPE,
    TO_DO,
    TYPES,
    Column,
    columns_of,
)
from sandbox.twins.creatio.site import Site
from sandbox.twins.creatio.state import GUID, Row, State, stamp

RESOURCE = re.compile(rf"(\w+)(?:\(({GUID.pattern})\))?(/\$count)?", re.I)
STATUSES = (
    ("Qualification", False, False), ("Distribution", False, False), ("Transfer for sale", False, False),
    ("Waiting for sale", False, False), ("Disqualified", True, False), ("Not interested", True, False),
    ("Satisfied", True, True),
)  # fmt: skip
STAGES = (("Presentation", False, False), ("Proposal", False, False), ("Closed won", True, True), ("Closed lost", True, False))
FIELD_TYPES = {"number": "n", "date": "d"}


class CreatioTwin(Twin):
    """A customer's site with one API user.

    `clock` as for every twin; OData reads the database itself, so `search_lag` does nothing here. `site` says how the site is
    set up, `set` changes it.
    """

    vendor: ClassVar[str] = "creatio"
    title: ClassVar[str] = "Creatio"

    def __init__(self, *, clock: Clock = utc_now, search_lag: timedelta = timedelta(0), site: Site | None = None) -> None:
        self.site = site or Site()
        super().__init__(clock=clock, search_lag=search_lag)

    @locked
    def set(self, **changes: Any) -> None:
        """Change the site's set-up."""
        self.site = replace(self.site, **changes)

    def forget(self) -> None:
        self.state = State(self.ids, self.clock)
        self.sessions = access.Sessions()
        self.pending: list[tuple[str, str, str, Row]] = []
        self._pick_lists()
        self.state.me = self.seed_user(name="Integration", email="integration@example.com")

    def _pick_lists(self) -> None:
        """What a site is shipped with (5, 6, 8, 9); the ids of lead statuses differ by generation."""
        add = self.state.add
        for number, (name, final, good) in enumerate(STATUSES):
            add("QualifyStatus", {"Name": name, "IsFinal": final, "Successful": good, "StageNumber": number})
        self.first_status = next(iter(self.state.table("QualifyStatus")))
        add("OpportunityStage", {"Id": FIRST_STAGE, "Name": "Qualification"})
        for number, (name, end, good) in enumerate(STAGES):
            add("OpportunityStage", {"Name": name, "End": end, "Successful": good, "Number": number + 1})
        add("ActivityStatus", {"Id": NOT_STARTED, "Name": "Not started"})
        add("ActivityStatus", {"Id": COMPLETED, "Name": "Completed", "Finish": True})
        for entity, key, name in (
            ("ActivityType", TASK_TYPE, "Task"), ("ActivityCategory", TO_DO, "To do"),
            ("ActivityCategory", CALL_CATEGORY, "Call"),
            ("ActivityPriority", MEDIUM_PRIORITY, "Medium"), ("ContactType", EMPLOYEE, "Employee"),
            ("CommunicationType", MOBILE, "Mobile phone"), ("CallDirection", INCOMING, "Incoming"),
            ("CallDirection", "53f71b5f-7e17-4cf5-bf14-6a59212db422", "Outgoing"),
            ("CallDirection", "c072be2c-3d82-4468-9d4a-6db47d1f4cca", "Not defined"),
            ("SysAdminUnit", ADMINISTRATORS, "System administrators"), ("SysAdminUnit", EVERYBODY, "All employees"),
        ):  # fmt: skip
            add(entity, {"Id": key, "Name": name})

    # ---- answering

    def rules(self) -> Iterator[Rule]:
        yield Rule("/connect/token", methods=["POST"], endpoint=lambda request: access.token(self, request))
        yield Rule("/ServiceModel/AuthService.svc/Login", methods=["POST"], endpoint=lambda request: access.login(self, request))
        for core in (False, True):
            prefix = "/odata" if core else "/0/odata"
            yield Rule(f"{prefix}/<path:resource>", endpoint=_Endpoint(self, core))

    def run(self, request: Request, resource: str, core: bool) -> Response:
        """One data call: the path form, the sign-in, then the work; the ledger is told what was done in the end."""
        if core is not self.site.core:
            return self.refusal(404, "Not Found")
        refused = access.refused(self, request)
        if refused is not None:
            return refused
        self.pending = []
        answer = self._answered(request, resource)
        for do, kind, record_id, words in self.pending:
            self.wrote(do, kind, record_id, words)
        return answer

    def _answered(self, request: Request, resource: str) -> Response:
        if resource == "$metadata" and request.method == "GET":
            return Response(edmx(self.state), mimetype="application/xml")
        body = request.get_json(silent=True, force=True) if request.get_data() else None
        if resource == "$batch" and request.method == "POST":
            go_on = "continue-on-error" in request.headers.get("Prefer", "")
            return json_answer(batch.run(self, body, go_on=go_on), headers={"OData-Version": "4.0"})
        exact = "ieee754compatible=true" in request.headers.get("Content-Type", "").lower()
        status, made = self.carried_out(request.method, resource, request.args.to_dict(), body, exact=exact)
        return Response(status=status) if made is None else json_answer(made, status, {"OData-Version": "4.0"})

    def carried_out(
        self, method: str, resource: str, options: Mapping[str, str], body: Any, *, exact: bool
    ) -> tuple[int, Row | None]:
        """One call or part of a batch: its status and body."""
        found = RESOURCE.fullmatch(resource)
        if found is None or found[1] not in self.state.tables:
            raise Refused(404, f"Not Found: {resource}")
        entity, key = found[1], found[2]
        self._may_read(entity)
        context = f"{entity}/$entity" if key or method == "POST" else entity
        head = {"@odata.context": f"https://acme.creatio.com/0/odata/$metadata#{context}"}
        if method == "POST" and not key:
            return 201, head | records.create(self, entity, body, exact=exact)
        if method == "GET" and not key:
            return 200, head | query.listed(self.state, self.site, entity, options)
        if method == "PATCH" and key:
            records.change(self, entity, key, body, exact=exact)
            return 204, None
        row = self.state.row(entity, key)
        if row is None:
            raise Refused(404, "Not Found")
        if method == "GET":
            return 200, head | query.shown(self.state, self.site, entity, row, options)
        if method != "DELETE":
            raise Refused(405, "Method Not Allowed")
        del self.state.table(entity)[row["Id"]]
        return 204, None

    def _may_read(self, entity: str) -> None:
        if entity == "SysAdminUnit" and not self.site.users_readable:
            raise Refused(403, "Current user does not have permissions to read the object SysAdminUnit")

    @staticmethod
    def error_body(words: str) -> Row:
        """The envelope of every error (3)."""
        return {"error": {"code": "", "message": words, "innererror": {"message": words, "type": "", "stacktrace": ""}}}

    def refusal(self, status: int, words: str, code: str = "") -> Response:
        return json_answer(self.error_body(words), status)

    def unauthorised(self) -> Response:
        return Response(status=401)

    def no_right(self) -> Response:
        return self.refusal(403, "Current user does not have sufficient permissions to perform the operation.")

    def too_many(self) -> Response:
        """Not the product's own answer, which knows no limit: the page of what stands before it (2)."""
        return html_page(429, "Too Many Requests")

    @locked
    def expire_sessions(self) -> None:
        """All tokens and cookie sessions end now."""
        self.sessions.tokens.clear()
        self.sessions.cookies.clear()

    def connection(self, url: str) -> Connection:
        """With a token that somebody asked for already: as a stored grant has it."""
        options = {"base_url": url, "token_url": f"{url}/connect/token"}
        with self.lock:
            grant = json.dumps({"access_token": access.granted(self)["access_token"]})
        secrets = {"client_id": self.site.client_id, "client_secret": self.site.client_secret, "grant": grant}
        return Connection(options, secrets)

    # ---- seeds of the site

    @locked
    def seed_user(self, *, name: str, email: str = "", active: bool = True, admin: bool = False) -> str:
        """An employee with a user; the id is that of the contact, which is what owner columns hold (7)."""
        contact = self.state.add("Contact", {"Name": name, "Email": email, "TypeId": EMPLOYEE})["Id"]
        login = f"user{len(self.state.table('SysAdminUnit'))}"
        shared = {"Name": login, "Active": active, "ContactId": contact}
        role = ADMINISTRATORS if admin else EVERYBODY
        unit = self.state.add("SysAdminUnit", {**shared, "SysAdminUnitTypeValue": 4, "ParentRoleId": role})
        self.state.add("VwSysAdminUnit", {**shared, "Id": unit["Id"]})
        return str(contact)

    @locked
    def seed_field(self, kind: str, name: str, field_type: str = "text", options: Sequence[str] = ()) -> str:
        """A column of the customer's (11). An option is a lookup: a pick list of its own, and a column that holds an id."""
        plain = f"Usr{re.sub(r'[^A-Za-z0-9_]', '', name)}"
        if field_type == "option":
            pick_list = f"{plain}List"
            self.state.columns[pick_list], self.state.tables[pick_list] = columns_of(NAMED), {}
            for label in options:
                self.state.add(pick_list, {"Name": label})
            return self._add_column(kind, Column(f"{plain}Id", "Guid", refers=pick_list))
        letter = FIELD_TYPES.get(field_type)
        return self._add_column(kind, Column(plain, TYPES[letter] if letter else "String", 0 if letter else 500))

    def _add_column(self, kind: str, column: Column) -> str:
        entity = KINDS[kind]
        self.state.columns[entity][column.name] = column
        for row in self.state.table(entity).values():
            row.setdefault(column.name, column.empty)
        return column.name

    @locked
    def seed_stage(self, name: str) -> str:
        """A further open stage of opportunities."""
        return str(self.state.add("OpportunityStage", {"Name": name, "Number": 9})["Id"])

    # ---- seeds of records

    @locked
    def seed_contact(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        values = {"Name": name or phone or "Unknown", "MobilePhone": phone, "AccountId": organization}
        adopted = self.state.row("Contact", self.state.adoptable.pop(phone, None)) if phone else None
        if adopted is None:
            return self._seeded("contact", values, owner, updated, attribution)
        adopted |= {name: value for name, value in {**values, "OwnerId": owner}.items() if value is not None}
        return self._dated("contact", adopted, updated, attribution)

    @locked
    def seed_organization(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        return self._seeded("organization", {"Name": name or phone or "Unknown", "Phone": phone}, owner, updated, attribution)

    @locked
    def seed_lead(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        values = {
            "LeadName": name or f"Lead {phone or ''}".strip(), "MobilePhone": phone, "QualifiedContactId": contact,
            "QualifiedAccountId": organization, "QualifyStatusId": self._lead_status(status),
        }  # fmt: skip
        return self._seeded("lead", values, owner, updated, attribution)

    @locked
    def seed_deal(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None, pipeline: str | None = None, stage: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        """Creatio has no pipelines: `pipeline` is left out of account."""
        values = {
            "Title": name or f"Deal {phone or ''}".strip(), "ContactId": contact or self._person_with(phone),
            "AccountId": organization, "StageId": stage or self._stage(status),
        }  # fmt: skip
        return self._seeded("deal", values, owner, updated, attribution)

    def _person_with(self, phone: str | None) -> str | None:
        """The contact of a deal that is seeded with a phone only; `seed_contact` adopts it."""
        if not phone:
            return None
        known = (row["Id"] for row in self.state.table("Contact").values() if row["MobilePhone"] == phone)
        found = next(known, None)
        if found is None:
            found = self._seeded("contact", {"Name": phone, "MobilePhone": phone}, None, None, None)
            self.state.adoptable[phone] = found
        return str(found)

    def _lead_status(self, status: Status) -> str:
        name = {"open": "Qualification", "converted": "Satisfied", "won": "Satisfied"}.get(status, "Disqualified")
        return next(key for key, row in self.state.table("QualifyStatus").items() if row["Name"] == name)

    def _stage(self, status: Status) -> str:
        name = {"open": "Qualification", "converted": "Closed won", "won": "Closed won"}.get(status, "Closed lost")
        return next(key for key, row in self.state.table("OpportunityStage").items() if row["Name"] == name)

    @locked
    def seed_task(
        self, *, title: str, text: str = "", completed: bool = False, assignee: str | None = None,
        due_at: datetime | None = None, targets: Sequence[tuple[str, str]] = (), updated: datetime | None = None,
    ) -> str:  # fmt: skip
        links, when = dict(targets), stamp(due_at or self.clock())
        values = {
            **records.defaults(self, "Activity"), "Title": title, "Notes": text, "StartDate": when, "DueDate": when,
            "StatusId": COMPLETED if completed else NOT_STARTED, "ShowInScheduler": True, "LeadId": links.get("lead"),
            "ContactId": links.get("contact"), "AccountId": links.get("organization"), "OpportunityId": links.get("deal"),
        }  # fmt: skip
        row = self.state.add("Activity", {**values, **({"OwnerId": assignee} if assignee else {})})
        row["CreatedOn"] = row["ModifiedOn"] = stamp(updated or self.clock())
        return str(row["Id"])

    def _seeded(
        self, kind: str, values: Row, owner: str | None, updated: datetime | None, attribution: Mapping[str, str] | None
    ) -> str:
        row = self.state.add(KINDS[kind], {**values, "OwnerId": owner})
        if kind in ("contact", "organization"):
            self.state.keep_phones(KINDS[kind], row)
        return self._dated(kind, row, updated, attribution)

    def _dated(self, kind: str, row: Row, updated: datetime | None, attribution: Mapping[str, str] | None) -> str:
        for name, value in (attribution or {}).items():
            row[self._field_named(kind, name)] = value
        row["CreatedOn"] = row["ModifiedOn"] = stamp(updated or self.clock())
        return str(row["Id"])

    def _field_named(self, kind: str, name: str) -> str:
        """The custom column of that name, made when there is none."""
        for column in self.state.columns[KINDS[kind]].values():
            if column.custom and column.name.removeprefix("Usr").removeprefix("patchcord_").lower() == name:
                return column.name
        return self.seed_field(kind, name)

    # ---- what people do in Creatio's own pages

    @locked
    def set_owner(self, kind: str, record_id: str, owner: str) -> None:
        row = self.state.table(KINDS[kind])[record_id]
        row["OwnerId"] = owner
        self.state.touch(row)

    @locked
    def set_status(self, kind: str, record_id: str, status: Status) -> None:
        row = self.state.table(KINDS[kind])[record_id]
        if kind == "deal":
            row["StageId"] = self._stage(status)
        else:
            row["QualifyStatusId"] = self._lead_status(status)
        self.state.touch(row)

    @locked
    def finish_task(self, task_id: str) -> None:
        row = self.state.table("Activity")[task_id]
        row["StatusId"] = COMPLETED
        self.state.touch(row)

    @locked
    def remove(self, kind: str, record_id: str) -> None:
        entity = KINDS.get(kind, "Activity")
        self.state.table(entity).pop(record_id, None)
        if entity in ("Contact", "Account"):
            rows = self.state.table(f"{entity}Communication")
            for key in [row["Id"] for row in self.state.linked(f"{entity}Communication", f"{entity}Id", record_id)]:
                del rows[key]

    # ---- how things stand

    @locked
    def records(self, kind: str) -> list[dict[str, Any]]:
        """All records of a kind; contacts without the employees."""
        entity = KINDS[kind]
        rows = [row for row in self.state.table(entity).values() if row.get("TypeId") != EMPLOYEE]
        return [self._told(kind, entity, row) for row in rows]

    def _told(self, kind: str, entity: str, row: Row) -> dict[str, Any]:
        words = record_words(self.state, entity, row)
        times = {"updated_at": row["ModifiedOn"], "created_at": row["CreatedOn"]}
        return {"kind": kind, "id": row["Id"], "open": words["status"] == "open", **words, **times}

    @locked
    def tasks(self) -> list[dict[str, Any]]:
        """Tasks; notes are left out, though they are activities as well."""
        rows = [row for row in self.state.table("Activity").values() if activity_sort(self.state, row)[0] == "task"]
        words = ((row, activity_words(self.state, row, self.marker_in_text)) for row in rows)
        return [{"kind": activity_sort(self.state, row)[1], "id": row["Id"], **told} for row, told in words]


class _Endpoint:
    """What the data paths lead to, for one of the two path forms (1)."""

    def __init__(self, twin: CreatioTwin, core: bool) -> None:
        self._twin, self._core = twin, core

    def __call__(self, request: Request, resource: str) -> Response:
        return self._twin.run(request, resource, self._core)
