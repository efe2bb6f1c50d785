"""What the service needs of its storage. Each method is one round trip to DynamoDB.

Every key begins with the project, so no method can reach another tenant's data. Times are aware UTC. Values that the
store does not look into (events, states of effects, settings, what is known of a client) are JSON texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True, order=True)
class CallKey:
    """A call's partition in the journal: project, provider, the provider's id of the call."""

    project: str
    provider: str
    call: str


@dataclass(frozen=True, slots=True)
class Entry:
    """The journal of one call.

    `events` by event key and `effects` by effect key are JSON texts; `settled` holds the keys of the events that are
    carried out (one that asks for nothing by itself is so with the end of its call); `client` is the client as seen when
    the call was first decided; `decision` the last decision.
    `fresh` says, in the answer to `accept`, that the event was not there before.
    """

    key: CallKey
    events: Mapping[str, str] = field(default_factory=dict)
    effects: Mapping[str, str] = field(default_factory=dict)
    settled: frozenset[str] = frozenset()
    client: str | None = None
    decision: str | None = None
    at: datetime | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """What one write adds to a call's journal; empty means: leave it."""

    effects: Mapping[str, str] = field(default_factory=dict)
    settled: frozenset[str] = frozenset()
    client: str | None = None
    decision: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work for one client until `until`: `client` is the keyed hash of the number, `worker` ours alone.

    `index` is what is known of the client, JSON, None when nothing is.
    """

    project: str
    client: str
    worker: str
    until: datetime
    index: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """`worker` works for the client until `until`. If that is over it died, and nobody knows what it has written."""

    until: datetime
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Granted:
    """The requests may be made."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The requests may be made at `until`: the bucket is empty, or the connection cools down."""

    until: datetime
    cooling: bool


@dataclass(frozen=True, slots=True)
class Blocked:
    """The connection is shut off until somebody connects the CRM again."""

    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Document:
    """One version of a project's settings."""

    project: str
    version: int
    body: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a day's calls, newest first; `next` continues it."""

    entries: tuple[Entry, ...]
    next: str | None = None


@dataclass(eq=False)
class ClaimLost(Exception):
    """The claim ran out and somebody else took it: nothing was written, and nothing may be written any more."""

    project: str
    client: str


@dataclass(eq=False)
class VersionConflict(Exception):
    """Somebody saved the settings in between."""

    project: str
    expected: int


class Store(Protocol):
    """Settings, journal, client index with claims, connections, leases, what is kept for a while."""

    # --- settings ---

    def document(self, project: str, version: int | None = None) -> Document | None:
        """The current (or the named) version of a project's settings."""
        ...

    def save_document(self, project: str, body: str, author: str, at: datetime, expected: int) -> int:
        """Store the next version; `expected` is the current one (0 for none). Raises VersionConflict."""
        ...

    def documents(self, project: str) -> tuple[Document, ...]:
        """All versions, newest first."""
        ...

    def projects(self) -> tuple[str, ...]:
        """The names of all projects for which settings were ever saved, sorted."""
        ...

    # --- journal ---

    def accept(self, key: CallKey, event: str, body: str, at: datetime, settled: bool, client: str | None = None) -> Entry:
        """Store an event unless its key is there already; the whole journal of the call comes back.

        `settled` marks an event for which nothing is to be done. `client` is the client as seen just now; it is kept only if
        the call has none yet: what was seen first may be what the call's records were made by.
        """
        ...

    def entry(self, key: CallKey) -> Entry | None: ...

    def unsettled(self, events: Sequence[tuple[CallKey, str]]) -> frozenset[tuple[CallKey, str]]:
        """Which of these events are stored and not carried out."""
        ...

    def note(self, key: CallKey, changes: Changes) -> None:
        """Write to a call's journal without a claim: for events that touch no client."""
        ...

    def begin(self, key: CallKey, claim: Claim, changes: Changes, until: datetime) -> Claim:
        """Write intents, and prolong the claim to `until`, both or neither. Raises ClaimLost."""
        ...

    def finish(self, key: CallKey, claim: Claim, changes: Changes, index: str | None) -> None:
        """Write results, replace the client's index, and give the claim back, all or nothing. Raises ClaimLost."""
        ...

    def calls(self, project: str, day: str, limit: int = 100, after: str | None = None) -> Page:
        """The calls first heard of on a day (`YYYY-MM-DD`, UTC), newest first."""
        ...

    def erase_call(self, key: CallKey) -> bool:
        """Forget a call with everything in its journal; whether it was there. What is still promised for it comes to nothing."""
        ...

    # --- clients ---

    def claim(
        self, project: str, client: str, worker: str, now: datetime, until: datetime, over: str | None = None
    ) -> Claim | Held:
        """Take a client that nobody has, or take it over from the worker `over` if its claim has run out.

        A claim that ran out is not simply free: whoever takes it over must know whose it was.
        """
        ...

    def release(self, claim: Claim) -> None:
        """Give the claim back without changing the index; does nothing when it is not ours any more."""
        ...

    def client(self, project: str, client: str) -> str | None:
        """What is known of a client, without claiming it."""
        ...

    def erase_client(self, claim: Claim) -> None:
        """Forget a client, and give the claim back with it. Raises ClaimLost; then it is not forgotten."""
        ...

    # --- connections ---

    def take(
        self, project: str, connection: str, units: int, most: int, window: timedelta, now: datetime
    ) -> Granted | Wait | Blocked:
        """Take `units` out of this window's `most`, unless the connection cools down or is blocked."""
        ...

    def cool_down(self, project: str, connection: str, until: datetime) -> None:
        """Let everybody wait until then; a longer cool-down stays."""
        ...

    def block(self, project: str, connection: str, reason: str, at: datetime) -> bool:
        """Shut the connection off; True when it was open before, so that one alarm is raised."""
        ...

    def unblock(self, project: str, connection: str) -> None: ...

    # --- leases ---

    def lease(self, project: str, name: str, holder: str, now: datetime, until: datetime) -> bool:
        """Take a named lease unless another holder has it."""
        ...

    def free(self, project: str, name: str, holder: str) -> None: ...

    # --- what is kept for a while ---

    def keep(self, project: str, name: str, body: str, until: datetime) -> None:
        """Keep a text under a name until then, instead of what was kept under it: what others would have to ask for again."""
        ...

    def kept(self, project: str, name: str, now: datetime) -> str | None:
        """The text kept under a name, None when there is none or its time is over."""
        ...


class Queue(Protocol):
    """The promises: messages that come back until their event is carried out."""

    def promise(self, body: str, delay: timedelta) -> None: ...

    def postpone(self, receipt: str, pause: timedelta) -> None:
        """Keep a received message away for the pause."""
        ...

    def bury(self, body: str, reason: str) -> None:
        """Put a message into the dead-letter queue, where a person finds it."""
        ...


class Secrets(Protocol):
    """Secrets by name below the project, kept in the parameter store."""

    def get(self, project: str, name: str, fresh: bool = False) -> str | None:
        """The secret, None if there is none. `fresh` does not trust what was read before."""
        ...

    def put(self, project: str, name: str, value: str) -> None: ...

    def names(self, project: str) -> Iterable[str]: ...
