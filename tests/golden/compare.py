"""Comparing what was done with what a golden row expects.

Actions are compared as a set: a row lists them in a readable order, not in the order of time. Every key a row states must
hold; `utm` and `recording_link` also when the row does not state them. Names such as L1 stand for a record of the CRM state
or for the one that the row's own `create` makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Action = dict[str, Any]
ALWAYS = ("utm", "recording_link")
"""Compared even where a row does not state them: then they must be absent."""

RECORD_REFERENCES = ("attach_to", "link_to")


def differences(expected: list[Action], must_not: list[Any], actual: list[Action]) -> list[str]:
    """What differs, in words; empty when the row holds."""
    left, problems = list(actual), []
    for wanted in expected:
        candidates = [action for action in left if _same_sort(wanted, action)]
        judged = sorted(((_mismatches(wanted, action), action) for action in candidates), key=lambda pair: len(pair[0]))
        if not judged:
            problems.append(f"missing {_short(wanted)}")
            continue
        mismatches, best = judged[0]
        left.remove(best)
        problems += [f"{_short(wanted)}: {text}" for text in mismatches]
    problems += [f"unexpected {_short(action)}" for action in left]
    problems += [f"forbidden {pattern}" for pattern in must_not if _violated(pattern, actual)]
    return problems


def _same_sort(wanted: Action, action: Action) -> bool:
    if wanted["do"] != action["do"]:
        return False
    key = "kind" if wanted["do"] in {"task", "log"} else "entity"
    return bool(wanted.get(key) == action.get(key))


def _mismatches(wanted: Action, action: Action) -> list[str]:
    keys = [key for key in wanted if key not in {"do", "as"}] + [key for key in ALWAYS if key not in wanted and key in action]
    return [
        f"{key} is {action.get(key)!r}, expected {wanted.get(key)!r}"
        for key in keys
        if not _equal(key, wanted.get(key), action.get(key))
    ]


def _equal(key: str, wanted: Any, actual: Any) -> bool:
    if key in RECORD_REFERENCES:
        return set(wanted) == set(actual or ())
    if key == "at" and isinstance(wanted, str) and wanted.startswith("answer_of_"):
        return str(actual) in {"answer", wanted}
    if key in ALWAYS:
        return bool(wanted) == bool(actual)
    if isinstance(wanted, Mapping) and isinstance(actual, Mapping):
        return all(actual.get(name) == value for name, value in wanted.items())
    return bool(wanted == actual)


def _violated(pattern: Any, actual: list[Action]) -> bool:
    if pattern == "any_crm_write":
        return any(action["do"] != "popup" for action in actual)
    most = int(pattern.get("count_over", 0))
    wanted = {key: value for key, value in pattern.items() if key != "count_over"}
    return sum(_matches(wanted, action) for action in actual) > most


def _matches(pattern: Mapping[str, Any], action: Action) -> bool:
    for key, value in pattern.items():
        if key == "field":
            changed = action.get("set")
            inside = value in changed if isinstance(changed, Mapping | str) else False
            if not (inside or action.get(value) is not None):
                return False
        elif key == "has_field":
            if value not in (action.get("fields") or {}):
                return False
        elif key in RECORD_REFERENCES:
            if value not in (action.get(key) or ()):
                return False
        elif action.get(key) != value:
            return False
    return True


def _short(action: Action) -> str:
    return " ".join(str(action[key]) for key in ("do", "kind", "entity", "code", "result") if key in action)
