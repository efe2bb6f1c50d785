"""Many at once: one client, one lead, however many of his calls come in the same second (design 1.2)."""

from __future__ import annotations

import threading
from datetime import timedelta

from patchcord.store.memory import MemoryStore
from sandbox.twins.base import serve
from sandbox.twins.pipedrive import PipedriveTwin
from tests.harness import World, world
from tests.integration.demo import document, missed

CALLS = 20


def post_all(product: World, calls: list[str]) -> None:
    threads = [threading.Thread(target=product.post, args=("missed", missed(call))) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


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
