"""Speed of deciding: `fold` and `decide` over a mix of calls, decided anew after each delivered webhook."""

from __future__ import annotations

import json
import time
import timeit
from collections.abc import Sequence
from dataclasses import dataclass

from bench.figures import Figure, interleaved
from bench.samples import row
from patchcord.model.events import Event
from patchcord.model.records import Client
from patchcord.model.settings import Settings
from patchcord.model.timeline import fold
from patchcord.scenarios.decide import decide
from patchcord.telephony.port import HttpRequest, Reading
from patchcord.telephony.ringostat import read
from tests.golden.payloads import Delivery, deliveries
from tests.golden.rows import client_of, settings_of

LEAST = 15_000
"""Events a second on one core."""
MIX = (
    "new, answered",
    "new, answered and transferred",
    "known, by other",
    "new, missed",
    "known, missed",
    "outgoing",
    "outgoing, recording later",
)
CALLS = 40
"""Calls of each situation; all clients, calls and times differ, so that nothing is remembered from one to the next."""
ROUNDS = 15


@dataclass(frozen=True, slots=True)
class Call:
    """A call as the service has it when it decides: the events so far, and the client as the CRM knows him."""

    events: tuple[Event, ...]
    client: Client
    bodies: tuple[bytes, ...]


def measure() -> Sequence[Figure]:
    """Events a second, and how often the same webhooks' bodies could have been parsed meanwhile."""
    settings = settings_of(row(MIX[0]))
    calls = sample(settings)
    bodies = [body for call in calls for body in call.bodies]
    # the processor's time of this process: what others take of the machine is not ours
    deciding = timeit.Timer(lambda: decide_all(calls, settings), timer=time.process_time)
    parsing = timeit.Timer(lambda: parse_all(bodies), timer=time.process_time)
    seconds = interleaved(ROUNDS, {"decide": lambda: deciding.timeit(1), "parse": lambda: parsing.timeit(10) / 10})
    rounds = list(zip(seconds["decide"], seconds["parse"], strict=True))
    half = sorted(rounds)[len(rounds) // 2]
    return [_figure(len(bodies), *min(rounds)), _shown(len(bodies), *half)]


def _figure(events: int, deciding: float, parsing: float) -> Figure:
    """The fastest round: the limit is no ratio, so a machine that does something else must not decide about it."""
    speed = events / deciding
    return Figure(
        "fold and decide, one core, the fastest round", *_speeds(events, deciding, parsing), f">= {LEAST:,}/s", speed >= LEAST
    )


def _shown(events: int, deciding: float, parsing: float) -> Figure:
    return Figure("fold and decide, one core, the median round", *_speeds(events, deciding, parsing))


def _speeds(events: int, deciding: float, parsing: float) -> tuple[str, str, float]:
    return f"{events / deciding:,.0f} events/s", f"json.loads {events / parsing:,.0f}/s", deciding / parsing


def sample(settings: Settings, calls: int = CALLS) -> list[Call]:
    """The mix, with its events read from Ringostat's webhooks."""
    rows = [row(name, number=place * len(MIX) + kind) for place in range(calls) for kind, name in enumerate(MIX)]
    found = []
    for one in rows:
        delivered = deliveries(one)
        events = tuple(_event(delivery, settings) for delivery in delivered)
        bodies = tuple(json.dumps(delivery.payload).encode() for delivery in delivered)
        found.append(Call(events, client_of(one, settings), bodies))
    return found


def _event(delivery: Delivery, settings: Settings) -> Event:
    body = json.dumps(delivery.payload).encode()
    request = HttpRequest("POST", delivery.at, headers={"content-type": "application/json"}, body=body)
    return read(request, delivery.hint, Reading(settings.phone.default_region, settings.timezone))


def decide_all(calls: Sequence[Call], settings: Settings) -> None:
    """What the service does for each delivery: the events so far are folded, and the whole call is decided anew."""
    for call in calls:
        for count in range(1, len(call.events) + 1):
            decide(fold(call.events[:count]), call.client, settings)


def parse_all(bodies: Sequence[bytes]) -> None:
    """The floor: the same webhooks, only parsed."""
    for body in bodies:
        json.loads(body)
