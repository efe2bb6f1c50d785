"""Settings documents as trees: dotted keys, values as they are typed, files, and what differs between two. Pure but for files."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.failures import missing, usage
from patchcord.model.settings import Settings

Tree = dict[str, Any]

DOCUMENT_NAMES: Mapping[str, str] = {"everywhere": "global", "when": "if", "opens": "from", "closes": "to"}
"""Settings whose name in a document differs from the field's (docs/settings.md)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that differs; None where it is not set."""

    key: str
    before: Any
    after: Any


def typed(text: str) -> Any:
    """A value as somebody types it: JSON, a TOML value, else the text itself, and so is a telephone number with its `+`."""
    if text.startswith("+"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return tomllib.loads(f"value = {text}")["value"] if "\n" not in text else text
    except tomllib.TOMLDecodeError:
        return text


def with_value(tree: Mapping[str, Any], key: str, value: Any) -> Tree:
    """The tree with one setting changed; tables on the way are made. A flat `a.b` of the document gives way to the table."""
    _parts(key)
    changed = {name: kept for name, kept in tree.items() if name != key or "." not in key}
    head, _, rest = key.partition(".")
    if not rest:
        return {**changed, head: value}
    below = changed.get(head, {})
    if not isinstance(below, Mapping):
        raise usage(f"{head} is no table, so it cannot hold {rest}")
    return {**changed, head: with_value(below, rest, value)}


def without(tree: Mapping[str, Any], key: str) -> Tree:
    """The tree without a setting; tables that become empty go too. Raises Failure when it is not set."""
    _parts(key)
    if key in tree:
        return {name: kept for name, kept in tree.items() if name != key}
    head, _, rest = key.partition(".")
    below = tree.get(head)
    if not rest or not isinstance(below, Mapping):
        raise missing(f"{key} is not set in this project's own settings", "`patchcord project show` lists what is.")
    left = without(below, rest)
    return {name: left if name == head else kept for name, kept in tree.items() if name != head or left}


def _parts(key: str) -> None:
    if not key or not all(key.split(".")):
        raise usage(f"{key!r} is no name of a setting", "Such as tasks.deadline, or employees.anna.crm_user.")


def flat(tree: Mapping[str, Any], prefix: str = "") -> Tree:
    """The leaves by their dotted names; lists and empty tables are leaves."""
    leaves: Tree = {}
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            leaves |= flat(value, f"{prefix}{name}.")
        else:
            leaves[prefix + name] = value
    return leaves


def below(tree: Mapping[str, Any], key: str | None) -> Tree:
    """The leaves at or below a key, all without one."""
    leaves = flat(tree)
    return leaves if key is None else {name: value for name, value in leaves.items() if f"{name}.".startswith(f"{key}.")}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What differs between two trees, in the order of the names."""
    old, new = flat(before), flat(after)
    names = sorted(old.keys() | new.keys())
    return [Difference(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def read_document(path: Path) -> Tree:
    """A settings document, TOML or JSON. Raises Failure when it cannot be read."""
    text = read_text(path)
    try:
        tree = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (ValueError, tomllib.TOMLDecodeError) as error:
        raise usage(f"{path.name} cannot be read: {error}", "Settings are TOML, or JSON if the name ends so.") from None
    if not isinstance(tree, dict):
        raise usage(f"{path.name} holds no table of settings")
    return tree


def read_text(path: Path) -> str:
    """A file's text. Raises Failure when it is not there, or is no text."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise missing(f"there is no file {path.name}") from None
    except (OSError, UnicodeDecodeError):
        raise usage(f"{path.name} cannot be read as a text") from None


def effective_tree(settings: Settings) -> Tree:
    """The settings in force, under the names that a document gives them; what only the profile can say is left out."""
    from pydantic import TypeAdapter

    tree: Tree = _renamed(TypeAdapter(Settings).dump_python(settings, mode="json"))
    return {name: value for name, value in tree.items() if name != "vendor"}


def _renamed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {DOCUMENT_NAMES.get(name, name): _renamed(below) for name, below in value.items()}
    return [_renamed(item) for item in value] if isinstance(value, list) else value
