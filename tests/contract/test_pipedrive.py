"""Pipedrive against its twin: the contract, and what only Pipedrive has (crm_pipedrive.md)."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, cast

import pytest

from patchcord.crm.connect import open_crm
from patchcord.crm.errors import CrmError, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.http import Http
from patchcord.crm.pipedrive import Pipedrive, reading, writing
from patchcord.crm.pipedrive.declaration import PipedriveDialect
from patchcord.crm.port import Change, Crm, Search, Trace, Written
from patchcord.model.effects import TaskKind
from patchcord.model.records import RecordKind, Ref
from patchcord.store.memory import MemorySecrets, MemoryStore
from patchcord.wire import read_answer
from sandbox.twins.base import Fault, serve
from sandbox.twins.pipedrive import PipedriveTwin
from tests.contract.crm_contract import (
    CONTACT,
    DEAL,
    LEAD,
    ORGANIZATION,
    OTHER,
    PHONE,
    PLAIN,
    REGION,
    Case,
    CrmContract,
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


class PipedriveCase(Case):
    vendor: ClassVar[str] = "pipedrive"
    paths: ClassVar[Mapping[str, str]] = {
        "look_up": "/itemSearch", "contact": "/persons", "organization": "/organizations", "lead": "/leads", "deal": "/deals",
        "task": "/activities", "log": "/activities", "note": "/notes",
    }  # fmt: skip

    def __init__(self, twin: PipedriveTwin, url: str) -> None:
        self.pipedrive = twin
        self.stored = MemorySecrets()
        self.store = MemoryStore()
        self.opened: list[Crm] = []
        super().__init__(twin, url)
        self.secrets = (twin.account.api_token,)

    def connect(self, **settings: str) -> Pipedrive:
        crm = open_crm("pipedrive", {"base_url": self.url, **settings}, self.stored, self.store, PROJECT)
        self.opened.append(crm)
        return cast(Pipedrive, crm)

    def open(self) -> Crm:
        self.stored.put(PROJECT, "api_token", self.pipedrive.account.api_token)
        return self.connect()

    def open_with_wrong_credentials(self) -> Crm:
        self.stored.put(PROJECT, "api_token", "wrong")
        return self.connect()

    def open_with_oauth(self) -> Pipedrive:
        grant = self.pipedrive.grant()
        facts = {"access_token": grant.access, "refresh_token": grant.refresh, "expires_at": grant.expires.isoformat()}
        self.stored.put(PROJECT, "grant", json.dumps({**facts, "scope": " ".join(grant.scopes)}))
        self.stored.put(PROJECT, "client_id", self.pipedrive.account.client_id)
        self.stored.put(PROJECT, "client_secret", self.pipedrive.account.client_secret)
        self.secrets += (grant.access, grant.refresh, self.pipedrive.account.client_secret)
        return self.connect(auth="oauth", token_url=f"{self.url}/oauth/token")

    def expire_tokens(self) -> None:
        self.pipedrive.expire_access_tokens()

    def http(self, crm: Crm) -> Http:
        return cast(Pipedrive, crm).http

    def close(self) -> None:
        for crm in self.opened:
            cast(Pipedrive, crm).close()


class TestPipedrive(CrmContract):
    @pytest.fixture
    def case(self, traffic: Path) -> Iterator[PipedriveCase]:
        twin = PipedriveTwin()
        twin.marker_in_text = re.compile(r"^Patchcord (\S+)$", re.M)
        with serve(twin) as running:
            made_case = PipedriveCase(twin, running.url)
            yield made_case
            made_case.close()

    def second_stage(self, case: Case) -> tuple[str, str]:
        assert isinstance(case, PipedriveCase)
        pipeline = case.pipedrive.seed_pipeline("Repairs", ("New", "In work"))
        last = max(case.pipedrive.state.stages)
        return pipeline, str(last)

    # --- look-up (6, 7)

    def test_searches_again_only_when_the_first_finds_others(self, case: PipedriveCase) -> None:
        seed(case, CONTACT, phone="+3806712345678", name="Longer number")
        assert case.crm.find(PHONE, PLAIN) == ()
        assert requests(case) <= 3

    def test_relatives_of_others_are_left_out(self, case: PipedriveCase) -> None:
        other = seed(case, CONTACT, phone="+3806712345678", name="Longer number")
        seed(case, LEAD, name="Theirs", contact=other)
        ours = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        mine = seed(case, LEAD, name="Ours", contact=ours)
        assert [one.id for one in found(case, LEAD)] == [mine]
        assert [one.id for one in found(case, CONTACT)] == [ours]

    def test_converted_lead_is_a_deal(self, case: PipedriveCase) -> None:
        known = world(case)
        case.twin.set_status("lead", known.refs[LEAD].id, "converted")
        assert found(case, LEAD) == []
        assert len([one for one in found(case, DEAL) if one.open]) == 2

    def test_reading_back_tells_the_times(self, case: PipedriveCase) -> None:
        field = case.twin.seed_field("deal", "utm_source")
        at = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
        seed(case, DEAL, phone=PHONE.e164, name="Old", updated=at)
        (deal,) = found(case, DEAL, Search(REGION, attribution={DEAL: {"utm_source": field}}))
        assert (deal.updated_at, deal.created_at, deal.attribution) == (at, at, {})

    def test_lead_converted_between_search_and_reading_is_no_error(self, case: PipedriveCase) -> None:
        world(case)
        case.misbehave(Fault("status", path="/leads/", status=404, words="Lead not found"))
        (lead,) = found(case, LEAD, Search(REGION, attribution={LEAD: {"utm_source": "0" * 40}}))
        assert lead.attribution is None

    # --- creation (8)

    def test_channel_of_a_lead_is_source_and_medium(self, case: PipedriveCase) -> None:
        visit = {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "x"}
        refs = made(case.crm.create([draft(CONTACT), draft(LEAD, links=("contact",), attribution=visit)]))
        row = case.pipedrive.state.leads[refs["lead"].id]
        assert (row["channel_id"], row["origin_id"]) == ("google / cpc", "patchcord:c1/lead")

    def test_d25_channel_of_a_lead_is_not_written_over(self, case: PipedriveCase) -> None:
        ref = world(case).refs[LEAD]
        case.pipedrive.state.leads[ref.id]["channel_id"] = "partner"
        case.crm.update(ref, Change(attribution={"utm_source": "bing"}))
        assert case.pipedrive.state.leads[ref.id]["channel_id"] == "partner"

    def test_marker_goes_into_its_field(self, case: PipedriveCase) -> None:
        fields = {word: case.twin.seed_field(kind, "patchcord_marker") for word, kind in
                  (("person", "contact"), ("organization", "organization"), ("deal", "deal"))}  # fmt: skip
        crm = case.connect(**{f"marker_fields.{word}": key for word, key in fields.items()})
        drafts = [draft(ORGANIZATION), draft(CONTACT, links=("organization",)), draft(DEAL, links=("contact",))]
        refs = made(crm.create(drafts))
        for ref in refs.values():
            assert record(case, ref)["marker"] == f"patchcord:c1/{ref.kind.value}"
        assert crm.check() == ()

    @pytest.mark.parametrize(("kind", "word"), [(CONTACT, "person"), (ORGANIZATION, "organization"), (DEAL, "deal")])
    def test_marker_field_beats_name_and_number(self, case: PipedriveCase, kind: RecordKind, word: str) -> None:
        key = case.twin.seed_field(kind.value, "patchcord_marker")
        crm = case.connect(**{f"marker_fields.{word}": key})
        since = datetime.now(UTC)
        contact = Ref(CONTACT, seed(case, CONTACT, name="Olena", phone=OTHER.e164))
        links = (contact,) if kind is DEAL else ()
        ours = made(crm.create([draft(kind, "ours", name="Same", links=links, phone=None)]))["ours"]
        made(crm.create([draft(kind, "theirs", name="Same", links=links, phone=None)]))
        trace = Trace(marker="patchcord:c1/ours", sort=Written.RECORD, since=since, kind=kind, name="Same", targets=links)
        assert crm.find_by_marker(trace) == ours.id

    def test_numeric_tags_are_labels(self, case: PipedriveCase) -> None:
        refs = made(case.crm.create([draft(CONTACT, tags=("3", "hot"))]))
        assert case.pipedrive.state.persons[int(refs["contact"].id)]["label_ids"] == [3]

    def test_types_of_fields_are_read_once_and_only_when_refused(self, case: PipedriveCase) -> None:
        number = case.twin.seed_field("contact", "Size", "number")
        for name in ("one", "two"):
            made(case.crm.create([draft(CONTACT, name=name, fields={number: "42"})]))
        assert case.twin.count("GET", "/personFields") == 1
        assert case.twin.count("POST", "/persons") == 3

    # --- tasks (10)

    def test_participants_take_the_place_of_the_person(self, case: PipedriveCase) -> None:
        known, second = world(case), Ref(CONTACT, seed(case, CONTACT, name="Second"))
        case.crm.create_task(task([known.refs[CONTACT], second, known.refs[CONTACT]]))
        row = case.pipedrive.state.activities[1]
        assert row["participants"] == [
            {"person_id": int(known.refs[CONTACT].id), "primary": True}, {"person_id": int(second.id), "primary": False},
        ]  # fmt: skip

    def test_only_one_of_lead_and_deal_is_sent(self, case: PipedriveCase) -> None:
        known = world(case)
        case.crm.create_task(task([known.refs[DEAL], known.refs[LEAD]]))
        row = case.pipedrive.state.activities[1]
        assert (row["deal_id"], row["lead_id"]) == (int(known.refs[DEAL].id), None)

    @pytest.mark.parametrize(
        ("kind", "recording", "expected"),
        [
            (TaskKind.CALL_LOG, "https://r.example/1.mp3", "call"), (TaskKind.ACQUAINT, "https://r.example/1.mp3", "call"),
            (TaskKind.CALL_LOG, None, "call"), (TaskKind.REVIEW_CALL, "https://r.example/1.mp3", "task"),
        ],
    )  # fmt: skip
    def test_completed_tasks_about_a_call_are_of_the_type_for_calls(
        self, case: PipedriveCase, kind: TaskKind, recording: str | None, expected: str
    ) -> None:
        case.crm.create_task(done_task([world(case).refs[CONTACT]], kind=kind, recording=recording))
        assert case.pipedrive.state.activities[1]["type"] == expected

    def test_types_of_activities_are_the_company_s(self, case: PipedriveCase) -> None:
        case.pipedrive.seed_activity_type("todo")
        case.connect(activity_task="todo").create_task(task([world(case).refs[CONTACT]]))
        assert case.pipedrive.state.activities[1]["type"] == "todo"

    # --- limits and sign-in (2, 3)

    def test_burst_says_when_to_come_back(self, case: PipedriveCase) -> None:
        case.pipedrive.set(enforce_rates=True, search_burst=1)
        case.crm.find(PHONE, PLAIN)
        with pytest.raises(Transient) as caught:
            case.crm.find(PHONE, PLAIN)
        assert caught.value.cool_down
        assert timedelta(0) < (caught.value.retry_after or timedelta()) <= timedelta(seconds=2)

    def test_spent_day_is_waited_out(self, case: PipedriveCase) -> None:
        case.pipedrive.set(daily_budget=10)
        with pytest.raises(Transient) as caught:
            case.crm.find(PHONE, PLAIN)
        now = datetime.now(UTC)
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        assert abs(now + (caught.value.retry_after or timedelta()) - midnight) < timedelta(seconds=5)

    def test_going_on_after_429_is_recognised_as_a_block(self, case: PipedriveCase) -> None:
        case.pipedrive.set(enforce_rates=True, search_burst=1, edge_block_after=1)
        pauses = []
        for _ in range(4):
            try:
                case.crm.find(PHONE, PLAIN)
            except Transient as error:
                pauses.append(error.retry_after or timedelta())
        assert pauses[-1] >= timedelta(minutes=1)

    def test_many_threads_with_an_expired_single_use_grant(self, case: PipedriveCase) -> None:
        case.pipedrive.set(refresh_single_use=True)
        crms, errors = [case.open_with_oauth()], list[CrmError]()
        crms += [case.connect(auth="oauth", token_url=f"{case.url}/oauth/token") for _ in range(9)]
        case.expire_tokens()

        def look(crm: Pipedrive) -> None:
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

    def test_removed_app_is_unauthorised(self, case: PipedriveCase) -> None:
        crm = case.open_with_oauth()
        case.pipedrive.revoke_grants()
        with pytest.raises(Unauthorised):
            crm.find(PHONE, PLAIN)
        assert case.stored.get(PROJECT, "grant")

    def test_replaced_api_token_is_taken_up(self, case: PipedriveCase) -> None:
        case.pipedrive.replace_api_token("another-token")
        case.stored.put(PROJECT, "api_token", "another-token")
        assert case.crm.find(PHONE, PLAIN) == ()

    # --- check (2.2, 10.1, 12)

    def test_check_tells_a_missing_scope(self, case: PipedriveCase) -> None:
        scopes = tuple(scope for scope in case.pipedrive.account.scopes if scope != "leads:full")
        case.pipedrive.set(scopes=scopes)
        assert [lack.code for lack in case.open_with_oauth().check()] == ["scope"]

    def test_check_tells_a_switched_off_activity_type(self, case: PipedriveCase) -> None:
        case.pipedrive.seed_activity_type("call", active=False)
        assert [(lack.code, "call" in lack.what) for lack in case.crm.check()] == [("activity_type", True)]

    def test_check_tells_a_missing_marker_field(self, case: PipedriveCase) -> None:
        lacks = case.connect(**{"marker_fields.person": "0" * 40}).check()
        assert [lack.code for lack in lacks] == ["marker_field"]

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"base_url": ""}, "base_url"),
            ({"auth": "magic"}, "auth"),
            ({"marker_fields.lead": "x"}, "lead"),
            ({"auth": "oauth"}, "client_id"),
        ],
    )
    def test_incomplete_settings_are_misconfigured(self, case: PipedriveCase, settings: dict[str, str], words: str) -> None:
        with pytest.raises(Misconfigured, match=words):
            case.connect(**settings)

    def test_unknown_vendor_is_misconfigured(self, case: PipedriveCase) -> None:
        with pytest.raises(Misconfigured):
            open_crm("os", {}, case.stored, case.store, PROJECT)

    def test_links(self, case: PipedriveCase) -> None:
        shown = {kind: case.crm.link(Ref(kind, "6")).removeprefix(case.url) for kind in (CONTACT, ORGANIZATION, LEAD, DEAL)}
        assert shown == {CONTACT: "/person/6", ORGANIZATION: "/organization/6", LEAD: "/leads/inbox/6", DEAL: "/deal/6"}


# --- pure parts


def test_unknown_shapes_are_transient_or_empty() -> None:
    assert reading.rows_of(None) == ()
    assert reading.rows_of([1, {"a": 1}]) == ({"a": 1},)
    assert reading.found_items([], "items") == ()
    assert reading.numbers_of({"phones": [{"value": "1"}, "2", None]}) == ("1", "2")
    assert reading.read_time("2026-09-12 08:15:00") == reading.read_time("2026-09-12T08:15:00.000Z")
    assert reading.read_time("soon") is None


@pytest.mark.parametrize(
    ("value", "field_type", "expected"),
    [
        ("12", "double", 12), ("12,5", "double", 12.5), ("1 000", "monetary", 1000), ("many", "double", "many"),
        ("Site", "enum", 7), ("7", "enum", 7), ("Site, 9", "set", [7, 9]), ("12", "varchar", "12"), ("3", "user", 3),
    ],
)  # fmt: skip
def test_texts_become_what_their_field_takes(value: str, field_type: str, expected: object) -> None:
    assert writing.typed(value, field_type, {"site": 7}) == expected


def test_marker_survives_the_server_s_cleaning() -> None:
    note = writing.note_html("a & b", "c1/task'1", "https://r.example/1?a=1&b=2")
    line = writing.marker_line("c1/task'1")
    for stored in (
        note,
        note.replace("<small>", "").replace("</small>", ""),
        note.replace("&#x27;", "'"),
        note.replace("</p>", "</p>\n"),
    ):
        assert reading.has_marker(stored, line)
    assert reading.has_link(note, "https://r.example/1?a=1&b=2")
    assert not reading.has_link(note, "https://r.example/1?a=1")
    assert not reading.has_marker(note, writing.marker_line("c1/task"))


def test_recording_that_is_no_link_is_not_clickable() -> None:
    assert "href" not in writing.link_html("javascript:alert(1)")


@pytest.mark.parametrize("wrong", ["", "٣", "-1", "1.5", "a"])
def test_ids_that_are_no_numbers_are_rejected(wrong: str) -> None:
    with pytest.raises(Rejected):
        writing.whole(wrong, "owner")


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"x-ratelimit-reset": "1"}, 1, 1), ({}, 2, 2), ({"retry-after": "9", "x-ratelimit-reset": "1"}, 9, 9),
        ({"x-daily-requests-left": "0"}, 0, 86_400), ({"x-ratelimit-reset": "0"}, 2, 2),
    ],
)  # fmt: skip
def test_pause_after_429(headers: dict[str, str], low: float, high: float) -> None:
    pause = PipedriveDialect().retry_after(read_answer(429, headers, b""))
    assert pause is not None
    assert low <= pause.total_seconds() <= high
