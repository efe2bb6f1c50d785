"""Real threads on one clock, and a queue that many poll: what many Lambda invocations at the same time are made of here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from patchcord.store.sqs import delay_seconds
from tests.harness import FastClock, PromiseQueue, VirtualClock


class CrowdClock(FastClock):
    """Time runs with the machine's. While everybody of the crowd waits for it, it jumps to the first who has waited enough.

    Whoever does not belong to the crowd, such as a thread that the product starts itself, waits as long as it really takes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._moved = threading.Condition()
        self._local = threading.local()
        self._running = 0
        self._due: dict[int, float] = {}

    def start(self, task: Callable[..., object], *args: Any) -> threading.Thread:
        """A thread of the crowd that does the task."""

        def run() -> None:
            self._local.member = True
            try:
                task(*args)
            finally:
                self._leave()

        with self._moved:
            self._running += 1
        thread = threading.Thread(target=run)
        thread.start()
        return thread

    @property
    def in_crowd(self) -> bool:
        """Whether this thread belongs to the crowd."""
        return getattr(self._local, "member", False)

    def seconds(self) -> float:
        """The clock in seconds."""
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        due = self.seconds() + seconds
        with self._moved:
            if self.in_crowd:
                self._due[threading.get_ident()] = due
                self._running -= 1
                self._jump()
            while (left := due - self.seconds()) > 0:
                self._moved.wait(left)
            if self.in_crowd:
                del self._due[threading.get_ident()]
                self._running += 1

    def _leave(self) -> None:
        with self._moved:
            self._running -= 1
            self._jump()

    def _jump(self) -> None:
        if not self._running and self._due:
            self.skip(max(0.0, min(self._due.values()) - self.seconds()))
            self._moved.notify_all()


class SharedQueue(PromiseQueue):
    """The promises with SQS's delays, visibility, batches and dead-letter rule, for any number of pollers."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self._lock = threading.RLock()
        self.most_tries = 0

    def promise(self, body: str, delay: timedelta) -> None:
        with self._lock:
            super().promise(body, timedelta(seconds=delay_seconds(delay)))

    def postpone(self, receipt: str, pause: timedelta) -> None:
        with self._lock:
            super().postpone(receipt, pause)

    def bury(self, body: str, reason: str) -> None:
        with self._lock:
            super().bury(body, reason)

    def poll(self, batch: int) -> list[dict[str, Any]]:
        """Up to so many of the messages that can be seen, the longest waiting first."""
        with self._lock:
            now = self._clock.now()
            seen = sorted((due, receipt) for receipt, (due, _, _) in self._due.items() if due <= now)[:batch]
            records = [record for _, receipt in seen if (record := self._receive(receipt)) is not None]
            tries = [int(record["attributes"]["ApproximateReceiveCount"]) for record in records]
            self.most_tries = max(self.most_tries, *tries, 0)
            return records

    def acknowledge(self, records: list[dict[str, Any]], failed: set[str]) -> None:
        with self._lock:
            super().acknowledge(records, failed)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is promised any more."""
        with self._lock:
            return not self._due
