"""RetailCRM against its twin: the contract, and what only RetailCRM has (crm_retailcrm.md)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, cast
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest

from patchcord.crm.connect import open_crm
from patchcord.crm.errors import Gone, Misconfigured, Rejected, Transient
from patchcord.crm.http import Http
from patchcord.crm.port import Change, Crm, Search, Trace, Written
from patchcord.crm.retailcrm import DECLARATION, Connection, RetailCrm, reading, writing
from patchcord.crm.retailcrm.account import GROUPS_FRESH, Account
from patchcord.crm.retailcrm.declaration import METHODS, RetailDialect
from patchcord.model.effects import LogKind
from patchcord.model.records import RecordKind, Ref
from patchcord.scenarios.profiles import effective
from patchcord.store.memory import MemorySecrets, MemoryStore
from patchcord.wire import read_answer
from sandbox.twins.base import Fault, serve
from sandbox.twins.retailcrm import RetailCrmTwin
from sandbox.twins.retailcrm.routes import RIGHTS
from tests.contract import crm_contract
from tests.contract.crm_contract import (
    CONTACT,
    DEAL,
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
    recorded,
    requests,
    seed,
    task,
    world,
)

PROJECT = "acme"


class RetailCrmCase(Case):
    vendor: ClassVar[str] = "retailcrm"
    paths: ClassVar[Mapping[str, str]] = {
        "look_up": "/customers|/orders", "contact": "/customers/create", "deal": "/orders/create", "task": "/tasks/create",
        "log": "/customers/notes/create", "note": "/customers/notes/create",
    }  # fmt: skip

    def __init__(self, twin: RetailCrmTwin, url: str) -> None:
        self.retailcrm = twin
        self.stored = MemorySecrets()
        self.opened: list[Crm] = []
        super().__init__(twin, url)
        self.secrets = (twin.account.key,)

    def connect(self, **settings: str) -> RetailCrm:
        options = {**self.retailcrm.connection(self.url).options, **settings}
        crm = open_crm("retailcrm", options, self.stored, MemoryStore(), PROJECT)
        self.opened.append(crm)
        return cast(RetailCrm, crm)

    def open(self) -> Crm:
        for name, value in self.retailcrm.connection(self.url).secrets.items():
            self.stored.put(PROJECT, name, value)
        return self.connect()

    def open_with_wrong_credentials(self) -> Crm:
        self.stored.put(PROJECT, "api_key", "wrong")
        return self.connect()

    def open_with_oauth(self) -> None:
        """The key has no expiry, and there is no OAuth (1)."""

    def expire_tokens(self) -> None:
        """Nothing expires."""

    def http(self, crm: Crm) -> Http:
        return cast(RetailCrm, crm).http

    def close(self) -> None:
        for crm in self.opened:
            cast(RetailCrm, crm).close()


def sent(traffic: Path, path: str, name: str) -> list[dict[str, Any]]:
    """The objects that went to a path, with the other parameters of their forms."""
    forms = [dict(parse_qsl(one["request_body"])) for one in recorded(traffic) if path in one["url"] and one["request_body"]]
    return [{**form, **json.loads(form.pop(name))} for form in forms]


def lost(sort: Written, since: datetime, *targets: Ref, name: str = "task") -> Trace:
    return Trace(marker=f"patchcord:c1/{name}", sort=sort, since=since, targets=targets)


# --- the documentation: the published files say nothing of RetailCRM, so the reference's own rules stand here (1, 2, 4)

READS = (
    r"/api/credentials", r"/api/v5/(customers|orders|tasks|users|settings|custom-fields)", r"/api/v5/(orders|tasks)/\d+",
    r"/api/v5/customers/notes", r"/api/v5/reference/(sites|status-groups|order-methods)",
    r"/api/v5/custom-fields/dictionaries/\w+",
)  # fmt: skip
WRITES = {
    r"/api/v5/customers/(create|\d+/edit)": "customer", r"/api/v5/orders/(create|\d+/edit)": "order",
    r"/api/v5/tasks/(create|\d+/edit)": "task", r"/api/v5/customers/notes/create": "note",
}  # fmt: skip
PARAMETERS = r"limit|page|by|site|filter\[(name|customer|dateFrom|createdAtFrom|entity)\]|filter\[customFields\]\[\w+\]"
LISTS = r"filter\[(ids|externalIds|customerIds)\]\[\]"


def against_the_reference(exchange: Mapping[str, Any]) -> list[str]:
    """What is wrong with a request, in sentences."""
    parts = urlsplit(exchange["url"])
    wrong = [] if exchange["request_headers"].get("X-API-KEY") == "***" else ["no key in the header"]
    names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    wrong += [f"parameter {name}" for name in names if not re.fullmatch(f"{PARAMETERS}|{LISTS}", name)]
    if exchange["method"] == "GET":
        wrong += [] if any(re.fullmatch(path, parts.path) for path in READS) else [f"no such read: {parts.path}"]
        return wrong
    entity = next((name for path, name in WRITES.items() if re.fullmatch(path, parts.path)), None)
    form = dict(parse_qsl(exchange["request_body"]))
    is_form = exchange["request_headers"].get("Content-Type") == "application/x-www-form-urlencoded"
    if not is_form or entity is None or set(form) - {"by", "site", entity} or not isinstance(json.loads(form[entity]), dict):
        wrong.append(f"no such write: {parts.path} with {sorted(form)}")
    return wrong


class TestRetailCrm(CrmContract):
    @pytest.fixture
    def traffic(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(crm_contract, "validator", lambda: against_the_reference)
        path = tmp_path / "traffic.jsonl"
        monkeypatch.setenv("PATCHCORD_RECORD", str(path))
        return path

    @pytest.fixture
    def case(self, traffic: Path) -> Iterator[RetailCrmCase]:
        with serve(RetailCrmTwin()) as running:
            made_case = RetailCrmCase(cast(RetailCrmTwin, running.twin), running.url)
            yield made_case
            made_case.close()

    def second_stage(self, case: Case) -> tuple[str, str]:
        """The method of an order and its status."""
        return "call-request", "availability-confirmed"

    # --- look-up (5, 6.2)

    def test_customers_and_orders_are_looked_for_at_the_same_time(self, case: RetailCrmCase) -> None:
        world(case)
        case.misbehave(Fault("late", seconds=0.8, times=2))
        started = time.monotonic()
        assert len(case.crm.find(PHONE, PLAIN)) == 2
        assert time.monotonic() - started < 1.5

    def test_order_without_a_number_is_found_by_its_customer(self, case: RetailCrmCase) -> None:
        contact = seed(case, CONTACT, phone=PHONE.e164, name="Olena")
        order = seed(case, DEAL, name="Hers", contact=contact)
        assert [(one.id, one.contact) for one in found(case, DEAL)] == [(order, contact)]

    def test_order_of_somebody_else_with_a_similar_number_is_left_out(self, case: RetailCrmCase) -> None:
        seed(case, DEAL, phone="+3806712345678", name="Theirs")
        assert case.crm.find(PHONE, PLAIN) == ()

    @pytest.mark.parametrize(
        ("status", "is_open"),
        [("new", True), ("client-confirmed", True), ("assembling", True), ("delivering", True), ("complete", False),
         ("no-call", False), ("cancel-other", False)],
    )  # fmt: skip
    def test_group_of_the_status_tells_whether_an_order_is_open(self, case: RetailCrmCase, status: str, is_open: bool) -> None:
        seed(case, DEAL, phone=PHONE.e164, name="It", stage=status)
        assert [one.open for one in found(case, DEAL)] == [is_open]

    def test_groups_are_asked_for_once(self, case: RetailCrmCase) -> None:
        for status in ("assembling", "complete"):
            seed(case, DEAL, phone=PHONE.e164, name="It", stage=status)
        counts = [(found(case, DEAL), requests(case))[1] for _ in range(2)]
        assert counts == [3, 5]

    def test_closed_statuses_can_be_named(self, case: RetailCrmCase) -> None:
        seed(case, DEAL, phone=PHONE.e164, name="It", stage="delivering")
        seed(case, DEAL, phone=PHONE.e164, name="It", stage="complete")
        records = case.connect(closed_statuses="delivering, no-call").find(PHONE, PLAIN)
        assert sorted(one.open for one in records) == [False, True]
        assert requests(case) == 2

    def test_closed_groups_can_be_named(self, case: RetailCrmCase) -> None:
        case.retailcrm.set(groups={"new": ("new",), "done": ("handed-over",), "cancel": ("no-call",)})
        seed(case, DEAL, phone=PHONE.e164, name="It", stage="handed-over")
        crm = case.connect(closed_groups="done,cancel")
        assert [one.open for one in crm.find(PHONE, PLAIN)] == [False]
        assert crm.check() == ()

    @pytest.mark.parametrize("zone", ["Europe/Kyiv", ""])
    def test_times_are_the_account_s(self, case: RetailCrmCase, zone: str) -> None:
        at = datetime(2026, 7, 5, 12, 0, tzinfo=UTC)
        seed(case, DEAL, phone=PHONE.e164, name="Summer", updated=at)
        (one,) = case.connect(timezone=zone).find(PHONE, PLAIN)
        assert (one.created_at, one.updated_at) == (at, at)
        assert requests(case) == (2 if zone else 3)

    @pytest.mark.parametrize(
        ("notations", "stored", "count"), [("significant", "+380671234567", 2), ("significant,national", "067 123 4567", 4)]
    )
    def test_numbers_are_searched_as_the_project_says(self, case: RetailCrmCase, notations: str, stored: str, count: int) -> None:
        case.retailcrm.set(search_normalises=False)
        key = seed(case, CONTACT, phone=stored, name="Olena")
        assert [one.id for one in case.connect(phone_search=notations).find(PHONE, PLAIN)] == [key]
        assert requests(case) == count

    def test_record_that_search_does_not_know_yet_is_found_by_its_marker(self, case: RetailCrmCase) -> None:
        case.retailcrm.search_lag = timedelta(minutes=1)
        refs = made(case.crm.create([draft(CONTACT)]))
        assert case.crm.find(PHONE, PLAIN) == ()
        trace = Trace(marker="patchcord:c1/contact", sort=Written.RECORD, since=a_moment_ago(), kind=CONTACT)
        assert case.crm.find_by_marker(trace) == refs["contact"].id

    # --- creation (7, 13)

    def test_visit_goes_into_the_source(self, case: RetailCrmCase) -> None:
        visit = {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "brand", "utm_term": "boots", "utm_content": "ad1"}
        refs = made(case.crm.create(new_client(case, attribution={**visit, "client_id": "GA1.2"})))
        row = case.retailcrm.state.orders[int(refs["deal"].id)]
        assert row["source"] == {"source": "google", "medium": "cpc", "campaign": "brand", "keyword": "boots", "content": "ad1"}
        assert record(case, refs["deal"])["attribution"] == visit

    def test_d25_source_is_not_written_over(self, case: RetailCrmCase) -> None:
        ref = Ref(DEAL, seed(case, DEAL, phone=PHONE.e164, name="It", attribution={"utm_source": "partner"}))
        case.crm.update(ref, Change(attribution={"utm_source": "bing"}))
        assert record(case, ref)["attribution"] == {"utm_source": "partner"}
        assert requests(case) == 0

    def test_order_takes_the_number_of_its_new_customer(self, case: RetailCrmCase) -> None:
        refs = made(case.crm.create(new_client(case)))
        assert record(case, refs["deal"])["phone"] == PHONE.e164

    def test_marker_is_the_external_id(self, case: RetailCrmCase, traffic: Path) -> None:
        made(case.crm.create(new_client(case)))
        bodies = sent(traffic, "/customers/create", "customer") + sent(traffic, "/orders/create", "order")
        assert [body["externalId"] for body in bodies] == ["patchcord:c1/contact", "patchcord:c1/deal"]
        assert [body["site"] for body in bodies] == ["shop", "shop"]

    def test_marker_can_have_a_field_of_its_own(self, case: RetailCrmCase, traffic: Path) -> None:
        """Where a shop's module sets the externalId itself (13)."""
        code = case.twin.seed_field("contact", "patchcord_marker")
        case.twin.seed_field("deal", "patchcord_marker")
        crm, since = case.connect(**{"marker_fields.customer": code, "marker_fields.order": code}), a_moment_ago()
        refs = made(crm.create(new_client(case)))
        assert not any("externalId" in body for body in sent(traffic, "/orders/create", "order"))
        for kind in (CONTACT, DEAL):
            assert record(case, refs[kind.value])["marker"] == f"patchcord:c1/{kind.value}"
            trace = Trace(marker=f"patchcord:c1/{kind.value}", sort=Written.RECORD, since=since, kind=kind)
            assert crm.find_by_marker(trace) == refs[kind.value].id
        assert crm.check() == ()

    def test_what_is_there_already_is_not_refused(self, case: RetailCrmCase) -> None:
        first = made(case.crm.create(new_client(case)))
        assert made(case.crm.create(new_client(case))) == first
        assert len(case.twin.writes("create")) == 2

    def test_order_method_of_the_project(self, case: RetailCrmCase) -> None:
        crm = case.connect(order_method="missed-call")
        refs = made(crm.create([draft(DEAL, "usual"), draft(DEAL, "chosen", pipeline="phone")]))
        methods = {key: record(case, ref)["pipeline"] for key, ref in refs.items()}
        assert methods == {"usual": "missed-call", "chosen": "phone"}
        assert crm.check() == ()

    def test_order_alone_can_be_created(self, case: RetailCrmCase) -> None:
        """P-RC-01: the client only, the order only or both."""
        made(case.crm.create([draft(DEAL, phone=PHONE.e164)]))
        assert [one.kind for one in case.crm.find(PHONE, PLAIN)] == [CONTACT, DEAL]
        assert len(case.twin.writes("create")) == 1

    def test_types_of_fields_are_read_once_and_only_when_refused(self, case: RetailCrmCase) -> None:
        option = case.twin.seed_field("contact", "Source", "option", ("Phone", "Site"))
        number = case.twin.seed_field("contact", "Sum", "number")
        for name in ("one", "two"):
            ref = made(case.crm.create([draft(CONTACT, name, marker=name, fields={option: "site", number: "1 200,5"})]))[name]
            assert record(case, ref)["fields"] == {"Source": "Site", "Sum": 1200.5}
        assert case.twin.count("GET", "/custom-fields$") == case.twin.count("GET", "/dictionaries/") == 1
        assert case.twin.count("POST", "/customers/create") == 3

    def test_the_vendor_s_own_fields_can_be_mapped(self, case: RetailCrmCase) -> None:
        refs = made(case.crm.create([draft(DEAL, fields={"customerComment": "two pairs"})]))
        assert case.retailcrm.state.orders[int(refs["deal"].id)]["customerComment"] == "two pairs"

    def test_tags_are_the_customer_s(self, case: RetailCrmCase) -> None:
        refs = made(case.crm.create([draft(CONTACT, tags=("call",)), draft(DEAL, links=("contact",), tags=("call",))]))
        assert record(case, refs["contact"])["tags"] == ["call"]

    # --- tasks (9)

    def test_task_without_an_assignee_goes_to_the_project_s_performer(self, case: RetailCrmCase) -> None:
        anna = case.twin.seed_user(name="Anna")
        case.connect(task_performer=anna).create_task(task([world(case).refs[CONTACT]]))
        assert case.twin.tasks()[0]["assignee"] == anna

    def test_else_to_the_first_active_administrator(self, case: RetailCrmCase) -> None:
        crm, contact = case.connect(task_performer=""), world(case).refs[CONTACT]
        for number in range(2):
            crm.create_task(task([contact], marker=f"m{number}"))
        assert {row["assignee"] for row in case.twin.tasks()} == {"1"}
        assert case.twin.count("GET", "/users") == 1

    def test_else_it_is_rejected(self, case: RetailCrmCase) -> None:
        case.retailcrm.state.users[1]["active"] = False
        with pytest.raises(Rejected, match="task_performer"):
            case.connect(task_performer="").create_task(task([world(case).refs[CONTACT]]))

    def test_task_hangs_on_the_order_and_the_customer(self, case: RetailCrmCase) -> None:
        known = world(case)
        case.crm.create_task(task([known.refs[DEAL], known.refs[CONTACT]]))
        assert case.twin.tasks()[0]["targets"] == [["deal", known.refs[DEAL].id], ["contact", known.refs[CONTACT].id]]

    @pytest.mark.parametrize(("month", "local"), [(1, "2026-01-12 12:00"), (7, "2026-07-12 13:00")])
    def test_deadline_is_in_the_account_s_time(self, case: RetailCrmCase, traffic: Path, month: int, local: str) -> None:
        at = datetime(2026, month, 12, 10, 0, tzinfo=UTC)
        case.connect(timezone="").create_task(task([world(case).refs[CONTACT]], due_at=at))
        assert sent(traffic, "/tasks/create", "task")[0]["datetime"] == local
        assert case.twin.tasks()[0]["due_at"] == f"2026-{month:02d}-12T10:00:00Z"

    @pytest.mark.parametrize(
        "trouble", [Fault("status", path="/edit"), Fault("refuse", path="/edit"), Fault("hang", path="/edit")]
    )
    def test_task_that_could_not_be_completed_is_completed_when_it_is_looked_for(
        self, case: RetailCrmCase, trouble: Fault
    ) -> None:
        contact, since = world(case).refs[CONTACT], a_moment_ago()
        case.misbehave(trouble)
        case.http(case.crm).deadline = time.monotonic() + 2
        with pytest.raises(Transient):
            case.crm.create_task(done_task([contact]))
        assert not case.twin.tasks()[0]["completed"]
        case.http(case.crm).deadline = None
        assert case.crm.find_by_marker(lost(Written.TASK, since, contact)) == case.twin.tasks()[0]["id"]
        assert case.twin.tasks()[0]["completed"]
        assert len(case.twin.writes("task")) == 1

    def test_open_task_is_left_open_when_it_is_looked_for(self, case: RetailCrmCase) -> None:
        contact, since = world(case).refs[CONTACT], a_moment_ago()
        case.crm.create_task(task([contact]))
        assert case.crm.find_by_marker(lost(Written.TASK, since, contact))
        assert not case.twin.tasks()[0]["completed"]

    def test_task_is_found_behind_many_others(self, case: RetailCrmCase) -> None:
        contact, since = world(case).refs[CONTACT], a_moment_ago()
        key = case.crm.create_task(task([contact]))
        for number in range(120):
            case.twin.seed_task(title=f"Other {number}", updated=datetime.now(UTC) + timedelta(seconds=number))
        assert case.crm.find_by_marker(lost(Written.TASK, since, contact)) == key

    def test_task_of_a_group_keeps_no_assignee(self, case: RetailCrmCase) -> None:
        key = case.twin.seed_task(title="For all")
        case.retailcrm.state.tasks[int(key)] |= {"performerType": "group", "performer": 77}
        assert case.crm.task(key).assignee is None
        case.crm.complete_task(key)
        assert case.crm.task(key).completed

    # --- notes (8)

    def test_note_of_an_order_is_added_to_its_comment_once(self, case: RetailCrmCase) -> None:
        order, since = world(case).refs[DEAL], a_moment_ago()
        case.retailcrm.state.orders[int(order.id)]["managerComment"] = "Wants red"
        keys = [case.crm.add_note((order,), "Form: size 38", "patchcord:c1/note") for _ in range(2)]
        (write,) = case.twin.ledger
        assert (write.do, write.fields["targets"]) == ("note", [["deal", order.id]])
        assert write.fields["text"] == "Wants red\nForm: size 38\nPatchcord patchcord:c1/note"
        assert set(keys) == {case.crm.find_by_marker(lost(Written.NOTE, since, order, name="note"))}
        assert case.crm.find_by_marker(lost(Written.NOTE, since, order, name="other")) is None

    def test_recording_is_added_to_an_order_s_comment_once(self, case: RetailCrmCase) -> None:
        order = world(case).refs[DEAL]
        key = case.crm.log_call(call([order], LogKind.NOTE, recording=None))
        for _ in range(2):
            case.crm.add_recording(Written.LOG, key, RECORDING)
        assert [write.fields["recording"] for write in case.twin.ledger] == [None, RECORDING]

    def test_late_recording_of_a_note_is_a_note_with_its_title(self, case: RetailCrmCase) -> None:
        contact = world(case).refs[CONTACT]
        key = case.crm.log_call(call([contact], LogKind.NOTE, recording=None))
        case.crm.add_recording(Written.NOTE, key, RECORDING)
        assert case.twin.writes("note")[-1].fields["text"] == f"Incoming call\n{RECORDING}"
        with pytest.raises(Gone):
            case.crm.add_recording(Written.NOTE, "4711", RECORDING)

    def test_who_talked_is_the_author_of_the_note(self, case: RetailCrmCase) -> None:
        known = world(case)
        case.crm.log_call(call([known.refs[CONTACT]], LogKind.NOTE, author=known.owner))
        assert case.twin.writes("note")[0].fields["author"] == known.owner

    def test_note_of_nothing_is_rejected(self, case: RetailCrmCase) -> None:
        with pytest.raises(Rejected):
            case.crm.add_note((), "x", "m")

    # --- sign-in and limits (1, 3, 4)

    def test_replaced_key_is_taken_up(self, case: RetailCrmCase) -> None:
        case.retailcrm.replace_key("another-key-5511")
        case.stored.put(PROJECT, "api_key", "another-key-5511")
        assert case.crm.find(PHONE, PLAIN) == ()

    def test_limit_of_a_second_cools_down(self, case: RetailCrmCase) -> None:
        case.retailcrm.set(enforce_rates=True, rate=1)
        with pytest.raises(Transient) as caught:
            case.crm.find(PHONE, PLAIN)
        assert caught.value.cool_down

    def test_account_that_does_not_exist_is_misconfigured(self, case: RetailCrmCase) -> None:
        case.misbehave(Fault("html", status=405, words="405 Not Allowed", times=None))
        with pytest.raises(Misconfigured):
            case.crm.find(PHONE, PLAIN)
        assert [lack.code for lack in case.crm.check()] == ["address"]

    # --- check (1)

    @pytest.mark.parametrize("method", METHODS)
    def test_check_tells_a_method_the_key_lacks(self, case: RetailCrmCase, method: str) -> None:
        case.retailcrm.set(rights=RIGHTS - {method})
        assert {lack.code for lack in case.crm.check()} == {"right"}
        assert any(method in lack.what for lack in case.crm.check())

    @pytest.mark.parametrize(
        ("settings", "code"),
        [
            ({"site": "market"}, "site"), ({"closed_groups": "complete,failed"}, "status_group"),
            ({"order_method": "x"}, "order_method"), ({"timezone": "Europe/Warsaw"}, "timezone"),
            ({"task_performer": "99"}, "task_performer"), ({"marker_fields.order": "patchcord_marker"}, "marker_field"),
        ],
    )  # fmt: skip
    def test_check_tells_what_does_not_exist(self, case: RetailCrmCase, settings: dict[str, str], code: str) -> None:
        assert [lack.code for lack in case.connect(**settings).check()] == [code]

    def test_check_tells_that_a_shop_must_be_named(self, case: RetailCrmCase) -> None:
        assert case.connect(site="").check() == ()
        case.retailcrm.set(sites=("shop", "market"))
        assert [lack.code for lack in case.connect(site="").check()] == ["site"]
        assert case.crm.check() == ()
        case.retailcrm.set(sites_of_key=("market",))
        assert "market" in case.crm.check()[0].remedy

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"base_url": ""}, "base_url"), ({"timezone": "Moon/Base"}, "timezone"), ({"phone_search": "e164,dots"}, "dots"),
            ({"marker_fields.lead": "x"}, "lead"),
        ],
    )  # fmt: skip
    def test_wrong_settings_are_misconfigured(self, case: RetailCrmCase, settings: dict[str, str], words: str) -> None:
        with pytest.raises(Misconfigured, match=words):
            case.connect(**settings)

    def test_links(self, case: RetailCrmCase) -> None:
        shown = {kind: case.crm.link(Ref(kind, "6")).removeprefix(case.url) for kind in (CONTACT, DEAL)}
        assert shown == {CONTACT: "/customers/6", DEAL: "/orders/6/edit"}


