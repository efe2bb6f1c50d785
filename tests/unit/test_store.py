"""The store in memory and the store on DynamoDB (moto), held to one contract and to each other; queue and secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import count
from threading import RLock
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from moto import mock_aws

from patchcord.store.dynamo import DynamoStore, Tables, create_tables
from patchcord.store.memory import MemoryQueue, MemorySecrets, MemoryStore
from patchcord.store.names import Retention, millis
from patchcord.store.port import CallKey, Changes, Claim, ClaimLost, Granted, Held, Queue, Secrets, Store, VersionConflict
from patchcord.store.secrets import ParameterSecrets
from patchcord.store.sqs import SqsQueue, redrive
from tests.unit.store_contract import CALL, LATER, MINUTE, NOON, SECOND, StoreContract, accepted, at_once, claimed, take

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

REGION = "eu-central-1"
DAY = timedelta(days=1)
WORLDS = count()


@pytest.fixture(autouse=True, scope="module")
def aws() -> Iterator[None]:
    """One moto for the whole file; each test has its own tables."""
    with mock_aws():
        yield


@cache
def dynamodb() -> DynamoDBClient:
    """Made once: a client takes longer to make than a test to run."""
    client: DynamoDBClient = boto3.client("dynamodb", region_name=REGION)
    return client


def refusal(code: str, *reasons: str) -> ClientError:
    """What DynamoDB says when it does not do it."""
    response: Any = {"Error": {"Code": code, "Message": ""}, "CancellationReasons": [{"Code": reason} for reason in reasons]}
    return ClientError(response, "UpdateItem")


CONFLICT = refusal("TransactionConflictException")
CANCELLED = refusal("TransactionCanceledException", "None", "TransactionConflict")
THROTTLED = refusal("TransactionCanceledException", "ThrottlingError", "None")


@dataclass
class Wire:
    """The client as the store sees it: counts requests, and can make them fail.

    One request at a time, because DynamoDB carries out each as a whole and moto, in threads, does not. `refusals` are
    raised by the next requests instead of carrying them out; `twice` carries each out twice and gives the second answer,
    as botocore does after it lost the first; `answers` are given instead.
    """

    client: DynamoDBClient
    requests: list[str] = field(default_factory=list)
    refusals: list[ClientError] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    twice: bool = False
    lock: Any = field(default_factory=RLock)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)
        return (lambda **request: self.send(name, method, request)) if callable(method) else method

    def send(self, name: str, method: Callable[..., Any], request: dict[str, Any]) -> Any:
        with self.lock:
            self.requests.append(name)
            if self.refusals:
                raise self.refusals.pop(0)
            if self.twice:
                method(**request)
            answer = method(**request)
            return self.answers.pop(0)(answer) if self.answers else answer


@dataclass
class Clock:
    """What the store takes for now."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at


@dataclass
class World:
    """A store on empty tables, with what a test can look at."""

    store: DynamoStore
    wire: Wire
    tables: Tables
    clock: Clock
    naps: list[float]

    def item(self, table: str, id: str) -> Mapping[str, Any]:
        """An item as it is stored."""
        return dynamodb().get_item(TableName=table, Key={"id": {"S": id}}).get("Item", {})


def new_world() -> World:
    number = next(WORLDS)
    tables = Tables(*(f"{name}-{number}" for name in ("projects", "journal", "clients", "connections")))
    create_tables(dynamodb(), tables)
    wire, clock, naps = Wire(dynamodb()), Clock(), list[float]()
    store = DynamoStore(cast("DynamoDBClient", wire), tables, now=clock, sleep=naps.append)
    return World(store, wire, tables, clock, naps)


@pytest.fixture
def world() -> World:
    return new_world()


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore(now=Clock())


class TestDynamoStore(StoreContract):
    @pytest.fixture
    def store(self, world: World) -> Store:
        return world.store


# --- what only DynamoDB has: requests, conflicts, lost answers, TTL ---

