"""What is sent again when the integration is switched on again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from patchcord.model.effects import CreateTask
from patchcord.scenarios.reactivation import Activation, Version, activation, due_from, resent, resent_since
from tests.unit.builders import ENDED, NEW, decision, missed, project

NOW = datetime(2026, 3, 5, 10, 0, tzinfo=UTC)
"""12:00 in Kyiv: the day began at 22:00 UTC."""

TICKED = {"resend.on_reactivation": True}


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}:00+00:00")


def test_without_the_tick_nothing_is_sent_again() -> None:
    """P-PD-11, O-49."""
    found = resent([at("03-05T09:00")], NOW, project())
    assert (found.sent, found.left) == ((), (at("03-05T09:00"),))


def test_today_and_the_two_days_before_in_their_order() -> None:
    """P-PD-10, P-PD-12, P-PD-13, D-33: days are the project's, not UTC's."""
    calls = [at("03-05T09:00"), at("03-02T22:00"), at("03-02T21:59"), at("03-04T12:00"), at("03-05T10:30")]
    found = resent(calls, NOW, project(changes=TICKED))
    assert found.sent == (at("03-02T22:00"), at("03-04T12:00"), at("03-05T09:00"))
    assert found.left == (at("03-02T21:59"),)


@pytest.mark.parametrize(
    ("changes", "since"),
    [
        ({"resend.days": 1}, "03-04T22:00"),
        ({"resend.days": 5}, "02-28T22:00"),
        ({"resend.days": 5, "events.retention": 2}, "03-03T22:00"),
        ({"resend.days": 30}, "02-03T22:00"),
    ],
)
def test_the_reach_is_the_projects(changes: dict[str, Any], since: str) -> None:
    """O-49, O-61."""
    assert resent_since(NOW, project(changes={**TICKED, **changes})) == at(since)


def test_who_asks_for_it_need_not_have_ticked() -> None:
    assert resent_since(NOW, project(), True) == at("03-02T22:00")
    assert resent_since(NOW, project(changes=TICKED), False) is None


def versions(text: str) -> list[Version]:
    """Versions newest first: `+` on, `-` off, `t` on and ticked; each a day younger than the next."""
    marks = {"+": (True, False), "-": (False, False), "t": (True, True)}
    return [Version(NOW - timedelta(days=age), *marks[mark]) for age, mark in enumerate(text)]


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ("-+", None),
        ("++-", (1, False, False)),
        ("+++", (2, False, False)),
        ("++-+", (1, True, False)),
        ("+t-+", (1, True, True)),
        ("t+-+", (1, True, False)),
    ],
)
def test_since_when_it_is_on(history: str, expected: tuple[int, bool, bool] | None) -> None:
    """Ticking it after it was switched on again is too late (P-PD-11)."""
    wanted = None if expected is None else Activation(NOW - timedelta(days=expected[0]), expected[1], expected[2])
    assert activation(versions(history)) == wanted


def test_deadlines_of_a_call_that_is_sent_again_count_from_now() -> None:
    """D-33."""
    settings, later = project(), ENDED + timedelta(days=2)
    found = decision(missed(), NEW, settings)
    moved = due_from(found, ENDED, later, settings)
    (task,) = [effect for effect in moved.effects if isinstance(effect, CreateTask)]
    assert task.due_at == later + timedelta(hours=4)
    assert due_from(found, ENDED, ENDED, settings) == found