# --- pure parts


def test_profile_and_declaration_agree() -> None:
    vendor = effective({"crm": {"vendor": "retailcrm"}}).vendor
    assert set(vendor.phone_kinds) == DECLARATION.phone_kinds
    assert set(vendor.words.values()) == set(DECLARATION.kinds)


def test_importing_the_vendor_is_cheap() -> None:
    code = "import sys, patchcord.crm.retailcrm; print('requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def answer(status: int, body: object, content_type: str = "application/json") -> Any:
    return read_answer(status, {"content-type": content_type}, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "body", "meant"),
    [
        (403, {"success": False, "errorMsg": 'Wrong "apiKey" value.'}, 401),
        (403, {"success": False, "errorMsg": 'Неверное значение "apiKey".'}, 401),
        (403, {"success": False, "errorMsg": "Access denied."}, 403),
        (200, {"success": False, "errorMsg": "no"}, 400),
        (201, {"success": True, "id": 1}, 201),
        (503, {"success": False, "errorMsg": "Rate limit exceeded"}, 503),
        (460, {"success": False, "failedCustomers": []}, 460),
        (403, [], 403),
    ],
)
def test_what_answers_mean(status: int, body: object, meant: int) -> None:
    assert RetailDialect().status(answer(status, body)) == meant


@pytest.mark.parametrize(
    ("errors", "words"),
    [({"firstName": "too long"}, "no; firstName: too long"), (["first", "second"], "no; first; second"), (None, "no")],
)
def test_words_tell_the_fields(errors: object, words: str) -> None:
    assert RetailDialect().words(answer(400, {"success": False, "errorMsg": "no", "errors": errors})) == words


