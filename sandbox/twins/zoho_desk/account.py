"""How the company's portal is set up: what tests and the stand switch (crm_zohodesk.md 1, 2, 4, 5, 17)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

SCOPES = (
    "Desk.tickets.READ", "Desk.tickets.CREATE", "Desk.tickets.UPDATE", "Desk.contacts.READ", "Desk.contacts.CREATE",
    "Desk.contacts.UPDATE", "Desk.tasks.ALL", "Desk.calls.ALL", "Desk.search.READ", "Desk.basic.READ", "Desk.settings.READ",
)  # fmt: skip
TICKET_STATUSES = {"Open": "Open", "On Hold": "On Hold", "Escalated": "Open", "Closed": "Closed"}
TASK_STATUSES = {"Not Started": "Open", "In Progress": "Open", "Completed": "Closed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A portal. Change it at run time with `ZohoDeskTwin.set(index_strips=True)`.

    Statuses are names with their type (6). `credits` is the day's allowance (None: not counted, 2); `tokens_per_window`
    access tokens come from one refresh token in ten minutes (1). What the reference leaves open is a switch:
    `index_strips` lets the search forget spaces and signs in numbers, `plain_numbers_only` makes it refuse other values
    than digits and a plus sign (5), `short_lists` leaves `cf` and descriptions out of lists and searches,
    `open_macro_has_on_hold` widens `${open}` (17), `first_place` is where `from` starts in lists (4), `numbers_as_texts`
    lets number fields take texts, `unique_email` refuses a second contact with an address (7).
    """

    portal: str = "acme"
    org_id: str = "2389290"
    client_id: str = "1000.TWINCLIENT"
    client_secret: str = "twin-client-secret"
    scopes: tuple[str, ...] = SCOPES
    access_life: timedelta = timedelta(seconds=3600)
    tokens_per_window: int = 10
    credits: int | None = None
    ticket_statuses: Mapping[str, str] = field(default_factory=lambda: dict(TICKET_STATUSES))
    task_statuses: Mapping[str, str] = field(default_factory=lambda: dict(TASK_STATUSES))
    field_length: int = 100
    index_strips: bool = False
    plain_numbers_only: bool = False
    short_lists: bool = False
    open_macro_has_on_hold: bool = False
    first_place: int = 1
    numbers_as_texts: bool = True
    unique_email: bool = True
