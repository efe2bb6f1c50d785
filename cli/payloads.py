"""A webhook in a file: API Gateway's payload as in events/, or only the provider's body."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cli.failures import Failure, usage
from cli.tree import read_text
from patchcord.model.events import Event
from patchcord.service.accept import read, request_of
from patchcord.service.clock import Clock
from patchcord.service.projects import Project
from patchcord.telephony.port import BadInput, HttpRequest

ADDRESS = re.compile(r".*/v1/hooks/[^/]+/[^/]+/(ringostat|mango)/(.+)")
"""The address of a webhook: the provider, and what follows its name."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request as the provider's reader takes it."""

    provider: str
    hint: str
    request: HttpRequest


def event_in(path: Path, moment: str | None, project: Project, clock: Clock) -> Event:
    """The event in a file. `moment` is the end of the webhook's address, such as `in/after`, for a bare body.

    Raises Failure for what is no webhook, or tells of nothing that is acted upon.
    """
    delivery = delivery_in(path, moment, project.settings.telephony.provider, clock)
    try:
        event = read(delivery.provider, delivery.request, delivery.hint, project)
    except BadInput as bad:
        raise Failure(f"{path.name} cannot be read as a webhook:\n{chr(10).join(map(str, bad.problems))}") from None
    if event is None:
        raise Failure(f"{path.name} tells of nothing that is acted upon: it would be acknowledged, no more")
    return event


def delivery_in(path: Path, moment: str | None, provider: str, clock: Clock) -> Delivery:
    """The request in a file. Raises Failure."""
    try:
        told: Any = json.loads(read_text(path))
    except ValueError:
        raise usage(f"{path.name} is no JSON", "A webhook's body, or API Gateway's payload as in events/.") from None
    if not isinstance(told, dict):
        raise usage(f"{path.name} holds no JSON object")
    if "requestContext" in told:
        return _of_gateway(path, told, clock)
    return _of_body(told, moment, provider, clock)


def _of_gateway(path: Path, payload: dict[str, Any], clock: Clock) -> Delivery:
    address = ADDRESS.fullmatch(payload.get("rawPath", ""))
    if address is None:
        raise usage(f"{path.name} is the payload of something else than a webhook of the telephony")
    try:
        return Delivery(address[1], _hint(address[1], address[2]), request_of(payload, clock))
    except BadInput as bad:
        raise Failure(f"{path.name} cannot be read: {bad}") from None


def _of_body(told: dict[str, Any], moment: str | None, provider: str, clock: Clock) -> Delivery:
    """A bare body. Which event it is, only its address says."""
    if moment is None:
        raise usage(
            "it is not said which event this is", "Give the end of the webhook's address: --as in/after, --as events/call."
        )
    text = json.dumps(told, ensure_ascii=False)
    if provider == "mango":  # a signed form around the JSON; nothing is authenticated here
        kind, body = "application/x-www-form-urlencoded", urlencode({"vpbx_api_key": "-", "sign": "-", "json": text}).encode()
    else:
        kind, body = "application/json", text.encode()
    return Delivery(
        provider, _hint(provider, moment), HttpRequest("POST", clock.now(), headers={"content-type": kind}, body=body)
    )


def _hint(provider: str, end: str) -> str:
    return end if provider == "mango" else end.strip("/").replace("/", ".")
