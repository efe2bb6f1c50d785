"""The validity constraints V-01…V-27 with their codes (rules.md 3.2): for each a document that passes and one that is refused."""

from __future__ import annotations

from typing import Any

import pytest

from patchcord.model.settings import weekdays
from patchcord.scenarios.constraints import CONSTRAINTS, Facts, check
from patchcord.scenarios.profiles import InvalidSettings, effective
from tests.unit.builders import PROFILES, Changes, document, project

PROCESS = {"kind": "Sale", "status": "New"}
HOURS = {"days": "mon-fri", "from": "09:00", "to": "18:00"}
MISSED = {"enabled": True, "board": "b", "user": "anna", "title": "T", "deadline": "PT1H"}
STICKY = {"enabled": True, "period_days": 7}
BY_CALLS = {"type": "responsible_by_calls", "call_types": ["in"], "period_days": 7}


def found(profile: str = "pipedrive", changes: Changes | None = None, facts: Facts | None = None) -> set[tuple[str, str]]:
    """Codes and fields of everything that is wrong, form and constraints."""
    try:
        findings = check(effective(document(profile, changes)), facts)
    except InvalidSettings as refused:
        findings = refused.findings
    assert all(finding.message for finding in findings)
    return {(finding.code, finding.field) for finding in findings}


def row(name: str, **columns: Any) -> Changes:
    return {f"rows.{name}.{column}": value for column, value in columns.items()}


ANSWERED = "rows.in_answered_new.create"

