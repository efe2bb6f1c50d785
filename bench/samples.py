"""The calls that are measured, told as golden rows: from these come webhooks, events, clients and what the CRM holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from patchcord.scenarios.profiles import effective
from tests.golden.rows import Row

LINE = "+380442220000"
SETTINGS: Mapping[str, Any] = {
    "project": {
        "timezone": "Europe/Kyiv",
        "now": "2026-03-05T12:00:00",
        "default_region": "UA",
        "working_hours": {"days": "mon-fri", "from": "09:00", "to": "18:00"},
        "senior_manager": "senior",
        "tasks": {"deadline": "PT4H"},
    },
    "employees": {
        key: {"extension": extension, "main_directions": [f"sip:demo_{key}"], "crm_user": f"u-{key}", "active": True}
        for key, extension in (("anna", "101"), ("boris", "102"), ("senior", "100"))
    },
    "line": LINE,
}
VISIT = {
    "utm_source": "google",
    "utm_medium": "cpc",
    "utm_campaign": "spring_ua",
    "utm_term": "office chairs",
    "client_id": "1169999034.1772705100",
    "landing": "https://shop.example/chairs",
    "remote_ip": "203.0.113.40",
}
INCOMING = {"direction": "in", "result": "answered", "answered_by": "anna", "utm": VISIT}
OUTGOING = {"direction": "out", "result": "answered", "caller": "anna"}
RECORDING = "https://app.ringostat.com/recordings/{call}.ogg?token=00000000000000000000000000000000"

EVENTS: Mapping[str, Mapping[str, Any]] = {
    "new, answered": INCOMING,
    "new, answered and transferred": {**INCOMING, "legs": ["anna", "boris"]},
    "new, missed": {"direction": "in", "result": "missed", "utm": VISIT},
    "known, by responsible": INCOMING,
    "known, by other": {**INCOMING, "answered_by": "boris"},
    "known, missed": {"direction": "in", "result": "missed", "utm": VISIT},
    "outgoing": OUTGOING,
    "outgoing, recording later": {**OUTGOING, "events": ["end", "recording_ready"]},
    "blocked": INCOMING,
}
"""The situations, and what a row's event says of them."""


def row(situation: str, crm: str = "pipedrive", number: int = 0, again: int = 0) -> Row:
    """The call of a situation as a row of this CRM; `number` tells the clients apart, `again` the calls of one client."""
    client, call = client_number(number), f"ua18_-1772705520.{number:07}{again or ''}"
    outgoing = EVENTS[situation]["direction"] == "out"
    event = {
        "type": "call",
        "call_id": call,
        "recording": RECORDING.format(call=call),
        **EVENTS[situation],
        **({"to": client} if outgoing else {"from": client, "line": LINE}),
    }
    override = {"blocked_numbers": [client]} if situation == "blocked" else {}
    body = {
        "crm": crm,
        "settings": {"profile": f"{crm}_default", "override": override},
        "crm_state": [] if situation.startswith(("new", "blocked")) else list(_known(crm, client)),
        "event": event,
        "expected": [],
    }
    return Row(f"bench-{number}", body, dict(SETTINGS))


def client_number(number: int) -> str:
    """An E.164 number that no employee has."""
    return f"+38067{number:07}"


def _known(crm: str, phone: str) -> Iterable[dict[str, Any]]:
    """A client of Anna's: a contact, and an open record of the kind that calls are logged on."""
    settings = effective({"crm": {"vendor": crm}})
    words = {kind: word for word, kind in settings.vendor.words.items()}
    yield {"entity": "contact", "id": "c1", "phone": phone, "owner": "anna"}
    if settings.primary_entity is not None:
        primary = {"entity": words[settings.primary_entity], "id": "p1", "owner": "anna", "status": "open", "contact": "c1"}
        carries_phone = settings.primary_entity in settings.vendor.phone_kinds
        yield {**primary, "phone": phone} if carries_phone else primary
