"""Many at once: one client, one lead, however many of his calls come in the same second (design 1.2)."""

from __future__ import annotations

import threading
from datetime import timedelta

from patchcord.store.memory import MemoryStore
from sandbox.twins.base import ManualClock, serve
from sandbox.twins.pipedrive import PipedriveTwin
from tests.harness import START, World, world
from tests.integration.demo import after_call, before_call, document, missed

CALLS = 20


def post_all(product: World, calls: list[str]) -> None:
    threads = [threading.Thread(target=product.post, args=("missed", missed(call))) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_what_another_call_has_made_since_the_phone_rang_is_seen() -> None:
    """A popup looks for the client while it rings; the client's other call makes the lead before this one is answered."""
    clock = ManualClock(START)
    twin = PipedriveTwin(clock=clock, search_lag=timedelta(minutes=4))
    with serve(twin) as running:
        body = document(twin, running.url, rows={"in_ringing_new": {"popup": ["phone"]}})
        with world(body, manual=clock) as product:
            product.post("in.before", before_call("first"))
            product.post("in.after", after_call("second"))
            product.clock.skip(30)
            product.post("in.after", after_call("first"))
            assert [len(twin.writes("create", kind)) for kind in ("contact", "organization", "lead")] == [1, 1, 1]
            assert len(twin.writes("task")) == 2


def test_twenty_first_calls_of_one_new_client_make_one_lead() -> None:
    """Real threads, a CRM whose search does not show any of it; whoever waits too long is brought back by its promise."""
    twin = PipedriveTwin(search_lag=timedelta(minutes=4))
    with serve(twin) as running:
        body = document(twin, running.url)
        with world(body, store=MemoryStore(), real_time=True) as product:
            post_all(product, [f"ua1_-177270480{index:02}.{index}" for index in range(CALLS)])
            product.keep_promises(rounds=50)
            assert {kind: len(twin.writes("create", kind)) for kind in ("contact", "organization", "lead")} == {
                "contact": 1,
                "organization": 1,
                "lead": 1,
            }
            assert len(twin.writes("task")) == CALLS
            lead = twin.records("lead")[0]["id"]
            assert all(["lead", lead] in write.fields["targets"] for write in twin.writes("task"))
