"""The demo project: a shop with four employees, its CRM (a twin), its settings and secrets, and clients it knows already.

All names and numbers are invented. What belongs to one CRM only is its `VendorDemo`: a further vendor is one more entry.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from patchcord.crm.connect import open_crm
from patchcord.crm.port import Crm
from patchcord.model.records import Record, RecordKind
from patchcord.model.settings import Settings
from patchcord.model.vendors import VENDORS
from patchcord.scenarios.profiles import effective, merge, profile
from patchcord.service import bootstrap
from patchcord.service.projects import save, secret_hash
from patchcord.store.dynamo import DynamoStore
from sandbox.clock import StandClock
from sandbox.office import Office, office
from sandbox.player.beside import SITE
from sandbox.player.delivery import Door, Person
from sandbox.telephony import ringostat_twin
from sandbox.telephony.ringostat_twin import RingostatTwin
from sandbox.twins import has_twin, twin_class
from sandbox.twins.base import Fault, Status, Twin, serve

PROJECT = "demo"
ZONE = "Europe/Kyiv"
MAIN_LINE, SECOND_LINE = "+380442220010", "+380442220020"
BLOCKED = "+380509990000"

ANNA = Person("demo_anna", "331851", "Anna Koval", "101")
BORIS = Person("demo_boris", "331852", "Boris Melnyk", "102")
OLENA = Person("demo_olena", "331853", "Olena Savchuk", "103", "Management")
NORA = Person("demo_nora", "331854", "Nora Bilyk", "104", "Trainees")
STRANGER = Person("demo_intern", "331899", "Somebody Else", "199")
"""Works for the company, but stands in no settings."""
OLENA_AT_HOME = replace(OLENA, login="olena_at_home", extension="203")
"""A second telephone, which stands in no settings: only the telephony knows whose it is."""
COLLEAGUES = (ANNA, BORIS, OLENA, NORA, STRANGER, OLENA_AT_HOME)
SALES = "300"
"""The short number of a group of employees."""

ANNAS_CLIENT = "+380671110001"
BORIS_CLIENT = "+380671110002"
CONTACT_ONLY = "+380671110003"
DEAL_CLIENT = "+380671110004"
ARCHIVED_CLIENT = "+380671110005"

ONLINE = (ANNA.login, BORIS.login)
"""The SIP accounts that can be rung."""
RINGOSTAT_PROJECT = "110070"

VISIT_FIELDS = ("utm_source", "utm_medium", "utm_campaign")
"""What of the visit the demo project writes into fields of its own."""
SET_UP = timedelta(days=2)
"""How long ago the project was set up: before the day that is played."""
SEARCH_LAG = timedelta(seconds=3)
"""How long the twin's search does not see a new record: real CRMs are no quicker, and calls come one upon another here."""
KINDS = (RecordKind.LEAD, RecordKind.DEAL, RecordKind.CONTACT, RecordKind.ORGANIZATION)


@dataclass(frozen=True, slots=True)
class VendorDemo:
    """What is the vendor's own, beside its twin: which setting names the field of our marker, by kind of record, and what
    the project sets, because the profile alone would do little.
    """

    markers: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


DEMOS: Mapping[str, VendorDemo] = {
    "pipedrive": VendorDemo(
        markers={
            "contact": "marker_fields.person",
            "organization": "marker_fields.organization",
            "deal": "marker_fields.deal",
        },
    ),
    "megaplan": VendorDemo(
        settings={
            "answered_new": "client",
            "missed_new": "client",
            "integration": {"language": "ru"},
            "rows": {"in_missed_existing": {"task": {"kind": "callback", "assignee": "responsible"}}},
        }
    ),
}
"""The CRMs whose demo differs from the usual one."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo project, set up. `office` is its account at MANGO, where that is the telephony, `ringostat` what is there
    instead; `client_names` are those of the clients that the CRM knew before."""

    vendor: str
    twin: Twin
    twin_url: str
    webhook_secret: str = field(repr=False)
    client_key: str = field(repr=False)
    crm_secrets: Mapping[str, str] = field(repr=False)
    click_secret: str = field(default="", repr=False)
    office: Office | None = None
    ringostat: RingostatTwin | None = field(default=None, repr=False)
    ringostat_url: str = ""
    known: Mapping[str, list[Record]] = field(default_factory=dict)
    settings: Settings | None = None
    people: tuple[Person, ...] = COLLEAGUES
    client_names: tuple[str, ...] = ("Iryna Petrenko", "Taras Hlushko", "Marta Lysenko", "Pavlo Dovhan", "Yana Kravets")

    def hooks(self, host: str) -> str:
        """Where the project's webhooks go: a delivery's path follows."""
        return f"{host}/v1/hooks/{PROJECT}/{self.webhook_secret}/"

    def questions(self, host: str) -> str:
        """Where the project's Webhook number asks whom to ring; the name of a block may follow."""
        return f"{host}/v1/routing/{PROJECT}/{self.webhook_secret}/"

    def doors(self, host: str) -> dict[Door, str]:
        """Where what comes to the project goes; a delivery's path follows."""
        return {
            "hooks": self.hooks(host),
            "routing": self.questions(host),
            "forms": f"{host}/v1/forms/{PROJECT}/",
            "dispatch": f"{host}/v1/dispatch/{PROJECT}/{self.webhook_secret}/",
            "calls": f"{host}/v1/calls/{PROJECT}/{self.click_secret}/",
        }

    @property
    def secrets(self) -> tuple[str, ...]:
        """Whatever must be seen nowhere."""
        own = (self.webhook_secret, self.client_key, self.click_secret)
        return tuple(filter(None, (*own, *self.crm_secrets.values(), *self.telephony_secrets.values())))

    @property
    def telephony_secrets(self) -> dict[str, str]:
        if self.office is not None:
            return self.office.secrets
        return {} if self.ringostat is None else {"ringostat_api_key": self.ringostat.auth_key}

    @property
    def telephony(self) -> dict[str, Any]:
        """The project's settings of its telephony."""
        told: dict[str, Any] = {"provider": "ringostat", "secrets": [secret_hash(self.webhook_secret)]}
        if self.office is not None:
            return {**told, "provider": "mango", "base_url": self.office.url}
        api = {} if self.ringostat is None else {"base_url": self.ringostat_url}
        return {**told, "project_id": RINGOSTAT_PROJECT, **api}

    def trouble(self, name: str) -> None:
        """Let the CRM do something wrong, once: `rate_limit`, `lost_answer`, or `late`: a request is not answered."""
        if name == "rate_limit":
            self.twin.misbehave(Fault("status", status=429))
        elif name == "late":
            self.twin.misbehave(Fault("hang"))
        else:
            self.twin.lose_next_write()


