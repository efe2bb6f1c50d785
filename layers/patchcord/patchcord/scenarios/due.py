"""When something is due: on the wall's clock or on the business's (O-06, O-48)."""

from __future__ import annotations

from datetime import datetime, timedelta

from patchcord.model.settings import Settings


def due_after(start: datetime, duration: timedelta, settings: Settings) -> datetime:
    """The instant that is `duration` after `start`; with `deadline_clock` = business only working hours count.

    Raises ValueError when a year of the calendar does not hold that much working time.
    """
    calendar = settings.calendar
    if settings.tasks.deadline_clock == "business" and calendar is not None:
        return calendar.after(start, duration)
    return start + duration
