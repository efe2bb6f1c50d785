"""Requests to the CRM per situation, counted at the vendor's twin, beside what the vendor's interface forces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from bench.figures import Figure
from bench.samples import row
from patchcord.crm.port import Requests
from patchcord.model.vendors import VENDORS
from sandbox.twins import has_twin
from sandbox.twins.base import Twin, Write
from tests.golden.twin import prepared

SITUATIONS = ("new, answered", "new, missed", "known, by responsible", "known, by other", "outgoing", "blocked")

SIGN_IN = re.compile(r"/(auth|oauth2?|token|access_token)\b", re.I)
"""Addresses where a token is fetched."""


@dataclass(frozen=True, slots=True)
class Count:
    """What one call came to: the requests that were made, and the least that would have done the same."""

    requests: int
    floor: int


def measure() -> Sequence[Figure]:
    """Every situation on every vendor that has a twin."""
    return [_figure(crm, situation, count_of(crm, situation)) for crm in vendors() for situation in SITUATIONS]


def vendors() -> tuple[str, ...]:
    """The vendors that can be counted: those with a module of their own and a twin."""
    return tuple(crm for crm in VENDORS if has_twin(crm) and find_spec(f"patchcord.crm.{crm}") is not None)


def _figure(crm: str, situation: str, count: Count) -> Figure:
    ratio = count.requests / count.floor if count.floor else None
    holds = count.requests <= count.floor
    return Figure(f"{crm}: {situation}", f"{count.requests} requests", f"{count.floor} requests", ratio, "<= floor", holds)


def count_of(crm: str, situation: str) -> Count:
    """Play the situation's webhooks, and the promises after them, against the vendor's twin."""
    with prepared(row(situation, crm)) as stage:
        stage.play()
        project = stage.product.service.projects.get(stage.product.project)
        if project is None:
            raise LookupError(stage.product.project)
        least = stage.product.service.projects.crm(project).declaration.requests
        return Count(asked(stage.twin), floor_of(stage.twin.ledger, least, looked_up(situation, least)))


def asked(twin: Twin) -> int:
    """The requests that reached the vendor, but for signing in: a token lasts for many calls."""
    return sum(SIGN_IN.search(seen.path) is None for seen in twin.requests)


def looked_up(situation: str, least: Requests) -> int:
    """What the look-up takes at least in this situation."""
    if situation == "blocked":
        return 0
    return least.look_up if situation.startswith("new") else least.look_up_known or least.look_up


def floor_of(ledger: Sequence[Write], least: Requests, look_up: int) -> int:
    """The fewest requests that a look-up and these writes take: records are one set, everything else is one by one."""
    made = least.create if any(write.do == "create" for write in ledger) else 0
    others = [write for write in ledger if write.do != "create"]
    traces = sum(least.completed_task if write.fields.get("completed") else least.task for write in others)
    return look_up + made + traces
