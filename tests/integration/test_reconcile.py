"""Catching up through the real handlers: what the telephony lists and no webhook told of (telephony.md 2, 3.6, 6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from werkzeug.wrappers import Response

from patchcord.scenarios.profiles import merge
from patchcord.service.projects import save, secret_hash
from patchcord.store.port import CallKey
from patchcord.telephony.ringostat import api
from sandbox.telephony.mango_twin import MangoTwin, Part
from sandbox.telephony.mango_twin import serve as serve_mango
from sandbox.twins import twin_class
from sandbox.twins.base import Fault, ManualClock, Twin, serve
from tests.harness import MANGO_KEY, MANGO_SALT, SECRET, START, Context, World, function, world
from tests.integration.demo import CLIENT, LINE, after_call, document, missed
from tests.ringostat_server import AUTH_KEY, RingostatServer, ringostat, row

OTHERS = [f"+38067123{number:04}" for number in range(100)]
MINUTE = timedelta(minutes=1)


@dataclass
class Office:
    """A project whose webhooks may fail, its CRM, and its telephony's list of calls."""

    product: World
    twin: Twin
    server: RingostatServer
    body: dict[str, Any]

    def turn(self, **changes: Any) -> None:
        """Save settings with these changes, and let them come into force."""
        self.body = merge(self.body, changes)
        save(self.product.store, "demo", self.body, "test", self.product.clock.now())
        self.product.clock.sleep(61)

    def clients(self) -> list[str]:
        """The numbers of the contacts that were made, in order."""
        return [str(write.fields["phone"]) for write in self.twin.writes("create") if write.kind == "contact"]

    def at(self, minutes: float) -> Any:
        """A time before now."""
        return self.product.clock.now() - minutes * MINUTE


@contextmanager
def office(**settings: Any) -> Iterator[Office]:
    clock = ManualClock(START)
    twin = twin_class("pipedrive")(clock=clock)
    with ringostat() as (server, url), serve(twin) as running:
        body = merge(document(twin, running.url), settings)
        own = {"provider": "ringostat", "base_url": url, "list_zone": "UTC", "secrets": [secret_hash(SECRET)]}
        body = merge(body, {"telephony": own})
        server.zone = ZoneInfo("UTC")
        with world(body, manual=clock, secrets={"ringostat_api_key": AUTH_KEY}) as product:
            clock.advance(timedelta(hours=4))
            yield Office(product, twin, server, body)


@pytest.fixture
def here() -> Iterator[Office]:
    with office() as opened:
        yield opened


# --- what is missing ---


def test_a_call_no_webhook_told_of_is_made_up_for(here: Office) -> None:
    here.server.calls = [row("lost-1", here.at(40), CLIENT)]
    told = here.product.reconcile()
    assert (told["status"], told["listed"], told["missing"]) == ("done", 1, 1)
    assert here.clients() == [CLIENT]
    (task,) = [write for write in here.twin.writes("task") if not write.fields.get("completed")]
    assert task.fields["title"]


def test_an_end_that_was_lost_is_made_up_for_and_keeps_its_times(here: Office) -> None:
    """D-33: the times are the call's, whenever it is heard of."""
    began = here.at(40)
    answered = after_call("half-1") | {"calldate": None, "call_timestamp": str(int(began.timestamp() * 1_000_000))}
    ringing = {name: answered[name] for name in ("uniqueid", "call_type", "call_timestamp", "caller_number", "dst")}
    here.product.post("in.answer", {**ringing, "connected_with": "acme_anna"})
    here.server.calls = [row("half-1", began, CLIENT, who="acme_anna", talk=95)]
    assert here.product.reconcile()["missing"] == 1
    entry = here.product.store.entry(CallKey("demo", "ringostat", "half-1"))
    assert entry is not None
    ends = [json.loads(body) for body in entry.events.values() if '"end"' in body]
    assert [event["started_at"] for event in ends] == [began.isoformat()]
    assert len(here.clients()) == 1


