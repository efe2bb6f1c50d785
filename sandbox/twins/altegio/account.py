"""How the company's Altegio location is set up: what tests and the stand switch (crm_altegio.md 2-5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

RIGHTS = frozenset({"clients", "phones", "comments", "staff", "users", "fields", "records", "calls"})
"""What the user token may be allowed (2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A location. Change it at run time with `AltegioTwin.set(enforce_rates=True)`.

    `partner_token` and `user_token` sign together; `login` and `password` get the user token from `/auth`. `zone` is the
    location's offset from UTC. Without the right `phones` numbers come empty. `paid` False answers 402. `enforce_rates`
    switches the two limits of 3 on; `retry_after` is what a 429 says (None: nothing). `put_keeps_omitted` decides what
    nobody could verify (5): False clears whatever a PUT leaves out.
    """

    location_id: int = 720441
    group_id: int = 312
    zone: timedelta = timedelta(hours=2)
    partner_token: str = "twin-partner-token"
    user_token: str = "twin-user-token-0123456789abcdef"
    login: str = "api@example.com"
    password: str = "twin-password"
    crm_token: str = "7cf262d6-1656-43f9-86ac-2826bdc125d2"
    rights: frozenset[str] = RIGHTS
    paid: bool = True
    enforce_rates: bool = False
    per_second: int = 5
    per_minute: int = 200
    retry_after: int | None = 5
    put_keeps_omitted: bool = False
    name_length: int = 255
    text_length: int = 10_000
