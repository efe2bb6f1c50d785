"""What the stand does with deadlines: held back while the day goes on, then by the state machine, in moto's interpreter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from patchcord.service import bootstrap
from patchcord.service.deadlines import Watch, watch_of
from patchcord.store.port import CallKey
from sandbox import aws, template
from sandbox.__main__ import ROOT
from sandbox.clock import StandClock
from sandbox.deadlines import NOT_STARTED, Evening, evening

KEY = CallKey("demo", "ringostat", "call-1")
FACTOR = 60.0

Seen = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def seen() -> Seen:
    """What the function was called with."""
    return []


@pytest.fixture
def kept(seen: Seen) -> Iterator[Evening]:
    """The stack's state machine in moto, a function that answers or fails by the name of the effect, and the product's wiring."""

    def invoked(name: str, event: dict[str, Any]) -> tuple[Any, bool]:
        seen.append((name, event))
        if event["effect"] == "refused":
            return {"errorType": "EscalationRefused", "errorMessage": "crm_refused"}, False
        return {**event, "next": "done", "outcome": "remind_senior"}, True

    with aws.moto_and_lambda() as (url, front):
        stack = template.load(ROOT / "template.yaml", {"EndpointUrl": url})
        with aws.environment(stack.environment), evening(StandClock(), FACTOR) as held:
            aws.create(stack)
            front.invoked = invoked
            bootstrap.deadlines.cache_clear()
            bootstrap.deadlines()
            yield held
    bootstrap.deadlines.cache_clear()


def watch(kept: Evening, effect: str, due_in: timedelta = timedelta(hours=2)) -> Watch:
    return Watch(KEY, effect, "7", kept.clock.now() + due_in)


def executions() -> list[Any]:
    client = boto3.client("stepfunctions")
    (machine,) = client.list_state_machines()["stateMachines"]
    return [
        client.describe_execution(executionArn=it["executionArn"])
        for it in client.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
    ]


def start(held: Watch) -> None:
    deadlines = bootstrap.deadlines()
    assert deadlines is not None
    deadlines.start(held)


def test_a_deadline_comes_when_the_day_is_over(kept: Evening, seen: Seen) -> None:
    first = watch(kept, "task:callback")
    for _ in range(2):
        start(first)
    assert (len(kept.held), executions(), seen) == (1, [], [])
    assert kept.fall_due(KEY, "task:callback") == "remind_senior"
    ((name, state),) = seen
    assert name.endswith("-task-deadline")
    assert (state["project"], state["call"], state["effect"], state["task"]) == ("demo", "call-1", "task:callback", "7")
    assert [it["status"] for it in executions()] == ["SUCCEEDED"]
    assert kept.held == {}
    assert kept.fall_due(KEY, "task:callback") == NOT_STARTED


def test_what_the_function_gives_up_is_told(kept: Evening) -> None:
    start(watch(kept, "refused"))
    assert kept.fall_due(KEY, "refused") == "failed: EscalationRefused"


def test_after_the_day_the_wait_begins_at_once_and_is_shorter(kept: Evening, seen: Seen) -> None:
    kept.clock.skip(timedelta(hours=5))
    kept.is_over = True
    start(watch(kept, "task:callback"))
    (execution,) = executions()
    due = kept.clock.now() - kept.clock.ahead + timedelta(hours=2) / FACTOR
    assert execution["status"] == "RUNNING"
    assert abs((_due_at(execution) - due).total_seconds()) < 30
    assert seen == []


def _due_at(execution: Any) -> datetime:
    return watch_of(json.loads(execution["input"])).due_at
