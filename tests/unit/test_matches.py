"""Which of the found records a call belongs to (D-05, D-06, D-36, O-32, O-33, O-34, S0-42, S4-25)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from patchcord.model.records import Client, Record, RecordKind
from patchcord.scenarios.matches import match
from tests.unit.builders import NEW, Changes, client, contact, deal, lead, project, record

OLD, YOUNG = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)


def ids(records: Client, profile: str = "pipedrive", changes: Changes | None = None) -> tuple[str | None, str | None, str | None]:
    """Primary, contact, organization."""
    found = match(records, project(profile, changes))
    primary, person, company = (item.id if item else None for item in (found.primary, found.contact, found.organization))
    return primary, person, company


def test_nothing_matches_a_new_client() -> None:
    assert ids(NEW) == (None, None, None)
    assert match(NEW, project()).responsible_record is None


@pytest.mark.parametrize(
    ("records", "known"),
    [
        ((), False),
        ((contact(),), True),
        ((lead(),), True),
        ((deal(),), True),
        ((lead(open=False),), False),
        ((deal(open=False),), False),
        ((record(RecordKind.ORGANIZATION, "O1"),), False),
    ],
)
def test_an_existing_client(records: tuple[Record, ...], known: bool) -> None:
    """S0-42, S4-47: an open lead, a contact or an open deal."""
    assert client(*records).is_known is known


def test_only_open_records_match() -> None:
    """S0-14, S0-15: archived and converted leads are over."""
    assert ids(client(lead(open=False), contact())) == (None, "C1", None)


@pytest.mark.parametrize("converted", [{}, {"converted_lead": "create_new_lead"}])
def test_a_deal_is_not_looked_at_where_leads_are_logged(converted: Changes) -> None:
    """S0-15, O-32."""
    assert ids(client(lead(open=False), deal(), contact()), changes=converted)[0] is None


def test_the_deal_of_a_converted_lead_on_request() -> None:
    """O-32; Bitrix24 does it by default (P-BX-06)."""
    records = client(lead(open=False), deal(), contact())
    assert ids(records, changes={"converted_lead": "log_in_deal"})[0] == "D1"
    assert ids(records, "bitrix24")[0] == "D1"


@pytest.mark.parametrize(("order", "winner"), [(["lead", "deal"], "L1"), (["deal", "lead"], "D1"), (["contact", "lead"], "L1")])
def test_the_first_kind_in_the_order_wins(order: list[str], winner: str) -> None:
    """D-36, O-33."""
    assert ids(client(deal(), lead(), contact()), "bitrix24", {"logging_lookup": order})[0] == winner


@pytest.mark.parametrize(
    ("policy", "winner"), [(None, "L2"), ("latest_updated", "L2"), ("first_found", "L1"), ("oldest", "L3")], ids=str
)
def test_of_several_open_leads(policy: str | None, winner: str) -> None:
    """D-06, O-34."""
    leads = (
        lead("L1", created_at=YOUNG, updated_at=OLD),
        lead("L2", created_at=YOUNG, updated_at=YOUNG),
        lead("L3", created_at=OLD, updated_at=OLD),
    )
    assert ids(client(*leads), changes={"matches.policy": policy} if policy else None)[0] == winner


def test_megaplan_takes_the_first_client_found() -> None:
    """S4-25."""
    assert ids(client(contact("C1", updated_at=OLD), contact("C2", updated_at=YOUNG)), "megaplan")[1] == "C1"


def test_records_without_times_do_not_stop_anybody() -> None:
    assert ids(client(lead("L1"), lead("L2", updated_at=OLD)))[0] == "L2"


def test_the_contact_of_the_open_record_comes_first() -> None:
    """D-06, golden PD-15."""
    records = (contact("C1", updated_at=YOUNG), contact("C2", updated_at=OLD), lead("L2", contact="C2"))
    assert ids(client(*records)) == ("L2", "C2", None)


def test_a_contact_with_an_open_record_of_another_kind_beats_one_without() -> None:
    """D-06: the deal is not logged in, but it tells which contact is alive."""
    records = (contact("C1", updated_at=YOUNG), contact("C2", updated_at=OLD), deal(contact="C2"))
    assert ids(client(*records)) == (None, "C2", None)


def test_of_idle_contacts_the_last_updated() -> None:
    """D-06."""
    assert ids(client(contact("C1", updated_at=OLD), contact("C2", updated_at=YOUNG)))[1] == "C2"


def test_the_organization_hangs_on_the_contact_or_the_record() -> None:
    company = record(RecordKind.ORGANIZATION, "O1")
    assert ids(client(contact(organization="O1"), company))[2] == "O1"
    assert ids(client(lead(organization="O1"), contact(), company))[2] == "O1"
    assert ids(client(contact(), company))[2] is None


def test_whose_owner_is_the_responsible() -> None:
    """D-04: the primary record's, else the contact's."""
    both = match(client(lead(owner="boris"), contact()), project())
    assert both.responsible_record is not None
    assert both.responsible_record.owner == "u-boris"
    alone = match(client(contact()), project())
    assert alone.responsible_record is not None
    assert alone.responsible_record.id == "C1"
