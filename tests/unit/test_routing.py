"""Which employee a caller is put through to: seed 001, S4-24…S4-30 and what rules.md resolves of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from patchcord.model.events import CallType
from patchcord.model.records import Owner, Record, RecordKind
from patchcord.model.settings import Settings
from patchcord.model.talks import Talk
from patchcord.scenarios.constraints import Facts, check
from patchcord.scenarios.profiles import InvalidSettings, effective
from patchcord.scenarios.routes import FAILED, NOT_ASKED, AskCrm, Caller, Reason, Records, Route, Source, main_directions
from patchcord.scenarios.routing import needs_talks, route
from tests.unit.builders import CLIENT, EMPLOYEES, LINE, START, Changes, contact, deal, document, lead, project, record

ON: Changes = {"routing.enabled": True}
HOURS = {"days": "mon-fri", "from": "09:00", "to": "18:00"}
STICKY: Changes = {"stickiness.global": {"enabled": True, "period_days": 7}, "working_hours": HOURS}
BY_CRM = {"type": "responsible_by_crm"}
BY_CALLS = {"type": "responsible_by_calls", "call_types": ["in", "out"], "period_days": 7, "ring_seconds": 30}
DAY = timedelta(days=1)
ANNA = ("sip:demo_anna", "+380441110101")


def scheme(*blocks: Changes, **changes: Any) -> Changes:
    return {"scheme.blocks": list(blocks), **changes}


def talk(who: str, way: str = "out", days: float = 1, successful: bool = True) -> Talk:
    return Talk(who, CallType(way), START - days * DAY, successful)


def ask(
    changes: Changes,
    records: Records | Sequence[Record] = (),
    talks: Sequence[Talk] = (),
    profile: str = "pipedrive",
    now: datetime = START,
    last_owner: str | None = None,
    **caller: Any,
) -> Route | AskCrm:
    known = records if records is NOT_ASKED or records is FAILED else tuple(records)
    who = Caller(**{"client": CLIENT, "line": LINE, **caller})
    return route(who, project(profile, changes), now, talks, known, last_owner)


def answer(*arguments: Any, **more: Any) -> Route:
    found = ask(*arguments, **more)
    assert isinstance(found, Route)
    if not found.found:
        nothing = (found.employee, found.directions, found.found_in, found.source, found.block, found.ring_seconds)
        assert nothing == (None, (), None, Source.NOBODY, None, None)
    assert found.rules, "an answer names its rules"
    return found


def whom(*arguments: Any, **more: Any) -> str | None:
    return answer(*arguments, **more).employee


# --- by the responsible in the CRM


def test_the_leads_owner_with_everything_an_answer_needs() -> None:
    """S1-01, S1-03, S1-07, S1-11, S1-14, P-WR-02."""
    found = answer(ON, [lead(owner="anna"), deal(owner="boris"), contact(owner="boris")])
    assert found == Route(
        employee="anna",
        directions=ANNA,
        direction="sip:demo_anna",
        found_in=RecordKind.LEAD,
        source=Source.BY_CRM,
        block=1,
        ring_seconds=30,
        reason=Reason.FOUND,
        next="next_block",
        rules=("S1-03", "S1-13", "S1-14", "S1-07"),
    )


@pytest.mark.parametrize(
    ("records", "kind"),
    [
        ([lead(), deal(), contact()], "lead"),
        ([deal(), contact()], "deal"),
        ([contact()], "contact"),
        ([lead(open=False), deal(), contact()], "deal"),
        ([lead(open=False), deal(open=False), contact()], "contact"),
        ([lead(open=False), deal(open=False)], None),
        ([], None),
    ],
)
def test_open_records_in_the_order_of_the_project(records: list[Record], kind: str | None) -> None:
    """S1-07, S1-08, S1-09, S1-10, S1-13; contacts have no state."""
    assert answer(ON, records).found_in == kind


@pytest.mark.parametrize(
    ("order", "winner"),
    [(["lead", "deal"], "L1"), (["deal", "lead"], "D1"), (["contact", "deal", "lead"], "C1"), (["deal", "contact"], "D1")],
)
def test_the_priority_of_project_or_block(order: list[str], winner: str) -> None:
    """S1-02, S1-12, O-43, O-46, D-21: not the order of logging."""
    owners = {"L1": "anna", "D1": "boris", "C1": "senior"}
    records = [contact(owner="senior"), lead(owner="anna"), deal(owner="boris")]
    assert whom({**ON, "routing.priority": order, "logging_lookup": ["contact"]}, records) == owners[winner]
    assert whom(scheme({**BY_CRM, "priority": order}), records) == owners[winner]


def test_salesforce_looks_for_leads_only_until_told_otherwise() -> None:
    """S3-51, S3-52, S3-54, C-10."""
    assert whom(ON, [contact(owner="boris")], profile="salesforce") is None
    wider = {**ON, "routing.priority": ["lead", "deal", "contact"]}
    assert whom(wider, [contact(owner="boris")], profile="salesforce") == "boris"


def test_a_vendors_own_words_for_its_kinds() -> None:
    """O-43: Zoho Desk's ticket is a deal."""
    block = {**BY_CRM, "priority": ["contact", "ticket"]}
    assert answer(scheme(block), [deal(owner="anna"), contact(owner="boris")], profile="zoho_desk").found_in == "contact"
    assert answer(ON, [deal(owner="anna"), contact(owner="boris")], profile="zoho_desk").found_in == "deal"


