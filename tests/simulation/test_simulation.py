"""A part of the histories with every test run, and all that ever failed. `make simulate N=10000` tries more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.simulation.__main__ import tried
from tests.simulation.history import History, Scene, WorkerTrouble, history_of
from tests.simulation.invariants import check
from tests.simulation.play import play
from tests.simulation.strategies import histories

REGRESSIONS = sorted((Path(__file__).parent / "regressions").glob("*.json"))


@pytest.mark.parametrize("script", REGRESSIONS, ids=lambda path: path.stem)
def test_what_failed_once_holds(script: Path) -> None:
    check(play(history_of(json.loads(script.read_text("utf-8")))))


@pytest.mark.parametrize("number", range(1, 9))
def test_whatever_happens_the_promises_hold(number: int) -> None:
    tally = tried(75, number)
    assert tally.failure is None, "\n".join(tally.failure)
    assert tally.counts["histories"] == 75
    assert tally.troubles["dies_before"]
    assert tally.troubles["freezes"]


def test_a_script_is_the_history() -> None:
    history = History(scenes=(Scene("form", at=3, late=(0, 5)),), workers=(WorkerTrouble("freezes", 4, 61),), saved=0)
    assert history_of(json.loads(history.script())) == history
    assert history_of(json.loads(History().script())) == History()
    assert not histories.is_empty


def test_the_same_history_is_played_the_same_way() -> None:
    """Otherwise a failing one could be neither shrunk nor kept."""
    history = History(
        scenes=(Scene("asked", at=1), Scene("missed", at=2, again=(0, 3, 0)), Scene("form")),
        workers=(WorkerTrouble("dies_after", 20), WorkerTrouble("freezes", 31, 61)),
        paces=(5, 100, 20),
    )
    first, second = (play(history) for _ in range(2))
    assert first.stage.hands.count == second.stage.hands.count
    assert [place.twin.ledger for place in first.stage.places] == [place.twin.ledger for place in second.stage.places]
    assert [(told.begun, told.status) for told in first.told] == [(told.begun, told.status) for told in second.told]
