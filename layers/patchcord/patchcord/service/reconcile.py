"""Catching up: what the telephony lists and the journal lacks is taken in as if its webhook had come (telephony.md 6).

Each run looks two hours further back than the last one ended, because calls that go on are listed later, and once a day three
days back. Nothing of the time while the integration was off is taken in, unless the project wants that (P-PD-10…13). All of
it happens in the order in which the calls were made, and they keep their times (D-33). A run that does not get through leaves
the rest to the next one: what is done is recognised.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from secrets import token_hex
from typing import Any

from patchcord.model.codec import dump
from patchcord.model.events import Event, Moment
from patchcord.model.timeline import fold
from patchcord.scenarios.reactivation import CAUGHT_UP, LONGEST, Activation, Version, activation, resent_since
from patchcord.service.accept import PROMISE_DELAY, Service, linked, take, tell
from patchcord.service.call_lists import CallList
from patchcord.service.clock import Deadline
from patchcord.service.journal import events_of
from patchcord.service.missing import Found, Listed, in_order, key_of, missing
from patchcord.service.observe import Observer
from patchcord.service.projects import IncompleteProject, Project
from patchcord.service.promises import promise_text
from patchcord.service.wishes import Wish
from patchcord.store.port import Entry, Store
from patchcord.telephony.errors import TelephonyError

NAME = "reconcile"
"""Under which name a project's progress is kept, and leased while a run is at it."""
RUN = timedelta(minutes=10)
"""Longer than any run may take."""
OVERLAP = timedelta(hours=2)
DAILY = timedelta(days=3)
SETTLING = timedelta(minutes=5)
"""A call that has ended so lately is left to its webhooks."""
KEPT = timedelta(days=400)
AN_EVENT = 25.0
"""Seconds that an event may take at most: no longer than in the functions that take webhooks, whose leases count on it."""
RESERVE = 5.0
OFF = "integration_off"

