"""The client of a call: as first seen, or by asking the CRM (design 6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from patchcord.crm.errors import Gone
from patchcord.crm.port import Search
from patchcord.model.phone import in_notation_of, read_phone
from patchcord.model.records import Client, Record, Ref
from patchcord.model.settings import Settings
from patchcord.service.clients import before_call, lag_of, merged
from patchcord.service.clock import Clock
from patchcord.service.gate import look_up_cost
from patchcord.service.journal import Snapshot, State, snapshot
from patchcord.service.work import CALLBACK, Work

SNAPSHOT_FRESH = timedelta(minutes=30)
"""How long a client as seen at one moment of a call stands for its later moments."""


LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Sight:
    """Sees clients."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def seen(self, work: Work) -> Snapshot:
        """The client as it was before this call: as first seen if that still holds, else by asking the CRM."""
        if work.entry.client is not None and not work.again:  # what is tried again may have been done by hand meanwhile
            known = snapshot(work.entry.client, work.timeline.client)
            if self._still_holds(work, known):
                return known if not known.partly else self._completed(work, known)
        return self.look(work)

    def _completed(self, work: Work, known: Snapshot) -> Snapshot:
        """What routing has found, with what it does not ask for: the callback, and our own records that the CRM's search did
        not show yet."""
        callback = self._callback_open(work)
        records = merged(work.index, known.client.records, known.at, lag_of(work.crm))
        records = before_call(records, _own(work))
        return Snapshot(replace(known.client, records=records, open_callback=callback is not None, callback=callback), known.at)

    def look(self, work: Work) -> Snapshot:
        """The client as the CRM tells now, without what this very call has made."""
        now = self._clock.now()
        work.looked = True
        records = before_call(self._found(work), _own(work)) if work.timeline.client else ()
        callback = self._callback_open(work)
        return Snapshot(Client(work.timeline.client, records, callback is not None, callback), now)

    def _still_holds(self, work: Work, known: Snapshot) -> bool:
        if known.at == LONG_AGO or work.index.made_by_others_since(work.entry.key.call, known.at):
            return False
        begun = any(state.state is not State.FAILED for state in work.states.values())
        return begun or self._clock.now() - known.at < SNAPSHOT_FRESH

    def _found(self, work: Work) -> tuple[Record, ...]:
        declaration, settings = work.crm.declaration, work.settings
        floor = declaration.requests
        look_up = look_up_cost(work.crm)
        # a client of whom our index knows gets a task or two, a new one the whole set: bought at once, in one round trip
        likely = floor.task + floor.completed_task if work.index.made else floor.create + floor.task
        work.gate.reserve(look_up + likely)
        work.gate.spend(look_up)
        phone = read_phone(work.timeline.client or "", settings.phone.default_region)
        found = work.crm.find(phone, search_of(settings, work.timeline.client or ""))
        return merged(work.index, found, self._clock.now(), lag_of(work.crm))

    def _callback_open(self, work: Work) -> str | None:
        """Our last callback task if it is still open; asked only where it matters (O-08, `tasks.close_when_reached`)."""
        tasks, callback = work.settings.tasks, work.index.callback
        if callback is None or not (tasks.dedupe_open_callback or tasks.close_when_reached) or _is_of(work, callback):
            return None
        work.gate.spend(1)
        try:
            return None if work.crm.task(callback).completed else callback
        except Gone:
            return None  # somebody deleted it


def _own(work: Work) -> frozenset[Ref]:
    """The records that this very call has made."""
    return frozenset(ref for state in work.states.values() if (ref := state.ref) is not None)


def _is_of(work: Work, callback: str) -> bool:
    """Whether the callback task is this very call's: what the call has made does not change what it meets."""
    own = work.states.get(CALLBACK)
    return own is not None and own.id == callback


def search_of(settings: Settings, e164: str) -> Search:
    """How the project wants numbers looked up (O-11, O-12, O-26)."""
    formats: tuple[str, ...] = ()
    if settings.phone.search == "listed_formats":
        phone = read_phone(e164, settings.phone.default_region)
        formats = tuple(in_notation_of(phone, example) for example in settings.phone.search_formats)
    wanted = settings.fields.extra if settings.existing.fill_empty_utm else {}
    attribution = {kind: dict(pairs) for kind, pairs in wanted.items()}
    return Search(region=settings.phone.default_region, formats=formats, attribution=attribution)
