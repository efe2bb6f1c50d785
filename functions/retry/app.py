"""The promises: messages of the retry queue, which come back until their event is carried out."""

from typing import Any

from patchcord.service import bootstrap
from patchcord.service.edge import retry


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A batch of promises; the ones to be delivered again are named in the answer."""
    return retry(bootstrap.service(), bootstrap.retrier(), event, context)
