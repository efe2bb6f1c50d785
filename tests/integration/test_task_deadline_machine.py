"""statemachines/task_deadline.asl.json, executed: every way through it, by moto's interpreter and the real handler.

The interpreter waits in real time, so everything is due already; between tries it does not sleep, and what the pauses are is
tested apart.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils

from patchcord.service.deadlines import NotStarted, StepFunctions, Watch
from sandbox.twins.base import Fault, ManualClock, serve
from sandbox.twins.pipedrive import PipedriveTwin
from tests.executions import look
from tests.harness import NOBODY, REPOSITORY, START, World, world
from tests.integration.demo import document, missed

DEFINITION: Path = REPOSITORY / "statemachines" / "task_deadline.asl.json"
REGION = "eu-central-1"
FUNCTION = f"arn:aws:lambda:{REGION}:123456789012:function:patchcord-dev-task-deadline"
ROLE = "arn:aws:iam::123456789012:role/patchcord-dev-task-deadline"
PATIENCE = 20.0
"""Seconds after which an execution that has not ended is a failure."""

Handler = Callable[[dict[str, Any]], dict[str, Any]]


def definition() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DEFINITION.read_text("utf-8"))
    return found


class Lambda:
    """Lambda's Invoke: the handler with JSON both ways, an exception as the function error that AWS makes of it."""

    def __init__(self, handler: Handler) -> None:
        self.handler, self.invoked = handler, list[dict[str, Any]]()

    def invoke(self, **request: Any) -> dict[str, Any]:
        assert request["FunctionName"] == FUNCTION
        state = json.loads(request["Payload"])
        self.invoked.append(state)
        try:
            answer, error = json.dumps(self.handler(state)), {}
        except Exception as raised:
            answer = json.dumps({"errorType": type(raised).__name__, "errorMessage": str(raised)})
            error = {"FunctionError": "Unhandled"}
        return {"StatusCode": 200, "Payload": io.BytesIO(answer.encode()), **error}


@contextmanager
def machine(handler: Handler, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, StepFunctions, Lambda]]:
    """The state machine in moto's interpreter, with the product's own way of starting it."""
    function = Lambda(handler)
    monkeypatch.setattr(lambda_eval_utils, "boto_client_for", lambda **_: function)
    monkeypatch.setattr(time, "sleep", lambda seconds, sleep=time.sleep: sleep(min(seconds, 0.01)))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    text = DEFINITION.read_text("utf-8").replace("${TaskDeadlineArn}", FUNCTION)
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        client = boto3.client("stepfunctions", region_name=REGION)
        made = client.create_state_machine(name="patchcord-dev-task-deadline", definition=text, roleArn=ROLE, type="STANDARD")
        yield client, StepFunctions(lambda: client, made["stateMachineArn"]), function


def ended(client: Any, watch: Watch) -> dict[str, Any]:
    """The one execution, when it has ended."""
    until = time.monotonic() + PATIENCE
    (machine_,) = client.list_state_machines()["stateMachines"]
    while time.monotonic() < until:
        (execution,) = client.list_executions(stateMachineArn=machine_["stateMachineArn"])["executions"]
        assert execution["name"] == watch.name
        if execution["status"] != "RUNNING":
            found: dict[str, Any] = client.describe_execution(executionArn=execution["executionArn"])
            return found
        time.sleep(0.01)
    raise AssertionError("the execution has not ended")


@contextmanager
def product(**tasks: Any) -> Iterator[tuple[World, PipedriveTwin, Watch]]:
    """A product whose new client's callback has been due for long; the senior manager is late, so notes are written."""
    clock = ManualClock(START)
    twin = PipedriveTwin(clock=clock)
    with serve(twin) as running, world(document(twin, running.url, tasks={"deadline": "PT1S", **tasks}), manual=clock) as place:
        place.post("missed", missed())
        (watch,) = place.deadlines.started.values()
        yield place, twin, watch


def notes(twin: PipedriveTwin) -> int:
    return len(twin.writes("note"))


