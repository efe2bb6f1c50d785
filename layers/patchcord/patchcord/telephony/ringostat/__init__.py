"""Ringostat's "Webhooks 2.0": reading them (telephony.md 1).

The admin of the cabinet types the names on the wire himself, so there is no schema: canonical names, the aliases seen
in other people's integrations and the project's own key map are all accepted, by GET, form and JSON alike.
"""

from patchcord.model.events import Event
from patchcord.telephony.port import HttpRequest, Reading
from patchcord.telephony.ringostat import reader
from patchcord.telephony.ringostat.reader import verify

__all__ = ["read", "verify"]


def read(request: HttpRequest, hint: str, reading: Reading) -> Event:
    """The event a webhook tells of: a call's, or a form's or dialogue's. Raises BadInput with every problem found."""
    if hint == "form" or hint.startswith("chat."):
        from patchcord.telephony.ringostat import forms  # not needed by the functions of calls

        return forms.read(request, hint, reading)
    return reader.read(request, hint, reading)
