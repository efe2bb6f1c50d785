"""Whom a clicked number is connected with, and which numbers are never dialled."""

from __future__ import annotations

from typing import Any

import pytest

from patchcord.scenarios.dialling import Code, Dial, Refused, Wish, dial
from tests.unit.builders import CLIENT, LINE, project

ALL = ("demo_anna", "demo_boris", "demo_senior", "demo_oldphone")


def asked(online: Any = ALL, *, to: str = CLIENT, profile: str = "pipedrive", wish: Any = None, **changes: Any) -> Dial | Refused:
    """The answer; of several accounts the last one is taken. `changes` have `__` for dots."""
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    return dial(Wish(to, **(wish or {})), project(profile, dotted), online, lambda accounts: accounts[-1])


def code(answer: Dial | Refused) -> Code | None:
    return answer.code if isinstance(answer, Refused) else None


def order(answer: Dial | Refused) -> tuple[str, str]:
    assert isinstance(answer, Dial), answer
    return answer.order


FIXED = {"click_to_call__sip_account": "sip:demo_anna"}


def test_the_projects_account_speaks_for_everybody_and_the_client_is_rung_first() -> None:
    """S2-04, S2-13, S2-21, S2-23, S2-24, S2-25, O-50."""
    answer = asked(wish={"employee": "boris"}, **FIXED)
    assert order(answer) == ("client", "sip:demo_anna")
    assert isinstance(answer, Dial)
    assert (answer.employee, answer.to) == ("anna", CLIENT)
    assert "S2-25" in answer.rules


def test_an_account_that_is_offline_is_replaced_by_one_of_the_employees_that_is_online() -> None:
    """S2-26. An account behind which there is nobody known is the last resort."""
    assert order(asked(("demo_boris", "demo_oldphone"), **FIXED)) == ("client", "sip:demo_boris")
    assert order(asked(("demo_oldphone",), **FIXED)) == ("client", "sip:demo_oldphone")
    assert order(asked(("demo_gone", "demo_boris"), **FIXED)) == ("client", "sip:demo_boris")


def test_nobody_online_is_told() -> None:
    """D-30."""
    answer = asked((), **FIXED)
    assert code(answer) is Code.NO_SIP_ONLINE
    assert isinstance(answer, Refused)
    assert "online" in answer.words


@pytest.mark.parametrize("online", ["SIP:Demo_Anna@pbx.example", "demo_anna", "sip:demo_anna"])
def test_accounts_are_the_same_however_they_are_written(online: str) -> None:
    assert order(asked((online, "demo_boris"), **FIXED)) == ("client", "sip:demo_anna")


def test_the_order_can_be_turned_by_the_project_and_by_the_click() -> None:
    """O-50."""
    assert order(asked(**FIXED, click_to_call__first_leg="employee")) == ("sip:demo_anna", "client")
    assert order(asked(wish={"first": "employee"}, **FIXED)) == ("sip:demo_anna", "client")
    assert order(asked(wish={"first": "client"}, **FIXED, click_to_call__first_leg="employee")) == ("client", "sip:demo_anna")


def test_without_the_projects_account_whoever_clicked_speaks() -> None:
    """C-19: one account for all is SendPulse's way; others use the caller's own."""
    assert order(asked(wish={"employee": "boris"})) == ("client", "sip:demo_boris")
    assert order(asked(wish={"sip": "sip:demo_boris"})) == ("client", "sip:demo_boris")
    assert code(asked(("demo_anna",), wish={"employee": "boris"})) is Code.EMPLOYEE_OFFLINE
    assert order(asked(("demo_anna",))) == ("client", "sip:demo_anna")


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"employee": "nobody"}, Code.EMPLOYEE_UNKNOWN),
        ({"employee": "gone"}, Code.EMPLOYEE_UNKNOWN),
        ({"sip": "demo_oldphone"}, Code.SIP_ACCOUNT_UNKNOWN),
        ({"sip": "demo_gone"}, Code.SIP_ACCOUNT_UNKNOWN),
    ],
)
def test_nobody_unknown_is_rung_by_name(wish: dict[str, str], expected: Code) -> None:
    assert code(asked(wish=wish)) is expected


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("102", Code.NUMBER_NOT_POSSIBLE),
        ("", Code.NUMBER_NOT_POSSIBLE),
        ("anonymous", Code.NUMBER_NOT_POSSIBLE),
        ("+380", Code.NUMBER_NOT_POSSIBLE),
        ("+380671234567" * 9, Code.NUMBER_NOT_POSSIBLE),
        (LINE, Code.OWN_NUMBER),
        ("+380501110101", Code.OWN_NUMBER),
        ("+48221234567", Code.REGION_NOT_ALLOWED),
        ("+881612345678", Code.REGION_NOT_ALLOWED),
        ("+18765551234", Code.REGION_NOT_ALLOWED),
        ("+380900212345", Code.COSTLY_NUMBER),
    ],
)
def test_what_is_never_dialled(to: str, expected: Code) -> None:
    assert code(asked(to=to, **FIXED)) is expected


def test_blocked_numbers_are_not_dialled_however_they_are_written() -> None:
    """S0-36, D-19."""
    assert code(asked(to="067 123-45-67", blocked_numbers=["+380671234567"], **FIXED)) is Code.BLOCKED_NUMBER


def test_allowed_countries_replace_the_default_one() -> None:
    """+1 is many countries: the Caribbean ones are dear."""
    allowed: Any = {"click_to_call__regions": ["US", "PL"], **FIXED}
    assert order(asked(to="+48221234567", **allowed)) == ("client", "sip:demo_anna")
    assert order(asked(to="+12125551234", **allowed)) == ("client", "sip:demo_anna")
    assert code(asked(to="+18765551234", **allowed)) is Code.REGION_NOT_ALLOWED
    assert code(asked(**allowed)) is Code.REGION_NOT_ALLOWED


def test_while_the_integration_is_off_nothing_is_dialled() -> None:
    """S2-04."""
    assert code(asked(integration__enabled=False)) is Code.INTEGRATION_OFF


def test_a_telephony_that_dials_by_short_numbers_rings_the_employee_first() -> None:
    """MANGO's callback (telephony.md 3.5) knows no other order: the default is passed over, a wish is refused."""
    answer = asked(None, wish={"employee": "boris"})
    assert order(answer) == ("sip:demo_boris", "client")
    assert isinstance(answer, Dial)
    assert answer.extension == "102"
    assert code(asked(None, wish={"employee": "boris", "first": "client"})) is Code.CLIENT_FIRST_NOT_POSSIBLE
    assert code(asked(None)) is Code.EMPLOYEE_UNKNOWN
    without: Any = {"employees__boris__extension": None}
    assert code(asked(None, wish={"employee": "boris"}, **without)) is Code.EXTENSION_REQUIRED


def test_numbers_are_not_in_what_is_printed() -> None:
    assert CLIENT not in repr((asked(), Wish(CLIENT)))
