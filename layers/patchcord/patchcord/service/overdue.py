"""A deadline has come: is the task done, and if not, who is told? (design 10)

Called by the state machine `task_deadline`, which repeats whatever fails. So everything here may run again at any point: what
is written has a key in the call's journal, an intent before it and a result after it, and is looked for before it is repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from patchcord.crm.errors import CrmError, Gone, Transient, Unauthorised
from patchcord.crm.port import Crm
from patchcord.model.effects import CreateTask, Effect, UpdateRecord
from patchcord.model.phone import read_phone
from patchcord.model.records import Client, Ref
from patchcord.model.timeline import Timeline, fold
from patchcord.scenarios.decide import decide
from patchcord.scenarios.matches import match
from patchcord.scenarios.overdue import Late, escalation, handing_over, key_of, next_due, task_of
from patchcord.scenarios.routing import routes
from patchcord.service.claims import LEASE, Claims, bounded, identity_of, index_left
from patchcord.service.clients import lag_of
from patchcord.service.clock import Clock, Deadline
from patchcord.service.deadlines import Watch
from patchcord.service.gate import Gate, NotNow, Shut, kept_for_routing, look_up_cost
from patchcord.service.journal import EffectState, State, effect_state, events_of, snapshot, states_of
from patchcord.service.observe import Observer
from patchcord.service.projects import Project, Projects
from patchcord.service.seeing import search_of
from patchcord.service.writing import Writer, in_words
from patchcord.store.port import Changes, Claim, ClaimLost, Entry, Store

Next = dict[str, Any]
"""The state that an execution goes on with, as JSON."""
ToldApart = Callable[[Project, Timeline], Timeline]
"""The call with groups told from employees."""


@dataclass(eq=False)
class CrmNotNow(Exception):
    """The CRM cannot be asked now; the state machine tries again. `reason` is a word of ours."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class EscalationRefused(Exception):
    """The CRM refuses for good; its words stand in the journal of the call. The execution fails, for people to see."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class LookFailed(Exception):
    """The task could not be looked at, for a reason that stands in the log."""


@dataclass
class _Look:
    """One look at one task."""

    project: Project
    watch: Watch
    entry: Entry
    claim: Claim
    crm: Crm
    gate: Gate
    states: dict[str, EffectState]
    deadline: Deadline


class Overdue:
    """Looks at tasks whose deadline has come. Stateless but for its connections."""

    def __init__(
        self,
        store: Store,
        projects: Projects,
        clock: Clock,
        observer: Observer,
        told_apart: ToldApart = lambda project, call: call,
    ) -> None:
        self._store, self._projects, self._clock, self.observer = store, projects, clock, observer
        self._told_apart, self._claims = told_apart, Claims(store, clock)

    def look(self, watch: Watch, deadline: Deadline) -> Next:
        """The next state of the execution: `next` is `again` at a new `due_at`, or `done`; `outcome` says what was found.

        Raises CrmNotNow, EscalationRefused.
        """
        project = self._projects.get(watch.key.project)
        if project is None:
            return done(watch, "no_project")
        settings = project.settings
        if settings.tasks.on_overdue == "none" or not settings.integration.enabled:
            return done(watch, "switched_off")
        entry = self._store.entry(watch.key)
        if entry is None or watch.effect not in entry.effects:
            return done(watch, "not_in_journal")
        claim = self._claimed(project, entry)
        # read again: whoever held the claim before may have written
        look = self._begun(project, watch, self._store.entry(watch.key) or entry, claim, deadline)
        try:
            return self._guarded(look)
        finally:
            self._claims.give_back(look.claim, look.watch.key, states_of(look.entry))

    def _claimed(self, project: Project, entry: Entry) -> Claim:
        """The claim on the call's client. Raises CrmNotNow while somebody else has it.

        What another call has left unfinished is no hindrance: no record is decided on here.
        """
        claim = self._claims.take(project, identity_of(entry), entry.key)
        if not isinstance(claim, Claim):
            raise CrmNotNow("client_busy")
        return claim

    def _begun(self, project: Project, watch: Watch, entry: Entry, claim: Claim, deadline: Deadline) -> _Look:
        crm = bounded(self._projects.crm(project), claim.until, self._clock.now())
        kept_free = kept_for_routing(crm) if routes(project.settings) else 0
        gate = Gate(self._store, project.name, crm, self._clock, kept_free=kept_free)
        states = {key: effect_state(text) for key, text in entry.effects.items()}
        return _Look(project, watch, entry, claim, crm, gate, states, deadline)

    def _guarded(self, look: _Look) -> Next:
        """Look, and turn what stands in the way into one of the two errors that the state machine knows."""
        try:
            return self._looked(look)
        except ClaimLost:
            raise CrmNotNow("claim_lost") from None
        except NotNow as wait:
            raise CrmNotNow("cooling_down" if wait.cooling else "rate_limit") from None
        except Shut as shut:
            raise CrmNotNow(shut.reason) from None
        except Unauthorised as error:
            if self._store.block(look.project.name, error.vendor, "crm_unauthorised", self._clock.now()):
                self.observer.alarm(look.project.name, error.vendor)
            raise CrmNotNow("crm_unauthorised") from None
        except Transient as error:
            look.gate.note(error)
            raise CrmNotNow("crm_unavailable") from None
        except CrmError:  # the words are the vendor's, and may hold a number
            raise EscalationRefused("crm_refused_to_tell") from None

    def _looked(self, look: _Look) -> Next:
        watch, settings = look.watch, look.project.settings
        self._in_time(look, watch.round)
        assignee = self._open(look, watch.task, look.states[watch.effect])
        earlier = [key_of(watch.effect, number) for number in range(1, watch.round)]
        written = [state for key in earlier if (state := look.states.get(key)) and "task" in state.what and state.id]
        if assignee is None:
            return done(watch, "completed_or_gone")
        if any(self._open(look, state.id or "", state) is None for state in written):
            return done(watch, "escalation_completed")
        timeline = self._told_apart(look.project, fold(events_of(look.entry)))
        client = Client(timeline.client)
        if look.entry.client is not None:
            client = snapshot(look.entry.client, timeline.client).client
        task = task_of(decide(timeline, client, settings), watch.effect)
        if task is None:
            return done(watch, "not_asked_for_any_more")
        employee = settings.directory.of_crm_user(assignee) if assignee else settings.employees.get(task.assignee or "")
        begun = handing_over(watch.effect, watch.round) in look.states
        late = Late(task, watch.due_at, employee, watch.round, begun)
        effects = escalation(late, timeline, settings, self._clock.now())
        if not effects:
            return done(watch, "nobody_to_tell")
        self._carry_out(look, timeline, effects)
        return self._after(look, settings.tasks.on_overdue)

    def _open(self, look: _Look, task: str, written: EffectState) -> str | None:
        """Whose an open task is, empty if nobody's; None for one that is done, or deleted by somebody.

        One that was written a moment ago may only be invisible yet (crm_megaplan.md: for seconds).
        """
        look.gate.spend(1)
        try:
            state = look.crm.task(task)
        except Gone:
            if self._clock.now() - written.since < lag_of(look.crm):
                raise CrmNotNow("not_visible_yet") from None
            return None
        return None if state.completed else state.assignee or ""

    def _after(self, look: _Look, outcome: str) -> Next:
        watch, settings = look.watch, look.project.settings
        if watch.round >= settings.tasks.overdue_repetitions:
            return done(watch, outcome)
        later = replace(watch, due_at=next_due(self._clock.now(), settings), round=watch.round + 1)
        return {**later.tree(), "next": "again", "outcome": outcome}

    # --- writing ---

    def _carry_out(self, look: _Look, timeline: Timeline, effects: Sequence[Effect]) -> None:
        """Write what is not written yet. Raises EscalationRefused for what is refused, now or in an earlier try."""
        pending = [effect for effect in effects if self._is_pending(look, effect.key)]
        writer = Writer(
            crm=look.crm,
            gate=look.gate,
            clock=self._clock,
            settings=look.project.settings,
            key=look.watch.key,
            timeline=timeline,
            states=look.states,
            doubtful={effect.key for effect in pending if effect.key in look.states},
        )
        if pending:
            self._in_time(look, 2 * len(pending))
            look.gate.reserve(len(pending))
            self._intend(look, pending)
            try:
                for effect in pending:
                    self._write(look, writer, effect)
            finally:
                index = index_left(look.claim, look.watch.key, states_of(look.entry))
                self._store.finish(look.watch.key, look.claim, self._changes(look, pending), index.dump())
        if any(look.states[effect.key].state is State.FAILED for effect in effects):
            raise EscalationRefused("crm_refused_escalation")

    def _is_pending(self, look: _Look, key: str) -> bool:
        return key not in look.states or look.states[key].state is State.INTENDED

    def _intend(self, look: _Look, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if effect.key not in look.states:
                look.states[effect.key] = EffectState(State.INTENDED, in_words(effect), self._clock.now(), effect.rules)
        until = self._clock.now() + LEASE
        look.claim = self._store.begin(look.watch.key, look.claim, self._changes(look, effects), until)

    def _changes(self, look: _Look, effects: Sequence[Effect]) -> Changes:
        return Changes(effects={effect.key: look.states[effect.key].dump() for effect in effects})

    def _write(self, look: _Look, writer: Writer, effect: Effect) -> None:
        """Write one effect. A record may have been converted or deleted since the call: then whatever the client has now."""
        try:
            writer.write(effect)
        except Gone:
            writer.fresh = True
            try:
                writer.write(_moved(effect, self._places(look, writer.timeline)))
            except Gone as error:
                look.states[effect.key] = replace(look.states[effect.key], state=State.FAILED, words=error.words or "gone")

    def _places(self, look: _Look, timeline: Timeline) -> tuple[Ref, ...]:
        """Where a task or a note of this client belongs by now: the best record there is."""
        if timeline.client is None:
            return ()
        settings = look.project.settings
        self._in_time(look, look.crm.declaration.requests.look_up)
        look.gate.spend(look_up_cost(look.crm))
        phone = read_phone(timeline.client, settings.phone.default_region)
        found = match(Client(timeline.client, look.crm.find(phone, search_of(settings, timeline.client))), settings)
        records = (found.primary, found.contact, found.organization)
        return tuple(record.ref for record in records if record is not None)[:1]

    def _in_time(self, look: _Look, requests: int) -> None:
        if not look.deadline.allows(min(requests, 2) * look.crm.declaration.time_out):
            raise CrmNotNow("out_of_time")


def done(watch: Watch, outcome: str) -> Next:
    """The last state of an execution."""
    return {**watch.tree(), "next": "done", "outcome": outcome}


def _moved(effect: Effect, places: tuple[Ref, ...]) -> Effect:
    """The effect at other records; as it is where there are none."""
    if isinstance(effect, CreateTask) and places:
        return replace(effect, targets=places)
    if isinstance(effect, UpdateRecord) and places:
        return replace(effect, target=places[0])
    return effect
