"""The RetailCRM twin: dispatch, and how tests and the stand put things into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NoReturn

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Clock, Connection, Refused, Status, Twin, Window, locked, utc_now
from sandbox.twins.retailcrm import wire
from sandbox.twins.retailcrm.account import Account
from sandbox.twins.retailcrm.fields import SOURCE, code_named, field_row
from sandbox.twins.retailcrm.journal import task_row
from sandbox.twins.retailcrm.neutral import record_words, task_words
from sandbox.twins.retailcrm.routes import RIGHTS, ROUTES, Route
from sandbox.twins.retailcrm.state import CUSTOMER, KINDS, ORDER, Row, State, customer_row, order_row, user_row

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FIELD_TYPES = {"text": "string", "number": "numeric", "date": "date", "phone": "string", "option": "dictionary"}
GROUPS: Mapping[Status, str] = {
    "open": "new", "won": "complete", "closed": "complete", "converted": "complete", "lost": "cancel", "archived": "cancel",
}  # fmt: skip
"""The group of statuses an order is put into (5)."""


class RetailCrmTwin(Twin):
    """A RetailCRM account with one administrator (user 1) and the default groups of statuses.

    `clock` and `search_lag` as for every twin; `account` says how the account is set up, `set` changes it.
    """

    vendor: ClassVar[str] = "retailcrm"
    title: ClassVar[str] = "RetailCRM"

    def __init__(self, *, clock: Clock = utc_now, search_lag: timedelta = timedelta(0), account: Account | None = None) -> None:
        self.account = account or Account()
        super().__init__(clock=clock, search_lag=search_lag)

    @locked
    def set(self, **changes: Any) -> None:
        """Change the account's set-up; the rate windows begin anew."""
        self.account = replace(self.account, **changes)
        self.state.zone = self.account.timezone
        self._open_windows()

    def forget(self) -> None:
        self.state = State(self.ids, self.clock, self.account.timezone)
        self._open_windows()
        self.seed_user(name="Admin", email="admin@example.com", admin=True)

    def _open_windows(self) -> None:
        self._windows = {False: Window(self.account.rate, SECOND), True: Window(self.account.telephony_rate, SECOND)}

    # ---- answering

    def rules(self) -> Iterator[Rule]:
        for route in ROUTES:
            yield Rule(route.path, methods=[route.method], endpoint=_Endpoint(self, route))

    def run(self, route: Route, request: Request, args: Mapping[str, Any]) -> Response:
        """One call of the API: key, limit, right, then the work (1, 3)."""
        key = request.headers.get("X-API-KEY") or request.values.get("apiKey")
        if not key:
            return self.refusal(403, '"apiKey" is missing.')
        if key != self.account.key:
            return self.unauthorised()
        if self.account.enforce_rates and not self._windows[route.telephony].take(self.clock()):
            return self.too_many()
        if not route.free and route.right not in self.rights():
            return self.no_right()
        return self._work(route, wire.Call(self, request, {**route.args, **args}))

    def _work(self, route: Route, call: wire.Call) -> Response:
        try:
            return route.handler(call)
        except wire.Malformed as malformed:
            return wire.error(400, malformed.words, malformed.errors)
        except Refused as refused:
            return self.refusal(refused.status, refused.words)

    def rights(self) -> frozenset[str]:
        """The methods the key may call."""
        return RIGHTS if self.account.rights is None else self.account.rights

    def refusal(self, status: int, words: str, code: str = "") -> Response:
        return wire.error(status, words)

    def unauthorised(self) -> Response:
        """403, not 401 (4)."""
        return wire.error(403, 'Wrong "apiKey" value.')

    def no_right(self) -> Response:
        return wire.error(403, "Access denied.")

    def too_many(self) -> Response:
        """503 without a pause (3)."""
        return wire.error(503, "Rate limit exceeded")

    def replace_key(self, key: str) -> None:
        """The administrator makes a new key; the old one answers 403."""
        self.account = replace(self.account, key=key)

    # ---- seeds of the account

    def connection(self, url: str) -> Connection:
        options = {"base_url": url, "site": self.account.sites[0], "timezone": self.account.timezone, "task_performer": "1"}
        return Connection(options, {"api_key": self.account.key})

    @locked
    def seed_user(self, *, name: str, email: str = "", active: bool = True, admin: bool = False) -> str:
        return str(user_row(self.state, name=name, email=email, active=active, admin=admin)["id"])

    @locked
    def seed_field(self, kind: str, name: str, field_type: str = "text", options: Sequence[str] = ()) -> str:
        word, made_of = _word(kind), FIELD_TYPES.get(field_type, field_type)
        return str(field_row(self.state, word, name, made_of, options)["code"])

    # ---- seeds of records

    @locked
    def seed_contact(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        row = customer_row(self.state, self.account.sites[0])
        row["phones"] = [{"number": phone}] if phone else []
        return self._seeded(CUSTOMER, row, name or phone or "Unknown", owner, updated, attribution)

    def seed_organization(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        _no_kind("organization")

    def seed_lead(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        _no_kind("lead")

    @locked
    def seed_deal(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None, pipeline: str | None = None, stage: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        row = order_row(self.state, self.account.sites[0], stage or self._status_of(status))
        row |= {"orderMethod": pipeline} if pipeline else {}
        row |= {"phone": phone} if phone else {}
        if contact:
            row["customer"] = {"type": "customer", "id": int(contact), "site": row["site"]}
        return self._seeded(ORDER, row, name or f"Order {phone or ''}".strip(), owner, updated, attribution)

    @locked
    def seed_task(
        self, *, title: str, text: str = "", completed: bool = False, assignee: str | None = None,
        due_at: datetime | None = None, targets: Sequence[tuple[str, str]] = (), updated: datetime | None = None,
    ) -> str:  # fmt: skip
        row = task_row(self.state, title, int(assignee or 1))
        row |= {"commentary": text, "complete": completed, "createdAt": self.state.local(updated or self.clock())}
        row |= {_word(kind): {"id": int(key), "site": self.account.sites[0]} for kind, key in targets}
        if due_at:
            row["datetime"] = self.state.local(due_at)[: len("2026-11-22 10:00")]
        self.state.tasks[row["id"]] = row
        return str(row["id"])

    def _status_of(self, status: Status) -> str:
        return self.account.groups[GROUPS[status]][0]

    def _seeded(
        self, word: str, row: Row, name: str, owner: str | None, updated: datetime | None, attribution: Mapping[str, str] | None
    ) -> str:
        """Store a seed: searchable at once, last changed when told so."""
        row |= {"firstName": name} | ({"managerId": int(owner)} if owner else {})
        row["createdAt"] = self.state.local(updated or self.clock())
        if word == ORDER:
            row["statusUpdatedAt"] = row["createdAt"]
        self._remember_visit(word, row, attribution or {})
        self.state.add(word, row)
        self.state.indexed[word, row["id"]] = LONG_AGO
        return str(row["id"])

    def _remember_visit(self, word: str, row: Row, attribution: Mapping[str, str]) -> None:
        """The visit's data: into the account's own field, else into the source, else into a field made for it."""
        places = {parameter: name for name, parameter in SOURCE.items()}
        for parameter, value in attribution.items():
            code = code_named(self.state, word, parameter)
            if code is None and parameter in places:
                row.setdefault("source", {})[places[parameter]] = value
                continue
            row["customFields"][code or field_row(self.state, word, parameter, "string")["code"]] = value

    # ---- what people do in RetailCRM's own pages

    def _row(self, kind: str, key: str) -> Row:
        return self.state.table(_word(kind))[int(key)]

    @locked
    def set_owner(self, kind: str, record_id: str, owner: str) -> None:
        self._row(kind, record_id)["managerId"] = int(owner)

    @locked
    def set_status(self, kind: str, record_id: str, status: Status) -> None:
        row = self._row(kind, record_id)
        row |= {"status": self._status_of(status), "statusUpdatedAt": self.state.now()}

    @locked
    def finish_task(self, task_id: str) -> None:
        self.state.tasks[int(task_id)] |= {"complete": True, "completedAt": self.state.now()}

    @locked
    def remove(self, kind: str, record_id: str) -> None:
        table = self.state.tasks if kind == "task" else self.state.table(_word(kind))
        del table[int(record_id)]

    # ---- how things stand

    @locked
    def records(self, kind: str) -> list[dict[str, Any]]:
        word = _word(kind)
        return [record_words(self.state, self.account, word, row) for row in self.state.table(word).values()]

    @locked
    def tasks(self) -> list[dict[str, Any]]:
        rows = self.state.tasks.values()
        return [{"kind": "task", "id": str(row["id"]), **task_words(self.state, row, self.marker_in_text)} for row in rows]


class _Endpoint:
    """What a URL rule leads to: the route, for this twin."""

    def __init__(self, twin: RetailCrmTwin, route: Route) -> None:
        self._twin, self._route = twin, route

    def __call__(self, request: Request, **args: Any) -> Response:
        return self._twin.run(self._route, request, args)


def _word(kind: str) -> str:
    """The vendor's word for a neutral kind."""
    return KINDS[kind] if kind in KINDS else _no_kind(kind)


def _no_kind(kind: str) -> NoReturn:
    raise NotImplementedError(f"RetailCRM has no {kind}: it has customers (contact) and orders (deal)")
