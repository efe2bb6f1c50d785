"""Carrying out what a call asks for: fold, claim, find, decide, and the effects with intent and result (design 2, 6).

Everything here may be killed at any instruction and run again by another worker. What keeps it right: one worker a
client, an intent before and a result after each CRM write, and a look into the CRM wherever an intent has no result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from patchcord.crm.errors import CrmError, Gone, Transient, Unauthorised
from patchcord.model.effects import (
    AddRecording,
    AssignTask,
    CreateRecord,
    CreateTask,
    Decision,
    Effect,
    LogCall,
    Made,
    UpdateRecord,
)
from patchcord.model.events import Event, Moment
from patchcord.model.roster import Roster, needs_roster, with_roster
from patchcord.model.settings import Settings
from patchcord.model.talks import Talk
from patchcord.model.timeline import Timeline, fold, is_ripe, ripe
from patchcord.scenarios.afterwards import with_afterwards
from patchcord.scenarios.decide import decide
from patchcord.scenarios.reactivation import CAUGHT_UP, due_from
from patchcord.scenarios.routing import routes
from patchcord.scenarios.screen import nothing_due, screen
from patchcord.scenarios.talks import responsible_of, talk_of
from patchcord.service.claims import LEASE, Claims, bounded, call_name, identity_of, unresolved
from patchcord.service.clients import Index, index_of
from patchcord.service.clock import Clock, Deadline
from patchcord.service.deadlines import STARTING, Deadlines, NotStarted, Watch
from patchcord.service.gate import Gate, NotNow, Shut, kept_for_routing
from patchcord.service.journal import (
    IN_DOUBT,
    EffectState,
    Snapshot,
    State,
    decision_text,
    events_of,
    is_unfinished,
    made_for,
    states_of,
    withdrawn,
)
from patchcord.service.projects import Project, Projects
from patchcord.service.promises import promise_of
from patchcord.service.seeing import LONG_AGO, Sight
from patchcord.service.work import CALLBACK, CLOSED, Report, Status, Work
from patchcord.service.writing import Writer, in_words
from patchcord.store.port import CallKey, Changes, Claim, ClaimLost, Entry, Held, Store

MOST_UNRESOLVED = 4
"""How many other calls of a client are finished first before this one leaves itself to its promise."""

Promise = Callable[[timedelta | None], None]
"""Schedules the retry: after the given pause, or after the usual one."""
Rosters = Callable[[Project], Roster | None]
"""Who is behind the short numbers of a project's telephony; None when it has no such list, or cannot be asked."""
Bury = Callable[[str, str], None]
"""Puts a promise into the dead-letter queue, with the reason."""
Alarm = Callable[[Project, str], None]


