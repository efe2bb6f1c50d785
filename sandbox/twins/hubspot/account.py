"""How the company's HubSpot account is set up: what tests and the stand switch (crm_hubspot.md 2, 3, 6, 7, 15)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

SCOPES = (
    "oauth", "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.objects.companies.read",
    "crm.objects.companies.write", "crm.objects.deals.read", "crm.objects.deals.write", "crm.objects.leads.read",
    "crm.objects.leads.write", "crm.objects.owners.read", "crm.schemas.contacts.read", "crm.schemas.companies.read",
    "crm.schemas.deals.read",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account. Change it at run time with `HubSpotTwin.set(enforce_rates=True)`.

    `access_token` is that of a service key or private app. `rotate_refresh` answers a new refresh token with each refresh.
    `leads` is the plan with the lead object; without it its paths answer `no_leads_status` (7). `marker_properties` says
    that the administrator has made the unique property `patchcord_marker` for every sort of object (15).
    `country` is where numbers without a country code are read; `computes_unreadable` gives those that cannot be read their
    digits instead of nothing, `company_phone_computed` lets companies have the computed number as well, and
    `query_finds_parts` lets a free-text search find a number by a part of it (6.1, all three unverified).
    `enforce_rates` switches 3 on: `burst` requests per `window`, `search_burst` searches per `search_window`.
    `daily_budget` is how many requests a day has (None: not counted). `changes_lag` hides changes from search as long as
    new records. `unique_conflict_status` is the answer to a used unique value (15).
    """

    hub_id: int = 1234567
    ui_domain: str = "app.hubspot.com"
    timezone: str = "Europe/Kyiv"
    country: str = "UA"
    access_token: str = "twin-na1-service-key"
    client_id: str = "twin-client"
    client_secret: str = "twin-client-secret"
    scopes: tuple[str, ...] = SCOPES
    access_life: timedelta = timedelta(seconds=1800)
    rotate_refresh: bool = False
    leads: bool = True
    no_leads_status: int = 403
    marker_properties: bool = True
    computes_unreadable: bool = True
    company_phone_computed: bool = True
    query_finds_parts: bool = True
    enforce_rates: bool = False
    burst: int = 100
    window: timedelta = timedelta(seconds=10)
    search_burst: int = 5
    search_window: timedelta = timedelta(seconds=1)
    daily_budget: int | None = None
    changes_lag: bool = False
    refuse_archived_owner: bool = False
    recording_needs_ending: bool = False
    unique_conflict_status: int = 409
