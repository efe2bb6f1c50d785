"""`events/call`: a leg of a call changed its state (telephony.md 3.2).

A leg tells of itself alone. A transfer first looks like an internal call, a leg may appear and connect twice, a callback
shows the client as its caller: so only what is certain is told here, and folding puts it together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from patchcord.model.events import CallType, Event, MissPlace, Moment, Part, Participation
from patchcord.model.phone import is_hidden
from patchcord.telephony.mango.parties import Party, line, party
from patchcord.telephony.mango.payload import Payload

PROVIDER = "mango"
SETTLING = timedelta(seconds=5)
"""How long an event waits for those that came about before it: MANGO sends all of them at once (telephony.md 0, fact 6)."""

_LOOK_ALIKES = str.maketrans("АВЕКМНОРСТХаеорсух", "ABEKMHOPCTXaeopcyx")
"""Cyrillic letters that the manual prints in `СС` and `MissGroupСallCallback` (telephony.md 3.2)."""

_INSERTIONS = {1: "dynamic", 2: "static"}


@dataclass(frozen=True)
class Leg:
    """One state of one leg. `initiator` is who began a callback, in Latin letters, None when it is none."""

    call_id: str
    seq: int | None
    state: str
    location: str
    at: datetime
    caller: Party
    called: Party
    taken_from: str | None
    initiator: str | None

    @property
    def is_inverted(self) -> bool:
        """The first leg of a callback: it shows the client as the caller, although we call him."""
        return self.initiator is not None and not self.caller.is_ours

    @property
    def is_at_employee(self) -> bool:
        return self.location == "abonent"

    @property
    def from_client(self) -> bool:
        """Whether the leg connects the client with somebody of ours; a consultation between colleagues does not."""
        return not self.caller.is_ours

    @cached_property
    def way(self) -> CallType | None:
        """The way of the whole call, None where a leg cannot tell: one that was taken over, or between colleagues."""
        if self.initiator is not None:
            return CallType.OUT
        if self.taken_from is not None or (self.caller.is_ours and self._is_called_ours):
            return None
        return CallType.OUT if self.caller.is_ours else CallType.IN

    @property
    def _is_called_ours(self) -> bool:
        return self.called.is_ours or self.location in {"ivr", "queue"}

    @property
    def client(self) -> str | None:
        if self.from_client:
            return self.caller.client
        return self.called.client if self.way is CallType.OUT else None

    @property
    def is_hidden(self) -> bool:
        """An incoming call whose number is withheld, or none that anybody could call back (D-09)."""
        return self.way is CallType.IN and (is_hidden(self.caller.number) or self.caller.client is None)

    @property
    def parts(self) -> tuple[Participation, ...]:
        """Who of us began to take which part in the call with this state."""
        if self.way is CallType.OUT:
            us = self.called if self.is_inverted else self.caller
            return self._part(Part.CALLER, us) if us.is_ours else ()
        if not self.is_at_employee or not self.from_client:
            return ()
        if self.state == "Appeared":
            return self._part(Part.OFFERED, self.called)
        return self._part(Part.ANSWERED, self.called) if self.state == "Connected" else ()

    def _part(self, part: Part, who: Party) -> tuple[Participation, ...]:
        agent = who.agent
        return () if agent is None else (Participation(part, agent, self.at),)

    @property
    def is_answer(self) -> bool:
        return any(item.part is Part.ANSWERED for item in self.parts)

    @property
    def follows(self) -> tuple[str, ...]:
        """The state before this one, and the beginning of the leg that the call was taken from."""
        seq = self.seq or 1
        before = (_key(self.call_id, seq - 1),) if seq > 1 else ()
        return before if self.taken_from is None else (*before, _key(self.taken_from, 1))

    @property
    def key(self) -> str:
        return _key(self.call_id, self.seq if self.seq is not None else f"{self.state}:{int(self.at.timestamp())}")


def _read(payload: Payload, region: str, received_at: datetime) -> Leg:
    caller, initiator = payload.part("from"), payload.text("callback_initiator")
    return Leg(
        call_id=payload.needed("call_id"),
        seq=payload.whole("seq"),
        state=payload.text("call_state") or "",
        # the samples of 2017 misspell the name
        location=payload.text("location") or payload.text("locaton") or "",
        at=payload.time("timestamp") or received_at,
        caller=party(caller, region),
        called=party(payload.part("to"), region),
        taken_from=caller.text("taken_from_call_id"),
        initiator=None if initiator is None else initiator.translate(_LOOK_ALIKES),
    )


def _extra(payload: Payload, leg: Leg) -> dict[str, str]:
    """What only the journal tells of a leg."""
    told = {
        "leg": leg.call_id,
        "state": leg.state,
        "location": leg.location,
        "transfer": payload.text("transfer"),
        "reason": payload.text("disconnect_reason"),
        "callback_initiator": leg.initiator,
        "command": payload.text("command_id"),
    }
    return {name: value for name, value in told.items() if value}


def leg_event(payload: Payload, region: str, received_at: datetime) -> Event:
    """The event that a leg's state is. What is wrong stands in the payload's problems."""
    leg = _read(payload, region, received_at)
    group = payload.part("to").text("acd_group")
    insertion = _INSERTIONS.get(payload.part("dct").whole("type") or 0)
    return Event(
        provider=PROVIDER,
        call=payload.needed("entry_id"),
        key=leg.key,
        moment=Moment.ANSWER if leg.is_answer else Moment.RING,
        at=leg.at,
        call_type=leg.way,
        client=leg.client,
        client_hidden=leg.is_hidden,
        line=line(payload.part("to").text("line_number"), region),
        parts=leg.parts,
        missed_in=MissPlace.GROUP if group is not None or leg.location == "queue" else None,
        attribution={} if insertion is None else {"insertion": insertion},
        department=group,
        extra=_extra(payload, leg),
        follows=leg.follows,
        ripe_at=received_at + SETTLING if leg.is_answer else None,
    )


def _key(call_id: str, number: int | str) -> str:
    """The key of a leg's state: states repeat, their numbers do not (telephony.md 3.2)."""
    return f"leg:{call_id}:{number}"
