"""A delivery as the product's own pure parts read it."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import cast

from patchcord.model.events import Event
from patchcord.model.settings import Settings
from patchcord.telephony.port import HttpRequest, Reading, Telephony
from patchcord.telephony.site import read_dispatch, read_form
from sandbox.player.delivery import Delivery


def event_of(delivery: Delivery, settings: Settings) -> Event | None:
    """The event in a delivery, by the module that reads what comes through its door."""
    if delivery.door == "forms":
        event, trapped = read_form(request_of(delivery), delivery.hint, reading_of(settings), settings.forms.honeypot)
        return replace(event, call=delivery.told_in) if trapped else event
    if delivery.door == "dispatch":
        return read_dispatch(request_of(delivery), reading_of(settings), settings.employees)
    provider = cast(Telephony, import_module(f"patchcord.telephony.{delivery.provider}"))
    return provider.read(request_of(delivery), _hint(delivery), reading_of(settings))


def request_of(delivery: Delivery) -> HttpRequest:
    """The delivery as the product gets it."""
    headers = {name.lower(): value for name, value in delivery.headers.items()}
    return HttpRequest(delivery.method, delivery.at, dict(delivery.query), headers, delivery.body)


def reading_of(settings: Settings) -> Reading:
    """How the project wants its deliveries read."""
    rules = settings.telephony
    return Reading(
        settings.phone.default_region,
        settings.timezone,
        rules.key_map,
        rules.keep_direct,
        form_names=settings.forms.field_names,
    )


def _hint(delivery: Delivery) -> str:
    """What follows the provider's name, as its functions tell it: Ringostat's are `in.after`, MANGO's `events/call`."""
    return delivery.hint.replace("/", ".") if delivery.provider == "ringostat" else delivery.hint
