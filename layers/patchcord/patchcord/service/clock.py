"""Time, as the service reads it: replaceable, so that tests and simulations run on their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

SKEW = timedelta(seconds=10)
"""By how much the clocks of two containers may differ."""


class Clock(Protocol):
    """Now in UTC, and waiting."""

    def now(self) -> datetime: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Deadline:
    """How many seconds the invocation has left; nothing is begun that may not end in time."""

    remaining: Callable[[], float]

    def allows(self, seconds: float) -> bool:
        return self.remaining() > seconds


def no_deadline() -> Deadline:
    """For command lines and tests, which nobody stops."""
    return Deadline(lambda: float("inf"))
