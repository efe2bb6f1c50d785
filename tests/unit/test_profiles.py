"""A project's document over its CRM's profile: short forms, dotted keys, vendor words, refusals (design 5, O-35, S0-03)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from patchcord.model.effects import TaskKind
from patchcord.model.phone import StorageFormat
from patchcord.model.records import RecordKind
from patchcord.model.settings import Row, RowName
from patchcord.scenarios.constraints import check
from patchcord.scenarios.profiles import InvalidSettings, effective, merge, nested, profile
from tests.golden.rows import SHARED
from tests.unit.builders import PROFILES, Changes, document, project

THIRTEEN = 13
ROWS = {name.value for name in RowName}


def refused(tree: Any) -> set[tuple[str, str]]:
    """Codes and fields of what is wrong with the form of a document."""
    with pytest.raises(InvalidSettings) as found:
        effective(tree)
    assert str(found.value)
    return {(finding.code, finding.field) for finding in found.value.findings}


# --- the profiles ---


def test_there_is_a_profile_for_each_crm_and_one_for_pipedrives_deals() -> None:
    """C-01."""
    assert len(PROFILES) == len(set(PROFILES)) == THIRTEEN


@pytest.mark.parametrize("name", PROFILES)
def test_each_profile_is_complete_and_valid_as_it_is(name: str) -> None:
    """S0-03: a complete default is there before anybody changes anything."""
    assert check(project(name)) == ()
    assert check(effective({"crm": document(name)["crm"]})) == ()
    assert project(name).rows


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_not_changed_by_those_who_use_it(name: str) -> None:
    before = repr(profile(name))
    project(name, {"rows.in_answered_new.create": [], "rows.in_missed_new.task": "none", "tasks.deadline": "PT1H"})
    assert repr(profile(name)) == before


PRIMARY = {"altegio": None, "sendpulse": None} | dict.fromkeys(
    ("pipedrive", "salesforce", "zoho_crm", "creatio", "bitrix24"), RecordKind.LEAD
)


@pytest.mark.parametrize("name", PROFILES)
def test_the_primary_record_of_each_crm(name: str) -> None:
    """O-30, table 2.3; C-01, C-12, C-26."""
    assert project(name).primary_entity == PRIMARY.get(name, RecordKind.DEAL)


@pytest.mark.parametrize(
    ("name", "priority"),
    [
        ("pipedrive", "lead deal contact"),
        ("salesforce", "lead"),
        ("zoho_desk", "deal contact"),
        ("kommo", "deal contact"),
        ("retailcrm", "deal contact"),
        ("altegio", "contact"),
        ("megaplan", "contact"),
        ("sendpulse", ""),
    ],
)
def test_whom_the_routing_asks(name: str, priority: str) -> None:
    """C-10, C-12, O-43, D-21: independent of the order of logging."""
    found = project(name).routing
    assert " ".join(found.priority) == priority
    assert found.supported is bool(priority)


PLAIN = ("at", "utm", "log_assignee", "call_entity", "lead_name_contains_id", "update_open_primary")


@lru_cache
def golden_profiles() -> dict[str, Any]:
    content = yaml.safe_load(SHARED.read_text("utf-8")) if SHARED.is_file() else {"profiles": {}}
    return {name.removesuffix("_default"): body for name, body in content["profiles"].items()}


@pytest.mark.skipif(not SHARED.is_file(), reason="the golden cases are not beside the repository")
@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_says_what_the_reference_says(name: str) -> None:
    """Rules.md 3.4."""
    wanted, found = golden_profiles()[name], project(name)
    for key in ("no_open_primary", "converted_lead", "answered_new", "missed_new", "repeat_calls", "update_owner_on_transfer"):
        assert getattr(found, key) == wanted.get(key, getattr(found, key)), key
    words = found.vendor.words
    assert [words[word] for word in wanted.get("logging_lookup", [])] in ([], list(found.logging_lookup))
    for row, columns in wanted.get("rows", {}).items():
        if row in ROWS:
            stated = _stated(columns, words)
            if row.startswith("out_"):
                stated.pop("owner", None)  # nothing is made there that somebody could own
            assert stated == _found(found.row(RowName(row)), stated), row


def _stated(columns: dict[str, Any], words: Mapping[str, RecordKind]) -> dict[str, Any]:
    """The columns that a row of the reference states, in comparable form."""
    told = {key: columns[key] for key in PLAIN if key in columns}
    if "entity_owner" in columns or columns.get("owner"):
        told["owner"] = columns.get("owner") or columns["entity_owner"]
    if "create" in columns:
        told["create"] = {words[word] for word in columns["create"]}
    if "log" in columns:
        told["log"] = (columns["log"],)
    if "task" in columns:
        told["task"] = tuple(columns["task"][key] for key in ("kind", "state", "assignee"))
    return told


def _found(found: Row, keys: Iterable[str]) -> dict[str, Any]:
    """The same columns of our row."""
    special = {
        "create": set(found.create or ()),
        "task": (found.task.kind, found.task.state, found.task.assignee) if found.task else None,
    }
    return {key: special.get(key, getattr(found, key)) for key in keys}


# --- laying a document over it ---


def test_merging_joins_tables_and_replaces_the_rest() -> None:
    base = {"a": {"b": 1, "c": [1]}, "d": 2}
    assert merge(base, {"a": {"c": [2]}, "e": 3}) == {"a": {"b": 1, "c": [2]}, "d": 2, "e": 3}
    assert base == {"a": {"b": 1, "c": [1]}, "d": 2}


def test_dotted_keys() -> None:
    """Rules.md 3.3 writes them so; later ones join earlier ones."""
    assert nested({"a.b": 1, "a.c.d": 2, "e": 3}) == {"a": {"b": 1, "c": {"d": 2}}, "e": 3}


def row(name: str, changes: Changes, profile_: str = "pipedrive") -> Row:
    return project(profile_, changes).row(RowName(name))


@pytest.mark.parametrize(
    ("word", "state", "assignee", "describes"),
    [
        ("callback", "open", "responsible", False),
        ("review_call", "open", "responsible", False),
        ("acquaint", "completed", "responsible", False),
        ("check_settings", "open", "senior", True),
    ],
)
def test_a_task_in_one_word(word: str, state: str, assignee: str, describes: bool) -> None:
    """`task: review_call`."""
    task = row("out_answered_new", {"rows.out_answered_new.task": word}).task
    assert task is not None
    assert (task.kind, task.state, task.assignee, task.describe_direction) == (TaskKind(word), state, assignee, describes)


def test_no_task_in_one_word() -> None:
    assert row("in_missed_new", {"rows.in_missed_new.task": "none"}).task is None


def test_a_column_of_a_task_keeps_the_others() -> None:
    """O-35: `rows.in_missed_new.task.assignee` alone."""
    task = row("in_missed_new", {"rows.in_missed_new.task.assignee": "boris"}).task
    assert task is not None
    assert (task.kind, task.assignee, task.attach_to) == (TaskKind.CALLBACK, "boris", ("primary", "contact", "organization"))


@pytest.mark.parametrize(
    ("trace", "log", "entity"),
    [("call", ("call",), False), ("none", (), False), (["task_completed", "call_entity"], ("task_completed",), True)],
)
@pytest.mark.parametrize("column", ["trace", "log"])
def test_traces_under_both_names(column: str, trace: Any, log: tuple[str, ...], entity: bool) -> None:
    """Rules.md 3.1: several may be chosen."""
    found = row("in_answered_new", {f"rows.in_answered_new.{column}": trace})
    assert (found.log, found.call_entity) == (log, entity)


def test_the_columns_of_the_reference() -> None:
    """Rules.md 3.1: trace_for, task_for, task_state, due_in, entity_owner."""
    columns = {"entity_owner": "senior", "trace_for": "responsible", "task_for": "boris", "task_state": "open", "due_in": "PT1H"}
    found = row("out_answered_existing_by_other", {"rows.out_answered_existing_by_other": columns})
    assert (found.owner, found.log_assignee) == ("senior", "responsible")
    assert found.task is not None
    assert (found.task.assignee, found.task.state, found.task.due_in) == ("boris", "open", timedelta(hours=1))


@pytest.mark.parametrize("name", PROFILES)
def test_the_kind_of_trace_for_all_rows_that_leave_one(name: str) -> None:
    """O-56: and for no other; a row's own word wins."""
    before, after = project(name).rows, project(name, {"trace.kind": "note"}).rows
    assert {key for key, value in after.items() if value.log} == {key for key, value in before.items() if value.log}
    assert {kind for value in after.values() for kind in value.log} <= {"note"}
    both = project(name, {"trace.kind": "note", "rows.in_answered_new.log": "call"})
    assert both.row(RowName.IN_ANSWERED_NEW).log == ("call",)


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({"outgoing_other.state": "open"}, lambda found: found.row(RowName.OUT_ANSWERED_BY_OTHER).task.state == "open"),
        ({"in_missed_new.assignee": "boris"}, lambda found: found.row(RowName.IN_MISSED_NEW).task.assignee == "boris"),
        ({"in_missed_existing.assignee": "anna"}, lambda found: found.row(RowName.IN_MISSED_EXISTING).task.assignee == "anna"),
        ({"phone_format": "digits"}, lambda found: found.phone.storage_format is StorageFormat.DIGITS),
        ({"search_formats": ["+380671234567"]}, lambda found: found.phone.search_formats == ("+380671234567",)),
        ({"name_template_in": "A"}, lambda found: found.names.auto_client_in == "A"),
        ({"name_template_out": "B"}, lambda found: found.names.auto_client_out == "B"),
        ({"stickiness.global": {"enabled": False, "period_days": 7}}, lambda found: found.stickiness.everywhere.period_days == 7),
        ({"working_hours": {"days": "mon", "from": "10:00", "to": "11:00"}}, lambda found: found.working_hours.opens.hour == 10),
        (
            {"pipelines.rules": [{"if": {"line": "1"}, "pipeline": "p"}]},
            lambda found: found.pipelines.rules[0].when == {"line": "1"},
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_short_names(changes: Changes, read: Any) -> None:
    """O-10, O-12, O-27, O-47, O-48, O-57, O-60, O-62."""
    assert read(project(changes=changes))


@pytest.mark.parametrize(
    ("word", "kinds"),
    [("nothing", ()), ("client", (RecordKind.CONTACT,)), ("client_and_process", (RecordKind.CONTACT, RecordKind.DEAL))],
)
@pytest.mark.parametrize(("key", "name"), [("answered_new", "in_answered_new"), ("missed_new", "in_missed_new")])
def test_seed_004_in_words(key: str, name: str, word: str, kinds: tuple[RecordKind, ...]) -> None:
    """S4-01, S4-09."""
    assert row(name, {key: word}, "megaplan").create == kinds


@pytest.mark.parametrize("name", ["out_answered_new", "out_unanswered"])
def test_a_flag_for_a_row(name: str) -> None:
    """O-41, S4-43."""
    found = row(name, {"create_on_outgoing": True}, "megaplan")
    assert (found.create, found.owner) == ((RecordKind.CONTACT,), "caller")
    assert not row(name, {"create_on_outgoing": False}, "megaplan").create


@pytest.mark.parametrize("name", ["in_missed_new", "in_missed_existing"])
def test_the_fixed_task_for_missed_calls(name: str) -> None:
    """O-52, S2-28."""
    wanted = {"enabled": True, "board": "b", "user": "boris", "title": "T", "deadline": "PT1H"}
    task = row(name, {"missed_tasks": wanted}, "sendpulse").task
    assert task is not None
    assert (task.assignee, task.board, task.title, task.due_in) == ("boris", "b", "T", timedelta(hours=1))
    assert row(name, {"missed_tasks": {**wanted, "enabled": False}}, "sendpulse").task is None


@pytest.mark.parametrize(
    ("name", "words", "kinds"),
    [
        ("zoho_desk", ["contact", "ticket"], ("contact", "deal")),
        ("retailcrm", ["client", "order"], ("contact", "deal")),
        ("megaplan", ["client", "process"], ("contact", "deal")),
        ("pipedrive", ["contact", "organisation", "lead"], ("contact", "organization", "lead")),
    ],
)
def test_the_vendors_words(name: str, words: list[str], kinds: tuple[str, ...]) -> None:
    """D-27."""
    assert row("form_new", {"rows.form_new.create": words}, name).create == kinds


def test_a_row_that_a_project_fills_itself_wins_over_the_profiles_short_form() -> None:
    """O-35, S0-02, S4-01: `answered_new = nothing` is the profile's proposal, the row is what the administrator chose."""
    assert row("in_answered_new", {"rows.in_answered_new.create": ["client"]}, "megaplan").create == (RecordKind.CONTACT,)


# --- refusals ---


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("zoho_desk", {"rows.in_answered_new.create": ["lead"]}, "rows.in_answered_new.create"),
        ("retailcrm", {"primary_entity": "ticket"}, "primary_entity"),
        ("sendpulse", {"rows.form_new.create": ["lead"]}, "rows.form_new.create"),
        ("altegio", {"rows.in_missed_new.create": ["deal"]}, "rows.in_missed_new.create"),
        ("kommo", {"logging_lookup": ["lead"]}, "logging_lookup"),
        ("kommo", {"routing.priority": ["lead"]}, "routing.priority"),
        ("kommo", {"fields.extra": {"lead": []}}, "fields.extra"),
        ("pipedrive", {"rows.in_missed_new.task.attach_to": ["ticket"]}, "rows.in_missed_new.task.attach_to"),
    ],
)
def test_only_what_the_crm_has_can_be_chosen(name: str, changes: Changes, field: str) -> None:
    """V-09, V-13."""
    assert refused(document(name, changes)) == {("ENTITY_NOT_IN_CRM", field)}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tusks.deadline": "PT1H"}, "tusks"),
        ({"tasks.dedline": "PT1H"}, "tasks.dedline"),
        ({"rows.in_missed_new.tasks": "none"}, "rows.in_missed_new.tasks"),
        ({"rows.in_missed_new.task.asignee": "anna"}, "rows.in_missed_new.task.asignee"),
        ({"employees.anna.mail": "a@b"}, "employees.anna.mail"),
        ({"forms.enable": True}, "forms.enable"),
        ({"vendor.tasks": False}, "vendor"),
        ({"trace.knd": "note"}, "trace.knd"),
        ({"trace.kind": "note", "trace.for": "anna"}, "trace.for"),
    ],
)
def test_an_unknown_key_is_refused_and_named(changes: Changes, field: str) -> None:
    """A misspelt setting must not be silently ignored."""
    found = refused(document(changes=changes))
    assert {code for code, _ in found} == {"UNKNOWN_SETTING"}
    assert {place for _, place in found} == {field}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tasks.deadline": "soon"}, "tasks.deadline"),
        ({"rows.in_missed_new.at": "later"}, "rows.in_missed_new.at"),
        ({"rows.in_missed_now.at": "end"}, "rows.in_missed_now.[key]"),
        ({"integration.language": "de"}, "integration.language"),
        ({"matches.policy": "newest"}, "matches.policy"),
        ({"phone.storage_format": "pretty"}, "phone.storage_format"),
        ({"rows.in_missed_new.task": "ring_back"}, "rows.in_missed_new.task"),
    ],
)
def test_a_wrong_value_is_refused_and_named(changes: Changes, field: str) -> None:
    """V-24: the language is one of the supported ones; V-06, V-08 for words that nothing has."""
    assert ("INVALID_VALUE", field) in refused(document(changes=changes))


