"""When requests to a telephony provider may go, agreed upon by every function of a project (telephony.md 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex

from patchcord.service.clock import Clock
from patchcord.store.port import Store, Wait

WINDOW = timedelta(minutes=1)
"""Any window: nothing is taken out of it, the cool-down is all that is looked at."""
SHORTEST_LOOK, LOOKS_IN_A_GAP = timedelta(milliseconds=20), 10
"""How often a gap is looked at again: ten times while it lasts, but not more often than every 20 ms."""


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """Gaps and rests in the store. A request takes a lease as long as the gap and never gives it back: so the next one
    of that name comes exactly that much later, whoever sends it. A rest is a cool-down of that name.
    """

    store: Store
    project: str
    provider: str
    clock: Clock

    def wait(self, name: str, gap: timedelta, patience: timedelta) -> bool:
        """Wait until a request of this name may go; False if that would take longer than `patience`."""
        holder, last = token_hex(8), self.clock.now() + patience
        while True:
            now = self.clock.now()
            due = self._rests_until(name, now)
            if due is None:
                if self.store.lease(self.project, self._of(name), holder, now, now + gap):
                    return True
                due = min(now + max(gap / LOOKS_IN_A_GAP, SHORTEST_LOOK), last)
            if now >= last or due > last:
                return False
            self.clock.sleep((due - now).total_seconds())

    def rest(self, name: str, pause: timedelta) -> None:
        """Let nobody send requests of this name for that long; a longer rest stays."""
        self.store.cool_down(self.project, self._of(name), self.clock.now() + pause)

    def _rests_until(self, name: str, now: datetime) -> datetime | None:
        looked = self.store.take(self.project, self._of(name), 0, 1, WINDOW, now)
        return looked.until if isinstance(looked, Wait) else None

    def _of(self, name: str) -> str:
        return f"{self.provider}:{name}"
