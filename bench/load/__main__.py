"""`make load`: a burst for one project, beside a second one; a table, exit status 0 only if every limit holds."""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from bench.figures import Figure, all_hold, table
from bench.load.burst import Stage, most_in_a_second, played, refused, stage
from bench.load.sent import Beside, Event, Outcome
from patchcord.crm.kommo.declaration import DECLARATION
from patchcord.service.gate import PARTS, UNDER_WAY
from patchcord.service.writing import marker
from patchcord.store.port import CallKey

EVENTS, CALLERS, BESIDE = 1000, 100, 30
ROUTING_BUDGET = 2.5
"""Seconds that a project gives an answer to a caller, if it does not say otherwise (docs/routing.md)."""
MOST_WAITING, MOST_REQUESTS, MOST_SLOWER = 1.2, 1.1, 1.25


def exact(what: str, measured: int, wanted: int) -> Figure:
    """A number that must be that very one."""
    return Figure(what, f"{measured:,}", limit=f"= {wanted:,}", holds=measured == wanted)


def at_most(what: str, measured: float, floor: float, unit: str, most: float | None = None) -> Figure:
    """A figure beside its floor, limited as a ratio if `most` is given."""
    ratio = measured / floor
    limit = "" if most is None else f"<= {most:g} x floor"
    return Figure(what, f"{measured:,.4g} {unit}", f"{floor:,.4g} {unit}", ratio, limit, None if most is None else ratio <= most)


# --- what was to be done, and what stands in the CRM ---


def needed(events: Sequence[Event]) -> int:
    """The requests that the events take: a set of records for each client, a trace for each call (`requests`)."""
    least = DECLARATION.requests
    return len(events) * (least.look_up + least.task) + len({event.client for event in events}) * least.create


def calls_told(here: Stage, events: Sequence[Event]) -> Mapping[str, int]:
    """How often each call stands in the CRM, as a task or a logged call, by its markers."""
    written = Counter(write.fields["marker"] for do in ("task", "log") for write in here.twin.writes(do))
    return {
        event.call: max((written[marker(CallKey("demo", "ringostat", event.call), key)] for key in _keys(here, event)), default=0)
        for event in events
    }


def _keys(here: Stage, event: Event) -> Sequence[str]:
    return sorted(here.effects("demo", event.call))


def records_of(here: Stage, events: Sequence[Event]) -> Mapping[str, tuple[int, int]]:
    """How many contacts, and deals of theirs, were made for each client."""
    contacts = here.twin.writes("create", "contact")
    deals = Counter(write.fields["contact"] for write in here.twin.writes("create", "deal"))
    phones = Counter(write.fields["phone"] for write in contacts)
    made: Counter[str] = Counter()
    for write in contacts:
        made[write.fields["phone"]] += deals[write.id]
    return {event.client: (phones[event.client], made[event.client]) for event in events}


def lost(here: Stage, events: Sequence[Event]) -> int:
    """Events that are not carried out, whatever the journal says of them."""
    told, records = calls_told(here, events), records_of(here, events)
    return sum(here.unsettled(event) or not told[event.call] or 0 in records[event.client] for event in events)


def twice(here: Stage, events: Sequence[Event]) -> int:
    """Calls that were told twice, and clients that were made twice."""
    told, records = calls_told(here, events), records_of(here, events)
    return sum(count > 1 for count in told.values()) + sum(max(made) > 1 for made in records.values())


# --- the table ---


def carried_out(here: Stage, outcome: Outcome) -> list[Figure]:
    """Everything, once, within the vendor's limit."""
    events = outcome.sent
    gone = lost(here, events)
    return [
        exact("events carried out", len(events) - gone, len(events)),
        exact("lost", gone, 0),
        exact("twice", twice(here, events), 0),
        exact("in the dead-letter queue", len(here.queue.buried), 0),
        Figure("answered 200 at once, and 202", f"{outcome.answers[200]} and {outcome.answers[202]}"),
        Figure("most deliveries of one message", f"{here.queue.most_tries}", limit="<= 8", holds=here.queue.most_tries <= 8),
        exact("invocations that ran out of time", here.aws.overrun, 0),
    ]


def rate(here: Stage, outcome: Outcome) -> list[Figure]:
    """The vendor's limit, and how much of it was used."""
    floor, asked = needed(outcome.sent), here.twin.count() - 2 * len(outcome.routing)
    units, window = DECLARATION.rate.units, DECLARATION.rate.window
    given_out = units // (PARTS + 1) * PARTS / ((window + UNDER_WAY) / timedelta(seconds=1))
    return [
        exact("requests refused for the limit", len(refused(here.twin)), 0),
        Figure(
            "most requests in one second", f"{(most := most_in_a_second(here.twin))}", limit=f"<= {units}", holds=most <= units
        ),
        at_most("requests, less those of routing", asked, floor, "requests", MOST_REQUESTS),
        at_most(
            f"until all is done, at the gate's {given_out:.2f} a second", outcome.taken, floor / given_out, "s", MOST_WAITING
        ),
        at_most(f"the same, at the vendor's {units} a second", outcome.taken, floor / units, "s"),
    ]


def routing(outcome: Outcome) -> list[Figure]:
    """Callers during the burst: in time, and to whom they belong."""
    taken = sorted(outcome.routing)
    p50, p99 = statistics.median(taken), taken[min(len(taken) - 1, int(len(taken) * 0.99))]
    named = outcome.destinations["acme_anna"]
    return [
        Figure(
            "p50 / p99 of an answer",
            f"{p50 * 1000:.0f} / {p99 * 1000:.0f} ms",
            limit=f"p99 <= {ROUTING_BUDGET * 1000:.0f} ms",
            holds=p99 <= ROUTING_BUDGET,
        ),
        exact("put through to their manager, as the CRM says", named, len(taken)),
    ]


def fairness(alone: Beside, during: Beside) -> list[Figure]:
    """The second project's events, beside the same when nothing else was going on."""
    kinds = {
        "carried out at once": (during.inline, alone.inline),
        "brought back by their promise": (during.promised, alone.promised),
    }
    return [
        at_most(f"{name}: median (slowest {max(now):.3g} s)", statistics.median(now), statistics.median(before), "s", MOST_SLOWER)
        for name, (now, before) in kinds.items()
    ]


def measure(count: int = EVENTS, callers: int = CALLERS, beside: int = BESIDE) -> Mapping[str, Sequence[Figure]]:
    """One burst; its figures by group."""
    with stage() as here:
        outcome = played(here, count, callers, beside)
        return {
            f"1  a burst of {count:,} events within 5 s, Kommo": carried_out(here, outcome),
            "2  the CRM's limit": rate(here, outcome),
            f"3  routing during the burst: {len(outcome.routing)} callers": routing(outcome),
            "4  a second project with a CRM of its own, beside the same without a burst": fairness(outcome.alone, outcome.during),
        }


def main() -> int:
    """Print the table; the exit status."""
    begun = time.monotonic()
    groups = measure()
    print(table(groups))
    holds = all_hold(figure for figures in groups.values() for figure in figures)
    print(f"\n{'every limit holds' if holds else 'a limit does not hold'} ({time.monotonic() - begun:.0f} s)")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
