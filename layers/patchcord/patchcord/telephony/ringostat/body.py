"""From a request to layers of wire names and values: JSON root, its nested group, the URL's parameters (telephony.md 1.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from patchcord.telephony.port import BadInput, HttpRequest, Problem

NESTED = "additional_call_data"
"""The object some webhooks put most values in (telephony.md 1.3)."""

DEEPEST = 20
LONGEST = 256 * 1024
MOST_FIELDS = 1000

Layer = Mapping[str, object]


def layers(request: HttpRequest) -> tuple[Layer, ...]:
    """Where values are looked up, the first layer wins: body, nested group, query. Raises BadInput."""
    root = _root(request)
    nested = root.pop(NESTED, None)
    if isinstance(nested, str):
        nested = _json(nested) if nested.lstrip().startswith("{") else None
    return (root, nested, request.query) if isinstance(nested, dict) else (root, request.query)


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


def _root(request: HttpRequest) -> dict[str, object]:
    if not request.body:
        return {}
    if len(request.body) > LONGEST:
        raise _unreadable(f"at most {LONGEST} bytes", "a longer body")
    try:
        text = request.body.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise _unreadable("UTF-8", "another encoding") from None
    if not text:
        return {}
    return _json(text) if _is_json(request, text) else _form(text)


def _is_json(request: HttpRequest, text: str) -> bool:
    """By content type; a JSON text under the label of a form is still JSON, `{{Имя}}=…` is a form (telephony.md 1.2)."""
    return "json" in request.headers.get("content-type", "").lower() or (text[0] in "{[" and not text.startswith("{{"))


def _json(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise _unreadable("a JSON object", "unreadable text") from None
    if not isinstance(value, dict):
        raise _unreadable("a JSON object", kind_of(value))
    if _is_deeper_than(value, DEEPEST):
        raise _unreadable(f"at most {DEEPEST} levels of nesting", "more levels")
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


def _form(text: str) -> dict[str, object]:
    """Form fields; PHP's notation `additional_call_data[dst]` is a field of the nested group."""
    from urllib.parse import parse_qsl

    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise _unreadable("form fields in UTF-8", "unreadable text") from None
    if "=" not in text:
        raise _unreadable("form fields or a JSON object", "other text")
    root: dict[str, object] = {}
    nested: dict[str, object] = {}
    for name, value in pairs:
        if name.startswith(f"{NESTED}[") and name.endswith("]"):
            nested[name[len(NESTED) + 1 : -1]] = value
        else:
            root[name] = value
    return {**root, NESTED: nested} if nested else root


def _unreadable(expected: str, got_kind: str) -> BadInput:
    return BadInput((Problem("body", expected, got_kind),))
