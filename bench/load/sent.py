"""What is sent, and what is known of it afterwards."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bench.samples import client_number
from tests.integration.demo import after_call, missed

REPEATED = 10
"""Of so many events one is a further call of a client who is in the burst already."""


@dataclass(frozen=True, slots=True)
class Event:
    """One webhook of the burst: the end of a call of which nothing else was heard, so that everything is due at once."""

    number: int
    client: str
    is_missed: bool

    @property
    def call(self) -> str:
        return f"ua1_-1772704800.{self.number}"

    @property
    def hint(self) -> str:
        return "missed" if self.is_missed else "in.after"

    @property
    def payload(self) -> dict[str, Any]:
        return missed(self.call, self.client) if self.is_missed else after_call(self.call, self.client)


def events(count: int, first: int = 0) -> list[Event]:
    """So many, of different clients mostly; two thirds are answered."""
    clients = [number - number % REPEATED if number % REPEATED == 1 else number for number in range(count)]
    return [Event(first + number, client_number(first + client), number % 3 == 0) for number, client in enumerate(clients)]


@dataclass
class Beside:
    """What happened to the second project's events: how long the inline runs took, and how long those brought back."""

    inline: list[float] = field(default_factory=list)
    promised: list[float] = field(default_factory=list)


@dataclass
class Outcome:
    """What is known when nothing is promised any more. Times are seconds of the clock, routing's of the machine's."""

    sent: list[Event]
    taken: float = 0.0
    inline: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    routing: list[float] = field(default_factory=list)
    destinations: Counter[str] = field(default_factory=Counter)
    alone: Beside = field(default_factory=Beside)
    during: Beside = field(default_factory=Beside)
