"""The stand's clock: the machine's, which a play may put forward past a time in which nothing happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from unittest.mock import patch

from patchcord.service import bootstrap
from patchcord.service.clock import SystemClock


class StandClock(SystemClock):
    """As fast as the machine's, and ahead of it by what was skipped."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead

    def skip(self, by: timedelta) -> None:
        """Let `by` pass at once."""
        self.ahead += by


@contextmanager
def one_clock() -> Iterator[StandClock]:
    """Within this context services that `bootstrap` builds read this clock."""
    clock = StandClock()
    with patch.object(bootstrap, "SystemClock", lambda: clock):
        yield clock
