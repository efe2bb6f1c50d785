"""AWS round trips per event, counted at botocore: real handlers over DynamoStore and SqsQueue on moto, in process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import boto3
from moto import mock_aws

from bench.figures import Figure, counted
from bench.samples import client_number, row
from patchcord.model.records import Record, RecordKind
from patchcord.scenarios.profiles import merge
from patchcord.service.clients import Index, client_key
from patchcord.store.dynamo import DynamoStore, Tables, create_tables
from patchcord.store.port import CallKey, Changes, Claim
from patchcord.store.sqs import SqsQueue
from sandbox.twins.base import ManualClock, serve
from tests.golden.payloads import deliveries
from tests.golden.rows import Row, begun_at, document
from tests.golden.twin import Seeds, make_twin
from tests.harness import Context, World, function, world

REGION = "eu-central-1"
BATCH = 10
"""Promises that SQS hands over at once (template.yaml)."""
EARLIER = (1, 500)
"""How many earlier calls are stored; the counts must be the same."""
PAUSE = timedelta(seconds=2)
"""Between two webhooks: the rate's window is full again, the settings are still fresh."""
MINUTE = timedelta(seconds=61)
"""After which the settings are read again."""
MOST = {"new, answered": 8, "new, missed": 8, "known, by responsible": 6, "known, by other": 6, "known, missed": 6, "outgoing": 6}
OWN_INDEX = "known by us, by other"
"""A known client whose records our own earlier calls have made."""


@dataclass
class Counter:
    """The operations that went over the wire, tries included."""

    operations: list[str] = field(default_factory=list)

    def __call__(self, event_name: str, **_: Any) -> None:
        self.operations.append(event_name.rsplit(".", 1)[-1])

    def taken(self) -> tuple[str, ...]:
        """The operations since the last time."""
        found, self.operations[:] = tuple(self.operations), ()
        return found


class KeepingQueue(SqsQueue):
    """SQS that also keeps what was promised, because a delayed message cannot be received yet."""

    def __init__(self, client: Any, url: str, dead_letter_url: str) -> None:
        super().__init__(client, url, dead_letter_url)
        self.promised: list[str] = []

    def promise(self, body: str, delay: timedelta) -> None:
        super().promise(body, delay)
        self.promised.append(body)


@dataclass(frozen=True)
class Stand:
    """The product on moto, for one row's client."""

    product: World
    store: DynamoStore
    counter: Counter
    queue: KeepingQueue
    seeds: Seeds

    def deliver(self, one: Row, pause: timedelta = PAUSE) -> list[tuple[str, ...]]:
        """The operations of each of the row's webhooks."""
        return [self.send(delivery.hint, delivery.payload, pause) for delivery in deliveries(one)]

    def send(self, hint: str, payload: Mapping[str, Any], pause: timedelta = PAUSE) -> tuple[str, ...]:
        """The operations of one webhook, after a pause. Raises AssertionError unless it was carried out."""
        self.product.clock.manual.advance(pause)
        self.counter.taken()
        answer = self.product.post(hint, payload)
        if answer["status_code"] != 200 or answer["status"] not in {"done", "ignored"}:
            raise AssertionError(f"not carried out: {answer}")
        return self.counter.taken()


@contextmanager
def stand(one: Row) -> Iterator[Stand]:
    """The product, with the row's CRM state in a twin, and nothing in the store but the project."""
    clock, counter = ManualClock(begun_at(one)), Counter()
    twin = make_twin(one.crm, clock)
    with mock_aws(), serve(twin) as running:
        store, queue = _store(counter, clock), _queue(counter)
        seeds = Seeds(one, twin)
        body = merge(document(one), seeds.settings(running.url))
        with world(body, manual=clock, store=store, queue=queue) as product:
            product.service.projects.get(product.project)
            yield Stand(product, store, counter, queue, seeds)


def _store(counter: Counter, clock: ManualClock) -> DynamoStore:
    client = boto3.client("dynamodb", region_name=REGION)
    tables = Tables(*(f"patchcord-bench-{name}" for name in ("projects", "journal", "clients", "connections")))
    create_tables(client, tables)
    client.meta.events.register_first("before-send.dynamodb.*", counter)
    return DynamoStore(client, tables, now=clock)


def _queue(counter: Counter) -> KeepingQueue:
    client = boto3.client("sqs", region_name=REGION)
    urls = [client.create_queue(QueueName=f"patchcord-bench-{name}")["QueueUrl"] for name in ("retry", "dead-letter")]
    client.meta.events.register_first("before-send.sqs.*", counter)
    return KeepingQueue(client, *urls)


# --- earlier calls


