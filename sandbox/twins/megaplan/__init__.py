"""The twin of Megaplan, written from crm_megaplan.md alone."""

from sandbox.twins.megaplan.account import Account
from sandbox.twins.megaplan.twin import MegaplanTwin

__all__ = ["TWIN", "Account", "MegaplanTwin"]

TWIN = MegaplanTwin
