"""A delivery as the product's own pure parts read it."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from patchcord.model.events import Event
from patchcord.model.settings import Settings
from patchcord.telephony.port import HttpRequest, Reading, Telephony
from sandbox.player.delivery import Delivery


def event_of(delivery: Delivery, settings: Settings) -> Event | None:
    """The event in a delivery, by the provider's own module."""
    provider = cast(Telephony, import_module(f"patchcord.telephony.{delivery.provider}"))
    return provider.read(request_of(delivery), _hint(delivery), reading_of(settings))


def request_of(delivery: Delivery) -> HttpRequest:
    """The delivery as the product gets it."""
    headers = {name.lower(): value for name, value in delivery.headers.items()}
    return HttpRequest(delivery.method, delivery.at, dict(delivery.query), headers, delivery.body)


def reading_of(settings: Settings) -> Reading:
    """How the project wants its deliveries read."""
    rules = settings.telephony
    return Reading(settings.phone.default_region, settings.timezone, rules.key_map, rules.keep_direct)


def _hint(delivery: Delivery) -> str:
    """What follows the provider's name, as its functions tell it: Ringostat's are `in.after`, MANGO's `events/call`."""
    return delivery.hint.replace("/", ".") if delivery.provider == "ringostat" else delivery.hint
