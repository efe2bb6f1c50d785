"""The port every telephony provider implements: one HTTP request in, one neutral event out (telephony.md 6).

Times are aware UTC. A provider raises BadInput for whatever it cannot read and nothing else: what the payload says
may be wrong, missing or hostile, and whoever sent it has to be told which field it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from patchcord.model.events import Event


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A webhook as it came in. Header names are lower-case; `body` is decoded from base64; `path` holds path parameters."""

    method: str
    received_at: datetime
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    path: Mapping[str, str] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True)
class Reading:
    """What of a project's settings the reading of a payload depends on.

    `region` (ISO country) reads numbers without a plus sign (O-09); `zone` (IANA) reads times without an offset;
    `key_map` maps the project's own wire names to canonical ones (telephony.md 1.3); `keep_direct` keeps `(direct)`
    as a value of the visit's data.
    """

    region: str
    zone: str
    key_map: Mapping[str, str] = field(default_factory=dict)
    keep_direct: bool = False


class Telephony(Protocol):
    """A provider. Its module is one: `patchcord.telephony.ringostat` has such a `read`."""

    def read(self, request: HttpRequest, hint: str, reading: Reading) -> Event:
        """The event the request tells of. `hint` is what the URL says, such as `in.after`; the payload wins over it."""
        ...
