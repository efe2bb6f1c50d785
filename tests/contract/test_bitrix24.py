"""Bitrix24 against its twin: the contract, and what only Bitrix24 has (crm_bitrix24.md)."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from patchcord.crm.bitrix24 import Bitrix24, lookup, reading, writing
from patchcord.crm.bitrix24.declaration import BitrixDialect, problem
from patchcord.crm.bitrix24.rest import earlier, query_of, rows_of
from patchcord.crm.connect import open_crm
from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.http import Http
from patchcord.crm.port import Change, Crm, TaskState, Trace, Written
from patchcord.model.effects import LogKind
from patchcord.model.events import CallType, Outcome
from patchcord.model.phone import read_phone
from patchcord.model.records import RecordKind, Ref
from patchcord.store.memory import MemorySecrets, MemoryStore
from patchcord.wire import Answer
from sandbox.twins.base import Fault, serve
from sandbox.twins.bitrix24 import Bitrix24Twin
from sandbox.twins.bitrix24.account import SIMPLE
from sandbox.twins.bitrix24.wire import parse_query
from tests.contract.crm_contract import (
    CONTACT,
    DEAL,
    LEAD,
    ORGANIZATION,
    OTHER,
    PHONE,
    PLAIN,
    RECORDING,
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
WEBHOOK_PATH = r"^/rest/\d+/\w+/"


class Bitrix24Case(Case):
    vendor: ClassVar[str] = "bitrix24"
    paths: ClassVar[Mapping[str, str]] = {
        "look_up": "/batch", "contact": r"/(batch|crm\.item\.add)$", "organization": r"/(batch|crm\.item\.add)$",
        "lead": r"/(batch|crm\.item\.add)$", "deal": r"/(batch|crm\.item\.add)$",
        "task": r"/(batch|crm\.activity\.(todo\.)?add)$", "log": r"/(batch|crm\.activity\.add)$",
        "note": r"/(batch|crm\.timeline\.comment\.add)$",
    }  # fmt: skip

    def __init__(self, twin: Bitrix24Twin, url: str) -> None:
        self.bitrix = twin
        self.stored = MemorySecrets()
        self.store = MemoryStore()
        self.opened: list[Crm] = []
        super().__init__(twin, url)
        self.secrets = (twin.account.webhook_code,)

    def connect(self, **settings: str) -> Bitrix24:
        crm = open_crm("bitrix24", {"base_url": self.url, **settings}, self.stored, self.store, PROJECT)
        self.opened.append(crm)
        return cast(Bitrix24, crm)

    def open(self) -> Crm:
        self.stored.put(PROJECT, "webhook", self.bitrix.webhook(self.url))
        return self.connect()

    def open_with_wrong_credentials(self) -> Crm:
        self.stored.put(PROJECT, "webhook", "1/wrongc0de")
        return self.connect()

    def open_with_oauth(self) -> Bitrix24:
        grant, account = self.bitrix.grant(), self.bitrix.account
        facts = {"access_token": grant.access, "refresh_token": grant.refresh, "expires_at": grant.expires.isoformat(),
                 "user_id": grant.user}  # fmt: skip
        self.stored.put(PROJECT, "grant", json.dumps(facts))
        self.stored.put(PROJECT, "client_id", account.client_id)
        self.stored.put(PROJECT, "client_secret", account.client_secret)
        self.secrets += (grant.access, grant.refresh, account.client_secret)
        return self.connect(auth="oauth", token_url=f"{self.url}/oauth/token/")

    def expire_tokens(self) -> None:
        self.bitrix.expire_access_tokens()

    def http(self, crm: Crm) -> Http:
        return cast(Bitrix24, crm).http

    def close(self) -> None:
        for crm in self.opened:
            cast(Bitrix24, crm).close()


class TestBitrix24(CrmContract):
    @pytest.fixture
    def case(self, traffic: Path) -> Iterator[Bitrix24Case]:
        twin = Bitrix24Twin()
        twin.marker_in_text = re.compile(r"^Patchcord (\S+)$", re.M)
        with serve(twin) as running:
            made_case = Bitrix24Case(twin, running.url)
            yield made_case
            made_case.close()

    def address(self, path: str) -> str:
        """Without the webhook, which has its secret in the address by its nature."""
        return re.sub(WEBHOOK_PATH, "", path)

    def test_users_are_listed(self, case: Case) -> None:
        """As in the contract, but that only the own user is known to be an administrator (11)."""
        here = case.twin.seed_user(name="Анна 😀", email="anna@example.com")
        left = case.twin.seed_user(name="Left", email="left@example.com", active=False)
        users = {user.id: user for user in case.crm.users()}
        assert (users[here].name, users[here].email, users[here].active) == ("Анна 😀", "anna@example.com", True)
        assert not users[left].active
        assert users["1"].admin
        assert not users[here].admin

    def second_stage(self, case: Case) -> tuple[str, str]:
        assert isinstance(case, Bitrix24Case)
        pipeline, stages = case.bitrix.seed_pipeline("Repairs")
        return pipeline, stages[1]

    # --- look-up (6)

    def test_portal_that_hands_over_no_lists_costs_a_second_request(self, case: Bitrix24Case) -> None:
        known = world(case)
        case.bitrix.set(resolves_lists=False)
        assert {one.ref for one in case.crm.find(PHONE, PLAIN)} == set(known.refs.values())
        assert requests(case) == 2

    def test_many_leads_hide_no_contact(self, case: Bitrix24Case) -> None:
        for number in range(25):
            seed(case, LEAD, phone=PHONE.e164, name=f"Lead {number}")
        contact = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        assert [one.id for one in found(case, CONTACT)] == [contact]
        assert len(found(case, LEAD)) == 20

    def test_lead_without_a_number_of_its_own_is_found_by_its_contact(self, case: Bitrix24Case) -> None:
        case.bitrix.set(number_of_contact_only=True)
        contact = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        lead = seed(case, LEAD, phone=PHONE.e164, name="Again", contact=contact)
        assert [(one.id, one.contact) for one in found(case, LEAD)] == [(lead, contact)]

    def test_records_of_a_company_with_the_number_are_found(self, case: Bitrix24Case) -> None:
        owner = case.twin.seed_user(name="Anna")
        company = seed(case, ORGANIZATION, phone=PHONE.e164, name="Acme", owner=owner)
        lead, deal = (seed(case, kind, name="Of the company", organization=company) for kind in (LEAD, DEAL))
        assert [(one.kind, one.id) for one in case.crm.find(PHONE, PLAIN)] == [
            (ORGANIZATION, company), (LEAD, lead), (DEAL, deal),
        ]  # fmt: skip

    def test_contact_s_company_tells_its_owner(self, case: Bitrix24Case) -> None:
        known = world(case)
        second = seed(case, ORGANIZATION, name="Of the first contact")
        seed(case, CONTACT, phone=PHONE.e164, name="Petro", organization=second)
        owners = {one.id: (one.name, one.owner) for one in found(case, ORGANIZATION)}
        assert set(owners) == {known.refs[ORGANIZATION].id, second}
        assert ("Of the first contact", "1") in owners.values()

    def test_ids_of_another_kind_are_nobody_s(self, case: Bitrix24Case) -> None:
        for kind in (LEAD, DEAL, ORGANIZATION, CONTACT):
            seed(case, kind, phone=OTHER.e164, name="Somebody else")
        lead = seed(case, LEAD, phone=PHONE.e164, name="Ours")
        assert [(one.kind, one.id) for one in case.crm.find(PHONE, PLAIN)] == [(LEAD, lead)]

    def test_open_deal_is_found_below_many_closed_ones(self, case: Bitrix24Case) -> None:
        contact = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        deal = seed(case, DEAL, name="Old but open", contact=contact)
        for number in range(60):
            seed(case, DEAL, name=f"Closed {number}", contact=contact, status="won")
        assert [one.id for one in found(case, DEAL) if one.open] == [deal]

    def test_deal_of_a_second_contact_needs_the_other_filter(self, case: Bitrix24Case) -> None:
        first, second = (seed(case, CONTACT, name=name, phone=phone) for name, phone in (("A", OTHER.e164), ("B", PHONE.e164)))
        deal = seed(case, DEAL, name="Of both", contact=first)
        case.bitrix.state.items[2][int(deal)]["contactIds"] = [int(first), int(second)]
        assert found(case, DEAL) == []
        case.bitrix.set(filters_contact_ids=True)
        records = case.connect(contact_filter="contactIds").find(PHONE, PLAIN)
        assert [one.id for one in records if one.kind is DEAL] == [deal]

    def test_missing_right_to_a_kind_is_told(self, case: Bitrix24Case) -> None:
        case.bitrix.set(scopes=("user",))
        with pytest.raises(Misconfigured, match="scope"):
            case.crm.find(PHONE, PLAIN)

    # --- the simple mode (5)

    def test_simple_mode_has_no_leads(self, case: Bitrix24Case) -> None:
        case.bitrix.set(mode=SIMPLE)
        crm = case.connect(crm_mode="simple")
        assert LEAD not in crm.declaration.kinds
        assert crm.declaration.phone_kinds == {CONTACT, ORGANIZATION}
        assert crm.check() == ()
        created = crm.create([draft(CONTACT), draft(LEAD, links=("contact",))])
        assert (created.failed, isinstance(created.error, Rejected)) == ("lead", True)
        refs = made(crm.create([draft(CONTACT), draft(DEAL, links=("contact",))]))
        assert {one.ref for one in crm.find(PHONE, PLAIN)} == set(refs.values())
        assert case.twin.writes("create", "lead") == []

    def test_check_tells_that_leads_are_switched_off(self, case: Bitrix24Case) -> None:
        case.bitrix.set(mode=SIMPLE)
        assert [lack.code for lack in case.crm.check()] == ["leads"]

    # --- batches (4) and creation (7)

    @pytest.mark.parametrize("name", ["$result[r0][item][id]", "a&fields[assignedById]=2#x", "100% +1 = ?", "$result"])
    def test_names_are_no_commands(self, case: Bitrix24Case, name: str) -> None:
        refs = made(case.crm.create([draft(ORGANIZATION), draft(CONTACT, name=name, links=("organization",))]))
        row = record(case, refs["contact"])
        assert row["name"].replace("$result [", "$result[") == name
        assert row["owner"] == "1"

    def test_failure_half_way_leaves_what_was_made(self, case: Bitrix24Case) -> None:
        case.bitrix.set(required=frozenset({("lead", "comments")}))
        created = case.crm.create(new_client(case))
        assert (created.failed, set(created.refs)) == ("lead", {"organization", "contact"})
        assert isinstance(created.error, Rejected)
        assert "CRM_FIELD_ERROR_REQUIRED" in created.error.words
        assert [write.kind for write in case.twin.writes("create")] == ["organization", "contact"]

    def test_contact_that_is_gone_leaves_the_company(self, case: Bitrix24Case) -> None:
        created = case.crm.create([draft(ORGANIZATION, links=(Ref(CONTACT, "77"),))])
        assert (created.failed, set(created.refs)) == ("organization", {"organization"})
        assert isinstance(created.error, Gone)

    def test_visit_s_data_go_into_their_own_fields(self, case: Bitrix24Case) -> None:
        visit = {"utm_source": "google", "utm_medium": "cpc", "client_id": "GA1"}
        crm = case.connect(source_id="CALL")
        refs = made(crm.create([draft(ORGANIZATION, attribution=visit), draft(LEAD, attribution=visit)]))
        for ref in refs.values():
            assert record(case, ref)["attribution"] == {"utm_source": "google", "utm_medium": "cpc"}
        assert case.bitrix.state.items[1][int(refs["lead"].id)]["sourceId"] == "CALL"
        case.crm.update(refs["lead"], Change(attribution={"utm_medium": "email"}))
        assert record(case, refs["lead"])["attribution"]["utm_medium"] == "email"

    @pytest.mark.parametrize("keeps", [True, False])
    def test_options_are_learned_once(self, case: Bitrix24Case, keeps: bool) -> None:
        case.bitrix.set(keeps_wrong_options=keeps)
        field = case.twin.seed_field("contact", "Source", "option", ("Phone", "Site"))
        for number, name in enumerate(("one", "two")):
            refs = made(case.crm.create([draft(CONTACT, name=name, fields={field: "site"})]))
            assert record(case, refs["contact"])["fields"]["Source"] == 2
            assert requests(case) == 2 + number
        assert len(case.twin.writes("create")) == 2

    @pytest.mark.parametrize("keeps", [True, False])
    def test_option_is_changed_by_its_label(self, case: Bitrix24Case, keeps: bool) -> None:
        case.bitrix.set(keeps_wrong_options=keeps)
        ref, heir = Ref(LEAD, seed(case, LEAD, name="Ours")), case.twin.seed_user(name="Boris")
        field = case.twin.seed_field("lead", "Source", "option", ("Phone", "Site"))
        case.crm.update(ref, Change(owner=heir, fields={field: "Site"}))
        assert (record(case, ref)["owner"], record(case, ref)["fields"]["Source"]) == (heir, 2)

    def test_field_that_is_gone_is_told_in_the_log(self, case: Bitrix24Case, caplog: pytest.LogCaptureFixture) -> None:
        refs = made(case.crm.create([draft(CONTACT, fields={"UF_CRM_1": "secret value"})]))
        assert record(case, refs["contact"])["fields"] == {}
        assert "UF_CRM_1" in caplog.text
        assert "secret value" not in caplog.text

    @pytest.mark.parametrize("field", ["", "0a", "a b", "UF_CRM_", "fields[assignedById]", "ufCrm_1"])
    def test_what_can_be_no_field_is_rejected(self, case: Bitrix24Case, field: str) -> None:
        assert isinstance(case.crm.create([draft(LEAD, fields={field: "x"})]).error, Rejected)
        with pytest.raises(Rejected):
            case.crm.update(Ref(LEAD, "1"), Change(fields={field: "x"}))
        assert requests(case) == 0

    def test_fields_that_every_portal_has_can_be_mapped(self, case: Bitrix24Case) -> None:
        refs = made(case.crm.create([draft(LEAD, fields={"comments": "from the site"})]))
        assert case.bitrix.state.items[1][int(refs["lead"].id)]["comments"] == "from the site"

    def test_wrong_value_of_a_set_is_told_with_its_draft(self, case: Bitrix24Case) -> None:
        case.bitrix.set(keeps_wrong_options=False)
        field = case.twin.seed_field("lead", "Source", "option", ("Phone",))
        created = case.crm.create([draft(CONTACT), draft(LEAD, links=("contact",), fields={field: "Fax"})])
        assert (created.failed, set(created.refs)) == ("lead", {"contact"})
        assert isinstance(created.error, Rejected)

    def test_names_of_contacts_are_cut_to_fifty(self, case: Bitrix24Case) -> None:
        refs = made(case.crm.create([draft(CONTACT, name="N" * 300), draft(LEAD, name="N" * 300)]))
        assert [len(record(case, ref)["name"]) for ref in refs.values()] == [50, 255]

    # --- tasks (9)

    def test_open_task_is_a_to_do_of_every_card(self, case: Bitrix24Case) -> None:
        known = world(case)
        case.crm.create_task(task([known.refs[CONTACT], known.refs[DEAL], known.refs[LEAD], known.refs[CONTACT]]))
        (row,) = case.bitrix.state.activities.values()
        assert (row["PROVIDER_ID"], row["OWNER_TYPE_ID"]) == ("CRM_TODO", 1)
        assert set(row["BINDINGS"]) == {(1, 1), (2, 1), (3, 1)}

    def test_completed_task_is_a_call_without_direction(self, case: Bitrix24Case) -> None:
        known = world(case)
        case.crm.create_task(done_task([known.refs[LEAD], known.refs[CONTACT], known.refs[DEAL]], assignee=known.owner))
        (row,) = case.bitrix.state.activities.values()
        assert (row["TYPE_ID"], row["DIRECTION"], row["ORIGINATOR_ID"], row["OWNER_TYPE_ID"]) == (2, 0, "patchcord", 1)
        assert sorted(row["BINDINGS"]) == [(1, 1), (2, 1), (3, 1)]
        assert requests(case) == 1

    def test_to_do_without_a_deadline_gets_one(self, case: Bitrix24Case) -> None:
        case.crm.create_task(task([world(case).refs[LEAD]], due_at=None))
        due = datetime.fromisoformat(case.twin.tasks()[0]["due_at"])
        assert abs(due - datetime.now(UTC) - timedelta(days=1)) < timedelta(minutes=1)

    def test_text_that_looks_like_a_tag_is_none(self, case: Bitrix24Case) -> None:
        case.crm.create_task(task([world(case).refs[LEAD]], text="[url=https://evil.example]here[/url] [b]x[/b] [other]"))
        shown = case.twin.tasks()[0]["text"].replace("\u2060", "")
        assert "[url=https://evil.example]here[/url] [b]x[/b] [other]" in shown

    def test_recording_of_a_completed_to_do_is_refused(self, case: Bitrix24Case) -> None:
        key = case.crm.create_task(task([world(case).refs[LEAD]]))
        case.crm.complete_task(key)
        with pytest.raises(Rejected, match="CAN_NOT_UPDATE_COMPLETED_TODO"):
            case.crm.add_recording(Written.TASK, key, RECORDING)

    def test_recording_is_added_to_an_open_to_do(self, case: Bitrix24Case) -> None:
        key = case.crm.create_task(task([world(case).refs[LEAD]]))
        for _ in range(2):
            case.crm.add_recording(Written.TASK, key, RECORDING)
        (row,) = case.twin.tasks()
        assert (row["recording"], row["marker"]) == (RECORDING, "patchcord:c1/task")
        assert len(case.twin.writes("update", "task")) == 1

    def test_to_do_that_was_ticked_off_once_it_was_assigned_is_left(self, case: Bitrix24Case) -> None:
        key, heir = self.task_of_anna(case, "open"), case.twin.seed_user(name="Boris")
        case.twin.lose_next_write()
        with pytest.raises(Transient):
            case.crm.assign_task(key, heir)
        case.twin.finish_task(key)
        case.crm.assign_task(key, heir)
        assert case.crm.task(key) == TaskState(key, completed=True, assignee=heir)

    @pytest.mark.parametrize("completed", [True, False])
    def test_task_of_the_task_manager_is_assigned(self, case: Bitrix24Case, completed: bool) -> None:
        crm, known, heir = case.connect(open_task="task"), world(case), case.twin.seed_user(name="Boris")
        key = crm.create_task(task([known.refs[LEAD]], assignee=known.owner))
        if completed:
            crm.complete_task(key)
            assert crm.declaration.assigns_ticked_off
        (before,) = case.twin.tasks()
        crm.assign_task(key, heir)
        assert case.twin.tasks() == [{**before, "assignee": heir}]
        with pytest.raises(Rejected, match="Responsible"):
            crm.assign_task(key, "99")
        case.twin.remove("task", before["id"])
        with pytest.raises(Gone):
            crm.assign_task(key, heir)

    def test_tasks_of_the_task_manager(self, case: Bitrix24Case) -> None:
        known, since = world(case), a_moment_ago()
        crm = case.connect(open_task="task")
        key = crm.create_task(task([known.refs[CONTACT], known.refs[LEAD], known.refs[ORGANIZATION]], assignee=known.owner))
        (row,) = case.twin.tasks()
        assert (f"task:{row['id']}", row["marker"], row["assignee"]) == (key, "patchcord:c1/task", known.owner)
        assert sorted(kind for kind, _ in row["targets"]) == ["contact", "lead", "organization"]
        assert (crm.task(key).completed, crm.task(key).assignee) == (False, known.owner)
        trace = Trace(marker="patchcord:c1/task", sort=Written.TASK, since=since, targets=tuple(known.refs.values()))
        assert crm.find_by_marker(trace) == key
        assert crm.find_by_marker(replace(trace, marker="patchcord:c1/other")) is None
        for _ in range(2):
            crm.add_recording(Written.TASK, key, RECORDING)
            crm.complete_task(key)
        assert (crm.task(key).completed, case.twin.tasks()[0]["recording"]) == (True, RECORDING)
        case.twin.remove("task", row["id"])
        with pytest.raises(Gone):
            crm.task(key)

    @pytest.mark.parametrize("completed", [True, False])
    def test_task_about_nobody_is_one_of_the_task_manager(self, case: Bitrix24Case, completed: bool) -> None:
        since = a_moment_ago()
        key = case.crm.create_task(task([], completed=completed))
        assert (case.crm.task(key).completed, requests(case)) == (completed, 2)
        trace = Trace(marker="patchcord:c1/task", sort=Written.TASK, since=since)
        assert case.crm.find_by_marker(trace) == key

    @pytest.mark.parametrize("key", ["task:x", "task:", "x", "externalCall/../1"])
    def test_odd_ids_of_tasks_are_gone(self, case: Bitrix24Case, key: str) -> None:
        with pytest.raises(Gone):
            case.crm.task(key)
        assert requests(case) == 0

    # --- calls and comments (8, 10)

    @pytest.mark.parametrize(("way", "direction"), [(CallType.IN, 1), (CallType.OUT, 2)])
    def test_call_is_an_activity_with_its_times(self, case: Bitrix24Case, way: CallType, direction: int) -> None:
        known = world(case)
        case.crm.log_call(call([known.refs[DEAL], known.refs[CONTACT]], LogKind.CALL, call_type=way))
        (row,) = case.bitrix.state.activities.values()
        assert (row["DIRECTION"], row["COMPLETED"], row["OWNER_TYPE_ID"]) == (direction, "Y", 2)
        assert (row["START_TIME"], row["END_TIME"]) == ("2026-09-12T11:13:40+03:00", "2026-09-12T11:14:54+03:00")
        assert row["COMMUNICATIONS"] == [{"VALUE": PHONE.e164, "ENTITY_ID": 1, "ENTITY_TYPE_ID": 3}]

    @pytest.mark.parametrize("kind", [LogKind.CALL, LogKind.NOTE])
    def test_log_about_nobody_is_rejected(self, case: Bitrix24Case, kind: LogKind) -> None:
        with pytest.raises(Rejected):
            case.crm.log_call(call([], kind))
        assert requests(case) == 0

    def test_application_logs_calls_in_the_telephony(self, case: Bitrix24Case) -> None:
        known, since = world(case), a_moment_ago()
        crm = case.open_with_oauth()
        one = call([known.refs[LEAD], known.refs[DEAL]], LogKind.CALL_ENTITY, assignee=known.owner)
        key = crm.log_call(one)
        assert requests(case) == 1
        (write,) = case.twin.ledger
        assert (write.do, write.kind, write.id) == ("log", "call_entity", key)
        assert (write.fields["assignee"], write.fields["recording"]) == (known.owner, RECORDING)
        assert [tuple(target) for target in write.fields["targets"]] == [("lead", "1"), ("deal", "1")]
        (held,) = case.bitrix.state.calls.values()
        assert (held["PHONE_NUMBER"], held["shown"], held["EXTERNAL_CALL_ID"]) == (PHONE.e164, False, "patchcord:c1/log")
        trace = Trace(
            marker="patchcord:c1/log", sort=Written.LOG, since=since, log=LogKind.CALL_ENTITY, targets=(known.refs[LEAD],)
        )
        assert crm.find_by_marker(trace) == key
        crm.log_call(one)
        assert len(case.bitrix.state.calls) == 1

    def test_recording_of_a_telephony_call_comes_later(self, case: Bitrix24Case) -> None:
        known = world(case)
        crm = case.open_with_oauth()
        key = crm.log_call(
            call([known.refs[CONTACT]], LogKind.CALL_ENTITY, recording=None, outcome=Outcome.MISSED, talk_seconds=0)
        )
        assert [one["RECORD_URL"] for one in case.bitrix.state.calls.values()] == [None]
        for _ in range(2):
            crm.add_recording(Written.LOG, key, RECORDING)
        assert [one["RECORD_URL"] for one in case.bitrix.state.calls.values()] == [RECORDING]
        assert len(case.twin.writes("update", "log")) == 1

    def test_recording_goes_to_a_call_without_an_activity(self, case: Bitrix24Case) -> None:
        crm = case.open_with_oauth()
        crm.log_call(call([world(case).refs[CONTACT]], LogKind.CALL_ENTITY, recording=None))
        (key,) = case.bitrix.state.calls
        crm.add_recording(Written.LOG, key, RECORDING)
        assert case.bitrix.state.calls[key]["RECORD_URL"] == RECORDING

    def test_call_for_a_dismissed_user_is_rejected(self, case: Bitrix24Case) -> None:
        gone = case.twin.seed_user(name="Left", active=False)
        with pytest.raises(Rejected, match="not active"):
            case.open_with_oauth().log_call(call([world(case).refs[CONTACT]], LogKind.CALL_ENTITY, assignee=gone))

    def test_own_user_is_asked_for_where_the_grant_does_not_tell(self, case: Bitrix24Case) -> None:
        known = world(case)
        crm = case.open_with_oauth()
        grant = json.loads(case.stored.get(PROJECT, "grant") or "")
        case.stored.put(PROJECT, "grant", json.dumps({name: grant[name] for name in ("access_token", "refresh_token")}))
        for _ in range(2):
            crm.create_task(done_task([known.refs[LEAD]]))
        assert [row["assignee"] for row in case.twin.tasks()] == ["1", "1"]
        assert case.twin.count(path="/profile$") == 1

    def test_comment_stands_in_every_card(self, case: Bitrix24Case) -> None:
        known = world(case)
        case.crm.add_note(tuple(known.refs.values()), "text", "patchcord:c1/note")
        assert len(case.bitrix.state.comments[1]["BINDINGS"]) == 4
        assert requests(case) == 1

    # --- limits (2, 3)

    def error(self, crm: Crm) -> CrmError:
        with pytest.raises(CrmError) as caught:
            crm.find(PHONE, PLAIN)
        return caught.value

    def test_full_bucket_says_when_to_come_back(self, case: Bitrix24Case) -> None:
        case.bitrix.set(enforce_rates=True, burst=1, drain=0.001)
        case.crm.find(PHONE, PLAIN)
        error = self.error(case.crm)
        assert isinstance(error, Transient)
        assert (error.cool_down, error.retry_after) == (True, timedelta(seconds=2))

    def test_spent_run_time_is_waited_out(self, case: Bitrix24Case) -> None:
        case.bitrix.set(operating_limit=0.0)
        with pytest.raises(Transient) as caught:
            case.crm.users()
        assert caught.value.cool_down
        assert timedelta(minutes=9) < (caught.value.retry_after or timedelta()) <= timedelta(minutes=10)

    def test_spent_run_time_inside_of_a_batch(self, case: Bitrix24Case) -> None:
        case.bitrix.set(operating_limit=0.0)
        assert isinstance(self.error(case.crm), Transient)

    def test_plan_without_rest_is_misconfigured(self, case: Bitrix24Case) -> None:
        case.bitrix.set(paid=False)
        assert isinstance(self.error(case.crm), Misconfigured)
        assert [lack.code for lack in case.crm.check()] == ["plan"]

    # --- sign-in (1)

    @pytest.mark.parametrize("form", ["{url}/rest/1/{code}/", "{url}/rest/1/{code}", "1/{code}", " 1/{code}/ "])
    def test_forms_of_a_webhook(self, case: Bitrix24Case, form: str) -> None:
        case.stored.put(PROJECT, "webhook", form.format(url=case.url, code=case.bitrix.account.webhook_code))
        assert case.connect(base_url=f"{case.url}/").find(PHONE, PLAIN) == ()

    @pytest.mark.parametrize(
        "text", ["nonsense", "1/", "0/abcdefgh", "https://other.bitrix24.eu/rest/1/abcdefgh/", "1/abcdefgh/x"]
    )
    def test_wrong_webhooks_are_misconfigured(self, case: Bitrix24Case, text: str) -> None:
        case.stored.put(PROJECT, "webhook", text)
        with pytest.raises(Misconfigured) as caught:
            case.connect()
        assert "abcdefgh" not in str(caught.value)

    def test_replaced_webhook_is_taken_up(self, case: Bitrix24Case) -> None:
        case.bitrix.set(webhook_code="an0therc0de12345")
        case.secrets += ("an0therc0de12345",)
        case.stored.put(PROJECT, "webhook", "1/an0therc0de12345")
        assert case.crm.find(PHONE, PLAIN) == ()
        assert [one.status for one in case.twin.requests] == [403, 200]

    def test_many_threads_with_an_expired_single_use_grant(self, case: Bitrix24Case) -> None:
        crms, errors = [case.open_with_oauth()], list[CrmError]()
        crms += [case.connect(auth="oauth", token_url=f"{case.url}/oauth/token/") for _ in range(9)]
        case.expire_tokens()

        def look(crm: Bitrix24) -> None:
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
        assert case.twin.count("POST", "/oauth/token") == 1

    def test_token_is_never_renewed_before_the_portal_says_so(self, case: Bitrix24Case) -> None:
        crm = case.open_with_oauth()
        grant = json.loads(case.stored.get(PROJECT, "grant") or "")
        case.stored.put(PROJECT, "grant", json.dumps({**grant, "expires_at": "2020-01-01T00:00:00+00:00"}))
        assert crm.find(PHONE, PLAIN) == ()
        assert case.twin.count(path="/oauth/token") == 0

    def test_unknown_token_is_not_renewed(self, case: Bitrix24Case) -> None:
        crm = case.open_with_oauth()
        case.bitrix.grants.access.clear()
        assert isinstance(self.error(crm), Unauthorised)
        assert case.twin.count(path="/oauth/token") == 0

    def test_removed_application_is_unauthorised(self, case: Bitrix24Case) -> None:
        crm = case.open_with_oauth()
        case.expire_tokens()
        case.bitrix.grants.refresh.clear()
        assert isinstance(self.error(crm), Unauthorised)
        assert case.stored.get(PROJECT, "grant")

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"base_url": ""}, "base_url"), ({"auth": "magic"}, "auth"), ({"crm_mode": "x"}, "crm_mode"),
            ({"open_task": "x"}, "open_task"), ({"contact_filter": "x"}, "contact_filter"), ({"auth": "oauth"}, "client_id"),
        ],
    )  # fmt: skip
    def test_incomplete_settings_are_misconfigured(self, case: Bitrix24Case, settings: dict[str, str], words: str) -> None:
        with pytest.raises(Misconfigured, match=words):
            case.connect(**settings)

    # --- check (1, 2, 5)

    def test_check_tells_missing_scopes(self, case: Bitrix24Case) -> None:
        case.bitrix.set(scopes=("crm", "user_basic"))
        assert [(lack.code, "user" in lack.what) for lack in case.crm.check()] == [("scope", True)]
        with_tasks = case.connect(open_task="task").check()
        assert [lack.what.split()[2] for lack in with_tasks] == ["user", "task"]
        assert [lack.what.split()[2] for lack in case.open_with_oauth().check()] == ["user", "telephony"]

    def test_check_tells_a_wrong_address(self, case: Bitrix24Case) -> None:
        case.misbehave(Fault("html", status=404, words="Not found"))
        assert [lack.code for lack in case.crm.check()] == ["address"]

    def test_users_are_listed_page_by_page(self, case: Bitrix24Case) -> None:
        for number in range(70):
            case.twin.seed_user(name=f"User {number}")
        assert len({user.id for user in case.crm.users()}) == 71

    def test_links(self, case: Bitrix24Case) -> None:
        shown = {kind: case.crm.link(Ref(kind, "6")).removeprefix(case.url) for kind in RecordKind}
        assert shown == {kind: f"/crm/{word}/details/6/" for kind, word in case.crm.declaration.kinds.items()}


# --- pure parts


@pytest.mark.parametrize(
    ("status", "code", "words", "expected"),
    [
        (503, "QUERY_LIMIT_EXCEEDED", "Too many requests", 503), (401, "expired_token", "", 401),
        (400, "Expired_Token", "", 401), (403, "INVALID_CREDENTIALS", "", 401), (400, "NOT_FOUND", "Not found", 404),
        (400, "", "Access denied.", 403), (400, "", "Activity is not found.", 404), (400, "ERROR_CORE", "Task not found", 404),
        (400, "ERROR_CORE", "User is not found or is not active.", 400), (400, "WRONG_AUTH_TYPE", "", 403),
        (404, "ERROR_METHOD_NOT_FOUND", "Method not found!", 403), (500, "PORTAL_DELETED", "", 403),
        (500, "ERROR_CORE", "boom", 500), (200, "ERROR_CORE", "boom", 400), (400, "Access denied.", "", 403),
        (400, "100", "Could not find value for parameter {id}", 400), (200, "QUERY_LIMIT_EXCEEDED", "", 503),
    ],
)  # fmt: skip
def test_the_code_counts(status: int, code: str, words: str, expected: int) -> None:
    body = {"error": code, "error_description": words}
    assert BitrixDialect().status(Answer(status, {"content-type": "application/json"}, json=body)) == expected


def test_errors_of_the_third_version_are_read() -> None:
    assert problem({"error": {"code": "BITRIX_REST_V3_X", "message": "no"}}) == ("BITRIX_REST_V3_X", "no")
    assert problem({"result": []}) is None
    assert problem([]) is None


@pytest.mark.parametrize(
    ("body", "low", "high"),
    [
        ({"error": "QUERY_LIMIT_EXCEEDED"}, 2, 2),
        ({"error": "OPERATION_TIME_LIMIT"}, 60, 60),
        ({"error": "OPERATION_TIME_LIMIT", "time": {"operating_reset_at": "soon"}}, 60, 60),
        ({"error": "OPERATION_TIME_LIMIT", "time": {"operating_reset_at": 1}}, 2, 2),
        ({"error": "OPERATION_TIME_LIMIT", "time": {"operating_reset_at": "2999-01-01T00:00:00+03:00"}}, 600, 600),
    ],
)
def test_pauses(body: dict[str, Any], low: int, high: int) -> None:
    pause = BitrixDialect().retry_after(Answer(429, {"content-type": "application/json"}, json=body))
    assert pause is not None
    assert low <= pause.total_seconds() <= high


def test_overload_is_a_block() -> None:
    assert BitrixDialect().is_blocked(Answer(503, {}, json={"error": "OVERLOAD_LIMIT"}))
    assert BitrixDialect().retry_after(Answer(500, {}, json={})) is None


def test_commands_are_read_back_as_they_were_meant() -> None:
    params = {
        "a": "x + y & z # 100%", "b": {"c": ["1", "Ж😀"], "@id": earlier("r0", "item", "id")}, "n": None, "i": 7,
        "t": "$result[a]", "[odd]&": "v",
    }  # fmt: skip
    query = query_of(params)
    assert "$result%5Br0%5D" in query
    read = parse_query(query)
    assert read["a"] == "x + y & z # 100%"
    assert read["b"] == {"c": ["1", "Ж😀"], "@id": "$result[r0][item][id]"}
    assert (read["i"], read["t"], "n" in read) == ("7", "$result [a]", False)


@pytest.mark.parametrize(
    ("value", "row", "expected"),
    [
        ("Site", {"type": "enumeration", "items": [{"ID": "7", "VALUE": "site "}]}, "7"),
        ("Fax", {"type": "enumeration", "items": []}, "Fax"),
        ("a, Site", {"type": "enumeration", "isMultiple": True, "items": [{"ID": 7, "VALUE": "Site"}]}, ["a", "7"]),
        ("yes", {"type": "boolean"}, "Y"), ("nope", {"type": "boolean"}, "N"), ("1 000,5", {"type": "double"}, "1000.5"),
        (" text ", {"type": "string"}, " text "),
    ],
)  # fmt: skip
def test_texts_become_what_their_field_takes(value: str, row: dict[str, Any], expected: object) -> None:
    assert writing.typed(value, row) == expected


def test_the_number_is_searched_in_every_spelling() -> None:
    assert lookup.variants(PHONE) == ["+380671234567", "380671234567", "0671234567", "671234567", "00380671234567"]
    assert "89123456789" in lookup.variants(read_phone("+79123456789", "RU"))


def test_unknown_shapes_are_empty() -> None:
    assert rows_of(None) == rows_of({"items": None}, "items") == rows_of([], "items") == ()
    assert rows_of([1, {"a": 1}]) == ({"a": 1},)
    assert reading.numbers_of({}) is None
    assert reading.numbers_of({"fm": {"1": {"typeId": "PHONE", "value": "1"}, "2": {"typeId": "EMAIL", "value": "x"}}}) == ("1",)
    assert reading.read_time("soon") is None
    assert reading.read_time("2026-09-12T11:13:40+03:00") == datetime(2026, 9, 12, 8, 13, 40, tzinfo=UTC)
    assert reading.text_id([]) is None


@pytest.mark.parametrize(
    ("kind", "row", "expected"),
    [
        (LEAD, {"stageSemanticId": "P"}, True), (LEAD, {"stageSemanticId": "F", "stageId": "NEW"}, False),
        (LEAD, {"stageId": "JUNK"}, False), (LEAD, {"stageId": "NEW"}, True), (DEAL, {"closed": "N"}, True),
        (DEAL, {"closed": "Y"}, False), (CONTACT, {}, True),
    ],
)  # fmt: skip
def test_open_states(kind: RecordKind, row: dict[str, Any], expected: bool) -> None:
    assert reading.is_open(kind, row) is expected


def test_link_in_a_text_is_a_word_of_its_own() -> None:
    assert reading.has_link(f"a\n{RECORDING}\nb", RECORDING)
    assert reading.has_link(f"[url]{RECORDING.replace('&', '&amp;')}[/url]", RECORDING)
    assert not reading.has_link(f"{RECORDING}&c=3", RECORDING)
    assert not reading.has_link(None, RECORDING)
    assert reading.has_line("[p]x[/p][p][size=10]Patchcord  c1[/size][/p]", "Patchcord c1")
    assert not reading.has_line(None, "Patchcord c1")
    assert reading.has_line("x\nPatchcord c1", "Patchcord c1")
    assert not reading.has_line("Patchcord c1/2", "Patchcord c1")
