"""Ringostat's "Webhooks 2.0": reading them (telephony.md 1).

The admin of the cabinet types the names on the wire himself, so there is no schema: canonical names, the aliases seen
in other people's integrations and the project's own key map are all accepted, by GET, form and JSON alike.
"""

from patchcord.telephony.ringostat.reader import read, verify

__all__ = ["read", "verify"]
