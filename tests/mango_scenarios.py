"""Calls as MANGO tells of them: the ten scenarios of telephony.md 3, with numbers of ours. Each is the list of its events.

An event is its path and its JSON. The times are seconds after the beginning of the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BEGUN = 1_772_704_825
"""2026-03-05 10:00:25 UTC: some calls go over the minute, so a name that is made of the wrong time shows."""

CLIENT, LINE = "380671234567", "380442220000"
ENTRY = "NTAwOTQxMTAyMg=="
RECORDING = "MToxMDAwNjA4NTo1MDA5NDExMDIyOjE="
GROUP = "303"

Told = tuple[str, dict[str, Any]]


def us(extension: str) -> dict[str, Any]:
    """An employee as one end of a leg."""
    return {"extension": extension, "number": f"sip:user{extension}@acme.mangosip.example"}


def client(taken_from: str | None = None) -> dict[str, Any]:
    """The client as the caller of a leg."""
    return {"number": CLIENT} | ({"taken_from_call_id": taken_from} if taken_from else {})


def leg(call_id: str, seq: int, state: str, after: int, at: str, caller: Mapping[str, Any], called: Mapping[str, Any],
        **more: Any) -> Told:  # fmt: skip
    """One state of a leg."""
    told = {"entry_id": ENTRY, "call_id": call_id, "timestamp": BEGUN + after, "seq": seq, "call_state": state, "location": at}
    return "events/call", {**told, "from": dict(caller), "to": dict(called), **more}


def summary(way: int, caller: Mapping[str, Any], called: Mapping[str, Any], *, talk: int = 0, end: int, reason: int,
            result: int = 0, forward: int = 0) -> Told:  # fmt: skip
    """The end of the call; `talk` is when the conversation began, 0 if there was none."""
    return "events/summary", {
        "entry_id": ENTRY,
        "call_direction": way,
        "from": dict(caller),
        "to": dict(called),
        "line_number": LINE,
        "create_time": BEGUN,
        "forward_time": BEGUN + forward,
        "talk_time": BEGUN + talk if talk else 0,
        "end_time": BEGUN + end,
        "entry_result": result,
        "disconnect_reason": reason,
    }


def menu(state: str, seq: int, after: int, **more: Any) -> Told:
    """The voice menu's leg."""
    return leg("leg-ivr", seq, state, after, "ivr", client(), {"number": LINE, "line_number": LINE}, **more)


def queue(state: str, seq: int, after: int, **more: Any) -> Told:
    """The group's leg."""
    called = {"number": LINE, "line_number": LINE, "acd_group": GROUP}
    return leg("leg-queue", seq, state, after, "queue", client("leg-ivr"), called, **more)


def rung(extension: str, seq: int, state: str, after: int, *, group: bool = False, taken: str | None = "leg-ivr",
         **more: Any) -> Told:  # fmt: skip
    """An employee's leg of an incoming call."""
    called = {**us(extension), "line_number": LINE, **({"acd_group": GROUP} if group else {})}
    return leg(f"leg-{extension}", seq, state, after, "abonent", client(taken), called, **more)


def recording(state: str, seq: int, after: int, **more: Any) -> Told:
    told = {"recording_id": RECORDING, "recording_state": state, "seq": seq, "entry_id": ENTRY, "call_id": "leg-101"}
    return "events/recording", {**told, "extension": "101", "timestamp": BEGUN + after, **more}


