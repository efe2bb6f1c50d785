"""A scene of a day: a call as it happened, and what has to come of each of its deliveries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Generic, Literal, Protocol, TypeVar
from zoneinfo import ZoneInfo

from sandbox.demo import ZONE
from sandbox.player.delivery import Delivery, Spoilt
from sandbox.player.routed import Routed

NOMINAL = date(2026, 3, 2)
"""The day of the times that a day's script writes; `moved` moves them to another."""

TOGETHER = timedelta(seconds=5)
"""Deliveries that come this close upon each other travel side by side: none of them waits for what becomes of another."""


class Call(Protocol):
    """A call in the words of any player. `client` is E.164, None when hidden; `id` is the provider's."""

    @property
    def start(self) -> datetime: ...

    @property
    def client(self) -> str | None: ...

    @property
    def id(self) -> str: ...

    def deliveries(self, spoilt: Spoilt | None = None) -> tuple[Delivery, ...]:
        """What the provider sends of it, in the order of arrival; with something wrong with it, if that is said."""
        ...


C_co = TypeVar("C_co", bound=Call, covariant=True)

Trouble = Literal["rate_limit", "lost_answer", "late"]
"""What happens to the CRM. `late` is for whoever asks whom to ring: until that is answered, the CRM does not answer."""


ANSWERED = "answered"
"""The status of a question that was answered."""
DIALLING = "dialling"
"""The status of a click whose call the telephony has taken."""
THEN = " then "
REACHED = "close:callback"
"""The effect of reaching a client: the task to call him back is done."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What has to come of one delivery: the HTTP status, in the end the event's status, situation, reason and new effects.

    `routed`: whom the caller is put through to, if that is answered here. `unasked`: the CRM gets no request, because routing
    has found already what is needed of the client.
    """

    http: int
    status: str
    situation: str = ""
    reason: str = ""
    writes: tuple[str, ...] = ()
    routed: Routed | None = None
    unasked: bool = False


def done(situation: str, *writes: str) -> Expected:
    """Carried out at once; `writes` may be nothing, when nothing is due at this moment."""
    return Expected(200, "done", situation, "", writes)


def later(situation: str, *writes: str) -> Expected:
    """Accepted, and carried out by its promise."""
    return Expected(202, "done", situation, "", writes)


def known(situation: str) -> Expected:
    """Carried out at once with nothing to write, and without asking the CRM: routing has asked it before."""
    return Expected(200, "done", situation, unasked=True)


def rings(direction: str, source: str = "by_crm") -> Expected:
    """A question whom to ring, answered with somebody."""
    return Expected(200, ANSWERED, routed=Routed(direction, source, "found"))


def nobody(reason: str, *, late: bool = False) -> Expected:
    """A question whom to ring, answered with nobody."""
    return Expected(200, ANSWERED, routed=Routed("", "nobody", reason, late))


def dials(*order: str) -> Expected:
    """A click for which the telephony rings one after the other."""
    return Expected(200, DIALLING, THEN.join(order))


def due(outcome: str, *writes: str) -> Expected:
    """A task's deadline has come: what was found, and what is written then."""
    return Expected(200, "done", outcome, writes=writes)


def ignored(reason: str) -> Expected:
    return Expected(200, "ignored", "ignored", reason)


NOT_YET = Expected(200, "done", "", "nothing_due")
AGAIN = Expected(200, "duplicate", "", "repeated_delivery")
UNREADABLE = Expected(400, "refused")
FORGED = Expected(403, "refused")
NOBODY = Expected(404, "refused")
ACKNOWLEDGED = Expected(200, "acknowledged")

REFUSALS: Mapping[Spoilt, Expected] = {
    "body": UNREADABLE,
    "json": UNREADABLE,
    "cut": FORGED,
    "signature": FORGED,
    "secret": NOBODY,
}
"""What comes of spoilt deliveries, whatever they tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene(Generic[C_co]):
    """A call of the day. `expects` has one entry for each of its deliveries, or is empty until `script.py` has computed it.

    `trouble` happens to the CRM just before the last delivery, `late` before the first; `spoilt` is what is wrong with the
    deliveries. A `live` call begins when its turn comes: the telephony is told whom to ring, and that must be in time. Of a
    `lost` call no webhook arrives: the telephony lists it, and its end is found there.
    """

    shows: str
    call: C_co
    expects: tuple[Expected, ...] = ()
    trouble: Trouble | None = None
    spoilt: Spoilt | None = None
    live: bool = False
    lost: bool = False

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        return self.deliveries_of(self.call)

    def deliveries_of(self, call: Call) -> tuple[Delivery, ...]:
        """What comes of the scene's call, as it is by now."""
        sent = call.deliveries(self.spoilt)
        return tuple(replace(it, title="caught up", door="list") for it in sent if is_end(it)) if self.lost else sent


def is_end(delivery: Delivery) -> bool:
    """Whether a delivery tells that a call is over."""
    return delivery.hint in {"in/after", "out/after", "events/summary"}


def at(clock: str) -> datetime:
    """A time of the nominal day, `09:02:10` in the project's zone."""
    return datetime.fromisoformat(f"{NOMINAL} {clock}").replace(tzinfo=ZoneInfo(ZONE))


def moved(scenes: Iterable[Scene[Any]], day: date) -> Iterator[Scene[Any]]:
    """The scenes as if they had happened on that day. Clock times stay, also over a change of the clocks: an aware time plus
    days keeps its clock."""
    by = day - NOMINAL
    for scene in scenes:
        yield replace(scene, call=replace(scene.call, start=scene.call.start + by))


def new_clients(scenes: Iterable[Scene[Any]]) -> Iterator[tuple[str, bool]]:
    """The clients whom the CRM gets to know on a day, and whether they were missed."""
    for scene in scenes:
        writes = [write for expected in scene.expects for write in expected.writes]
        if scene.call.client and "contact" in writes:
            yield scene.call.client, "task:callback" in writes
