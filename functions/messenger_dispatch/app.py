"""Messenger: Ringostat's webhooks of dialogues, and whoever presses "send the client's data to the CRM"."""

from typing import Any

from patchcord.service import bootstrap
from patchcord.service.edge import dispatch, webhook


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One event. Ringostat's address says which moment of the dialogue it is; the other one is the button."""
    moment = event["pathParameters"].get("moment")
    if moment is None:
        return dispatch(bootstrap.service(), event, context)
    return webhook(bootstrap.service(), event, context, "ringostat", f"chat.{moment}")
