"""The twin of RetailCRM (Simla), written from crm_retailcrm.md alone."""

from sandbox.twins.retailcrm.account import Account
from sandbox.twins.retailcrm.twin import RetailCrmTwin

__all__ = ["TWIN", "Account", "RetailCrmTwin"]

TWIN = RetailCrmTwin
