"""The burst: when it comes, who works on it, and what it leaves in the CRM."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from bench.load.containers import Lambda
from bench.load.crowd import CrowdClock, SharedQueue
from bench.load.sent import Beside, Event, Outcome, events
from bench.samples import client_number
from patchcord.service.projects import save, secret_hash
from patchcord.service.writing import marker
from patchcord.store.port import CallKey
from sandbox.twins.base import Fault, Seen, Twin, serve
from sandbox.twins.kommo import KommoTwin
from sandbox.twins.pipedrive import PipedriveTwin
from tests.harness import NOBODY, SECRET, World, http_event, world
from tests.integration.demo import document

POLLERS, BATCH = 5, 10
"""`MaximumConcurrency` and `BatchSize` of the event source (template.yaml)."""
POLL = 0.1
"""Seconds between two looks into an empty queue; SQS's long poll answers as soon as there is something."""
BURST = 5.0
"""Seconds in which all events of the burst come."""
CALLERS = 100
"""Known clients who call, and are put through, meanwhile."""
BESIDE = "beside"
"""The second project."""


@dataclass
class Stage:
    """Two projects on two twins; `demo` has the burst."""

    clock: CrowdClock
    queue: SharedQueue
    product: World
    twin: KommoTwin
    other: PipedriveTwin
    aws: Lambda
    stopping: bool = False

    # --- what comes in ---

    def post(self, project: str, event: Event) -> int:
        """One webhook; the status of the answer."""
        path = {"project": project, "secret": SECRET}
        name = "missed_call" if event.is_missed else "incoming_call"
        if not event.is_missed:
            path["moment"] = "after"
        body, headers = json.dumps(event.payload).encode(), {"content-type": "application/json"}
        return int(self.aws.invoke(name, http_event("POST", path, body=body, headers=headers))["statusCode"])

    def ask(self, caller: int) -> str:
        """Whom a known client is put through to."""
        asked = {"caller_number": client_number(caller).removeprefix("+"), "uniqueid": f"ua2_-{caller}.{self.clock.seconds()}"}
        body, headers = json.dumps(asked).encode(), {"content-type": "application/json"}
        path = {"project": "demo", "secret": SECRET}
        answer = self.aws.invoke("smart_routing", http_event("POST", path, body=body, headers=headers))
        return str(json.loads(answer["body"])["destination"])

    # --- who works ---

    def poll(self) -> None:
        """One of the event source's pollers."""
        while not self.stopping:
            records = self.queue.poll(BATCH)
            if not records:
                self.clock.sleep(POLL)
                continue
            answer = self.aws.invoke("retry", {"Records": records})
            self.queue.acknowledge(records, {item["itemIdentifier"] for item in answer["batchItemFailures"]})

    def burst(self, outcome: Outcome) -> None:
        """All events, each in an invocation of its own, spread over a few seconds."""

        def one(event: Event) -> None:
            outcome.answers[self.post("demo", event)] += 1

        threads = []
        for event in outcome.sent:
            threads.append(self.clock.start(one, event))
            self.clock.sleep(BURST / len(outcome.sent))

    def call_in(self, outcome: Outcome, count: int, pause: float) -> None:
        """Known clients call, one after another."""
        for number in range(count):
            begun = time.perf_counter()
            outcome.destinations[self.ask(CALLER + number % CALLERS)] += 1
            outcome.routing.append(time.perf_counter() - begun)
            self.clock.sleep(pause)

    def beside(self, found: Beside, count: int, first: int, pause: float) -> None:
        """Events of the second project; each second one meets a CRM that is down for a moment, and is brought back."""
        sent: dict[str, float] = {}
        for event in events(count, first):
            begun = self.clock.seconds()
            if event.number % 2:
                sent[event.call] = begun
                self.other.misbehave(Fault("status", status=500))
            self.post(BESIDE, event)
            if not event.number % 2:
                found.inline.append(self.clock.seconds() - begun)
            self.clock.sleep(pause)
        while len(found.promised) < len(sent):
            self.clock.sleep(POLL)
            found.promised = [at - sent[call] for call in sent if (at := self._done_at(BESIDE, call)) is not None]

    def _done_at(self, project: str, call: str) -> float | None:
        wanted = {marker(CallKey(project, "ringostat", call), key) for key in self.effects(project, call)}
        traces = [write for write in (*self.other.writes("task"), *self.other.writes("log")) if write.fields["marker"] in wanted]
        return traces[0].at.timestamp() if traces and traces[0].at else None

    # --- what came of it ---

    def effects(self, project: str, call: str) -> Mapping[str, str]:
        """The effects in a call's journal."""
        entry = self.product.store.entry(CallKey(project, "ringostat", call))
        return entry.effects if entry is not None else {}

    def unsettled(self, event: Event) -> bool:
        """Whether an event of the burst is not stored, or not carried out."""
        entry = self.product.store.entry(CallKey("demo", "ringostat", event.call))
        return entry is None or not entry.events or set(entry.events) != entry.settled


