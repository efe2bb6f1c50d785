"""The screen-pop feed: clients and the links to their records in Ringostat Smart Phone's contact book (P-API-01).

It comes after everything else. Whatever goes wrong with it is counted and forgotten: the next call of the client tries again.
The CRM is not asked for anything: what the call has found and made is in its journal. The name of a client who existed before
is not there, so such a contact is shown by number, unless the call itself told a name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from patchcord.crm.errors import CrmError
from patchcord.model.records import RecordKind, Ref
from patchcord.model.timeline import Timeline, fold
from patchcord.service.clients import client_key
from patchcord.service.clock import Clock, Deadline
from patchcord.service.journal import effect_state, events_of, snapshot
from patchcord.service.observe import Observer
from patchcord.service.projects import IncompleteProject, Project, Projects
from patchcord.service.work import Report, Status
from patchcord.store.port import CallKey, Entry, Store
from patchcord.telephony.errors import TelephonyError

if TYPE_CHECKING:
    from patchcord.telephony.ringostat.api import RingostatApi

ORIGIN = "patchcord"
TIME_OUT = 2.0
"""Seconds that the contact book may take: the answer to the webhook waits for it."""
NEEDED = 5.0
"""Seconds that must be left: connecting, the answer and a little more."""
KNOWN_FOR = timedelta(days=30)
"""How long a contact that was sent is not sent again if nothing of it has changed."""
LINK_NAMES: Mapping[RecordKind, str] = {
    RecordKind.CONTACT: "contactLink",
    RecordKind.LEAD: "leadLink",
    RecordKind.DEAL: "dealLink",
}


@dataclass(frozen=True)
class Softphone:
    """Feeds the contact book."""

    projects: Projects
    store: Store
    clock: Clock
    observer: Observer
    api: Callable[[Project], RingostatApi]

    def __call__(self, project: Project, key: CallKey, report: Report, deadline: Deadline) -> None:
        """Put the client of a call that is carried out into the contact book. Raises nothing that the telephony or the CRM
        can cause."""
        wanted = project.settings.softphone.contacts and project.settings.telephony.provider == "ringostat"
        if not wanted or report.status not in {Status.DONE, Status.FAILED} or not deadline.allows(NEEDED):
            return
        try:
            self._fed(project, key)
        except (TelephonyError, CrmError, IncompleteProject) as error:
            self.observer.count("SoftphoneSyncFailed")
            self.observer.logger.warning("contact book not fed", project=project.name, error=type(error).__name__)

    def _fed(self, project: Project, key: CallKey) -> None:
        entry = self.store.entry(key)
        timeline = None if entry is None else fold(events_of(entry))
        if entry is None or timeline is None or timeline.client is None:
            return
        refs = dict(_refs(entry, timeline))
        if not refs:
            return
        project_id = project.settings.telephony.project_id
        if not project_id:
            raise IncompleteProject(project.name, "telephony.project_id")
        contact = self._contact(project, timeline, refs)
        name, mark, now = f"softphone:{client_key(project.client_secret, timeline.client)}", _mark(contact), self.clock.now()
        if self.store.kept(project.name, name, now) == mark:
            return
        self.api(project).sync_contacts(project_id, [contact])
        self.store.keep(project.name, name, mark, now + KNOWN_FOR)

    def _contact(self, project: Project, timeline: Timeline, refs: Mapping[RecordKind, Ref]) -> dict[str, Any]:
        """The client as the contact book takes it (telephony.md 2)."""
        crm = self.projects.crm(project)
        number = timeline.client or ""
        email = [{"type": "email", "value": timeline.person_email}] if timeline.person_email else []
        first = next(refs[kind] for kind in (RecordKind.CONTACT, RecordKind.LEAD, RecordKind.DEAL) if kind in refs)
        id_name = "leadId" if first.kind is RecordKind.LEAD else "externalId"
        links = {LINK_NAMES[kind]: crm.link(ref) for kind, ref in refs.items()}
        return {
            "fullName": timeline.person_name or number,
            "origin": ORIGIN,
            id_name: first.id,
            "contactDirections": [{"type": "phone", "value": number.removeprefix("+")}, *email],
            **links,
        }


def _refs(entry: Entry, timeline: Timeline) -> Iterator[tuple[RecordKind, Ref]]:
    """The client's records, one of a kind: those that were found, the first open one of each; above them what was made."""
    seen: dict[RecordKind, Ref] = {}
    found = () if entry.client is None else snapshot(entry.client, timeline.client).client.records
    for record in found:
        if record.open and record.kind in LINK_NAMES:
            seen.setdefault(record.kind, record.ref)
    for text in entry.effects.values():
        made = effect_state(text).ref
        if made is not None and made.kind in LINK_NAMES:
            seen[made.kind] = made
    yield from seen.items()


def _mark(contact: Mapping[str, Any]) -> str:
    """What tells a changed contact: a hash, because the number does not belong among what is kept."""
    return hashlib.sha256(json.dumps(contact, sort_keys=True).encode()).hexdigest()