def test_a_bad_document_is_refused_whole_with_every_error_named() -> None:
    """Design 5."""
    changes = {
        "tasks.deadline": "soon",
        "tusks": 1,
        "forms.no_phone": "maybe",
        "rows.in_answered_new.create": ["ticket", "lead"],
    }
    assert refused(document(changes=changes)) == {
        ("INVALID_VALUE", "tasks.deadline"),
        ("UNKNOWN_SETTING", "tusks"),
        ("INVALID_VALUE", "forms.no_phone"),
        ("ENTITY_NOT_IN_CRM", "rows.in_answered_new.create"),
    }


@pytest.mark.parametrize("profile_", ["hubspot", "pipedrive_lead_mode", "pipedriv"])
def test_a_profile_belongs_to_its_crm(profile_: str) -> None:
    """Deciding for one CRM and writing into another would be worse than refusing."""
    assert refused({"crm": {"vendor": "pipedrive", "profile": profile_}}) == {("UNKNOWN_PROFILE", "crm.profile")}


@pytest.mark.parametrize("crm", [None, "pipedrive", {}, {"vendor": "saleforce"}, {"vendor": None}, {"vendor": ["pipedrive"]}])
def test_an_unknown_crm_is_refused(crm: Any) -> None:
    assert refused({"crm": crm}) == {("UNKNOWN_CRM", "crm.vendor")}