CLAIM = Claim("acme", "anna", "w1", LATER)
REQUESTS: Mapping[str, Callable[[Store], object]] = {
    "document": lambda store: store.document("acme"),
    "document, named": lambda store: store.document("acme", 1),
    "documents": lambda store: store.documents("acme"),
    "projects": lambda store: store.projects(),
    "accept": lambda store: accepted(store, event="end"),
    "accept, again": accepted,
    "entry": lambda store: store.entry(CALL),
    "unsettled": lambda store: store.unsettled([(CALL, f"{number}") for number in range(100)]),
    "note": lambda store: store.note(CALL, Changes({"a": "b"})),
    "begin": lambda store: store.begin(CALL, CLAIM, Changes({"a": "b"}), LATER),
    "finish": lambda store: store.finish(CALL, CLAIM, Changes({"a": "b"}), "index"),
    "calls": lambda store: store.calls("acme", "2026-03-09"),
    "erase_call": lambda store: store.erase_call(CALL),
    "erase_client": lambda store: store.erase_client(CLAIM),
    "claim": lambda store: store.claim("acme", "boris", "w", NOON, LATER),
    "claim, held": lambda store: store.claim("acme", "anna", "w2", NOON, LATER),
    "release": lambda store: store.release(CLAIM),
    "client": lambda store: store.client("acme", "anna"),
    "take": take,
    "take, too much": lambda store: take(store, 3),
    "cool_down": lambda store: store.cool_down("acme", "pipedrive", LATER),
    "block": lambda store: store.block("acme", "pipedrive", "r", NOON),
    "unblock": lambda store: store.unblock("acme", "pipedrive"),
    "lease": lambda store: store.lease("acme", "grant", "h", NOON, LATER),
    "free": lambda store: store.free("acme", "grant", "h"),
    "keep": lambda store: store.keep("acme", "roster", "{}", LATER),
    "kept": lambda store: store.kept("acme", "roster", NOON),
}


class TestRequests:
    @pytest.mark.parametrize("method", REQUESTS)
    def test_a_method_is_one_request(self, world: World, method: str) -> None:
        world.store.save_document("acme", "", "a", NOON, 0)
        accepted(world.store)
        claimed(world.store)
        take(world.store)
        sent = list[str]()
        dynamodb().meta.events.register_first("before-send.dynamodb", lambda **_: sent.append("sent"), "count")
        world.wire.requests.clear()
        REQUESTS[method](world.store)
        dynamodb().meta.events.unregister("before-send.dynamodb", unique_id="count")
        assert len(world.wire.requests) == 1
        assert len(sent) == 1

    def test_the_port_is_covered(self) -> None:
        methods = {name for name, member in vars(Store).items() if callable(member) and not name.startswith("_")}
        assert {name.split(",")[0] for name in REQUESTS} | {"save_document"} == methods

    def test_saving_the_first_version_is_two(self, world: World) -> None:
        world.store.save_document("acme", "", "a", NOON, 0)
        assert world.wire.requests == ["update_item", "put_item"]

    def test_saving_over_a_version_is_two(self, world: World) -> None:
        world.store.save_document("acme", "", "a", NOON, 0)
        world.wire.requests.clear()
        world.store.save_document("acme", "", "a", NOON, 1)
        assert world.wire.requests == ["get_item", "put_item"]

    def test_asking_for_many_events_is_one_for_a_hundred(self, world: World) -> None:
        world.store.unsettled([(CallKey("acme", "mango", f"{number}"), "e") for number in range(201)])
        assert world.wire.requests == ["batch_get_item"] * 3


