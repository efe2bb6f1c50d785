"""A marked client at every door, the whole way: what is logged and kept tells nothing of him, ends, and can be erased."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from itertools import count
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from moto import mock_aws

from cli.connection import Connection
from patchcord.service.clients import client_key
from patchcord.store.dynamo import DynamoStore, Tables, create_tables
from patchcord.store.port import CallKey
from sandbox.twins.base import Fault
from tests.harness import Context, function
from tests.mango_scenarios import CLIENT as MANGOS_CLIENT
from tests.mango_scenarios import SCENARIOS
from tests.ringostat_server import row
from tests.security.doors import DOORS, FORM, MANGO, PBX, Door
from tests.security.stage import CLIENT_KEYS, SECRETS, Stage, stage
from tests.unit.cli_world import BASE, Desk

NUMBER = "+380635551234"
LOCAL = "0635551234"
MARKS = {
    "number": "635551234",
    "name": "Zvenyslava",
    "e-mail": "zvenyslava.marked",
    "company": "Marked-Company",
    "text": "marked-words-of-the-client",
    "parameter": "marked-campaign",
    "address": "203.0.113.77",
    "page": "marked-page",
    "MANGO's client": MANGOS_CLIENT.removeprefix("380"),
}
"""What tells of the client, each as a text that stands nowhere else."""

TOLD = {
    "caller_number": NUMBER,
    "client_number": NUMBER,
    "client_phone": NUMBER,
    "phone": LOCAL,
    "to": LOCAL,
    "name": "Zvenyslava Marked",
    "client_name": "Zvenyslava Marked",
    "email": "zvenyslava.marked@mail.example",
    "company": "Marked-Company",
    "message": "marked-words-of-the-client",
    "utm_campaign": "marked-campaign",
    "remote_ip": "203.0.113.77",
    "landing": "https://shop.example/marked-page",
}
EXPIRING = {"journal", "clients", "connections"}
KEPT_FOR_GOOD = {"blocked", "cool_until"}
"""What may lose its expiry: a connection that is shut off or cools down must not open by being forgotten. It is no client's."""

RUNS = count()


def marked(door: Door) -> Door:
    """The door with the client in whatever field of its payload is about a client."""
    told = {name: TOLD.get(name, value) for name, value in (door.told or {}).items()}
    if "/out/" in door.route:
        told["dst"] = NUMBER
    names = () if "calls/{project}" in door.route else ("utm_campaign", "remote_ip", "landing", "company")
    more = {name: TOLD[name] for name in names}
    return Door(door.route, door.place, {**told, **more}, sort=door.sort, key=door.key, headers=door.headers)


def play(here: Stage) -> None:
    """Every door with the client, also while the CRM is down and refuses; MANGO's whole call; a listed call; all promises."""
    doors = [marked(door) for door in DOORS if door.told and MANGO not in door.route]
    here.twin.misbehave(Fault("refuse", path="lead|deal", times=2, words=f"{NUMBER} of zvenyslava.marked@mail.example is wrong"))
    for door in doors:
        assert door.knock(here).status < 500
    here.twin.misbehave(Fault("status", status=503, times=6, words=f"{NUMBER} is wrong"))
    for path, told in SCENARIOS[0].events:
        assert Door(f"POST {MANGO}", {**PBX, "path": path}, told, sort=FORM).knock(here).status < 500
    for number, door in enumerate(doors):
        again = {**(door.told or {}), "uniqueid": f"ua1_-1772704800.9{number}", "caller_number": NUMBER, "phone": "not a number"}
        door.knock(here, told=again)
        door.knock(here, told={**again, "calldate": "Zvenyslava", "dialogue": "", "sip": NUMBER})
        door.knock(here, project=quote(NUMBER))
        if door.reads:
            door.knock(here, body=json.dumps(door.told)[:-5].encode())
    here.twin.behave()
    here.keep_promises()
    here.product.clock.skip(4 * 3600)
    here.telephony.calls = [row("lost-1", here.product.clock.now(), NUMBER)]
    with redirect_stdout(here.product.log):
        function("reconcile").handler({}, Context(300))
    here.keep_promises()


@pytest.fixture(scope="module")
def played() -> Iterator[tuple[Stage, dict[str, list[dict[str, Any]]]]]:
    """The product after all that on DynamoDB, and every item of every table."""
    with mock_aws():
        client: Any = boto3.client("dynamodb", region_name="eu-central-1")
        number = next(RUNS)
        tables = Tables(*(f"{name}-{number}" for name in ("projects", "journal", "clients", "connections")))
        create_tables(client, tables)
        with stage(store=DynamoStore(client, tables)) as here:
            play(here)
            yield here, {name: client.scan(TableName=getattr(tables, name))["Items"] for name in ("projects", *sorted(EXPIRING))}


Played = tuple[Stage, dict[str, list[dict[str, Any]]]]


def test_the_client_has_come_through(played: Played) -> None:
    """Without this the tests below would prove nothing: his data are in the CRM and in the journal."""
    here, items = played
    crm = json.dumps([dict(write.fields) for write in here.twin.ledger], default=str)
    assert [
        what for what, mark in MARKS.items() if mark not in crm and what not in {"address", "page", "parameter", "company"}
    ] == []
    journal = json.dumps(items["journal"])
    assert [what for what, mark in MARKS.items() if mark not in journal] == []


