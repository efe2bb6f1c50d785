"""Working hours: deadlines that count business time only (O-06, O-48)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

LONGEST_SEARCH = 366


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """Weekly hours (0 = Monday; from, to) in a time zone, and the dates on which nobody works."""

    zone: str
    week: Mapping[int, tuple[time, time]]
    holidays: frozenset[date] = frozenset()

    def open_on(self, day: date) -> tuple[datetime, datetime] | None:
        """The opening and closing instant of a day, None for a day off."""
        hours = self.week.get(day.weekday())
        if hours is None or day in self.holidays:
            return None
        zone = ZoneInfo(self.zone)
        return datetime.combine(day, hours[0], zone), datetime.combine(day, hours[1], zone)

    def contains(self, moment: datetime) -> bool:
        """Whether the instant lies within working hours."""
        hours = self.open_on(moment.astimezone(ZoneInfo(self.zone)).date())
        return hours is not None and hours[0] <= moment < hours[1]

    def after(self, start: datetime, duration: timedelta) -> datetime:
        """The instant at which `duration` of working time has passed since `start`.

        Raises ValueError when a year of the calendar does not hold that much working time.
        """
        left, day = duration, start.astimezone(ZoneInfo(self.zone)).date()
        for _ in range(LONGEST_SEARCH):
            hours = self.open_on(day)
            if hours is not None:
                begin = max(start, hours[0])
                if begin + left <= hours[1]:
                    return begin + left
                left -= max(timedelta(0), hours[1] - begin)
            day += timedelta(days=1)
        raise ValueError("the working hours hold less time in a year than the deadline needs")
