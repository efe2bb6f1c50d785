"""Incoming calls: every situation of rules.md 3.1 in every CRM of table 2.3, and the settings that decide something."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchcord.model.effects import CreateRecord, CreateTask, LogCall, UpdateRecord
from patchcord.model.events import Event, MissPlace, Moment
from patchcord.model.records import Client, RecordKind, Ref
from patchcord.model.timeline import fold
from patchcord.scenarios.decide import decide
from tests.unit.builders import (
    CLIENT,
    ENDED,
    LINE,
    NEW,
    PROFILES,
    RECORDING,
    UTM,
    Changes,
    answered,
    client,
    contact,
    deal,
    decision,
    end,
    lead,
    made,
    missed,
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

# S0-04…06, S3-01, S3-35, S3-36, P-PD-01, P-PD-03, P-HS-01, P-HS-02, P-ZC-01, P-ZC-02, P-ZD-01…03, P-BX-01…03, P-KM-01…03,
# P-RC-01, P-RC-04, S2-02, S4-02; C-01, C-05, C-08, C-26, C-30, C-32
NEW_ANSWERED = table("""
pipedrive
    answer: new contact of anna with new organization
    answer: new lead of anna with new contact, new organization
    answer: new organization of anna
    end: call_log completed for anna on new lead
hubspot
    end: call by anna on new deal, new contact
    end: new contact of anna
    end: new deal of anna with new contact
salesforce zoho_crm
    answer: new lead of anna
    end: call_log completed for anna on new lead
zoho_desk
    end: call_log completed for anna on new deal, new contact
    end: new contact of anna
    end: new deal of anna with new contact
creatio
    answer: new contact of anna
    answer: new lead of anna with new contact
    end: call_log completed for anna on new lead
kommo
    answer: new contact of anna
    answer: new deal of anna with new contact
    end: call by anna on new deal, new contact
bitrix24
    end: call_entity for anna on new lead
    end: call_log completed for anna on new lead
    end: new lead of anna
retailcrm
    answer: new contact of anna
    answer: new deal of anna with new contact
    end: call_log completed for anna on new deal
altegio
    answer: new contact of anna
    end: note by anna on new contact
sendpulse
    end: call by anna on new contact
    ring: new contact of nobody
megaplan
pipedrive_deal_mode
    answer: new contact of anna with new organization
    answer: new deal of anna with new contact, new organization
    answer: new organization of anna
    end: call_log completed for anna on new deal
""")

# S0-07, S0-08, S3-37, P-PD-04, P-HS-05, P-ZC-07, P-BX-10, P-RC-02, S4-10, D-02, D-35; C-03
NEW_MISSED = table("""
pipedrive
    end: callback open for senior on new lead, new contact, new organization
    end: new contact of senior with new organization
    end: new lead of senior with new contact, new organization
    end: new organization of senior
hubspot
    end: callback open for senior on new deal, new contact
    end: new contact of senior
    end: new deal of senior with new contact
salesforce zoho_crm bitrix24
    end: callback open for senior on new lead
    end: new lead of senior
zoho_desk
    end: callback open for senior on new contact, new deal
    end: new contact of senior
    end: new deal of senior with new contact
creatio
    end: callback open for senior on new lead, new contact
    end: new contact of senior
    end: new lead of senior with new contact
kommo retailcrm
    end: callback open for senior on new deal
    end: new contact of senior
    end: new deal of senior with new contact
altegio
    end: new contact of nobody
    end: note by nobody on new contact
sendpulse
    end: call by nobody on new contact
    ring: new contact of nobody
megaplan
pipedrive_deal_mode
    end: callback open for senior on new deal
    end: new contact of senior with new organization
    end: new deal of senior with new contact, new organization
    end: new organization of senior
""")

# S0-11, S0-12, S3-39, P-ZC-03, P-ZD-04, P-BX-04, P-BX-05, P-KM-04, P-HS-07, D-11; C-09
NEW_UNKNOWN = table("""
pipedrive
    answer: new contact of senior with new organization
    answer: new lead of senior with new contact, new organization
    answer: new organization of senior
    end: check_settings open for senior on new lead
hubspot
    end: check_settings open for senior on new deal, new contact
    end: new contact of senior
    end: new deal of senior with new contact
salesforce zoho_crm
    answer: new lead of senior
    end: check_settings open for senior on new lead
zoho_desk
    end: check_settings open for senior on new contact
    end: new contact of senior
creatio
    answer: new contact of senior
    answer: new lead of senior with new contact
    end: check_settings open for senior on new lead
kommo retailcrm
    answer: new contact of senior
    answer: new deal of senior with new contact
    end: check_settings open for senior on new deal
bitrix24
    end: call_entity for senior on new lead
    end: check_settings open for senior on new lead
    end: new lead of senior
altegio
    answer: new contact of senior
    end: note by nobody on new contact
sendpulse
    end: call by nobody on new contact
    ring: new contact of nobody
megaplan
pipedrive_deal_mode
    answer: new contact of senior with new organization
    answer: new deal of senior with new contact, new organization
    answer: new organization of senior
    end: check_settings open for senior on new deal
""")

# S0-13, S0-14, S0-18, S3-06, S3-11, S3-40, S3-41, S3-43, P-HS-03, P-ZC-04, P-BX-06, P-PD-07, P-RC-04, S4-17, D-01; C-06
OPEN_BY_RESPONSIBLE = table("""
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

# S0-19, S0-20, S3-05, S3-44, S3-45, P-HS-04, P-ZC-05, P-BX-07, P-PD-07, P-RC-03; C-08
OPEN_BY_OTHER = table("""
pipedrive salesforce zoho_crm creatio
    end: call_log completed for boris on L1
    end: review_call open for anna on L1
hubspot
    end: call by boris on D1, C1
zoho_desk retailcrm pipedrive_deal_mode
    end: call_log completed for boris on D1
    end: review_call open for anna on D1
kommo
    end: call by boris on D1, C1
    end: review_call open for anna on D1
bitrix24
    end: call_entity for anna on L1
    end: call_log completed for boris on L1
    end: review_call open for anna on L1
altegio
    end: note by boris on C1
sendpulse megaplan
    end: call by boris on C1
""")

