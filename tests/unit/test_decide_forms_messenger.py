"""Site forms and messenger dispatches (S0-26…S0-34, D-15…D-18, O-15…O-22, C-28, V-11, V-12)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from patchcord.model.effects import CreateRecord, Made, UpdateRecord
from patchcord.model.events import Event, Moment
from patchcord.model.records import Client, RecordKind, Ref
from patchcord.model.settings import Settings
from tests.unit.builders import (
    CLIENT,
    NEW,
    PROFILES,
    START,
    UTM,
    Changes,
    client,
    contact,
    deal,
    decision,
    dispatch,
    form,
    lead,
    made,
    open_client,
    project,
    table,
    told,
)

CONTACT = client(contact())
LEAD = client(lead(contact="C1"), contact())
WITHOUT_LEADS = ("altegio", "sendpulse", "megaplan")
"""CRMs in which calls and forms are logged on the contact (rules.md 2.3)."""


def forms(profile: str = "pipedrive", changes: Changes | None = None) -> Settings:
    return project(profile, {"forms.enabled": True, **(changes or {})})


# S0-28, D-15, D-35
FORM_NEW = table("""
pipedrive
    submit: new contact of senior with new organization
    submit: new lead of senior with new contact, new organization
    submit: new organization of senior
hubspot zoho_desk kommo retailcrm
    submit: new contact of senior
    submit: new deal of senior with new contact
salesforce zoho_crm bitrix24
    submit: new lead of senior
creatio
    submit: new contact of senior
    submit: new lead of senior with new contact
altegio sendpulse megaplan
    submit: new contact of senior
pipedrive_deal_mode
    submit: new contact of senior with new organization
    submit: new deal of senior with new contact, new organization
    submit: new organization of senior
""")
# S0-27: into the open record, or where there are none into the contact (rules.md 3.1: note or field update; D-16: never lost)
FORM_OPEN = table("""
pipedrive salesforce zoho_crm creatio bitrix24
    submit: form into L1
hubspot zoho_desk kommo retailcrm pipedrive_deal_mode
    submit: form into D1
altegio sendpulse megaplan
    submit: form into C1
""")
# C-28, D-05: a new record on the contact that exists
FORM_CONTACT = table("""
pipedrive creatio bitrix24
    submit: new lead of senior with C1
hubspot zoho_desk kommo retailcrm pipedrive_deal_mode
    submit: new deal of senior with C1
salesforce zoho_crm
    submit: new lead of senior
altegio sendpulse megaplan
    submit: form into C1
""")
# S0-30, S0-32, D-17
DISPATCH_NEW = table("""
pipedrive
    dispatch: new contact of anna with new organization
    dispatch: new lead of anna with new contact, new organization
    dispatch: new organization of anna
hubspot zoho_desk kommo retailcrm
    dispatch: new contact of anna
    dispatch: new deal of anna with new contact
salesforce zoho_crm bitrix24
    dispatch: new lead of anna
creatio
    dispatch: new contact of anna
    dispatch: new lead of anna with new contact
altegio sendpulse megaplan
    dispatch: new contact of anna
pipedrive_deal_mode
    dispatch: new contact of anna with new organization
    dispatch: new deal of anna with new contact, new organization
    dispatch: new organization of anna
