"""Who of us it was: directions and identifiers (D-22, D-23, O-54, P-EM-04, P-ZC-06)."""

from __future__ import annotations

import pytest

from patchcord.model.employees import Agent, Employee, direction_identity, sip_login
from tests.unit.builders import project

DIRECTORY = project().directory


@pytest.mark.parametrize(
    "agent",
    [
        Agent(sip="demo_anna"),
        Agent(sip="sip:Demo_Anna@pbx.example"),
        Agent(number="+380441110101"),
        Agent(number="044 111 01 01"),
        Agent(number="+380501110101"),
        Agent(extension="101"),
        Agent(provider_id="7001"),
        Agent(email="Anna@Example.com"),
    ],
)
def test_an_employee_is_found_by_any_identifier(agent: Agent) -> None:
    """D-23, P-EM-04: main and other directions alike; S3-15…S3-20, S3-22, S3-23."""
    found = DIRECTORY.find(agent)
    assert found is not None
    assert found.key == "anna"


@pytest.mark.parametrize("agent", [Agent(sip="demo_oldphone"), Agent(name="Anna Koval"), Agent(number="+380671234567"), Agent()])
def test_strangers_are_nobody_and_a_name_identifies_nobody(agent: Agent) -> None:
    """S3-39, telephony.md 1.4."""
    assert DIRECTORY.find(agent) is None


def test_the_providers_id_is_surer_than_a_direction() -> None:
    found = DIRECTORY.find(Agent(provider_id="7001", sip="demo_boris"))
    assert found is not None
    assert found.key == "anna"


@pytest.mark.parametrize(("key", "known"), [("anna", True), ("nora", False), ("gone", False)])
def test_only_active_employees_with_a_crm_user_are_known(key: str, known: bool) -> None:
    """D-22, S3-30."""
    assert DIRECTORY.employees[key].known is known


def test_a_crm_user_is_found_even_of_somebody_who_left() -> None:
    """D-04 decides what that means."""
    assert DIRECTORY.of_crm_user("u-gone") == DIRECTORY.employees["gone"]
    assert DIRECTORY.of_crm_user("u-nobody") is None
    assert DIRECTORY.of_crm_user(None) is None


@pytest.mark.parametrize(("number", "own"), [("+380441110101", True), ("+380501110101", True), ("+380671234567", False)])
def test_own_numbers(number: str, own: bool) -> None:
    """D-10."""
    assert DIRECTORY.owns_number(number) is own


@pytest.mark.parametrize(
    ("agent", "direction"),
    [
        (Agent(sip="sip:Demo_Old@pbx"), "sip:demo_old"),
        (Agent(number="+380501112233", extension="1"), "+380501112233"),
        (Agent(extension="105", name="Somebody"), "105"),
        (Agent(name="Somebody"), "Somebody"),
        (Agent(), ""),
    ],
)
def test_a_direction_is_named_as_in_the_cabinet(agent: Agent, direction: str) -> None:
    """P-ZC-06."""
    assert agent.direction == direction


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("sip:Demo_Anna", ("sip", "demo_anna")),
        ("demo_anna", ("sip", "demo_anna")),
        ("0441110101", ("number", "+380441110101")),
        ("101", ("extension", "101")),
    ],
)
def test_directions_are_comparable(text: str, identity: tuple[str, str]) -> None:
    """V-23, S3-18, S3-22, S3-23."""
    assert direction_identity(text, "UA") == identity


def test_sharing_an_identifier_is_being_the_same() -> None:
    assert Agent(sip="a", name="X").same_as(Agent(sip="a", extension="1"))
    assert not Agent(name="X").same_as(Agent(name="X"))
    assert sip_login(" SIP:A_b@host ") == "a_b"


def test_an_employee_without_anything_is_unknown() -> None:
    assert not Employee("x").known
