"""HubSpot against its twin: the contract with and without leads, and what only HubSpot has (crm_hubspot.md)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, cast

import pytest

from patchcord.crm.connect import open_crm
from patchcord.crm.errors import CrmError, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.http import Http, error_of
from patchcord.crm.hubspot import HubSpot, lookup, reading, writing
from patchcord.crm.hubspot.declaration import DECLARATION, SCOPES, HubSpotDialect
from patchcord.crm.port import Change, Crm, Search, Trace, Written
from patchcord.model.effects import LogKind, TaskKind
from patchcord.model.events import CallType, Outcome
from patchcord.model.records import RecordKind, Ref
from patchcord.store.memory import MemorySecrets, MemoryStore
from patchcord.wire import read_answer
from sandbox.twins.base import Fault, serve
from sandbox.twins.hubspot import Account, HubSpotTwin
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
    world,
)

PROJECT = "acme"


class HubSpotCase(Case):
    vendor: ClassVar[str] = "hubspot"
    paths: ClassVar[Mapping[str, str]] = {
        "look_up": "/contacts/search", "contact": "/contacts$", "organization": "/companies$", "lead": "/leads$",
        "deal": "/deals$", "task": "/tasks$", "log": "/calls$", "note": "/notes$",
    }  # fmt: skip

    def __init__(self, twin: HubSpotTwin, url: str, **settings: str) -> None:
        self.hubspot = twin
        self.settings = settings
        self.stored = MemorySecrets()
        self.store = MemoryStore()
        self.opened: list[Crm] = []
        super().__init__(twin, url)
        self.secrets = (twin.account.access_token,)

    def connect(self, **settings: str) -> HubSpot:
        options = {**self.twin.connection(self.url).options, **self.settings, **settings}
        crm = open_crm("hubspot", options, self.stored, self.store, PROJECT)
        self.opened.append(crm)
        return cast(HubSpot, crm)

    def open(self) -> Crm:
        self.stored.put(PROJECT, "access_token", self.hubspot.account.access_token)
        return self.connect()

    def open_with_wrong_credentials(self) -> Crm:
        self.stored.put(PROJECT, "access_token", "wrong")
        return self.connect()

    def open_with_oauth(self) -> HubSpot:
        grant = self.hubspot.grant()
        facts = {"access_token": grant.access, "refresh_token": grant.refresh, "expires_at": grant.expires.isoformat()}
        self.stored.put(PROJECT, "grant", json.dumps({**facts, "scopes": list(grant.scopes)}))
        self.stored.put(PROJECT, "client_id", self.hubspot.account.client_id)
        self.stored.put(PROJECT, "client_secret", self.hubspot.account.client_secret)
        self.secrets += (grant.access, grant.refresh, self.hubspot.account.client_secret)
        return self.connect(auth="oauth")

    def expire_tokens(self) -> None:
        self.hubspot.expire_access_tokens()

    def http(self, crm: Crm) -> Http:
        return cast(HubSpot, crm).http

    def close(self) -> None:
        for crm in self.opened:
            cast(HubSpot, crm).close()


def running(account: Account, **settings: str) -> Iterator[HubSpotCase]:
    """A case with a twin of such an account."""
    twin = HubSpotTwin(account=account)
    twin.marker_in_text = re.compile(r"^Patchcord (\S+)$", re.M)
    with serve(twin) as served:
        case = HubSpotCase(twin, served.url, **settings)
        yield case
        case.close()


class HubSpotContract(CrmContract):
    """What differs for every HubSpot."""

    def second_stage(self, case: Case) -> tuple[str, str]:
        assert isinstance(case, HubSpotCase)
        pipeline, stages = case.hubspot.seed_pipeline("deal", "Repairs", ("New", "In work"))
        return pipeline, stages[-1]

    def test_users_are_listed(self, case: Case) -> None:
        """HubSpot's owners do not tell who is an administrator (13); all else of the contract holds."""
        here = case.twin.seed_user(name="Анна 😀", email="anna@example.com")
        left = case.twin.seed_user(name="Left", email="left@example.com", active=False)
        boss = case.twin.seed_user(name="Boss", email="boss@example.com", admin=True)
        users = {user.id: user for user in case.crm.users()}
        assert (users[here].name, users[here].email, users[here].active) == ("Анна 😀", "anna@example.com", True)
        assert not users[left].active
        assert users[boss].active
        assert not any(user.admin for user in users.values())


