"""The twin of Salesforce, written from crm_salesforce.md alone (18 and what it refers to)."""

from sandbox.twins.salesforce.org import Org
from sandbox.twins.salesforce.twin import SalesforceTwin

__all__ = ["TWIN", "Org", "SalesforceTwin"]

TWIN = SalesforceTwin
