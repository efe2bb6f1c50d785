"""The legs MANGO OFFICE makes of a call: voice menu, queue, employees, transfers (telephony.md 3.2). Pure.

Assumed, because the reference leaves it open: a queue leg from which an operator takes the call ends with the reason of a
menu leg that hands over (1100); operators of a group are rung one after another; who transfers with a consultation puts the
client on hold first; the legs of a click-to-call end like those of other calls. The rest is as the reference's samples have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sandbox.player.delivery import Person
from sandbox.player.mango_call import CallFacts, Leg, Notice, Tree, digits_of

TRANSFER_RINGS = 6
"""Seconds for which it rings at whom a call is transferred to."""
PICKED_UP = 5
"""Seconds until an employee takes up the receiver of a call that he asked for."""
CONSULTED = 15
"""Seconds that an employee talks to a colleague before he hands the client over."""

HANDED_OVER, BY_CALLER, NO_ANSWER, BY_CALLEE, QUEUE_TOO_LONG = 1100, 1110, 1111, 1120, 1163
"""Reasons for the end of a leg (telephony.md 3.7)."""


def legs(call: CallFacts) -> Iterator[Notice]:
    """The events of all legs, leg by leg: whoever sends them puts them into the order of time."""
    match call.way:
        case "in":
            yield from _incoming(call)
        case "out":
            yield from _outgoing(call)
        case "callback":
            yield from _callback(call)
        case "internal":
            yield from _internal(call)


def recorded_leg(call: CallFacts) -> str:
    """The name of the leg on which the client talked first: that is the one whose recording begins."""
    return {"in": "talk0", "out": "out", "callback": "client", "internal": "internal"}[call.way]


# --- incoming calls ---


def _incoming(call: CallFacts) -> Iterator[Notice]:
    before = ""
    if call.menu:
        yield from _menu(call)
        before = "menu"
    if call.group:
        yield from _queue(call, before)
        before = "queue"
    yield from _rung(call, before)
    if call.answered:
        yield from _talks(call, before)


def _menu(call: CallFacts) -> Iterator[Notice]:
    """The voice menu: until the call is handed over, or the caller gives up in it."""
    extra: Tree = {"dct": {"number": digits_of(call.line), "type": 1}} if call.tracked else {}
    leg = Leg(call, "menu", "ivr", call.outside, _line(call), extra)
    yield leg.appeared(call.start, "menu")
    if call.lost_in_menu:
        yield leg.ended(call.end, "menu left", BY_CALLER)
    else:
        yield leg.ended(call.after(call.menu), "menu left", HANDED_OVER)


def _queue(call: CallFacts, before: str) -> Iterator[Notice]:
    leg = Leg(call, "queue", "queue", _taken(call, before), {**_line(call), "acd_group": call.group})
    yield leg.appeared(call.after(call.menu + 1), f"queue {call.group}")
    yield leg.ended(call.after(call.wait), "queue left", HANDED_OVER if call.answered else QUEUE_TOO_LONG)


def _rung(call: CallFacts, before: str) -> Iterator[Notice]:
    for place, person in enumerate(call.rung):
        leg = _at_employee(call, person, before, f"rung{place}")
        yield leg.appeared(_ring(call, place), f"{person.extension} rings")
        yield leg.ended(_ring(call, place + 1), f"{person.extension} stops", NO_ANSWER)


def _ring(call: CallFacts, place: int) -> datetime:
    """When it begins to ring at the place-th employee: the time until the answer or the end is shared evenly."""
    first = call.menu + (2 if call.group else 0)
    share = (call.wait - first) // (len(call.rung) + call.answered)
    return call.after(first + share * place)


def _talks(call: CallFacts, before: str) -> Iterator[Notice]:
    """Those who talked, each on a leg of his own."""
    first = call.people[0]
    leg = _at_employee(call, first, before, "talk0")
    yield leg.appeared(_ring(call, len(call.rung)), f"{first.extension} rings")
    yield leg.connected(call.after(call.wait), f"{first.extension} talks")
    for place, person in enumerate(call.people[1:], 1):
        at = call.after(call.wait + (call.handed_over or call.talk // len(call.people)) * place)
        following = Leg(call, f"talk{place}", "abonent", call.inside(call.people[place - 1]), call.inside(person))
        hand_over = _consulted if call.transfer == "consultative" else _blind
        yield from hand_over(call, leg, following, at)
        leg = following
    yield leg.ended(call.end, f"{call.people[-1].extension} ends", BY_CALLER)


def _blind(call: CallFacts, leg: Leg, following: Leg, at: datetime) -> Iterator[Notice]:
    """The new leg first looks internal; then the client takes the place of its caller (a second `Appeared`)."""
    whom, to = leg.callee["extension"], following.callee["extension"]
    yield following.appeared(at - timedelta(seconds=1), f"{whom} to {to}")
    yield leg.left(at, f"{whom} leaves", BY_CALLEE)
    _given_the_client(call, leg, following)
    yield following.appeared(at, f"{to} rings")
    yield following.connected(at + timedelta(seconds=TRANSFER_RINGS), f"{to} talks")


def _consulted(call: CallFacts, leg: Leg, following: Leg, at: datetime) -> Iterator[Notice]:
    """The two employees talk first, with the client on hold; then the new leg is `Connected` a second time, with the client."""
    whom, to = leg.callee["extension"], following.callee["extension"]
    asked = at - timedelta(seconds=CONSULTED + TRANSFER_RINGS)
    yield leg.held(asked, f"{whom} holds")
    yield following.appeared(asked, f"{whom} to {to}")
    yield following.connected(asked + timedelta(seconds=TRANSFER_RINGS), f"{to} asked")
    yield leg.left(at, f"{whom} leaves", BY_CALLEE)
    _given_the_client(call, leg, following)
    yield following.connected(at, f"{to} talks")


def _given_the_client(call: CallFacts, leg: Leg, following: Leg) -> None:
    """From now on the client is the leg's caller."""
    following.caller = {**call.outside, "taken_from_call_id": leg.id}
    following.callee = {**following.callee, "line_number": digits_of(call.line)}
    following.extra = {**following.extra, "transfer": call.transfer}


