"""Zoho Desk against its twin: the contract, and what only Desk has (crm_zohodesk.md)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from patchcord.crm.connect import open_crm
from patchcord.crm.errors import Gone, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.http import Http
from patchcord.crm.port import Change, Crm, Search, Trace, Written
from patchcord.crm.zoho_desk import ZohoDesk, writing
from patchcord.crm.zoho_desk.declaration import DATA_CENTRES, DECLARATION, DeskDialect, TokenDialect
from patchcord.model.effects import LogKind
from patchcord.model.events import CallType, Outcome
from patchcord.model.phone import notations
from patchcord.model.records import RecordKind, Ref
from patchcord.scenarios.profiles import effective
from patchcord.store.memory import MemorySecrets, MemoryStore
from patchcord.wire import read_answer
from sandbox.twins.base import Fault, serve
from sandbox.twins.zoho_desk import ZohoDeskTwin
from tests.contract.crm_contract import (
    CONTACT,
    DEAL,
    ORGANIZATION,
    OTHER,
    PHONE,
    PLAIN,
    RECORDING,
    REGION,
    Case,
    CrmContract,
    call,
    done_task,
    draft,
    found,
    made,
    record,
    requests,
    seed,
    task,
    world,
)

PROJECT = "acme"


class ZohoDeskCase(Case):
    vendor: ClassVar[str] = "zoho_desk"
    paths: ClassVar[Mapping[str, str]] = {
        "look_up": "/search", "contact": "/contacts$", "organization": "/accounts$", "deal": "/tickets$",
        "task": "/tasks$", "log": "/calls$", "call": "/calls$", "note": "/comments$",
    }  # fmt: skip

    def __init__(self, twin: ZohoDeskTwin, url: str) -> None:
        self.desk = twin
        self.stored = MemorySecrets()
        self.store = MemoryStore()
        self.opened: list[ZohoDesk] = []
        super().__init__(twin, url)

    def connect(self, **settings: str) -> ZohoDesk:
        """A further connection with the secrets that are stored."""
        options = {**self.desk.connection(self.url).options, **settings}
        crm = cast(ZohoDesk, open_crm("zoho_desk", options, self.stored, self.store, PROJECT))
        self.opened.append(crm)
        return crm

    def open(self) -> ZohoDesk:
        secrets = self.desk.connection(self.url).secrets
        for name, value in secrets.items():
            self.stored.put(PROJECT, name, value)
        self.secrets += (json.loads(secrets["grant"])["access_token"],)
        return self.connect()

    def open_with_wrong_credentials(self) -> ZohoDesk:
        self.stored.put(PROJECT, "grant", json.dumps({"access_token": "1000.wrong", "refresh_token": "1000.wrong"}))
        return self.connect()

    def open_with_oauth(self) -> ZohoDesk:
        crm = self.open()
        refresh_token = json.loads(self.stored.get(PROJECT, "grant") or "")["refresh_token"]
        self.secrets += (refresh_token, self.desk.account.client_secret)
        return crm

    def expire_tokens(self) -> None:
        self.desk.expire_access_tokens()

    def http(self, crm: Crm) -> Http:
        return cast(ZohoDesk, crm).http

    def close(self) -> None:
        for crm in self.opened:
            crm.close()


def stored(case: ZohoDeskCase, ref: Ref) -> dict[str, Any]:
    """The record in the vendor's own shape."""
    module = {CONTACT: "contacts", ORGANIZATION: "accounts", DEAL: "tickets"}[ref.kind]
    return case.desk.state.tables[module][ref.id]


