"""The demo project: a shop with four employees, its CRM (a twin), its settings and secrets, and clients it knows already.

All names and numbers are invented. What belongs to one CRM only is its `VendorDemo`: a further vendor is one more entry.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from patchcord.crm.connect import open_crm
from patchcord.crm.port import Crm
from patchcord.model.records import RecordKind
from patchcord.model.vendors import VENDORS
from patchcord.service import bootstrap
from patchcord.service.projects import save, secret_hash
from sandbox.player.ringostat import Person
from sandbox.twins import has_twin, twin_class
from sandbox.twins.base import Fault, Twin, serve

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

ANNAS_CLIENT = "+380671110001"
BORIS_CLIENT = "+380671110002"
CONTACT_ONLY = "+380671110003"
DEAL_CLIENT = "+380671110004"
ARCHIVED_CLIENT = "+380671110005"

VISIT_FIELDS = ("utm_source", "utm_medium", "utm_campaign")
"""What of the visit the demo project writes into fields of its own."""
SEARCH_LAG = timedelta(seconds=3)
"""How long the twin's search does not see a new record: real CRMs are no quicker, and calls come one upon another here."""
KINDS = (RecordKind.LEAD, RecordKind.CONTACT, RecordKind.ORGANIZATION)


@dataclass(frozen=True, slots=True)
class VendorDemo:
    """What is the vendor's own, beside its twin: which setting names the field of our marker, by kind of record, and what
    loses the answer to the creation of a lead.
    """

    markers: Mapping[str, str]
    lost: Fault


DEMOS: Mapping[str, VendorDemo] = {
    "pipedrive": VendorDemo(
        markers={
            "contact": "marker_fields.person",
            "organization": "marker_fields.organization",
            "deal": "marker_fields.deal",
        },
        lost=Fault("lose_answer", method="POST", path=r"/leads$"),
    ),
}


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo project, set up. `client_names` are those of the clients that the CRM knew before."""

    vendor: str
    twin: Twin
    twin_url: str
    webhook_secret: str = field(repr=False)
    client_key: str = field(repr=False)
    crm_secrets: Mapping[str, str] = field(repr=False)
    people: tuple[Person, ...] = (ANNA, BORIS, OLENA, NORA, STRANGER)
    client_names: tuple[str, ...] = ("Iryna Petrenko", "Taras Hlushko", "Marta Lysenko", "Pavlo Dovhan", "Yana Kravets")

    def hooks(self, host: str) -> str:
        """Where the project's webhooks go: a delivery's path follows."""
        return f"{host}/v1/hooks/{PROJECT}/{self.webhook_secret}/"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Whatever must be seen nowhere."""
        return (self.webhook_secret, self.client_key, *self.crm_secrets.values())

    def trouble(self, name: str) -> None:
        """Let the CRM do something wrong, once: `rate_limit` or `lost_answer`."""
        self.twin.misbehave({"rate_limit": Fault("status", status=429), "lost_answer": DEMOS[self.vendor].lost}[name])


def vendors() -> tuple[str, ...]:
    """The CRMs that can be played with."""
    return tuple(name for name in VENDORS if name in DEMOS and has_twin(name))


@contextmanager
def running(vendor: str, secret: str | None = None) -> Iterator[Demo]:
    """The twin of one of `vendors` with the demo's data, and the project in the store.

    Needs the environment of the functions: settings and secrets go where they look for them.
    """
    with serve(twin_class(vendor)(search_lag=SEARCH_LAG)) as running_twin:
        twin, connection = running_twin.twin, running_twin.twin.connection(running_twin.url)
        hooks, key = secret or secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        demo = Demo(vendor, twin, running_twin.url, hooks, key, connection.secrets)
        users = {person.login: twin.seed_user(name=person.name, email=_email(person)) for person in (ANNA, BORIS, OLENA)}
        options = {**connection.options, **_seed_fields(demo)}
        _seed_clients(demo, users)
        _keep_secrets(demo)
        save(bootstrap.store(), PROJECT, settings(demo, options, users), "stand", datetime.now(UTC))
        yield demo


