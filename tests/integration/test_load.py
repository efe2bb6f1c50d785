"""A burst that a CRM cannot take at once: everything is done, once; `make load` is the same with a thousand (design 1, 6)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from bench.load.__main__ import lost, twice
from bench.load.burst import played, stage
from patchcord.store.port import Store, Wait
from sandbox.twins.base import ManualClock, serve
from sandbox.twins.kommo import KommoTwin
from tests.harness import START, Context, World, function, world
from tests.integration.demo import document, missed


def test_a_burst_is_carried_out_once_and_nobody_else_suffers() -> None:
    with stage() as here:
        outcome = played(here, 60, callers=5, beside=4)
        assert (lost(here, outcome.sent), twice(here, outcome.sent), here.queue.buried, here.aws.overrun) == (0, 0, [], 0)
        assert here.aws.observer.counted["waiting: rate_limit"]  # they did have to wait
        assert here.queue.most_tries <= 3  # and that is no failed try
        assert set(outcome.destinations) == {"acme_anna"}
        assert len(outcome.during.promised) == len(outcome.alone.promised) == 2


# --- one message at a time ---


@dataclass
class Crowded:
    """The bucket, which others empty until then."""

    store: Store
    until: datetime
    take: Callable[..., Any]

    def __call__(self, project: str, connection: str, units: int, most: int, window: timedelta, now: datetime) -> Any:
        busy = now < self.until
        return Wait(now + window, cooling=False) if busy else self.take(project, connection, units, most, window, now)


@dataclass
class Late:
    """Two events that are promised and not carried out yet, when their promises come."""

    product: World
    bucket: Crowded


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Iterator[Late]:
    clock = ManualClock(START)
    twin = KommoTwin(clock=clock)
    with serve(twin) as running:
        secrets = twin.connection(running.url).secrets
        with world(document(twin, running.url), manual=clock, secrets=secrets) as product:
            bucket = Crowded(product.store, START + timedelta(minutes=2), product.store.take)
            monkeypatch.setattr(product.store, "take", bucket)
            for number in range(2):
                product.post("missed", missed(f"ua1_-177270480{number}.1", f"+38067123456{number}"))
            looks = [{"messageId": key} for key, (_, body, _) in product.queue._due.items() if "once" in body]
            product.queue.acknowledge(looks, set())
            product.clock.skip(120)
            yield Late(product, bucket)


def retried(product: World, seconds: float = 30.0) -> list[dict[str, Any]]:
    """One delivery of what is promised; what is promised afterwards, with when it comes."""
    records = product.queue.deliver(product.clock)
    answer = function("retry").handler({"Records": records}, Context(seconds))
    product.queue.acknowledge(records, {item["itemIdentifier"] for item in answer["batchItemFailures"]})
    return [{**json.loads(body), "due": due, "tries": tries} for due, body, tries in product.queue._due.values()]


def test_an_event_for_which_there_is_no_time_comes_again_and_has_not_failed(late: Late) -> None:
    product = late.product
    left = retried(product, seconds=15.0)
    assert [message["tries"] for message in left] == [0, 0]
    assert all(message["due"] - product.clock.now() == timedelta(seconds=5) for message in left)
    assert retried(product) == []


def test_whoever_finds_the_bucket_empty_lines_up_and_the_others_behind_him(late: Late) -> None:
    product, late.bucket.until = late.product, START + timedelta(minutes=10)
    left = retried(product)
    turns = [datetime.fromisoformat(message["turn"]) for message in left]
    assert [message["tries"] for message in left] == [0, 0]
    assert product.clock.now() < turns[0] < turns[1]
    assert all(timedelta(0) <= message["due"] - turn < timedelta(seconds=1) for message, turn in zip(left, turns, strict=True))


def test_a_turn_that_sqs_cannot_delay_to_is_waited_for_in_steps(late: Late) -> None:
    product = late.product
    turn = START + timedelta(hours=2)
    for receipt, (due, body, tries) in list(product.queue._due.items()):
        product.queue._due[receipt] = (due, json.dumps({**json.loads(body), "turn": turn.isoformat()}), tries)
    assert [message["turn"] for message in retried(product)] == [turn.isoformat()] * 2
    product.keep_promises()
    assert product.clock.now() >= turn
