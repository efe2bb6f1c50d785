"""The contract every CRM vendor keeps (design 7): one suite, run for each vendor against its twin.

A vendor's test module subclasses `CrmContract` and gives it a fixture `case`, see `Case`. What a vendor's declaration does
not have (a kind, tasks, a sort of log) is skipped. After each test the recorded traffic is held against the vendor's
documentation, where the folder with it lies beside the repository.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote_plus

import pytest

from patchcord.crm.errors import CrmError, Gone, Misconfigured, Rejected, Transient, Unauthorised
from patchcord.crm.http import Http
from patchcord.crm.port import CallDraft, Change, Created, Crm, Draft, DuePrecision, Search, TaskDraft, Trace, Written
from patchcord.model.effects import LogKind, TaskKind
from patchcord.model.events import CallType, Outcome
from patchcord.model.phone import notations, read_phone
from patchcord.model.records import PRIMARY_KINDS, Record, RecordKind, Ref
from sandbox.twins.base import Fault, Twin

CONTACT, ORGANIZATION, LEAD, DEAL = RecordKind.CONTACT, RecordKind.ORGANIZATION, RecordKind.LEAD, RecordKind.DEAL
SPECS = Path(__file__).resolve().parents[3] / "shared" / "specs" / "validate.py"

REGION = "UA"
PHONE = read_phone("+380671234567", REGION)
OTHER = read_phone("+380501112233", REGION)
PLAIN = Search(REGION)
RECORDING = "https://records.example/5f2c.mp3?a=1&b=2"
ODD_TEXTS = (
    "Ірина Об'єднана 😀𝒳",
    "O\"Brien' OR '1'='1' --",
    "a & b = c ? d # e % f + g",
    "{curly} [square] <b>bold</b> \\back",
    "  spaces   inside  ".strip(),
    "مرحبا 中文 ru Ёж",
)


class Case(ABC):
    """What the suite needs to know of a vendor.

    `twin` runs, `crm` is connected to it, `secrets` must never be seen. `paths` are regular expressions of the request that
    creates each kind (and `task`, `log`, `note`) and of the look-up; they aim the twin's faults.
    """

    vendor: ClassVar[str]
    paths: ClassVar[Mapping[str, str]]

    def __init__(self, twin: Twin, url: str) -> None:
        self.twin = twin
        self.url = url
        self.secrets: tuple[str, ...] = ()
        self.odd_answers = False
        self.crm = self.open()

    @abstractmethod
    def open(self) -> Crm:
        """A new connection with the fixed credentials."""

    @abstractmethod
    def open_with_wrong_credentials(self) -> Crm: ...

    @abstractmethod
    def open_with_oauth(self) -> Crm | None:
        """A connection whose token can expire, None when the vendor has none."""

    @abstractmethod
    def expire_tokens(self) -> None: ...

    @abstractmethod
    def http(self, crm: Crm) -> Http: ...

    @abstractmethod
    def close(self) -> None: ...

    def misbehave(self, *faults: Fault) -> None:
        self.odd_answers = True
        self.twin.misbehave(*faults)


def fault(kind: Any, path: str, **more: Any) -> Fault:
    """A fault for the requests to a path."""
    return Fault(kind, path=path, **more)


def seed(case: Case, kind: RecordKind, **words: Any) -> str:
    """Put a record into the twin."""
    made: str = getattr(case.twin, f"seed_{kind.value}")(**words)
    return made


@dataclass
class World:
    """A case with a client: a contact of an organisation, and one open primary record of each kind there is."""

    case: Case
    owner: str
    refs: dict[RecordKind, Ref]


def world(case: Case) -> World:
    """The known client with the number PHONE."""
    owner = case.twin.seed_user(name="Anna", email="anna@example.com")
    kinds = case.crm.declaration.kinds
    refs: dict[RecordKind, Ref] = {}
    if ORGANIZATION in kinds:
        refs[ORGANIZATION] = Ref(ORGANIZATION, seed(case, ORGANIZATION, name="Acme", owner=owner))
    organization = refs[ORGANIZATION].id if ORGANIZATION in refs else None
    refs[CONTACT] = Ref(CONTACT, seed(case, CONTACT, phone=PHONE.e164, name="Olena", owner=owner, organization=organization))
    for kind in PRIMARY_KINDS:
        if kind in kinds:
            made = seed(case, kind, phone=PHONE.e164, name=f"{kind.value} of Olena", owner=owner, contact=refs[CONTACT].id)
            refs[kind] = Ref(kind, made)
    return World(case, owner, refs)


def needs(case: Case, *kinds: RecordKind) -> None:
    for kind in kinds:
        if kind not in case.crm.declaration.kinds:
            pytest.skip(f"{case.vendor} has no {kind}")


def needs_tasks(case: Case) -> None:
    if not case.crm.declaration.tasks:
        pytest.skip(f"{case.vendor} has no tasks")


def needs_log(case: Case, kind: LogKind) -> None:
    if kind not in case.crm.declaration.logs:
        pytest.skip(f"{case.vendor} has no log of sort {kind}")


def primary(case: Case) -> RecordKind:
    """The kind a new client's record is of."""
    return LEAD if LEAD in case.crm.declaration.kinds else DEAL


def found(case: Case, kind: RecordKind, search: Search = PLAIN) -> list[Record]:
    return [record for record in case.crm.find(PHONE, search) if record.kind is kind]


def record(case: Case, ref: Ref) -> dict[str, Any]:
    """The record as it stands in the twin."""
    return next(row for row in case.twin.records(ref.kind.value) if row["id"] == ref.id)


def requests(case: Case) -> int:
    return len(case.twin.requests)


def look_up_of_known(case: Case) -> int:
    """The requests that a look-up of a client with records takes."""
    least = case.crm.declaration.requests
    return least.look_up_known or least.look_up


def draft(kind: RecordKind, key: str = "", **words: Any) -> Draft:
    """A draft with everything it needs; contacts and leads carry the number."""
    key = key or kind.value
    name = words.pop("name", f"{kind.value} {PHONE.e164}")
    phone = words.pop("phone", PHONE.e164 if kind in (CONTACT, LEAD) else None)
    return Draft(key=key, kind=kind, name=name, marker=words.pop("marker", f"patchcord:c1/{key}"), phone=phone, **words)


def new_client(case: Case, **words: Any) -> list[Draft]:
    """Organisation, contact and primary record, linked, as for the first call of a client."""
    drafts = [draft(ORGANIZATION)] if ORGANIZATION in case.crm.declaration.kinds else []
    drafts.append(draft(CONTACT, links=tuple(one.key for one in drafts)))
    drafts.append(draft(primary(case), links=tuple(one.key for one in drafts), **words))
    return drafts


def made(created: Created) -> Mapping[str, Ref]:
    """What was created; raises what stopped it."""
    if created.error is not None:
        raise created.error
    return created.refs


