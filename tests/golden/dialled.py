"""Golden rows that click a number in the CRM: the decision, and the same through the real handler with the telephony's API."""

from __future__ import annotations

from typing import Any

from patchcord.scenarios.dialling import Refused, Wish, dial
from patchcord.scenarios.profiles import merge
from patchcord.service.projects import secret_hash
from sandbox.telephony.mango_twin import MangoTwin
from sandbox.telephony.mango_twin import serve as serve_mango
from tests.golden import mango
from tests.golden.compare import Action, differences
from tests.golden.rows import Row, document, settings_of
from tests.harness import CLICK_SECRET, MANGO_KEY, MANGO_SALT, world
from tests.ringostat_server import AUTH_KEY, PROJECT_ID, ringostat


def run(row: Row) -> list[str]:
    """What differs between the row and the decision."""
    told = None if mango.is_mangos(row) else [str(account) for account in row.event.get("online") or ()]
    found = dial(Wish(**_asked(row)), settings_of(row), told, lambda accounts: accounts[-1])
    if isinstance(found, Refused):
        return differences(row.expected, row.must_not, [{"do": "refuse", "code": found.code.value}])
    return _compared(row, {"do": "dial", "order": list(found.order)})


def run_through(row: Row) -> list[str]:
    """What differs between the row and what the telephony is told when the button's request comes in."""
    return _through_mango(row) if mango.is_mangos(row) else _through_ringostat(row)


def _through_ringostat(row: Row) -> list[str]:
    with ringostat() as (server, url):
        server.online = [str(account).removeprefix("sip:") for account in row.event.get("online") or ()]
        telephony = {"provider": "ringostat", "base_url": url, "project_id": PROJECT_ID}
        with world(_body(row, telephony), secrets={"ringostat_api_key": AUTH_KEY}) as product:
            answer = product.click(_asked(row))
        if answer["status_code"] != 200:
            action = {"do": "refuse", "code": answer["code"]} if not server.callbacks else {"do": "dial"}
            return differences(row.expected, row.must_not, [action])
        (dialled,) = server.callbacks
        order = ["client", f"sip:{dialled['callee']}"]
        return _compared(row, {"do": "dial", "order": order if dialled["manager_dst"] else order[::-1]})


def _through_mango(row: Row) -> list[str]:
    twin = MangoTwin(key=MANGO_KEY, salt=MANGO_SALT)
    with serve_mango(twin) as calling:
        for employee in row.fixtures["employees"].values():
            twin.seed_employee(extension=str(employee["extension"]), name="Somebody")
        with world(_body(row, {"provider": "mango", "base_url": f"{calling.url}/vpbx"})) as product:
            answer = product.click(_asked(row))
        if answer["status_code"] != 200:
            return differences(row.expected, row.must_not, [{"do": "refuse", "code": answer["code"]}])
        return _compared(row, {"do": "dial", "order": answer["order"]})


def _body(row: Row, telephony: dict[str, Any]) -> dict[str, Any]:
    return merge(document(row), {"telephony": telephony, "click_to_call": {"secrets": [secret_hash(CLICK_SECRET)]}})


def _asked(row: Row) -> dict[str, Any]:
    """The click: the number, and the employee or account if the row says who clicked."""
    event = row.event
    employee = next((str(event[name]) for name in ("employee", "by", "user", "clicked_by") if event.get(name)), None)
    asked = {"to": str(event["to"]), "employee": employee, "sip": event.get("sip"), "first": event.get("first")}
    return {name: value for name, value in asked.items() if value is not None}


def _compared(row: Row, action: Action) -> list[str]:
    """`any_of` in the expected order stands for whichever of them was rung."""
    chosen = [_chosen(wanted, action) for wanted in row.expected]
    return differences(chosen, row.must_not, [action])


def _chosen(wanted: Action, action: Action) -> Action:
    if wanted.get("do") != "dial":
        return wanted
    pairs = zip(wanted["order"], action["order"], strict=False)
    order = [told if isinstance(one, dict) and told in one["any_of"] else one for one, told in pairs]
    return {**wanted, "order": order}
