"""What a connection to Salesforce misses (crm_salesforce.md 1, 2.4, 3, 8.5, 10.1, 12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Protocol

from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Unauthorised
from patchcord.crm.port import Lack
from patchcord.crm.salesforce import reading
from patchcord.crm.salesforce.declaration import Connection
from patchcord.crm.salesforce.reading import Row

WRITTEN = ("Lead", "Contact", "Account", "Opportunity", "Task")
FILLED = frozenset({"LastName", "Company", "Name", "StageName", "CloseDate"})
"""Required fields that we fill in ourselves (8)."""
LITTLE_LEFT = 0.1
"""At nine tenths of the day's calls it is time to slow down (3)."""


class Org(Protocol):
    """What is asked of the connection."""

    def described(self, target: str) -> Row: ...

    def rows(self, query: str, operation: str) -> Iterator[Row]: ...

    def limits(self) -> Row: ...


def lacks(org: Org, connection: Connection) -> Iterator[Lack]:
    """All that is missing; nothing else can be seen while credentials are refused or the interface is shut."""
    try:
        org.limits()
    except Unauthorised as error:
        yield Lack("unauthorised", f"Salesforce refuses our credentials ({error.words})", "Connect Salesforce again.")
        return
    except Gone:
        yield Lack("address", "No Salesforce answers at this address", "Correct the address of the company's My Domain.")
        return
    except Misconfigured as error:
        if "API_DISABLED_FOR_ORG" in error.words:
            yield Lack("plan", "This edition has no API", "Use an edition with the API, or buy it as an add-on.")
            return
        yield _no_right("read the limits", error)
    for target in WRITTEN:
        yield from _told(f"describe {target}", partial(_of_object, org, target, connection))
    if connection.opportunities in ("roles", "both"):
        yield from _told("read the contact roles of opportunities", partial(_of_roles, org))
    yield from _told("read the statuses of tasks", partial(_of_statuses, org, connection))
    yield from _told("read the limits", partial(_of_limits, org))


def _told(what: str, look: Callable[[], Iterator[Lack]]) -> Iterator[Lack]:
    """What a look finds; when it is refused, that is what is missing."""
    try:
        yield from look()
    except (Misconfigured, Gone, Rejected) as error:
        yield _no_right(what, error)


def _no_right(what: str, error: CrmError) -> Lack:
    return Lack("right", f"We may not {what} ({error.words})", "Give the integration user this right.")


def _of_object(org: Org, target: str, connection: Connection) -> Iterator[Lack]:
    """Rights, our fields, and fields that the company requires (2.4, 12)."""
    described = org.described(target)
    for flag, verb in (("queryable", "read"), ("createable", "create"), ("updateable", "edit")):
        if described.get(flag) is False:
            yield Lack("right", f"We may not {verb} records of {target}", "Give the integration user this right.")
    fields = reading.by_name(described)
    for name, use in _own_fields(target, connection).items():
        if name not in fields:
            what = f"The field {name} for {use} is missing in {target}, or not visible"
            yield Lack("field", what, "Create it, and make it visible to the integration user.")
    for name, row in fields.items():
        if target != "Task" and reading.is_required(row) and name not in FILLED:
            what = f"{target} requires the field {name}, which we fill only when it is mapped"
            yield Lack("required_field", what, "Map it, give it a default value, or make it optional.")


def _own_fields(target: str, connection: Connection) -> Mapping[str, str]:
    """The fields that the connection names, and what for."""
    if target == "Task":
        named = {connection.recording_field: "the recording", "CallObject": "our marker"}
    else:
        named = {connection.marker_field: "our marker"}
    if target == "Lead":
        named |= {connection.lead_contact_field: "the contact", connection.lead_organization_field: "the account"}
    return {name: use for name, use in named.items() if name}


def _of_roles(org: Org) -> Iterator[Lack]:
    """Without contact roles no opportunity is found, and the look-up fails (6.3)."""
    if org.described("OpportunityContactRole").get("queryable") is False:
        what = "We may not read the contact roles of opportunities"
        yield Lack("right", what, "Give the integration user this right, or set opportunities to accounts or none.")


def _of_statuses(org: Org, connection: Connection) -> Iterator[Lack]:
    """The status of done tasks must be one that closes them (10.1)."""
    rows = org.rows("SELECT MasterLabel, IsClosed FROM TaskStatus", "list task statuses")
    closed = {reading.text(row.get("MasterLabel")) for row in rows if row.get("IsClosed") is True}
    if connection.completed_status not in closed:
        what = f"The task status {connection.completed_status} is missing or does not close a task"
        yield Lack("task_status", what, "Name another status in the settings of the connection.")


def _of_limits(org: Org) -> Iterator[Lack]:
    day = reading.row_in(org.limits(), "DailyApiRequests")
    most, left = day.get("Max"), day.get("Remaining")
    if isinstance(most, int) and isinstance(left, int) and left < most * LITTLE_LEFT:
        yield Lack("limit", f"Only {left} of {most} calls of the day are left", "Find out who uses them, or buy more.")
