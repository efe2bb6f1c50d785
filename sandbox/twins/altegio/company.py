"""The location itself: its staff, users and appointments (crm_altegio.md 6, 9)."""

from __future__ import annotations

from werkzeug.wrappers import Response

from sandbox.twins.altegio.wire import Call, ok, paged


def list_locations(call: Call) -> Response:
    return ok([{"id": call.account.location_id, "title": "Twin", "main_group_id": call.account.group_id}], {"total_count": 1})


def list_staff(call: Call) -> Response:
    rows = list(call.state.staff.values())
    return ok(rows, {"total_count": len(rows)})


def list_users(call: Call) -> Response:
    return ok(list(call.state.users.values()))


def list_appointments(call: Call) -> Response:
    """`GET /records/{id}` by client, staff and days; deleted ones only when asked for."""
    rows = list(call.state.appointments.values())
    if call.query("client_id"):
        rows = [row for row in rows if str(row["client"]["id"]) == call.query("client_id")]
    if call.query("staff_id"):
        rows = [row for row in rows if str(row["staff_id"]) == call.query("staff_id")]
    first, last = call.query("start_date", "0000"), call.query("end_date", "9999")
    rows = [row for row in rows if first <= row["date"][:10] <= last]
    return paged(call, [row for row in rows if not row["deleted"] or call.query("with_deleted") == "1"])
