"""Whom a caller is put through to: what the script wants, and what the telephony was told and the journal says."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, field

from patchcord.model.events import Event


@dataclass(frozen=True, slots=True)
class Routed:
    """An answer for a caller: what the telephony is told (a SIP login or an extension; nothing: nobody), by which way the
    employee was found, and why. `late`: the CRM was not waited for."""

    direction: str
    source: str
    reason: str
    late: bool = False

    def __str__(self) -> str:
        late = ", not waited for" if self.late else ""
        return f"{self.direction or 'nobody'} ({self.source}, {self.reason}{late})"


@dataclass(frozen=True, slots=True)
class Routing:
    """An answer as it came about. `employee` is the key in the settings, empty for nobody; `milliseconds` until it was there."""

    key: str
    routed: Routed
    employee: str = ""
    milliseconds: int = 0
    rules: tuple[str, ...] = field(default=())


def newest(events: Iterable[Event], known: Set[str], direction: str) -> Routing | None:
    """The answer in a call's journal that is not known yet; `direction` is what the telephony was told."""
    answers = [event for event in events if "route" in event.extra and event.key not in known]
    if not answers:
        return None
    event = max(answers, key=lambda answer: answer.at)
    told = event.extra
    employee = told["route"] if told["route"] != "nobody" else ""
    routed = Routed(direction, told["source"], told["reason"], told.get("late") == "yes")
    return Routing(event.key, routed, employee, int(told["ms"]), tuple(told.get("rules", "").split()))