# S0-17, S3-04, S3-42, P-PD-06, P-HS-06, P-BX-11, P-RC-02, D-35; C-02
OPEN_MISSED = table("""
pipedrive
    end: callback open for senior on L1
hubspot
    end: callback open for anna on D1, C1
salesforce zoho_crm creatio bitrix24
    end: callback open for anna on L1
zoho_desk kommo retailcrm pipedrive_deal_mode
    end: callback open for anna on D1
altegio
    end: note by nobody on C1
sendpulse megaplan
    end: call by nobody on C1
""")

# S0-21, S3-46, P-HS-07, P-ZC-06, P-BX-04, P-BX-05, D-11
OPEN_UNKNOWN = table("""
pipedrive salesforce zoho_crm creatio
    end: check_settings open for senior on L1
hubspot
    end: check_settings open for senior on D1, C1
zoho_desk kommo retailcrm pipedrive_deal_mode
    end: check_settings open for senior on D1
bitrix24
    end: call_entity for anna on L1
    end: check_settings open for senior on L1
altegio
    end: note by nobody on C1
sendpulse megaplan
    end: call by nobody on C1
""")

# S0-13, S0-16, D-05, P-PD-05, P-KM-05, P-BX-08, P-BX-09, P-BX-15, S4-17; C-04, C-29:
# who answers becomes the new record's responsible
CONTACT_BY_OTHER = table("""
pipedrive creatio
    answer: new lead of boris with C1
    end: call_log completed for boris on new lead
hubspot
    end: call by boris on new deal, C1
    end: new deal of boris with C1
salesforce zoho_crm
    answer: new lead of boris
    end: call_log completed for boris on new lead
zoho_desk pipedrive_deal_mode
    end: call_log completed for boris on new deal
    end: new deal of boris with C1
kommo
    end: call by boris on C1
    end: review_call open for anna on C1
bitrix24
    end: call_log completed for boris on new lead, C1
    end: new lead of boris with C1
retailcrm
    answer: new deal of boris with C1
    end: call_log completed for boris on new deal
altegio
    end: note by boris on C1
sendpulse megaplan
    end: call by boris on C1
""")

# S0-16, S0-17, D-02, D-05
CONTACT_MISSED = table("""
pipedrive creatio bitrix24
    end: callback open for senior on new lead
    end: new lead of senior with C1
hubspot
    end: callback open for senior on new deal, C1
    end: new deal of senior with C1
salesforce zoho_crm
    end: callback open for senior on new lead
    end: new lead of senior
zoho_desk retailcrm pipedrive_deal_mode
    end: callback open for senior on new deal
    end: new deal of senior with C1
kommo
    end: callback open for anna on C1
altegio
    end: note by nobody on C1
sendpulse megaplan
    end: call by nobody on C1
""")

# S3-46, D-05, D-11
CONTACT_UNKNOWN = table("""
pipedrive creatio bitrix24
    end: check_settings open for senior on new lead
    end: new lead of senior with C1
hubspot
    end: check_settings open for senior on new deal, C1
    end: new deal of senior with C1
salesforce zoho_crm
    end: check_settings open for senior on new lead
    end: new lead of senior
zoho_desk retailcrm pipedrive_deal_mode
    end: check_settings open for senior on new deal
    end: new deal of senior with C1
kommo
    end: check_settings open for senior on C1
altegio
    end: note by nobody on C1
sendpulse megaplan
    end: call by nobody on C1
""")


@pytest.mark.parametrize(("profile", "lines"), NEW_ANSWERED)
def test_a_new_clients_call_is_answered(profile: str, lines: set[str]) -> None:
    assert told(answered("anna"), NEW, project(profile)) == lines


@pytest.mark.parametrize(("profile", "lines"), NEW_MISSED)
def test_a_new_clients_call_is_missed(profile: str, lines: set[str]) -> None:
    assert told(missed(), NEW, project(profile)) == lines


@pytest.mark.parametrize("place", [MissPlace.IVR, MissPlace.GROUP])
@pytest.mark.parametrize(("profile", "lines"), NEW_MISSED)
def test_where_it_was_missed_makes_no_difference_outside_mango(profile: str, lines: set[str], place: MissPlace) -> None:
    """D-38."""
    assert told(missed(place=place), NEW, project(profile)) == lines


@pytest.mark.parametrize(("profile", "lines"), NEW_UNKNOWN)
@pytest.mark.parametrize("who", ["oldphone", "nora", "gone"])
def test_somebody_unknown_answers_a_new_client(profile: str, lines: set[str], who: str) -> None:
    """D-22: no employee, no CRM user and no longer active are all the same."""
    assert told(answered(who), NEW, project(profile)) == lines


@pytest.mark.parametrize(("profile", "lines"), OPEN_BY_RESPONSIBLE)
def test_the_responsible_answers(profile: str, lines: set[str]) -> None:
    settings = project(profile)
    assert told(answered("anna"), open_client(settings), settings) == lines


@pytest.mark.parametrize(("profile", "lines"), OPEN_BY_OTHER)
def test_a_colleague_answers(profile: str, lines: set[str]) -> None:
    settings = project(profile)
    assert told(answered("boris"), open_client(settings), settings) == lines


@pytest.mark.parametrize(("profile", "lines"), OPEN_MISSED)
@pytest.mark.parametrize("place", [None, MissPlace.IVR, MissPlace.GROUP])
def test_a_known_clients_call_is_missed(profile: str, lines: set[str], place: MissPlace | None) -> None:
    settings = project(profile)
    assert told(missed(place=place), open_client(settings), settings) == lines


@pytest.mark.parametrize(("profile", "lines"), OPEN_UNKNOWN)
def test_somebody_unknown_answers_a_known_client(profile: str, lines: set[str]) -> None:
    settings = project(profile)
    assert told(answered("oldphone"), open_client(settings), settings) == lines


@pytest.mark.parametrize(("profile", "lines"), CONTACT_BY_OTHER)
def test_a_call_of_a_contact_without_an_open_record_is_answered(profile: str, lines: set[str]) -> None:
    assert told(answered("boris"), CONTACT, project(profile)) == lines


@pytest.mark.parametrize(("profile", "lines"), CONTACT_MISSED)
def test_a_call_of_a_contact_without_an_open_record_is_missed(profile: str, lines: set[str]) -> None:
    assert told(missed(), CONTACT, project(profile)) == lines


