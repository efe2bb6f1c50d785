"""SendPulse against its twin: the contract, and what only SendPulse has (crm_sendpulse.md)."""

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
from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Transient
from patchcord.crm.http import Http
from patchcord.crm.port import Change, Crm, Search, Trace, Written
from patchcord.crm.sendpulse import DECLARATION, SendPulse, reading, writing
from patchcord.crm.sendpulse.declaration import SendPulseDialect
from patchcord.model.effects import LogKind
from patchcord.model.phone import Phone, notations, read_phone
from patchcord.model.records import RecordKind, Ref
from patchcord.scenarios.profiles import effective
from patchcord.store.memory import MemorySecrets, MemoryStore
from patchcord.wire import read_answer
from sandbox.twins.base import Fault, serve
from sandbox.twins.sendpulse import SendPulseTwin
from tests.contract.crm_contract import (
    CONTACT,
    DEAL,
    LEAD,
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
    new_client,
    record,
    recorded,
    requests,
    seed,
    task,
    world,
)

PROJECT = "acme"


class SendPulseCase(Case):
    vendor: ClassVar[str] = "sendpulse"
    paths: ClassVar[Mapping[str, str]] = {
        "look_up": "/contacts/get-list", "contact": "/contacts$", "deal": "/deals$", "task": "/tasks$", "log": "/comments$",
        "note": "/comments$",
    }  # fmt: skip

    def __init__(self, twin: SendPulseTwin, url: str) -> None:
        self.sendpulse = twin
        self.stored = MemorySecrets()
        self.store = MemoryStore()
        self.opened: list[Crm] = []
        super().__init__(twin, url)
        self.secrets = (twin.account.api_key,)

    def connect(self, **settings: str) -> SendPulse:
        options = {**self.sendpulse.connection(self.url).options, **settings}
        crm = open_crm("sendpulse", options, self.stored, self.store, PROJECT)
        self.opened.append(crm)
        return cast(SendPulse, crm)

    def open(self) -> Crm:
        self.stored.put(PROJECT, "api_key", self.sendpulse.account.api_key)
        return self.connect()

    def open_with_wrong_credentials(self) -> Crm:
        self.stored.put(PROJECT, "api_key", "wrong")
        return self.connect()

    def open_with_oauth(self) -> SendPulse:
        self.stored.put(PROJECT, "client_id", self.sendpulse.account.client_id)
        self.stored.put(PROJECT, "client_secret", self.sendpulse.account.client_secret)
        self.secrets += (self.sendpulse.account.client_secret,)
        return self.connect(auth="oauth")

    def expire_tokens(self) -> None:
        self.sendpulse.expire_tokens()

    def http(self, crm: Crm) -> Http:
        return cast(SendPulse, crm).http

    def close(self) -> None:
        for crm in self.opened:
            cast(SendPulse, crm).close()


def in_steps(case: SendPulseCase) -> SendPulse:
    """A connection that creates contacts by the current form."""
    return case.connect(contact_form="steps")


