"""What an answer to Ringostat's Webhook number costs, and whether it is given in time when the CRM hangs (docs/routing.md)."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.cpu import HalfReplayed, client, floor
from bench.figures import Figure, interleaved, times_floor
from bench.replay import Answers, answered_crm, record_aws, recorded_crm
from bench.round_trips import stand
from bench.samples import client_number, row
from patchcord.scenarios.profiles import merge
from patchcord.store.port import Store
from sandbox.twins import twin_class
from sandbox.twins.base import Fault, ManualClock, serve
from tests.golden.rows import begun_at, document
from tests.golden.seeds import Seeds
from tests.harness import SECRET, Context, function, http_event, world

SITUATION = "known, by responsible"
ROUTING: Mapping[str, Any] = {"routing": {"enabled": True}}
QUESTIONS, ROUNDS = 40, 7
HANGING = 25
"""Questions while the CRM hangs."""
BUDGET = 0.3
"""Seconds of each of them."""

Question = dict[str, Any]


@dataclass(frozen=True)
class Recorded:
    """A project that routes, and what CRM and AWS answered to the first question."""

    document: Mapping[str, Any]
    clock: ManualClock
    aws: Answers = field(default_factory=Answers)
    crm: Answers = field(default_factory=Answers)


def question(number: int) -> Question:
    """API Gateway's payload of a question, each of another call."""
    asked = {"caller_number": client_number(0).removeprefix("+"), "uniqueid": f"ua18_-1772705520.{number}", "dst": "380442220000"}
    path = {"project": "demo", "secret": SECRET}
    return http_event("POST", path, body=json.dumps(asked).encode(), headers={"content-type": "application/json"})


def ask(number: int) -> str:
    """Whom the answer names."""
    answer = function("smart_routing").handler(question(number), Context())
    return str(json.loads(answer["body"])["destination"])


def recorded() -> Recorded:
    """Ask once on moto and the twin, and keep what they answered."""
    with stand(row(SITUATION), more=ROUTING) as place:
        found = Recorded(place.document, ManualClock(place.product.clock.now()))
        with recorded_crm(found.crm):
            record_aws(place.dynamodb, found.aws)
            if not ask(0):
                raise AssertionError("nobody was found")
    return found


# --- seconds of the processor


def in_memory(found: Recorded) -> float:
    """With the store in memory: the product's own work, and the way to the CRM."""
    return _seconds(found, None)


def with_aws(found: Recorded) -> float:
    """With DynamoDB through botocore, answered in a hook."""
    return _seconds(found, HalfReplayed(client("dynamodb", found.aws), found.clock))


def _seconds(found: Recorded, store: Store | None) -> float:
    with answered_crm(found.crm), world(found.document, manual=found.clock, store=store) as product:

        def asked(number: int) -> None:
            found.aws.again()
            found.crm.again()
            product.clock.sleep(2.0)
            if not ask(number):
                raise AssertionError("nobody was found")

        asked(0)
        begun = time.process_time()
        for number in range(1, QUESTIONS + 1):
            asked(number)
        return (time.process_time() - begun) / QUESTIONS


def cost() -> list[Figure]:
    """Processor time of a warm question, and how many of them one core answers in a second."""
    found = recorded()
    runs: dict[str, Callable[[], float]] = {
        "floor": floor,
        "store in memory": lambda: in_memory(found),
        "with its AWS requests": lambda: with_aws(found),
    }
    seconds = {name: statistics.median(taken) for name, taken in interleaved(ROUNDS, runs).items()}
    least = seconds.pop("floor")
    figures = [times_floor(f"a warm question: {name}", taken * 1000, least * 1000, "ms") for name, taken in seconds.items()]
    rate = 1 / seconds["with its AWS requests"]
    return [*figures, Figure("warm questions of one core, with their AWS requests", f"{rate:,.0f} a second")]


# --- in time


@contextmanager
def hanging() -> Iterator[None]:
    """A project whose CRM takes every request and answers none."""
    one = row(SITUATION)
    twin = twin_class(one.crm)(clock=(clock := ManualClock(begun_at(one))))
    with serve(twin) as running:
        connection = twin.connection(running.url)
        body = merge(document(one), Seeds(one, twin).settings(connection.options))
        body = merge(body, {"routing": {"enabled": True, "timeout": f"PT{BUDGET}S"}})
        with world(body, manual=clock, secrets=connection.secrets) as product:
            product.service.projects.get(product.project)
            twin.misbehave(Fault("hang", times=None))
            try:
                yield
            finally:
                twin.behave()


def in_time() -> list[Figure]:
    """How many answers were given within the budget while the CRM hung, and the slowest."""
    taken: list[float] = []
    with hanging():
        for number in range(HANGING):
            begun = time.perf_counter()
            ask(number)
            taken.append(time.perf_counter() - begun)
    within = sum(seconds <= BUDGET for seconds in taken) / len(taken)
    return [
        Figure(
            f"a CRM that hangs: answers within {BUDGET * 1000:.0f} ms, the slowest {max(taken) * 1000:.0f} ms",
            f"{within:.0%}",
            limit="100%",
            holds=within == 1,
        )
    ]


def measure() -> Sequence[Figure]:
    """The cost of a question, and answers in time."""
    return [*cost(), *in_time()]
