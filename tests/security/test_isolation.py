"""Tenants: what one writes, another neither reads nor changes, in memory and on DynamoDB; each key begins with the project."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import count
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from patchcord.store.dynamo import DynamoStore, Tables, create_tables
from patchcord.store.memory import MemorySecrets, MemoryStore
from patchcord.store.names import page_token
from patchcord.store.port import CallKey, Changes, Claim, ClaimLost, Store
from patchcord.store.secrets import ParameterSecrets
from tests.unit.store_contract import LATER, MINUTE, NOON

Act = Callable[[Store, str, str], object]
"""A method called for a project, with a name of that project's choosing."""

HOSTILE = (
    "b", "B", "a#b", "a#lease#x", "#projects", "", " a", "a ", "a\n", "a\0", "../b", "a/b", "a*", "а", "ａ", "a\u200b", "ä",
    "a" * 41, "%61", "a%23b", "a'b", '"', "{", "\ud800",
)  # fmt: skip
"""Names that are near a tenant's own, or would be more than one part of a key."""

NUMBERS = count()


def claim_of(store: Store, project: str, name: str) -> Claim:
    taken = store.claim(project, name, "w", NOON, LATER, over="w")
    assert isinstance(taken, Claim)
    return taken


ACTS: Mapping[str, Act] = {
    "save_document": lambda store, project, name: store.save_document(project, name, name, NOON, len(store.documents(project))),
    "document": lambda store, project, name: store.document(project),
    "documents": lambda store, project, name: store.documents(project),
    "accept": lambda store, project, name: store.accept(CallKey(project, "p", name), name, name, NOON, False),
    "entry": lambda store, project, name: store.entry(CallKey(project, "p", name)),
    "unsettled": lambda store, project, name: store.unsettled([(CallKey(project, "p", name), name)]),
    "note": lambda store, project, name: store.note(CallKey(project, "p", name), Changes({name: name})),
    "begin": lambda store, project, name: store.begin(
        CallKey(project, "p", name), claim_of(store, project, name), Changes({name: name}), LATER
    ),
    "finish": lambda store, project, name: store.finish(
        CallKey(project, "p", name), claim_of(store, project, name), Changes({name: name}), name
    ),
    "calls": lambda store, project, name: store.calls(project, f"{NOON:%Y-%m-%d}"),
    "erase_call": lambda store, project, name: store.erase_call(CallKey(project, "p", name)),
    "claim": lambda store, project, name: store.claim(project, name, "w", NOON, LATER),
    "release": lambda store, project, name: store.release(Claim(project, name, "w", LATER)),
    "client": lambda store, project, name: store.client(project, name),
    "erase_client": lambda store, project, name: store.erase_client(claim_of(store, project, name)),
    "take": lambda store, project, name: store.take(project, name, 1, 3, MINUTE, NOON),
    "cool_down": lambda store, project, name: store.cool_down(project, name, LATER),
    "block": lambda store, project, name: store.block(project, name, name, NOON),
    "unblock": lambda store, project, name: store.unblock(project, name),
    "lease": lambda store, project, name: store.lease(project, name, "h", NOON, LATER),
    "free": lambda store, project, name: store.free(project, name, "h"),
    "keep": lambda store, project, name: store.keep(project, name, name, LATER),
    "kept": lambda store, project, name: store.kept(project, name, NOON),
}
OF_ALL = {"projects"}
"""The one method that is of no tenant: the list of their names, for catching up and the command line."""
NAMES = st.sampled_from(["x", "b#x", "lease#x", "b#p#x", "#", "a", "b", "x#y", "kept#x", "connection#x"])
STEPS = st.lists(st.tuples(st.sampled_from(sorted(ACTS)), NAMES), max_size=12)


@pytest.fixture(scope="module", autouse=True)
def aws() -> Iterator[None]:
    with mock_aws():
        yield


def dynamo() -> tuple[DynamoStore, Any, Tables]:
    client: Any = boto3.client("dynamodb", region_name="eu-central-1")
    number = next(NUMBERS)
    tables = Tables(*(f"{name}-{number}" for name in ("projects", "journal", "clients", "connections")))
    create_tables(client, tables)
    return DynamoStore(client, tables, now=lambda: NOON), client, tables


def made(kind: str) -> Store:
    return MemoryStore(now=lambda: NOON) if kind == "memory" else dynamo()[0]


def done(store: Store, project: str, steps: list[tuple[str, str]]) -> list[object]:
    """What each step answered; a lost claim is an answer too."""
    answers: list[object] = []
    for act, name in steps:
        try:
            answers.append(ACTS[act](store, project, name))
        except ClaimLost as lost:
            answers.append((lost.project, lost.client))
    return answers


def test_every_method_of_the_store_is_tried() -> None:
    methods = {name for name, _ in inspect.getmembers(Store, inspect.isfunction) if not name.startswith("_")}
    assert methods == set(ACTS) | OF_ALL


