"""The port every telephony provider implements: one HTTP request in, one neutral event out (telephony.md 6).

Times are aware UTC. A provider raises BadInput for whatever it cannot read and nothing else: what the payload says
may be wrong, missing or hostile, and whoever sent it has to be told which field it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from patchcord.model.events import Event


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A webhook as it came in. Header names are lower-case; `body` is decoded from base64; `path` holds path parameters;
    `sender` is the address it came from."""

    method: str
    received_at: datetime
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    path: Mapping[str, str] = field(default_factory=dict)
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field. The value itself is never told: it may be personal."""

    field: str
    expected: str
    got_kind: str

    def __str__(self) -> str:
        return f"{self.field}: expected {self.expected}, got {self.got_kind}"


@dataclass(eq=False)
class BadInput(Exception):
    """The request is no event of this provider. Every problem found is named."""

    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        return "; ".join(str(problem) for problem in self.problems)


@dataclass(eq=False)
class NotAuthentic(Exception):
    """The request does not come from the provider's account of this project. `reason` is for the log, in our words.

    `known` says whether it at least names that account: who does not is told nothing, not even that there is something.
    """

    reason: str
    known: bool = True

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class Reading:
    """What of a project's settings the reading of a payload depends on.

    `region` (ISO country) reads numbers without a plus sign (O-09); `zone` (IANA) reads times without an offset;
    `key_map` maps the project's own wire names to canonical ones (telephony.md 1.3); `keep_direct` keeps `(direct)`
    as a value of the visit's data. `form_names` maps the names of a site's form to canonical ones; `dispatches` are the
    hints of events about a messenger's dialogue that count as "send the client's data" (S0-31).
    """

    region: str
    zone: str
    key_map: Mapping[str, str] = field(default_factory=dict)
    keep_direct: bool = False
    form_names: Mapping[str, str] = field(default_factory=dict)
    dispatches: frozenset[str] = frozenset()


Secret = Callable[[str], str | None]
"""A secret of the project by its name, None if there is none."""


class Telephony(Protocol):
    """A provider. Its module is one: `patchcord.telephony.ringostat` has such functions."""

    def verify(self, request: HttpRequest, hint: str, secret_of: Secret) -> None:
        """Make sure that the provider sent the request, beyond the secret in its address. Raises NotAuthentic, BadInput."""
        ...

    def read(self, request: HttpRequest, hint: str, reading: Reading) -> Event | None:
        """The event the request tells of, None when it tells of nothing to be kept.

        `hint` is what the URL says, such as `in.after` or `events/call`. For providers whose address is only a hint the
        payload wins over it. A recording may be told by its id instead of its address: see service/links.py.
        """
        ...
