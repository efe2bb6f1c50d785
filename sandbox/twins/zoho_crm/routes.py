"""Every call of the API that the twin has, with the scope it needs and its credits (crm_zohocrm.md 1, 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.twins.zoho_crm import company, composite, coql, notes, records
from sandbox.twins.zoho_crm.state import LEADS, NOTES
from sandbox.twins.zoho_crm.wire import Handler

VERBS = {"GET": "READ", "POST": "CREATE", "PUT": "UPDATE"}
BASE = "/crm/v8"


@dataclass(frozen=True, slots=True)
class Route:
    """One call. `scope` may hold `{module}`; `verb` is the right it needs, else that of its method."""

    method: str
    path: str
    handler: Handler
    scope: str = "modules.{module}"
    verb: str = ""
    credits: int = 1
    slots: int = 1
    args: Mapping[str, Any] = field(default_factory=dict)

    def scopes(self, args: Mapping[str, Any]) -> tuple[str, str]:
        module = str({**self.args, **args}.get("module", "")).lower()
        return self.scope.format(module=module), self.verb or VERBS[self.method]


RELATED = ("Deals", "Tasks", "Calls", "Notes")
ROUTES = (
    Route("POST", "/coql", coql.query, "coql", "READ"),
    Route("POST", "/__composite_requests", composite.composite, "composite_requests", "CUSTOM", slots=5),
    Route("GET", "/users", company.list_users, "users"),
    Route("GET", "/org", company.get_org, "org"),
    Route("GET", "/settings/modules", company.list_modules, "settings.modules"),
    Route("GET", "/settings/fields", company.list_fields, "settings.fields"),
    Route("GET", "/settings/layouts", company.list_layouts, "settings.layouts"),
    Route("GET", "/settings/pipeline", company.list_pipelines, "settings.pipeline"),
    Route("POST", "/Notes", notes.create, args={"module": NOTES}),
    Route("POST", "/<module>/<key>/Notes", notes.create_below, "modules.notes"),
    Route("POST", "/Leads/<key>/actions/convert", records.convert, credits=5, args={"module": LEADS}),
    Route("POST", "/<module>/<key>/actions/change_owner", records.change_owner, "change_owner"),
    Route("GET", "/<module>/search", records.search),
    Route("GET", "/<module>", records.list_all),
    Route("POST", "/<module>", records.create),
    Route("PUT", "/<module>", records.update),
    Route("POST", "/<module>/upsert", records.upsert),
    Route("GET", "/<module>/<key>", records.get),
    Route("PUT", "/<module>/<key>", records.update),
    *(Route("GET", f"/<module>/<key>/{other}", records.related, args={"other": other}) for other in RELATED),
)