@pytest.mark.parametrize(("profile", "lines"), CONTACT_UNKNOWN)
def test_somebody_unknown_answers_a_contact_without_an_open_record(profile: str, lines: set[str]) -> None:
    assert told(answered("oldphone"), CONTACT, project(profile)) == lines


@pytest.mark.parametrize(
    ("profile", "known", "lines"),
    [
        ("sendpulse", NEW, {"ring: new contact of nobody", "ring: popup phone, contact_link, create_deal_button"}),
        ("sendpulse", CONTACT, {"ring: popup client_name, contact_link, create_deal_button"}),
        *((profile, NEW, set()) for profile in PROFILES if profile != "sendpulse"),
    ],
)
def test_while_it_rings(profile: str, known: Client, lines: set[str]) -> None:
    """S2-01, S2-02, S2-17, S2-19, O-51, C-30."""
    assert told([ring()], known, project(profile)) == lines


@pytest.mark.parametrize("events", [answered("anna"), missed(), answered("oldphone")])
def test_no_deal_is_ever_made_by_itself_in_sendpulse(events: list[Event]) -> None:
    """S2-34, S2-03, S2-20: each call is in the contact's calls."""
    for known in (NEW, CONTACT):
        lines = told(events, known, project("sendpulse"))
        assert not any("deal" in text for text in lines)
        assert sum(text.startswith("end: call by") for text in lines) == 1


# --- what the records carry ---


@pytest.mark.parametrize("profile", [name for name in PROFILES if name not in {"sendpulse", "megaplan"}])
@pytest.mark.parametrize("events", [answered("anna"), missed(), answered("oldphone")])
def test_new_records_carry_the_visit(profile: str, events: list[Event]) -> None:
    """S0-05, S3-02, S3-03, O-23: the tags and Google's client id, on each of them."""
    records = made(events, NEW, project(profile))
    assert records
    assert all(record.attribution == UTM for record in records.values())


@pytest.mark.parametrize("profile", PROFILES)
def test_the_phone_is_written_where_a_kind_carries_one(profile: str) -> None:
    """V-01, V-26, S0-33, P-HS-01; an organization of the client is not the client."""
    settings = project(profile)
    for kind, record in made(answered("anna"), NEW, settings).items():
        carries = RecordKind(kind) in settings.vendor.phone_kinds and kind != "organization"
        assert record.phone == (CLIENT if carries else None)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_default_data_can_be_switched_off(profile: str) -> None:
    """O-23, P-PD-09."""
    records = made(answered("anna"), NEW, project(profile, {"fields.default": False}))
    assert not any(record.attribution for record in records.values())


@pytest.mark.parametrize(
    ("style", "text"),
    [("e164", CLIENT), ("digits", "380671234567"), ("national", "067 123 4567"), ("international", "+380 67 123 4567")],
)
@pytest.mark.parametrize("key", ["phone.storage_format", "phone_format"])
def test_the_phone_in_the_projects_notation(key: str, style: str, text: str) -> None:
    """S4-08, O-10."""
    assert made(answered("anna"), NEW, project(changes={key: style}))["contact"].phone == text


def test_extra_fields_of_each_kind() -> None:
    """S3-32, O-24, O-25, P-ZC-09."""
    pairs = {"lead": [["utm_source", "F1"], ["line", "F2"], ["keyword", "F3"]], "contact": [["status", "F4"]]}
    records = made(answered("anna", status="PROPER"), NEW, project(changes={"fields.extra": pairs}))
    assert records["lead"].fields == {"F1": "google", "F2": LINE}
    assert records["contact"].fields == {"F4": "PROPER"}


RULES = [
    {"if": {"utm_campaign": "brand", "utm_source": "bing"}, "pipeline": "p1"},
    {"if": {"utm_campaign": "brand"}, "pipeline": "p2", "stage": "s2"},
    {"if": {"utm_source": "google"}, "pipeline": "p3"},
]


@pytest.mark.parametrize(
    ("attribution", "place"),
    [(UTM, ("p2", "s2")), ({"utm_source": "google"}, ("p3", None)), ({"utm_source": "mail"}, ("p0", "s0")), ({}, ("p0", "s0"))],
)
def test_the_first_rule_whose_parameters_hold_picks_the_pipeline(attribution: dict[str, str], place: tuple[str, str]) -> None:
    """O-27, P-ZC-11, S4-21: otherwise the project's default."""
    changes: Changes = {"pipelines.default": {"pipeline": "p0", "stage": "s0"}, "pipelines.rules": RULES}
    records = made(answered("anna", attribution=attribution), NEW, project("hubspot", changes))
    assert (records["deal"].pipeline, records["deal"].stage) == place
    assert records["contact"].pipeline is None


@pytest.mark.parametrize(
    ("row", "events"),
    [
        ("in_answered_new", answered("anna")),
        ("in_missed_new", missed()),
        ("in_answered_unknown_employee", answered("oldphone")),
    ],
)
def test_tags_are_those_of_the_row(row: str, events: list[Event]) -> None:
    """O-28."""
    records = made(events, NEW, project(changes={f"rows.{row}.tags": ["call", row]}))
    assert {record.tags for record in records.values()} == {("call", row)}


@pytest.mark.parametrize(
    ("row", "events"),
    [
        ("in_answered_existing_by_responsible", answered("anna")),
        ("in_missed_existing", missed()),
        ("in_answered_unknown_employee", answered("oldphone")),
    ],
)
def test_tags_of_a_new_record_on_an_old_contact(row: str, events: list[Event]) -> None:
    """O-28."""
    assert made(events, CONTACT, project(changes={f"rows.{row}.tags": ["again"]}))["lead"].tags == ("again",)


# --- the moment ---


@pytest.mark.parametrize(("at", "profile"), [("end", "pipedrive"), ("answer", "bitrix24"), ("end", "megaplan")])
def test_the_moment_of_creation_is_a_setting(at: str, profile: str) -> None:
    """C-05, P-BX-12, O-35."""
    changes = {"rows.in_answered_new.at": at} | ({"answered_new": "client"} if profile == "megaplan" else {})
    settings = project(profile, changes)
    assert {record.at for record in made(answered("anna"), NEW, settings).values()} == {Moment(at)}
    early = made(answered("anna")[:2], NEW, settings)
    assert bool(early) is (at == "answer")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("known", [NEW, CONTACT, LEAD, client(deal(contact="C1"), contact())])