class TestConflicts:
    """Somebody else's transaction is in the way."""

    def test_events_are_stored_in_spite_of_it(self, world: World) -> None:
        world.wire.refusals = [CONFLICT] * 5
        assert accepted(world.store).fresh
        assert len(world.naps) == 5
        assert all(0 <= nap <= 0.01 * 2**number for number, nap in enumerate(world.naps, 1))

    @pytest.mark.parametrize("cancelled", [CANCELLED, THROTTLED])
    def test_begin_and_finish_try_again(self, world: World, cancelled: ClientError) -> None:
        claim = claimed(world.store)
        world.wire.refusals = [cancelled] * 5
        claim = world.store.begin(CALL, claim, Changes({"a": "1"}), LATER)
        world.wire.refusals = [cancelled] * 5
        world.store.finish(CALL, claim, Changes({"a": "2"}), "index")
        entry = world.store.entry(CALL)
        assert entry is not None
        assert entry.effects == {"a": "2"}
        assert len(world.naps) == 10

    def test_in_the_end_they_give_up(self, world: World) -> None:
        claim = claimed(world.store)
        world.wire.refusals = [CANCELLED] * 6
        with pytest.raises(ClientError):
            world.store.finish(CALL, claim, Changes({"a": "1"}), "index")
        assert world.wire.refusals == []
        assert world.store.entry(CALL) is None

    def test_a_lost_claim_beside_a_conflict_is_lost(self, world: World) -> None:
        world.wire.refusals = [refusal("TransactionCanceledException", "TransactionConflict", "ConditionalCheckFailed")]
        with pytest.raises(ClaimLost):
            world.store.begin(CALL, CLAIM, Changes(), LATER)
        assert world.naps == []

    def test_a_client_in_a_transaction_is_held_for_a_moment(self, world: World) -> None:
        world.wire.refusals = [CONFLICT]
        answer = world.store.claim("acme", "anna", "w1", NOON, LATER)
        assert isinstance(answer, Held)
        assert timedelta() < answer.until - NOON <= SECOND

    @pytest.mark.parametrize("code", ["ResourceNotFoundException", "ProvisionedThroughputExceededException"])
    @pytest.mark.parametrize("method", REQUESTS)
    def test_other_errors_are_the_callers(self, world: World, method: str, code: str) -> None:
        world.wire.refusals = [refusal(code)]
        with pytest.raises(ClientError) as raised:
            REQUESTS[method](world.store)
        assert raised.value.response.get("Error", {}).get("Code") == code
        assert len(world.wire.requests) == 1

    def test_a_cancellation_for_another_reason_is_the_callers(self, world: World) -> None:
        world.wire.refusals = [refusal("TransactionCanceledException", "ValidationError", "TransactionConflict")]
        with pytest.raises(ClientError):
            world.store.begin(CALL, CLAIM, Changes(), LATER)
        assert world.naps == []


class TestLostAnswers:
    """The client repeats a request whose answer was lost."""

    def test_a_first_event_stays_fresh(self, world: World) -> None:
        world.wire.twice = True
        assert accepted(world.store).fresh
        assert not accepted(world.store).fresh

    def test_a_saved_version_is_saved(self, world: World) -> None:
        world.wire.twice = True
        assert world.store.save_document("acme", "mine", "a", NOON, 0) == 1
        with pytest.raises(VersionConflict):
            world.store.save_document("acme", "mine", "a", NOON, 0)

    def test_a_block_raises_its_alarm(self, world: World) -> None:
        world.wire.twice = True
        assert world.store.block("acme", "pipedrive", "r", NOON)
        assert not world.store.block("acme", "pipedrive", "r", NOON)

    def test_claims_and_leases_are_ours(self, world: World) -> None:
        world.wire.twice = True
        assert isinstance(world.store.claim("acme", "anna", "w1", NOON, LATER), Claim)
        assert world.store.lease("acme", "grant", "h", NOON, LATER)


class TestBatches:
    def test_what_was_not_processed_is_asked_for_again(self, world: World) -> None:
        accepted(world.store)
        asked = {world.tables.journal: {"Keys": [{"id": {"S": "acme#ringostat#1700000000.42"}}]}}
        world.wire.answers = [lambda answer: {**answer, "Responses": {}, "UnprocessedKeys": asked}]
        assert world.store.unsettled([(CALL, "ring")]) == {(CALL, "ring")}
        assert len(world.naps) == 1

    def test_not_for_ever(self, world: World) -> None:
        asked = {world.tables.journal: {"Keys": [{"id": {"S": "acme#ringostat#1"}}]}}
        world.wire.answers = [lambda answer: {**answer, "UnprocessedKeys": asked}] * 99
        with pytest.raises(TimeoutError):
            world.store.unsettled([(CALL, "ring")])
        assert len(world.wire.requests) == 6


