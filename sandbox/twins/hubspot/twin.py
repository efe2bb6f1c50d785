"""The HubSpot twin: dispatch, and how tests and the stand put things into it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from sandbox.twins.base import Clock, Connection, Refused, Status, Twin, iso, locked, utc_now
from sandbox.twins.hubspot import access, events, links, wire
from sandbox.twins.hubspot.account import Account
from sandbox.twins.hubspot.company import add_pipelines, owner_row, pipeline_row
from sandbox.twins.hubspot.neutral import QUALIFIED, UNQUALIFIED, name_of, record_words, trace_words
from sandbox.twins.hubspot.properties import add_built_in, property_row
from sandbox.twins.hubspot.routes import ROUTES, VERSIONS, Route
from sandbox.twins.hubspot.state import (
    BY_TYPE_ID,
    COMPANIES,
    CONTACTS,
    DEALS,
    KINDS,
    LEADS,
    LONG_AGO,
    NEUTRAL,
    TASKS,
    TYPE_IDS,
    State,
)

FIELD_TYPES = {"text": "string", "number": "number", "date": "date", "phone": "string", "option": "enumeration"}
OWN_PREFIXES = ("patchcord_", "utm_", "telephony_")
"""What the account's administrator begins the names of own properties with."""
WON, LOST = "closedwon", "closedlost"
CLOSED_DEALS = {"won": WON, "lost": LOST, "closed": WON, "converted": WON, "archived": LOST}
CLOSED_LEADS = {"converted": QUALIFIED, "won": QUALIFIED, "archived": UNQUALIFIED, "lost": UNQUALIFIED, "closed": UNQUALIFIED}