def _at_employee(call: CallFacts, person: Person, before: str, name: str) -> Leg:
    callee: Tree = {**call.inside(person), "line_number": digits_of(call.line)}
    if call.group:
        callee["acd_group"] = call.group
    extra: Tree = {"command_id": call.command} if call.command else {}
    return Leg(call, name, "abonent", _taken(call, before), callee, extra)


def _taken(call: CallFacts, before: str) -> Tree:
    return {**call.outside, "taken_from_call_id": call.leg_id(before)} if before else call.outside


def _line(call: CallFacts) -> Tree:
    return {"number": digits_of(call.line), "line_number": digits_of(call.line)}


# --- other calls ---


def _outgoing(call: CallFacts) -> Iterator[Notice]:
    """The first event lacks the caller's number."""
    person = call.people[0]
    leg = Leg(call, "out", "abonent", {"extension": person.extension}, call.outside)
    yield leg.appeared(call.start, f"{person.extension} dials")
    leg.caller = call.inside(person)
    if call.answered:
        yield leg.connected(call.after(call.wait), f"{person.extension} talks")
    yield leg.ended(call.end, f"{person.extension} ends", HANDED_OVER if call.answered else NO_ANSWER)


def _callback(call: CallFacts) -> Iterator[Notice]:
    """Click-to-call: the employee is rung first, on a leg that shows the client as the caller; then the client."""
    person = call.people[0]
    extra: Tree = {"command_id": call.command, "callback_initiator": "API"}
    own = Leg(call, "own", "abonent", call.outside, call.inside(person), extra)
    yield own.appeared(call.start, f"{person.extension} rings")
    yield own.connected(call.after(PICKED_UP), f"{person.extension} is on")
    leg = Leg(call, "client", "abonent", {**call.inside(person), "taken_from_call_id": own.id}, call.outside, extra)
    yield leg.appeared(call.after(PICKED_UP), f"{person.extension} dials")
    if call.answered:
        yield leg.connected(call.after(call.wait), f"{person.extension} talks")
    yield leg.ended(call.end, "client off", BY_CALLEE if call.answered else NO_ANSWER)
    yield own.ended(call.end, f"{person.extension} ends", HANDED_OVER)


def _internal(call: CallFacts) -> Iterator[Notice]:
    caller, callee = call.people
    leg = Leg(call, "internal", "abonent", call.inside(caller), call.inside(callee))
    yield leg.appeared(call.start, f"{caller.extension} dials")
    if call.answered:
        yield leg.connected(call.after(call.wait), f"{callee.extension} talks")
    yield leg.ended(call.end, f"{caller.extension} ends", BY_CALLER if call.answered else NO_ANSWER)
