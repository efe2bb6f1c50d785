"""Kommo against its twin: the contract, and what only Kommo has (crm_kommo.md)."""

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
from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.http import Http
from patchcord.crm.kommo import Kommo, answers, reading, writing
from patchcord.crm.kommo.declaration import DECLARATION, KommoDialect
from patchcord.crm.port import Change, Crm, Search, Trace, Written
from patchcord.model.effects import LogKind
from patchcord.model.events import CallType, Outcome
from patchcord.model.phone import notations
from patchcord.model.records import RecordKind, Ref
from patchcord.scenarios.profiles import effective
from patchcord.store.memory import MemorySecrets, MemoryStore
from patchcord.wire import read_answer
from sandbox.twins.base import Fault, serve
from sandbox.twins.kommo import Account, KommoTwin
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
VISIT = {"utm_source": "google", "utm_medium": "cpc", "client_id": "GA1.2.1"}


class KommoCase(Case):
    vendor: ClassVar[str] = "kommo"
    paths: ClassVar[Mapping[str, str]] = {
        "look_up": "/contacts", "contact": "/contacts", "organization": "/companies", "deal": "/leads", "task": "/tasks",
        "log": "/calls", "note": "/notes",
    }  # fmt: skip

    def __init__(self, twin: KommoTwin, url: str) -> None:
        self.kommo = twin
        self.stored = MemorySecrets()
        self.store = MemoryStore()
        self.opened: list[Crm] = []
        super().__init__(twin, url)
        self.secrets = (twin.account.token,)

    def connect(self, **settings: str) -> Kommo:
        crm = open_crm("kommo", {"base_url": self.url, **settings}, self.stored, self.store, PROJECT)
        self.opened.append(crm)
        return cast(Kommo, crm)

    def open(self) -> Crm:
        self.stored.put(PROJECT, "api_token", self.kommo.account.token)
        return self.connect()

    def open_with_wrong_credentials(self) -> Crm:
        self.stored.put(PROJECT, "api_token", "wrong-token")
        return self.connect()

    def open_with_oauth(self) -> Kommo:
        grant = self.kommo.grant()
        facts = {"access_token": grant.access, "refresh_token": grant.refresh, "expires_at": grant.expires.isoformat()}
        self.stored.put(PROJECT, "grant", json.dumps(facts))
        self.stored.put(PROJECT, "client_id", self.kommo.account.client_id)
        self.stored.put(PROJECT, "client_secret", self.kommo.account.client_secret)
        self.secrets += (grant.access, grant.refresh, self.kommo.account.client_secret)
        return self.connect_with_grant()

    def connect_with_grant(self) -> Kommo:
        return self.connect(auth="oauth", redirect_uri=self.kommo.account.redirect_uri)

    def expire_tokens(self) -> None:
        self.kommo.expire_access_tokens()

    def http(self, crm: Crm) -> Http:
        return cast(Kommo, crm).http

    def close(self) -> None:
        for crm in self.opened:
            cast(Kommo, crm).close()


