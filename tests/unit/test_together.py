"""Side by side: order, errors, how many at once. And that a look-up is no deeper than its vendor forces, counted at the twins."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from bench import routing
from bench.crm_requests import vendors
from patchcord.crm.errors import Transient
from patchcord.crm.grants import NoCredentials
from patchcord.crm.http import Http
from patchcord.crm.together import AT_ONCE, together

PATIENCE = 10.0
"""Seconds after which a thread that never came is an error."""


def failing(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


class TestTogether:
    def test_nothing_comes_to_nothing(self) -> None:
        assert together([]) == []

    def test_single_task_runs_in_the_callers_thread(self) -> None:
        assert together([threading.current_thread]) == [threading.current_thread()]

    def test_results_come_in_the_order_of_the_tasks(self) -> None:
        """The first ends last: it waits for the second."""
        second_done = threading.Event()

        def first() -> str:
            assert second_done.wait(PATIENCE)
            return "first"

        def second() -> str:
            second_done.set()
            return "second"

        assert together([first, second]) == ["first", "second"]

    def test_as_many_at_once_as_are_allowed(self) -> None:
        """Nobody goes on before all are there; one more would wait for ever."""
        all_there = threading.Barrier(AT_ONCE, timeout=PATIENCE)
        assert len(together([all_there.wait] * AT_ONCE)) == AT_ONCE

    def test_never_more_at_once_than_are_allowed(self) -> None:
        """The caller is one of them."""
        threads: list[int] = []

        class Pool(routing.InTurn):
            def __init__(self, most: int, *_: object) -> None:
                threads.append(most)

        with routing.in_place_of_threads(Pool):
            assert len(together([lambda: None] * AT_ONCE * 4)) == AT_ONCE * 4
            together([lambda: None] * 2)
        assert threads == [AT_ONCE - 1, 1]

    @pytest.mark.parametrize("place", [0, 1])
    def test_error_is_raised_once_all_have_ended(self, place: int) -> None:
        ended: list[str] = []
        tasks: list[Callable[[], None]] = [lambda: ended.append("one"), lambda: ended.append("two")]
        tasks.insert(place, failing(KeyError("lost")))
        with pytest.raises(KeyError):
            together(tasks)
        assert sorted(ended) == ["one", "two"]

    def test_first_error_in_the_order_of_the_tasks_is_raised(self) -> None:
        for count in (1, 2):
            tasks = [*[lambda: None] * count, failing(KeyError("first")), failing(ValueError("second"))]
            with pytest.raises(KeyError):
                together(tasks)
        with pytest.raises(KeyError):
            together([failing(KeyError("first")), failing(ValueError("second"))])

    def test_every_request_is_bounded_by_the_deadline(self) -> None:
        """No server is needed: none is asked."""
        http = Http("acme", "http://127.0.0.1:9", NoCredentials(), clock=lambda: 100.0)
        http.deadline = 100.0
        with pytest.raises(Transient, match="no time is left"):
            together([lambda: http.call("GET", "/", operation="read")] * 3)
        assert http.count == 0

    def test_importing_it_loads_no_pool(self) -> None:
        code = "import sys, patchcord.crm.together; sys.exit('concurrent.futures' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestDepth:
    @pytest.mark.parametrize("vendor", vendors())
    def test_look_up_of_a_known_client_is_as_deep_as_the_vendor_forces(self, vendor: str) -> None:
        with routing.known_client(vendor) as stand:
            assert stand.depth() == stand.forced_depth(known=True)

    @pytest.mark.parametrize("vendor", vendors())
    def test_look_up_of_nobody_is_as_deep_as_the_vendor_forces(self, vendor: str) -> None:
        with routing.stand(vendor) as stand:
            assert stand.depth() == stand.forced_depth(known=False)

    def test_rounds_are_counted(self) -> None:
        """Two in a row, then three tasks of one, two and three requests at once: five of eight."""
        sent: list[int] = []

        def send(count: int) -> Callable[[], None]:
            return lambda: sent.extend(range(count))

        rounds = routing.Rounds(lambda: len(sent))
        with routing.in_place_of_threads(rounds):
            together([send(2)])
            together([send(1), send(2), send(3)])
        assert (rounds.depth, len(sent)) == (5, 8)

    def test_in_turn_everything_is_done_by_the_caller(self) -> None:
        with routing.in_place_of_threads(routing.InTurn):
            assert set(together([threading.current_thread] * 3)) == {threading.current_thread()}


class TestFigure:
    @pytest.mark.parametrize(("usual", "holds"), [(2.14, True), (2.16, False)])
    def test_the_usual_look_up_is_limited(self, usual: float, holds: bool) -> None:
        seconds = [routing.DELAY * delays for delays in (*[usual] * 19, 5.0)]
        shown = routing.figure(routing.Taken("acme", seconds, routing.DELAY * 4, 2))
        assert (shown.measured, shown.holds) == (f"{usual:.2f} / 5.00 (4.00)", holds)

    def test_percentile_is_a_value_that_was_measured(self) -> None:
        assert routing.percentile(list(range(200, 0, -1)), 99) == 198
        assert routing.percentile([3.0, 1.0], 99) == 3.0
