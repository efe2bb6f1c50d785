"""Plays scenes over HTTP, and says of each delivery whether it ended as its script says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Protocol

import requests

from patchcord.service.journal import State, effect_state
from patchcord.store.port import CallKey, Entry
from sandbox.player.delivery import Delivery
from sandbox.player.scene import TOGETHER, Expected, Scene

ACCEPTED = 202
EVENTS_MAY_FOLLOW = "events_may_follow"
"""The reason for which an event waits for others."""
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

    scene: Scene[Any]
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
    """Where the play takes place: the address of the project's webhooks, its journal, how to cause trouble, and how to let the
    time pass for which an event waits for others.

    `patience` is how many seconds a promise may take to finish an event.
    """

    hooks: str
    project: str
    journal: Journal
    trouble: Callable[[str], None]
    patience: float = 30.0
    skip: Callable[[timedelta], None] = lambda by: None


def play(stage: Stage, scenes: Iterable[Scene[Any]]) -> Iterator[Outcome]:
    """Send every delivery of every scene, one after another, and yield what came of it, in that order.

    While an event waits for others, the scenes of other clients go on; those of the same client come after it.
    """
    unfinished: list[_Run] = []
    with requests.Session() as session:
        session.trust_env = False
        for scene in scenes:
            run = _Run(stage, session, scene)
            if any(run.must_follow(other) for other in unfinished):
                yield from _finished(unfinished)
            run.perform()
            unfinished.append(run)
            if not (run.may_wait and any(not it.looked_after() for it in unfinished)):
                yield from _finished(unfinished)
        yield from _finished(unfinished)


def _finished(runs: list[_Run]) -> Iterator[Outcome]:
    for run in runs:
        run.finish()
        yield from run.played
    runs.clear()


@dataclass(slots=True)
class _Open:
    """A delivery that was accepted, and that a promise has to finish. `took`: how many seconds after its answer it had."""

    place: int
    key: CallKey
    event: str
    since: float
    waits_for_others: bool
    took: float | None = None


@dataclass(slots=True)
class _Run:
    """One scene. Deliveries that come close upon each other do not wait for what becomes of another."""

    stage: Stage
    session: requests.Session
    scene: Scene[Any]
    played: list[Outcome] = field(default_factory=list)
    open: list[_Open] = field(default_factory=list)
    known: set[str] = field(default_factory=set)

    @property
    def may_wait(self) -> bool:
        """Whether other scenes may go on before this one is finished."""
        return not self.scene.trouble and all(opened.waits_for_others for opened in self.open)

    def must_follow(self, other: _Run) -> bool:
        """Whether the other scene has to be finished before this one begins."""
        return self.scene.trouble is not None or self.scene.call.client == other.scene.call.client

    def perform(self) -> None:
        """Send everything. What was accepted is still open then, but need not wait for anything more."""
        deliveries = self.scene.deliveries
        for delivery, expected in zip(deliveries, self.scene.expects, strict=True):
            if self.open and delivery.at - self.played[self.open[0].place].delivery.at >= TOGETHER:
                self._let_time_pass()
                self.finish()
            if self.scene.trouble and delivery is deliveries[-1]:
                self.stage.trouble(self.scene.trouble)
            self._send(delivery, expected)
        self._let_time_pass()

    def _let_time_pass(self) -> None:
        if any(opened.waits_for_others for opened in self.open):
            self.stage.skip(TOGETHER)

    def _send(self, delivery: Delivery, expected: Expected) -> None:
        url = self.stage.hooks + delivery.path
        if self.scene.spoilt == "secret":
            url = "/".join([*self.stage.hooks.split("/")[:-2], WRONG_SECRET, delivery.path])
        headers, query = dict(delivery.headers), dict(delivery.query)
        begun = time.monotonic()
        answer = self.session.request(delivery.method, url, params=query, headers=headers, data=delivery.body, timeout=60)
        ended = time.monotonic()
        body = _json(answer)
        if answer.status_code == ACCEPTED:
            key = CallKey(self.stage.project, delivery.provider, body.get("call", ""))
            waits = body.get("reason") == EVENTS_MAY_FOLLOW
            self.open.append(_Open(len(self.played), key, body.get("event", ""), ended, waits))
        told = _outcome(answer.status_code, body, self.known)
        outcome = Outcome(scene=self.scene, delivery=delivery, expected=expected, milliseconds=(ended - begun) * 1000, **told)
        self.known.update(item.key for item in outcome.written)
        self.played.append(outcome)

    def looked_after(self) -> bool:
        """Whether the promises have finished everything that was accepted, by now."""
        for opened in self.open:
            if opened.took is None:
                entry = self.stage.journal.entry(opened.key)
                if entry is not None and opened.event in entry.settled:
                    opened.took = time.monotonic() - opened.since
        return all(opened.took is not None for opened in self.open)

    def finish(self) -> None:
        """Wait until the promises have finished what was accepted. What they wrote is told of the first delivery."""
        begun = time.monotonic()
        while not self.looked_after() and time.monotonic() - begun < self.stage.patience:
            time.sleep(LOOK_AGAIN)
        for opened in self.open:
            entry = self.stage.journal.entry(opened.key) if opened.took is not None else None
            if entry is not None:
                outcome = self.played[opened.place]
                told = _of_journal(entry, self.known)
                self.known.update(item.key for item in told["written"])
                told["written"] = (*outcome.written, *told["written"])
                self.played[opened.place] = replace(outcome, later=opened.took, **told)
        self.open.clear()


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _outcome(http: int, body: Mapping[str, Any], known: Set[str]) -> dict[str, Any]:
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


def _of_journal(entry: Entry, known: Set[str]) -> dict[str, Any]:
    """What stands in the journal once an event is finished: its decision, and the effects that are not known yet."""
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
