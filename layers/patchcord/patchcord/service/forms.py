"""Where sites send their own forms to, and under which name a form stands in the journal (S0-26…S0-29, D-16).

A browser cannot keep a secret, so what guards the address is: the list of sites that may use it, how often one sender may,
how large a form may be, and a field that only robots fill in. Whoever sends from a server shows the project's secret
instead. The answer tells a stranger nothing: neither whether the client is known, nor an id of the CRM.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus

from patchcord.model.codec import dump
from patchcord.model.effects import Decision
from patchcord.model.events import Event, EventKind
from patchcord.service.accept import Payload, Response, Service, problem, reading_of, request_of, take
from patchcord.service.clock import Deadline
from patchcord.service.journal import decision_text
from patchcord.service.projects import IncompleteProject, Project
from patchcord.store.port import CallKey, Changes, Store, Wait
from patchcord.telephony.port import BadInput
from patchcord.telephony.site import OtherContent, read_form
from patchcord.telephony.submissions import SAME_WITHIN

LARGEST_FORM = 64 * 1024
SECRET_HEADER = "x-patchcord-secret"  # noqa: S105 - the header's name
MINUTE = timedelta(minutes=1)
REMEMBERED = "600"
"""For how many seconds a browser need not ask again whether it may send."""

HASHED = re.compile(r"form:([0-9a-f]{32})(?:@(\d{1,12}))?")
"""The name of a form that has no id: the hash of what it says, and the ten minutes in which it came (telephony/submissions)."""

LABEL = b"patchcord: forms"

Headers = dict[str, str]


@dataclass(frozen=True)
class Forms:
    """What taking forms needs. `service` names them by `named`."""

    service: Service
    store: Store


def with_forms(service: Service, store: Store) -> Forms:
    """The same service, for forms."""
    return Forms(replace(service, named=lambda project, event: named(store, project, event)), store)


def named(store: Store, project: Project, event: Event) -> Event:
    """The event under its name in the journal. The same form within ten minutes has the name that it had first.

    The hash is made anew with the project's own key: a form may say nothing but a number, which a bare hash would give away.
    """
    match = HASHED.fullmatch(event.call) if event.kind is EventKind.FORM else None
    if match is None:
        return event
    base = f"form:{_keyed(project, match[1])}"
    if match[2] is None:
        return replace(event, call=base)
    earlier = f"{base}@{int(match[2]) - 1}"
    known = store.entry(CallKey(project.name, event.provider, earlier))
    is_same = known is not None and known.at is not None and event.at - known.at < SAME_WITHIN
    return replace(event, call=earlier if is_same else f"{base}@{match[2]}")


def _keyed(project: Project, text: str) -> str:
    key = hmac.digest(project.client_secret.encode(), LABEL, hashlib.sha256)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]


def site_form(forms: Forms, payload: Payload, deadline: Deadline) -> Response:
    """Answer a site's form (POST), or a browser's question whether it may send one (OPTIONS).

    200 or 202 with nothing but `accepted`; 400 names the field; 403 for a site that is not listed and for a server without
    the secret; 404 for an unknown project; 413 for a form above 64 KB; 415 for another content; 429 for too many.
    """
    service, path = forms.service, payload.get("pathParameters") or {}
    try:
        project = service.projects.get(path.get("project", ""))
    except IncompleteProject as incomplete:
        service.observer.logger.exception("project not set up", project=incomplete.project, secret=incomplete.secret)
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "The project is not set up yet.")
    if project is None:
        service.observer.count("Refused")
        return problem(HTTPStatus.NOT_FOUND, "There is nothing here.")
    headers = {name.lower(): value for name, value in (payload.get("headers") or {}).items()}
    origin = headers.get("origin")
    if not _may_send(project, origin, headers):
        service.observer.count("Refused")
        return problem(HTTPStatus.FORBIDDEN, "This site is not on the project's list.")
    answered = _preflight() if _method(payload) == "OPTIONS" else _submitted(forms, project, payload, path, origin, deadline)
    return answered if origin is None else {**answered, "headers": {**answered["headers"], **_shared_with(origin)}}


def _method(payload: Payload) -> str:
    return str(payload.get("requestContext", {}).get("http", {}).get("method", "POST"))


def _may_send(project: Project, origin: str | None, headers: Mapping[str, str]) -> bool:
    """A browser says from which site it comes; who says nothing is a server, and shows the secret."""
    if origin is None:
        return project.admits(headers.get(SECRET_HEADER, ""))
    return _tidy(origin) in {_tidy(listed) for listed in project.settings.forms.origins}


def _tidy(origin: str) -> str:
    return origin.lower().rstrip("/")


def _shared_with(origin: str) -> Headers:
    """What lets the site's page read the answer."""
    return {"access-control-allow-origin": origin, "vary": "origin"}


