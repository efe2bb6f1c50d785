"""Click-to-call: a button in the CRM asks for a call, and the telephony connects the two (O-50, S2-21…S2-26).

Answers: 200 `{status, call, order, account, employee}`; otherwise problem+json with a `code` that a program can tell apart and
a `title` for the person who clicked. 404 for an unknown project or a wrong secret, without a hint which; 400 for what cannot
be read; 403 for what is never dialled; 409 when nobody can be rung; 422 for who or what is not known; 429 for too many; 502
and 503 when the telephony refuses or does not answer. A repeated click within seconds gets the first one's answer.
"""

from __future__ import annotations

import hmac
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from patchcord.model.codec import dump
from patchcord.model.events import CallType, Event, Moment
from patchcord.scenarios.dialling import Choose, Code, Dial, Refused, Wish, dial, permitted
from patchcord.service.accept import Payload, Response, problem, request_of
from patchcord.service.clients import client_key
from patchcord.service.clock import Clock
from patchcord.service.observe import Observer
from patchcord.service.projects import IncompleteProject, Project, Projects, secret_hash
from patchcord.store.port import CallKey, Store, Wait
from patchcord.telephony.errors import NotAdmitted, TelephonyError
from patchcord.telephony.errors import Refused as NotTaken
from patchcord.telephony.json_object import json_object, kind_of
from patchcord.telephony.mango.commands import Command
from patchcord.telephony.port import BadInput, Problem

if TYPE_CHECKING:
    from patchcord.telephony.mango.client import Mango
    from patchcord.telephony.ringostat.api import RingostatApi

RINGOSTAT, MANGO = "ringostat", "mango"
BUCKET = "click_to_call"
MINUTE = timedelta(minutes=1)
DOUBLE_CLICK = timedelta(seconds=10)
"""How long the same employee and number count as the same click."""
SAME_KEY = timedelta(minutes=10)
"""How long the same idempotency key counts as the same click."""
LONGEST = 200

STATUS: Mapping[Code, HTTPStatus] = {
    Code.INTEGRATION_OFF: HTTPStatus.FORBIDDEN,
    Code.BLOCKED_NUMBER: HTTPStatus.FORBIDDEN,
    Code.REGION_NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    Code.COSTLY_NUMBER: HTTPStatus.FORBIDDEN,
    Code.NUMBER_NOT_POSSIBLE: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.OWN_NUMBER: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.EMPLOYEE_UNKNOWN: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.SIP_ACCOUNT_UNKNOWN: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.EXTENSION_REQUIRED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.CLIENT_FIRST_NOT_POSSIBLE: HTTPStatus.CONFLICT,
    Code.EMPLOYEE_OFFLINE: HTTPStatus.CONFLICT,
    Code.NO_SIP_ONLINE: HTTPStatus.CONFLICT,
}


@dataclass(frozen=True)
class Dialler:
    """Everything that dialling needs, built once a container."""

    projects: Projects
    store: Store
    clock: Clock
    observer: Observer
    ringostat: Callable[[Project], RingostatApi]
    mango: Callable[[Project], Mango]
    choose: Choose = random.SystemRandom().choice


@dataclass(frozen=True, slots=True)
class Click:
    """A read request; `key` is the caller's own word for the click, if it has one."""

    wish: Wish
    key: str | None = None


def click_to_call(dialler: Dialler, payload: Payload) -> Response:
    """Answer one click. `payload` is API Gateway's, version 2.0."""
    path = payload.get("pathParameters") or {}
    try:
        project = dialler.projects.get(path.get("project", ""))
        if project is None or not admits(project, path.get("secret", "")):
            dialler.observer.count("Refused")
            return problem(HTTPStatus.NOT_FOUND, "There is nothing here.")
        return _answered(dialler, project, read_click(payload, dialler.clock))
    except IncompleteProject as incomplete:
        dialler.observer.logger.exception("project not set up", project=incomplete.project, secret=incomplete.secret)
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "The project is not set up yet.")
    except BadInput as bad:
        dialler.observer.count("BadInput")
        return problem(HTTPStatus.BAD_REQUEST, "The request could not be read.", bad.problems)


def admits(project: Project, secret: str) -> bool:
    """Whether the secret is one of the project's for click-to-call. Those of the webhooks do not open this door: a button in
    a CRM is seen by many people."""
    offered = secret_hash(secret)
    matches = [hmac.compare_digest(offered, valid) for valid in project.settings.click_to_call.secrets]
    return any(matches)


def read_click(payload: Payload, clock: Clock) -> Click:
    """The click in a request: JSON `{to, employee?, sip?, first?, key?}`, or the header `idempotency-key`. Raises BadInput."""
    request = request_of(payload, clock)
    try:
        told = json_object(request.body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise BadInput((Problem("body", "UTF-8", "another encoding"),)) from None
    problems: list[Problem] = []
    texts = {name: _text(told, name, problems) for name in ("to", "employee", "sip", "first", "key")}
    if texts["to"] is None and not any(item.field == "to" for item in problems):
        problems.append(Problem("to", "the number to call", "nothing"))
    if texts["first"] not in (None, "client", "employee"):
        problems.append(Problem("first", "client or employee", "another text"))
    key = request.headers.get("idempotency-key") or texts["key"]
    if key is not None and not _is_short(key):
        problems.append(Problem("idempotency-key", f"at most {LONGEST} printable characters", "another text"))
    if problems:
        raise BadInput(tuple(problems))
    first: Any = texts["first"]
    return Click(Wish(texts["to"] or "", texts["employee"], texts["sip"], first), key)


def _text(told: Mapping[str, Any], name: str, problems: list[Problem]) -> str | None:
    value = told.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str) and _is_short(value.strip()):
        return value.strip() or None
    problems.append(Problem(name, f"a text of at most {LONGEST} printable characters", kind_of(value)))
    return None


