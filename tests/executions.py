"""The state machine task_deadline on virtual time: what its definition says, for tests of what the function does.

`tests/integration/test_task_deadline_machine.py` executes the definition itself.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from patchcord.service.deadlines import MemoryDeadlines
from patchcord.service.overdue import CrmNotNow, EscalationRefused
from tests.harness import Context, World, function

PAUSES = (60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600, 3600)
"""Seconds before each new try when the CRM cannot be asked."""


def look(product: World, state: dict[str, Any], seconds: float = 30.0) -> dict[str, Any]:
    """One invocation of the real handler, with what survives JSON both ways."""
    answer: dict[str, Any] = function("task_deadline").handler(json.loads(json.dumps(state)), Context(seconds))
    return dict(json.loads(json.dumps(answer)))


def wait_until(product: World, due_at: str) -> None:
    product.clock.skip(max(0.0, (datetime.fromisoformat(due_at) - product.clock.now()).total_seconds()))


def run(product: World, state: dict[str, Any]) -> list[str]:
    """One execution to its end: the outcome of each round, or the name of the error that it failed with."""
    outcomes: list[str] = []
    while True:
        wait_until(product, state["due_at"])
        try:
            state = _repeated(product, state)
        except (CrmNotNow, EscalationRefused) as error:
            return [*outcomes, type(error).__name__]
        outcomes.append(state["outcome"])
        if state["next"] != "again":
            return outcomes


def _repeated(product: World, state: dict[str, Any]) -> dict[str, Any]:
    for pause in PAUSES:
        try:
            return look(product, state)
        except CrmNotNow:
            product.clock.skip(pause)
    return look(product, state)


def run_all(product: World) -> list[list[str]]:
    """All executions that were started, the earliest deadline first."""
    kept = product.deadlines
    assert isinstance(kept, MemoryDeadlines)
    return [run(product, watch.tree()) for watch in sorted(kept.started.values(), key=lambda watch: watch.due_at)]
