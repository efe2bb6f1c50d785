"""Workers on virtual time. Each is a thread of its own, and exactly one runs at any moment: the one that wakes up first.

So a history is played the same way each time, and two workers come between each other wherever one of them waits: at each
request to AWS or to the CRM.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.twins.base import ManualClock


class Killed(BaseException):
    """The process is gone: nothing of the product may catch this, and nothing it still does has any effect."""


def taken() -> threading.Lock:
    """A lock that somebody else has to give back: how a turn is handed over."""
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(eq=False)
class Worker:
    """One invocation. `limit` is when the runtime stops it; a `zombie` was forgotten by the runtime and goes on."""

    number: int
    wakes: datetime
    limit: datetime | None
    turn: threading.Lock = field(default_factory=taken)
    waiter: Worker | None = None
    dead: bool = False
    zombie: bool = False
    troubled: bool = False
    over: bool = False
    context: Any = None


class TurnLock:
    """A lock for threads, among workers: whoever waits for it lets the others work."""

    def __init__(self, turns: Turns) -> None:
        self._turns, self._held = turns, False

    def __enter__(self) -> None:
        while self._held:
            self._turns.pause(0.05)
        self._held = True

    def __exit__(self, *how: object) -> None:
        self._held = False


class Turns:
    """Who runs when. `play` belongs to whoever directs, everything else to the workers."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.failures: list[BaseException] = []
        self._director = taken()
        self._workers: dict[int, Worker] = {}
        self._waiting: list[Worker] = []
        self._count = 0

    @property
    def current(self) -> Worker | None:
        return self._workers.get(threading.get_ident())

    @property
    def next_at(self) -> datetime | None:
        """When the next worker wakes up; None when nobody is left."""
        return min((worker.wakes for worker in self._waiting), default=None)

    def start(self, work: Callable[[], object], *, seconds: float | None = None, context: Any = None) -> Worker:
        """Begin an invocation that may take so many seconds."""
        self._count += 1
        now = self.clock()
        limit = None if seconds is None else now + timedelta(seconds=seconds)
        worker = Worker(self._count, now, limit, context=context)
        thread = threading.Thread(target=self._run, args=(worker, work), daemon=True)
        self._waiting.append(worker)
        thread.start()
        return worker

    def _run(self, worker: Worker, work: Callable[[], object]) -> None:
        self._workers[threading.get_ident()] = worker
        worker.turn.acquire()
        try:
            work()
        except Killed:
            worker.dead = True
        except BaseException as error:  # the director tells of it
            self.failures.append(error)
        finally:
            worker.over = True
            del self._workers[threading.get_ident()]
            if worker.waiter is not None:
                worker.waiter.wakes = self.clock()
            self._director.release()

    def step(self) -> None:
        """Let the worker run that wakes up first, until it waits again or has ended."""
        worker = min(self._waiting, key=lambda waiting: (waiting.wakes, waiting.number))
        self._waiting.remove(worker)
        if worker.wakes > self.clock():
            self.clock.advance(worker.wakes - self.clock())
        worker.turn.release()
        self._director.acquire()
        if not worker.over:
            self._waiting.append(worker)

    def pause(self, seconds: float) -> None:
        """Wait. Somebody who is no worker just moves the time."""
        worker = self.current
        if worker is None:
            self.clock.advance(timedelta(seconds=seconds))
            return
        worker.wakes = self.clock() + timedelta(seconds=seconds)
        self._director.release()
        worker.turn.acquire()
        if worker.limit is not None and self.clock() > worker.limit and not worker.zombie:
            worker.dead = True
        self.check(worker)

    def wait_for(self, other: Worker, seconds: float) -> bool:
        """Wait for another worker, but not longer; whether it has ended."""
        if self.current is not None:
            other.waiter = self.current
        if not other.over:
            self.pause(seconds)
        other.waiter = None
        return other.over

    def check(self, worker: Worker) -> None:
        """A dead worker does nothing more."""
        if worker.dead:
            raise Killed
