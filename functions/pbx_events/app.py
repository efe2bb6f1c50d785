"""MANGO OFFICE's events, all to one address: legs, summaries, recordings, results of commands, closed appeals."""

from typing import Any

from patchcord.service import bootstrap
from patchcord.service.edge import webhook


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One event. The end of its address says which it is."""
    return webhook(bootstrap.pbx_service(), event, context, "mango", event["pathParameters"]["path"])