@pytest.mark.parametrize("who", ["anna", "boris", "oldphone"])
def test_nothing_is_due_before_its_moment(profile: str, known: Client, who: str) -> None:
    """Design 5."""
    events, settings = answered(who), project(profile)
    for count, latest in ((1, {Moment.RING}), (2, {Moment.RING, Moment.ANSWER})):
        assert {effect.at for effect in decision(events[:count], known, settings).effects} <= latest


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("known", [NEW, CONTACT, LEAD])
def test_a_lost_answer_is_made_up_for_at_the_end(profile: str, known: Client) -> None:
    """D-08, S2-02: with the end alone everything is done."""
    settings = project(profile)
    assert told(answered("anna")[-1:], known, settings) == told(answered("anna"), known, settings)


# --- tasks ---


@pytest.mark.parametrize("events", [missed(), answered("oldphone"), answered("boris")])
def test_open_tasks_are_due_four_hours_after_the_end(events: list[Event]) -> None:
    """S0-09, S3-38, P-ZC-05, D-03, C-21, O-05."""
    (task,) = [task for task in tasks(events, LEAD, project()).values() if not task.completed]
    assert (task.due_in, task.due_at) == (timedelta(hours=4), ENDED + timedelta(hours=4))


@pytest.mark.parametrize(
    ("changes", "hours"),
    [
        ({"tasks.deadline": "PT2H"}, 2),
        ({"tasks.deadline": "PT2H", "rows.in_missed_new.due_in": "PT30M"}, 0.5),
        ({"rows.in_missed_new.task.due_in": "PT6H"}, 6),
        ({"rows.in_missed_existing.due_in": "PT1H"}, 4),
    ],
)
def test_the_deadline_of_the_project_and_of_a_row(changes: Changes, hours: float) -> None:
    """S0-10, O-05, C-21."""
    task = tasks(missed(), NEW, project(changes=changes))["callback"]
    assert task.due_at == ENDED + timedelta(hours=hours)


def test_completed_tasks_have_no_deadline() -> None:
    assert tasks(answered("anna"), LEAD, project())["call_log"].due_at is None


HOURS = {"days": "mon-fri", "from": "09:00", "to": "18:00"}


@pytest.mark.parametrize(
    ("started", "due"),
    [
        (datetime(2026, 3, 5, 7, 0, tzinfo=UTC), datetime(2026, 3, 5, 11, 0, tzinfo=UTC)),
        (datetime(2026, 3, 6, 14, 0, tzinfo=UTC), datetime(2026, 3, 9, 9, 0, tzinfo=UTC)),
        (datetime(2026, 3, 7, 12, 0, tzinfo=UTC), datetime(2026, 3, 9, 11, 0, tzinfo=UTC)),
    ],
    ids=["in hours", "friday at four", "saturday"],
)
def test_a_deadline_in_business_hours(started: datetime, due: datetime) -> None:
    """O-06, O-48: 9 to 18 in Kyiv is 7 to 16 in UTC."""
    changes: Changes = {"tasks.deadline_clock": "business", "working_hours": HOURS}
    events = missed(started_at=started, total_seconds=0)
    assert tasks(events, NEW, project(changes=changes))["callback"].due_at == due
    assert tasks(events, NEW, project(changes={"working_hours": HOURS}))["callback"].due_at == started + timedelta(hours=4)


@pytest.mark.parametrize(("dedupe", "open_callback", "made_"), [(False, True, True), (True, True, False), (True, False, True)])
def test_each_missed_call_makes_its_own_task_unless_one_is_open(dedupe: bool, open_callback: bool, made_: bool) -> None:
    """D-31, S2-29, O-08."""
    settings = project(changes={"tasks.dedupe_open_callback": dedupe})
    known = client(lead(), contact(), open_callback=open_callback)
    assert ("callback" in tasks(missed(), known, settings)) is made_


def test_only_callbacks_are_spared() -> None:
    """O-08."""
    settings = project(changes={"tasks.dedupe_open_callback": True})
    known = client(lead(), contact(), open_callback=True)
    assert {"review_call", "call_log"} == set(tasks(answered("boris"), known, settings))


def test_a_later_talk_closes_no_callback() -> None:
    """D-32."""
    lines = told(answered("anna"), client(lead(), contact(), open_callback=True), project())
    assert lines == {"end: call_log completed for anna on L1"}


@pytest.mark.parametrize(
    ("key", "known", "events"), [("in_missed_new", NEW, missed()), ("in_missed_existing", LEAD, missed("boris"))]
)
@pytest.mark.parametrize(
    ("word", "person"), [("senior", "senior"), ("fixed:boris", "boris"), ("boris", "boris"), ("distributed", "anna")]
)
def test_who_calls_back_is_a_setting(key: str, known: Client, events: list[Event], word: str, person: str) -> None:
    """O-62, C-02, C-03."""
    events = missed("anna") if word == "distributed" else events
    assert tasks(events, known, project(changes={f"{key}.assignee": word}))["callback"].assignee == person


def test_the_responsible_of_a_new_record_is_its_owner() -> None:
    """C-03, P-BX-10, D-02: both words mean the senior manager there."""
    task = tasks(missed(), NEW, project(changes={"in_missed_new.assignee": "responsible"}))["callback"]
    assert task.assignee == "senior"


@pytest.mark.parametrize("owner", ["gone", "u-queue-77", None])
@pytest.mark.parametrize("events", [missed(), answered("boris")])
def test_a_task_for_a_leaver_or_a_queue_goes_to_the_senior_manager(owner: str | None, events: list[Event]) -> None:
    """D-04."""
    known = client(lead(owner=owner), contact())
    (task,) = [task for task in tasks(events, known, project("salesforce")).values() if not task.completed]
    assert task.assignee == "senior"


def test_missed_calls_without_a_record_are_shared_on_request() -> None:
    """O-55, C-17, S3-21: both the records and the task; a known client stays with whom the row names."""
    settings = project(changes={"employees.boris.missed_distribution": True})
    assert tasks(missed(), NEW, settings)["callback"].assignee == "boris"
    assert {record.owner for record in made(missed(), NEW, settings).values()} == {"boris"}
    assert tasks(missed(), LEAD, settings)["callback"].assignee == "senior"


