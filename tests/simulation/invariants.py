"""What must hold when a history has come to rest, told by the twins' ledgers and the journal (design 1)."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from patchcord.model.effects import CreateRecord, CreateTask, Decision
from patchcord.model.events import EventKind, Moment
from patchcord.model.phone import read_phone
from patchcord.model.settings import Settings
from patchcord.model.timeline import fold
from patchcord.scenarios.decide import decide
from patchcord.scenarios.overdue import PREFIX, handing_over
from patchcord.scenarios.profiles import effective
from patchcord.service.journal import EffectState, State, effect_state, events_of, snapshot
from patchcord.store.port import Entry
from sandbox.twins.base import Write
from tests.simulation.play import Player
from tests.simulation.scenes import BLOCKED, number_of
from tests.simulation.stage import Place

ONE_OF_A_KIND = ("contact", "organization", "lead")
MARKER = re.compile(r"pc-[0-9a-f]{20}")
SETTLES = 0.5
"""Seconds that an answer to routing may take beyond its budget: AWS's own requests."""


@dataclass(eq=False)
class Broken(AssertionError):
    """An invariant does not hold. `rule` is its name, `facts` what was found instead."""

    rule: str
    facts: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.facts}"


@dataclass(frozen=True)
class Result:
    """A project at rest."""

    player: Player
    place: Place
    settings: Settings
    entries: tuple[Entry, ...]

    def states(self, entry: Entry) -> Mapping[str, EffectState]:
        return {key: effect_state(text) for key, text in entry.effects.items()}


def results(player: Player) -> Iterator[Result]:
    """Each project with its journal."""
    store = player.stage.store
    for place in player.stage.places:
        days = {f"{told.begun:%Y-%m-%d}" for told in player.told}
        entries = tuple(entry for day in sorted(days) for entry in store.calls(place.name, day, 1000).entries)
        yield Result(player, place, effective(place.document), entries)


def check(player: Player) -> None:
    """Raises Broken for the first invariant that does not hold."""
    nothing_unforeseen(player)
    nothing_left_over(player)
    nothing_lost(player)
    answers_in_time(player)
    for result in results(player):
        for rule in OF_A_PROJECT:
            rule(result)


# --- of the whole history ---


def nothing_unforeseen(player: Player) -> None:
    """No error that nobody foresaw has reached the outermost edge."""
    if player.stage.observer.crashes:
        raise Broken("nothing unforeseen", player.stage.observer.crashes[0])


def nothing_left_over(player: Player) -> None:
    """No promise is left, and nothing was given up after somebody has mended the CRMs."""
    if player.stage.queue.buried:
        raise Broken("nothing left over", f"given up: {player.stage.queue.buried[0]}")


def nothing_lost(player: Player) -> None:
    """Every event that was acknowledged is in the journal, and carried out if its call has ended."""
    acknowledged = {told.worker.number for told in player.told if told.worker is not None and told.acknowledged}
    for number in acknowledged:
        for key, event in player.stage.accepted.get(number, []):
            entry = player.stage.store.entry(key)
            if entry is None or event not in entry.events:
                raise Broken("nothing lost", f"{key} {event} was acknowledged and is not stored")
            ended = any(known.moment is Moment.END for known in events_of(entry))
            asked = any(known.kind.value != "call" for known in events_of(entry))
            if event not in entry.settled and (ended or asked):
                raise Broken("nothing lost", f"{key} {event} was acknowledged and is not carried out")


def answers_in_time(player: Player) -> None:
    """A caller is answered within the budget, unless the answering worker itself was struck."""
    for told in player.told:
        if told.delivery.door != "question" or told.worker is None or told.worker.troubled or told.worker.dead:
            continue
        budget = effective(told.place.document).routing.timeout.total_seconds()
        paces = max(player.stage.history.paces) * 6 / 1000
        if not told.acknowledged or told.seconds > budget + paces + SETTLES:
            raise Broken("answers in time", f"status {told.status} after {told.seconds:.2f} s")


# --- of a project ---


def every_effect_done(result: Result) -> None:
    """No effect is left intended or refused, and everything that the whole call asks for is there."""
    for entry in result.entries:
        states = result.states(entry)
        for key, state in states.items():
            if key.startswith(PREFIX) and state.state is State.FAILED and "crm_refused_escalation" in result.player.looks:
                continue  # the execution has failed, where people see it
            if state.state not in {State.DONE, State.WITHDRAWN}:
                raise Broken("every effect done", f"{entry.key.call} {key} is {state.state.value}: {state.words}")
        asked_for = {effect.key for effect in whole_decision(result, entry).effects}
        missing = [key for key in asked_for if key not in states or states[key].state is State.WITHDRAWN]
        if missing and _settled(entry):
            raise Broken("every effect done", f"{entry.key.call} lacks {missing}")


def every_write_once(result: Result) -> None:
    """Each record, task, log and note in the CRM was written by exactly one effect, and each effect has written one."""
    if twice := [marker for marker, count in _markers(result.place).items() if count > 1]:
        raise Broken("every write once", f"{twice} more than once in {_new(result.place)}")
    surely, perhaps = _told(result)
    written = Counter((write.kind if write.do == "create" else "", _plain(write.id)) for write in _new(result.place))
    for identity in {*surely, *written}:
        least, most = surely[identity], surely[identity] + perhaps[identity]
        if not least <= written[identity] <= most:
            raise Broken("every write once", f"{identity}: {written[identity]} written, {least} to {most} in the journal")