def vendors() -> tuple[str, ...]:
    """The CRMs that can be played with."""
    return tuple(name for name in VENDORS if has_twin(name))


@contextmanager
def running(vendor: str, clock: StandClock, secret: str | None = None, telephony: str = "ringostat") -> Iterator[Demo]:
    """The twin of one of `vendors` with the demo's data, and the project in the store; with `mango` also a twin of that.

    Needs the environment of the functions: settings and secrets go where they look for them. The twins' clock is the
    functions': the product compares what a CRM says of times with its own.
    """
    with ExitStack() as parts:
        own = parts.enter_context(office(COLLEAGUES, {SALES: "Sales"}, clock.now, ZONE)) if telephony == "mango" else None
        running_twin = parts.enter_context(serve(twin_class(vendor)(clock=clock.now, search_lag=SEARCH_LAG)))
        twin, connection = running_twin.twin, running_twin.twin.connection(running_twin.url)
        hooks, key, click = secret or secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        api = None if own is not None else RingostatTwin(secrets.token_hex(16), RINGOSTAT_PROJECT, ONLINE)
        api_url = "" if api is None else parts.enter_context(ringostat_twin.serve(api))
        demo = Demo(vendor, twin, running_twin.url, hooks, key, connection.secrets, click, own, api, api_url)
        users = {person.login: twin.seed_user(name=person.name, email=_email(person)) for person in (ANNA, BORIS, OLENA)}
        options = {**connection.options, **_seed_fields(demo)}
        known = _seed_clients(demo, users)
        _keep_secrets(demo)
        document = settings(demo, options, users)
        # long enough ago that the day's calls are the project's own: catching up looks no further back
        save(bootstrap.store(), PROJECT, document, "stand", datetime.now(UTC) - SET_UP)
        yield replace(demo, known=known, settings=effective(document))


@contextmanager
def roomier(factor: float, clock: StandClock) -> Iterator[None]:
    """Let the CRM's declared limit be `factor` times larger, and its cool-downs as much shorter, within this context.

    The limit belongs to a day of hours; played within seconds, the same calls would spend most of them waiting for it.
    """

    def connect(*wanted: Any) -> Crm:
        crm = open_crm(*wanted)
        rate = crm.declaration.rate
        crm.declaration = replace(crm.declaration, rate=replace(rate, units=round(rate.units * factor)))
        return crm

    rest = DynamoStore.cool_down

    def shortly(store: DynamoStore, project: str, connection: str, until: datetime) -> None:
        now = clock.now()
        rest(store, project, connection, now + (until - now) / factor)

    with patch.object(bootstrap, "open_crm", connect), patch.object(DynamoStore, "cool_down", shortly):
        yield


def _email(person: Person) -> str:
    return f"{person.login.removeprefix('demo_')}@demo.example"


def _seed_fields(demo: Demo) -> dict[str, str]:
    """Fields for our marker as an administrator would make them; the settings that name them."""
    markers = DEMOS.get(demo.vendor, VendorDemo()).markers
    return {setting: demo.twin.seed_field(kind, "patchcord_marker") for kind, setting in markers.items()}