def test_the_unknown_direction_is_named() -> None:
    """P-ZC-06, D-11, S0-11, S3-39: in the title and in the text, with the recording."""
    task = tasks(answered("oldphone"), NEW, project())["check_settings"]
    assert task.direction == "sip:demo_oldphone"
    assert "sip:demo_oldphone" in task.title
    assert "sip:demo_oldphone" in task.text
    assert task.recording == RECORDING


def test_the_reviewer_gets_the_recording_and_the_colleagues_name() -> None:
    """S0-20, S3-05, S3-45, P-ZC-05."""
    task = tasks(answered("boris"), LEAD, project())["review_call"]
    assert (task.recording, task.assignee) == (RECORDING, "anna")
    assert "Boris Lysenko" in task.title


def test_a_voice_message_is_linked_in_the_callback_task() -> None:
    """D-29."""
    task = tasks(missed(voicemail=True, recording=RECORDING), NEW, project())["callback"]
    assert (task.recording, task.completed) == (RECORDING, False)
    assert "voice message" in task.text


def test_a_projects_own_title() -> None:
    """O-07."""
    changes = {"tasks.titles": {"callback": "Ring {client}!"}}
    assert tasks(missed(), NEW, project(changes=changes))["callback"].title == f"Ring {CLIENT}!"


def test_bitrix_tells_the_visit_in_the_completed_task() -> None:
    """P-BX-03."""
    task = tasks(answered("anna"), NEW, project("bitrix24"))["call_log"]
    assert task.visit_data
    assert "utm_source=google" in task.text


# --- recordings ---


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "megaplan"])
@pytest.mark.parametrize("who", ["anna", "boris"])
def test_traces_carry_the_recording(profile: str, who: str) -> None:
    """D-01, S0-18, S3-06, P-HS-02, P-ZD-03, P-MG-02."""
    settings = project(profile)
    effects = decision(answered(who), open_client(settings), settings).effects
    assert effects
    assert all(effect.recording == RECORDING for effect in effects if isinstance(effect, CreateTask | LogCall))


@pytest.mark.parametrize("who", ["boris", "oldphone"])
def test_recordings_stay_out_of_the_crm_on_request(who: str) -> None:
    """O-59, P-MG-02: neither in a field nor in a text, nor later."""
    settings = project(changes={"recording.share": "none", "fields.extra": {"lead": [["recording", "F1"]]}})
    late = [*answered(who, recording=None), end(who, key="late", recording=RECORDING)]
    for events in (answered(who), late):
        for known in (NEW, LEAD):
            assert RECORDING not in repr(decision(events, known, settings).effects)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_late_recording_is_added_to_what_was_written(profile: str) -> None:
    """D-28: no second task."""
    settings = project(profile)
    known = open_client(settings)
    early, link = answered("boris", recording=None), end("boris", key="late", recording=RECORDING)
    first, second = decision(early, known, settings).effects, decision([*early, link], known, settings).effects
    traces = {effect.key for effect in first if isinstance(effect, CreateTask | LogCall)}
    assert {effect.key for effect in second} - {effect.key for effect in first} == {f"recording:{key}" for key in traces}
    assert all(effect.recording is None for effect in first if isinstance(effect, CreateTask | LogCall))


# --- existing clients ---


@pytest.mark.parametrize("events", [answered("anna"), answered("boris"), missed(), answered("oldphone")])
def test_no_owner_of_an_existing_record_is_changed_and_no_second_contact_is_made(events: list[Event]) -> None:
    """D-05, S0-14, S4-38."""
    for known in (CONTACT, LEAD):
        effects = decision(events, known, project(changes={"update_owner_on_transfer": True})).effects
        assert not any(isinstance(effect, UpdateRecord) for effect in effects)
        assert not any(isinstance(effect, CreateRecord) and effect.kind is RecordKind.CONTACT for effect in effects)


@pytest.mark.parametrize("events", [answered("anna"), missed()])
def test_nothing_is_written_into_the_deal_of_a_converted_lead(events: list[Event]) -> None:
    """S0-15, S0-16, O-32, D-05."""
    known = client(lead(open=False), deal(contact="C1"), contact())
    effects = decision(events, known, project()).effects
    assert made(events, known, project())["lead"].links == (Ref(RecordKind.CONTACT, "C1"),)
    assert "D1" not in repr(effects)


def test_the_deal_of_a_converted_lead_is_used_on_request() -> None:
    """O-32."""
    known = client(lead(open=False), deal(contact="C1"), contact())
    settings = project(changes={"converted_lead": "log_in_deal"})
    assert told(answered("anna"), known, settings) == {"end: call_log completed for anna on D1"}


@pytest.mark.parametrize(
    ("policy", "lines"),
    [
        ("create_primary_reuse_contact", {"end: callback open for senior on new lead", "end: new lead of senior with C1"}),
        ("log_on_contact", {"end: callback open for senior on C1"}),
        ("nothing", set()),
    ],
)
def test_a_contact_without_an_open_record(policy: str, lines: set[str]) -> None:
    """O-31, C-29: for the project, or for the row alone."""
    assert told(missed(), CONTACT, project(changes={"no_open_primary": policy})) == lines
    assert told(missed(), CONTACT, project(changes={"rows.in_missed_existing.no_open_primary": policy})) == lines


def test_a_client_known_by_a_deal_alone_gets_the_contact_it_lacks() -> None:
    """D-05, V-01: a lead must not stand alone."""
    records = made(answered("anna"), client(deal()), project())
    assert set(records) == {"contact", "lead"}


@pytest.mark.parametrize("order", [["lead", "deal"], ["deal", "lead"]])
def test_the_order_of_the_look_up_decides_which_record_gets_the_task(order: list[str]) -> None:
    """O-33, D-36, D-21."""
    known = client(lead(owner="anna", contact="C1"), deal(owner="boris", contact="C1"), contact())
    lines = told(missed(), known, project("bitrix24", {"logging_lookup": order}))
    winner = "anna on L1" if order[0] == "lead" else "boris on D1"
    assert lines == {f"end: callback open for {winner}"}


