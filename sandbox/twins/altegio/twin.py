"""The Altegio twin: dispatch, and how tests and the stand put things into it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from sandbox.twins.altegio import access, wire
from sandbox.twins.altegio.account import Account
from sandbox.twins.altegio.neutral import record_words
from sandbox.twins.altegio.routes import BASE, ROUTES, Route
from sandbox.twins.altegio.state import FIRST_RECORD, Row, State, client_row, field_row, staff_row, user_row
from sandbox.twins.base import Clock, Connection, Status, Twin, locked, utc_now

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
FIELD_TYPES = {"text": "text", "number": "number", "date": "date", "phone": "text", "option": "list"}


class AltegioTwin(Twin):
    """A location with one user. It has clients only: no organizations, leads, deals, tasks, and no owner of a client (1).

    A seeded number is kept as it is written, as an import or a person may have left it; what comes over the API becomes
    digits. Two seeds may have one number; a creation over the API may not take it again (5).
    """

    vendor: ClassVar[str] = "altegio"
    title: ClassVar[str] = "Altegio"

    def __init__(self, *, clock: Clock = utc_now, search_lag: timedelta = timedelta(0), account: Account | None = None) -> None:
        self.account = account or Account()
        super().__init__(clock=clock, search_lag=search_lag)

    @locked
    def set(self, **changes: Any) -> None:
        """Change the account's set-up; the rate windows begin anew."""
        self.account = replace(self.account, **changes)
        self.gate = access.Gate(self)

    def forget(self) -> None:
        self.state = State(self.ids, self.clock, self.account.zone)
        self.gate = access.Gate(self)
        self.user_token = self.account.user_token
        self.seed_user(name="Integration", email="api@example.com", admin=True)

    # ---- answering

    def rules(self) -> Iterator[Rule]:
        for route in ROUTES:
            yield Rule(BASE + route.path, methods=[route.method], endpoint=_Endpoint(self, route))

    def run(self, route: Route, request: Request, args: Mapping[str, Any]) -> Response:
        """One call: sign-in, limits, the needed header, the location, the right, then the work (2, 3)."""
        if not access.signed_in(self, request, partner_only=route.partner_only):
            return self.unauthorised()
        refused = self.gate.check() or self._out_of_place(route, request, args)
        return refused or route.handler(wire.Call(self, request, args))

    def _out_of_place(self, route: Route, request: Request, args: Mapping[str, Any]) -> Response | None:
        if not access.ACCEPTED.match(request.headers.get("Accept", "")):
            return wire.failure(400, "Accept must be application/vnd.api.v2+json")
        if args.get("location_id", self.account.location_id) != self.account.location_id:
            return wire.failure(404, "Location not found")
        if not self.account.paid and "location_id" in args:
            return wire.failure(402, "The location is not paid")
        return self.no_right() if route.right and route.right not in self.account.rights else None

    def refusal(self, status: int, words: str, code: str = "") -> Response:
        return wire.failure(status, words, {code: [words]} if code else None)

    def unauthorised(self) -> Response:
        return wire.failure(401, "Authorization is required")

    def no_right(self) -> Response:
        return wire.failure(403, "No company management rights")

    def too_many(self) -> Response:
        return self.gate.over()

    # ---- seeds of the location

    def connection(self, url: str) -> Connection:
        return Connection(
            {"base_url": f"{url}{BASE}", "location_id": str(self.account.location_id)},
            {"partner_token": self.account.partner_token, "user_token": self.account.user_token},
        )

    @locked
    def replace_user_token(self, token: str) -> None:
        """The password changes: the old user token answers 401 from now on (2)."""
        self.user_token = token

    @locked
    def seed_user(self, *, name: str, email: str = "", active: bool = True, admin: bool = False) -> str:
        return str(user_row(self.state, name, email, active=active, admin=admin)["id"])

    @locked
    def seed_staff(self, name: str, user: str | None = None) -> str:
        """Somebody whom appointments are made with; `user` is the login, if any."""
        return str(staff_row(self.state, name, int(user) if user else None, self.account.location_id)["id"])

    @locked
    def seed_appointment(self, *, client: str, staff: str, at: datetime, attendance: int = 0, deleted: bool = False) -> str:
        """An appointment of a client (6)."""
        key, local, who = FIRST_RECORD + self.ids.number("record"), self.state.local(at), self.state.clients[int(client)]
        member = self.state.staff[int(staff)]
        self.state.appointments[key] = {
            "id": key, "company_id": self.account.location_id, "staff_id": member["id"], "services": [],
            "staff": {"id": member["id"], "name": member["name"]},
            "client": {"id": who["id"], "name": who["name"], "phone": who["phone"]}, "date": f"{local:%Y-%m-%d %H:%M:%S}",
            "datetime": local.isoformat(timespec="seconds"), "create_date": self.state.long_time(), "comment": "",
            "attendance": attendance, "visit_attendance": attendance, "confirmed": 1, "seance_length": 3600, "length": 3600,
            "visit_id": str(key), "created_user_id": next(iter(self.state.users)), "deleted": deleted, "paid_full": 0,
            "api_id": "", "record_labels": [], "activity_id": 0, "custom_fields": [],
        }  # fmt: skip
        return str(key)

    @locked
    def seed_field(self, kind: str, name: str, field_type: str = "text", options: Sequence[str] = ()) -> str:
        _only_clients(kind)
        code = re.sub(r"\W+", "_", name.lower()) or "field"
        if code in self.state.fields["client"]:
            code = f"{code}_{self.ids.number('code')}"
        row = field_row(self.state, "client", code, name, FIELD_TYPES.get(field_type, field_type), list(options))
        return str(row["code"])

    # ---- seeds of records

    @locked
    def seed_contact(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        """A client. `owner` and `organization` are left out: Altegio knows neither."""
        row = client_row(self.state, name or phone or "Unknown", phone or "")
        row["custom_fields"] = {self._field_named(name): value for name, value in (attribution or {}).items()}
        row["last_change_date"] = self.state.long_time(updated)
        self.state.clients[row["id"]] = row
        self.state.created[row["id"]] = LONG_AGO
        return str(row["id"])

    def _field_named(self, name: str) -> str:
        """The code of the field of that name, made when there is none."""
        for code, row in self.state.fields["client"].items():
            if row["title"].lower().removeprefix("patchcord_") == name:
                return code
        return self.seed_field("contact", name)

    def seed_organization(self, **words: Any) -> str:
        raise missing("organization")

    def seed_lead(self, **words: Any) -> str:
        raise missing("lead")

    def seed_deal(self, **words: Any) -> str:
        raise missing("deal")

    def seed_task(self, **words: Any) -> str:
        raise missing("task")

    # ---- what people do in Altegio's own pages

    @locked
    def set_owner(self, kind: str, record_id: str, owner: str) -> None:
        """Nobody owns a client; somebody saves it, no more."""
        _only_clients(kind)
        self._row(record_id)["last_change_date"] = self.state.long_time()

    def set_status(self, kind: str, record_id: str, status: Status) -> None:
        raise NotImplementedError("Altegio's clients have no status")

    def finish_task(self, task_id: str) -> None:
        raise missing("task")

    @locked
    def remove(self, kind: str, record_id: str) -> None:
        _only_clients(kind)
        del self.state.clients[int(record_id)]

    def _row(self, record_id: str) -> Row:
        return self.state.clients[int(record_id)]

    # ---- how things stand

    @locked
    def records(self, kind: str) -> list[dict[str, Any]]:
        """All clients; there is nothing of another kind."""
        rows = self.state.clients.values() if kind == "contact" else ()
        return [record_words(self.state, row, self.marker_in_text) for row in rows]

    def tasks(self) -> list[dict[str, Any]]:
        """None: Altegio has no tasks."""
        return []


class _Endpoint:
    """What a URL rule leads to: the route, for this twin."""

    def __init__(self, twin: AltegioTwin, route: Route) -> None:
        self._twin, self._route = twin, route

    def __call__(self, request: Request, **args: Any) -> Response:
        return self._twin.run(self._route, request, args)


def missing(kind: str) -> NotImplementedError:
    return NotImplementedError(f"Altegio has clients only, no {kind}")


def _only_clients(kind: str) -> None:
    """Raises NotImplementedError for a kind that Altegio has not (1)."""
    if kind != "contact":
        raise missing(kind)
