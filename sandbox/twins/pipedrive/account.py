"""How the company's Pipedrive account is set up: what tests and the stand switch (crm_pipedrive.md 2, 3, 8.5, 12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

SCOPES = (
    "base", "contacts:full", "leads:full", "deals:full", "activities:full", "search:read", "users:read",
    "phone-integration", "deal-fields:full", "contact-fields:full",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account. Change it at run time with `PipedriveTwin.set(enforce_rates=True)`.

    `api_token` is that of user 1, an administrator. `refresh_single_use` makes refresh tokens rotate and die at their first
    use. `enforce_rates` switches 3.2 on: `burst` and `search_burst` requests per `window`; after `edge_block_after` answers
    with 429 in a row the edge answers 403 with a page until nobody has asked for `edge_block_for`. `daily_budget` is what is
    left of the tokens of 3.1 each day (None: not counted). `required` are (kind, field code) that a creation must carry.
    `leads_paging_at_root` puts the paging of lead lists where the vendor's file has it, instead of into `pagination`.
    """

    domain: str = "acme"
    company_id: int = 111
    currency: str = "EUR"
    timezone: str = "Europe/Kyiv"
    api_token: str = "twin-api-token"
    client_id: str = "twin-client"
    client_secret: str = "twin-secret"
    scopes: tuple[str, ...] = SCOPES
    access_life: timedelta = timedelta(seconds=3599)
    refresh_single_use: bool = False
    enforce_rates: bool = False
    burst: int = 20
    search_burst: int = 10
    window: timedelta = timedelta(seconds=2)
    edge_block_after: int = 5
    edge_block_for: timedelta = timedelta(seconds=60)
    daily_budget: int | None = None
    refuse_inactive_owner: bool = False
    contact_sync: bool = False
    required: frozenset[tuple[str, str]] = frozenset()
    leads_paging_at_root: bool = False