class TestSendPulse(CrmContract):
    @pytest.fixture
    def case(self, traffic: Path) -> Iterator[SendPulseCase]:
        twin = SendPulseTwin()
        twin.marker_in_text = re.compile(r"^Patchcord (\S+)$", re.M)
        with serve(twin) as running:
            made_case = SendPulseCase(twin, running.url)
            yield made_case
            made_case.close()

    def second_stage(self, case: Case) -> tuple[str, str]:
        assert isinstance(case, SendPulseCase)
        pipeline = case.sendpulse.seed_pipeline("Repairs", ("New", "In work"))
        return pipeline, str(case.sendpulse.state.pipelines[int(pipeline)]["steps"][1]["id"])

    # --- where the vendor cannot do what others can (5, 6)

    @pytest.mark.parametrize("kind", [CONTACT, DEAL])
    def test_owner_name_and_fields_are_changed(self, case: Case, kind: RecordKind) -> None:
        """Two requests: a deal's change is not partial, a contact's fields have a call of their own (5)."""
        known, heir = world(case), case.twin.seed_user(name="Boris")
        field = case.twin.seed_field(kind.value, "Colour")
        case.crm.update(known.refs[kind], Change(owner=heir, name="New 😀 name", fields={field: "blue"}))
        row = record(case, known.refs[kind])
        assert (row["owner"], row["name"], row["fields"]) == (heir, "New 😀 name", {"Colour": "blue"})
        assert requests(case) == 2

    def test_owner_that_left_is_known_to_be_inactive(self, case: Case) -> None:
        """Who is not listed cannot be assigned (6)."""
        gone = case.twin.seed_user(name="Left", email="left@example.com", active=False)
        seed(case, CONTACT, phone=PHONE.e164, name="Olena", owner=gone)
        assert found(case, CONTACT)[0].owner == gone
        assert gone not in {user.id for user in case.crm.users()}

    def test_users_are_listed(self, case: Case) -> None:
        """No flag tells who is blocked or an administrator (6)."""
        here = case.twin.seed_user(name="Анна 😀", email="anna@example.com")
        left = case.twin.seed_user(name="Left", email="left@example.com", active=False)
        users = {user.id: user for user in case.crm.users()}
        assert (users[here].name, users[here].email, users[here].active) == ("Анна 😀", "anna@example.com", True)
        assert left not in users
        assert not any(user.admin for user in users.values())

    # --- look-up (4)

    def test_same_number_in_two_notations_is_found_in_one_request(self, case: SendPulseCase) -> None:
        keys = {seed(case, CONTACT, phone=stored, name="Olena") for stored in (PHONE.e164, "(067) 123-45-67")}
        assert {one.id for one in found(case, CONTACT)} == keys
        assert requests(case) == 1

    @pytest.mark.parametrize("like", ["exact", "last"])
    def test_number_with_plus_is_found_whatever_like_means(self, case: SendPulseCase, like: str) -> None:
        case.sendpulse.set(like=like)
        key = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        assert [one.id for one in found(case, CONTACT)] == [key]

    def test_search_by_the_tail(self, case: SendPulseCase) -> None:
        crm = case.connect(search="tail")
        key = seed(case, CONTACT, phone="0671234567", name="Olena")
        assert [one.id for one in crm.find(PHONE, PLAIN)] == [key]

    def test_number_is_found_behind_a_page_of_similar_ones(self, case: SendPulseCase) -> None:
        for number in range(105):
            seed(case, CONTACT, phone=f"67 123 45 67 {number:03}", name="Similar")
        key = seed(case, CONTACT, phone="067 123 45 67", name="Olena")
        assert [one.id for one in found(case, CONTACT)] == [key]

    def test_contact_without_deals_costs_one_request(self, case: SendPulseCase) -> None:
        seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        case.crm.find(PHONE, PLAIN)
        assert requests(case) == 1

    def test_deal_of_two_contacts_is_found_once(self, case: SendPulseCase) -> None:
        known = world(case)
        second = seed(case, CONTACT, phone="067 123 4567", name="Olena again")
        case.sendpulse.state.deals[int(known.refs[DEAL].id)]["contact"].append(int(second))
        assert [one.id for one in found(case, DEAL)] == [known.refs[DEAL].id]

    def test_contact_deleted_between_the_requests_has_no_deals(self, case: SendPulseCase) -> None:
        world(case)
        case.misbehave(Fault("status", path="/deals$", status=404, words="Not found"))
        assert [one.kind for one in case.crm.find(PHONE, PLAIN)] == [CONTACT]

    def test_times_are_told(self, case: SendPulseCase) -> None:
        at = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
        seed(case, DEAL, phone=PHONE.e164, name="Old", updated=at)
        (deal,) = found(case, DEAL)
        assert (deal.created_at, deal.updated_at) == (at, at)

    # --- creation (5)

    def test_contact_in_steps(self, case: SendPulseCase) -> None:
        field = case.twin.seed_field("contact", "utm_source")
        one = draft(CONTACT, email="olena@example.com", fields={field: "google"})
        row = record(case, made(in_steps(case).create([one]))["contact"])
        assert (row["phone"], row["email"], row["attribution"]) == (PHONE.e164, "olena@example.com", {"utm_source": "google"})
        assert requests(case) == 4

    def test_deprecated_form_that_is_gone_is_replaced(self, case: SendPulseCase) -> None:
        case.sendpulse.set(old_contact_form=False)
        for _ in range(2):
            assert record(case, made(case.crm.create([draft(CONTACT)]))["contact"])["phone"] == PHONE.e164
        assert case.twin.count("POST", "/contacts$") == 1

    def test_contact_without_its_number_is_found_and_completed(self, case: SendPulseCase) -> None:
        crm, since = in_steps(case), a_moment_ago()
        case.misbehave(fault("status", "/phones$", method="POST"))
        created = crm.create([draft(CONTACT)])
        assert isinstance(created.error, Transient)
        trace = Trace(
            marker="patchcord:c1/contact", sort=Written.RECORD, since=since, kind=CONTACT, phone=PHONE.e164,
            name=f"contact {PHONE.e164}",
        )  # fmt: skip
        key = crm.find_by_marker(trace)
        assert key == case.twin.writes("create")[0].id
        assert record(case, Ref(CONTACT, key))["phone"] == PHONE.e164

    def test_nobody_s_record_belongs_to_the_responsible_of_the_settings(self, case: SendPulseCase) -> None:
        boss = case.twin.seed_user(name="Boss")
        refs = made(case.connect(responsible=boss).create(new_client(case)))
        assert {record(case, ref)["owner"] for ref in refs.values()} == {boss}

    def test_email_and_tags_go_with_the_contact(self, case: SendPulseCase) -> None:
        refs = made(case.crm.create([draft(CONTACT, email="olena@example.com", tags=("3", "hot"))]))
        row = case.sendpulse.state.contacts[int(refs["contact"].id)]
        assert (row["emails"][0]["email"], row["tags"]) == ("olena@example.com", [3])

    def test_pipeline_is_looked_up_when_the_settings_name_none(self, case: SendPulseCase) -> None:
        crm = case.connect(pipeline="", step="")
        for _ in range(2):
            row = record(case, made(crm.create([draft(DEAL)]))["deal"])
            assert (row["pipeline"], row["stage"]) == ("1", "1")
        assert case.twin.count("GET", "/pipelines") == 1

    def test_pipeline_of_the_draft_begins_with_its_first_step(self, case: SendPulseCase) -> None:
        pipeline, _ = self.second_stage(case)
        row = record(case, made(case.crm.create([draft(DEAL, pipeline=pipeline)]))["deal"])
        assert row["pipeline"] == pipeline
        assert row["stage"] == str(case.sendpulse.state.pipelines[int(pipeline)]["steps"][0]["id"])

    @pytest.mark.parametrize("pipeline", ["x", "99"])
    def test_unknown_pipeline_is_told(self, case: SendPulseCase, pipeline: str) -> None:
        assert isinstance(case.crm.create([draft(DEAL, pipeline=pipeline)]).error, Rejected | Misconfigured)

    def test_kinds_the_vendor_lacks_are_rejected(self, case: SendPulseCase) -> None:
        created = case.crm.create([draft(LEAD)])
        assert (created.failed, isinstance(created.error, Rejected)) == ("lead", True)

    def test_deal_keeps_what_is_not_changed(self, case: SendPulseCase) -> None:
        """The change is not partial, and without its order the card would move (5)."""
        size, source = case.twin.seed_field("deal", "Size"), case.twin.seed_field("deal", "utm_source")
        fields = {size: "big", source: "google"}
        key = made(case.crm.create([draft(DEAL, fields=fields)]))["deal"].id
        row = case.sendpulse.state.deals[int(key)]
        row |= {"price": 500, "status": 3, "order": 7}
        case.crm.update(Ref(DEAL, key), Change(fields={size: "small"}))
        assert (row["price"], row["status"], row["order"], row["name"]) == (500, 3, 7, f"deal {PHONE.e164}")
        assert row["attributes"] == {int(size): "small", int(source): "google"}

    def test_new_name_takes_the_place_of_both_parts(self, case: SendPulseCase) -> None:
        key = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        case.sendpulse.state.contacts[int(key)]["lastName"] = "K"
        case.crm.update(Ref(CONTACT, key), Change(name="Olha"))
        row = record(case, Ref(CONTACT, key))
        assert (row["name"], row["owner"]) == ("Olha", "1")

    def test_marker_goes_into_its_field_and_beats_name_and_number(self, case: SendPulseCase) -> None:
        fields = {word: case.twin.seed_field(word, "patchcord_marker") for word in ("contact", "deal")}
        crm, since = case.connect(**{f"marker_fields.{word}": key for word, key in fields.items()}), a_moment_ago()
        assert crm.check() == ()
        contact = Ref(CONTACT, seed(case, CONTACT, phone=PHONE.e164, name="Olena"))
        for kind in (CONTACT, DEAL):
            links = (contact,) if kind is DEAL else ()
            ours, _ = (made(crm.create([draft(kind, key, name="Same", links=links)]))[key] for key in ("ours", "theirs"))
            trace = Trace(
                marker="patchcord:c1/ours", sort=Written.RECORD, since=since, kind=kind, name="Same", phone=PHONE.e164,
                targets=links,
            )  # fmt: skip
            assert crm.find_by_marker(trace) == ours.id

    # --- tasks (7)

    def test_due_time_is_the_account_s(self, case: SendPulseCase) -> None:
        case.crm.create_task(task([world(case).refs[CONTACT]], due_at=datetime(2026, 1, 12, 9, 30, tzinfo=UTC)))
        assert case.sendpulse.state.tasks[1]["finishAt"] == "2026-01-12 11:30"

    @pytest.mark.parametrize("named", ["id", "name"])
    def test_board_of_the_draft(self, case: SendPulseCase, named: str) -> None:
        board = case.sendpulse.seed_board("Calls", ("Wait", "Ready"))
        key = case.crm.create_task(task([world(case).refs[CONTACT]], board=board if named == "id" else "Calls"))
        row = case.sendpulse.state.tasks[int(key)]
        assert (str(row["boardId"]), row["stepId"]) == (board, case.sendpulse.state.boards[int(board)]["steps"][0]["id"])
        assert not case.crm.task(key).completed
        case.crm.complete_task(key)
        assert case.crm.task(key).completed

    def test_task_for_a_board_that_is_gone_goes_to_the_usual_one(self, case: SendPulseCase) -> None:
        key = case.crm.create_task(task([world(case).refs[CONTACT]], board="b-1"))
        assert case.sendpulse.state.tasks[int(key)]["boardId"] == 1

    def test_columns_are_looked_up_when_the_settings_name_none(self, case: SendPulseCase) -> None:
        crm = case.connect(board="", open_step="", done_step="")
        contact = world(case).refs[CONTACT]
        crm.create_task(task([contact]))
        crm.create_task(done_task([contact]))
        assert [row["completed"] for row in case.twin.tasks()] == [False, True]
        assert case.twin.count("GET", "/boards") == 1

    def test_end_that_shows_counts_as_completed(self, case: SendPulseCase) -> None:
        case.sendpulse.set(ends_show=True)
        key = case.twin.seed_task(title="Call back", completed=True)
        assert case.crm.task(key).completed

    def test_reads_may_be_wrapped_twice(self, case: SendPulseCase) -> None:
        case.sendpulse.set(wrapped_twice=True)
        key = case.twin.seed_task(title="Call back")
        assert case.crm.task(key).id == key

    def test_task_without_targets_is_found(self, case: SendPulseCase) -> None:
        since = a_moment_ago()
        key = case.crm.create_task(task([]))
        trace = Trace(marker="patchcord:c1/task", sort=Written.TASK, since=since)
        assert case.crm.find_by_marker(trace) == key

    def test_old_tasks_are_not_read(self, case: SendPulseCase) -> None:
        contact = world(case).refs[CONTACT]
        old = datetime.now(UTC) - timedelta(days=2)
        for number in range(30):
            case.twin.seed_task(title=f"Old {number}", targets=[("contact", contact.id)], updated=old)
        trace = Trace(marker="m", sort=Written.TASK, since=a_moment_ago(), targets=(contact,))
        assert case.crm.find_by_marker(trace) is None
        assert requests(case) == 2

    def test_trace_on_a_deleted_card_finds_nothing(self, case: SendPulseCase) -> None:
        contact = world(case).refs[CONTACT]
        case.twin.remove("contact", contact.id)
        for sort in (Written.TASK, Written.NOTE):
            assert case.crm.find_by_marker(Trace(marker="m", sort=sort, since=a_moment_ago(), targets=(contact,))) is None
        deal = Trace(marker="m", sort=Written.RECORD, kind=DEAL, name="x", since=a_moment_ago(), targets=(contact,))
        assert case.crm.find_by_marker(deal) is None

    # --- calls and notes (8)

    def test_call_is_a_comment_on_the_contact(self, case: SendPulseCase) -> None:
        known = world(case)
        key = case.crm.log_call(call(list(known.refs.values()), LogKind.CALL))
        (write,) = case.twin.writes("note")
        assert write.fields["targets"] == [["contact", known.refs[CONTACT].id]]
        assert write.fields["text"].splitlines() == ["Incoming call", "Talked for 74 s", RECORDING, "Patchcord patchcord:c1/log"]
        assert key == write.id == f"contacts/{known.refs[CONTACT].id}/comments/1"

    def test_comments_can_hang_on_the_deal(self, case: SendPulseCase) -> None:
        known, crm, since = world(case), case.connect(card="deal"), a_moment_ago()
        key = crm.log_call(call(list(known.refs.values()), LogKind.CALL, recording=None))
        assert case.twin.writes("note")[0].fields["targets"] == [["deal", known.refs[DEAL].id]]
        targets = tuple(known.refs.values())
        trace = Trace(marker="patchcord:c1/log", sort=Written.LOG, log=LogKind.CALL, since=since, targets=targets)
        assert crm.find_by_marker(trace) == key
        crm.add_recording(Written.LOG, key, RECORDING)
        assert case.twin.writes("note")[1].fields["text"] == f"Incoming call\n{RECORDING}"

    def test_comment_of_nothing_is_rejected(self, case: SendPulseCase) -> None:
        with pytest.raises(Rejected):
            case.crm.add_note((), "text", "m")

    @pytest.mark.parametrize("key", ["contacts/1/comments/99", "contacts/1", "leads/1/comments/1", "5", "contacts/../comments/1"])
    def test_recording_for_an_unknown_comment_is_gone(self, case: SendPulseCase, key: str) -> None:
        seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        with pytest.raises(Gone):
            case.crm.add_recording(Written.LOG, key, RECORDING)

    # --- limits and sign-in (2, 3)

    @pytest.mark.parametrize(("limits", "seconds"), [({"per_second": 1}, 1), ({"per_minute": 1}, 60)])
    def test_limit_is_followed_by_a_pause(self, case: SendPulseCase, limits: dict[str, int], seconds: int) -> None:
        case.sendpulse.set(enforce_rates=True, **limits)
        case.crm.users()
        with pytest.raises(Transient) as caught:
            case.crm.users()
        assert (caught.value.cool_down, caught.value.retry_after) == (True, timedelta(seconds=seconds))

    @pytest.mark.parametrize("status", [404, 200])
    def test_not_found_is_gone_whatever_its_status(self, case: SendPulseCase, status: int) -> None:
        case.sendpulse.set(not_found_status=status)
        with pytest.raises(Gone, match="Not found"):
            case.crm.task("77")

    def test_many_threads_with_an_expired_token_ask_for_one(self, case: SendPulseCase) -> None:
        crms, errors = [case.open_with_oauth() for _ in range(8)], list[CrmError]()

        def look(crm: SendPulse) -> None:
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
        assert case.twin.count("POST", "/oauth/access_token") == 1

    def test_replaced_key_is_taken_up(self, case: SendPulseCase) -> None:
        case.sendpulse.set(api_key="another-key-5521")
        case.stored.put(PROJECT, "api_key", "another-key-5521")
        assert case.crm.find(PHONE, PLAIN) == ()

    # --- the account (6, 11)

    def test_number_stays_out_of_addresses(self, case: SendPulseCase, traffic: Path) -> None:
        case.crm.find(PHONE, PLAIN)
        assert not any(PHONE.national in exchange["url"] for exchange in recorded(traffic))

    @pytest.mark.parametrize(
        ("settings", "codes"),
        [
            ({"responsible": "77"}, ["responsible"]), ({"pipeline": "9"}, ["pipeline"]), ({"step": "99"}, ["step"]),
            ({"board": "9"}, ["board"]), ({"open_step": "1", "done_step": "99"}, ["open_step", "done_step"]),
            ({"marker_fields.deal": "99"}, ["marker_field"]),
        ],
    )  # fmt: skip
    def test_check_tells_what_does_not_exist(self, case: SendPulseCase, settings: dict[str, str], codes: list[str]) -> None:
        assert [lack.code for lack in case.connect(**settings).check()] == codes

    def test_owner_of_the_account_may_not_be_listed(self, case: SendPulseCase) -> None:
        case.sendpulse.set(owner_is_listed=False)
        assert [lack.code for lack in case.crm.check()] == ["responsible"]

    def test_check_tells_a_wrong_address(self, case: SendPulseCase) -> None:
        case.misbehave(Fault("status", path="/users", status=404, words="Not found"))
        assert [lack.code for lack in case.crm.check()] == ["address"]

    def test_check_goes_on_after_a_missing_right(self, case: SendPulseCase) -> None:
        case.misbehave(Fault("missing_right", path="/boards", times=None))
        assert [lack.code for lack in case.connect(**{"marker_fields.contact": "99"}).check()] == ["right", "marker_field"]

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"responsible": ""}, "responsible"), ({"responsible": "anna"}, "responsible"), ({"auth": "magic"}, "auth"),
            ({"board": "b"}, "board"), ({"search": "x"}, "search"), ({"contact_form": "x"}, "contact_form"),
            ({"card": "x"}, "card"), ({"timezone": "Mars/Base"}, "timezone"), ({"marker_fields.lead": "1"}, "marker_fields.lead"),
            ({"marker_fields.deal": "x"}, "marker_fields.deal"), ({"auth": "oauth"}, "client_id"),
        ],
    )  # fmt: skip
    def test_wrong_settings_are_misconfigured(self, case: SendPulseCase, settings: dict[str, str], words: str) -> None:
        with pytest.raises(Misconfigured, match=words):
            case.connect(**settings)

    def test_links(self, case: SendPulseCase) -> None:
        assert case.crm.link(Ref(DEAL, "6")) == "https://login.sendpulse.com/crm/deals?dealId=6"
        assert case.crm.link(Ref(CONTACT, "6")) == "https://login.sendpulse.com/crm/contacts?contactId=6"


