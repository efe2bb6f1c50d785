"""The twin of Zoho Desk, written from crm_zohodesk.md alone (17 and what it refers to)."""

from sandbox.twins.zoho_desk.account import Account
from sandbox.twins.zoho_desk.twin import ZohoDeskTwin

__all__ = ["TWIN", "Account", "ZohoDeskTwin"]

TWIN = ZohoDeskTwin