def test_nothing_missing_is_quiet(here: Office) -> None:
    began = here.at(40)
    here.product.post("missed", missed("known-1") | {"calldate": began.strftime("%Y-%m-%dT%H:%M:%S+00:00")})
    written, promised = len(here.twin.ledger), len(here.product.queue.promised)
    here.server.calls = [row("known-1", began, CLIENT)]
    before = len(here.product.log.getvalue())
    told = here.product.reconcile()
    assert (told["status"], told["listed"], told["missing"], told["cut"]) == ("done", 1, 0, [])
    assert (len(here.twin.ledger), len(here.product.queue.promised)) == (written, promised)
    assert here.product.log.getvalue()[before:] == ""


def test_a_webhook_that_comes_after_all_changes_nothing(here: Office) -> None:
    began = here.at(40)
    here.server.calls = [row("late-1", began, CLIENT)]
    here.product.reconcile()
    written = len(here.twin.ledger)
    payload = missed("late-1") | {"calldate": began.strftime("%Y-%m-%dT%H:%M:%S+00:00")}
    assert here.product.post("missed", payload)["status"] == "duplicate"
    assert here.product.reconcile()["missing"] == 0
    assert len(here.twin.ledger) == written


def test_a_recording_that_came_late_is_added(here: Office) -> None:
    began = here.at(40)
    end = after_call("rec-1") | {"calldate": began.strftime("%Y-%m-%dT%H:%M:%S+00:00"), "has_recording": "0", "recording": ""}
    here.product.post("in.after", end)
    link = "https://app.ringostat.com/recordings/rec-1.ogg?token=0"
    listed = row("rec-1", began, CLIENT, who="acme_anna", talk=95, has_recording="1", recording=link)
    here.server.calls = [listed]
    assert here.product.reconcile()["missing"] == 1
    assert any(write.fields.get("recording") == link for write in here.twin.ledger)


def test_calls_come_in_their_order(here: Office) -> None:
    """D-33."""
    here.server.calls = [row(f"lost-{n}", here.at(60 - n), OTHERS[n]) for n in (3, 1, 2, 0)]
    assert here.product.reconcile()["missing"] == 4
    assert here.clients() == OTHERS[:4]


def test_calls_that_go_on_or_ended_just_now_are_left_to_their_webhooks(here: Office) -> None:
    goes_on = row("on-1", here.at(30), CLIENT) | {"disposition": "IN PROGRESS"}
    here.server.calls = [goes_on, row("young-1", here.at(2), CLIENT)]
    assert here.product.reconcile()["missing"] == 0
    here.product.clock.sleep(900)
    assert here.product.reconcile()["missing"] == 1


def test_odd_rows_hold_nothing_up(here: Office) -> None:
    odd = row("odd-1", here.at(50), CLIENT) | {"duration": "long"}
    here.server.calls = [odd, row("lost-1", here.at(40), CLIENT)]
    told = here.product.reconcile()
    assert (told["status"], told["odd"], told["missing"]) == ("done", 1, 1)
    assert "listed calls not readable" in here.product.log.getvalue()


# --- periods ---


def test_each_run_goes_on_where_the_last_one_ended_with_two_hours_of_overlap(here: Office) -> None:
    here.product.reconcile()
    here.product.clock.sleep(900)
    here.product.reconcile()
    first, second = here.server.asked
    assert first["from"] == f"{START:%Y-%m-%d %H:%M:%S}"
    assert second["from"] == f"{START + timedelta(hours=2):%Y-%m-%d %H:%M:%S}"


def test_once_a_day_it_looks_three_days_back(here: Office) -> None:
    here.product.reconcile()
    here.product.clock.sleep(4 * 86_400)
    here.product.reconcile()
    here.product.clock.sleep(900)
    here.product.reconcile()
    now = here.product.clock.now()
    spans = [now - MINUTE * 15 - timedelta(days=3), now - MINUTE * 15 - timedelta(hours=2)]
    # the last run was four days ago: everything since then, which is more than three days
    last = START + timedelta(hours=4)
    assert [asked["from"] for asked in here.server.asked[1:]] == [
        f"{min(last - timedelta(hours=2), spans[0]):%Y-%m-%d %H:%M:%S}",
        f"{spans[1]:%Y-%m-%d %H:%M:%S}",
    ]


def test_nothing_from_before_the_project_was_switched_on_comes_in(here: Office) -> None:
    here.server.calls = [row("old-1", START - timedelta(hours=1), CLIENT)]
    assert here.product.reconcile()["missing"] == 0
    assert here.product.reconcile(project="demo", since=f"{START - timedelta(days=1):%Y-%m-%dT%H:%M:%S+00:00}")["missing"] == 0


