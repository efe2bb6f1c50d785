"""A golden row's call as the events MANGO would send of it (telephony.md 3): for rows whose telephony is MANGO, and for what
only MANGO tells, such as a call that was missed in a group."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.golden.payloads import Delivery
from tests.golden.rows import ANSWERED_AFTER, LATE_RECORDING, LEG, TALK, Row, agent_of, answering, begun_at, client_number

GROUP = "303"
REASONS = {"answered": 1110, "missed": 1111, "no_answer": 1111}
WAYS = {"in": 1, "out": 2}


def is_mangos(row: Row) -> bool:
    """Whether a row's call comes by MANGO."""
    return row.crm == "megaplan" or row.event.get("missed_in") == "group"


def deliveries(row: Row) -> list[Delivery]:
    """All events of a row, in the order in which they came about; repeated ones repeated."""
    return [*_events(row)] * int(row.event.get("deliveries", 1))


def _events(row: Row) -> Iterator[Delivery]:
    event, begun = row.event, begun_at(row)
    if event["direction"] == "out":
        yield _leg(row, "leg-out", 1, "Appeared", begun, "ring", _us(row, str(event["caller"])), _client(row))
    else:
        yield from _incoming(row)
    if event.get("stage") == "ringing":
        return
    ended = begun + ANSWERED_AFTER + (TALK if event["result"] == "answered" else timedelta(0))
    late = "recording_ready" in (event.get("events") or ())
    if event.get("recording") and not late:
        yield _recording(row, ended, "ring")
    yield _summary(row, ended)
    if event.get("recording") and late:
        yield _recording(row, ended + LATE_RECORDING, "recording_ready")


def _incoming(row: Row) -> Iterator[Delivery]:
    event, begun = row.event, begun_at(row)
    menu = {"number": digits(event.get("line")), "line_number": digits(event.get("line"))}
    if event.get("missed_in") in {"ivr", "group"} or event.get("stage") == "ringing":
        yield _leg(row, "leg-ivr", 1, "Appeared", begun, "ring", _client(row), menu, place="ivr")
    if event.get("missed_in") == "group":
        yield _leg(row, "leg-queue", 1, "Appeared", begun, "ring", _client(row), {**menu, "acd_group": GROUP}, place="queue")
    for step, who in enumerate(event.get("distributed_to") or ()):
        called = _called(row, str(who))
        yield _leg(row, f"leg-{step}", 1, "Appeared", begun + timedelta(seconds=step), "ring", _client(row), called)
    for step, who in enumerate(answering(row) if event.get("result") == "answered" else ()):
        at = begun + ANSWERED_AFTER + step * LEG
        taken = {"taken_from_call_id": f"leg-talk-{step - 1}"} if step else {}
        for seq, state in enumerate(("Appeared", "Connected"), 1):
            moment = "ring" if state == "Appeared" else "answer"
            appeared = begun if step == 0 and seq == 1 else at
            yield _leg(row, f"leg-talk-{step}", seq, state, appeared, moment, {**_client(row), **taken}, _called(row, who))


def _leg(row: Row, leg: str, seq: int, state: str, at: datetime, moment: str, caller: dict[str, Any], called: dict[str, Any],
         place: str = "abonent") -> Delivery:  # fmt: skip
    told = {
        "entry_id": _entry(row),
        "call_id": leg,
        "timestamp": int(at.timestamp()),
        "seq": seq,
        "call_state": state,
        "location": place,
        "from": caller,
        "to": called,
    }
    return Delivery("events/call", told, at, moment)


def _summary(row: Row, ended: datetime) -> Delivery:
    event, begun = row.event, begun_at(row)
    answered = event["result"] == "answered"
    told = {
        "entry_id": _entry(row),
        "call_direction": WAYS[event["direction"]],
        "from": _us(row, str(event["caller"])) if event["direction"] == "out" else _client(row),
        "to": _client(row) if event["direction"] == "out" else _last_party(row),
        "line_number": digits(event.get("line") or row.fixtures["line"]),
        "create_time": int(begun.timestamp()),
        "forward_time": int(begun.timestamp()),
        "talk_time": int((begun + ANSWERED_AFTER).timestamp()) if answered else 0,
        "end_time": int(ended.timestamp()),
        "entry_result": 1 if answered or event.get("missed_in") == "ivr" else 0,
        "disconnect_reason": 1170 if event.get("missed_in") == "ivr" else REASONS[event["result"]],
    }
    return Delivery("events/summary", told, ended, "end")


def _last_party(row: Row) -> dict[str, Any]:
    """Whom the end of an incoming call names: who answered first, the group, the first who missed it, or nobody."""
    event = row.event
    if event["result"] == "answered":
        return _us(row, answering(row)[0]) if answering(row) else {}
    if event.get("missed_in") == "group":
        return {"extension": GROUP}
    rung = [str(who) for who in event.get("distributed_to") or ()]
    if rung:
        return _us(row, rung[0])
    return {} if event.get("missed_in") == "ivr" else {"number": "sip:desk@acme.mangosip.example"}


def _recording(row: Row, at: datetime, moment: str) -> Delivery:
    told = {
        "recording_id": f"recording-{row.id}",
        "recording_state": "Completed",
        "seq": 2,
        "entry_id": _entry(row),
        "call_id": "leg-talk-0",
        "timestamp": int(at.timestamp()),
        "completion_code": 1000,
        "recipient": "Cloud",
    }
    return Delivery("events/recording", told, at, moment)


def _called(row: Row, who: str) -> dict[str, Any]:
    return {**_us(row, who), "line_number": digits(row.event.get("line"))}


def _us(row: Row, who: str) -> dict[str, Any]:
    """An employee as MANGO names him: the extension if he has one, and where it rings."""
    employee = row.fixtures["employees"].get(who)
    agent = agent_of(who, row.fixtures)
    number = f"sip:{agent.sip}@acme.mangosip.example" if agent.sip else digits(agent.number)
    return {"number": number} | ({"extension": employee["extension"]} if employee else {})


def _client(row: Row) -> dict[str, Any]:
    number = client_number(row)
    return {} if number is None else {"number": digits(number)}


def digits(number: str | None) -> str:
    return (number or "").removeprefix("+")


def _entry(row: Row) -> str:
    return f"{row.id}-{row.event['call_id']}"
