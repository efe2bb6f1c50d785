"""Zoho CRM against its twin: the contract, and what only Zoho CRM has (crm_zohocrm.md)."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from patchcord.crm.connect import open_crm
from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.http import Http
from patchcord.crm.port import Change, Crm, Search, Trace, Written
from patchcord.crm.zoho_crm import CHOICES, PHONE_FIELDS, TEXTS, ZohoCrm, queries, reading, writing
from patchcord.crm.zoho_crm.declaration import DECLARATION, SCOPES
from patchcord.crm.zoho_crm.dialect import EnvelopeDialect, TokenDialect, ZohoDialect
from patchcord.model.effects import LogKind
from patchcord.model.events import CallType, Outcome
from patchcord.model.phone import notations, read_phone
from patchcord.model.records import RecordKind, Ref
from patchcord.scenarios.constraints import check
from patchcord.scenarios.profiles import effective, profile
from patchcord.store.memory import MemorySecrets, MemoryStore
from patchcord.wire import Answer, read_answer
from sandbox.twins.base import Fault, serve
from sandbox.twins.zoho_crm import ZohoCrmTwin
from tests.contract.crm_contract import (
    CONTACT,
    DEAL,
    LEAD,
    ORGANIZATION,
    OTHER,
    PHONE,
    PLAIN,
    RECORDING,
    REGION,
    Case,
    CrmContract,
    a_moment_ago,
    call,
    done_task,
    draft,
    found,
    made,
    new_client,
    record,
    requests,
    seed,
    task,
    violations,
    world,
)

PROJECT = "acme"
LONGEST = "https://records.example/" + "x" * 430


class ZohoCrmCase(Case):
    """A company that made lookups from leads to contacts and accounts (7, variant 3), so that all of the contract applies."""

    vendor: ClassVar[str] = "zoho_crm"
    paths: ClassVar[Mapping[str, str]] = {
        "look_up": "/__composite_requests", "contact": "/Contacts$", "organization": "/Accounts$", "lead": "/Leads$",
        "deal": "/Deals$", "task": "/Tasks$", "log": "/Calls$", "call": "/Calls$", "note": "/Notes$",
    }  # fmt: skip

    def __init__(self, twin: ZohoCrmTwin, url: str) -> None:
        self.zoho = twin
        self.stored = MemorySecrets()
        self.store = MemoryStore()
        self.opened: list[ZohoCrm] = []
        self.lookups = {
            "lead_lookups.contact": twin.seed_lookup("lead", "Caller", "contact"),
            "lead_lookups.account": twin.seed_lookup("lead", "Employer", "organization"),
        }
        super().__init__(twin, url)

    def connect(self, **settings: str) -> ZohoCrm:
        options = {"accounts_url": self.url, **self.lookups, **settings}
        crm = cast(ZohoCrm, open_crm("zoho_crm", options, self.stored, self.store, PROJECT))
        self.opened.append(crm)
        return crm

    def open(self) -> ZohoCrm:
        secrets = self.zoho.connection(self.url).secrets
        for name, value in secrets.items():
            self.stored.put(PROJECT, name, value)
        self.secrets += (json.loads(secrets["grant"])["access_token"],)
        return self.connect()

    def open_with_wrong_credentials(self) -> ZohoCrm:
        wrong = {"access_token": "1000.wrong", "refresh_token": "1000.wrong", "api_domain": self.url}
        self.stored.put(PROJECT, "grant", json.dumps(wrong))
        return self.connect()

    def open_with_oauth(self) -> ZohoCrm:
        self.secrets += (self.zoho.account.client_secret, self.zoho.refresh_token)
        return self.open()

    def store_grant(self, **facts: str) -> None:
        self.stored.put(PROJECT, "grant", json.dumps({"refresh_token": self.zoho.refresh_token, **facts}))

    def expire_tokens(self) -> None:
        self.zoho.expire_access_tokens()

    def http(self, crm: Crm) -> Http:
        return cast(ZohoCrm, crm).http

    def close(self) -> None:
        for crm in self.opened:
            crm.close()

    def rows(self, module: str) -> list[dict[str, Any]]:
        """A module's rows as the twin holds them."""
        return list(self.zoho.state.tables[module].values())

    def row(self, ref: Ref) -> dict[str, Any]:
        modules = {CONTACT: "Contacts", ORGANIZATION: "Accounts", LEAD: "Leads", DEAL: "Deals"}
        return self.zoho.state.tables[modules[ref.kind]][ref.id]


