"""Click-to-call: a button in the CRM asks for a call to a client."""

from typing import Any

from patchcord.service import bootstrap
from patchcord.service.edge import click_to_call


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One click."""
    return click_to_call(bootstrap.dialler(), event)
