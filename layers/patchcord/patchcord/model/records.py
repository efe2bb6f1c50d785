"""What the CRM knows of a client: records of the four neutral kinds (D-27) and their states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from patchcord.model.words import Word


class RecordKind(Word):
    """The neutral kinds. A vendor's ticket, order or process is a DEAL; its declaration and profile map the word."""

    CONTACT = "contact"
    ORGANIZATION = "organization"
    LEAD = "lead"
    DEAL = "deal"


PRIMARY_KINDS = (RecordKind.LEAD, RecordKind.DEAL)


@dataclass(frozen=True, slots=True)
class Ref:
    """A record that exists in the CRM: its kind and the vendor's id."""

    kind: RecordKind
    id: str


@dataclass(frozen=True, slots=True)
class Owner:
    """One of several responsible people of a record (S4-25…27). `employee` is False for one that is itself a client."""

    crm_user: str
    active: bool = True
    employee: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """A record found for a client's number.

    `open` as rules.md 0 defines it (always True for contacts and organizations); `owner` is a CRM user id;
    `contact` and `organization` are ids of linked records. `attribution` holds the visit's data already stored,
    None when the look-up does not tell. Times are aware UTC.
    """

    kind: RecordKind
    id: str
    owner: str | None = None
    open: bool = True
    name: str = ""
    contact: str | None = None
    organization: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    attribution: Mapping[str, str] | None = None
    owners: tuple[Owner, ...] = ()

    @property
    def ref(self) -> Ref:
        return Ref(self.kind, self.id)


@dataclass(frozen=True, slots=True)
class Client:
    """Whom we speak with: the number and what was found for it, in the order found.

    `open_callback` says that a callback task of ours is still open (O-08), `callback` is its id in the CRM.
    """

    phone: str | None
    records: tuple[Record, ...] = ()
    open_callback: bool = False
    callback: str | None = None

    def of(self, kind: RecordKind) -> tuple[Record, ...]:
        """The records of one kind, in the order found."""
        return tuple(record for record in self.records if record.kind is kind)

    @property
    def is_known(self) -> bool:
        """Whether this is an existing client: a contact, or an open lead or deal (S0-42)."""
        return any(record.kind is RecordKind.CONTACT or (record.kind in PRIMARY_KINDS and record.open) for record in self.records)
