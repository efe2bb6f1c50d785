"""The Kommo twin: dispatch, and how tests and the stand put things into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Clock, Connection, Status, Twin, locked, utc_now
from sandbox.twins.kommo import access, wire
from sandbox.twins.kommo.account import Account
from sandbox.twins.kommo.fields import PHONE, add_built_in, entries_with_code, field_row, named_field
from sandbox.twins.kommo.neutral import record_words, task_words
from sandbox.twins.kommo.records import placed
from sandbox.twins.kommo.routes import ROUTES, Route
from sandbox.twins.kommo.state import (
    COMPANIES,
    CONTACTS,
    KINDS,
    LEADS,
    LOST,
    WON,
    Row,
    State,
    ordinary_stages,
    pipeline_row,
    record_row,
    user_row,
)
from sandbox.twins.kommo.tasks import kind_of, task_row

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
FIELD_TYPES = {"text": "text", "number": "numeric", "date": "date", "phone": "text", "option": "select"}
CLOSED = {"won": WON, "closed": WON, "converted": WON, "lost": LOST, "archived": LOST}
"""Kommo knows won and lost only (4)."""
NO_LEADS = "Kommo has no leads beside deals: what it calls a lead is the deal (crm_kommo.md 4); use seed_deal"


class KommoTwin(Twin):
    """A Kommo account with one administrator (user 501) and one pipeline of three stages.

    `clock` and `search_lag` as for every twin; `account` says how the account is set up, `set` changes it.
    """

    vendor: ClassVar[str] = "kommo"
    title: ClassVar[str] = "Kommo (amoCRM)"

    def __init__(self, *, clock: Clock = utc_now, search_lag: timedelta = timedelta(0), account: Account | None = None) -> None:
        self.account = account or Account()
        super().__init__(clock=clock, search_lag=search_lag)

    @locked
    def set(self, **changes: Any) -> None:
        """Change the account's set-up; the rate window begins anew."""
        self.account = replace(self.account, **changes)
        self.gate = access.Gate(self)

    @locked
    def unblock(self) -> None:
        """The vendor's support lifts the block of our address (2)."""
        self.gate = access.Gate(self)

    def forget(self) -> None:
        self.state = State(self.ids, self.clock, self.account.account_id)
        self.grants = access.Grants(self)
        self.gate = access.Gate(self)
        add_built_in(self.state, tracking=self.account.tracking_fields)
        pipeline_row(self.state, "Sales", ("Initial contact", "Offer", "Decision"))
        self.seed_user(name="Admin", email="admin@example.com", admin=True)
        self.tokens = {self.account.token: wire.ADMIN}

    # ---- answering

    def rules(self) -> Iterator[Rule]:
        yield Rule("/oauth2/access_token", methods=["POST"], endpoint=self._token)
        for route in ROUTES:
            yield Rule(f"/api/v4{route.path}", methods=[route.method], endpoint=_Endpoint(self, route))

    def _token(self, request: Request) -> Response:
        return access.token(self, request)

    def run(self, route: Route, request: Request, args: Mapping[str, Any]) -> Response:
        """One call of the API: rate by address, sign-in, plan, right, then the work."""
        refused = self.gate.check()
        if refused is not None:
            return refused
        user = access.signed_in(self, request)
        if user is None:
            return self.unauthorised()
        if not self.account.paid:
            return wire.problem(402, "Account is not paid")
        if route.admin and not user["rights"]["is_admin"]:
            return self.no_right()
        return self._work(route, wire.Call(self, request, user, {**route.args, **args}))

    def _work(self, route: Route, call: wire.Call) -> Response:
        try:
            return route.handler(call)
        except wire.Invalid as invalid:
            return wire.problem(400, "Request validation failed", invalid.errors)

    def refusal(self, status: int, words: str, code: str = "") -> Response:
        if status != 400:
            return wire.problem(status, words)
        errors = [{"request_id": "0", "errors": [{"code": code or "InvalidValue", "path": "", "detail": words}]}]
        return wire.problem(400, "Request validation failed", errors)

    def unauthorised(self) -> Response:
        return wire.problem(401, "Not authorized")

    def no_right(self) -> Response:
        return wire.problem(403, "Client doesn't have the required scope")

    def too_many(self) -> Response:
        if self.account.html_429:
            return Response("<html><head><title>429 Too Many Requests</title></head></html>", 429, mimetype="text/html")
        return wire.problem(429, "Too many requests")

    # ---- tokens

    @locked
    def grant(self, user: str = str(wire.ADMIN)) -> access.Grant:
        """An OAuth grant (access and refresh token) as an installed integration has it."""
        return self.grants.issue(int(user))

    @locked
    def expire_access_tokens(self) -> None:
        """OAuth tokens answer 401 until somebody refreshes."""
        self.grants.access.clear()

    @locked
    def revoke_grants(self) -> None:
        """The integration is removed from the account."""
        self.grants = access.Grants(self)

    def replace_token(self, token: str) -> None:
        """The administrator makes a new long-lived token and revokes the old one."""
        self.tokens = {token: wire.ADMIN}

    @locked
    def seed_token(self, user: str, token: str) -> None:
        """A long-lived token of another user."""
        self.tokens[token] = int(user)

    # ---- seeds of the account

    def connection(self, url: str) -> Connection:
        return Connection({"base_url": url}, {"api_token": self.account.token})

    @locked
    def seed_user(self, *, name: str, email: str = "", active: bool = True, admin: bool = False) -> str:
        return str(user_row(self.state, name=name, email=email, active=active, admin=admin)["id"])

    @locked
    def seed_pipeline(self, name: str, stages: Sequence[str]) -> tuple[str, list[str]]:
        """A further pipeline: its id and those of its own stages."""
        key = pipeline_row(self.state, name, tuple(stages))["id"]
        return str(key), [str(stage) for stage in ordinary_stages(self.state, key)]

    @locked
    def seed_field(self, kind: str, name: str, field_type: str = "text", options: Sequence[str] = ()) -> str:
        row = field_row(self.state, _word(kind), name, FIELD_TYPES.get(field_type, field_type), options)
        return str(row["id"])

    # ---- seeds of records

    @locked
    def seed_contact(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        adopted = self.state.adoptable.pop(phone, None) if phone else None
        row = self.state.records[CONTACTS][adopted] if adopted else self._row(CONTACTS, name or phone, owner)
        row |= {"name": name or row["name"], "responsible_user_id": _number(owner) or row["responsible_user_id"]}
        row["company"] = _number(organization)
        return self._seeded(CONTACTS, row, phone, updated, attribution)

    @locked
    def seed_organization(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        return self._seeded(COMPANIES, self._row(COMPANIES, name or phone, owner), phone, updated, attribution)

    def seed_lead(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        raise NotImplementedError(NO_LEADS)

    @locked
    def seed_deal(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None, pipeline: str | None = None, stage: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        person = _number(contact) or self._contact_with(phone)
        row = self._row(LEADS, name or f"Deal {phone or ''}".strip(), owner)
        row["pipeline_id"], row["status_id"] = placed(self.state, {"pipeline_id": _number(pipeline), "status_id": _number(stage)})
        row |= {"contacts": [person] if person else [], "company": _number(organization)}
        row["status_id"] = CLOSED.get(status, row["status_id"])
        return self._seeded(LEADS, row, None, updated, attribution)

    @locked
    def seed_task(
        self, *, title: str, text: str = "", completed: bool = False, assignee: str | None = None,
        due_at: datetime | None = None, targets: Sequence[tuple[str, str]] = (), updated: datetime | None = None,
    ) -> str:  # fmt: skip
        due = int((due_at or self.clock()).timestamp())
        row = task_row(self.state, "\n".join(part for part in (title, text) if part), due, _number(assignee) or wire.ADMIN)
        if targets:
            row |= {"entity_type": _word(targets[0][0]), "entity_id": int(targets[0][1])}
        row["created_at"] = row["updated_at"] = int((updated or self.clock()).timestamp())
        row["is_completed"] = completed
        self.state.tasks[row["id"]] = row
        return str(row["id"])

    def _row(self, word: str, name: str | None, owner: str | None) -> Row:
        user = _number(owner) or wire.ADMIN
        return record_row(self.state, word, name or "Unknown", user, user)

    def _contact_with(self, phone: str | None) -> int | None:
        """The contact of a deal that is seeded with a phone only; `seed_contact` adopts it."""
        if not phone:
            return None
        for key, row in self.state.records[CONTACTS].items():
            if phone in entries_with_code(self.state, CONTACTS, row, PHONE):
                return key
        made = int(self.seed_contact(phone=phone))
        self.state.adoptable[phone] = made
        return made

    def _seeded(
        self, word: str, row: Row, phone: str | None, updated: datetime | None, attribution: Mapping[str, str] | None
    ) -> str:
        """Store a seed: searchable at once, last changed when told so."""
        fields = self.state.fields[word]
        if phone:
            field = next(field for field in fields.values() if field["code"] == PHONE)
            kind = field["enums"][0]
            row["custom"][field["id"]] = [{"value": phone, "enum_id": kind["id"], "enum_code": kind["code"]}]
        for name, value in (attribution or {}).items():
            row["custom"][named_field(self.state, word, name)["id"]] = [{"value": value}]
        row["created_at"] = row["updated_at"] = int((updated or self.clock()).timestamp())
        self.state.add(word, row)
        self.state.indexed[word, row["id"]] = LONG_AGO
        return str(row["id"])

    # ---- what people do in Kommo's own pages

    @locked
    def set_owner(self, kind: str, record_id: str, owner: str) -> None:
        row = self.state.records[_word(kind)][int(record_id)]
        row["responsible_user_id"] = int(owner)
        self.state.touch(row, wire.ADMIN)

    @locked
    def set_status(self, kind: str, record_id: str, status: Status) -> None:
        row = self.state.records[_word(kind)][int(record_id)]
        row["status_id"] = CLOSED.get(status) or ordinary_stages(self.state, row["pipeline_id"])[0]
        self.state.touch(row, wire.ADMIN)

    @locked
    def finish_task(self, task_id: str) -> None:
        row = self.state.tasks[int(task_id)]
        row["is_completed"] = True
        self.state.touch(row, wire.ADMIN)

    @locked
    def remove(self, kind: str, record_id: str) -> None:
        if kind == "task":
            del self.state.tasks[int(record_id)]
        else:
            self.state.remove(_word(kind), int(record_id))

    # ---- how things stand

    @locked
    def records(self, kind: str) -> list[dict[str, Any]]:
        return [record_words(self.state, _word(kind), row) for row in self.state.records[_word(kind)].values()]

    @locked
    def tasks(self) -> list[dict[str, Any]]:
        rows = self.state.tasks.values()
        return [{"kind": kind_of(row), "id": str(row["id"]), **task_words(row, self.marker_in_text)} for row in rows]


class _Endpoint:
    """What a URL rule leads to: the route, for this twin."""

    def __init__(self, twin: KommoTwin, route: Route) -> None:
        self._twin, self._route = twin, route

    def __call__(self, request: Request, **args: Any) -> Response:
        return self._twin.run(self._route, request, args)


def _word(kind: str) -> str:
    """The vendor's word for a neutral kind; NotImplementedError for the one it has not."""
    if kind == "lead":
        raise NotImplementedError(NO_LEADS)
    return KINDS[kind]


def _number(text: str | None) -> int | None:
    return int(text) if text else None
