"""Every call of the REST interface the twin has (crm_salesforce.md 1, 3, 5, 6, 8, 12, 15)."""

from __future__ import annotations

from sandbox.twins.salesforce import composite, query, records, search
from sandbox.twins.salesforce.wire import Call, Handler, Reply

DATA = "/services/data/v<int:version>.0"
OLDEST, NEWEST = 52, 68
"""Versions in use (1)."""


def limits(call: Call) -> Reply:
    """`GET /limits` (3)."""
    most = call.twin.org.daily_calls
    left = call.twin.calls.remaining(call.twin.clock())
    return Reply(200, {"DailyApiRequests": {"Max": most, "Remaining": left}})


def resources(call: Call) -> Reply:
    """`GET /services/data/v67.0/`: where everything is."""
    return Reply(200, {name: call.path(name) for name in ("sobjects", "query", "search", "parameterizedSearch", "limits")})


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", f"{DATA}/", resources),
    ("GET", f"{DATA}/limits", limits),
    ("GET", f"{DATA}/query", query.run_query),
    ("GET", f"{DATA}/query/<locator>", query.next_page),
    ("GET", f"{DATA}/search", search.sosl),
    ("POST", f"{DATA}/parameterizedSearch", search.parameterized),
    ("POST", f"{DATA}/composite", composite.composite),
    ("POST", f"{DATA}/composite/batch", composite.batch),
    ("GET", f"{DATA}/sobjects/<name>/describe", records.describe),
    ("POST", f"{DATA}/sobjects/<name>", records.create),
    ("GET", f"{DATA}/sobjects/<name>/<key>", records.get),
    ("PATCH", f"{DATA}/sobjects/<name>/<key>", records.update),
    ("DELETE", f"{DATA}/sobjects/<name>/<key>", records.delete),
    ("PATCH", f"{DATA}/sobjects/<name>/<field>/<value>", records.upsert),
)
