"""Every call the twin has, with the scope it needs (crm_hubspot.md 2.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.twins.hubspot import company, links, objects, properties, search
from sandbox.twins.hubspot.state import BY_TYPE_ID, CALLS, LEADS, NOTES, TASKS
from sandbox.twins.hubspot.wire import Handler

VERSIONS = ("2025-09", "2026-03", "2026-09")
"""Dated versions that live; the old `v3` paths answer the same (1)."""


@dataclass(frozen=True, slots=True)
class Route:
    """One call. `area` and `writes` say which scope is needed; a `search` has a counter of its own (3)."""

    method: str
    path: str
    handler: Handler
    area: str
    writes: bool = False
    search: bool = False

    def paths(self) -> Iterator[str]:
        """The path in each version."""
        for version in VERSIONS:
            yield self.path.replace("{version}", version)
        head, _, rest = self.path.partition("/{version}")
        if head.startswith("/crm/"):
            yield f"/crm/v3/{head.removeprefix('/crm/')}{rest}"

    def scopes(self, sort: str) -> set[str]:
        """Any of these opens the call; none of them means that it is open to all. Activities go by contacts (2.3)."""
        known = BY_TYPE_ID.get(sort, sort)
        family = "contacts" if known in (TASKS, CALLS, NOTES) else known
        right = "write" if self.writes else "read"
        if self.area == "owners":
            return {"crm.objects.owners.read"}
        if self.area == "account":
            return set()
        own = {f"crm.objects.{family}.{right}"}
        schema = {f"crm.schemas.{family}.{right}"}
        return schema if self.area == "properties" and self.writes else own | schema if self.area != "objects" else own

    def is_for_leads(self, sort: str, other: str) -> bool:
        """Whether the account needs the lead object for it (7)."""
        return self.area != "properties" and LEADS in (BY_TYPE_ID.get(sort, sort), BY_TYPE_ID.get(other, other))


OBJECT, ONE = "/crm/objects/{version}/<sort>", "/crm/objects/{version}/<sort>/<key>"
ROUTES = (
    Route("POST", f"{OBJECT}/search", search.search, "objects", search=True),
    Route("POST", f"{OBJECT}/batch/read", objects.batch_read, "objects"),
    Route("POST", f"{OBJECT}/batch/upsert", objects.batch_upsert, "objects", writes=True),
    Route("GET", OBJECT, objects.list_all, "objects"),
    Route("POST", OBJECT, objects.create, "objects", writes=True),
    Route("GET", ONE, objects.get, "objects"),
    Route("PATCH", ONE, objects.update, "objects", writes=True),
    Route("DELETE", ONE, objects.delete, "objects", writes=True),
    Route("GET", f"{ONE}/associations/<other>", links.list_links, "objects"),
    Route("PUT", f"{ONE}/associations/default/<other>/<other_key>", links.put_default, "objects", writes=True),
    Route("DELETE", f"{ONE}/associations/<other>/<other_key>", links.delete_links, "objects", writes=True),
    Route("POST", "/crm/associations/{version}/<sort>/<other>/batch/read", links.read_links, "objects"),
    Route("GET", "/crm/properties/{version}/<sort>", properties.list_properties, "properties"),
    Route("POST", "/crm/properties/{version}/<sort>", properties.create_property, "properties", writes=True),
    Route("GET", "/crm/properties/{version}/<sort>/<name>", properties.get_property, "properties"),
    Route("GET", "/crm/pipelines/{version}/<sort>", company.list_pipelines, "pipelines"),
    Route("GET", "/crm/owners/{version}", company.list_owners, "owners"),
    Route("GET", "/crm/owners/{version}/<key>", company.get_owner, "owners"),
    Route("GET", "/account-info/{version}/details", company.account_details, "account"),
)