def test_a_period_can_be_asked_for_and_moves_nothing_on(here: Office) -> None:
    here.server.calls = [row("lost-1", here.at(100), CLIENT), row("lost-2", here.at(30), OTHERS[1])]
    until = here.at(60).isoformat()
    assert here.product.reconcile(project="demo", since=here.at(120).isoformat(), until=until)["missing"] == 1
    assert here.clients() == [CLIENT]
    assert here.product.reconcile()["missing"] == 1


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"project": "No Such"}, "project"),
        ({"since": "2026-03-05T10:00:00+00:00"}, "project"),
        ({"project": "demo", "since": "yesterday"}, "since"),
        ({"project": "demo", "until": "2026-03-05T10:00:00"}, "until"),
        ({"project": "demo", "resend": "yes"}, "resend"),
        ({"project": "demo", "since": "2026-03-05T10:00:00Z", "until": "2026-03-05T10:00:00Z"}, "until"),
    ],
)
def test_a_wish_that_cannot_be_read_is_refused(here: Office, wish: dict[str, Any], field: str) -> None:
    told = here.product.reconcile(**wish)
    assert (told["status"], told["field"]) == ("refused", field)
    assert not here.server.asked


def test_an_unknown_project_is_told(here: Office) -> None:
    assert here.product.reconcile(project="nobody")["projects"]["nobody"]["status"] == "failed"


# --- what goes wrong ---