class TestKommo(CrmContract):
    @pytest.fixture
    def case(self, traffic: Path) -> Iterator[KommoCase]:
        twin = KommoTwin()
        twin.marker_in_text = re.compile(r"^Patchcord (\S+)$", re.M)
        with serve(twin) as running:
            made_case = KommoCase(twin, running.url)
            yield made_case
            made_case.close()

    def second_stage(self, case: Case) -> tuple[str, str]:
        assert isinstance(case, KommoCase)
        pipeline, stages = case.kommo.seed_pipeline("Repairs", ("New", "In work"))
        return pipeline, stages[1]

    # --- look-up (4, 5)

    def test_number_of_a_company_is_found_with_its_leads(self, case: KommoCase) -> None:
        acme = seed(case, ORGANIZATION, phone=PHONE.e164, name="Acme")
        lead = seed(case, DEAL, name="Of Acme", organization=acme)
        assert [(one.kind, one.id, one.organization) for one in case.crm.find(PHONE, PLAIN)] == [
            (ORGANIZATION, acme, None), (DEAL, lead, acme),
        ]  # fmt: skip
        assert requests(case) == 3

    @pytest.mark.parametrize(
        ("companies", "status", "asked"),
        [("needed", "open", 0), ("needed", "won", 1), ("always", "open", 1), ("never", "won", 0), ("never", "lost", 0)],
    )
    def test_companies_are_searched_as_set(self, case: KommoCase, companies: str, status: Any, asked: int) -> None:
        seed(case, DEAL, phone=PHONE.e164, name="One", status=status)
        company = seed(case, ORGANIZATION, phone=PHONE.e164, name="Acme")
        refs = {one.ref for one in case.connect(companies=companies).find(PHONE, PLAIN)}
        assert case.twin.count("GET", "/companies") == asked
        assert (Ref(ORGANIZATION, company) in refs) == bool(asked)

    def test_lead_of_contact_and_company_comes_once(self, case: KommoCase) -> None:
        acme = seed(case, ORGANIZATION, phone=PHONE.e164, name="Acme")
        contact = seed(case, CONTACT, phone=PHONE.e164, name="Olena", organization=acme)
        seed(case, DEAL, name="Both", contact=contact, organization=acme)
        shown = case.connect(companies="always").find(PHONE, PLAIN)
        assert [one.kind for one in shown] == [CONTACT, ORGANIZATION, DEAL]
        assert shown[1].name == "Acme"

    @pytest.mark.parametrize("stored", notations(PHONE))
    def test_thorough_search_finds_what_is_stored_as_text(self, case: KommoCase, stored: str) -> None:
        case.kommo.set(search_ignores_punctuation=False)
        key = seed(case, CONTACT, phone=stored, name="Olena")
        assert [one.id for one in case.connect(search="thorough").find(PHONE, PLAIN)] == [key]

    def test_thorough_search_costs_nothing_where_the_first_term_finds(self, case: KommoCase) -> None:
        world(case)
        assert case.connect(search="thorough").find(PHONE, PLAIN)
        assert requests(case) == DECLARATION.requests.look_up

    def test_number_in_another_field_is_not_taken(self, case: KommoCase) -> None:
        seed(case, CONTACT, phone=OTHER.e164, name=f"Call {PHONE.e164} back")
        field = case.twin.seed_field("contact", "Remark")
        made(case.crm.create([draft(CONTACT, phone=OTHER.e164, name="Remarked", fields={field: PHONE.national})]))
        assert case.crm.find(PHONE, PLAIN) == ()

    def test_incoming_leads_are_open_unless_their_stage_is_named(self, case: KommoCase) -> None:
        (stage,) = [row["id"] for row in case.kommo.state.statuses[61] if row["type"] == 1]
        seed(case, DEAL, phone=PHONE.e164, name="Waiting", stage=str(stage))
        assert [one.open for one in found(case, DEAL)] == [True]
        crm = case.connect(incoming_stages=f"{stage}, 9999")
        assert [one.open for one in crm.find(PHONE, PLAIN) if one.kind is DEAL] == [False]

    def test_more_leads_than_fit_one_request_come_last_changed_first(self, case: KommoCase) -> None:
        contact = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        now = datetime.now(UTC)
        for number in range(120):
            seed(case, DEAL, name=str(number), contact=contact, updated=now - timedelta(minutes=number))
        names = [one.name for one in found(case, DEAL)]
        assert len(set(names)) == 120
        assert names[0] == "20"
        assert requests(case) == 3

    def test_times_are_told(self, case: KommoCase) -> None:
        at = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
        seed(case, DEAL, phone=PHONE.e164, name="Old", updated=at)
        (lead,) = found(case, DEAL)
        assert (lead.updated_at, lead.created_at) == (at, at)

    def test_robot_owns_nothing(self, case: KommoCase) -> None:
        key = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        case.kommo.state.records["contacts"][int(key)]["responsible_user_id"] = 0
        assert found(case, CONTACT)[0].owner is None

    def test_visit_is_read_back_from_utm_fields_by_their_code(self, case: KommoCase) -> None:
        made(case.crm.create([draft(CONTACT), draft(DEAL, links=("contact",), attribution=VISIT)]))
        (lead,) = found(case, DEAL, Search(REGION, attribution={DEAL: {"utm_source": "UTM_SOURCE"}}))
        assert lead.attribution == {"utm_source": "google"}

    # --- creation (6)

    def test_lead_of_a_known_contact_with_a_new_company_is_one_request(self, case: KommoCase) -> None:
        known = seed(case, CONTACT, phone=PHONE.e164, name="Olena", owner=case.twin.seed_user(name="Anna"))
        contact = Ref(CONTACT, known)
        refs = made(case.crm.create([draft(ORGANIZATION), draft(DEAL, links=(contact, "organization"))]))
        assert case.twin.count("POST") == case.twin.count("POST", "/leads/complex$") == 1
        row = record(case, refs["deal"])
        assert (row["contact"], row["organization"]) == (known, refs["organization"].id)
        assert record(case, contact)["name"] == "Olena"

    def test_lead_of_several_contacts_has_its_first_for_the_main_one(self, case: KommoCase) -> None:
        keys = [seed(case, CONTACT, phone=PHONE.e164, name=name) for name in ("One", "Two")]
        made(case.crm.create([draft(DEAL, links=tuple(Ref(CONTACT, key) for key in keys))]))
        (lead,) = case.kommo.state.records["leads"].values()
        assert lead["contacts"] == [int(key) for key in keys]
        assert requests(case) == 1

    def test_records_that_have_nothing_to_do_with_each_other_stay_so(self, case: KommoCase) -> None:
        refs = made(case.crm.create([draft(CONTACT), draft(DEAL)]))
        assert record(case, refs["deal"])["contact"] is None

    def test_contact_of_a_lead_that_exists_is_linked(self, case: KommoCase) -> None:
        lead = Ref(DEAL, seed(case, DEAL, name="Lead"))
        refs = made(case.crm.create([draft(CONTACT, links=(lead,))]))
        assert record(case, lead)["contact"] == refs["contact"].id

    def test_utm_fields_of_leads_are_filled(self, case: KommoCase) -> None:
        refs = made(case.crm.create(new_client(case, attribution=VISIT)))
        assert record(case, refs["deal"])["attribution"] == {"utm_source": "google", "utm_medium": "cpc"}
        assert case.twin.count("POST") == 1

    def test_account_without_utm_fields_is_recognised_once(self, traffic: Path) -> None:
        with serve(KommoTwin(account=Account(tracking_fields=False))) as running:
            case = KommoCase(cast(KommoTwin, running.twin), running.url)
            for name in ("one", "two"):
                made(case.crm.create(new_client(case, name=name, attribution=VISIT)))
            lead = next(iter(case.twin.records("deal")))
            case.crm.update(Ref(DEAL, lead["id"]), Change(attribution=VISIT))
            case.close()
        assert case.twin.count("POST", "/leads/complex$") == 3
        assert case.twin.count("GET", "/leads/custom_fields") == 1
        assert case.twin.count("PATCH") == 0
        assert len(case.twin.writes("create", "deal")) == 2

    def test_utm_field_that_a_project_maps_is_not_sent_twice(self, case: KommoCase) -> None:
        source = next(field for field in case.crm.fields(DEAL) if field.name == "utm_source")
        assert (source.custom, source.type) == (False, "string")
        refs = made(case.crm.create([draft(DEAL, fields={source.id: "mapped"}, attribution=VISIT)]))
        assert record(case, refs["deal"])["attribution"] == {"utm_source": "mapped", "utm_medium": "cpc"}

    def test_utm_fields_are_changed(self, case: KommoCase) -> None:
        ref = world(case).refs[DEAL]
        case.crm.update(ref, Change(attribution={"utm_source": "bing"}))
        assert record(case, ref)["attribution"] == {"utm_source": "bing"}

    @pytest.mark.parametrize("kind", [CONTACT, ORGANIZATION, DEAL])
    def test_refusal_of_a_set_names_the_guilty_draft(self, case: KommoCase, kind: RecordKind) -> None:
        drafts = [draft(ORGANIZATION), draft(CONTACT, links=("organization",)), draft(DEAL, links=("contact",))]
        wrong = {one.key: {"99": "x"} if one.kind is kind else {} for one in drafts}
        bad = [draft(one.kind, links=one.links, fields=wrong[one.key]) for one in drafts]
        created = case.crm.create(bad)
        assert (created.failed, created.refs) == (kind.value, {})
        assert isinstance(created.error, Rejected)
        assert "field_id: The value you selected is not a valid choice." in created.error.words
        assert case.twin.ledger == ()

    def test_creator_and_labels_are_set(self, case: KommoCase) -> None:
        anna = case.twin.seed_user(name="Anna")
        drafts = [
            draft(CONTACT, creator=anna, tags=("call",)),
            draft(DEAL, links=("contact",), creator=anna, tags=("call", "new")),
        ]
        refs = made(case.crm.create(drafts))
        lead = case.kommo.state.records["leads"][int(refs["deal"].id)]
        assert (lead["created_by"], [tag["name"] for tag in lead["tags"]]) == (int(anna), ["call", "new"])
        assert record(case, refs["contact"])["tags"] == ["call"]

    def test_lead_joined_by_duplicate_control_is_the_one_it_was_joined_with(self, case: KommoCase) -> None:
        known = world(case)
        case.kommo.set(duplicate_control=True)
        refs = made(case.crm.create([draft(CONTACT), draft(DEAL, links=("contact",))]))
        assert (refs["deal"], refs["contact"]) == (known.refs[DEAL], known.refs[CONTACT])

    def test_types_of_fields_are_read_once_and_only_when_refused(self, case: KommoCase) -> None:
        number = case.twin.seed_field("contact", "Size", "number")
        for name in ("one", "two"):
            made(case.crm.create([draft(CONTACT, name=name, fields={number: "42"})]))
        assert case.twin.count("GET", "/custom_fields") == 1
        assert case.twin.count("POST", "/contacts") == 3

    def test_values_too_long_for_their_field_are_cut(self, case: KommoCase) -> None:
        field = case.twin.seed_field("contact", "patchcord_landing")
        refs = made(case.crm.create([draft(CONTACT, fields={field: "https://shop.example/?" + "x" * 500})]))
        assert len(record(case, refs["contact"])["attribution"]["landing"]) == 256

    def test_marker_goes_into_its_field_and_beats_name_and_number(self, case: KommoCase) -> None:
        words = {"contact": "contact", "company": "organization", "lead": "deal"}
        keys = {f"marker_fields.{word}": case.twin.seed_field(kind, "patchcord_marker") for word, kind in words.items()}
        crm, since = case.connect(**keys), a_moment_ago()
        refs = made(crm.create(new_client(case)))
        for key in ("contact", "organization", "deal"):
            made(crm.create([draft(RecordKind(key), f"other-{key}")]))
        for key, ref in refs.items():
            assert record(case, ref)["marker"] == f"patchcord:c1/{key}"
            trace = Trace(marker=f"patchcord:c1/{key}", sort=Written.RECORD, since=since, kind=ref.kind,
                          name=f"{key} {PHONE.e164}", phone=PHONE.e164)  # fmt: skip
            assert crm.find_by_marker(trace) == ref.id
        assert crm.check() == ()

    def test_whole_set_whose_answer_was_lost_is_found(self, case: KommoCase) -> None:
        since, drafts = a_moment_ago(), new_client(case)
        case.misbehave(Fault("lose_answer", path="/leads/complex"))
        created = case.crm.create(drafts)
        assert (created.failed, created.refs) == ("deal", {})
        assert isinstance(created.error, Transient)
        ids = {write.kind: write.id for write in case.twin.writes("create")}
        targets: tuple[Ref, ...] = ()
        for one in drafts:
            trace = Trace(marker=one.marker, sort=Written.RECORD, since=since, kind=one.kind, targets=targets, name=one.name,
                          phone=PHONE.e164)  # fmt: skip
            assert case.crm.find_by_marker(trace) == ids[one.kind.value]
            targets += (Ref(one.kind, ids[one.kind.value]),)

    # --- tasks (8)

    @pytest.mark.parametrize(
        ("settings", "kinds", "expected"),
        [
            ({}, (ORGANIZATION, DEAL, CONTACT), CONTACT), ({"card": "lead"}, (ORGANIZATION, CONTACT, DEAL), DEAL),
            ({}, (ORGANIZATION, DEAL), DEAL), ({"card": "lead"}, (ORGANIZATION, CONTACT), CONTACT),
        ],
    )  # fmt: skip
    def test_task_hangs_on_one_card(
        self, case: KommoCase, settings: dict[str, str], kinds: tuple[RecordKind, ...], expected: RecordKind
    ) -> None:
        known, since = world(case), a_moment_ago()
        targets = tuple(known.refs[kind] for kind in kinds)
        crm = case.connect(**settings)
        key = crm.create_task(task(targets))
        assert case.twin.tasks()[0]["targets"] == [[expected.value, known.refs[expected].id]]
        trace = Trace(marker="patchcord:c1/task", sort=Written.TASK, since=since, targets=targets)
        assert crm.find_by_marker(trace) == key

    def test_recording_is_the_result_of_a_completed_task(self, case: KommoCase) -> None:
        case.crm.create_task(done_task([world(case).refs[CONTACT]]))
        (row,) = case.kommo.state.tasks.values()
        assert row["result"] == {"text": RECORDING}
        assert RECORDING not in row["text"]

    def test_recording_is_in_the_text_of_an_open_task(self, case: KommoCase) -> None:
        case.crm.create_task(task([world(case).refs[CONTACT]], recording=RECORDING))
        key = case.crm.create_task(task([], marker="m2"))
        case.crm.add_recording(Written.TASK, key, RECORDING)
        assert [(row["recording"], row["marker"], row["completed"]) for row in case.twin.tasks()] == [
            (RECORDING, "patchcord:c1/task", False), (RECORDING, "m2", False),
        ]  # fmt: skip

    def test_tasks_are_of_the_company_s_type(self, case: KommoCase) -> None:
        crm = case.connect(task_type="2")
        crm.create_task(task([world(case).refs[CONTACT]]))
        assert case.twin.tasks()[0]["kind"] == "meeting"
        assert crm.check() == ()

    # --- calls and notes (9)

    def log(self, case: KommoCase, crm: Crm, targets: tuple[Ref, ...], **words: Any) -> Any:
        """A call and what stands in the ledger of it."""
        key = crm.log_call(call(targets, LogKind.CALL, **words))
        (write,) = case.twin.writes("log", "call")
        assert write.id == key
        return write.fields

    def test_call_finds_its_lead_itself(self, case: KommoCase) -> None:
        known = world(case)
        words = self.log(case, case.crm, (known.refs[CONTACT],), author=known.owner)
        assert words["targets"] == [["deal", known.refs[DEAL].id], ["contact", known.refs[CONTACT].id]]
        assert (words["author"], words["talk_seconds"], words["call_status"]) == (known.owner, 74, 4)
        assert words["started_at"] == "2026-09-12T08:13:40Z"
        assert requests(case) == 1

    def test_call_that_finds_nobody_becomes_a_note_on_its_card(self, case: KommoCase) -> None:
        lead = Ref(DEAL, seed(case, DEAL, name="Found by somebody else"))
        words = self.log(case, case.crm, (lead,), call_type=CallType.OUT, outcome=Outcome.NO_ANSWER, talk_seconds=0)
        assert words["targets"] == [["deal", lead.id]]
        assert (words["direction"], words["call_status"], words["talk_seconds"]) == ("out", 6, 0)

    def test_card_of_a_call_can_be_ours(self, case: KommoCase) -> None:
        known = world(case)
        words = self.log(case, case.connect(calls="note", card="lead"), tuple(known.refs.values()))
        assert words["targets"] == [["deal", known.refs[DEAL].id]]
        assert case.twin.count("POST", "/calls") == 0

    def test_call_of_nobody_without_a_card_is_rejected(self, case: KommoCase) -> None:
        with pytest.raises(Rejected):
            case.crm.log_call(call((), LogKind.CALL))
        assert case.twin.ledger == ()

    def test_call_without_a_number_is_a_text_and_found_as_such(self, case: KommoCase) -> None:
        contact, since = world(case).refs[CONTACT], a_moment_ago()
        key = case.crm.log_call(call((contact,), LogKind.CALL, client=""))
        (write,) = case.twin.writes("note")
        assert (write.fields["marker"], write.fields["recording"]) == ("patchcord:c1/log", RECORDING)
        trace = Trace(marker="patchcord:c1/log", sort=Written.LOG, since=since, log=LogKind.CALL, targets=(contact,))
        assert case.crm.find_by_marker(trace) == key

    def test_call_is_not_entered_twice(self, case: KommoCase) -> None:
        known = world(case)
        keys = {case.crm.log_call(call((known.refs[CONTACT],), LogKind.CALL)) for _ in range(2)}
        assert len(keys) == len(case.twin.ledger) == 1

    def test_recording_for_an_unknown_note_is_gone(self, case: KommoCase) -> None:
        for key in ("8999", "a/b"):
            with pytest.raises(Gone):
                case.crm.add_recording(Written.LOG, key, RECORDING)

    def test_recording_leaves_the_rest_of_a_call_as_it_is(self, case: KommoCase) -> None:
        key = case.crm.log_call(call((world(case).refs[CONTACT],), LogKind.CALL, recording=None))
        before = dict(case.kommo.state.notes[int(key)]["params"])
        case.crm.add_recording(Written.LOG, key, RECORDING)
        assert case.kommo.state.notes[int(key)]["params"] == {**before, "link": RECORDING}

    # --- limits and sign-in (1, 2, 3)

    @pytest.mark.parametrize("html", [True, False])
    def test_burst_is_followed_by_a_pause(self, case: KommoCase, html: bool) -> None:
        case.kommo.set(enforce_rates=True, burst=2, html_429=html)
        case.crm.find(PHONE, PLAIN)
        with pytest.raises(Transient) as caught:
            case.crm.find(PHONE, PLAIN)
        assert caught.value.cool_down
        assert caught.value.retry_after == timedelta(seconds=2)

    def test_going_on_after_429_is_recognised_as_a_block(self, case: KommoCase) -> None:
        case.kommo.set(enforce_rates=True, burst=1, block_after=1)
        pauses = []
        for _ in range(4):
            with pytest.raises(Transient) as caught:
                case.crm.find(PHONE, PLAIN)
            pauses.append(caught.value.retry_after or timedelta())
        assert pauses[-1] >= timedelta(minutes=1)

    def test_unpaid_account_is_misconfigured(self, case: KommoCase) -> None:
        case.kommo.set(paid=False)
        with pytest.raises(Misconfigured, match="not paid"):
            case.crm.find(PHONE, PLAIN)

    def test_many_threads_with_an_expired_grant_refresh_once(self, case: KommoCase) -> None:
        crms, errors = [case.open_with_oauth(), *(case.connect_with_grant() for _ in range(9))], list[CrmError]()
        case.expire_tokens()

        def look(crm: Kommo) -> None:
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
        assert case.twin.count("POST", "/oauth2/access_token") == 1

    def test_removed_integration_is_unauthorised_and_its_grant_stays(self, case: KommoCase) -> None:
        crm = case.open_with_oauth()
        case.kommo.revoke_grants()
        with pytest.raises(Unauthorised):
            crm.find(PHONE, PLAIN)
        assert case.stored.get(PROJECT, "grant")

    def test_replaced_long_lived_token_is_taken_up(self, case: KommoCase) -> None:
        case.kommo.replace_token("another-token")
        case.stored.put(PROJECT, "api_token", "another-token")
        assert case.crm.find(PHONE, PLAIN) == ()

    # --- the account (6, 8, 10)

    def test_users_come_page_after_page_and_free_ones_are_not_active(self, case: KommoCase) -> None:
        keys = [case.twin.seed_user(name=f"User {number}") for number in range(260)]
        case.kommo.state.users[int(keys[-1])]["rights"]["is_free"] = True
        users = {user.id: user.active for user in case.crm.users()}
        assert len(users) == 261
        assert (users[keys[0]], users[keys[-1]]) == (True, False)
        assert requests(case) == 2

    def test_check_tells_what_is_missing(self, case: KommoCase) -> None:
        lacks = case.connect(**{"task_type": "7", "marker_fields.contact": "99"}).check()
        assert [lack.code for lack in lacks] == ["task_type", "marker_field"]

    def test_check_tells_a_token_that_is_no_administrator_s(self, case: KommoCase) -> None:
        case.kommo.seed_token(case.twin.seed_user(name="Anna"), "anna-token")
        case.stored.put(PROJECT, "api_token", "anna-token")
        assert [lack.code for lack in case.connect().check()] == ["right"]

    def test_check_tells_a_wrong_address(self, case: KommoCase) -> None:
        case.misbehave(Fault("status", path="/account", status=404, words="Not found"))
        assert [lack.code for lack in case.crm.check()] == ["address"]

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"base_url": ""}, "base_url"), ({"auth": "magic"}, "auth"), ({"marker_fields.deal": "1"}, "deal"),
            ({"marker_fields.lead": "x"}, "marker_fields.lead"), ({"auth": "oauth"}, "client_id"), ({"card": "x"}, "card"),
            ({"incoming_stages": "1,b"}, "incoming_stages"), ({"search": "x"}, "national, thorough"),
        ],
    )  # fmt: skip
    def test_incomplete_settings_are_misconfigured(self, case: KommoCase, settings: dict[str, str], words: str) -> None:
        with pytest.raises(Misconfigured, match=words):
            case.connect(**settings)

    def test_oauth_needs_the_registered_address(self, case: KommoCase) -> None:
        case.open_with_oauth()
        with pytest.raises(Misconfigured, match="redirect_uri"):
            case.connect(auth="oauth")

    def test_links(self, case: KommoCase) -> None:
        shown = {kind: case.crm.link(Ref(kind, "6")).removeprefix(case.url) for kind in (CONTACT, ORGANIZATION, DEAL)}
        assert shown == {CONTACT: "/contacts/detail/6", ORGANIZATION: "/companies/detail/6", DEAL: "/leads/detail/6"}