def task(targets: Sequence[Ref], **words: Any) -> TaskDraft:
    words = {
        "marker": "patchcord:c1/task", "kind": TaskKind.CALLBACK, "title": "Call back", "text": "Missed call\nLine: 0442220000",
        "completed": False, "assignee": None, "due_at": datetime(2026, 9, 12, 9, 30, tzinfo=UTC), **words,
    }  # fmt: skip
    return TaskDraft(targets=tuple(targets), **words)


def done_task(targets: Sequence[Ref], **words: Any) -> TaskDraft:
    settings = {"kind": TaskKind.CALL_LOG, "completed": True, "due_at": None, "recording": RECORDING, **words}
    return task(targets, **settings)


def call(targets: Sequence[Ref], kind: LogKind, **words: Any) -> CallDraft:
    words = {
        "marker": "patchcord:c1/log", "title": "Incoming call", "text": "Talked for 74 s", "call_type": CallType.IN,
        "outcome": Outcome.ANSWERED, "started_at": datetime(2026, 9, 12, 8, 13, 40, tzinfo=UTC), "talk_seconds": 74,
        "client": PHONE.e164, "line": "+380442220000", "recording": RECORDING, **words,
    }  # fmt: skip
    return CallDraft(kind=kind, targets=tuple(targets), **words)


def a_moment_ago() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=2)


