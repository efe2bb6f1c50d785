"""The gate before every CRM request: the vendor's rate, cool-downs and a connection that is shut off (design 6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from patchcord.crm.errors import CrmError, Transient
from patchcord.crm.port import Crm
from patchcord.service.clock import Clock
from patchcord.store.port import Blocked, Store, Wait

PARTS = 2
"""Into how many windows of ours a vendor's rolling window is cut. Any rolling window touches at most one more of them,
so a share of 1 / (PARTS + 1) in each keeps the vendor's limit whatever its phase."""

DEFAULT_PAUSE = timedelta(seconds=10)
LONGEST_WAIT = timedelta(seconds=3)
"""A bucket that is empty for longer than this is not waited for; the promise brings the event back."""


@dataclass(eq=False)
class NotNow(Exception):
    """The CRM cannot be asked before `until`."""

    until: datetime
    cooling: bool


@dataclass(eq=False)
class Shut(Exception):
    """The connection is shut off until somebody connects the CRM again."""

    reason: str


def look_up_cost(crm: Crm) -> int:
    """The units of one look-up of a number."""
    declaration = crm.declaration
    return (declaration.requests.look_up_known or declaration.requests.look_up) * declaration.rate.cost("search")


def kept_for_routing(crm: Crm) -> int:
    """The units of a window that are kept for routing: one look-up, but never more than half."""
    return min(look_up_cost(crm), crm.declaration.rate.units // (PARTS + 1) // 2)


@dataclass
class Gate:
    """Lets one worker's requests through. `units` are bought ahead, so that an event costs one round trip.

    `kept_free` are the units of each window that only `routing` may use: a caller waits for it, an event does not.
    """

    store: Store
    project: str
    crm: Crm
    clock: Clock
    routing: bool = False
    kept_free: int = 0
    left: int = 0

    def reserve(self, units: int) -> None:
        """Make sure that `units` may be spent. Waits a moment for an empty bucket; raises NotNow or Shut."""
        while self.left < units:
            portion = min(units - self.left, self._most)
            self._take(portion)
            self.left += portion

    @property
    def _most(self) -> int:
        """What one window of ours holds for this worker. A look-up for routing is never cut in two."""
        whole = self.crm.declaration.rate.units // (PARTS + 1)
        return max(whole, look_up_cost(self.crm)) if self.routing else max(1, whole - self.kept_free)

    def spend(self, units: int) -> None:
        """Use units that were reserved, or more."""
        self.reserve(units)
        self.left -= units

    def _take(self, units: int) -> None:
        rate = self.crm.declaration.rate
        window, begun = rate.window / PARTS, self.clock.now()
        while True:
            now = self.clock.now()
            answer = self.store.take(self.project, self.crm.declaration.vendor, units, self._most, window, now)
            if isinstance(answer, Blocked):
                raise Shut(answer.reason)
            if not isinstance(answer, Wait):
                return
            if answer.cooling or answer.until - begun > LONGEST_WAIT:
                raise NotNow(answer.until, answer.cooling)
            self.clock.sleep(max(0.01, (answer.until - now).total_seconds()))

    def note(self, error: CrmError) -> timedelta | None:
        """Let everybody cool down if the vendor says so; the pause until this worker's next try."""
        if not isinstance(error, Transient):
            return None
        if error.cool_down:
            pause = error.retry_after or DEFAULT_PAUSE
            self.store.cool_down(self.project, self.crm.declaration.vendor, self.clock.now() + pause)
            return pause
        return error.retry_after
