"""Small builders for the tests of the rules: a project and its people, a client, events of a call, effects in one line each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import pytest

from patchcord.model.effects import (
    AddRecording,
    AssignTask,
    CompleteTask,
    CreateRecord,
    CreateTask,
    Decision,
    Effect,
    LogCall,
    LogKind,
    Made,
    ShowPopup,
    Target,
    UpdateRecord,
)
from patchcord.model.employees import Agent
from patchcord.model.events import CallType, Event, EventKind, MissPlace, Moment, Outcome, Part, Participation
from patchcord.model.records import Client, Record, RecordKind
from patchcord.model.settings import Settings
from patchcord.model.timeline import fold
from patchcord.scenarios.decide import decide
from patchcord.scenarios.profiles import effective, merge, nested, profile_names

PROFILES = profile_names()
CLIENT, LINE = "+380671234567", "+380442220000"
START = datetime(2026, 3, 5, 10, 0, tzinfo=UTC)
"""12:00 in Kyiv, a Thursday."""

WAIT, TALK = 8, 95
ENDED = START + timedelta(seconds=WAIT + TALK)
RECORDING = "https://rec.example/c1.mp3"
UTM = {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "brand", "client_id": "GA1.2.1.1"}

EMPLOYEES: Mapping[str, Any] = {
    "anna": {
        "name": "Anna Koval",
        "email": "anna@example.com",
        "extension": "101",
        "main_directions": ["sip:demo_anna", "+380441110101"],
        "other_directions": ["+380501110101"],
        "provider_ids": ["7001"],
        "crm_user": "u-anna",
    },
    "boris": {"name": "Boris Lysenko", "extension": "102", "main_directions": ["sip:demo_boris"], "crm_user": "u-boris"},
    "senior": {"name": "Sofia Bondar", "extension": "100", "main_directions": ["sip:demo_senior"], "crm_user": "u-senior"},
    "nora": {"name": "Nora Melnyk", "extension": "103", "main_directions": ["sip:demo_nora"]},
    "gone": {"main_directions": ["sip:demo_gone"], "crm_user": "u-gone", "active": False},
}
"""Nora has no CRM account, Gone has left the company; `oldphone` is nobody's direction."""

Changes = Mapping[str, Any]


def document(profile: str = "pipedrive", changes: Changes | None = None) -> dict[str, Any]:
    """A project's settings document; `changes` have dotted keys as in rules.md 3.3."""
    base = {
        "crm": {"vendor": profile.removesuffix("_deal_mode"), "profile": profile},
        "integration": {"enabled": True},
        "timezone": "Europe/Kyiv",
        "phone": {"default_region": "UA"},
        "senior_manager": "senior",
        "employees": EMPLOYEES,
        "lines": [LINE],
    }
    return merge(base, nested(changes or {}))


def project(profile: str = "pipedrive", changes: Changes | None = None) -> Settings:
    """The effective settings of `document`."""
    return _project(profile, json.dumps(changes or {}))


@lru_cache
def _project(profile: str, changes: str) -> Settings:
    return effective(document(profile, json.loads(changes)))


# --- the client ---


def record(kind: RecordKind, identity: str, owner: str | None = "anna", **facts: Any) -> Record:
    """A record of the CRM; the owner is an employee's key, or any other CRM user as `u-…`."""
    return Record(kind, identity, owner=owner and f"u-{owner.removeprefix('u-')}", **facts)


def contact(identity: str = "C1", owner: str | None = "anna", **facts: Any) -> Record:
    return record(RecordKind.CONTACT, identity, owner, **facts)


def lead(identity: str = "L1", owner: str | None = "anna", **facts: Any) -> Record:
    return record(RecordKind.LEAD, identity, owner, **facts)


def deal(identity: str = "D1", owner: str | None = "anna", **facts: Any) -> Record:
    return record(RecordKind.DEAL, identity, owner, **facts)


def client(*records: Record, **facts: Any) -> Client:
    return Client(CLIENT, records, **facts)


NEW = client()


def open_client(settings: Settings, owner: str = "anna") -> Client:
    """A client with an open primary record of the CRM's own kind on a contact, or with the contact only."""
    if settings.primary_entity is None:
        return client(contact(owner=owner))
    name = "L1" if settings.primary_entity is RecordKind.LEAD else "D1"
    return client(record(settings.primary_entity, name, owner, contact="C1"), contact(owner=owner))


# --- events ---


def agent(who: str) -> Agent:
    """Somebody as the provider names him: by the SIP account."""
    return Agent(sip=f"demo_{who}")


def part(kind: Part, who: str | Agent, after: int = 0) -> Participation:
    return Participation(kind, agent(who) if isinstance(who, str) else who, START + timedelta(seconds=after))


def event(moment: Moment, after: int = 0, **facts: Any) -> Event:
    """An event of call c1, `after` seconds after its start."""
    usual: dict[str, Any] = {
        "provider": "ringostat",
        "call": "c1",
        "key": moment.value,
        "moment": moment,
        "at": START + timedelta(seconds=after),
        "call_type": CallType.IN,
        "client": CLIENT,
        "line": LINE,
        "started_at": START,
        "attribution": UTM,
    }
    return Event(**{**usual, **facts})


def ring(**facts: Any) -> Event:
    return event(Moment.RING, **facts)


def answer(who: str, after: int = WAIT, **facts: Any) -> Event:
    parts = (part(Part.ANSWERED, who, after),)
    return event(Moment.ANSWER, after, **{"key": f"answer:{who}:{after}", "parts": parts, **facts})