def _markers(place: Place) -> Counter[str]:
    """How often each marker of ours stands in the CRM. What is written behind an older note tells of both."""
    latest = {(write.do, write.kind, write.id): write.fields for write in _new(place)}
    found: Counter[str] = Counter()
    for fields in latest.values():
        told = MARKER.findall(str(fields.get("text") or ""))
        found.update(told or [fields["marker"]] * bool(fields.get("marker")))
    return found


def _new(place: Place) -> list[Write]:
    """What was created. A recording's own comment, where a comment cannot be changed, belongs to the log that it follows; and
    the contact that Zoho Desk makes for a ticket without one belongs to the ticket."""
    new = (write for write in place.twin.ledger if write.do in {"create", "task", "log", "note"})
    by_itself = place.office.vendor == "zoho_desk"
    return [
        write
        for write in new
        if write.fields.get("marker")
        or not (write.fields.get("recording") or (by_itself and write.kind == "contact" and not write.fields.get("phone")))
    ]


def _told(result: Result) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    """What the journal says was written, by kind of record and id: surely, and perhaps (an update may have left a note)."""
    surely: Counter[tuple[str, str]] = Counter()
    perhaps: Counter[tuple[str, str]] = Counter()
    for state in (state for entry in result.entries for state in result.states(entry).values() if state.id is not None):
        if state.kind is not None:
            surely[state.kind.value, _plain(state.id)] += 1
        elif state.what.startswith(("open task", "completed task:", "log ")):
            surely["", _plain(state.id)] += 1
        else:
            perhaps["", _plain(state.id)] += 1
    return surely, perhaps


def _plain(identity: str | None) -> str:
    """An id without the kind that some vendors' clients put before it."""
    return str(identity).rsplit(":", 1)[-1]


def one_of_a_client(result: Result) -> None:
    """One client, at most one new contact, organisation and lead."""
    for kind in ONE_OF_A_KIND:
        made = Counter(_number(write) for write in result.place.twin.writes("create", kind))
        for number, count in made.items():
            if number is not None and count > 1:
                raise Broken("one of a client", f"{count} x {kind} for {number}")


def only_who_called(result: Result) -> None:
    """Nothing is written for a blocked number, or for somebody who has never been in touch with this project."""
    scenes = (told.scene for told in result.player.told if told.place is result.place)
    called = {number_of(scene.client) for scene in scenes} - {number_of(BLOCKED)}
    for write in result.place.twin.ledger:
        number = _number(write)
        if number is not None and number not in called:
            raise Broken("only who called", f"{write.do} {write.kind} for {number}")


def every_task_for_somebody(result: Result) -> None:
    """No open task is without somebody to do it and a time to do it by."""
    for task in result.place.twin.tasks():
        if not task.get("completed") and not (task.get("assignee") and task.get("due_at")):
            raise Broken("every task for somebody", json.dumps(task, default=str))


def everything_for_the_right_one(result: Result) -> None:
    """Owners and assignees are whom the decision on the complete call says, whatever the order of its events; an overdue task
    may have been handed over. A call whose end was never told is not complete."""
    users = {name: employee.crm_user for name, employee in result.settings.employees.items()}
    twin = result.place.twin
    for entry in (entry for entry in result.entries if _is_complete(entry)):
        states = result.states(entry)
        for effect in whole_decision(result, entry).effects:
            state = states.get(effect.key)
            if state is None or state.id is None:
                continue
            if isinstance(effect, CreateRecord) and effect.owner and result.settings.vendor.owners:
                found = [record for record in twin.records(effect.kind.value) if str(record["id"]) == state.id]
                if found and found[0].get("owner") not in {None, users[effect.owner]}:
                    raise Broken("everything for the right one", f"{entry.key.call} {effect.key} is {found[0].get('owner')}'s")
            if isinstance(effect, CreateTask) and effect.assignee:
                right = {None, users[effect.assignee]}
                if handing_over(effect.key, 1) in states and result.settings.senior is not None:
                    right.add(result.settings.senior.crm_user)
                for task in (task for task in twin.tasks() if str(task["id"]) == state.id):
                    if task.get("assignee") not in right:
                        raise Broken("everything for the right one", f"{entry.key.call} {effect.key}: {task.get('assignee')}")


OF_A_PROJECT: tuple[Callable[[Result], None], ...] = (
    every_effect_done,
    every_write_once,
    one_of_a_client,
    only_who_called,
    every_task_for_somebody,
    everything_for_the_right_one,
)


def whole_decision(result: Result, entry: Entry) -> Decision:
    """What all that is known of a call asks for, its client being as the journal has first seen it."""
    events = events_of(entry)
    if not events or entry.client is None:
        return Decision("", reason="no client was seen")
    timeline = fold(events)
    return decide(timeline, snapshot(entry.client, timeline.client).client, result.settings)


def _is_complete(entry: Entry) -> bool:
    return any(event.kind is not EventKind.CALL or event.moment is Moment.END for event in events_of(entry))


def _settled(entry: Entry) -> bool:
    return set(entry.events) <= entry.settled


def _number(write: Write) -> str | None:
    phone = write.fields.get("phone")
    return read_phone(str(phone), "UA").e164 if phone else None