# --- pure parts


def test_profile_and_declaration_agree() -> None:
    settings = effective({"crm": {"vendor": "sendpulse"}, "timezone": "Europe/Kyiv"})
    assert set(settings.vendor.phone_kinds) == DECLARATION.phone_kinds
    assert set(settings.vendor.words.values()) == set(DECLARATION.kinds)


def test_importing_the_vendor_does_not_import_requests() -> None:
    code = "import sys, patchcord.crm.sendpulse; sys.exit('requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("number", "expected"),
    [("+380671234567", ["67", "123", "45", "67"]), ("+16502530000", ["650", "253", "00", "00"])],
)
def test_pieces_are_what_no_notation_breaks(number: str, expected: list[str]) -> None:
    phone = read_phone(number, REGION)
    assert list(writing.pieces(phone)) == expected


@pytest.mark.parametrize("number", ["+380671234567", "+16502530000", "+4915123456789", "+442079460958", "+77011234567"])
def test_pieces_stand_in_every_notation(number: str) -> None:
    phone: Phone = read_phone(number, REGION)
    assert all(piece in text for text in notations(phone) for piece in writing.pieces(phone))


def test_unknown_shapes_are_nothing() -> None:
    assert reading.inside({"data": {"data": {"id": 1}}}) == {"id": 1}
    assert reading.inside({"data": []}) is None
    assert reading.inside("x") is None
    assert reading.listed({"data": {"list": [{"id": 1}, 5]}}) == ({"id": 1},)
    assert reading.listed({"data": {"code": 404}}) is None
    assert reading.listed([]) is None
    attributes = [{"id": 5, "value": "a"}, {"attributeId": 6, "value": {"value": 7}}, {"id": 8}]
    assert reading.field_values({"attributes": attributes}) == {"5": "a", "6": "7"}
    assert reading.read_time("soon") is None
    assert reading.text_id(True) is None


