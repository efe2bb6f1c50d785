"""Carrying out effects: neutral words into the port's drafts, looking first for whatever may have happened already."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Transient
from patchcord.crm.port import CallDraft, Change, Crm, Draft, TaskDraft, Trace, Written
from patchcord.model.effects import (
    AddRecording,
    AssignTask,
    CompleteTask,
    CreateRecord,
    CreateTask,
    Decision,
    Effect,
    LogCall,
    LogKind,
    Made,
    ShowPopup,
    Target,
    UpdateRecord,
)
from patchcord.model.events import CallType, Outcome
from patchcord.model.records import Record, Ref
from patchcord.model.settings import Settings
from patchcord.model.timeline import Timeline
from patchcord.scenarios.afterwards import LEAD_ID
from patchcord.service.clients import lag_of
from patchcord.service.clock import Clock
from patchcord.service.gate import Gate
from patchcord.service.journal import EffectState, State
from patchcord.store.port import CallKey

FINAL = (Rejected, Misconfigured)
"""Errors that another try does not change."""


def marker(key: CallKey, effect: str) -> str:
    """What every record and task of ours carries, so that it can be found again: made from the call and the effect."""
    text = "\x1f".join((key.project, key.provider, key.call, effect))
    return f"pc-{hashlib.sha256(text.encode()).hexdigest()[:20]}"


@dataclass
class Writer:
    """Writes the effects of one call. `states` is the journal as this worker knows it; `doubtful` are the effects that
    an earlier worker intended without leaving a result; `fresh` says that the client was looked at in this run."""

    crm: Crm
    gate: Gate
    clock: Clock
    settings: Settings
    key: CallKey
    timeline: Timeline
    states: dict[str, EffectState]
    doubtful: set[str]
    fresh: bool = False

    # --- records ---

    def create(self, effects: Sequence[CreateRecord]) -> None:
        """Create a linked set, as far as it is not there yet. What the vendor refuses fails alone; raises what may pass."""
        for effect in effects:
            if effect.key in self.doubtful and (found := self._found_record(effect)):
                self._done(effect.key, found.id, ref=found)
        while pending := [effect for effect in effects if self.states[effect.key].state is State.INTENDED]:
            self.gate.spend(min(len(pending), self.crm.declaration.requests.create))
            answer = self.crm.create([self._draft(effect, pending) for effect in pending])
            for effect in pending:
                if effect.key in answer.refs:
                    self.states[effect.key] = replace(self.states[effect.key], owner=effect.owner)
                    self._done(effect.key, answer.refs[effect.key].id, ref=answer.refs[effect.key])
            if answer.error is not None and answer.failed is not None:
                self._failed(answer.failed, self._judged(answer.failed, answer.error))

    def _judged(self, key: str, error: CrmError) -> CrmError:
        """A refusal of what may be there already, while the search may not show it yet, is no last word: where a number is
        unique the refusal may say "exists already", and a right that is missing now says nothing of what was written then."""
        lag = lag_of(self.crm)
        young = self.clock.now() - self.states[key].since < lag
        if key in self.doubtful and young and isinstance(error, FINAL):
            return Transient(error.vendor, error.request, error.words, retry_after=lag)
        return error

    def _found_record(self, effect: CreateRecord) -> Ref | None:
        """The record of an earlier worker, if it is there. Made for a record that is not, it is not there either: what is
        found without that link, by its name, may be another client's."""
        if any(isinstance(link, Made) and self._is_missing(link) for link in effect.links):
            return None
        self.gate.spend(1)
        trace = replace(
            self._trace(effect, Written.RECORD),
            kind=effect.kind,
            targets=self._refs(effect.links),
            name=_plain(effect.name),
            phone=effect.phone or self.timeline.client or "",
        )
        found = self.crm.find_by_marker(trace)
        return Ref(effect.kind, found) if found is not None else None

    def made(self, decision: Decision) -> list[Record]:
        """The records that this call has made, by whichever worker: one that died may not have told the index."""
        creations = {effect.key: effect for effect in decision.effects if isinstance(effect, CreateRecord)}
        written = ((key, state) for key, state in self.states.items() if state.state is State.DONE)
        return [self._record(ref, state, creations.get(key)) for key, state in written if (ref := state.ref) is not None]

    def _record(self, ref: Ref, state: EffectState, creation: CreateRecord | None) -> Record:
        links = {link.kind.value: link.id for link in self._refs(creation.links if creation is not None else ())}
        return Record(
            kind=ref.kind,
            id=ref.id,
            owner=self._user(state.owner),
            contact=links.get("contact"),
            organization=links.get("organization"),
            created_at=state.since,
            updated_at=self.clock.now(),
        )

    def _is_missing(self, made: Made) -> bool:
        """Whether another record of this call was looked for and not found."""
        return made.key in self.doubtful and self.states[made.key].state is State.INTENDED

    def _draft(self, effect: CreateRecord, pending: Sequence[CreateRecord]) -> Draft:
        together = {other.key for other in pending}
        links = [
            link.key if isinstance(link, Made) and link.key in together else resolved
            for link in effect.links
            if (resolved := self._ref(link)) is not None or (isinstance(link, Made) and link.key in together)
        ]
        return Draft(
            key=effect.key,
            kind=effect.kind,
            name=_plain(effect.name),
            marker=marker(self.key, effect.key),
            owner=self._user(effect.owner),
            creator=self._user(effect.creator),
            phone=effect.phone,
            email=effect.email,
            links=tuple(link for link in links if link is not None),
            attribution=self._fitting(effect.attribution),
            fields=self._fitting(effect.fields),
            pipeline=effect.pipeline,
            stage=effect.stage,
            tags=effect.tags,
        )

    # --- everything else ---

    def write(self, effect: Effect) -> None:
        """Carry out one effect; a refusal is its result, everything else is raised.

        With a client that was looked at earlier in the call, a refusal may only mean that a record has been converted or
        deleted since: vendors say "unknown id" with the same status. So it is raised as Gone, and somebody looks again.
        """
        try:
            self._write(effect)
        except FINAL as error:
            if not self.fresh:
                raise Gone(error.vendor, error.request, error.words) from error
            self._failed(effect.key, self._judged(effect.key, error))

    def _write(self, effect: Effect) -> None:
        match effect:
            case CreateTask() | LogCall():
                self._write_trace(effect)
            case UpdateRecord():
                self._update(effect)
            case AddRecording():
                self._add_recording(effect)
            case CompleteTask():
                self._complete(effect)
            case AssignTask():
                self._assign(effect)
            case ShowPopup():
                self._done(effect.key, None)
            case CreateRecord():
                self.create([effect])

    def _write_trace(self, effect: CreateTask | LogCall) -> None:
        targets = self._refs(effect.targets)
        if effect.targets and not targets:
            self._fail(effect.key, "the record it belongs to could not be written")
            return
        found = self._found_trace(effect, targets) if effect.key in self.doubtful else None
        if found is not None:
            self._done(effect.key, found, recording=self.states[effect.key].recording)
            return
        self.gate.spend(1)
        written = self._task(effect, targets) if isinstance(effect, CreateTask) else self._log(effect, targets)
        if isinstance(effect, CreateTask):
            self.states[effect.key] = replace(self.states[effect.key], owner=effect.assignee)
        self._done(effect.key, written, recording=effect.recording is not None)

    def _found_trace(self, effect: CreateTask | LogCall, targets: tuple[Ref, ...]) -> str | None:
        self.gate.spend(1)
        trace = self._trace(effect, self._sort(effect))
        log = effect.kind if isinstance(effect, LogCall) else None
        return self.crm.find_by_marker(replace(trace, targets=targets, log=log, name=effect.title))

    def _sort(self, effect: CreateTask | LogCall) -> Written:
        if isinstance(effect, CreateTask):
            return Written.TASK
        return Written.NOTE if effect.kind is LogKind.NOTE else Written.LOG

    def _task(self, effect: CreateTask, targets: tuple[Ref, ...]) -> str:
        return self.crm.create_task(
            TaskDraft(
                marker=marker(self.key, effect.key),
                kind=effect.kind,
                title=effect.title,
                text=effect.text,
                completed=effect.completed,
                assignee=self._user(effect.assignee),
                targets=targets,
                due_at=effect.due_at,
                recording=effect.recording,
                board=effect.board,
            )
        )

    def _log(self, effect: LogCall, targets: tuple[Ref, ...]) -> str:
        call = self.timeline
        return self.crm.log_call(
            CallDraft(
                marker=marker(self.key, effect.key),
                kind=effect.kind,
                title=effect.title,
                text=effect.text,
                targets=targets,
                call_type=call.call_type or CallType.IN,
                outcome=call.outcome or Outcome.ANSWERED,
                started_at=call.started_at or self.clock.now(),
                talk_seconds=call.talk_seconds or 0,
                client=call.client or "",
                line=call.line or "",
                author=self._user(effect.author),
                assignee=self._user(effect.assignee),
                recording=effect.recording,
            )
        )

    def _update(self, effect: UpdateRecord) -> None:
        ref = self._ref(effect.target)
        if ref is None:
            self._fail(effect.key, "the record it belongs to could not be written")
            return
        is_right = isinstance(effect.target, Made) and self._is_for(effect.target.key, effect.owner, effect.key)
        if (effect.owner is not None and not is_right) or effect.fields or effect.attribution or effect.name:
            self.gate.spend(1)
            # a form's own fields go where the project has said, which may be a long text
            fields = effect.fields if effect.about == "form" else self._fitting(effect.fields)
            change = Change(
                name=effect.name.replace(LEAD_ID, ref.id) or None,
                owner=self._user(effect.owner),
                fields=fields,
                attribution=self._fitting(effect.attribution),
            )
            self.crm.update(ref, change)
            self._note_owner(effect)
        note = self._note(effect, ref) if effect.note else None
        self._done(effect.key, note or ref.id)

    def _is_for(self, written: str, employee: str | None, change: str) -> bool:
        """Whether it is known that what an effect of this call has written is this employee's already."""
        return change not in self.doubtful and written in self.states and self.states[written].owner == employee

    def _note_owner(self, effect: UpdateRecord) -> None:
        """Remember whose a record of this call is now (D-26)."""
        if effect.owner is not None and isinstance(effect.target, Made):
            made = self.states[effect.target.key]
            self.states[effect.target.key] = replace(made, owner=effect.owner)

    def _note(self, effect: UpdateRecord, ref: Ref) -> str:
        if effect.key in self.doubtful:
            self.gate.spend(1)
            found = self.crm.find_by_marker(replace(self._trace(effect, Written.NOTE), targets=(ref,)))
            if found is not None:
                return found
        self.gate.spend(1)
        return self.crm.add_note((ref,), effect.note, marker(self.key, effect.key))

    def _complete(self, effect: CompleteTask) -> None:
        """Complete a task; one that somebody has deleted is done with as well. Repeating it changes nothing."""
        self.gate.spend(1)
        with suppress(Gone):
            self.crm.complete_task(effect.task)
        self._done(effect.key, effect.task)

    def _assign(self, effect: AssignTask) -> None:
        """Give a task of this call to somebody else. One that was deleted, or is done with for good, stays as it is."""
        written, user = self.states.get(effect.effect), self._user(effect.assignee)
        is_right = not effect.late and self._is_for(effect.effect, effect.assignee, effect.key)
        if written is not None and written.id is not None and user is not None and not is_right:
            self.gate.spend(1)
            # a late one was seen open just now: a refusal means something else
            final = () if effect.late or self.crm.declaration.assigns_ticked_off else (Rejected,)
            with suppress(Gone, *final):
                self.crm.assign_task(written.id, user)
            self.states[effect.effect] = replace(written, owner=effect.assignee)
        self._done(effect.key, None)

    def _add_recording(self, effect: AddRecording) -> None:
        written = self.states.get(effect.effect)
        if written is None or written.id is None:
            self._fail(effect.key, "the task or call it belongs to could not be written")
            return
        if not written.recording:
            self.gate.spend(1)
            self.crm.add_recording(self._sort_of(effect.effect), written.id, effect.recording)
            self._done(effect.effect, written.id, recording=True)
        self._done(effect.key, written.id, recording=True)

    def _sort_of(self, effect: str) -> Written:
        what = self.states[effect].what
        return Written.TASK if "task" in what else Written.NOTE if "note" in what else Written.LOG

    # --- people, targets, states ---

    def _user(self, employee: str | None) -> str | None:
        known = self.settings.employees.get(employee or "")
        return known.crm_user if known is not None else None

    def _ref(self, target: Target) -> Ref | None:
        if isinstance(target, Ref):
            return target
        state = self.states.get(target.key)
        return state.ref if state is not None else None

    def _fitting(self, values: Mapping[str, str]) -> dict[str, str]:
        """Values as long as the CRM's fields take: whoever makes an advertisement's link must not cost us the record."""
        longest = self.crm.declaration.value_length
        return {name: value.encode("utf-16-le")[: 2 * longest].decode("utf-16-le", "ignore") for name, value in values.items()}

    def _refs(self, targets: Iterable[Target]) -> tuple[Ref, ...]:
        return tuple(ref for target in targets if (ref := self._ref(target)) is not None)

    def _trace(self, effect: Effect, sort: Written) -> Trace:
        since = self.states[effect.key].since
        lag_left = max(timedelta(0), since + lag_of(self.crm) - self.clock.now())
        return Trace(marker=marker(self.key, effect.key), sort=sort, since=since, lag_left=lag_left)

    def _done(self, key: str, written: str | None, *, ref: Ref | None = None, recording: bool = False) -> None:
        state = self.states[key]
        kind = ref.kind if ref is not None else None
        self.states[key] = replace(state, state=State.DONE, id=written, kind=kind, recording=recording, words="")

    def _failed(self, key: str, error: CrmError) -> None:
        if not isinstance(error, FINAL):
            raise error
        self._fail(key, error.words or str(error))

    def _fail(self, key: str, words: str) -> None:
        self.states[key] = replace(self.states[key], state=State.FAILED, words=words)


def _plain(name: str) -> str:
    return " ".join(name.replace(LEAD_ID, "").split())


def in_words(effect: Effect) -> str:
    """An effect for people: what it writes, without any personal data."""
    match effect:
        case CreateRecord():
            return f"create {effect.kind.value}"
        case UpdateRecord():
            return f"update {effect.target.kind.value}: {effect.about}"
        case CreateTask():
            return f"{'completed' if effect.completed else 'open'} task: {effect.kind.value}"
        case LogCall():
            return f"log {effect.kind.value}"
        case AddRecording():
            return f"recording added to {effect.effect}"
        case CompleteTask():
            return "callback task completed: the client was reached"
        case AssignTask():
            return f"{effect.effect} given to {'the senior manager' if effect.late else 'whom the whole call says'}"
        case ShowPopup():
            return "pop-up, shown by the CRM's own app"
