"""Who is meant by a role: answering, responsible, senior … (rules.md 3.1, D-04, D-22)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

from patchcord.model.employees import Agent, Employee
from patchcord.model.records import Owner, Record
from patchcord.model.settings import Settings
from patchcord.model.timeline import Timeline


@dataclass(frozen=True)
class People:
    """The people of one call. `record` is the one whose owner is the responsible."""

    timeline: Timeline
    settings: Settings
    record: Record | None = None

    @cached_property
    def handlers(self) -> tuple[tuple[Agent, Employee], ...]:
        """The known employees who talked, first to last, with the direction they used (D-22)."""
        found = ((agent, self.settings.directory.find(agent)) for agent in self.timeline.handlers)
        return tuple((agent, employee) for agent, employee in found if employee is not None and employee.known)

    @cached_property
    def caller(self) -> Employee | None:
        """The known employee who placed an outgoing call."""
        return self._known(self.timeline.caller)

    @cached_property
    def distributed(self) -> Employee | None:
        """The first known employee to whom a missed call was offered (S4-12, S4-42)."""
        return next((known for agent in self.timeline.offered_to if (known := self._known(agent))), None)

    @cached_property
    def responsible(self) -> Employee | None:
        """The record's owner as a known active employee; of several the first usable one (D-04, S4-26, S4-27)."""
        return None if self.record is None else owner_of(self.record, self.settings)

    @property
    def talked(self) -> tuple[Employee, ...]:
        """The known employees of our side of the conversation."""
        return (self.caller,) if self.caller is not None else tuple(employee for _, employee in self.handlers)

    def responsible_took_part(self) -> bool:
        """Whether one of those who talked owns the record. In a CRM without owners there is nobody else to be told."""
        if self.record is None or not self.settings.vendor.owners:
            return True
        return any(employee.crm_user in _owner_ids(self.record) for employee in self.talked)

    def role(self, word: str | None) -> str | None:
        """The employee key for a role or a key; whoever cannot be told is the senior manager (D-04)."""
        if word is None or word == "none":
            return None
        found = self._employee(word.removeprefix("fixed:")) if word.startswith("fixed:") else self._of(word)
        return found.key if found is not None else self._senior_key()

    def _of(self, word: str) -> Employee | None:
        if word == "senior":
            return self.settings.senior
        if word in {"answering", "first_handler"}:
            return self.handlers[0][1] if self.handlers else None
        if word == "last_handler":
            return self.handlers[-1][1] if self.handlers else None
        if word == "caller":
            return self.caller
        if word == "dispatching":
            return self._known(self.timeline.dispatching)
        if word == "responsible":
            return self.responsible
        if word == "distributed":
            return self.distributed or self.responsible
        if word == "round_robin":
            return self._shared([employee for employee in self.settings.employees.values() if employee.known])
        return self._employee(self.settings.integration.acting_user or "" if word == "acting_user" else word)

    def _employee(self, key: str) -> Employee | None:
        employee = self.settings.employees.get(key)
        return employee if employee is not None and employee.known else None

    def author(self, word: str) -> str | None:
        """Who talked, for a trace: the last handler or the caller; nobody is nobody (not the senior manager)."""
        if word == "responsible":
            return self.role(word)
        return self.talked[-1].key if self.talked else None

    def missed_substitute(self) -> Employee | None:
        """One of the employees among whom calls without a record are shared (O-55, C-17), the same for each retry."""
        return self._shared(
            [employee for employee in self.settings.employees.values() if employee.missed_distribution and employee.known]
        )

    def _shared(self, employees: list[Employee]) -> Employee | None:
        if not employees:
            return None
        return sorted(employees, key=lambda employee: employee.key)[crc32(self.timeline.call.encode()) % len(employees)]

    def _known(self, agent: Agent | None) -> Employee | None:
        employee = None if agent is None else self.settings.directory.find(agent)
        return employee if employee is not None and employee.known else None

    def _senior_key(self) -> str | None:
        return self.settings.senior_manager


def _owner_ids(record: Record) -> frozenset[str]:
    return frozenset(owner.crm_user for owner in record.owners) | ({record.owner} if record.owner else frozenset())


def owner_of(record: Record, settings: Settings) -> Employee | None:
    """The first owner of a record who is a known, active employee (D-04, S4-26, S4-27)."""
    owners = record.owners or ((Owner(record.owner),) if record.owner else ())
    usable = (settings.directory.of_crm_user(owner.crm_user) for owner in owners if owner.active and owner.employee)
    return next((employee for employee in usable if employee is not None and employee.known), None)
