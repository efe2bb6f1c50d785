"""Megaplan against its twin: the contract, and what only Megaplan has (crm_megaplan.md)."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, cast
from urllib.parse import unquote

import pytest

from patchcord.crm.connect import open_crm
from patchcord.crm.errors import CrmError, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.http import Http
from patchcord.crm.megaplan import Megaplan, reading, writing
from patchcord.crm.megaplan.declaration import MegaplanDialect
from patchcord.crm.megaplan.reading import Cards
from patchcord.crm.megaplan.talk import Question
from patchcord.crm.port import Change, Crm, DuePrecision, Search, Trace, Written
from patchcord.model.effects import LogKind
from patchcord.model.events import CallType, Outcome
from patchcord.model.records import Owner, RecordKind, Ref
from patchcord.store.memory import MemorySecrets, MemoryStore
from patchcord.wire import Answer
from sandbox.twins.base import Fault, serve
from sandbox.twins.megaplan import MegaplanTwin
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
    fault,
    found,
    made,
    needs,
    needs_log,
    record,
    requests,
    seed,
    task,
    world,
)

PROJECT = "acme"


class MegaplanCase(Case):
    vendor: ClassVar[str] = "megaplan"
    paths: ClassVar[Mapping[str, str]] = {
        "look_up": "/possibleDuplicates", "contact": "/contractorHuman$", "organization": "/contractorCompany$",
        "deal": "/deal$", "task": "/todo$", "log": "/callInfo/history", "note": "/comments",
    }  # fmt: skip

    def __init__(self, twin: MegaplanTwin, url: str) -> None:
        self.megaplan = twin
        self.stored = MemorySecrets()
        self.store = MemoryStore()
        self.opened: list[Crm] = []
        self.shown: tuple[str, ...] = (twin.account.password,)
        super().__init__(twin, url)
        self.secrets = self.shown

    def connect(self, **settings: str) -> Megaplan:
        options = dict(self.megaplan.connection(self.url).options)
        crm = open_crm("megaplan", {**options, **settings}, self.stored, self.store, PROJECT)
        self.opened.append(crm)
        return cast(Megaplan, crm)

    def open(self) -> Megaplan:
        self.keep_password()
        grant = self.megaplan.grant()
        facts = {"access_token": grant.access, "refresh_token": grant.refresh, "expires_at": grant.expires.isoformat()}
        self.stored.put(PROJECT, "grant", json.dumps(facts))
        self.shown += (grant.access,)
        self.refresh = grant.refresh
        return self.connect()

    def keep_password(self, password: str = "") -> None:
        self.stored.put(PROJECT, "username", self.megaplan.account.username)
        self.stored.put(PROJECT, "password", password or self.megaplan.account.password)

    def open_with_wrong_credentials(self) -> Crm:
        self.stored.put(PROJECT, "grant", json.dumps({"access_token": "wrong", "refresh_token": "spent long ago"}))
        self.keep_password("wrong password")
        return self.connect()

    def open_with_oauth(self) -> Megaplan:
        crm = self.open()
        self.secrets = (*self.shown, self.refresh)
        return crm

    def expire_tokens(self) -> None:
        self.megaplan.expire_access_tokens()

    def http(self, crm: Crm) -> Http:
        return cast(Megaplan, crm).http

    def close(self) -> None:
        for crm in self.opened:
            cast(Megaplan, crm).close()


class TestMegaplan(CrmContract):
    @pytest.fixture
    def case(self, traffic: Path) -> Iterator[MegaplanCase]:
        twin = MegaplanTwin()
        twin.marker_in_text = re.compile(r"^Patchcord (\S+)$", re.M)
        with serve(twin) as running:
            made_case = MegaplanCase(twin, running.url)
            yield made_case
            made_case.close()

    def second_stage(self, case: Case) -> tuple[str, str]:
        assert isinstance(case, MegaplanCase)
        program = case.megaplan.seed_program("Repairs", {"New": "active", "In work": "active", "Done": "positive"})
        return program, case.megaplan.states(program)["In work"]

    @pytest.mark.parametrize("kind", [CONTACT, LEAD, DEAL])
    def test_record_is_found_by_number(self, case: Case, kind: RecordKind) -> None:
        """As everywhere, with one request more for the deals: they are listed by the client's id, and the calls of a bulk
        cannot refer to each other (3, 10)."""
        needs(case, kind)
        known = world(case)
        (one,) = found(case, kind)
        assert (one.id, one.owner, one.open) == (known.refs[kind].id, known.owner, True)
        assert one.name
        assert requests(case) == case.crm.declaration.requests.look_up_known

    @pytest.mark.parametrize("kind", list(LogKind))
    def test_call_is_logged(self, case: Case, kind: LogKind) -> None:
        """A CallInfo takes no text (8); what it says is who talked, with whom, when and for how long."""
        if kind is LogKind.NOTE:
            super().test_call_is_logged(case, kind)
            return
        needs_log(case, kind)
        known = world(case)
        key = case.crm.log_call(call(list(known.refs.values()), kind, author=known.owner))
        (write,) = case.twin.writes("log", "call")
        assert write.id == key
        assert len(case.twin.ledger) == requests(case) == 1
        assert dict(write.fields) == {
            "type": "in", "state": "finished", "from": PHONE.digits, "to": "380442220000", "author": known.owner, "text": "",
            "targets": [["contact", known.refs[CONTACT].id]], "recording": RECORDING, "marker": "patchcord:c1/log",
            "started_at": "2026-09-12T08:13:40Z", "talk_seconds": 74,
        }  # fmt: skip

    # --- look-up (4)

    def test_client_without_deals_costs_one_request(self, case: MegaplanCase) -> None:
        owner = case.twin.seed_user(name="Anna")
        seed(case, CONTACT, phone=PHONE.e164, name="Olena", owner=owner)
        (contact,) = case.crm.find(PHONE, PLAIN)
        assert (contact.owner, requests(case)) == (owner, 1)

    def test_number_goes_out_in_all_notations_as_one_literal(self, case: MegaplanCase) -> None:
        case.crm.find(PHONE, PLAIN)
        literal = json.loads(unquote(case.twin.requests[0].query))
        asked = [info["value"] for info in literal["contactInfo"]]
        assert {"380671234567", "+380671234567", "067 123 4567", "+380 67 123 4567"} <= set(asked)
        assert len(case.twin.requests[0].query) < 4000

    @pytest.mark.parametrize("stored", ["+380671234567", "+380 67 123 4567", "067 123 4567", "380671234567"])
    def test_number_is_found_where_letters_are_compared(self, case: MegaplanCase, stored: str) -> None:
        case.megaplan.set(phone_match="exact")
        key = seed(case, CONTACT, phone=stored, name="Olena")
        assert [one.id for one in found(case, CONTACT)] == [key]

    @pytest.mark.parametrize("stored", ["+380671234567", "(067) 123-45-67", "0671234567"])
    def test_search_can_take_the_place_of_possible_duplicates(self, case: MegaplanCase, stored: str) -> None:
        key = seed(case, CONTACT, phone=stored, name="Olena")
        seed(case, CONTACT, phone="+3806712345678", name="Longer number")
        crm = case.connect(look_up="search")
        assert [one.id for one in crm.find(PHONE, PLAIN)] == [key]
        assert case.twin.count("GET", "/possibleDuplicates") == 0

    def test_company_with_the_number_is_found_with_its_deals(self, case: MegaplanCase) -> None:
        owner = case.twin.seed_user(name="Anna")
        company = seed(case, ORGANIZATION, phone=PHONE.e164, name="Acme", owner=owner)
        deal = seed(case, DEAL, name="Order", organization=company, owner=owner)
        first, second = case.crm.find(PHONE, PLAIN)
        assert (first.ref, first.owner) == (Ref(ORGANIZATION, company), owner)
        assert (second.ref, second.organization, second.contact) == (Ref(DEAL, deal), company, None)

    def test_company_s_deal_counts_for_its_contact_person(self, case: MegaplanCase) -> None:
        company = seed(case, ORGANIZATION, name="Acme")
        person = seed(case, CONTACT, phone=PHONE.e164, name="Olena", organization=company)
        ours = seed(case, DEAL, name="Ours", organization=company)
        seed(case, DEAL, name="Of a colleague", organization=company)
        case.megaplan.state.tables["Deal"][ours]["contact"] = {"contentType": "ContractorHuman", "id": person}
        (deal,) = found(case, DEAL)
        assert (deal.id, deal.contact, deal.organization) == (ours, person, company)
        assert requests(case) == 2

    def test_deleted_clients_do_not_count(self, case: MegaplanCase) -> None:
        gone = seed(case, CONTACT, phone=PHONE.e164, name="Gone")
        case.twin.remove("contact", gone)
        assert case.crm.find(PHONE, PLAIN) == ()
        company = seed(case, ORGANIZATION, name="Gone too")
        seed(case, CONTACT, phone=PHONE.e164, name="Olena", organization=company)
        case.twin.remove("organization", company)
        assert [one.kind for one in case.crm.find(PHONE, PLAIN)] == [CONTACT]

    @pytest.mark.parametrize("embeds", [True, False])
    def test_first_working_employee_of_several_responsibles_owns(self, case: MegaplanCase, embeds: bool) -> None:
        case.megaplan.set(embeds=embeds)
        left = case.twin.seed_user(name="Left", active=False)
        anna, boris = (case.twin.seed_user(name=name) for name in ("Anna", "Boris"))
        other = seed(case, CONTACT, name="Another client")
        key = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        group = case.megaplan.seed_group("Sales")
        links = (("ContractorHuman", other), ("Group", group), ("Employee", left), ("Employee", anna), ("Employee", boris))
        case.megaplan.set_responsibles("contact", key, links)
        (contact,) = found(case, CONTACT)
        assert contact.owner == anna
        assert contact.owners == (
            Owner(other, employee=False), Owner(group, employee=False), Owner(left, active=False), Owner(anna), Owner(boris),
        )  # fmt: skip
        assert requests(case) == (1 if embeds else 2)

    def test_repeated_entities_are_read_where_they_stood_first(self, case: MegaplanCase) -> None:
        left = case.twin.seed_user(name="Left", active=False)
        anna = case.twin.seed_user(name="Anna")
        for name in ("First", "Second"):
            key = seed(case, CONTACT, phone=PHONE.e164, name=name)
            case.megaplan.set_responsibles("contact", key, (("Employee", left), ("Employee", anna)))
        assert [one.owner for one in found(case, CONTACT)] == [anna, anna]
        assert requests(case) == 1

    def test_several_clients_keep_their_order(self, case: MegaplanCase) -> None:
        keys = [seed(case, CONTACT, phone=PHONE.e164, name=name) for name in ("Zoe", "Ada", "Max")]
        assert [one.id for one in found(case, CONTACT)] == keys

    def test_lists_that_refuse_fields_are_completed_by_cards(self, case: MegaplanCase) -> None:
        owner = case.twin.seed_user(name="Anna")
        key = seed(case, CONTACT, phone=PHONE.e164, name="Olena", owner=owner)
        case.misbehave(
            fault("status", "/possibleDuplicates", status=422, words="ContractorHuman have not this fields: countDeals")
        )
        (contact,) = case.crm.find(PHONE, PLAIN)
        assert (contact.id, contact.owner) == (key, owner)
        case.crm.find(PHONE, PLAIN)
        assert case.twin.count("GET", "/possibleDuplicates") == 3

    def test_visit_field_of_another_program_does_not_hide_the_deals(self, case: MegaplanCase) -> None:
        seed(case, DEAL, phone=PHONE.e164, name="Order")
        search = Search(REGION, attribution={DEAL: {"utm_source": "Category99CustomFieldSource"}})
        (deal,) = found(case, DEAL, search)
        assert (deal.name, deal.attribution) == ("Order", None)

    def test_deals_we_may_not_see_are_an_error(self, case: MegaplanCase) -> None:
        world(case)
        rights = tuple(right for right in case.megaplan.account.rights if right != "deal_enter")
        case.megaplan.set(rights=rights)
        with pytest.raises(Misconfigured, match="deal_enter"):
            case.crm.find(PHONE, PLAIN)
        assert [lack.code for lack in case.crm.check()] == ["right"]

    def test_times_are_told(self, case: MegaplanCase) -> None:
        at = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
        seed(case, DEAL, phone=PHONE.e164, name="Old", updated=at)
        (deal,) = found(case, DEAL)
        assert (deal.updated_at, deal.created_at) == (at, at)

    # --- creation (5)

    def test_process_takes_names_of_program_and_state(self, case: MegaplanCase) -> None:
        program, state = self.second_stage(case)
        for number in range(2):
            drafts = [draft(DEAL, f"deal{number}", pipeline="Repairs", stage="In work")]
            row = record(case, made(case.crm.create(drafts))[f"deal{number}"])
            assert (row["pipeline"], row["stage"]) == (program, state)
        assert case.twin.count("GET", "/program") == 2

    @pytest.mark.parametrize("names", [{"pipeline": "Unknown"}, {"stage": "Unknown"}])
    def test_unknown_program_or_state_is_misconfigured(self, case: MegaplanCase, names: dict[str, str]) -> None:
        created = case.crm.create([draft(CONTACT), draft(DEAL, links=("contact",), **names)])
        assert (created.failed, set(created.refs)) == ("deal", {"contact"})
        assert isinstance(created.error, Misconfigured)

    def test_process_needs_a_program(self, case: MegaplanCase) -> None:
        created = case.connect(program="").create([draft(DEAL)])
        assert isinstance(created.error, Misconfigured)
        assert "program" in created.error.words

    def test_state_that_is_not_taken_is_reached_by_a_transition(self, case: MegaplanCase) -> None:
        case.megaplan.set(state_at_creation=False)
        program, state = self.second_stage(case)
        row = record(case, made(case.crm.create([draft(DEAL, pipeline=program, stage=state)]))["deal"])
        assert (row["pipeline"], row["stage"]) == (program, state)

    def test_client_of_a_deal_is_the_company_where_there_is_no_person(self, case: MegaplanCase) -> None:
        refs = made(case.crm.create([draft(DEAL, links=("organization",)), draft(ORGANIZATION)]))
        row = record(case, refs["deal"])
        assert (row["contact"], row["organization"]) == (None, refs["organization"].id)

    def test_creations_of_a_bulk_fail_one_by_one(self, case: MegaplanCase) -> None:
        case.misbehave(fault("refuse", case.paths["organization"], method="POST", words="name is refused"))
        drafts = [draft(CONTACT), draft(ORGANIZATION, links=("contact",)), draft(DEAL, links=("contact",))]
        created = case.crm.create(drafts)
        assert created.failed == "organization"
        assert set(created.refs) == {"contact", "deal"}

    def test_field_can_be_named_by_its_label(self, case: MegaplanCase) -> None:
        case.twin.seed_field("contact", "Номер линии MANGO OFFICE")
        refs = made(case.crm.create([draft(CONTACT, fields={"Номер линии MANGO OFFICE": "+380442220000"})]))
        assert record(case, refs["contact"])["fields"] == {"Номер линии MANGO OFFICE": "+380442220000"}
        case.crm.update(refs["contact"], Change(fields={"Номер линии MANGO OFFICE": "+380442220001"}))
        assert record(case, refs["contact"])["fields"] == {"Номер линии MANGO OFFICE": "+380442220001"}

    def test_typed_fields_of_a_change_take_texts(self, case: MegaplanCase) -> None:
        field = case.twin.seed_field("deal", "Size", "number")
        ref = world(case).refs[DEAL]
        case.crm.update(ref, Change(fields={field: "12"}))
        assert record(case, ref)["fields"] == {"Size": 12}

    def test_refused_change_is_rejected(self, case: MegaplanCase) -> None:
        field = case.twin.seed_field("deal", "Size", "number")
        with pytest.raises(Rejected):
            case.crm.update(world(case).refs[DEAL], Change(fields={field: "many"}))

    def test_description_keeps_what_the_project_writes_there(self, case: MegaplanCase) -> None:
        size = case.twin.seed_field("contact", "Size", "number")
        refs = made(case.crm.create([draft(CONTACT, fields={"description": "From the site", size: "12"})]))
        row = case.megaplan.state.tables["ContractorHuman"][refs["contact"].id]
        assert row["description"] == "From the site\nPatchcord patchcord:c1/contact"

    def test_source_channel_is_the_visit_s_source(self, case: MegaplanCase) -> None:
        crm = case.connect(**{"advertising_way.google": case.megaplan.way("google")})
        visit = {"utm_source": "Google", "utm_medium": "cpc"}
        refs = made(crm.create([draft(CONTACT, attribution=visit), draft(ORGANIZATION, attribution={"utm_source": "bing"})]))
        assert record(case, refs["contact"])["attribution"] == {"utm_source": "google"}
        assert record(case, refs["organization"])["attribution"] == {}
        crm.update(refs["organization"], Change(attribution=visit))
        assert record(case, refs["organization"])["attribution"] == {"utm_source": "google"}

    def test_numeric_tags_are_sent(self, case: MegaplanCase) -> None:
        refs = made(case.crm.create([draft(CONTACT, tags=("3", "hot"), email="olena@example.com")]))
        row = case.megaplan.state.tables["ContractorHuman"][refs["contact"].id]
        assert row["tags"] == [{"contentType": "Tag", "id": "3"}]
        assert record(case, refs["contact"])["email"] == "olena@example.com"

    @pytest.mark.parametrize("kind", [CONTACT, ORGANIZATION, DEAL])
    def test_marker_stands_in_the_description(self, case: MegaplanCase, kind: RecordKind) -> None:
        refs = made(case.crm.create([draft(kind)]))
        assert record(case, refs[kind.value])["marker"] == f"patchcord:c1/{kind.value}"

    # --- todos (6)

    def test_deadline_stands_in_the_text(self, case: MegaplanCase) -> None:
        crm = case.connect(timezone="Europe/Moscow")
        crm.create_task(task([world(case).refs[CONTACT]]))
        assert case.twin.tasks()[0]["text"].splitlines()[0] == "⏰ 12.09.2026 12:30 MSK"
        assert crm.declaration.due is DuePrecision.NONE

    def test_deadline_is_the_time_where_todos_take_one(self, case: MegaplanCase) -> None:
        case.megaplan.set(when_accepted=True)
        crm = case.connect(deadline="when")
        crm.create_task(task([world(case).refs[CONTACT]]))
        (row,) = case.twin.tasks()
        assert row["due_at"] == "2026-09-12T09:30:00Z"
        assert "⏰" not in row["text"]
        assert crm.declaration.due is DuePrecision.MINUTE

    def test_time_that_is_not_taken_is_rejected(self, case: MegaplanCase) -> None:
        with pytest.raises(Rejected, match="IntervalTime"):
            case.connect(deadline="when").create_task(task([world(case).refs[CONTACT]]))

    def test_status_of_finished_todos_is_read_once_when_not_named(self, case: MegaplanCase) -> None:
        crm, contact = case.connect(done_status=""), world(case).refs[CONTACT]
        for number in range(2):
            crm.create_task(done_task([contact], marker=f"patchcord:c{number}/task"))
        assert [row["completed"] for row in case.twin.tasks()] == [True, True]
        assert (case.twin.count("GET", "/todoStatus"), requests(case)) == (1, 3)

    def test_todo_that_took_no_status_is_finished_by_an_action(self, case: MegaplanCase) -> None:
        case.megaplan.set(status_at_creation=False)
        case.crm.create_task(done_task([world(case).refs[CONTACT]]))
        (row,) = case.twin.tasks()
        assert (row["completed"], row["recording"]) == (True, RECORDING)
        assert [write.do for write in case.twin.ledger] == ["task", "complete_task"]

    def test_bare_links_to_statuses_are_looked_up(self, case: MegaplanCase) -> None:
        case.megaplan.set(embeds=False)
        key = case.crm.create_task(task([world(case).refs[CONTACT]]))
        assert not case.crm.task(key).completed
        case.crm.complete_task(key)
        assert case.crm.task(key).completed

    def test_refusal_to_finish_an_open_todo_is_told(self, case: MegaplanCase) -> None:
        key = case.crm.create_task(task([world(case).refs[CONTACT]]))
        case.misbehave(Fault("missing_right", path="/doAction"))
        with pytest.raises(Misconfigured, match="act_read"):
            case.crm.complete_task(key)

    def test_todo_has_its_category(self, case: MegaplanCase) -> None:
        (category,) = case.megaplan.state.tables["TodoCategory"]
        key = case.connect(todo_category=category).create_task(task([world(case).refs[CONTACT]]))
        assert case.megaplan.state.tables["Todo"][key]["category"]["id"] == category

    def test_adding_a_recording_makes_no_second_todo(self, case: MegaplanCase) -> None:
        key = case.crm.create_task(done_task([world(case).refs[CONTACT]], recording=None))
        case.crm.add_recording(Written.TASK, key, RECORDING)
        assert [row["id"] for row in case.twin.tasks()] == [key]

    # --- calls and comments (7, 8)

    @pytest.mark.parametrize(
        ("way", "outcome", "sort"),
        [
            (CallType.IN, Outcome.ANSWERED, "in"), (CallType.IN, Outcome.MISSED, "miss"),
            (CallType.OUT, Outcome.ANSWERED, "out"), (CallType.OUT, Outcome.NO_ANSWER, "fail"),
        ],
    )  # fmt: skip
    def test_way_and_outcome_are_the_call_s_type(self, case: MegaplanCase, way: CallType, outcome: Outcome, sort: str) -> None:
        known = world(case)
        key = case.crm.log_call(call([known.refs[CONTACT]], LogKind.CALL, call_type=way, outcome=outcome, author=known.owner))
        row = case.megaplan.state.tables["CallInfo"][key]
        client, employee = ("toUser", "fromUser") if way is CallType.OUT else ("fromUser", "toUser")
        assert (row["type"], row[client]["id"], row[employee]["id"]) == (sort, known.refs[CONTACT].id, known.owner)
        assert row["toPhone" if way is CallType.OUT else "fromPhone"] == PHONE.digits

    def test_call_of_a_deal_hangs_on_its_client(self, case: MegaplanCase) -> None:
        known = world(case)
        case.crm.log_call(call([known.refs[DEAL]], LogKind.CALL))
        (write,) = case.twin.ledger
        assert write.fields["targets"] == [["contact", known.refs[CONTACT].id]]

    def test_call_without_records_or_number_is_written_all_the_same(self, case: MegaplanCase) -> None:
        case.crm.log_call(call([], LogKind.CALL, client="", line=""))
        (write,) = case.twin.ledger
        assert (write.fields["targets"], write.fields["from"], write.fields["to"]) == ([], None, None)

    def test_call_logged_twice_is_one_call(self, case: MegaplanCase) -> None:
        contact = world(case).refs[CONTACT]
        keys = {case.crm.log_call(call([contact], LogKind.CALL)) for _ in range(2)}
        assert len(keys) == len(case.megaplan.state.tables["CallInfo"]) == 1

    def test_recording_is_added_without_a_widget(self, case: MegaplanCase) -> None:
        key = case.crm.log_call(call([world(case).refs[CONTACT]], LogKind.CALL, recording=None))
        case.crm.add_recording(Written.LOG, key, RECORDING)
        assert case.twin.count("POST", "/callInfo/provider") == 1
        assert case.twin.count("POST", f"/callInfo/{key}") == 0
        assert case.megaplan.state.tables["CallInfo"][key]["recordLinks"] == [RECORDING]

    def test_call_that_was_never_written_is_not_found(self, case: MegaplanCase) -> None:
        trace = Trace(marker="patchcord:c1/log", sort=Written.LOG, since=a_moment_ago(), log=LogKind.CALL)
        assert case.crm.find_by_marker(trace) is None

    def test_comment_stands_where_the_connection_wants_it(self, case: MegaplanCase) -> None:
        known = world(case)
        targets, crm = tuple(known.refs.values()), case.connect(notes="process")
        crm.add_note(targets, "text", "patchcord:c1/note")
        (write,) = case.twin.writes("note")
        assert write.fields["targets"] == [["deal", known.refs[DEAL].id]]
        trace = Trace(marker="patchcord:c1/note", sort=Written.NOTE, since=a_moment_ago(), targets=targets)
        assert crm.find_by_marker(trace) == write.id

    def test_comment_on_nothing_is_rejected(self, case: MegaplanCase) -> None:
        with pytest.raises(Rejected):
            case.crm.add_note((), "text", "patchcord:c1/note")

    def test_recording_for_a_comment_is_another_comment(self, case: MegaplanCase) -> None:
        contact = world(case).refs[CONTACT]
        key = case.crm.log_call(call([contact], LogKind.NOTE, recording=None))
        trace = Trace(marker="patchcord:c1/log", sort=Written.NOTE, since=a_moment_ago(), log=LogKind.NOTE, targets=(contact,))
        assert case.crm.find_by_marker(trace) == key
        case.crm.add_recording(Written.NOTE, key, RECORDING)
        assert [write.fields["recording"] for write in case.twin.writes("note")] == [None, RECORDING]
        with pytest.raises(Rejected):
            case.crm.add_recording(Written.NOTE, "900", RECORDING)

    # --- limits, errors, sign-in (2, 3)

    @pytest.mark.parametrize(("retry_after", "seconds"), [(None, 60), (7, 7)])
    def test_pause_after_a_limit(self, case: MegaplanCase, retry_after: int | None, seconds: int) -> None:
        case.megaplan.set(retry_after=retry_after)
        error = self.error_of_look_up(case, Fault("status", status=429))
        assert isinstance(error, Transient)
        assert error.retry_after == timedelta(seconds=seconds)

    @pytest.mark.parametrize("errors_in_200", [True, False])
    def test_refusals_are_told_wherever_their_status_stands(self, case: MegaplanCase, errors_in_200: bool) -> None:
        case.megaplan.set(errors_in_200=errors_in_200)
        created = case.crm.create([draft(CONTACT, owner="999")])
        assert isinstance(created.error, Rejected)
        assert (created.error.status, "responsibles" in created.error.words) == (422, True)
        assert isinstance(self.error_of_look_up(case, Fault("missing_right")), Misconfigured)
        with pytest.raises(Unauthorised):
            case.open_with_wrong_credentials().find(PHONE, PLAIN)

    def test_many_threads_with_an_expired_grant_refresh_once(self, case: MegaplanCase) -> None:
        crms, errors = [case.open_with_oauth()], list[CrmError]()
        crms += [case.connect() for _ in range(9)]
        case.expire_tokens()

        def look(crm: Megaplan) -> None:
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
        assert case.twin.count("POST", "/auth/access_token") == 1

    def test_password_is_the_fallback_of_a_spent_refresh_token(self, case: MegaplanCase) -> None:
        case.megaplan.revoke_grants()
        assert case.crm.find(PHONE, PLAIN) == ()
        assert case.twin.count("POST", "/auth/access_token") == 2
        assert json.loads(case.stored.get(PROJECT, "grant") or "{}")["access_token"]

    def test_password_alone_is_enough(self, case: MegaplanCase) -> None:
        case.stored = MemorySecrets()
        case.keep_password()
        crm = case.connect()
        assert crm.find(PHONE, PLAIN) == crm.find(OTHER, PLAIN) == ()
        assert case.twin.count("POST", "/auth/access_token") == 1

    def test_grant_alone_is_enough_until_it_is_revoked(self, case: MegaplanCase) -> None:
        for name in ("username", "password"):
            case.stored.put(PROJECT, name, "")
        crm = case.connect()
        case.expire_tokens()
        assert crm.find(PHONE, PLAIN) == ()
        case.megaplan.revoke_grants()
        with pytest.raises(Unauthorised):
            crm.find(PHONE, PLAIN)

    def test_bulk_of_another_shape_is_transient(self, case: MegaplanCase) -> None:
        known = world(case)
        case.megaplan.set(embeds=False)
        case.megaplan.set_responsibles("contact", known.refs[CONTACT].id, (("Employee", known.owner), ("Employee", known.owner)))
        for kind in ("empty", "garbage", "html"):
            case.misbehave(Fault(cast(Any, kind), path="/bulk"))
            with pytest.raises(Transient):
                case.crm.find(PHONE, PLAIN)
        case.misbehave(Fault("status", path="/deals", status=500))
        with pytest.raises(Transient):
            case.crm.find(PHONE, PLAIN)

    # --- check

    def test_check_tells_missing_rights(self, case: MegaplanCase) -> None:
        case.megaplan.state.tables["Employee"][case.megaplan.bot]["possibleActions"] = ["crm_enter", "deal_enter", "deal_add"]
        words = " ".join(lack.what for lack in case.crm.check())
        assert all(right in words for right in ("crm_add", "todos_add", "can_use_telephony"))

    def test_check_tells_wrong_ids(self, case: MegaplanCase) -> None:
        lacks = case.connect(program="99", done_status=case.megaplan.status("scheduled")).check()
        assert [lack.code for lack in lacks] == ["program", "done_status"]
        assert case.connect(program="Sale").check() == ()

    def test_check_tells_a_wrong_address(self, case: MegaplanCase) -> None:
        case.misbehave(Fault("status", path="/currentUser", status=404))
        assert [lack.code for lack in case.crm.check()] == ["address"]

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"base_url": ""}, "base_url"), ({"deadline": "soon"}, "deadline"), ({"look_up": "magic"}, "look_up"),
            ({"notes": "wall"}, "notes"), ({"timezone": "Mars/Base"}, "timezone"), ({"done_status": "done"}, "done_status"),
            ({"advertising_way.google": "x"}, "advertising_way.google"),
        ],
    )  # fmt: skip
    def test_wrong_settings_are_misconfigured(self, case: MegaplanCase, settings: dict[str, str], words: str) -> None:
        with pytest.raises(Misconfigured, match=words):
            case.connect(**settings)

    def test_missing_password_is_misconfigured(self, case: MegaplanCase) -> None:
        case.stored = MemorySecrets()
        with pytest.raises(Misconfigured, match="username"):
            case.connect()

    def test_links(self, case: MegaplanCase) -> None:
        shown = {kind: case.crm.link(Ref(kind, "6")).removeprefix(case.url) for kind in (CONTACT, ORGANIZATION, DEAL)}
        assert shown == {CONTACT: "/crm/6/card/", ORGANIZATION: "/crm/6/card/", DEAL: "/deals/6/card/"}


# --- pure parts


def test_cards_keep_what_stood_anywhere_in_the_answer() -> None:
    link = {"contentType": "Employee", "id": "7"}
    cards = Cards([{"contentType": "Deal", "id": "1", "manager": {**link, "isWorking": False}}, {"manager": link}])
    assert cards.of(link)["isWorking"] is False
    assert cards.of({"contentType": "Employee", "id": "8"}) == {"contentType": "Employee", "id": "8"}
    assert cards.of(None) == {}


def test_question_is_one_encoded_literal() -> None:
    assert Question("x", "/deal").target == "/api/v3/deal"
    target = Question("x", "/deal", {"q": 'a"b&c=d#e'}).target
    assert re.fullmatch(r"/api/v3/deal\?[\w%.~-]+", target)
    assert json.loads(unquote(target.partition("?")[2])) == {"q": 'a"b&c=d#e'}


@pytest.mark.parametrize(
    ("value", "field", "expected"),
    [
        ("12", {"contentType": "FloatField"}, 12), ("12,5", {"contentType": "IntegerField"}, 12.5),
        ("many", {"contentType": "FloatField"}, "many"),
        ("site", {"contentType": "EnumField", "enumValues": ["Site"]}, "Site"), ("12", {"contentType": "StringField"}, "12"),
        ("soon", {"contentType": "DateField"}, "soon"), ("x", {}, "x"),
        ("2026-09-12", {"contentType": "DateField"}, {"contentType": "DateTime", "value": "2026-09-12T00:00:00+00:00"}),
    ],
)  # fmt: skip
def test_texts_become_what_their_field_takes(value: str, field: dict[str, Any], expected: object) -> None:
    assert writing.typed(value, field) == expected


def test_unknown_shapes_are_read_as_nothing() -> None:
    assert reading.read_time({"value": "soon"}) is reading.read_time("2026") is None
    assert reading.read_time({"value": "2026-09-12T12:00:00"}) == datetime(2026, 9, 12, 12, tzinfo=UTC)
    assert reading.numbers_of({"contactInfo": [None, {"type": "email", "value": "a@b"}, {"type": "phone"}]}) == ("",)
    assert reading.owners_of(None, Cards()) == ()


def test_marker_survives_the_server_s_cleaning() -> None:
    note = writing.note_html("a & b", "c1/task'1", "https://r.example/1?a=1&b=2")
    line = writing.marker_line("c1/task'1")
    for stored in (note, note.replace("<small>", "").replace("</small>", ""), note.replace("&#x27;", "'")):
        assert reading.has_marker(stored, line)
    assert reading.has_link(note, "https://r.example/1?a=1&b=2")
    assert not reading.has_marker(note, writing.marker_line("c1/task"))
    assert "href" not in writing.link_html("javascript:alert(1)")


@pytest.mark.parametrize("wrong", ["", "٣", "-1", "1.5", "a"])
def test_ids_that_are_no_numbers_are_rejected(wrong: str) -> None:
    with pytest.raises(Rejected):
        writing.link("Employee", wrong)


@pytest.mark.parametrize(
    ("status", "meta", "expected"),
    [
        (200, {"status": 422}, 422), (200, {"status": 200}, 200), (200, None, 200), (500, {"status": 200}, 500),
        (200, {"status": "x"}, 200),
    ],
)  # fmt: skip
def test_status_stands_in_the_envelope(status: int, meta: object, expected: int) -> None:
    answer = Answer(status, json={"meta": meta, "data": None})
    assert MegaplanDialect().status(answer) == expected


def test_words_name_the_field() -> None:
    errors = [{"field": "program", "message": "must not be empty", "type": "x"}, {"field": None, "message": "No rights"}, "odd"]
    answer = Answer(422, json={"meta": {"status": 422, "errors": errors}})
    assert MegaplanDialect().words(answer) == "program: must not be empty; No rights"
    assert MegaplanDialect().words(Answer(500, text="broken")) == "broken"
