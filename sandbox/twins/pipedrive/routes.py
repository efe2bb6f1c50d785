"""Every call the twin has, with its price (crm_pipedrive.md 3.1) and the scope it needs (2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.twins.pipedrive import activities, company, fields, journal, leads, records, search
from sandbox.twins.pipedrive.state import DEAL, LEAD, ORGANIZATION, PERSON
from sandbox.twins.pipedrive.wire import Handler


@dataclass(frozen=True, slots=True)
class Route:
    """One call. `args` go to the handler with the path's parts; `app_only` refuses API tokens; `search` has its own burst."""

    method: str
    path: str
    handler: Handler
    cost: int
    scope: str
    args: Mapping[str, Any] = field(default_factory=dict)
    app_only: bool = False
    search: bool = False


def _of_kind(word: str, plural: str, scope: str, field_scope: str) -> list[Route]:
    """The calls persons, organisations and deals have in common."""
    args, path, described = {"word": word}, f"/api/v2/{plural}", f"/api/v2/{word}Fields"
    return [
        Route("GET", path, records.list_rows, 10, scope, args),
        Route("POST", path, records.create_row, 5, scope, args),
        Route("GET", f"{path}/search", search.search_one, 20, "search", args, search=True),
        Route("GET", f"{path}/<int:key>", records.get_row, 1, scope, args),
        Route("PATCH", f"{path}/<int:key>", records.update_row, 5, scope, args),
        Route("GET", described, fields.list_fields, 10, scope, args),
        Route("POST", described, fields.create_field, 5, field_scope, args),
        Route("GET", f"{described}/<code>", fields.get_field, 1, scope, args),
    ]


ROUTES = (
    *_of_kind(PERSON, "persons", "contacts", "contact-fields"),
    *_of_kind(ORGANIZATION, "organizations", "contacts", "contact-fields"),
    *_of_kind(DEAL, "deals", "deals", "deal-fields"),
    Route("GET", "/api/v2/deals/archived", records.list_archived_deals, 20, "deals"),
    Route("GET", "/api/v2/itemSearch", search.item_search, 20, "search", search=True),
    Route("GET", "/api/v2/leads/search", search.search_one, 20, "search", {"word": LEAD}, search=True),
    Route("GET", "/api/v1/leads", leads.list_leads, 20, "leads", {"archived": False}),
    Route("GET", "/api/v1/leads/archived", leads.list_leads, 40, "leads", {"archived": True}),
    Route("POST", "/api/v1/leads", leads.create_lead, 10, "leads"),
    Route("GET", "/api/v1/leads/<key>", leads.get_lead, 2, "leads"),
    Route("PATCH", "/api/v1/leads/<key>", leads.update_lead, 10, "leads"),
    Route("POST", "/api/v2/leads/<key>/convert/deal", leads.convert_lead, 40, "leads"),
    Route("GET", "/api/v2/leads/<key>/convert/status/<conversion>", leads.conversion_status, 1, "leads"),
    Route("GET", "/api/v2/activities", activities.list_activities, 10, "activities"),
    Route("POST", "/api/v2/activities", activities.create_activity, 5, "activities"),
    Route("GET", "/api/v2/activities/<int:key>", activities.get_activity, 1, "activities"),
    Route("PATCH", "/api/v2/activities/<int:key>", activities.update_activity, 5, "activities"),
    Route("GET", "/api/v1/notes", journal.list_notes, 20, "contacts"),
    Route("POST", "/api/v1/notes", journal.create_note, 10, "contacts"),
    Route("GET", "/api/v1/notes/<int:key>", journal.get_note, 2, "contacts"),
    Route("PUT", "/api/v1/notes/<int:key>", journal.update_note, 10, "contacts"),
    Route("GET", "/api/v1/callLogs", journal.list_call_logs, 20, "phone-integration", app_only=True),
    Route("POST", "/api/v1/callLogs", journal.create_call_log, 10, "phone-integration", app_only=True),
    Route("GET", "/api/v1/callLogs/<key>", journal.get_call_log, 2, "phone-integration", app_only=True),
    Route("POST", "/api/v1/callLogs/<key>/recordings", journal.upload_recording, 10, "phone-integration", app_only=True),
    Route("GET", "/api/v1/users", company.list_users, 20, "users"),
    Route("GET", "/api/v1/users/me", company.get_me, 2, "base"),
    Route("GET", "/api/v1/users/find", company.find_users, 40, "users"),
    Route("GET", "/api/v1/users/<int:key>", company.get_user, 2, "users"),
    Route("GET", "/api/v1/activityTypes", company.list_activity_types, 20, "activities"),
    Route("GET", "/api/v2/pipelines", company.list_pipelines, 5, "deals"),
    Route("GET", "/api/v2/stages", company.list_stages, 5, "deals"),
)
REMOVED = ("persons", "organizations", "deals", "activities", "pipelines", "stages", "itemSearch")
"""v1 calls that left support: 410 (crm_pipedrive.md 1, 4)."""
