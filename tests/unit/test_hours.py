"""Working hours: deadlines that count business time only (O-06, O-48)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchcord.model.hours import WorkingHours
from patchcord.model.settings import weekdays
from tests.unit.builders import project

KYIV = ZoneInfo("Europe/Kyiv")
HOURS = WorkingHours("Europe/Kyiv", dict.fromkeys(range(5), (time(9), time(18))), frozenset({date(2026, 3, 9)}))
"""Monday, 9 March 2026 is a holiday."""


def kyiv(day: int, hour: int, minute: int = 0, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=KYIV)


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        (kyiv(5, 12), 4, kyiv(5, 16)),
        (kyiv(5, 14), 4, kyiv(5, 18)),
        (kyiv(5, 16), 4, kyiv(6, 11)),
        (kyiv(5, 20), 4, kyiv(6, 13)),
        (kyiv(5, 6), 4, kyiv(5, 13)),
        (kyiv(6, 16), 4, kyiv(10, 11)),
        (kyiv(7, 12), 4, kyiv(10, 13)),
        (kyiv(5, 12), 20, kyiv(10, 14)),
        (kyiv(27, 17), 2, kyiv(30, 10)),
    ],
    ids=[
        "same day",
        "to the minute",
        "over night",
        "evening",
        "early",
        "weekend and holiday",
        "saturday",
        "days",
        "clocks change",
    ],
)
def test_only_working_time_counts(start: datetime, hours: int, due: datetime) -> None:
    """O-06: from the end of the call, in the project's zone, whatever zone the moment is given in (D-03)."""
    assert HOURS.after(start, timedelta(hours=hours)) == due
    assert HOURS.after(start.astimezone(UTC), timedelta(hours=hours)) == due


@given(
    st.integers(0, 330 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
    st.integers(1, 3000).map(lambda minutes: timedelta(minutes=minutes)),
)
def test_a_deadline_lies_in_working_hours_and_after_its_start(start: datetime, duration: timedelta) -> None:
    due = HOURS.after(start, duration)
    assert due >= start + duration
    assert HOURS.contains(due - timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("moment", "open_"),
    [(kyiv(5, 9), True), (kyiv(5, 8, 59), False), (kyiv(5, 18), False), (kyiv(7, 12), False), (kyiv(9, 12), False)],
)
def test_opening_is_in_closing_is_out(moment: datetime, open_: bool) -> None:
    """S1-22, O-48."""
    assert HOURS.contains(moment) is open_


def test_a_calendar_without_working_time_says_so() -> None:
    with pytest.raises(ValueError, match="less time in a year"):
        WorkingHours("Europe/Kyiv", {}).after(kyiv(5, 12), timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "days"),
    [("mon-fri", (0, 1, 2, 3, 4)), ("mon,wed,sat", (0, 2, 5)), ("Mon - Wed, Sun", (0, 1, 2, 6)), ("sun", (6,))],
)
def test_days(text: str, days: tuple[int, ...]) -> None:
    assert weekdays(text) == days


@pytest.mark.parametrize("text", ["", "monday", "mon-xyz", "-fri"])
def test_other_words_are_no_days(text: str) -> None:
    with pytest.raises(ValueError, match="no day or range"):
        weekdays(text)


def test_a_range_over_the_weekend_is_not_empty() -> None:
    """O-48: `sat-mon` is three days; none at all would leave every business deadline without an end."""
    assert set(weekdays("sat-mon")) == {5, 6, 0}


def test_the_projects_calendar_is_in_the_projects_zone() -> None:
    """O-48; both spellings of the hours."""
    hours = {"days": "mon-fri", "from": "09:00", "to": "18:00", "holidays": ["2026-03-06"]}
    calendar = project(changes={"working_hours": hours}).calendar
    assert calendar is not None
    assert calendar.open_on(date(2026, 3, 5)) == (kyiv(5, 9), kyiv(5, 18))
    assert calendar.open_on(date(2026, 3, 6)) is None
    assert project().calendar is None
