"""DynamoDB's items: composing an update with its condition, and reading what comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from botocore.exceptions import ClientError

from patchcord.store.names import call_key, millis, moment, project_name, text_name
from patchcord.store.port import Blocked, CallKey, Document, Entry, Wait

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = Mapping[str, AttributeValueTypeDef]

T = TypeVar("T")

CONDITION = "ConditionalCheckFailedException"
CONFLICT = "TransactionConflictException"
CANCELLED = "TransactionCanceledException"
PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
"""Reasons of a cancelled transaction that go away by themselves."""


# --- one update of one item ---


def attribute(value: str | int | frozenset[str]) -> AttributeValueTypeDef:
    """A value as DynamoDB takes it."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int):
        return {"N": str(value)}
    return {"SS": sorted(value)}


class Write:
    """One update put together from parts. Names are placeholders throughout: keys of events are arbitrary text."""

    def __init__(self, table: str, id: str) -> None:
        self._target = {"TableName": table, "Key": {"id": attribute(id)}}
        self._names: dict[str, str] = {}
        self._values: dict[str, AttributeValueTypeDef] = {}
        self._clauses: dict[str, list[str]] = {"SET": [], "ADD": [], "REMOVE": []}
        self._condition = ""

    def name(self, attribute: str) -> str:
        """The placeholder of an attribute."""
        return self._names.setdefault(attribute, f"#{len(self._names)}")

    def value(self, value: str | int | frozenset[str]) -> str:
        """The placeholder of a value."""
        placeholder = f":{len(self._values)}"
        self._values[placeholder] = attribute(value)
        return placeholder

    def put(self, attribute: str, value: str | int) -> None:
        """Set an attribute."""
        self._clauses["SET"].append(f"{self.name(attribute)}={self.value(value)}")

    def put_once(self, attribute: str, value: str | int) -> None:
        """Set an attribute unless it is there."""
        name = self.name(attribute)
        self._clauses["SET"].append(f"{name}=if_not_exists({name},{self.value(value)})")

    def add(self, attribute: str, value: int | frozenset[str]) -> None:
        """Add to a number or a set."""
        self._clauses["ADD"].append(f"{self.name(attribute)} {self.value(value)}")

    def drop(self, *attributes: str) -> None:
        """Remove attributes, there or not."""
        self._clauses["REMOVE"].extend(self.name(attribute) for attribute in attributes)

    def when(self, condition: str) -> None:
        """Write only then."""
        self._condition = condition

    def request(self) -> dict[str, Any]:
        """The arguments of `update_item`, and the `Update` of a transaction."""
        clauses = (f"{verb} {','.join(parts)}" for verb, parts in self._clauses.items() if parts)
        request: dict[str, Any] = {
            **self._target,
            "UpdateExpression": " ".join(clauses),
            "ExpressionAttributeNames": {placeholder: name for name, placeholder in self._names.items()},
        }
        if self._values:
            request["ExpressionAttributeValues"] = self._values
        if self._condition:
            request["ConditionExpression"] = self._condition
        return request


# --- ids and conditions ---


def call_id(key: CallKey) -> str:
    call_key(key)
    return f"{key.project}#{key.provider}#{key.call}"


def client_id(project: str, client: str) -> str:
    return f"{project_name(project)}#{text_name(client)}"


def lease_id(project: str, name: str) -> str:
    return f"{project_name(project)}#lease#{text_name(name)}"


def free_for(write: Write, owner: str, ours: str, now: datetime) -> None:
    """Condition: nobody has it, it has run out, or it is ours."""
    name, until = write.name(owner), write.name("until")
    write.when(f"attribute_not_exists({name}) OR {until} <= {write.value(millis(now))} OR {name} = {write.value(ours)}")


def claimable(write: Write, worker: str, over: str | None, now: datetime) -> None:
    """Condition: nobody has the client, or this worker has, or `over` had it and its time has run out."""
    name, until = write.name("worker"), write.name("until")
    free = f"attribute_not_exists({name}) OR {name} = {write.value(worker)}"
    if over is not None:
        free += f" OR ({name} = {write.value(over)} AND {until} <= {write.value(millis(now))})"
    write.when(free)


def open_for(write: Write, window: str, units: int, most: int, now: datetime) -> None:
    """Take units, on the condition that they are there and that the connection neither cools down nor is blocked."""
    write.add(window, units)
    used, cool, blocked = write.name(window), write.name("cool_until"), write.name("blocked")
    write.when(
        f"(attribute_not_exists({used}) OR {used} <= {write.value(most - units)})"
        f" AND (attribute_not_exists({cool}) OR {cool} <= {write.value(millis(now))})"
        f" AND attribute_not_exists({blocked})"
    )


# --- reading items and errors ---


def text_of(item: Item, attribute: str) -> str | None:
    return item[attribute]["S"] if attribute in item else None


def number_of(item: Item, attribute: str) -> int:
    return int(item[attribute]["N"])


def below(item: Item, prefix: str) -> dict[str, str]:
    """The attributes of one prefix, by what follows it."""
    return {name[len(prefix) :]: value["S"] for name, value in item.items() if name.startswith(prefix)}


def entry_of(item: Item, fresh: bool = False) -> Entry:
    at = text_of(item, "at")
    return Entry(
        key=CallKey(item["project"]["S"], item["provider"]["S"], item["call"]["S"]),
        events=below(item, "e:"),
        effects=below(item, "f:"),
        settled=set_of(item, "settled"),
        client=text_of(item, "client"),
        decision=text_of(item, "decision"),
        at=datetime.fromisoformat(at) if at else None,
        fresh=fresh,
    )


def set_of(item: Item, attribute: str) -> frozenset[str]:
    return frozenset(item[attribute]["SS"]) if attribute in item else frozenset()


def document_of(item: Item) -> Document:
    return Document(
        project=item["project"]["S"],
        version=number_of(item, "version"),
        body=item["body"]["S"],
        author=item["author"]["S"],
        at=datetime.fromisoformat(item["at"]["S"]),
    )


def refusal(item: Item, now: datetime, next_window: datetime) -> Wait | Blocked:
    """Why units were not to be had, the longest reason first."""
    if "blocked" in item:
        return Blocked(item["blocked"]["S"], datetime.fromisoformat(item["blocked_at"]["S"]))
    if "cool_until" in item and number_of(item, "cool_until") > millis(now):
        return Wait(moment(number_of(item, "cool_until")), cooling=True)
    return Wait(next_window, cooling=False)


def code_of(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def old_item(error: ClientError) -> Item:
    """The item that failed a condition (ALL_OLD); the stubs do not know that the error carries it."""
    return cast("Item", cast("Mapping[str, Any]", error.response).get("Item", {}))


def reasons_of(error: ClientError) -> frozenset[str]:
    """Why a transaction was cancelled."""
    return frozenset(reason.get("Code", "None") for reason in error.response.get("CancellationReasons", ())) - {"None"}


def passes(error: ClientError) -> bool:
    """Whether somebody else's transaction is in the way, nothing worse."""
    if code_of(error) == CANCELLED:
        return bool(reasons_of(error)) and reasons_of(error) <= PASSING
    return code_of(error) == CONFLICT


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
