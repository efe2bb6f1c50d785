"""Salesforce against its twin: the contract, and what only Salesforce has (crm_salesforce.md)."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from patchcord.crm.connect import open_crm
from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.http import Http, error_of
from patchcord.crm.port import Change, Crm, Search, Trace, Written
from patchcord.crm.salesforce import Salesforce, queries, reading, writing
from patchcord.crm.salesforce.declaration import SalesforceDialect
from patchcord.model.effects import LogKind, TaskKind
from patchcord.model.phone import read_phone
from patchcord.model.records import Ref
from patchcord.scenarios.profiles import effective
from patchcord.store.memory import MemorySecrets, MemoryStore
from patchcord.wire import read_answer
from sandbox.twins.base import Fault, serve
from sandbox.twins.salesforce import SalesforceTwin
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


class SalesforceCase(Case):
    """An org with look-up fields from leads to contacts and accounts: the only way a lead is linked (9)."""

    vendor: ClassVar[str] = "salesforce"
    paths: ClassVar[Mapping[str, str]] = {
        "look_up": "/composite/batch", "contact": "/sobjects/Contact", "organization": "/sobjects/Account",
        "lead": "/sobjects/Lead", "deal": "/sobjects/Opportunity", "task": "/sobjects/Task", "log": "/sobjects/Task",
        "note": "/sobjects/Task",
    }  # fmt: skip

    def __init__(self, twin: SalesforceTwin, url: str) -> None:
        self.salesforce = twin
        self.stored = MemorySecrets()
        self.store = MemoryStore()
        self.opened: list[Crm] = []
        self.links = {
            "lead_contact_field": twin.seed_link("lead", "patchcord_contact", "contact"),
            "lead_organization_field": twin.seed_link("lead", "patchcord_account", "organization"),
        }
        super().__init__(twin, url)
        self.secrets = (twin.org.client_secret, *twin.sessions.live)

    def connect(self, **settings: str) -> Salesforce:
        crm = open_crm("salesforce", {"base_url": self.url, **self.links, **settings}, self.stored, self.store, PROJECT)
        self.opened.append(crm)
        return cast(Salesforce, crm)

    def open(self) -> Crm:
        for name, value in self.salesforce.connection(self.url).secrets.items():
            self.stored.put(PROJECT, name, value)
        return self.connect()

    def open_with_wrong_credentials(self) -> Crm:
        self.stored.put(PROJECT, "client_secret", "wrong")
        self.stored.put(PROJECT, "grant", json.dumps({"access_token": "wrong", "instance_url": self.url}))
        return self.connect()

    def open_with_oauth(self) -> Salesforce:
        grant = self.salesforce.grant(self.url, refresh=True)
        self.stored.put(PROJECT, "grant", json.dumps(grant))
        self.secrets += (grant["access_token"], grant["refresh_token"])
        return self.connect(auth="oauth")

    def expire_tokens(self) -> None:
        self.salesforce.expire_sessions()

    def http(self, crm: Crm) -> Http:
        return cast(Salesforce, crm).http

    def close(self) -> None:
        for crm in self.opened:
            cast(Salesforce, crm).close()


class TestSalesforce(CrmContract):
    @pytest.fixture
    def case(self, traffic: Path) -> Iterator[SalesforceCase]:
        twin = SalesforceTwin()
        with serve(twin) as running:
            made_case = SalesforceCase(twin, running.url)
            yield made_case
            made_case.close()

    def second_stage(self, case: Case) -> tuple[str, str]:
        assert isinstance(case, SalesforceCase)
        return case.salesforce.seed_record_type("deal", "Repairs"), "Qualification"

    def row(self, case: SalesforceCase, target: str, record_id: str) -> dict[str, Any]:
        return case.salesforce.state.table(target)[record_id[:15]]

    # --- look-up (6, 7)

    def test_words_are_those_of_the_profile(self, case: SalesforceCase) -> None:
        settings = effective({"crm": {"vendor": "salesforce", "profile": "salesforce"}})
        assert case.crm.declaration.phone_kinds == frozenset(settings.vendor.phone_kinds)
        assert set(case.crm.declaration.kinds) == set(settings.vendor.words.values())

    @pytest.mark.parametrize(("stored", "expected"), [("067 123 4567", 1), ("067-123-45-67", 2)])
    def test_opportunities_of_unusual_spellings_cost_one_request_more(
        self, case: SalesforceCase, stored: str, expected: int
    ) -> None:
        contact = seed(case, CONTACT, phone=stored, name="Olena")
        deal = seed(case, DEAL, name="Order", contact=contact)
        assert [one.id for one in found(case, DEAL)] == [deal]
        assert requests(case) == expected

    def test_very_large_org_is_asked_by_ids(self, case: SalesforceCase) -> None:
        known = world(case)
        case.salesforce.set(scans_time_out=True)
        assert [one.ref for one in found(case, DEAL)] == [known.refs[DEAL]]
        assert requests(case) == 2

    @pytest.mark.parametrize("who", [True, False])
    def test_steps_scan_nothing(self, case: SalesforceCase, who: bool) -> None:
        case.salesforce.set(scans_time_out=True)
        refs = set(world(case).refs.values()) if who else set()
        assert {one.ref for one in case.connect(look_up="steps").find(PHONE, PLAIN)} == refs
        assert requests(case) == (2 if who else 1)

    def test_opportunities_can_be_left_out(self, case: SalesforceCase) -> None:
        known = world(case)
        kinds = {one.kind for one in case.connect(opportunities="none").find(PHONE, PLAIN)}
        assert kinds == set(known.refs) - {DEAL}
        assert (requests(case), case.twin.count("GET", "/search$")) == (1, 1)

    @pytest.mark.parametrize(("mode", "names"), [("roles", {"Role"}), ("accounts", {"Account"}), ("both", {"Role", "Account"})])
    def test_opportunities_by_role_or_account(self, case: SalesforceCase, mode: str, names: set[str]) -> None:
        account = seed(case, ORGANIZATION, name="Acme")
        seed(case, DEAL, name="Role", contact=seed(case, CONTACT, phone=PHONE.e164, name="Olena"))
        seed(case, CONTACT, phone=PHONE.e164, name="At Acme", organization=account)
        seed(case, DEAL, name="Account", organization=account)
        deals = [one for one in case.connect(opportunities=mode).find(PHONE, PLAIN) if one.kind is DEAL]
        assert {one.name for one in deals} == names

    def test_account_with_the_number_itself(self, case: SalesforceCase) -> None:
        account = seed(case, ORGANIZATION, phone=PHONE.e164, name="Acme")
        deal = seed(case, DEAL, name="Order", organization=account)
        refs = {one.ref for one in case.connect(opportunities="accounts").find(PHONE, PLAIN)}
        assert refs == {Ref(ORGANIZATION, account), Ref(DEAL, deal)}

    def test_two_roles_of_one_opportunity_are_one_record(self, case: SalesforceCase) -> None:
        one, two = (seed(case, CONTACT, phone=PHONE.e164, name=name) for name in ("Olena", "Oleh"))
        deal = seed(case, DEAL, name="Order", contact=one)
        case.salesforce.state.add("OpportunityContactRole", {"OpportunityId": deal, "ContactId": two}, "")
        assert [record.id for record in found(case, DEAL)] == [deal]

    def test_queue_is_nobody(self, case: SalesforceCase) -> None:
        seed(case, LEAD, phone=PHONE.e164, name="Olena", owner=case.salesforce.seed_queue("Sales"))
        assert found(case, LEAD)[0].owner is None

    def test_statuses_that_count_as_closed_are_the_company_s(self, case: SalesforceCase) -> None:
        seed(case, LEAD, phone=PHONE.e164, name="Olena", status="closed")
        assert not found(case, LEAD)[0].open
        (lead,) = case.connect(closed_statuses="Lost, Spam").find(PHONE, PLAIN)
        assert lead.open

    def test_fax_is_no_number(self, case: SalesforceCase) -> None:
        key = seed(case, CONTACT, name="Fax")
        self.row(case, "Contact", key)["Fax"] = PHONE.e164
        assert case.crm.find(PHONE, PLAIN) == ()

    def test_times_are_told(self, case: SalesforceCase) -> None:
        at = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
        seed(case, LEAD, phone=PHONE.e164, name="Old", updated=at)
        assert (found(case, LEAD)[0].updated_at, found(case, LEAD)[0].created_at) == (at, at)

    def test_wrong_attribution_field_leaves_it_untold(self, case: SalesforceCase) -> None:
        world(case)
        (lead,) = found(case, LEAD, Search(REGION, attribution={LEAD: {"utm_source": "Nobody__c", "utm_medium": "x' y"}}))
        assert lead.attribution is None

    def test_attribution_of_several_kinds_is_one_request(self, case: SalesforceCase) -> None:
        fields = {kind: {"utm_source": case.twin.seed_field(kind.value, "utm_source")} for kind in (LEAD, CONTACT)}
        for kind in (LEAD, CONTACT):
            seed(case, kind, phone=PHONE.e164, name="Olena", attribution={"utm_source": kind.value})
        told = {one.kind: one.attribution for one in case.crm.find(PHONE, Search(REGION, attribution=fields))}
        assert told == {LEAD: {"utm_source": "lead"}, CONTACT: {"utm_source": "contact"}}
        assert requests(case) == 2

    def test_search_lags_and_queries_do_not(self, case: SalesforceCase) -> None:
        case.twin.search_lag = timedelta(minutes=3)
        since, one = a_moment_ago(), draft(LEAD)
        ref = made(case.crm.create([one]))["lead"]
        trace = Trace(marker=one.marker, sort=Written.RECORD, since=since, kind=LEAD, name=one.name, phone=one.phone or "")
        assert case.crm.find(PHONE, PLAIN) == ()
        assert case.crm.find_by_marker(trace) == ref.id

    # --- creation (8, 9, 15)

    def test_lead_alone_is_the_native_way(self, case: SalesforceCase) -> None:
        case.links = {}
        ref = made(case.connect().create([draft(LEAD, email="olena@example.com")]))["lead"]
        row = self.row(case, "Lead", ref.id)
        assert (row["Company"], row["Phone"], row["Email"]) == ("Private person", PHONE.e164, "olena@example.com")
        assert case.twin.count("POST", "/composite") == 0

    def test_lead_without_look_up_fields_links_to_nothing(self, case: SalesforceCase) -> None:
        case.links = {}
        refs = made(case.connect().create(new_client(case)))
        assert record(case, refs["lead"])["contact"] is None
        assert self.row(case, "Lead", refs["lead"].id)["Company"] == f"organization {PHONE.e164}"

    @pytest.mark.parametrize("alone", [True, False])
    @pytest.mark.parametrize("part_headers", [True, False])
    def test_our_owner_stays(self, case: SalesforceCase, alone: bool, part_headers: bool) -> None:
        owner, other = case.twin.seed_user(name="Anna"), case.twin.seed_user(name="Rule")
        case.salesforce.set(assigns_leads_to=other, part_headers=part_headers)
        drafts = [draft(LEAD, owner=owner)] if alone else new_client(case, owner=owner)
        assert record(case, made(case.crm.create(drafts))["lead"])["owner"] == owner

    def test_without_an_owner_the_rules_assign(self, case: SalesforceCase) -> None:
        other = case.twin.seed_user(name="Rule")
        case.salesforce.set(assigns_leads_to=other)
        assert record(case, made(case.crm.create([draft(LEAD)]))["lead"])["owner"] == other

    def test_change_of_a_lead_does_not_wake_the_rules(self, case: SalesforceCase) -> None:
        known = world(case)
        case.salesforce.set(assigns_leads_to=case.twin.seed_user(name="Rule"))
        case.crm.update(known.refs[LEAD], Change(name="New"))
        assert record(case, known.refs[LEAD])["owner"] == known.owner

    def test_rule_that_only_warns_lets_through(self, case: SalesforceCase) -> None:
        seed(case, LEAD, phone=PHONE.e164, name="There")
        case.salesforce.set(duplicate_rule="alert")
        made(case.crm.create([draft(LEAD)]))
        assert len(case.twin.records("lead")) == 2

    def test_record_that_a_rule_names_is_used(self, case: SalesforceCase) -> None:
        key = seed(case, LEAD, phone=PHONE.e164, name="There")
        case.salesforce.set(duplicate_rule="block")
        assert made(case.crm.create([draft(LEAD)])) == {"lead": Ref(LEAD, key)}
        assert case.twin.ledger == ()

    def test_rest_of_a_set_is_linked_to_the_record_that_is_used(self, case: SalesforceCase) -> None:
        key = seed(case, CONTACT, phone=PHONE.e164, name="There")
        case.salesforce.set(duplicate_rule="block")
        refs = made(case.crm.create(new_client(case)))
        assert refs["contact"] == Ref(CONTACT, key)
        assert record(case, refs["lead"])["contact"] == key
        assert [write.kind for write in case.twin.writes("create")] == ["organization", "lead"]
        assert requests(case) == 2

    def test_set_is_made_whole_or_not_at_all(self, case: SalesforceCase) -> None:
        drafts = [draft(ORGANIZATION), draft(CONTACT, links=("organization",), fields={"Nothing__c": "x"})]
        created = case.crm.create(drafts)
        assert (created.failed, dict(created.refs)) == ("contact", {})
        assert isinstance(created.error, Rejected)
        assert "INVALID_FIELD" in created.error.words
        assert (case.twin.ledger, case.twin.records("organization")) == ((), [])

    def test_local_refusal_names_its_draft(self, case: SalesforceCase) -> None:
        created = case.crm.create([draft(CONTACT), draft(LEAD, fields={"a' b": "x"})])
        assert (created.failed, requests(case)) == ("lead", 0)

    def test_bad_address_does_not_cost_the_lead(self, case: SalesforceCase) -> None:
        ref = made(case.crm.create([draft(LEAD, email="no address")]))["lead"]
        assert self.row(case, "Lead", ref.id)["Email"] is None

    def test_native_source_is_filled_where_it_can_be(self, case: SalesforceCase) -> None:
        visit = {"utm_source": "google", "utm_medium": "cpc"}
        one = made(case.crm.create([draft(LEAD, attribution=visit)]))["lead"]
        account = made(case.crm.create([draft(ORGANIZATION, attribution=visit)]))["organization"]
        assert self.row(case, "Lead", one.id)["LeadSource"] == "google"
        assert self.row(case, "Account", account.id)["AccountSource"] == "google"
        case.salesforce.set(hidden=frozenset({("Lead", "LeadSource")}))
        two = made(case.crm.create([draft(LEAD, attribution=visit)]))["lead"]
        assert self.row(case, "Lead", two.id)["LeadSource"] is None

    def test_native_source_can_be_another_parameter_or_none(self, case: SalesforceCase) -> None:
        visit = {"utm_source": "google", "utm_medium": "cpc"}
        for setting, expected in (("utm_medium", "cpc"), ("none", None)):
            ref = made(case.connect(lead_source=setting).create([draft(LEAD, attribution=visit)]))["lead"]
            assert self.row(case, "Lead", ref.id)["LeadSource"] == expected

    def test_types_of_fields_are_read_once_and_only_when_refused(self, case: SalesforceCase) -> None:
        number = case.twin.seed_field("contact", "Size", "number")
        for name in ("one", "two"):
            made(case.crm.create([draft(CONTACT, name=name, fields={number: "42"})]))
        assert case.twin.count("GET", "/Contact/describe") == 1

    def test_marker_goes_into_its_field(self, case: SalesforceCase) -> None:
        for kind in ("lead", "contact", "organization", "deal"):
            field = case.twin.seed_field(kind, "patchcord_marker", "marker")
        crm = case.connect(marker_field=field)
        since, refs = a_moment_ago(), made(crm.create(new_client(case)))
        for key, ref in refs.items():
            assert record(case, ref)["marker"] == f"patchcord:c1/{key}"
            trace = Trace(marker=f"patchcord:c1/{key}", sort=Written.RECORD, since=since, kind=ref.kind)
            assert crm.find_by_marker(trace) == ref.id
        assert crm.check() == ()

    def test_opportunity_has_stage_date_and_people(self, case: SalesforceCase) -> None:
        known = world(case)
        links = (known.refs[CONTACT], known.refs[ORGANIZATION])
        crm = case.connect(stage="Qualification", close_in_days="7", timezone="Europe/Kyiv")
        ref = made(crm.create([draft(DEAL, links=links)]))["deal"]
        row = self.row(case, "Opportunity", ref.id)
        assert row["StageName"] == "Qualification"
        assert timedelta(days=6) <= datetime.fromisoformat(row["CloseDate"]) - datetime.now() <= timedelta(days=8)  # noqa: DTZ005
        assert record(case, ref)["contact"] == known.refs[CONTACT].id

    def test_converted_lead_is_gone(self, case: SalesforceCase) -> None:
        ref = world(case).refs[LEAD]
        case.twin.set_status("lead", ref.id, "converted")
        with pytest.raises(Gone):
            case.crm.update(ref, Change(name="New"))

    def test_owner_that_left_is_rejected(self, case: SalesforceCase) -> None:
        left = case.twin.seed_user(name="Left", active=False)
        assert isinstance(case.crm.create([draft(LEAD, owner=left)]).error, Rejected)

    @pytest.mark.parametrize("marker", ["c1' OR Name != '", "c1\\' OR 1=1", 'c1"; x', "c1\nx"])
    def test_nothing_is_slipped_into_a_query(self, case: SalesforceCase, marker: str) -> None:
        case.crm.create_task(task([world(case).refs[CONTACT]]))
        since = a_moment_ago()
        assert case.crm.find_by_marker(Trace(marker=marker, sort=Written.TASK, since=since)) is None
        key = case.crm.create_task(task([], marker=marker))
        assert case.crm.find_by_marker(Trace(marker=marker, sort=Written.TASK, since=since)) == key

    # --- tasks, calls, notes (10, 11)

    def test_task_of_a_lead_hangs_on_nothing_else(self, case: SalesforceCase) -> None:
        known = world(case)
        key = case.crm.create_task(task([known.refs[ORGANIZATION], known.refs[DEAL], known.refs[LEAD]]))
        row = self.row(case, "Task", key)
        assert (row["WhoId"], row["WhatId"]) == (known.refs[LEAD].id, None)
        assert f"{case.url}/{known.refs[DEAL].id}" in row["Description"]

    def test_people_a_task_cannot_hang_on_are_named(self, case: SalesforceCase) -> None:
        known = world(case)
        key = case.crm.create_task(task(list(known.refs.values())))
        row = self.row(case, "Task", key)
        assert (row["WhoId"], row["WhatId"]) == (known.refs[CONTACT].id, known.refs[DEAL].id)
        assert row["Description"].splitlines()[-1] == f"{case.url}/{known.refs[LEAD].id}"

    def test_time_of_a_deadline_is_the_reminder(self, case: SalesforceCase) -> None:
        at = datetime(2026, 9, 12, 22, 30, tzinfo=UTC)
        row = self.row(case, "Task", case.connect(timezone="Europe/Kyiv").create_task(task([], due_at=at)))
        assert (row["ActivityDate"], row["IsReminderSet"]) == ("2026-09-13", True)
        assert row["ReminderDateTime"] == "2026-09-12T22:30:00.000+0000"

    @pytest.mark.parametrize(
        ("kind", "recording", "expected"),
        [(TaskKind.CALL_LOG, RECORDING, "Call"), (TaskKind.CALL_LOG, None, "Task"), (TaskKind.REVIEW_CALL, RECORDING, "Task")],
    )
    def test_recorded_calls_are_of_the_subtype_for_calls(
        self, case: SalesforceCase, kind: TaskKind, recording: str | None, expected: str
    ) -> None:
        key = case.crm.create_task(done_task([world(case).refs[LEAD]], kind=kind, recording=recording))
        assert self.row(case, "Task", key)["TaskSubtype"] == expected

    def test_call_tells_its_way_and_length(self, case: SalesforceCase) -> None:
        row = self.row(case, "Task", case.crm.log_call(call([world(case).refs[CONTACT]], LogKind.CALL)))
        told = (row["TaskSubtype"], row["CallType"], row["CallDurationInSeconds"], row["CallDisposition"], row["ActivityDate"])
        assert told == ("Call", "Inbound", 74, "answered", "2026-09-12")
        assert (row["CallObject"], row["Status"]) == ("patchcord:c1/log", "Completed")

    def test_recording_has_a_field_where_the_customer_made_one(self, case: SalesforceCase) -> None:
        field = case.twin.seed_field("task", "patchcord_recording")
        crm = case.connect(recording_field=field)
        first = crm.create_task(done_task([world(case).refs[LEAD]]))
        second = crm.create_task(done_task([], recording=None))
        crm.add_recording(Written.TASK, second, RECORDING)
        assert [self.row(case, "Task", key)[field] for key in (first, second)] == [RECORDING, RECORDING]

    def test_recording_finds_room_in_a_full_text(self, case: SalesforceCase) -> None:
        key = case.crm.create_task(done_task([], text="Ж😀" * 20_000, recording=None))
        case.crm.add_recording(Written.TASK, key, RECORDING)
        text = self.row(case, "Task", key)["Description"]
        assert text.endswith(RECORDING)
        assert len(text.encode("utf-16-le")) // 2 <= 32_000

    def test_status_of_done_tasks_is_the_company_s(self, case: SalesforceCase) -> None:
        assert "task_status" in [lack.code for lack in case.connect(completed_status="Done").check()]
        key = case.crm.create_task(done_task([]))
        assert self.row(case, "Task", key)["Status"] == "Completed"

    # --- limits and sign-in (2, 3, 4)

    def test_spent_day_is_no_missing_right(self, case: SalesforceCase) -> None:
        case.salesforce.set(daily_calls=1)
        case.crm.find(PHONE, PLAIN)
        with pytest.raises(Transient) as caught:
            case.crm.find(PHONE, PLAIN)
        assert caught.value.cool_down
        assert (caught.value.retry_after or timedelta()) >= timedelta(minutes=1)

    def test_edition_without_interface_is_misconfigured(self, case: SalesforceCase) -> None:
        case.salesforce.set(api_enabled=False)
        with pytest.raises(Misconfigured, match="API_DISABLED_FOR_ORG"):
            case.crm.find(PHONE, PLAIN)
        assert [lack.code for lack in case.crm.check()] == ["plan"]

    def test_client_credentials_need_no_grant(self, case: SalesforceCase) -> None:
        case.stored.put(PROJECT, "grant", "{}")
        assert case.connect().find(PHONE, PLAIN) == ()
        assert case.twin.count("POST", "/oauth2/token") == 1
        kept = json.loads(case.stored.get(PROJECT, "grant") or "")
        assert kept["instance_url"] == case.url
        assert "expires_at" not in kept

    def test_session_that_ends_after_some_calls_is_begun_anew(self, case: SalesforceCase) -> None:
        case.salesforce.set(calls_per_session=1)
        for _ in range(3):
            assert case.crm.find(PHONE, PLAIN) == ()

    def test_many_threads_with_an_expired_rotating_grant(self, case: SalesforceCase) -> None:
        case.salesforce.set(rotate_refresh=True)
        crms, errors = [case.open_with_oauth()], list[CrmError]()
        crms += [case.connect(auth="oauth") for _ in range(9)]
        case.expire_tokens()

        def look(crm: Salesforce) -> None:
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
        assert case.twin.count("POST", "/oauth2/token") == 1

    def test_approval_that_was_taken_back_is_unauthorised(self, case: SalesforceCase) -> None:
        crm = case.open_with_oauth()
        case.salesforce.revoke()
        with pytest.raises(Unauthorised):
            crm.find(PHONE, PLAIN)
        assert case.stored.get(PROJECT, "grant")

    def test_org_is_followed_to_where_it_lives_now(self, case: SalesforceCase) -> None:
        crm = case.connect(base_url="http://127.0.0.1:9", token_url=f"{case.url}/services/oauth2/token")
        assert crm.find(PHONE, PLAIN) == ()
        assert crm.link(Ref(LEAD, "x")) == "http://127.0.0.1:9/x"

    def test_nobody_is_followed_out_of_encryption(self, case: SalesforceCase) -> None:
        crm = case.connect(base_url="https://127.0.0.1:9", token_url=f"{case.url}/services/oauth2/token")
        with pytest.raises(Transient):
            crm.find(PHONE, PLAIN)
        assert requests(case) == 0

    # --- the org (5, 12, 13)

    def test_lists_take_several_pages(self, case: SalesforceCase) -> None:
        for number in range(5):
            case.twin.seed_user(name=f"User {number}")
        case.salesforce.set(page_rows=2)
        assert len(case.crm.users()) == 6
        assert case.twin.count("GET", "/query") == 3

    def test_users_without_profiles_have_no_administrators(self, case: SalesforceCase) -> None:
        case.twin.seed_user(name="Boss", admin=True)
        case.salesforce.set(hidden=frozenset({("Profile", "PermissionsModifyAllData")}))
        assert [(user.name, user.admin) for user in case.crm.users()] == [("Integration", False), ("Boss", False)]

    @pytest.mark.parametrize(
        ("settings", "code", "words"),
        [
            ({"marker_field": "Marker__c"}, "field", "Marker__c"),
            ({"recording_field": "Link__c"}, "field", "Task"),
            ({"lead_contact_field": "Nobody__c"}, "field", "Lead"),
        ],
    )
    def test_check_tells_missing_fields(self, case: SalesforceCase, settings: dict[str, str], code: str, words: str) -> None:
        lacks = case.connect(**settings).check()
        assert {lack.code for lack in lacks} == {code}
        assert all(words in lack.what for lack in lacks)

    def test_check_tells_what_the_company_requires(self, case: SalesforceCase) -> None:
        case.salesforce.require_field("lead", case.twin.seed_field("lead", "Region"))
        assert [(lack.code, "Region__c" in lack.what) for lack in case.crm.check()] == [("required_field", True)]

    def test_check_tells_objects_that_can_only_be_read(self, case: SalesforceCase) -> None:
        case.salesforce.set(read_only=frozenset({"Lead"}))
        assert {(lack.code, "Lead" in lack.what) for lack in case.crm.check()} == {("right", True)}
        assert isinstance(case.crm.create([draft(LEAD)]).error, Misconfigured)

    def test_check_tells_a_day_that_is_nearly_spent(self, case: SalesforceCase) -> None:
        case.salesforce.set(daily_calls=9)
        assert [lack.code for lack in case.crm.check()] == ["limit"]

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"base_url": ""}, "base_url"), ({"auth": "password"}, "auth"), ({"opportunities": "all"}, "opportunities"),
            ({"look_up": "fast"}, "look_up"), ({"close_in_days": "soon"}, "close_in_days"), ({"timezone": "Mars"}, "timezone"),
            ({"marker_field": "a b"}, "marker_field"), ({"version": "latest"}, "version"),
        ],
    )  # fmt: skip
    def test_wrong_settings_are_misconfigured(self, case: SalesforceCase, settings: dict[str, str], words: str) -> None:
        with pytest.raises(Misconfigured, match=words):
            case.connect(**settings)

    def test_another_version_is_used_when_told(self, case: SalesforceCase) -> None:
        crm = case.connect(version="v60.0")
        made(crm.create(new_client(case)))
        assert len(crm.find(PHONE, PLAIN)) == 3
        assert case.twin.count(path="/v60.0/") == 2

    def test_odd_shapes_are_transient(self, case: SalesforceCase) -> None:
        case.misbehave(Fault("empty", path="/composite", after_write=True, times=2))
        assert isinstance(case.crm.create(new_client(case)).error, Transient)
        with pytest.raises(Transient):
            case.crm.find(PHONE, PLAIN)


# --- pure parts


def test_importing_it_is_cheap() -> None:
    code = "import sys, patchcord.crm.salesforce; print({'requests', 'zoneinfo'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("+380671234567", ("671234567", "0671234567", "380671234567", "00380671234567")),
        ("+12025550123", ("2025550123", "12025550123", "0012025550123")),
    ],
)
def test_whole_tokens_are_searched(number: str, expected: tuple[str, ...]) -> None:
    assert queries.terms(read_phone(number, REGION)) == expected


def test_texts_are_quoted() -> None:
    assert queries.quoted('O\'Brien \\ "x"\n\x00😀') == "'O\\'Brien \\\\ \\\"x\\\"\\n😀'"


@pytest.mark.parametrize(("text", "length", "expected"), [("Ж😀" * 3, 4, "Ж😀Ж"), ("abc", 5, "abc"), ("😀", 1, "")])
def test_texts_are_cut_between_characters(text: str, length: int, expected: str) -> None:
    assert writing.cut(text, length) == expected


@pytest.mark.parametrize(
    ("value", "field", "expected"),
    [
        ("12", {"type": "double"}, 12), ("1 000,5", {"type": "currency"}, 1000.5), ("many", {"type": "int"}, "many"),
        ("yes", {"type": "boolean"}, True), ("2026-09-12", {"type": "date"}, "2026-09-12"),
        ("site", {"type": "picklist", "picklistValues": [{"label": "Site", "value": "s"}]}, "s"),
        ("Site, 9", {"type": "multipicklist", "picklistValues": [{"label": "Site", "value": "s"}]}, "s;9"),
    ],
)  # fmt: skip
def test_texts_become_what_their_field_takes(value: str, field: dict[str, Any], expected: object) -> None:
    assert writing.typed(value, field) == expected


def test_unknown_shapes_are_empty() -> None:
    assert reading.rows_of(None) == ()
    assert reading.rows_of([1, {"a": 1}]) == ({"a": 1},)
    assert reading.read_time("soon") is None
    assert reading.existing_of([{"errorCode": "DUPLICATES_DETECTED"}], "Lead", None) is None


def duplicate(**record: Any) -> list[dict[str, Any]]:
    found_record = {"attributes": {"type": "Lead"}, "Id": "00Q5g00000AbCdEAAV", **record}
    result = {"matchResults": [{"matchRecords": [{"record": found_record}]}]}
    return [{"errorCode": "DUPLICATES_DETECTED", "message": "", "duplicateResult": result}]


@pytest.mark.parametrize(
    ("target", "number", "told", "expected"),
    [
        ("Lead", PHONE.e164, {}, True), ("Lead", PHONE.e164, {"Phone": "067 123 45 67"}, True), ("Lead", None, {}, True),
        ("Lead", PHONE.e164, {"Phone": OTHER.e164}, False), ("Contact", PHONE.e164, {}, False),
    ],
)  # fmt: skip
def test_only_a_record_of_the_same_sort_and_number_is_used(
    target: str, number: str | None, told: dict[str, str], expected: bool
) -> None:
    assert (reading.existing_of(duplicate(**told), target, number) is not None) is expected


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "REQUEST_LIMIT_EXCEEDED", Transient), (403, "API_DISABLED_FOR_ORG", Misconfigured),
        (400, "INVALID_FIELD", Rejected),
        (400, "INSUFFICIENT_ACCESS_OR_READONLY", Misconfigured), (400, "ENTITY_IS_DELETED", Gone), (404, "NOT_FOUND", Gone),
        (400, "UNABLE_TO_LOCK_ROW", Transient), (503, "SERVER_UNAVAILABLE", Transient),
        (401, "INVALID_SESSION_ID", Unauthorised),
        (400, "QUERY_TIMEOUT", Transient), (500, "UNKNOWN_EXCEPTION", Transient),
    ],
)  # fmt: skip
def test_codes_mean_more_than_statuses(status: int, code: str, expected: type[CrmError]) -> None:
    body = json.dumps([{"errorCode": code, "message": "words", "fields": ["Email"]}]).encode()
    answer = read_answer(status, {"Content-Type": "application/json"}, body)
    error = error_of("salesforce", "look up", answer, SalesforceDialect())
    assert type(error) is expected
    assert error.words == f"{code}: words [Email]"


def test_row_lock_is_no_reason_for_everybody_to_wait() -> None:
    body = b'[{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access"}]'
    answer = read_answer(400, {"content-type": "application/json"}, body)
    error = error_of("salesforce", "update Lead", answer, SalesforceDialect())
    assert isinstance(error, Transient)
    assert not error.cool_down
