"""A burst that a CRM cannot take at once: everything is done, once; `make load` is the same with a thousand (design 1, 6)."""

from __future__ import annotations

from bench.load.__main__ import lost, twice
from bench.load.burst import played, stage


def test_a_burst_is_carried_out_once_and_nobody_else_suffers() -> None:
    with stage() as here:
        outcome = played(here, 60, callers=5, beside=4)
        assert (lost(here, outcome.sent), twice(here, outcome.sent), here.queue.buried, here.aws.overrun) == (0, 0, [], 0)
        assert here.aws.observer.counted["waiting: rate_limit"]  # they did have to wait
        assert here.queue.most_tries <= 3  # and that is no failed try
        assert set(outcome.destinations) == {"acme_anna"}
        assert len(outcome.during.promised) == len(outcome.alone.promised) == 2
