"""The project and the calls that the integration tests share."""

from __future__ import annotations

from typing import Any

from sandbox.twins.base import Twin

CLIENT = "+380671234567"
LINE = "+380442220000"


def document(twin: Twin, url: str, **more: Any) -> dict[str, Any]:
    """A project on a twin: Anna, Boris and Olena, the senior manager, with users of the twin; Nora without one."""
    users = {name: twin.seed_user(name=name, email=f"{name}@acme.example") for name in ("anna", "boris", "olena")}
    employees = {
        name: {
            "name": f"{name.title()} Shevchenko",
            "email": f"{name}@acme.example",
            "main_directions": [f"sip:acme_{name}"],
            "crm_user": user,
        }
        for name, user in users.items()
    }
    employees["nora"] = {"name": "Nora Bondar", "main_directions": ["sip:acme_nora"]}
    return {
        "crm": {"vendor": twin.vendor, "options": {"base_url": url}},
        "integration": {"enabled": True},
        "senior_manager": "olena",
        "employees": employees,
        "lines": [LINE],
        **more,
    }


def before_call(call: str = "ua1_-1772704800.1", client: str = CLIENT, **more: Any) -> dict[str, Any]:
    """What every webhook of an incoming call says."""
    return {
        "uniqueid": call,
        "call_type": "in",
        "calldate": "2026-03-05 12:00:00",
        "caller_number": client,
        "dst": LINE,
        "utm_source": "google",
        **more,
    }


def answer(call: str = "ua1_-1772704800.1", client: str = CLIENT, who: str = "anna", **more: Any) -> dict[str, Any]:
    return before_call(call, client, connected_with=f"acme_{who}", **more)


def after_call(call: str = "ua1_-1772704800.1", client: str = CLIENT, who: str = "anna", **more: Any) -> dict[str, Any]:
    return answer(call, client, who) | {
        "disposition": "PROPER",
        "waittime": "8",
        "billsec": "95",
        "duration": "103",
        "has_recording": "1",
        "recording": f"https://app.ringostat.com/recordings/{call}.ogg?token=0123456789abcdef",
        **more,
    }


def missed(call: str = "ua1_-1772704800.1", client: str = CLIENT, **more: Any) -> dict[str, Any]:
    return before_call(call, client) | {
        "disposition": "NO ANSWER",
        "connected_with": "",
        "employee_number": "-1",
        "waittime": "30",
        "billsec": "0",
        "duration": "30",
        "has_recording": "0",
        **more,
    }


def outgoing(call: str = "ua1_-1772704800.9", client: str = CLIENT, who: str = "anna", **more: Any) -> dict[str, Any]:
    return {
        "uniqueid": call,
        "call_type": "out",
        "calldate": "2026-03-05 12:00:00",
        "caller": f"acme_{who}",
        "caller_number": LINE,
        "outbound_number": LINE,
        "dst": client,
        "disposition": "ANSWERED",
        "waittime": "8",
        "billsec": "95",
        "duration": "103",
        "has_recording": "0",
        **more,
    }
