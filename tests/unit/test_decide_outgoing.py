"""Outgoing calls: every situation of rules.md 3.1 in every CRM of table 2.3, and the settings that decide something."""

from __future__ import annotations

from datetime import timedelta

import pytest

from patchcord.model.effects import CreateRecord, CreateTask, LogCall, UpdateRecord
from patchcord.model.events import CallType, Event, Moment, Outcome
from patchcord.model.records import Client
from tests.unit.builders import (
    CLIENT,
    ENDED,
    LINE,
    NEW,
    PROFILES,
    RECORDING,
    UTM,
    Changes,
    called,
    client,
    contact,
    deal,
    decision,
    lead,
    made,
    open_client,
    project,
    ring,
    table,
    tasks,
    told,
)

CONTACT = client(contact())
LEAD = client(lead(contact="C1"), contact())

# --- the tables: what happens in which CRM (rules.md 2.3) ---

# S0-24, S3-06, S3-47, P-HS-08, P-RC-04, D-01, D-35
BY_RESPONSIBLE = table("""
pipedrive salesforce zoho_crm creatio
    end: call_log completed for anna on L1
hubspot kommo
    end: call by anna on D1, C1
zoho_desk retailcrm pipedrive_deal_mode
    end: call_log completed for anna on D1
bitrix24
    end: call_entity for anna on L1
    end: call_log completed for anna on L1
altegio
    end: note by anna on C1
sendpulse megaplan
    end: call by anna on C1
""")
# S0-25, S3-48, P-HS-08, P-RC-04, D-35; C-07: completed, for the responsible to read
BY_OTHER = table("""
pipedrive salesforce zoho_crm creatio
    end: acquaint completed for anna on L1
hubspot kommo
    end: call by boris on D1, C1
zoho_desk retailcrm pipedrive_deal_mode
    end: acquaint completed for anna on D1
bitrix24
    end: acquaint completed for anna on L1
    end: call_entity for anna on L1
altegio
    end: note by boris on C1
sendpulse megaplan
    end: call by boris on C1
""")
# D-14, P-HS-07
UNKNOWN = table("""
pipedrive salesforce zoho_crm creatio bitrix24
    end: check_settings open for senior on L1
hubspot
    end: check_settings open for senior on D1, C1
zoho_desk kommo retailcrm pipedrive_deal_mode
    end: check_settings open for senior on D1
altegio megaplan
sendpulse
    end: call by nobody on C1
""")
# S0-43, D-12, S2-03 (SendPulse keeps all calls)
UNANSWERED = table("""
pipedrive hubspot salesforce zoho_crm zoho_desk creatio kommo bitrix24 retailcrm altegio megaplan pipedrive_deal_mode
sendpulse
    end: call by anna on C1
""")
# S0-43, P-HS-08, C-31: nothing where only leads are logged in, else on the contact
CONTACT_ONLY = table("""
pipedrive salesforce zoho_crm
hubspot kommo sendpulse megaplan
    end: call by anna on C1
zoho_desk creatio retailcrm pipedrive_deal_mode
    end: call_log completed for anna on C1
bitrix24
    end: call_entity for anna on C1
    end: call_log completed for anna on C1
altegio
    end: note by anna on C1
""")


@pytest.mark.parametrize(("profile", "lines"), BY_RESPONSIBLE)
def test_the_responsible_calls(profile: str, lines: set[str]) -> None:
    settings = project(profile)
    assert told(called("anna"), open_client(settings), settings) == lines


@pytest.mark.parametrize(("profile", "lines"), BY_OTHER)
def test_a_colleague_calls(profile: str, lines: set[str]) -> None:
    settings = project(profile)
    assert told(called("boris"), open_client(settings), settings) == lines


@pytest.mark.parametrize(("profile", "lines"), UNKNOWN)
@pytest.mark.parametrize("who", ["oldphone", "nora", "gone"])
def test_somebody_unknown_calls(profile: str, lines: set[str], who: str) -> None:
    """D-22."""
    settings = project(profile)
    assert told(called(who), open_client(settings), settings) == lines