# --- pure parts


def test_declaration_fits_the_profile() -> None:
    settings = effective({"crm": {"vendor": "kommo"}, "timezone": "Europe/Kyiv"})
    assert set(settings.vendor.phone_kinds) == DECLARATION.phone_kinds
    assert set(settings.vendor.words.values()) == set(DECLARATION.kinds)


def test_importing_the_vendor_does_not_import_requests() -> None:
    code = "import sys, patchcord.crm.kommo; sys.exit('requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unknown_shapes_are_empty() -> None:
    assert reading.rows_of(None) == ()
    assert reading.embedded({"_embedded": []}, "leads") == ()
    assert reading.values_of({"custom_fields_values": None}, "PHONE") == ()
    assert reading.task_texts({"text": None, "result": []}) == ("", "")
    assert reading.parameters_of({"params": []}) == {}
    assert reading.read_time("2026-09-12") is None
    assert reading.read_time(1_760_000_000_000) is None


@pytest.mark.parametrize(
    ("value", "field_type", "expected"),
    [
        ("12", "numeric", 12), ("12,5", "numeric", 12.5), ("1 000", "monetary", 1000), ("many", "numeric", "many"),
        ("yes", "checkbox", True), ("0", "checkbox", False), ("2026-09-12", "date", 1_789_171_200), ("soon", "date", "soon"),
        ("a, b", "multiselect", [{"value": "a"}, {"value": "b"}]), ("Site", "select", "Site"), ("x" * 300, "text", "x" * 256),
        ("x" * 300, "textarea", "x" * 300), ("12", None, "12"),
    ],
)  # fmt: skip
def test_texts_become_what_their_field_takes(value: str, field_type: str | None, expected: object) -> None:
    assert writing.typed(value, {"type": field_type}) == expected


