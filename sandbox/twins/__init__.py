"""Fake CRM servers, one module a vendor, each with a `TWIN`: the class that imitates it."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.twins.base import Twin


def has_twin(vendor: str) -> bool:
    """Whether the CRM can be imitated yet."""
    return find_spec(f"sandbox.twins.{vendor}") is not None


def twin_class(vendor: str) -> type[Twin]:
    """The vendor's twin. Raises ModuleNotFoundError when there is none."""
    found: type[Twin] = import_module(f"sandbox.twins.{vendor}").TWIN
    return found
