"""Opening a recording: our link in a CRM leads to the provider's address of the moment (telephony.md 3.6, O-59).

Answers to `GET` and `HEAD /v1/recordings/{project}/{token}`: 302 to the provider's own server; 202 while the recording is
not ready; 404 for a link that we did not make, whose time is over or whose recording is gone; 503 when the provider
cannot be asked now; 502 when it leads us anywhere but to itself. Nothing is fetched or passed on here, and nobody is
logged with an address: it lets everybody in who has it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

from patchcord.service.accept import Payload, Response, problem
from patchcord.service.clock import Clock
from patchcord.service.links import Recording, read_token
from patchcord.service.observe import Observer
from patchcord.service.projects import IncompleteProject, Project, Projects
from patchcord.telephony.errors import Missing, NotAdmitted, NotReady, TelephonyError, Unavailable

HOSTS: Mapping[str, tuple[str, ...]] = {
    "mango": ("mango-office.ru",),
    "ringostat": ("ringostat.com", "ringostat.net"),
}
"""The providers' own domains; a recording lies there or below."""

READY_IN = timedelta(minutes=1)
"""A recording is asked for again about once a minute until it is there (telephony.md 3.6)."""

SOON = timedelta(seconds=30)
"""When to come back if the provider cannot be asked and nobody said for how long."""

NO_LINK = "There is nothing here."
NOT_READY = "The recording is not ready yet. Please open the link again in a minute.\n"


class RecordingSource(Protocol):
    """A provider that can be asked for recordings."""

    def fresh(self, recording: Recording) -> str:
        """The provider's address of the moment. Raises the errors of `telephony/errors.py`."""
        ...


Sources = Callable[[Project, str], RecordingSource]
"""A project's source by the name of its provider. Raises IncompleteProject when a secret is missing."""


@dataclass(frozen=True)
class Recordings:
    """Everything that opening recordings needs, built once a container."""

    projects: Projects
    sources: Sources
    clock: Clock
    observer: Observer


def answer(recordings: Recordings, payload: Payload) -> Response:
    """Answer one opened link. `payload` is API Gateway's, version 2.0. A HEAD is answered like a GET, without the body."""
    answered = _answer(recordings, payload.get("pathParameters") or {})
    method = payload.get("requestContext", {}).get("http", {}).get("method")
    return {**answered, "body": ""} if method == "HEAD" else answered


def _answer(recordings: Recordings, path: Mapping[str, str]) -> Response:
    try:
        project = recordings.projects.get(path.get("project", ""))
        recording = project and read_token(project.client_secret, path.get("token", ""), recordings.clock.now())
        if not project or not recording or recording.provider not in HOSTS:
            recordings.observer.count("Refused")
            return problem(HTTPStatus.NOT_FOUND, NO_LINK)
        with recordings.observer.call(project.name, recording.call):
            return _opened(recordings, project, recording)
    except IncompleteProject as incomplete:
        recordings.observer.logger.exception("project not set up", project=incomplete.project, secret=incomplete.secret)
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "The project is not set up yet.")


def _opened(recordings: Recordings, project: Project, recording: Recording) -> Response:
    """The answer for a recording of ours: the provider is asked once."""
    log = recordings.observer.logger
    try:
        address = recordings.sources(project, recording.provider).fresh(recording)
    except TelephonyError as error:
        log.warning("recording not opened", error=type(error).__name__, provider=error.provider, code=error.code)
        recordings.observer.count("RecordingNotOpened")
        return _told(error)
    if not leads_to(recording.provider, address):
        log.error("recording not opened: the provider leads elsewhere", provider=recording.provider)
        recordings.observer.count("RecordingNotOpened")
        return problem(HTTPStatus.BAD_GATEWAY, "The telephony did not say where the recording is.")
    recordings.observer.count("RecordingOpened")
    return _plain(HTTPStatus.FOUND, "", {"location": address, "referrer-policy": "no-referrer"})


def _told(error: TelephonyError) -> Response:
    """The answer when the provider did not give an address."""
    match error:
        case NotReady():
            return _plain(HTTPStatus.ACCEPTED, NOT_READY, _back_in(error.retry_after or READY_IN))
        case Missing():
            return problem(HTTPStatus.NOT_FOUND, "The telephony does not keep this recording any more.")
        case Unavailable() | NotAdmitted():
            pause = error.retry_after if isinstance(error, Unavailable) else None
            refused = problem(HTTPStatus.SERVICE_UNAVAILABLE, "The telephony cannot be asked for the recording now.")
            return {**refused, "headers": {**refused["headers"], **_back_in(pause or SOON)}}
        case _:
            return problem(HTTPStatus.BAD_GATEWAY, "The telephony refused to give the recording.")


def leads_to(provider: str, address: str) -> bool:
    """Whether an address is the provider's own, whoever reads it: https, the usual port, no credentials, a plain host."""
    if not re.fullmatch(r"[!-~]+", address) or "\\" in address:
        return False
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme != "https" or "@" in parts.netloc or port not in (None, 443):
        return False
    host = parts.hostname or ""
    return any(re.fullmatch(rf"([a-z0-9-]+\.)*{re.escape(own)}", host) for own in HOSTS[provider])


def _back_in(pause: timedelta) -> dict[str, str]:
    return {"retry-after": str(max(1, math.ceil(pause.total_seconds())))}


def _plain(status: HTTPStatus, text: str, headers: Mapping[str, str]) -> Response:
    """An answer for a person's browser."""
    usual = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"}
    return {"statusCode": status.value, "headers": {**usual, **headers}, "body": text}
