"""Creatio against its twin: the contract, and what only Creatio has (crm_creatio.md)."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from patchcord.crm.connect import open_crm
from patchcord.crm.creatio import Creatio, queries, writing
from patchcord.crm.creatio.declaration import IDS, CreatioDialect
from patchcord.crm.errors import Gone, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.http import Http, error_of
from patchcord.crm.port import Change, Crm, Search, Trace, Written
from patchcord.model.effects import LogKind
from patchcord.model.events import CallType
from patchcord.model.phone import notations, read_phone
from patchcord.model.records import Ref
from patchcord.scenarios.profiles import effective
from patchcord.store.memory import MemorySecrets, MemoryStore
from patchcord.wire import read_answer
from sandbox.twins.base import serve
from sandbox.twins.creatio import CreatioTwin
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
BATCH = r"\$batch$"


class CreatioCase(Case):
    vendor: ClassVar[str] = "creatio"
    paths: ClassVar[Mapping[str, str]] = {
        "look_up": BATCH, "contact": BATCH, "organization": BATCH, "lead": BATCH, "deal": BATCH, "task": "/Activity$",
        "log": "/(Call|Activity)$", "note": "/Activity$",
    }  # fmt: skip

    def __init__(self, twin: CreatioTwin, url: str) -> None:
        self.creatio = twin
        self.stored = MemorySecrets()
        self.store = MemoryStore()
        self.opened: list[Creatio] = []
        super().__init__(twin, url)
        self.secrets: tuple[str, ...] = (twin.site.client_secret,)

    def connect(self, **settings: str) -> Creatio:
        options = {"base_url": self.url, "token_url": f"{self.url}/connect/token"}
        crm = cast(Creatio, open_crm("creatio", {**options, **settings}, self.stored, self.store, PROJECT))
        self.opened.append(crm)
        return crm

    def open(self) -> Crm:
        for name, value in self.creatio.connection(self.url).secrets.items():
            self.stored.put(PROJECT, name, value)
        return self.connect()

    def open_with_forms(self) -> Creatio:
        self.stored.put(PROJECT, "user", self.creatio.site.user)
        self.stored.put(PROJECT, "password", self.creatio.site.password)
        self.secrets += (self.creatio.site.password,)
        return self.connect(auth="forms")

    def open_with_wrong_credentials(self) -> Crm:
        self.stored.put(PROJECT, "client_secret", "wrong")
        self.stored.put(PROJECT, "grant", json.dumps({"access_token": "wrong"}))
        return self.connect()

    def open_with_oauth(self) -> Crm:
        return self.connect()

    def expire_tokens(self) -> None:
        self.creatio.expire_sessions()

    def http(self, crm: Crm) -> Http:
        return cast(Creatio, crm).http

    def close(self) -> None:
        for crm in self.opened:
            crm.close()


class TestCreatio(CrmContract):
    @pytest.fixture
    def case(self, traffic: Path) -> Iterator[CreatioCase]:
        twin = CreatioTwin()
        with serve(twin) as running:
            made_case = CreatioCase(twin, running.url)
            made_case.secrets += tuple(twin.sessions.tokens)
            yield made_case
            made_case.close()

    def row(self, case: CreatioCase, entity: str, record_id: str) -> dict[str, Any]:
        return case.creatio.state.table(entity)[record_id]

    # --- look-up (5, 6)

    def test_words_are_those_of_the_profile(self, case: CreatioCase) -> None:
        settings = effective({"crm": {"vendor": "creatio", "profile": "creatio"}})
        assert case.crm.declaration.phone_kinds == frozenset(settings.vendor.phone_kinds)
        assert set(case.crm.declaration.kinds) == set(settings.vendor.words.values())

    @pytest.mark.parametrize("stored", [*notations(PHONE), "(067)1234567", "067-123-45-67", "+380.67.123.45.67"])
    def test_lead_is_found_in_each_notation(self, case: CreatioCase, stored: str) -> None:
        key = seed(case, LEAD, phone=stored, name="Olena")
        assert [one.id for one in found(case, LEAD)] == [key]
        assert requests(case) == 1

    def test_foreign_number_is_found(self, case: CreatioCase) -> None:
        phone = read_phone("+442079460123", REGION)
        keys = {seed(case, kind, phone="+44 20 7946 0123", name="London") for kind in (LEAD, CONTACT, ORGANIZATION)}
        assert {one.id for one in case.crm.find(phone, PLAIN)} == keys

    def test_employees_are_no_clients(self, case: CreatioCase) -> None:
        user = case.twin.seed_user(name="Anna")
        self.row(case, "Contact", user)["MobilePhone"] = PHONE.e164
        case.creatio.state.keep_phones("Contact", self.row(case, "Contact", user))
        assert case.crm.find(PHONE, PLAIN) == ()

    def test_account_with_the_number_brings_its_own(self, case: CreatioCase) -> None:
        account = seed(case, ORGANIZATION, phone=PHONE.e164, name="Acme")
        deal = seed(case, DEAL, name="Order", organization=account)
        lead = seed(case, LEAD, name="Wish", organization=account)
        refs = {one.ref for one in case.crm.find(PHONE, PLAIN)}
        assert refs == {Ref(ORGANIZATION, account), Ref(DEAL, deal), Ref(LEAD, lead)}

    def test_lead_of_the_contact_needs_no_number(self, case: CreatioCase) -> None:
        contact = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        lead = seed(case, LEAD, name="Wish", contact=contact)
        assert [one.id for one in found(case, LEAD)] == [lead]

    def test_opportunity_of_somebody_who_takes_part(self, case: CreatioCase) -> None:
        contact = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        main = seed(case, CONTACT, phone=OTHER.e164, name="Oleh")
        deal = seed(case, DEAL, name="Order", contact=main)
        done = seed(case, DEAL, name="Old", contact=main, status="won")
        for key in (deal, done):
            case.creatio.state.add("OpportunityContact", {"OpportunityId": key, "ContactId": contact})
        (one,) = found(case, DEAL)
        assert (one.id, one.contact, one.name) == (deal, main, "Order")

    def test_plain_expansion_does_where_the_narrow_one_is_refused(self, case: CreatioCase) -> None:
        case.creatio.set(nested_select=False)
        known = world(case)
        assert {one.ref for one in case.connect(expand="plain").find(PHONE, PLAIN)} == set(known.refs.values())
        with pytest.raises(Rejected):
            case.crm.find(PHONE, PLAIN)

    def test_product_without_leads_still_knows_its_contacts(self, case: CreatioCase) -> None:
        contact = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        for entity in ("Lead", "Opportunity", "OpportunityContact"):
            del case.creatio.state.tables[entity]
        assert [one.ref for one in case.crm.find(PHONE, PLAIN)] == [Ref(CONTACT, contact)]

    def test_times_are_told(self, case: CreatioCase) -> None:
        at = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
        seed(case, LEAD, phone=PHONE.e164, name="Old", updated=at)
        assert (found(case, LEAD)[0].updated_at, found(case, LEAD)[0].created_at) == (at, at)

    def test_wrong_attribution_column_leaves_it_untold(self, case: CreatioCase) -> None:
        world(case)
        (lead,) = found(case, LEAD, Search(REGION, attribution={LEAD: {"utm_source": "UsrNobody", "utm_medium": "x' y"}}))
        assert lead.attribution is None

    def test_native_columns_can_be_read_back(self, case: CreatioCase) -> None:
        made(case.crm.create([draft(LEAD, attribution={"utm_source": "google", "gclid": "1"})]))
        (lead,) = found(case, LEAD, Search(REGION, attribution={LEAD: {"utm_source": "UtmSourceStr"}}))
        assert lead.attribution == {"utm_source": "google"}

    # --- creation (7, 12, 13)

    def test_ids_are_ours_and_always_the_same(self, case: CreatioCase) -> None:
        one = draft(LEAD)
        ref = made(case.crm.create([one]))["lead"]
        assert ref.id == writing.our_id(PROJECT, "lead", one.marker)
        assert ref.id != writing.our_id("another", "lead", one.marker)

    @pytest.mark.parametrize("rolls_back", [True, False])
    def test_second_try_makes_no_double(self, case: CreatioCase, rolls_back: bool) -> None:
        case.creatio.set(rolls_back=rolls_back)
        drafts = new_client(case)
        first, second = made(case.crm.create(drafts)), made(case.crm.create(drafts))
        assert first == second
        assert len(case.twin.writes("create")) == len(drafts)

    def test_second_try_makes_what_is_missing(self, case: CreatioCase) -> None:
        drafts = new_client(case)
        first = made(case.crm.create(drafts[:2]))
        refs = made(case.crm.create(drafts))
        assert {key: refs[key] for key in first} == first
        assert record(case, refs["lead"])["contact"] == refs["contact"].id
        assert [write.kind for write in case.twin.writes("create")] == ["organization", "contact", "lead"]

    def test_what_stands_after_a_failure_is_told(self, case: CreatioCase) -> None:
        drafts = [draft(CONTACT), draft(LEAD, links=("contact",), fields={"UsrNothing": "x"})]
        created = case.crm.create(drafts)
        assert (created.failed, dict(created.refs), case.twin.ledger) == ("lead", {}, ())
        case.creatio.set(rolls_back=False)
        created = case.crm.create(drafts)
        assert (created.failed, set(created.refs)) == ("lead", {"contact"})
        assert isinstance(created.error, Rejected)

    def test_unclear_failure_is_transient(self, case: CreatioCase) -> None:
        """An owner that is no contact is refused by the database: a 500 with a text (3)."""
        created = case.crm.create([draft(CONTACT, owner="11111111-2222-3333-4444-555555555555")])
        assert isinstance(created.error, Transient)
        assert "FOREIGN KEY" in created.error.words

    def test_local_refusal_names_its_draft(self, case: CreatioCase) -> None:
        created = case.crm.create([draft(CONTACT), draft(LEAD, fields={"a' b": "x"})])
        assert (created.failed, requests(case)) == ("lead", 0)

    def test_nothing_to_create_asks_nothing(self, case: CreatioCase) -> None:
        assert (dict(case.crm.create([]).refs), requests(case)) == ({}, 0)

    def test_number_is_made_searchable_where_the_server_does_not(self, case: CreatioCase) -> None:
        case.creatio.set(syncs_phones=False)
        refs = made(case.crm.create([draft(CONTACT)]))
        assert requests(case) == 2
        assert [one.ref for one in case.crm.find(PHONE, PLAIN)] == [refs["contact"]]
        before = requests(case)
        made(case.crm.create([draft(CONTACT, marker="patchcord:c2/contact", phone=OTHER.e164)]))
        assert requests(case) == before + 1
        assert len(case.creatio.state.table("ContactCommunication")) == 2

    @pytest.mark.parametrize(("setting", "rows"), [("own", 1), ("server", 0)])
    def test_who_makes_numbers_searchable_can_be_set(self, case: CreatioCase, setting: str, rows: int) -> None:
        case.creatio.set(syncs_phones=False)
        made(case.connect(phone_rows=setting).create([draft(CONTACT)]))
        assert (requests(case), len(case.creatio.state.table("ContactCommunication"))) == (1, rows)

    def test_server_s_rows_are_not_doubled(self, case: CreatioCase) -> None:
        made(case.crm.create(new_client(case)))
        (row,) = case.creatio.state.table("ContactCommunication").values()
        assert (row["Number"], row["SearchNumber"]) == (PHONE.e164, PHONE.digits[::-1])

    def test_lead_has_texts_and_links_and_the_visit(self, case: CreatioCase) -> None:
        visit = {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "к" * 900, "ga_client_id": "1.2"}
        refs = made(case.crm.create(new_client(case, attribution=visit)))
        row = self.row(case, "Lead", refs["lead"].id)
        assert (row["QualifiedContactId"], row["QualifiedAccountId"]) == (refs["contact"].id, refs["organization"].id)
        assert (row["Contact"], row["Account"]) == (f"contact {PHONE.e164}", f"organization {PHONE.e164}")
        assert (row["UtmSourceStr"], row["UtmMediumStr"], row["UtmCampaignStr"]) == ("google", "cpc", "к" * 500)

    def test_stage_and_customer_need_are_set(self, case: CreatioCase) -> None:
        stage = case.creatio.seed_stage("Repairs")
        ref = made(case.crm.create([draft(DEAL, stage=stage)]))["deal"]
        assert record(case, ref)["stage"] == stage

    def test_lead_can_name_its_opportunity(self, case: CreatioCase) -> None:
        refs = made(case.crm.create([draft(LEAD, links=("deal",)), draft(DEAL)]))
        assert self.row(case, "Lead", refs["lead"].id)["OpportunityId"] == refs["deal"].id

    def test_flags_and_days_are_written_after_a_refusal(self, case: CreatioCase) -> None:
        day = case.twin.seed_field("contact", "Born", "date")
        size = case.twin.seed_field("contact", "Size", "number")
        ref = made(case.crm.create([draft(CONTACT, fields={day: "1990-05-04", size: "1 250,5"})]))["contact"]
        assert record(case, ref)["fields"] == {"Born": "1990-05-04T00:00:00Z", "Size": 1250.5}

    def test_option_label_is_escaped(self, case: CreatioCase) -> None:
        field = case.twin.seed_field("lead", "Source", "option", ("O'Neil & Co + 50%", "Site"))
        known = world(case)
        case.crm.update(known.refs[LEAD], Change(fields={field: "O'Neil & Co + 50%"}))
        key = record(case, known.refs[LEAD])["fields"]["Source"]
        assert case.creatio.state.table("UsrSourceList")[key]["Name"] == "O'Neil & Co + 50%"

    def test_change_that_the_server_swallows_is_gone(self, case: CreatioCase) -> None:
        for swallows in (True, False):
            case.creatio.set(patches_nothing=swallows)
            with pytest.raises(Gone):
                case.crm.update(Ref(LEAD, "11111111-2222-3333-4444-555555555555"), Change(name="x"))

    # --- tasks, calls, notes (8-10)

    def test_task_takes_half_an_hour_before_its_deadline(self, case: CreatioCase) -> None:
        key = case.crm.create_task(task([world(case).refs[CONTACT]]))
        row = self.row(case, "Activity", key)
        assert (row["StartDate"], row["DueDate"]) == ("2026-09-12T09:00:00Z", "2026-09-12T09:30:00Z")
        assert (row["RemindToOwner"], row["RemindToOwnerDate"]) == (True, "2026-09-12T09:00:00Z")
        assert row["ActivityCategoryId"] == IDS["task_category"][1]

    def test_all_targets_are_linked(self, case: CreatioCase) -> None:
        known = world(case)
        case.crm.create_task(done_task(list(known.refs.values())))
        (row,) = case.twin.tasks()
        assert {tuple(target) for target in row["targets"]} == {(kind.value, ref.id) for kind, ref in known.refs.items()}
        assert row["kind"] == "call"

    @pytest.mark.parametrize(
        ("call_type", "ends"), [(CallType.IN, (PHONE.e164, "+380442220000")), (CallType.OUT, ("+380442220000", PHONE.e164))]
    )
    def test_call_has_its_key_ends_and_times(self, case: CreatioCase, call_type: CallType, ends: tuple[str, str]) -> None:
        key = case.crm.log_call(call([world(case).refs[LEAD]], LogKind.CALL, call_type=call_type))
        row = self.row(case, "Call", key)
        assert (row["CallerId"], row["CalledId"], row["IntegrationId"]) == (*ends, "patchcord:c1/log")
        assert (row["StartDate"], row["EndDate"], row["Duration"]) == ("2026-09-12T08:13:40Z", "2026-09-12T08:14:54Z", 74)

    def test_log_of_unknown_sort_is_looked_for_in_both_places(self, case: CreatioCase) -> None:
        since, known = a_moment_ago(), world(case)
        key = case.crm.log_call(call([known.refs[LEAD]], LogKind.NOTE))
        assert case.crm.find_by_marker(Trace(marker="patchcord:c1/log", sort=Written.LOG, since=since)) == key

    def test_recording_of_a_log_that_is_gone(self, case: CreatioCase) -> None:
        with pytest.raises(Gone):
            case.crm.add_recording(Written.LOG, "11111111-2222-3333-4444-555555555555", RECORDING)

    # --- signing in (1)

    def test_forms_sign_in_keeps_its_session(self, case: CreatioCase) -> None:
        known = world(case)
        for _ in range(2):
            assert {one.ref for one in case.open_with_forms().find(PHONE, PLAIN)} == set(known.refs.values())
        assert case.creatio.sessions.logins == 1

    def test_dead_session_is_renewed_once(self, case: CreatioCase) -> None:
        crm = case.open_with_forms()
        crm.find(PHONE, PLAIN)
        case.creatio.expire_sessions()
        threads = [threading.Thread(target=crm.find, args=(PHONE, PLAIN)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert case.creatio.sessions.logins == 2

    def test_wrong_csrf_signs_in_again(self, case: CreatioCase) -> None:
        crm = case.open_with_forms()
        crm.find(PHONE, PLAIN)
        for session in case.creatio.sessions.cookies:
            case.creatio.sessions.cookies[session] = "another"
        assert crm.find(PHONE, PLAIN) == ()
        assert case.creatio.sessions.logins == 2

    def test_refused_sign_in_is_unauthorised(self, case: CreatioCase) -> None:
        case.creatio.set(password_expired=True)
        crm = case.open_with_forms()
        with pytest.raises(Unauthorised, match="expired"):
            crm.find(PHONE, PLAIN)
        (lack,) = crm.check()
        assert lack.code == "unauthorised"

    def test_token_is_asked_for_once_by_many(self, case: CreatioCase) -> None:
        case.creatio.expire_sessions()
        threads = [threading.Thread(target=case.crm.find, args=(PHONE, PLAIN)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert case.twin.count("POST", "/connect/token") == 1

    # --- the site (11, 14)

    def test_core_site_has_no_nought(self, case: CreatioCase) -> None:
        case.creatio.set(core=True)
        known = world(case)
        crm = case.connect(site="core")
        assert {one.ref for one in crm.find(PHONE, PLAIN)} == set(known.refs.values())
        assert "/0/" not in crm.link(known.refs[LEAD])

    def test_check_finds_the_other_path(self, case: CreatioCase) -> None:
        case.creatio.set(core=True)
        (lack,) = case.crm.check()
        assert (lack.code, lack.remedy) == ("address", "Set the option site to core.")

    def test_check_tells_missing_objects_and_entries(self, case: CreatioCase) -> None:
        del case.creatio.state.tables["Lead"], case.creatio.state.table("CallDirection")[IDS["outgoing"][1]]
        lacks = {(lack.code, lack.what.split()[-1]) for lack in case.crm.check()}
        assert lacks == {("object", "Lead"), ("setting", IDS["outgoing"][1])}

    def test_users_come_from_the_view_if_need_be(self, case: CreatioCase) -> None:
        here = case.twin.seed_user(name="Anna", email="anna@example.com")
        case.creatio.set(users_readable=False)
        users = {user.id: user for user in case.crm.users()}
        assert (users[here].name, users[here].email, users[here].active) == ("Anna", "anna@example.com", True)

    def test_links_of_both_interfaces(self, case: CreatioCase) -> None:
        ref = Ref(LEAD, "5b1d9a52-9d0f-5d4e-8d1b-0a6f3a4a9b04")
        assert case.crm.link(ref) == f"{case.url}/0/Nui/ViewModule.aspx#CardModuleV2/LeadPageV2/edit/{ref.id}"
        assert case.connect(interface="freedom").link(ref) == f"{case.url}/0/Shell/#Card/Leads_FormPage/edit/{ref.id}"

    @pytest.mark.parametrize(
        "settings",
        [{"base_url": ""}, {"auth": "magic"}, {"site": "x"}, {"completed": "done"}, {"prefix": "1 2"}, {"token_url": ""}],
    )
    def test_bad_settings_are_refused(self, case: CreatioCase, settings: dict[str, str]) -> None:
        with pytest.raises(Misconfigured):
            case.connect(**settings)

    def test_cloud_s_identity_service_is_known(self, case: CreatioCase) -> None:
        crm = case.connect(base_url="https://acme.creatio.com/", token_url="")
        assert crm.http.base_url == "https://acme.creatio.com"
        assert crm.http.credentials._endpoint.url == "https://acme-is.creatio.com/connect/token"  # type: ignore[attr-defined]


# ---- what answers mean (3)


def meaning(status: int, body: str = "", headers: Mapping[str, str] | None = None, *, forms: bool = False) -> Any:
    answer = read_answer(status, headers or {}, body.encode())
    return error_of("creatio", "test", answer, CreatioDialect(forms=forms))


def test_login_page_means_a_dead_session() -> None:
    page = '<html><a href="/Login/NuiLogin.aspx">'
    assert isinstance(meaning(302, headers={"location": "/Login/NuiLogin.aspx?ReturnUrl=x"}), Unauthorised)
    assert isinstance(meaning(200, page, {"content-type": "text/html"}), Unauthorised)
    assert isinstance(meaning(302, headers={"location": "/elsewhere"}), Misconfigured)


def test_empty_refusal_is_a_session_s_matter_only_with_cookies() -> None:
    assert isinstance(meaning(403, forms=True), Unauthorised)
    assert isinstance(meaning(403), Misconfigured)


def test_unknown_functions_are_not_tried_again() -> None:
    assert isinstance(meaning(501), Rejected)
    assert isinstance(meaning(405), Rejected)


def test_limit_of_the_front_door_has_a_pause() -> None:
    error = meaning(429, "<html>", {"content-type": "text/html"})
    assert isinstance(error, Transient)
    assert error.retry_after
    assert meaning(429, headers={"retry-after": "77"}).retry_after.total_seconds() == 77


# ---- texts


def test_numbers_are_looked_for_in_several_spellings() -> None:
    tails = queries.spelled_tails(PHONE)
    assert {"123 4567", "123-45-67", "123 45 67", "123.45.67"} <= set(tails)
    assert queries.plain_tail(PHONE) == "1234567"


def test_options_are_escaped() -> None:
    asked = queries.asking("LeadSource", filter="Name eq " + queries.quoted("O'Neil & +1#"), top=1)
    assert asked == "LeadSource?$filter=Name%20eq%20'O''Neil%20%26%20%2B1%23'&$top=1"


def test_texts_are_cut_between_characters() -> None:
    assert writing.cut("Ж😀😀", 4) == "Ж😀"
    assert writing.with_lines("x" * 70_000, "https://rec").endswith("x\nhttps://rec")


def test_importing_the_vendor_does_not_import_requests() -> None:
    code = "import sys, patchcord.crm.creatio; sys.exit('requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
