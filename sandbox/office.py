"""The demo project's account at MANGO OFFICE: what signs its events, and a twin of its interface that knows who is who."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from patchcord.model.roster import Roster, RosterUser
from sandbox.player.delivery import Person
from sandbox.player.mango import OK, Account, MangoCall
from sandbox.player.mango_call import digits_of
from sandbox.telephony.mango_twin import MangoTwin, serve
from sandbox.telephony.mango_twin.history import Part
from sandbox.telephony.mango_twin.switchboard import Command, Result
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
    zone: str
    results: list[Result] = field(default_factory=list)

    @property
    def secrets(self) -> dict[str, str]:
        """What its events are verified with, by the names of the project's secrets."""
        return {"mango_key": self.account.key, "mango_salt": self.account.salt}

    def keep_recording(self, recording_id: str, entry_id: str, ready_at: datetime) -> None:
        """A recording that can be fetched from then on."""
        self.twin.add_recording(recording_id, entry_id=entry_id, ready_at=ready_at)

    def count_call(self, call: MangoCall) -> None:
        """A past call for the statistics: who was rung in vain, and who talked."""
        parts = [Part(person.extension, call.wait) for person in call.rung]
        parts += [Part(person.extension, call.wait, call.talk) for person in call.people]
        self.twin.add_call(
            entry_id=call.id, started=call.start, client=digits_of(call.client or ""), line=digits_of(call.line), parts=parts
        )

    # --- calls that go on now ---

    def begin(self, call: MangoCall) -> MangoCall:
        """The call as one that begins in this second: from now on its first leg can be sent somewhere."""
        begun = replace(call, start=self.twin.clock().astimezone(ZoneInfo(self.zone)).replace(microsecond=0))
        self.twin.open_call(begun.leg_id("menu"), begun.id)
        return begun

    def sent_to(self, call: MangoCall) -> str:
        """The extension that a command has sent the call to, and that MANGO has put it through to; empty without any."""
        self.results.extend(self.twin.results())
        command = self._command(call)
        done = {result.body["command_id"] for result in self.results if result.body.get("result") == OK}
        return str(command.body["to_number"]) if command is not None and command.body["command_id"] in done else ""

    def told(self, call: MangoCall) -> MangoCall:
        """The call with the id of the command that it has got."""
        command = self._command(call)
        return replace(call, command=command.body["command_id"]) if command is not None and call.command else call

    def _command(self, call: MangoCall) -> Command | None:
        """The one command that the call's first leg has got."""
        routes = (command for command in self.twin.ledger if command.path == "commands/route")
        return next((command for command in routes if command.body["call_id"] == call.leg_id("menu")), None)


@contextmanager
def office(people: Sequence[Person], groups: Mapping[str, str], clock: Clock, zone: str) -> Iterator[Office]:
    """An account with these employees, and groups of all of them by short number, as long as the context lasts.

    `zone` is that of the times of its calls.
    """
    account = Account(secrets.token_hex(16), secrets.token_hex(16))
    twin = MangoTwin(clock=clock, key=account.key, salt=account.salt, files_url=FILES)
    users = {person.extension: RosterUser(person.staff_id, person.name) for person in people}
    for person in people:
        twin.seed_employee(extension=person.extension, name=person.name, user_id=int(person.staff_id))
    for extension, name in groups.items():
        twin.seed_group(extension=extension, name=name, operators=tuple(users))
    with serve(twin) as running:
        yield Office(account, twin, f"{running.url}/vpbx", Roster(groups, users), zone)
