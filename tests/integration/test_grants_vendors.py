"""Thirty workers with an expired token, at every vendor whose tokens end: one refresh, whatever happens to the refresher.

Each worker is a client of its own, as thirty Lambdas would be; they share the secrets and the store. A worker that is killed
does nothing more: it gives back no lease and stores nothing.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from patchcord.crm import grants
from patchcord.crm.connect import open_crm
from patchcord.crm.errors import CrmError, Transient, Unauthorised
from patchcord.crm.port import Search
from patchcord.model.phone import read_phone
from patchcord.store.memory import MemorySecrets, MemoryStore
from sandbox.twins.base import Fault, Twin, serve
from tests.integration.grant_vendors import TOKEN, VENDORS, Vendor, expire

WORKERS = 30
PROJECT = "acme"
PHONE = read_phone("+380671234567", "UA")
DEAD_FOR = timedelta(seconds=1.5)
"""The lease of a refresher who is to die; that of the others is as long as ever."""


class Killed(BaseException):
    """The worker's process ends here."""


@dataclass
class Worker:
    """A client of its own. `dies` is where its process ends: before the token call, after it, or when it would store."""

    stand: Stand
    dies: str = ""
    killed: bool = False

    def ask(self) -> None:
        """One look-up."""
        with self.stand.opened(Mortal(self.stand.secrets, self), Mortal(self.stand.store, self)) as crm:
            crm.find(PHONE, Search(region="UA"))

    def reaches(self, place: str) -> None:
        if self.dies == place:
            self.killed = True
            raise Killed


ACTING = threading.local()
"""The worker who took the lease in this thread."""


class Mortal:
    """A store or secrets as a worker has them: nothing comes of what a killed one does."""

    def __init__(self, real: Any, worker: Worker) -> None:
        self._real, self._worker = real, worker

    def __getattr__(self, name: str) -> Any:
        if name == "put":
            self._worker.reaches("storing")
        if self._worker.killed:
            raise Killed
        if name == "lease":
            ACTING.worker = self._worker
        return getattr(self._real, name)


class Forgetful(MemorySecrets):
    """Secrets whose first `failures` puts fail. `stored` are the names under which workers have put anything."""

    failures = 0

    def __init__(self) -> None:
        super().__init__()
        self.stored: set[str] = set()

    def put(self, project: str, name: str, value: str) -> None:
        self.stored.add(name)
        if self.failures:
            self.failures -= 1
            raise OSError("the parameter store is away")
        super().put(project, name, value)