def test_the_block_called_responsible_manager_is_the_same() -> None:
    """S3-53, C-10."""
    assert whom(scheme({"type": "responsible_manager"}), [lead(owner="boris")], profile="salesforce") == "boris"


@pytest.mark.parametrize("owner", ["left", None, "gone", "nora"])
@pytest.mark.parametrize("further", [False, True])
def test_an_owner_who_cannot_be_rung_ends_the_block(owner: str | None, further: bool) -> None:
    """S1-15, C-11, O-44: nobody's, inactive; Nora has no CRM account, so nothing can be hers."""
    records = [lead(owner=owner), contact(owner="boris")]
    found = answer({**ON, "routing.continue_on_unmapped_owner": further}, records)
    assert (found.employee, found.reason) == (("boris", "found") if further else (None, "owner_unusable"))


@pytest.mark.parametrize("directions", [[], ["101"], ["sip:"]])
def test_an_owner_without_a_direction_cannot_be_rung(directions: list[str]) -> None:
    """S1-15, P-WR-02: an extension is no answer, and other directions are not rung."""
    changes = {**ON, "employees.anna.main_directions": directions}
    assert answer(changes, [lead(owner="anna"), contact(owner="boris")]).reason == "owner_unusable"


def test_with_no_kind_left_the_reason_stays() -> None:
    """O-44."""
    found = answer({**ON, "routing.continue_on_unmapped_owner": True}, [lead(owner="left"), contact(owner=None)])
    assert (found.reason, found.next) == ("owner_unusable", "next_block")


OLD, YOUNG = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(("policy", "winner"), [("latest_updated", "boris"), ("first_found", "anna"), ("oldest", "senior")])
def test_of_several_records_of_a_kind(policy: str, winner: str) -> None:
    """D-06, O-34."""
    leads = [
        lead("L1", "anna", created_at=YOUNG, updated_at=OLD),
        lead("L2", "boris", created_at=YOUNG, updated_at=YOUNG),
        lead("L3", "senior", created_at=OLD, updated_at=OLD),
    ]
    assert whom({**ON, "matches.policy": policy}, leads) == winner


def test_rather_the_contact_with_an_open_record() -> None:
    """D-06; but where the first found one counts, that one (S4-25)."""
    records = [contact("C1", "anna", updated_at=YOUNG), contact("C2", "boris", updated_at=OLD), deal(contact="C2")]
    first = {**ON, "routing.priority": ["contact"]}
    assert whom(first, records) == "boris"
    assert whom({**first, "matches.policy": "first_found"}, records) == "anna"
    closed = [*records[:2], deal(contact="C2", open=False)]
    assert whom(first, closed) == "anna"


def test_one_that_cannot_be_routed_by_is_not_asked() -> None:
    """S1-05, C-12."""
    assert answer(ON, NOT_ASKED, profile="sendpulse").reason == "not_supported"


# --- Megaplan with MANGO

FLAG: Changes = {"distribute_to_responsible": True}


def client_of(*owners: Owner, identity: str = "C1") -> Record:
    return replace(contact(identity, None), owners=owners)


def test_the_flag_of_megaplan_distributes_to_the_clients_responsible() -> None:
    """S4-24, S4-25, O-42."""
    two = [client_of(Owner("u-boris")), client_of(Owner("u-anna"), identity="C2")]
    found = answer(FLAG, two, profile="megaplan")
    assert (found.employee, found.found_in, found.rules) == ("boris", "contact", ("S4-24", "S4-25", "S4-26"))
    assert answer({}, two, profile="megaplan").reason == "routing_off"