def test_the_policy_for_several_matches_decides_whose_lead_it_is() -> None:
    """O-34, D-06."""
    old, young = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    known = client(lead("L1", updated_at=old), lead("L2", owner="boris", updated_at=young), contact())
    assert told(answered("boris"), known, project()) == {"end: call_log completed for boris on L2"}
    found = told(answered("boris"), known, project(changes={"matches.policy": "first_found"}))
    assert found == {"end: call_log completed for boris on L1", "end: review_call open for anna on L1"}


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ({}, UTM),
        ({"utm_source": "mail"}, {name: value for name, value in UTM.items() if name != "utm_source"}),
        ({"utm_source": ""}, UTM),
        (UTM, None),
        (None, None),
    ],
)
def test_only_empty_source_fields_are_filled(stored: dict[str, str] | None, written: dict[str, str] | None) -> None:
    """S3-50, D-25, O-26, C-25: never over a value; None is a look-up that does not tell."""
    known = client(lead(attribution=stored), contact())
    for events in (answered("anna"), missed()):
        effects = decision(events, known, project(changes={"existing.fill_empty_utm": True})).effects
        updates = [effect.attribution for effect in effects if isinstance(effect, UpdateRecord)]
        assert updates == ([written] if written else [])
        off = decision(events, known, project()).effects
        assert not any(isinstance(effect, UpdateRecord) for effect in off)


@pytest.mark.parametrize("known", [NEW, CONTACT])
def test_visit_data_go_into_the_contacts_own_fields(known: Client) -> None:
    """S2-30…S2-33, O-53: only what was mapped, only what the visit has."""
    settings = project("sendpulse", {"utm_fields": {"utm_source": "F1", "keyword": "F2"}})
    for events in (answered("anna"), missed()):
        updates = [effect for effect in decision(events, known, settings).effects if isinstance(effect, UpdateRecord)]
        assert [dict(update.fields) for update in updates] == [{"F1": "google"}]


MISSED_TASKS: Changes = {
    "missed_tasks": {"enabled": True, "board": "b-1", "user": "boris", "title": "Ring back", "deadline": "PT3H"}
}


@pytest.mark.parametrize("known", [NEW, CONTACT])
@pytest.mark.parametrize("place", [None, MissPlace.IVR, MissPlace.GROUP])
def test_every_missed_call_makes_the_fixed_task(known: Client, place: MissPlace | None) -> None:
    """S2-05, S2-27…S2-29, O-52."""
    task = tasks(missed(place=place), known, project("sendpulse", MISSED_TASKS))["callback"]
    assert (task.assignee, task.title, task.board, task.due_in) == ("boris", "Ring back", "b-1", timedelta(hours=3))
    assert not tasks(missed(place=place), known, project("sendpulse"))


# --- seed 004 ---

CLIENT_ONLY: Changes = {"answered_new": "client", "missed_new": "client"}
PROCESS: Changes = {"process": {"kind": "Sale", "status": "New"}}
WITH_PROCESS: Changes = {"answered_new": "client_and_process", "missed_new": "client_and_process", **PROCESS}


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [({}, set()), (CLIENT_ONLY, {"contact"}), (WITH_PROCESS, {"contact", "deal"})],
    ids=["nothing", "client", "process"],
)
def test_what_a_call_of_a_new_number_makes(changes: Changes, kinds: set[str]) -> None:
    """S4-01…S4-03, S4-07, S4-09…S4-11, S4-15, S4-20."""
    settings = project("megaplan", changes)
    for events, at in ((answered("anna"), Moment.ANSWER), (missed("anna"), Moment.END)):
        records = made(events, NEW, settings)
        assert set(records) == kinds
        assert {(record.at, record.owner, record.creator) for record in records.values()} <= {(at, "anna", "anna")}


def test_a_process_has_its_kind_and_status() -> None:
    """S4-21…S4-23, O-37."""
    for events in (answered("anna"), missed("anna")):
        process = made(events, NEW, project("megaplan", WITH_PROCESS))["deal"]
        assert (process.pipeline, process.stage) == ("Sale", "New")


@pytest.mark.parametrize(
    ("who", "owner"),
    [(("anna",), "anna"), (("anna", "boris"), "anna"), (("nora", "anna"), "anna"), (("oldphone", "boris"), "boris")],
)
def test_the_first_crm_employee_is_responsible(who: tuple[str, ...], owner: str) -> None:
    """S4-04, S4-06, S4-35, S4-37, D-22, C-16: and nothing is made before he takes the call."""
    settings, events = project("megaplan", CLIENT_ONLY), answered(*who)
    assert made(events, NEW, settings)["contact"].owner == owner
    before = events[: 1 + who.index(owner)]
    assert not made(before, NEW, settings)
    assert made(events[: len(before) + 1], NEW, settings)["contact"].owner == owner


@pytest.mark.parametrize(("offered", "owner"), [(("anna", "boris"), "anna"), (("nora", "boris"), "boris"), ((), "senior")])
@pytest.mark.parametrize("place", [MissPlace.EMPLOYEE, MissPlace.GROUP])
def test_who_missed_the_call_is_responsible(offered: tuple[str, ...], owner: str, place: MissPlace) -> None:
    """S4-12, S4-14, S4-42, C-15: in a group the first to whom it was offered."""
    assert made(missed(*offered, place=place), NEW, project("megaplan", CLIENT_ONLY))["contact"].owner == owner


def test_a_call_missed_in_the_voice_menu() -> None:
    """S4-39, S4-40, O-39, C-14: without a person for it nothing is made, although missed calls make clients."""
    events = missed(place=MissPlace.IVR)
    assert decision(events, NEW, project("megaplan", CLIENT_ONLY)).effects == ()
    changes = {**CLIENT_ONLY, "ivr_missed_owner": "boris"}
    assert made(events, NEW, project("megaplan", changes))["contact"].owner == "boris"
    assert decision(events, NEW, project("megaplan", {"ivr_missed_owner": "boris"})).effects == ()


def test_a_call_missed_in_a_group() -> None:
    """S4-41, O-40."""
    events, changes = missed("anna", place=MissPlace.GROUP), {**CLIENT_ONLY, "group_missed_owner": "boris"}
    assert made(events, NEW, project("megaplan", changes))["contact"].owner == "boris"
    assert made(missed("anna"), NEW, project("megaplan", changes))["contact"].owner == "anna"


