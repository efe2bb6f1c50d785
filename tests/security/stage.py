"""The whole product behind its real routes, with three tenants: `demo` on Ringostat, `pbx` on MANGO, `other` a stranger's.

Requests go through the stand's host: it matches the routes of template.yaml and hands the functions payload 2.0, as API
Gateway does. `Stage.kept` is everything that the product has written anywhere: in the CRM, the journal, the queue.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from werkzeug.test import Client, EnvironBuilder

from patchcord.service.links import Recording, recording_token
from patchcord.service.projects import save, secret_hash
from patchcord.store.memory import MemoryStore
from patchcord.store.port import Store
from sandbox.host import Host, Logs
from sandbox.template import Stack, load
from sandbox.twins.base import ManualClock, Twin, serve
from sandbox.twins.pipedrive import PipedriveTwin
from tests.harness import CLICK_SECRET, MANGO_KEY, MANGO_SALT, REPOSITORY, SECRET, START, World, world
from tests.integration.demo import document
from tests.ringostat_server import AUTH_KEY, PROJECT_ID, RingostatServer, ringostat

SITE = "https://www.shop.example"
PBX_SECRET = "s3cret-of-the-pbx-project-9876543210"
OTHER_SECRET = "s3cret-of-another-tenant-5566778899"
OTHER_KEY, OTHER_SALT = "key0of0another0", "salt0of0another0"
SECRETS = (SECRET, CLICK_SECRET, PBX_SECRET, OTHER_SECRET, MANGO_KEY, MANGO_SALT, AUTH_KEY, "twin-api-token", "key-of-the-hashes")
CLIENT_KEYS = {"demo": "key-of-the-hashes", "pbx": "key-of-the-pbx", "other": "key-of-another"}


@cache
def stack() -> Stack:
    """What template.yaml deploys."""
    return load(REPOSITORY / "template.yaml", {})


def link(project: str = "demo", key: str | None = None, days: float = 365.0) -> str:
    """The token of a link to a recording of a project."""
    what = Recording("ringostat", "ua1_-1772704800.1", "", "2026-03-05")
    return recording_token(key or CLIENT_KEYS[project], what, START + timedelta(days=days))


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Stage:
    """A running product. `site` is its HTTP interface as a WSGI application."""

    product: World
    twin: Twin
    telephony: RingostatServer
    site: Host

    def ask(self, method: str, path: str, *, body: bytes = b"", **headers: str) -> Answer:
        """One HTTP request; headers by name, `_` for `-`."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        builder = EnvironBuilder(
            path=path, method=method, data=body, headers=list(told.items()), base_url="https://hooks.example"
        )
        with redirect_stdout(self.product.log), Client(self.site).open(builder) as response:
            return Answer(response.status_code, dict(response.headers), response.get_data(as_text=True))

    def keep_promises(self) -> None:
        with redirect_stdout(self.product.log):
            self.product.keep_promises(rounds=500)

    def kept(self) -> tuple[Any, ...]:
        """What was written: in the CRM, in the journals, in the queue, to the telephony."""
        store = self.product.store
        assert isinstance(store, MemoryStore)
        journal = sorted((key, sorted(call.events)) for key, call in store._calls.items())
        return (len(self.twin.ledger), journal, len(self.product.queue.promised), len(self.telephony.callbacks))

    @property
    def log(self) -> str:
        """All that was printed; what a function does not catch stands in the host's own."""
        return self.product.log.getvalue() + "\n".join(self.site.logs.lines)

    def records(self) -> list[Any]:
        """The log's lines, each one JSON object."""
        return [json.loads(line) for line in self.log.splitlines() if line]


@contextmanager
def stage(store: Store | None = None, **more: Any) -> Iterator[Stage]:
    """The three tenants, all on one Pipedrive twin; `more` settings for `demo`."""
    twin = PipedriveTwin(clock=(clock := ManualClock(START)))
    with serve(twin) as running, ringostat() as (telephony, api):
        telephony.online = ["acme_anna", "acme_boris"]
        telephony.add("ua1_-1772704800.1")
        base = document(twin, running.url)
        own = {
            "telephony": {"base_url": api, "project_id": PROJECT_ID, "list_zone": "UTC"},
            "forms": {"enabled": True, "origins": [SITE], "per_address_a_minute": 1000},
            "click_to_call": {"secrets": [secret_hash(CLICK_SECRET)]},
            "routing": {"enabled": True},
        }
        with world({**base, **own, **more}, manual=clock, store=store, secrets={"ringostat_api_key": AUTH_KEY}) as product:
            _second_tenants(product, base)
            yield Stage(product, twin, telephony, Host(stack(), REPOSITORY, Logs(io.StringIO())))


def _second_tenants(product: World, base: Mapping[str, Any]) -> None:
    tenants = {"pbx": ("mango", PBX_SECRET, MANGO_KEY, MANGO_SALT), "other": ("ringostat", OTHER_SECRET, OTHER_KEY, OTHER_SALT)}
    for name, (provider, secret, key, salt) in tenants.items():
        telephony = {"provider": provider, "secrets": [secret_hash(secret)], "base_url": "http://127.0.0.1:9"}
        save(product.store, name, {**base, "telephony": telephony}, "test", product.clock.now())
        kept = {"api_token": "twin-api-token", "client_key": CLIENT_KEYS[name], "mango_key": key, "mango_salt": salt}
        for secret_name, value in kept.items():
            product.secrets.put(name, secret_name, value)
