"""What comes when the day is over: the deadlines of its open tasks. Knows no stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sandbox.player.delivery import Delivery, Spoilt

SHOWS = {
    "task:callback": "Two hours later: has anybody called back?",
    "task:review_call": "Two hours later: has the responsible looked at the call?",
    "task:check_settings": "Two hours later: are the settings checked?",
}
ANY = "Two hours later: is the task done?"
DUE = "deadline"


@dataclass(frozen=True, slots=True, kw_only=True)
class DueTask:
    """A task of a call that is due: `effect` is the key of what has made it, `start` its deadline."""

    start: datetime
    client: str | None
    id: str
    provider: str
    effect: str

    @property
    def shows(self) -> str:
        return SHOWS.get(self.effect, ANY)

    def deliveries(self, spoilt: Spoilt | None = None) -> tuple[Delivery, ...]:
        """Its one moment: the path names the effect."""
        return (Delivery(path=f"{self.provider}/{self.effect}", at=self.start, title=DUE, door="deadline", told_in=self.id),)
