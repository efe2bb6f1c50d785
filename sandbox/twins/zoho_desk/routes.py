"""Every call the twin has, with its price in credits (crm_zohodesk.md 2) and the scopes of which it needs one (1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.twins.zoho_desk import activities, company, records, search
from sandbox.twins.zoho_desk.state import ACCOUNTS, CALLS, CONTACTS, TASKS, TICKETS
from sandbox.twins.zoho_desk.wire import Handler

SEARCH_COST = 3


@dataclass(frozen=True, slots=True)
class Route:
    """One call. `module` goes to the handler; `scopes` are families such as `tickets`."""

    method: str
    path: str
    handler: Handler
    cost: int
    scopes: tuple[str, ...]
    module: str = ""


def _records(module: str, scope: str) -> Iterator[Route]:
    scopes, one = (scope,), f"/{module}/<key>"
    yield Route("GET", f"/{module}", records.list_records, SEARCH_COST, scopes, module)
    yield Route("POST", f"/{module}", records.create_record, 1, scopes, module)
    yield Route("GET", f"/{module}/search", search.search, SEARCH_COST, ("search",), module)
    yield Route("GET", one, records.get_record, 1, scopes, module)
    yield Route("PATCH", one, records.update_record, 1, scopes, module)
    yield Route("GET", f"{one}/comments", activities.list_comments, SEARCH_COST, scopes, module)
    yield Route("POST", f"{one}/comments", activities.create_comment, 1, scopes, module)


def _activities(module: str) -> Iterator[Route]:
    scopes = (module, f"activities.{module}")
    yield Route("GET", f"/{module}", activities.list_activities, SEARCH_COST, scopes, module)
    yield Route("GET", f"/tickets/<key>/{module}", activities.list_activities, SEARCH_COST, scopes, module)
    yield Route("POST", f"/{module}", activities.create_activity, 1, scopes, module)
    yield Route("GET", f"/{module}/<key>", records.get_record, 1, scopes, module)
    yield Route("PATCH", f"/{module}/<key>", activities.update_activity, 1, scopes, module)


ROUTES = (
    *_records(CONTACTS, "contacts"),
    *_records(ACCOUNTS, "contacts"),
    *_records(TICKETS, "tickets"),
    *_activities(TASKS),
    *_activities(CALLS),
    Route("GET", "/contacts/<key>/tickets", records.contact_tickets, SEARCH_COST, ("tickets",)),
    Route("GET", "/organizations", company.list_organizations, SEARCH_COST, ("basic",)),
    Route("GET", "/departments", company.list_departments, SEARCH_COST, ("basic", "settings")),
    Route("GET", "/agents", company.list_agents, SEARCH_COST, ("basic", "settings")),
    Route("GET", "/agents/<key>", company.get_agent, 1, ("basic", "settings")),
    Route("GET", "/fields", company.list_fields, SEARCH_COST, ("settings", "fields")),
)