@pytest.mark.parametrize(
    ("owners", "chosen"),
    [
        ((Owner("x1", active=False), Owner("u-anna", active=False), Owner("u-boris")), "boris"),
        ((Owner("u-boris", employee=False), Owner("u-anna")), "anna"),
        ((Owner("c1", employee=False),), None),
        ((Owner("u-gone"), Owner("u-anna")), "anna"),
        ((), None),
    ],
)
def test_which_of_several_responsibles(owners: tuple[Owner, ...], chosen: str | None) -> None:
    """S4-26, S4-27."""
    assert whom(FLAG, [client_of(*owners)], profile="megaplan") == chosen


# --- the CRM does not answer


def test_a_crm_that_fails_is_one_that_found_nothing() -> None:
    """D-20: the next block has its turn."""
    found = answer(ON, FAILED)
    assert (found.reason, found.next, found.rules) == ("crm_failed", "next_block", ("D-20",))
    assert whom(scheme(BY_CRM, {"type": "employee", "to": "senior"}), FAILED) == "senior"


@pytest.mark.parametrize(
    ("allowed", "last", "chosen"),
    [(True, "anna", "anna"), (True, "gone", None), (True, "zoe", None), (True, None, None), (False, "anna", None)],
)
def test_the_last_known_owner_stands_in_if_the_project_wants_it(allowed: bool, last: str | None, chosen: str | None) -> None:
    """D-20, design 9."""
    found = answer({**ON, "routing.last_owner": allowed}, FAILED, last_owner=last)
    assert (found.employee, found.reason) == (chosen, "crm_failed")
    assert found.source == ("last_owner" if chosen else "nobody")


def test_the_last_known_owner_is_not_wanted_while_the_crm_answers() -> None:
    changes = {**ON, "routing.last_owner": True}
    assert whom(changes, [], last_owner="anna") is None
    assert whom(changes, [lead(owner="boris")], last_owner="anna") == "boris"


# --- by calls: a block of the scheme


def test_who_spoke_with_the_client_last() -> None:
    """S1-04, S1-17, S1-25, S1-27, S1-30."""
    found = answer(scheme(BY_CALLS), talks=[talk("boris", days=1), talk("anna", days=3)])
    assert (found.employee, found.found_in, found.source, found.ring_seconds) == ("boris", "call_history", "by_calls", 30)


@pytest.mark.parametrize(("types", "chosen"), [(["in"], "anna"), (["out"], "boris"), (["in", "out"], "boris")])
def test_the_types_of_calls_that_count(types: list[str], chosen: str) -> None:
    """S1-26, S1-28."""
    talks = [talk("anna", "in", 2), talk("boris", "out", 1), talk("senior", "internal", 0.5)]
    assert whom(scheme({**BY_CALLS, "call_types": types}), talks=talks) == chosen


@pytest.mark.parametrize(("days", "chosen"), [(6.99, "boris"), (7, "boris"), (7.001, None)])
def test_the_period(days: float, chosen: str | None) -> None:
    """S1-21, S1-29."""
    for changes in (scheme(BY_CALLS), STICKY):
        assert whom(changes, talks=[talk("boris", days=days)]) == chosen


def test_an_unsuccessful_call_counts_for_the_global_stickiness_only() -> None:
    """S1-20, S1-23, S1-29, C-20."""
    talks = [talk("anna", days=3), talk("boris", days=1, successful=False)]
    assert whom(scheme(BY_CALLS), talks=talks) == "anna"
    assert whom(STICKY, talks=talks) == "boris"


@pytest.mark.parametrize("who", ["gone", "zoe"])
def test_who_spoke_last_and_cannot_be_rung_ends_the_block(who: str) -> None:
    """S1-15 for calls: not the one before him, who no longer looks after the client."""
    talks = [talk("anna", days=2), talk(who, days=1)]
    assert answer(scheme(BY_CALLS), talks=talks).reason == "owner_unusable"
    assert whom(scheme(BY_CALLS, {"type": "employee", "to": "senior"}), talks=talks) == "senior"


def test_whoever_is_rung_for_his_calls_needs_no_account_in_the_crm() -> None:
    assert whom(scheme(BY_CALLS), talks=[talk("nora")]) == "nora"


# --- the global stickiness


