"""The ports in memory, for tests and experiments: the same promises as the real ones, kept by one lock.

What has expired is gone at once here; DynamoDB removes it within two days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import RLock

from patchcord.store.names import (
    DEFAULT_RETENTION,
    RECENT_WINDOWS,
    Retention,
    call_key,
    day_name,
    millis,
    moment,
    page_start,
    page_token,
    project_name,
    same_project,
    stamp,
    text_name,
    units_of,
    utc_now,
    window_of,
)
from patchcord.store.port import (
    Blocked,
    CallKey,
    Changes,
    Claim,
    ClaimLost,
    Document,
    Entry,
    Granted,
    Held,
    Page,
    VersionConflict,
    Wait,
)
from patchcord.store.secrets import secret_name
from patchcord.store.sqs import delay_seconds


@dataclass(slots=True)
class _Call:
    """A call's journal."""

    events: dict[str, str] = field(default_factory=dict)
    effects: dict[str, str] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    client: str | None = None
    decision: str | None = None
    at: datetime | None = None
    expires: datetime | None = None


@dataclass(slots=True)
class _Client:
    """What is known of a client, and who works for it."""

    index: str | None = None
    worker: str | None = None
    until: int = 0
    expires: datetime | None = None


@dataclass(slots=True)
class _Connection:
    """Units taken by (window length, window number), cool-down, block."""

    windows: dict[tuple[int, int], int] = field(default_factory=dict)
    cool_until: int = 0
    blocked: Blocked | None = None
    expires: datetime | None = None


@dataclass(slots=True)
class _Lease:
    holder: str
    until: int