def epoch(at: datetime) -> dict[str, str]:
    return {"N": str(millis(at) // 1000)}


class TestExpiry:
    def test_the_tables_have_the_attribute(self, world: World) -> None:
        for table in (world.tables.journal, world.tables.clients, world.tables.connections):
            ttl = dynamodb().describe_time_to_live(TableName=table)["TimeToLiveDescription"]
            assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "expires")

    def test_a_journal_expires_after_its_last_write(self, world: World) -> None:
        id = "acme#ringostat#1700000000.42"
        accepted(world.store, at=NOON - 300 * DAY)
        assert world.item(world.tables.journal, id)["expires"] == epoch(NOON + 90 * DAY)
        world.clock.at = NOON + DAY
        world.store.note(CALL, Changes())
        assert world.item(world.tables.journal, id)["expires"] == epoch(NOON + 91 * DAY)
        world.clock.at = NOON + 2 * DAY
        world.store.begin(CALL, claimed(world.store), Changes(), LATER)
        assert world.item(world.tables.journal, id)["expires"] == epoch(NOON + 92 * DAY)

    def test_a_client_expires_after_its_last_call(self, world: World) -> None:
        claim = claimed(world.store)
        assert world.item(world.tables.clients, "acme#anna")["expires"] == epoch(NOON + 400 * DAY)
        world.clock.at = NOON + DAY
        world.store.finish(CALL, claim, Changes(), "index")
        assert world.item(world.tables.clients, "acme#anna") == {
            "id": {"S": "acme#anna"},
            "index": {"S": "index"},
            "expires": epoch(NOON + 401 * DAY),
        }

    def test_an_idle_connection_expires_unless_it_is_shut(self, world: World) -> None:
        def expires() -> object:
            return world.item(world.tables.connections, "acme#connection#pipedrive").get("expires")

        take(world.store)
        assert expires() == epoch(NOON + 2 * DAY)
        world.store.cool_down("acme", "pipedrive", LATER)
        assert expires() is None
        assert take(world.store, now=LATER) == Granted()
        assert expires() == epoch(NOON + 2 * DAY)
        world.store.block("acme", "pipedrive", "r", NOON)
        world.store.cool_down("acme", "pipedrive", LATER + MINUTE)
        take(world.store)
        assert expires() is None

    def test_a_lease_expires(self, world: World) -> None:
        world.store.lease("acme", "grant", "h", NOON, LATER)
        assert world.item(world.tables.connections, "acme#lease#grant")["expires"] == epoch(LATER + DAY)

    def test_what_is_kept_expires(self, world: World) -> None:
        world.store.keep("acme", "roster", "{}", LATER)
        assert world.item(world.tables.connections, "acme#kept#roster")["expires"] == epoch(LATER + DAY)

    def test_the_periods_are_the_callers(self, world: World) -> None:
        retention = Retention(journal=DAY, clients=2 * DAY, connections=3 * DAY)
        store = DynamoStore(dynamodb(), world.tables, retention=retention, now=world.clock)
        accepted(store)
        claimed(store)
        take(store)
        assert world.item(world.tables.journal, "acme#ringostat#1700000000.42")["expires"] == epoch(NOON + DAY)
        assert world.item(world.tables.clients, "acme#anna")["expires"] == epoch(NOON + 2 * DAY)
        assert world.item(world.tables.connections, "acme#connection#pipedrive")["expires"] == epoch(NOON + 3 * DAY)

    def test_in_memory_what_expired_is_gone(self) -> None:
        clock = Clock()
        store = MemoryStore(now=clock)
        accepted(store)
        store.finish(CALL, claimed(store), Changes(), "index")
        store.block("acme", "pipedrive", "r", NOON)
        clock.at = NOON + 90 * DAY - SECOND
        assert store.entry(CALL) is not None
        clock.at = NOON + 90 * DAY
        assert store.entry(CALL) is None
        assert store.client("acme", "anna") == "index"
        clock.at = NOON + 400 * DAY
        assert store.client("acme", "anna") is None
        assert take(store) != Granted()


class TestWindows:
    @pytest.mark.parametrize("gap", [1, 2, 7, 11, 12, 13, 50, 1000])
    def test_they_do_not_pile_up(self, world: World, gap: int) -> None:
        for number in range(60):
            assert take(world.store, 3, now=NOON + number * gap * MINUTE) == Granted()
            assert take(world.store, 3, now=NOON + number * gap * MINUTE) != Granted()
            windows = [name for name in self.connection(world) if name.startswith("w:")]
            assert len(windows) <= 32
        # Windows close to each other are forgotten on the way, only others need a request of their own now and then.
        assert len(world.wire.requests) <= 120 + (60 / 16 if gap > 11 else 0)

    def test_they_do_not_pile_up_when_lengths_change(self, world: World) -> None:
        for number in range(100):
            now = NOON + number * MINUTE
            world.store.take("acme", "pipedrive", 1, 3, timedelta(seconds=number + 1), now)
        assert len(self.connection(world)) < 40

    def connection(self, world: World) -> Mapping[str, Any]:
        return world.item(world.tables.connections, "acme#connection#pipedrive")


# --- both stores, step by step ---

PROJECTS = strategies.sampled_from(["acme", "a"])
NAMES = strategies.sampled_from(["x", "acme#x"])
EVENTS = strategies.sampled_from(["ring", "end", "e:ring"])
WORKERS = strategies.sampled_from(["w1", "w2"])
TEXTS = strategies.sampled_from(["", "1", "{}"])
SECONDS = strategies.integers(0, 90)
KEYS = strategies.builds(CallKey, PROJECTS, strategies.just("mango"), NAMES)
CHANGES = strategies.builds(
    Changes,
    effects=strategies.dictionaries(EVENTS, TEXTS, max_size=2),
    settled=strategies.frozensets(EVENTS, max_size=2),
    client=strategies.none() | TEXTS,
    decision=strategies.none() | TEXTS,
)


class SameStore(RuleBasedStateMachine):
    """Whatever is done to both stores, both answer the same."""

    @initialize()
    def build(self) -> None:
        self.now = NOON
        self.stores: tuple[Store, Store] = (MemoryStore(now=Clock()), new_world().store)

    def same(self, work: Callable[[Store], object]) -> None:
        memory, dynamo = (self.outcome(store, work) for store in self.stores)
        assert memory == dynamo

    def outcome(self, store: Store, work: Callable[[Store], object]) -> object:
        try:
            return work(store)
        except (ClaimLost, VersionConflict, ValueError) as error:
            return (type(error), str(error))

    @rule(seconds=SECONDS)
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(project=PROJECTS, body=TEXTS, expected=strategies.integers(0, 2))
    def save(self, project: str, body: str, expected: int) -> None:
        self.same(lambda store: store.save_document(project, body, "a", self.now, expected))

    @rule(key=KEYS, event=EVENTS, body=TEXTS, settled=strategies.booleans())
    def accept(self, key: CallKey, event: str, body: str, settled: bool) -> None:
        self.same(lambda store: store.accept(key, event, body, self.now, settled))

    @rule(key=KEYS, changes=CHANGES)
    def note(self, key: CallKey, changes: Changes) -> None:
        self.same(lambda store: store.note(key, changes))

    @rule(project=PROJECTS, client=NAMES, worker=WORKERS, seconds=SECONDS, over=strategies.none() | WORKERS)
    def claim(self, project: str, client: str, worker: str, seconds: int, over: str | None) -> None:
        until = self.now + timedelta(seconds=seconds)
        self.same(lambda store: store.claim(project, client, worker, self.now, until, over))

    @rule(key=KEYS, project=PROJECTS, client=NAMES, worker=WORKERS, changes=CHANGES)
    def begin(self, key: CallKey, project: str, client: str, worker: str, changes: Changes) -> None:
        claim = Claim(project, client, worker, self.now)
        self.same(lambda store: store.begin(key, claim, changes, self.now + MINUTE))

    @rule(key=KEYS, project=PROJECTS, client=NAMES, worker=WORKERS, changes=CHANGES, index=strategies.none() | TEXTS)
    def finish(self, key: CallKey, project: str, client: str, worker: str, changes: Changes, index: str | None) -> None:
        claim = Claim(project, client, worker, self.now)
        self.same(lambda store: store.finish(key, claim, changes, index))

    @rule(project=PROJECTS, client=NAMES, worker=WORKERS)
    def release(self, project: str, client: str, worker: str) -> None:
        self.same(lambda store: store.release(Claim(project, client, worker, self.now)))

    @rule(project=PROJECTS, client=NAMES, worker=WORKERS)
    def erase_client(self, project: str, client: str, worker: str) -> None:
        self.same(lambda store: store.erase_client(Claim(project, client, worker, self.now)))

    @rule(key=KEYS)
    def erase_call(self, key: CallKey) -> None:
        self.same(lambda store: store.erase_call(key))

    @rule(project=PROJECTS, name=NAMES, units=strategies.integers(0, 5), most=strategies.integers(1, 4))
    def take(self, project: str, name: str, units: int, most: int) -> None:
        self.same(lambda store: store.take(project, name, units, most, MINUTE, self.now))

    @rule(project=PROJECTS, name=NAMES, seconds=SECONDS)
    def cool_down(self, project: str, name: str, seconds: int) -> None:
        self.same(lambda store: store.cool_down(project, name, self.now + timedelta(seconds=seconds)))

    @rule(project=PROJECTS, name=NAMES, reason=TEXTS)
    def block(self, project: str, name: str, reason: str) -> None:
        self.same(lambda store: store.block(project, name, reason, self.now))

    @rule(project=PROJECTS, name=NAMES)
    def unblock(self, project: str, name: str) -> None:
        self.same(lambda store: store.unblock(project, name))

    @rule(project=PROJECTS, name=NAMES, holder=WORKERS, seconds=SECONDS)
    def lease(self, project: str, name: str, holder: str, seconds: int) -> None:
        self.same(lambda store: store.lease(project, name, holder, self.now, self.now + timedelta(seconds=seconds)))

    @rule(project=PROJECTS, name=NAMES, holder=WORKERS)
    def free(self, project: str, name: str, holder: str) -> None:
        self.same(lambda store: store.free(project, name, holder))

    @rule(project=PROJECTS, name=NAMES, body=TEXTS, seconds=SECONDS)
    def keep(self, project: str, name: str, body: str, seconds: int) -> None:
        self.same(lambda store: store.keep(project, name, body, self.now + timedelta(seconds=seconds)))

    @rule(project=PROJECTS, name=NAMES)
    def kept(self, project: str, name: str) -> None:
        self.same(lambda store: store.kept(project, name, self.now))

    def teardown(self) -> None:
        for project in ("acme", "a"):
            self.same(partial(everything, project=project))


def everything(store: Store, project: str) -> object:
    """All that can be read of a project of `SameStore`."""
    keys = [CallKey(project, "mango", name) for name in ("x", "acme#x")]
    return (
        store.documents(project),
        sorted(store.calls(project, "2026-03-09").entries, key=lambda entry: entry.key),
        [store.entry(key) for key in keys],
        store.unsettled([(key, event) for key in keys for event in ("ring", "end", "e:ring")]),
        [store.client(project, key.call) for key in keys],
    )


TestSameStore = SameStore.TestCase
TestSameStore.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)


