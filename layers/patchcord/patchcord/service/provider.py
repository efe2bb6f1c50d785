"""The way out to a project's telephony provider, and who is behind its short numbers (telephony.md 3.6)."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from patchcord.model.roster import Roster, RosterUser
from patchcord.service.clock import Clock
from patchcord.service.limits import StoreLimits
from patchcord.service.projects import IncompleteProject, Project
from patchcord.store.port import Secrets, Store
from patchcord.telephony.errors import TelephonyError

if TYPE_CHECKING:
    from patchcord.telephony.mango.client import Account, Mango

MANGO = "mango"
ROSTER = "mango:roster"
"""Under which name the roster is kept, and leased while it is asked for."""
FRESH_FOR = timedelta(hours=1)
"""How long a roster is trusted without asking again."""
USED_FOR = timedelta(days=1)
"""How long it is used if MANGO cannot be asked: an old name of a group is better than taking a group for an employee."""
ASKED_EVERY = timedelta(minutes=1)
"""How often it is tried to ask; while somebody asks, and after it failed, the others do not."""


class Providers:
    """Opens the providers' interfaces for projects and remembers what they said of themselves."""

    def __init__(self, store: Store, secrets: Secrets, clock: Clock) -> None:
        self._store, self._secrets, self._clock = store, secrets, clock
        self._opened: dict[str, tuple[Account, str, Mango]] = {}
        self._rosters: dict[str, tuple[datetime, Roster]] = {}

    def mango(self, project: Project) -> Mango:
        """The interface of the project's MANGO account. Raises IncompleteProject when a secret is missing.

        Its connection is kept until the account or the address changes.
        """
        from patchcord.telephony.mango.client import BASE_URL, Account, Mango
        from patchcord.telephony.mango.envelope import KEY_SECRET, SALT_SECRET

        account = Account(self._secret(project, KEY_SECRET), self._secret(project, SALT_SECRET))
        telephony = project.settings.telephony
        base_url = (telephony.base_url if telephony.provider == MANGO else None) or BASE_URL
        known = self._opened.get(project.name)
        if known is not None and known[:2] == (account, base_url):
            return known[2]
        mango = Mango(account, StoreLimits(self._store, project.name, MANGO, self._clock), base_url=base_url)
        self._opened[project.name] = account, base_url, mango
        return mango

    def _secret(self, project: Project, name: str) -> str:
        value = self._secrets.get(project.name, name)
        if not value:
            raise IncompleteProject(project.name, name)
        return value

    def roster(self, project: Project) -> Roster | None:
        """Who is behind the short numbers of the project's MANGO account, at most an hour old if MANGO can be asked.

        None when it was never to be had, and then it is tried again after a minute; or when the project's telephony has none.
        """
        if project.settings.telephony.provider != MANGO:
            return None
        now = self._clock.now()
        known = self._rosters.get(project.name)
        if known is None or known[0] <= now:
            known = self._kept(project.name, now)
        if known is None or known[0] <= now:
            known = self._asked(project, now) or known
        if known is None:
            return None
        self._rosters[project.name] = known
        return known[1]

    def _kept(self, project: str, now: datetime) -> tuple[datetime, Roster] | None:
        """The roster in the store, and until when it is trusted."""
        body = self._store.kept(project, ROSTER, now)
        return None if body is None else _read(body)

    def _asked(self, project: Project, now: datetime) -> tuple[datetime, Roster] | None:
        """The roster as MANGO tells it now, kept for all; None when it cannot be asked, or was within the last minute."""
        if not self._store.lease(project.name, ROSTER, token_hex(8), now, now + ASKED_EVERY):
            return None
        try:
            roster = _roster_of(self.mango(project))
        except (TelephonyError, IncompleteProject):
            return None
        fresh_until = now + FRESH_FOR
        self._store.keep(project.name, ROSTER, _written(roster, fresh_until), now + USED_FOR)
        return fresh_until, roster


def _roster_of(mango: Mango) -> Roster:
    users = {user.extension: RosterUser(user.user_id, user.name, user.email, user.numbers) for user in mango.users()}
    return Roster(
        groups={group.extension: group.name for group in mango.groups()},
        users={extension: user for extension, user in users.items() if extension},
    )


def _written(roster: Roster, fresh_until: datetime) -> str:
    users = {extension: [user.user_id, user.name, user.email, list(user.numbers)] for extension, user in roster.users.items()}
    return json.dumps({"until": fresh_until.isoformat(), "groups": dict(roster.groups), "users": users}, ensure_ascii=False)


def _read(body: str) -> tuple[datetime, Roster]:
    told: dict[str, Any] = json.loads(body)
    users = {
        extension: RosterUser(user_id, name, email, tuple(numbers))
        for extension, (user_id, name, email, numbers) in told["users"].items()
    }
    return datetime.fromisoformat(told["until"]), Roster(told["groups"], users)
