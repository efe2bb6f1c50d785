"""The twin of Altegio, written from crm_altegio.md alone."""

from sandbox.twins.altegio.account import Account
from sandbox.twins.altegio.twin import AltegioTwin

__all__ = ["TWIN", "Account", "AltegioTwin"]

TWIN = AltegioTwin
