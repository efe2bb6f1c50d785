"""The command line over a product in one process: the store in memory, a Pipedrive twin, the clock virtual."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from typer.testing import CliRunner, Result

from cli.__main__ import app
from cli.connection import Connection
from sandbox.twins.base import Twin, serve
from sandbox.twins.pipedrive.twin import PipedriveTwin
from tests.harness import World, world
from tests.integration.demo import after_call, document, missed

BASE = "https://hooks.example"
MARKERS = {"contact": "marker_fields.person", "organization": "marker_fields.organization", "deal": "marker_fields.deal"}
NEW, REGULAR = "+380671234567", "+380509876543"
ANSWERED, MISSED = "ua1_-1772704800.1", "ua1_-1772708400.2"


@dataclass
class Desk:
    """A person at the command line. `dead` counts how many letters redrive was asked for."""

    world: World
    twin: Twin
    connection: Connection
    asked: list[int] = field(default_factory=list)

    def run(self, *arguments: str, said: str | None = None, project: str | None = "demo") -> Result:
        """One command; `project` in the environment, `said` on stdin."""
        variables = {"PATCHCORD_PROJECT": project, "PATCHCORD_STACK": None, "PATCHCORD_STAND": None}
        return CliRunner().invoke(app, list(arguments), obj=self.connection, input=said, env=variables)

    def told(self, *arguments: str, code: int = 0, **more: Any) -> Any:
        """What --json prints."""
        result = self.run(*arguments, "--json", **more)
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    def play(self) -> None:
        """An answered call of a new client, then a missed one of a client the CRM has known."""
        self.world.post("in.after", after_call())
        self.world.clock.skip(3600)
        self.world.post("missed", missed(MISSED, REGULAR, calldate="2026-03-05 13:00:00"))


@contextmanager
def desk(**settings: Any) -> Iterator[Desk]:
    """A project `demo` with employees anna, boris, olena and nora, on a Pipedrive twin."""
    with serve(PipedriveTwin(search_lag=timedelta(0))) as running:
        twin = running.twin
        options = {place: twin.seed_field(kind, "patchcord_marker") for kind, place in MARKERS.items()}
        tree = document(twin, running.url, **settings)
        tree["crm"]["options"] |= options
        contact = twin.seed_contact(phone=REGULAR, name="Iryna Petrenko", owner=tree["employees"]["boris"]["crm_user"])
        twin.seed_lead(name="Chairs", contact=contact, owner=tree["employees"]["boris"]["crm_user"])
        with world(tree, secrets=secrets_of(twin, running.url)) as own:
            yield _desk(own, twin)


def secrets_of(twin: Twin, url: str) -> Mapping[str, str]:
    return twin.connection(url).secrets


def _desk(own: World, twin: Twin) -> Desk:
    asked: list[int] = []

    def redrive(most: int) -> int:
        asked.append(most)
        return 2

    connection = Connection(own.store, own.queue, own.secrets, redrive, own.clock, own.deadlines, BASE)
    return Desk(own, twin, connection, asked)
