"""What a direct invocation of the function that catches up asks for; a schedule's event asks for everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from patchcord.service.projects import PROJECT_NAME


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be caught up: everything, or one project, a period (aware), and whether calls of the time while the
    integration was off are sent again, whatever the settings say."""

    project: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    resend: bool | None = None


@dataclass(eq=False)
class BadWish(Exception):
    """A field of the wish cannot be read."""

    field: str
    expected: str

    def __str__(self) -> str:
        return f"{self.field}: expected {self.expected}"


def wish_of(event: Mapping[str, Any]) -> Wish:
    """`{"project", "since", "until", "resend"}`, each of them optional. Raises BadWish."""
    project, resend = event.get("project"), event.get("resend")
    if project is not None and not (isinstance(project, str) and PROJECT_NAME.fullmatch(project)):
        raise BadWish("project", "the name of a project")
    if resend is not None and not isinstance(resend, bool):
        raise BadWish("resend", "true or false")
    since, until = _time(event, "since"), _time(event, "until")
    if project is None and (since or until or resend is not None):
        raise BadWish("project", "the name of a project: a period and sending again are for one at a time")
    if since is not None and until is not None and since >= until:
        raise BadWish("until", "a time after since")
    return Wish(project, since, until, resend)


def _time(event: Mapping[str, Any], name: str) -> datetime | None:
    value = event.get(name)
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        raise BadWish(name, "a time such as 2026-03-05T12:00:00+02:00") from None
    if at.tzinfo is None:
        raise BadWish(name, "a time with its offset, such as 2026-03-05T12:00:00+02:00")
    return at