def _seed_clients(demo: Demo, users: Mapping[str, str]) -> dict[str, list[Record]]:
    """Two open leads, a contact alone, a deal, an archived lead, as far as the CRM has such records; by number."""
    iryna, taras, marta, pavlo, yana = demo.client_names
    anna, boris = users[ANNA.login], users[BORIS.login]
    return {
        ANNAS_CLIENT: _seed_client(demo, ANNAS_CLIENT, iryna, anna, RecordKind.LEAD, "Office chairs"),
        BORIS_CLIENT: _seed_client(demo, BORIS_CLIENT, taras, boris, RecordKind.LEAD, "Office chairs"),
        CONTACT_ONLY: _seed_client(demo, CONTACT_ONLY, marta, boris),
        DEAL_CLIENT: _seed_client(demo, DEAL_CLIENT, pavlo, anna, RecordKind.DEAL, "Desks"),
        ARCHIVED_CLIENT: _seed_client(demo, ARCHIVED_CLIENT, yana, boris, RecordKind.LEAD, "Lamps", status="archived"),
    }


def _seed_client(
    demo: Demo, phone: str, name: str, owner: str, kind: RecordKind | None = None, what: str = "", status: Status = "open"
) -> list[Record]:
    """A contact, and a lead or deal of him if the CRM has that kind; what a look-up will tell of them (Altegio: no owner)."""
    contact = demo.twin.seed_contact(phone=phone, name=name, owner=owner)
    told = owner if profile(demo.vendor)["vendor"].get("owners", True) else None
    records = [Record(RecordKind.CONTACT, contact, owner=told)]
    if kind in profile_kinds(demo.vendor):
        seed = demo.twin.seed_lead if kind is RecordKind.LEAD else demo.twin.seed_deal
        made = seed(name=f"{what} for {name}", phone=phone, owner=owner, contact=contact, status=status)
        records.append(Record(kind, made, owner=told, open=status == "open", contact=contact))
    return records


def profile_kinds(vendor: str) -> frozenset[RecordKind]:
    """The kinds of records a CRM has."""
    return frozenset(RecordKind(kind) for kind in profile(vendor)["vendor"]["words"].values())


def _keep_secrets(demo: Demo) -> None:
    store = bootstrap.secrets()
    store.put(PROJECT, "client_key", demo.client_key)
    for name, value in {**demo.crm_secrets, **demo.telephony_secrets}.items():
        store.put(PROJECT, name, value)


def settings(demo: Demo, options: Mapping[str, str], users: Mapping[str, str]) -> dict[str, Any]:
    """The project's settings: what differs from the vendor's profile."""
    base = {
        "crm": {"vendor": demo.vendor, "options": dict(options)},
        "telephony": demo.telephony,
        "timezone": ZONE,
        "integration": {"enabled": True, "language": "en"},
        "senior_manager": "olena",
        "employees": {person.login.removeprefix("demo_"): _employee(person, users) for person in (ANNA, BORIS, OLENA, NORA)},
        "lines": [MAIN_LINE, SECOND_LINE],
        "blocked_numbers": [BLOCKED],
        "tasks": {"deadline": "PT2H", "close_when_reached": True},
        "forms": {"enabled": True, "origins": [SITE]},
        "click_to_call": {"secrets": [secret_hash(demo.click_secret)]},
        "fields": {"extra": _visit_fields(demo)},
        **_routing(demo),
    }
    return merge(base, DEMOS.get(demo.vendor, VendorDemo()).settings)


def _routing(demo: Demo) -> dict[str, Any]:
    """Callers are put through to whoever called them last, else to the responsible, where the CRM can tell him (C-12).

    At any hour: the calls are of the day, and the clock that routing reads is that of whoever looks on.
    """
    sticky = {"enabled": True, "period_days": 7, "working_hours_only": False}
    asked = demo.office is None and profile(demo.vendor)["routing"].get("supported", True)
    return {
        "stickiness": {"global": sticky},
        "routing": {"enabled": asked},
        "distribute_to_responsible": demo.office is not None,
    }


def _employee(person: Person, users: Mapping[str, str]) -> dict[str, Any]:
    """Nora has no user in the CRM, so nothing can be written in her name."""
    return {
        "name": person.name,
        "email": _email(person),
        "extension": person.extension,
        "main_directions": [f"sip:{person.login}"],
        "provider_ids": [person.staff_id],
        "departments": [person.department],
        "crm_user": users.get(person.login),
    }


def _visit_fields(demo: Demo) -> dict[str, list[list[str]]]:
    """Fields for the visit's data, as an administrator would make them, and the pairs that name them (O-24)."""
    kinds = [kind for kind in KINDS if kind in profile_kinds(demo.vendor)]
    words = {RecordKind(kind): word for word, kind in reversed(profile(demo.vendor)["vendor"]["words"].items())}
    return {
        words[kind]: [[name, demo.twin.seed_field(kind.value, f"patchcord_{name}")] for name in VISIT_FIELDS] for kind in kinds
    }
