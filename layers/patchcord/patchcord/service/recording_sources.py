"""Where a project's recordings come from: the clients of the providers, behind the protocol of `recordings.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from patchcord.service.clock import Clock
from patchcord.service.links import Recording
from patchcord.service.projects import IncompleteProject, Project
from patchcord.service.recordings import RecordingSource
from patchcord.store.port import Secrets

if TYPE_CHECKING:
    from patchcord.telephony.ringostat.api import RingostatApi

RINGOSTAT_KEY = "ringostat_api_key"
"""The secret with the key of Ringostat's API (cabinet, Integrations, Ringostat API)."""


YOUNG = timedelta(days=2)
"""Since the beginning of its day (UTC) a call is so young that its recording may still be on its way. Assumed: how long
MANGO takes is not stated (telephony.md 8)."""


class MangoRecordings(Protocol):
    """What is needed of MANGO's client."""

    def recording(self, recording_id: str, *, young: bool) -> str: ...


@dataclass(frozen=True, slots=True)
class FromMango:
    """MANGO knows a recording by its own id, and does not tell one that will come from one that is gone (telephony.md 3.6).

    So the call's day does; without it, nobody is told that a recording is gone.
    """

    mango: MangoRecordings
    clock: Clock

    def fresh(self, recording: Recording) -> str:
        return self.mango.recording(recording.id, young=self._is_young(recording.day))

    def _is_young(self, day: str) -> bool:
        if not day:
            return True
        return self.clock.now() - datetime.fromisoformat(day).replace(tzinfo=UTC) < YOUNG


@dataclass(frozen=True, slots=True)
class FromRingostat:
    """Ringostat is asked for the call and says where its recording is (telephony.md 2)."""

    api: RingostatApi

    def fresh(self, recording: Recording) -> str:
        return self.api.recording(recording.call, recording.day)


class RecordingSources:
    """Opens a project's source when it is asked for. A link outlives its provider: a project that has moved to another
    telephony still opens its old recordings, as long as the old secrets are there.
    """

    def __init__(self, secrets: Secrets, mango: Callable[[Project], MangoRecordings], clock: Clock) -> None:
        self._secrets, self._mango, self._clock = secrets, mango, clock
        self._ringostat: dict[str, tuple[tuple[str, str | None], RingostatApi]] = {}

    def __call__(self, project: Project, provider: str) -> RecordingSource:
        """The source. Raises IncompleteProject when a secret is missing, LookupError for an unknown provider."""
        if provider == "mango":
            return FromMango(self._mango(project), self._clock)
        if provider == "ringostat":
            return FromRingostat(self._ringostat_api(project))
        raise LookupError(provider)

    def _ringostat_api(self, project: Project) -> RingostatApi:
        """The client, with its connection kept until the project's key or address changes."""
        from patchcord.telephony.ringostat.api import BASE_URL, RingostatApi

        auth_key = self._secrets.get(project.name, RINGOSTAT_KEY)
        if not auth_key:
            raise IncompleteProject(project.name, RINGOSTAT_KEY)
        telephony = project.settings.telephony
        base_url = (telephony.base_url if telephony.provider == "ringostat" else None) or BASE_URL
        known = self._ringostat.get(project.name)
        if known is None or known[0] != (auth_key, base_url):
            known = (auth_key, base_url), RingostatApi(auth_key, base_url)
            self._ringostat[project.name] = known
        return known[1]