def test_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        product() as (place, twin, watch),
        machine(lambda state: look(place, state), monkeypatch) as (client, deadlines, function),
    ):
        twin.finish_task(watch.task)
        deadlines.start(watch)
        execution = ended(client, watch)
        assert execution["status"] == "SUCCEEDED"
        assert json.loads(execution["output"])["outcome"] == "completed_or_gone"
        assert function.invoked == [watch.tree()]
        assert notes(twin) == 0


def test_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    with product() as (place, twin, watch), machine(lambda state: look(place, state), monkeypatch) as (client, deadlines, _):
        twin.remove("task", watch.task)
        place.clock.skip(600)  # whoever is not found sooner than this may only be invisible yet
        deadlines.start(watch)
        assert ended(client, watch)["status"] == "SUCCEEDED"
        assert notes(twin) == 0


def test_escalated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        product() as (place, twin, watch),
        machine(lambda state: look(place, state), monkeypatch) as (client, deadlines, function),
    ):
        deadlines.start(watch)
        execution = ended(client, watch)
        assert execution["status"] == "SUCCEEDED"
        assert json.loads(execution["output"])["outcome"] == "remind_senior"
        assert (len(function.invoked), notes(twin)) == (1, 1)


def test_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function's answer goes back to the Wait state, with its new deadline and round."""
    tasks = {"overdue_repetitions": 3, "overdue_every": "PT1S"}
    with product(**tasks) as (place, twin, watch), machine(lambda state: look(place, state), monkeypatch) as found:
        client, deadlines, function = found
        deadlines.start(watch)
        assert ended(client, watch)["status"] == "SUCCEEDED"
        assert [state["round"] for state in function.invoked] == [1, 2, 3]
        assert notes(twin) == 3


def test_nobody_looks_at_what_is_not_due(monkeypatch: pytest.MonkeyPatch) -> None:
    with product() as (place, _, watch), machine(lambda state: look(place, state), monkeypatch) as (client, deadlines, function):
        deadlines.start(replace(watch, due_at=datetime(2999, 1, 1, tzinfo=UTC)))
        (machine_,) = client.list_state_machines()["stateMachines"]
        (execution,) = client.list_executions(stateMachineArn=machine_["stateMachineArn"])["executions"]
        until = time.monotonic() + PATIENCE
        entered: list[str] = []
        while not entered and time.monotonic() < until:
            history = client.get_execution_history(executionArn=execution["executionArn"])["events"]
            entered = [event["stateEnteredEventDetails"]["name"] for event in history if "stateEnteredEventDetails" in event]
        assert entered == ["UntilDue"]
        client.stop_execution(executionArn=execution["executionArn"])
        assert function.invoked == []


def test_the_ways_between_the_states(monkeypatch: pytest.MonkeyPatch) -> None:
    with product() as (place, _, watch), machine(lambda state: look(place, state), monkeypatch) as (client, deadlines, _):
        deadlines.start(watch)
        execution = ended(client, watch)
        history = client.get_execution_history(executionArn=execution["executionArn"])["events"]
        entered = [event["stateEnteredEventDetails"]["name"] for event in history if "stateEnteredEventDetails" in event]
        assert entered == ["UntilDue", "Look", "Again", "Settled"]


def test_transient_then_done(monkeypatch: pytest.MonkeyPatch) -> None:
    with product() as (place, twin, watch):

        def handler(state: dict[str, Any]) -> dict[str, Any]:
            place.clock.skip(60)
            return look(place, state)

        twin.misbehave(Fault("status", method="GET", path="activities", status=503, times=2))
        with machine(handler, monkeypatch) as (client, deadlines, function):
            deadlines.start(watch)
            assert ended(client, watch)["status"] == "SUCCEEDED"
            assert len(function.invoked) == 3
            assert notes(twin) == 1


def test_a_function_that_crashes_is_invoked_again_and_writes_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    with product() as (place, twin, watch):
        crashes = [True, True]

        def handler(state: dict[str, Any]) -> dict[str, Any]:
            found = look(place, state)
            if crashes:
                crashes.pop()
                raise TimeoutError  # what it has written is written
            return found

        with machine(handler, monkeypatch) as (client, deadlines, function):
            deadlines.start(watch)
            assert ended(client, watch)["status"] == "SUCCEEDED"
            assert (len(function.invoked), notes(twin)) == (3, 1)


