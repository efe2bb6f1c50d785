"""The lists of calls that the providers keep: Ringostat's `calls/list`, MANGO's statistics (telephony.md 2, 3.6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from patchcord.model.roster import Roster
from patchcord.service.accept import reading_of
from patchcord.service.clock import Clock, Deadline
from patchcord.service.missing import Found, Listed
from patchcord.service.projects import Project
from patchcord.store.port import Store
from patchcord.telephony.errors import Missing, Unavailable
from patchcord.telephony.port import BadInput

if TYPE_CHECKING:
    from patchcord.telephony.mango.client import Mango
    from patchcord.telephony.mango.records import StatCall
    from patchcord.telephony.ringostat.api import RingostatApi

CallList = Callable[[Project, datetime, datetime, Deadline], Found]
"""The calls of a period. Raises TelephonyError, IncompleteProject."""

TIME_OUT = 20.0
"""Seconds that an answer with thousands of calls may take."""
COUNTING = "mango:counting"
"""Under which name the key of a count is kept that was not ready when the time was over."""
PAGE = 1_000
MOST_PAGES = 30
LONGEST_COUNT = timedelta(days=31)
ENOUGH = 20.0
"""Seconds that must be left for another look at a count: the look itself, and keeping the key."""


@dataclass(frozen=True)
class RingostatList:
    """Asks Ringostat. Rows that cannot be read are counted, and hold nothing up."""

    api: Callable[[Project], RingostatApi]
    clock: Clock

    def __call__(self, project: Project, begin: datetime, end: datetime, deadline: Deadline) -> Found:
        from patchcord.telephony.ringostat.listed import listed_event

        listing = self.api(project).calls(begin, end)
        reading, now = reading_of(project.settings), self.clock.now()
        calls, odd = [], 0
        for row in listing.rows:
            try:
                calls.append(Listed((listed_event(row, reading, now),)))
            except BadInput:
                odd += 1
        return Found(tuple(calls), odd, listing.cut)


@dataclass(frozen=True)
class MangoList:
    """Has MANGO count the calls, page by page, and fetches them when they are counted.

    A count that is not ready in time is left to the next run, which asks for it by the key that was kept: MANGO keeps it for
    a minute at least. If it is gone by then, it is asked for anew.
    """

    mango: Callable[[Project], Mango]
    roster: Callable[[Project], Roster | None]
    store: Store
    clock: Clock

    def __call__(self, project: Project, begin: datetime, end: datetime, deadline: Deadline) -> Found:
        begin = max(begin, end - LONGEST_COUNT)
        counted: list[StatCall] = []
        for page in range(MOST_PAGES):
            rows = self._page(project, begin, end, page * PAGE, deadline)
            if rows is None:
                return self._found(project, counted, more=True)
            counted += rows
            if len(rows) < PAGE:
                return self._found(project, counted)
        first = min((call.started_at for call in counted if call.started_at), default=end)
        return self._found(project, counted, cut=((begin, first),))

    def _page(
        self, project: Project, begin: datetime, end: datetime, offset: int, deadline: Deadline
    ) -> tuple[StatCall, ...] | None:
        """A page of the count, None when it is not ready before the time is over."""
        mango = self.mango(project)
        key = self._kept_key(project, offset) or mango.ask_calls(begin, end, limit=PAGE, offset=offset)
        while True:
            try:
                rows = mango.calls(key)
            except Missing:
                key, rows = mango.ask_calls(begin, end, limit=PAGE, offset=offset), None
            except Unavailable as error:
                if error.code is not None or not deadline.allows(ENOUGH):
                    raise
                rows = None  # the limit of this request is used up by another project's run: its turn will come
            if rows is not None:
                self._forget(project)
                return rows
            if not deadline.allows(ENOUGH):
                self._keep_key(project, key, offset)
                return None
            self.clock.sleep(5)

    def _found(
        self, project: Project, counted: list[StatCall], *, more: bool = False, cut: tuple[tuple[datetime, datetime], ...] = ()
    ) -> Found:
        from patchcord.telephony.mango.counted import counted_events

        roster = self.roster(project) if counted else None
        region, now = project.settings.phone.default_region, self.clock.now()
        calls, odd = [], 0
        for call in counted:
            try:
                calls.append(Listed(counted_events(call, roster, region, now)))
            except BadInput:
                odd += 1
        return Found(tuple(calls), odd, cut, more)

    # --- the key of a count that takes longer

    def _kept_key(self, project: Project, offset: int) -> str | None:
        body = self.store.kept(project.name, COUNTING, self.clock.now())
        told: dict[str, Any] = {} if body is None else json.loads(body)
        key = told.get("key")
        return key if isinstance(key, str) and key and told.get("offset") == offset else None

    def _keep_key(self, project: Project, key: str, offset: int) -> None:
        until = self.clock.now() + timedelta(hours=1)
        self.store.keep(project.name, COUNTING, json.dumps({"key": key, "offset": offset}), until)

    def _forget(self, project: Project) -> None:
        now = self.clock.now()
        if self.store.kept(project.name, COUNTING, now) is not None:
            self.store.keep(project.name, COUNTING, "{}", now)