@contextmanager
def roomier(factor: float) -> Iterator[None]:
    """Let the CRM's declared limit be `factor` times larger within this context.

    The limit belongs to a day of hours; played within seconds, the same calls would spend most of them waiting for it.
    """

    def connect(*wanted: Any) -> Crm:
        crm = open_crm(*wanted)
        rate = crm.declaration.rate
        crm.declaration = replace(crm.declaration, rate=replace(rate, units=round(rate.units * factor)))
        return crm

    with patch.object(bootstrap, "open_crm", connect):
        yield


def _email(person: Person) -> str:
    return f"{person.login.removeprefix('demo_')}@demo.example"


def _seed_fields(demo: Demo) -> dict[str, str]:
    """Custom fields as an administrator would make them; the settings that name those for our marker."""
    named = {}
    for kind, setting in DEMOS[demo.vendor].markers.items():
        for name in VISIT_FIELDS:
            demo.twin.seed_field(kind, f"patchcord_{name}")
        named[setting] = demo.twin.seed_field(kind, "patchcord_marker")
    return named


def _seed_clients(demo: Demo, users: Mapping[str, str]) -> None:
    """Two open leads, a contact alone, a deal, an archived lead."""
    twin, (iryna, taras, marta, pavlo, yana) = demo.twin, demo.client_names
    anna, boris = users[ANNA.login], users[BORIS.login]
    for name, phone, owner in ((iryna, ANNAS_CLIENT, anna), (taras, BORIS_CLIENT, boris)):
        contact = twin.seed_contact(phone=phone, name=name, owner=owner)
        twin.seed_lead(name=f"Office chairs for {name}", owner=owner, contact=contact)
    twin.seed_contact(phone=CONTACT_ONLY, name=marta, owner=boris)
    buyer = twin.seed_contact(phone=DEAL_CLIENT, name=pavlo, owner=anna)
    twin.seed_deal(name=f"Desks for {pavlo}", owner=anna, contact=buyer)
    former = twin.seed_contact(phone=ARCHIVED_CLIENT, name=yana, owner=boris)
    twin.seed_lead(name=f"Lamps for {yana}", owner=boris, contact=former, status="archived")


def _keep_secrets(demo: Demo) -> None:
    store = bootstrap.secrets()
    store.put(PROJECT, "client_key", demo.client_key)
    for name, value in demo.crm_secrets.items():
        store.put(PROJECT, name, value)


def settings(demo: Demo, options: Mapping[str, str], users: Mapping[str, str]) -> dict[str, Any]:
    """The project's settings: what differs from the vendor's profile."""
    return {
        "crm": {"vendor": demo.vendor, "options": dict(options)},
        "telephony": {"provider": "ringostat", "secrets": [secret_hash(demo.webhook_secret)]},
        "timezone": ZONE,
        "integration": {"enabled": True, "language": "en"},
        "senior_manager": "olena",
        "employees": {person.login.removeprefix("demo_"): _employee(person, users) for person in (ANNA, BORIS, OLENA, NORA)},
        "lines": [MAIN_LINE, SECOND_LINE],
        "blocked_numbers": [BLOCKED],
        "tasks": {"deadline": "PT2H"},
        "fields": {"extra": _visit_fields(demo.vendor, options)},
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


def _visit_fields(vendor: str, options: Mapping[str, str]) -> dict[str, list[list[str]]]:
    """Which of the CRM's own fields take the visit's data: asked of the CRM, as the settings screen does."""
    crm = open_crm(vendor, options, bootstrap.secrets(), bootstrap.store(), PROJECT)
    mapping = {}
    for kind in KINDS:
        codes = {item.name.removeprefix("patchcord_"): item.id for item in crm.fields(kind) if item.custom}
        mapping[kind.value] = [[name, codes[name]] for name in VISIT_FIELDS if name in codes]
    return mapping
