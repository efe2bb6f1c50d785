"""Keeping promises: messages come back until their event is carried out (design 2).

A message whose event is settled is dropped. One that cannot be finished now is made invisible for longer each time, and
after eight tries over more than six hours SQS moves it to the dead-letter queue. While a CRM refuses our credentials,
messages are sent anew, so that waiting for a person uses up no try.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from patchcord.service.accept import Service, tell
from patchcord.service.clock import Deadline
from patchcord.service.work import Report, Status
from patchcord.store.port import CallKey, Queue, Store

PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=40),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=2, minutes=20),
)
"""After the first, second … failed try; together more than six hours. After the eighth the message is SQS's to move."""

PARKED_PAUSE = timedelta(minutes=15)


@dataclass(eq=False)
class Unfinished(Exception):
    """The event is not carried out yet; the message must come back."""

    reason: str


@dataclass(frozen=True, slots=True)
class Message:
    """A promise as SQS delivers it. `received` counts its deliveries, this one included; `once` is a look ahead of the
    promise, which stays."""

    key: CallKey
    event: str
    body: str
    receipt: str
    received: int
    redriven: bool
    once: bool


def message_of(record: Mapping[str, Any]) -> Message:
    """One SQS record. Raises KeyError or ValueError for a body that is no promise of ours."""
    promise = json.loads(record["body"])
    return Message(
        key=CallKey(promise["project"], promise["provider"], promise["call"]),
        event=promise["event"],
        body=record["body"],
        receipt=record["receiptHandle"],
        received=int(record.get("attributes", {}).get("ApproximateReceiveCount", "1")),
        redriven=bool(promise.get("redriven")),
        once=bool(promise.get("once")),
    )


def _readable(record: Mapping[str, Any]) -> Message | None:
    """The message, None for one that is no promise: it fails alone when its turn comes, and ends in the dead-letter queue."""
    try:
        return message_of(record)
    except (KeyError, TypeError, ValueError):
        return None


def retry_pause(received: int, report: Report) -> timedelta:
    """How long the message stays away: the schedule, or longer if the CRM asked for more."""
    scheduled = PAUSES[received - 1] if received <= len(PAUSES) else timedelta(0)
    return max(scheduled, report.retry_after or timedelta(0))


class Retrier:
    """Works through a batch of promises. One look into the journal tells which of them are kept already."""

    def __init__(self, service: Service, store: Store, queue: Queue) -> None:
        self._service, self._store, self._queue = service, store, queue

    def unsettled(self, records: Sequence[Mapping[str, Any]]) -> frozenset[tuple[CallKey, str]]:
        """Which of the records' events are still to be carried out: one read for the whole batch."""
        messages = [message for record in records if (message := _readable(record)) is not None]
        return self._store.unsettled([(message.key, message.event) for message in messages])

    def handle(self, record: Mapping[str, Any], unsettled: frozenset[tuple[CallKey, str]], deadline: Deadline) -> None:
        """Carry out one promise. Raises Unfinished when the message must come back."""
        message = message_of(record)
        if (message.key, message.event) not in unsettled and not message.redriven:
            return
        project = self._service.projects.get(message.key.project)
        if project is None:
            self._queue.bury(message.body, "the project does not exist any more")
            return
        begun = time.monotonic()
        with self._service.observer.call(message.key.project, message.key.call):
            self._service.observer.count("Retried")
            report = self._service.performer.resume(
                project,
                message.key,
                deadline,
                again=message.redriven,
            )
            self._service.observer.reported(report, project.settings.crm.vendor, (time.monotonic() - begun) * 1000)
            tell(self._service, project, message.key, report, deadline)
        self._conclude(message, report)

    def _conclude(self, message: Message, report: Report) -> None:
        if message.once:
            return
        if report.status is Status.PARKED:
            # sent before this one is acknowledged: a crash in between doubles a promise, which the journal makes harmless
            self._queue.promise(message.body, PARKED_PAUSE)
        elif report.status is Status.WAITING:
            self._queue.postpone(message.receipt, retry_pause(message.received, report))
            raise Unfinished(report.reason)