def end(who: str | None = None, outcome: Outcome = Outcome.ANSWERED, **facts: Any) -> Event:
    """The end of an incoming call; an answered one names who talked last."""
    talked = outcome is Outcome.ANSWERED
    usual: dict[str, Any] = {
        "outcome": outcome,
        "parts": (part(Part.ANSWERED, who, WAIT),) if who and talked else (),
        "talk_seconds": TALK if talked else 0,
        "wait_seconds": WAIT,
        "total_seconds": WAIT + TALK,
        "recording": RECORDING if talked else None,
    }
    return event(Moment.END, WAIT + TALK, **{**usual, **facts})


def answered(*who: str, **facts: Any) -> list[Event]:
    """An incoming call that these took one after another; `facts` are those of its end."""
    answers = [answer(name, WAIT + 30 * index) for index, name in enumerate(who)]
    last = part(Part.ANSWERED, who[-1], WAIT + 30 * (len(who) - 1))
    common = {name: facts[name] for name in ("client", "line", "started_at", "attribution", "call") if name in facts}
    return [replace(told, **common) for told in (ring(), *answers)] + [end(who[-1], **{"parts": (last,), **facts})]


def missed(*offered: str, place: MissPlace | None = None, **facts: Any) -> list[Event]:
    """A missed call that these were offered, in order."""
    parts = tuple(part(Part.OFFERED, who, index) for index, who in enumerate(offered))
    return [end(outcome=Outcome.MISSED, **{"parts": parts, "missed_in": place, **facts})]


def called(who: str, outcome: Outcome = Outcome.ANSWERED, **facts: Any) -> list[Event]:
    """An outgoing call."""
    usual: dict[str, Any] = {"call_type": CallType.OUT, "parts": (part(Part.CALLER, who),), "attribution": {}, "line": None}
    return [end(outcome=outcome, **{**usual, **facts})]


def form(**facts: Any) -> list[Event]:
    usual: dict[str, Any] = {"kind": EventKind.FORM, "call_type": None, "line": None, "person_name": "Olena"}
    return [event(Moment.SUBMIT, **{**usual, **facts})]


def dispatch(who: str | None = "anna", moment: Moment = Moment.DISPATCH, **facts: Any) -> list[Event]:
    parts = (part(Part.DISPATCHING, who),) if who else ()
    usual: dict[str, Any] = {"kind": EventKind.MESSENGER, "call_type": None, "line": None, "parts": parts}
    return [event(moment, **{**usual, **facts})]


# --- decisions ---


def decision(events: Iterable[Event], known: Client, settings: Settings) -> Decision:
    return decide(fold(events), known, settings)


def told(events: Iterable[Event], known: Client, settings: Settings) -> set[str]:
    """The effects of a call, one line each; no key twice."""
    effects = decision(events, known, settings).effects
    keys = [effect.key for effect in effects]
    assert len(keys) == len(set(keys)), f"a key is used twice: {keys}"
    return {line(effect) for effect in effects}


def made(events: Iterable[Event], known: Client, settings: Settings) -> dict[str, CreateRecord]:
    """The records a call makes, by kind."""
    effects = decision(events, known, settings).effects
    return {effect.kind.value: effect for effect in effects if isinstance(effect, CreateRecord)}


def tasks(events: Iterable[Event], known: Client, settings: Settings) -> dict[str, CreateTask]:
    """The tasks of a call, by kind."""
    effects = decision(events, known, settings).effects
    return {effect.kind.value: effect for effect in effects if isinstance(effect, CreateTask)}


def line(effect: Effect) -> str:
    """`answer: new lead of anna with new contact`, `end: callback open for senior on L1` …"""
    match effect:
        case CreateRecord():
            links = f" with {_names(effect.links)}" if effect.links else ""
            return f"{effect.at}: new {effect.kind} of {effect.owner or 'nobody'}{links}"
        case CreateTask():
            state = "completed" if effect.completed else "open"
            places = f" on {_names(effect.targets)}" if effect.targets else ""
            return f"{effect.at}: {effect.kind} {state} for {effect.assignee}{places}"
        case LogCall():
            who = f"for {effect.assignee}" if effect.kind is LogKind.CALL_ENTITY else f"by {effect.author or 'nobody'}"
            return f"{effect.at}: {effect.kind} {who} on {_names(effect.targets)}"
        case UpdateRecord():
            owner = f" {effect.owner}" if effect.owner else ""
            return f"{effect.at}: {effect.about}{owner} into {_name(effect.target)}"
        case AddRecording():
            return f"{effect.at}: link into {effect.effect}"
        case AssignTask():
            return f"{effect.at}: {effect.effect} given to {effect.assignee}"
        case CompleteTask():
            return f"{effect.at}: task {effect.task} completed"
        case ShowPopup():
            return f"{effect.at}: popup {', '.join(effect.shows)}"


def _names(targets: Iterable[Target]) -> str:
    return ", ".join(_name(target) for target in targets)


def _name(target: Target) -> str:
    return f"new {target.kind}" if isinstance(target, Made) else target.id


def table(text: str) -> list[Any]:
    """Cases `(profile, lines)`: names of profiles at the margin, below them what happens there. All profiles must be named."""
    expected: dict[str, set[str]] = {}
    names: list[str] = []
    for row in text.strip().splitlines():
        if row.startswith(" "):
            for name in names:
                expected[name].add(row.strip())
        else:
            names = row.split()
            expected |= {name: set() for name in names}
    assert set(expected) == set(PROFILES)
    return [pytest.param(name, expected[name], id=name) for name in PROFILES]
