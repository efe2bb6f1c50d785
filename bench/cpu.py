"""Processor time per event of a warm handler, without any network, beside a handler that parses and puts one item."""

from __future__ import annotations

import cProfile
import json
import pstats
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import boto3

from bench.figures import Figure, interleaved, times_floor
from bench.replay import Answers, answer_aws, answered_crm, record_aws, recorded_crm
from bench.round_trips import QUEUES, REGION, TABLES, stand
from bench.samples import row
from patchcord.store.dynamo import DynamoStore
from patchcord.store.memory import MemoryStore
from patchcord.store.port import Document, Queue, Store
from patchcord.store.sqs import SqsQueue
from sandbox.twins.base import ManualClock
from tests.golden.payloads import Delivery, deliveries
from tests.harness import SECRET, Context, VirtualClock, function, http_event, world

SITUATIONS = ("new, answered", "known, by responsible")
EVENTS = 30
"""Events of one run; few, because the store in memory looks at all it holds at each request."""
ROUNDS = 9
PROFILED = 200
MOST_SHOWN = 5

Event = dict[str, Any]


class HalfReplayed(DynamoStore):
    """The store on replayed answers; the settings come from memory, they are read once a minute at most."""

    def __init__(self, client: Any, clock: ManualClock) -> None:
        super().__init__(client, TABLES, now=clock)
        self._settings = MemoryStore(now=clock)

    def document(self, project: str, version: int | None = None) -> Document | None:
        return self._settings.document(project, version)

    def save_document(self, project: str, body: str, author: str, at: datetime, expected: int) -> int:
        return self._settings.save_document(project, body, author, at, expected)


@dataclass(frozen=True)
class Situation:
    """A call whose end is all that is heard of it, so that one event does everything; and what it is answered."""

    name: str
    document: Mapping[str, Any]
    begun: datetime
    aws: Answers = field(default_factory=Answers)
    crm: Answers = field(default_factory=Answers)


def event_of(name: str, number: int = 0, again: int = 0) -> Event:
    """API Gateway's payload for the end of a situation's call."""
    delivery = deliveries(row(name, number=number, again=again))[-1]
    return _event(delivery)


def _event(delivery: Delivery) -> Event:
    path = {"project": "demo", "secret": SECRET, "moment": delivery.hint.partition(".")[2]}
    headers = {"content-type": "application/json"}
    return http_event("POST", path, body=json.dumps(delivery.payload).encode(), headers=headers)


def recorded(name: str) -> Situation:
    """Play the event once on moto and the twin, and keep what they answered."""
    with stand(row(name)) as place:
        found = Situation(name, place.document, place.product.clock.now())
        with recorded_crm(found.crm):
            for client in (place.dynamodb, place.sqs):
                record_aws(client, found.aws)
            answer = function("incoming_call").handler(event_of(name), Context())
    if answer["statusCode"] != 200:
        raise AssertionError(answer)
    return found


@contextmanager
def product(situation: Situation, store: Store | None, queue: Queue | None, clock: ManualClock) -> Iterator[None]:
    """The real handlers on this store, the CRM answered from the record."""
    with answered_crm(situation.crm), world(situation.document, manual=clock, store=store, queue=queue):
        yield


# --- the runs: seconds of the processor per event


def in_memory(situation: Situation) -> float:
    """With the store in memory: what is the product's own, and the way to the CRM."""
    clock, handler = ManualClock(situation.begun), function("incoming_call").handler
    known = situation.name.startswith("known")
    events = [event_of(situation.name, 0 if known else number, number if known else 0) for number in range(EVENTS + 1)]
    wait = VirtualClock(clock)

    def deliver(number: int) -> None:
        situation.crm.again()
        wait.sleep(2.0)
        _done(handler(events[number], Context()))

    with product(situation, None, None, clock):
        deliver(EVENTS)
        return _per_event(deliver)


def with_aws(situation: Situation) -> float:
    """With DynamoDB and SQS through botocore, answered in a hook."""
    with replayed(situation) as deliver:
        deliver(0)
        return _per_event(deliver)