@cache
def validator() -> Any:
    """`check_exchange` of the documentation beside the repository, None where there is none."""
    if not SPECS.is_file():
        return None
    spec = importlib.util.spec_from_file_location("crm_specs_validate", SPECS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.check_exchange


def recorded(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def violations(path: Path, *, odd_answers: bool = False) -> list[str]:
    """What the documentation objects to. Answers do not count where the twin was told to misbehave."""
    check = validator()
    sentences = [sentence for exchange in recorded(path) for sentence in (check(exchange) if check else ())]
    sentences = [sentence for sentence in sentences if NO_SPECS not in sentence]
    return [sentence for sentence in sentences if not (odd_answers and ": response " in sentence)]


NO_SPECS = "no specs of this vendor are loaded"
"""What the validator says of a vendor without a machine-readable contract: nothing was checked, nothing is wrong."""

TRAFFIC = "PATCHCORD_TRAFFIC"
"""A file that gathers the traffic of all vendors and tests (`make traffic`)."""


def gather(path: Path, *, odd_answers: bool) -> None:
    """Add a test's traffic to the file of all; an answer that the twin was told to spoil counts as none."""
    if TRAFFIC not in os.environ:
        return
    check = validator()
    lines = []
    for exchange in recorded(path):
        if odd_answers and check and any(": response " in sentence for sentence in check(exchange)):
            exchange |= {"status": None, "response_headers": {}, "response_body": None}
        lines.append(json.dumps(exchange, ensure_ascii=False) + "\n")
    with Path(os.environ[TRAFFIC]).open("a", encoding="utf-8") as file:
        file.write("".join(lines))


class CrmContract:
    """The suite. Each test is one behaviour that the service relies on."""

    @pytest.fixture
    def traffic(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        path = tmp_path / "traffic.jsonl"
        monkeypatch.setenv("PATCHCORD_RECORD", str(path))
        return path

    @pytest.fixture
    def case(self, traffic: Path) -> Any:
        """The vendor's `Case`, as long as its twin runs."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def documented(self, case: Case, traffic: Path, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        """Around each test: what was sent is documented, and holds no secret."""
        caplog.set_level(logging.DEBUG)
        yield
        assert violations(traffic, odd_answers=case.odd_answers) == []
        gather(traffic, odd_answers=case.odd_answers)
        seen = [f"{self.address(one.path)}?{one.query}" for one in case.twin.requests]
        texts = [*seen, caplog.text, traffic.read_text(encoding="utf-8") if traffic.exists() else ""]
        for secret in case.secrets:
            assert not any(secret in unquote_plus(text) for text in texts)

    def address(self, path: str) -> str:
        """A request's path, as far as it may hold no secret."""
        return path

    # --- what it is

    def test_declaration_is_complete(self, case: Case) -> None:
        declaration = case.crm.declaration
        assert declaration.vendor == case.vendor
        assert declaration.title
        assert CONTACT in declaration.kinds
        assert set(PRIMARY_KINDS) & set(declaration.kinds)
        assert declaration.phone_kinds <= set(declaration.kinds)
        assert declaration.rate.units > 0
        assert declaration.time_out > 0
        assert declaration.tasks or declaration.due is DuePrecision.NONE

    def test_documentation_is_at_hand(self, case: Case, traffic: Path) -> None:
        if validator() is None:
            pytest.skip("the vendors' documentation (shared/specs beside the repository) is not here: traffic is not checked")
        case.crm.find(PHONE, PLAIN)
        assert recorded(traffic)
        assert violations(traffic) == []

    # --- look-up

    def test_empty_crm_finds_nobody_at_the_floor(self, case: Case) -> None:
        assert case.crm.find(PHONE, PLAIN) == ()
        assert requests(case) == case.crm.declaration.requests.look_up == case.http(case.crm).count

    @pytest.mark.parametrize("kind", [CONTACT, LEAD, DEAL])
    def test_record_is_found_by_number(self, case: Case, kind: RecordKind) -> None:
        needs(case, kind)
        known = world(case)
        (one,) = found(case, kind)
        assert (one.id, one.owner, one.open) == (known.refs[kind].id, known.owner, True)
        assert one.name
        assert requests(case) == look_up_of_known(case)

    @pytest.mark.parametrize("kind", [LEAD, DEAL])
    def test_primary_record_tells_its_contact(self, case: Case, kind: RecordKind) -> None:
        needs(case, kind)
        known = world(case)
        if kind in case.crm.declaration.phone_kinds:
            pytest.skip("carries the number itself")
        assert found(case, kind)[0].contact == known.refs[CONTACT].id

    def test_organization_comes_with_its_contact(self, case: Case) -> None:
        needs(case, ORGANIZATION)
        known = world(case)
        assert found(case, CONTACT)[0].organization == known.refs[ORGANIZATION].id
        assert [one.id for one in found(case, ORGANIZATION)] == [known.refs[ORGANIZATION].id]

    def test_contact_alone_is_found_alone(self, case: Case) -> None:
        key = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        assert [(one.kind, one.id) for one in case.crm.find(PHONE, PLAIN)] == [(CONTACT, key)]

    @pytest.mark.parametrize("kind", [CONTACT, LEAD, DEAL])
    def test_others_records_are_not_found(self, case: Case, kind: RecordKind) -> None:
        needs(case, kind)
        seed(case, kind, phone=OTHER.e164, name="Somebody else")
        assert case.crm.find(PHONE, PLAIN) == ()

    @pytest.mark.parametrize(
        ("kind", "status"), [(LEAD, "archived"), (LEAD, "converted"), (DEAL, "won"), (DEAL, "lost"), (DEAL, "archived")]
    )
    def test_closed_record_is_not_taken_for_open(self, case: Case, kind: RecordKind, status: Any) -> None:
        needs(case, kind)
        contact = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        closed = seed(case, kind, phone=PHONE.e164, name="Old", contact=contact, status=status)
        assert not [one for one in found(case, kind) if one.id == closed and one.open]

    def test_two_contacts_with_the_number_are_both_found(self, case: Case) -> None:
        keys = {seed(case, CONTACT, phone=PHONE.e164, name=name) for name in ("Olena", "Olena again")}
        assert {one.id for one in found(case, CONTACT)} == keys

    @pytest.mark.parametrize("kind", [LEAD, DEAL])
    def test_two_open_records_are_both_found(self, case: Case, kind: RecordKind) -> None:
        needs(case, kind)
        contact = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        keys = {seed(case, kind, phone=PHONE.e164, name=name, contact=contact) for name in ("One", "Two")}
        assert {one.id for one in found(case, kind)} == keys

    @pytest.mark.parametrize("stored", [*notations(PHONE), "00380671234567", "067-123-45-67", "(067)1234567", "+380.67.1234567"])
    def test_number_is_found_in_each_notation(self, case: Case, stored: str) -> None:
        key = seed(case, CONTACT, phone=stored, name="Olena")
        assert [one.id for one in found(case, CONTACT)] == [key]

    @pytest.mark.parametrize("similar", ["+3806712345678", "+38067123456", "+380671234568", "+1671234567890"])
    def test_similar_number_is_not_taken(self, case: Case, similar: str) -> None:
        seed(case, CONTACT, phone=similar, name="Somebody else")
        assert case.crm.find(PHONE, PLAIN) == ()

    def test_only_listed_notations_count_when_listed(self, case: Case) -> None:
        seed(case, CONTACT, phone="067-123-45-67", name="In another notation")
        key = seed(case, CONTACT, phone="067 123 4567", name="As listed")
        search = Search(REGION, formats=("+380501112233", "050 111 2233"))
        assert [one.id for one in found(case, CONTACT, search)] == [key]

    @pytest.mark.parametrize("kind", [LEAD, DEAL])
    def test_records_of_unlisted_notations_do_not_count(self, case: Case, kind: RecordKind) -> None:
        needs(case, kind)
        seed(case, kind, phone="067-123-45-67", name="Of another integration")
        assert found(case, kind, Search(REGION, formats=("+380501112233",))) == []

    @pytest.mark.parametrize("name", ODD_TEXTS)
    def test_odd_names_are_read_back(self, case: Case, name: str) -> None:
        seed(case, CONTACT, phone=PHONE.e164, name=name)
        assert found(case, CONTACT)[0].name == name

    def test_owner_that_left_is_known_to_be_inactive(self, case: Case) -> None:
        gone = case.twin.seed_user(name="Left", email="left@example.com", active=False)
        seed(case, CONTACT, phone=PHONE.e164, name="Olena", owner=gone)
        users = {user.id: user for user in case.crm.users()}
        assert not users[found(case, CONTACT)[0].owner or ""].active

    def test_attribution_is_not_told_unless_asked(self, case: Case) -> None:
        world(case)
        assert all(one.attribution is None for one in case.crm.find(PHONE, PLAIN))

    @pytest.mark.parametrize("kind", [LEAD, DEAL, CONTACT])
    def test_attribution_is_read_back_with_one_request_more(self, case: Case, kind: RecordKind) -> None:
        needs(case, kind)
        field = case.twin.seed_field(kind.value, "utm_source")
        empty = case.twin.seed_field(kind.value, "utm_medium")
        seed(case, kind, phone=PHONE.e164, name="Known", attribution={"utm_source": "google"})
        search = Search(REGION, attribution={kind: {"utm_source": field, "utm_medium": empty}})
        assert found(case, kind, search)[0].attribution == {"utm_source": "google"}
        assert requests(case) <= look_up_of_known(case) + 1

    def test_attribution_of_several_is_read_back_at_once(self, case: Case) -> None:
        kind = primary(case)
        field = case.twin.seed_field(kind.value, "utm_source")
        contact = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        for source in ("google", "bing"):
            seed(case, kind, phone=PHONE.e164, name=source, contact=contact, attribution={"utm_source": source})
        search = Search(REGION, attribution={kind: {"utm_source": field}})
        assert {one.name: one.attribution for one in found(case, kind, search)} == {
            "google": {"utm_source": "google"}, "bing": {"utm_source": "bing"},
        }  # fmt: skip
        assert requests(case) <= look_up_of_known(case) + 1

    def test_asking_for_attribution_of_nobody_costs_nothing(self, case: Case) -> None:
        assert case.crm.find(PHONE, Search(REGION, attribution={primary(case): {"utm_source": "f" * 40}})) == ()
        assert requests(case) == case.crm.declaration.requests.look_up

    def test_many_look_ups_at_once(self, case: Case) -> None:
        known, results = world(case), list[tuple[Record, ...]]()
        threads = [threading.Thread(target=lambda: results.append(case.crm.find(PHONE, PLAIN))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [{one.ref for one in result} for result in results] == [set(known.refs.values())] * 8

    # --- creation

    @pytest.mark.parametrize("kind", [CONTACT, ORGANIZATION])
    def test_single_record_is_created(self, case: Case, kind: RecordKind) -> None:
        needs(case, kind)
        owner = case.twin.seed_user(name="Anna")
        ref = made(case.crm.create([draft(kind, owner=owner)]))[kind.value]
        row = record(case, ref)
        assert (ref.kind, row["name"], row["owner"]) == (kind, f"{kind.value} {PHONE.e164}", owner)

    def test_new_client_is_created_linked_at_the_floor(self, case: Case) -> None:
        owner = case.twin.seed_user(name="Anna")
        refs = made(case.crm.create(new_client(case, owner=owner)))
        assert requests(case) == case.crm.declaration.requests.create == case.http(case.crm).count
        main, contact = record(case, refs[primary(case).value]), record(case, refs["contact"])
        assert main["owner"] == owner
        assert main["contact"] == refs["contact"].id
        assert contact["phone"] == PHONE.e164
        if ORGANIZATION in case.crm.declaration.kinds:
            assert contact["organization"] == main["organization"] == refs["organization"].id
        assert len(case.twin.writes("create")) == len(refs)

    def test_new_client_is_found_afterwards(self, case: Case) -> None:
        refs = made(case.crm.create(new_client(case)))
        assert set(refs.values()) == {one.ref for one in case.crm.find(PHONE, PLAIN)}

    def test_order_of_drafts_does_not_matter(self, case: Case) -> None:
        needs(case, ORGANIZATION)
        refs = made(case.crm.create(list(reversed(new_client(case)))))
        assert record(case, refs["contact"])["organization"] == refs["organization"].id
        assert record(case, refs[primary(case).value])["contact"] == refs["contact"].id

    def test_link_counts_whichever_names_the_other(self, case: Case) -> None:
        needs(case, ORGANIZATION)
        refs = made(case.crm.create([draft(CONTACT), draft(ORGANIZATION, links=("contact",))]))
        assert record(case, refs["contact"])["organization"] == refs["organization"].id

    def test_record_is_linked_to_existing_ones(self, case: Case) -> None:
        known = world(case)
        links = tuple(ref for ref in known.refs.values() if ref.kind in (CONTACT, ORGANIZATION))
        refs = made(case.crm.create([draft(primary(case), "new", links=links)]))
        row = record(case, refs["new"])
        assert row["contact"] == known.refs[CONTACT].id
        if ORGANIZATION in known.refs:
            assert row["organization"] == known.refs[ORGANIZATION].id

    def test_new_organization_is_linked_to_an_existing_contact(self, case: Case) -> None:
        needs(case, ORGANIZATION)
        contact = Ref(CONTACT, seed(case, CONTACT, phone=PHONE.e164, name="Olena"))
        refs = made(case.crm.create([draft(ORGANIZATION, links=(contact,))]))
        assert record(case, contact)["organization"] == refs["organization"].id

    @pytest.mark.parametrize("kind", [CONTACT, ORGANIZATION, LEAD, DEAL])
    def test_custom_fields_are_written(self, case: Case, kind: RecordKind) -> None:
        needs(case, kind)
        field = case.twin.seed_field(kind.value, "Colour")
        drafts = [draft(CONTACT), draft(kind, "it", links=("contact",), fields={field: "red 😀 'quoted'"})]
        refs = made(case.crm.create(drafts if kind in PRIMARY_KINDS else drafts[1:]))
        assert record(case, refs["it"])["fields"] == {"Colour": "red 😀 'quoted'"}

    @pytest.mark.parametrize("kind", [CONTACT, LEAD, DEAL])
    def test_visit_data_are_written_into_their_fields(self, case: Case, kind: RecordKind) -> None:
        needs(case, kind)
        field = case.twin.seed_field(kind.value, "utm_campaign")
        drafts = [draft(CONTACT), draft(kind, "it", links=("contact",), fields={field: "spring & sale"})]
        refs = made(case.crm.create(drafts if kind in PRIMARY_KINDS else drafts[1:]))
        assert record(case, refs["it"])["attribution"] == {"utm_campaign": "spring & sale"}

    @pytest.mark.parametrize(("field_type", "value", "stored"), [("number", "12", 12), ("number", "1.5", 1.5)])
    def test_typed_fields_take_texts(self, case: Case, field_type: str, value: str, stored: Any) -> None:
        field = case.twin.seed_field("contact", "Typed", field_type)
        refs = made(case.crm.create([draft(CONTACT, fields={field: value})]))
        assert float(record(case, refs["contact"])["fields"]["Typed"]) == stored

    def test_option_is_written_by_its_label(self, case: Case) -> None:
        field = case.twin.seed_field("contact", "Source", "option", ("Phone", "Site"))
        refs = made(case.crm.create([draft(CONTACT, fields={field: "Site"})]))
        assert record(case, refs["contact"])["fields"]["Source"]

    def test_unknown_field_is_rejected_with_the_vendor_s_words(self, case: Case) -> None:
        created = case.crm.create([draft(CONTACT, fields={"0" * 40: "x"})])
        assert isinstance(created.error, Rejected)
        assert created.error.status in (400, 422)
        assert created.error.words

    def test_pipeline_and_stage_are_set(self, case: Case) -> None:
        needs(case, DEAL)
        pipeline, stage = self.second_stage(case)
        refs = made(case.crm.create([draft(CONTACT), draft(DEAL, links=("contact",), pipeline=pipeline, stage=stage)]))
        row = record(case, refs["deal"])
        assert (row["pipeline"], row["stage"]) == (pipeline, stage)

    def second_stage(self, case: Case) -> tuple[str, str]:
        """The ids of a pipeline and of a stage of it that is not the first."""
        pytest.skip(f"{case.vendor} gives no pipeline to test with")

    @pytest.mark.parametrize("name", ODD_TEXTS)
    def test_odd_names_are_written(self, case: Case, name: str) -> None:
        refs = made(case.crm.create([draft(CONTACT, name=name)]))
        assert record(case, refs["contact"])["name"] == name

    @pytest.mark.parametrize("kind", [CONTACT, ORGANIZATION, LEAD, DEAL])
    def test_long_names_are_cut(self, case: Case, kind: RecordKind) -> None:
        needs(case, kind)
        drafts = [draft(CONTACT), draft(kind, "it", name="Ж😀" * 400, links=("contact",))]
        refs = made(case.crm.create(drafts if kind in PRIMARY_KINDS else drafts[1:]))
        written = record(case, refs["it"])["name"]
        assert written.startswith("Ж😀")
        assert 0 < len(written) <= case.crm.declaration.name_length

    def test_failure_half_way_is_told_not_raised(self, case: Case) -> None:
        kind = primary(case)
        if case.crm.declaration.requests.create == 1:
            pytest.skip("the set is one request")
        case.misbehave(fault("refuse", case.paths[kind.value], method="POST", words="Field title is refused"))
        created = case.crm.create(new_client(case))
        assert created.failed == kind.value
        assert isinstance(created.error, Rejected)
        assert "Field title is refused" in created.error.words
        assert "contact" in created.refs
        assert kind.value not in created.refs

    def test_failure_of_the_first_is_told_not_raised(self, case: Case) -> None:
        case.misbehave(Fault("status", status=503, method="POST"))
        created = case.crm.create([draft(CONTACT)])
        assert (created.failed, created.refs) == ("contact", {})
        assert isinstance(created.error, Transient)

    def test_nonsense_as_owner_is_rejected(self, case: Case) -> None:
        assert isinstance(case.crm.create([draft(CONTACT, owner="nobody' OR 1=1")]).error, Rejected)

    # --- changes

    @pytest.mark.parametrize("kind", [CONTACT, ORGANIZATION, LEAD, DEAL])
    def test_owner_name_and_fields_are_changed(self, case: Case, kind: RecordKind) -> None:
        needs(case, kind)
        known, heir = world(case), case.twin.seed_user(name="Boris")
        field = case.twin.seed_field(kind.value, "Colour")
        case.crm.update(known.refs[kind], Change(owner=heir, name="New 😀 name", fields={field: "blue"}))
        row = record(case, known.refs[kind])
        assert (row["owner"], row["name"], row["fields"]) == (heir, "New 😀 name", {"Colour": "blue"})
        assert requests(case) == 1

    def test_only_what_is_named_is_changed(self, case: Case) -> None:
        known, heir = world(case), case.twin.seed_user(name="Boris")
        case.crm.update(known.refs[primary(case)], Change(owner=heir))
        (write,) = case.twin.writes("update")
        assert dict(write.fields) == {"owner": heir}

    def test_change_of_nothing_asks_nothing(self, case: Case) -> None:
        case.crm.update(world(case).refs[CONTACT], Change())
        assert requests(case) == 0

    @pytest.mark.parametrize("kind", [CONTACT, ORGANIZATION, LEAD, DEAL])
    def test_change_of_a_deleted_record_is_gone(self, case: Case, kind: RecordKind) -> None:
        needs(case, kind)
        known = world(case)
        case.twin.remove(kind.value, known.refs[kind].id)
        with pytest.raises(Gone):
            case.crm.update(known.refs[kind], Change(name="x"))

    @pytest.mark.parametrize("key", ["0", "../users", "a b?x=1", "6/../7", ""])
    def test_odd_ids_reach_no_other_place(self, case: Case, key: str) -> None:
        with pytest.raises((Gone, Rejected)):
            case.crm.update(Ref(CONTACT, key), Change(name="x"))
        assert case.twin.ledger == ()

    # --- tasks

    def test_open_task_is_created_at_the_floor(self, case: Case) -> None:
        needs_tasks(case)
        known = world(case)
        key = case.crm.create_task(task(list(known.refs.values()), assignee=known.owner))
        assert requests(case) == case.crm.declaration.requests.task
        (row,) = case.twin.tasks()
        assert (row["id"], row["title"], row["completed"], row["assignee"]) == (key, "Call back", False, known.owner)
        assert "Missed call" in row["text"]
        assert "Line: 0442220000" in row["text"]
        assert {"contact"} <= {kind for kind, _ in row["targets"]}
        assert (row["recording"], row["marker"]) == (None, "patchcord:c1/task")

    def test_due_time_is_kept_as_far_as_the_vendor_can(self, case: Case) -> None:
        needs_tasks(case)
        at = datetime(2026, 9, 12, 23, 30, tzinfo=timezone(timedelta(hours=-3)))
        case.crm.create_task(task([world(case).refs[CONTACT]], due_at=at))
        due = case.twin.tasks()[0]["due_at"]
        if case.crm.declaration.due is DuePrecision.MINUTE:
            assert datetime.fromisoformat(due) == at
        elif case.crm.declaration.due is DuePrecision.DATE:
            assert due[:10] in ("2026-09-12", "2026-09-13")

    @pytest.mark.parametrize("kind", [CONTACT, ORGANIZATION, LEAD, DEAL])
    def test_task_hangs_on_each_kind(self, case: Case, kind: RecordKind) -> None:
        needs_tasks(case)
        needs(case, kind)
        ref = world(case).refs[kind]
        case.crm.create_task(task([ref]))
        assert [kind.value, ref.id] in [list(target) for target in case.twin.tasks()[0]["targets"]]

    def test_completed_task_carries_the_recording(self, case: Case) -> None:
        needs_tasks(case)
        case.crm.create_task(done_task([world(case).refs[CONTACT]]))
        (row,) = case.twin.tasks()
        assert (row["completed"], row["recording"]) == (True, RECORDING)
        assert requests(case) == case.crm.declaration.requests.completed_task

    def test_completed_task_without_recording(self, case: Case) -> None:
        needs_tasks(case)
        case.crm.create_task(done_task([world(case).refs[CONTACT]], recording=None))
        (row,) = case.twin.tasks()
        assert (row["completed"], row["recording"]) == (True, None)

    def test_task_is_looked_at_and_completed(self, case: Case) -> None:
        needs_tasks(case)
        known = world(case)
        key = case.crm.create_task(task([known.refs[CONTACT]], assignee=known.owner))
        state = case.crm.task(key)
        assert (state.id, state.completed, state.assignee) == (key, False, known.owner)
        case.crm.complete_task(key)
        assert case.crm.task(key).completed
        case.crm.complete_task(key)
        assert case.crm.task(key).completed

    @pytest.mark.parametrize("stage", ["open", "completed", "ticked off"])
    def test_assigned_task_is_another_user_s_and_else_as_before(self, case: Case, stage: str) -> None:
        """Where a task that was ticked off cannot be changed it stays as it is, ticked off."""
        needs_tasks(case)
        key, heir = self.task_of_anna(case, stage), case.twin.seed_user(name="Boris")
        (before,) = case.twin.tasks()
        if stage == "ticked off" and not case.crm.declaration.assigns_ticked_off:
            with pytest.raises(Rejected):
                case.crm.assign_task(key, heir)
            assert case.twin.tasks() == [before]
            return
        asked = requests(case)
        case.crm.assign_task(key, heir)
        assert requests(case) == asked + 1
        for _ in range(2):
            assert case.twin.tasks() == [{**before, "assignee": heir}]
            case.crm.assign_task(key, heir)
        assert case.crm.task(key).assignee == heir
        assert dict(case.twin.writes("update", "task")[0].fields) == {"assignee": heir}

    def task_of_anna(self, case: Case, stage: str) -> str:
        """A task of ours with everything in it, made open or completed, or ticked off by somebody."""
        known = world(case)
        make = done_task if stage == "completed" else task
        key = case.crm.create_task(make(list(known.refs.values()), assignee=known.owner))
        if stage == "ticked off":
            case.twin.finish_task(case.twin.tasks()[0]["id"])
        return key

    def test_assigning_is_repeated_when_the_answer_was_lost(self, case: Case) -> None:
        needs_tasks(case)
        key, heir = self.task_of_anna(case, "completed"), case.twin.seed_user(name="Boris")
        case.twin.lose_next_write()
        with pytest.raises(Transient):
            case.crm.assign_task(key, heir)
        case.crm.assign_task(key, heir)
        assert [row["assignee"] for row in case.twin.tasks()] == [heir]

    @pytest.mark.parametrize("stage", ["open", "completed"])
    def test_task_is_not_assigned_to_nobody(self, case: Case, stage: str) -> None:
        """Neither to what cannot be a user nor to one there is not; and that is not taken for a deleted task."""
        needs_tasks(case)
        key = self.task_of_anna(case, stage)
        (before,) = case.twin.tasks()
        with pytest.raises(Rejected):
            case.crm.assign_task(key, "nobody' OR 1=1")
        with pytest.raises((Rejected, Transient)):
            case.crm.assign_task(key, before["assignee"].translate(str.maketrans("0123456789", "9876543210")))
        assert case.twin.tasks() == [before]

    def test_task_that_a_person_ticked_off_is_completed(self, case: Case) -> None:
        needs_tasks(case)
        key = case.twin.seed_task(title="Call back")
        case.twin.finish_task(key)
        assert case.crm.task(key).completed

    def test_deleted_task_is_gone(self, case: Case) -> None:
        needs_tasks(case)
        key = case.twin.seed_task(title="Call back")
        case.twin.remove("task", key)
        with pytest.raises(Gone):
            case.crm.task(key)
        with pytest.raises(Gone):
            case.crm.complete_task(key)
        with pytest.raises(Gone):
            case.crm.assign_task(key, case.twin.seed_user(name="Boris"))

    @pytest.mark.parametrize("text", [*ODD_TEXTS, "one\ntwo\n\nthree"])
    def test_texts_are_shown_as_they_are(self, case: Case, text: str) -> None:
        needs_tasks(case)
        case.crm.create_task(task([world(case).refs[CONTACT]], title=text.splitlines()[0], text=text))
        (row,) = case.twin.tasks()
        shown = [line.strip() for line in row["text"].splitlines()]
        assert row["title"] == text.splitlines()[0]
        assert all(line in shown for line in text.splitlines() if line)

    def test_long_texts_are_cut(self, case: Case) -> None:
        needs_tasks(case)
        case.crm.create_task(task([world(case).refs[CONTACT]], title="t" * 1000, text="Ж" * 200_000))
        (row,) = case.twin.tasks()
        assert 0 < len(row["title"]) <= case.crm.declaration.name_length
        assert row["marker"] == "patchcord:c1/task"

    def test_recording_is_added_once(self, case: Case) -> None:
        needs_tasks(case)
        key = case.crm.create_task(done_task([world(case).refs[CONTACT]], recording=None))
        for _ in range(2):
            case.crm.add_recording(Written.TASK, key, RECORDING)
        (row,) = case.twin.tasks()
        assert row["recording"] == RECORDING
        assert row["marker"] == "patchcord:c1/task"
        assert "Missed call" in row["text"]
        assert len(case.twin.writes("update", "task")) == 1

    def test_recording_for_a_deleted_task_is_gone(self, case: Case) -> None:
        needs_tasks(case)
        key = case.twin.seed_task(title="x")
        case.twin.remove("task", key)
        with pytest.raises(Gone):
            case.crm.add_recording(Written.TASK, key, RECORDING)

    # --- calls and notes

    @pytest.mark.parametrize("kind", list(LogKind))
    def test_call_is_logged(self, case: Case, kind: LogKind) -> None:
        needs_log(case, kind)
        known = world(case)
        key = case.crm.log_call(call(list(known.refs.values()), kind, assignee=known.owner))
        assert key
        words = self.logged(case)
        assert (words["recording"], words["marker"]) == (RECORDING, "patchcord:c1/log")
        assert "Talked for 74 s" in words["text"]

    def logged(self, case: Case) -> Mapping[str, Any]:
        """The one write of a call, whatever the vendor calls it."""
        (write,) = case.twin.ledger
        return write.fields

    @pytest.mark.parametrize("kind", list(LogKind))
    def test_recording_is_added_to_a_log_once(self, case: Case, kind: LogKind) -> None:
        needs_log(case, kind)
        key = case.crm.log_call(call([world(case).refs[CONTACT]], kind, recording=None))
        for _ in range(2):
            case.crm.add_recording(Written.LOG, key, RECORDING)
        assert len(case.twin.ledger) == 2

    def test_note_is_added(self, case: Case) -> None:
        known = world(case)
        key = case.crm.add_note(tuple(known.refs.values()), "Form: <price> & list\nsecond 😀", "patchcord:c1/note")
        (write,) = case.twin.writes("note")
        assert write.id == key
        assert "Form: <price> & list" in write.fields["text"]
        assert "second 😀" in write.fields["text"]
        assert write.fields["marker"] == "patchcord:c1/note"
        assert ["contact", known.refs[CONTACT].id] in [list(target) for target in write.fields["targets"]]

    # --- answers that were lost

    def lose(self, case: Case, what: str) -> None:
        case.misbehave(fault("lose_answer", case.paths[what], method="POST"))

    @pytest.mark.parametrize("kind", [CONTACT, ORGANIZATION, LEAD, DEAL])
    def test_record_whose_answer_was_lost_is_found(self, case: Case, kind: RecordKind) -> None:
        needs(case, kind)
        contact = Ref(CONTACT, seed(case, CONTACT, phone=OTHER.e164, name="Of the deal"))
        links = (contact,) if kind in PRIMARY_KINDS else ()
        one, since = draft(kind, links=links), a_moment_ago()
        self.lose(case, kind.value)
        created = case.crm.create([one])
        assert isinstance(created.error, Transient)
        trace = Trace(
            marker=one.marker, sort=Written.RECORD, since=since, kind=kind, targets=links, name=one.name, phone=one.phone or ""
        )
        (write,) = case.twin.writes("create")
        assert case.crm.find_by_marker(trace) == write.id
        assert case.crm.find_by_marker(trace) == write.id

    @pytest.mark.parametrize("kind", [CONTACT, ORGANIZATION, LEAD, DEAL])
    def test_lost_record_is_not_taken_for_unwritten_while_the_search_lags(self, case: Case, kind: RecordKind) -> None:
        """Found without the search, or known as not to be seen yet, or refused as there already; written once it stays."""
        needs(case, kind)
        contact = Ref(CONTACT, seed(case, CONTACT, phone=OTHER.e164, name="Of the deal"))
        links = (contact,) if kind in PRIMARY_KINDS else ()
        one, since = draft(kind, links=links), a_moment_ago()
        case.twin.search_lag = timedelta(hours=1)
        self.lose(case, kind.value)
        assert isinstance(case.crm.create([one]).error, Transient)
        trace = Trace(
            marker=one.marker, sort=Written.RECORD, since=since, kind=kind, targets=links, name=one.name, phone=one.phone or "",
            lag_left=timedelta(hours=1),
        )  # fmt: skip
        try:
            found = case.crm.find_by_marker(trace)
        except Transient as wait:
            assert wait.retry_after == timedelta(hours=1)
        else:
            if found is None:
                assert isinstance(case.crm.create([one]).error, Rejected)
        assert len(case.twin.writes("create")) == 1

    @pytest.mark.parametrize("kind", [CONTACT, ORGANIZATION, LEAD, DEAL])
    def test_record_that_was_never_made_is_not_found(self, case: Case, kind: RecordKind) -> None:
        needs(case, kind)
        known = world(case)
        trace = Trace(
            marker="patchcord:c1/never", sort=Written.RECORD, since=datetime.now(UTC) + timedelta(hours=1), kind=kind,
            targets=(known.refs[CONTACT],), name="never made", phone=PHONE.e164,
        )  # fmt: skip
        assert case.crm.find_by_marker(trace) is None

    @pytest.mark.parametrize("kind", [CONTACT, ORGANIZATION, LEAD, DEAL])
    def test_older_record_of_the_same_name_is_not_taken(self, case: Case, kind: RecordKind) -> None:
        needs(case, kind)
        old = datetime.now(UTC) - timedelta(days=3)
        key = seed(case, kind, phone=PHONE.e164, name="Same", updated=old)
        case.twin.set_owner(kind.value, key, case.twin.seed_user(name="Touched it just now"))
        trace = Trace(
            marker="patchcord:c1/new", sort=Written.RECORD, since=a_moment_ago(), kind=kind, name="Same", phone=PHONE.e164
        )
        assert case.crm.find_by_marker(trace) is None

    @pytest.mark.parametrize("name", ODD_TEXTS)
    def test_record_with_an_odd_name_is_found(self, case: Case, name: str) -> None:
        kind = ORGANIZATION if ORGANIZATION in case.crm.declaration.kinds else CONTACT
        since = a_moment_ago()
        seed(case, kind, name="Another", updated=datetime.now(UTC))
        ref = made(case.crm.create([draft(kind, name=name)]))[kind.value]
        trace = Trace(
            marker=f"patchcord:c1/{kind.value}", sort=Written.RECORD, since=since, kind=kind, name=name,
            phone=PHONE.e164 if kind is CONTACT else "",
        )  # fmt: skip
        assert case.crm.find_by_marker(trace) == ref.id

    def test_lost_record_is_found_among_many(self, case: Case) -> None:
        kind, since = primary(case), a_moment_ago()
        contact = Ref(CONTACT, seed(case, CONTACT, phone=PHONE.e164, name="Olena"))
        drafts = [draft(kind, "first", links=(contact,))]
        ref = made(case.crm.create(drafts))["first"]
        for number in range(120):
            seed(case, kind, name=f"Other {number}", contact=contact.id, updated=datetime.now(UTC) + timedelta(seconds=number))
        trace = Trace(
            marker="patchcord:c1/first", sort=Written.RECORD, since=since, kind=kind, targets=(contact,), name=drafts[0].name
        )
        assert case.crm.find_by_marker(trace) == ref.id

    @pytest.mark.parametrize("kind", ["garbage", "empty", "html"])
    def test_a_broken_answer_to_a_look_for_a_lost_write_says_nothing(self, case: Case, kind: Any) -> None:
        """Taken for "there", a record would never be written; taken for "not there", it would be written twice."""
        sort = next(sort for sort in (LEAD, DEAL, CONTACT) if sort in case.crm.declaration.kinds)
        contact = Ref(CONTACT, seed(case, CONTACT, phone=OTHER.e164, name="Of the deal"))
        links = (contact,) if sort in PRIMARY_KINDS else ()
        one, since = draft(sort, links=links), a_moment_ago()
        trace = Trace(
            marker=one.marker, sort=Written.RECORD, since=since, kind=sort, targets=links, name=one.name, phone=one.phone or ""
        )  # fmt: skip
        case.misbehave(Fault(kind, times=None))
        with pytest.raises(Transient):
            case.crm.find_by_marker(trace)
        case.twin.behave()
        assert case.crm.find_by_marker(trace) is None

    @pytest.mark.parametrize("completed", [True, False])
    def test_task_whose_answer_was_lost_is_found(self, case: Case, completed: bool) -> None:
        needs_tasks(case)
        known, since = world(case), a_moment_ago()
        targets = tuple(known.refs.values())
        self.lose(case, "task")
        with pytest.raises(Transient):
            case.crm.create_task(task(targets, completed=completed))
        trace = Trace(marker="patchcord:c1/task", sort=Written.TASK, since=since, targets=targets)
        assert case.crm.find_by_marker(trace) == case.twin.tasks()[0]["id"]

    @pytest.mark.parametrize("kind", [CONTACT, ORGANIZATION, LEAD, DEAL])
    def test_lost_task_is_found_by_any_target(self, case: Case, kind: RecordKind) -> None:
        needs_tasks(case)
        needs(case, kind)
        known, since = world(case), a_moment_ago()
        key = case.crm.create_task(task([known.refs[kind]]))
        trace = Trace(marker="patchcord:c1/task", sort=Written.TASK, since=since, targets=(known.refs[kind],))
        assert case.crm.find_by_marker(trace) == key

    def test_task_that_was_never_made_is_not_found(self, case: Case) -> None:
        needs_tasks(case)
        known, since = world(case), a_moment_ago()
        case.misbehave(fault("status", case.paths["task"], method="POST"))
        with pytest.raises(Transient):
            case.crm.create_task(task([known.refs[CONTACT]]))
        trace = Trace(marker="patchcord:c1/task", sort=Written.TASK, since=since, targets=(known.refs[CONTACT],))
        assert case.crm.find_by_marker(trace) is None

    @pytest.mark.parametrize("marker", ["patchcord:c1/tas", "patchcord:c1/task:2", "c1/task", "patchcord:c2/task"])
    def test_similar_marker_is_not_taken(self, case: Case, marker: str) -> None:
        needs_tasks(case)
        known, since = world(case), a_moment_ago()
        case.crm.create_task(task([known.refs[CONTACT]]))
        trace = Trace(marker=marker, sort=Written.TASK, since=since, targets=(known.refs[CONTACT],))
        assert case.crm.find_by_marker(trace) is None

    @pytest.mark.parametrize("kind", list(LogKind))
    def test_log_whose_answer_was_lost_is_found_and_can_be_used(self, case: Case, kind: LogKind) -> None:
        needs_log(case, kind)
        known, since = world(case), a_moment_ago()
        self.lose(case, kind.value if kind.value in case.paths else "log")
        with pytest.raises(Transient):
            case.crm.log_call(call([known.refs[CONTACT]], kind, recording=None))
        trace = Trace(marker="patchcord:c1/log", sort=Written.LOG, since=since, log=kind, targets=(known.refs[CONTACT],))
        key = case.crm.find_by_marker(trace)
        assert key is not None
        case.crm.add_recording(Written.LOG, key, RECORDING)
        assert len(case.twin.ledger) == 2

    def test_note_whose_answer_was_lost_is_found(self, case: Case) -> None:
        known, since = world(case), a_moment_ago()
        self.lose(case, "note")
        with pytest.raises(Transient):
            case.crm.add_note((known.refs[CONTACT],), "text", "patchcord:c1/note")
        trace = Trace(marker="patchcord:c1/note", sort=Written.NOTE, since=since, targets=(known.refs[CONTACT],))
        assert case.crm.find_by_marker(trace) == case.twin.writes("note")[0].id

    # --- trouble

    def error_of_look_up(self, case: Case, *faults: Fault) -> CrmError:
        case.misbehave(*faults)
        with pytest.raises(CrmError) as caught:
            case.crm.find(PHONE, PLAIN)
        return caught.value

    def test_rate_limit_is_transient_and_cools_down(self, case: Case) -> None:
        error = self.error_of_look_up(case, Fault("status", status=429))
        assert isinstance(error, Transient)
        assert error.cool_down

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_server_errors_are_transient(self, case: Case, status: int) -> None:
        assert isinstance(self.error_of_look_up(case, Fault("status", status=status)), Transient)

    def test_block_by_the_edge_is_transient_for_minutes(self, case: Case) -> None:
        error = self.error_of_look_up(case, Fault("html", status=403, words="Access denied"))
        assert isinstance(error, Transient)
        assert error.cool_down
        assert (error.retry_after or timedelta()) >= timedelta(minutes=1)

    @pytest.mark.parametrize("status", [200, 502])
    def test_page_of_a_gateway_is_transient(self, case: Case, status: int) -> None:
        assert isinstance(self.error_of_look_up(case, Fault("html", status=status)), Transient)

    @pytest.mark.parametrize("kind", ["garbage", "empty", "lose_answer"])
    def test_broken_answers_are_transient(self, case: Case, kind: Any) -> None:
        assert isinstance(self.error_of_look_up(case, Fault(kind)), Transient)

    @pytest.mark.parametrize("kind", ["garbage", "empty"])
    def test_broken_answer_to_a_creation_is_transient(self, case: Case, kind: Any) -> None:
        case.misbehave(Fault(kind, method="POST", after_write=True))
        assert isinstance(case.crm.create([draft(CONTACT)]).error, Transient)

    @pytest.mark.parametrize("kind", ["garbage", "empty", "html"])
    def test_a_broken_answer_to_a_change_is_transient(self, case: Case, kind: Any) -> None:
        """Taken for success, what nobody did would never be done."""
        known = world(case)
        case.misbehave(Fault(kind, status=200, times=None))
        with pytest.raises(Transient):
            case.crm.update(known.refs[CONTACT], Change(name="Another"))
        with pytest.raises(Transient):
            case.crm.add_note((known.refs[CONTACT],), "A note", "patchcord:c1/note")

    @pytest.mark.parametrize("kind", ["garbage", "empty", "html"])
    def test_a_broken_answer_to_a_change_of_a_task_is_transient(self, case: Case, kind: Any) -> None:
        needs_tasks(case)
        known = world(case)
        key = case.crm.create_task(task((known.refs[CONTACT],), completed=False))
        user = case.twin.seed_user(name="Boris", email="boris@acme.example")
        case.misbehave(Fault(kind, status=200, times=None))
        with pytest.raises(Transient):
            case.crm.complete_task(key)
        with pytest.raises(Transient):
            case.crm.assign_task(key, user)

    def test_slow_answer_is_waited_for(self, case: Case) -> None:
        known = world(case)
        case.misbehave(Fault("late", seconds=0.4))
        assert [one.id for one in found(case, CONTACT)] == [known.refs[CONTACT].id]

    def test_deadline_is_kept_when_the_vendor_hangs(self, case: Case) -> None:
        case.http(case.crm).deadline = time.monotonic() + 0.3
        started = time.monotonic()
        assert isinstance(self.error_of_look_up(case, Fault("hang", times=None)), Transient)
        assert time.monotonic() - started < 1.5

    def test_nothing_is_asked_after_the_deadline(self, case: Case) -> None:
        case.http(case.crm).deadline = time.monotonic() - 1
        with pytest.raises(Transient):
            case.crm.find(PHONE, PLAIN)
        assert requests(case) == 0

    def test_wrong_credentials_are_unauthorised(self, case: Case) -> None:
        with pytest.raises(Unauthorised):
            case.open_with_wrong_credentials().find(PHONE, PLAIN)

    def test_token_that_expires_mid_way_is_renewed(self, case: Case) -> None:
        crm = case.open_with_oauth()
        if crm is None:
            pytest.skip(f"{case.vendor} has no tokens that expire")
        assert crm.find(PHONE, PLAIN) == ()
        case.expire_tokens()
        refs = made(crm.create(new_client(case)))
        case.expire_tokens()
        assert {one.ref for one in crm.find(PHONE, PLAIN)} == set(refs.values())
        assert len(case.twin.writes("create")) == len(refs)

    def test_missing_right_is_misconfigured(self, case: Case) -> None:
        error = self.error_of_look_up(case, Fault("missing_right"))
        assert isinstance(error, Misconfigured)
        assert error.words

    def test_words_hold_no_number_and_no_token(self, case: Case) -> None:
        words = f"{PHONE.e164} and {' '.join(case.secrets)} and olena@example.com are refused"
        error = self.error_of_look_up(case, Fault("refuse", words=words))
        assert isinstance(error, Rejected)
        shown = f"{error} {error!r}"
        assert PHONE.national not in shown
        assert "olena@example.com" not in shown
        assert not any(secret in shown for secret in case.secrets)

    # --- the account

    def test_users_are_listed(self, case: Case) -> None:
        here = case.twin.seed_user(name="Анна 😀", email="anna@example.com")
        left = case.twin.seed_user(name="Left", email="left@example.com", active=False)
        boss = case.twin.seed_user(name="Boss", email="boss@example.com", admin=True)
        users = {user.id: user for user in case.crm.users()}
        assert (users[here].name, users[here].email, users[here].active) == ("Анна 😀", "anna@example.com", True)
        assert not users[left].active
        assert users[boss].admin
        assert not users[here].admin

    @pytest.mark.parametrize("kind", [CONTACT, ORGANIZATION, LEAD, DEAL])
    def test_fields_are_listed(self, case: Case, kind: RecordKind) -> None:
        needs(case, kind)
        own = case.twin.seed_field(kind.value, "Colour")
        number = case.twin.seed_field(kind.value, "Size", "number")
        fields = {field.id: field for field in case.crm.fields(kind)}
        assert (fields[own].name, fields[own].custom, fields[own].kind, fields[own].type) == ("Colour", True, kind, "string")
        assert fields[number].type == "number"
        assert any(not field.custom for field in fields.values())

    def test_healthy_connection_lacks_nothing(self, case: Case) -> None:
        assert case.crm.check() == ()

    def test_check_tells_refused_credentials(self, case: Case) -> None:
        (lack,) = case.open_with_wrong_credentials().check()
        assert lack.code == "unauthorised"
        assert lack.remedy

    def test_check_tells_a_missing_right(self, case: Case) -> None:
        case.misbehave(Fault("missing_right", times=None))
        lacks = case.crm.check()
        assert lacks
        assert {lack.code for lack in lacks} <= {"right", "scope"}

    def test_links_open_the_records(self, case: Case) -> None:
        for ref in world(case).refs.values():
            link = case.crm.link(ref)
            assert link.startswith(("https://", "http://"))
            assert ref.id in link
        assert not re.search(r"[\s\"'<>]", case.crm.link(Ref(CONTACT, "1 \"'<>")))
