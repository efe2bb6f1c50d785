"""A call as it happened, in MANGO OFFICE's words, and one leg of it that counts its events (telephony.md 3.1, 3.2). Pure."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sandbox.player.delivery import Person

Way = Literal["in", "out", "callback", "internal"]
Transfer = Literal["blind", "consultative"]
Tree = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """A call as it happened.

    `client` is E.164, None when hidden; `people` are those who talked, first to last, on an outgoing call the caller, and on
    an internal one both; `rung` those at whom it rang in vain. `group` is the short number of the group that it waits for;
    `menu` how many seconds it spends in the voice menu (0: there is none), `digits` what is typed there. `wait` and `talk` are
    seconds; `talk` 0 means that nobody talked to the client, and `handed_over` is how far into the talk the next person takes
    over (0: the talk is shared evenly). `tracked`: the line belongs to call tracking. `command`: the id of our command that
    routed or placed the call; `reason` replaces the usual reason in the summary.
    """

    start: datetime
    client: str | None
    line: str
    way: Way = "in"
    people: tuple[Person, ...] = ()
    rung: tuple[Person, ...] = ()
    group: str = ""
    menu: int = 2
    digits: str = ""
    wait: int = 8
    talk: int = 0
    transfer: Transfer = "blind"
    handed_over: int = 0
    tracked: bool = False
    command: str = ""
    reason: int | None = None
    sip_domain: str = "demo.mangosip.ru"

    @property
    def id(self) -> str:
        """MANGO's `entry_id`, kept through all legs. Opaque; here two calls never begin in the same second."""
        return _opaque(f"50{seconds(self.start)}")

    @property
    def answered(self) -> bool:
        return self.talk > 0

    @property
    def lost_in_menu(self) -> bool:
        """An incoming call that nobody was ever rung for."""
        return self.way == "in" and not (self.answered or self.rung or self.group)

    @property
    def end(self) -> datetime:
        return self.after(self.wait + self.talk)

    @property
    def outside(self) -> Tree:
        """The client as MANGO shows him: digits only, and nothing at all when he hides his number."""
        return {} if self.client is None else {"number": digits_of(self.client)}

    def after(self, passed: int) -> datetime:
        """The moment `passed` seconds after the beginning."""
        return self.start + timedelta(seconds=passed)

    def inside(self, person: Person) -> Tree:
        """An employee as MANGO shows him: extension and SIP account."""
        return {"extension": person.extension, "number": f"sip:{person.login}@{self.sip_domain}"}

    def leg_id(self, name: str) -> str:
        """The opaque `call_id` of the leg that is called so here."""
        return _opaque(f"1:10006085:81:{seconds(self.start)}:{name}")

    @property
    def recording_id(self) -> str:
        return _opaque(f"1:10006085:{seconds(self.start)}:1")


@dataclass(frozen=True, slots=True)
class Notice:
    """One event before it is signed: when, below which path, what a person would call it, and its fields."""

    at: datetime
    path: str
    title: str
    fields: Tree


@dataclass(slots=True)
class Leg:
    """One leg of a call. It counts its events by itself; `caller`, `callee` and `extra` may change on the way."""

    call: CallFacts
    name: str
    location: Literal["ivr", "queue", "abonent"]
    caller: Tree
    callee: Tree
    extra: Tree = field(default_factory=dict)
    told: int = 0

    @property
    def id(self) -> str:
        return self.call.leg_id(self.name)

    def appeared(self, at: datetime, title: str) -> Notice:
        return self._told("Appeared", at, title)

    def connected(self, at: datetime, title: str) -> Notice:
        return self._told("Connected", at, title)

    def held(self, at: datetime, title: str) -> Notice:
        """The callee puts the caller on hold."""
        return self._told("OnHold", at, title, to={**self.callee, "hold_initiator": True})

    def ended(self, at: datetime, title: str, reason: int) -> Notice:
        return self._told("Disconnected", at, title, disconnect_reason=reason)

    def left(self, at: datetime, title: str, reason: int) -> Notice:
        """The callee leaves, and the caller goes on with somebody else: that shows at `from`."""
        return self._told(
            "Disconnected", at, title, **{"from": {**self.caller, "was_transferred": True}}, disconnect_reason=reason
        )

    def _told(self, state: str, at: datetime, title: str, **more: Any) -> Notice:
        self.told += 1
        fields: Tree = {
            "entry_id": self.call.id,
            "call_id": self.id,
            "timestamp": seconds(at),
            "seq": self.told,
            "call_state": state,
            "location": self.location,
            "from": self.caller,
            "to": self.callee,
        }
        return Notice(at, "events/call", title, {**fields, **self.extra, **more})


def digits_of(e164: str) -> str:
    """MANGO writes numbers as digits only."""
    return e164.removeprefix("+")


def seconds(at: datetime) -> int:
    """Ordinary Unix seconds (telephony.md 3.1)."""
    return int(at.timestamp())


def _opaque(text: str) -> str:
    return b64encode(text.encode()).decode()