class TestZohoCrm(CrmContract):
    @pytest.fixture
    def case(self, traffic: Path) -> Iterator[ZohoCrmCase]:
        twin = ZohoCrmTwin()
        twin.marker_in_text = re.compile(r"^Patchcord (\S+)$", re.M)
        with serve(twin) as running:
            made_case = ZohoCrmCase(twin, running.url)
            yield made_case
            made_case.close()

    def second_stage(self, case: Case) -> tuple[str, str]:
        assert isinstance(case, ZohoCrmCase)
        return case.zoho.seed_pipeline("Repairs", (("New", "Open"), ("In work", "Open"), ("Done", "Closed Won"))), "In work"

    # --- look-up (5, 6)

    @pytest.mark.parametrize("kind", [CONTACT, ORGANIZATION, LEAD])
    @pytest.mark.parametrize("stored", [*notations(PHONE), "067.123.45.67", "+380 (67) 123-45-67", "8 067 123 45 67"])
    def test_each_kind_is_found_in_each_notation_by_one_request(self, case: ZohoCrmCase, kind: RecordKind, stored: str) -> None:
        case.zoho.search_lag = timedelta(hours=1)
        key = seed(case, kind, phone=stored, name="Olena")
        assert [one.id for one in found(case, kind)] == [key]
        assert requests(case) == 1

    @pytest.mark.parametrize("number", ["+48601234567", "+14155552671", "+493012345678", "+33612345678", "+447911123456"])
    def test_numbers_of_other_countries_are_found_as_they_are_written(self, case: ZohoCrmCase, number: str) -> None:
        phone = read_phone(number, REGION)
        keys = {seed(case, CONTACT, phone=stored, name=stored) for stored in notations(phone)[:4]}
        assert {one.id for one in case.crm.find(phone, Search(REGION)) if one.kind is CONTACT} == keys

    def test_lead_in_an_odd_notation_is_found_by_the_search(self, case: ZohoCrmCase) -> None:
        key = seed(case, LEAD, phone="+38 06 71 23 4 5 6 7", name="Olena")
        assert [one.id for one in found(case, LEAD)] == [key]
        assert found(case, LEAD, Search(REGION, formats=("+380501112233",))) == []
        case.zoho.state.tables["Leads"].clear()
        assert found(case, LEAD) == []

    def test_what_was_just_made_is_found_in_spite_of_the_lag(self, case: ZohoCrmCase) -> None:
        case.zoho.search_lag = timedelta(hours=1)
        refs = made(case.crm.create([*new_client(case), draft(DEAL, links=("contact",))]))
        assert {one.ref for one in case.crm.find(PHONE, PLAIN)} == set(refs.values())

    def test_second_number_counts(self, case: ZohoCrmCase) -> None:
        key = seed(case, CONTACT, phone=OTHER.e164, name="Olena")
        case.zoho.state.tables["Contacts"][key]["Phone"] = "067 123 45 67"
        assert [one.id for one in found(case, CONTACT)] == [key]

    def test_fields_of_the_number_are_the_company_s(self, case: ZohoCrmCase) -> None:
        name = case.zoho.seed_field("lead", "Call back on", "phone")
        crm = case.connect(**{"phone_fields.lead": f"{name},Mobile,Phone"})
        ref = made(crm.create([draft(LEAD)]))["lead"]
        assert case.row(ref)[name] == PHONE.e164
        assert ref in {one.ref for one in crm.find(PHONE, PLAIN)}

    def test_deal_of_another_contact_is_left_out(self, case: ZohoCrmCase) -> None:
        seed(case, DEAL, phone="+49301234567", name="Same last digits")
        ours = seed(case, DEAL, phone=PHONE.e164, name="Ours")
        assert [one.id for one in found(case, DEAL)] == [ours]

    def test_dead_statuses_and_closed_stages_are_the_company_s(self, case: ZohoCrmCase) -> None:
        known = world(case)
        case.zoho.state.tables["Leads"][known.refs[LEAD].id]["Lead_Status"] = "Not for us"
        case.zoho.state.tables["Deals"][known.refs[DEAL].id]["Stage"] = "Delivered"
        crm = case.connect(dead_lead_statuses="Not for us, Junk Lead", closed_stages="Delivered")
        assert {one.kind for one in crm.find(PHONE, PLAIN) if one.open} == {CONTACT, ORGANIZATION}

    def test_converted_field_and_search_can_be_left_out(self, case: ZohoCrmCase) -> None:
        known = world(case)
        assert known.refs[LEAD] in {one.ref for one in case.connect(converted_field="", lead_search="no").find(PHONE, PLAIN)}
        assert case.twin.count("POST", "__composite") == 1

    def test_attribution_of_all_kinds_is_read_in_one_request(self, case: ZohoCrmCase) -> None:
        wanted = {kind: {"utm_source": case.twin.seed_field(kind.value, "utm_source")} for kind in (CONTACT, LEAD, DEAL)}
        contact = seed(case, CONTACT, phone=PHONE.e164, attribution={"utm_source": "a"})
        seed(case, LEAD, phone=PHONE.e164, attribution={"utm_source": "b"})
        seed(case, DEAL, contact=contact, attribution={"utm_source": "c"})
        records = case.crm.find(PHONE, Search(REGION, attribution=wanted))
        assert {one.kind: one.attribution for one in records} == {
            CONTACT: {"utm_source": "a"}, LEAD: {"utm_source": "b"}, DEAL: {"utm_source": "c"},
        }  # fmt: skip
        assert requests(case) == 2

    def test_times_are_told(self, case: ZohoCrmCase) -> None:
        at = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
        seed(case, LEAD, phone=PHONE.e164, updated=at)
        (lead,) = found(case, LEAD)
        assert (lead.updated_at, lead.created_at) == (at, at)

    # --- with few places (2)

    def test_plain_calls_take_the_place_of_composites(self, case: ZohoCrmCase) -> None:
        case.zoho.set(slots=5)
        known, crm = world(case), case.connect(composite="never")
        assert {one.ref for one in crm.find(PHONE, PLAIN)} == set(known.refs.values())
        refs = made(crm.create([draft(ORGANIZATION), draft(CONTACT, links=("organization",)), draft(LEAD, links=("contact",))]))
        assert record(case, refs["contact"])["organization"] == refs["organization"].id
        assert record(case, refs["lead"])["contact"] == refs["contact"].id
        assert case.twin.count("POST", "__composite") == 0
        assert requests(case) == 8

    def test_plain_calls_tell_where_they_failed(self, case: ZohoCrmCase) -> None:
        case.misbehave(Fault("refuse", method="POST", path="/Leads$", words="Company is refused"))
        created = case.connect(composite="reading").create(new_client(case))
        assert (created.failed, set(created.refs)) == ("lead", {"organization", "contact"})
        assert isinstance(created.error, Rejected)

    def test_too_many_at_once_is_a_short_pause(self, case: ZohoCrmCase) -> None:
        case.zoho.set(slots=4)
        with pytest.raises(Transient) as caught:
            case.crm.find(PHONE, PLAIN)
        assert caught.value.cool_down
        assert timedelta(seconds=0.5) <= (caught.value.retry_after or timedelta()) <= timedelta(seconds=8)

    def test_spent_credits_are_waited_out(self, case: ZohoCrmCase) -> None:
        case.zoho.set(credits=10, spent=7)
        for _ in range(3):
            case.crm.find(PHONE, PLAIN)
        with pytest.raises(Transient) as caught:
            case.crm.find(PHONE, PLAIN)
        assert (caught.value.retry_after or timedelta()) >= timedelta(minutes=5)

    # --- creation (7, 12)

    def test_refused_part_takes_everything_back(self, case: ZohoCrmCase) -> None:
        case.zoho.set(mandatory=frozenset({("Leads", "Industry_Code")}))
        created = case.crm.create(new_client(case))
        assert (created.failed, created.refs) == ("lead", {})
        assert isinstance(created.error, Rejected)
        assert "MANDATORY_NOT_FOUND" in created.error.words
        assert "Industry_Code" in created.error.words
        assert case.twin.ledger == ()
        assert case.twin.records("contact") == []

    def test_default_values_satisfy_what_the_customer_demands(self, case: ZohoCrmCase) -> None:
        name = case.zoho.seed_field("lead", "Branch")
        case.zoho.set(mandatory=frozenset({("Leads", name)}))
        ref = made(case.connect(**{f"defaults.lead.{name}": "Kyiv"}).create([draft(LEAD)]))["lead"]
        assert case.row(ref)[name] == "Kyiv"

    def test_four_kinds_and_a_link_are_one_request(self, case: ZohoCrmCase) -> None:
        contact = Ref(CONTACT, seed(case, CONTACT, phone=PHONE.e164))
        drafts = [draft(ORGANIZATION, links=(contact,)), draft(LEAD, links=(contact, "organization")),
                  draft(DEAL, links=(contact, "organization"))]  # fmt: skip
        refs = made(case.crm.create(drafts))
        assert requests(case) == 1
        assert record(case, contact)["organization"] == refs["organization"].id
        assert record(case, refs["deal"])["contact"] == contact.id
        assert record(case, refs["lead"])["organization"] == refs["organization"].id

    def test_lead_links_to_nothing_without_lookups(self, case: ZohoCrmCase) -> None:
        crm = case.connect(**{"lead_lookups.contact": "", "lead_lookups.account": ""})
        refs = made(crm.create(new_client(case)))
        row = record(case, refs["lead"])
        assert (row["contact"], row["organization"], row["phone"]) == (None, None, PHONE.e164)
        assert case.row(refs["lead"])["Company"] == f"organization {PHONE.e164}"

    def test_company_of_a_lead(self, case: ZohoCrmCase) -> None:
        one = made(case.crm.create([draft(LEAD)]))["lead"]
        two = made(case.connect(lead_company="Private person").create([draft(LEAD)]))["lead"]
        assert [case.row(ref)["Company"] for ref in (one, two)] == [PHONE.e164, "Private person"]

    def test_deal_has_what_zoho_demands(self, case: ZohoCrmCase) -> None:
        case.zoho.set(pipelines_on=True)
        crm = case.connect(deal_pipeline="Standard (Standard)", deal_stage="Needs Analysis", closing_days="10")
        ref = made(crm.create([draft(DEAL)]))["deal"]
        row = case.row(ref)
        assert (row["Pipeline"], row["Stage"]) == ("Standard (Standard)", "Needs Analysis")
        assert abs(datetime.fromisoformat(f"{row['Closing_Date']}T00:00Z") - datetime.now(UTC)) < timedelta(days=12)

    def test_lead_source_is_source_and_medium(self, case: ZohoCrmCase) -> None:
        visit = {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "x"}
        refs = made(case.crm.create([draft(LEAD, attribution=visit), draft(CONTACT, attribution=visit)]))
        assert [case.row(ref)["Lead_Source"] for ref in refs.values()] == ["google / cpc", "google / cpc"]
        other = made(case.connect(lead_source="no").create([draft(LEAD, attribution=visit)]))["lead"]
        assert "Lead_Source" not in case.row(other)

    def test_strict_pick_list_does_not_cost_the_lead(self, case: ZohoCrmCase) -> None:
        field = case.zoho.state.fields["Leads"]["Lead_Source"]
        field["pick_list_values"] = [{"display_value": "Web", "actual_value": "Web"}]
        case.zoho.set(strict_picklists=True)
        refs = made(case.crm.create([draft(CONTACT), draft(LEAD, attribution={"utm_source": "google"})]))
        assert "Lead_Source" not in case.row(refs["lead"])
        assert len(case.twin.writes("create")) == 2

    def test_typed_fields_take_texts_inside_a_composite(self, case: ZohoCrmCase) -> None:
        field = case.twin.seed_field("lead", "Rooms", "number")
        refs = made(case.crm.create([draft(CONTACT), draft(LEAD, fields={field: "2,5"})]))
        assert record(case, refs["lead"])["fields"] == {"Rooms": 2.5}
        assert requests(case) == 2

    def test_existing_account_of_the_name_is_used(self, case: ZohoCrmCase) -> None:
        for inside in (False, True):
            case.zoho.set(duplicate_inside=inside)
            name = f"Acme {inside}"
            known = seed(case, ORGANIZATION, name=name)
            refs = made(case.crm.create([draft(ORGANIZATION, name=name), draft(CONTACT, links=("organization",))]))
            assert refs["organization"].id == known
            assert record(case, refs["contact"])["organization"] == known
            assert made(case.crm.create([draft(ORGANIZATION, name=name)]))["organization"].id == known

    def test_records_are_made_one_by_one_where_bodies_take_no_references(self, case: ZohoCrmCase) -> None:
        case.zoho.set(body_references=False)
        for number in (1, 2):
            refs = made(case.crm.create([draft(ORGANIZATION, name=f"A{number}"), draft(CONTACT, links=("organization",))]))
            assert record(case, refs["contact"])["organization"] == refs["organization"].id
        assert case.twin.count("POST", "__composite") == 1
        assert len(case.twin.writes("create")) == 4

    def test_name_like_a_reference_stays_a_name(self, case: ZohoCrmCase) -> None:
        name = "@{r0:$.data[0].details.id}"
        refs = made(case.crm.create([draft(ORGANIZATION), draft(CONTACT, name=name, links=("organization",))]))
        assert record(case, refs["contact"])["name"] == name

    def test_refused_e_mail_does_not_cost_the_contact(self, case: ZohoCrmCase) -> None:
        refs = made(case.crm.create([draft(CONTACT, email="x" * 200)]))
        assert "Email" not in case.row(refs["contact"])

    def test_tags_are_written_by_name(self, case: ZohoCrmCase) -> None:
        ref = made(case.crm.create([draft(LEAD, tags=("hot", " "))]))["lead"]
        assert case.row(ref)["Tag"] == [{"name": "hot"}]

    def test_new_name_replaces_both_names(self, case: ZohoCrmCase) -> None:
        ref = Ref(CONTACT, seed(case, CONTACT, name="Kowalska"))
        case.row(ref)["First_Name"] = "Anna"
        case.crm.update(ref, Change(name="Anna Nowak"))
        assert record(case, ref)["name"] == "Anna Nowak"

    @pytest.mark.parametrize("name", ["Owner) or (id != '0", "a b", "1st", "", "x" * 200])
    def test_odd_names_of_fields_are_rejected_before_they_are_sent(self, case: ZohoCrmCase, name: str) -> None:
        ref = world(case).refs[LEAD]
        with pytest.raises(Rejected):
            case.crm.update(ref, Change(fields={name: "x"}))
        search = Search(REGION, attribution={LEAD: {"utm_source": name}})
        assert found(case, LEAD, search)[0].attribution is None
        assert requests(case) == 1

    # --- markers (13)

    @pytest.mark.parametrize(("kind", "word"), [(LEAD, "lead"), (CONTACT, "contact"), (ORGANIZATION, "account"), (DEAL, "deal")])
    def test_marker_field_beats_name_and_number(self, case: ZohoCrmCase, kind: RecordKind, word: str) -> None:
        name = case.zoho.seed_field(kind.value, "patchcord_marker", unique=True)
        crm, since = case.connect(**{f"marker_fields.{word}": name}), a_moment_ago()
        ours = made(crm.create([draft(kind, "ours", name="Same one")]))["ours"]
        made(crm.create([draft(kind, "theirs", name="Same two")]))
        assert record(case, ours)["marker"] == "patchcord:c1/ours"
        for marker, expected in (("patchcord:c1/ours", ours.id), ("patchcord:c1/none", None), ("x' or id != '0", None)):
            trace = Trace(marker=marker, sort=Written.RECORD, since=since, kind=kind, name="Same two", phone=PHONE.e164)
            assert crm.find_by_marker(trace) == expected

    def test_unique_marker_makes_a_repeated_creation_harmless(self, case: ZohoCrmCase) -> None:
        name = case.zoho.seed_field("lead", "patchcord_marker", unique=True)
        crm = case.connect(**{"marker_fields.lead": name})
        first = made(crm.create([draft(LEAD)]))["lead"]
        assert made(crm.create([draft(LEAD)]))["lead"] == first
        assert made(crm.create([draft(CONTACT), draft(LEAD)]))["lead"] == first
        assert len(case.twin.records("lead")) == 1

    # --- tasks (8)

    def test_task_hangs_on_a_lead_alone_or_on_a_contact_with_a_deal(self, case: ZohoCrmCase) -> None:
        refs = world(case).refs
        placed = []
        for kinds in ((LEAD, CONTACT), (CONTACT, DEAL, LEAD), (CONTACT, ORGANIZATION), (ORGANIZATION,), ()):
            case.crm.create_task(task([refs[kind] for kind in kinds]))
            placed.append({kind for kind, _ in case.twin.tasks()[-1]["targets"]})
        assert placed == [{"lead"}, {"contact", "deal"}, {"contact", "organization"}, {"organization"}, set()]

    def test_deadline_stands_in_the_company_s_time(self, case: ZohoCrmCase) -> None:
        at = datetime(2026, 9, 12, 22, 30, tzinfo=UTC)
        case.connect(time_zone="Europe/Kyiv").create_task(task([world(case).refs[LEAD]], due_at=at))
        (row,) = case.rows("Tasks")
        assert row["Due_Date"] == "2026-09-13"
        assert row["Remind_At"] == {"ALARM": "ACTION=POPUP;TRIGGER=DATE-TIME:2026-09-13T01:30:00+03:00"}
        assert "⏰ 2026-09-13 01:30 +0300" in row["Description"]
        assert case.twin.tasks()[0]["due_at"] == "2026-09-12T22:30:00Z"

    def test_reminder_is_left_out_where_it_is_refused(self, case: ZohoCrmCase) -> None:
        case.zoho.set(single_reminders=False)
        ref = world(case).refs[LEAD]
        for _ in range(2):
            case.crm.create_task(task([ref]))
        assert requests(case) == 3
        assert [row.get("Remind_At") for row in case.rows("Tasks")] == [None, None]

    @pytest.mark.parametrize(("reminder", "action"), [("email", "ACTION=EMAIL"), ("none", "")])
    def test_reminder_is_the_company_s_choice(self, case: ZohoCrmCase, reminder: str, action: str) -> None:
        case.connect(reminder=reminder).create_task(task([world(case).refs[LEAD]]))
        assert action in str(case.rows("Tasks")[0].get("Remind_At"))
        assert bool(action) == ("Remind_At" in case.rows("Tasks")[0])

    def test_words_of_task_states_are_the_company_s(self, case: ZohoCrmCase) -> None:
        field = case.zoho.state.fields["Tasks"]["Status"]
        field["pick_list_values"] = [{"display_value": text, "actual_value": text} for text in ("Нова", "Completed", "Зроблено")]
        crm = case.connect(task_open="Нова", task_completed="Зроблено")
        key = crm.create_task(task([world(case).refs[LEAD]]))
        assert case.rows("Tasks")[0]["Status"] == "Нова"
        crm.complete_task(key)
        assert crm.task(key).completed
        case.rows("Tasks")[0]["Status"] = "Completed"
        case.rows("Tasks")[0]["Closed_Time"] = "2026-09-12T10:00:00+03:00"
        assert crm.task(key).completed

    def test_recording_stands_above_the_marker(self, case: ZohoCrmCase) -> None:
        key = case.crm.create_task(done_task([world(case).refs[LEAD]], recording=None, text="T" * 40_000))
        case.crm.add_recording(Written.TASK, key, RECORDING)
        text = case.rows("Tasks")[0]["Description"]
        assert text.splitlines()[-2:] == [RECORDING, "Patchcord patchcord:c1/task"]
        assert len(text) <= 32_000

    # --- calls and notes (9, 10)

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ({}, ("Inbound", "01:14")), ({"talk_seconds": 4_503}, ("Inbound", "75:03")),
            ({"call_type": CallType.OUT}, ("Outbound", "01:14")),
            ({"call_type": CallType.OUT, "outcome": Outcome.NO_ANSWER, "talk_seconds": 0}, ("Outbound", "00:01")),
            ({"outcome": Outcome.MISSED, "talk_seconds": 0}, ("Missed", "00:00")),
            ({"talk_seconds": 0}, ("Inbound", "00:01")),
        ],
    )  # fmt: skip
    def test_call_has_type_and_length(self, case: ZohoCrmCase, words: dict[str, Any], expected: tuple[str, str]) -> None:
        case.crm.log_call(call([world(case).refs[LEAD]], LogKind.CALL, **words))
        (row,) = case.rows("Calls")
        assert (row["Call_Type"], row["Call_Duration"]) == expected
        assert row["Call_Start_Time"] == "2026-09-12T08:13:40+00:00"

    def test_length_can_be_told_in_minutes(self, case: ZohoCrmCase) -> None:
        case.connect(call_duration="HH:mm").log_call(call([world(case).refs[LEAD]], LogKind.CALL, talk_seconds=3_661))
        assert case.rows("Calls")[0]["Call_Duration"] == "01:02"

    def test_late_recording_goes_into_the_description_where_the_field_is_shut(self, case: ZohoCrmCase) -> None:
        case.zoho.set(late_recordings=False)
        key = case.crm.log_call(call([world(case).refs[LEAD]], LogKind.CALL, recording=None))
        for _ in range(2):
            case.crm.add_recording(Written.LOG, key, RECORDING)
        (row,) = case.rows("Calls")
        assert row["Description"].splitlines()[-2:] == [RECORDING, "Patchcord patchcord:c1/log"]
        assert len(case.twin.writes("update")) == 1

    @pytest.mark.parametrize("link", [LONGEST, "file:recording"])
    def test_recording_that_the_field_cannot_hold_stands_in_the_description(self, case: ZohoCrmCase, link: str) -> None:
        ref = world(case).refs[LEAD]
        case.crm.log_call(call([ref], LogKind.CALL, recording=link))
        key = case.crm.log_call(call([ref], LogKind.CALL, recording=None))
        case.crm.add_recording(Written.LOG, key, link)
        assert all(link in row["Description"] and "Voice_Recording__s" not in row for row in case.rows("Calls"))

    def test_log_as_a_note_has_a_title(self, case: ZohoCrmCase) -> None:
        ref = world(case).refs[LEAD]
        case.crm.log_call(call([ref], LogKind.NOTE))
        (row,) = case.rows("Notes")
        assert (row["Note_Title"], row["Parent_Id"], row["$se_module"]) == ("Incoming call", ref.id, "Leads")

    def test_note_to_nobody_is_rejected(self, case: ZohoCrmCase) -> None:
        with pytest.raises(Rejected):
            case.crm.add_note((), "text", "m")

    def test_calls_that_are_switched_off_are_misconfigured(self, case: ZohoCrmCase) -> None:
        case.zoho.set(hidden_modules=frozenset({"Calls"}))
        with pytest.raises(Misconfigured):
            case.crm.log_call(call([world(case).refs[LEAD]], LogKind.CALL))
        assert [(lack.code, "Calls" in lack.what) for lack in case.crm.check()] == [("module", True)]

    # --- sign-in (1)

    def test_grant_without_anything_but_a_refresh_token_is_enough(self, case: ZohoCrmCase) -> None:
        case.store_grant()
        assert case.connect().find(PHONE, PLAIN) == ()
        assert json.loads(case.stored.get(PROJECT, "grant") or "")["api_domain"] == case.url
        assert case.twin.count("POST", "/oauth/v2/token") == 1

    def test_address_of_the_api_can_be_set(self, case: ZohoCrmCase) -> None:
        case.store_grant(api_domain="http://127.0.0.1:9")
        assert case.connect(api_domain=case.url).find(PHONE, PLAIN) == ()

    def test_many_threads_refresh_once(self, case: ZohoCrmCase) -> None:
        crms, errors = [case.open_with_oauth(), *(case.connect() for _ in range(9))], list[CrmError]()
        case.expire_tokens()

        def look(crm: ZohoCrm) -> None:
            try:
                crm.find(PHONE, PLAIN)
            except CrmError as error:
                errors.append(error)

        threads = [threading.Thread(target=look, args=(crm,)) for crm in crms]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert case.twin.count("POST", "/oauth/v2/token") == 1

    def test_too_many_refreshes_are_waited_out(self, case: ZohoCrmCase) -> None:
        case.zoho.set(tokens_per_window=0)
        case.twin.reset()
        case.store_grant()
        with pytest.raises(Transient) as caught:
            case.connect().find(PHONE, PLAIN)
        assert (caught.value.retry_after or timedelta()) >= timedelta(minutes=5)

    def test_revoked_grant_is_unauthorised_and_kept(self, case: ZohoCrmCase) -> None:
        case.zoho.revoke_grants()
        with pytest.raises(Unauthorised):
            case.crm.find(PHONE, PLAIN)
        assert case.stored.get(PROJECT, "grant")

    def test_errors_inside_data_mean_the_same(self, case: ZohoCrmCase) -> None:
        case.zoho.set(wrapped_errors=True)
        case.expire_tokens()
        assert case.crm.find(PHONE, PLAIN) == ()
        case.misbehave(Fault("missing_right"), Fault("status", status=429))
        with pytest.raises(Misconfigured):
            case.crm.find(PHONE, PLAIN)
        with pytest.raises(Transient):
            case.crm.find(PHONE, PLAIN)

    # --- check (1, 2, 6, 11)

    @pytest.mark.parametrize(
        "scope", ["ZohoSearch.securesearch.READ", "ZohoCRM.coql.READ", "ZohoCRM.composite_requests.CUSTOM", "ZohoCRM.users.READ"]
    )
    def test_check_tells_a_missing_scope(self, case: ZohoCrmCase, scope: str) -> None:
        scopes = tuple(one for one in case.zoho.account.scopes if one != scope)
        token = case.zoho.token(scopes)
        case.store_grant(access_token=token.access, scope=" ".join(scopes), api_domain=case.url)
        lacks = case.connect().check()
        assert {lack.code for lack in lacks} == {"right", "scope"}
        assert scope in " ".join(lack.what for lack in lacks)

    def test_check_tells_modules_without_a_scope(self, case: ZohoCrmCase) -> None:
        modules = [f"ZohoCRM.modules.{name}.{right}" for name in ("leads", "contacts", "accounts", "deals", "tasks", "notes")
                   for right in ("READ", "CREATE", "UPDATE")]  # fmt: skip
        scopes = (*(one for one in case.zoho.account.scopes if "modules.ALL" not in one), *modules)
        case.store_grant(access_token=case.zoho.token(scopes).access, scope=",".join(scopes), api_domain=case.url)
        (lack,) = case.connect().check()
        assert (lack.code, "ZohoCRM.modules.calls.ALL" in lack.what) == ("scope", True)

    def test_check_tells_missing_fields(self, case: ZohoCrmCase) -> None:
        settings = {"marker_fields.deal": "Key", "lead_lookups.contact": "Nobody", "defaults.account.Branch": "x"}
        lacks = case.connect(lead_search="no", composite="never", **settings).check()
        assert {lack.code for lack in lacks} == {"setting", "marker_field", "lookup_field", "default_field"}

    def test_check_tells_closing_stages_that_the_settings_do_not_know(self, case: ZohoCrmCase) -> None:
        case.zoho.seed_pipeline("Repairs", (("New", "Open"), ("Paid", "Closed Won"), ("Refused", "Closed Lost")))
        assert [lack.code for lack in case.crm.check()] == ["closed_stage", "closed_stage"]
        stages = "Closed Won,Closed Lost,Closed-Lost to Competition,Paid,Refused"
        assert case.connect(closed_stages=stages).check() == ()

    def test_check_tells_a_plan_without_room_for_composites(self, case: ZohoCrmCase) -> None:
        case.zoho.set(edition="free")
        assert [lack.code for lack in case.crm.check()] == ["plan"]
        assert case.connect(composite="never").check() == ()

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"accounts_url": ""}, "accounts_url"), ({"composite": "sometimes"}, "composite"), ({"reminder": "sms"}, "reminder"),
            ({"marker_fields.ticket": "Key"}, "ticket"), ({"marker_fields.lead": "a' or"}, "API name"),
            ({"lead_lookups.deal": "Deal"}, "lead_lookups"), ({"phone_fields.lead": " ,"}, "phone_fields.lead"),
            ({"time_zone": "Mars/Base"}, "time_zone"), ({"closing_days": "soon"}, "closing_days"),
            ({"converted_field": "x y"}, "converted_field"), ({"defaults.lead.a b": "x"}, "API name"),
        ],
    )  # fmt: skip
    def test_wrong_settings_are_misconfigured(self, case: ZohoCrmCase, settings: dict[str, str], words: str) -> None:
        with pytest.raises(Misconfigured, match=re.escape(words)):
            case.connect(**settings)

    @pytest.mark.parametrize("name", ["client_id", "client_secret"])
    def test_missing_secrets_are_misconfigured(self, case: ZohoCrmCase, name: str) -> None:
        case.stored.put(PROJECT, name, "")
        with pytest.raises(Misconfigured, match=name):
            case.connect()

    def test_links(self, case: ZohoCrmCase) -> None:
        crm = case.connect(accounts_url="https://accounts.zoho.eu", org="20088123456")
        assert crm.link(Ref(DEAL, "6")) == "https://crm.zoho.eu/crm/org20088123456/tab/Potentials/6"
        assert (
            case.connect(web_url="https://crm.acme.example/").link(Ref(ORGANIZATION, "6"))
            == "https://crm.acme.example/crm/tab/Accounts/6"
        )

    def test_record_that_vanished_is_gone(self, case: ZohoCrmCase) -> None:
        with pytest.raises(Gone):
            case.crm.add_recording(Written.LOG, "5725767000000000999", RECORDING)

    def test_old_lists_end_where_the_intent_was(self, case: ZohoCrmCase) -> None:
        at = datetime.now(UTC) - timedelta(days=1)
        for number in range(150):
            seed(case, LEAD, name=f"Old {number}", updated=at)
        trace = Trace(marker="m", sort=Written.RECORD, since=a_moment_ago(), kind=LEAD, name="Old 1")
        assert case.crm.find_by_marker(trace) is None
        assert requests(case) == 1

    def test_traffic_of_a_day_is_documented(self, case: ZohoCrmCase, traffic: Path) -> None:
        refs = made(case.crm.create([*new_client(case), draft(DEAL, links=("contact",))]))
        case.crm.create_task(task(list(refs.values())))
        case.crm.log_call(call([refs["lead"]], LogKind.CALL))
        case.crm.add_note((refs["lead"],), "text", "m")
        case.crm.check()
        assert violations(traffic) == []


