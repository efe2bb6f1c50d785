"""The twin of HubSpot, written from crm_hubspot.md alone (18 and what it refers to)."""

from sandbox.twins.hubspot.account import Account
from sandbox.twins.hubspot.twin import HubSpotTwin

__all__ = ["TWIN", "Account", "HubSpotTwin"]

TWIN = HubSpotTwin
