"""The paths of version 1 that the twin has, and the right that each needs (crm_altegio.md 2, 4-9)."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.twins.altegio import access, clients, company, fields, journal
from sandbox.twins.altegio.wire import Handler

BASE = "/api/v1"


@dataclass(frozen=True, slots=True)
class Route:
    """One call. `right` is what the user token must be allowed; `partner_only` takes no user token."""

    method: str
    path: str
    handler: Handler
    right: str = ""
    partner_only: bool = False


ROUTES = (
    Route("POST", "/auth", access.auth, partner_only=True),
    Route("GET", "/companies", company.list_locations),
    Route("POST", "/company/<int:location_id>/clients/search", clients.search, "clients"),
    Route("GET", "/clients/<int:location_id>", clients.listed, "clients"),
    Route("POST", "/clients/<int:location_id>", clients.create, "clients"),
    Route("POST", "/clients/<int:location_id>/bulk", clients.create_many, "clients"),
    Route("GET", "/client/<int:location_id>/<int:key>", clients.get_client, "clients"),
    Route("PUT", "/client/<int:location_id>/<int:key>", clients.change, "clients"),
    Route("DELETE", "/client/<int:location_id>/<int:key>", clients.remove, "clients"),
    Route("GET", "/group/<int:group_id>/clients/", clients.of_chain, "clients"),
    Route("GET", "/clients/<int:location_id>/clients/<int:key>/comments", journal.list_comments, "comments"),
    Route("POST", "/clients/<int:location_id>/clients/<int:key>/comments", journal.add_comment, "comments"),
    Route("DELETE", "/clients/<int:location_id>/clients/<int:key>/comments/<int:comment_id>", journal.remove_comment, "comments"),
    Route("GET", "/records/<int:location_id>", company.list_appointments, "records"),
    Route("GET", "/company/<int:location_id>/staff/", company.list_staff, "staff"),
    Route("GET", "/company/<int:location_id>/users", company.list_users, "users"),
    Route("GET", "/custom_fields/<category>/<int:location_id>", fields.list_fields, "fields"),
    Route("POST", "/custom_fields/<category>/<int:location_id>", fields.add_field, "fields"),
    Route("POST", "/voip/integration", journal.telephony, partner_only=True),
    Route("GET", "/voip/integration/calls", journal.list_calls, "calls"),
)