# --- what is told about it


def test_profile_and_declaration_agree() -> None:
    assert {kind.value for kind in DECLARATION.phone_kinds} == set(profile("zoho_crm")["vendor"]["phone_kinds"])


def test_page_names_all_options_scopes_and_assumptions() -> None:
    page = (Path(__file__).parents[2] / "docs/vendors/zoho_crm.md").read_text("utf-8")
    simple = (*TEXTS, *CHOICES, "accounts_url", "time_zone", "closing_days", "lead_source", "lead_search", "converted_field",
              "org", "web_url", "api_domain", "dead_lead_statuses", "closed_stages")  # fmt: skip
    nested = (*(f"phone_fields.{word}" for word in PHONE_FIELDS), "lead_lookups.contact", "lead_lookups.account",
              "marker_fields.<kind>", "defaults.<kind>.<field>")  # fmt: skip
    assert [name for name in (*simple, *nested, *SCOPES) if f"`{name}`" not in page] == []
    listed = page.split("## What is assumed", 1)[1]
    told = [" ".join(item.split()) for item in re.findall(r"^- (.*?)(?=^- |\Z)", listed, flags=re.M | re.S)]
    assert told == [re.sub(r" \([\d., ]+\)", "", item) for item in DECLARATION.assumed]


def test_examples_of_the_page_are_valid() -> None:
    root = Path(__file__).parents[2] / "docs"
    complete, *_ = examples(root / "settings.md")
    for example in examples(root / "vendors/zoho_crm.md"):
        assert check(effective({**complete, **example})) == ()


