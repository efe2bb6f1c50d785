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
from bench.samples import row
from patchcord.scenarios.profiles import merge
from patchcord.service.deadlines import StepFunctions
from patchcord.store.dynamo import DynamoStore, Tables, create_tables
from patchcord.store.sqs import SqsQueue
from sandbox.twins import twin_class
from sandbox.twins.base import ManualClock, serve
from tests.golden import mango
from tests.golden.payloads import deliveries
from tests.golden.rows import Row, begun_at, document
from tests.golden.seeds import Seeds
from tests.harness import Context, World, function, world

REGION = "eu-central-1"
TABLES = Tables(*(f"patchcord-bench-{name}" for name in ("projects", "journal", "clients", "connections")))
QUEUES = ("patchcord-bench-retry", "patchcord-bench-dead-letter")
MACHINE = f"arn:aws:states:{REGION}:123456789012:stateMachine:patchcord-bench-task-deadline"
MOST_AT_ONCE = 25
"""Items of one BatchWriteItem."""
BATCH = 10
"""Promises that SQS hands over at once (template.yaml)."""
EARLIER = (1, 500)
"""How many earlier calls are stored; the counts must be the same."""
PAUSE = timedelta(seconds=2)
"""Between two webhooks: the rate's window is full again, the settings are still fresh."""
MINUTE = timedelta(seconds=61)
"""After which the settings are read again."""
OWN_INDEX = "known by us, by other"
"""A known client whose records an earlier call of ours has made."""
OPEN_TASK = 1
"""An open task has a deadline, and the wait for it is begun before the journal says that the task is written."""
MOST = {
    "new, answered": 8,
    "new, missed": 8 + OPEN_TASK,
    "known, by responsible": 6,
    "known, by other": 6 + OPEN_TASK,
    OWN_INDEX: 6 + OPEN_TASK,
    "known, missed": 6 + OPEN_TASK,
    "outgoing": 6,
}
"""Round trips of one event."""
UNSETTLED = 1
"""The promise looks first which of its events are still to be carried out."""


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
    """The product on moto, for one row's client. `document` is the project's; the clients are for listening to."""

    product: World
    document: Mapping[str, Any]
    counter: Counter
    queue: KeepingQueue
    dynamodb: Any
    sqs: Any

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

    def hear(self, path: str, told: Mapping[str, Any]) -> int:
        """Round trips of one of MANGO's events. Raises AssertionError unless it was taken."""
        self.product.clock.manual.advance(PAUSE)
        self.counter.taken()
        answer = self.product.mango(path, told)
        if answer["status_code"] not in {200, 202}:
            raise AssertionError(f"not taken: {answer}")
        return len(self.counter.taken())

    def keep(self, promise: str) -> int:
        """Round trips of a promise, a minute later. Raises AssertionError unless it could be kept."""
        self.product.clock.manual.advance(MINUTE)
        self.product.service.projects.get(self.product.project)
        self.counter.taken()
        answer = function("retry").handler({"Records": [_record(promise, 0)]}, Context())
        if answer["batchItemFailures"]:
            raise AssertionError("the promise could not be kept")
        return len(self.counter.taken())


@contextmanager
def stand(one: Row, telephony: str = "ringostat", more: Mapping[str, Any] | None = None) -> Iterator[Stand]:
    """The product, with the row's CRM state in a twin, and nothing in the store but the project and `more` settings."""
    clock, counter = ManualClock(begun_at(one)), Counter()
    twin = twin_class(one.crm)(clock=clock)
    with mock_aws(), serve(twin) as running:
        dynamodb, sqs = _dynamodb(counter), _sqs(counter)
        store = DynamoStore(dynamodb, TABLES, now=clock)
        queue = KeepingQueue(sqs, *(sqs.create_queue(QueueName=name)["QueueUrl"] for name in QUEUES))
        connection = twin.connection(running.url)
        body = merge(document(one), Seeds(one, twin).settings(connection.options))
        body = merge(merge(body, {"telephony": {"provider": telephony}}), more or {})
        deadlines = StepFunctions(lambda: _stepfunctions(counter), MACHINE)
        with world(body, manual=clock, store=store, queue=queue, secrets=connection.secrets, deadlines=deadlines) as product:
            product.service.projects.get(product.project)
            yield Stand(product, body, counter, queue, dynamodb, sqs)


def _dynamodb(counter: Counter) -> Any:
    client = boto3.client("dynamodb", region_name=REGION)
    create_tables(client, TABLES)
    client.meta.events.register_first("before-send.dynamodb.*", counter)
    return client