class TestHubSpot(HubSpotContract):
    """An account with leads and a property for our marker."""

    @pytest.fixture
    def case(self, traffic: Path) -> Iterator[HubSpotCase]:
        yield from running(Account())

    # --- look-up (6, 7)

    def test_searches_run_at_the_same_time(self, case: HubSpotCase) -> None:
        world(case)
        case.misbehave(Fault("late", seconds=0.3, times=None))
        started = time.monotonic()
        case.crm.find(PHONE, PLAIN)
        assert requests(case) == 4
        assert time.monotonic() - started < 1.0

    def test_company_is_found_by_its_own_number_with_its_records(self, case: HubSpotCase) -> None:
        owner = case.twin.seed_user(name="Anna")
        firm = seed(case, ORGANIZATION, phone=PHONE.e164, name="Acme", owner=owner)
        deal = case.twin.seed_deal(name="Order", organization=firm)
        (organization,) = found(case, ORGANIZATION)
        assert (organization.id, organization.name, organization.owner) == (firm, "Acme", owner)
        (one,) = found(case, DEAL)
        assert (one.id, one.contact, one.organization) == (deal, None, firm)

    def test_contact_and_company_with_the_number_are_both_found(self, case: HubSpotCase) -> None:
        contact = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        firm = seed(case, ORGANIZATION, phone=PHONE.e164, name="Acme")
        theirs, hers = case.twin.seed_deal(organization=firm), case.twin.seed_deal(contact=contact)
        assert {one.id: one.contact for one in found(case, DEAL)} == {theirs: None, hers: contact}

    def test_each_record_tells_its_own_contact(self, case: HubSpotCase) -> None:
        contacts = [seed(case, CONTACT, phone=PHONE.e164, name=name) for name in ("Olena", "Petro")]
        deals = {seed(case, DEAL, name="Order", contact=contact): contact for contact in contacts}
        leads = {seed(case, LEAD, name="Question", contact=contact): contact for contact in contacts}
        records = case.crm.find(PHONE, PLAIN)
        assert {one.id: one.contact for one in records if one.kind in (DEAL, LEAD)} == deals | leads
        assert case.twin.count("POST", "/associations/") == 2

    def test_mobile_numbers_are_found(self, case: HubSpotCase) -> None:
        key = seed(case, CONTACT, name="Olena", phone=OTHER.e164)
        case.hubspot.state.things["contacts"][key].properties["mobilephone"] = "067 123-45-67"
        case.hubspot.state.touch(case.hubspot.state.things["contacts"][key], known_at_once=True)
        assert [one.id for one in found(case, CONTACT)] == [key]

    def test_companies_without_the_computed_number_are_searched_without_it(self, case: HubSpotCase) -> None:
        del case.hubspot.state.properties["companies"]["hs_searchable_calculated_phone_number"]
        firm = seed(case, ORGANIZATION, phone="067 123 45 67", name="Acme")
        for _ in range(2):
            assert [one.id for one in found(case, ORGANIZATION)] == [firm]
        assert case.twin.count("POST", "/companies/search") == 3

    def test_free_text_finds_what_the_filters_do_not(self, case: HubSpotCase) -> None:
        del case.hubspot.state.properties["companies"]["hs_searchable_calculated_phone_number"]
        firm = seed(case, ORGANIZATION, phone="(067)1234567", name="Acme")
        assert [one.id for one in found(case, ORGANIZATION)] == [firm]

    def test_custom_stages_can_close_leads(self, case: HubSpotCase) -> None:
        _, stages = case.hubspot.seed_pipeline("lead", "Partners", ("New", "Done"))
        known = world(case)
        thing = case.hubspot.state.things["leads"][known.refs[LEAD].id]
        thing.properties["hs_pipeline_stage"] = stages[1]
        assert found(case, LEAD)[0].open
        crm = case.connect(lead_closed_stages=f"{stages[1]}, unqualified-stage-id")
        assert [one.open for one in crm.find(PHONE, PLAIN) if one.kind is LEAD] == [False]

    @pytest.mark.parametrize("status", [403, 404])
    def test_leads_that_the_plan_lost_are_misconfigured(self, case: HubSpotCase, status: int) -> None:
        world(case)
        case.hubspot.set(leads=False, no_leads_status=status)
        with pytest.raises(Misconfigured, match="leads"):
            case.crm.find(PHONE, PLAIN)

    def test_fifty_contacts_fit_into_a_search(self, case: HubSpotCase) -> None:
        for number in range(60):
            seed(case, CONTACT, phone=PHONE.e164, name=f"Contact {number}")
        seed(case, ORGANIZATION, phone=PHONE.e164, name="Acme")
        assert len(found(case, CONTACT)) == 60

    def test_new_records_hide_from_search(self, case: HubSpotCase) -> None:
        case.twin.search_lag = timedelta(hours=1)
        made(case.crm.create(new_client(case)))
        assert case.crm.find(PHONE, PLAIN) == ()

    # --- creation (4, 8)

    def test_person_s_name_is_split_and_a_number_is_not(self, case: HubSpotCase) -> None:
        refs = made(case.crm.create([draft(CONTACT, "a", name="Olena Koval"), draft(CONTACT, "b", name="+380 67 123")]))
        stored = [case.hubspot.state.things["contacts"][refs[key].id].properties for key in ("a", "b")]
        assert [(row.get("firstname"), row.get("lastname")) for row in stored] == [("Olena", "Koval"), ("+380 67 123", None)]

    def test_new_name_replaces_both_parts(self, case: HubSpotCase) -> None:
        ref = Ref(CONTACT, seed(case, CONTACT, name="Olena Koval"))
        case.crm.update(ref, Change(name="Petro"))
        assert record(case, ref)["name"] == "Petro"

    def test_contact_with_a_known_address_is_taken_over(self, case: HubSpotCase) -> None:
        known = made(case.crm.create([draft(CONTACT, "old", name="Olena", email="olena@example.com", phone=OTHER.e164)]))["old"]
        firm = draft(ORGANIZATION)
        again = draft(CONTACT, "new", name="O.", email="olena@example.com", links=("organization",))
        refs = made(case.crm.create([firm, again]))
        assert refs["new"] == known
        stored = case.hubspot.state.things["contacts"][known.id].properties
        assert (stored["phone"], stored["mobilephone"], stored["firstname"]) == (OTHER.e164, PHONE.e164, "Olena")
        assert record(case, known)["organization"] == refs["organization"].id

    def test_known_address_with_the_number_is_left_alone(self, case: HubSpotCase) -> None:
        one = draft(CONTACT, "old", email="olena@example.com")
        known = made(case.crm.create([one]))["old"]
        assert made(case.crm.create([draft(CONTACT, "new", email="olena@example.com")]))["new"] == known
        assert case.twin.writes("update") == []

    @pytest.mark.parametrize("status", [400, 409])
    def test_creation_that_is_repeated_makes_nothing_new(self, case: HubSpotCase, status: int) -> None:
        case.hubspot.set(unique_conflict_status=status)
        first, second = (made(case.crm.create([draft(CONTACT)])) for _ in range(2))
        assert first == second
        target = [first["contact"]]
        assert len({case.crm.create_task(task(target)) for _ in range(2)}) == 1
        assert len(case.twin.writes("create")) == len(case.twin.writes("task")) == 1

    def test_account_without_the_marker_property_still_works(self, case: HubSpotCase) -> None:
        for known in case.hubspot.state.properties.values():
            del known["patchcord_marker"]
        since = a_moment_ago()
        refs = made(case.crm.create(new_client(case)))
        for number in range(2):
            case.crm.create_task(task([refs["contact"]], marker=f"c1/task{number}"))
        assert [row["marker"] for row in case.twin.tasks()] == ["c1/task0", "c1/task1"]
        assert case.twin.count("POST", "/tasks$") == 3
        trace = Trace(marker="c1/task1", sort=Written.TASK, since=since, targets=(refs["contact"],))
        assert case.crm.find_by_marker(trace) == case.twin.tasks()[1]["id"]

    def test_marker_beats_name_and_number(self, case: HubSpotCase) -> None:
        since = a_moment_ago()
        ours = made(case.crm.create([draft(CONTACT, "ours", name="Same")]))["ours"]
        made(case.crm.create([draft(CONTACT, "theirs", name="Same")]))
        trace = Trace(marker="patchcord:c1/ours", sort=Written.RECORD, since=since, kind=CONTACT, name="Same", phone=PHONE.e164)
        assert case.crm.find_by_marker(trace) == ours.id

    def test_lost_write_is_found_while_search_lags(self, case: HubSpotCase) -> None:
        case.twin.search_lag = timedelta(hours=1)
        ref = made(case.crm.create([draft(CONTACT)]))["contact"]
        trace = Trace(marker="patchcord:c1/contact", sort=Written.RECORD, since=a_moment_ago(), kind=CONTACT)
        assert case.crm.find_by_marker(trace) == ref.id

    def test_lead_without_a_contact_is_refused_before_it_is_sent(self, case: HubSpotCase) -> None:
        created = case.crm.create([draft(LEAD)])
        assert isinstance(created.error, Rejected)
        assert requests(case) == 0

    @pytest.mark.parametrize("kind", [DEAL, LEAD])
    def test_pipeline_alone_takes_its_first_stage(self, case: HubSpotCase, kind: RecordKind) -> None:
        pipeline, stages = case.hubspot.seed_pipeline(kind.value, "Repairs", ("New", "In work"))
        refs = made(case.crm.create([draft(CONTACT), draft(kind, "it", links=("contact",), pipeline=pipeline)]))
        row = record(case, refs["it"])
        assert (row["pipeline"], row["stage"]) == (pipeline, stages[0])

    def test_unknown_pipeline_is_rejected(self, case: HubSpotCase) -> None:
        contact = Ref(CONTACT, seed(case, CONTACT, name="Olena"))
        created = case.crm.create([draft(DEAL, links=(contact,), pipeline="nowhere")])
        assert isinstance(created.error, Rejected)

    def test_new_deals_go_where_the_settings_say(self, case: HubSpotCase) -> None:
        pipeline, stages = case.hubspot.seed_pipeline("deal", "Repairs", ("New", "In work"))
        crm = case.connect(deal_pipeline=pipeline, deal_stage=stages[1])
        refs = made(crm.create([draft(CONTACT), draft(DEAL, links=("contact",))]))
        assert (record(case, refs["deal"])["pipeline"], record(case, refs["deal"])["stage"]) == (pipeline, stages[1])
        assert requests(case) == 2

    def test_lists_of_properties_are_read_once_and_only_when_refused(self, case: HubSpotCase) -> None:
        colour = case.twin.seed_field("contact", "Colour", "option", ("Dark red", "Blue"))
        for name in ("one", "two"):
            made(case.crm.create([draft(CONTACT, name, name=name, fields={colour: "Dark red"})]))
        assert case.twin.count("GET", "/properties/") == 1
        assert case.twin.count("POST", "/contacts$") == 3

    # --- tasks and calls (10)

    @pytest.mark.parametrize(("kind", "shown"), [(TaskKind.CALLBACK, "CALL"), (TaskKind.REVIEW_CALL, "TODO")])
    def test_callbacks_are_tasks_to_call(self, case: HubSpotCase, kind: TaskKind, shown: str) -> None:
        key = case.crm.create_task(task([world(case).refs[CONTACT]], kind=kind))
        assert case.hubspot.state.things["tasks"][key].properties["hs_task_type"] == shown

    def test_call_says_who_talked_how_long_and_which_way(self, case: HubSpotCase) -> None:
        known, boris = world(case), case.twin.seed_user(name="Boris")
        targets = list(known.refs.values())
        case.crm.log_call(call(targets, LogKind.CALL, author=boris, assignee=known.owner))
        case.crm.log_call(
            call(targets, LogKind.CALL, marker="2", call_type=CallType.OUT, outcome=Outcome.NO_ANSWER, talk_seconds=0)
        )
        came, went = (write.fields for write in case.twin.writes("log", "call"))
        assert (came["author"], came["talk_seconds"], came["started_at"]) == (boris, 74, "2026-09-12T08:13:40Z")
        assert (came["direction"], came["outcome"], came["from"], came["to"]) == (
            "INBOUND", "COMPLETED", PHONE.e164, "+380442220000",
        )  # fmt: skip
        assert (went["direction"], went["outcome"], went["to"], went["author"]) == ("OUTBOUND", "NO_ANSWER", PHONE.e164, None)
        assert {kind for kind, _ in came["targets"]} == {"contact", "organization", "lead", "deal"}

    @pytest.mark.parametrize("link", ["https://rec.example/listen?id=7", "http://rec.example/7.mp3"])
    def test_recording_that_the_call_refuses_stands_in_its_text(self, case: HubSpotCase, link: str) -> None:
        case.hubspot.set(recording_needs_ending=True)
        target = [world(case).refs[CONTACT]]
        case.crm.log_call(call(target, LogKind.CALL, recording=link))
        later = case.crm.log_call(call(target, LogKind.CALL, marker="later", recording=None))
        for _ in range(2):
            case.crm.add_recording(Written.LOG, later, link)
        for thing in case.hubspot.state.things["calls"].values():
            assert link in (thing.properties["hs_call_body"] or "")
            assert "hs_call_recording_url" not in thing.properties
        assert len(case.twin.writes("update")) == 1

    def test_second_recording_is_added_to_the_text(self, case: HubSpotCase) -> None:
        key = case.crm.log_call(call([world(case).refs[CONTACT]], LogKind.CALL))
        case.crm.add_recording(Written.LOG, key, "https://rec.example/2.mp3")
        stored = case.hubspot.state.things["calls"][key].properties
        assert stored["hs_call_recording_url"] == RECORDING
        assert "https://rec.example/2.mp3" in (stored["hs_call_body"] or "")

    def test_note_takes_a_recording(self, case: HubSpotCase) -> None:
        key = case.crm.add_note((world(case).refs[CONTACT],), "text", "c1/note")
        case.crm.add_recording(Written.NOTE, key, RECORDING)
        assert case.twin.writes("update", "note")[0].fields["recording"] == RECORDING

    # --- limits and sign-in (2, 3)

    def test_search_limit_is_waited_out_for_a_second(self, case: HubSpotCase) -> None:
        case.hubspot.set(enforce_rates=True)
        with pytest.raises(Transient) as caught:
            for _ in range(3):
                case.crm.find(PHONE, PLAIN)
        assert caught.value.cool_down
        assert timedelta(seconds=1) <= (caught.value.retry_after or timedelta()) < timedelta(seconds=2)

    def test_spent_day_is_tried_again_hourly(self, case: HubSpotCase) -> None:
        case.hubspot.set(daily_budget=0)
        with pytest.raises(Transient) as caught:
            case.crm.users()
        assert caught.value.retry_after == timedelta(hours=1)

    def test_account_that_moves_is_waited_for(self, case: HubSpotCase) -> None:
        case.misbehave(Fault("status", status=477))
        with pytest.raises(Transient) as caught:
            case.crm.users()
        assert (caught.value.cool_down, caught.value.retry_after) == (True, timedelta(hours=1))

    def test_locked_record_is_tried_again(self, case: HubSpotCase) -> None:
        known = world(case)
        case.misbehave(Fault("status", method="PATCH", status=423))
        with pytest.raises(Transient) as caught:
            case.crm.update(known.refs[CONTACT], Change(name="x"))
        assert (caught.value.cool_down, caught.value.retry_after) == (False, timedelta(seconds=2))

    @pytest.mark.parametrize("rotate", [True, False])
    def test_many_threads_refresh_an_expired_token_once(self, case: HubSpotCase, rotate: bool) -> None:
        case.hubspot.set(rotate_refresh=rotate)
        crms, errors = [case.open_with_oauth()], list[CrmError]()
        crms += [case.connect(auth="oauth") for _ in range(7)]
        case.expire_tokens()

        def look(crm: HubSpot) -> None:
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
        assert case.twin.count("POST", "/token$") == 1

    def test_token_is_renewed_by_time_before_it_ends(self, case: HubSpotCase) -> None:
        crm = case.open_with_oauth()
        facts = json.loads(case.stored.get(PROJECT, "grant") or "{}")
        soon = {**facts, "expires_at": (datetime.now(UTC) + timedelta(minutes=5)).isoformat()}
        case.stored.put(PROJECT, "grant", json.dumps(soon))
        crm.users()
        assert case.twin.count("POST", "/token$") == 1
        assert all(seen.status == 200 for seen in case.twin.requests)

    def test_removed_app_is_unauthorised(self, case: HubSpotCase) -> None:
        crm = case.open_with_oauth()
        case.hubspot.revoke_grants()
        with pytest.raises(Unauthorised):
            crm.find(PHONE, PLAIN)
        assert case.stored.get(PROJECT, "grant")

    def test_rotated_key_is_taken_up(self, case: HubSpotCase) -> None:
        case.hubspot.replace_access_token("another-service-key")
        case.stored.put(PROJECT, "access_token", "another-service-key")
        assert case.crm.find(PHONE, PLAIN) == ()

    # --- the account (2.3, 7, 12, 13, 15, 16)

    def test_pages_of_owners_are_read(self, case: HubSpotCase) -> None:
        for number in range(130):
            case.twin.seed_user(name=f"Owner {number}", active=number % 2 == 0)
        assert len(case.crm.users()) == 131

    def test_computed_properties_are_no_fields(self, case: HubSpotCase) -> None:
        names = {field.id for field in case.crm.fields(CONTACT)}
        assert {"firstname", "phone"} <= names
        assert not {"hs_object_id", "associatedcompanyid", "hs_searchable_calculated_phone_number"} & names

    def test_check_tells_a_missing_scope_of_the_app(self, case: HubSpotCase) -> None:
        case.hubspot.set(scopes=tuple(one for one in case.hubspot.account.scopes if one != "crm.objects.deals.write"))
        (lack,) = case.open_with_oauth().check()
        assert (lack.code, "crm.objects.deals.write" in lack.what) == ("scope", True)

    def test_check_tells_a_missing_scope_of_the_key(self, case: HubSpotCase) -> None:
        case.hubspot.set(scopes=tuple(one for one in case.hubspot.account.scopes if "companies" not in one))
        (lack,) = case.crm.check()
        assert (lack.code, "companies" in lack.what) == ("scope", True)

    def test_check_tells_a_missing_marker_property(self, case: HubSpotCase) -> None:
        del case.hubspot.state.properties["calls"]["patchcord_marker"]
        case.hubspot.state.properties["deals"]["patchcord_marker"]["hasUniqueValue"] = False
        lacks = case.crm.check()
        assert [lack.code for lack in lacks] == ["marker_field", "marker_field"]
        assert [name in lack.what for lack, name in zip(lacks, ("deals", "calls"), strict=True)] == [True, True]

    def test_check_tells_a_pipeline_that_is_not_there(self, case: HubSpotCase) -> None:
        assert [lack.code for lack in case.connect(deal_stage="gone").check()] == ["pipeline"]

    @pytest.mark.parametrize(("status", "code"), [(403, "scope"), (404, "leads")])
    def test_check_tells_that_the_account_has_no_leads(self, case: HubSpotCase, status: int, code: str) -> None:
        crm = case.connect(leads="yes")
        case.hubspot.set(leads=False, no_leads_status=status)
        (lack,) = crm.check()
        assert (lack.code, "leads" in lack.what, "leads to no" in lack.remedy) == (code, True, True)

    def test_check_finds_leads_that_are_not_used(self, case: HubSpotCase) -> None:
        assert [lack.code for lack in case.connect(leads="no").check()] == ["leads"]

    def test_wrong_address_is_told(self, case: HubSpotCase) -> None:
        (lack,) = case.connect(base_url=f"{case.url}/elsewhere").check()
        assert lack.code == "address"

    def test_links_need_no_request_when_the_account_is_named(self, case: HubSpotCase) -> None:
        types = {CONTACT: "0-1", ORGANIZATION: "0-2", LEAD: "0-136", DEAL: "0-3"}
        for kind, type_id in types.items():
            assert case.crm.link(Ref(kind, "6")) == f"https://app.hubspot.com/contacts/1234567/record/{type_id}/6"
        assert requests(case) == 0

    def test_account_is_asked_for_once(self, case: HubSpotCase) -> None:
        case.hubspot.set(ui_domain="app-eu1.hubspot.com")
        crm = case.connect(hub_id="")
        links = {crm.link(Ref(DEAL, key)) for key in ("6", "7")}
        assert links == {f"https://app-eu1.hubspot.com/contacts/1234567/record/0-3/{key}" for key in ("6", "7")}
        assert requests(case) == 1

    @pytest.mark.parametrize(
        ("settings", "words"),
        [({"auth": "magic"}, "auth"), ({"auth": "oauth"}, "client_id"), ({"marker_property": "1 x"}, "marker_property")],
    )
    def test_incomplete_settings_are_misconfigured(self, case: HubSpotCase, settings: dict[str, str], words: str) -> None:
        with pytest.raises(Misconfigured, match=words):
            case.connect(**settings)

    def test_missing_key_is_misconfigured(self, case: HubSpotCase) -> None:
        with pytest.raises(Misconfigured, match="access_token"):
            open_crm("hubspot", {}, MemorySecrets(), case.store, PROJECT)