def test_unknown_shapes_are_transient_or_empty() -> None:
    for body in ({"success": True}, {"orders": {"a": 1}}, [1]):
        with pytest.raises(Transient):
            reading.part(answer(200, body), "orders", list, "read")
    assert reading.part(answer(200, {"statusGroups": []}), "statusGroups", dict, "read") == {}
    assert reading.rows_of([1, {"a": 1}]) == ({"a": 1},)
    assert reading.inner({"customFields": []}, "customFields") == {}
    assert not reading.has_next_page(answer(200, []))
    assert reading.read_time("soon", UTC) is None
    assert reading.read_time(None, UTC) is None


def test_order_of_a_corporate_customer_names_its_contact() -> None:
    order = {"customer": {"id": 5, "type": "customer_corporate"}, "contact": {"id": 21}}
    assert reading.contact_of(order) == "21"


def test_number_is_looked_for_among_all_of_a_row() -> None:
    row = {"phone": None, "additionalPhone": "067 123 45 67", "phones": [{"number": "1"}, {"x": 1}, "2"]}
    assert reading.numbers_of(row) == ("067 123 45 67", "1")
    assert reading.of_number([row], PHONE, PLAIN) == (row,)
    assert reading.of_number([row], PHONE, Search(REGION, formats=("+380501112233",))) == ()