CALLER, OTHERS = 500_000, 700_000
"""The first numbers of those who are put through, and of the second project's clients."""


@contextmanager
def stage() -> Iterator[Stage]:
    """The product with both projects; their CRMs count what they allow."""
    clock = CrowdClock()
    queue = SharedQueue(clock)
    twin, other = KommoTwin(clock=clock.now), PipedriveTwin(clock=clock.now)
    with serve(twin) as running, serve(other) as beside:
        body = document(twin, running.url) | {"routing": {"enabled": True}}
        second = document(other, beside.url)
        second["telephony"] = {"provider": "ringostat", "base_url": NOBODY, "secrets": [secret_hash(SECRET)]}
        anna = body["employees"]["anna"]["crm_user"]
        for number in range(CALLERS):
            known = twin.seed_contact(phone=client_number(CALLER + number), owner=anna)
            twin.seed_deal(name="Chairs", owner=anna, contact=known)
        twin.set(enforce_rates=True)
        with world(body, clock=clock, queue=queue, secrets=twin.connection("").secrets) as product:
            for name in ("client_key", "api_token"):
                product.secrets.put(BESIDE, name, "key-of-the-hashes-beside")
            product.secrets.put(BESIDE, "api_token", other.connection("").secrets["api_token"])
            save(product.store, BESIDE, second, "load", clock.now())
            aws = Lambda(product, clock)
            with aws.running():
                yield Stage(clock, queue, product, twin, other, aws)


def played(here: Stage, count: int, callers: int, beside: int) -> Outcome:
    """The second project alone, then the burst with it beside; returns when nothing is promised any more."""
    outcome = Outcome(events(count))
    pollers = [here.clock.start(here.poll) for _ in range(POLLERS)]
    here.clock.start(here.beside, outcome.alone, beside, OTHERS, 2.0).join()
    begun = here.clock.seconds()
    threads = [
        here.clock.start(here.burst, outcome),
        here.clock.start(here.call_in, outcome, callers, 3.0),
        here.clock.start(here.beside, outcome.during, beside, OTHERS + beside, 2.0),
        here.clock.start(_until_empty, here),
    ]
    for thread in threads:
        thread.join()
    outcome.taken = max(write.at.timestamp() for write in here.twin.ledger if write.at) - begun
    here.stopping = True
    for poller in pollers:
        poller.join()
    return outcome


def _until_empty(here: Stage) -> None:
    here.clock.sleep(2 * BURST)
    while not here.queue.is_empty:
        here.clock.sleep(1.0)


def most_in_a_second(twin: Twin) -> int:
    """The most requests that a twin has got in any one second."""
    seen: list[datetime] = sorted(request.at for request in twin.requests)
    return max(sum(1 for at in seen[place : place + 50] if at - first < timedelta(seconds=1)) for place, first in enumerate(seen))


def refused(twin: Twin) -> list[Seen]:
    """The requests that were over the twin's limit."""
    return [request for request in twin.requests if request.status in (403, 429)]
