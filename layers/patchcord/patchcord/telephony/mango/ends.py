"""`events/summary`: the end of a call, which may be the only event of it (telephony.md 3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from patchcord.model.events import CallType, Event, MissPlace, Moment, Outcome, Part, Participation
from patchcord.model.phone import is_hidden
from patchcord.telephony.mango.legs import PROVIDER, SETTLING
from patchcord.telephony.mango.parties import Party, line, party
from patchcord.telephony.mango.payload import Payload
from patchcord.telephony.mango.results import DIRECTIONS, classify
from patchcord.telephony.statuses import Classified


@dataclass(frozen=True)
class Summary:
    """What the end of a call says of the whole of it."""

    payload: Payload
    region: str
    received_at: datetime

    @cached_property
    def caller(self) -> Party:
        return party(self.payload.part("from"), self.region)

    @cached_property
    def called(self) -> Party:
        """Who answered, or the first who missed the call: an employee, or a group; nobody when it got lost in the menu."""
        return party(self.payload.part("to"), self.region)

    @cached_property
    def way(self) -> CallType:
        told = self.payload.whole("call_direction")
        if told is not None and told not in DIRECTIONS:
            self.payload.refuse("call_direction", "0, 1 or 2", "another number")
        return DIRECTIONS.get(told if told is not None else -1) or (CallType.OUT if self.caller.is_ours else CallType.IN)

    @cached_property
    def begun(self) -> datetime | None:
        return self.payload.time("create_time")

    @cached_property
    def talked_at(self) -> datetime | None:
        return self.payload.time("talk_time")

    @cached_property
    def ended(self) -> datetime | None:
        return self.payload.time("end_time")

    @property
    def talk(self) -> int:
        return _seconds(self.talked_at, self.ended) or 0

    @property
    def wait(self) -> int | None:
        return _seconds(self.begun, self.talked_at or self.ended)

    @cached_property
    def result(self) -> Classified:
        place = MissPlace.IVR if self.called.is_nobody else MissPlace.EMPLOYEE
        # a conversation of less than a second has a beginning all the same
        return classify(self.way, max(self.talk, 1) if self.talked_at else 0, self.payload.whole("disconnect_reason"), place)

    @property
    def client(self) -> str | None:
        party = {CallType.IN: self.caller, CallType.OUT: self.called}.get(self.way)
        return None if party is None else party.client

    @property
    def is_hidden(self) -> bool:
        return self.way is CallType.IN and (is_hidden(self.caller.number) or self.caller.client is None)

    @property
    def parts(self) -> tuple[Participation, ...]:
        if self.way is CallType.OUT:
            return self._part(Part.CALLER, self.caller, self.begun)
        if self.way is CallType.INTERNAL:
            return ()
        if self.result.outcome is Outcome.ANSWERED:
            return self._part(Part.ANSWERED, self.called, self.talked_at)
        return self._part(Part.OFFERED, self.called, self.payload.time("forward_time") or self.begun)

    def _part(self, part: Part, who: Party, at: datetime | None) -> tuple[Participation, ...]:
        agent = who.agent
        return () if agent is None else (Participation(part, agent, at or self.received_at),)


def summary_event(payload: Payload, region: str, received_at: datetime) -> Event:
    """The end of a call. It is acted upon a little later: what came about before it may still be on its way."""
    summary = Summary(payload, region, received_at)
    return Event(
        provider=PROVIDER,
        call=payload.needed("entry_id"),
        key="summary",
        moment=Moment.END,
        at=summary.ended or received_at,
        call_type=summary.way,
        client=summary.client,
        client_hidden=summary.is_hidden,
        line=line(payload.text("line_number"), region),
        parts=summary.parts,
        outcome=summary.result.outcome,
        missed_in=summary.result.missed_in,
        status=payload.text("disconnect_reason"),
        started_at=summary.begun,
        wait_seconds=summary.wait,
        talk_seconds=summary.talk,
        total_seconds=_seconds(summary.begun, summary.ended),
        ripe_at=received_at + SETTLING,
    )


def _seconds(begin: datetime | None, end: datetime | None) -> int | None:
    return None if begin is None or end is None else max(0, int((end - begin).total_seconds()))