REFUSED = [
    ("V-01", "pipedrive", {ANSWERED: ["lead"]}, "LEAD_NEEDS_CONTACT_OR_ORGANIZATION", ANSWERED),
    ("V-02", "creatio", row("form_new", create=["deal", "lead", "contact"]), "LEAD_AND_DEAL_EXCLUSIVE", "rows.form_new.create"),
    ("V-02", "salesforce", {ANSWERED: ["lead", "deal", "contact"]}, "LEAD_AND_DEAL_EXCLUSIVE", ANSWERED),
    ("V-03", "pipedrive", {"senior_manager": "nobody"}, "SENIOR_MANAGER_UNKNOWN", "senior_manager"),
    ("V-05", "pipedrive", {"tasks.deadline": "PT0S"}, "DEADLINE_MUST_BE_POSITIVE", "tasks.deadline"),
    ("V-05", "pipedrive", {"tasks.deadline": "-PT1H"}, "DEADLINE_MUST_BE_POSITIVE", "tasks.deadline"),
    (
        "V-05",
        "pipedrive",
        row("in_missed_new", due_in="PT0S"),
        "DEADLINE_MUST_BE_POSITIVE",
        "rows.in_missed_new.task.due_in",
    ),
    ("V-06", "pipedrive", row("in_missed_new", at="answer"), "MOMENT_NOT_POSSIBLE", "rows.in_missed_new.at"),
    ("V-06", "pipedrive", row("in_answered_new", at="ring"), "MOMENT_NOT_POSSIBLE", "rows.in_answered_new.at"),
    ("V-06", "pipedrive", row("in_answered_new", at="submit"), "MOMENT_NOT_POSSIBLE", "rows.in_answered_new.at"),
    ("V-06", "sendpulse", row("in_ringing_new", at="answer"), "MOMENT_NOT_POSSIBLE", "rows.in_ringing_new.at"),
    ("V-06", "pipedrive", row("out_unanswered", at="answer"), "MOMENT_NOT_POSSIBLE", "rows.out_unanswered.at"),
    ("V-06", "pipedrive", row("form_new", at="dispatch"), "MOMENT_NOT_POSSIBLE", "rows.form_new.at"),
    ("V-06", "pipedrive", row("messenger_new", at="end"), "MOMENT_NOT_POSSIBLE", "rows.messenger_new.at"),
    ("V-07", "pipedrive", row("in_missed_new", owner="answering"), "OWNER_NOT_POSSIBLE", "rows.in_missed_new.owner"),
    ("V-07", "pipedrive", row("in_missed_existing", owner="last_handler"), "OWNER_NOT_POSSIBLE", "rows.in_missed_existing.owner"),
    ("V-07", "pipedrive", row("in_answered_new", owner="distributed"), "OWNER_NOT_POSSIBLE", "rows.in_answered_new.owner"),
    ("V-07", "pipedrive", row("in_answered_new", owner="caller"), "OWNER_NOT_POSSIBLE", "rows.in_answered_new.owner"),
    ("V-07", "pipedrive", row("in_missed_new", task_for="caller"), "OWNER_NOT_POSSIBLE", "rows.in_missed_new.task.assignee"),
    ("V-07", "pipedrive", row("in_missed_new", owner="fixed:zoe"), "EMPLOYEE_UNKNOWN", "rows.in_missed_new.owner"),
    ("V-08", "pipedrive", row("in_missed_new", task="review_call"), "TASK_NOT_POSSIBLE", "rows.in_missed_new.task"),
    ("V-08", "pipedrive", row("in_answered_new", task="acquaint"), "TASK_NOT_POSSIBLE", "rows.in_answered_new.task"),
    ("V-08", "pipedrive", row("in_missed_existing", task="check_settings"), "TASK_NOT_POSSIBLE", "rows.in_missed_existing.task"),
    ("V-09", "kommo", {ANSWERED: ["contact", "lead"]}, "ENTITY_NOT_IN_CRM", ANSWERED),
    (
        "V-10",
        "zoho_crm",
        {"fields.extra": {"lead": [["utm_source", "F"], ["keyword", "F"]]}},
        "FIELD_MAPPED_TWICE",
        "fields.extra.lead",
    ),
    (
        "V-10",
        "zoho_crm",
        {"fields.extra": {"lead": [["line", "F"], ["line", "G"]]}},
        "PARAMETER_MAPPED_TWICE",
        "fields.extra.lead",
    ),
    ("V-10", "zoho_crm", {"fields.extra": {"deal": [["mood", "F"]]}}, "PARAMETER_UNKNOWN", "fields.extra.deal"),
    ("V-10", "sendpulse", {"utm_fields": {"mood": "F"}}, "PARAMETER_UNKNOWN", "utm_fields"),
    ("V-13", "pipedrive", {"routing": {"enabled": True, "priority": []}}, "ROUTING_PRIORITY_EMPTY", "routing.priority"),
    ("V-13", "zoho_desk", {"routing.priority": ["lead"]}, "ENTITY_NOT_IN_CRM", "routing.priority"),
    ("V-13", "sendpulse", {"routing.enabled": True}, "ROUTING_NOT_SUPPORTED", "routing.enabled"),
    ("V-13", "sendpulse", {"scheme.blocks": [{"type": "responsible_by_crm"}]}, "ROUTING_NOT_SUPPORTED", "scheme.blocks.0"),
    (
        "V-14",
        "pipedrive",
        {"scheme.blocks": [{**BY_CALLS, "period_days": 0}]},
        "STICKINESS_PERIOD_REQUIRED",
        "scheme.blocks.0",
    ),
    ("V-14", "pipedrive", {"scheme.blocks": [{**BY_CALLS, "call_types": []}]}, "STICKINESS_PERIOD_REQUIRED", "scheme.blocks.0"),
    (
        "V-14",
        "pipedrive",
        {"stickiness.global": {**STICKY, "period_days": 0}, "working_hours": HOURS},
        "STICKINESS_PERIOD_REQUIRED",
        "stickiness.global.period_days",
    ),
    ("V-14", "pipedrive", {"stickiness.global": STICKY}, "WORKING_HOURS_REQUIRED", "working_hours"),
    *(
        ("V-15", "sendpulse", {"missed_tasks": {**MISSED, key: None}}, "MISSED_TASK_FIELDS_REQUIRED", "missed_tasks")
        for key in ("board", "title", "deadline")
    ),
    ("V-16", "sendpulse", {"integration.plan": "Free"}, "PLAN_TOO_LOW", "integration.plan"),
    (
        "V-17",
        "sendpulse",
        {"click_to_call.sip_account": "sip:other_anna"},
        "SIP_ACCOUNT_NOT_IN_PROJECT",
        "click_to_call.sip_account",
    ),
    ("V-18", "megaplan", {"answered_new": "client_and_process"}, "PROCESS_KIND_AND_STATUS_REQUIRED", "answered_new"),
    (
        "V-18",
        "megaplan",
        {"missed_new": "client_and_process", "process.kind": "Sale"},
        "PROCESS_KIND_AND_STATUS_REQUIRED",
        "missed_new",
    ),
    ("V-19", "megaplan", {"missed_new": "client", "ivr_missed_owner": "nora"}, "MISSED_OWNER_NOT_ACTIVE", "ivr_missed_owner"),
    ("V-19", "megaplan", {"missed_new": "client", "group_missed_owner": "gone"}, "MISSED_OWNER_NOT_ACTIVE", "group_missed_owner"),
    ("V-19", "megaplan", {"ivr_missed_owner": "anna"}, "MISSED_OWNER_WITHOUT_CREATION", "ivr_missed_owner"),
    ("V-23", "pipedrive", {"employees.anna.main_directions": []}, "MAIN_DIRECTION_REQUIRED", "employees.anna.main_directions"),
    ("V-23", "pipedrive", {"employees.boris.other_directions": ["0501110101"]}, "DIRECTION_NOT_UNIQUE", "employees.boris"),
    ("V-23", "pipedrive", {"employees.boris.main_directions": ["SIP:Demo_Anna"]}, "DIRECTION_NOT_UNIQUE", "employees.boris"),
    ("V-23", "pipedrive", {"employees.boris.email": "Anna@Example.com"}, "EMAIL_NOT_UNIQUE", "employees.boris"),
    ("V-23", "pipedrive", {"employees.boris.name": "Anna Koval"}, "NAME_NOT_UNIQUE", "employees.boris"),
    ("V-23", "pipedrive", {"employees.boris.extension": "101"}, "EXTENSION_NOT_UNIQUE", "employees.boris"),
    ("V-23", "pipedrive", {"employees.boris.extension": "12"}, "EXTENSION_TOO_SHORT", "employees.boris.extension"),
    ("V-23", "pipedrive", {"employees.boris.extension": "12a"}, "EXTENSION_TOO_SHORT", "employees.boris.extension"),
    ("V-24", "pipedrive", {"integration.language": "de"}, "INVALID_VALUE", "integration.language"),
    *(
        ("V-25", "megaplan", {"repeat_calls": policy}, "PROCESS_KIND_AND_STATUS_REQUIRED", "repeat_calls")
        for policy in ("always_create_process", "create_if_none_open")
    ),
    *(
        ("V-26", name, {ANSWERED: [word]}, "DEAL_NEEDS_CONTACT", ANSWERED)
        for name, word in (
            ("pipedrive", "deal"),
            ("hubspot", "deal"),
            ("zoho_crm", "deal"),
            ("zoho_desk", "ticket"),
            ("kommo", "deal"),
            ("salesforce", "deal"),
        )
    ),
    ("O-06", "pipedrive", {"tasks.deadline_clock": "business"}, "WORKING_HOURS_REQUIRED", "working_hours"),
    ("O-48", "pipedrive", {"working_hours": {**HOURS, "days": "someday"}}, "WORKING_HOURS_INVALID", "working_hours.days"),
    ("O-48", "pipedrive", {"working_hours": {**HOURS, "to": "09:00"}}, "WORKING_HOURS_INVALID", "working_hours"),
    ("O-48", "pipedrive", {"timezone": "Kyiv"}, "TIME_ZONE_UNKNOWN", "timezone"),
    ("O-13", "pipedrive", {"blocked_numbers": ["+380671234567", "12"]}, "NUMBER_NOT_READABLE", "blocked_numbers.1"),
    ("D-10", "pipedrive", {"lines": ["anonymous"]}, "NUMBER_NOT_READABLE", "lines.0"),
]


