"""What a call has left unfinished is finished first, and holds up the client's other calls no longer than that (design 6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from patchcord.service.claims import Claims
from patchcord.service.clients import client_key, index_of
from patchcord.service.projects import Project, save
from patchcord.store.port import CallKey
from sandbox.twins.base import Fault, ManualClock, serve
from sandbox.twins.pipedrive import PipedriveTwin
from tests.executions import look, wait_until
from tests.harness import START, World, world
from tests.integration.demo import CLIENT, after_call, document, missed

SITE = "https://shop.example"
FORM = {"phone": CLIENT, "name": "Olena"}
A_MINUTE = 61
"""Seconds after which the claim of a dead worker has run out."""


@contextmanager
def stage(**settings: Any) -> Iterator[tuple[World, PipedriveTwin]]:
    clock = ManualClock(START)
    twin = PipedriveTwin(clock=clock, search_lag=timedelta(minutes=4))
    forms = {"enabled": True, "origins": [SITE]}
    with serve(twin) as running, world(document(twin, running.url, forms=forms, **settings), manual=clock) as product:
        yield product, twin


def project_of(product: World) -> Project:
    project = product.service.projects.get("demo")
    assert project is not None
    return project


def doubtful(product: World) -> tuple[str, ...]:
    """The client's calls of which it is not known what they have written."""
    return index_of(product.store.client("demo", client_key(project_of(product).client_secret, CLIENT))).doubtful


def test_a_form_that_nobody_wants_any_more_holds_up_nobody() -> None:
    """The answer to its lead was lost, and forms were switched off before anybody has looked for it."""
    with stage() as (product, twin):
        twin.misbehave(Fault("lose_answer", method="POST", path="leads"))
        product.form(FORM, origin=SITE)
        assert len(doubtful(product)) == 1
        known = product.store.document("demo")
        assert known is not None
        save(product.store, "demo", {**json.loads(known.body), "forms": {"enabled": False}}, "test", product.clock.now())
        product.clock.skip(600)
        assert product.post("missed", missed())["status"] == "done"
        assert doubtful(product) == ()
        assert len(twin.records("lead")) == 1


def test_a_call_that_was_erased_holds_up_nobody() -> None:
    with stage() as (product, twin):
        twin.misbehave(Fault("lose_answer", method="POST", path="leads"))
        product.post("in.after", after_call())
        (left,) = doubtful(product)
        assert product.store.erase_call(CallKey("demo", *left.split(" ", 1)))
        product.clock.skip(600)
        assert product.post("missed", missed("ua1_-1772704900.2"))["status"] == "done"
        assert doubtful(product) == ()


def died(product: World, call: str) -> str:
    """A worker has claimed the client for another call, and is gone; the call's name in the index."""
    assert Claims(product.store, product.clock).take(project_of(product), CLIENT, CallKey("demo", "ringostat", call))
    product.clock.skip(A_MINUTE)
    return f"ringostat {call}"


def test_a_worker_that_dies_over_a_dead_ones_claim_is_not_taken_for_it() -> None:
    """It has written nothing yet: what must be finished is still what the first one has left."""
    with stage() as (product, _):
        product.post("missed", missed())
        dead = died(product, "ua1_-1772704900.2")
        died(product, "ua1_-1772704901.3")
        assert product.post("missed", missed())["status"] == "duplicate"
        assert doubtful(product) == (dead,)


def test_a_repeated_webhook_that_takes_over_a_claim_leaves_it_to_whoever_comes_next() -> None:
    with stage() as (product, _):
        product.post("missed", missed())
        dead = died(product, "ua1_-1772704900.2")
        assert product.post("missed", missed())["status"] == "duplicate"
        assert doubtful(product) == (dead,)
        assert product.post("missed", missed("ua1_-1772704901.3"))["status"] == "done"
        assert doubtful(product) == ()


def test_a_look_at_a_deadline_that_takes_over_a_claim_leaves_it_to_whoever_comes_next() -> None:
    """What another call may have written is no hindrance to telling of a late task; but it is not forgotten."""
    with stage() as (product, twin):
        product.post("missed", missed())
        (watch,) = product.deadlines.started.values()
        wait_until(product, watch.tree()["due_at"])
        dead = died(product, "ua1_-1772704900.2")
        assert look(product, watch.tree())["outcome"] == "remind_senior"
        assert [write.do for write in twin.ledger][-2:] == ["task", "note"]
        assert doubtful(product) == (dead,)