def _sqs(counter: Counter) -> Any:
    client = boto3.client("sqs", region_name=REGION)
    client.meta.events.register_first("before-send.sqs.*", counter)
    return client


def _stepfunctions(counter: Counter) -> Any:
    """Waits for deadlines begin, and nobody executes them: what follows them is no part of an event."""
    client = boto3.client("stepfunctions", region_name=REGION)
    role, definition = "arn:aws:iam::123456789012:role/patchcord-bench", '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'
    client.create_state_machine(name=MACHINE.rsplit(":", 1)[-1], definition=definition, roleArn=role)
    client.meta.events.register_first("before-send.stepfunctions.*", counter)
    return client


# --- earlier calls


def store_earlier(place: Stand, one: Row, calls: int) -> None:
    """Carry out an earlier call, and store what it left again and again as that of other calls and clients."""
    place.deliver(one)
    for table in (TABLES.journal, TABLES.clients):
        _multiply(place.dynamodb, table, calls - 1)


def _multiply(dynamodb: Any, table: str, times: int) -> None:
    items = dynamodb.scan(TableName=table)["Items"]
    copies = [{**item, "id": {"S": f"{item['id']['S']}-{number}"}} for item in items for number in range(times)]
    for start in range(0, len(copies), MOST_AT_ONCE):
        puts = [{"PutRequest": {"Item": item}} for item in copies[start : start + MOST_AT_ONCE]]
        dynamodb.batch_write_item(RequestItems={table: puts})


# --- the counts


@contextmanager
def staged(situation: str, earlier: int = 0) -> Iterator[tuple[Stand, Row]]:
    """A stand with so many earlier calls stored, and the situation's call that is to be counted there."""
    own = situation == OWN_INDEX
    one = row("known, by other" if own else situation, again=1)
    with stand(row("new, answered") if own else one) as place:
        if own or earlier:
            store_earlier(place, row("new, answered", number=0 if own else 1), max(earlier, 1))
        yield place, one


def per_event(situation: str, earlier: int = 0) -> list[int]:
    """Round trips of each webhook of a situation's call, with so many earlier calls stored."""
    with staged(situation, earlier) as (place, one):
        return [len(operations) for operations in place.deliver(one)]


def per_mango_event(situation: str) -> list[int]:
    """Round trips of each of MANGO's events of a situation's call; the last is the promise that acts upon the end."""
    one = row(situation, again=1)
    with stand(one, "mango") as place:
        counts = [place.hear(delivery.hint, delivery.payload) for delivery in mango.deliveries(one)]
        return [*counts, place.keep(place.queue.promised[-1])]


def whole_in_one(situation: str) -> int:
    """Round trips when the end is the first that is heard of a call, so that everything is due at once."""
    with staged(situation) as (place, one):
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
    return [*_situations(), *_ends_alone(), *_by_mango(), _promise(), _settings(), *_growth()]


def _situations() -> list[Figure]:
    counts = {situation: per_event(situation) for situation in MOST}
    return [
        counted(f"{situation}: {_sum(trips)}, the most of one event", max(trips), MOST[situation])
        for situation, trips in counts.items()
    ]


def _ends_alone() -> list[Figure]:
    answered = ("new, answered", "known, by responsible", "known, by other", OWN_INDEX)
    return [counted(f"{name}: only the end is heard of", whole_in_one(name), MOST[name]) for name in answered]


def _by_mango() -> list[Figure]:
    counts = {situation: per_mango_event(situation) for situation in ("new, answered", "new, missed", "known, by other")}
    return [
        counted(f"pbx_events, {situation}: {_sum(trips)}, the most of one event", max(trips), MOST[situation] + UNSETTLED)
        for situation, trips in counts.items()
    ]


def _promise() -> Figure:
    return counted(f"the promise's later look, per event of a batch of {BATCH}", promises_kept())


def _settings() -> Figure:
    return counted("more for an event that reads the settings again (once a minute)", settings_again())


def _growth() -> list[Figure]:
    return [_grown(situation) for situation in ("new, answered", "known, by other", OWN_INDEX)]


def _grown(situation: str) -> Figure:
    few, many = (per_event(situation, earlier) for earlier in EARLIER)
    what = f"{situation}: {EARLIER[1]} earlier calls stored beside {EARLIER[0]}"
    return Figure(what, _sum(many), _sum(few), sum(many) / sum(few), "the same", many == few)


def _sum(trips: Sequence[int]) -> str:
    return " + ".join(map(str, trips))
