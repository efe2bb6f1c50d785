"""What a connection to Creatio misses (crm_creatio.md 1, 7, 8, 11)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from patchcord.crm.creatio import batches, queries
from patchcord.crm.creatio.declaration import IDS, Connection
from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.port import Lack

if TYPE_CHECKING:
    from patchcord.crm.creatio.client import Creatio

READ = (
    "Contact", "Account", "Lead", "Opportunity", "OpportunityContact", "ContactCommunication", "AccountCommunication", "Activity",
    "Call", "QualifyStatus", "OpportunityStage",
)  # fmt: skip


def lacks(crm: Creatio, connection: Connection) -> Iterator[Lack]:
    """All that is missing; nothing else can be seen while credentials or the address are refused."""
    try:
        yield from _objects(crm)
        yield from _pick_lists(crm, connection)
        yield from _users(crm)
    except Unauthorised as error:
        remedy = "Correct the user or the application, and connect Creatio again."
        yield Lack("unauthorised", f"Creatio refuses our credentials ({error.words})", remedy)
    except Misconfigured as error:
        yield _no_right("use the interface", error)
    except Gone:
        yield _address(crm, connection)
    except (Rejected, Transient) as error:
        yield Lack("interface", f"Creatio does not answer as expected ({error.words})", "Try again; ask Creatio's support.")


def _address(crm: Creatio, connection: Connection) -> Lack:
    """The other of the two path forms may be the right one (1)."""
    if crm.answers_at("/0" if connection.core else ""):
        right = "framework" if connection.core else "core"
        return Lack("address", "The interface lives at the other path", f"Set the option site to {right}.")
    return Lack("address", "No Creatio answers at this address", "Correct base_url.")


def _objects(crm: Creatio) -> Iterator[Lack]:
    """The objects we work with, and the right to read them; some products have no leads and opportunities."""
    urls = [queries.asking(entity, select="Id", top=1) for entity in READ]
    for entity, answer in zip(READ, crm.batch(batches.reads(urls), "read objects"), strict=True):
        error = crm.error_in(answer, f"read {entity}")
        if isinstance(error, Gone):
            yield Lack("object", f"There is no object {entity}", "Use a product that has it, or another profile.")
        elif isinstance(error, Misconfigured):
            yield _no_right(f"read {entity}", error)


def _pick_lists(crm: Creatio, connection: Connection) -> Iterator[Lack]:
    """The entries of pick lists that we write."""
    needed = [name for name in IDS if name != "administrators"]
    urls = [queries.one(IDS[name][0], connection.ids[name]) for name in needed]
    for name, answer in zip(needed, crm.batch(batches.reads(urls), "read pick lists"), strict=True):
        error = crm.error_in(answer, f"read {IDS[name][0]}")
        if isinstance(error, Gone):
            what = f"{IDS[name][0]} has no entry {connection.ids[name]}"
            yield Lack("setting", what, f"Set the option {name} to the id of the right entry.")
        elif isinstance(error, Misconfigured):
            yield _no_right(f"read {IDS[name][0]}", error)


def _users(crm: Creatio) -> Iterator[Lack]:
    try:
        crm.users()
    except Misconfigured as error:
        yield _no_right("read the users", error)


def _no_right(what: str, error: CrmError) -> Lack:
    return Lack("right", f"We may not {what} ({error.words})", "Give the API user this right.")
