"""Who is behind the short numbers of a telephony: its groups and its employees, as the provider lists them.

Groups and employees share one row of short numbers, and an event does not say which of the two one is (telephony.md 3.3,
3.6). Short numbers are texts: leading zeros count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from patchcord.model.employees import Agent, Directory, sip_login
from patchcord.model.events import MissPlace, Outcome
from patchcord.model.timeline import Timeline


@dataclass(frozen=True, slots=True)
class RosterUser:
    """An employee of the telephony. `numbers` are phone numbers and SIP addresses, as the provider writes them."""

    user_id: str
    name: str = ""
    email: str = field(default="", repr=False)
    numbers: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Roster:
    """Names of groups, and employees, by short number. Whoever has none is not in it."""

    groups: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, RosterUser] = field(default_factory=dict)

    def is_group(self, extension: str) -> bool:
        """Whether a short number is a group's."""
        return extension in self.groups


def needs_roster(timeline: Timeline, directory: Directory) -> bool:
    """Whether a call names a short number that no employee in the settings has: a group's, or somebody else's."""
    everybody = (*timeline.handlers, *timeline.offered_to, timeline.caller)
    return any(agent is not None and agent.extension and directory.find(agent) is None for agent in everybody)


def with_roster(timeline: Timeline, roster: Roster) -> Timeline:
    """The call with its groups told from its employees (S4-41), and with what else identifies those employees."""
    groups = {agent.extension for agent in timeline.offered_to if roster.is_group(agent.extension or "")}
    missed_in_group = bool(groups) and timeline.outcome is Outcome.MISSED
    return replace(
        timeline,
        handlers=tuple(_identified(agent, roster) for agent in timeline.handlers),
        offered_to=tuple(_identified(agent, roster) for agent in timeline.offered_to if agent.extension not in groups),
        caller=timeline.caller and _identified(timeline.caller, roster),
        missed_in=MissPlace.GROUP if missed_in_group else timeline.missed_in,
    )


def _identified(agent: Agent, roster: Roster) -> Agent:
    """The agent with the provider's id, e-mail address and SIP account, which the settings may know him by."""
    user = roster.users.get(agent.extension or "")
    if user is None:
        return agent
    accounts = (sip_login(number) for number in user.numbers if "@" in number or number.lower().startswith("sip:"))
    return replace(
        agent,
        provider_id=agent.provider_id or user.user_id or None,
        email=agent.email or user.email or None,
        sip=agent.sip or next(accounts, None),
        name=agent.name or user.name or None,
    )
