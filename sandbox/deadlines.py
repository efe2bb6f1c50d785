"""The deadlines of the stand: a day's tasks are looked at when it is over, by the state machine that does it on AWS.

A day is played within seconds, and most of its deadlines are past by then. If an execution began at once, as on AWS, it would
look into the CRM in the midst of the day's other calls. So each is started in its turn, once the day is over.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import boto3

from patchcord.service import bootstrap
from patchcord.service.deadlines import StepFunctions, Watch
from patchcord.store.port import CallKey
from sandbox.clock import StandClock

LOOK_AGAIN = 0.05
PATIENCE = 60.0
"""Seconds that an execution may take whose time has come."""
NOT_STARTED = "nothing waits for it"


@dataclass
class Evening:
    """What is waited for until the day is over. Later tasks are due `factor` times sooner."""

    clock: StandClock
    factor: float
    held: dict[str, Watch] = field(default_factory=dict)
    is_over: bool = False
    _real: StepFunctions | None = None
    _machine: str = ""

    def made(self, connect: Any, machine: str) -> Evening:
        """In the place of the product's StepFunctions, whose arguments these are."""
        self._real, self._machine = StepFunctions(connect, machine), machine
        return self

    def start(self, watch: Watch) -> None:
        """Wait for it, as the product asks for."""
        if not self.is_over:
            self.held.setdefault(watch.name, watch)
        elif self._real is not None:
            self._real.start(self._sooner(watch))

    def _sooner(self, watch: Watch) -> Watch:
        """Step Functions waits by the machine's clock, and the stand's may be ahead of that."""
        now = self.clock.now()
        left = max((watch.due_at - now) / self.factor, timedelta(0))
        return replace(watch, due_at=now - self.clock.ahead + left)

    def fall_due(self, key: CallKey, effect: str) -> str:
        """Let the deadline of a task come, and wait until the execution has ended; its outcome, or how it failed."""
        name = Watch(key, effect, "", self.clock.now()).name
        watch = self.held.pop(name, None)
        if watch is None or self._real is None:
            return NOT_STARTED
        machine_now: datetime = self.clock.now() - self.clock.ahead
        self._real.start(replace(watch, due_at=min(watch.due_at, machine_now)))
        return _outcome(f"{self._machine.replace(':stateMachine:', ':execution:')}:{name}")


def _outcome(execution: str) -> str:
    client, until = boto3.client("stepfunctions"), time.monotonic() + PATIENCE
    while (found := client.describe_execution(executionArn=execution))["status"] == "RUNNING" and time.monotonic() < until:
        time.sleep(LOOK_AGAIN)
    client.close()
    if found["status"] != "SUCCEEDED":
        return f"{found['status'].lower()}: {found.get('error', '')}"
    return str(json.loads(found["output"])["outcome"])


@contextmanager
def evening(clock: StandClock, factor: float) -> Iterator[Evening]:
    """Within this context what `bootstrap` builds waits for deadlines in this way."""
    kept = Evening(clock, factor)
    with patch.object(bootstrap, "StepFunctions", kept.made):
        yield kept
