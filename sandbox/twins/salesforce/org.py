"""How the company's Salesforce org is set up: what tests and the stand switch (crm_salesforce.md 2, 3, 7, 8, 15)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Org:
    """An org. Change it at run time with `SalesforceTwin.set(daily_calls=3)`.

    `session_life` slides with use; `calls_per_session` ends a session after so many calls (None: never). `rotate_refresh`
    makes refresh tokens die at their first use. `daily_calls` are those of 24 hours. `page_rows` is the size of a query's page.
    `assigns_leads_to` is the owner an active assignment rule gives (None: no rule). `duplicate_rule` finds records of the same
    sort with the same digits: `alert` lets them through with allowSave, `block` does not. `part_headers` says whether parts of a
    composite call may carry their own headers (8.6). `hidden` are (object, field) the user may not see, `read_only` objects he
    may not write. `refuse_inactive_owner` refuses users that left. `batch_parts_count` has each part of a batch counted (6.4).
    `scans_time_out` makes the org so large that queries over numbers, which have no index, take too long (6.1).
    """

    domain: str = "acme"
    organization_id: str = "00D5g0000001gPLEAY"
    client_id: str = "3MVG9.twin-client"
    client_secret: str = "TWINSECRET0123456789ABCDEF"
    scopes: str = "api refresh_token"
    session_life: timedelta = timedelta(hours=2)
    calls_per_session: int | None = None
    rotate_refresh: bool = False
    api_enabled: bool = True
    daily_calls: int = 15_000
    page_rows: int = 2_000
    assigns_leads_to: str | None = None
    duplicate_rule: Literal["off", "alert", "block"] = "off"
    part_headers: bool = True
    batch_parts_count: bool = True
    scans_time_out: bool = False
    refuse_inactive_owner: bool = True
    hidden: frozenset[tuple[str, str]] = frozenset()
    read_only: frozenset[str] = frozenset()