@pytest.mark.parametrize(
    ("profile", "changes", "code", "field"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_is_refused(profile: str, changes: Changes, code: str, field: str) -> None:
    """Each with its code at its place, and nothing else is said: S0-10, S0-22, S0-23, S1-12, S1-28, S1-29, S2-06, S2-28, S4-22,
    S4-23, C-12, C-32, O-54, P-EM-01, P-EM-02, P-EM-03, P-EM-05, P-ZC-10."""
    assert found(profile, changes) == {(code, field)}


PASSES = [
    ("V-01", "pipedrive", {ANSWERED: ["organization", "lead"]}),
    ("V-01", "pipedrive", {ANSWERED: ["contact", "lead"]}),
    *(("V-01", name, {ANSWERED: ["lead"]}) for name in ("salesforce", "zoho_crm", "bitrix24")),
    ("V-02", "pipedrive", {ANSWERED: ["contact", "deal"]}),
    ("V-05", "pipedrive", {"tasks.deadline": "PT1M"}),
    ("V-06", "pipedrive", row("in_answered_new", at="end")),
    ("V-06", "pipedrive", row("out_answered_new", at="answer", create=["contact"], owner="caller")),
    ("V-07", "pipedrive", row("in_missed_new", owner="distributed")),
    ("V-07", "pipedrive", row("in_missed_new", owner="fixed:boris", task_for="boris")),
    ("V-07", "pipedrive", row("in_answered_new", owner="last_handler")),
    ("V-08", "hubspot", row("in_answered_existing_by_other", task="review_call")),
    ("V-08", "hubspot", row("out_answered_existing_by_other", task="acquaint")),
    ("V-08", "altegio", row("out_unknown_employee", task="check_settings")),
    ("V-09", "zoho_desk", {ANSWERED: ["contact", "ticket"]}),
    ("V-10", "zoho_crm", {"fields.extra": {"lead": [["utm_source", "F"], ["line", "G"]], "deal": [["line", "F"]]}}),
    ("V-13", "pipedrive", {"routing": {"enabled": True, "priority": ["contact", "lead"]}}),
    ("V-14", "pipedrive", {"scheme.blocks": [BY_CALLS], "stickiness.global": STICKY, "working_hours": HOURS}),
    ("V-15", "sendpulse", {"missed_tasks": MISSED}),
    ("V-15", "sendpulse", {"missed_tasks": {"enabled": False, "board": "b"}}),
    ("V-16", "sendpulse", {"integration.plan": "CRM Basic"}),
    ("V-16", "sendpulse", {"integration.plan": "CRM Pro"}),
    ("V-17", "sendpulse", {"click_to_call.sip_account": "sip:Demo_Anna"}),
    ("V-18", "megaplan", {"answered_new": "client_and_process", "missed_new": "client_and_process", "process": PROCESS}),
    ("V-19", "megaplan", {"missed_new": "client", "ivr_missed_owner": "anna", "group_missed_owner": "senior"}),
    ("V-23", "pipedrive", {"employees.boris.main_directions": ["sip:demo_boris", "+380441110102"]}),
    *(("V-24", "pipedrive", {"integration.language": language}) for language in ("en", "uk", "ru", "pl")),
    ("V-25", "megaplan", {"repeat_calls": "always_create_process", "process": PROCESS}),
    ("V-26", "retailcrm", {ANSWERED: ["order"]}),
    ("O-06", "pipedrive", {"tasks.deadline_clock": "business", "working_hours": HOURS}),
    ("O-13", "pipedrive", {"blocked_numbers": ["067 123 45 67", "sip:demo_x"]}),
]


@pytest.mark.parametrize(("profile", "changes"), [case[1:] for case in PASSES], ids=[case[0] for case in PASSES])
def test_what_is_accepted(profile: str, changes: Changes) -> None:
    assert found(profile, changes) == set()


# --- what only the CRM or the telephony can tell ---

ACTIVATING = Facts(activating=True)
GREETING = {"distribute_to_responsible": True}
MAPPED = {"fields.extra": {"lead": [["utm_source", "F"]]}}

BY_FACTS = [
    ("V-10", "zoho_crm", MAPPED, Facts(field_types={"F": "string"}), Facts(field_types={"F": "number"}),
     "FIELD_TYPE_MUST_BE_STRING"),
    ("V-10", "pipedrive", MAPPED, Facts(known_fields=frozenset({"F"})), Facts(known_fields=frozenset({"G"})), "FIELD_NOT_FOUND"),
    ("V-20", "megaplan", GREETING, Facts(greeting_seconds=5), Facts(greeting_seconds=4), "GREETING_TOO_SHORT"),
    ("V-20", "megaplan", GREETING, Facts(wait_for_end=True), Facts(wait_for_end=False), "GREETING_MUST_BE_AWAITED"),
    ("V-21", "bitrix24", {}, Facts(other_integration=False), Facts(other_integration=True), "OTHER_INTEGRATION_ACTIVE"),
    ("V-27", "salesforce", {}, Facts(activating=True, crm_user_role="Admin"), Facts(activating=True, crm_user_role="standard"),
     "ADMIN_OR_OWNER_REQUIRED"),
    ("V-27", "kommo", {}, Facts(activating=True, crm_user_role="owner"), Facts(activating=True, crm_user_role="manager"),
     "ADMIN_OR_OWNER_REQUIRED"),
    ("S2-16", "sendpulse", {}, Facts(registered_webhooks=4), Facts(registered_webhooks=3), "FOUR_WEBHOOKS_EXPECTED"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "changes", "good", "bad", "code"), [case[1:] for case in BY_FACTS], ids=[c[0] for c in BY_FACTS]
)
def test_what_facts_decide(profile: str, changes: Changes, good: Facts, bad: Facts, code: str) -> None:
    """P-BX-13, P-ZC-10, S3-25, P-KM-07, S4-28…S4-30, S2-15, S2-16."""
    assert found(profile, changes, good) == set()
    assert {kind for kind, _ in found(profile, changes, bad)} == {code}


def test_an_unknown_fact_is_held_against_nobody() -> None:
    for profile in PROFILES:
        assert check(project(profile), Facts()) == ()


def test_bitrix_without_leads_refuses_every_row_with_one() -> None:
    """V-22, C-26."""
    places = {f"rows.{name}.create" for name in ("in_answered_new", "in_missed_new", "form_new", "messenger_new")}
    refused = {("LEADS_NOT_AVAILABLE", place) for place in (*places, "primary_entity")}
    assert found("bitrix24", facts=Facts(leads_enabled=False)) == refused
    deals = {place: ["contact", "deal"] for place in places}
    assert found("bitrix24", {**deals, "primary_entity": "deal"}, Facts(leads_enabled=False)) == set()


def test_bitrix_without_leads_cannot_have_the_lead_as_primary_record() -> None:
    """V-22: else a call of a known contact would still try to make one."""
    rows = ("in_answered_new", "in_missed_new", "form_new", "messenger_new")
    deals = {f"rows.{name}.create": ["contact", "deal"] for name in rows}
    assert "LEADS_NOT_AVAILABLE" in {code for code, _ in found("bitrix24", deals, Facts(leads_enabled=False))}


def test_the_key_of_retailcrm_needs_its_methods() -> None:
    """P-RC-05."""
    methods = frozenset(project("retailcrm").vendor.api_methods)
    assert len(methods) == 16
    assert found("retailcrm", facts=Facts(api_methods=methods)) == set()
    assert found("retailcrm", facts=Facts(api_methods=methods - {"/api/tasks/create"})) == {("API_METHODS_MISSING", "crm")}


@pytest.mark.parametrize("how", ["activating", "enabled"])
def test_switching_on_needs_a_senior_manager_and_a_bound_employee(how: str) -> None:
    """V-03, V-04, S3-30, S3-31, O-01, O-04."""
    facts = ACTIVATING if how == "activating" else Facts()
    on: Changes = {"integration.enabled": how == "enabled"}
    unbound = {f"employees.{key}.crm_user": None for key in ("anna", "boris", "senior", "gone")}
    assert found("pipedrive", on, facts) == set()
    assert found("pipedrive", {**on, "senior_manager": None}, facts) == {("SENIOR_MANAGER_REQUIRED", "senior_manager")}
    for key in ("nora", "gone"):
        assert found("pipedrive", {**on, "senior_manager": key}, facts) == {("SENIOR_MANAGER_REQUIRED", "senior_manager")}
    assert found("pipedrive", {**on, **unbound}, facts) == {
        ("SENIOR_MANAGER_REQUIRED", "senior_manager"),
        ("EMPLOYEE_WITH_CRM_USER_REQUIRED", "employees"),
    }


def test_a_project_without_anybody_cannot_be_switched_on() -> None:
    """V-03, V-04."""
    bare = effective({"crm": {"vendor": "pipedrive"}})
    assert check(bare) == ()
    assert {finding.code for finding in check(bare, ACTIVATING)} == {
        "SENIOR_MANAGER_REQUIRED",
        "EMPLOYEE_WITH_CRM_USER_REQUIRED",
    }


@pytest.mark.parametrize("on", [False, True])
def test_form_rows_can_be_prepared_before_forms_are_on(on: bool) -> None:
    """V-11: they act only then, which the screening sees to (test_screen)."""
    assert found("pipedrive", {"forms.enabled": on, **row("form_new", create=["contact", "lead"])}) == set()


def test_a_dispatch_needs_no_setting_for_its_number() -> None:
    """V-12 is judged for each dispatch (test_screen)."""
    assert found("pipedrive", {"messenger.enabled": True}) == set()


@pytest.mark.parametrize(
    ("forms", "code", "place"),
    [
        ({"origins": ["http://acme.example"]}, "ORIGIN_NOT_POSSIBLE", "forms.origins.0"),
        ({"origins": ["https://acme.example", "https://acme.example/shop"]}, "ORIGIN_NOT_POSSIBLE", "forms.origins.1"),
        ({"origins": ["*"]}, "ORIGIN_NOT_POSSIBLE", "forms.origins.0"),
        ({"origins": ["https://*.acme.example"]}, "ORIGIN_NOT_POSSIBLE", "forms.origins.0"),
        ({"origins": ["null"]}, "ORIGIN_NOT_POSSIBLE", "forms.origins.0"),
        ({"origins": ["https://me:pw@acme.example"]}, "ORIGIN_NOT_POSSIBLE", "forms.origins.0"),
        ({"per_address_a_minute": 0}, "FORM_RATE_NOT_POSSIBLE", "forms.per_address_a_minute"),
        ({"per_address_a_minute": 1001}, "FORM_RATE_NOT_POSSIBLE", "forms.per_address_a_minute"),
        ({"honeypot": " "}, "HONEYPOT_NOT_POSSIBLE", "forms.honeypot"),
        ({"honeypot": "phone"}, "HONEYPOT_NOT_POSSIBLE", "forms.honeypot"),
        ({"honeypot": "fax", "field_names": {"fax": "phone"}}, "HONEYPOT_NOT_POSSIBLE", "forms.honeypot"),
        ({"field_names": {"tel": "telephone"}}, "FORM_FIELD_UNKNOWN", "forms.field_names.tel"),
    ],
)
def test_what_guards_the_sites_forms(forms: Changes, code: str, place: str) -> None:
    """S0-29: an address that anybody may use."""
    assert found("pipedrive", {"forms": forms}) == {(code, place)}


def test_a_sites_forms_in_order() -> None:
    origins = ["https://www.acme.example", "https://Acme.example:8443", "http://localhost:3000"]
    names = {"Телефон": "phone", "quelle": "utm_source", "firma": "company"}
    assert found("pipedrive", {"forms": {"origins": origins, "field_names": names, "per_address_a_minute": 1}}) == set()


# --- what rules.md asks for beyond a single code ---


def test_a_priority_has_no_repeats() -> None:
    """V-13."""
    assert found("pipedrive", {"routing": {"enabled": True, "priority": ["lead", "lead"]}}) != set()


def test_one_employees_number_in_two_notations_is_one_direction() -> None:
    """V-23: a direction belongs to one employee, and it does."""
    assert found("pipedrive", {"employees.anna.other_directions": ["0441110101"]}) == set()


@pytest.mark.parametrize(
    "changes",
    [
        {"forms.owner": "fixed:zoe"},
        {"messenger.owner": "zoe"},
        {"rows.in_missed_new.task.assignee": "fixed:zoe"},
        {"in_missed_existing.assignee": "zoe"},
    ],
)
def test_every_named_person_is_an_employee(changes: Changes) -> None:
    """V-07, O-17, O-21, O-62: a name nobody has would silently be the senior manager."""
    assert {code for code, _ in found("pipedrive", changes)} == {"EMPLOYEE_UNKNOWN"}


def test_business_hours_that_never_open_are_refused() -> None:
    """O-06, O-48: they would stop every task with a deadline. Reading `sat-mon` as three days is as good."""
    changes = {"tasks.deadline_clock": "business", "working_hours": {**HOURS, "days": "sat-mon"}}
    assert found("pipedrive", changes) or weekdays("sat-mon")


def test_the_user_of_the_fixed_task_is_an_employee() -> None:
    """V-15, S2-28."""
    assert ("EMPLOYEE_UNKNOWN", "missed_tasks.user") in found("sendpulse", {"missed_tasks": {**MISSED, "user": "zoe"}})
    assert ("MISSED_TASK_FIELDS_REQUIRED", "missed_tasks") in found("sendpulse", {"missed_tasks": {**MISSED, "user": ""}})


def test_a_repeat_policy_of_a_row_needs_the_process_as_well() -> None:
    """V-25: whether it stands at the project or at one row."""
    changes = row("in_missed_existing", repeat="always_create_process")
    assert {code for code, _ in found("megaplan", changes)} == {"PROCESS_KIND_AND_STATUS_REQUIRED"}


def test_all_errors_are_named_and_errors_come_first() -> None:
    """Design 5."""
    changes = {
        "tasks.deadline": "PT0S",
        ANSWERED: ["lead", "deal"],
        "employees.boris.extension": "1",
        "ivr_missed_owner": "anna",
        "missed_new": "nothing",
    }
    findings = check(project("pipedrive", changes))
    assert {finding.code for finding in findings} == {
        "DEADLINE_MUST_BE_POSITIVE",
        "LEAD_NEEDS_CONTACT_OR_ORGANIZATION",
        "LEAD_AND_DEAL_EXCLUSIVE",
        "DEAL_NEEDS_CONTACT",
        "EXTENSION_TOO_SHORT",
        "MISSED_OWNER_WITHOUT_CREATION",
    }
    assert [finding.severity for finding in findings] == sorted(finding.severity for finding in findings)


def test_what_lives_in_the_pbx_is_only_warned_about() -> None:
    """V-20, S4-28."""
    (finding,) = check(project("megaplan", GREETING), Facts(greeting_seconds=1))
    assert finding.severity == "warning"


def test_every_constraint_says_which_rule_it_is() -> None:
    for constraint in CONSTRAINTS:
        assert constraint.__doc__, constraint.__name__
