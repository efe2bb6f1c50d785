"""Requests that need nothing of each other's answers, made at the same time: a look-up takes as long as its longest chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

AT_ONCE = 5
"""The fewest calls at the same time that a vendor allows: Zoho's free editions (crm_zohocrm.md 2, crm_zohodesk.md 2)."""

T = TypeVar("T")


def together(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """The results of all tasks, in their order, worked on side by side, at most five at a time.

    All of them have ended when this returns or raises; it raises the error of the first task, in their order, that failed.
    Nothing is given up half-way: what bounds a task is the deadline of its requests (`Http.deadline`). The caller's thread
    takes the first task, so that a single one costs no thread.
    """
    if len(tasks) < 2:
        return [task() for task in tasks]
    from concurrent.futures import ThreadPoolExecutor  # here, because whoever makes one request need not load it

    first, *others = tasks
    with ThreadPoolExecutor(min(len(others), AT_ONCE - 1), "together") as pool:
        waiting = [pool.submit(task) for task in others]
        found = first()
    return [found, *(task.result() for task in waiting)]
