"""The door: a webhook is authenticated, read, stored and promised, and then worked on (design 2).

Answers: 200 with what was done; 202 when the promise will finish it; 404 for an unknown project or a wrong secret, without
a hint which; 403 for a wrong signature or a foreign sender; 400 as problem+json that names each field. Nothing is stored
before the sender is known.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from http import HTTPStatus
from importlib import import_module
from time import monotonic
from typing import Any, cast

from patchcord.model.codec import dump
from patchcord.model.events import Event
from patchcord.model.settings import Messenger, Settings
from patchcord.service.clock import Clock, Deadline
from patchcord.service.links import Recording, recording_address, recording_token
from patchcord.service.observe import Observer
from patchcord.service.perform import Performer
from patchcord.service.projects import IncompleteProject, Project, Projects
from patchcord.service.promises import extra_look, promise_text
from patchcord.service.work import Report, Status
from patchcord.store.port import CallKey, Queue
from patchcord.telephony.port import BadInput, HttpRequest, NotAuthentic, Problem, Reading, Telephony

PROMISE_DELAY = timedelta(seconds=90)
"""When the promise looks after an event: longer than any function may run, so that it finds either a result or a crash."""

SOONER = timedelta(seconds=60)
"""A pause shorter than this is worth a look before the promise is due."""

LARGEST_BODY = 256 * 1024

FINISHED = frozenset({Status.DONE, Status.DUPLICATE, Status.IGNORED, Status.FAILED})
"""Nothing more will happen by itself: answered 200. A refused write stands in the dead-letter queue and in the journal."""

Payload = Mapping[str, Any]
Response = dict[str, Any]
Before = Callable[[Project, Event, float], None]
"""What cannot wait until an event is carried out: a caller is put through. It gets the second of `time.monotonic` at which
the event came in."""

After = Callable[[Project, CallKey, Report, Deadline], None]
"""What is told of an event when it is carried out and its journal is written: nothing waits for it, nothing fails with it."""


@dataclass(frozen=True)
class Service:
    """Everything a function needs, built once a container."""

    projects: Projects
    performer: Performer
    queue: Queue
    clock: Clock
    observer: Observer
    before: Before = lambda project, event, begun: None
    after: After = lambda project, key, report, deadline: None
    named: Callable[[Project, Event], Event] = lambda project, event: event
    """The event under the name of its call in the journal, where that is not simply the provider's id (service/forms.py)."""


def webhook(service: Service, payload: Payload, provider: str, hint: str, deadline: Deadline) -> Response:
    """Answer one webhook of a telephony provider. `payload` is API Gateway's, version 2.0; `hint` what the URL says."""
    path, begun = payload.get("pathParameters") or {}, monotonic()
    try:
        project = service.projects.get(path.get("project", ""))
    except IncompleteProject as incomplete:
        service.observer.logger.exception("project not set up", project=incomplete.project, secret=incomplete.secret)
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "The project is not set up yet.")
    if project is None or not project.admits(path.get("secret", "")) or project.settings.telephony.provider != provider:
        service.observer.count("Refused")
        return problem(HTTPStatus.NOT_FOUND, "There is nothing here.")
    try:
        event = _authentic_event(service, project, request_of(payload, service.clock), provider, hint)
        event = event and service.named(project, linked(event, project, base_of(payload)))
    except NotAuthentic as foreign:
        service.observer.count("Refused")
        service.observer.logger.warning("webhook refused", project=project.name, reason=foreign.reason)
        if foreign.known:
            return problem(HTTPStatus.FORBIDDEN, "The webhook is not signed by the project's account.")
        return problem(HTTPStatus.NOT_FOUND, "There is nothing here.")
    except BadInput as bad:
        service.observer.count("BadInput")
        service.observer.logger.warning(
            "webhook not readable", project=project.name, fields=[item.field for item in bad.problems]
        )
        return problem(HTTPStatus.BAD_REQUEST, "The webhook could not be read.", bad.problems)
    if event is None:
        return _response(HTTPStatus.OK, "application/json", {"status": "acknowledged"})
    try:
        service.before(project, event, begun)
    except Exception:  # the outermost edge: whatever goes wrong with routing, the event must be stored
        service.observer.logger.exception("caller not put through")
        service.observer.count("RoutingCrashed")
    return take(service, project, event, deadline)


def _authentic_event(service: Service, project: Project, request: HttpRequest, provider: str, hint: str) -> Event | None:
    """The event of a request that the project's provider has sent. Raises NotAuthentic, BadInput."""
    if not project.may_send(request.sender):
        raise NotAuthentic("the sender's address is not on the project's list")
    provider_of(provider).verify(request, hint, lambda name: service.projects.secret(project.name, name))
    return read(provider, request, hint, project)


def provider_of(name: str) -> Telephony:
    """The provider's own module."""
    return cast(Telephony, import_module(f"patchcord.telephony.{name}"))


def read(provider: str, request: HttpRequest, hint: str, project: Project) -> Event | None:
    """The event in a request, by the provider's own module; None when nothing is to be kept."""
    return provider_of(provider).read(request, hint, reading_of(project.settings))


def reading_of(settings: Settings) -> Reading:
    """What of the settings the reading of a payload depends on."""
    rules = settings.telephony
    return Reading(
        region=settings.phone.default_region,
        zone=settings.timezone,
        key_map=rules.key_map,
        keep_direct=rules.keep_direct,
        form_names=settings.forms.field_names,
        dispatches=_dispatches(settings.messenger),
    )


def _dispatches(rules: Messenger) -> frozenset[str]:
    """The provider's events that count as the pressed button. The end of a dialogue makes up for a lost start."""
    chosen = {"start": ("chat.start", "chat.end"), "end": ("chat.end",), "button": ()}[rules.dispatch_on]
    return frozenset((*chosen, "events/md/onAppealClose") if rules.on_appeal_close else chosen)