def test_the_log_and_the_metrics_tell_nothing_of_a_client(played: Played) -> None:
    here, _ = played
    told = here.log
    assert len(here.records()) > 100
    assert not [what for what, mark in MARKS.items() if mark.lower() in told.lower()]
    assert not [secret for secret in SECRETS if secret in told]


def test_a_crash_is_logged_without_its_words() -> None:
    """An error that nobody foresaw may quote what it was given; the log says where it was, and of which sort."""

    def broken(*_: Any) -> Any:
        try:
            TOLD[f"{NUMBER} {TOLD['name']}"]
        except KeyError as error:
            raise RuntimeError(TOLD, SECRETS) from error

    with stage() as here, pytest.MonkeyPatch.context() as patch:
        patch.setattr(here.product.service.projects, "crm", broken)
        door = next(door for door in DOORS if door.route.startswith("POST") and "/in/" in door.route)
        assert marked(door).knock(here).status == 202
        assert not [what for what, mark in MARKS.items() if mark.lower() in here.log.lower()]
        assert not [secret for secret in SECRETS if secret in here.log]
        (crash,) = [record for record in here.records() if record.get("message") == "event not finished"]
        assert (
            crash["exception_name"] == "RuntimeError" and "KeyError" in crash["exception"] and "perform.py" in crash["exception"]
        )


def test_only_a_calls_own_item_holds_what_it_said(played: Played) -> None:
    """Nothing of a client stands in a key, nor in the tables of clients and connections: numbers are hashed with a key."""
    here, items = played
    keys = [item["id"]["S"] for name in EXPIRING for item in items[name]]
    assert not [what for what, mark in MARKS.items() if mark.lower() in json.dumps(keys).lower()]
    rest = json.dumps({name: items[name] for name in ("clients", "connections", "projects")})
    assert not [what for what, mark in MARKS.items() if mark.lower() in rest.lower()]
    assert f"demo#{client_key(CLIENT_KEYS['demo'], NUMBER)}" in [item["id"]["S"] for item in items["clients"]]
    for name in ("promised", "buried"):
        texts = json.dumps(getattr(here.product.queue, name), default=str)
        assert not [what for what, mark in MARKS.items() if mark.lower() in texts.lower()], name
    waiting = str(here.product.deadlines.started)
    assert here.product.deadlines.started and not [what for what, mark in MARKS.items() if mark.lower() in waiting.lower()]


def test_two_tenants_hash_a_number_differently() -> None:
    assert len({client_key(key, NUMBER) for key in CLIENT_KEYS.values()}) == len(CLIENT_KEYS)
    assert not {"635551234"} & {client_key(key, NUMBER) for key in CLIENT_KEYS.values()}


@pytest.mark.parametrize("table", sorted(EXPIRING))
def test_everything_ends_some_day(played: Played, table: str) -> None:
    """Settings stay, in all versions, and hold no client; a block or a cool-down stays and is a connection's."""
    items = played[1][table]
    assert items
    assert not [item["id"]["S"] for item in items if "expires" not in item and not KEPT_FOR_GOOD & set(item)]


def desk_of(here: Stage) -> Desk:
    """A person at the command line."""
    own = here.product
    return Desk(own, here.twin, Connection(own.store, own.queue, own.secrets, lambda most: 0, own.clock, own.deadlines, BASE))


def test_erasing_leaves_no_trace_here() -> None:
    """`patchcord erase`, and then every table and the queue are searched."""
    with mock_aws():
        client: Any = boto3.client("dynamodb", region_name="eu-central-1")
        tables = Tables(*(f"{name}-{next(RUNS)}" for name in ("projects", "journal", "clients", "connections")))
        create_tables(client, tables)
        with stage(store=DynamoStore(client, tables)) as here:
            for door in (marked(door) for door in DOORS if door.told and MANGO not in door.route):
                door.knock(here)
            here.keep_promises()
            product = here.product
            connection = Connection(
                product.store, product.queue, product.secrets, lambda most: 0, product.clock, product.deadlines, BASE
            )
            desk = Desk(product, here.twin, connection)
            told = desk.told("erase", NUMBER, "--yes")
            assert told["erased"] is True
            after = json.dumps(
                [client.scan(TableName=name)["Items"] for name in (tables.journal, tables.clients, tables.connections)]
            )
            ours = {what: mark for what, mark in MARKS.items() if what != "MANGO's client"}
            assert not [what for what, mark in ours.items() if mark.lower() in after.lower()]
            assert client_key(CLIENT_KEYS["demo"], NUMBER) not in after
            assert desk.told("erase", NUMBER, "--yes")["erased"] is False


def test_erasing_spares_others() -> None:
    with stage() as here:
        door = next(door for door in DOORS if door.route.endswith("ringostat/missed"))
        door.knock(here, told={**(door.told or {}), "caller_number": NUMBER, "uniqueid": "ua1_-1772704800.1"})
        door.knock(here, told={**(door.told or {}), "caller_number": "+380501112233", "uniqueid": "ua1_-1772704800.2"})
        here.keep_promises()
        product = here.product
        connection = Connection(
            product.store, product.queue, product.secrets, lambda most: 0, product.clock, product.deadlines, BASE
        )
        assert Desk(product, here.twin, connection).told("erase", NUMBER, "--yes")["erased"] is True
        assert product.store.entry(CallKey("demo", "ringostat", "ua1_-1772704800.1")) is None
        assert product.store.entry(CallKey("demo", "ringostat", "ua1_-1772704800.2")) is not None
        assert product.store.client("demo", client_key(CLIENT_KEYS["demo"], "+380501112233")) is not None
