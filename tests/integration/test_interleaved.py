"""Two workers at once, at every point where they could meet: one client, one lead (design 1.2, 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.twins.pipedrive import PipedriveTwin
from tests.harness import World
from tests.integration.demo import after_call, missed
from tests.integration.test_crash import RECORDS, Dying, dying_world, written


class Meeting(Dying):
    """A worker whose every I/O takes so many seconds; at the given one it stands still, and another call of the client comes
    in."""

    def __init__(self, at: int, before: bool, seconds: float, still: float) -> None:
        super().__init__(at, before)
        self._seconds, self._still = seconds, still
        self.product: World | None = None

    def run(self, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not self.armed or self.product is None:
            return operation(*args, **kwargs)
        self.count += 1
        self.product.clock.sleep(self._seconds)
        if self.count == self.at and self.before:
            self._meet(self.product)
        answer = operation(*args, **kwargs)
        if self.count == self.at and not self.before:
            self._meet(self.product)
        return answer

    def _meet(self, product: World) -> None:
        self.armed = False
        product.clock.sleep(self._still)
        product.post("missed", missed("ua1_-1772704900.2"))
        self.armed = True


def met(at: int, before: bool, seconds: float = 0.0, still: float = 0.0) -> tuple[int, PipedriveTwin]:
    """What two calls of a new client have written, and how many I/Os the first one took."""
    meeting = Meeting(at, before, seconds, still)
    with dying_world(meeting) as (product, twin):
        project = product.service.projects.get("demo")
        assert project is not None
        if still:  # requests end with the claim, on the clock that stood still
            product.service.projects.crm(project).http.clock = lambda: product.clock.now().timestamp()
        meeting.product, meeting.armed = product, True
        product.post("in.after", after_call())
        meeting.armed = False
        if at == 0:
            product.post("missed", missed("ua1_-1772704900.2"))
        product.keep_promises()
        return meeting.count, twin


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("seconds", [0.0, 7.0], ids=["fast", "slow"])
def test_another_call_that_comes_at_any_point_makes_no_second_lead(seconds: float, before: bool) -> None:
    """Slow: the writes end later than the claim would have, had it not been prolonged with each intent."""
    count, _ = met(0, before, seconds)
    assert count > 7
    for at in range(1, count + 1):
        _, twin = met(at, before, seconds)
        done = written(twin)
        tasks = done.pop("task")
        assert done == RECORDS, f"met at I/O {at}"
        # where the missed call was first the lead is the senior manager's, who reviews the answered one
        assert len({write.fields["marker"] for write in twin.writes("task")}) == tasks in {2, 3}


def test_a_worker_that_stood_still_until_its_claim_ran_out_writes_nothing_more() -> None:
    """Whoever took over has looked for what it had written, and made what was not there."""
    count, _ = met(0, before=False, still=65.0)
    for at in range(1, count + 1):
        _, twin = met(at, before=False, still=65.0)
        done = written(twin)
        assert {kind: done[kind] for kind in RECORDS} == RECORDS, f"stood still after I/O {at}"
