"""Opened links to recordings: a person in a CRM is led to the telephony's recording."""

from typing import Any

from patchcord.service import bootstrap
from patchcord.service.edge import recording


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One opened link, by GET or HEAD."""
    return recording(bootstrap.recordings(), event)