class TestHubSpotPlain(HubSpotContract):
    """An account below Sales Hub Professional, without a property for our marker."""

    @pytest.fixture
    def case(self, traffic: Path) -> Iterator[HubSpotCase]:
        yield from running(Account(leads=False, marker_properties=False), marker_property="none")

    def test_leads_are_not_asked_for(self, case: HubSpotCase) -> None:
        assert LEAD not in case.crm.declaration.kinds
        world(case)
        case.crm.find(PHONE, PLAIN)
        assert case.twin.count("", "/leads") == 0

    def test_lost_task_without_a_record_is_searched_for(self, case: HubSpotCase) -> None:
        since = a_moment_ago()
        key = case.crm.create_task(task([]))
        assert case.crm.find_by_marker(Trace(marker="patchcord:c1/task", sort=Written.TASK, since=since)) == key

    def test_lost_deal_is_found_while_search_lags(self, case: HubSpotCase) -> None:
        case.twin.search_lag = timedelta(hours=1)
        contact, since = Ref(CONTACT, seed(case, CONTACT, name="Olena")), a_moment_ago()
        ref = made(case.crm.create([draft(DEAL, links=(contact,))]))["deal"]
        trace = Trace(marker="m", sort=Written.RECORD, since=since, kind=DEAL, targets=(contact,), name=draft(DEAL).name)
        assert case.crm.find_by_marker(trace) == ref.id

    def test_pages_of_associations_are_read(self, case: HubSpotCase) -> None:
        target, since = world(case).refs[CONTACT], a_moment_ago()
        key = case.crm.create_task(task([target]))
        for number in range(620):
            case.twin.seed_task(title=f"Other {number}", targets=[("contact", target.id)])
        trace = Trace(marker="patchcord:c1/task", sort=Written.TASK, since=since, targets=(target,))
        assert case.crm.find_by_marker(trace) == key
        assert case.twin.count("GET", "/associations/") == 2


