"""Containers: each invocation has one for itself, with its own settings, connections and time, as Lambda has it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from bench.load.crowd import CrowdClock
from patchcord.crm.connect import open_crm
from patchcord.scenarios.routes import Route
from patchcord.service import bootstrap
from patchcord.service.accept import Service
from patchcord.service.observe import Observer
from patchcord.service.perform import Performer
from patchcord.service.projects import Projects
from patchcord.service.put_through import Desk
from patchcord.service.retry import Retrier
from patchcord.service.route import Router
from patchcord.service.work import Report
from tests.harness import Context, World, function

TIME_OUT = timedelta(seconds=30)
"""Of every function here (template.yaml)."""
ROUND_TRIP = 0.15
"""Seconds that a CRM's answer takes, of the clock."""


class Counting(Observer):
    """Counts; the metrics of powertools are made for one invocation a process."""

    def __init__(self) -> None:
        super().__init__(service="load")
        self._lock = threading.Lock()
        self.counted: Counter[str] = Counter()

    @contextmanager
    def call(self, project: str, call: str) -> Iterator[None]:
        yield

    def count(self, name: str) -> None:
        with self._lock:
            self.counted[name] += 1

    def reported(self, report: Report, crm: str, milliseconds: float) -> None:
        self.count(f"{report.status.value}: {report.reason}" if report.reason else report.status.value)

    def routed(self, found: Route, milliseconds: int, failure: str, late: bool, crm: str) -> None:
        self.count(f"routed: {found.source.value}: {failure or found.reason.value}")


@dataclass
class Container:
    """What a cold start builds."""

    service: Service
    retrier: Retrier
    desk: Desk


class Countdown(Context):
    """The time that Lambda leaves an invocation."""

    def __init__(self, clock: CrowdClock) -> None:
        super().__init__()
        self._clock, self._ends = clock, clock.now() + TIME_OUT

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends - self._clock.now()) / timedelta(milliseconds=1))


class Lambda:
    """Invokes handlers: in a container that is free, or in a new one."""

    def __init__(self, product: World, clock: CrowdClock) -> None:
        self._product, self._clock = product, clock
        self.observer = Counting()
        self._free: list[Container] = []
        self._local = threading.local()
        self.overrun = 0
        self.containers = 0

    def invoke(self, name: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """The function's answer. `overrun` counts invocations that Lambda would have stopped."""
        self._local.container = container = self._taken()
        context = Countdown(self._clock)
        try:
            answer: dict[str, Any] = function(name).handler(event, context)
        finally:
            self._free.append(container)
        self.overrun += context.get_remaining_time_in_millis() < 0
        return answer

    def _taken(self) -> Container:
        try:
            return self._free.pop()
        except IndexError:
            return self._made()

    def _made(self) -> Container:
        self.containers += 1
        product, clock, observer = self._product, self._clock, self.observer
        projects = Projects(product.store, product.secrets, clock, open_crm)
        performer = Performer(
            product.store, projects, clock, product.queue.bury, lambda project, crm: observer.alarm(project.name, crm)
        )
        service = replace(product.service, projects=projects, performer=performer, observer=observer, after=_nothing)
        desk = Desk(projects, Router(product.store, projects, clock, observer), product.store, clock, observer, _no_mango)
        return Container(service, Retrier(service, product.store, product.queue), desk)

    @contextmanager
    def running(self) -> Iterator[None]:
        """The handlers find their thread's container, and the CRMs are as far away as they are."""
        real, clock = HTTPAdapter.send, self._clock

        def send(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            if clock.in_crowd:
                clock.sleep(ROUND_TRIP / 2)
            answer = real(adapter, request, **options)
            if clock.in_crowd:
                clock.sleep(ROUND_TRIP / 2)
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(HTTPAdapter, "send", send)
            patch.setattr(bootstrap, "service", lambda: self._local.container.service)
            patch.setattr(bootstrap, "retrier", lambda: self._local.container.retrier)
            patch.setattr(bootstrap, "desk", lambda: self._local.container.desk)
            yield


def _nothing(*_: object) -> None:
    """No softphone is told."""


def _no_mango(*_: object) -> Any:
    raise AssertionError("no project here is MANGO's")
