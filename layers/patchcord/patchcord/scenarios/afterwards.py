"""What follows from what was written: names with the record's own id in them, and people who are put right."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from patchcord.model.effects import AssignTask, CreateRecord, CreateTask, Decision, Effect, Made, UpdateRecord
from patchcord.model.events import Moment
from patchcord.model.timeline import Timeline

RULES = ("S4-37", "D-26")

OWNER, ASSIGNEE = "owner:", "assignee:"
"""What the key of a change of people begins with; the key of what is changed follows."""

LEAD_ID = "{lead_id}"


def with_afterwards(decision: Decision, timeline: Timeline, made_for: Mapping[str, str | None]) -> Decision:
    """The decision, with what follows from its own effects. `made_for` as `with_right_people` takes it."""
    return with_right_people(with_names(decision), timeline, made_for)


def with_names(decision: Decision) -> Decision:
    """The decision, with the final name of each record whose id is part of it (C-23).

    It is an effect of its own, begun when the journal knows the id: a record whose answer was lost is looked for by its name.
    """
    named = (effect for effect in decision.effects if isinstance(effect, CreateRecord) and LEAD_ID in effect.name)
    return replace(decision, effects=(*decision.effects, *(_naming(effect) for effect in named)))


def _naming(effect: CreateRecord) -> UpdateRecord:
    return UpdateRecord(
        key=f"name:{effect.key}",
        at=effect.at,
        rules=effect.rules,
        target=Made(effect.kind, effect.key),
        about="name",
        name=effect.name,
    )


def with_right_people(decision: Decision, timeline: Timeline, made_for: Mapping[str, str | None]) -> Decision:
    """The decision, with a change for each record and task that this call has written for somebody else than it should have
    (D-26, S4-37).

    `made_for` tells for whom, by the key of the effect that wrote it, None where nobody knows. That happens where events come
    in any order: the second employee's answer was heard of before the first one's. It is put right once the call has ended;
    a change of owner that the decision asks for anyway is enough.
    """
    if not timeline.reached(Moment.END):
        return decision
    changed = {effect.target for effect in decision.effects if isinstance(effect, UpdateRecord) and effect.about == "owner"}
    put_right = (_put_right(effect) for effect in decision.effects if _is_wrong(effect, made_for, changed))
    return replace(decision, effects=(*decision.effects, *put_right))


def _is_wrong(effect: Effect, made_for: Mapping[str, str | None], changed: Collection[object]) -> bool:
    if isinstance(effect, CreateRecord) and effect.owner is not None:
        return made_for.get(effect.key, effect.owner) != effect.owner and Made(effect.kind, effect.key) not in changed
    if isinstance(effect, CreateTask) and effect.assignee is not None:
        return made_for.get(effect.key, effect.assignee) != effect.assignee
    return False


def _put_right(effect: Effect) -> Effect:
    if isinstance(effect, CreateTask):
        assignee = effect.assignee or ""
        return AssignTask(key=f"{ASSIGNEE}{effect.key}", at=Moment.END, rules=RULES, effect=effect.key, assignee=assignee)
    assert isinstance(effect, CreateRecord)
    return UpdateRecord(
        key=f"{OWNER}{effect.key}",
        at=Moment.END,
        rules=RULES,
        target=Made(effect.kind, effect.key),
        about="owner",
        owner=effect.owner,
    )
