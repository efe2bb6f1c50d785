"""The twin of Zoho CRM, API v8, written from crm_zohocrm.md alone. Notification channels (15) are left out."""

from sandbox.twins.zoho_crm.account import Account
from sandbox.twins.zoho_crm.twin import ZohoCrmTwin

__all__ = ["TWIN", "Account", "ZohoCrmTwin"]

TWIN = ZohoCrmTwin
