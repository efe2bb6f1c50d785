"""How a command ends: the exit codes, and the failures that are told to a person with what to do about them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Exit(IntEnum):
    """The exit codes; docs/cli.md explains them."""

    OK = 0
    FOUND = 1
    USAGE = 2
    MISSING = 3
    UNREACHABLE = 4


@dataclass(eq=False)
class Failure(Exception):
    """The command cannot do what was asked. `words` say why, `remedy` what to do; neither holds a number or a secret."""

    words: str
    remedy: str = ""
    code: Exit = Exit.FOUND

    def __str__(self) -> str:
        return f"{self.words}\n{self.remedy}" if self.remedy else self.words


def usage(words: str, remedy: str = "") -> Failure:
    """What was typed makes no sense."""
    return Failure(words, remedy, Exit.USAGE)


def missing(words: str, remedy: str = "") -> Failure:
    """What was named does not exist."""
    return Failure(words, remedy, Exit.MISSING)


def unreachable(words: str, remedy: str = "") -> Failure:
    """The stack, the CRM or the telephony does not answer, or does not admit us."""
    return Failure(words, remedy, Exit.UNREACHABLE)
