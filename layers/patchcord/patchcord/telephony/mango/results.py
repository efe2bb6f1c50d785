"""What a call came to, from MANGO's numbers (telephony.md 3.3, 3.7). `entry_result` is not among them: it says "success" for
calls that were lost in the voice menu."""

from __future__ import annotations

from patchcord.model.events import CallType, MissPlace, Outcome
from patchcord.telephony.statuses import Classified

DIRECTIONS = {0: CallType.INTERNAL, 1: CallType.IN, 2: CallType.OUT}
"""`call_direction` of a summary."""

BLOCKED = frozenset({1151, 1152, 4502})
"""The PBX itself turned the caller away."""

IN_GROUP = 116
"""The first digits of the reasons for which a call was lost in a group's queue."""


def classify(way: CallType | None, talk_seconds: int, reason: int | None, missed_by: MissPlace) -> Classified:
    """How a call ended. Talk time wins over every number; unknown reasons are none (telephony.md 3.7).

    `missed_by` is where an incoming call was lost as far as its last party tells.
    """
    if talk_seconds > 0:
        return Classified(Outcome.ANSWERED, call_type=way)
    if way is CallType.OUT:
        return Classified(Outcome.NO_ANSWER, call_type=way)
    if reason in BLOCKED:
        return Classified(Outcome.IGNORED, call_type=way)
    in_group = reason is not None and reason // 10 == IN_GROUP
    return Classified(Outcome.MISSED, MissPlace.GROUP if in_group else missed_by, call_type=way)
