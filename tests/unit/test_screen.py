"""The filters before any row (rules.md 3.1): blocked, own and hidden numbers, calls that are nobody's to log."""

from __future__ import annotations

from typing import Any

import pytest

from patchcord.model.effects import CreateTask
from patchcord.model.events import CallType, Event, Moment, Outcome
from patchcord.model.records import Client
from patchcord.model.timeline import fold
from patchcord.scenarios.screen import nothing_due, screen
from tests.unit.builders import (
    LINE,
    NEW,
    PROFILES,
    Changes,
    answered,
    called,
    client,
    contact,
    decision,
    dispatch,
    form,
    lead,
    missed,
    project,
    ring,
)

BLOCKED: Changes = {"blocked_numbers": ["067 123 45 67"], "forms.enabled": True}


def reason(events: list[Event], changes: Changes | None = None) -> str | None:
    """Why nothing is done."""
    found = screen(fold(events), project(changes=changes))
    assert found is None or found[1], "a reason names its rules"
    return found[0] if found else None


@pytest.mark.parametrize("events", [missed(), answered("anna"), called("anna"), called("anna", Outcome.NO_ANSWER), [ring()]])
@pytest.mark.parametrize("scope", ["calls", "all"])
def test_a_blocked_number_stops_calls_from_and_to_it(events: list[Event], scope: str) -> None:
    """S0-35…S0-38, O-13, D-19: in any notation."""
    assert reason(events, {**BLOCKED, "blocked.scope": scope}) == "blocked_number"


@pytest.mark.parametrize("events", [form(), dispatch()])
def test_a_blocked_number_stops_everything_else_unless_only_calls_are_meant(events: list[Event]) -> None:
    """O-14, C-22, D-19."""
    assert reason(events, BLOCKED) == "blocked_number"
    assert reason(events, {**BLOCKED, "blocked.scope": "calls"}) is None


def test_nothing_is_created_or_updated_for_a_blocked_number() -> None:
    """S0-38."""
    settings = project(changes=BLOCKED)
    for known in (NEW, client(lead(), contact())):
        assert decision(answered("anna"), known, settings).effects == ()


@pytest.mark.parametrize("number", [LINE, "+380441110101", "+380501110101"])
def test_our_own_numbers_are_no_clients(number: str) -> None:
    """D-10: lines, main and other directions."""
    assert reason(answered("anna", client=number)) == "own_number"


def test_the_dialled_line_is_no_client_even_if_nobody_listed_it() -> None:
    """D-10, golden PD-51."""
    assert reason(missed(client="+380449990000", line="+380449990000"), {"lines": []}) == "own_number"


def test_internal_calls_are_ignored() -> None:
    """D-10."""
    assert reason(answered("anna", call_type=CallType.INTERNAL)) == "internal_call"


def test_a_forbidden_destination_is_ignored() -> None:
    """D-24."""
    assert reason(called("anna", Outcome.IGNORED)) == "forbidden_destination"


def test_a_call_without_any_number_is_judged_at_its_end() -> None:
    """D-09: until then another event may bring it."""
    assert reason([ring(client=None)]) is None
    assert reason(missed(client=None)) == "no_client_number"


# --- hidden callers ---


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("who", ["anna", "oldphone", None])
def test_nothing_is_made_for_a_hidden_caller(profile: str, who: str | None) -> None:
    """D-09: no look-up, no records."""
    hidden: dict[str, Any] = {"client": None, "client_hidden": True}
    events = answered(who, **hidden) if who else missed(**hidden)
    assert decision(events, NEW, project(profile)).effects == ()


def test_a_hidden_callers_missed_call_is_a_task_on_request() -> None:
    """D-09, O-58: it stands alone."""
    settings = project(changes={"hidden.create_task": True})
    (task,) = decision(missed(client=None, client_hidden=True), NEW, settings).effects
    assert isinstance(task, CreateTask)
    assert (task.assignee, task.targets, task.completed) == ("senior", (), False)
    assert decision(answered("anna", client=None, client_hidden=True), NEW, settings).effects == ()


# --- forms and the messenger ---


def test_forms_act_only_when_switched_on() -> None:
    """S0-29, V-11, O-15: off by default."""
    assert reason(form()) == "forms_off"
    assert reason(form(), {"forms.enabled": True}) is None


@pytest.mark.parametrize(("setting", "found"), [(None, None), ("create", None), ("skip", "form_without_phone")])
def test_a_form_without_a_phone(setting: str | None, found: str | None) -> None:
    """D-16, O-18."""
    changes = {"forms.enabled": True} | ({"forms.no_phone": setting} if setting else {})
    assert reason(form(client=None), changes) == found


def test_the_messenger_acts_on_the_button_only() -> None:
    """S0-31, O-19, V-12."""
    assert reason(dispatch(moment=Moment.END)) == "not_dispatched"
    assert reason(dispatch(), {"messenger.enabled": False}) == "messenger_off"
    assert reason(dispatch(client=None)) == "dispatch_without_phone"
    assert reason(dispatch()) is None


# --- events that need no work ---


OUT = {"call_type": CallType.OUT}


@pytest.mark.parametrize(
    ("profile", "events", "idle"),
    [
        ("pipedrive", [ring()], True),
        ("pipedrive", answered("anna")[:2], False),
        ("pipedrive", answered("anna"), False),
        ("pipedrive", missed(), False),
        ("hubspot", answered("anna")[:2], True),
        ("bitrix24", answered("anna")[:2], True),
        ("bitrix24", answered("anna"), False),
        ("sendpulse", [ring()], False),
        ("sendpulse", answered("anna")[:2], False),
        ("megaplan", answered("anna")[:2], False),
        ("pipedrive", [ring(**OUT)], True),
        ("pipedrive", called("anna"), False),
        ("pipedrive", called("anna", Outcome.NO_ANSWER), True),
        ("sendpulse", called("anna", Outcome.NO_ANSWER), False),
        ("pipedrive", form(), False),
        ("pipedrive", dispatch(), False),
    ],
)
def test_what_is_known_so_far_may_need_no_work(profile: str, events: list[Event], idle: bool) -> None:
    """C-05, C-30, D-12, S0-43: then the CRM is not even asked for the client."""
    assert (nothing_due(fold(events), project(profile, {"forms.enabled": True})) is not None) is idle


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("known", [NEW, client(contact()), client(lead(), contact())])
def test_what_is_called_idle_has_indeed_no_effects(profile: str, known: Client) -> None:
    settings = project(profile)
    calls = [answered("anna"), missed(), called("anna"), called("anna", Outcome.NO_ANSWER), [ring(**OUT), *called("anna")]]
    for events in (call[:count] for call in calls for count in range(1, len(call) + 1)):
        idle = nothing_due(fold(events), settings)
        assert idle is None or (idle.effects == () and decision(events, known, settings).effects == ())


def test_nothing_is_done_while_the_integration_is_off() -> None:
    """O-01, S3-29; what is kept for the day it is switched on again is told elsewhere (P-PD-12)."""
    off = {"integration.enabled": False, "forms.enabled": True}
    for events in (answered("anna"), missed(), called("anna"), form(), dispatch()):
        assert reason(events, off) == "integration_off"
        assert decision(events, NEW, project(changes=off)).effects == ()