@pytest.mark.parametrize("kind", ["memory", "dynamo"])
def test_two_tenants_are_as_two_stores(kind: str) -> None:
    """Whatever two do in one store, interleaved, each gets the answers it would get alone."""

    @settings(max_examples=60 if kind == "memory" else 6, derandomize=True, database=None, deadline=None)
    @given(first=STEPS, second=STEPS, order=st.randoms(use_true_random=False))
    def check(first: list[tuple[str, str]], second: list[tuple[str, str]], order: Any) -> None:
        together = made(kind)
        steps = [("a", step) for step in first] + [("b", step) for step in second]
        order.shuffle(steps)
        told: dict[str, list[object]] = {"a": [], "b": []}
        for project, step in steps:
            told[project] += done(together, project, [step])
        for project in ("a", "b"):
            own = [step for owner, step in steps if owner == project]
            assert told[project] == done(made(kind), project, own)

    check()


@pytest.mark.parametrize("kind", ["memory", "dynamo"])
@pytest.mark.parametrize("act", sorted(ACTS))
def test_a_name_is_a_tenants_or_none(kind: str, act: str) -> None:
    """What is no plain name is refused before anything is asked; what is one reaches nothing of `a`."""
    store = made(kind)
    for other in sorted(ACTS):
        done(store, "a", [(other, "x")])
    before = done(store, "a", [("documents", "x"), ("entry", "x"), ("client", "x"), ("kept", "x")])
    for hostile in HOSTILE[1:]:
        with pytest.raises(ValueError, match=r"not a project|surrogates"):
            done(store, hostile, [(act, "x")])
    done(store, "b", [(act, "x")])
    assert done(store, "a", [("documents", "x"), ("entry", "x"), ("client", "x"), ("kept", "x")]) == before


@pytest.mark.parametrize("act", ["begin", "finish"])
def test_a_claim_of_one_tenant_writes_to_no_call_of_another(act: str) -> None:
    for store in (made("memory"), made("dynamo")):
        claim = claim_of(store, "a", "x")
        with pytest.raises(ValueError, match="another project"):
            if act == "begin":
                store.begin(CallKey("b", "p", "x"), claim, Changes({"e": "e"}), LATER)
            else:
                store.finish(CallKey("b", "p", "x"), claim, Changes({"e": "e"}), None)
        assert store.entry(CallKey("b", "p", "x")) is None


def test_a_page_of_one_tenant_leads_to_none_of_another() -> None:
    for store in (made("memory"), made("dynamo")):
        for project in ("a", "b"):
            for number in range(3):
                store.accept(CallKey(project, "p", f"{number}"), "e", project, NOON + timedelta(seconds=number), False)
        day = f"{NOON:%Y-%m-%d}"
        first = store.calls("a", day, limit=1)
        forged = page_token(f"{NOON:%Y-%m-%dT%H:%M:%S.%f}+00:00", CallKey("a", "p", "2"))
        for start in (first.next, forged):
            assert {entry.key.project for entry in store.calls("b", day, after=start).entries} <= {"b"}


def test_every_key_on_dynamodb_begins_with_its_project() -> None:
    store, client, tables = dynamo()
    for act in sorted(ACTS, key=lambda act: act.startswith(("erase", "free", "release", "unblock"))):
        if not act.startswith(("erase", "free", "release", "unblock")):
            done(store, "tenant", [(act, "other#x")])
    items = {name: client.scan(TableName=getattr(tables, name))["Items"] for name in ("journal", "clients", "connections")}
    assert all(items.values())
    assert all(item["id"]["S"].startswith("tenant#") for kept in items.values() for item in kept)
    assert all(item["day"]["S"].startswith("tenant#") for item in items["journal"] if "day" in item)
    versions = [item["project"]["S"] for item in client.scan(TableName=tables.projects)["Items"]]
    assert set(versions) == {"tenant", "#projects"}


BAD_SECRETS = ("../b/api_token", "a/../../b", "/b/api_token", "b//c", "", ".", "..", "a b", "a\n", "x" * 201, "ä", "a#b")


class Parameters:
    """The parameter store, as far as names are concerned."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def put_parameter(self, **told: Any) -> dict[str, Any]:
        self.names.append(told["Name"])
        return {"Version": 1}


@pytest.mark.parametrize("name", BAD_SECRETS)
def test_a_secrets_name_stays_below_its_project(name: str) -> None:
    parameters = Parameters()
    own = ParameterSecrets("/patchcord/test", client=parameters)  # type: ignore[arg-type]
    for secrets in (own, MemorySecrets()):
        with pytest.raises(ValueError, match="not a secret's name"):
            secrets.put("a", name, "x")
    for hostile in HOSTILE[1:]:
        with pytest.raises(ValueError, match="not a project"):
            own.put(hostile, "api_token", "x")
    assert not parameters.names
    own.put("a", "api_token", "x")
    assert parameters.names == ["/patchcord/test/a/api_token"]


def test_secrets_of_one_are_none_of_another() -> None:
    kept = MemorySecrets()
    kept.put("a", "api_token", "x")
    assert [kept.get(project, "api_token") for project in ("a", "b")] == ["x", None]
