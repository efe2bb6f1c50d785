"""Ringostat's webhooks of incoming calls: before the call, answer, forwarding, end, rating."""

from typing import Any

from patchcord.service import bootstrap
from patchcord.service.edge import webhook


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One delivery. The address says which moment of the call it is, which is only a hint."""
    return webhook(bootstrap.service(), event, context, "ringostat", f"in.{event['pathParameters']['moment']}")
