"""Ringostat's webhook after a missed incoming call."""

from typing import Any

from patchcord.service import bootstrap
from patchcord.service.edge import webhook


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One delivery. The address says that the call was missed, which is only a hint."""
    return webhook(bootstrap.service(), event, context, "ringostat", "missed")