# --- pure parts


def test_importing_the_vendor_stays_cheap() -> None:
    code = "import sys, patchcord.crm.hubspot; sys.exit('requests' in sys.modules or 'concurrent.futures' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_floor_with_and_without_leads() -> None:
    assert (DECLARATION.requests.look_up, DECLARATION.requests.create) == (4, 3)
    assert all(scope.startswith("crm.") for scope in SCOPES)


def test_filters_take_what_a_number_may_be_stored_as() -> None:
    groups = lookup.number_groups(CONTACT, PHONE, (), computed=True)
    assert len(groups) == 5
    assert len(json.dumps(groups)) < 2000
    plain = lookup.number_groups(ORGANIZATION, PHONE, (), computed=False)
    assert {one["filters"][0]["propertyName"] for one in plain} == {"phone"}
    listed = lookup.number_groups(CONTACT, PHONE, ("067 123 4567",), computed=True)
    assert [one["filters"][0]["values"] for one in listed] == [["067 123 4567"]] * 2


def test_unknown_shapes_are_transient_or_empty() -> None:
    for body in (b"[]", b"{}", b'{"results": 1}', b"1"):
        answer = read_answer(200, {"content-type": "application/json"}, body)
        with pytest.raises(Transient):
            reading.results_of(answer, "x")
        with pytest.raises(Transient):
            reading.id_of(answer, "x")
        assert reading.next_page(answer) is None
    assert reading.value({"properties": None}, "a") == ""
    assert reading.read_time("soon") is None
    assert reading.read_time("2026-09-12T08:15:00") == reading.read_time("2026-09-12T08:15:00.000Z")


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("12", {"type": "number"}, "12"), ("12,5", {"type": "number"}, "12.5"), ("1 000", {"type": "number"}, "1000"),
        ("Site", {"type": "enumeration", "options": [{"label": "Site", "value": "s"}]}, "s"),
        ("Yes; No", {"type": "enumeration", "fieldType": "checkbox", "options": [{"label": "Yes", "value": "y"}]}, "y;No"),
        ("2026-09-12T08:00:00Z", {"type": "date"}, "2026-09-12"), ("12.09", {"type": "date"}, "12.09"), ("x", {}, "x"),
    ],
)  # fmt: skip
def test_texts_become_what_their_property_takes(text: str, row: dict[str, object], expected: str) -> None:
    assert writing.typed(text, row) == expected