def test_who_called_the_client_is_rung_first_for_twenty_seconds() -> None:
    """S1-18, S1-20, S1-23, S1-24, O-47."""
    found = answer(STICKY, talks=[talk("boris", successful=False), talk("anna", "in", 0.5)])
    assert (found.employee, found.found_in, found.source) == ("boris", "call_history", "stickiness")
    assert (found.ring_seconds, found.block) == (20, None)


def test_incoming_talks_count_on_request_and_only_talks() -> None:
    """O-47."""
    changes = {**STICKY, "stickiness.global": {"enabled": True, "period_days": 7, "outgoing_only": False}}
    talks = [talk("boris", days=3), talk("anna", "in", 2), talk("senior", "in", 1, successful=False)]
    assert whom(changes, talks=talks) == "anna"
    assert whom(STICKY, talks=talks) == "boris"


@pytest.mark.parametrize(
    ("now", "chosen"),
    [
        (datetime(2026, 3, 5, 7, 0, tzinfo=UTC), "boris"),
        (datetime(2026, 3, 5, 6, 59, tzinfo=UTC), None),
        (datetime(2026, 3, 5, 15, 59, tzinfo=UTC), "boris"),
        (datetime(2026, 3, 5, 16, 0, tzinfo=UTC), None),
        (datetime(2026, 3, 7, 10, 0, tzinfo=UTC), None),
        (datetime(2026, 3, 6, 10, 0, tzinfo=UTC), None),
    ],
    ids=("opens", "before", "last minute", "closed", "Saturday", "holiday"),
)
def test_working_hours_in_the_projects_zone(now: datetime, chosen: str | None) -> None:
    """S1-22, O-48: 9 to 18 in Kyiv is 7 to 16 UTC in March."""
    changes = {**STICKY, "working_hours": {**HOURS, "holidays": ["2026-03-06"]}}
    found = answer(changes, talks=[Talk("boris", CallType.OUT, now - DAY, True)], now=now)
    assert (found.employee, found.next) == (chosen, "number_scheme")
    assert found.reason == ("found" if chosen else "outside_hours")


def test_working_hours_do_not_matter_if_the_project_says_so() -> None:
    """O-47; and without known hours nobody is rung for them."""
    night = START + timedelta(hours=10)
    rules = {"enabled": True, "period_days": 7}
    always = {"stickiness.global": {**rules, "working_hours_only": False}}
    assert whom(always, talks=[talk("boris")], now=night) == "boris"
    assert whom({"stickiness.global": rules}, talks=[talk("boris")]) is None


def test_the_schemes_block_by_calls_wins_over_the_global_one() -> None:
    """S1-31: even where it finds nobody."""
    both = scheme({**BY_CALLS, "call_types": ["in"]}, **STICKY)
    assert whom(both, talks=[talk("anna", "in", 2), talk("boris", "out", 1)]) == "anna"
    found = answer(both, talks=[talk("boris", "out", 1)])
    assert (found.employee, found.next) == (None, "next_block")


def test_the_global_one_comes_before_a_block_by_crm() -> None:
    """S1-23; S1-24: then the scheme has its turn."""
    both = {**ON, **STICKY}
    assert ask(both, NOT_ASKED, [talk("boris")]) == answer(both, [lead(owner="anna")], [talk("boris")])
    assert ask(both, NOT_ASKED) == AskCrm(1)
    assert whom(both, [lead(owner="anna")]) == "anna"
    found = answer(both, [lead(owner="anna")], [talk("boris")], tried="boris")
    assert (found.employee, found.source, found.next) == ("anna", "by_crm", "next_block")


def test_where_the_telephony_goes_on() -> None:
    """S1-10, S1-16, S1-24: the number's scheme only where nothing else was at work."""
    assert answer(STICKY).next == "number_scheme"
    assert answer(STICKY, tried="boris", talks=[talk("boris")]).reason == "not_picked_up"
    assert answer(STICKY, tried="boris", talks=[talk("boris")]).next == "number_scheme"
    assert answer({**STICKY, **ON}).next == "next_block"
    assert answer({}).next == "next_block"


# --- the other blocks, and their order


