"""Which of the found records a call belongs to (D-05, D-06, D-36)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from patchcord.model.records import PRIMARY_KINDS, Client, Record, RecordKind
from patchcord.model.settings import Settings

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Match:
    """The records of a call: the open primary record, the contact, the organization; None where there is none."""

    primary: Record | None = None
    contact: Record | None = None
    organization: Record | None = None

    @property
    def responsible_record(self) -> Record | None:
        """Whose owner is the responsible: the primary record, else the contact."""
        return self.primary or self.contact


def match(client: Client, settings: Settings) -> Match:
    """The records the call belongs to: the first kind of the logging order with an open record wins (D-36)."""
    primary = next((found for kind in primary_kinds(settings) if (found := open_record(client, kind, settings))), None)
    contact = _contact(client, primary, settings)
    return Match(primary, contact, _organization(client, primary, contact))


def primary_kinds(settings: Settings) -> tuple[RecordKind, ...]:
    """The primary kinds in which calls are logged, in their order (O-33); O-32 adds the deal of a converted lead."""
    kinds = tuple(kind for kind in settings.logging_lookup if kind in PRIMARY_KINDS)
    if settings.converted_lead == "log_in_deal" and RecordKind.DEAL not in kinds:
        return (*kinds, RecordKind.DEAL)
    return kinds


def open_record(client: Client, kind: RecordKind, settings: Settings) -> Record | None:
    """The open record of a kind that the project's policy prefers."""
    return _preferred([record for record in client.of(kind) if record.open], settings)


def _contact(client: Client, primary: Record | None, settings: Settings) -> Record | None:
    contacts = client.of(RecordKind.CONTACT)
    if primary is not None and primary.contact is not None:
        linked = [contact for contact in contacts if contact.id == primary.contact]
        if linked:
            return linked[0]
    busy = {record.contact for record in client.records if record.kind in PRIMARY_KINDS and record.open}
    with_open = [contact for contact in contacts if contact.id in busy]
    return _preferred(with_open or contacts, settings)


def _organization(client: Client, primary: Record | None, contact: Record | None) -> Record | None:
    wanted = [record.organization for record in (primary, contact) if record is not None and record.organization]
    return next((record for record in client.of(RecordKind.ORGANIZATION) if record.id in wanted), None)


def _preferred(records: Sequence[Record], settings: Settings) -> Record | None:
    if not records:
        return None
    if settings.matches.policy == "first_found":
        return records[0]
    if settings.matches.policy == "oldest":
        return min(records, key=lambda record: (record.created_at or record.updated_at or LONG_AGO, record.id))
    return max(records, key=lambda record: record.updated_at or record.created_at or LONG_AGO)
