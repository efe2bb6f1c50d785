"""Waiting for a deadline: one execution of the state machine `task_deadline` for each open task (design 10).

An execution is named by the effect that wrote the task, so starting it again is harmless. Its input goes from state to state
and holds no number, no name and no secret.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from patchcord.store.port import CallKey

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

STARTING = 2.0
"""Seconds that starting an execution may take at least; with less left of an invocation it is not begun."""

STARTED_BEFORE = "ExecutionAlreadyExists"
"""What Step Functions says when an execution of that name has ended, or was started with another input."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What is waited for: the call, the key of the effect that wrote the task, the task's id in the CRM, when it is due.

    `round` counts how often the task is looked at, from 1.
    """

    key: CallKey
    effect: str
    task: str
    due_at: datetime
    round: int = 1

    @property
    def name(self) -> str:
        """The execution's name: the project, for people, and what makes it unlike any other. At most 73 characters."""
        text = "\x1f".join((self.key.project, self.key.provider, self.key.call, self.effect))
        return f"{self.key.project}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"

    def tree(self) -> dict[str, Any]:
        """The state of the execution, as JSON."""
        return {
            "project": self.key.project,
            "provider": self.key.provider,
            "call": self.key.call,
            "effect": self.effect,
            "task": self.task,
            "due_at": stamp(self.due_at),
            "round": self.round,
        }


def watch_of(tree: Mapping[str, Any]) -> Watch:
    """The inverse of `Watch.tree`. Raises KeyError or ValueError for something else."""
    key = CallKey(tree["project"], tree["provider"], tree["call"])
    return Watch(key, tree["effect"], tree["task"], datetime.fromisoformat(tree["due_at"]), int(tree["round"]))


def stamp(due_at: datetime) -> str:
    """An instant as a Wait state takes it: whole seconds of UTC, never earlier than it is."""
    whole = due_at.astimezone(UTC)
    if whole.microsecond:
        whole = whole.replace(microsecond=0) + timedelta(seconds=1)
    return f"{whole:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(eq=False)
class NotStarted(Exception):
    """The wait could not be begun now. `reason` is the service's code of the error."""

    reason: str


class Deadlines(Protocol):
    """Who waits for deadlines."""

    def start(self, watch: Watch) -> None:
        """Begin to wait; nothing changes if that has begun already. Raises NotStarted."""
        ...


class StepFunctions:
    """Waits by executions of the state machine `machine` (an ARN). `connect` makes the client when the first is started."""

    def __init__(self, connect: Callable[[], SFNClient], machine: str) -> None:
        self._connect, self._machine = connect, machine
        self._client: SFNClient | None = None

    def start(self, watch: Watch) -> None:
        """Start the execution; one that was started before is success. Raises NotStarted."""
        self._client = self._client or self._connect()
        try:
            self._client.start_execution(stateMachineArn=self._machine, name=watch.name, input=json.dumps(watch.tree()))
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code != STARTED_BEFORE:
                raise NotStarted(code) from error
        except BotoCoreError as error:  # no connection, no answer in time
            raise NotStarted(type(error).__name__) from error


@dataclass
class MemoryDeadlines:
    """Waits in memory, for tests: `started` by the execution's name, as first started."""

    started: dict[str, Watch] = field(default_factory=dict)

    def start(self, watch: Watch) -> None:
        """Keep what is waited for."""
        self.started.setdefault(watch.name, watch)
