"""Where a softphone or a chat tool says that somebody has pressed "send the client's data to the CRM" (S0-30…S0-34)."""

from __future__ import annotations

from http import HTTPStatus

from patchcord.service.accept import Payload, Response, Service, problem, reading_of, request_of, take
from patchcord.service.clock import Deadline
from patchcord.service.projects import IncompleteProject
from patchcord.telephony.port import BadInput
from patchcord.telephony.site import read_dispatch


def dispatch(service: Service, payload: Payload, deadline: Deadline) -> Response:
    """Answer one dispatch: 200 with what was done, 202 if the promise will finish it, 400 with each wrong field, 404 for an
    unknown project or a wrong secret."""
    path = payload.get("pathParameters") or {}
    try:
        project = service.projects.get(path.get("project", ""))
    except IncompleteProject as incomplete:
        service.observer.logger.exception("project not set up", project=incomplete.project, secret=incomplete.secret)
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "The project is not set up yet.")
    if project is None or not project.admits(path.get("secret", "")):
        service.observer.count("Refused")
        return problem(HTTPStatus.NOT_FOUND, "There is nothing here.")
    settings = project.settings
    try:
        event = read_dispatch(request_of(payload, service.clock), reading_of(settings), settings.employees)
    except BadInput as bad:
        service.observer.count("BadInput")
        fields = [item.field for item in bad.problems]
        service.observer.logger.warning("dispatch not readable", project=project.name, fields=fields)
        return problem(HTTPStatus.BAD_REQUEST, "The dispatch could not be read.", bad.problems)
    return take(service, project, event, deadline)
