"""The Pipedrive twin: dispatch, and how tests and the stand put things into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Clock, Connection, Refused, Status, Twin, iso, json_answer, locked, utc_now
from sandbox.twins.pipedrive import access, wire
from sandbox.twins.pipedrive.account import Account
from sandbox.twins.pipedrive.activities import activity_row
from sandbox.twins.pipedrive.fields import add_built_in, custom_of, field_row
from sandbox.twins.pipedrive.leads import lead_row, make_deal
from sandbox.twins.pipedrive.neutral import record_words, task_words
from sandbox.twins.pipedrive.records import deal_row, entries_of, organization_row, person_row, place
from sandbox.twins.pipedrive.routes import REMOVED, ROUTES, Route
from sandbox.twins.pipedrive.state import (
    DEAL,
    DEFAULT_TYPES,
    KINDS,
    LEAD,
    ORGANIZATION,
    PERSON,
    Row,
    State,
    activity_type_row,
    lead_time,
    pipeline_row,
    stage_row,
    user_row,
)

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
FIELD_TYPES = {"text": "varchar", "number": "double", "date": "date", "phone": "phone", "option": "enum"}


class PipedriveTwin(Twin):
    """A Pipedrive account with one administrator (user 1) and one pipeline of three stages.

    `clock` and `search_lag` as for every twin; `account` says how the account is set up, `set` changes it.
    """

    vendor: ClassVar[str] = "pipedrive"
    title: ClassVar[str] = "Pipedrive"

    def __init__(self, *, clock: Clock = utc_now, search_lag: timedelta = timedelta(0), account: Account | None = None) -> None:
        self.account = account or Account()
        super().__init__(clock=clock, search_lag=search_lag)

    @locked
    def set(self, **changes: Any) -> None:
        """Change the account's set-up; the rate windows begin anew."""
        self.account = replace(self.account, **changes)
        self.gate = access.Gate(self)

    def forget(self) -> None:
        self.state = State(self.ids, self.clock)
        self.grants = access.Grants(self)
        self.gate = access.Gate(self)
        add_built_in(self.state)
        for name in DEFAULT_TYPES:
            activity_type_row(self.state, name)
        self.seed_pipeline("Sales", ("Qualified", "Contact made", "Offer"))
        self.seed_user(name="Admin", email="admin@example.com", admin=True)
        self.api_tokens = {self.account.api_token: 1}

    # ---- answering

    def rules(self) -> Iterator[Rule]:
        yield Rule("/oauth/authorize", methods=["GET"], endpoint=self._authorize)
        yield Rule("/oauth/token", methods=["POST"], endpoint=self._token)
        yield Rule("/oauth/revoke", methods=["POST"], endpoint=self._revoke)
        for route in ROUTES:
            yield Rule(route.path, methods=[route.method], endpoint=_Endpoint(self, route))
        for name in REMOVED:
            yield Rule(f"/api/v1/{name}", endpoint=_gone)
            yield Rule(f"/api/v1/{name}/<path:rest>", endpoint=_gone)

    def _authorize(self, request: Request) -> Response:
        return access.authorize(self, request)

    def _token(self, request: Request) -> Response:
        return access.token(self, request)

    def _revoke(self, request: Request) -> Response:
        return access.revoke(self, request)

    def run(self, route: Route, request: Request, args: Mapping[str, Any]) -> Response:
        """One call of the API: sign-in, limits, scope, then the work. Every answer tells the burst's headers (3.3)."""
        signed = access.signed_in(self, request)
        if signed is None:
            return self.unauthorised()
        user, scopes = signed
        answer = self.gate.check(search=route.search, cost=route.cost)
        if answer is None and not access.in_scope(route.scope, route.method, scopes, app_only=route.app_only):
            answer = self.no_right()
        if answer is None:
            answer = self._work(route, wire.Call(self, request, user, scopes is not None, {**route.args, **args}))
        if answer.mimetype == "application/json":
            answer.headers.update(self.gate.headers(search=route.search, app=scopes is not None))
        return answer

    def _work(self, route: Route, call: wire.Call) -> Response:
        try:
            return route.handler(call)
        except Refused as refused:
            return self.refusal(refused.status, refused.words, refused.code)

    def refusal(self, status: int, words: str, code: str = "") -> Response:
        return wire.error(status, words, code)

    def unauthorised(self) -> Response:
        return json_answer(access.UNAUTHORISED, 401)

    def no_right(self) -> Response:
        return json_answer(access.NO_SCOPE, 403)

    def too_many(self) -> Response:
        headers = self.gate.headers(search=False) | {"x-ratelimit-remaining": "0"}
        return json_answer(access.OVER_LIMIT, 429, headers)

    # ---- tokens

    @locked
    def grant(self, user: str = "1", scopes: tuple[str, ...] | None = None) -> access.Grant:
        """An OAuth grant (access and refresh token) as an installed app has it."""
        return self.grants.issue(int(user), self.account.scopes if scopes is None else scopes)

    @locked
    def expire_access_tokens(self) -> None:
        """Bearer calls answer 401 until somebody refreshes."""
        self.grants.expire()

    @locked
    def revoke_grants(self) -> None:
        """The app is removed from the account."""
        self.grants.revoke()

    def replace_api_token(self, token: str) -> None:
        """User 1 makes a new API token; the old one answers 401 (2.1)."""
        self.api_tokens = {token: 1}

    # ---- seeds of the account

    def connection(self, url: str) -> Connection:
        return Connection({"base_url": url}, {"api_token": self.account.api_token})

    @locked
    def seed_user(self, *, name: str, email: str = "", active: bool = True, admin: bool = False) -> str:
        row = user_row(self.state, name=name, email=email, active=active, admin=admin,
                       timezone=self.account.timezone, currency=self.account.currency)  # fmt: skip
        return str(row["id"])

    @locked
    def seed_api_token(self, user: str, token: str) -> None:
        """A further user's API token."""
        self.api_tokens[token] = int(user)

    @locked
    def set_user_active(self, user: str, active: bool) -> None:
        """Somebody (de)activates a user; his token answers 401 from then on."""
        self.state.users[int(user)]["active_flag"] = active

    @locked
    def seed_pipeline(self, name: str, stages: Sequence[str]) -> str:
        row = pipeline_row(self.state, name)
        for stage in stages:
            stage_row(self.state, row["id"], stage)
        return str(row["id"])

    @locked
    def seed_activity_type(self, key: str, *, active: bool = True) -> str:
        """A further activity type, or one of the default ones switched on or off (10.1)."""
        for row in self.state.activity_types.values():
            if row["key_string"] == key:
                row["active_flag"] = active
                return str(row["id"])
        return str(activity_type_row(self.state, key, active=active)["id"])

    @locked
    def seed_field(self, kind: str, name: str, field_type: str = "text", options: Sequence[str] = ()) -> str:
        word = DEAL if kind == "lead" else KINDS[kind]
        return str(field_row(self.state, word, name, FIELD_TYPES.get(field_type, field_type), options)["field_code"])

    # ---- seeds of records

    @locked
    def seed_contact(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        adopted = self.state.adoptable.pop(phone, None) if phone else None
        row = self.state.persons[adopted] if adopted else person_row(self.state, name or phone or "Unknown", _number(owner) or 1)
        row |= {"name": name or row["name"], "owner_id": _number(owner) or row["owner_id"]}
        row |= {"org_id": _number(organization), "phones": entries_of([{"value": phone, "label": "mobile"}] if phone else [])}
        return self._seeded(PERSON, row, updated, attribution)

    @locked
    def seed_organization(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        row = organization_row(self.state, name or phone or "Unknown", _number(owner) or 1)
        if phone:
            row["custom_fields"][self._field_named(ORGANIZATION, "phone", "phone")] = phone
        return self._seeded(ORGANIZATION, row, updated, attribution)

    @locked
    def seed_lead(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        person = _number(contact) or self._person_with(phone)
        row = lead_row(self.state, name or f"Lead {phone or ''}".strip(), _number(owner) or 1, self.account.domain)
        row |= {"person_id": person, "organization_id": _number(organization)}
        key = self._seeded(LEAD, row, updated, attribution)
        if status != "open":
            self.set_status("lead", key, status)
        return key

    @locked
    def seed_deal(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None, pipeline: str | None = None, stage: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        person = _number(contact) or self._person_with(phone)
        row = deal_row(self.state, name or f"Deal {phone or ''}".strip(), _number(owner) or 1, self.account.currency)
        place(self.state, row, _number(pipeline), _number(stage))
        row |= {"person_id": person, "org_id": _number(organization)}
        key = self._seeded(DEAL, row, updated, attribution)
        if status != "open":
            _set_deal(row, status)
        return key

    @locked
    def seed_task(
        self, *, title: str, text: str = "", completed: bool = False, assignee: str | None = None,
        due_at: datetime | None = None, targets: Sequence[tuple[str, str]] = (), updated: datetime | None = None,
    ) -> str:  # fmt: skip
        row = activity_row(self.state, title, "task", _number(assignee) or 1, _number(assignee) or 1)
        links = dict(targets)
        row |= {"note": text, "lead_id": links.get("lead"), "deal_id": _number(links.get("deal"))}
        row |= {"org_id": _number(links.get("organization")), "person_id": _number(links.get("contact"))}
        row["participants"] = [{"person_id": row["person_id"], "primary": True}] if row["person_id"] else []
        if due_at:
            row["due_date"], _, row["due_time"] = iso(due_at).removesuffix("Z").partition("T")
        row["add_time"] = row["update_time"] = iso(updated or self.clock())
        self.state.activities[row["id"]] = row
        if completed:
            self.finish_task(str(row["id"]))
        return str(row["id"])

    def _person_with(self, phone: str | None) -> int | None:
        """The person of a lead or deal that is seeded with a phone only; `seed_contact` adopts it."""
        if not phone:
            return None
        for key, row in self.state.persons.items():
            if any(entry["value"] == phone for entry in row["phones"]):
                return int(key)
        made = int(self.seed_contact(phone=phone))
        self.state.adoptable[phone] = made
        return made

    def _seeded(self, word: str, row: Row, updated: datetime | None, attribution: Mapping[str, str] | None) -> str:
        """Store a seed: searchable at once, last changed when told so."""
        values = row if word == LEAD else row["custom_fields"]
        values.update({self._field_named(word, name): value for name, value in (attribution or {}).items()})
        moment = updated or self.clock()
        row["add_time"] = row["update_time"] = lead_time(moment.astimezone(UTC)) if word == LEAD else iso(moment)
        self.state.add(word, row)
        self.state.indexed[word, row["id"]] = LONG_AGO
        return str(row["id"])

    def _field_named(self, word: str, name: str, field_type: str = "varchar") -> str:
        """The code of the custom field of that name, made when the account has none."""
        for code, row in custom_of(self.state, word).items():
            if row["field_name"].lower().removeprefix("patchcord_") == name:
                return code
        made = field_row(self.state, DEAL if word == LEAD else word, name, field_type)
        return str(made["field_code"])

    # ---- what people do in Pipedrive's own pages

    def _row(self, kind: str, key: str) -> Row:
        return self.state.table(KINDS[kind])[key if kind == "lead" else int(key)]

    @locked
    def set_owner(self, kind: str, record_id: str, owner: str) -> None:
        row = self._row(kind, record_id)
        row["owner_id"] = int(owner)
        self.state.touch(row)

    @locked
    def set_status(self, kind: str, record_id: str, status: Status) -> None:
        row = self._row(kind, record_id)
        if kind == "deal":
            _set_deal(row, status)
        elif status == "converted":
            made = make_deal(self.state, row, self.account.currency)
            made["add_time"] = made["update_time"] = f"{row['update_time'][:19]}Z"
            self.state.indexed[DEAL, made["id"]] = LONG_AGO
        else:
            row["is_archived"] = status != "open"

    @locked
    def finish_task(self, task_id: str) -> None:
        row = self.state.activities[int(task_id)]
        row |= {"done": True, "marked_as_done_time": self.state.now()}
        self.state.touch(row)

    @locked
    def remove(self, kind: str, record_id: str) -> None:
        if kind == "task":
            del self.state.activities[int(record_id)]
        else:
            del self.state.table(KINDS[kind])[record_id if kind == "lead" else int(record_id)]

    # ---- how things stand

    @locked
    def records(self, kind: str) -> list[dict[str, Any]]:
        return [record_words(self.state, KINDS[kind], row) for row in self.state.table(KINDS[kind]).values()]

    @locked
    def tasks(self) -> list[dict[str, Any]]:
        rows = self.state.activities.values()
        return [{"kind": row["type"], "id": str(row["id"]), **task_words(row, self.marker_in_text)} for row in rows]


class _Endpoint:
    """What a URL rule leads to: the route, for this twin."""

    def __init__(self, twin: PipedriveTwin, route: Route) -> None:
        self._twin, self._route = twin, route

    def __call__(self, request: Request, **args: Any) -> Response:
        return self._twin.run(self._route, request, args)


def _gone(request: Request, rest: str = "") -> Response:
    raise Refused(410, f"The endpoint {request.path} was removed, use v2")


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def _set_deal(row: Row, status: Status) -> None:
    """open, won and lost as they are; closed is won; archived keeps the status (7)."""
    row["is_archived"] = status == "archived"
    if status != "archived":
        row["status"] = {"closed": "won", "converted": "won"}.get(status, status)
