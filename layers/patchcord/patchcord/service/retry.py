"""Keeping promises: messages come back until their event is carried out (design 2).

A message whose event is settled is dropped. One that cannot be finished now is made invisible for longer each time, and
after eight tries over more than six hours SQS moves it to the dead-letter queue. Waiting uses up no try: while a CRM refuses
our credentials, has no more requests left for us, or the function's time is over, messages are sent anew.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from patchcord.service.accept import SOONER, Service, tell
from patchcord.service.clock import Deadline
from patchcord.service.line import Line
from patchcord.service.projects import Project
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

ENOUGH, WHOLE = 20.0, 28.0
"""Seconds of the function's time: with less left than may be needed no event of the batch is begun, and one that was begun
with less than the whole and could not be finished for it has not failed."""

NEXT_PAUSE = timedelta(seconds=5)
"""When a message comes again for which the function had no time."""

RATE_LIMIT, OUT_OF_TIME = "rate_limit", "out_of_time"
"""Reasons of reports (service/perform.py): the CRM lets no more requests through; no effect could end in time."""


@dataclass(eq=False)
class Unfinished(Exception):
    """The event is not carried out yet; the message must come back."""

    reason: str


@dataclass(frozen=True, slots=True)
class Message:
    """A promise as SQS delivers it. `received` counts its deliveries, this one included; `once` is a look ahead of the
    promise, which stays; `turn` is when it may come again, if it has lined up for the CRM's rate."""

    key: CallKey
    event: str
    body: str
    receipt: str
    received: int
    redriven: bool
    once: bool
    turn: datetime | None = None

    def lined_up(self, turn: datetime) -> str:
        """The body of the message that comes at this turn."""
        return json.dumps({**json.loads(self.body), "turn": turn.isoformat()})


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
        turn=datetime.fromisoformat(promise["turn"]) if "turn" in promise else None,
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
        if not deadline.allows(ENOUGH):
            self._queue.promise(message.body, NEXT_PAUSE)
        elif not self._must_queue(project, message):
            whole = deadline.allows(WHOLE)
            self._conclude(project, message, self._carried_out(project, message, deadline), whole=whole)

    def _carried_out(self, project: Project, message: Message, deadline: Deadline) -> Report:
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
        return report

    def _must_queue(self, project: Project, message: Message) -> bool:
        """Whether it is not this message's turn. Who has no turn yet does not go past those who have."""
        now = self._service.clock.now()
        if message.turn is not None and message.turn > now:
            self._queue.promise(message.body, message.turn - now)  # SQS delays for a quarter of an hour at most
            return True
        if message.turn is None and self._line(project).last() is not None:
            self._line_up(project, message, now)
            return True
        return False

    def _line_up(self, project: Project, message: Message, not_before: datetime) -> None:
        """Give the message a turn. A look ahead of the promise gets one ahead of the promise, or none."""
        turn = self._line(project).turn(not_before, SOONER if message.once else None)
        if turn is not None:
            # sent before the received one is acknowledged, as below
            self._queue.promise(message.lined_up(turn), turn - self._service.clock.now())

    def _line(self, project: Project) -> Line:
        return Line(self._store, project.name, self._service.projects.crm(project), self._service.clock)

    def _conclude(self, project: Project, message: Message, report: Report, *, whole: bool) -> None:
        waiting = report.status is Status.WAITING
        if waiting and report.reason == RATE_LIMIT:
            self._line_up(project, message, self._service.clock.now() + (report.retry_after or timedelta(0)))
        elif message.once:
            return
        elif waiting and report.reason == OUT_OF_TIME and not whole:
            self._queue.promise(message.body, NEXT_PAUSE)
        elif report.status is Status.PARKED:
            # sent before this one is acknowledged: a crash in between doubles a promise, which the journal makes harmless
            self._queue.promise(message.body, PARKED_PAUSE)
        elif waiting:
            self._queue.postpone(message.receipt, retry_pause(message.received, report))
            raise Unfinished(report.reason)