# --- the queue ---


@dataclass
class Queues:
    client: SQSClient
    url: str
    dead: str

    def read(self, url: str) -> list[Any]:
        """What is in a queue now; it stays there, hidden."""
        answer = self.client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        return answer.get("Messages", [])

    def bodies(self, url: str) -> list[str]:
        return [message["Body"] for message in self.read(url)]


@pytest.fixture
def queues() -> Queues:
    client = boto3.client("sqs", region_name=REGION)
    number = next(WORLDS)
    url, dead = (client.create_queue(QueueName=f"{name}-{number}")["QueueUrl"] for name in ("retry", "dead"))
    return Queues(client, url, dead)


DELAYS = [
    (timedelta(seconds=-5), 0),
    (timedelta(0), 0),
    (timedelta(milliseconds=1), 1),
    (timedelta(seconds=90), 90),
    (timedelta(seconds=90.2), 91),
    (timedelta(seconds=900), 900),
    (timedelta(days=1), 900),
]


class TestQueue:
    @pytest.mark.parametrize(("delay", "seconds"), DELAYS)
    def test_a_promise_is_delayed_within_what_sqs_takes(self, queues: Queues, delay: timedelta, seconds: int) -> None:
        sent = list[Any]()
        queues.client.meta.events.register("provide-client-params.sqs.SendMessage", lambda params, **_: sent.append(params))
        memory = MemoryQueue()
        both: list[Queue] = [SqsQueue(queues.client, queues.url, queues.dead), memory]
        for queue in both:
            queue.promise("{}", delay)
        assert sent == [{"QueueUrl": queues.url, "MessageBody": "{}", "DelaySeconds": seconds}]
        assert memory.promised == [("{}", timedelta(seconds=seconds))]
        assert queues.bodies(queues.url) == ["{}"] * (seconds == 0)

    @pytest.mark.parametrize(
        ("reason", "kept"),
        [
            ("rejected: 400", "rejected: 400"),
            ("", "no reason given"),
            ("\x00a\x1b\ud800б\U0001f600", "aб\U0001f600"),
            ("x" * 9999, "x" * 1000),
        ],
    )
    def test_a_buried_message_says_why(self, queues: Queues, reason: str, kept: str) -> None:
        SqsQueue(queues.client, queues.url, queues.dead).bury('{"a": 1}', reason)
        (message,) = queues.read(queues.dead)
        assert message["Body"] == '{"a": 1}'
        assert message["MessageAttributes"]["reason"]["StringValue"] == kept
        assert queues.bodies(queues.url) == []

    @pytest.mark.parametrize(
        ("pause", "seconds"),
        [(timedelta(seconds=-1), 0), (timedelta(seconds=90.2), 91), (timedelta(hours=1), 3600), (timedelta(days=9), None)],
    )
    def test_a_received_message_is_kept_away(self, queues: Queues, pause: timedelta, seconds: int | None) -> None:
        sent = list[Any]()
        event = "provide-client-params.sqs.ChangeMessageVisibility"
        queues.client.meta.events.register(event, lambda params, **_: sent.append(params["VisibilityTimeout"]))
        queue = SqsQueue(queues.client, queues.url, queues.dead)
        queue.promise("{}", timedelta())
        (message,) = queues.read(queues.url)
        queue.postpone(message["ReceiptHandle"], pause)
        # SQS counts the twelve hours from when the message was received, so asking for all of them is refused.
        assert sent == [seconds] if seconds is not None else 3600 < sent[0] < 12 * 3600
        assert queues.bodies(queues.url) == ["{}"] * (seconds == 0)

    def test_in_memory_the_buried_can_be_seen(self) -> None:
        queue = MemoryQueue()
        queue.postpone("receipt", MINUTE)
        queue.bury("{}", "because")
        assert queue.postponed == [("receipt", MINUTE)]
        assert queue.buried == [("{}", "because")]


