"""The store on DynamoDB (design 6), through the low-level client: short to start, one request a method.

Tables, all on demand; `template.yaml` and `create_tables` say the same. TTL attribute: `expires`, epoch seconds.

| table       | hash key      | range key     | TTL | index                                                    |
|-------------|---------------|---------------|-----|----------------------------------------------------------|
| projects    | `project` (S) | `version` (N) | no  | -                                                        |
| journal     | `id` (S)      | -             | yes | `by_day`: hash `day` (S), range `at` (S), projection ALL |
| clients     | `id` (S)      | -             | yes | -                                                        |
| connections | `id` (S)      | -             | yes | -                                                        |

* projects: one item per version, the current one is the highest; `body`, `author`, `at`, `receipt`. And one item
  `#projects`, version 0, whose `names` (SS) are all projects: a scan would read every version. A project can have no `#`.
* journal: id `{project}#{provider}#{call}`; `e:<event key>` the event, `r:<event key>` the receipt of the delivery that
  was first, `f:<effect key>` the effect, `settled` (SS), `client`, `decision`, `project`, `provider`, `call`, and of the
  first event `day` = `{project}#{YYYY-MM-DD}` and `at`.
* clients: id `{project}#{client}`; `worker` and `until` (epoch milliseconds) while claimed, `index`.
* connections: id `{project}#connection#{name}`; `w:<window in ms>:<number of the window>` units taken, `cool_until` (epoch
  ms), `blocked`, `blocked_at`, `blocked_by`. And id `{project}#lease#{name}`: `holder`, `until`. And id
  `{project}#kept#{name}`: `body`, `until`.

Projects and providers hold no `#`, so an id begins with its project beyond doubt, whatever a call's id is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import SystemRandom
from secrets import token_hex
from time import sleep as pause
from typing import TYPE_CHECKING, Any, TypeVar, cast

from botocore.exceptions import ClientError

from patchcord.store.items import (
    CANCELLED,
    CONDITION,
    CONFLICT,
    Write,
    attribute,
    call_id,
    chunks,
    claimable,
    client_id,
    code_of,
    document_of,
    entry_of,
    free_for,
    lease_id,
    number_of,
    old_item,
    open_for,
    passes,
    reasons_of,
    refusal,
    set_of,
    text_of,
)
from patchcord.store.names import (
    DAY,
    DEFAULT_RETENTION,
    RECENT_WINDOWS,
    Retention,
    day_name,
    millis,
    moment,
    page_start,
    page_token,
    project_name,
    same_project,
    stamp,
    text_name,
    units_of,
    utc_now,
    window_of,
)
from patchcord.store.port import (
    Blocked,
    CallKey,
    Changes,
    Claim,
    ClaimLost,
    Document,
    Entry,
    Granted,
    Held,
    Page,
    VersionConflict,
    Wait,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, KeysAndAttributesTypeDef

    Item = Mapping[str, AttributeValueTypeDef]

T = TypeVar("T")

ALL_PROJECTS: Item = {"project": attribute("#projects"), "version": attribute(0)}
"""The key of the item that names all projects; 400 KB hold some nine thousand."""
BATCH = 100
"""Keys in one BatchGetItem."""
TRIES = 6
"""A conflict lasts as long as somebody else's transaction, some ten milliseconds."""
SHORTLY = timedelta(milliseconds=200)
"""How long a claim counts as held when its item is in the middle of a transaction."""
MANY_WINDOWS = 16
"""Forgotten windows beyond this are swept by a request of their own: seldom used connections leave gaps."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The names of the four tables."""

    projects: str
    journal: str
    clients: str
    connections: str


