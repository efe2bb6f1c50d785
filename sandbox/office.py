"""The demo project's account at MANGO OFFICE: what signs its events, and a twin of its interface that knows who is who."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from patchcord.model.roster import Roster, RosterUser
from sandbox.player.delivery import Person
from sandbox.player.mango import Account
from sandbox.telephony.mango_twin import MangoTwin, serve
from sandbox.twins.base import Clock

FILES = "https://files.mango-office.ru"
"""Where the twin says that recordings are, as MANGO does: our links lead nowhere else."""


@dataclass(frozen=True, slots=True)
class Office:
    """A running account; `url` is where its interface is."""

    account: Account
    twin: MangoTwin
    url: str
    roster: Roster

    @property
    def secrets(self) -> dict[str, str]:
        """What its events are verified with, by the names of the project's secrets."""
        return {"mango_key": self.account.key, "mango_salt": self.account.salt}

    def keep_recording(self, recording_id: str, entry_id: str, ready_at: datetime) -> None:
        """A recording that can be fetched from then on."""
        self.twin.add_recording(recording_id, entry_id=entry_id, ready_at=ready_at)


@contextmanager
def office(people: Sequence[Person], groups: Mapping[str, str], clock: Clock) -> Iterator[Office]:
    """An account with these employees, and groups of all of them by short number, as long as the context lasts."""
    account = Account(secrets.token_hex(16), secrets.token_hex(16))
    twin = MangoTwin(clock=clock, key=account.key, salt=account.salt, files_url=FILES)
    users = {person.extension: RosterUser(person.staff_id, person.name) for person in people}
    for person in people:
        twin.seed_employee(extension=person.extension, name=person.name, user_id=int(person.staff_id))
    for extension, name in groups.items():
        twin.seed_group(extension=extension, name=name, operators=tuple(users))
    with serve(twin) as running:
        yield Office(account, twin, f"{running.url}/vpbx", Roster(groups, users))