@contextmanager
def replayed(situation: Situation) -> Iterator[Callable[[int], None]]:
    """The product on recorded answers; what is given delivers the event, always the same one."""
    clock, handler, event = ManualClock(situation.begun), function("incoming_call").handler, event_of(situation.name)
    dynamodb, sqs = (client(service, situation.aws) for service in ("dynamodb", "sqs"))
    queue = SqsQueue(sqs, *(f"https://sqs.{REGION}.amazonaws.com/123456789012/{name}" for name in QUEUES))

    def deliver(_: int) -> None:
        situation.aws.again()
        situation.crm.again()
        _done(handler(event, Context()))

    with product(situation, HalfReplayed(dynamodb, clock), queue, clock):
        yield deliver


def floor() -> float:
    """The least a handler does that keeps an event: parse it, put one item."""
    dynamodb, event = client("dynamodb", Answers()), event_of(SITUATIONS[0])
    event |= {"body": json.dumps(deliveries(row(SITUATIONS[0]))[-1].payload), "isBase64Encoded": False}

    def deliver(_: int) -> None:
        body = json.loads(event["body"])
        dynamodb.put_item(TableName=TABLES.journal, Item={"id": {"S": body["uniqueid"]}, "body": {"S": event["body"]}})

    deliver(0)
    return _per_event(deliver)


def client(service: str, answers: Answers) -> Any:
    """A client of an AWS service, answered from the record."""
    made = boto3.client(service, region_name=REGION, aws_access_key_id="bench", aws_secret_access_key="bench")
    answer_aws(made, answers)
    return made


def _per_event(deliver: Callable[[int], None]) -> float:
    begun = time.process_time()
    for number in range(EVENTS):
        deliver(number)
    return (time.process_time() - begun) / EVENTS


def _done(answer: Mapping[str, Any]) -> None:
    if answer["statusCode"] != 200 or '"status": "done"' not in answer["body"]:
        raise AssertionError(answer)


def measure() -> Sequence[Figure]:
    """Each situation with the store in memory and with AWS, in milliseconds of the processor and as a ratio."""
    runs: dict[str, Callable[[], float]] = {"floor": floor}
    for situation in map(recorded, SITUATIONS):
        runs[f"{situation.name}: store in memory"] = partial(in_memory, situation)
        runs[f"{situation.name}: with its AWS requests"] = partial(with_aws, situation)
    seconds = {name: statistics.median(taken) for name, taken in interleaved(ROUNDS, runs).items()}
    least = seconds.pop("floor")
    return [times_floor(name, taken * 1000, least * 1000, "ms") for name, taken in seconds.items()]


# --- where the time goes


def profile() -> str:
    """The functions and the packages that take most of their own time in a new client's event, as text."""
    watch = cProfile.Profile()
    with replayed(recorded(SITUATIONS[0])) as deliver:
        deliver(0)
        watch.enable()
        for number in range(PROFILED):
            deliver(number)
        watch.disable()
    own = _own_times(watch)
    whole = sum(own.values())
    packages: defaultdict[str, float] = defaultdict(float)
    for (path, _, _), seconds in own.items():
        packages[package_of(path)] += seconds
    functions = {f"{package_of(path)}: {Path(path).name}:{line} {name}": taken for (path, line, name), taken in own.items()}
    return "\n".join(["own time by function", *_top(functions, whole), "own time by package", *_top(packages, whole)])


def _own_times(watch: cProfile.Profile) -> dict[tuple[str, int, str], float]:
    stats: Any = pstats.Stats(watch)
    return {place: taken[2] for place, taken in stats.stats.items()}


def _top(times: Mapping[str, float], whole: float) -> list[str]:
    dearest = sorted(times.items(), key=lambda item: -item[1])[:MOST_SHOWN]
    return [f"  {seconds / whole:6.1%}  {name}" for name, seconds in dearest]


def package_of(path: str) -> str:
    """The package a file belongs to: of ours with the part of it, `built in` for what has no file."""
    parts = Path(path).parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1]
    if "patchcord" in parts:
        inner = parts[len(parts) - 1 - parts[::-1].index("patchcord") :]
        return ".".join(inner[:2])
    return "standard library" if any(part.startswith("python3") for part in parts) else "built in"
