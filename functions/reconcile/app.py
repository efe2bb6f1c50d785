"""Catching up with what the telephony lists: every quarter of an hour, and on demand."""

from typing import Any

from patchcord.service import bootstrap
from patchcord.service.edge import reconcile


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One run, over all projects, or over the one that a direct invocation names."""
    return reconcile(bootstrap.reconciler(), event, context)
