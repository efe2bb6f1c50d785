"""Waiting for something no longer than allowed, whatever it does (design 1.4)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class TooLate(Exception):
    """It has not ended in time. It goes on by itself, and nobody waits for it any more."""


def in_time(task: Callable[[], T], seconds: float) -> T:
    """What the task returns or raises, or TooLate after so many seconds.

    A time-out of a request is not enough: it bounds neither the look-up of a name nor a page that trickles in.
    """
    if seconds <= 0:
        raise TooLate
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(task())
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return outcome.result(timeout=seconds)
    except TimeoutError:
        if outcome.done():
            raise  # the task's own
        raise TooLate from None