class HubSpotTwin(Twin):
    """A HubSpot account with leads, one pipeline of deals and one of leads, and the owner of the key.

    `clock` and `search_lag` as for every twin; `account` says how the account is set up, `set` changes it.
    """

    vendor: ClassVar[str] = "hubspot"
    title: ClassVar[str] = "HubSpot"

    def __init__(self, *, clock: Clock = utc_now, search_lag: timedelta = timedelta(0), account: Account | None = None) -> None:
        self.account = account or Account()
        super().__init__(clock=clock, search_lag=search_lag)

    @locked
    def set(self, **changes: Any) -> None:
        """Change the account's set-up; the counters begin anew."""
        self.account = replace(self.account, **changes)
        self.gate = access.Gate(self)

    def forget(self) -> None:
        self.state = State(self.ids, self.clock)
        self.grants = access.Grants(self)
        self.gate = access.Gate(self)
        self.static_tokens = {self.account.access_token}
        add_built_in(self)
        add_pipelines(self.state)
        self.seed_user(name="Admin", email="admin@example.com", admin=True)

    # ---- answering

    def rules(self) -> Iterator[Rule]:
        yield Rule("/oauth/authorize", methods=["GET"], endpoint=self._authorize)
        for version in ("v3", *VERSIONS):
            yield Rule(f"/oauth/{version}/token", methods=["POST"], endpoint=self._token)
            yield Rule(f"/oauth/{version}/token/introspect", methods=["POST"], endpoint=self._introspect)
        for route in ROUTES:
            for path in route.paths():
                yield Rule(path, methods=[route.method], endpoint=_Endpoint(self, route))

    def _authorize(self, request: Request) -> Response:
        return access.authorize(self, request)

    def _token(self, request: Request) -> Response:
        return access.token(self, request)

    def _introspect(self, request: Request) -> Response:
        return access.introspect(self, request)

    def run(self, route: Route, request: Request, args: Mapping[str, Any]) -> Response:
        """One call of the API: sign-in, limits, scope, plan, then the work."""
        signed = access.signed_in(self, request)
        if isinstance(signed, Response):
            return signed
        scopes, app = signed
        answer = self.gate.check(search=route.search) or self._refused(route, scopes, args)
        if answer is None:
            answer = self._work(route, wire.Call(self, request, app, args))
        answer.headers.update(self.gate.headers(search=route.search, app=app))
        return answer

    def _refused(self, route: Route, scopes: tuple[str, ...], args: Mapping[str, Any]) -> Response | None:
        """403 for a missing scope, and whatever leads answer where the plan has none (7)."""
        sort = str(args.get("sort", ""))
        if sort and sort not in TYPE_IDS and sort not in BY_TYPE_ID:
            return None
        needed = route.scopes(sort)
        if needed and not needed & set(scopes):
            return access.no_scope(self, sorted(needed)[0])
        if self.account.leads or not route.is_for_leads(sort, str(args.get("other", ""))):
            return None
        if self.account.no_leads_status == 403:
            return access.no_scope(self, "crm.objects.leads.read")
        return self.refusal(404, "Unable to infer object type from: leads")

    def _work(self, route: Route, call: wire.Call) -> Response:
        try:
            return route.handler(call)
        except wire.Problem as problem:
            return wire.error(self, problem.status, problem.words, problem.code, problem.errors)
        except Refused as refused:
            return wire.error(self, refused.status, refused.words)

    def refusal(self, status: int, words: str, code: str = "") -> Response:
        return wire.error(self, status, words, code or wire.CATEGORIES.get(status, ""))

    def unauthorised(self) -> Response:
        return access.expired(self)

    def no_right(self) -> Response:
        return access.no_scope(self, "crm.objects.contacts.read")

    def too_many(self) -> Response:
        return access.over(self, "TEN_SECONDLY_ROLLING", "ten_secondly_rolling")

    # ---- tokens

    @locked
    def grant(self, scopes: tuple[str, ...] | None = None) -> access.Grant:
        """An OAuth grant (access and refresh token) as an installed app has it."""
        return self.grants.issue(self.account.scopes if scopes is None else scopes)

    @locked
    def expire_access_tokens(self) -> None:
        """Bearer calls of apps answer 401 until somebody refreshes."""
        self.grants.expire()

    @locked
    def revoke_grants(self) -> None:
        """The app is removed from the account."""
        self.grants.revoke()

    @locked
    def replace_access_token(self, token: str) -> None:
        """The key is rotated; the old one answers 401."""
        self.static_tokens = {token}

    # ---- seeds of the account

    def connection(self, url: str) -> Connection:
        options = {"base_url": url, "hub_id": str(self.account.hub_id), "leads": "yes" if self.account.leads else "no"}
        return Connection(options, {"access_token": self.account.access_token})

    @locked
    def seed_user(self, *, name: str, email: str = "", active: bool = True, admin: bool = False) -> str:
        """An owner. The interface does not tell who is an administrator (13)."""
        return str(owner_row(self.state, name=name, email=email, active=active)["id"])

    @locked
    def seed_pipeline(self, kind: str, name: str, stages: Sequence[str]) -> tuple[str, tuple[str, ...]]:
        """A further pipeline of deals or leads with numeric ids, none of its stages closed; its id and theirs."""
        numbers = [str(990_000_000 + self.ids.number("stage")) for _ in stages]
        chance = "0.5" if kind == "deal" else ""
        shown = [(number, stage, chance) for number, stage in zip(numbers, stages, strict=True)]
        row = pipeline_row(self.state, KINDS[kind], str(880_000_000 + self.ids.number("pipeline")), name, shown)
        return str(row["id"]), tuple(numbers)

    @locked
    def seed_field(self, kind: str, name: str, field_type: str = "text", options: Sequence[str] = ()) -> str:
        slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        key = slug if slug.startswith(OWN_PREFIXES) else f"telephony_{slug}"
        values = [(re.sub(r"\W+", "_", option.lower()), option) for option in options]
        row = property_row(key, name, FIELD_TYPES.get(field_type, field_type), options=values, own=True)
        self.state.properties[KINDS[kind]].setdefault(key, row)
        return key

    # ---- seeds of records

    @locked
    def seed_contact(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        first, _, last = (name or phone or "Unknown").partition(" ")
        values = {"firstname": first, "lastname": last or None, "phone": phone, "hubspot_owner_id": owner}
        adopted = self.state.adoptable.pop(phone, None) if phone else None
        if adopted:
            return self._adopt(adopted, values, organization, attribution)
        return self._seeded(CONTACTS, values, {COMPANIES: organization}, updated, attribution)

    def _adopt(
        self, key: str, values: Mapping[str, str | None], organization: str | None, attribution: Mapping[str, str] | None
    ) -> str:
        thing = self.state.things[CONTACTS][key]
        thing.properties |= {name: value for name, value in values.items() if value}
        thing.properties |= {self._field_named(CONTACTS, name): value for name, value in (attribution or {}).items()}
        self.state.touch(thing, known_at_once=True)
        if organization:
            links.connect(self.state, thing.place, (COMPANIES, organization), (279,), LONG_AGO)
        return key

    @locked
    def seed_organization(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        values = {"name": name or phone or "Unknown", "phone": phone, "hubspot_owner_id": owner}
        return self._seeded(COMPANIES, values, {}, updated, attribution)

    @locked
    def seed_lead(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        if not self.account.leads:
            raise NotImplementedError("this HubSpot account has no leads: they need Account(leads=True)")
        stage = CLOSED_LEADS.get(status, "new-stage-id")
        values = {"hs_lead_name": name or f"Lead {phone or ''}".strip(), "hubspot_owner_id": owner,
                  "hs_pipeline": "lead-pipeline-id", "hs_pipeline_stage": stage}  # fmt: skip
        ends = {CONTACTS: contact or self._contact_with(phone), COMPANIES: organization}
        return self._seeded(LEADS, values, ends, updated, attribution)

    @locked
    def seed_deal(
        self, *, phone: str | None = None, name: str = "", owner: str | None = None, status: Status = "open",
        contact: str | None = None, organization: str | None = None, pipeline: str | None = None, stage: str | None = None,
        updated: datetime | None = None, attribution: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        chosen = self.state.pipelines[DEALS][pipeline or "default"]
        values = {"dealname": name or f"Deal {phone or ''}".strip(), "hubspot_owner_id": owner, "pipeline": chosen["id"],
                  "dealstage": stage or CLOSED_DEALS.get(status) or chosen["stages"][0]["id"]}  # fmt: skip
        ends = {CONTACTS: contact or self._contact_with(phone), COMPANIES: organization}
        return self._seeded(DEALS, values, ends, updated, attribution)

    @locked
    def seed_task(
        self, *, title: str, text: str = "", completed: bool = False, assignee: str | None = None,
        due_at: datetime | None = None, targets: Sequence[tuple[str, str]] = (), updated: datetime | None = None,
    ) -> str:  # fmt: skip
        values = {
            "hs_task_subject": title, "hs_task_body": text, "hubspot_owner_id": assignee, "hs_task_type": "TODO",
            "hs_timestamp": iso(due_at or self.clock()), "hs_task_status": "COMPLETED" if completed else "NOT_STARTED",
        }  # fmt: skip
        key = self._seeded(TASKS, values, {}, updated, None)
        for kind, record_id in targets:
            end = KINDS[kind], record_id
            links.connect(self.state, (TASKS, key), end, (links.default_type((TASKS, key), end),), LONG_AGO)
        return key

    def _contact_with(self, phone: str | None) -> str | None:
        """The contact of a lead or deal that is seeded with a phone only; `seed_contact` adopts it."""
        if not phone:
            return None
        for key, thing in self.state.things[CONTACTS].items():
            if thing.properties.get("phone") == phone:
                return key
        made = self.seed_contact(phone=phone)
        self.state.adoptable[phone] = made
        return made

    def _seeded(
        self, sort: str, values: Mapping[str, str | None], ends: Mapping[str, str | None], updated: datetime | None,
        attribution: Mapping[str, str] | None,
    ) -> str:  # fmt: skip
        """Store a seed with its links: searchable at once, last changed when told so."""
        known = {name: value for name, value in values.items() if value}
        known |= {self._field_named(sort, name): value for name, value in (attribution or {}).items()}
        thing = self.state.add(sort, {**known}, updated or self.clock())
        for other, key in ends.items():
            if key:
                end = other, key
                links.connect(self.state, thing.place, end, (links.default_type(thing.place, end),), LONG_AGO)
        return thing.id

    def _field_named(self, sort: str, name: str) -> str:
        """The account's own property of that name, made when there is none."""
        known = self.state.properties[sort]
        found = next((key for key in (name, f"patchcord_{name}") if key in known), None)
        return found or self.seed_field(NEUTRAL[sort], name if name.startswith("utm_") else f"patchcord_{name}")

    # ---- what people do in HubSpot's own pages

    def _change(self, sort: str, key: str, name: str, value: str) -> None:
        thing = self.state.things[sort][key]
        thing.properties[name] = value
        self.state.touch(thing, known_at_once=not self.account.changes_lag)

    @locked
    def set_owner(self, kind: str, record_id: str, owner: str) -> None:
        self._change(KINDS[kind], record_id, "hubspot_owner_id", owner)

    @locked
    def set_status(self, kind: str, record_id: str, status: Status) -> None:
        if kind == "lead":
            self._change(LEADS, record_id, "hs_pipeline_stage", CLOSED_LEADS.get(status, "new-stage-id"))
            if status == "converted":
                self._deal_of(record_id)
        else:
            self._change(DEALS, record_id, "dealstage", CLOSED_DEALS.get(status, "appointmentscheduled"))

    def _deal_of(self, lead: str) -> None:
        """Moving a lead to *qualified* makes a deal of its contact; the lead stays (7)."""
        thing = self.state.things[LEADS][lead]
        contact = next(iter(self.state.linked(thing.place, CONTACTS)), None)
        self.seed_deal(name=name_of(thing), owner=thing.properties.get("hubspot_owner_id"), contact=contact)

    @locked
    def finish_task(self, task_id: str) -> None:
        self._change(TASKS, task_id, "hs_task_status", "COMPLETED")

    @locked
    def remove(self, kind: str, record_id: str) -> None:
        self.state.remove((KINDS[kind], record_id))

    @locked
    def webhook(self, kind: str, record_id: str, name: str, url: str) -> tuple[dict[str, str], str]:
        """Headers and body with which HubSpot would tell an app at `url` of a changed property (17)."""
        return events.delivery(self, self.state.things[KINDS[kind]][record_id], name, url)

    # ---- how things stand

    @locked
    def records(self, kind: str) -> list[dict[str, Any]]:
        return [record_words(self, thing) for thing in self.state.things[KINDS[kind]].values()]

    @locked
    def tasks(self) -> list[dict[str, Any]]:
        things = self.state.things[TASKS].values()
        return [{"kind": (thing.properties.get("hs_task_type") or "").lower(), "id": thing.id, **trace_words(self, thing)}
                for thing in things]  # fmt: skip


class _Endpoint:
    """What a URL rule leads to: the route, for this twin."""

    def __init__(self, twin: HubSpotTwin, route: Route) -> None:
        self._twin, self._route = twin, route

    def __call__(self, request: Request, **args: Any) -> Response:
        return self._twin.run(self._route, request, args)