STORED: Told = (
    "events/record/added",
    {"entry_id": ENTRY, "product_id": 300022532, "user_id": 300049012, "timestamp": BEGUN + 231, "recording_id": RECORDING},
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A call: what it shows, and its events in the order in which they came about."""

    name: str
    events: tuple[Told, ...]


ROUTED = Scenario(
    "answered by the employee to whom it was routed",
    (
        menu("Appeared", 1, 0),
        menu("Disconnected", 2, 2, disconnect_reason=1100),
        rung("101", 1, "Appeared", 2),
        rung("101", 2, "Connected", 9),
        rung("101", 3, "Disconnected", 190, disconnect_reason=1110),
        summary(1, client(), us("101"), talk=9, end=190, reason=1110, result=1, forward=2),
    ),
)
MISSED_IN_MENU = Scenario(
    "missed in the voice menu, with an entry_result that says success",
    (
        menu("Appeared", 1, 0),
        menu("Disconnected", 2, 14, disconnect_reason=1110),
        summary(1, client(), {}, end=14, reason=1170, result=1, forward=2),
    ),
)
MISSED_IN_GROUP = Scenario(
    "missed in a group, after it rang at one employee",
    (
        menu("Appeared", 1, 0),
        queue("Appeared", 1, 3),
        rung("101", 1, "Appeared", 4, group=True, taken="leg-queue"),
        rung("101", 2, "Disconnected", 24, group=True, taken="leg-queue", disconnect_reason=1111),
        queue("Disconnected", 2, 44, disconnect_reason=1163),
        summary(1, client(), {"extension": GROUP}, end=44, reason=1163),
    ),
)
MISSED_BY_EMPLOYEE = Scenario(
    "missed by two employees, one after the other",
    (
        rung("101", 1, "Appeared", 0, taken=None),
        rung("101", 2, "Disconnected", 20, taken=None, disconnect_reason=1111),
        rung("102", 1, "Appeared", 21, taken="leg-101"),
        rung("102", 2, "Disconnected", 41, taken="leg-101", disconnect_reason=1111),
        summary(1, client(), us("101"), end=41, reason=1111),
    ),
)
OUTGOING = Scenario(
    "outgoing, answered",
    (
        leg("leg-out", 1, "Appeared", 0, "abonent", {"extension": "101"}, {"number": CLIENT}),
        leg("leg-out", 2, "Connected", 12, "abonent", us("101"), {"number": CLIENT}),
        summary(2, us("101"), {"number": CLIENT}, talk=12, end=72, reason=1100, result=1),
    ),
)
TRANSFERRED = Scenario(
    "transferred blindly: the second leg appears twice",
    (
        rung("101", 1, "Appeared", 0, taken=None),
        rung("101", 2, "Connected", 5, taken=None),
        leg("leg-102", 1, "Appeared", 29, "abonent", us("101"), us("102")),
        leg("leg-101", 3, "Disconnected", 30, "abonent", client() | {"was_transferred": True}, us("101"), disconnect_reason=1120),
        rung("102", 2, "Appeared", 30, taken="leg-101", transfer="blind"),
        rung("102", 3, "Connected", 36, taken="leg-101", transfer="blind"),
        summary(1, client(), us("101"), talk=5, end=140, reason=1110, result=1),
    ),
)
CONSULTED = Scenario(
    "transferred after a consultation: the second leg connects twice",
    (
        rung("101", 1, "Appeared", 0, taken=None),
        rung("101", 2, "Connected", 5, taken=None),
        leg("leg-102", 1, "Appeared", 29, "abonent", us("101"), us("102")),
        leg("leg-102", 2, "Connected", 33, "abonent", us("101"), us("102")),
        rung("102", 3, "Connected", 45, taken="leg-101", transfer="consultative"),
        summary(1, client(), us("101"), talk=5, end=140, reason=1110, result=1),
    ),
)
RECORDED = Scenario(
    "the recording is stored long after the end",
    (
        rung("101", 1, "Appeared", 0, taken=None),
        rung("101", 2, "Connected", 9, taken=None),
        recording("Started", 1, 9),
        recording("Completed", 2, 190, completion_code=1000, recipient="Cloud"),
        summary(1, client(), us("101"), talk=9, end=190, reason=1110, result=1),
        STORED,
    ),
)
TYPED = Scenario(
    "the client types digits in the menu",
    (
        menu("Appeared", 1, 0),
        (
            "events/dtmf",
            {"seq": 2, "dtmf": "12", "timestamp": BEGUN + 4, "call_id": "leg-ivr", "entry_id": ENTRY, "location": "ivr.1"},
        ),
        rung("102", 1, "Appeared", 6),
        rung("102", 2, "Connected", 9),
        summary(1, client(), us("102"), talk=9, end=60, reason=1120, result=1),
    ),
)
CALLED_BACK = Scenario(
    "click-to-call: the first leg shows the client as the caller",
    (
        leg("leg-8a", 1, "Appeared", 0, "abonent", {"number": CLIENT}, us("101"), callback_initiator="API"),
        leg("leg-8a", 2, "Connected", 4, "abonent", {"number": CLIENT}, us("101"), callback_initiator="API"),
        leg(
            "leg-8b", 1, "Appeared", 5, "abonent", us("101") | {"taken_from_call_id": "leg-8a"}, {"number": CLIENT},
            callback_initiator="API",
        ),
        summary(2, us("101"), {"number": CLIENT}, end=35, reason=1111),
    ),
)  # fmt: skip
APPEAL: Told = (
    "events/md/onAppealClose",
    {
        "conversion_id": "9001",
        "entry_id": "",
        "channel_type": 6,
        "direction": 0,
        "create": BEGUN,
        "end": BEGUN + 900,
        "result": 1,
        "chat": [{"text": "Good day", "time": BEGUN, "type": "text"}],
        "client_info": {"name": "Ivan", "phone": CLIENT},
    },
)

SCENARIOS = (
    ROUTED,
    MISSED_IN_MENU,
    MISSED_IN_GROUP,
    MISSED_BY_EMPLOYEE,
    OUTGOING,
    TRANSFERRED,
    CONSULTED,
    RECORDED,
    TYPED,
    CALLED_BACK,
)
