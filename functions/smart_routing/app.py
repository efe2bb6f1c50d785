"""Ringostat's Webhook number: who shall be rung for this caller, while the phone still rings."""

from typing import Any

from patchcord.service import bootstrap
from patchcord.service.edge import smart_routing


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One question. The end of its address may name a block of the project's scheme."""
    return smart_routing(bootstrap.desk(), event)