Listers = Callable[[Project], CallList]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a project is: caught up to a time, on which day the longer look was made, since when the integration was on
    according to a version of the settings, and for which activation calls have been sent again."""

    to: datetime | None = None
    day: str = ""
    resent: datetime | None = None


@dataclass(slots=True)
class Outcome:
    """What a run came to for one project: how many calls were listed, how many events were missing, how many calls were sent
    again. `status` is done, more (the next run goes on), off, busy, failed or no_list (the provider's key is not there)."""

    status: str = "done"
    listed: int = 0
    missing: int = 0
    resent: int = 0
    odd: int = 0
    cut: tuple[tuple[datetime, datetime], ...] = ()
    reason: str = ""

    def told(self) -> dict[str, Any]:
        """As the function answers."""
        cut = [[begin.isoformat(), end.isoformat()] for begin, end in self.cut]
        told = {"listed": self.listed, "missing": self.missing, "resent": self.resent, "odd": self.odd, "cut": cut}
        return {"status": self.status, **told} | ({"reason": self.reason} if self.reason else {})


@dataclass(frozen=True, slots=True)
class Period:
    """What is looked at: a period, and the activation before which calls are taken in only if they are `resending`, and then
    only from `earliest` on."""

    begin: datetime
    end: datetime
    active: Activation
    resending: bool
    earliest: datetime

    def holds(self, began: datetime) -> bool:
        """Whether a call that began then is looked at."""
        return max(self.begin, self.earliest) <= began < self.end


@dataclass(frozen=True, slots=True)
class Job:
    """One call to be worked on: listed with missing events, or an entry of the time while the integration was off."""

    began: datetime
    call: str
    events: tuple[Event, ...] = field(default=(), repr=False)
    entry: Entry | None = field(default=None, repr=False)


class Reconciler:
    """Catches up. `lists` tells how a project's telephony is asked, `base` is the address of our API."""

    def __init__(self, service: Service, store: Store, lists: Listers, base: str) -> None:
        self._service, self._store, self._lists, self._base = service, store, lists, base
        self._activations: dict[str, tuple[int, Activation | None]] = {}

    @property
    def observer(self) -> Observer:
        return self._service.observer

    def run(self, wish: Wish, deadline: Deadline) -> dict[str, Any]:
        """Catch up as wished, project after project; what became of each."""
        names = self._store.projects() if wish.project is None else (wish.project,)
        return {"projects": {name: self._told(name, wish, deadline) for name in names}}

    def _told(self, name: str, wish: Wish, deadline: Deadline) -> dict[str, Any]:
        if not deadline.allows(RESERVE + AN_EVENT):
            return Outcome("more", reason="no time left").told()
        try:
            project = self._service.projects.get(name)
        except IncompleteProject as incomplete:
            return Outcome("failed", reason=str(incomplete)).told()
        if project is None:
            return Outcome("failed", reason="there is no such project").told()
        holder, now = token_hex(8), self._service.clock.now()
        if not self._store.lease(name, NAME, holder, now, now + RUN):
            return Outcome("busy").told()
        try:
            return self._caught_up(project, wish, deadline).told()
        finally:
            self._store.free(name, NAME, holder)

    def _caught_up(self, project: Project, wish: Wish, deadline: Deadline) -> Outcome:
        active = self._activation(project)
        if active is None:
            return Outcome("off")
        now, progress = self._service.clock.now(), self._progress(project)
        period = period_of(project, wish, progress, active, now)
        outcome = Outcome()
        found = self._listed(project, period, deadline, outcome)
        jobs = sorted(
            [*self._lacking(project, period, found), *self._off(project, period)], key=lambda job: (job.began, job.call)
        )
        for job in jobs:
            if not deadline.allows(RESERVE + AN_EVENT):
                outcome.status = "more"
                break
            if not self._do(project, job, deadline, outcome):
                outcome.status, outcome.reason = "failed", "an event could not be stored"
                break
        self._conclude(project, wish, period, progress, outcome, now)
        return outcome

    def _activation(self, project: Project) -> Activation | None:
        """Since when the integration is on; all versions are read once for each new one."""
        known = self._activations.get(project.name)
        if known is None or known[0] != project.version:
            versions = [_version(item.body, item.at) for item in self._store.documents(project.name)]
            known = project.version, activation(versions[-project.version :])
            self._activations[project.name] = known
        return known[1]

    # --- what there is to do

    def _listed(self, project: Project, period: Period, deadline: Deadline, outcome: Outcome) -> Found:
        """What the provider lists; nothing if it cannot be asked, which is told."""
        observer = self._service.observer
        try:
            found = self._lists(project)(project, period.begin, period.end, deadline)
        except IncompleteProject:
            outcome.status = "no_list"
            return Found()
        except TelephonyError as error:
            observer.count("ReconcileFailed")
            observer.logger.warning("calls not listed", project=project.name, error=type(error).__name__, words=error.words)
            outcome.status, outcome.reason = "failed", str(error)
            return Found()
        outcome.listed, outcome.odd, outcome.cut = len(found.calls), found.odd, found.cut
        if found.more:
            outcome.status = "more"
        if found.cut:
            observer.count("ReconcileCutOff")
            observer.logger.warning("list of calls cut off", project=project.name, periods=len(found.cut))
        if found.odd:
            observer.count("ReconcileOdd")
            observer.logger.warning("listed calls not readable", project=project.name, rows=found.odd)
        return found

    def _lacking(self, project: Project, period: Period, found: Found) -> Iterator[Job]:
        """Listed calls of which the journal lacks something."""
        settled = self._service.clock.now() - SETTLING
        for listed in in_order(found.calls):
            if self._is_wanted(listed, period) and listed.events[0].at <= settled:
                events = tuple(missing(listed, self._store.entry(key_of(project.name, listed))))
                if events:
                    yield Job(listed.began, listed.call, events)

    def _is_wanted(self, listed: Listed, period: Period) -> bool:
        return period.holds(listed.began)

    def _off(self, project: Project, period: Period) -> Iterator[Job]:
        """What the journal has kept of the time while the integration was off (P-PD-12)."""
        if not period.resending:
            return
        day = period.begin.date()
        while day <= period.active.at.date():
            for entry in self._of_day(project, f"{day}"):
                began = _ignored_at(entry)
                if began is not None and began < period.active.at and period.holds(began):
                    yield Job(began, entry.key.call, entry=entry)
            day += timedelta(days=1)

    def _of_day(self, project: Project, day: str) -> Iterator[Entry]:
        after: str | None = None
        while True:
            page = self._store.calls(project.name, day, after=after)
            yield from page.entries
            if page.next is None:
                return
            after = page.next

    # --- doing it

    def _do(self, project: Project, job: Job, deadline: Deadline, outcome: Outcome) -> bool:
        """Work on one call; False when it could not even be stored."""
        if job.entry is not None:
            self._send_again(project, job.entry, deadline)
            outcome.resent += 1
        for event in job.events:
            late = replace(event, extra={**event.extra, CAUGHT_UP: self._service.clock.now().isoformat()})
            answer = take(self._service, project, linked(late, project, self._base), _share(deadline))
            if answer["statusCode"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return False
            outcome.missing += 1
            self._service.observer.count("CaughtUp")
        return True

    def _send_again(self, project: Project, entry: Entry, deadline: Deadline) -> None:
        """Carry out a call that was only kept. Its promise is marked, because its events count as settled."""
        now = self._service.clock.now()
        mark = Event(entry.key.provider, entry.key.call, "sent_again", Moment.RING, now, events_of(entry)[0].kind)
        mark = replace(mark, extra={CAUGHT_UP: now.isoformat()})
        self._store.accept(entry.key, mark.key, dump(mark), now, settled=True)
        promise = json.loads(promise_text(entry.key, mark.key))
        body = json.dumps({**promise, "redriven": True})
        self._service.queue.promise(body, PROMISE_DELAY)
        observer, begun = self._service.observer, self._service.clock.now()
        with observer.call(project.name, entry.key.call):
            observer.count("SentAgain")
            report = self._service.performer.resume(project, entry.key, _share(deadline), again=True)
            milliseconds = (self._service.clock.now() - begun).total_seconds() * 1000
            observer.reported(report, project.settings.crm.vendor, milliseconds)
            tell(self._service, project, entry.key, report, deadline)

    # --- how far it is

    def _progress(self, project: Project) -> Progress:
        body = self._store.kept(project.name, NAME, self._service.clock.now())
        told: Mapping[str, Any] = {} if body is None else json.loads(body)
        return Progress(_time(told.get("to")), told.get("day", ""), _time(told.get("resent")))

    def _conclude(
        self, project: Project, wish: Wish, period: Period, progress: Progress, outcome: Outcome, now: datetime
    ) -> None:
        """Remember how far it got; a run that was wished for a period of its own tells nothing of that."""
        if wish.since is not None or wish.until is not None or outcome.status not in {"done", "no_list"}:
            return
        resent = period.active.at if period.resending else progress.resent
        to = progress.to if outcome.status == "no_list" else period.end
        told = {"to": _text(to), "day": f"{now:%Y-%m-%d}", "resent": _text(resent)}
        self._store.keep(project.name, NAME, json.dumps(told), now + KEPT)


def period_of(project: Project, wish: Wish, progress: Progress, active: Activation, now: datetime) -> Period:
    """What a run looks at. Calls from before the activation only when they are sent again."""
    settings = project.settings
    due = active.again and active.ticked and progress.resent != active.at
    resend = due if wish.resend is None else wish.resend
    earliest = (resent_since(active.at, settings, True) or active.at) if resend else active.at
    begin = wish.since
    if begin is None:
        last = progress.to or active.at
        begin = last - OVERLAP
        if progress.day != f"{now:%Y-%m-%d}":
            begin = min(begin, now - DAILY)
        begin = min(begin, earliest) if resend else max(begin, earliest)
    else:
        earliest = min(begin, earliest) if resend else earliest
        begin = max(begin, earliest)
    end = min(wish.until or now, now)
    return Period(max(begin, now - timedelta(days=LONGEST)), end, active, resend, earliest)


def _version(body: str, at: datetime) -> Version:
    told = json.loads(body)
    return Version(at, bool(_section(told, "integration").get("enabled")), bool(_section(told, "resend").get("on_reactivation")))


def _section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = document.get(name)
    return section if isinstance(section, Mapping) else {}


def _ignored_at(entry: Entry) -> datetime | None:
    """When a call began that was kept only because the integration was off; None for every other."""
    if not entry.events or entry.decision is None or json.loads(entry.decision).get("reason") != OFF:
        return None
    return fold(events_of(entry)).started_at


def _share(deadline: Deadline) -> Deadline:
    """An event's own time: what is left, but no more than a webhook's."""
    left = deadline.remaining() - AN_EVENT
    return Deadline(lambda: deadline.remaining() - left) if 0 < left < float("inf") else deadline


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
