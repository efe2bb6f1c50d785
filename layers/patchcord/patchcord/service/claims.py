"""Claims: one worker a client, and what becomes of a claim whose worker died (design 6)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from patchcord.crm.port import Crm
from patchcord.model.timeline import fold
from patchcord.service.clients import Index, client_key, index_of
from patchcord.service.clock import SKEW, Clock, Deadline
from patchcord.service.journal import EffectState, events_of, is_unfinished
from patchcord.service.projects import Project
from patchcord.store.port import CallKey, Changes, Claim, ClaimLost, Entry, Held, Store

LEASE = timedelta(seconds=60)
"""Longer than any function may run, so that a claim never ends while its worker still writes."""

PATIENCE = 2.0
"""Seconds that an event waits inline for another worker of the same client."""


class Claims:
    """Takes clients and gives them back."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def take(self, project: Project, identity: str, key: CallKey) -> Claim | Held:
        """The client's claim. One whose worker died is taken over in the name of that worker's call, so that the call is
        known as unfinished to whoever comes next, even if this worker dies as well; and the claim's index names it, last."""
        now = self._clock.now()
        client = client_key(project.client_secret, identity)
        answer = self._store.claim(project.name, client, worker_name(call_name(key)), now, now + LEASE)
        if isinstance(answer, Held) and answer.worker and answer.until <= now:
            dead = call_of(answer.worker)
            answer = self._store.claim(project.name, client, worker_name(dead), now, now + LEASE, over=answer.worker)
            if isinstance(answer, Claim):
                answer = replace(answer, index=index_of(answer.index).with_doubt(dead, doubtful=True).dump())
        return answer

    def wait(self, project: Project, identity: str, key: CallKey, deadline: Deadline) -> Claim | None:
        """The client's claim, after a moment if another worker has it; None if that takes longer."""
        pause, waited = 0.1, 0.0
        while True:
            claim = self.take(project, identity, key)
            if isinstance(claim, Claim):
                return claim
            if waited >= PATIENCE or not deadline.allows(2 * pause):
                return None
            self._clock.sleep(pause)
            waited, pause = waited + pause, pause * 2

    def covers(self, project: Project, claim: Claim, entry: Entry) -> bool:
        """Whether a call with events is one of the claimed client's."""
        client = client_key(project.client_secret, identity_of(entry))
        return bool(entry.events) and client == claim.client

    def give_back(self, claim: Claim | Held | None, key: CallKey, states: Mapping[str, EffectState]) -> None:
        """Give back the claim on the client of a call, for which nothing was decided; `states` are the call's effects."""
        if not isinstance(claim, Claim):
            return
        index = index_left(claim, key, states)
        if index == index_of(claim.index) and not index.doubtful:
            self._store.release(claim)
            return
        with suppress(ClaimLost):
            self._store.finish(key, claim, Changes(), index.dump())


def bounded(crm: Crm, until: datetime, now: datetime) -> Crm:
    """The connection, on which nothing is asked or waited for once the right to write has run out.

    A worker that stood still for that long must not write: whoever took over has looked for what it had written, and found
    that nothing was.
    """
    crm.http.deadline = crm.http.clock() + (until - SKEW - now).total_seconds()
    return crm


def index_left(claim: Claim, key: CallKey, states: Mapping[str, EffectState]) -> Index:
    """The client's index as whoever decides nothing for it leaves it; `states` are the effects of the call it worked on."""
    return index_of(claim.index).with_doubt(call_name(key), is_unfinished(states))


def identity_of(entry: Entry) -> str:
    """What is claimed for a call: its client, or the call itself while nobody has told who that is."""
    return fold(events_of(entry)).client or f"{entry.key.provider}:{entry.key.call}"


def worker_name(call: str) -> str:
    """Unlike any other, and telling which call it works on."""
    return f"{uuid.uuid4().hex} {call}"


def call_of(worker: str) -> str:
    """The call that a worker was working on."""
    return worker.split(" ", 1)[1]


def call_name(key: CallKey) -> str:
    return f"{key.provider} {key.call}"


def unresolved(claim: Claim, key: CallKey) -> CallKey | None:
    """Another call of the client that must be finished before anything is decided for this one: the first of the doubtful.

    They stand in the order in which they came into doubt. Whatever came after this call has had to wait for it, and has
    written nothing, even if its worker died meanwhile.
    """
    first = next(iter(index_of(claim.index).doubtful), call_name(key))
    if first == call_name(key):
        return None
    provider, call = first.split(" ", 1)
    return CallKey(key.project, provider, call)
