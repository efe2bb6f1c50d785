"""Users, organisation, modules, fields, layouts, pipelines (crm_zohocrm.md 6, 11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sandbox.twins.zoho_crm.records import module_of
from sandbox.twins.zoho_crm.state import DEALS, MODULES, Row
from sandbox.twins.zoho_crm.wire import NOTHING, Call, Reply, Wrong, whole

LAYOUT = "5725767000000091023"
ADMINISTRATOR, STANDARD = "Administrator", "Standard"
CATEGORIES = {"Open": ("5", "Pipeline"), "Closed Won": ("6", "Closed"), "Closed Lost": ("7", "Omitted")}
TYPES: dict[str, Callable[[Row], bool]] = {
    "AllUsers": lambda row: True,
    "ActiveUsers": lambda row: row["status"] == "active",
    "ActiveConfirmedUsers": lambda row: row["status"] == "active",
    "DeactiveUsers": lambda row: row["status"] == "disabled",
    "AdminUsers": lambda row: row["profile"]["name"] == ADMINISTRATOR,
}


def user_row(key: str, name: str, email: str, *, active: bool, admin: bool) -> Row:
    first, _, last = name.rpartition(" ")
    profile = ("5725767000000026011", ADMINISTRATOR) if admin else ("5725767000000026014", STANDARD)
    return {
        "id": key, "email": email or f"user{key[-3:]}@example.com", "first_name": first, "last_name": last,
        "full_name": name, "status": "active" if active else "disabled", "confirm": True, "zuid": f"7{key[-6:]}",
        "type__s": "Regular User",
        "profile": {"id": profile[0], "name": profile[1]}, "role": {"id": "5725767000000026005", "name": "Manager"},
        "phone": None, "mobile": None,
    }  # fmt: skip


def list_users(call: Call) -> Reply:
    """`GET /users?type=…`, a page at a time."""
    kind = call.query.get("type", "AllUsers")
    size, number = whole(call.query.get("per_page", ""), 200, 200), whole(call.query.get("page", ""), 1, 10**6)
    if kind == "CurrentUser":
        rows = [call.state.users[call.user]]
    elif kind in TYPES:
        rows = [row for row in call.state.users.values() if TYPES[kind](row)]
    else:
        raise Wrong(400, "INVALID_DATA", "invalid type", param_name="type")
    cut = rows[size * (number - 1) : size * number]
    info = {"per_page": size, "count": len(cut), "page": number, "more_records": size * number < len(rows)}
    return Reply(200, {"users": cut, "info": info}) if cut else NOTHING


def get_org(call: Call) -> Reply:
    account = call.twin.account
    licence = {"paid": account.edition != "free", "paid_type": account.edition, "paid_expiry": None, "trial_type": None,
               "trial_expiry": None, "users_license_purchased": 10}  # fmt: skip
    org = {"id": "5725767000000020010", "zgid": account.zgid, "domain_name": account.domain_name, "company_name": "Acme",
           "time_zone": account.time_zone, "currency": "Euro", "iso_code": "EUR", "license_details": licence}  # fmt: skip
    return Reply(200, {"org": [org]})


def list_modules(call: Call) -> Reply:
    hidden = call.twin.account.hidden_modules
    rows = [_module(number, name, visible=name not in hidden) for number, name in enumerate(MODULES)]
    return Reply(200, {"modules": rows})


def _module(number: int, name: str, *, visible: bool) -> Row:
    return {
        "id": f"57257670000000021{number:02d}", "api_name": name, "module_name": name, "plural_label": name,
        "singular_label": name[:-1], "api_supported": visible, "viewable": visible, "creatable": visible, "editable": visible,
        "generated_type": "default", "status": "visible" if visible else "system_hidden",
    }  # fmt: skip


def list_fields(call: Call) -> Reply:
    module = module_of(_with_module(call))
    return Reply(200, {"fields": list(call.state.fields[module].values())})


def list_layouts(call: Call) -> Reply:
    module_of(_with_module(call))
    return Reply(200, {"layouts": [{"id": LAYOUT, "name": "Standard", "api_name": "Standard", "status": "active"}]})


def _with_module(call: Call) -> Call:
    if not call.query.get("module"):
        raise Wrong(400, "REQUIRED_PARAM_MISSING", "One of the expected parameter is missing", param_name="module")
    return replace(call, args={"module": call.query["module"]})


def list_pipelines(call: Call) -> Reply:
    """The pipelines of a layout, their stages with forecast types (6)."""
    if call.query.get("layout_id") != LAYOUT or DEALS in call.twin.account.hidden_modules:
        raise Wrong(400, "INVALID_DATA", "the id given seems to be invalid", param_name="layout_id")
    rows = [
        {"id": f"57257670000000950{number:02d}", "display_value": name, "actual_value": name, "default": number == 0,
         "maps": [_stage(place, stage, forecast) for place, (stage, forecast) in enumerate(stages, 1)]}
        for number, (name, stages) in enumerate(call.state.pipelines.items())
    ]  # fmt: skip
    return Reply(200, {"pipeline": rows})


def _stage(place: int, name: str, forecast: str) -> Row:
    key, category = CATEGORIES[forecast]
    return {
        "id": f"572576700000000{place:04d}", "display_value": name, "actual_value": name, "sequence_number": place,
        "forecast_type": forecast, "forecast_category": {"id": key, "name": category},
    }  # fmt: skip
