"""What the account holds: objects with their properties, the links between them, owners, pipelines, property lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.twins.base import Clock, Ids

Row = dict[str, Any]
Place = tuple[str, str]
"""An object: its sort (`contacts`) and its id."""

CONTACTS, COMPANIES, DEALS, LEADS = "contacts", "companies", "deals", "leads"
TASKS, CALLS, NOTES = "tasks", "calls", "notes"
TYPE_IDS = {CONTACTS: "0-1", COMPANIES: "0-2", DEALS: "0-3", LEADS: "0-136", TASKS: "0-27", CALLS: "0-48", NOTES: "0-46"}
BY_TYPE_ID = {type_id: sort for sort, type_id in TYPE_IDS.items()}
KINDS = {"contact": CONTACTS, "organization": COMPANIES, "lead": LEADS, "deal": DEALS, "task": TASKS}
"""Neutral kinds and the vendor's words for them."""
NEUTRAL = {sort: kind for kind, sort in KINDS.items()}
RECORDS = (CONTACTS, COMPANIES, LEADS, DEALS)
FIRST_IDS = {
    CONTACTS: 171_596_044_000, COMPANIES: 18_417_469_000, DEALS: 9_001_300_000, LEADS: 550_066_000, TASKS: 70_070_010_000,
    CALLS: 81_000_500_000, NOTES: 90_300_200_000,
}  # fmt: skip
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, as answers have it."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


@dataclass(slots=True)
class Thing:
    """An object of any sort. `versions` are its properties as search may know them, each with when it came to be."""

    sort: str
    id: str
    properties: dict[str, str | None]
    created: datetime
    updated: datetime
    versions: list[tuple[datetime, dict[str, str | None]]] = field(default_factory=list)

    @property
    def place(self) -> Place:
        return self.sort, self.id


@dataclass(slots=True)
class Link:
    """That one object is associated with another: the ids of the association's types, and since when."""

    types: set[int]
    since: datetime


@dataclass
class State:
    """Everything by sort and id."""

    ids: Ids
    clock: Clock
    things: dict[str, dict[str, Thing]] = field(default_factory=lambda: {sort: {} for sort in TYPE_IDS})
    links: dict[Place, dict[Place, Link]] = field(default_factory=dict)
    owners: dict[str, Row] = field(default_factory=dict)
    pipelines: dict[str, dict[str, Row]] = field(default_factory=lambda: {DEALS: {}, LEADS: {}})
    properties: dict[str, dict[str, Row]] = field(default_factory=lambda: {sort: {} for sort in TYPE_IDS})
    adoptable: dict[str, str] = field(default_factory=dict)

    def add(self, sort: str, properties: dict[str, str | None], at: datetime | None = None) -> Thing:
        """Store a new object. With `at` it is a seed: made and last changed then, and known to search at once."""
        now = at or self.clock()
        thing = Thing(sort, str(FIRST_IDS[sort] + self.ids.number(sort)), properties, now, now)
        self.things[sort][thing.id] = thing
        thing.versions.append((LONG_AGO if at else now, dict(properties)))
        return thing

    def touch(self, thing: Thing, *, known_at_once: bool) -> None:
        """The object has changed; search knows it at once or after the lag."""
        thing.updated = self.clock()
        if known_at_once:
            thing.versions[-1] = (thing.versions[-1][0], dict(thing.properties))
        else:
            thing.versions.append((thing.updated, dict(thing.properties)))

    def remove(self, place: Place) -> None:
        """Delete an object; a lead does not outlive its contact (8.3)."""
        sort, key = place
        del self.things[sort][key]
        others = self.links.pop(place, {})
        for other in others:
            self.links[other].pop(place, None)
        for other_sort, other_key in others:
            if sort == CONTACTS and other_sort == LEADS and not self.linked((other_sort, other_key), CONTACTS):
                self.remove((other_sort, other_key))

    def thing(self, place: Place) -> Thing | None:
        return self.things[place[0]].get(place[1])

    def linked(self, place: Place, sort: str) -> list[str]:
        """Ids of the objects of a sort that are associated with this one, oldest link first."""
        return [key for other, key in self.links.get(place, {}) if other == sort]

    def links_of(self, place: Place) -> Iterator[tuple[Place, Link]]:
        yield from self.links.get(place, {}).items()