def test_a_list_that_is_cut_off_is_asked_for_in_parts(here: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MOST_CALLS", 10)
    here.server.most = 10
    here.server.calls = [row(f"lost-{n}", here.at(200 - 5 * n), OTHERS[n]) for n in range(35)]
    told = here.product.reconcile()
    assert (told["status"], told["listed"], told["missing"], told["cut"]) == ("done", 35, 35, [])


def test_a_part_that_cannot_be_split_is_told(here: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MOST_CALLS", 3)
    here.server.most = 3
    began = here.at(30)
    here.server.calls = [row(f"lost-{n}", began, OTHERS[n]) for n in range(5)]
    told = here.product.reconcile()
    assert (told["status"], told["missing"]) == ("done", 3)
    assert told["cut"]
    assert all(begin <= began.isoformat() <= end for begin, end in told["cut"])
    assert "list of calls cut off" in here.product.log.getvalue()


@pytest.mark.parametrize("status", [401, 500])
def test_a_telephony_that_does_not_tell_is_asked_again_for_the_same_time(here: Office, status: int) -> None:
    here.server.calls = [row("lost-1", here.at(130), CLIENT)]  # before the overlap of a run that had gone on
    here.server.answer = Response("", status)
    assert here.product.reconcile()["status"] == "failed"
    assert "calls not listed" in here.product.log.getvalue()
    here.server.answer = None
    here.product.clock.sleep(5 * 3600)
    assert here.product.reconcile()["missing"] == 1


def test_a_project_without_the_key_is_left_alone(here: Office) -> None:
    here.product.secrets.put("demo", "ringostat_api_key", "")
    before = len(here.product.log.getvalue())
    assert here.product.reconcile()["status"] == "no_list"
    assert here.product.log.getvalue()[before:] == ""
    assert not here.server.asked


def test_a_run_whose_time_is_over_leaves_the_rest_to_the_next(here: Office) -> None:
    here.server.calls = [row("lost-1", here.at(40), CLIENT)]
    assert here.product.reconcile(seconds=20)["status"] == "more"
    assert not here.clients()
    assert here.product.reconcile()["missing"] == 1


def test_a_crm_that_is_down_leaves_the_calls_to_their_promises(here: Office) -> None:
    here.server.calls = [row("lost-1", here.at(40), CLIENT)]
    here.twin.misbehave(Fault("status", status=503))
    assert here.product.reconcile()["missing"] == 1
    here.product.keep_promises()
    assert here.clients() == [CLIENT]
    assert here.product.reconcile()["missing"] == 0


def test_two_runs_at_once_are_one(here: Office) -> None:
    now = here.product.clock.now()
    assert here.product.store.lease("demo", "reconcile", "another run", now, now + 5 * MINUTE)
    assert here.product.reconcile()["status"] == "busy"
    assert not here.server.asked


def test_numbers_are_in_no_log(here: Office) -> None:
    here.server.calls = [row("lost-1", here.at(40), CLIENT), row("odd-1", here.at(50), CLIENT) | {"duration": "long"}]
    here.product.reconcile()
    assert CLIENT[1:] not in here.product.log.getvalue()


# --- switched off and on again ---


def off_and_on(here: Office, *, ticked: bool) -> None:
    """Two calls while the integration was off: one by webhook, one that only the list knows of."""
    here.turn(integration={"enabled": False}, resend={"on_reactivation": ticked})
    assert here.product.reconcile()["status"] == "off"
    here.product.clock.sleep(3600)
    told = missed("kept-1", OTHERS[1]) | {"calldate": here.at(10).strftime("%Y-%m-%dT%H:%M:%S+00:00")}
    assert here.product.post("missed", told)["reason"] == "integration_off"
    here.server.calls = [row("lost-1", here.at(20), OTHERS[0]), row("kept-1", here.at(10), OTHERS[1])]
    here.product.clock.sleep(3600)
    here.turn(integration={"enabled": True})


def test_what_came_while_it_was_off_is_sent_again_in_order(here: Office) -> None:
    """P-PD-10, P-PD-12, P-PD-13, O-49, O-61, D-33."""
    off_and_on(here, ticked=True)
    told = here.product.reconcile()
    assert (told["status"], told["missing"], told["resent"]) == ("done", 1, 1)
    assert here.clients() == OTHERS[:2]
    here.product.keep_promises()
    again = here.product.reconcile()
    assert (again["missing"], again["resent"]) == (0, 0)
    assert here.clients() == OTHERS[:2]


def test_without_the_tick_it_is_left(here: Office) -> None:
    """P-PD-11: ticking it afterwards is too late."""
    off_and_on(here, ticked=False)
    told = here.product.reconcile()
    assert (told["missing"], told["resent"]) == (0, 0)
    here.turn(resend={"on_reactivation": True})
    assert here.product.reconcile()["resent"] == 0
    assert not here.clients()


def test_it_can_be_asked_for_afterwards(here: Office) -> None:
    off_and_on(here, ticked=False)
    here.product.reconcile()
    told = here.product.reconcile(project="demo", resend=True)
    assert (told["missing"], told["resent"]) == (1, 1)
    assert here.clients() == OTHERS[:2]


def test_a_crm_that_is_down_when_calls_are_sent_again(here: Office) -> None:
    off_and_on(here, ticked=True)
    here.twin.misbehave(Fault("status", status=503, times=2))
    here.product.reconcile()
    here.product.keep_promises()
    assert sorted(here.clients()) == OTHERS[:2]


def test_deadlines_of_what_is_sent_again_count_from_now(here: Office) -> None:
    """D-33."""
    off_and_on(here, ticked=True)
    here.product.clock.sleep(30 * 3600)
    now = here.product.clock.now()
    here.product.reconcile()
    dues = [str(write.fields["due_at"])[:16] for write in here.twin.writes("task") if write.fields.get("due_at")]
    assert len(dues) == 2
    assert set(dues) == {f"{now + timedelta(hours=4):%Y-%m-%dT%H:%M}"}


# --- MANGO ---


@contextmanager
def mango_office(**mango: Any) -> Iterator[tuple[World, Twin, MangoTwin]]:
    clock = ManualClock(START)
    crm = twin_class("pipedrive")(clock=clock)
    pbx = MangoTwin(clock=clock, key=MANGO_KEY, salt=MANGO_SALT, **mango)
    with serve(crm) as running, serve_mango(pbx) as calling:
        body = document(crm, running.url)
        for number, name in enumerate(("anna", "boris", "olena")):
            extension = f"10{number + 1}"
            body["employees"][name]["extension"] = extension
            pbx.seed_employee(extension=extension, name=name, email=f"{name}@acme.example")
        pbx.seed_group(extension="500", name="Sales", operators=("101", "102"))
        body = merge(body, {"telephony": {"provider": "mango", "base_url": f"{calling.url}/vpbx"}})
        with world(body, manual=clock) as product:
            clock.advance(timedelta(hours=4))
            yield product, crm, pbx


ANSWERED: Any = {"direction": "in", "parts": (Part("101", talk=60, recordings=("rec-1",)),)}


def add(pbx: MangoTwin, product: World, entry: str, client: str = CLIENT, minutes: float = 40, **facts: Any) -> None:
    pbx.add_call(
        entry_id=entry,
        started=product.clock.now() - minutes * MINUTE,
        client=client.removeprefix("+"),
        line=LINE.removeprefix("+"),
        **facts,
    )


def test_mangos_statistics_make_up_for_a_summary_and_its_recording() -> None:
    with mango_office() as (product, crm, pbx):
        add(pbx, product, "entry-1", **ANSWERED)
        assert product.reconcile()["missing"] == 2
        product.keep_promises()
        assert [write.fields["phone"] for write in crm.writes("create") if write.kind == "contact"] == [CLIENT]
        recorded = [str(write.fields.get("recording")) for write in crm.ledger if write.fields.get("recording")]
        assert recorded
        assert recorded[-1].startswith("https://hooks.example/v1/recordings/demo/")
        assert product.reconcile()["missing"] == 0


@pytest.mark.parametrize(
    ("facts", "outcome", "place"),
    [
        ({"direction": "in", "parts": (Part("101"),)}, "missed", "employee"),
        ({"direction": "in", "parts": (Part("101", group="500"), Part("102", group="500"))}, "missed", "employee"),
        ({"direction": "in", "menu": 12}, "missed", "ivr"),
        ({"direction": "out", "parts": (Part("102", talk=30),)}, "answered", None),
        ({"direction": "out", "parts": (Part("102"),)}, "no_answer", None),
    ],
)
def test_what_mango_counts_is_what_its_summary_would_have_told(facts: Any, outcome: str, place: str | None) -> None:
    with mango_office() as (product, _, pbx):
        add(pbx, product, "entry-1", **facts)
        assert product.reconcile()["missing"] == 1
        entry = product.store.entry(CallKey("demo", "mango", "entry-1"))
        assert entry is not None
        told = json.loads(entry.events["summary"])
        assert (told["outcome"], told.get("missed_in"), told["client"]) == (outcome, place, CLIENT)


def test_a_count_that_takes_its_time_is_waited_for() -> None:
    with mango_office(report_delay=timedelta(seconds=17)) as (product, _, pbx):
        add(pbx, product, "entry-1", **ANSWERED)
        assert product.reconcile()["missing"] == 2


class Passing(Context):
    """An invocation whose time passes with the world's."""

    def __init__(self, product: World, seconds: float) -> None:
        super().__init__()
        self.clock, self.until = product.clock, product.clock.now() + timedelta(seconds=seconds)

    def get_remaining_time_in_millis(self) -> int:
        return int((self.until - self.clock.now()).total_seconds() * 1000)


def test_a_count_that_is_not_ready_in_time_is_fetched_by_the_next_run() -> None:
    with mango_office(report_delay=timedelta(seconds=50)) as (product, _, pbx):
        add(pbx, product, "entry-1", **ANSWERED)
        told = function("reconcile").handler({}, Passing(product, 45))["projects"]["demo"]
        assert (told["status"], told["missing"]) == ("more", 0)
        product.clock.sleep(30)
        assert product.reconcile()["missing"] == 2
        assert sum(seen.path.endswith("calls/request/") for seen in pbx.requests) == 1


def test_a_count_that_is_gone_is_asked_for_anew() -> None:
    """MANGO keeps it for a minute (telephony.md 3.6), and the schedule comes later."""
    with mango_office(report_delay=timedelta(seconds=50)) as (product, _, pbx):
        add(pbx, product, "entry-1", **ANSWERED)
        assert function("reconcile").handler({}, Passing(product, 45))["projects"]["demo"]["status"] == "more"
        product.clock.sleep(900)
        assert product.reconcile()["missing"] == 2
        assert sum(seen.path.endswith("calls/request/") for seen in pbx.requests) == 2


def test_mango_that_does_not_answer() -> None:
    with mango_office() as (product, _, pbx):
        pbx.misbehave(Fault("status", path="/vpbx/stats/calls/request", status=503))
        assert product.reconcile()["status"] == "failed"