@dataclass
class Stand:
    """A vendor's twin, and a project that is connected to it."""

    vendor: Vendor
    twin: Twin
    url: str
    options: dict[str, str]
    secrets: Forgetful = field(default_factory=Forgetful)
    store: MemoryStore = field(default_factory=MemoryStore)

    @contextmanager
    def opened(self, secrets: Any, store: Any) -> Iterator[Any]:
        """A client of the project's."""
        crm: Any = open_crm(self.vendor.key, self.options, secrets, store, PROJECT)
        try:
            yield crm
        finally:
            crm.http.close()
            crm.http.credentials.close()

    def work(self, *workers: Worker) -> list[BaseException]:
        """All of them at the same moment; the errors they ended with."""
        barrier, errors = threading.Barrier(len(workers)), list[BaseException]()

        def run(worker: Worker) -> None:
            barrier.wait()
            try:
                worker.ask()
            except (CrmError, Killed) as error:
                errors.append(error)

        threads = [threading.Thread(target=run, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return errors

    def crowd(self, count: int = WORKERS) -> list[BaseException]:
        return self.work(*(Worker(self) for _ in range(count)))

    @property
    def refreshes(self) -> int:
        """Token calls that brought a token."""
        calls = [seen for seen in self.twin.requests if re.search(TOKEN, seen.path)]
        return sum(1 for seen in calls if seen.status in (200, None))

    @property
    def stored(self) -> Any:
        (name,) = self.secrets.stored
        return json.loads(self.secrets.get(PROJECT, name) or "{}")

    def is_still_connected(self) -> bool:
        """The stored grant is the one that lives: it can be used, and renewed once more."""
        before = self.refreshes
        Worker(self).ask()
        expire(self.twin)
        Worker(self).ask()
        return self.refreshes == before + 1


@contextmanager
def mortality() -> Iterator[None]:
    """Workers die before or after their token call, as they are meant to."""
    real = HTTPAdapter.send

    def send(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        worker: Worker | None = getattr(ACTING, "worker", None)
        if worker is None or not re.search(TOKEN, urlsplit(str(request.url)).path):
            return real(adapter, request, **options)
        worker.reaches("before")
        answer = real(adapter, request, **options)
        try:
            worker.reaches("after")
        except Killed:
            answer.close()
            raise
        return answer

    with patch.object(HTTPAdapter, "send", send):
        yield


@pytest.fixture(params=VENDORS, ids=lambda vendor: vendor.name)
def stand(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    monkeypatch.setattr(grants, "LONGEST_PAUSE", 0.2)  # only so that the tests take less time
    vendor: Vendor = request.param
    twin = vendor.twin()
    with serve(twin) as running, mortality():
        options, secrets = vendor.connected(twin, running.url)
        made = Stand(vendor, twin, running.url, options)
        for name, value in secrets.items():
            made.secrets.put(PROJECT, name, value)
        made.secrets.stored = {name for name in made.secrets.stored if name == "grant"}
        Worker(made).ask()  # who has no grant yet gets one
        expire(twin)
        yield made


def after(stand: Stand, begin: Callable[[], list[BaseException]]) -> tuple[list[BaseException], int]:
    """The errors, and how many refreshes there were."""
    before = stand.refreshes
    errors = begin()
    return errors, stand.refreshes - before


def test_thirty_workers_refresh_once(stand: Stand) -> None:
    old = stand.stored.get("refresh_token")
    assert after(stand, stand.crowd) == ([], 1)
    assert (stand.stored.get("refresh_token") != old) == stand.vendor.rotates
    assert all(name.startswith("grant") for name in stand.secrets.stored)  # nothing else may be stored (template.yaml)
    assert stand.is_still_connected()


def test_a_slow_token_endpoint_is_waited_for(stand: Stand) -> None:
    stand.twin.misbehave(Fault("late", path=TOKEN, seconds=1.0))
    assert after(stand, stand.crowd) == ([], 1)
    assert stand.is_still_connected()


def test_a_token_endpoint_that_fails_once_costs_one_worker_his_try(stand: Stand) -> None:
    stand.twin.misbehave(Fault("status", path=TOKEN, status=500))
    errors, refreshes = after(stand, stand.crowd)
    assert ([type(error) for error in errors], refreshes) == ([Transient], 1)
    assert stand.is_still_connected()


def test_a_grant_that_cannot_be_stored_at_once_is_not_lost(stand: Stand) -> None:
    """The others wait for whoever has it; nobody spends the refresh token that is dead already."""
    stand.secrets.failures = 1
    with stand.opened(stand.secrets, stand.store) as crm:

        def begin() -> list[BaseException]:
            with pytest.raises(OSError, match="away"):
                crm.find(PHONE, Search(region="UA"))
            again = threading.Timer(0.5, crm.find, (PHONE, Search(region="UA")))
            again.start()
            errors = stand.crowd()
            again.join()
            return errors

        assert after(stand, begin) == ([], 1)
    assert stand.is_still_connected()


def kill(stand: Stand, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker dies there; its lease stands for a while."""
    with monkeypatch.context() as patched:
        patched.setattr(grants, "LEASE", DEAD_FOR)
        assert [type(error) for error in stand.work(Worker(stand, dies=place))] == [Killed]


def test_a_refresher_that_dies_before_its_call_is_replaced(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    kill(stand, "before", monkeypatch)
    assert after(stand, stand.crowd) == ([], 1)
    assert stand.is_still_connected()


@pytest.mark.parametrize("place", ["after", "storing"])
def test_a_refresher_that_dies_with_the_answer(stand: Stand, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a vendor gave to a worker that died is lost. Where nothing else proves who we are, a person must connect the CRM
    again: every worker says so, the stored grant stays, and nothing is asked for in vain until then."""
    kept = stand.stored
    kill(stand, place, monkeypatch)
    if stand.vendor.regains:
        assert after(stand, stand.crowd) == ([], 1)
        assert stand.is_still_connected()
        return
    errors, refreshes = after(stand, lambda: stand.crowd(3))
    assert ([type(error) for error in errors], refreshes) == ([Unauthorised] * 3, 0)
    assert stand.stored == kept
    stand.secrets.put(PROJECT, "grant", stand.vendor.connected(stand.twin, stand.url)[1]["grant"])
    assert stand.is_still_connected()
