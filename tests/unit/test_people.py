"""Who is meant by a role (rules.md 3.1, D-04, D-22, S4-12, S4-26, S4-27, S4-42, O-04, O-55)."""

from __future__ import annotations

import pytest

from patchcord.model.employees import Agent
from patchcord.model.events import Event, MissPlace, Part
from patchcord.model.records import Owner, Record
from patchcord.model.timeline import fold
from patchcord.scenarios.people import People, owner_of
from tests.unit.builders import Changes, answered, called, dispatch, lead, missed, part, project


def people(events: list[Event], record: Record | None = None, changes: Changes | None = None) -> People:
    return People(fold(events), project(changes=changes), record)


@pytest.mark.parametrize(
    ("role", "events", "key"),
    [
        ("answering", answered("anna", "boris"), "anna"),
        ("first_handler", answered("anna", "boris"), "anna"),
        ("last_handler", answered("anna", "boris"), "boris"),
        ("answering", answered("nora", "anna"), "anna"),
        ("answering", answered("oldphone"), "senior"),
        ("answering", answered("gone"), "senior"),
        ("caller", called("boris"), "boris"),
        ("caller", called("oldphone"), "senior"),
        ("dispatching", dispatch("anna"), "anna"),
        ("dispatching", dispatch("nora"), "senior"),
        ("dispatching", dispatch(None), "senior"),
        ("distributed", missed("anna", "boris"), "anna"),
        ("distributed", missed("nora", "boris", place=MissPlace.GROUP), "boris"),
        ("distributed", missed(), "senior"),
        ("senior", missed(), "senior"),
        ("fixed:boris", missed(), "boris"),
        ("boris", missed(), "boris"),
        ("somebody", missed(), "senior"),
        ("none", missed(), None),
        (None, missed(), None),
    ],
)
def test_roles(role: str | None, events: list[Event], key: str | None) -> None:
    """D-04, D-22, S4-04, S4-12, S4-42, D-17: whoever cannot be told is the senior manager."""
    assert people(events).role(role) == key


@pytest.mark.parametrize(("owner", "key"), [("anna", "anna"), ("u-queue-77", "senior"), ("gone", "senior"), (None, "senior")])
def test_the_responsible_falls_back_to_the_senior_manager(owner: str | None, key: str) -> None:
    """D-04: queues, leavers, nobody."""
    assert people(missed(), lead(owner=owner)).role("responsible") == key


@pytest.mark.parametrize(
    ("owners", "key"),
    [
        ((Owner("u-anna"), Owner("u-boris")), "anna"),
        ((Owner("u-anna", active=False), Owner("u-boris")), "boris"),
        ((Owner("u-anna", employee=False), Owner("u-boris")), "boris"),
        ((Owner("u-gone"), Owner("u-boris")), "boris"),
        ((Owner("u-nobody"),), None),
    ],
)
def test_of_several_responsibles_the_first_usable_one(owners: tuple[Owner, ...], key: str | None) -> None:
    """S4-26, S4-27."""
    found = owner_of(lead(owner=None, owners=owners), project())
    assert (found.key if found else None) == key


@pytest.mark.parametrize("word", ["fixed:nora", "nora", "fixed:gone", "gone"])
def test_a_fixed_person_who_cannot_be_written_for_is_the_senior_manager(word: str) -> None:
    """D-04, D-22: Nora has no CRM user, Gone has left since the settings were saved."""
    assert people(missed()).role(word) == "senior"


def test_a_roles_word_is_the_role_even_if_an_employee_is_called_so() -> None:
    """O-04, C-27: the senior manager is whom the settings name, not whose key happens to be `senior`."""
    assert people(missed(), changes={"senior_manager": "boris"}).role("senior") == "boris"


@pytest.mark.parametrize(
    ("who", "mine"), [(("anna",), True), (("boris",), False), (("boris", "anna"), True), (("oldphone",), False)]
)
def test_the_responsible_took_part(who: tuple[str, ...], mine: bool) -> None:
    """S0-18, S0-19."""
    assert people(answered(*who), lead(owner="anna")).responsible_took_part() is mine


@pytest.mark.parametrize(
    ("events", "word", "author"),
    [
        (answered("anna", "boris"), "answering", "boris"),
        (answered("anna", "nora"), "answering", "anna"),
        (answered("oldphone"), "answering", None),
        (called("boris"), "caller", "boris"),
        (missed(), "answering", None),
        (answered("boris"), "responsible", "anna"),
    ],
)
def test_the_author_of_a_trace_is_never_made_up(events: list[Event], word: str, author: str | None) -> None:
    """D-11: nobody is nobody, not the senior manager; the last one who talked tells of the call."""
    assert people(events, lead(owner="anna")).author(word) == author


def shared(*keys: str) -> Changes:
    return {f"employees.{key}.missed_distribution": True for key in keys}


def test_missed_calls_are_shared_only_if_somebody_takes_part() -> None:
    """O-55, C-17, S3-21: off by default."""
    assert people(missed()).missed_substitute() is None
    found = people(missed(), changes=shared("anna")).missed_substitute()
    assert found is not None
    assert found.key == "anna"


def test_missed_calls_are_shared_evenly_and_repeatably() -> None:
    """O-55: any retry of a call finds the same person."""

    def person(call: str) -> str:
        found = people(missed(call=call), changes=shared("anna", "boris")).missed_substitute()
        assert found is not None
        return found.key

    chosen = [person(f"call-{number}") for number in range(200)]
    assert chosen == [person(f"call-{number}") for number in range(200)]
    assert 60 < chosen.count("anna") < 140


@pytest.mark.parametrize("key", ["nora", "gone"])
def test_missed_calls_are_not_given_to_those_who_cannot_be_written_for(key: str) -> None:
    """O-55 with D-22: no CRM user, or no longer there."""
    for number in range(20):
        found = people(missed(call=f"call-{number}"), changes=shared(key, "anna")).missed_substitute()
        assert found is not None
        assert found.key == "anna"


def test_round_robin_takes_known_employees_only() -> None:
    """O-17, D-22."""
    chosen = {people(missed(call=f"call-{number}")).role("round_robin") for number in range(100)}
    assert chosen == {"anna", "boris", "senior"}


def test_an_offer_by_number_counts_as_one_by_account() -> None:
    """D-23."""
    offered = (part(Part.OFFERED, Agent(number="0501110101")),)
    assert people(missed(parts=offered)).role("distributed") == "anna"
