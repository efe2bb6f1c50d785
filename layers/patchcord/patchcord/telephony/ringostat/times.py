"""Times and durations (telephony.md 1.3, 1.4): microseconds since 1970 are sure, local text needs the project's zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from patchcord.telephony.ringostat.fields import Fields

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)
LONGEST_CALL = 24 * 3600

_TEXT_FORMATS = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M")
"""Beside ISO 8601. Days and months around slashes are left out: nobody can tell which is which."""


def started_at(fields: Fields, zone: str, received_at: datetime) -> datetime | None:
    """When the call began; None when the payload does not say. `call_timestamp` is preferred: it needs no zone."""
    for name in ("call_timestamp", "calldate"):
        text = fields.text(name)
        if text is not None:
            return _bounded(fields, name, instant(text, zone), received_at)
    return None


def _bounded(fields: Fields, name: str, moment: datetime | None, received_at: datetime) -> datetime | None:
    if moment is None:
        fields.refuse(name, "a date and time", "text")
    elif moment < EARLIEST:
        fields.refuse(name, "a time after 2010", "an earlier time")
    elif moment > received_at + AHEAD:
        fields.refuse(name, "a time that has been", "a time in the future")
    else:
        return moment
    return None


def instant(text: str, zone: str) -> datetime | None:
    """The time in UTC; None when unreadable. Text without an offset is local time of `zone`.

    An hour that the clocks show twice is read as its first pass, one that they skip as if they had not been changed yet.
    """
    whole, _, fraction = text.partition(".")
    if whole.isdecimal() and (not fraction or fraction.isdecimal()):
        return _of_epoch(whole)
    moment = _of_text(text)
    if moment is None or not 1900 < moment.year < 9000:
        return None
    if moment.tzinfo is None:
        from zoneinfo import ZoneInfo

        moment = moment.replace(tzinfo=ZoneInfo(zone), fold=0)
    return moment.astimezone(UTC)


def _of_epoch(digits: str) -> datetime | None:
    """Seconds, milliseconds or microseconds, told apart by their length (16 digits are microseconds)."""
    if len(digits) > 17:
        return None
    scale = 1 if len(digits) > 14 else 1_000 if len(digits) > 11 else 1_000_000
    return EPOCH + timedelta(microseconds=int(digits) * scale)


def _of_text(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for style in _TEXT_FORMATS:
        try:
            return datetime.strptime(text, style)  # noqa: DTZ007 - the zone is the project's, added by the caller
        except ValueError:
            continue
    return None


def seconds(fields: Fields, name: str, unit: int = 1) -> int | None:
    """A duration in whole seconds, None when absent; `unit` is how many of the field's units make a second."""
    text = fields.text(name)
    if text is None:
        return None
    value = _number(text)
    if value is None:
        fields.refuse(name, "a duration", "text")
    elif value < 0:
        fields.refuse(name, "a duration", "a negative number")
    elif not value <= LONGEST_CALL * unit:
        fields.refuse(name, "a duration of at most 24 hours", "a longer one")
    else:
        return int(value) // unit
    return None


def _number(text: str) -> float | None:
    if text.isdecimal() and len(text) < 12:
        return int(text)
    try:
        return float(text)
    except ValueError:
        return None
