"""The values of one payload under their canonical names (telephony.md 1.3, "parser rules")."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from patchcord.telephony.json_object import kind_of
from patchcord.telephony.port import Problem
from patchcord.telephony.ringostat.body import Layer
from patchcord.telephony.ringostat.names import ALIASES, CORE, SECRETS, VISIT, Names, tidy

DIRECT = "(direct)"
JUNK = frozenset({"", "-1", "null", "undefined", "(none)", "(not set)", DIRECT})
"""What providers and analytics write for "no value"."""

MOST_EXTRA = 100
LONGEST_EXTRA = 1000
LONGEST_NAME = 100

_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,30}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")


class Fields:
    """What one payload says. Reading is by canonical name; what cannot be read is collected in `problems`."""

    __slots__ = ("_found", "_keep_direct", "_names", "extra", "problems", "sent")

    def __init__(self, layers: Sequence[Layer], names: Names, keep_direct: bool = False) -> None:
        self._names = names
        self._keep_direct = keep_direct
        self._found: dict[str, tuple[int, str, str]] = {}
        self.sent: set[str] = set()
        self.extra: dict[str, str] = {}
        self.problems: list[Problem] = []
        for depth, layer in enumerate(layers):
            for wire, value in layer.items():
                self._take(wire, value, depth * 100)

    def raw(self, name: str) -> str | None:
        """The value as sent, stripped; None when absent or junk."""
        found = self._found.get(name)
        return None if found is None else found[2]

    def text(self, name: str, limit: int = 200) -> str | None:
        """The value as a person would read it, at most `limit` characters; None when absent or junk."""
        found = self._found.get(name)
        return None if found is None else readable(found[2])[:limit] or None

    def refuse(self, name: str, expected: str, got_kind: str) -> None:
        """Notes a problem under the name the sender knows the field by."""
        found = self._found.get(name)
        self.problems.append(Problem(name if found is None else found[1], expected, got_kind))

    def _take(self, wire: str, value: object, order: int) -> None:
        known = self._names.get(wire) or self._names.get(tidy(wire))
        if known is None or known[0] not in ALIASES:
            self._take_extra(wire if known is None else known[0], value)
            return
        name, place = known
        self.sent.add(name)
        text = plain(value)
        if text is None:
            self._take_nested(name, wire, value)
        elif not self._is_junk(name, text) and self._is_better(name, order + place):
            self._found[name] = (order + place, tidy(wire), text)

    def _is_better(self, name: str, order: int) -> bool:
        found = self._found.get(name)
        return found is None or order < found[0]

    def _is_junk(self, name: str, text: str) -> bool:
        lower = text.lower()
        return lower in JUNK and not (lower == DIRECT and self._keep_direct and name in VISIT)

    def _take_nested(self, name: str, wire: str, value: object) -> None:
        if name in CORE:
            self.problems.append(Problem(tidy(wire), "text or a number", kind_of(value)))
        else:
            self._take_extra(wire, value)

    def _take_extra(self, wire: str, value: object) -> None:
        if len(self.extra) >= MOST_EXTRA or tidy(wire).replace("-", "_") in SECRETS:
            return
        name = readable(wire)[:LONGEST_NAME]
        text = plain(value)
        text = readable(json.dumps(value, ensure_ascii=False) if text is None else text)[:LONGEST_EXTRA]
        if name and text.lower() not in JUNK:
            self.extra.setdefault(name, text)


def plain(value: object) -> str | None:
    """A JSON value as text: numbers and strings are the same on this wire; None for lists and objects."""
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float) else None


def readable(text: str) -> str:
    """Without HTML escapes (also double ones) and without characters that cannot be shown or stored."""
    if "&" in text:
        text = _unescaped(text)
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return text.strip()


def _unescaped(text: str) -> str:
    """Only entities with their semicolon: `?a=1&copy=2` is an address, not a copyright sign."""
    import html

    for _ in range(3):
        plainer = _ENTITY.sub(lambda match: html.unescape(match.group()), text)
        if plainer == text:
            break
        text = plainer
    return text
