"""Ringostat's webhooks of outgoing calls: before and after the call."""

from typing import Any

from patchcord.service import bootstrap
from patchcord.service.edge import webhook


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One delivery. The address says which moment of the call it is, which is only a hint."""
    return webhook(bootstrap.service(), event, context, "ringostat", f"out.{event['pathParameters']['moment']}")