def test_the_persons_for_menu_and_group_act_in_other_crms_too() -> None:
    """D-38, O-39, O-40: "unless they are set"."""
    changes = {"ivr_missed_owner": "anna", "group_missed_owner": "boris"}
    assert made(missed(place=MissPlace.IVR), NEW, project(changes=changes))["lead"].owner == "anna"
    assert made(missed(place=MissPlace.GROUP), NEW, project(changes=changes))["lead"].owner == "boris"


def test_a_row_of_its_own_for_the_voice_menu_inherits_what_it_does_not_say() -> None:
    """rules.md 3.1: in_missed_ivr_new inherits in_missed_new."""
    settings = project(changes={"rows.in_missed_ivr_new.tags": ["menu"]})
    records = made(missed(place=MissPlace.IVR), NEW, settings)
    assert {record.tags for record in records.values()} == {("menu",)}
    assert set(records) == {"contact", "organization", "lead"}
    assert "callback" in tasks(missed(place=MissPlace.IVR), NEW, settings)


@pytest.mark.parametrize(
    ("policy", "known", "makes"),
    [
        ("never_create_process", CONTACT, False),
        ("always_create_process", CONTACT, True),
        ("always_create_process", client(deal(contact="C1"), contact()), True),
        ("create_if_none_open", CONTACT, True),
        ("create_if_none_open", client(deal(open=False, contact="C1"), contact()), True),
        ("create_if_none_open", client(deal(contact="C1"), contact()), False),
    ],
)
@pytest.mark.parametrize("events", [answered("anna"), answered("boris"), missed("anna")])
def test_repeat_calls(policy: str, known: Client, makes: bool, events: list[Event]) -> None:
    """S4-16…S4-20, O-36, C-13: and the call is on the client's card in any case."""
    settings = project("megaplan", {"repeat_calls": policy, **PROCESS})
    records = made(events, known, settings)
    assert set(records) == ({"deal"} if makes else set())
    assert all(record.links == (Ref(RecordKind.CONTACT, "C1"),) for record in records.values())
    assert any(isinstance(effect, LogCall) for effect in decision(events, known, settings).effects)


def test_a_row_can_have_its_own_repeat_policy() -> None:
    """O-36, rules.md 3.1."""
    settings = project("megaplan", {"rows.in_missed_existing.repeat": "always_create_process", **PROCESS})
    assert set(made(missed("anna"), CONTACT, settings)) == {"deal"}
    assert not made(answered("anna"), CONTACT, settings)


@pytest.mark.parametrize(("on", "lines"), [(False, set()), (True, {"end: owner boris into new contact"})])
def test_a_transfer_changes_the_responsible_on_request_only(on: bool, lines: set[str]) -> None:
    """S4-35…S4-37, O-38, D-26, C-16: the creator stays."""
    settings = project("megaplan", {**CLIENT_ONLY, "update_owner_on_transfer": on})
    found = told(answered("anna", "boris"), NEW, settings)
    assert {text for text in found if "owner" in text} == lines
    contact_ = made(answered("anna", "boris"), NEW, settings)["contact"]
    assert (contact_.owner, contact_.creator) == ("anna", "anna")


@pytest.mark.parametrize("who", [("anna",), ("anna", "oldphone"), ("anna", "boris", "anna"), ("nora", "anna")])
def test_a_transfer_that_ends_where_it_began_changes_nothing(who: tuple[str, ...]) -> None:
    """S4-36: the last CRM employee is the first."""
    settings = project("megaplan", {**CLIENT_ONLY, "update_owner_on_transfer": True})
    assert not any("owner" in text for text in told(answered(*who), NEW, settings))


def test_all_records_of_the_call_follow_the_transfer() -> None:
    """S4-36, S4-38: only those made automatically, only for new numbers."""
    settings = project("megaplan", {**WITH_PROCESS, "update_owner_on_transfer": True})
    owners = {text for text in told(answered("anna", "boris"), NEW, settings) if "owner" in text}
    assert owners == {"end: owner boris into new contact", "end: owner boris into new deal"}
    assert not any("owner" in text for text in told(answered("anna", "boris"), CONTACT, settings))


def test_the_dialled_line_is_stored_on_request() -> None:
    """S4-31…S4-34, O-29: in the client's card, under the project's name for it."""
    on: Changes = {**CLIENT_ONLY, "save_source_line": True}
    for events in (answered("anna"), missed("anna")):
        assert made(events, NEW, project("megaplan", CLIENT_ONLY))["contact"].fields == {}
        assert made(events, NEW, project("megaplan", on))["contact"].fields == {"Номер линии MANGO OFFICE": LINE}
    named = project("megaplan", {**on, "source_line_field": "F9"})
    assert made(answered("anna"), NEW, named)["contact"].fields == {"F9": LINE}


def test_in_a_crm_of_leads_the_line_is_stored_in_the_lead() -> None:
    """O-29, S4-34: whoever asks by which number clients come must find it."""
    settings = project("salesforce", {"save_source_line": True, "source_line_field": "Line__c"})
    assert made(answered("anna"), NEW, settings)["lead"].fields == {"Line__c": LINE}


# --- settings of the matrix ---


@pytest.mark.parametrize(("profile", "kind"), [("pipedrive", "call"), ("pipedrive", "note"), ("creatio", "call")])
def test_the_kind_of_trace_is_a_setting(profile: str, kind: str) -> None:
    """O-56, C-08: for all rows that leave one."""
    settings = project(profile, {"trace.kind": kind})
    for events, known in ((answered("anna"), NEW), (answered("anna"), LEAD), (answered("boris"), LEAD)):
        effects = decision(events, known, settings).effects
        assert [effect.kind for effect in effects if isinstance(effect, LogCall)] == [kind]
        assert not any(isinstance(effect, CreateTask) and effect.kind == "call_log" for effect in effects)


def test_primary_entity_and_the_kinds_of_a_row() -> None:
    """O-30, O-35, C-01: Zoho CRM with deals."""
    changes = {"primary_entity": "deal", "rows.in_answered_new.create": ["contact", "deal"], "logging_lookup": ["deal"]}
    assert set(made(answered("anna"), NEW, project("zoho_crm", changes))) == {"contact", "deal"}
    assert set(made(answered("anna"), CONTACT, project("zoho_crm", changes))) == {"deal"}


