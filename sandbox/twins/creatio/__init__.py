"""The twin of Creatio, written from crm_creatio.md alone."""

from sandbox.twins.creatio.site import Site
from sandbox.twins.creatio.twin import CreatioTwin

__all__ = ["TWIN", "CreatioTwin", "Site"]

TWIN = CreatioTwin
"""The class that imitates Creatio."""
