"""Plays scenes over HTTP, and says of each delivery whether it ended as its script says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import requests

from patchcord.service.journal import State, effect_state
from patchcord.store.port import CallKey, Entry
from sandbox.player.day import Expected, Scene
from sandbox.player.ringostat import Delivery

LOOK_AGAIN = 0.1
WRONG_SECRET = "not-the-secret-of-this-project"


class Journal(Protocol):
    """Where the end of an event can be read: the product's store."""

    def entry(self, key: CallKey) -> Entry | None: ...


@dataclass(frozen=True, slots=True)
class Written:
    """One effect that an event added: its key, what it is in words, and the CRM's id."""

    key: str
    what: str
    id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a delivery. `later` is how many seconds after its answer the promise had finished it."""

    scene: Scene
    delivery: Delivery
    expected: Expected
    http: int
    status: str
    situation: str = ""
    reason: str = ""
    rules: tuple[str, ...] = ()
    written: tuple[Written, ...] = ()
    failed: tuple[str, ...] = ()
    milliseconds: float = 0.0
    later: float | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """How it differs from its script; empty when it does not."""
        wanted = self.expected
        compared = {
            "HTTP status": (wanted.http, self.http),
            "status": (wanted.status, self.status),
            "situation": (wanted.situation, self.situation),
            "reason": (wanted.reason, self.reason),
            "written": (sorted(wanted.writes), sorted(item.key for item in self.written)),
            "refused by the CRM": ([], list(self.failed)),
        }
        differing = ((name, want, got) for name, (want, got) in compared.items() if got != want)
        return tuple(f"{name} is {_words(got)}, not {_words(want)}" for name, want, got in differing)


def _words(value: object) -> str:
    return ", ".join(value) or "nothing" if isinstance(value, list) else str(value or "nothing")


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the play takes place: the address of the project's webhooks, its journal, and how to cause trouble.

    `patience` is how many seconds a promise may take to finish an event.
    """

    hooks: str
    project: str
    journal: Journal
    trouble: Callable[[str], None]
    patience: float = 30.0


def play(stage: Stage, scenes: Iterable[Scene]) -> Iterator[Outcome]:
    """Send every delivery of every scene, one after another, and yield what came of it."""
    with requests.Session() as session:
        session.trust_env = False
        for scene in scenes:
            yield from _scene(stage, session, scene)


def _scene(stage: Stage, session: requests.Session, scene: Scene) -> Iterator[Outcome]:
    known: set[str] = set()
    deliveries = scene.deliveries
    for place, (delivery, expected) in enumerate(zip(deliveries, scene.expects, strict=True), 1):
        if scene.trouble and place == len(deliveries):
            stage.trouble(scene.trouble)
        outcome = _played(stage, session, scene, delivery, expected, frozenset(known))
        known.update(item.key for item in outcome.written)
        yield outcome


def _played(
    stage: Stage, session: requests.Session, scene: Scene, delivery: Delivery, expected: Expected, known: frozenset[str]
) -> Outcome:
    url = stage.hooks + delivery.path
    if scene.spoilt == "secret":
        url = "/".join([*stage.hooks.split("/")[:-2], WRONG_SECRET, delivery.path])
    begun = time.monotonic()
    answer = session.request(
        delivery.method, url, params=dict(delivery.query), headers=dict(delivery.headers), data=delivery.body, timeout=60
    )
    milliseconds = (time.monotonic() - begun) * 1000
    outcome = _outcome(answer.status_code, _json(answer), known)
    if answer.status_code == 202:
        outcome |= _awaited(stage, CallKey(stage.project, "ringostat", scene.call.id), _json(answer).get("event", ""), known)
    return Outcome(scene=scene, delivery=delivery, expected=expected, milliseconds=milliseconds, **outcome)


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _outcome(http: int, body: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """The parts of an Outcome that the answer tells."""
    if http >= 400:
        return {"http": http, "status": "refused"}
    new = [effect for effect in body.get("effects", ()) if effect["key"] not in known]
    return {
        "http": http,
        "status": body.get("status", ""),
        "situation": body.get("situation", ""),
        "reason": body.get("reason", ""),
        "rules": tuple(body.get("rules", ())),
        "written": tuple(Written(item["key"], item["what"], item["id"]) for item in new if item["state"] == State.DONE),
        "failed": tuple(item["what"] for item in new if item["state"] == State.FAILED),
    }


def _awaited(stage: Stage, key: CallKey, event: str, known: frozenset[str]) -> dict[str, Any]:
    """What stands in the journal once the promise has finished the event; its status stays `accepted` when it does not."""
    begun = time.monotonic()
    while time.monotonic() - begun < stage.patience:
        entry = stage.journal.entry(key)
        if entry is not None and event in entry.settled:
            return {**_of_journal(entry, known), "later": time.monotonic() - begun}
        time.sleep(LOOK_AGAIN)
    return {}


def _of_journal(entry: Entry, known: frozenset[str]) -> dict[str, Any]:
    states = {name: effect_state(text) for name, text in entry.effects.items() if name not in known}
    decision = json.loads(entry.decision) if entry.decision else {}
    return {
        "status": "ignored" if decision.get("situation") == "ignored" else "done",
        "situation": decision.get("situation", ""),
        "reason": decision.get("reason", ""),
        "rules": tuple(decision.get("rules", ())),
        "written": tuple(Written(name, it.what, it.id) for name, it in states.items() if it.state is State.DONE),
        "failed": tuple(it.what for it in states.values() if it.state is State.FAILED),
    }
