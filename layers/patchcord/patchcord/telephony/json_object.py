"""JSON objects of senders who are not trusted: bounded in depth, and clear about what is wrong with them."""

from __future__ import annotations

import json

from patchcord.telephony.port import BadInput, Problem

DEEPEST = 20


def json_object(text: str) -> dict[str, object]:
    """The object that a JSON text is. Raises BadInput for anything else, and for one that is nested too deeply."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise unreadable("a JSON object", "unreadable text") from None
    if not isinstance(value, dict):
        raise unreadable("a JSON object", kind_of(value))
    if _is_deeper_than(value, DEEPEST):
        raise unreadable(f"at most {DEEPEST} levels of nesting", "more levels")
    return value


def _is_deeper_than(root: object, levels: int) -> bool:
    """Level by level instead of recursion: the depth is the sender's choice."""
    level = [root]
    while level:
        if levels == 0:
            return True
        levels -= 1
        level = [
            value
            for node in level
            for value in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(value, dict | list)
        ]
    return False


def kind_of(value: object) -> str:
    """The kind of a JSON value in words, without the value."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "an object"


def unreadable(expected: str, got_kind: str) -> BadInput:
    """The error for a body of which nothing can be read."""
    return BadInput((Problem("body", expected, got_kind),))
