"""Past calls, and how both statistics show them: rows of the CSV, contexts of the JSON (telephony.md 3.6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

from sandbox.telephony.mango_twin.state import State

Direction = Literal["in", "out", "internal"]
Row = dict[str, Any]

CONTEXT_TYPE = {"in": 1, "out": 2, "internal": 3}
"""Not the summary's 1, 2, 0."""
NO_RECALL = 2
NO_ANSWER, BY_CALLER = 1111, 1110
FLAGS = (
    *("DirectionInbound", "DirectionOutbound", "ModeConversation", "ModeListen", "ModePrompt", "ModeConference", "ModeGroup"),
    *("RecordInbound", "RecordOutbound", "BlindTransfer", "ConsultTransfer", "OutboundDialing", "Intercepted", "IvrNotUsed"),
)
"""What the JSON says of every leg with true or false."""


@dataclass(frozen=True, slots=True)
class Part:
    """One employee's part of a past call: rung for `wait` seconds, talked for `talk` (0: not at all).

    `group` is the short number of the group that rang him. Parts follow each other; consecutive parts of the same group
    are one leg of the group. `blind` marks a part that a blind transfer brought.
    """

    extension: str
    wait: int = 5
    talk: int = 0
    group: str = ""
    recordings: tuple[str, ...] = ()
    reason: int | None = None
    blind: bool = False

    @property
    def length(self) -> int:
        return self.wait + self.talk


@dataclass(frozen=True, slots=True)
class PastCall:
    """A call that is over. `client` is the other side (empty: hidden; of an internal call the callee), `start` Unix seconds.

    Without parts it ended in the voice menu after `menu` seconds.
    """

    entry_id: str
    start: int
    direction: Direction
    client: str
    line: str
    parts: tuple[Part, ...] = ()
    menu: int = 0
    recall_status: int = NO_RECALL

    @property
    def talk(self) -> int:
        return sum(part.talk for part in self.parts)

    @property
    def length(self) -> int:
        return self.menu + sum(part.length for part in self.parts)

    def timed(self) -> Iterator[tuple[Part, int]]:
        """The parts with the second at which each began."""
        at = self.start + self.menu
        for part in self.parts:
            yield part, at
            at += part.length


def past_call(
    entry_id: str,
    started: datetime,
    direction: Direction,
    client: str,
    line: str,
    parts: Sequence[Part],
    menu: int,
    recalled: int,
) -> PastCall:
    """A past call out of what a test says; `started` is aware."""
    return PastCall(entry_id, int(started.timestamp()), direction, client, line, tuple(parts), menu, recalled)


class History:
    """The past calls of the account, oldest first."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.calls: list[PastCall] = []

    def add(self, call: PastCall) -> None:
        self.calls = sorted([*self.calls, call], key=lambda one: one.start)

    # ---- the CSV's rows

    def rows(self, call: PastCall) -> list[Row]:
        """One row a part, by the names of the statistics' fields; a call lost in the voice menu is one row."""
        if not call.parts:
            end = call.start + call.menu
            lost = {
                "records": "[]",
                "start": call.start,
                "finish": end,
                "answer": 0,
                "disconnect_reason": 1170,
                "location": "ivr",
            }
            return [lost | self._ends(call, "") | self._common(call)]
        return [self._row(call, part, at) for part, at in call.timed()]

    def _row(self, call: PastCall, part: Part, at: int) -> Row:
        row: Row = {"records": f"[{','.join(part.recordings)}]", "start": at, "finish": at + part.length}
        row |= {"answer": at + part.wait if part.talk else 0, "disconnect_reason": _reason(part), "location": "abonent"}
        return row | self._ends(call, part.extension) | self._common(call)

    def _common(self, call: PastCall) -> Row:
        return {"line_number": call.line, "entry_id": call.entry_id, "create": call.start}

    def _ends(self, call: PastCall, extension: str) -> Row:
        ours, theirs = ("to", "from") if call.direction == "in" else ("from", "to")
        other = self._state.employee(call.client)
        return {
            f"{ours}_extension": extension,
            f"{ours}_number": self._number(extension) or "",
            f"{theirs}_extension": other.extension if other else "",
            f"{theirs}_number": self._number(call.client) or call.client,
        }

    def _number(self, extension: str) -> str | None:
        employee = self._state.employee(extension)
        return employee.numbers[0] if employee and employee.numbers else None

    # ---- the JSON's contexts

    def context(self, call: PastCall) -> Row:
        """A call with its legs."""
        caller = None if call.direction == "in" else self._state.employee(call.parts[0].extension if call.parts else "")
        number = (self._number(caller.extension) or caller.extension) if caller else call.client
        context: Row = {"entry_id": call.entry_id, "context_type": CONTEXT_TYPE[call.direction]}
        context |= {"context_status": int(call.talk > 0), "caller_id": caller.user_id if caller else None}
        context |= {"caller_name": caller.name if caller else number, "caller_number": number}
        context |= {"called_number": call.line if call.direction == "in" else call.client, "context_start_time": call.start}
        context |= {"duration": call.length, "talk_duration": call.talk, "context_init_type": 0}
        return context | {"recall_status": call.recall_status, "cost": 0, "context_calls": list(self._legs(call))}

    def _legs(self, call: PastCall) -> Iterator[Row]:
        for group, timed in groupby(call.timed(), key=lambda one: one[0].group):
            members = [self._leg(call, part, at) for part, at in timed]
            if group:
                yield self._group_leg(group, members)
            else:
                yield from members

    def _leg(self, call: PastCall, part: Part, at: int) -> Row:
        employee = self._state.employee(part.extension)
        kind = "user" if call.direction == "in" and employee else "number"
        leg: Row = {"call_type": kind, "call_abonent_id": employee.user_id if employee else None}
        leg |= {"call_abonent_info": employee.name if employee else call.client}
        leg |= {"call_abonent_number": self._number(part.extension), "call_start_time": at}
        leg |= {"call_answer_time": at + part.wait if part.talk else None, "call_end_time": at + part.length}
        leg |= {"call_duration": part.length, "talk_duration": part.talk, "dial_duration": part.wait, "hold_duration": None}
        leg |= {"call_end_reason": _reason(part), "recording_id": list(part.recordings)}
        on = {"DirectionInbound": call.direction == "in", "DirectionOutbound": call.direction == "out"}
        on |= {"ModeConversation": True, "RecordOutbound": bool(part.recordings), "BlindTransfer": part.blind}
        return leg | dict.fromkeys(FLAGS, False) | on | {"members": None}

    def _group_leg(self, extension: str, members: list[Row]) -> Row:
        group = self._state.group(extension)
        answers = [member["call_answer_time"] for member in members if member["call_answer_time"]]
        length, talk = (sum(member[name] for member in members) for name in ("call_duration", "talk_duration"))
        leg = members[-1] | {"call_type": "group", "call_abonent_id": group.group_id if group else None}
        leg |= {"call_abonent_info": group.name if group else extension, "call_abonent_number": None}
        leg |= {"call_start_time": members[0]["call_start_time"], "call_answer_time": answers[0] if answers else None}
        leg |= {"call_duration": length, "talk_duration": talk, "dial_duration": length - talk}
        leg |= {"recording_id": [one for member in members for one in member["recording_id"]]}
        return leg | {"ModeConversation": False, "ModeGroup": True, "members": members}


def _reason(part: Part) -> int:
    return part.reason or (BY_CALLER if part.talk else NO_ANSWER)
