"""Where events line up whose CRM lets no more of them through: each gets a turn of its own (design 6).

A burst takes as long as the vendor's rate makes it take. If all its promises woke up together, a few of them would get
through and the others would be sent away for longer and longer, beside a bucket that fills up for nobody; and until then
they would stand before the promises of every other project. So whoever finds the bucket empty is told when to come again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from patchcord.crm.port import Crm
from patchcord.service.clock import Clock
from patchcord.service.gate import share_of, window_of
from patchcord.store.port import Store


@dataclass(frozen=True, slots=True)
class Line:
    """The line before one connection. Kept in the store is the turn that was given last.

    Two who line up at the same moment may get the same turn: the gate lets through no more than it may in any case, and
    whoever does not get through lines up again.
    """

    store: Store
    project: str
    crm: Crm
    clock: Clock

    def last(self) -> datetime | None:
        """The last turn that was given, None when nobody is in the line any more."""
        text = self.store.kept(self.project, self._name, self.clock.now())
        return None if text is None else datetime.fromisoformat(text)

    def turn(self, not_before: datetime, patience: timedelta | None = None) -> datetime | None:
        """The next turn, after `not_before`; None, and nobody's, when it would not come within `patience`."""
        turn = max(not_before, self.last() or not_before) + self._gap
        if patience is not None and turn - self.clock.now() > patience:
            return None
        self.store.keep(self.project, self._name, turn.isoformat(), turn)
        return turn

    @property
    def _gap(self) -> timedelta:
        """How long the rate takes for an event of a new client."""
        requests = self.crm.declaration.requests
        units = requests.look_up * self.crm.declaration.rate.cost("search") + requests.create + requests.task
        return window_of(self.crm) * units / share_of(self.crm)

    @property
    def _name(self) -> str:
        return f"line:{self.crm.declaration.vendor}"