def test_failing_for_good_is_tried_once_and_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        product() as (place, twin, watch),
        machine(lambda state: look(place, state), monkeypatch) as (client, deadlines, function),
    ):
        twin.misbehave(Fault("refuse", method="POST", path="notes", words="no", times=None))
        deadlines.start(watch)
        execution = ended(client, watch)
        assert (execution["status"], execution["error"]) == ("FAILED", "EscalationRefused")
        assert "crm_refused_escalation" in execution["cause"]
        assert len(function.invoked) == 1


def test_a_crm_that_stays_away_fails_the_execution_after_all_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    with product() as (place, twin, watch):

        def handler(state: dict[str, Any]) -> dict[str, Any]:
            place.clock.skip(3600)
            return look(place, state)

        twin.misbehave(Fault("status", status=503, times=None))
        with machine(handler, monkeypatch) as (client, deadlines, function):
            deadlines.start(watch)
            execution = ended(client, watch)
            assert (execution["status"], execution["error"]) == ("FAILED", "CrmNotNow")
            assert len(function.invoked) == 12


# --- starting ---


def test_starting_twice_is_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        product() as (place, twin, watch),
        machine(lambda state: look(place, state), monkeypatch) as (client, deadlines, function),
    ):
        deadlines.start(watch)
        ended(client, watch)
        deadlines.start(watch)
        deadlines.start(Watch(watch.key, watch.effect, watch.task, watch.due_at, round=2))
        assert ended(client, watch)["status"] == "SUCCEEDED"
        assert (len(function.invoked), notes(twin)) == (1, 1)


def test_what_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with product() as (place, _, watch), machine(lambda state: look(place, state), monkeypatch) as (client, _, _):
        other = StepFunctions(lambda: client, f"arn:aws:states:{REGION}:123456789012:stateMachine:another")
        with pytest.raises(NotStarted) as failed:
            other.start(watch)
        assert failed.value.reason == "StateMachineDoesNotExist"


def test_a_service_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with product() as (_, _, watch):
        where: Any = {"region_name": REGION, "endpoint_url": NOBODY, "aws_access_key_id": "a", "aws_secret_access_key": "b"}
        client = boto3.client("stepfunctions", config=Config(retries={"total_max_attempts": 1}, connect_timeout=1), **where)
        with pytest.raises(NotStarted) as failed:
            StepFunctions(lambda: client, "arn:aws:states:eu-central-1:123456789012:stateMachine:x").start(watch)
        assert failed.value.reason == "EndpointConnectionError"


def test_the_client_is_made_when_the_first_wait_begins() -> None:
    made: list[str] = []

    class Client:
        def start_execution(self, **_: Any) -> None:
            made.append("started")

    def connect() -> Any:
        made.append("connected")
        return Client()

    deadlines = StepFunctions(connect, "arn")
    assert made == []
    with product() as (_, _, watch):
        deadlines.start(watch)
        deadlines.start(watch)
    assert made == ["connected", "started", "started"]


# --- what the definition says ---


def test_the_tries_last_for_hours() -> None:
    """The CRM is asked for as long as a promise is kept, more than six hours."""
    retrier = definition()["States"]["Look"]["Retry"][0]
    pauses = [
        min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** number, retrier["MaxDelaySeconds"])
        for number in range(retrier["MaxAttempts"])
    ]
    assert pauses[0] == 60
    assert sum(pauses) > 6 * 3600


def test_names_of_executions_are_possible_and_tell_effects_apart() -> None:
    with product() as (_, _, watch):
        others = [
            Watch(watch.key, "task:check_settings", watch.task, watch.due_at),
            Watch(type(watch.key)("demo", "mango", watch.key.call), watch.effect, watch.task, watch.due_at),
            Watch(type(watch.key)("x" * 40, "ringostat", "ї" * 300), watch.effect, watch.task, watch.due_at),
        ]
        names = {watch.name, *(other.name for other in others)}
        assert len(names) == 4
        assert all(len(name) <= 80 and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in names)