class TestRedrive:
    def bury(self, queues: Queues, *bodies: str) -> None:
        for body in bodies:
            queues.client.send_message(QueueUrl=queues.dead, MessageBody=body)

    def left(self, queues: Queues) -> int:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = queues.client.get_queue_attributes(QueueUrl=queues.dead, AttributeNames=names)["Attributes"]
        return sum(map(int, counts.values()))

    def test_messages_go_back_marked(self, queues: Queues) -> None:
        self.bury(queues, '{"call": "1"}', '{"call": "звонок", "redriven": false}')
        assert redrive(queues.client, queues.dead, queues.url, 100, wait=0) == 2
        bodies = {json.loads(body)["call"]: json.loads(body) for body in queues.bodies(queues.url)}
        assert bodies == {"1": {"call": "1", "redriven": True}, "звонок": {"call": "звонок", "redriven": True}}
        assert self.left(queues) == 0

    @pytest.mark.parametrize(("limit", "moved"), [(0, 0), (1, 1), (10, 10), (11, 11), (12, 12), (99, 12)])
    def test_no_more_than_asked_for(self, queues: Queues, limit: int, moved: int) -> None:
        self.bury(queues, *(json.dumps({"n": number}) for number in range(12)))
        assert redrive(queues.client, queues.dead, queues.url, limit, wait=0) == moved
        assert self.left(queues) == 12 - moved

    @pytest.mark.parametrize("body", ["not json", "[1]", '"text"', "1"])
    def test_what_is_not_ours_stays(self, queues: Queues, body: str) -> None:
        self.bury(queues, body, "{}")
        assert redrive(queues.client, queues.dead, queues.url, 9, wait=0) == 1
        assert queues.bodies(queues.url) == ['{"redriven": true}']
        assert self.left(queues) == 1

    @pytest.mark.parametrize("broken", ["SendMessage", "DeleteMessage"])
    def test_a_crash_loses_nothing(self, queues: Queues, broken: str) -> None:
        self.bury(queues, "{}")

        def crash(**_: object) -> None:
            raise ConnectionError(broken)

        queues.client.meta.events.register(f"before-call.sqs.{broken}", crash)
        with pytest.raises(ConnectionError):
            redrive(queues.client, queues.dead, queues.url, 9, wait=0)
        assert self.left(queues) == 1


