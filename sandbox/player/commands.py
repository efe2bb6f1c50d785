"""One call of a new client as a command to copy, for each telephony; and what comes beside calls."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from sandbox.player.beside import SITE
from sandbox.player.mango import Account

NEW_CLIENT = "380631234567"
NEW_FORM = "380631234568"
WAIT, TALK = 7, 42


def ringostat(hooks: str, line: str, login: str) -> str:
    """The end of an answered call. `hooks` ends with a slash; `line` is E.164."""
    fields = {
        "uniqueid": "try-1",
        "call_type": "in",
        "caller_number": NEW_CLIENT,
        "dst": line.removeprefix("+"),
        "connected_with": login,
        "disposition": "PROPER",
        "waittime": str(WAIT),
        "billsec": str(TALK),
        "duration": str(WAIT + TALK),
    }
    return f"curl -s -H 'content-type: application/json' -d '{json.dumps(fields)}' {hooks}ringostat/in/after"


def question(questions: str, client: str) -> str:
    """Whom to ring for a client, asked as a Webhook number does."""
    return f"curl -s -d caller_number={client.removeprefix('+')} {questions.removesuffix('/')}"


def form(forms: str) -> str:
    """Somebody fills in the form of the demo's site."""
    told = json.dumps({"phone": NEW_FORM, "name": "Olha", "comment": "Four desks", "submission": "try-1"})
    return f"curl -s -H 'origin: {SITE}' -H 'content-type: application/json' -d '{told}' {forms}callback"


def click(calls: str, client: str, employee: str) -> str:
    """Somebody clicks on a number in the CRM."""
    told = json.dumps({"to": client.removeprefix("+"), "employee": employee})
    return f"curl -s -H 'content-type: application/json' -d '{told}' {calls.removesuffix('/')}"


def mango(hooks: str, account: Account, line: str, extension: str, now: datetime) -> str:
    """The summary of an answered call that is over at `now`. The shell signs it, so that it can be changed."""
    begun = int((now - timedelta(seconds=WAIT + TALK)).timestamp())
    fields = {
        "entry_id": "try-1",
        "call_direction": 1,
        "from": {"number": NEW_CLIENT},
        "to": {"extension": extension},
        "line_number": line.removeprefix("+"),
        "create_time": begun,
        "talk_time": begun + WAIT,
        "end_time": begun + WAIT + TALK,
        "entry_result": 1,
        "disconnect_reason": 1110,
    }
    text = json.dumps(fields, separators=(",", ":"))
    sign = f'$(printf %s "{account.key}${{json}}{account.salt}" | openssl dgst -sha256 -r | cut -c1-64)'
    parts = (f"vpbx_api_key={account.key}", f"sign={sign}", "json=$json")
    form = " ".join(f'--data-urlencode "{part}"' for part in parts)
    return f"json='{text}'; curl -s {form} {hooks}mango/events/summary"