class TestZohoDesk(CrmContract):
    @pytest.fixture
    def case(self, traffic: Path) -> Iterator[ZohoDeskCase]:
        twin = ZohoDeskTwin()
        twin.marker_in_text = re.compile(r"^Patchcord (\S+)$", re.M)
        with serve(twin) as running:
            made_case = ZohoDeskCase(twin, running.url)
            yield made_case
            made_case.close()

    def second_stage(self, case: Case) -> tuple[str, str]:
        """A pipeline is a department, a stage the name of a status."""
        assert isinstance(case, ZohoDeskCase)
        return case.desk.seed_department("Repairs"), "Escalated"

    # --- where Desk differs from the suite

    @pytest.mark.parametrize("kind", [CONTACT, DEAL])
    def test_task_hangs_on_each_kind(self, case: Case, kind: RecordKind) -> None:
        """A task has no link to an account (8): see the next test."""
        super().test_task_hangs_on_each_kind(case, kind)

    def test_task_of_an_account_alone_names_it_in_its_text(self, case: ZohoDeskCase) -> None:
        ref = world(case).refs[ORGANIZATION]
        case.crm.create_task(task([ref]))
        (row,) = case.twin.tasks()
        assert (row["targets"], case.crm.link(ref) in row["text"].splitlines()) == ([], True)

    def test_note_is_added(self, case: Case) -> None:
        """A comment stands below one record (10): the ticket, where agents read it, else the contact."""
        known = world(case)
        case.crm.add_note(tuple(known.refs.values()), "Form: <price> & list\nsecond 😀", "patchcord:c1/note")
        case.crm.add_note((known.refs[ORGANIZATION], known.refs[CONTACT]), "Form", "patchcord:c2/note")
        case.crm.add_note((known.refs[ORGANIZATION],), "Form", "patchcord:c3/note")
        notes = case.twin.writes("note")
        wanted = [[["deal", known.refs[DEAL].id]], [["contact", known.refs[CONTACT].id]]]
        assert [write.fields["targets"] for write in notes[:2]] == wanted
        assert notes[2].fields["targets"] == [["organization", known.refs[ORGANIZATION].id]]
        assert notes[0].fields["text"] == "Form: <price> & list\nsecond 😀\nPatchcord patchcord:c1/note"
        assert notes[0].fields["marker"] == "patchcord:c1/note"

    def test_customers_never_see_a_comment(self, case: ZohoDeskCase) -> None:
        case.crm.add_note((world(case).refs[DEAL],), "Internal", "patchcord:c1/note")
        assert case.twin.writes("note")[0].fields["public"] is False

    # --- look-up (5, 6)

    @pytest.mark.parametrize("notation", [*notations(PHONE), "00380671234567", "067-123-45-67", "(067)1234567", "067.123.4567"])
    def test_number_is_found_when_the_index_strips_signs(self, case: ZohoDeskCase, notation: str) -> None:
        case.desk.set(index_strips=True)
        key = seed(case, CONTACT, phone=notation, name="Olena")
        assert [one.id for one in found(case, CONTACT)] == [key]

    def test_portal_that_refuses_wildcards_is_asked_plainly_from_then_on(self, case: ZohoDeskCase) -> None:
        case.desk.set(plain_numbers_only=True)
        for stored_as in (PHONE.e164, PHONE.digits, "0671234567"):
            key = seed(case, CONTACT, phone=stored_as, name="Olena")
            assert key in [one.id for one in found(case, CONTACT)]
        assert case.twin.count("GET", "/contacts/search") == 2 + 2 * 3

    def test_mobile_number_counts_and_nobody_is_found_twice(self, case: ZohoDeskCase) -> None:
        both = Ref(CONTACT, seed(case, CONTACT, phone=PHONE.e164, name="Both"))
        mobile = Ref(CONTACT, seed(case, CONTACT, phone=OTHER.e164, name="Mobile"))
        for ref in (both, mobile):
            stored(case, ref)["mobile"] = "067 123 4567"
        assert [one.id for one in found(case, CONTACT)] == [both.id, mobile.id]

    def test_mobile_numbers_can_be_left_out(self, case: ZohoDeskCase) -> None:
        crm = case.connect(search_mobile="no")
        assert crm.find(PHONE, PLAIN) == ()
        assert requests(case) == 2

    def test_ticket_of_an_unknown_contact_is_found_by_its_own_number(self, case: ZohoDeskCase) -> None:
        contact = seed(case, CONTACT, phone=OTHER.e164, name="By mail")
        ticket = seed(case, DEAL, phone="067-123-45-67", contact=contact, name="From a form")
        (one,) = case.crm.find(PHONE, PLAIN)
        assert (one.kind, one.id, one.contact) == (DEAL, ticket, contact)
        assert case.crm.find(PHONE, Search(REGION, formats=("+380501112233",))) == ()

    @pytest.mark.parametrize(("status", "is_open"), [("On Hold", True), ("Escalated", True), ("Closed", False)])
    def test_open_is_a_matter_of_the_type_of_status(self, case: ZohoDeskCase, status: str, is_open: bool) -> None:
        known = world(case)
        case.desk.set_ticket_status(known.refs[DEAL].id, status)
        assert [one.open for one in found(case, DEAL)] == [is_open]

    def test_tickets_of_each_contact_are_found(self, case: ZohoDeskCase) -> None:
        tickets = set()
        for name in ("One", "Two"):
            contact = seed(case, CONTACT, phone=PHONE.e164, name=name)
            tickets.add(seed(case, DEAL, contact=contact, name=name))
        assert {one.id for one in found(case, DEAL)} == tickets

    def test_contact_deleted_behind_the_index_is_no_error(self, case: ZohoDeskCase) -> None:
        world(case)
        case.misbehave(Fault("status", path="/contacts/[0-9]+/tickets", status=404))
        assert found(case, DEAL) == []

    def test_times_are_told(self, case: ZohoDeskCase) -> None:
        at = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
        seed(case, DEAL, phone=PHONE.e164, name="Old", updated=at)
        (one,) = found(case, DEAL)
        assert (one.created_at, one.updated_at) == (at, at)

    def test_visit_data_are_read_where_lists_are_short(self, case: ZohoDeskCase) -> None:
        case.desk.set(short_lists=True)
        field = case.twin.seed_field("deal", "utm_source")
        seed(case, DEAL, phone=PHONE.e164, name="Known", attribution={"utm_source": "google"})
        search = Search(REGION, attribution={DEAL: {"utm_source": field}})
        assert found(case, DEAL, search)[0].attribution == {"utm_source": "google"}
        assert requests(case) == 4

    def test_new_record_is_invisible_to_the_search_for_a_while(self, case: ZohoDeskCase) -> None:
        case.twin.search_lag = timedelta(seconds=30)
        made(case.crm.create([draft(CONTACT)]))
        assert case.crm.find(PHONE, PLAIN) == ()
        assert DECLARATION.search_lag > case.twin.search_lag

    def test_new_ticket_of_a_known_contact_is_seen_at_once(self, case: ZohoDeskCase) -> None:
        case.twin.search_lag = timedelta(seconds=30)
        contact = Ref(CONTACT, seed(case, CONTACT, phone=PHONE.e164, name="Olena"))
        refs = made(case.crm.create([draft(DEAL, links=(contact,))]))
        assert [one.id for one in found(case, DEAL)] == [refs["deal"].id]

    # --- creation and changes (7)

    def test_ticket_has_department_channel_and_the_contact_s_number(self, case: ZohoDeskCase) -> None:
        refs = made(case.crm.create([draft(CONTACT), draft(DEAL, links=("contact",))]))
        row = stored(case, refs["deal"])
        wanted = (case.desk.department, "Phone", PHONE.e164, "Open")
        assert (row["departmentId"], row["channel"], row["phone"], row["status"]) == wanted

    def test_channel_can_be_left_to_desk(self, case: ZohoDeskCase) -> None:
        refs = made(case.connect(channel="").create([draft(CONTACT), draft(DEAL, links=("contact",))]))
        assert stored(case, refs["deal"])["channel"] is None

    def test_ticket_without_a_contact_makes_one_of_the_number(self, case: ZohoDeskCase) -> None:
        refs = made(case.crm.create([draft(DEAL, phone=PHONE.e164)]))
        assert requests(case) == 1
        contact = Ref(CONTACT, record(case, refs["deal"])["contact"])
        assert record(case, contact)["name"] == PHONE.e164
        assert [one.id for one in found(case, DEAL)] == [refs["deal"].id]

    def test_email_of_another_contact_is_left_out(self, case: ZohoDeskCase) -> None:
        made(case.crm.create([draft(CONTACT, "one", email="olena@example.com")]))
        refs = made(case.crm.create([draft(CONTACT, "two", email="Olena@example.com")]))
        assert record(case, refs["two"])["email"] is None
        assert case.twin.count("POST", "/contacts$") == 3

    def test_numbers_are_sent_when_texts_are_refused(self, case: ZohoDeskCase) -> None:
        case.desk.set(numbers_as_texts=False)
        field = case.twin.seed_field("contact", "Size", "number")
        refs = made(case.crm.create([draft(CONTACT, fields={field: "1 200,5"})]))
        assert record(case, refs["contact"])["fields"] == {"Size": 1200.5}

    def test_refused_option_is_rejected_with_the_field(self, case: ZohoDeskCase) -> None:
        field = case.twin.seed_field("contact", "Source", "option", ("Phone",))
        error = case.crm.create([draft(CONTACT, fields={field: "Fax"})]).error
        assert isinstance(error, Rejected)
        assert "/cf/cf_source invalid" in error.words

    def test_long_values_of_fields_are_cut(self, case: ZohoDeskCase) -> None:
        field = case.twin.seed_field("contact", "utm_campaign")
        refs = made(case.crm.create([draft(CONTACT, fields={field: "x" * 500})]))
        assert len(record(case, refs["contact"])["attribution"]["utm_campaign"]) == 100

    def test_desk_s_own_fields_can_be_filled(self, case: ZohoDeskCase) -> None:
        refs = made(case.crm.create([draft(CONTACT), draft(DEAL, links=("contact",), fields={"priority": "High"})]))
        assert stored(case, refs["deal"])["priority"] == "High"

    @pytest.mark.parametrize("name", ["ownerId", "cf_ü", "cf_a b", "id"])
    def test_other_names_of_fields_are_not_sent(self, case: ZohoDeskCase, name: str) -> None:
        with pytest.raises(Rejected):
            case.crm.update(world(case).refs[CONTACT], Change(fields={name: "x"}))
        assert requests(case) == 0

    def test_new_name_takes_the_place_of_both(self, case: ZohoDeskCase) -> None:
        ref = Ref(CONTACT, seed(case, CONTACT, phone=PHONE.e164, name="Olena Koval"))
        assert stored(case, ref)["firstName"] == "Olena"
        case.crm.update(ref, Change(name="Ірина Об'єднана"))
        assert record(case, ref)["name"] == "Ірина Об'єднана"

    def test_contact_s_name_is_cut_as_the_server_counts(self) -> None:
        assert writing.cut_name(CONTACT, "😀" * 100) == "😀" * 50
        assert writing.cut("a😀", 2) == "a"

    def test_marker_goes_into_its_field_and_beats_names(self, case: ZohoDeskCase) -> None:
        words = {"contact": CONTACT, "account": ORGANIZATION, "ticket": DEAL}
        settings = {f"marker_fields.{word}": case.twin.seed_field(kind.value, "patchcord_marker") for word, kind in words.items()}
        crm, since = case.connect(**settings), datetime.now(UTC)
        contact = Ref(CONTACT, seed(case, CONTACT, name="Olena", phone=OTHER.e164))
        for short in (False, True):
            case.desk.set(short_lists=short)
            for kind in words.values():
                links = (contact,) if kind is DEAL else ()
                one = draft(kind, f"{kind}{short}", name="Same", links=links, phone=None)
                ours = made(crm.create([one]))[one.key]
                made(crm.create([draft(kind, f"{kind}{short}x", name="Same", links=links, phone=None)]))
                trace = Trace(marker=one.marker, sort=Written.RECORD, since=since, kind=kind, name="Same", targets=links)
                assert crm.find_by_marker(trace) == ours.id
        assert crm.check() == ()

    # --- tasks, calls, comments (8-10)

    def test_task_is_kept_in_the_department(self, case: ZohoDeskCase) -> None:
        refs = world(case).refs
        case.crm.create_task(task([refs[DEAL]], board=case.desk.seed_department("Repairs")))
        case.crm.create_task(task([refs[DEAL]]))
        departments = [row["departmentId"] for row in case.desk.state.tables["tasks"].values()]
        assert departments[1] == case.desk.department != departments[0]

    def test_completed_task_closes_with_the_portal_s_own_status(self, case: ZohoDeskCase) -> None:
        case.desk.set(task_statuses={"Not Started": "Open", "Fertig": "Closed"})
        crm = case.connect(task_completed="Fertig")
        key = crm.create_task(done_task([world(case).refs[CONTACT]]))
        assert crm.task(key).completed

    def test_second_contact_is_named_in_the_text(self, case: ZohoDeskCase) -> None:
        second = Ref(CONTACT, seed(case, CONTACT, name="Second"))
        case.crm.create_task(task([world(case).refs[CONTACT], second]))
        assert case.crm.link(second) in case.twin.tasks()[0]["text"].splitlines()

    @pytest.mark.parametrize("short", [False, True])
    def test_lost_task_of_a_contact_is_found_among_many(self, case: ZohoDeskCase, short: bool) -> None:
        case.desk.set(short_lists=short)
        contact, since = world(case).refs[CONTACT], datetime.now(UTC)
        for number in range(3):
            case.twin.seed_task(title=str(number), updated=since - timedelta(days=1))
        key = case.crm.create_task(task([contact]))
        trace = Trace(marker="patchcord:c1/task", sort=Written.TASK, since=since, targets=(contact,))
        assert case.crm.find_by_marker(trace) == key
        assert case.twin.count("GET", "/tasks/") == short

    @pytest.mark.parametrize(
        ("way", "outcome", "wanted"),
        [
            (CallType.IN, Outcome.ANSWERED, ("inbound", "Completed")),
            (CallType.IN, Outcome.MISSED, ("inbound", "Missed")),
            (CallType.OUT, Outcome.NO_ANSWER, ("outbound", "Missed")),
        ],
    )
    def test_call_has_direction_status_and_recording(
        self, case: ZohoDeskCase, way: CallType, outcome: Outcome, wanted: tuple[str, str]
    ) -> None:
        known = world(case)
        body = call(list(known.refs.values()), LogKind.CALL, call_type=way, outcome=outcome, author=known.owner)
        key = case.crm.log_call(body)
        row = case.desk.state.tables["calls"][key]
        assert (row["direction"], row["status"]) == wanted
        assert (row["recordingUrl"], row["duration"], row["ownerId"]) == (RECORDING, 74, known.owner)
        assert (row["contactId"], row["ticketId"]) == (known.refs[CONTACT].id, known.refs[DEAL].id)
        assert row["startTime"] == "2026-09-12T08:13:40.000Z"

    def test_call_of_a_ticket_takes_the_ticket_s_contact(self, case: ZohoDeskCase) -> None:
        known = world(case)
        key = case.crm.log_call(call([known.refs[DEAL]], LogKind.CALL))
        assert case.desk.state.tables["calls"][key]["contactId"] == known.refs[CONTACT].id

    def test_call_without_a_contact_is_rejected(self, case: ZohoDeskCase) -> None:
        with pytest.raises(Rejected, match="a call needs a contact"):
            case.crm.log_call(call([world(case).refs[ORGANIZATION]], LogKind.CALL))
        with pytest.raises(Rejected):
            case.crm.add_note((), "text", "patchcord:c1/note")

    def test_odd_recording_stands_in_the_text_once(self, case: ZohoDeskCase) -> None:
        key = case.crm.log_call(call([world(case).refs[CONTACT]], LogKind.CALL, recording="ftp://records.example/1"))
        for _ in range(2):
            case.crm.add_recording(Written.LOG, key, "ftp://records.example/2")
        lines = case.desk.state.tables["calls"][key]["description"].splitlines()
        assert lines[1:] == ["ftp://records.example/1", "Patchcord patchcord:c1/log", "ftp://records.example/2"]

    def test_comment_with_a_recording_is_not_repeated(self, case: ZohoDeskCase) -> None:
        key = case.crm.log_call(call([world(case).refs[DEAL]], LogKind.NOTE))
        case.crm.add_recording(Written.LOG, key, RECORDING)
        assert len(case.twin.writes("note")) == 1

    def test_text_is_cut_before_its_last_lines(self) -> None:
        text = writing.description("😀" * 50_000, "m:1", RECORDING, length=32_000)
        assert len(text.encode("utf-16-le")) // 2 <= 32_000
        assert text.endswith(f"\n{RECORDING}\nPatchcord m:1")

    # --- paging (4)

    @pytest.mark.parametrize("first", [0, 1])
    def test_long_lists_are_read_whole_wherever_they_begin(self, case: ZohoDeskCase, first: int) -> None:
        case.desk.set(first_place=first)
        wanted = {case.twin.seed_user(name=f"Agent {number}") for number in range(450)}
        users = [user.id for user in case.crm.users()]
        assert wanted < set(users)
        assert len(users) == len(set(users)) == 451
        assert case.twin.count("GET", "/agents") == 3

    # --- signing in and limits (1, 2, 3)

    def test_ten_threads_refresh_once(self, case: ZohoDeskCase) -> None:
        case.expire_tokens()
        threads = [threading.Thread(target=lambda: case.crm.find(PHONE, PLAIN)) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert case.twin.count("POST", "/oauth") == 1

    def test_refused_refresh_with_status_200_is_unauthorised(self, case: ZohoDeskCase) -> None:
        case.desk.revoke_grants()
        with pytest.raises(Unauthorised, match="invalid_code"):
            case.crm.find(PHONE, PLAIN)

    def test_too_many_refreshes_pass_by_themselves(self, case: ZohoDeskCase) -> None:
        case.desk.set(tokens_per_window=0)
        case.open()
        case.desk.revoke_grants()
        case.desk.set(tokens_per_window=1)
        crm = case.open()
        for _ in range(2):
            case.expire_tokens()
            outcome = _error_of(crm)
        assert isinstance(outcome, Transient)
        assert outcome.retry_after == timedelta(minutes=10)

    def test_wrong_portal_is_told_by_the_check(self, case: ZohoDeskCase) -> None:
        crm = case.connect(org_id="1")
        assert [lack.code for lack in crm.check()] == ["portal"]
        with pytest.raises(Misconfigured, match="OAUTH_ORG_MISMATCH"):
            crm.find(PHONE, PLAIN)

    def test_check_tells_department_scopes_and_fields(self, case: ZohoDeskCase) -> None:
        closed = case.desk.seed_department("Closed", enabled=False)
        assert [lack.code for lack in case.connect(department_id=closed).check()] == ["department"]
        settings = {"marker_fields.ticket": "cf_patchcord_marker"}
        assert [lack.code for lack in case.connect(**settings).check()] == ["marker_field"]
        scopes = tuple(scope for scope in case.desk.account.scopes if "calls" not in scope)
        case.desk.set(scopes=scopes)
        lacks = case.open().check()
        assert {lack.code for lack in lacks} == {"scope"}
        assert [lack for lack in lacks if "Desk.calls.CREATE" in lack.what]

    def test_check_tells_what_the_edition_lacks(self, case: ZohoDeskCase) -> None:
        case.twin.refusal = lambda status, words, code="": _license()  # type: ignore[method-assign]
        case.misbehave(Fault("status", path="/calls$", status=403))
        assert [lack.code for lack in case.crm.check()] == ["plan"]

    def test_day_s_credits_are_waited_for(self, case: ZohoDeskCase) -> None:
        case.desk.set(credits=5)
        error = _error_of(case.crm)
        assert isinstance(error, Transient)
        assert error.cool_down
        assert timedelta() < (error.retry_after or timedelta()) <= timedelta(days=1)

    def test_too_many_at_once_is_a_jittered_second(self) -> None:
        def pause(code: str, **headers: str) -> timedelta | None:
            body = json.dumps({"errorCode": code, "message": ""}).encode()
            return DeskDialect().retry_after(read_answer(429, {"Content-Type": "application/json", **headers}, body))

        assert timedelta(seconds=1) <= (pause("TOO_MANY_REQUESTS") or timedelta()) <= timedelta(seconds=2)
        assert pause("THRESHOLD_EXCEEDED") == timedelta(hours=1)
        assert pause("THRESHOLD_EXCEEDED", **{"Retry-After": "30"}) == timedelta(seconds=30)

    def test_words_without_an_error_code_are_told_too(self) -> None:
        answer = read_answer(400, {"Content-Type": "application/json"}, b'{"message": "Odd"}')
        assert (DeskDialect().words(answer), TokenDialect().status(answer)) == ("Odd", 400)

    # --- connecting

    def test_addresses_follow_from_the_data_centre(self, case: ZohoDeskCase) -> None:
        hosts = {}
        for centre in DATA_CENTRES:
            crm = case.connect(base_url="", accounts_url="", data_centre=centre)
            hosts[centre] = crm.http.base_url
        assert (hosts["eu"], hosts["com.au"]) == ("https://desk.zoho.eu", "https://desk.zoho.com.au")
        assert hosts["ca"] == "https://desk.zohocloud.ca"

    @pytest.mark.parametrize(
        "settings",
        [
            {"org_id": ""},
            {"org_id": "acme"},
            {"portal": ""},
            {"department_id": ""},
            {"department_id": "Support"},
            {"accounts_url": ""},
            {"base_url": "", "accounts_url": ""},
            {"base_url": "", "accounts_url": "", "data_centre": "mars"},
            {"field_length": "long"},
            {"marker_fields.lead": "cf_x"},
        ],
    )
    def test_wrong_settings_are_told(self, case: ZohoDeskCase, settings: dict[str, str]) -> None:
        with pytest.raises(Misconfigured):
            case.connect(**settings)

    def test_numbers_that_are_no_ids_are_gone(self, case: ZohoDeskCase) -> None:
        for key in ("", "x", "1" * 26, "١٢"):
            with pytest.raises(Gone):
                case.crm.task(key)
        assert requests(case) == 0

    def test_link_is_the_record_s_own(self, case: ZohoDeskCase) -> None:
        for ref in world(case).refs.values():
            address = stored(case, ref)["webUrl"].removeprefix("https://desk.zoho.eu")
            assert case.crm.link(ref) == case.url + address

    def test_search_values_are_within_the_vendor_s_limits(self) -> None:
        values = writing.searched(PHONE).split(",")
        assert values[0] == PHONE.e164
        assert len(values) == len(set(values)) <= 30
        assert all(re.fullmatch(r"[*+\d() .\-]+", value) for value in values)


def _error_of(crm: Crm) -> Exception | None:
    try:
        crm.find(PHONE, PLAIN)
    except (Transient, Unauthorised) as error:
        return error
    return None


def _license() -> Any:
    from sandbox.twins.zoho_desk.wire import error

    return error(403, "Your edition does not have it.", "LICENSE_ACCESS_LIMITED")


def test_declaration_agrees_with_the_profile() -> None:
    profile = effective({"crm": {"vendor": "zoho_desk"}})
    assert {kind.value for kind in DECLARATION.phone_kinds} == {str(kind) for kind in profile.vendor.phone_kinds}
    assert {kind.value for kind in profile.vendor.words.values()} <= {kind.value for kind in DECLARATION.kinds}


def test_importing_the_vendor_does_not_import_requests() -> None:
    code = "import sys, patchcord.crm.zoho_desk; sys.exit('requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
