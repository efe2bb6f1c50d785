"""The demo project: a shop with four employees, its CRM (a twin), its settings and secrets, and clients it knows already.

All names and numbers are invented. What belongs to one CRM only is its `VendorDemo`: a further vendor is one more entry.
"""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from patchcord.crm.connect import VENDORS, open_crm
from patchcord.model.records import RecordKind
from patchcord.service import bootstrap
from patchcord.service.projects import save, secret_hash
from sandbox.player.ringostat import Person
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
KINDS = (RecordKind.LEAD, RecordKind.CONTACT, RecordKind.ORGANIZATION)


class NoTwin(Exception):
    """There is no fake of this CRM to play with."""


@dataclass(frozen=True, slots=True)
class VendorDemo:
    """What is the vendor's own: how its twin is reached, what is secret, which request's answer can get lost.

    `options` makes the connection's settings of the twin's address and of the ids of the marker's fields by kind.
    `lost` hits the creation of a lead, after it was done.
    """

    options: Callable[[str, Mapping[str, str]], dict[str, str]]
    secrets: Mapping[str, str]
    lost: Fault


def _pipedrive_options(url: str, markers: Mapping[str, str]) -> dict[str, str]:
    words = {"contact": "person", "organization": "organization", "deal": "deal"}
    return {"base_url": url, **{f"marker_fields.{words[kind]}": code for kind, code in markers.items()}}


DEMOS: Mapping[str, VendorDemo] = {
    "pipedrive": VendorDemo(
        options=_pipedrive_options,
        secrets={"api_token": "twin-api-token"},
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
    people: tuple[Person, ...] = (ANNA, BORIS, OLENA, NORA, STRANGER)
    client_names: tuple[str, ...] = ("Iryna Petrenko", "Taras Hlushko", "Marta Lysenko", "Pavlo Dovhan", "Yana Kravets")

    def hooks(self, host: str) -> str:
        """Where the project's webhooks go: a delivery's path follows."""
        return f"{host}/v1/hooks/{PROJECT}/{self.webhook_secret}/"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Whatever must be seen nowhere."""
        return (self.webhook_secret, self.client_key, *DEMOS[self.vendor].secrets.values())

    def trouble(self, name: str) -> None:
        """Let the CRM do something wrong, once: `rate_limit` or `lost_answer`."""
        self.twin.misbehave({"rate_limit": Fault("status", status=429), "lost_answer": DEMOS[self.vendor].lost}[name])


def vendors() -> tuple[str, ...]:
    """The CRMs that can be played with."""
    return tuple(name for name in VENDORS if name in DEMOS and importlib.util.find_spec(f"sandbox.twins.{name}"))


@contextmanager
def running(vendor: str) -> Iterator[Demo]:
    """The vendor's twin with the demo's data, and the project in the store. Raises NoTwin.

    Needs the environment of the functions: settings and secrets go where they look for them.
    """
    if vendor not in vendors():
        raise NoTwin(f"there is no twin of {vendor!r} to play with; there is one of: {', '.join(vendors())}")
    with serve(_twin(vendor)) as twin:
        demo = Demo(vendor, twin.twin, twin.url, secrets.token_urlsafe(24), secrets.token_urlsafe(24))
        users = {person.login: twin.twin.seed_user(name=person.name, email=_email(person)) for person in (ANNA, BORIS, OLENA)}
        markers = _seed_fields(twin.twin)
        _seed_clients(demo, users)
        _keep_secrets(demo)
        options = DEMOS[vendor].options(twin.url, markers)
        save(bootstrap.store(), PROJECT, settings(demo, options, users), "stand", datetime.now(UTC))
        yield demo


def _twin(vendor: str) -> Twin:
    """The twin in `sandbox.twins.<vendor>`: the one class there that is one."""
    module = import_module(f"sandbox.twins.{vendor}")
    twins = [it for it in vars(module).values() if isinstance(it, type) and issubclass(it, Twin) and it is not Twin]
    twin: Twin = twins[0]()
    return twin


def _email(person: Person) -> str:
    return f"{person.login.removeprefix('demo_')}@demo.example"


def _seed_fields(twin: Twin) -> dict[str, str]:
    """Custom fields as an administrator would make them; the ids of those for our marker, by kind."""
    markers = {}
    for kind in ("deal", "contact", "organization"):
        for name in VISIT_FIELDS:
            twin.seed_field(kind, f"patchcord_{name}")
        markers[kind] = twin.seed_field(kind, "patchcord_marker")
    return markers


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
    for name, value in DEMOS[demo.vendor].secrets.items():
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
