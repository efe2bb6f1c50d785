"""From a MANGO event to a neutral one. The path says which it is (telephony.md 3.2–3.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from patchcord.model.employees import Agent
from patchcord.model.events import Event, EventKind, Moment, Part, Participation
from patchcord.telephony.json_object import json_object
from patchcord.telephony.mango.commands import command_of
from patchcord.telephony.mango.ends import summary_event
from patchcord.telephony.mango.envelope import opened
from patchcord.telephony.mango.legs import PROVIDER, leg_event
from patchcord.telephony.mango.parties import phone
from patchcord.telephony.mango.payload import Payload
from patchcord.telephony.port import BadInput, HttpRequest, Reading

STORED = 1000
"""The completion code of a recording that is kept."""

CALL_APPEAL = 1
"""The channel of an appeal that was a call: its call tells of it."""


def read(request: HttpRequest, hint: str, reading: Reading) -> Event | None:
    """The event a webhook tells of; `hint` is the path below our address, such as `events/call`.

    None for what is only acknowledged: the ping, results of other systems' commands, states of recordings that are not
    kept, events that nobody here knows. Raises BadInput with every problem found.
    """
    reader = RESULT if hint.startswith("result/") else READERS.get(hint)
    if reader is None:
        return None
    payload = Payload(json_object(opened(request).json), request.received_at)
    event = reader(payload, reading.region, request.received_at)
    if payload.problems:
        raise BadInput(tuple(payload.problems))
    if event is not None and event.kind is EventKind.MESSENGER and hint in reading.dispatches:
        return replace(event, moment=Moment.DISPATCH)
    return event


def _recording(payload: Payload, region: str, received_at: datetime) -> Event | None:
    """A recording that is complete. The manual's codes tell of those that are not kept, or only mailed."""
    kept = payload.text("recipient") != "Mail" and payload.whole("completion_code") in {None, STORED}
    if payload.text("recording_state") != "Completed" or not kept:
        return None
    return _recorded(payload, region, received_at)


def _recorded(payload: Payload, region: str, received_at: datetime) -> Event | None:
    """A recording is told of twice, when it is complete and when it is stored: the same event."""
    recording = payload.needed("recording_id")
    return Event(
        provider=PROVIDER,
        call=payload.needed("entry_id"),
        key=f"recording:{recording}",
        moment=Moment.RECORDING,
        at=payload.time("timestamp") or received_at,
        recording=recording,
    )


def _digits(payload: Payload, region: str, received_at: datetime) -> Event | None:
    """What the caller typed in the menu; kept for whoever reads the journal."""
    told = {"digits": payload.text("dtmf"), "location": payload.text("location")}
    return Event(
        provider=PROVIDER,
        call=payload.needed("entry_id"),
        key=f"dtmf:{payload.needed('call_id')}:{payload.whole('seq') or 0}",
        moment=Moment.RING,
        at=payload.time("timestamp") or received_at,
        extra={name: value for name, value in told.items() if value},
    )


def _result(payload: Payload, region: str, received_at: datetime) -> Event | None:
    """The result of a command of ours, which belongs to the call that the command was for."""
    command = command_of(payload.text("command_id") or "")
    if command is None:
        return None
    code = payload.text("result") or payload.text("reason") or ""
    return Event(
        provider=PROVIDER,
        call=command.call or command.id,
        key=f"result:{command.kind}:{command.unique}",
        moment=Moment.RING,
        at=received_at,
        extra={"command": command.kind, "result": code},
    )


def _appeal(payload: Payload, region: str, received_at: datetime) -> Event | None:
    """A messenger's dialogue that was closed in the contact centre. Alone it does nothing (S0-31), unless the project says
    that it counts as "send the client's data": then whoever closed it has sent them."""
    if payload.whole("channel_type") == CALL_APPEAL:
        return None
    person = payload.part("client_info") if payload.values.get("client_info") else payload.part("contact")
    channel = payload.text("channel_type")
    at = payload.time("end") or received_at
    users = (payload.text(name) for name in ("close_user_id", "assign_user_id"))
    user = next((user for user in users if user not in {None, "0", "-1"}), None)
    return Event(
        provider=PROVIDER,
        call=f"appeal:{payload.needed('conversion_id')}",
        key="closed",
        kind=EventKind.MESSENGER,
        moment=Moment.END,
        at=at,
        client=phone(person.text("phone"), region),
        parts=() if user is None else (Participation(Part.DISPATCHING, Agent(provider_id=user), at),),
        started_at=payload.time("create"),
        person_name=person.text("name"),
        extra={} if channel is None else {"channel": channel},
    )


Reader = Callable[[Payload, str, datetime], Event | None]

RESULT: Reader = _result

READERS: Mapping[str, Reader] = {
    "events/call": leg_event,
    "events/summary": summary_event,
    "events/recording": _recording,
    "events/record/added": _recorded,
    "events/dtmf": _digits,
    "events/sms": _result,
    "events/md/onAppealClose": _appeal,
}
