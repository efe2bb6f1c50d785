"""The ids of our commands: MANGO's results name nothing else, so an id tells which call its command was for (3.5)."""

from __future__ import annotations

from dataclasses import dataclass

OURS = "pc"
LONGEST = 128
"""Bytes that MANGO keeps of an id."""


@dataclass(frozen=True, slots=True)
class Command:
    """What an id tells: the kind of command, what makes it unique, and the call (entry) it was for, if it was for one."""

    kind: str
    unique: str
    call: str = ""

    @property
    def id(self) -> str:
        """The id to send. A call whose own id is too long for it is left out; the result then stands alone."""
        whole = ":".join((OURS, self.kind, self.unique, self.call))
        return whole if len(whole.encode()) <= LONGEST else ":".join((OURS, self.kind, self.unique, ""))


def command_of(command_id: str) -> Command | None:
    """The command behind an id, None for one that is not ours: other systems may command the same PBX."""
    parts = command_id.split(":", 3)
    if len(parts) != 4 or parts[0] != OURS or not parts[1] or not parts[2]:
        return None
    return Command(parts[1], parts[2], parts[3])
