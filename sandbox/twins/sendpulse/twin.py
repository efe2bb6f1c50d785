"""The SendPulse twin: dispatch, and how tests and the stand put things into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, NoReturn

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Clock, Connection, Status, Twin, iso, json_answer, locked, utc_now
from sandbox.twins.sendpulse import access, wire
from sandbox.twins.sendpulse.account import Account
from sandbox.twins.sendpulse.neutral import record_words, task_words
from sandbox.twins.sendpulse.routes import API, ROUTES
from sandbox.twins.sendpulse.state import (
    CONTACT,
    DEAL,
    KINDS,
    LOST,
    OPEN,
    WON,
    Row,
    State,
    contact_row,
    deal_row,
    group,
    last_step,
    phone_entry,
    stamp,
    task_row,
)

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
TYPES = {"text": 0, "number": 1, "date": 2, "phone": 0, "option": 4}
STATUSES: Mapping[Status, int] = {"open": OPEN, "won": WON, "converted": WON, "closed": WON, "lost": LOST, "archived": 0}


class SendPulseTwin(Twin):
    """A SendPulse account with its owner (user 1), a pipeline and a board of three columns.

    `clock` and `search_lag` as for every twin; `account` says how the account is set up, `set` changes it.
    """

    vendor: ClassVar[str] = "sendpulse"
    title: ClassVar[str] = "SendPulse"

    def __init__(self, *, clock: Clock = utc_now, search_lag: timedelta = timedelta(0), account: Account | None = None) -> None:
        self.account = account or Account()
        super().__init__(clock=clock, search_lag=search_lag)

    @locked
    def set(self, **changes: Any) -> None:
        """Change the account's set-up; the rate windows begin anew."""
        self.account = replace(self.account, **changes)
        self.state.zone = self.account.timezone
        self.gate = access.Gate(self)

    def forget(self) -> None:
        self.state = State(self.ids, self.clock, self.account.timezone)
        self.tokens, self.gate = access.Tokens(self), access.Gate(self)
        self.seed_user(name="Account Owner", email="owner@example.com", admin=True)
        group(self.state, "pipeline", "Sales", ("New", "In work", "Paid"))
        group(self.state, "board", "Tasks", ("To do", "In work", "Done"))

    # ---- answering

    def rules(self) -> Iterator[Rule]:
        yield Rule("/oauth/access_token", methods=["POST"], endpoint=self._token)
        for method, path, handler, args in ROUTES:
            yield Rule(API + path, methods=[method], endpoint=partial(self._run, handler, args))

    def _token(self, request: Request) -> Response:
        return self.tokens.answer(request)

    def _run(self, handler: wire.Handler, fixed: Mapping[str, Any], request: Request, **args: Any) -> Response:
        """One call of the API: limit, sign-in, then the work (2, 3)."""
        refused = self.gate.check(self.clock()) if self.account.enforce_rates else None
        if refused is not None:
            return refused
        if not self.tokens.admits(request):
            return self.unauthorised()
        return handler(wire.Call(self, request, {**fixed, **args}))

    def refusal(self, status: int, words: str, code: str = "") -> Response:
        """The CRM's own shape for what is not found, the gateway's for the rest (3)."""
        if status == 404:
            return json_answer({"data": {"code": 404, "message": words}}, self.account.not_found_status)
        return wire.gateway_error(status, words, status)

    def unauthorised(self) -> Response:
        return wire.gateway_error(401, "Unauthorized!", 401)

    def no_right(self) -> Response:
        """Keys carry all rights (2); so this is what a gateway would say."""
        return wire.gateway_error(403, "Forbidden", 403)

    def too_many(self) -> Response:
        return wire.gateway_error(429, "Too many requests", access.TOO_FAST)

    def expire_tokens(self) -> None:
        """All tokens of client credentials end now; the static key lives on."""
        self.tokens.expire()

    # ---- seeds of the account

    def connection(self, url: str) -> Connection:
        board, pipeline = self.state.boards[1], self.state.pipelines[1]
        options = {
            "base_url": url, "responsible": "1", "timezone": self.account.timezone, "board": "1", "pipeline": "1",
            "open_step": str(board["steps"][0]["id"]), "done_step": str(last_step(board)),
            "step": str(pipeline["steps"][0]["id"]),
        }  # fmt: skip
        return Connection(options, {"api_key": self.account.api_key})

    @locked
    def seed_user(self, *, name: str, email: str = "", active: bool = True, admin: bool = False) -> str:
        """Somebody who is not active has not confirmed, or has left: not listed. No answer tells who is an administrator."""
        first, _, last = name.partition(" ")
        key = self.ids.number("user")
        self.state.users[key] = {
            "id": key, "firstname": first, "lastname": last, "email": email, "avatar": "", "lang": "uk_UA", "timezone": 2,
            "currency": "UAH", "confirmed": active,
        }  # fmt: skip
        return str(key)

    @locked
    def seed_field(self, kind: str, name: str, field_type: str = "text", options: Sequence[str] = ()) -> str:
        _known(kind)
        return str(self._field(kind, name, TYPES[field_type], options))

    def _field(self, kind: str, name: str, type_number: int, options: Sequence[str] = ()) -> int:
        key = self.ids.number("attribute")
        self.state.attributes[key] = {
            "id": key, "name": name, "status": 1, "type": type_number, "mandatory": False, "order": key, "options": [*options],
            "kind": kind, "pipeline": 1 if kind == DEAL else None,
        }  # fmt: skip
        return key

    def attribute_named(self, kind: str, name: str, type_number: int = 0) -> int:
        """The field of that name, made if it is missing."""
        found = (row["id"] for row in self.state.attributes_of(kind) if row["name"] == name)
        return next(found, None) or self._field(kind, name, type_number)

    @locked
    def seed_board(self, name: str, steps: tuple[str, ...]) -> str:
        return str(group(self.state, "board", name, steps)["id"])

    @locked
    def seed_pipeline(self, name: str, steps: tuple[str, ...]) -> str:
        return str(group(self.state, "pipeline", name, steps)["id"])

    # ---- seeds of records

    @locked
    def seed_contact(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        row = (self._hung_on(phone) if phone else None) or contact_row(self.state, int(owner or 1))
        row.pop("hung", None)
        row |= {"firstName": name, "responsibleId": int(owner or 1)}
        row["phones"] = [phone_entry(self.state, phone, main=True)] if phone else []
        return self._seeded(CONTACT, row, updated, attribution)

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
        group_id = int(pipeline or 1)
        step = int(stage or self.state.pipelines[group_id]["steps"][0]["id"])
        row = deal_row(self.state, group_id, step, int(owner or 1))
        row |= {"name": name or "Deal", "status": STATUSES[status]}
        if contact or phone:
            row["contact"] = [int(contact) if contact else self._contact_with(str(phone))]
        return self._seeded(DEAL, row, updated, attribution)

    def _hung_on(self, phone: str) -> Row | None:
        """The contact that was made for a deal's number and that nobody has seeded yet."""
        rows = (row for row in self.state.contacts.values() if row.get("hung"))
        return next((row for row in rows if row["phones"][0]["phone"] == phone), None)

    def _contact_with(self, phone: str) -> int:
        rows = self.state.contacts.values()
        known = next((row for row in rows if any(entry["phone"] == phone for entry in row["phones"])), None)
        if known is not None:
            return int(known["id"])
        row = contact_row(self.state, 1) | {"firstName": phone, "phones": [phone_entry(self.state, phone, main=True)]}
        return int(self._seeded(CONTACT, row | {"hung": True}, None, None))

    def _seeded(self, kind: str, row: Row, updated: datetime | None, attribution: Mapping[str, str] | None) -> str:
        """Store a seed: searchable at once, made when it was last changed."""
        row["attributes"] = {
            self.attribute_named(kind, self._named(kind, name)): text for name, text in (attribution or {}).items()
        }
        row["createdAt"] = row["updatedAt"] = stamp(updated or self.clock())
        self.state.add(kind, row)
        self.state.indexed[kind, row["id"]] = LONG_AGO
        return str(row["id"])

    def _named(self, kind: str, parameter: str) -> str:
        """The name of the field that holds a parameter of the visit."""
        names = {row["name"] for row in self.state.attributes_of(kind)}
        return f"patchcord_{parameter}" if f"patchcord_{parameter}" in names else parameter

    @locked
    def seed_task(
        self, *, title: str, text: str = "", completed: bool = False, assignee: str | None = None,
        due_at: datetime | None = None, targets: Sequence[tuple[str, str]] = (), updated: datetime | None = None,
    ) -> str:  # fmt: skip
        board = self.state.boards[1]
        row = task_row(self.state, title, 1, last_step(board) if completed else board["steps"][0]["id"])
        row |= {"description": text, "responsibleId": int(assignee) if assignee else None}
        row |= {"finishAt": self.state.local(due_at) if due_at else None}
        row |= {"createdAt": self.state.local(updated or self.clock())}
        row |= {f"{kind}s": [int(key) for sort, key in targets if sort == kind] for kind in KINDS}
        self.state.tasks[row["id"]] = row
        return str(row["id"])

    # ---- what people do in SendPulse's own pages

    def _row(self, kind: str, key: str) -> Row:
        _known(kind)
        return self.state.table(kind)[int(key)]

    @locked
    def set_owner(self, kind: str, record_id: str, owner: str) -> None:
        self._row(kind, record_id).update(responsibleId=int(owner), updatedAt=self.state.now())

    @locked
    def set_status(self, kind: str, record_id: str, status: Status) -> None:
        self._row(kind, record_id).update(status=STATUSES[status], updatedAt=self.state.now())

    @locked
    def finish_task(self, task_id: str) -> None:
        row = self.state.tasks[int(task_id)]
        row["stepId"] = last_step(self.state.boards[row["boardId"]])

    @locked
    def remove(self, kind: str, record_id: str) -> None:
        table = self.state.tasks if kind == "task" else self.state.table(kind)
        del table[int(record_id)]
        if kind == CONTACT:
            for deal in self.state.deals_of(int(record_id)):
                deal["contact"].remove(int(record_id))

    # ---- how things stand

    @locked
    def records(self, kind: str) -> list[dict[str, Any]]:
        _known(kind)
        return [self._told(kind, row) for row in self.state.table(kind).values()]

    def _told(self, kind: str, row: Row) -> dict[str, Any]:
        words = record_words(self.state, kind, row)
        times = {f"{name}_at": iso(datetime.fromisoformat(row[f"{name}At"])) for name in ("created", "updated")}
        return {"kind": kind, "id": str(row["id"]), "open": words["status"] == "open", **words, **times}

    @locked
    def tasks(self) -> list[dict[str, Any]]:
        rows = self.state.tasks.values()
        return [{"kind": "task", "id": str(row["id"]), **task_words(self.state, row, self.marker_in_text)} for row in rows]


def _known(kind: str) -> None:
    if kind not in KINDS:
        _no_kind(kind)


def _no_kind(kind: str) -> NoReturn:
    raise NotImplementedError(f"the SendPulse twin has no {kind}: it has contacts and deals")