def test_long_texts_keep_their_last_lines() -> None:
    text = writing.text_with("Ж" * 90_000, RECORDING, writing.marker_line("m1"))
    assert len(text) == DECLARATION.text_length
    assert text.endswith(f"\n{RECORDING}\nPatchcord m1")
    assert reading.has_line(text, "Patchcord m1")
    assert not reading.has_line(text, "Patchcord m")


@pytest.mark.parametrize("wrong", ["", "٣", "-1", "1.5", "a", "1" * 30])
def test_ids_that_are_no_numbers_are_rejected(wrong: str) -> None:
    with pytest.raises(Rejected):
        writing.whole(wrong, "owner")


@pytest.mark.parametrize(
    ("status", "body", "meant", "words"),
    [
        (200, {"data": {"code": 404, "message": "Deal not found"}}, 404, "Deal not found"),
        (200, {"message": "Unauthorized!", "error_code": 401}, 401, "Unauthorized!"),
        (200, {"message": "Too many requests", "error_code": 2020202020}, 429, "Too many requests"),
        (200, {"data": {"id": 5, "code": 404, "message": "x"}}, 200, None),
        (422, {"message": "Invalid", "errors": {"name": ["Too long"]}}, 422, "Invalid; Too long"),
        (500, {}, 500, "status 500"), (502, [], 502, "status 502"),
    ],
)  # fmt: skip
def test_what_answers_mean(status: int, body: Any, meant: int, words: str | None) -> None:
    answer = read_answer(status, {"content-type": "application/json"}, json.dumps(body).encode())
    assert SendPulseDialect().status(answer) == meant
    if words is not None:
        assert SendPulseDialect().words(answer) == words


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [(429, {}, 60), (429, {"retry-after": "9"}, 9), (503, {}, None), (503, {"retry-after": "9"}, 9)],
)
def test_pause(status: int, headers: dict[str, str], seconds: int | None) -> None:
    pause = SendPulseDialect().retry_after(read_answer(status, headers, b""))
    assert pause == (None if seconds is None else timedelta(seconds=seconds))


def test_search_of_formats_is_by_their_notation() -> None:
    rows = [{"id": 1, "phones": [{"phone": "067 123 4567"}]}, {"id": 2, "phones": [{"phone": PHONE.e164}]}]
    assert reading.in_listed_formats(rows, PHONE, Search(REGION, formats=("050 111 2233",))) == (rows[0],)