# --- secrets ---


class SecretsContract:
    def test_a_missing_secret_is_none(self, secrets: Secrets) -> None:
        assert secrets.get("acme", "pipedrive/token") is None
        assert secrets.get("acme", "pipedrive/token", fresh=True) is None
        assert list(secrets.names("acme")) == []

    def test_what_was_put_is_read_at_once(self, secrets: Secrets) -> None:
        secrets.put("acme", "pipedrive/token", "one")
        assert secrets.get("acme", "pipedrive/token") == "one"
        secrets.put("acme", "pipedrive/token", "two ж")
        assert secrets.get("acme", "pipedrive/token") == "two ж"
        assert secrets.get("acme", "pipedrive/token", fresh=True) == "two ж"

    def test_long_secrets_fit(self, secrets: Secrets) -> None:
        secrets.put("acme", "grant", "x" * 6000)
        assert secrets.get("acme", "grant") == "x" * 6000

    def test_names_are_listed(self, secrets: Secrets) -> None:
        for number in range(12):
            secrets.put("acme", f"{number:02}/token", "x")
        secrets.put("acme-2", "other", "x")
        assert list(secrets.names("acme")) == [f"{number:02}/token" for number in range(12)]

    def test_tenants_are_apart(self, secrets: Secrets) -> None:
        secrets.put("acme", "token", "acme's")
        assert secrets.get("globex", "token") is None
        secrets.put("globex", "token", "globex's")
        assert secrets.get("acme", "token") == "acme's"

    @pytest.mark.parametrize("name", ["", "/", "a/", "/a", "a//b", "a b", "a\n", "ж", "x" * 201])
    def test_what_is_no_name_is_refused(self, secrets: Secrets, name: str) -> None:
        with pytest.raises(ValueError, match="not a secret"):
            secrets.get("acme", name)
        with pytest.raises(ValueError, match="not a secret"):
            secrets.put("acme", name, "x")

    @pytest.mark.parametrize("project", ["", "a/b", "../acme", "Acme"])
    def test_what_is_no_project_is_refused(self, secrets: Secrets, project: str) -> None:
        doors: list[Callable[[], object]] = [
            lambda: secrets.get(project, "token"),
            lambda: secrets.put(project, "token", "x"),
            lambda: secrets.names(project),
        ]
        for door in doors:
            with pytest.raises(ValueError, match="not a project"):
                door()