""")


@pytest.mark.parametrize(("profile", "lines"), FORM_NEW)
def test_a_form_of_a_new_client(profile: str, lines: set[str]) -> None:
    assert told(form(), NEW, forms(profile)) == lines


@pytest.mark.parametrize(("profile", "lines"), FORM_OPEN)
def test_a_form_of_a_client_with_an_open_record(profile: str, lines: set[str]) -> None:
    assert told(form(), open_client(forms(profile)), forms(profile)) == lines


@pytest.mark.parametrize(("profile", "lines"), FORM_CONTACT)
def test_a_form_of_a_contact_without_an_open_record(profile: str, lines: set[str]) -> None:
    assert told(form(), CONTACT, forms(profile)) == lines


@pytest.mark.parametrize("events", [form(), form(client=None), dispatch()])
def test_nothing_is_done_unless_switched_on(events: list[Event]) -> None:
    """S0-29, S0-31, V-11, O-15, O-19."""
    off = project(changes={"forms.enabled": False, "messenger.enabled": False})
    assert decision(events, NEW, off).effects == ()


def test_a_form_whose_lead_was_converted() -> None:
    """C-28, S0-26, D-05: a new lead on the contact; neither the old lead nor the deal is touched."""
    known = client(lead(open=False), deal(), contact())
    assert told(form(), known, forms()) == {"submit: new lead of senior with C1"}


def test_a_form_without_a_phone_makes_records_without_a_look_up() -> None:
    """D-16, O-18: unless the project skips them."""
    events, nobody = form(client=None, person_email="olena@example.com"), Client(None)
    records = made(events, nobody, forms())
    assert set(records) == {"contact", "organization", "lead"}
    assert (records["contact"].phone, records["contact"].email) == (None, "olena@example.com")
    assert decision(events, nobody, forms(changes={"forms.no_phone": "skip"})).effects == ()


@pytest.mark.parametrize(
    ("owner", "persons"), [("senior", {"senior"}), ("fixed:boris", {"boris"}), ("round_robin", {"anna", "boris", "senior"})]
)
def test_who_gets_the_forms(owner: str, persons: set[str]) -> None:
    """D-15, O-17."""
    settings = forms(changes={"forms.owner": owner})
    found = {made(form(call=f"f{number}"), NEW, settings)["lead"].owner for number in range(60)}
    assert found == persons


def test_a_form_carries_the_visit_the_name_and_the_phone() -> None:
    """S0-28, O-23."""
    records = made(form(person_email="olena@example.com"), NEW, forms())
    assert all(record.attribution == UTM for record in records.values())
    assert (records["contact"].name, records["contact"].phone) == ("Olena", CLIENT)
    assert "Olena" in records["lead"].name


MAPPING: Mapping[str, list[list[str]]] = {"lead": [["city", "F1"]], "contact": [["birthday", "F2"]]}


def test_form_fields_go_where_they_are_mapped() -> None:
    """O-16, P-PD-14, P-PD-15: for new records and for the open one."""
    settings, facts = forms(changes={"forms.mapping": MAPPING}), {"city": "Lviv", "birthday": "1 May", "else": "x"}
    records = made(form(form=facts), NEW, settings)
    assert (records["lead"].fields, records["contact"].fields) == ({"F1": "Lviv"}, {"F2": "1 May"})
    (update,) = decision(form(form=facts), LEAD, settings).effects
    assert isinstance(update, UpdateRecord)
    assert update.fields == {"F1": "Lviv"}


def test_the_whole_form_is_told_in_the_open_record() -> None:
    """S0-27: also what nobody mapped."""
    (update,) = decision(form(form={"message": "Call me"}), LEAD, forms()).effects
    assert isinstance(update, UpdateRecord)
    assert "Call me" in update.note
    assert "Olena" in update.note


@pytest.mark.parametrize(
    ("facts", "mapping", "told"),
    [
        ({"message": "Call me"}, {}, True),
        ({"message": "Call me"}, {"lead": [["message", "F1"]]}, False),
        ({"form": "callback", "form_id": "1", "form_name": "Callback", "company": "Acme"}, {}, False),
        ({}, {}, False),
    ],
)
def test_what_nobody_mapped_is_told_at_the_new_record(facts: Mapping[str, str], mapping: Changes, told: bool) -> None:
    """D-16: losing a request is worse; S0-28."""
    effects = decision(form(form=facts), NEW, forms(changes={"forms.mapping": mapping})).effects
    notes = [effect for effect in effects if isinstance(effect, UpdateRecord)]
    assert [("Call me" in note.note, note.target, dict(note.fields)) for note in notes] == (
        [(True, Made(RecordKind.LEAD, "lead"), {})] if told else []
    )


@pytest.mark.parametrize(("names", "expected"), [({}, "Acme"), ({"names.organization": "Of {client}"}, f"Of {CLIENT}")])
def test_the_company_names_the_organization(names: Changes, expected: str) -> None:
    """S0-28."""
    assert made(form(form={"company": "Acme"}), NEW, forms(changes=names))["organization"].name == expected


@pytest.mark.parametrize(("row", "known", "person"), [("form_new", NEW, "senior"), ("form_existing", LEAD, "anna")])
def test_a_form_can_make_a_callback_task(row: str, known: Client, person: str) -> None:
    """D-15: none by default; D-03: counted from the submit."""
    lines = told(form(), known, forms(changes={f"rows.{row}.task": "callback"}))
    assert any(line.startswith(f"submit: callback open for {person} on") for line in lines)


def test_tags_of_forms_and_dispatches() -> None:
    """O-28."""
    assert made(form(), NEW, forms(changes={"rows.form_new.tags": ["site"]}))["lead"].tags == ("site",)
    settings = project(changes={"rows.messenger_new.tags": ["chat"]})
    assert made(dispatch(), NEW, settings)["contact"].tags == ("chat",)


# --- the messenger ---


@pytest.mark.parametrize(("profile", "lines"), DISPATCH_NEW)
def test_a_dispatch_for_a_new_client(profile: str, lines: set[str]) -> None:
    assert told(dispatch(), NEW, project(profile)) == lines


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("known", [CONTACT, LEAD, client(lead(open=False), contact()), client(deal())])
def test_nothing_is_created_where_the_crm_has_data(profile: str, known: Client) -> None:
    """S0-30, D-18."""
    assert decision(dispatch(), known, project(profile)).effects == ()


@pytest.mark.parametrize(
    ("known", "lines"), [(CONTACT, {"dispatch: new lead of anna with C1"}), (LEAD, set()), (client(lead()), set())]
)
def test_a_dispatch_can_ask_for_an_open_record_instead(known: Client, lines: set[str]) -> None:
    """O-20: `no_open_primary`; D-05: no second contact."""
    assert told(dispatch(), known, project(changes={"messenger.create_if": "no_open_primary"})) == lines


@pytest.mark.parametrize(
    ("who", "setting", "owner"),
    [
        ("anna", None, "anna"),
        ("oldphone", None, "senior"),
        (None, None, "senior"),
        ("anna", "senior", "senior"),
        ("anna", "fixed:boris", "boris"),
    ],
)
def test_whose_records_a_dispatch_makes(who: str | None, setting: str | None, owner: str) -> None:
    """D-17, O-21."""
    settings = project(changes={"messenger.owner": setting} if setting else None)
    assert {record.owner for record in made(dispatch(who), NEW, settings).values()} == {owner}


@pytest.mark.parametrize("moment", [Moment.RING, Moment.END])
def test_only_the_button_sends(moment: Moment) -> None:
    """S0-31, V-12."""
    assert decision(dispatch(moment=moment), NEW, project()).effects == ()
    assert decision(dispatch(client=None), Client(None), project()).effects == ()


@pytest.mark.parametrize("profile", [name for name in PROFILES if name not in WITHOUT_LEADS])
def test_the_records_name_holds_its_own_id(profile: str) -> None:
    """S0-32, C-23, O-22: `{lead_id}` is left for the second update."""
    (primary,) = [record for kind, record in made(dispatch(), NEW, project(profile)).items() if kind in {"lead", "deal"}]
    assert primary.name.count("{lead_id}") == 1


@pytest.mark.parametrize(
    ("template", "name"), [("Chat {lead_id}", "Chat {lead_id}"), ("Chat with {client}", f"Chat with {CLIENT} {{lead_id}}")]
)
def test_a_projects_own_name_for_dispatches(template: str, name: str) -> None:
    """O-22, S0-32: a template without the id gets it."""
    settings = project(changes={"messenger.name_template": template})
    assert made(dispatch(), NEW, settings)["lead"].name == name


def test_the_phone_is_in_the_contact_and_the_lead_is_linked_to_it() -> None:
    """S0-33, S0-34."""
    records = made(dispatch(), NEW, project())
    assert records["contact"].phone == CLIENT
    assert records["contact"].kind in {link.kind for link in records["lead"].links}
    again = made(dispatch(), CONTACT, project(changes={"messenger.create_if": "no_open_primary"}))
    assert again["lead"].links == (Ref(RecordKind.CONTACT, "C1"),)


@pytest.mark.parametrize(
    ("events", "known", "situation"),
    [
        (form(), NEW, "form_new"),
        (form(), CONTACT, "form_new"),
        (form(), LEAD, "form_existing"),
        (dispatch(), NEW, "messenger_new"),
        (dispatch(), CONTACT, "messenger_existing"),
    ],
)
def test_a_decision_names_its_situation_and_its_rules(events: list[Event], known: Client, situation: str) -> None:
    found = decision(events, known, forms())
    assert found.situation == situation
    assert found.rules


def test_deadlines_count_from_the_submit() -> None:
    """D-03."""
    effects = decision(form(), NEW, forms(changes={"rows.form_new.task": "callback"})).effects
    (task,) = [effect for effect in effects if not isinstance(effect, CreateRecord)]
    assert (getattr(task, "due_at", START) - START).total_seconds() == 4 * 3600
