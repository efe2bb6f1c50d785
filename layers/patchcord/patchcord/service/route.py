"""Smart routing: who shall be rung for this caller, answered in time whatever the CRM does (design 9, D-20).

The talks that a client's index remembers are read first, in one read; the CRM is asked only if a block needs it, and for no
longer than what is left of the budget. What was found is kept with the call, so that its events ask nobody again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from patchcord.crm.errors import CrmError
from patchcord.model.codec import dump
from patchcord.model.events import CallType, Event, Moment
from patchcord.model.phone import read_phone
from patchcord.model.records import Client, Record
from patchcord.scenarios.routes import FAILED, NOT_ASKED, AskCrm, Caller, Records, Route
from patchcord.scenarios.routing import route
from patchcord.service.clients import Index, client_key, index_of, lag_of, merged
from patchcord.service.clock import Clock
from patchcord.service.gate import Gate, NotNow, Shut, look_up_cost
from patchcord.service.in_time import TooLate, in_time
from patchcord.service.journal import Snapshot, events_of, snapshot
from patchcord.service.observe import Observer
from patchcord.service.projects import Project, Projects
from patchcord.service.seeing import search_of
from patchcord.store.port import CallKey, Entry, Store

LATELY = timedelta(minutes=2)
"""How long what was found for one block stands for the next ones of the same call."""

MARGIN = 0.05
"""Seconds of the budget that are kept for saying the answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """A caller for whom somebody shall be rung. `call` is the provider's id, None when it was not told.

    `begun` is when the question came in, in seconds of `monotonic`: the budget counts from there. `seconds` is the budget
    if it is shorter than the project's.
    """

    provider: str
    caller: Caller
    begun: float
    call: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The route, and how it came about: `failure` is why the CRM gave none; `late` says that it was not waited for."""

    route: Route
    milliseconds: int
    failure: str = ""
    late: bool = False
    fresh: bool = True


@dataclass
class _Looking:
    """What a look-up came to so far."""

    records: Records = NOT_ASKED
    failure: str = ""
    late: bool = False
    snapshot: Snapshot | None = None


class Router:
    """Answers questions. `monotonic` is the clock of budgets, in seconds."""

    def __init__(
        self,
        store: Store,
        projects: Projects,
        clock: Clock,
        observer: Observer,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._projects, self._clock, self._observer = store, projects, clock, observer
        self.monotonic = monotonic

    def answer(self, project: Project, question: Question) -> Answer:
        """Whom to ring; kept in the journal of the call."""
        settings, now = project.settings, self._clock.now()
        entry = None if question.call is None else self._store.entry(CallKey(project.name, question.provider, question.call))
        caller = replace(question.caller, tried=question.caller.tried or _tried(entry, question.caller, now))
        question = replace(question, caller=caller)
        index = self._index(project, caller.client)
        looking = _Looking(_seen_lately(entry, caller, now))

        def choose() -> Route | AskCrm:
            return route(caller, settings, now, [talk for _, talk in index.talks], looking.records, index.owner)

        found = choose()
        while isinstance(found, AskCrm):  # at most once: what was looked for stays looked for
            self._look(project, question, index, looking)
            found = choose()
        milliseconds = round((self.monotonic() - question.begun) * 1000)
        return self._kept(project, question, Answer(found, milliseconds, looking.failure, looking.late), looking.snapshot, now)

    def _index(self, project: Project, client: str | None) -> Index:
        """What is remembered of the client: one read. What we have just made, the CRM's search may not show yet."""
        if client is None:
            return Index()
        return index_of(self._store.client(project.name, client_key(project.client_secret, client)))

    # --- the CRM ---

    def _look(self, project: Project, question: Question, index: Index, looking: _Looking) -> None:
        """Ask the CRM for as long as the budget allows. Whatever goes wrong is a failure in words (D-20)."""
        ends = question.begun + self._budget(project, question) - MARGIN
        try:
            records = in_time(lambda: self._find(project, question.caller.client or "", ends), ends - self.monotonic())
        except TooLate:
            looking.records, looking.failure, looking.late = FAILED, "too_late", True
        except NotNow as wait:
            looking.records, looking.failure = FAILED, "cooling_down" if wait.cooling else "rate_limit"
        except Shut as shut:
            looking.records, looking.failure = FAILED, shut.reason
        except CrmError as error:
            # requests end with the budget too: which of the two notices first is chance, and both are too late
            looking.late = self.monotonic() >= ends - MARGIN
            looking.records, looking.failure = FAILED, "too_late" if looking.late else type(error).__name__.lower()
        else:
            now, lag = self._clock.now(), lag_of(self._projects.crm(project, "routing"))
            looking.records = merged(index, records, now, lag)
            looking.snapshot = Snapshot(Client(question.caller.client, looking.records), now, partly=True)

    def _budget(self, project: Project, question: Question) -> float:
        allowed = project.settings.routing.timeout.total_seconds()
        return allowed if question.seconds is None else min(allowed, question.seconds)

    def _find(self, project: Project, client: str, ends: float) -> tuple[Record, ...]:
        crm = self._projects.crm(project, "routing")
        crm.http.deadline = ends
        gate = Gate(self._store, project.name, crm, self._clock, routing=True)
        try:
            gate.spend(look_up_cost(crm))
            phone = read_phone(client, project.settings.phone.default_region)
            return crm.find(phone, search_of(project.settings, client))
        except CrmError as error:
            gate.note(error)
            raise

    # --- the journal ---

    def _kept(self, project: Project, question: Question, answer: Answer, snapshot: Snapshot | None, now: datetime) -> Answer:
        """Keep the answer with its call, and what was found of the client for the events that follow."""
        event = _event(question, answer, now)
        key = CallKey(project.name, event.provider, event.call)
        seen = None if snapshot is None else snapshot.dump()
        entry = self._store.accept(key, event.key, dump(event), now, settled=True, client=seen)
        self._observer.routed(answer.route, answer.milliseconds, answer.failure, answer.late, project.settings.crm.vendor)
        return answer if entry.fresh else Answer(answer.route, answer.milliseconds, answer.failure, answer.late, fresh=False)