def examples(page: Path) -> list[dict[str, Any]]:
    return [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", page.read_text("utf-8"), flags=re.M | re.S)]


# --- pure parts


def test_unknown_shapes_are_transient_or_empty() -> None:
    assert reading.rows_of(None) == ()
    assert reading.listed(Answer(204), "x") == ()
    assert reading.listed(Answer(200, json={"data": []}), "x") == ()
    bodies: tuple[Any, ...] = (None, [], {}, {"data": None}, {"__composite_requests": []})
    for body in bodies:
        with pytest.raises(Transient):
            reading.listed(Answer(200, json=body), "x")
        with pytest.raises(Transient):
            reading.part_answers(Answer(200, json=body), 1, "x")
    assert reading.read_time("2026-09-12T11:15:00+03:00") == datetime(2026, 9, 12, 8, 15, tzinfo=UTC)
    assert reading.read_time("soon") is None


def test_part_that_stopped_a_composite_is_told_from_those_it_took_along() -> None:
    back = {"code": "ROLLBACK_PERFORMED", "status": "error", "message": "", "details": {}}
    stopped = {**back, "code": "PROCESSING_STOPPED"}
    own = {"code": "MANDATORY_NOT_FOUND", "status": "error", "message": "required", "details": {"api_name": "Company"}}
    answers = reading.part_answers(Answer(400, json={"__composite_requests": [back, own, stopped]}), 3, "x")
    assert reading.failed_part(answers, [True, True, True]) == 1
    assert "Company" in ZohoDialect().words(answers[1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("O'Neil", "'O\\'Neil'"), ("a\\", "'a\\\\'"), ("\\' or 1", "'\\\\\\' or 1'"), ("😀", "'😀'")],
)
def test_texts_are_quoted(text: str, expected: str) -> None:
    assert queries.quoted(text) == expected


def test_conditions_are_bracketed_in_pairs() -> None:
    assert queries.either(["a", "b", "c"]) == "((a or b) or c)"
    assert queries.holds(("Phone",), PHONE).count("like") == len(queries.tails(PHONE))
    assert queries.holds(("A", "B", "C", "D"), PHONE).count("like") <= queries.MOST_CONDITIONS


@pytest.mark.parametrize(
    ("value", "expected_type", "expected"),
    [
        ("12", "integer", 12), ("12,5", "double", 12.5), ("1 000", "bigint", 1000), ("many", "double", "many"),
        ("yes", "boolean", True), ("no", "boolean", False), ("a; b,c", "jsonarray", ["a", "b", "c"]), ("12", "text", "12"),
    ],
)  # fmt: skip
def test_texts_become_what_their_field_takes(value: str, expected_type: str, expected: object) -> None:
    assert writing.typed(value, expected_type) == expected


def test_cutting_never_leaves_half_a_character() -> None:
    assert writing.cut("😀😀", 3) == "😀"
    assert writing.cut("Ж" * 5, 3) == "ЖЖЖ"


@pytest.mark.parametrize(
    ("status", "code", "details", "expected"),
    [
        (401, "OAUTH_SCOPE_MISMATCH", {}, 403), (404, "INVALID_URL_PATTERN", {}, 403), (400, "INVALID_MODULE", {}, 403),
        (400, "INVALID_DATA", {"api_name": "id"}, 404), (400, "INVALID_DATA", {"api_name": "Owner"}, 400),
        (200, "INVALID_TOKEN", {}, 401), (207, "DUPLICATE_DATA", {}, 400), (500, "INTERNAL_ERROR", {}, 500),
    ],
)  # fmt: skip
def test_codes_have_a_meaning_wherever_they_stand(status: int, code: str, details: dict[str, str], expected: int) -> None:
    error = {"code": code, "details": details, "message": "the id given seems to be invalid", "status": "error"}
    bodies: tuple[dict[str, Any], ...] = (error, {"data": [error]})
    for body in bodies:
        assert ZohoDialect().status(Answer(status, json=body)) == expected


def test_envelopes_are_opened_by_the_adapter() -> None:
    refused = {"data": [{"code": "DUPLICATE_DATA", "details": {}, "message": "", "status": "error"}]}
    assert EnvelopeDialect().status(Answer(400, json=refused)) == 200
    assert EnvelopeDialect().status(Answer(400, json={"__composite_requests": []})) == 200
    assert EnvelopeDialect().status(Answer(400, json={"code": "INVALID_DATA", "status": "error"})) == 400


@pytest.mark.parametrize(("error", "status"), [("Access Denied", 429), ("access_denied", 429), ("invalid_code", 200)])
def test_refusals_of_the_accounts_host(error: str, status: int) -> None:
    answer = read_answer(200, {"content-type": "application/json"}, json.dumps({"error": error}).encode())
    assert TokenDialect().status(answer) == status