def test_blocks_that_name_whom_they_ring() -> None:
    """O-46."""
    team = {"employees.gone.departments": ["sales"], "employees.boris.departments": ["sales", "service"]}
    found = answer(scheme({"type": "employee", "to": "nora", "ring_seconds": 12}))
    assert (found.employee, found.source, found.ring_seconds, found.found_in) == ("nora", "fixed", 12, None)
    assert whom(scheme({"type": "department", "to": "sales"}, **team)) == "boris"
    assert answer(scheme({"type": "department", "to": "law"}, **team)).reason == "owner_unusable"
    number = answer(scheme({"type": "number", "to": "044 333 22 11"}))
    assert (number.employee, number.directions, number.direction) == (None, ("+380443332211",), "+380443332211")
    assert answer(scheme({"type": "number", "to": "12"})).reason == "not_found"


def test_the_first_block_with_somebody_decides() -> None:
    """S1-15, S1-25."""
    blocks = scheme({"type": "webhook"}, BY_CALLS, BY_CRM, {"type": "employee", "to": "senior"})
    talks, records = [talk("anna")], [lead(owner="boris")]
    chosen = [answer(blocks, *given) for given in ((records, talks), (records, []), ([], []))]
    assert [(found.employee, found.block) for found in chosen] == [("anna", 2), ("boris", 3), ("senior", 4)]


@pytest.mark.parametrize(
    ("wanted", "direction"), [("first", "sip:demo_anna"), ("sip", "sip:demo_anna"), ("number", "+380441110101")]
)
def test_the_direction_that_a_block_wants(wanted: str, direction: str) -> None:
    """P-WR-02: all main directions are told, one is answered with."""
    found = answer(scheme({**BY_CRM, "direction": wanted}), [lead(owner="anna")])
    assert (found.direction, found.directions) == (direction, ANNA)


def test_an_employee_without_a_direction_of_the_wanted_sort_cannot_be_rung() -> None:
    assert answer(scheme({**BY_CRM, "direction": "number"}), [lead(owner="boris")]).reason == "owner_unusable"


def test_directions_as_an_answer_names_them() -> None:
    """P-WR-02."""
    employee = replace(
        project().employees["anna"], main_directions=("SIP:Demo_Anna@pbx.example", "044 111 01 01", "101", "login")
    )
    assert main_directions(employee, "UA") == ("sip:demo_anna", "+380441110101", "sip:login")


THREE = scheme(BY_CALLS, BY_CRM, {"type": "employee", "to": "senior"})


@pytest.mark.parametrize(
    ("named", "chosen"),
    [(None, "anna"), ("1", "anna"), ("2", "boris"), ("3", "senior"), ("responsible_by_crm", "boris"), ("employee", "senior")],
)
def test_an_address_that_names_a_block_asks_that_block_alone(named: str | None, chosen: str) -> None:
    """Each block of the telephony's scheme is an address of its own (telephony.md 1.7)."""
    assert whom(THREE, [lead(owner="boris")], [talk("anna")], block=named) == chosen
    if named in {"1", "2", "responsible_by_crm"}:
        assert answer(THREE, [], [], block=named).next == "next_block"


@pytest.mark.parametrize("named", ["4", "0", "webhook", "stickiness", "", "number"])
def test_an_address_that_names_no_block(named: str) -> None:
    assert answer(THREE, [lead()], [talk("anna")], block=named).reason == "no_such_block"


def test_the_only_block_of_a_project_without_a_scheme_can_be_named() -> None:
    """O-42."""
    for named in ("1", "responsible_by_crm"):
        assert ask(ON, NOT_ASKED, block=named) == AskCrm(1)
        assert whom({**ON, **STICKY}, [lead(owner="anna")], [talk("boris")], block=named) == "anna"


def test_the_global_stickiness_can_be_named() -> None:
    """S1-24: it comes before any block, so it has an address of its own."""
    changes = {**ON, **STICKY}
    assert whom(changes, NOT_ASKED, [talk("boris")], block="stickiness") == "boris"
    found = answer(changes, NOT_ASKED, block="stickiness")
    assert (found.reason, found.next) == ("not_found", "number_scheme")
    assert answer(THREE, block="stickiness").next == "number_scheme"


def test_who_did_not_pick_up_is_passed_over() -> None:
    """D-37, S1-24, S1-30."""
    assert whom(THREE, [lead(owner="boris")], [talk("anna")], tried="anna") == "boris"
    assert whom(THREE, [lead(owner="anna")], [talk("anna")], tried="anna") == "senior"
    found = answer(ON, [lead(owner="anna")], tried="anna")
    assert (found.employee, found.reason, found.rules) == (None, "not_picked_up", ("S1-24", "D-37"))
    department = scheme({"type": "department", "to": "d"}, BY_CRM, **{"employees.anna.departments": ["d"]})
    assert whom(department, [lead(owner="boris")], tried="anna") == "boris"