class Groups(Account):
    """An account that counts how often it is asked for its groups."""

    asked = 0

    def named(self, path: str, name: str, operation: str) -> Mapping[str, Any]:
        self.asked += 1
        return {"complete": {"code": "complete", "statuses": ["complete"]}, "odd": 1}


def test_status_nobody_knows_is_open_and_not_asked_for_all_the_time() -> None:
    now = [0.0]
    connection = Connection(base_url="https://acme.retailcrm.ru", credentials=cast(Any, None))
    account = Groups(cast(Any, None), connection, lambda: now[0])
    assert [account.is_open(status) for status in ("made-up", "made-up", "complete")] == [True, True, False]
    assert account.asked == 1
    now[0] = GROUPS_FRESH + 1
    assert account.is_open("made-up")
    assert account.asked == 2


@pytest.mark.parametrize(
    ("notation", "term"),
    [("significant", "671234567"), ("e164", "+380671234567"), ("digits", "380671234567"), ("national", "067 123 4567")],
)
def test_terms_of_a_number(notation: str, term: str) -> None:
    assert writing.search_term(PHONE, notation) == term


@pytest.mark.parametrize(
    ("value", "field_type", "expected"),
    [
        ("12", "integer", "12"), ("1 200,5", "numeric", "1200.5"), ("many", "numeric", "many"), ("Site", "dictionary", "src-2"),
        ("src-2", "dictionary", "src-2"), ("true", "boolean", True), ("maybe", "boolean", "maybe"), ("x", "string", "x"),
    ],
)  # fmt: skip
def test_texts_become_what_their_field_takes(value: str, field_type: str, expected: object) -> None:
    assert writing.typed(value, field_type, {"site": "src-2"}) == expected