def test_long_texts_keep_their_last_lines() -> None:
    text = writing.text_with(("Ж" * 50_000,), RECORDING, writing.marker_line("m1"))
    assert len(text) == DECLARATION.text_length
    assert text.endswith(f"\n{RECORDING}\nPatchcord m1")
    assert reading.has_marker(text, "Patchcord m1")
    assert not reading.has_marker(text, "Patchcord m")
    assert reading.has_link(text, RECORDING)
    assert not reading.has_link(text, RECORDING[:-1])


def test_set_without_ids_is_transient_unless_it_was_joined() -> None:
    drafts = [draft(CONTACT), draft(DEAL, links=("contact",))]

    def told(*rows: Mapping[str, Any]) -> list[str]:
        answer = read_answer(200, {"content-type": "application/hal+json"}, json.dumps(rows).encode())
        return [key for _, key in answers.made_together(answer, drafts)]

    assert told({"id": 1, "contact_id": 2, "company_id": None, "merged": False}) == ["2", "1"]
    assert told({"id": 1, "contact_id": None, "merged": True}) == ["1"]
    for rows in ((), ({"id": 1, "contact_id": None, "merged": False},), ({"contact_id": 2, "merged": True},)):
        with pytest.raises(Transient):
            told(*rows)


@pytest.mark.parametrize("wrong", ["", "٣", "-1", "1.5", "a", "1" * 30])
def test_ids_that_are_no_numbers_are_rejected(wrong: str) -> None:
    with pytest.raises(Rejected):
        writing.whole(wrong, "owner")


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [(429, {}, 2), (429, {"retry-after": "9"}, 9), (503, {}, None), (503, {"retry-after": "9"}, 9)],
)
def test_pause(status: int, headers: dict[str, str], seconds: int | None) -> None:
    pause = KommoDialect().retry_after(read_answer(status, headers, b""))
    assert pause == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("content_type", "body", "blocked"),
    [("text/html", b"<html>nginx</html>", True), ("", b"", True), ("application/problem+json", b'{"status": 403}', False)],
)
def test_block_of_the_address_is_told_from_a_missing_right(content_type: str, body: bytes, blocked: bool) -> None:
    assert KommoDialect().is_blocked(read_answer(403, {"Content-Type": content_type}, body)) is blocked


def test_words_name_the_place() -> None:
    found = {"code": "NotSupportedChoice", "path": "a.0.b", "detail": "No."}
    body = {"validation-errors": [{"request_id": "0", "errors": [found, 5]}], "title": "Bad Request"}
    json_type = {"content-type": "application/problem+json"}
    assert KommoDialect().words(read_answer(400, json_type, json.dumps(body).encode())) == "a 0 b: No."
    right = b'{"title": "Forbidden", "detail": "No scope"}'
    assert KommoDialect().words(read_answer(403, json_type, right)) == "Forbidden; No scope"
