"""The twin of Kommo (amoCRM), written from crm_kommo.md alone (1-10, 12-14)."""

from sandbox.twins.kommo.account import Account
from sandbox.twins.kommo.twin import KommoTwin

__all__ = ["TWIN", "Account", "KommoTwin"]

TWIN = KommoTwin
