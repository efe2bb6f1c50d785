"""What came of a delivery, by its answer and by the journal, and how it differs from its script."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from patchcord.service.journal import State, effect_state
from patchcord.store.port import Entry
from sandbox.player.delivery import Delivery
from sandbox.player.routed import Routing
from sandbox.player.scene import THEN, Expected, Scene


@dataclass(frozen=True, slots=True)
class Written:
    """One effect that an event added: its key, what it is in words, and the CRM's id."""

    key: str
    what: str
    id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a delivery. `later` is how many seconds after its answer the promise had finished it, `routing` whom the
    caller was put through to meanwhile, `requests` how many requests the CRM got until the answer.
    """

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
    routing: Routing | None = None
    requests: int = 0

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
            "routed": (wanted.routed, self.routing and self.routing.routed),
            "requests to the CRM": (0, self.requests if wanted.unasked else 0),
        }
        differing = ((name, want, got) for name, (want, got) in compared.items() if got != want)
        return tuple(f"{name} is {_words(got)}, not {_words(want)}" for name, want, got in differing)


def _words(value: object) -> str:
    return ", ".join(value) or "nothing" if isinstance(value, list) else str(value or "nothing")


def of_answer(http: int, body: Mapping[str, Any], known: Set[str]) -> dict[str, Any]:
    """The parts of an Outcome that the answer tells."""
    if http >= 400:
        return {"http": http, "status": "refused"}
    new = [effect for effect in body.get("effects", ()) if effect["key"] not in known]
    return {
        "http": http,
        "status": body.get("status", ""),
        "situation": body.get("situation") or THEN.join(body.get("order", ())),
        "reason": body.get("reason", ""),
        "rules": tuple(body.get("rules", ())),
        "written": tuple(Written(item["key"], item["what"], item["id"]) for item in new if item["state"] == State.DONE),
        "failed": tuple(item["what"] for item in new if item["state"] == State.FAILED),
    }


def of_deadline(outcome: str, entry: Entry, effect: str) -> dict[str, Any]:
    """What the look at a task has found, and what stands in the journal of it."""
    states = {name: effect_state(text) for name, text in entry.effects.items() if name.startswith(f"overdue:{effect}:")}
    rules = dict.fromkeys(rule for state in states.values() for rule in state.rules)
    return {
        "http": 200,
        "status": "done",
        "situation": outcome,
        "rules": tuple(rules),
        "written": tuple(Written(name, it.what, it.id) for name, it in states.items() if it.state is State.DONE),
        "failed": tuple(it.what for it in states.values() if it.state is State.FAILED),
    }


def of_journal(entry: Entry, known: Set[str]) -> dict[str, Any]:
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
