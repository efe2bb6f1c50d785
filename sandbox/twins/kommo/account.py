"""How the company's Kommo account is set up: what tests and the stand switch (crm_kommo.md 1, 2, 5, 6, 16)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account. Change it at run time with `KommoTwin.set(enforce_rates=True)`.

    `token` is the long-lived token of the administrator, user 501. `enforce_rates` switches 2 on: `burst` requests per
    `window` and source address; after `block_after` answers with 429 in a row everything is a 403 page until the vendor's
    support lifts it (`KommoTwin.unblock`). `html_429` answers those with a page. `paid` False is 402 for everything.

    What nobody could verify: `search_ignores_punctuation` has `query` compare the digits of numbers instead of their texts
    (5); `numbers_as_text` lets numeric fields take texts (6); `refuse_inactive_owner` (10); `tracking_fields` says whether
    the account is new enough to have the UTM fields (6). `duplicate_control` lets `/leads/complex` join a lead to the open
    one of the same number (6); `api_filter` allows filtering by custom fields (5).
    """

    subdomain: str = "acme"
    zone: str = "kommo.com"
    account_id: int = 11
    token: str = "twin-kommo-token-0123456789abcdef"
    client_id: str = "00000000-0000-0000-0000-00000000cafe"
    client_secret: str = "twin-kommo-secret-0123456789"
    redirect_uri: str = "https://patchcord.example/oauth"
    access_life: timedelta = timedelta(days=1)
    refresh_life: timedelta = timedelta(days=90)
    code_life: timedelta = timedelta(minutes=20)
    enforce_rates: bool = False
    burst: int = 7
    window: timedelta = timedelta(seconds=1)
    block_after: int = 10
    html_429: bool = False
    paid: bool = True
    search_ignores_punctuation: bool = True
    numbers_as_text: bool = False
    refuse_inactive_owner: bool = False
    tracking_fields: bool = True
    duplicate_control: bool = False
    api_filter: bool = False
