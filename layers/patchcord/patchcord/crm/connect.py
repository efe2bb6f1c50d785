"""From a project's settings to a CRM: the vendor's module is imported by name, when it is used (design 3)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from patchcord.crm.errors import Misconfigured
from patchcord.crm.port import Crm
from patchcord.model.vendors import VENDORS

if TYPE_CHECKING:
    from patchcord.crm.grants import Leases, Secrets


class Vendor(Protocol):
    """What a vendor's module offers."""

    def connect(self, connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> Crm: ...


def open_crm(vendor: str, connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> Crm:
    """The project's CRM. `connection` is the vendor's part of the settings, `secrets` hold its tokens.

    No request is made. Raises Misconfigured when the vendor is unknown or a setting or secret is missing.
    """
    if vendor not in VENDORS:
        raise Misconfigured(vendor, "connect", "there is no such CRM")
    module = cast(Vendor, import_module(f"patchcord.crm.{vendor}"))
    return module.connect(connection, secrets, store, project)


def needed_setting(vendor: str, connection: Mapping[str, str], name: str) -> str:
    """A setting of the connection; raises Misconfigured when it is missing."""
    value = connection.get(name, "").strip()
    if not value:
        raise Misconfigured(vendor, "connect", f"the setting {name} of the connection is missing")
    return value


def needed_secret(vendor: str, secrets: Secrets, project: str, name: str) -> str:
    """A secret of the project; raises Misconfigured when it is missing."""
    value = (secrets.get(project, name) or "").strip()
    if not value:
        raise Misconfigured(vendor, "connect", f"the secret {name} is missing")
    return value