def test_hubspot_with_the_review_task_of_the_older_page() -> None:
    """P-HS-09, O-35."""
    settings = project("hubspot", {"rows.in_answered_existing_by_other.task": "review_call"})
    assert "end: review_call open for anna on D1, C1" in told(answered("boris"), open_client(settings), settings)


def test_a_row_can_be_switched_off() -> None:
    """S0-02, S0-40, S3-49, O-35: what no row asks for is not done."""
    changes = {"rows.in_missed_new.create": [], "rows.in_missed_new.task": "none"}
    assert decision(missed(), NEW, project(changes=changes)).effects == ()


# --- explanations and keys ---


@pytest.mark.parametrize(
    ("events", "known", "situation"),
    [
        ([ring()], NEW, "in_ringing_new"),
        ([ring()], LEAD, "in_ringing_existing"),
        (answered("anna"), NEW, "in_answered_new"),
        (missed(), NEW, "in_missed_new"),
        (missed(place=MissPlace.IVR), NEW, "in_missed_ivr_new"),
        (missed(place=MissPlace.GROUP), NEW, "in_missed_group_new"),
        (answered("anna"), LEAD, "in_answered_existing_by_responsible"),
        (answered("boris"), LEAD, "in_answered_existing_by_other"),
        (missed(), LEAD, "in_missed_existing"),
        (answered("oldphone"), NEW, "in_answered_unknown_employee"),
        (answered("oldphone"), LEAD, "in_answered_unknown_employee"),
    ],
)
def test_a_decision_names_its_situation_and_its_rules(events: list[Event], known: Client, situation: str) -> None:
    """S0-02, design 1: each write can be explained."""
    found = decision(events, known, project())
    assert found.situation == situation
    assert found.rules
    assert all(effect.rules for effect in found.effects)


def test_a_missed_existing_call_in_a_group_is_a_missed_existing_call() -> None:
    assert decision(missed(place=MissPlace.GROUP), LEAD, project()).situation == "in_missed_existing"


KEYS = {"contact", "organization", "lead", "deal", "log", "log:call_entity", "utm", "visit_fields", "form", "popup"}
KEYS |= {f"owner:{place}" for place in ("contact", "organization", "primary")}
KEYS |= {f"task:{kind}" for kind in ("callback", "review_call", "acquaint", "check_settings")}
KEYS |= {f"recording:{key}" for key in ("log", "log:call_entity", "task:callback", "task:review_call", "task:check_settings")}

changes_of_a_call = st.fixed_dictionaries(
    {
        "client": st.sampled_from((CLIENT, "+380501112233")),
        "line": st.sampled_from((LINE, "+380443330000")),
        "talk_seconds": st.integers(1, 500),
        "total_seconds": st.integers(500, 900),
        "recording": st.none() | st.sampled_from((RECORDING, "https://rec.example/other.mp3")),
        "attribution": st.sampled_from(({}, UTM)),
        "status": st.sampled_from(("ANSWERED", "PROPER")),
        "department": st.none() | st.just("sales"),
    }
)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(PROFILES),
    st.sampled_from((NEW, CONTACT, LEAD)),
    st.sampled_from((("anna",), ("boris",), ("anna", "boris"), ("oldphone",))),
    changes_of_a_call,
)
def test_keys_hold_nothing_that_could_change(profile: str, known: Client, who: tuple[str, ...], facts: dict[str, object]) -> None:
    """Design 5: a key is a word of ours, so no name, number, link or time of a later event can be in it."""
    project_ = project(profile)
    records = known.records
    found = decision(answered(*who, **facts), Client(str(facts["client"]), records), project_).effects
    usual = decision(answered(*who), known, project_).effects
    assert {effect.key for effect in found} <= KEYS
    assert {effect.key for effect in found} == {effect.key for effect in usual}


# --- any order, any delay ---

SOMEBODY = st.sampled_from(("anna", "boris", "senior", "oldphone", "nora"))
CALLS = st.one_of(
    SOMEBODY.map(answered),
    SOMEBODY.map(lambda who: [*answered(who, recording=None), end(who, key="late")]),
    st.sampled_from((None, *MissPlace)).map(lambda place: [ring(), *missed("anna", place=place)]),
    st.just([ring(), *missed(voicemail=True), *missed(voicemail=True, key="late", recording=RECORDING)]),
)
"""Calls whose events do not contradict each other: the end names who talked, as the providers do."""

TRANSFERS = st.lists(st.sampled_from(("anna", "boris", "senior")), min_size=2, max_size=3)
KNOWN = st.sampled_from((NEW, CONTACT, LEAD, client(deal(contact="C1"), contact())))


def keys(events: list[Event], known: Client, profile: str) -> set[str]:
    """What is carried out; a pop-up writes nothing and is pointless later."""
    return {effect.key for effect in decide(fold(events), known, project(profile)).effects} - {"popup"}


def in_sum(order: list[Event], known: Client, profile: str) -> set[str]:
    """What is carried out when it is decided anew after each event."""
    return set().union(*(keys(order[:count], known, profile) for count in range(1, len(order) + 1)))


@settings(deadline=None, max_examples=250)
@given(CALLS, KNOWN, st.sampled_from(PROFILES), st.data())
def test_the_order_of_the_events_does_not_change_what_is_done(
    events: list[Event], known: Client, profile: str, data: st.DataObject
) -> None:
    """Design 2 and 5, D-07, D-08: deciding after each event does in sum what deciding once at the end does."""
    order = data.draw(st.permutations(events))
    assert in_sum(order, known, profile) == keys(events, known, profile)


@settings(deadline=None, max_examples=150)
@given(TRANSFERS, KNOWN, st.sampled_from(PROFILES), st.data())
def test_nor_does_the_order_of_the_answers_of_a_transferred_call(
    who: list[str], known: Client, profile: str, data: st.DataObject
) -> None:
    """Design 5, D-26: the end, which names the last talker only, comes after the answers here."""
    *before, last = answered(*who)
    order = [*data.draw(st.permutations(before)), last]
    assert in_sum(order, known, profile) == keys(order, known, profile)