@pytest.mark.parametrize("wrong", ["", "٣", "-1", "1.5", "a"])
def test_ids_that_are_no_numbers_are_rejected(wrong: str) -> None:
    with pytest.raises(Rejected):
        writing.whole(wrong, "owner")


def test_marker_is_a_line_of_its_own() -> None:
    text = writing.with_lines("Ж" * 20_000, "https://r.example/1", writing.marker_line("c1/task", done=True))
    assert len(text) < 10_100
    assert reading.has_line(text, "Patchcord c1/task ✓")
    assert reading.has_line(text, "https://r.example/1")
    assert not reading.has_line(text, "Patchcord c1/task")
    assert not reading.has_line(None, "x")


def test_times_of_tasks_are_to_the_minute() -> None:
    at = datetime(2026, 9, 12, 23, 30, 59, tzinfo=UTC)
    assert writing.task_time(at, ZoneInfo("Asia/Tokyo")) == "2026-09-13 08:30"
    assert reading.zone_of("Nowhere/At_All") is None


def test_kinds_the_vendor_lacks_cannot_be_seeded() -> None:
    twin = RetailCrmTwin()
    for kind in (RecordKind.LEAD, RecordKind.ORGANIZATION):
        with pytest.raises(NotImplementedError, match=kind.value):
            getattr(twin, f"seed_{kind.value}")(name="x")
