"""The twin of SendPulse CRM, written from crm_sendpulse.md alone."""

from sandbox.twins.sendpulse.account import Account
from sandbox.twins.sendpulse.twin import SendPulseTwin

__all__ = ["TWIN", "Account", "SendPulseTwin"]

TWIN = SendPulseTwin