class Performer:
    """Carries out events. Stateless but for its connections: any number of them work side by side."""

    def __init__(
        self,
        store: Store,
        projects: Projects,
        clock: Clock,
        bury: Bury,
        alarm: Alarm,
        rosters: Rosters = lambda project: None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._store, self._projects, self._clock, self._alarm = store, projects, clock, alarm
        self._bury, self._rosters, self._deadlines = bury, rosters, deadlines
        self._claims, self._sight = Claims(store, clock), Sight(clock)

    def take(self, project: Project, event: Event, body: str, promise: Promise, deadline: Deadline) -> Report:
        """Store an event, promise it, and carry it out as far as possible now.

        `promise` schedules the retry; it is called after the event is stored and before any work begins.
        """
        key = CallKey(project.name, event.provider, event.call)
        kept = _kept_without_work(event, project.settings)
        if kept is not None:
            return self._keep(project, key, event, body, kept, promise, deadline)
        if event.follows is None and not is_ripe(event, self._clock.now()):
            return self._hold(key, event, body, promise)
        # the claim comes before the journal is read: what it says is then up to date for as long as the claim holds
        claim = self._claims.take(project, event.client, key) if event.client else None
        entry = self._store.accept(key, event.key, body, self._clock.now(), settled=False)
        states, is_ours = states_of(entry), identity_of(entry) == event.client
        if event.key in entry.settled:
            self._claims.give_back(claim, key, states if is_ours else {})
            return Report(Status.DUPLICATE, reason="repeated_delivery", effects=states)
        promise(None)
        if not is_ours:  # the other events of the call name somebody else
            self._claims.give_back(claim, key, {})
            claim = None
        return self._proceed(project, entry, claim, deadline)

    def resume(self, project: Project, key: CallKey, deadline: Deadline, *, again: bool = False) -> Report:
        """Go on with a call that is stored. `again` also tries what the vendor has refused before."""
        entry = self._store.entry(key)
        if entry is None:
            return Report(Status.IGNORED, reason="not_stored")
        return self._proceed(project, entry, None, deadline, again=again)

    def _proceed(
        self, project: Project, entry: Entry, claim: Claim | Held | None, deadline: Deadline, *, again: bool = False
    ) -> Report:
        """Work on a call under its client's claim, after whatever must be finished first for that client."""
        key = entry.key
        for _ in range(MOST_UNRESOLVED):
            if not isinstance(claim, Claim):
                identity = identity_of(entry)
                claim = self._claims.wait(project, identity, key, deadline)
                if claim is None:
                    return Report(Status.WAITING, reason="client_busy", retry_after=timedelta(seconds=5))
                entry = self._store.entry(key) or entry
                if identity_of(entry) != identity:  # meanwhile it was heard who the client is
                    self._claims.give_back(claim, key, {})
                    claim = None
                    continue
            other = unresolved(claim, key)
            if other is None:
                return self._run(project, entry, claim, deadline, again=again)
            report = self._resolve(project, entry, other, claim, deadline)
            if report.status in {Status.WAITING, Status.PARKED}:
                return Report(report.status, reason="client_unresolved", retry_after=report.retry_after)
            claim = None
        return Report(Status.WAITING, reason="client_unresolved", retry_after=timedelta(seconds=30))

    def _resolve(self, project: Project, entry: Entry, other: CallKey, claim: Claim, deadline: Deadline) -> Report:
        """Finish another call of the client first, of which nobody knows what it has written.

        Its worker died, or an answer of the CRM was lost. What it made may be invisible to the CRM's search for a while,
        so deciding anything else for this client before would make a second lead.
        """
        unfinished = self._store.entry(other)
        if unfinished is None or not self._claims.covers(project, claim, unfinished):
            # nothing was stored, or it was erased since, or it was heard since that the call is another client's
            index = index_of(claim.index).with_doubt(call_name(other), doubtful=False)
            with suppress(ClaimLost):
                self._store.finish(entry.key, claim, Changes(), index.dump())
            return Report(Status.DONE)
        return self._run(project, unfinished, claim, deadline)

    def _hold(self, key: CallKey, event: Event, body: str, promise: Promise) -> Report:
        """Store an event that is acted upon later, when those that came about before it have arrived too."""
        entry = self._store.accept(key, event.key, body, self._clock.now(), settled=False)
        if event.key in entry.settled:
            return Report(Status.DUPLICATE, reason="repeated_delivery", effects=states_of(entry))
        promise(_until_ripe([event], self._clock.now()))
        return Report(Status.WAITING, reason="events_may_follow")

    def _keep(
        self,
        project: Project,
        key: CallKey,
        event: Event,
        body: str,
        decision: Decision,
        promise: Promise,
        deadline: Deadline,
    ) -> Report:
        """Store an event that asks for no work by itself.

        While its call goes on it is neither promised nor settled: the end of the call takes it into account. After the end
        it may still change what was made of the call, whom it rang at, where it was missed; so it is an event like any other.
        """
        entry = self._store.accept(key, event.key, body, self._clock.now(), settled=event.is_remark)
        if event.key in entry.settled and not entry.fresh:
            return Report(Status.DUPLICATE, reason="repeated_delivery")
        ends, none_of_ours = event.moment is Moment.END, decision.situation == "ignored"
        if _end_of(entry) and not (ends or none_of_ours or event.is_remark):
            # whoever acts upon the end may have read the journal just before this event was in it
            promise(None)
            if _has_ended(entry, self._clock.now()):
                return self._proceed(project, entry, None, deadline)
        if none_of_ours or ends:
            kept = (known for known in events_of(entry) if ends and _kept_without_work(known, project.settings) is not None)
            settled = frozenset({event.key, *(known.key for known in kept)})
            told = decision_text(decision) if decision.situation else None
            self._store.note(key, Changes(settled=settled, decision=told))
        elif not entry.fresh:
            return Report(Status.DUPLICATE, reason="repeated_delivery")
        status = Status.IGNORED if none_of_ours else Status.DONE
        return Report(status, decision.situation, decision.reason, decision.rules)

    # --- one run ---

    def _run(self, project: Project, entry: Entry, claim: Claim, deadline: Deadline, *, again: bool = False) -> Report:
        events = events_of(entry)
        may = ripe(events, self._clock.now())
        # what somebody has acted upon is not taken back because this worker's clock is behind
        due = tuple(event for event in events if event in may or event.key in entry.settled)
        unripe = tuple(event for event in events if event not in due)
        states = states_of(entry)
        if entry.settled >= entry.events.keys() and not again and not is_unfinished(states):
            # another worker has finished it meanwhile: nothing is decided anew, on a client who may have changed since
            self._claims.give_back(claim, entry.key, states)
            return _finished(entry, states)
        if not due:
            self._claims.give_back(claim, entry.key, states)
            return self._more_to_come(unripe)
        timeline = self.told_apart(project, fold(due))
        screened = screen(timeline, project.settings)
        if screened is not None:
            decision = Decision("ignored", reason=screened[0], rules=screened[1])
            return self._settle_without_crm(entry, claim, decision, unripe)
        nothing = nothing_due(timeline, project.settings)
        if nothing is not None and not states:
            talk = talk_of(timeline, project.settings)
            return self._settle_without_crm(entry, claim, nothing, unripe, talk)
        crm = bounded(self._projects.crm(project), claim.until, self._clock.now())
        kept_free = kept_for_routing(crm) if routes(project.settings) else 0
        work = Work(
            project=project,
            entry=entry,
            claim=claim,
            deadline=deadline,
            again=again,
            timeline=timeline,
            crm=crm,
            gate=Gate(self._store, project.name, crm, self._clock, kept_free=kept_free),
            states=states,
            index=index_of(claim.index),
            unripe=unripe,
        )
        return self._guarded(work)

    def told_apart(self, project: Project, timeline: Timeline) -> Timeline:
        """The call with groups told from employees; the provider is asked only about short numbers nobody knows."""
        if not needs_roster(timeline, project.settings.directory):
            return timeline
        roster = self._rosters(project)
        return timeline if roster is None else with_roster(timeline, roster)

    def _settle_without_crm(
        self, entry: Entry, claim: Claim, decision: Decision, unripe: Sequence[Event], talk: Talk | None = None
    ) -> Report:
        changes = Changes(
            effects=_texts(withdrawn(states_of(entry), decision)),
            settled=_all_but(entry, unripe),
            decision=decision_text(decision) if decision.situation else None,
        )
        before, name = index_of(claim.index), call_name(entry.key)
        index = before.with_doubt(name, doubtful=False)
        index = index if talk is None else index.with_talk(name, talk)
        try:
            self._store.finish(entry.key, claim, changes, claim.index if index == before else index.dump())
        except ClaimLost:  # this worker stood still; whoever took over has settled the events, or their promises will
            return Report(Status.WAITING, reason="claim_lost")
        status = Status.IGNORED if decision.situation == "ignored" else Status.DONE
        report = Report(status, decision.situation, decision.reason, decision.rules)
        return self._more_to_come(unripe, report) if unripe else report

    def _more_to_come(self, unripe: Sequence[Event], report: Report | None = None) -> Report:
        """What could be done is done; the promise looks after the events that wait for others."""
        pause = _until_ripe(unripe, self._clock.now())
        return replace(report or Report(Status.WAITING), status=Status.WAITING, reason="events_may_follow", retry_after=pause)

    def _guarded(self, work: Work) -> Report:
        """Run, and turn what stands in the way into a report; the claim is given back in every case."""
        try:
            return self._carry_out(work)
        except ClaimLost:
            return Report(Status.WAITING, reason="claim_lost")
        except NotNow as wait:
            self._claims.give_back(work.claim, work.entry.key, work.states)
            reason = "cooling_down" if wait.cooling else "rate_limit"
            return Report(Status.WAITING, reason=reason, retry_after=wait.until - self._clock.now())
        except Shut as shut:
            self._claims.give_back(work.claim, work.entry.key, work.states)
            return Report(Status.PARKED, reason=shut.reason)
        except CrmError as error:
            self._claims.give_back(work.claim, work.entry.key, work.states)
            return self._unfinished(work, error)

    def _unfinished(self, work: Work, error: CrmError) -> Report:
        if isinstance(error, Unauthorised):
            if self._store.block(work.project.name, error.vendor, "crm_unauthorised", self._clock.now()):
                self._alarm(work.project, error.vendor)
            return Report(Status.PARKED, reason="crm_unauthorised")
        pause = work.gate.note(error)
        if isinstance(error, Transient):
            return Report(Status.WAITING, reason="crm_unavailable", retry_after=pause)
        # the look-up itself was refused: nothing can be decided, and another try may be right once somebody mended it
        return Report(Status.WAITING, reason="crm_refused_look_up", retry_after=pause)

    def _carry_out(self, work: Work) -> Report:
        writer = Writer(
            crm=work.crm,
            gate=work.gate,
            clock=self._clock,
            settings=work.settings,
            key=work.entry.key,
            timeline=work.timeline,
            states=work.states,
            doubtful={key for key, state in work.states.items() if state.state in IN_DOUBT},
        )
        try:
            return self._decide_and_write(work, writer, self._sight.seen(work))
        except Gone:
            # a record was deleted or converted since we looked: look again, once
            return self._decide_and_write(work, writer, self._sight.look(work))

    def _decide_and_write(self, work: Work, writer: Writer, seen: Snapshot) -> Report:
        writer.fresh = work.looked
        decision = with_afterwards(decide(work.timeline, seen.client, work.settings), work.timeline, made_for(work.states))
        decision = self._counted_from_now(work, decision)
        pending = [effect for effect in decision.effects if self._is_pending(work, effect)]
        records = [effect for effect in pending if isinstance(effect, CreateRecord)]
        others = [effect for effect in pending if not isinstance(effect, CreateRecord)]
        try:
            self._write_records(work, writer, records, seen)
            self._write_others(work, writer, others, seen)
        except Gone:
            if work.looked:
                report = Report(Status.WAITING, reason="record_gone")
                return self._leave(work, writer, seen, decision, report, forget=True)
            raise
        except CrmError as error:
            return self._leave(work, writer, seen, decision, self._unfinished(work, error))
        except NotNow as wait:
            report = Report(Status.WAITING, reason="rate_limit", retry_after=wait.until - self._clock.now())
            return self._leave(work, writer, seen, decision, report)
        except Shut as shut:
            return self._leave(work, writer, seen, decision, Report(Status.PARKED, reason=shut.reason))
        except _OutOfTime:
            return self._leave(work, writer, seen, decision, Report(Status.WAITING, reason="out_of_time"))
        return self._finish(work, writer, seen, decision)

    def _counted_from_now(self, work: Work, decision: Decision) -> Decision:
        """Deadlines of a call that was caught up with, or sent again, count from then (D-33)."""
        told = (event.extra.get(CAUGHT_UP) for event in events_of(work.entry))
        late = [datetime.fromisoformat(text) for text in told if text]
        return due_from(decision, work.timeline.ended_at, max(late), work.settings) if late else decision

    def _is_pending(self, work: Work, effect: Effect) -> bool:
        state = work.states.get(effect.key)
        written = work.states.get(_of_its_own(effect) or "")
        if written is not None and state is not None and state.state is State.DONE:
            # it may change again, with what is heard of the call later
            return written.owner != _owner(effect)
        return state is None or state.state in IN_DOUBT or (work.again and state.state is State.FAILED)

    # --- writing ---

    def _write_records(self, work: Work, writer: Writer, records: list[CreateRecord], seen: Snapshot) -> None:
        if records:
            self._in_time(work, len(records))
            # bought before they are intended: a wait for the bucket leaves no doubt about what was written
            work.gate.reserve(min(len(records), work.crm.declaration.requests.create))
            self._intend(work, writer, records, seen)
            writer.create(records)

    def _write_others(self, work: Work, writer: Writer, others: Sequence[Effect], seen: Snapshot) -> None:
        if others:
            self._in_time(work, 1)
            work.gate.reserve(_requests_of(others))
            self._intend(work, writer, others, seen)
        for effect in others:
            self._in_time(work, 1)
            writer.write(effect)

    def _in_time(self, work: Work, requests: int) -> None:
        """No effect is begun that could not end before the function's time is over."""
        if not work.deadline.allows(requests * work.crm.declaration.time_out):
            raise _OutOfTime

    def _intend(self, work: Work, writer: Writer, effects: Sequence[Effect], seen: Snapshot) -> None:
        now = self._clock.now()
        for effect in effects:
            if effect.key in writer.doubtful:  # what it was first intended with may stand in the CRM
                known = writer.states[effect.key]
                writer.states[effect.key] = replace(known, state=State.INTENDED, what=in_words(effect), rules=effect.rules)
                continue
            writer.states[effect.key] = EffectState(
                State.INTENDED, in_words(effect), now, effect.rules, owner=_owner(effect), recording=_recorded(effect)
            )
        changes = Changes(effects=_texts(writer.states), client=seen.dump())
        work.claim = self._store.begin(work.entry.key, work.claim, changes, now + LEASE)
        bounded(work.crm, work.claim.until, self._clock.now())

    # --- ending ---

    def _leave(
        self, work: Work, writer: Writer, seen: Snapshot, decision: Decision, report: Report, *, forget: bool = False
    ) -> Report:
        """Keep what was achieved, and give the claim back; the events stay unsettled. `forget` has the next try look again."""
        self._watch(work, writer, decision)
        return self._put_down(work, writer, seen, decision, report, forget=forget)

    def _put_down(
        self, work: Work, writer: Writer, seen: Snapshot, decision: Decision, report: Report, *, forget: bool = False
    ) -> Report:
        client = Snapshot(seen.client, LONG_AGO).dump() if forget else seen.dump()
        changes = Changes(effects=_texts(writer.states), client=client, decision=decision_text(decision))
        self._store.finish(work.entry.key, work.claim, changes, self._new_index(work, writer, seen, decision).dump())
        return Report(report.status, decision.situation, report.reason, decision.rules, dict(writer.states), report.retry_after)

    def _give_up(self, work: Work, writer: Writer) -> bool:
        """Whether the CRM has refused anything; what it refused just now goes to the dead-letter queue, where people see it."""
        failed = {key: state for key, state in writer.states.items() if state.state is State.FAILED}
        news = [state for state in failed.values() if work.again or not state.told]
        writer.states |= {key: replace(state, told=True) for key, state in failed.items()}
        if news:
            # without the CRM's words, which may name somebody: they stand in the journal, where erasing reaches them
            self._bury(promise_of(work.entry), "refused by the CRM: " + "; ".join(state.what for state in news))
        return bool(failed)

    def _watch(self, work: Work, writer: Writer, decision: Decision) -> bool:
        """Begin the wait for the deadlines of the open tasks that were written; False when that must be tried again.

        Before the journal says that they are written: so whoever repeats this after a crash begins the wait as well, and its
        name keeps it from beginning twice.
        """
        if self._deadlines is None or work.settings.tasks.on_overdue == "none":
            return True
        for effect in decision.effects:
            state = writer.states.get(effect.key)
            if not isinstance(effect, CreateTask) or effect.due_at is None or state is None or state.watched:
                continue
            if state.state is State.DONE and state.id is not None:
                if not work.deadline.allows(STARTING):
                    return False
                try:
                    self._deadlines.start(Watch(work.entry.key, effect.key, state.id, effect.due_at))
                except NotStarted:
                    return False
                writer.states[effect.key] = replace(state, watched=True)
        return True

    def _finish(self, work: Work, writer: Writer, seen: Snapshot, decision: Decision) -> Report:
        if not self._watch(work, writer, decision):
            return self._put_down(work, writer, seen, decision, Report(Status.WAITING, reason="deadline_not_watched"))
        writer.states |= withdrawn(writer.states, decision)
        failed = self._give_up(work, writer)
        changes = Changes(
            effects=_texts(writer.states),
            settled=_all_but(work.entry, work.unripe),
            client=seen.dump(),
            decision=decision_text(decision),
        )
        self._store.finish(work.entry.key, work.claim, changes, self._new_index(work, writer, seen, decision).dump())
        status = Status.FAILED if failed else Status.IGNORED if decision.situation == "ignored" else Status.DONE
        report = Report(status, decision.situation, decision.reason, decision.rules, dict(writer.states))
        return self._more_to_come(work.unripe, report) if work.unripe else report

    def _new_index(self, work: Work, writer: Writer, seen: Snapshot, decision: Decision) -> Index:
        index = work.index.with_made(writer.made(decision), work.entry.key.call, self._clock.now())
        talk = talk_of(work.timeline, work.settings)
        if talk is not None:
            index = index.with_talk(call_name(work.entry.key), talk)
        callback = writer.states.get(CALLBACK)
        doubtful = any(state.state is State.INTENDED for state in writer.states.values())
        closed = {state.id for key, state in writer.states.items() if key == CLOSED and state.state is State.DONE}
        return replace(
            index.with_doubt(call_name(work.entry.key), doubtful),
            callback=callback.id if callback is not None and callback.id is not None else _unless(index.callback, closed),
            owner=_responsible(work, seen) or index.owner,
        )


def _unless(callback: str | None, closed: Collection[str | None]) -> str | None:
    """The callback task that is remembered, unless it was completed."""
    return None if callback in closed else callback


def _responsible(work: Work, seen: Snapshot) -> str | None:
    """Who is the client's responsible as far as this call has found or made out; only where routing may ask (D-20)."""
    if not work.settings.routing.last_owner:
        return None
    made = (owner for owner in _owners(work.states).values() if owner is not None)
    return responsible_of(seen.client, work.settings) or next(made, None)


def _kept_without_work(event: Event, settings: Settings) -> Decision | None:
    """What is decided on an event that asks for no work by itself; None for one that does."""
    timeline = fold([event])
    screened = screen(timeline, settings)
    if screened is not None:
        return Decision("ignored", reason=screened[0], rules=screened[1])
    nothing = nothing_due(timeline, settings)
    return nothing if talk_of(timeline, settings) is None else None


def _finished(entry: Entry, states: Mapping[str, EffectState]) -> Report:
    """What stands in the journal of a call that is carried out."""
    decision = json.loads(entry.decision) if entry.decision else {}
    situation, failed = decision.get("situation", ""), any(state.state is State.FAILED for state in states.values())
    status = Status.FAILED if failed else Status.IGNORED if situation == "ignored" else Status.DONE
    return Report(status, situation, decision.get("reason", ""), tuple(decision.get("rules", ())), states)


def _requests_of(effects: Sequence[Effect]) -> int:
    """How many requests these effects take: a recording that is written with its task takes none of its own."""
    keys = {effect.key for effect in effects}
    return sum(not (isinstance(effect, AddRecording) and effect.effect in keys) for effect in effects)


def _end_of(entry: Entry) -> list[Event]:
    """What has told of the end of the call."""
    return [event for event in events_of(entry) if event.moment is Moment.END]


def _has_ended(entry: Entry, now: datetime) -> bool:
    """Whether the end of the call is known and may have been acted upon."""
    return any(event.key in entry.settled or is_ripe(event, now) for event in _end_of(entry))


def _until_ripe(events: Sequence[Event], now: datetime) -> timedelta:
    """How long until all of these events may be acted upon."""
    return max((event.ripe_at - now for event in events if event.ripe_at is not None), default=timedelta(0))


def _all_but(entry: Entry, unripe: Sequence[Event]) -> frozenset[str]:
    """What is settled: everything but the unripe. While there are any, the end is not settled either: an event that came
    before it has no promise of its own, and the end's brings it back."""
    open_still = [*unripe, *_end_of(entry)] if unripe else []
    return frozenset(entry.events) - {event.key for event in open_still}


def _owner(effect: Effect) -> str | None:
    """For whom an effect is written."""
    if isinstance(effect, CreateTask | AssignTask):
        return effect.assignee
    return effect.owner if isinstance(effect, CreateRecord | UpdateRecord) else None


def _of_its_own(effect: Effect) -> str | None:
    """The key of the effect of this call whose owner or assignee is put right."""
    if isinstance(effect, AssignTask):
        return effect.effect
    if isinstance(effect, UpdateRecord) and effect.about == "owner" and isinstance(effect.target, Made):
        return effect.target.key
    return None


def _recorded(effect: Effect) -> bool:
    return isinstance(effect, CreateTask | LogCall) and effect.recording is not None


def _owners(states: Mapping[str, EffectState]) -> dict[str, str | None]:
    """For whom this call has made its records so far, by the key of the effect that made them."""
    return {key: state.owner for key, state in states.items() if state.kind is not None and state.state is State.DONE}


class _OutOfTime(Exception):
    """The function's time is nearly over."""


def _texts(states: Mapping[str, EffectState]) -> dict[str, str]:
    return {key: state.dump() for key, state in states.items()}