@pytest.mark.parametrize(("profile", "lines"), UNANSWERED)
def test_nobody_takes_the_call(profile: str, lines: set[str]) -> None:
    settings = project(profile)
    assert told(called("anna", Outcome.NO_ANSWER), open_client(settings), settings) == lines


@pytest.mark.parametrize(("profile", "lines"), CONTACT_ONLY)
def test_a_contact_without_an_open_record_is_called(profile: str, lines: set[str]) -> None:
    assert told(called("anna"), CONTACT, project(profile)) == lines


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("who", ["anna", "oldphone"])
@pytest.mark.parametrize("outcome", [Outcome.ANSWERED, Outcome.NO_ANSWER])
def test_a_number_that_nobody_knows_is_called(profile: str, who: str, outcome: Outcome) -> None:
    """S0-43, S4-46, D-13: nothing by default."""
    assert decision(called(who, outcome), NEW, project(profile)).effects == ()


@pytest.mark.parametrize("profile", PROFILES)
def test_nothing_is_done_while_it_rings(profile: str) -> None:
    """S0-43: successful calls only, and that is known at the end."""
    events = [ring(call_type=CallType.OUT)]
    assert decision(events, open_client(project(profile)), project(profile)).effects == ()


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("events", [called("anna"), called("boris"), called("oldphone")])
def test_an_outgoing_call_makes_and_changes_no_record(profile: str, events: list[Event]) -> None:
    """S0-24, S0-25, C-31; also where a lead was converted (S0-15)."""
    settings = project(profile)
    for known in (open_client(settings), CONTACT, client(lead(open=False), deal(), contact())):
        effects = decision(events, known, settings).effects
        assert not any(isinstance(effect, CreateRecord | UpdateRecord) for effect in effects)


# --- tasks and traces ---


def test_the_task_to_read_is_completed_and_carries_the_recording() -> None:
    """S0-25, S3-48: for the responsible, and none for the caller."""
    found = tasks(called("boris"), LEAD, project())
    assert set(found) == {"acquaint"}
    assert (found["acquaint"].completed, found["acquaint"].due_at, found["acquaint"].recording) == (True, None, RECORDING)
    assert "Boris Lysenko" in found["acquaint"].title


def test_it_can_be_an_open_task() -> None:
    """C-07, O-60: then with the project's deadline (C-21)."""
    task = tasks(called("boris"), LEAD, project(changes={"outgoing_other.state": "open"}))["acquaint"]
    assert (task.completed, task.due_at, task.assignee) == (False, ENDED + timedelta(hours=4), "anna")


@pytest.mark.parametrize("owner", ["gone", "u-queue-77"])
def test_nobody_to_read_it_is_the_senior_manager(owner: str) -> None:
    """D-04."""
    assert tasks(called("boris"), client(lead(owner=owner)), project())["acquaint"].assignee == "senior"


def test_the_unknown_direction_is_named() -> None:
    """D-14, P-HS-07, P-ZC-06."""
    task = tasks(called("oldphone"), LEAD, project())["check_settings"]
    assert (task.direction, task.assignee, task.completed) == ("sip:demo_oldphone", "senior", False)
    assert "sip:demo_oldphone" in task.text


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "megaplan"])
def test_traces_carry_the_recording_unless_it_shall_stay_out(profile: str) -> None:
    """O-59, P-MG-02."""
    settings, without = project(profile), project(profile, {"recording.share": "none"})
    for who in ("anna", "boris"):
        effects = decision(called(who), open_client(settings), settings).effects
        assert effects
        assert all(effect.recording == RECORDING for effect in effects if isinstance(effect, CreateTask | LogCall))
        assert RECORDING not in repr(decision(called(who), open_client(without), without).effects)