def test_the_way_goes_on_behind_who_did_not_pick_up() -> None:
    """D-37: nobody is rung twice in a circle."""
    records, talks = [lead(owner="boris")], [talk("anna")]
    rung: list[str] = []
    while (found := answer(THREE, records, talks, tried=rung[-1] if rung else None)).employee:
        rung.append(found.employee)
        assert len(rung) < 5
    assert rung == ["anna", "boris", "senior"]
    assert whom(THREE, records, talks, tried="nora") == "anna"


def test_nobody_has_two_turns() -> None:
    """D-37: whoever did not pick up for his calls is not rung again for his lead."""
    twice = scheme(BY_CALLS, {"type": "employee", "to": "boris"}, BY_CRM)
    assert whom(twice, [lead(owner="anna")], [talk("anna")], tried="anna") == "boris"
    assert answer(twice, [lead(owner="anna")], [talk("anna")], tried="boris").reason == "not_picked_up"


@pytest.mark.parametrize("named", [None, "1", "webhook"])
def test_a_webhook_block_is_the_telephonys_own(named: str | None) -> None:
    """O-46: whatever it says, it is not answered for."""
    own = scheme({"type": "webhook", "to": "+380443332211"})
    assert answer(own, block=named).reason == ("no_such_block" if named else "routing_off")


def test_a_number_that_did_not_pick_up_is_passed_over() -> None:
    """D-37."""
    blocks = scheme({"type": "number", "to": "+380443332211"}, {"type": "employee", "to": "anna"})
    assert answer(blocks).direction == "+380443332211"
    assert whom(blocks, tried="+380443332211") == "anna"


def test_of_several_reasons_the_most_telling() -> None:
    blocks = scheme(BY_CALLS, BY_CRM)
    assert answer(blocks).reason == "not_found"
    assert answer(blocks, FAILED).reason == "crm_failed"
    assert answer(blocks, [lead(owner="left")]).reason == "owner_unusable"


# --- who is not looked for


@pytest.mark.parametrize(
    ("caller", "changes", "reason"),
    [
        ({"client": None, "hidden": True}, {}, "hidden_number"),
        ({"hidden": True}, {}, "hidden_number"),
        ({"client": None}, {}, "no_client_number"),
        ({}, {"blocked_numbers": ["067 123 45 67"]}, "blocked_number"),
        ({"client": LINE, "line": None}, {}, "own_number"),
        ({"client": "+380501110101"}, {}, "own_number"),
        ({"client": "+380449998877", "line": "+380449998877"}, {}, "own_number"),
        ({}, {"integration.enabled": False}, "integration_off"),
    ],
)
def test_who_is_not_looked_for(caller: dict[str, Any], changes: Changes, reason: str) -> None:
    """S0-36, D-09, D-10, D-19, S3-29: the CRM is not asked either."""
    blocks = scheme(BY_CRM, BY_CALLS, {"type": "employee", "to": "senior"}, **changes)
    found = answer(blocks, NOT_ASKED, [talk("anna")], **caller)
    assert (found.reason, found.next) == (reason, "next_block")
    assert answer({**STICKY, **changes}, NOT_ASKED, [talk("anna")], **caller).next == "number_scheme"


def test_blocked_numbers_pass_where_only_their_calls_are_blocked() -> None:
    """O-14, C-22."""
    changes = {**ON, "blocked_numbers": [CLIENT], "blocked.scope": "calls"}
    assert whom(changes, [lead(owner="anna")]) == "anna"


# --- when the CRM is asked


def test_the_crm_is_asked_before_anybody_is_rung_by_it() -> None:
    """S1-06, D-20."""
    assert ask(ON, NOT_ASKED) == AskCrm(1)
    assert ask(THREE, NOT_ASKED) == AskCrm(2)
    assert whom(THREE, NOT_ASKED, [talk("anna")]) == "anna"
    assert whom(scheme({"type": "employee", "to": "anna"}, BY_CRM), NOT_ASKED) == "anna"
    assert answer({}, NOT_ASKED).reason == "routing_off"


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({}, False),
        (ON, False),
        (scheme(BY_CRM), False),
        (scheme(BY_CRM, BY_CALLS), True),
        (STICKY, True),
        (scheme(BY_CRM, **STICKY), True),
    ],
)
def test_talks_are_remembered_only_where_somebody_looks_at_them(changes: Changes, needed: bool) -> None:
    """S1-18."""
    assert needs_talks(project(changes=changes)) is needed


