"""Altegio against its twin: the contract, and what only Altegio has (crm_altegio.md)."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from patchcord.crm.altegio import Altegio, reading, writing
from patchcord.crm.altegio.declaration import AltegioDialect
from patchcord.crm.connect import open_crm
from patchcord.crm.errors import Gone, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.http import Http
from patchcord.crm.port import Change, Crm, DuePrecision, Search, Trace, Written
from patchcord.model.effects import LogKind
from patchcord.model.phone import same_number
from patchcord.model.records import RecordKind, Ref
from patchcord.scenarios.profiles import effective
from patchcord.store.memory import MemorySecrets, MemoryStore
from patchcord.wire import read_answer
from sandbox.twins.altegio import AltegioTwin
from sandbox.twins.base import Fault, serve
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
UTM = ("utm_source", "utm_medium")


class AltegioCase(Case):
    vendor: ClassVar[str] = "altegio"
    paths: ClassVar[Mapping[str, str]] = {
        "look_up": "/clients/search", "contact": r"/clients/\d+$", "log": "/comments", "note": "/comments",
    }  # fmt: skip

    def __init__(self, twin: AltegioTwin, url: str) -> None:
        self.altegio = twin
        self.stored = MemorySecrets()
        self.store = MemoryStore()
        self.opened: list[Crm] = []
        super().__init__(twin, url)
        self.secrets = (twin.account.partner_token, twin.account.user_token)

    def connect(self, **settings: str) -> Altegio:
        options = {**self.altegio.connection(self.url).options, **settings}
        crm = open_crm("altegio", options, self.stored, self.store, PROJECT)
        self.opened.append(crm)
        return cast(Altegio, crm)

    def open(self) -> Crm:
        for name, value in self.altegio.connection(self.url).secrets.items():
            self.stored.put(PROJECT, name, value)
        return self.connect()

    def open_with_wrong_credentials(self) -> Crm:
        self.stored.put(PROJECT, "user_token", "wrong")
        return self.connect()

    def open_with_oauth(self) -> Crm | None:
        return None

    def expire_tokens(self) -> None:
        raise NotImplementedError("Altegio's tokens do not expire")

    def http(self, crm: Crm) -> Http:
        return cast(Altegio, crm).http

    def close(self) -> None:
        for crm in self.opened:
            cast(Altegio, crm).close()


class TestAltegio(CrmContract):
    @pytest.fixture
    def case(self, traffic: Path) -> Iterator[AltegioCase]:
        twin = AltegioTwin()
        twin.marker_in_text = re.compile(r"^Patchcord (\S+)$", re.M)
        with serve(twin) as running:
            made_case = AltegioCase(twin, running.url)
            yield made_case
            made_case.close()

    # --- the suite's behaviours that speak of a primary record or an owner, told of clients (1)

    def test_declaration_is_complete(self, case: Case) -> None:
        declaration, profile = case.crm.declaration, effective({"crm": {"vendor": "altegio"}}).vendor
        assert (declaration.vendor, declaration.kinds) == ("altegio", {CONTACT: "client"})
        assert declaration.phone_kinds == {CONTACT} == set(profile.phone_kinds)
        assert (declaration.tasks, declaration.due) == (False, DuePrecision.NONE)
        assert declaration.logs == {LogKind.NOTE}
        assert declaration.rate.units > 0
        assert declaration.assumed

    @pytest.mark.parametrize("kind", [CONTACT])
    def test_record_is_found_by_number(self, case: Case, kind: RecordKind) -> None:
        known = world(case)
        (one,) = case.crm.find(PHONE, PLAIN)
        assert (one.kind, one.id, one.name, one.owner, one.open) == (kind, known.refs[kind].id, "Olena", None, True)
        assert requests(case) == 1

    def test_owner_that_left_is_known_to_be_inactive(self, case: Case) -> None:
        pytest.skip("altegio's clients have no owner")

    def test_attribution_of_several_is_read_back_at_once(self, case: Case) -> None:
        """Not at once: the search does not tell custom fields, so each client costs one request (4)."""
        field = case.twin.seed_field("contact", "utm_source")
        for source, phone in (("google", PHONE.e164), ("bing", "067 123 4567")):
            seed(case, CONTACT, phone=phone, name=source, attribution={"utm_source": source})
        search = Search(REGION, attribution={CONTACT: {"utm_source": field}})
        assert {one.name: one.attribution for one in found(case, CONTACT, search)} == {
            "google": {"utm_source": "google"}, "bing": {"utm_source": "bing"},
        }  # fmt: skip
        assert requests(case) == 3

    def test_asking_for_attribution_of_nobody_costs_nothing(self, case: Case) -> None:
        assert case.crm.find(PHONE, Search(REGION, attribution={CONTACT: {"utm_source": "x"}})) == ()
        assert requests(case) == 1

    @pytest.mark.parametrize("kind", [CONTACT])
    def test_single_record_is_created(self, case: Case, kind: RecordKind) -> None:
        ref = made(case.crm.create([draft(kind, owner=case.twin.seed_user(name="Anna"))]))[kind.value]
        row = record(case, ref)
        assert (row["name"], row["phone"], row["owner"]) == (f"contact {PHONE.e164}", PHONE.e164, None)

    def test_new_client_is_created_linked_at_the_floor(self, case: Case) -> None:
        refs = made(case.crm.create([draft(CONTACT, email="o@example.com", tags=("7", "hot"))]))
        assert requests(case) == case.crm.declaration.requests.create == case.http(case.crm).count == 1
        (write,) = case.twin.ledger
        assert (write.do, write.kind, write.id) == ("create", "contact", refs["contact"].id)
        assert (write.fields["email"], write.fields["marker"]) == ("o@example.com", "patchcord:c1/contact")

    def test_new_client_is_found_afterwards(self, case: Case) -> None:
        refs = made(case.crm.create([draft(CONTACT)]))
        assert {one.ref for one in case.crm.find(PHONE, PLAIN)} == set(refs.values())

    def test_record_is_linked_to_existing_ones(self, case: Case) -> None:
        """There is nothing to link: other kinds are refused before they are sent."""
        known = world(case)
        for kind in (ORGANIZATION, LEAD, DEAL):
            created = case.crm.create([draft(kind, links=(known.refs[CONTACT],))])
            assert isinstance(created.error, Rejected)
        assert requests(case) == 0

    def test_nonsense_as_owner_is_rejected(self, case: Case) -> None:
        """An owner has no place in Altegio: none is sent, whatever it is."""
        made(case.crm.create([draft(CONTACT, owner="nobody' OR 1=1")]))
        assert record(case, Ref(CONTACT, case.twin.ledger[0].id))["owner"] is None

    @pytest.mark.parametrize("kind", [CONTACT])
    def test_owner_name_and_fields_are_changed(self, case: Case, kind: RecordKind) -> None:
        """Two requests: a PUT wants name and number again and may clear the rest (5)."""
        known = world(case)
        field = case.twin.seed_field(kind.value, "Colour")
        case.crm.update(known.refs[kind], Change(owner="7", name="New 😀 name", fields={field: "blue"}))
        row = record(case, known.refs[kind])
        assert (row["name"], row["phone"], row["fields"]) == ("New 😀 name", PHONE.e164, {"Colour": "blue"})
        assert requests(case) == 2

    def test_only_what_is_named_is_changed(self, case: Case) -> None:
        """Even where a PUT clears what it leaves out, which is how the twin begins."""
        self.change_one_field(case)

    def test_only_what_is_named_is_changed_where_the_rest_is_kept(self, case: AltegioCase) -> None:
        case.altegio.set(put_keeps_omitted=True)
        self.change_one_field(case)

    def change_one_field(self, case: Case) -> None:
        assert isinstance(case, AltegioCase)
        colour, size = case.twin.seed_field("contact", "Colour"), case.twin.seed_field("contact", "Size", "number")
        fields = {colour: "red", size: "12"}
        refs = made(case.crm.create([draft(CONTACT, email="o@example.com", tags=("7",), fields=fields)]))
        row = case.altegio.state.clients[int(refs["contact"].id)]
        row |= {"balance": 15.5, "birth_date": "1990-02-03", "surname": "Petrenko", "importance_id": 2}
        before = dict(row)
        case.crm.update(refs["contact"], Change(fields={colour: "blue"}))
        (write,) = case.twin.writes("update")
        assert dict(write.fields) == {"fields": {"Colour": "blue"}}
        after = case.altegio.state.clients[int(refs["contact"].id)]
        told = ("balance", "birth_date", "surname", "importance_id", "email", "comment", "categories", "phone")
        assert {name: after[name] for name in told} == {name: before[name] for name in told}

    def test_lost_record_is_found_among_many(self, case: Case) -> None:
        since = a_moment_ago()
        ref = made(case.crm.create([draft(CONTACT)]))["contact"]
        for number in range(230):
            seed(case, CONTACT, name=f"Other {PHONE.digits} {number}", phone=f"+38050{number:07d}")
        trace = Trace(marker="patchcord:c1/contact", sort=Written.RECORD, since=since, kind=CONTACT, phone=PHONE.e164)
        assert case.crm.find_by_marker(trace) == ref.id

    # --- look-up (4)

    def test_search_by_name_finds_nobody(self, case: AltegioCase) -> None:
        seed(case, CONTACT, phone=OTHER.e164, name=f"Asked for {PHONE.digits}")
        assert case.crm.find(PHONE, PLAIN) == ()

    def test_all_pages_of_a_search_are_read(self, case: AltegioCase) -> None:
        key = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        for number in range(230):
            seed(case, CONTACT, phone=f"+38050{number:07d}", name=f"for {PHONE.digits}")
        assert [one.id for one in found(case, CONTACT)] == [key]
        assert requests(case) == 2

    def test_hidden_numbers_are_a_missing_right(self, case: AltegioCase) -> None:
        world(case)
        case.altegio.set(rights=case.altegio.account.rights - {"phones"})
        with pytest.raises(Misconfigured, match="hidden"):
            case.crm.find(PHONE, PLAIN)
        assert [lack.code for lack in case.crm.check()] == ["right"]

    def test_hidden_number_is_not_written_over(self, case: AltegioCase) -> None:
        known = world(case)
        case.altegio.set(rights=case.altegio.account.rights - {"phones"})
        with pytest.raises(Misconfigured, match="hidden"):
            case.crm.update(known.refs[CONTACT], Change(name="x"))
        assert case.twin.ledger == ()

    def test_client_deleted_between_search_and_reading_is_no_error(self, case: AltegioCase) -> None:
        world(case)
        case.misbehave(Fault("status", path=r"/client/\d+/\d+", status=404, words="Client not found"))
        (client,) = found(case, CONTACT, Search(REGION, attribution={CONTACT: {"utm_source": "x"}}))
        assert client.attribution is None

    def test_number_as_an_integer_is_read(self) -> None:
        row = {"id": 1, "phone": 380671234567}
        assert reading.of_number([row], PHONE, Search(REGION, formats=("+380501112233",))) == (row,)
        assert reading.of_number([row], PHONE, Search(REGION, formats=("050 111 2233",))) == ()

    # --- creation (5, 11)

    def test_client_that_exists_already_is_taken(self, case: AltegioCase) -> None:
        known = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        assert made(case.crm.create([draft(CONTACT)])) == {"contact": Ref(CONTACT, known)}
        assert case.twin.ledger == ()

    def test_client_without_a_number_is_rejected(self, case: AltegioCase) -> None:
        created = case.crm.create([draft(CONTACT, phone=None)])
        assert isinstance(created.error, Rejected)
        assert requests(case) == 0

    @pytest.mark.parametrize("stored", ["+38 067 123 4567", "067 123 4567", "380671234567"])
    def test_number_is_sent_as_digits(self, case: AltegioCase, stored: str) -> None:
        refs = made(case.crm.create([draft(CONTACT, phone=stored)]))
        assert same_number(PHONE, record(case, refs["contact"])["phone"], REGION)
        assert [one.ref for one in found(case, CONTACT)] == [refs["contact"]]

    def test_types_of_fields_are_read_once_and_only_when_refused(self, case: AltegioCase) -> None:
        option = case.twin.seed_field("contact", "Source", "option", ("Phone", "Site"))
        for name, phone in (("one", PHONE), ("two", OTHER)):
            made(case.crm.create([draft(CONTACT, name=name, phone=phone.e164, fields={option: "site"})]))
        assert case.twin.count("GET", "/custom_fields") == 1
        assert [write.fields["fields"] for write in case.twin.writes("create")] == [{"Source": ["Site"]}] * 2

    # --- comments (7)

    def test_text_of_a_comment_is_cut_before_link_and_marker(self, case: AltegioCase) -> None:
        case.crm.log_call(call([world(case).refs[CONTACT]], LogKind.NOTE, text="Ж" * 50_000))
        (write,) = case.twin.ledger
        assert len(write.fields["text"]) <= case.crm.declaration.text_length
        assert (write.fields["recording"], write.fields["marker"]) == (RECORDING, "patchcord:c1/log")

    def test_marker_of_a_comment_is_its_last_line(self) -> None:
        assert writing.comment_text(("", "said"), "pc-1", "https://r.example/1") == "said\nhttps://r.example/1\nPatchcord pc-1"
        assert writing.comment_text(("",), "pc-1") == "Patchcord pc-1"

    def test_comment_without_a_client_is_rejected(self, case: AltegioCase) -> None:
        with pytest.raises(Rejected):
            case.crm.add_note((Ref(DEAL, "1"),), "text", "pc-1")
        assert requests(case) == 0

    def test_recording_for_a_deleted_comment_is_gone(self, case: AltegioCase) -> None:
        key = case.crm.log_call(call([world(case).refs[CONTACT]], LogKind.NOTE, recording=None))
        client, _, comment = key.partition("/")
        with pytest.raises(Gone):
            case.crm.add_recording(Written.LOG, f"{client}/{int(comment) + 1}", RECORDING)
        with pytest.raises(Gone):
            case.crm.add_recording(Written.LOG, "../users/1", RECORDING)

    def test_recording_whose_answer_was_lost_is_not_added_twice(self, case: AltegioCase) -> None:
        key = case.crm.log_call(call([world(case).refs[CONTACT]], LogKind.NOTE, recording=None))
        self.lose(case, "log")
        with pytest.raises(Transient):
            case.crm.add_recording(Written.LOG, key, RECORDING)
        case.crm.add_recording(Written.LOG, key, RECORDING)
        assert [write.fields["recording"] for write in case.twin.writes("note")] == [None, RECORDING]

    @pytest.mark.parametrize("marker", ["patchcord:c1/lo", "patchcord:c1/log:2", "c1/log"])
    def test_similar_marker_of_a_comment_is_not_taken(self, case: AltegioCase, marker: str) -> None:
        known = world(case)
        case.crm.log_call(call([known.refs[CONTACT]], LogKind.NOTE))
        trace = Trace(marker=marker, sort=Written.LOG, since=a_moment_ago(), targets=(known.refs[CONTACT],))
        assert case.crm.find_by_marker(trace) is None

    def test_tasks_are_refused_without_a_request(self, case: AltegioCase) -> None:
        ref = Ref(CONTACT, "1")
        for attempt in (
            lambda: case.crm.create_task(task([ref])), lambda: case.crm.complete_task("1"), lambda: case.crm.task("1"),
            lambda: case.crm.assign_task("1", "2"), lambda: case.crm.add_recording(Written.TASK, "1", RECORDING),
        ):  # fmt: skip
            with pytest.raises(Rejected, match="no tasks"):
                attempt()
        assert case.crm.find_by_marker(Trace(marker="x", sort=Written.TASK, since=a_moment_ago(), targets=(ref,))) is None
        assert requests(case) == 0

    # --- limits and sign-in (2, 3)

    @pytest.mark.parametrize(("told", "pause"), [(7, 7), (None, 5)])
    def test_limit_says_when_to_come_back(self, case: AltegioCase, told: int | None, pause: int) -> None:
        case.altegio.set(enforce_rates=True, per_second=1, retry_after=told)
        case.crm.find(PHONE, PLAIN)
        with pytest.raises(Transient) as caught:
            case.crm.find(PHONE, PLAIN)
        assert caught.value.cool_down
        assert caught.value.retry_after == timedelta(seconds=pause)

    def test_replaced_user_token_is_taken_up(self, case: AltegioCase) -> None:
        case.altegio.replace_user_token("another-user-token")
        case.stored.put(PROJECT, "user_token", "another-user-token")
        assert case.crm.find(PHONE, PLAIN) == ()
        case.secrets += ("another-user-token",)

    def test_partner_token_alone_is_not_enough(self, case: AltegioCase) -> None:
        case.stored.put(PROJECT, "partner_token", "wrong")
        with pytest.raises(Unauthorised):
            case.connect().find(PHONE, PLAIN)

    def test_failure_with_status_200_is_rejected(self) -> None:
        body = b'{"success": false, "data": null, "meta": {"message": "No", "errors": {"phone": ["is odd"]}}}'
        answer, dialect = read_answer(200, {"Content-Type": "application/json"}, body), AltegioDialect()
        assert (dialect.status(answer), dialect.words(answer)) == (400, "No; phone: is odd")

    # --- check, fields, settings

    def test_check_tells_an_unpaid_location(self, case: AltegioCase) -> None:
        case.altegio.set(paid=False)
        assert [lack.code for lack in case.crm.check()] == ["plan"]

    def test_check_tells_a_wrong_location(self, case: AltegioCase) -> None:
        assert [lack.code for lack in case.connect(location_id="1").check()] == ["location"]

    @pytest.mark.parametrize("right", ["users", "fields"])
    def test_check_tells_each_right(self, case: AltegioCase, right: str) -> None:
        case.altegio.set(rights=case.altegio.account.rights - {right})
        assert [lack.code for lack in case.crm.check()] == ["right"]

    def test_other_kinds_have_no_fields(self, case: AltegioCase) -> None:
        assert case.crm.fields(DEAL) == ()
        assert requests(case) == 0

    @pytest.mark.parametrize("location", ["", "abc", "1/../2", "١"])
    def test_wrong_location_is_misconfigured(self, case: AltegioCase, location: str) -> None:
        with pytest.raises(Misconfigured, match="location_id"):
            case.connect(location_id=location)

    @pytest.mark.parametrize("name", ["partner_token", "user_token"])
    def test_missing_token_is_misconfigured(self, case: AltegioCase, name: str) -> None:
        case.stored.put(PROJECT, name, " ")
        with pytest.raises(Misconfigured, match=name):
            case.connect()

    def test_link(self, case: AltegioCase) -> None:
        assert case.crm.link(Ref(CONTACT, "6")) == "https://app.alteg.io/clients/720441/base/?id=6"
        own = case.connect(app_url="https://yclients.com/")
        assert own.link(Ref(CONTACT, "6")) == "https://yclients.com/clients/720441/base/?id=6"

    def test_media_type_of_the_russian_twin(self, case: AltegioCase) -> None:
        assert case.connect(media_type="application/vnd.yclients.v2+json").find(PHONE, PLAIN) == ()


def test_importing_the_vendor_does_not_import_requests() -> None:
    code = "import sys, patchcord.crm.altegio; sys.exit('requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, env=_path()).returncode == 0


def _path() -> dict[str, Any]:
    return {"PYTHONPATH": str(Path(__file__).resolve().parents[2] / "layers" / "patchcord")}
