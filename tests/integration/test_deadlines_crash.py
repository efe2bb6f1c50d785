"""A worker that dies at any I/O: the wait for a deadline begins once all the same, and what follows is written once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import requests

from patchcord.service.claims import call_name
from patchcord.service.clients import client_key, index_of
from patchcord.service.deadlines import MemoryDeadlines
from patchcord.service.journal import is_unfinished, states_of
from patchcord.service.overdue import CrmNotNow
from patchcord.store.memory import MemoryStore
from sandbox.twins.base import ManualClock, serve
from sandbox.twins.pipedrive import PipedriveTwin
from tests.executions import look, wait_until
from tests.harness import START, PromiseQueue, VirtualClock, World, world
from tests.integration.demo import CLIENT, document, missed
from tests.integration.test_crash import LAG, Dying, Killed, Wrapped
from tests.integration.test_unfinished import project_of

SIDES = pytest.mark.parametrize("before", [True, False], ids=["before", "after"])


@contextmanager
def dying_world(dying: Dying, **settings: Any) -> Iterator[tuple[World, PipedriveTwin, MemoryDeadlines]]:
    """The product for a client whom Anna knows, with a twin whose search lags, and a worker that dies where `dying` says."""
    clock = ManualClock(START)
    twin = PipedriveTwin(clock=clock, search_lag=LAG)
    send = requests.Session.send
    with serve(twin) as running, pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "send", lambda session, *args, **kwargs: dying.run(send, session, *args, **kwargs))
        virtual = VirtualClock(clock)
        store, queue = Wrapped(MemoryStore(now=virtual.now), dying), Wrapped(PromiseQueue(virtual), dying)
        deadlines = MemoryDeadlines()
        rows = {"in_missed_existing": {"task": {"kind": "callback", "assignee": "anna"}}}
        told = document(twin, running.url, rows=rows, **settings)
        anna = told["employees"]["anna"]["crm_user"]
        twin.seed_lead(name="Lead", owner=anna, contact=twin.seed_contact(phone=CLIENT, name="Client", owner=anna))
        wrapped: Any = Wrapped(deadlines, dying)
        with world(told, manual=clock, store=store, queue=queue, deadlines=wrapped) as product:
            yield product, twin, deadlines


def call(product: World, dying: Dying) -> None:
    """A missed call. Whoever sends its webhook and gets no answer sends it again; promises are kept in the end."""
    dying.armed = True
    try:
        product.post("missed", missed())
    except Killed:
        dying.armed = False
        product.clock.sleep(20)
        product.post("missed", missed())
    while True:
        try:
            product.keep_promises()
        except Killed:
            continue
        return


def operations_of_call() -> int:
    dying = Dying(at=0, before=False)
    with dying_world(dying) as (product, twin, deadlines):
        call(product, dying)
        assert (len(twin.tasks()), len(deadlines.started)) == (1, 1)
    return dying.count


OF_CALL = 11
"""The I/Os of the missed call; test_every_operation_is_covered holds it to the truth."""


def test_every_operation_is_covered() -> None:
    assert operations_of_call() == OF_CALL
    assert {action: operations_of_look(action) for action in OF_LOOK} == OF_LOOK


@SIDES
@pytest.mark.parametrize("at", range(1, OF_CALL + 1))
def test_whatever_dies_the_one_task_is_waited_for(at: int, before: bool) -> None:
    dying = Dying(at, before)
    with dying_world(dying) as (product, twin, deadlines):
        call(product, dying)
        (task,) = twin.tasks()
        (watch,) = deadlines.started.values()
        assert watch.task == task["id"]


@SIDES
@pytest.mark.parametrize("at", range(1, OF_CALL + 1))
def test_nobody_waits_for_a_task_that_the_journal_does_not_know(at: int, before: bool) -> None:
    """The execution comes to its end, and finds what it was started for."""
    dying = Dying(at, before)
    with dying_world(dying) as (product, twin, deadlines):
        call(product, dying)
        (watch,) = deadlines.started.values()
        wait_until(product, watch.tree()["due_at"])
        assert look(product, watch.tree())["outcome"] == "remind_senior"
        assert len(twin.tasks()) == 2


RECORDED = 9
"""The I/Os of a recording that comes after the call."""
INTENDED = 6
"""The one of them that writes down what is going to be done."""


@SIDES
@pytest.mark.parametrize("at", range(1, RECORDED + 1))
def test_a_look_does_not_forget_what_a_dead_worker_of_its_call_has_left(at: int, before: bool) -> None:
    """It takes the claim over from that worker, and gives it back; the client's next call must know."""
    dying = Dying(at, before)
    with dying_world(dying) as (product, _, deadlines):
        product.post("missed", missed())
        (watch,) = deadlines.started.values()
        dying.armed = True
        with suppress(Killed):
            product.post(
                "missed", missed(has_recording="1", recording="https://app.ringostat.com/recordings/1.ogg", voicemail="1")
            )
        assert dying.count == at
        dying.armed = False
        wait_until(product, watch.tree()["due_at"])
        assert look(product, watch.tree())["outcome"] == "remind_senior"
        entry = product.store.entry(watch.key)
        assert entry is not None
        left = (call_name(watch.key),) if is_unfinished(states_of(entry)) else ()
        assert left or not INTENDED < at < RECORDED
        client = client_key(project_of(product).client_secret, CLIENT)
        assert index_of(product.store.client("demo", client)).doubtful == left


# --- looking ---


def looked(product: World, dying: Dying, state: dict[str, Any]) -> dict[str, Any]:
    """The look, which the state machine repeats when the function dies or the CRM cannot be asked."""
    wait_until(product, state["due_at"])
    dying.armed, dying.count = True, 0
    for _ in range(10):
        try:
            return look(product, state)
        except (Killed, CrmNotNow):
            product.clock.skip(61)
    raise AssertionError("no try came to its end")


def operations_of_look(action: str) -> int:
    dying = Dying(at=0, before=False)
    with dying_world(dying, tasks={"on_overdue": action}) as (product, _, deadlines):
        product.post("missed", missed())
        (watch,) = deadlines.started.values()
        looked(product, dying, watch.tree())
    return dying.count


OF_LOOK = {"note": 11, "remind_senior": 11, "reassign": 12}
"""The I/Os of a look that escalates."""


@SIDES
@pytest.mark.parametrize(("action", "at"), [(action, at) for action, most in OF_LOOK.items() for at in range(1, most + 1)])
def test_whatever_dies_it_is_escalated_once(action: str, at: int, before: bool) -> None:
    dying = Dying(at, before)
    with dying_world(dying, tasks={"on_overdue": action}) as (product, twin, deadlines):
        product.post("missed", missed())
        (watch,) = deadlines.started.values()
        assert looked(product, dying, watch.tree())["next"] == "done"
        # to give a task to the same person again changes nothing
        written = Counter(write.do for write in twin.ledger if write.fields)
        expected = {"note": {"task": 1, "note": 1}, "remind_senior": {"task": 2}, "reassign": {"task": 1, "note": 1, "update": 1}}
        assert written == expected[action]
