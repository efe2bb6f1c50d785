"""A golden row's call as the webhooks Ringostat would send for it, in the shipped template (telephony.md 1.3, 1.6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.golden.rows import ANSWERED_AFTER, LATE_RECORDING, LEG, TALK, Row, agent_of, answering, begun_at, client_number

WORDS = {"answered": "ANSWERED", "missed": "NO ANSWER", "no_answer": "NO ANSWER"}
IVR_WORDS = "NO EXTENSION"


@dataclass(frozen=True)
class Delivery:
    """One webhook: which address it goes to, what it says, when, and the moment at which a row expects its writes."""

    hint: str
    payload: dict[str, Any]
    at: datetime
    moment: str


def deliveries(row: Row) -> list[Delivery]:
    """All webhooks of a row, in order; repeated ones repeated."""
    if row.event["direction"] == "out":
        once = _outgoing(row)
    elif row.event.get("stage") == "ringing":
        once = [Delivery("in.before", _base(row), begun_at(row), "ring")]
    elif row.event["result"] == "answered":
        once = [*_answers(row), *_ends(row)]
    else:
        once = _ends(row)
    return once * int(row.event.get("deliveries", 1))


def _base(row: Row) -> dict[str, Any]:
    event = row.event
    local = begun_at(row).astimezone(ZoneInfo(row.project["timezone"]))
    utm = {name: str(value) for name, value in (event.get("utm") or {}).items()}
    return {
        "uniqueid": f"{row.id}-{event['call_id']}",
        "call_type": event["direction"],
        "calldate": local.strftime("%Y-%m-%d %H:%M:%S"),
        "caller_number": client_number(row) or "",
        "dst": event.get("line") or "",
        **utm,
    }


def _connected(row: Row, who: str) -> str:
    agent = agent_of(who, row.fixtures)
    return agent.sip or agent.number or ""


def _answers(row: Row) -> list[Delivery]:
    return [
        Delivery(
            "in.answer",
            _base(row) | {"connected_with": _connected(row, who), "disposition": None, "billsec": None},
            begun_at(row) + ANSWERED_AFTER + index * LEG,
            "answer",
        )
        for index, who in enumerate(answering(row))
    ]


def _ends(row: Row) -> list[Delivery]:
    event, answered = row.event, row.event["result"] == "answered"
    talk = int(TALK.total_seconds()) if answered else 0
    last = answering(row)[-1] if answered else ""
    end = _base(row) | {
        "disposition": IVR_WORDS if event.get("missed_in") == "ivr" else WORDS[event["result"]],
        "connected_with": _connected(row, last) if last else "",
        "employee_number": "-1",
        "waittime": str(int(ANSWERED_AFTER.total_seconds())),
        "billsec": str(talk),
        "duration": str(int(ANSWERED_AFTER.total_seconds()) + talk),
        "has_recording": "0",
        "recording": "",
    }
    return [*_rung(row), *_recorded(row, "in.after", end)]


def _rung(row: Row) -> list[Delivery]:
    """A forwarding step for each at whom a missed call rang."""
    at = begun_at(row)
    offered = [_connected(row, str(who)) for who in row.event.get("distributed_to") or ()]
    return [
        Delivery("in.forward", _base(row) | {"connected_with": who}, at + timedelta(seconds=step), "ring")
        for step, who in enumerate(offered, 1)
    ]


def _recorded(row: Row, hint: str, end: dict[str, Any]) -> list[Delivery]:
    at = begun_at(row) + ANSWERED_AFTER + TALK
    link = row.event.get("recording")
    with_link = end | {"has_recording": "1", "recording": link} if link else end
    if "recording_ready" not in (row.event.get("events") or ()):
        return [Delivery(hint, with_link, at, "end")]
    return [Delivery(hint, end, at, "end"), Delivery(hint, with_link, at + LATE_RECORDING, "recording_ready")]


def _outgoing(row: Row) -> list[Delivery]:
    event, answered = row.event, row.event["result"] == "answered"
    own = str(row.fixtures["line"])
    talk = int(TALK.total_seconds()) if answered else 0
    end = _base(row) | {
        "caller": _connected(row, str(event["caller"])),
        "caller_number": own,
        "outbound_number": own,
        "dst": client_number(row),
        "disposition": WORDS[event["result"]],
        "billsec": str(talk),
        "waittime": str(int(ANSWERED_AFTER.total_seconds())),
        "duration": str(talk + int(ANSWERED_AFTER.total_seconds())),
    }
    return _recorded(row, "out.after", end)


def ended_at(row: Row) -> datetime:
    """The end of the row's call, from which its deadlines count (D-03)."""
    answered = row.event.get("result") == "answered"
    return begun_at(row) + ANSWERED_AFTER + (TALK if answered else timedelta(0))