class DynamoStore:
    """The port on four tables. The client comes from outside, so that it is made once and can be a stand's."""

    def __init__(
        self,
        client: DynamoDBClient,
        tables: Tables,
        *,
        retention: Retention = DEFAULT_RETENTION,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = pause,
    ) -> None:
        self._client = client
        self._tables = tables
        self._retention = retention
        self._now = now
        self._sleep = sleep
        self._random = SystemRandom()

    # --- settings ---

    def document(self, project: str, version: int | None = None) -> Document | None:
        """The current (or the named) version of a project's settings."""
        if version is not None:
            item = self._version(project, version)
            return document_of(item) if item else None
        found = self._client.query(**self._versions(project), Limit=1)["Items"]
        return document_of(found[0]) if found else None

    def save_document(self, project: str, body: str, author: str, at: datetime, expected: int) -> int:
        """Store the next version. Versions have no gaps and are never removed: so `expected` is the current one exactly
        when it is there and the next is not. Raises VersionConflict.
        """
        if expected < 0 or (expected and not self._version(project, expected, only="version")):
            raise VersionConflict(project, expected)
        receipt = token_hex(8)
        key = {"project": attribute(project_name(project)), "version": attribute(expected + 1)}
        if not expected:  # before the version itself: a name without settings does no harm, settings without a name would
            self._list(project)
        texts = {"body": body, "author": author, "at": stamp(at), "receipt": receipt}
        try:
            self._client.put_item(
                TableName=self._tables.projects,
                Item={**key, **{name: attribute(text) for name, text in texts.items()}},
                ConditionExpression="attribute_not_exists(#version)",
                ExpressionAttributeNames={"#version": "version"},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if code_of(error) != CONDITION:
                raise
            # The client repeats a request whose answer was lost; then it is our own version that stands in the way.
            if text_of(old_item(error), "receipt") != receipt:
                raise VersionConflict(project, expected) from error
        return expected + 1

    def documents(self, project: str) -> tuple[Document, ...]:
        """All versions, newest first. More than one request when they are more than 1 MB together."""
        request = self._versions(project)
        documents: list[Document] = []
        while True:
            page = self._client.query(**request)
            documents.extend(map(document_of, page["Items"]))
            if not page.get("LastEvaluatedKey"):
                return tuple(documents)
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _versions(self, project: str) -> dict[str, Any]:
        return {
            "TableName": self._tables.projects,
            "KeyConditionExpression": "#project = :project",
            "ExpressionAttributeNames": {"#project": "project"},  # a reserved word
            "ExpressionAttributeValues": {":project": attribute(project_name(project))},
            "ScanIndexForward": False,
            "ConsistentRead": True,
        }

    def _version(self, project: str, version: int, only: str | None = None) -> Item | None:
        key = {"project": attribute(project_name(project)), "version": attribute(version)}
        return self._read(self._tables.projects, key, only)

    def projects(self) -> tuple[str, ...]:
        """The names of all projects, sorted. One item, whatever the number of versions."""
        item = self._read(self._tables.projects, ALL_PROJECTS)
        return tuple(sorted(set_of(item, "names"))) if item else ()

    def _list(self, project: str) -> None:
        """Put a project among all projects."""
        self._client.update_item(
            TableName=self._tables.projects,
            Key=ALL_PROJECTS,
            UpdateExpression="ADD #names :names",
            ExpressionAttributeNames={"#names": "names"},
            ExpressionAttributeValues={":names": attribute(frozenset({project_name(project)}))},
        )

    # --- journal ---

    def accept(self, key: CallKey, event: str, body: str, at: datetime, settled: bool, client: str | None = None) -> Entry:
        """Store an event unless its key is there already; the whole journal of the call comes back.

        Deliveries of one event may have equal bodies, so a random receipt beside it tells which of them was first.
        """
        receipt = token_hex(8)
        write = self._journal(key, Changes(settled=frozenset({event} if settled else ())))
        if client is not None:
            write.put_once("client", client)
        write.put_once(f"e:{event}", body)
        write.put_once(f"r:{event}", receipt)
        write.add("accepted", frozenset({event}))
        write.put_once("at", stamp(at))
        write.put_once("day", f"{key.project}#{stamp(at)[:10]}")
        item = self._update(write)
        return entry_of(item, fresh=text_of(item, f"r:{event}") == receipt)

    def entry(self, key: CallKey) -> Entry | None:
        """The journal of a call."""
        item = self._read(self._tables.journal, {"id": attribute(call_id(key))})
        return entry_of(item) if item else None

    def unsettled(self, events: Sequence[tuple[CallKey, str]]) -> frozenset[tuple[CallKey, str]]:
        """Which of these events are stored and not carried out. One request for a hundred of them."""
        wanted = list(dict.fromkeys(events))
        return frozenset(pair for chunk in chunks(wanted, BATCH) for pair in self._unsettled_of(chunk))

    def _unsettled_of(self, pairs: Sequence[tuple[CallKey, str]]) -> Iterator[tuple[CallKey, str]]:
        ids = dict.fromkeys(call_id(key) for key, _ in pairs)
        asked: Mapping[str, KeysAndAttributesTypeDef] = {
            self._tables.journal: {
                "Keys": [{"id": attribute(id)} for id in ids],
                # Not the events themselves: two short sets say it, and an event's key can be no name in a projection of
                # moto, which splits it at dots.
                "ProjectionExpression": "#id,#accepted,#settled",
                "ExpressionAttributeNames": {"#id": "id", "#accepted": "accepted", "#settled": "settled"},
                "ConsistentRead": True,
            }
        }
        open_events = {item["id"]["S"]: set_of(item, "accepted") - set_of(item, "settled") for item in self._batch(asked)}
        return ((key, event) for key, event in pairs if event in open_events.get(call_id(key), ()))

    def _batch(self, asked: Mapping[str, KeysAndAttributesTypeDef]) -> Iterator[Item]:
        """BatchGetItem until everything came; TimeoutError when it does not."""
        for attempt in range(TRIES):
            if attempt:
                self._sleep(self._jitter(attempt))
            answer = self._client.batch_get_item(RequestItems=asked)
            yield from answer["Responses"].get(self._tables.journal, ())
            if not answer.get("UnprocessedKeys"):
                return
            asked = cast("Mapping[str, KeysAndAttributesTypeDef]", answer["UnprocessedKeys"])
        raise TimeoutError("DynamoDB left keys of a batch unprocessed")

    def note(self, key: CallKey, changes: Changes) -> None:
        """Write to a call's journal without a claim."""
        self._update(self._journal(key, changes), answer="NONE")

    def begin(self, key: CallKey, claim: Claim, changes: Changes, until: datetime) -> Claim:
        """Write intents and prolong the claim, both or neither. A claim that ran out and that nobody took is still
        ours. Raises ClaimLost.
        """
        client = self._claimed(claim)
        client.put("until", millis(until))
        self._both(key, changes, claim, client)
        return replace(claim, until=moment(millis(until)))

    def finish(self, key: CallKey, claim: Claim, changes: Changes, index: str | None) -> None:
        """Write results, replace the client's index (None: nothing is known any more), give the claim back; all or
        nothing. Raises ClaimLost.
        """
        client = self._claimed(claim)
        client.drop("worker", "until")
        client.put("expires", self._expiry(self._retention.clients))
        if index is None:
            client.drop("index")
        else:
            client.put("index", index)
        self._both(key, changes, claim, client)

    def calls(self, project: str, day: str, limit: int = 100, after: str | None = None) -> Page:
        """The calls first heard of on a day, newest first; read from the index, so a second late."""
        of_day = f"{project_name(project)}#{day_name(day)}"
        request: dict[str, Any] = {
            "TableName": self._tables.journal,
            "IndexName": "by_day",
            "KeyConditionExpression": "#day = :day",
            "ExpressionAttributeNames": {"#day": "day"},
            "ExpressionAttributeValues": {":day": attribute(of_day)},
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if after is not None:
            at, key = page_start(project, after)
            start = {"id": call_id(key), "day": of_day, "at": at}
            request["ExclusiveStartKey"] = {name: attribute(text) for name, text in start.items()}
        answer = self._client.query(**request)
        entries = tuple(map(entry_of, answer["Items"]))
        more = bool(entries and answer.get("LastEvaluatedKey"))
        return Page(entries, page_token(answer["Items"][-1]["at"]["S"], entries[-1].key) if more else None)

    def erase_call(self, key: CallKey) -> bool:
        """Forget a call; whether it was there. The index follows within a second."""
        request: dict[str, Any] = {"Key": {"id": attribute(call_id(key))}, "ReturnValues": "ALL_OLD"}
        answer = self._patiently(lambda: self._client.delete_item(TableName=self._tables.journal, **request))
        return bool(answer.get("Attributes"))

    def _journal(self, key: CallKey, changes: Changes) -> Write:
        """The write of some changes; it can be the first of its call."""
        write = Write(self._tables.journal, call_id(key))
        write.put("project", key.project)
        write.put("provider", key.provider)
        write.put("call", key.call)
        write.put("expires", self._expiry(self._retention.journal))
        for effect, text in changes.effects.items():
            write.put(f"f:{effect}", text)
        if changes.settled:
            write.add("settled", changes.settled)
        if changes.client is not None:
            write.put("client", changes.client)
        if changes.decision is not None:
            write.put("decision", changes.decision)
        return write

    # --- clients ---

    def claim(
        self, project: str, client: str, worker: str, now: datetime, until: datetime, over: str | None = None
    ) -> Claim | Held:
        """Take the claim when it is free, this worker's already, or `over`'s and run out."""
        write = self._client_write(project, client)
        write.put("worker", worker)
        write.put("until", millis(until))
        write.put("expires", self._expiry(self._retention.clients))
        claimable(write, worker, over, now)
        try:
            done, item = self._attempt(write)
        except ClientError as error:
            if code_of(error) != CONFLICT:
                raise
            # Whoever holds the client is beginning or finishing right now.
            return Held(moment(millis(now + SHORTLY)))
        if not done:
            return Held(moment(number_of(item, "until")), text_of(item, "worker") or "")
        return Claim(project, client, worker, moment(number_of(item, "until")), text_of(item, "index"))

    def release(self, claim: Claim) -> None:
        """Give the claim back; nothing when it is not ours any more."""
        write = self._claimed(claim)
        write.drop("worker", "until")
        self._update_if(write)

    def client(self, project: str, client: str) -> str | None:
        """What is known of a client."""
        item = self._read(self._tables.clients, {"id": attribute(client_id(project, client))}, only="index")
        return text_of(item, "index") if item else None

    def erase_client(self, claim: Claim) -> None:
        """Forget a client and give the claim back. Raises ClaimLost.

        A repeated request whose first answer was lost finds no claim any more; it is told as lost, though it was forgotten.
        """
        request: dict[str, Any] = {
            "Key": {"id": attribute(client_id(claim.project, claim.client))},
            "ConditionExpression": "#worker = :worker",
            "ExpressionAttributeNames": {"#worker": "worker"},
            "ExpressionAttributeValues": {":worker": attribute(claim.worker)},
        }
        try:
            self._patiently(lambda: self._client.delete_item(TableName=self._tables.clients, **request))
        except ClientError as error:
            if code_of(error) != CONDITION:
                raise
            raise ClaimLost(claim.project, claim.client) from error

    def _client_write(self, project: str, client: str) -> Write:
        return Write(self._tables.clients, client_id(project, client))

    def _claimed(self, claim: Claim) -> Write:
        """A write to a client's item that fails unless the claim is ours."""
        write = self._client_write(claim.project, claim.client)
        write.when(f"{write.name('worker')} = {write.value(claim.worker)}")
        return write

    # --- connections ---

    def take(
        self, project: str, connection: str, units: int, most: int, window: timedelta, now: datetime
    ) -> Granted | Wait | Blocked:
        """Take units out of this window. Units beyond `most` count as `most`."""
        units = units_of(units, most)
        length, number = window_of(now, window)
        write = self._connection(project, connection)
        open_for(write, f"w:{length}:{number}", units, most, now)
        write.put("expires", self._expiry(self._retention.connections))
        write.drop(*(f"w:{length}:{number - back}" for back in RECENT_WINDOWS))
        done, item = self._update_if(write)
        if not done:
            return refusal(item, now, moment((number + 1) * length))
        self._sweep(project, connection, item, now)
        return Granted()

    def _sweep(self, project: str, connection: str, item: Item, now: datetime) -> None:
        """Forget windows long gone that no `take` came close enough to forget. Once in many takes at most."""
        windows = (name.split(":") for name in item if name.startswith("w:"))
        gone = [
            f"w:{length}:{number}"
            for _, length, number in windows
            if (int(number) + RECENT_WINDOWS.start) * int(length) <= millis(now)
        ]
        if len(gone) > MANY_WINDOWS:
            write = self._connection(project, connection)
            write.drop(*gone[:BATCH])
            self._update(write, answer="NONE")

    def cool_down(self, project: str, connection: str, until: datetime) -> None:
        """Let everybody wait until then; a longer cool-down stays."""
        write = self._connection(project, connection)
        write.put("cool_until", millis(until))
        # A cool-down, like a block, must not vanish with an idle connection's windows.
        write.drop("expires")
        name = write.name("cool_until")
        write.when(f"attribute_not_exists({name}) OR {name} < {write.value(millis(until))}")
        self._update_if(write)

    def block(self, project: str, connection: str, reason: str, at: datetime) -> bool:
        """Shut the connection off; True when it was open before."""
        receipt = token_hex(8)
        write = self._connection(project, connection)
        write.put("blocked", reason)
        write.put("blocked_at", stamp(at))
        write.put("blocked_by", receipt)
        write.drop("expires")
        write.when(f"attribute_not_exists({write.name('blocked')})")
        done, item = self._update_if(write)
        # A request repeated by the client after a lost answer meets its own block; the alarm must be raised all the same.
        return done or text_of(item, "blocked_by") == receipt

    def unblock(self, project: str, connection: str) -> None:
        """Open the connection again."""
        write = self._connection(project, connection)
        write.drop("blocked", "blocked_at", "blocked_by")
        write.when(f"attribute_exists({write.name('blocked')})")
        self._update_if(write)

    def _connection(self, project: str, connection: str) -> Write:
        return Write(self._tables.connections, f"{project_name(project)}#connection#{text_name(connection)}")

    # --- leases ---

    def lease(self, project: str, name: str, holder: str, now: datetime, until: datetime) -> bool:
        """Take a named lease unless another holder has it."""
        write = Write(self._tables.connections, lease_id(project, name))
        write.put("holder", holder)
        write.put("until", millis(until))
        write.put("expires", millis(until + DAY) // 1000)
        free_for(write, "holder", holder, now)
        return self._update_if(write)[0]

    def free(self, project: str, name: str, holder: str) -> None:
        """Give a lease back if it is ours."""
        with suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.delete_item(
                TableName=self._tables.connections,
                Key={"id": attribute(lease_id(project, name))},
                ConditionExpression="#holder = :holder",
                ExpressionAttributeNames={"#holder": "holder"},
                ExpressionAttributeValues={":holder": attribute(holder)},
            )

    # --- what is kept for a while ---

    def keep(self, project: str, name: str, body: str, until: datetime) -> None:
        """Keep a text until then, instead of what was kept."""
        write = Write(self._tables.connections, self._kept_id(project, name))
        write.put("body", body)
        write.put("until", millis(until))
        write.put("expires", millis(until + DAY) // 1000)
        self._update(write, answer="NONE")

    def kept(self, project: str, name: str, now: datetime) -> str | None:
        """The text kept, None when its time is over: DynamoDB removes it later."""
        item = self._read(self._tables.connections, {"id": attribute(self._kept_id(project, name))})
        return text_of(item, "body") if item and number_of(item, "until") > millis(now) else None

    def _kept_id(self, project: str, name: str) -> str:
        return f"{project_name(project)}#kept#{text_name(name)}"

    # --- requests ---

    def _expiry(self, kept: timedelta) -> int:
        """The TTL of something written now."""
        return millis(self._now() + kept) // 1000

    def _read(self, table: str, key: Item, only: str | None = None) -> Item | None:
        """One item, or one attribute of it; None when there is no such item."""
        request: dict[str, Any] = {"TableName": table, "Key": key, "ConsistentRead": True}
        if only:
            request |= {"ProjectionExpression": "#only", "ExpressionAttributeNames": {"#only": only}}
        return self._client.get_item(**request).get("Item")

    def _update(self, write: Write, answer: str = "ALL_NEW") -> Item:
        """Carry out an update that has no condition; the new item, unless `answer` is NONE."""
        request = {**write.request(), "ReturnValues": answer}
        return self._patiently(lambda: self._client.update_item(**request)).get("Attributes", {})

    def _update_if(self, write: Write) -> tuple[bool, Item]:
        """Carry out an update that has a condition: (True, the new item), or (False, what is there)."""
        return self._patiently(lambda: self._attempt(write))

    def _attempt(self, write: Write) -> tuple[bool, Item]:
        try:
            answer = self._client.update_item(
                **write.request(), ReturnValues="ALL_NEW", ReturnValuesOnConditionCheckFailure="ALL_OLD"
            )
        except ClientError as error:
            if code_of(error) != CONDITION:
                raise
            return False, old_item(error)
        return True, answer["Attributes"]

    def _both(self, key: CallKey, changes: Changes, claim: Claim, client: Write) -> None:
        """A write to a call's journal and one to its client's item, both or neither. Raises ClaimLost."""
        same_project(key, claim)
        updates: list[Any] = [{"Update": self._journal(key, changes).request()}, {"Update": client.request()}]
        try:
            # Each try has a token of its own (botocore adds it): a cancelled transaction has written nothing. Within a
            # try, botocore repeats lost requests under the same token, and DynamoDB carries them out once.
            self._patiently(lambda: self._client.transact_write_items(TransactItems=updates))
        except ClientError as error:
            if code_of(error) == CANCELLED and "ConditionalCheckFailed" in reasons_of(error):
                raise ClaimLost(claim.project, claim.client) from error
            raise

    def _patiently(self, request: Callable[[], T]) -> T:
        """Try again while somebody else's transaction is in the way; the last try's error is raised."""
        for attempt in range(1, TRIES):
            try:
                return request()
            except ClientError as error:
                if not passes(error):
                    raise
            self._sleep(self._jitter(attempt))
        return request()

    def _jitter(self, attempt: int) -> float:
        """Seconds to wait before another try: at random below 20, 40, 80 … ms, so that two do not meet again."""
        return self._random.uniform(0, 0.01 * 2**attempt)


def create_tables(client: DynamoDBClient, tables: Tables) -> None:
    """Create the four tables as this module's description says: for tests and the local stand."""
    by_day: Any = {
        "IndexName": "by_day",
        "KeySchema": [{"AttributeName": "day", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    _create(client, tables.projects, {"project": "S", "version": "N"}, {})
    _create(client, tables.journal, {"id": "S"}, {"day": "S", "at": "S"}, GlobalSecondaryIndexes=[by_day])
    _create(client, tables.clients, {"id": "S"}, {})
    _create(client, tables.connections, {"id": "S"}, {})
    for table in (tables.journal, tables.clients, tables.connections):
        client.get_waiter("table_exists").wait(TableName=table)
        client.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})


def _create(client: DynamoDBClient, table: str, key: Mapping[str, str], more: Mapping[str, str], **options: Any) -> None:
    kinds = ("HASH", "RANGE")
    request: dict[str, Any] = {
        "TableName": table,
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in zip(key, kinds, strict=False)],
        "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t in {**key, **more}.items()],
        "BillingMode": "PAY_PER_REQUEST",
        **options,
    }
    client.create_table(**request)