# --- whatever the project, the client and the calls

KEYS = st.sampled_from([*EMPLOYEES, "left"])
BLOCKS = st.one_of(
    st.fixed_dictionaries({"type": st.just("responsible_by_crm"), "direction": st.sampled_from(("first", "sip", "number"))}),
    st.builds(lambda types: {**BY_CALLS, "call_types": types}, st.sampled_from((["in"], ["out"], ["in", "out"]))),
    st.builds(lambda key: {"type": "employee", "to": key}, KEYS),
    st.just({"type": "webhook"}),
)
PROJECTS = st.builds(
    lambda blocks, sticky, further, last: {
        **scheme(*blocks, **(STICKY if sticky else {})),
        "routing.enabled": not blocks,
        "routing.continue_on_unmapped_owner": further,
        "routing.last_owner": last,
    },
    st.lists(BLOCKS, max_size=4),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
TALKS = st.lists(st.builds(talk, KEYS, st.sampled_from(("in", "out")), st.floats(0, 20), st.booleans()), max_size=4)
RECORDS = st.lists(
    st.builds(
        lambda kind, number, owner, is_open: record(kind, f"{kind}{number}", owner, open=is_open or kind is RecordKind.CONTACT),
        st.sampled_from((RecordKind.LEAD, RecordKind.DEAL, RecordKind.CONTACT)),
        st.integers(1, 3),
        KEYS,
        st.booleans(),
    ),
    max_size=4,
)
LOOKED = st.one_of(RECORDS, st.just(FAILED))
MANY = examples(max_examples=150, deadline=None)


@MANY
@given(PROJECTS, LOOKED, TALKS, KEYS, st.one_of(st.none(), KEYS))
def test_only_active_people_by_their_own_directions(
    changes: Changes, records: Any, talks: list[Talk], last: str, tried: str | None
) -> None:
    """S1-15, D-37: and never again who did not pick up."""
    found = answer(changes, records, talks, last_owner=last, tried=tried)
    if found.found:
        employee = project(changes=changes).employees[str(found.employee)]
        assert employee.active
        assert found.direction in found.directions
        assert found.directions == main_directions(employee, "UA")
        assert found.employee != tried
        assert found.ring_seconds in {20, 30}


@MANY
@given(PROJECTS, LOOKED, TALKS)
def test_a_blocked_number_gets_nobody(changes: Changes, records: Any, talks: list[Talk]) -> None:
    """D-19."""
    assert not answer({**changes, "blocked_numbers": [CLIENT]}, records, talks, last_owner="anna").found


@MANY
@given(PROJECTS, LOOKED, TALKS)
def test_the_crm_is_asked_only_if_nobody_was_found_before(changes: Changes, records: Any, talks: list[Talk]) -> None:
    """S1-06: an answer without the CRM is the final one, whatever the CRM would have said; the second one is always final."""
    early, late = ask(changes, NOT_ASKED, talks), answer(changes, records, talks)
    if isinstance(early, AskCrm):
        assert late.block is None or late.block >= early.block
        assert late.source is not Source.STICKINESS
    else:
        assert early == late


@MANY
@given(
    PROJECTS,
    RECORDS,
    st.lists(st.builds(talk, KEYS, st.just("out"), st.integers(0, 20)), max_size=4, unique_by=lambda one: one.at),
)
def test_the_order_in_which_talks_are_told_does_not_matter(changes: Changes, records: list[Record], talks: list[Talk]) -> None:
    assert answer(changes, records, talks) == answer(changes, records, talks[::-1])


def test_no_number_is_in_a_representation() -> None:
    """Design 1, promise 5: what is logged by mistake tells nobody's number."""
    shown = repr(Caller(CLIENT, line=LINE, tried="+380443332211")) + repr(answer(ON, [lead(owner="anna")]))
    assert "+380" not in shown and "demo_anna" not in shown


# --- the settings


def found_in(changes: Changes, profile: str = "pipedrive", facts: Facts | None = None) -> set[tuple[str, str]]:
    try:
        findings = check(effective(document(profile, changes)), facts)
    except InvalidSettings as refused:
        findings = refused.findings
    return {(finding.code, finding.field) for finding in findings}


def test_the_defaults() -> None:
    """O-45: the product promises 2.5 s where rules.md proposes 2 s."""
    settings: Settings = project()
    assert (settings.routing.timeout, settings.routing.greeting) == (timedelta(seconds=2.5), timedelta(seconds=8))
    assert (settings.routing.reply, settings.routing.reply_key, settings.routing.last_owner) == ("json", "destination", False)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"routing.timeout": "PT0.1S"}, "ROUTING_TIMEOUT_NOT_POSSIBLE", "routing.timeout"),
        ({"routing.timeout": "PT10.5S"}, "ROUTING_TIMEOUT_NOT_POSSIBLE", "routing.timeout"),
        ({"routing.reply_key": " "}, "REPLY_KEY_NOT_POSSIBLE", "routing.reply_key"),
        ({"routing.reply_key": "k" * 61}, "REPLY_KEY_NOT_POSSIBLE", "routing.reply_key"),
        ({"routing.reply": "xml"}, "INVALID_VALUE", "routing.reply"),
        (scheme({**BY_CRM, "ring_seconds": 0}), "RING_TIME_NOT_POSSIBLE", "scheme.blocks.0.ring_seconds"),
        (scheme({**BY_CRM, "ring_seconds": 301}), "RING_TIME_NOT_POSSIBLE", "scheme.blocks.0.ring_seconds"),
        ({"stickiness.global.ring_seconds": 0}, "RING_TIME_NOT_POSSIBLE", "stickiness.global.ring_seconds"),
        (scheme(BY_CRM, {"type": "employee"}), "BLOCK_TARGET_REQUIRED", "scheme.blocks.1.to"),
        (scheme({"type": "department", "to": ""}), "BLOCK_TARGET_REQUIRED", "scheme.blocks.0.to"),
        (scheme({"type": "number"}), "BLOCK_TARGET_REQUIRED", "scheme.blocks.0.to"),
        (scheme({"type": "employee", "to": "zoe"}), "EMPLOYEE_UNKNOWN", "scheme.blocks.0.to"),
        (scheme({"type": "department", "to": "law"}), "DEPARTMENT_EMPTY", "scheme.blocks.0.to"),
        (scheme({"type": "number", "to": "12"}), "NUMBER_NOT_READABLE", "scheme.blocks.0.to"),
        (scheme({**BY_CRM, "direction": "fax"}), "INVALID_VALUE", "scheme.blocks.0.direction"),
        (scheme({**BY_CRM, "priority": ["lead", "lead"]}), "ROUTING_PRIORITY_REPEATS", "scheme.blocks.0.priority"),
        (scheme(BY_CRM, **{"routing.priority": []}), "ROUTING_PRIORITY_EMPTY", "scheme.blocks.0.priority"),
    ],
)
def test_what_is_refused(changes: Changes, code: str, field: str) -> None:
    """O-45, O-46, V-13."""
    assert found_in(changes) == {(code, field)}


