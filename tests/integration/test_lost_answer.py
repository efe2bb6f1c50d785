"""Every CRM writes, its answer gets lost, and its search does not show it yet: nothing is written twice (design 1.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest

from patchcord.crm.connect import open_crm
from patchcord.model.vendors import VENDORS
from patchcord.scenarios.profiles import merge
from patchcord.store.memory import MemorySecrets, MemoryStore
from sandbox.demo import DEMOS, VendorDemo
from sandbox.twins import twin_class
from sandbox.twins.base import ManualClock, Twin, serve
from tests.harness import START, world
from tests.integration.demo import after_call, answer, document

PLAIN_HUBSPOT = ("hubspot", {"marker_property": "none"})
CASES = [*((vendor, {}) for vendor in VENDORS), PLAIN_HUBSPOT]


def writes_of_a_call(vendor: str, options: Mapping[str, str], lost: bool) -> Counter[tuple[str, str]]:
    """What the first answered call of a client came to; `lost` has the first write's answer get lost."""
    clock = ManualClock(START)
    twin: Twin = twin_class(vendor)(clock=clock)
    with serve(twin) as running:
        connection = twin.connection(running.url)
        all_options = {**connection.options, **options}
        own = DEMOS.get(vendor, VendorDemo()).settings
        settings = merge(document(twin, running.url, crm={"vendor": vendor, "options": all_options}), own)
        secrets = MemorySecrets()
        for name, value in connection.secrets.items():
            secrets.put("demo", name, value)
        twin.search_lag = open_crm(vendor, all_options, secrets, MemoryStore(), "demo").declaration.search_lag
        with world(settings, manual=clock, secrets=connection.secrets) as product:
            before = len(twin.ledger)
            if lost:
                twin.lose_next_write()
            product.post("in.after", after_call())
            product.keep_promises()
            assert not product.queue.buried
            return Counter((write.do, write.kind) for write in twin.ledger[before:])


def test_a_recording_that_comes_while_the_task_is_in_doubt_is_added_to_it() -> None:
    """D-28: the task was written without it, and its answer got lost."""
    clock = ManualClock(START)
    twin: Twin = twin_class("pipedrive")(clock=clock)
    with serve(twin) as running, world(document(twin, running.url), manual=clock) as product:
        product.post("in.answer", answer())
        twin.lose_next_write()
        product.post("in.after", after_call(has_recording="0", recording=""))
        product.post("in.after", after_call())
        product.keep_promises()
        assert len(twin.writes("task")) == 1
        assert [write for write in twin.ledger if write.do == "update" and write.fields.get("recording")]


@pytest.mark.parametrize(("vendor", "options"), CASES)
def test_a_lost_answer_and_a_search_that_lags_write_nothing_twice(vendor: str, options: Mapping[str, str]) -> None:
    expected = writes_of_a_call(vendor, options, lost=False)
    assert expected
    assert writes_of_a_call(vendor, options, lost=True) == expected
