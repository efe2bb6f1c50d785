"""Forms: Ringostat's webhook of a submitted form, and the address that a site's own forms are sent to."""

from typing import Any

from patchcord.service import bootstrap
from patchcord.service.edge import site_form, webhook


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One form. Only the address of a site's own forms names which form it is."""
    forms = bootstrap.forms()
    if "form" in event["pathParameters"]:
        return site_form(forms, event, context)
    return webhook(forms.service, event, context, "ringostat", "form")
