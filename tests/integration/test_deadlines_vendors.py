"""Every CRM with tasks: a callback that is late is escalated, and one that was made good is completed (design 10)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from patchcord.model.vendors import VENDORS
from patchcord.scenarios.profiles import merge
from sandbox.demo import DEMOS, VendorDemo
from sandbox.twins import twin_class
from sandbox.twins.base import ManualClock, Twin, serve
from tests.executions import run_all
from tests.harness import START, World, world
from tests.integration.demo import CLIENT, document, missed, outgoing

WITH_TASKS = tuple(vendor for vendor in VENDORS if vendor != "altegio")
CALLBACK = {"kind": "callback", "assignee": "anna"}


@contextmanager
def stage(vendor: str, **tasks: Any) -> Iterator[tuple[World, Twin]]:
    """The product on a vendor's twin; Anna calls back whoever was missed."""
    clock = ManualClock(START)
    twin: Twin = twin_class(vendor)(clock=clock)
    with serve(twin) as running:
        connection = twin.connection(running.url)
        rows = {"rows": {name: {"task": CALLBACK} for name in ("in_missed_new", "in_missed_existing")}, "tasks": tasks}
        base = document(twin, running.url, crm={"vendor": vendor, "options": connection.options})
        settings = merge(merge(base, DEMOS.get(vendor, VendorDemo()).settings), rows)
        with world(settings, manual=clock, secrets=connection.secrets) as product:
            yield product, twin


def senior(product: World) -> str | None:
    """The senior manager, as the CRM knows him."""
    project = product.service.projects.get("demo")
    assert project is not None and project.settings.senior is not None
    return project.settings.senior.crm_user


def written(twin: Twin, before: int) -> list[str]:
    whats = {"task", "note", "complete_task"}
    return [write.do for write in twin.ledger[before:] if write.do in whats or (write.do, write.kind) == ("update", "task")]


@pytest.mark.parametrize("vendor", WITH_TASKS)
def test_the_senior_manager_is_reminded_at_the_exact_minute(vendor: str) -> None:
    """Also where the CRM keeps a date only, or no deadline at all: the execution is the clock."""
    with stage(vendor, deadline="PT90M") as (product, twin):
        product.post("missed", missed())
        product.keep_promises()
        (watch,) = product.deadlines.started.values()
        before = len(twin.ledger)
        assert run_all(product) == [["remind_senior"]]
        assert product.clock.now() - START < timedelta(hours=2)
        assert watch.due_at == START + timedelta(minutes=90, seconds=30)
        assert written(twin, before).count("task") == 1
        assert [task["assignee"] for task in twin.tasks()][-1] == senior(product)


@pytest.mark.parametrize("vendor", WITH_TASKS)
def test_a_callback_that_is_done_is_left_alone(vendor: str) -> None:
    with stage(vendor) as (product, twin):
        product.post("missed", missed())
        product.keep_promises()
        (watch,) = product.deadlines.started.values()
        twin.finish_task(watch.task)
        before = len(twin.ledger)
        assert run_all(product) == [["completed_or_gone"]]
        assert written(twin, before) == []


@pytest.mark.parametrize("vendor", WITH_TASKS)
def test_a_late_task_is_handed_over_with_a_note(vendor: str) -> None:
    with stage(vendor, on_overdue="reassign") as (product, twin):
        product.post("missed", missed())
        product.keep_promises()
        before = len(twin.ledger)
        assert run_all(product) == [["reassign"]]
        assert written(twin, before) == ["note", "update"]
        (task,) = twin.tasks()
        assert task["assignee"] == senior(product)


@pytest.mark.parametrize("vendor", WITH_TASKS)
def test_an_escalation_whose_answer_was_lost_is_written_once(vendor: str) -> None:
    with stage(vendor) as (product, twin):
        product.post("missed", missed())
        product.keep_promises()
        before = len(twin.ledger)
        twin.lose_next_write()
        assert run_all(product) == [["remind_senior"]]
        assert written(twin, before).count("task") == 1


@pytest.mark.parametrize("vendor", WITH_TASKS)
def test_a_talk_completes_the_callback(vendor: str) -> None:
    with stage(vendor, close_when_reached=True) as (product, twin):
        product.post("missed", missed())
        product.keep_promises()
        (watch,) = product.deadlines.started.values()
        product.clock.skip(1200)
        product.post("out.after", outgoing(call="ua1_-1772706000.9"))
        product.keep_promises()
        assert {task["id"]: task["completed"] for task in twin.tasks()}[watch.task] is True
        assert run_all(product) == [["completed_or_gone"]]


def test_a_crm_without_tasks_has_nothing_to_wait_for() -> None:
    """Altegio: a missed call is a comment, which is due never."""
    with stage("altegio", close_when_reached=True) as (product, twin):
        twin.seed_contact(phone=CLIENT, name="Client")
        product.post("missed", missed())
        product.post("out.after", outgoing(call="ua1_-1772706000.9"))
        product.keep_promises()
        assert product.deadlines.started == {}
        assert not product.queue.buried
