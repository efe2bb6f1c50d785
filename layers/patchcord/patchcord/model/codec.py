"""Events as JSON texts, for the journal: compact, empty fields left out, times as ISO 8601 in UTC."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any

from patchcord.model.employees import Agent
from patchcord.model.events import CallType, Event, EventKind, MissPlace, Moment, Outcome, Part, Participation


def dump(event: Event) -> str:
    """The event as one JSON object. Fields that have their default value are left out."""
    found: dict[str, Any] = {}
    for name, default, write in _FIELDS:
        value = getattr(event, name)
        if value != default:
            found[name] = value if write is None else write(value)
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))


def load(text: str) -> Event:
    """The event that `dump` wrote. Fields of a newer version are ignored. Raises ValueError when it is no event."""
    try:
        return Event(**{name: _read(name, value) for name, value in json.loads(text).items() if name in _NAMES})
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("the text is no event") from error


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _agent(agent: Agent) -> dict[str, str]:
    found = ((name, getattr(agent, name)) for name in _AGENT_NAMES)
    return {name: value for name, value in found if value is not None}


def _parts(parts: tuple[Participation, ...]) -> list[list[object]]:
    return [[item.part, _time(item.at), _agent(item.agent)] for item in parts]


def _read_parts(parts: list[list[Any]]) -> tuple[Participation, ...]:
    return tuple(Participation(Part(part), Agent(**agent), datetime.fromisoformat(at)) for part, at, agent in parts)


def _read(name: str, value: Any) -> Any:
    reader = _READERS.get(name)
    return value if reader is None else reader(value)


_AGENT_NAMES = tuple(field.name for field in fields(Agent))
_NAMES = frozenset(field.name for field in fields(Event))

_WRITERS: Mapping[str, Callable[[Any], object]] = {
    "at": _time,
    "started_at": _time,
    "ripe_at": _time,
    "follows": list,
    "parts": _parts,
    **dict.fromkeys(("attribution", "form", "extra"), dict),
}
_READERS: Mapping[str, Callable[[Any], object]] = {
    "at": datetime.fromisoformat,
    "started_at": datetime.fromisoformat,
    "ripe_at": datetime.fromisoformat,
    "follows": tuple,
    "parts": _read_parts,
    "moment": Moment,
    "kind": EventKind,
    "call_type": CallType,
    "outcome": Outcome,
    "missed_in": MissPlace,
}
_FIELDS = tuple(
    (field.name, {} if field.default_factory is not MISSING else field.default, _WRITERS.get(field.name))
    for field in fields(Event)
)
"""Each field's name, default and how it is written; MISSING is the default of the required ones, equal to nothing."""