def linked(event: Event, project: Project, base: str) -> Event:
    """The event with our own link to its recording where the provider told an id, or the project wants it (O-59).

    The link works until the end of a day, so that it is the same whichever event of the call tells of the recording.
    """
    rules, told = project.settings.recording, event.recording
    is_address = told is not None and told.startswith(("https://", "http://"))
    if told is None or (is_address and not rules.own_links):
        return event
    what = Recording(event.provider, event.call, "" if is_address else told, f"{event.at:%Y-%m-%d}")
    until = datetime.combine(event.at.date() + timedelta(days=rules.link_days + 1), time(), UTC)
    try:
        token = recording_token(project.client_secret, what, until)
    except ValueError:  # an id too long for a token: the provider's own link is better than none
        return event if is_address else replace(event, recording=None)
    return replace(event, recording=recording_address(rules.base_url or base, project.name, token))


def base_of(payload: Payload) -> str:
    """The address of our API, as the webhook has reached it."""
    headers = {name.lower(): value for name, value in (payload.get("headers") or {}).items()}
    scheme = "http" if headers.get("x-forwarded-proto") == "http" else "https"
    return f"{scheme}://{payload.get('requestContext', {}).get('domainName', '')}"


def take(service: Service, project: Project, event: Event, deadline: Deadline) -> Response:
    """Store, promise and carry out one event, and say what came of it."""
    key = CallKey(project.name, event.provider, event.call)
    promise_body = promise_text(key, event.key)
    promised = False

    def promise(ripe_in: timedelta | None) -> None:
        nonlocal promised
        # an event that waits for others is looked at as soon as it need not wait any more
        service.queue.promise(promise_body, PROMISE_DELAY if ripe_in is None else _whole_seconds(ripe_in))
        promised = True

    begun = service.clock.now()
    with service.observer.call(project.name, event.call):
        service.observer.count("Accepted")
        try:
            report = service.performer.take(project, event, dump(event), promise, deadline)
        except Exception:  # the outermost edge: whatever went wrong, a stored and promised event is safe
            service.observer.logger.exception("event not finished")
            service.observer.count("Crashed")
            if not promised:
                return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "The event could not be stored. Please send it again.")
            report = Report(Status.WAITING, reason="internal_error")
        if report.retry_after is not None and report.retry_after < SOONER:
            # the CRM asked for a short pause: a look in between, while the promise stays what it is
            service.queue.promise(extra_look(promise_body), max(report.retry_after, timedelta(seconds=1)))
        milliseconds = (service.clock.now() - begun).total_seconds() * 1000
        service.observer.reported(report, project.settings.crm.vendor, milliseconds)
        tell(service, project, key, report, deadline)
    return answer(event.call, event.key, report)


def tell(service: Service, project: Project, key: CallKey, report: Report, deadline: Deadline) -> None:
    """Tell whoever wants to know what became of a call."""
    try:
        service.after(project, key, report, deadline)
    except Exception:  # the event is carried out; whatever this is for, it is not worth failing for
        service.observer.logger.exception("not told")
        service.observer.count("SoftphoneSyncFailed")


def _whole_seconds(pause: timedelta) -> timedelta:
    """SQS delays by whole seconds; earlier than asked for would be in vain."""
    return timedelta(seconds=max(1, math.ceil(pause.total_seconds())))


def request_of(payload: Payload, clock: Clock) -> HttpRequest:
    """API Gateway's payload as a request. Raises BadInput for a body that is too large or wrongly encoded."""
    text = payload.get("body") or ""
    too_large = BadInput((Problem("body", f"at most {LARGEST_BODY} bytes", "more"),))
    if len(text) > 2 * LARGEST_BODY:  # whether it is base64 or not: it need not be decoded
        raise too_large
    try:
        body = base64.b64decode(text, validate=True) if payload.get("isBase64Encoded") else text.encode()
    except (binascii.Error, ValueError):
        raise BadInput((Problem("body", "base64", "something else"),)) from None
    if len(body) > LARGEST_BODY:
        raise too_large
    http = payload.get("requestContext", {}).get("http", {})
    return HttpRequest(
        method=http.get("method", "POST"),
        received_at=clock.now(),
        query=payload.get("queryStringParameters") or {},
        headers={name.lower(): value for name, value in (payload.get("headers") or {}).items()},
        body=body,
        path=payload.get("pathParameters") or {},
        sender=http.get("sourceIp", ""),
    )


def answer(call: str, event: str, report: Report) -> Response:
    """The HTTP answer for a report."""
    status = HTTPStatus.OK if report.status in FINISHED else HTTPStatus.ACCEPTED
    body = {
        "status": report.status.value if report.status in FINISHED else "accepted",
        "call": call,
        "event": event,
        "situation": report.situation,
        "reason": report.reason,
        "rules": list(report.rules),
        "effects": [
            {"key": key, "what": state.what, "state": state.state.value, "id": state.id, "rules": list(state.rules)}
            for key, state in report.effects.items()
        ],
    }
    return _response(status, "application/json", body)


def problem(status: HTTPStatus, title: str, problems: tuple[Problem, ...] = ()) -> Response:
    """An error as problem+json (RFC 9457), naming each field and what was expected of it."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status.value}
    if problems:
        body["errors"] = [{"field": item.field, "expected": item.expected, "got": item.got_kind} for item in problems]
    return _response(status, "application/problem+json", body)


def _response(status: HTTPStatus, content_type: str, body: Mapping[str, Any]) -> Response:
    headers = {"content-type": content_type, "cache-control": "no-store"}
    return {"statusCode": status.value, "headers": headers, "body": json.dumps(body, ensure_ascii=False)}