SHAPES = (
    "rows",
    "rows.in_missed_new",
    "rows.in_missed_new.task",
    "rows.in_missed_new.create",
    "employees",
    "employees.anna",
    "tasks",
    "trace",
    "pipelines",
    "pipelines.rules",
    "scheme",
    "scheme.blocks",
    "working_hours",
    "stickiness",
    "forms",
    "forms.mapping",
    "fields",
    "fields.extra",
    "routing.priority",
    "primary_entity",
    "logging_lookup",
    "answered_new",
    "missed_tasks",
)


@pytest.mark.parametrize("key", SHAPES)
def test_a_document_of_any_shape_is_read_or_refused(key: str) -> None:
    """Design 5: what cannot be read is named, it does not break the saving."""
    crashes: list[tuple[object, str]] = []
    values: list[Any] = [5, "text", [5], ["text"], [[]], [{}], {"x": 5}]
    for value in values:
        try:
            effective(document(changes={key: value}))
        except InvalidSettings as error:
            assert error.findings
        except Exception as error:
            crashes.append((value, repr(error)))
    assert crashes == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(("", "anna", "lead", "PT1H", "call")),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("kind", "create", "enabled")), inner, max_size=2)
    ),
    max_leaves=4,
)


@examples(deadline=None, max_examples=150)
@given(
    st.sampled_from(PROFILES), st.dictionaries(st.sampled_from(("tasks", "phone", "messenger", "names", "routing")), json_values)
)
def test_any_json_in_a_section_is_read_or_refused(name: str, changes: Changes) -> None:
    try:
        effective(document(name, changes))
    except InvalidSettings as error:
        assert error.findings