def _seen_lately(entry: Entry | None, caller: Caller, now: datetime) -> Records:
    """The client's records, if another block of the scheme has asked for them a moment ago."""
    if entry is None or entry.client is None:
        return NOT_ASKED
    seen = snapshot(entry.client, caller.client)
    return seen.client.records if now - seen.at < LATELY else NOT_ASKED


def _tried(entry: Entry | None, caller: Caller, now: datetime) -> str | None:
    """Whom an earlier answer for this call named who did not pick up (D-37): the telephony asks on behalf of another block,
    or again after the ring time. The same question within that time is only sent twice."""
    routed = [event for event in events_of(entry) if event.extra.get("route")] if entry is not None else []
    if not routed:
        return None
    last = max(routed, key=lambda event: event.at)
    rung = timedelta(seconds=int(last.extra.get("ring_seconds", "0")))
    again = last.extra.get("block") == caller.block or caller.block is None
    if last.extra["route"] == "nobody" or (again and now - last.at < rung):
        return None
    return last.extra["route"]


def _event(question: Question, answer: Answer, now: datetime) -> Event:
    """The answer as an event of its call: for whoever reads the journal, and nothing to be acted upon."""
    found, caller = answer.route, question.caller
    told = {
        "route": found.employee or found.direction or "nobody",
        "source": found.source.value,
        "reason": found.reason.value,
        "next": "" if found.found else found.next,
        "found_in": getattr(found.found_in, "value", found.found_in),
        "block": found.block or caller.block,
        "ring_seconds": found.ring_seconds,
        "ms": answer.milliseconds,
        "failure": answer.failure,
        "late": "yes" if answer.late else "",
        "rules": " ".join(found.rules),
    }
    return Event(
        provider=question.provider,
        call=question.call or f"route:{uuid.uuid4().hex}",
        key=f"route:{caller.block or 'all'}{f':after {caller.tried}' if caller.tried else ''}",
        moment=Moment.RING,
        at=now,
        call_type=CallType.IN,
        client=caller.client,
        client_hidden=caller.hidden,
        line=caller.line,
        extra={name: str(value) for name, value in told.items() if value not in (None, "")},
    )
