"""The twin of Bitrix24, written from crm_bitrix24.md alone."""

from sandbox.twins.bitrix24.account import Account
from sandbox.twins.bitrix24.twin import Bitrix24Twin

__all__ = ["TWIN", "Account", "Bitrix24Twin"]

TWIN = Bitrix24Twin
