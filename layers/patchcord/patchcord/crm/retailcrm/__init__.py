"""RetailCRM (Simla): declaration, reading, writing, the account's references, client (crm_retailcrm.md)."""

from __future__ import annotations

from collections.abc import Mapping

from patchcord.crm.connect import needed_secret, needed_setting
from patchcord.crm.errors import Misconfigured
from patchcord.crm.grants import FixedToken, Leases, Secrets
from patchcord.crm.retailcrm.client import RetailCrm
from patchcord.crm.retailcrm.declaration import CLOSED_GROUPS, DECLARATION, NOTATIONS, VENDOR, Connection
from patchcord.crm.retailcrm.reading import zone_of
from patchcord.model.records import RecordKind

__all__ = ["DECLARATION", "Connection", "RetailCrm", "connect"]


def connect(connection: Mapping[str, str], secrets: Secrets, store: Leases, project: str) -> RetailCrm:
    """The project's RetailCRM, without a request.

    Settings: `base_url` (`https://acme.retailcrm.ru`), `site` (the shop's code), `timezone` (the account's), `task_performer`
    (a user's id), `order_method`, `closed_groups`, `closed_statuses`, `phone_search` (lists with commas),
    `marker_fields.customer` and `.order` (custom fields for our marker). Secret: `api_key`. Raises Misconfigured.
    """
    base_url = needed_setting(VENDOR, connection, "base_url")
    if (name := connection.get("timezone", "").strip()) and zone_of(name) is None:
        raise Misconfigured(VENDOR, "connect", "the setting timezone is no time zone such as Europe/Kyiv")
    key = needed_secret(VENDOR, secrets, project, "api_key")
    return RetailCrm(
        Connection(
            base_url=base_url,
            credentials=FixedToken("X-API-KEY", key, lambda: secrets.get(project, "api_key", fresh=True)),
            **{text: connection.get(text, "").strip() for text in ("site", "timezone", "task_performer", "order_method")},
            closed_groups=_listed(connection, "closed_groups") or CLOSED_GROUPS,
            closed_statuses=_listed(connection, "closed_statuses"),
            phone_search=_notations(connection),
            marker_fields=_marker_fields(connection),
        )
    )


def _listed(connection: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in connection.get(name, "").split(",") if part.strip())


def _notations(connection: Mapping[str, str]) -> tuple[str, ...]:
    chosen = _listed(connection, "phone_search") or NOTATIONS[:1]
    if unknown := [name for name in chosen if name not in NOTATIONS]:
        raise Misconfigured(VENDOR, "connect", f"phone_search has {unknown[0]}: choose of {', '.join(NOTATIONS)}")
    return chosen


def _marker_fields(connection: Mapping[str, str]) -> dict[RecordKind, str]:
    """The fields for our marker by neutral kind, out of the settings with the vendor's words."""
    prefix = "marker_fields."
    kinds = {word: kind for kind, word in DECLARATION.kinds.items()}
    words = {name.removeprefix(prefix): code for name, code in connection.items() if name.startswith(prefix) and code}
    if unknown := sorted(set(words) - set(kinds)):
        raise Misconfigured(VENDOR, "connect", f"{unknown[0]} has no marker field: choose customer or order")
    return {kinds[word]: code for word, code in words.items()}
