"""Every call the twin has, and the right it needs, named as `GET /api/credentials` names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.twins.retailcrm import company, fields, journal, records, telephony
from sandbox.twins.retailcrm.state import CUSTOMER, ORDER
from sandbox.twins.retailcrm.wire import Handler

API = "/api/v5"


@dataclass(frozen=True, slots=True)
class Route:
    """One call below `/api/v5`. `args` go to the handler with the path's parts; `free` needs a key but no right."""

    method: str
    name: str
    handler: Handler
    args: Mapping[str, Any] = field(default_factory=dict)
    free: bool = False

    @property
    def path(self) -> str:
        base = "/api" if self.free else API
        return base + self.name.replace("{id}", "<key>").replace("{code}", "<key>")

    @property
    def right(self) -> str:
        return f"/api{self.name}"

    @property
    def telephony(self) -> bool:
        return self.name.startswith("/telephony/")


def _records(word: str, plural: str, lister: Handler) -> list[Route]:
    args = {"word": word}
    return [
        Route("GET", f"/{plural}", lister),
        Route("POST", f"/{plural}/create", records.create_record, args),
        Route("GET", f"/{plural}/{{id}}", records.get_record, args),
        Route("POST", f"/{plural}/{{id}}/edit", records.edit_record, args),
    ]


ROUTES = (
    Route("GET", "/api-versions", company.versions, free=True),
    Route("GET", "/credentials", company.credentials, free=True),
    *_records(CUSTOMER, "customers", records.list_customers),
    *_records(ORDER, "orders", records.list_orders),
    Route("GET", "/customers/notes", journal.list_notes),
    Route("POST", "/customers/notes/create", journal.create_note),
    Route("POST", "/customers/notes/{id}/delete", journal.delete_note),
    Route("GET", "/tasks", journal.list_tasks),
    Route("POST", "/tasks/create", journal.create_task),
    Route("GET", "/tasks/{id}", journal.get_task),
    Route("POST", "/tasks/{id}/edit", journal.edit_task),
    Route("GET", "/telephony/manager", telephony.manager),
    Route("POST", "/telephony/call/event", telephony.event),
    Route("POST", "/telephony/calls/upload", telephony.upload),
    Route("GET", "/integration-modules/{code}", telephony.get_module),
    Route("POST", "/integration-modules/{code}/edit", telephony.edit_module),
    Route("GET", "/users", company.list_users),
    Route("GET", "/users/{id}", company.get_user),
    Route("GET", "/settings", company.settings),
    Route("GET", "/reference/statuses", company.statuses),
    Route("GET", "/reference/status-groups", company.status_groups),
    Route("GET", "/reference/order-methods", company.order_methods),
    Route("GET", "/reference/order-types", company.order_types),
    Route("GET", "/reference/sites", company.sites),
    Route("GET", "/custom-fields", fields.list_fields),
    Route("GET", "/custom-fields/dictionaries", fields.list_dictionaries),
    Route("GET", "/custom-fields/dictionaries/{code}", fields.get_dictionary),
)
RIGHTS = frozenset(route.right for route in ROUTES if not route.free)
