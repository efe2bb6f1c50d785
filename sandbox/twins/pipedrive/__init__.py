"""The twin of Pipedrive, written from crm_pipedrive.md alone (18 and what it refers to)."""

from sandbox.twins.pipedrive.account import Account
from sandbox.twins.pipedrive.twin import PipedriveTwin

__all__ = ["TWIN", "Account", "PipedriveTwin"]

TWIN = PipedriveTwin
