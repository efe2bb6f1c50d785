"""The contact book of Ringostat Smart Phone, fed by the calls that are carried out (P-API-01)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from werkzeug.wrappers import Response

from patchcord.scenarios.profiles import merge
from sandbox.twins import twin_class
from sandbox.twins.base import Fault, ManualClock, Twin, serve
from tests.harness import START, World, world
from tests.integration.demo import CLIENT, after_call, document, missed
from tests.ringostat_server import AUTH_KEY, PROJECT_ID, RingostatServer, ringostat

Here = tuple[World, Twin, RingostatServer]


@contextmanager
def office(*, contacts: bool = True, **settings: Any) -> Iterator[Here]:
    twin = twin_class("pipedrive")(clock=(clock := ManualClock(START)))
    with ringostat() as (server, url), serve(twin) as running:
        telephony = {"base_url": url, "project_id": PROJECT_ID}
        body = merge({**document(twin, running.url), "telephony": telephony, "softphone": {"contacts": contacts}}, settings)
        with world(body, manual=clock, secrets={"ringostat_api_key": AUTH_KEY}) as product:
            yield product, twin, server


@pytest.fixture
def here() -> Iterator[Here]:
    with office() as opened:
        yield opened


def test_a_new_client_is_put_into_the_contact_book_with_links(here: Here) -> None:
    """P-API-01."""
    product, twin, server = here
    assert product.post("missed", missed())["status"] == "done"
    made = {write.kind: write.id for write in twin.writes("create")}
    (contact,) = server.contacts.values()
    assert contact["externalId"] == made["contact"]
    assert contact["contactDirections"] == [{"type": "phone", "value": CLIENT[1:]}]
    assert made["contact"] in contact["contactLink"]
    assert made["lead"] in contact["leadLink"]
    assert contact["projectId"] == PROJECT_ID


def test_a_client_who_was_found_is_put_there_too(here: Here) -> None:
    product, twin, server = here
    known = twin.seed_contact(phone=CLIENT, name="A client", owner=None)
    product.post("in.after", after_call())
    assert known in server.contacts


def test_what_has_not_changed_is_not_sent_again(here: Here) -> None:
    product, _, server = here
    product.post("missed", missed("call-1"))
    product.post("missed", missed("call-2"))
    product.post("missed", missed("call-3"))
    assert server.synced <= 2
    assert len(server.contacts) == 1


def test_it_is_off_until_somebody_wants_it() -> None:
    with office(contacts=False) as (product, _, server):
        product.post("missed", missed())
        assert server.synced == 0


@pytest.mark.parametrize("status", [401, 500])
def test_its_troubles_are_counted_and_nothing_else(here: Here, status: int) -> None:
    product, twin, server = here
    server.answer = Response("", status)
    assert product.post("missed", missed())["status"] == "done"
    assert {write.kind for write in twin.writes("create")} == {"contact", "organization", "lead"}
    assert "contact book not fed" in product.log.getvalue()
    assert CLIENT[1:] not in product.log.getvalue()


def test_a_project_without_its_id_is_told(here: Here) -> None:
    with office(telephony={"project_id": None}) as (product, _, server):
        assert product.post("missed", missed())["status"] == "done"
        assert "contact book not fed" in product.log.getvalue()
        assert server.synced == 0


def test_without_time_it_is_left(here: Here) -> None:
    product, _, server = here
    product.service.projects.get("demo")
    assert product.post("missed", missed("call-1"), seconds=30)["status"] == "done"
    synced = server.synced
    product.post("missed", missed("call-2", "+380671234568"), seconds=5.5)
    assert server.synced == synced


def test_a_call_that_is_not_carried_out_is_not_told(here: Here) -> None:
    product, twin, server = here
    twin.misbehave(Fault("status", status=503, times=None))
    assert product.post("missed", missed())["status_code"] == 202
    assert server.synced == 0