def store_earlier(place: Stand, one: Row, calls: int, *, own: bool) -> None:
    """Put earlier calls into the journal and their clients into the index; with `own` half of them of the row's client."""
    project, now = place.product.project, place.product.clock.now()
    loaded = place.product.service.projects.get(project)
    if loaded is None:
        raise LookupError(project)
    for number in range(calls):
        phone = client_number(0) if own and number % 2 == 0 else client_number(1_000_000 + number)
        key = CallKey(project, "ringostat", f"earlier-{number}")
        claim = place.store.claim(project, client_key(loaded.client_secret, phone), f"w{number}", now, now + MINUTE)
        if not isinstance(claim, Claim):
            raise AssertionError("an earlier call's client is claimed")
        place.store.accept(key, "end", "{}", now, settled=True)
        done = Changes(settled=frozenset({"end"}), decision="{}")
        place.store.finish(key, claim, done, _index(place, one, phone, number).dump())


def _index(place: Stand, one: Row, phone: str, number: int) -> Index:
    """What an earlier call would have left: the row's own records, or records of somebody else."""
    ids = [RecordKind(kind) for kind, _ in place.seeds.ids.values()] if phone == client_number(0) else [RecordKind.CONTACT]
    known = [identity for _, identity in place.seeds.ids.values()] if phone == client_number(0) else [f"c{number}"]
    owner = place.seeds.user("anna")
    records = [Record(kind, identity, owner=owner) for kind, identity in zip(ids, known, strict=True)]
    return Index().with_made(records, f"earlier-{number}", begun_at(one))


# --- the counts


def per_event(situation: str, earlier: int = 0) -> list[int]:
    """Round trips of each webhook of a situation's call, with so many earlier calls stored."""
    own = situation == OWN_INDEX
    one = row("known, by other" if own else situation)
    with stand(one) as place:
        store_earlier(place, one, earlier, own=own)
        return [len(operations) for operations in place.deliver(one)]


def whole_in_one(situation: str) -> int:
    """Round trips when the end is the first that is heard of a call, so that everything is due at once."""
    one = row(situation)
    with stand(one) as place:
        last = deliveries(one)[-1]
        return len(place.send(last.hint, last.payload))


def settings_again() -> int:
    """What an event costs more when the settings have to be read again."""
    with stand(row("new, missed")) as place:
        soon, late = place.deliver(row("new, missed", number=1)), place.deliver(row("new, missed", number=2), MINUTE)
        return len(late[0]) - len(soon[0])


def promises_kept() -> float:
    """Round trips of the promise's later look, per event, when a batch of kept promises comes in."""
    with stand(row("new, missed")) as place:
        for number in range(BATCH):
            place.deliver(row("new, missed", number=number))
        place.counter.taken()
        records = [_record(body, number) for number, body in enumerate(place.queue.promised)]
        answer = function("retry").handler({"Records": records}, Context())
        if len(records) != BATCH or answer["batchItemFailures"]:
            raise AssertionError("the batch was not carried out")
        return len(place.counter.taken()) / BATCH


def _record(body: str, number: int) -> dict[str, Any]:
    return {
        "messageId": str(number),
        "receiptHandle": str(number),
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
    }


def measure() -> Sequence[Figure]:
    """Every situation's dearest webhook, the promise afterwards, and whether what is stored makes a difference."""
    return [*_situations(), *_ends_alone(), _promise(), _settings(), *_growth()]


def _situations() -> list[Figure]:
    counts = {situation: per_event(situation) for situation in MOST}
    return [
        counted(f"{situation}: {' + '.join(map(str, trips))}, the most of one event", max(trips), MOST[situation])
        for situation, trips in counts.items()
    ]


def _ends_alone() -> list[Figure]:
    answered = ("new, answered", "known, by responsible", "known, by other")
    return [counted(f"{name}: only the end is heard of", whole_in_one(name), MOST[name]) for name in answered]


def _promise() -> Figure:
    return counted(f"the promise's later look, per event of a batch of {BATCH}", promises_kept())


def _settings() -> Figure:
    return counted("more for an event that reads the settings again (once a minute)", settings_again())


def _growth() -> list[Figure]:
    return [_grown(situation) for situation in ("new, answered", "known, by other", OWN_INDEX)]


def _grown(situation: str) -> Figure:
    few, many = (per_event(situation, earlier) for earlier in EARLIER)
    shown = (" + ".join(map(str, trips)) for trips in (many, few))
    what = f"{situation}: {EARLIER[1]} earlier calls stored beside {EARLIER[0]}"
    return Figure(what, *shown, sum(many) / sum(few), "the same", many == few)