class MemoryStore:
    """The port in dictionaries."""

    def __init__(self, *, retention: Retention = DEFAULT_RETENTION, now: Callable[[], datetime] = utc_now) -> None:
        self._retention = retention
        self._now = now
        self._lock = RLock()
        self._documents: dict[str, list[Document]] = {}
        self._calls: dict[CallKey, _Call] = {}
        self._clients: dict[tuple[str, str], _Client] = {}
        self._connections: dict[tuple[str, str], _Connection] = {}
        self._leases: dict[tuple[str, str], _Lease] = {}
        self._kept: dict[tuple[str, str], tuple[str, int]] = {}

    @contextmanager
    def _world(self) -> Iterator[None]:
        """Alone with the dictionaries, after what has expired is gone."""
        with self._lock:
            now = self._now()
            self._calls = {key: item for key, item in self._calls.items() if _alive(item, now)}
            self._clients = {key: item for key, item in self._clients.items() if _alive(item, now)}
            self._connections = {key: item for key, item in self._connections.items() if _alive(item, now)}
            yield

    # --- settings ---

    def document(self, project: str, version: int | None = None) -> Document | None:
        """The current (or the named) version of a project's settings."""
        versions = self.documents(project)
        if version is None:
            return versions[0] if versions else None
        return next((document for document in versions if document.version == version), None)

    def save_document(self, project: str, body: str, author: str, at: datetime, expected: int) -> int:
        """Store the next version. Raises VersionConflict."""
        with self._lock:
            versions = self._documents.setdefault(project_name(project), [])
            if expected != len(versions):
                raise VersionConflict(project, expected)
            versions.append(Document(project, expected + 1, body, author, datetime.fromisoformat(stamp(at))))
            return expected + 1

    def documents(self, project: str) -> tuple[Document, ...]:
        """All versions, newest first."""
        with self._lock:
            return tuple(reversed(self._documents.get(project_name(project), [])))

    def projects(self) -> tuple[str, ...]:
        """The names of all projects, sorted."""
        with self._lock:
            return tuple(sorted(project for project, versions in self._documents.items() if versions))

    # --- journal ---

    def accept(self, key: CallKey, event: str, body: str, at: datetime, settled: bool, client: str | None = None) -> Entry:
        """Store an event unless its key is there already."""
        at = datetime.fromisoformat(stamp(at))
        with self._world():
            call = self._write(key, Changes(settled=frozenset({event} if settled else ())))
            call.client = client if call.client is None else call.client
            fresh = event not in call.events
            call.events.setdefault(event, body)
            call.at = call.at or at
            return _entry(key, call, fresh)

    def entry(self, key: CallKey) -> Entry | None:
        """The journal of a call."""
        with self._world():
            call = self._calls.get(call_key(key))
            return _entry(key, call) if call else None

    def unsettled(self, events: Sequence[tuple[CallKey, str]]) -> frozenset[tuple[CallKey, str]]:
        """Which of these events are stored and not carried out."""
        with self._world():
            return frozenset((key, event) for key, event in events if self._is_unsettled(key, event))

    def _is_unsettled(self, key: CallKey, event: str) -> bool:
        call = self._calls.get(call_key(key))
        return call is not None and event in call.events and event not in call.settled

    def note(self, key: CallKey, changes: Changes) -> None:
        """Write to a call's journal without a claim."""
        with self._world():
            self._write(key, changes)

    def begin(self, key: CallKey, claim: Claim, changes: Changes, until: datetime) -> Claim:
        """Write intents and prolong the claim. Raises ClaimLost."""
        with self._world():
            client = self._claimed(key, claim)
            self._write(key, changes)
            client.until = millis(until)
            return replace(claim, until=moment(client.until))

    def finish(self, key: CallKey, claim: Claim, changes: Changes, index: str | None) -> None:
        """Write results, replace the client's index, give the claim back. Raises ClaimLost."""
        with self._world():
            client = self._claimed(key, claim)
            self._write(key, changes)
            client.index, client.worker, client.until = index, None, 0
            client.expires = self._now() + self._retention.clients

    def calls(self, project: str, day: str, limit: int = 100, after: str | None = None) -> Page:
        """The calls first heard of on a day, newest first."""
        project_name(project)
        day_name(day)
        start = page_start(project, after) if after is not None else None
        with self._world():
            found = sorted(
                ((stamp(call.at), key) for key, call in self._calls.items() if key.project == project and call.at),
                reverse=True,
            )
            of_day = [place for place in found if place[0].startswith(day) and (start is None or place < start)]
            page = of_day[:limit]
            more = len(of_day) > limit
            return Page(tuple(_entry(key, self._calls[key]) for _, key in page), page_token(*page[-1]) if more else None)

    def erase_call(self, key: CallKey) -> bool:
        """Forget a call; whether it was there."""
        with self._world():
            return self._calls.pop(call_key(key), None) is not None

    def _write(self, key: CallKey, changes: Changes) -> _Call:
        call = self._calls.setdefault(call_key(key), _Call())
        call.effects.update(changes.effects)
        call.settled |= changes.settled
        call.client = call.client if changes.client is None else changes.client
        call.decision = call.decision if changes.decision is None else changes.decision
        call.expires = self._now() + self._retention.journal
        return call

    # --- clients ---

    def claim(
        self, project: str, client: str, worker: str, now: datetime, until: datetime, over: str | None = None
    ) -> Claim | Held:
        """Take the claim when it is free, this worker's already, or `over`'s and run out."""
        place = (project_name(project), text_name(client))
        with self._world():
            known = self._clients.setdefault(place, _Client())
            run_out = known.worker == over and known.until <= millis(now)
            if known.worker not in {None, worker} and not run_out:
                return Held(moment(known.until), known.worker or "")
            known.worker, known.until = worker, millis(until)
            known.expires = self._now() + self._retention.clients
            return Claim(project, client, worker, moment(known.until), known.index)

    def release(self, claim: Claim) -> None:
        """Give the claim back; nothing when it is not ours any more."""
        with self._world():
            known = self._clients.get((project_name(claim.project), claim.client))
            if known and known.worker == claim.worker:
                known.worker, known.until = None, 0

    def client(self, project: str, client: str) -> str | None:
        """What is known of a client."""
        with self._world():
            known = self._clients.get((project_name(project), text_name(client)))
            return known.index if known else None

    def erase_client(self, claim: Claim) -> None:
        """Forget a client and give the claim back. Raises ClaimLost."""
        with self._world():
            self._ours(claim)
            del self._clients[claim.project, claim.client]

    def _claimed(self, key: CallKey, claim: Claim) -> _Client:
        same_project(key, claim)
        return self._ours(claim)

    def _ours(self, claim: Claim) -> _Client:
        known = self._clients.get((project_name(claim.project), claim.client))
        if known is None or known.worker != claim.worker:
            raise ClaimLost(claim.project, claim.client)
        return known

    # --- connections ---

    def take(
        self, project: str, connection: str, units: int, most: int, window: timedelta, now: datetime
    ) -> Granted | Wait | Blocked:
        """Take units out of this window. Units beyond `most` count as `most`."""
        units = units_of(units, most)
        place = length, number = window_of(now, window)
        with self._world():
            known = self._connection(project, connection)
            if known.blocked:
                return known.blocked
            if known.cool_until > millis(now):
                return Wait(moment(known.cool_until), cooling=True)
            if known.windows.get(place, 0) > most - units:
                return Wait(moment((number + 1) * length), cooling=False)
            known.windows[place] = known.windows.get(place, 0) + units
            known.windows = {
                (size, count): taken
                for (size, count), taken in known.windows.items()
                if (count + RECENT_WINDOWS.stop) * size > millis(now)
            }
            known.expires = self._now() + self._retention.connections
            return Granted()

    def cool_down(self, project: str, connection: str, until: datetime) -> None:
        """Let everybody wait until then; a longer cool-down stays."""
        with self._world():
            known = self._connection(project, connection)
            if known.cool_until < millis(until):
                known.cool_until, known.expires = millis(until), None

    def block(self, project: str, connection: str, reason: str, at: datetime) -> bool:
        """Shut the connection off; True when it was open before."""
        with self._world():
            known = self._connection(project, connection)
            if known.blocked:
                return False
            known.blocked, known.expires = Blocked(reason, datetime.fromisoformat(stamp(at))), None
            return True

    def unblock(self, project: str, connection: str) -> None:
        """Open the connection again."""
        with self._world():
            self._connection(project, connection).blocked = None

    def _connection(self, project: str, connection: str) -> _Connection:
        return self._connections.setdefault((project_name(project), text_name(connection)), _Connection())

    # --- leases ---

    def lease(self, project: str, name: str, holder: str, now: datetime, until: datetime) -> bool:
        """Take a named lease unless another holder has it."""
        place = (project_name(project), text_name(name))
        with self._lock:
            known = self._leases.get(place)
            if known and known.holder != holder and known.until > millis(now):
                return False
            self._leases[place] = _Lease(holder, millis(until))
            return True

    def free(self, project: str, name: str, holder: str) -> None:
        """Give a lease back if it is ours."""
        place = (project_name(project), text_name(name))
        with self._lock:
            known = self._leases.get(place)
            if known and known.holder == holder:
                del self._leases[place]

    # --- what is kept for a while ---

    def keep(self, project: str, name: str, body: str, until: datetime) -> None:
        """Keep a text until then, instead of what was kept."""
        with self._lock:
            self._kept[project_name(project), text_name(name)] = body, millis(until)

    def kept(self, project: str, name: str, now: datetime) -> str | None:
        """The text kept, None when its time is over."""
        with self._lock:
            body, until = self._kept.get((project_name(project), text_name(name)), (None, 0))
            return body if until > millis(now) else None


