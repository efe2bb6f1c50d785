"""The gate before every CRM request: the vendor's rate, cool-downs and a connection that is shut off (design 6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from patchcord.crm.errors import CrmError, Transient
from patchcord.crm.port import Crm
from patchcord.service.clock import Clock
from patchcord.store.port import Blocked, Granted, Store, Wait

PARTS = 2
"""Into how many windows of ours a vendor's rolling window is cut. Any rolling window touches at most one more of them,
so a share of 1 / (PARTS + 1) in each keeps the vendor's limit whatever its phase."""

UNDER_WAY = timedelta(milliseconds=100)
"""How long a request may take from our bucket to the vendor's: so much longer than the vendor's are our windows."""

DEFAULT_PAUSE = timedelta(seconds=10)
LONGEST_WAIT = timedelta(seconds=3)
"""A bucket that is empty for longer than this is not waited for; the promise brings the event back."""
ONCE_BEGUN = timedelta(seconds=6)
"""The same for an event that has spent something already: giving it up would mean to spend some of that again."""

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


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


def parts_of(crm: Crm) -> int:
    """Into how many windows the vendor's is cut: not so many that a look-up, which is made at once, does not fit into one."""
    return PARTS if look_up_cost(crm) <= crm.declaration.rate.units // (PARTS + 1) else 1


def window_of(crm: Crm) -> timedelta:
    """How long a window of ours is."""
    return (crm.declaration.rate.window + UNDER_WAY) / parts_of(crm)


def share_of(crm: Crm) -> int:
    """The units that a window of ours holds."""
    return max(1, crm.declaration.rate.units // (parts_of(crm) + 1))


def kept_for_routing(crm: Crm) -> int:
    """The units of a window that are kept for routing: one look-up."""
    return min(look_up_cost(crm), share_of(crm))


@dataclass
class Gate:
    """Lets one worker's requests through. `units` are bought ahead, so that an event costs one round trip.

    `kept_free` are the units of each window that are `routing`'s until the window is half over: a caller waits for it, an
    event does not. What routing has not used by then is free for all.
    `left` are the units in hand. They are good until their window ends: whoever comes too late with them, because the CRM
    answers slowly, would use them beside those of a later window, and the vendor would count more than it allows.
    """

    store: Store
    project: str
    crm: Crm
    clock: Clock
    routing: bool = False
    kept_free: int = 0
    left: int = 0
    good_until: datetime = LONG_AGO

    def reserve(self, units: int) -> None:
        """Have `units` in hand, or as many as one window holds. Waits a moment for an empty bucket; raises NotNow or Shut."""
        self._have(min(units, share_of(self.crm)))

    def spend(self, units: int) -> None:
        """Use units that were reserved, or others."""
        self._have(units)
        self.left -= units

    def _have(self, units: int) -> None:
        if self.clock.now() >= self.good_until:
            self.left = 0
        while self.left < units:
            portion = min(units - self.left, share_of(self.crm))
            self._take(portion)
            self.left += portion

    def _take(self, units: int) -> None:
        window, begun = window_of(self.crm), self.clock.now()
        patience = LONGEST_WAIT if self.good_until == LONG_AGO else ONCE_BEGUN
        while True:
            now = self.clock.now()
            opened = now - (now - LONG_AGO) % window
            all_free = opened + window / 2 if self.kept_free else now
            most = share_of(self.crm) - (self.kept_free if now < all_free else 0)
            answer = self._asked(units, most, window, now) if units <= most else Wait(all_free, cooling=False)
            if not isinstance(answer, Wait):
                self.good_until = opened + window
                return
            due = answer.until if answer.cooling or now >= all_free else all_free
            if answer.cooling or due - begun > patience:
                raise NotNow(due, answer.cooling)
            self.clock.sleep(max(0.01, (due - now).total_seconds()))

    def _asked(self, units: int, most: int, window: timedelta, now: datetime) -> Granted | Wait:
        answer = self.store.take(self.project, self.crm.declaration.vendor, units, most, window, now)
        if isinstance(answer, Blocked):
            raise Shut(answer.reason)
        return answer

    def note(self, error: CrmError) -> timedelta | None:
        """Let everybody cool down if the vendor says so; the pause until this worker's next try."""
        if not isinstance(error, Transient):
            return None
        if error.cool_down:
            pause = error.retry_after or DEFAULT_PAUSE
            self.store.cool_down(self.project, self.crm.declaration.vendor, self.clock.now() + pause)
            return pause
        return error.retry_after