@pytest.mark.parametrize(
    "changes",
    [
        {"routing.timeout": "PT0.2S"},
        {"routing.timeout": "PT10S"},
        {"routing.reply_key": "k" * 60, "routing.reply": "json_rpc"},
        scheme({**BY_CRM, "ring_seconds": 1}, {**BY_CALLS, "ring_seconds": 300}, {"type": "webhook"}),
        scheme({"type": "employee", "to": "anna"}, {"type": "number", "to": "044 333 22 11"}),
        scheme({"type": "department", "to": "law"}, **{"employees.anna.departments": ["law"]}),
        scheme({**BY_CRM, "priority": ["deal"]}, **{"routing.priority": []}),
    ],
)
def test_what_passes(changes: Changes) -> None:
    assert found_in(changes) == set()


def test_a_greeting_that_is_too_short_is_warned_about() -> None:
    """V-20, S4-28, S4-29, S4-30: what the telephony tells comes before what the settings say."""
    short = {("GREETING_TOO_SHORT", "distribute_to_responsible")}
    assert found_in({**FLAG, "routing.greeting": "PT4S"}, "megaplan") == short
    assert found_in({**FLAG, "routing.greeting": "PT5S"}, "megaplan") == set()
    assert found_in({**FLAG, "routing.greeting": "PT4S"}, "megaplan", Facts(greeting_seconds=6)) == set()
    assert found_in(FLAG, "megaplan", Facts(greeting_seconds=4)) == short
    assert found_in({"routing.greeting": "PT4S"}, "megaplan") == set()