def test_marker_survives_the_server_s_cleaning() -> None:
    note = writing.to_html("a & b", "https://r.example/1?a=1&b=2", writing.marker_line("c1/task'1"))
    line = writing.marker_line("c1/task'1")
    for stored in (note, note.replace("<small>", "").replace("</small>", ""), note.replace("&#x27;", "'")):
        assert reading.has_marker(stored, line)
    assert reading.has_link(note, "https://r.example/1?a=1&b=2")
    assert not reading.has_link(note, "https://r.example/1?a=1")
    assert not reading.has_marker(note, writing.marker_line("c1/task"))


def test_long_texts_are_cut_between_characters() -> None:
    shown = writing.to_html("&" * 40_000 + "\nnever seen", None, "Patchcord m")
    assert len(shown) < 31_000
    assert shown.count("&") == shown.count("&amp;")
    assert shown.endswith("<p><small>Patchcord m</small></p>")


def test_recording_that_is_no_link_is_not_clickable() -> None:
    assert "href" not in writing.link_html("javascript:alert(1)")


def test_completed_task_is_dated_now() -> None:
    due = writing.task_body(done_task([], due_at=None), {})["properties"]["hs_timestamp"]
    assert abs(datetime.fromisoformat(due) - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("status", "headers", "body", "low", "high"),
    [
        (429, {}, {"policyName": "TEN_SECONDLY_ROLLING"}, 10, 10), (429, {}, {"policyName": "SECONDLY"}, 1, 2),
        (429, {}, {"policyName": "DAILY"}, 3600, 3600), (429, {"retry-after": "7"}, {}, 7, 7), (429, {}, [], 10, 10),
        (423, {}, {}, 2, 2), (477, {"retry-after": "86400"}, {}, 86_400, 86_400),
    ],
)  # fmt: skip
def test_pauses(status: int, headers: dict[str, str], body: object, low: float, high: float) -> None:
    answer = read_answer(status, {"content-type": "application/json", **headers}, json.dumps(body).encode())
    error = error_of("hubspot", "x", answer, HubSpotDialect())
    assert isinstance(error, Transient)
    assert low <= (error.retry_after or timedelta()).total_seconds() <= high


def test_words_begin_with_what_they_are_about() -> None:
    body = {"message": "not valid", "errors": [{"message": "wrong", "context": {"propertyName": ["colour"]}}]}
    answer = read_answer(400, {"content-type": "application/json"}, json.dumps(body).encode())
    assert HubSpotDialect().words(answer) == "colour: wrong; not valid"
    odd = {"message": "odd", "context": {"propertyName": None}, "errors": [{"context": []}, "x"]}
    assert HubSpotDialect().words(read_answer(400, {"content-type": "application/json"}, json.dumps(odd).encode())) == "x; odd"


def test_listed_notations_are_those_of_the_number() -> None:
    wanted = Search(REGION, formats=("067 999 8888", "067 111 2222"))
    assert reading.listed(PHONE, wanted) == ("067 123 4567",)