def _preflight() -> Response:
    allowed = {"access-control-allow-methods": "POST", "access-control-allow-headers": "content-type"}
    return {"statusCode": HTTPStatus.NO_CONTENT.value, "headers": {**allowed, "access-control-max-age": REMEMBERED}, "body": ""}


def _submitted(
    forms: Forms, project: Project, payload: Payload, path: Mapping[str, str], origin: str | None, deadline: Deadline
) -> Response:
    pause = None if origin is None else _too_many(forms, project, payload)
    if pause is not None:
        forms.service.observer.count("FormsTooMany")
        refused = problem(HTTPStatus.TOO_MANY_REQUESTS, "Too many forms from this address. Please wait a minute.")
        return {**refused, "headers": {**refused["headers"], "retry-after": str(max(1, math.ceil(pause.total_seconds())))}}
    try:
        return _read_and_taken(forms, project, payload, path.get("form", ""), deadline)
    except OtherContent:
        return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A form is sent as JSON or as form fields.")
    except BadInput as bad:
        forms.service.observer.count("BadInput")
        fields = [item.field for item in bad.problems]
        forms.service.observer.logger.warning("form not readable", project=project.name, fields=fields)
        return problem(HTTPStatus.BAD_REQUEST, "The form could not be read.", bad.problems)


def _too_many(forms: Forms, project: Project, payload: Payload) -> timedelta | None:
    """How long a sender has to wait; None if he may go on. His address is known to the store as a hash only."""
    address = str(payload.get("requestContext", {}).get("http", {}).get("sourceIp", ""))
    now, most = forms.service.clock.now(), project.settings.forms.per_address_a_minute
    granted = forms.store.take(project.name, f"form:{_keyed(project, address)}", 1, most, MINUTE, now)
    return granted.until - now if isinstance(granted, Wait) else None


def _read_and_taken(forms: Forms, project: Project, payload: Payload, form: str, deadline: Deadline) -> Response:
    # more text than this is too large whether it is base64 or not, and need not be decoded
    whole = len(payload.get("body") or "") <= 2 * LARGEST_FORM
    request = request_of(payload, forms.service.clock) if whole else None
    if request is None or len(request.body) > LARGEST_FORM:
        return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A form may have {LARGEST_FORM} bytes.")
    event, trapped = read_form(request, form, reading_of(project.settings), project.settings.forms.honeypot)
    event = forms.service.named(project, event)
    if trapped:
        _keep_trapped(forms, project, event)
        return _accepted(HTTPStatus.OK.value)
    answered = take(forms.service, project, event, deadline)
    return _accepted(answered["statusCode"]) if answered["statusCode"] < HTTPStatus.BAD_REQUEST else answered


def _keep_trapped(forms: Forms, project: Project, event: Event) -> None:
    """Keep a robot's form for whoever reads the journal, under a name of its own: it must not stand in a person's way."""
    key = CallKey(project.name, event.provider, f"spam:{event.call}")
    kept = replace(event, call=key.call)
    forms.store.accept(key, kept.key, dump(kept), forms.service.clock.now(), settled=True)
    ignored = Decision("ignored", reason="honeypot", rules=("S0-26",))
    forms.store.note(key, Changes(decision=decision_text(ignored)))
    forms.service.observer.count("FormsTrapped")


def _accepted(status: int) -> Response:
    """All that a stranger is told."""
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps({"status": "accepted"})}
