"""From a call of MANGO's statistics to the events that would have told of it: its summary and its recordings (telephony.md 3.6).

The statistics know employees and groups by their ids, events by short numbers: the roster translates. Who is not in it is
told by the short number of the leg, if that has one.

Assumed: a call's `called_number` is the line of an incoming one; the leg of a group names the group by its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from patchcord.model.events import CallType, Event, Moment
from patchcord.model.roster import Roster
from patchcord.telephony.mango.ends import summary_event
from patchcord.telephony.mango.legs import PROVIDER
from patchcord.telephony.mango.payload import Payload
from patchcord.telephony.mango.records import StatCall, StatLeg
from patchcord.telephony.port import BadInput

DIRECTIONS = {CallType.INTERNAL: 0, CallType.IN: 1, CallType.OUT: 2}
"""`call_direction` of a summary."""


def counted_events(call: StatCall, roster: Roster | None, region: str, now: datetime) -> tuple[Event, ...]:
    """The end of a counted call and its recordings, as their events would have been. Raises BadInput for an odd row.

    They need not wait for others: whatever came before them is here, or never comes.
    """
    payload = Payload(_summary(call, roster or Roster()), now)
    end = replace(summary_event(payload, region, now), ripe_at=None)
    if payload.problems:
        raise BadInput(tuple(payload.problems))
    return (end, *(_recorded(call, recording, end.at) for recording in call.recordings))


def _recorded(call: StatCall, recording: str, at: datetime) -> Event:
    return Event(PROVIDER, call.entry_id, f"recording:{recording}", Moment.RECORDING, at, recording=recording)


def _summary(call: StatCall, roster: Roster) -> dict[str, Any]:
    """The row in the words of `events/summary` (telephony.md 3.3)."""
    legs = list(_people(call))
    talked = next((leg for leg in legs if leg.answered_at is not None and leg.talk_seconds > 0), None)
    ends = [leg.ended_at for leg in legs if leg.ended_at is not None]
    answers = [leg.answered_at for leg in legs if leg.answered_at is not None and leg.talk_seconds > 0]
    told: dict[str, Any] = {
        "entry_id": call.entry_id,
        "create_time": _seconds(call.started_at),
        "talk_time": _seconds(min(answers, default=None)),
        "end_time": _seconds(max(ends, default=call.started_at)),
        "disconnect_reason": legs[-1].end_reason if legs else None,
    }
    if call.call_type is not None:
        told["call_direction"] = DIRECTIONS[call.call_type]
    if call.call_type is CallType.IN:
        return told | {
            "from": {"number": call.caller},
            "to": _party(talked or (legs[0] if legs else None), call, roster),
            "line_number": call.called,
        }
    return told | {"from": _caller(call, roster), "to": {"number": call.called}}


def _people(call: StatCall) -> Iterator[StatLeg]:
    """The legs in the order of time. A group's own leg stands for itself only where nobody of it was rung."""
    for leg in call.legs:
        if leg.type == "group" and leg.members:
            yield from leg.members
        else:
            yield leg


def _party(leg: StatLeg | None, call: StatCall, roster: Roster) -> dict[str, Any]:
    """Who answered or was rung; a call that nobody of a group answered was missed by the group."""
    if leg is None:
        return {}
    group = next((top for top in call.legs if top.type == "group" and (leg is top or leg in top.members)), None)
    if group is not None and not call.talk_seconds:
        extension = next((short for short, name in roster.groups.items() if name == group.name), group.extension)
        return {"extension": extension} if extension else _employee(leg, roster)
    return _employee(leg, roster)


def _employee(leg: StatLeg, roster: Roster) -> dict[str, Any]:
    extension = leg.extension or _extension(leg.abonent_id, roster)
    return {name: value for name, value in {"extension": extension, "number": leg.number}.items() if value}


def _caller(call: StatCall, roster: Roster) -> dict[str, Any]:
    extension = _extension(call.caller_id, roster)
    return {name: value for name, value in {"extension": extension, "number": call.caller}.items() if value}


def _extension(user_id: str, roster: Roster) -> str:
    return next((short for short, user in roster.users.items() if user_id and user.user_id == user_id), "")


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
