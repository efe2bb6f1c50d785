"""How the company's Megaplan account is set up: what tests and the stand switch (crm_megaplan.md 2, 3, 14)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

RIGHTS = ("crm_enter", "crm_add", "deal_enter", "deal_add", "todos_enter", "todos_add", "tasks_enter", "tasks_add",
          "can_use_telephony")  # fmt: skip
ADMIN_RIGHT = "settings_setting_employees_rights"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account. Change it at run time with `MegaplanTwin.set(errors_in_200=False)`.

    `errors_in_200` answers 401, 403 and 422 with HTTP 200 and the status in `meta` alone (3). `embeds` shows a linked entity
    as a card where it first occurs in an answer, else links stay bare. `phone_match` is how possibleDuplicates compares
    numbers: `digits` or `exact` (14). `retry_after` is the header of a 429. `when_accepted` takes the time of a todo (6),
    `status_at_creation` its status, `state_at_creation` the state of a new deal (5). `rights` are those of the bot user.
    """

    username: str = "bot@example.com"
    password: str = "twin-password-of-the-bot"
    access_life: timedelta = timedelta(seconds=172_800)
    rights: tuple[str, ...] = RIGHTS
    errors_in_200: bool = True
    embeds: bool = True
    phone_match: str = "digits"
    retry_after: int | None = None
    when_accepted: bool = False
    status_at_creation: bool = True
    state_at_creation: bool = True
    longest_name: int = 255
    longest_text: int = 65_535
