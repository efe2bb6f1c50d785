"""How the company's RetailCRM account is set up: what tests and the stand switch (crm_retailcrm.md 1, 3, 6, 9, 10, 17)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

GROUPS: Mapping[str, tuple[str, ...]] = {
    "new": ("new",),
    "approval": ("availability-confirmed", "offer-analog", "client-confirmed"),
    "assembling": ("send-to-assembling", "assembling", "assembling-complete"),
    "delivery": ("send-to-delivery", "delivering"),
    "complete": ("complete",),
    "cancel": ("no-call", "no-product", "cancel-other"),
}
"""The groups of statuses a new account has (5), and statuses in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account. Change it at run time with `RetailCrmTwin.set(enforce_rates=True)`.

    `rights` are the methods the key may call, as `GET /api/credentials` names them (None: all the twin has); `sites_of_key`
    the shops it opens (None: all `sites`). `enforce_rates` switches 3 on: `rate` requests a second, `telephony_rate` of their
    own. What nobody could verify can be switched (17): `search_normalises` compares numbers by their digits;
    `unknown_filters` are `ignored` or `refused`; `phones_are_merged` when a customer is edited; `complete_on_create` honours
    `complete` in a new task; `manager_needs_module` refuses `telephony/manager` without a registered module;
    `refuse_inactive_manager` refuses one who left.
    """

    key: str = "twin-api-key-8d2f60"
    domain: str = "acme.retailcrm.ru"
    sites: tuple[str, ...] = ("shop",)
    sites_of_key: tuple[str, ...] | None = None
    timezone: str = "Europe/Kyiv"
    rights: frozenset[str] | None = None
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(GROUPS))
    order_methods: tuple[str, ...] = ("phone", "shopping-cart", "call-request", "missed-call")
    order_types: tuple[str, ...] = ("eshop-individual", "eshop-legal")
    enforce_rates: bool = False
    rate: int = 10
    telephony_rate: int = 40
    search_normalises: bool = True
    unknown_filters: str = "ignored"
    phones_are_merged: bool = False
    complete_on_create: bool = False
    manager_needs_module: bool = False
    refuse_inactive_manager: bool = False
    orders_find_customer: bool = True

    def group_of(self, status: str) -> str:
        """The group a status is in."""
        return next(group for group, statuses in self.groups.items() if status in statuses)

    @property
    def statuses(self) -> tuple[str, ...]:
        return tuple(status for statuses in self.groups.values() for status in statuses)
