"""Owners put right: a record made while only part of a call was known belongs to whom the whole call says (D-26, S4-37)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from patchcord.model.effects import CreateRecord, Decision, Made, UpdateRecord
from patchcord.model.events import Moment
from patchcord.model.timeline import Timeline


def with_right_owners(decision: Decision, timeline: Timeline, made_for: Mapping[str, str | None]) -> Decision:
    """The decision, with an update for each record that this call has made for somebody else than it should have.

    `made_for` tells for whom, by the key of the creation. That happens where events come in any order: the second employee's
    answer was heard of before the first one's. It is put right once, when the call has ended; a change of owner that the
    decision asks for anyway is enough.
    """
    if not timeline.reached(Moment.END):
        return decision
    changed = {effect.target for effect in decision.effects if isinstance(effect, UpdateRecord) and effect.about == "owner"}
    wrong = [
        effect
        for effect in decision.effects
        if isinstance(effect, CreateRecord)
        and effect.owner is not None
        and made_for.get(effect.key, effect.owner) != effect.owner
        and Made(effect.kind, effect.key) not in changed
    ]
    return replace(decision, effects=(*decision.effects, *(_put_right(effect) for effect in wrong)))


def _put_right(effect: CreateRecord) -> UpdateRecord:
    return UpdateRecord(
        key=f"owner:{effect.key}",
        at=Moment.END,
        rules=("S4-37", "D-26"),
        target=Made(effect.kind, effect.key),
        about="owner",
        owner=effect.owner,
    )