def _is_short(text: str) -> bool:
    """Whether it can be a name, a number or a key. A lone surrogate is not printable, and no text that can be hashed."""
    return len(text) <= LONGEST and text.isprintable()


def _answered(dialler: Dialler, project: Project, click: Click) -> Response:
    number = permitted(click.wish.to, project.settings)
    if isinstance(number, Refused):
        return _refused(dialler, project, number)
    now = dialler.clock.now()
    name, lasts = _name_of(project, click, number)
    holder = token_hex(8)
    if not dialler.store.lease(project.name, name, holder, now, now + lasts):
        kept = dialler.store.kept(project.name, name, now)
        if kept is not None:
            return _json(HTTPStatus.OK, {**json.loads(kept), "status": "repeated"})
        return _problem(HTTPStatus.CONFLICT, "ALREADY_DIALLING", "This call is being made already.")
    answer = _limited(dialler, project, click.wish, name, now + lasts)
    if answer["statusCode"] not in (HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE):
        # nothing was dialled for certain, so the next click may try again at once
        dialler.store.free(project.name, name, holder)
    return answer


def _name_of(project: Project, click: Click, number: str) -> tuple[str, timedelta]:
    """Under which name the click is known, and for how long. Neither numbers nor a caller's words stand in keys."""
    if click.key is not None:
        return f"click:{client_key(project.client_secret, f'key {click.key}')}", SAME_KEY
    who = click.wish.employee or click.wish.sip or ""
    return f"click:{client_key(project.client_secret, f'{who} {number}')}", DOUBLE_CLICK


def _limited(dialler: Dialler, project: Project, wish: Wish, name: str, until: datetime) -> Response:
    now = dialler.clock.now()
    most = project.settings.click_to_call.per_minute
    granted = dialler.store.take(project.name, BUCKET, 1, most, MINUTE, now)
    if isinstance(granted, Wait):
        dialler.observer.count("ClickToCallLimited")
        answer = _problem(HTTPStatus.TOO_MANY_REQUESTS, "TOO_MANY_CALLS", "Too many calls were asked for. Try again in a minute.")
        seconds = max(1, round((granted.until - now).total_seconds()))
        return {**answer, "headers": {**answer["headers"], "retry-after": str(seconds)}}
    try:
        return _dialled(dialler, project, wish, name, until)
    except TelephonyError as error:
        dialler.observer.count("ClickToCallFailed")
        dialler.observer.logger.warning("call not made", project=project.name, error=type(error).__name__, words=error.words)
        if isinstance(error, NotTaken | NotAdmitted):
            return _problem(HTTPStatus.BAD_GATEWAY, "TELEPHONY_REFUSED", "The telephony does not take the call.")
        return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "TELEPHONY_UNAVAILABLE", "The telephony does not answer now.")


def _dialled(dialler: Dialler, project: Project, wish: Wish, name: str, until: datetime) -> Response:
    settings = project.settings
    by_account = settings.telephony.provider == RINGOSTAT
    online = dialler.ringostat(project).online() if by_account else None
    found = dial(wish, settings, online, dialler.choose)
    if isinstance(found, Refused):
        return _refused(dialler, project, found)
    unique = token_hex(8)
    call = f"callback:{unique}"
    _command(dialler, project, found, Command("callback", unique, call))
    told = {"call": call, "order": list(found.order), "account": found.account, "employee": found.employee}
    dialler.store.keep(project.name, name, json.dumps(told), until)
    _journal(dialler, project, found, call)
    dialler.observer.count("ClickToCall")
    return _json(HTTPStatus.OK, {"status": "dialling", **told})


def _command(dialler: Dialler, project: Project, found: Dial, command: Command) -> None:
    """Have the telephony ring both. Raises TelephonyError, IncompleteProject."""
    settings = project.settings
    if settings.telephony.provider == MANGO:
        dialler.mango(project).callback(found.extension or "", found.to, command.id)
        return
    project_id = settings.telephony.project_id
    if not project_id:
        raise IncompleteProject(project.name, "telephony.project_id")
    login = (found.account or "").removeprefix("sip:")
    swapped = settings.click_to_call.swap_legs
    dialler.ringostat(project).call_back(project_id, found.to, login, first=found.first, swapped=swapped)


def _journal(dialler: Dialler, project: Project, found: Dial, call: str) -> None:
    """What was asked of the telephony, beside the calls: the webhooks of the call itself come under its own id."""
    provider, now = project.settings.telephony.provider, dialler.clock.now()
    told = {"command": "callback", "order": " ".join(found.order), "employee": found.employee, "rules": " ".join(found.rules)}
    event = Event(provider, call, call, Moment.RING, now, call_type=CallType.OUT, client=found.to)
    event = replace(event, extra={name: value for name, value in told.items() if value})
    dialler.store.accept(CallKey(project.name, provider, call), call, dump(event), now, settled=True)


def _refused(dialler: Dialler, project: Project, refused: Refused) -> Response:
    dialler.observer.count("ClickToCallRefused")
    dialler.observer.logger.info("call not made", project=project.name, code=refused.code.value, rules=list(refused.rules))
    return _problem(STATUS[refused.code], refused.code.value, refused.words)


def _problem(status: HTTPStatus, code: str, title: str) -> Response:
    answer = problem(status, title)
    return {**answer, "body": json.dumps({**json.loads(answer["body"]), "code": code}, ensure_ascii=False)}


def _json(status: HTTPStatus, body: Mapping[str, Any]) -> Response:
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": status.value, "headers": headers, "body": json.dumps(body, ensure_ascii=False)}
