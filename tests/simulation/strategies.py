"""Which histories are tried: hypothesis draws them, and shrinks the ones in which something breaks."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from patchcord.model.vendors import VENDORS
from tests.simulation.history import FREEZES, CrmTrouble, History, Office, Scene, WorkerTrouble
from tests.simulation.scenes import ANYWHERE, BLOCKED, MANGO, RINGOSTAT

CRM_TROUBLES = (
    "429", "500", "503", "html", "garbage", "empty", "lose_answer", "time_out", "slow", "expired_token",
    "missing_right", "refuse",
)  # fmt: skip
PACES = (5, 5, 20, 100, 300)
CLIENTS = (0, 0, 0, 1, 2, BLOCKED)
"""Mostly the same client again, which is where things go wrong."""

offices = st.builds(
    Office,
    vendor=st.sampled_from(VENDORS),
    provider=st.sampled_from(("ringostat", "mango")),
    lags=st.booleans(),
    known=st.sampled_from(((), (), (1,), (0,))),
    overdue=st.sampled_from(("remind_senior", "remind_senior", "reassign", "note")),
)
seconds = st.sampled_from((0, 0, 0, 1, 3, 20, 45, 70, 130, 600))


def scenes(of: Sequence[Office]) -> st.SearchStrategy[Scene]:
    """A scene of one of the offices."""
    return st.integers(0, len(of) - 1).flatmap(lambda number: _scene(number, of[number]))


def _scene(number: int, office: Office) -> st.SearchStrategy[Scene]:
    sorts = (*(RINGOSTAT if office.provider == "ringostat" else MANGO), *ANYWHERE)
    return st.builds(
        Scene,
        sort=st.sampled_from(sorts),
        office=st.just(number),
        client=st.sampled_from(CLIENTS),
        at=st.integers(0, 90),
        late=st.lists(seconds, max_size=6).map(tuple),
        again=st.lists(seconds, max_size=6).map(tuple),
        lost=st.lists(st.integers(0, 6), max_size=1).map(tuple),
    )


def _of(several: Sequence[Office]) -> st.SearchStrategy[History]:
    crm = st.builds(
        CrmTrouble,
        sort=st.sampled_from(CRM_TROUBLES),
        office=st.integers(0, len(several) - 1),
        nth=st.integers(0, 25),
        times=st.sampled_from((1, 1, 1, 3, 12)),
    )
    workers = st.builds(
        WorkerTrouble,
        sort=st.sampled_from(("dies_before", "dies_after", "freezes")),
        nth=st.integers(0, 120),
        seconds=st.sampled_from(FREEZES),
    )
    return st.builds(
        History,
        offices=st.just(tuple(several)),
        scenes=st.lists(scenes(several), min_size=1, max_size=5).map(tuple),
        crm=st.lists(crm, max_size=3).map(tuple),
        workers=st.lists(workers, max_size=3).map(tuple),
        paces=st.lists(st.sampled_from(PACES), min_size=1, max_size=5).map(tuple),
        skews=st.lists(st.integers(-5, 5), min_size=1, max_size=3).map(tuple),
        versions=st.sampled_from((1, 2)),
        saved=st.none() | st.integers(0, 100),
        jump=st.none() | st.none() | st.integers(0, 200),
    )


histories = st.lists(offices, min_size=1, max_size=2).flatmap(_of)
"""Histories of one or two projects."""
