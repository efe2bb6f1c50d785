"""Forms and dispatches with every CRM, end to end: the few cases that the golden file has for one CRM, for all of them."""

from __future__ import annotations

from typing import Any

import pytest

from patchcord.scenarios.profiles import profile, profile_names
from tests.golden import twin
from tests.golden.rows import SHARED, Row, load

pytestmark = pytest.mark.skipif(
    not SHARED.is_file(), reason="the golden cases do not lie beside this checkout (shared/reference)"
)

CLIENT = "+380671234567"
FORM = {
    "type": "form",
    "phone": CLIENT,
    "name": "Olena",
    "email": "olena@example.com",
    "utm": {"utm_source": "google", "client_id": "GA1.2.1.1"},
    "fields": {"message": "Call me after <b>three</b>"},
}
DISPATCH = {"type": "messenger_dispatch", "phone": CLIENT, "channel": "telegram", "pressed_by": "boris"}
CLOSED = {"type": "messenger_dialog_closed", "phone": CLIENT, "channel": "telegram"}

WITH_PROCESS = [
    name for name in profile_names() if profile(name)["primary_entity"] in profile(name)["rows"]["form_new"]["create"]
]
ONLY_CLIENTS = [name for name in profile_names() if name not in WITH_PROCESS]


def words(name: str) -> dict[str, str]:
    """The CRM's own words of the neutral kinds."""
    return {kind: word for word, kind in reversed(profile(name)["vendor"]["words"].items())}


def case(name: str, event: dict[str, Any], known: str, expected: list[dict[str, Any]]) -> Row:
    """A row: `known` is what the CRM has of the client: nothing, a contact, or an open record too."""
    contact = {"entity": words(name)["contact"], "id": "C1", "owner": "anna", "phone": CLIENT}
    primary = {"entity": profile(name)["primary_entity"], "id": "L1", "owner": "anna", "phone": CLIENT, "contact": "C1"}
    state = {"nothing": [], "contact": [contact], "open": [contact, primary]}[known]
    identity = f"{name}-{event['type']}-{known}"
    body: dict[str, Any] = {
        "id": identity,
        "crm": name.removesuffix("_deal_mode"),
        "settings": {"profile": name, "override": {"forms.enabled": True}},
        "crm_state": state,
        "event": event,
        "expected": expected,
        "rules": [],
    }
    return Row(identity, body, load(SHARED)[0].fixtures)


def made(name: str, row: str, owner: str, at: str) -> list[dict[str, Any]]:
    """What the profile's row creates, for whom, and with the visit where the row wants it."""
    rule = profile(name)["rows"][row]
    owned = profile(name)["vendor"].get("owners", True)
    common = {"do": "create", "owner": owner if owned else None, "at": at, "utm": rule.get("utm", False) and row == "form_new"}
    return [common | {"entity": kind, "as": f"the new {kind}"} for kind in rule["create"]]


@pytest.mark.parametrize("name", profile_names())
def test_a_form_of_a_new_client(name: str) -> None:
    """S0-28, D-15; what nobody mapped is told at the new record (D-16)."""
    records = made(name, "form_new", "senior", "submit")
    silent = {key: value for key, value in FORM.items() if key != "fields"}
    assert twin.run(case(name, silent, "nothing", records)) == []
    entity = profile(name)["primary_entity"] if name in WITH_PROCESS else words(name)["contact"]
    told = {"do": "update", "entity": entity, "id": f"the new {entity}", "at": "submit", "set": "form_data"}
    assert twin.run(case(name, FORM, "nothing", [*records, told])) == []


@pytest.mark.parametrize("name", WITH_PROCESS)
def test_a_form_is_added_to_the_open_record(name: str) -> None:
    """S0-27: information added, nothing created."""
    entity = profile(name)["primary_entity"]
    told = {"do": "update", "entity": entity, "id": "L1", "at": "submit", "set": "form_data"}
    assert twin.run(case(name, FORM, "open", [told])) == []


@pytest.mark.parametrize("name", ONLY_CLIENTS)
def test_a_form_is_added_to_the_client_where_there_is_nothing_else(name: str) -> None:
    """S0-27, D-16."""
    told = {"do": "update", "entity": words(name)["contact"], "id": "C1", "at": "submit", "set": "form_data"}
    assert twin.run(case(name, FORM, "contact", [told])) == []


@pytest.mark.parametrize("known", ["nothing", "contact", "open"])
@pytest.mark.parametrize("name", profile_names())
def test_the_visitors_words_stand_in_the_crm(name: str, known: str) -> None:
    """S0-27, D-16: all of the form, as text, whatever it looks like and whoever the client is."""
    row = case(name, FORM, "contact" if known == "open" and name not in WITH_PROCESS else known, [])
    with twin.prepared(row) as stage:
        stage.play()
        texts = [str(write.fields.get("text", write.fields)) for write in stage.twin.ledger]
        assert any("Call me after" in text and "three" in text and "olena@example.com" in text for text in texts), texts


@pytest.mark.parametrize("name", profile_names())
def test_a_dispatch_of_a_new_client(name: str) -> None:
    """S0-30, S0-32…S0-34, D-17, C-23: for whoever pressed the button; the lead's name holds its id."""
    expected = made(name, "messenger_new", "boris", "dispatch")
    for action in expected:
        if action["entity"] == profile(name)["primary_entity"] and name in WITH_PROCESS:
            action["name_contains_id"] = True
    assert twin.run(case(name, DISPATCH, "nothing", expected)) == []


@pytest.mark.parametrize("event", [DISPATCH, CLOSED], ids=["dispatched", "closed"])
@pytest.mark.parametrize("name", profile_names())
def test_nothing_is_made_where_the_crm_has_data_or_nobody_pressed(name: str, event: dict[str, Any]) -> None:
    """S0-30, S0-31, D-18."""
    assert twin.run(case(name, event, "contact", [])) == []
    if event is CLOSED:
        assert twin.run(case(name, event, "nothing", [])) == []


@pytest.mark.parametrize("event", [FORM, DISPATCH], ids=["form", "dispatch"])
@pytest.mark.parametrize("name", ["pipedrive", "hubspot", "salesforce", "megaplan"])
def test_repeated_deliveries_change_nothing(name: str, event: dict[str, Any]) -> None:
    """D-07."""
    row, owner, at = ("form_new", "senior", "submit") if event is FORM else ("messenger_new", "boris", "dispatch")
    thrice = {**event, "deliveries": 3, "fields": {}}
    assert twin.run(case(name, thrice, "nothing", made(name, row, owner, at))) == []