class TestMemorySecrets(SecretsContract):
    @pytest.fixture
    def secrets(self) -> Secrets:
        return MemorySecrets()


@cache
def ssm() -> SSMClient:
    client: SSMClient = boto3.client("ssm", region_name=REGION)
    return client


class TestParameterSecrets(SecretsContract):
    @pytest.fixture
    def prefix(self) -> str:
        return f"/patchcord/{next(WORLDS)}"

    @pytest.fixture
    def secrets(self, prefix: str) -> Secrets:
        return ParameterSecrets(prefix, client=ssm())

    def test_it_is_a_secure_string_below_the_project(self, prefix: str, secrets: Secrets) -> None:
        secrets.put("acme", "pipedrive/token", "x")
        parameter = ssm().get_parameter(Name=f"{prefix}/acme/pipedrive/token", WithDecryption=True)["Parameter"]
        assert (parameter["Type"], parameter["Value"]) == ("SecureString", "x")

    def test_a_read_secret_is_trusted_unless_asked_to_look(self, prefix: str, secrets: Secrets) -> None:
        secrets.put("acme", "token", "old")
        assert secrets.get("acme", "token") == "old"
        ParameterSecrets(prefix, client=ssm()).put("acme", "token", "new")
        assert secrets.get("acme", "token") == "old"
        assert secrets.get("acme", "token", fresh=True) == "new"
        assert secrets.get("acme", "token") == "new"

    def test_a_removed_secret_does_not_come_back(self, prefix: str, secrets: Secrets) -> None:
        secrets.put("acme", "token", "old")
        assert secrets.get("acme", "token") == "old"
        ssm().delete_parameter(Name=f"{prefix}/acme/token")
        assert secrets.get("acme", "token", fresh=True) is None
        assert secrets.get("acme", "token") is None

    def test_other_errors_are_raised(self, prefix: str) -> None:
        from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

        client = boto3.client("ssm", region_name=REGION)

        def crash(**_: object) -> None:
            raise ConnectionError("away")

        client.meta.events.register("before-call.ssm.GetParameter", crash)
        with pytest.raises(GetParameterError):
            ParameterSecrets(prefix, client=client).get("acme", "token")

    def test_a_client_is_made_when_none_is_given(self, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        ParameterSecrets(f"{prefix}/").put("acme", "token", "x")
        assert ParameterSecrets(prefix, client=ssm()).get("acme", "token") == "x"


def test_importing_the_stores_imports_no_powertools_and_no_boto3() -> None:
    code = """
import sys
import patchcord.store.dynamo, patchcord.store.sqs, patchcord.store.secrets
print([name for name in ("boto3", "aws_lambda_powertools", "pydantic", "requests") if name in sys.modules])
"""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_window_holds_beside_other_writes_to_its_item(world: World) -> None:
    def work(number: int) -> object:
        if number % 2:
            world.store.cool_down("acme", "pipedrive", NOON)
            return None
        return take(world.store, most=5)

    assert at_once(24, work).count(Granted()) == 5
