"""The values of one MANGO event: numbers come as texts and texts as numbers (telephony.md 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from patchcord.telephony.json_object import kind_of
from patchcord.telephony.port import Problem

LONGEST_TEXT = 200
LONGEST_ID = 128
"""Bytes of an id, as MANGO documents it."""

OLDEST = timedelta(days=80)
"""An event older than this cannot be told from one that is sent again: the journal keeps a call for 90 days."""

AHEAD = timedelta(days=1)
MOSCOW = timedelta(hours=3)
DRIFT = timedelta(minutes=5)
"""One edition of the manual calls the times UTC+3: those that far ahead of their arrival are set right."""


@dataclass(slots=True)
class Payload:
    """An object of the event. Reading collects in `problems` what is not as documented; `at` is where the object stands."""

    values: Mapping[str, object]
    received_at: datetime
    at: str = ""
    problems: list[Problem] = field(default_factory=list)

    def text(self, name: str, limit: int = LONGEST_TEXT) -> str | None:
        """A text or a number as text, None when absent or empty."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            self.refuse(name, "text or a number", kind_of(value))
            return None
        return "".join(char if char.isprintable() else " " for char in str(value)).strip()[:limit] or None

    def needed(self, name: str) -> str:
        """An id that the event cannot be without."""
        found = self.text(name, LONGEST_ID + 1)
        if found is None:
            self.refuse(name, "an id", "nothing")
        elif len(found.encode()) > LONGEST_ID:
            self.refuse(name, f"at most {LONGEST_ID} bytes", "a longer id")
        return found or ""

    def whole(self, name: str) -> int | None:
        """A whole number, as number or text; None when absent."""
        text = self.text(name)
        if text is None:
            return None
        if text.removeprefix("-").isdecimal() and len(text) <= 15:
            return int(text)
        self.refuse(name, "a whole number", "something else")
        return None

    def time(self, name: str) -> datetime | None:
        """Unix seconds as aware UTC; None when absent or 0."""
        seconds = self.whole(name)
        if not seconds:
            return None
        if not 0 < seconds < 10**11:
            self.refuse(name, "seconds since 1970", "another number")
            return None
        moment = datetime.fromtimestamp(seconds, UTC)
        if abs(moment - self.received_at - MOSCOW) <= DRIFT:
            moment -= MOSCOW
        return self._bounded(name, moment)

    def _bounded(self, name: str, moment: datetime) -> datetime | None:
        if moment < self.received_at - OLDEST:
            self.refuse(name, f"a time of the last {OLDEST.days} days", "an earlier one")
        elif moment > self.received_at + AHEAD:
            self.refuse(name, "a time that has been", "a time in the future")
        else:
            return moment
        return None

    def part(self, name: str) -> Payload:
        """An object inside, empty when absent."""
        value = self.values.get(name)
        if value is not None and value not in ("", []) and not isinstance(value, dict):
            self.refuse(name, "an object", kind_of(value))
        inner = value if isinstance(value, dict) else {}
        return Payload(inner, self.received_at, f"{self.at}{name}.", self.problems)

    def refuse(self, name: str, expected: str, got_kind: str) -> None:
        """Note what is wrong with a value."""
        self.problems.append(Problem(f"{self.at}{name}", expected, got_kind))
