"""The Megaplan twin: dispatch, and how tests and the stand put things into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Clock, Connection, Status, Twin, json_answer, locked, utc_now
from sandbox.twins.megaplan import access, wire
from sandbox.twins.megaplan.account import ADMIN_RIGHT, Account
from sandbox.twins.megaplan.neutral import standing, task_words
from sandbox.twins.megaplan.routes import PREFIX, ROUTES, Route
from sandbox.twins.megaplan.state import (
    COMPANY,
    EMPLOYEE,
    GROUP,
    HUMAN,
    PROGRAM,
    TASK,
    TODO,
    TODO_CATEGORY,
    TODO_STATUS,
    WAY,
    Row,
    State,
    company_row,
    date_time,
    deal_row,
    employee_row,
    human_row,
    kind_type,
    link,
    own_field_row,
    program_row,
    states_of,
)

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
STATUS_NAMES = {"scheduled": "Запланировано", "finished": "Завершено", "success": "Успех", "fail": "Неудача"}
SALE = {"New request": "active", "In work": "active", "Paid": "positive", "Refused": "negative"}
HIDDEN = (401, 403, 422)
"""Statuses that may come inside an HTTP 200 (crm_megaplan.md 3)."""


class MegaplanTwin(Twin):
    """A Megaplan account with one bot user, one program of deals, the statuses of todos and two source channels.

    `clock` as for every twin; `search_lag` is also how long writes to todos stay invisible; `account` says how the account
    is set up, `set` changes it.
    """

    vendor: ClassVar[str] = "megaplan"
    title: ClassVar[str] = "Megaplan"

    def __init__(self, *, clock: Clock = utc_now, search_lag: timedelta = timedelta(0), account: Account | None = None) -> None:
        self.account = account or Account()
        super().__init__(clock=clock, search_lag=search_lag)

    @locked
    def set(self, **changes: Any) -> None:
        """Change the account's set-up."""
        self.account = replace(self.account, **changes)
        self.state.table(EMPLOYEE)[self.bot]["possibleActions"] = list(self.account.rights)

    def forget(self) -> None:
        self.state = State(self.ids, self.clock)
        self.grants = access.Grants(self)
        self.bot = str(self._employee("Bot", self.account.username, actions=self.account.rights)["id"])
        self.program = str(program_row(self.state, "Sale", SALE)["id"])
        for sort, name in STATUS_NAMES.items():
            self.state.add(self.state.new(TODO_STATUS, name=name, masterType=sort))
        self.state.add(self.state.new(TODO_CATEGORY, name="Звонок", masterType="call"))
        for way in ("google", "yandex"):
            self.state.add(self.state.new(WAY, name=way))

    # ---- answering

    def rules(self) -> Iterator[Rule]:
        yield Rule(f"{PREFIX}/auth/access_token", methods=["POST"], endpoint=self._token)
        for route in ROUTES:
            yield Rule(PREFIX + route.path, methods=[route.method], endpoint=_Endpoint(self, route))

    def _token(self, request: Request) -> Response:
        return access.token(self, request)

    def run(self, route: Route, request: Request, args: Mapping[str, Any]) -> Response:
        """One call of the API: sign-in, right, then the work."""
        if not access.is_signed_in(self, request):
            return self.unauthorised()
        if route.right and route.right not in self.account.rights:
            return self.refusal(403, f"No {route.right} rights")
        return route.handler(wire.Call(self, request, {**route.args, **args}))

    def answer_inside(self, request: Request) -> Response:
        """One call of a bulk; it meets the faults armed for its own path and is not a request of its own in the log."""
        fault = self._fault_for(request)
        return self._dispatch(request) if fault is None else self._misbehave(fault, request)

    def refusal(self, status: int, words: str, code: str = "") -> Response:
        return wire.error(status, words, code, 200 if status in HIDDEN and self.account.errors_in_200 else status)

    def unauthorised(self) -> Response:
        return self.refusal(401, "Access token is invalid or expired")

    def no_right(self) -> Response:
        return self.refusal(403, "No act_read rights")

    def too_many(self) -> Response:
        headers = {} if self.account.retry_after is None else {"Retry-After": str(self.account.retry_after)}
        error = {"field": None, "message": "Too many requests", "type": "error"}
        return json_answer({"meta": {"status": 429, "errors": [error]}, "data": None}, 429, headers)

    # ---- tokens

    @locked
    def grant(self) -> access.Grant:
        """A pair of tokens of the bot user."""
        return self.grants.issue()

    @locked
    def expire_access_tokens(self) -> None:
        """Calls answer 401 until somebody refreshes."""
        self.grants.expire()

    @locked
    def revoke_grants(self) -> None:
        """No token works any more; the password still does."""
        self.grants.revoke()

    # ---- seeds of the account

    def connection(self, url: str) -> Connection:
        options = {"base_url": url, "program": self.program, "done_status": self.status("finished")}
        return Connection(options, {"username": self.account.username, "password": self.account.password})

    def status(self, sort: str) -> str:
        """The id of the todo status of a sort: scheduled, finished, success, fail."""
        return next(str(row["id"]) for row in self.state.table(TODO_STATUS).values() if row["masterType"] == sort)

    def _employee(self, name: str, email: str, *, active: bool = True, actions: tuple[str, ...] = ()) -> Row:
        return employee_row(self.state, name=name, email=email, active=active, actions=actions)

    @locked
    def seed_user(self, *, name: str, email: str = "", active: bool = True, admin: bool = False) -> str:
        actions = (*self.account.rights, ADMIN_RIGHT) if admin else self.account.rights
        return str(self._employee(name, email, active=active, actions=actions)["id"])

    @locked
    def seed_group(self, name: str) -> str:
        """A group of employees, which may be responsible for a client."""
        return str(self.state.add(self.state.new(GROUP, name=name))["id"])

    @locked
    def seed_program(self, name: str, states: Mapping[str, str]) -> str:
        """A further program; `states` are names and types: active, positive, negative."""
        return str(program_row(self.state, name, states)["id"])

    def states(self, program: str) -> dict[str, str]:
        """Ids of a program's states by name."""
        return {row["name"]: row["id"] for row in states_of(self.state, self.state.table(PROGRAM)[program])}

    def way(self, name: str) -> str:
        """The id of a source channel."""
        return next(str(row["id"]) for row in self.state.table(WAY).values() if row["name"] == name)

    @locked
    def seed_field(self, kind: str, name: str, field_type: str = "text", options: Sequence[str] = ()) -> str:
        return str(own_field_row(self.state, kind_type(kind), name, field_type, tuple(options))["name"])

    # ---- seeds of records

    @locked
    def seed_contact(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        adopted = self.state.adoptable.pop(phone, None) if phone else None
        row = self.state.table(HUMAN)[adopted] if adopted else human_row(self.state)
        row |= {"firstName": name or phone or "Unknown", "name": name or phone or "Unknown"}
        row["company"] = {"contentType": COMPANY, "id": organization} if organization else None
        return self._client(row, phone, owner, updated, attribution)

    @locked
    def seed_organization(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        return self._client(company_row(self.state, name or phone or "Unknown"), phone, owner, updated, attribution)

    def _client(
        self, row: Row, phone: str | None, owner: str | None, updated: datetime | None, attribution: Mapping[str, str] | None
    ) -> str:
        row["responsibles"] = [_employee_link(owner)] if owner else row["responsibles"]
        row["contactInfo"] = [{"contentType": "ContactInfo", "type": "phone", "value": phone, "isMain": True}] if phone else []
        return self._seeded(row, updated, attribution)

    def seed_lead(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        raise NotImplementedError("Megaplan has no leads: a first contact is a client or a deal in its first state")

    @locked
    def seed_deal(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None, pipeline: str | None = None, stage: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        row = deal_row(self.state, self.state.table(PROGRAM)[pipeline or self.program])
        person = contact or (self._person_with(phone) if phone and not organization else None)
        client = {"contentType": HUMAN, "id": person} if person else {"contentType": COMPANY, "id": organization}
        row |= {"name": name or f"Deal {phone or ''}".strip(), "manager": _employee_link(owner) if owner else None}
        row["contractor"] = client if person or organization else None
        if stage:
            row["state"] = {"contentType": "ProgramState", "id": stage}
        key = self._seeded(row, updated, attribution)
        if status != "open":
            self._set_deal(row, status)
        return key

    @locked
    def seed_task(
        self, *, title: str, text: str = "", completed: bool = False, assignee: str | None = None,
        due_at: datetime | None = None, targets: Sequence[tuple[str, str]] = (), updated: datetime | None = None,
    ) -> str:  # fmt: skip
        relations = [{"contentType": kind_type(kind), "id": key} for kind, key in targets]
        moment = date_time(due_at) if due_at else None
        row = self.state.new(
            TODO, name=title, description=text, responsible=_employee_link(assignee or self.bot), relations=relations,
            category=None, status=self._status_link("finished" if completed else "scheduled"),
            when={"contentType": "IntervalTime", "from": moment, "to": moment} if moment else None,
        )  # fmt: skip
        row["timeCreated"] = date_time(updated or self.clock())
        self.state.add(row)
        self.state.seen_from[TODO, row["id"]] = LONG_AGO
        return str(row["id"])

    def _status_link(self, sort: str) -> Row:
        return {"contentType": TODO_STATUS, "id": self.status(sort)}

    def _person_with(self, phone: str) -> str:
        """The person of a deal that is seeded with a phone only; `seed_contact` adopts it."""
        for key, row in self.state.table(HUMAN).items():
            if any(one["value"] == phone for one in row["contactInfo"]):
                return key
        made = self.seed_contact(phone=phone)
        self.state.adoptable[phone] = made
        return made

    def _seeded(self, row: Row, updated: datetime | None, attribution: Mapping[str, str] | None) -> str:
        """Store a seed: searchable at once, made and last changed when told so."""
        word = row["contentType"]
        row.update({self._field_named(word, name): value for name, value in (attribution or {}).items()})
        row["timeCreated"] = row["timeUpdated"] = date_time(updated or self.clock())
        self.state.add(row)
        self.state.seen_from[word, row["id"]] = LONG_AGO
        return str(row["id"])

    def _field_named(self, word: str, name: str) -> str:
        """The key of the account's own field of that name, made when there is none."""
        for key, label in self.state.names_of(word).items():
            if label.lower().removeprefix("patchcord_") == name:
                return key
        return str(own_field_row(self.state, word, name, "text", ())["name"])

    # ---- what people do in Megaplan's own pages

    def _row(self, kind: str, key: str) -> Row:
        return self.state.table(kind_type(kind))[key]

    @locked
    def set_owner(self, kind: str, record_id: str, owner: str) -> None:
        row = self._row(kind, record_id)
        row |= {"manager": _employee_link(owner)} if kind == "deal" else {"responsibles": [_employee_link(owner)]}
        self.state.touch(row)

    @locked
    def set_responsibles(self, kind: str, record_id: str, links: Sequence[tuple[str, str]]) -> None:
        """Several responsibles of a client: pairs of contentType and id."""
        self._row(kind, record_id)["responsibles"] = [{"contentType": word, "id": key} for word, key in links]

    @locked
    def set_active(self, user: str, active: bool) -> None:
        """Somebody dismisses an employee or takes him back."""
        self.state.table(EMPLOYEE)[user] |= {"isWorking": active, "canLogin": active}

    @locked
    def set_status(self, kind: str, record_id: str, status: Status) -> None:
        self._set_deal(self._row(kind, record_id), status)

    def _set_deal(self, row: Row, status: Status) -> None:
        """The first state of the wanted type; archived deals are deleted ones."""
        row["isDropped"] = status == "archived"
        sort = {"open": "active", "lost": "negative", "archived": "active"}.get(status, "positive")
        states = states_of(self.state, self.state.table(PROGRAM)[row["program"]["id"]])
        row["state"] = next(link(state) for state in states if state["type"] == sort)
        self.state.touch(row)

    @locked
    def finish_task(self, task_id: str) -> None:
        self.state.table(TODO)[task_id]["status"] = self._status_link("finished")

    @locked
    def remove(self, kind: str, record_id: str) -> None:
        row = self.state.table(TODO)[record_id] if kind == "task" else self._row(kind, record_id)
        row["isDropped"] = True

    # ---- how things stand

    @locked
    def records(self, kind: str) -> list[dict[str, Any]]:
        table = self.state.table(kind_type(kind))
        return [standing(self, row) for row in table.values() if kind == "deal" or not row["isDropped"]]

    @locked
    def tasks(self) -> list[dict[str, Any]]:
        rows = [row for word in (TODO, TASK) for row in self.state.table(word).values() if not row["isDropped"]]
        return [{"kind": row["contentType"].lower(), "id": row["id"], **task_words(self, row)} for row in rows]


class _Endpoint:
    """What a URL rule leads to: the route, for this twin."""

    def __init__(self, twin: MegaplanTwin, route: Route) -> None:
        self._twin, self._route = twin, route

    def __call__(self, request: Request, **args: Any) -> Response:
        return self._twin.run(self._route, request, args)


def _employee_link(key: str | None) -> Row:
    return {"contentType": EMPLOYEE, "id": key}
