"""The way out to Ringostat's API for projects: one connection each, kept until the key or the address changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from patchcord.service.projects import IncompleteProject, Project
from patchcord.service.recording_sources import RINGOSTAT_KEY
from patchcord.store.port import Secrets

if TYPE_CHECKING:
    from patchcord.telephony.ringostat.api import RingostatApi

Place = tuple[str, str, str | None]


class RingostatApis:
    """Opens them. `time_out` is how many seconds an answer may take: long lists take their time, people do not wait."""

    def __init__(self, secrets: Secrets, time_out: float = 5) -> None:
        self._secrets, self._time_out = secrets, time_out
        self._opened: dict[str, tuple[Place, RingostatApi]] = {}

    def __call__(self, project: Project) -> RingostatApi:
        """The API of the project. Raises IncompleteProject when its key is missing."""
        from patchcord.telephony.ringostat.api import BASE_URL, RingostatApi

        auth_key = self._secrets.get(project.name, RINGOSTAT_KEY)
        if not auth_key:
            raise IncompleteProject(project.name, RINGOSTAT_KEY)
        telephony = project.settings.telephony
        place = auth_key, telephony.base_url or BASE_URL, telephony.list_zone
        known = self._opened.get(project.name)
        if known is None or known[0] != place:
            known = place, RingostatApi(auth_key, place[1], self._time_out, place[2])
            self._opened[project.name] = known
        return known[1]
