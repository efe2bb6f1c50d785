"""Where callers are put through: Ringostat's Webhook number asks us (telephony.md 1.7), MANGO is told by us (3.8)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from patchcord.model.events import CallType, Event, EventKind, Moment
from patchcord.scenarios.routes import Caller
from patchcord.service.accept import Payload, Response, problem, request_of
from patchcord.service.clock import Clock
from patchcord.service.observe import Observer
from patchcord.service.projects import IncompleteProject, Project, Projects
from patchcord.service.route import Answer, Question, Router
from patchcord.store.port import CallKey, Store
from patchcord.telephony.errors import TelephonyError
from patchcord.telephony.port import BadInput, Reading

if TYPE_CHECKING:
    from patchcord.telephony.mango.client import Mango
    from patchcord.telephony.ringostat.webhook_number import Shape

RINGOSTAT, MANGO = "ringostat", "mango"
SHAPES: Mapping[str, Shape] = {"text": "text", "json": "json", "json_rpc": "json_rpc"}

COMMAND_MARGIN = timedelta(seconds=1)
"""How long before the end of the greeting a command must be sent, to be in time (telephony.md 3.8)."""


@dataclass(frozen=True)
class Desk:
    """Everything that putting through needs, built once a container."""

    projects: Projects
    router: Router
    store: Store
    clock: Clock
    observer: Observer
    mango: Callable[[Project], Mango]


# --- Ringostat asks ---


def webhook_number(desk: Desk, payload: Payload) -> Response:
    """Answer one question of a Webhook number. Nobody is an empty answer in the wanted shape; 404 and 400 as everywhere."""
    begun = desk.router.monotonic()
    path = payload.get("pathParameters") or {}
    try:
        project = desk.projects.get(path.get("project", ""))
    except IncompleteProject as incomplete:
        desk.observer.logger.exception("project not set up", project=incomplete.project, secret=incomplete.secret)
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "The project is not set up yet.")
    if project is None or not project.admits(path.get("secret", "")) or project.settings.telephony.provider != RINGOSTAT:
        desk.observer.count("Refused")
        return problem(HTTPStatus.NOT_FOUND, "There is nothing here.")
    try:
        return _answered(desk, project, payload, path, begun)
    except BadInput as bad:
        desk.observer.count("BadInput")
        desk.observer.logger.warning("question not readable", project=project.name, fields=[item.field for item in bad.problems])
        return problem(HTTPStatus.BAD_REQUEST, "The question could not be read.", bad.problems)


def _answered(desk: Desk, project: Project, payload: Payload, path: Mapping[str, str], begun: float) -> Response:
    from patchcord.telephony.ringostat.webhook_number import read_inquiry, reply

    settings, request = project.settings, request_of(payload, desk.clock)
    reading = Reading(settings.phone.default_region, settings.timezone, settings.telephony.key_map)
    inquiry = read_inquiry(request, reading)
    caller = Caller(inquiry.client, inquiry.hidden, inquiry.line, path.get("block"))
    with desk.observer.call(project.name, inquiry.call or ""):
        answer = desk.router.answer(project, Question(RINGOSTAT, caller, begun, inquiry.call))
    wanted = request.query.get("reply", settings.routing.reply)
    told = reply(answer.route.direction, SHAPES.get(wanted, settings.routing.reply), settings.routing.reply_key, inquiry)
    headers = {"content-type": told.content_type, "cache-control": "no-store"}
    return {"statusCode": HTTPStatus.OK.value, "headers": headers, "body": told.text}


# --- MANGO is told ---


def is_routable(event: Event) -> bool:
    """Whether an event is the first leg of an incoming call, in the greeting: the one chance to put it through (3.8)."""
    first = event.follows == () and event.extra.get("state") == "Appeared" and event.extra.get("location") == "ivr"
    return event.kind is EventKind.CALL and event.call_type is CallType.IN and first


def put_through(desk: Desk, project: Project, event: Event, begun: float) -> Answer | None:
    """Decide for a caller who hears the greeting, and send him to his responsible, once. None when it is too late for that.

    `begun` is when the event came in, in seconds of the router's clock. A command that would be late is not sent.
    """
    ends = event.at + project.settings.routing.greeting - COMMAND_MARGIN
    left = (ends - desk.clock.now()).total_seconds()
    if left <= 0:
        desk.observer.count("RoutingTooLate")
        return None
    caller = Caller(event.client, event.client_hidden, event.line)
    seconds = left + desk.router.monotonic() - begun
    answer = desk.router.answer(project, Question(MANGO, caller, begun, event.call, seconds))
    employee = project.settings.employees.get(answer.route.employee or "")
    if answer.fresh and employee is not None and employee.extension:
        _send(desk, project, event, employee.extension, ends - desk.clock.now())
    return answer


def _send(desk: Desk, project: Project, event: Event, extension: str, left: timedelta) -> None:
    """Send the command if its turn comes in time; what became of it is kept with the call."""
    from patchcord.telephony.mango.commands import Command

    command = Command("route", secrets.token_hex(4), event.call)
    told = {"command": command.kind, "sent": "yes"}
    try:
        desk.mango(project).route(event.extra["leg"], extension, command.id, patience=max(left, timedelta(0)))
    except (TelephonyError, IncompleteProject) as error:
        words = error.words if isinstance(error, TelephonyError) else str(error)
        told = {"command": command.kind, "sent": "no", "because": words}
        desk.observer.count("RoutingNotSent")
        desk.observer.logger.warning("caller not put through", error=type(error).__name__)
    _note(desk, project, event, f"command:{command.kind}:{command.unique}", told)


def _note(desk: Desk, project: Project, event: Event, key: str, told: Mapping[str, Any]) -> None:
    from patchcord.model.codec import dump

    now = desk.clock.now()
    noted = Event(MANGO, event.call, key, Moment.RING, now, extra={name: str(value) for name, value in told.items()})
    desk.store.accept(CallKey(project.name, MANGO, event.call), key, dump(noted), now, settled=True)