def test_unanswered_calls_can_leave_a_trace() -> None:
    """O-35, D-12: rules.md 3.1 allows a call or a note."""
    settings = project("hubspot", {"rows.out_unanswered.trace": "call", "rows.out_unanswered.trace_for": "caller"})
    assert told(called("boris", Outcome.NO_ANSWER), open_client(settings), settings) == {"end: call by boris on D1, C1"}


# --- seed 004: clients made by outgoing calls ---

FLAG: Changes = {"create_on_outgoing": True}


@pytest.mark.parametrize("outcome", [Outcome.ANSWERED, Outcome.NO_ANSWER])
@pytest.mark.parametrize("profile", ["megaplan", "hubspot"])
def test_a_new_number_becomes_a_client_on_request(profile: str, outcome: Outcome) -> None:
    """S4-43, S4-44, C-31, D-13, O-41: whether or not the call succeeds."""
    records = made(called("boris", outcome), NEW, project(profile, FLAG))
    assert set(records) == {"contact"}
    found = records["contact"]
    assert (found.owner, found.creator, found.phone, found.at) == ("boris", "boris", CLIENT, Moment.END)


def test_its_name_tells_the_outgoing_call() -> None:
    """S4-45."""
    settings = project("megaplan", {**FLAG, "timezone": "Europe/Moscow"})
    assert made(called("boris"), NEW, settings)["contact"].name == "Новый (13:00 05.03.2026, исходящий вызов)"


@pytest.mark.parametrize("known", [CONTACT, LEAD, client(deal(), contact())])
def test_a_known_number_makes_no_client(known: Client) -> None:
    """S4-43, S4-47: "to a new number"."""
    for outcome in (Outcome.ANSWERED, Outcome.NO_ANSWER):
        assert not made(called("boris", outcome), known, project("megaplan", FLAG))


def test_the_call_is_on_the_new_clients_card() -> None:
    """S4-17, D-01."""
    assert "end: call by boris on new contact" in told(called("boris"), NEW, project("megaplan", FLAG))


def test_an_unknown_callers_client_belongs_to_the_senior_manager() -> None:
    """S4-44 with D-22: no CRM employee called."""
    assert made(called("oldphone"), NEW, project("megaplan", FLAG))["contact"].owner == "senior"


def test_what_the_row_makes_can_be_chosen() -> None:
    """O-35, O-41: the flag is short for a row."""
    row = {"create": ["contact", "deal"], "owner": "senior", "utm": True, "tags": ["cold"]}
    records = made(called("boris", attribution=UTM), NEW, project("hubspot", {"rows.out_answered_new": row}))
    assert set(records) == {"contact", "deal"}
    assert {(record.owner, record.tags) for record in records.values()} == {("senior", ("cold",))}
    assert not made(called("boris", Outcome.NO_ANSWER), NEW, project("hubspot", {"rows.out_answered_new": row}))


def test_the_source_line_is_that_of_incoming_calls_only() -> None:
    """S4-31, S4-33, O-29: the field holds the number the client dialled; on an outgoing call the client dialled nothing."""
    settings = project("megaplan", {**FLAG, "save_source_line": True})
    assert made(called("boris", line=LINE), NEW, settings)["contact"].fields == {}


@pytest.mark.parametrize(
    ("events", "known", "situation"),
    [
        (called("anna"), LEAD, "out_answered_existing_by_responsible"),
        (called("boris"), LEAD, "out_answered_existing_by_other"),
        (called("oldphone"), LEAD, "out_unknown_employee"),
        (called("anna"), NEW, "out_answered_new"),
        (called("anna", Outcome.NO_ANSWER), NEW, "out_unanswered"),
        (called("anna", Outcome.NO_ANSWER), LEAD, "out_unanswered"),
        ([ring(call_type=CallType.OUT)], LEAD, "out_ringing"),
    ],
)
def test_a_decision_names_its_situation_and_its_rules(events: list[Event], known: Client, situation: str) -> None:
    found = decision(events, known, project())
    assert found.situation == situation
    assert found.rules