def _alive(item: _Call | _Client | _Connection, now: datetime) -> bool:
    return item.expires is None or item.expires > now


def _entry(key: CallKey, call: _Call, fresh: bool = False) -> Entry:
    """A copy, so that later writes do not change what was read."""
    return Entry(
        key=key,
        events=dict(call.events),
        effects=dict(call.effects),
        settled=frozenset(call.settled),
        client=call.client,
        decision=call.decision,
        at=call.at,
        fresh=fresh,
    )


class MemoryQueue:
    """The promises, in lists that a test reads: `promised` of (body, delay), `postponed` of (receipt, pause), `buried` of
    (body, reason)."""

    def __init__(self) -> None:
        self.promised: list[tuple[str, timedelta]] = []
        self.postponed: list[tuple[str, timedelta]] = []
        self.buried: list[tuple[str, str]] = []

    def promise(self, body: str, delay: timedelta) -> None:
        """Keep a message with the delay that SQS would give it."""
        self.promised.append((body, timedelta(seconds=delay_seconds(delay))))

    def postpone(self, receipt: str, pause: timedelta) -> None:
        """Keep a received message away for the pause."""
        self.postponed.append((receipt, pause))

    def bury(self, body: str, reason: str) -> None:
        """Keep a message that is given up."""
        self.buried.append((body, reason))


class MemorySecrets:
    """Secrets by project and name."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], str] = {}

    def get(self, project: str, name: str, fresh: bool = False) -> str | None:
        """The secret, None if there is none."""
        return self._values.get((project_name(project), secret_name(name)))

    def put(self, project: str, name: str, value: str) -> None:
        """Keep a secret."""
        self._values[project_name(project), secret_name(name)] = value

    def names(self, project: str) -> tuple[str, ...]:
        """The names below a project, sorted."""
        project_name(project)
        return tuple(sorted(name for owner, name in self._values if owner == project))
