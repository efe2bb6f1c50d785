"""The service through its real handlers: what is answered, what is kept, what comes back (design 1, 2, 6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from patchcord.service.claims import LEASE
from patchcord.service.connect import reconnect
from patchcord.service.journal import effect_state
from patchcord.service.retry import PAUSES
from patchcord.store.memory import MemoryStore
from patchcord.store.port import CallKey
from sandbox.twins.base import Fault, ManualClock, serve
from sandbox.twins.pipedrive import PipedriveTwin
from tests.harness import SECRET, START, Context, World, function, world
from tests.integration.demo import CLIENT, LINE, after_call, answer, before_call, document, missed, outgoing

CALL = "ua1_-1772704800.1"


@contextmanager
def product_on_twin(**settings: Any) -> Iterator[tuple[World, PipedriveTwin]]:
    clock = ManualClock(START)
    twin = PipedriveTwin(clock=clock)
    with serve(twin) as running, world(document(twin, running.url, **settings), manual=clock) as product:
        yield product, twin


def test_what_is_refused_while_something_else_waits_is_a_dead_letter_too() -> None:
    """The run that meets the refusal ends because of the outage, and the one that ends the call meets no refusal."""
    with product_on_twin(rows={"in_missed_new": {"log": ["note"]}}) as (product, twin):
        twin.misbehave(Fault("refuse", method="POST", path="organizations"), Fault("status", method="POST", path="activities"))
        product.post("missed", missed())
        product.keep_promises()
        (buried,) = product.queue.buried
        assert buried[1] == "refused by the CRM: create organization"
        assert json.loads(buried[0])["call"] == CALL


@pytest.fixture
def stage() -> Iterator[tuple[World, PipedriveTwin]]:
    with product_on_twin() as pair:
        yield pair


Stage = tuple[World, PipedriveTwin]


def entry(product: World, call: str = CALL) -> Any:
    return product.store.entry(CallKey("demo", "ringostat", call))


# --- the door ---


@pytest.mark.parametrize(("project", "secret"), [("nobody", None), ("demo", "wrong-secret-0123456789abc"), ("Demo#x", None)])
def test_whoever_is_unknown_gets_404_without_a_hint_and_nothing_is_stored(stage: Stage, project: str, secret: str | None) -> None:
    product, twin = stage
    answered = product.send("missed", "POST", body=json.dumps(missed()).encode(), project=project, secret=secret or SECRET)
    assert (answered["status_code"], answered["title"]) == (404, "There is nothing here.")
    assert entry(product) is None
    assert not twin.requests


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "body"),
        (b'["a"]', "body"),
        (json.dumps({**missed(), "uniqueid": ""}).encode(), "uniqueid"),
        (json.dumps({**missed(), "caller_number": "12345678901234567890"}).encode(), "caller_number"),
        (json.dumps({**missed(), "calldate": "yesterday"}).encode(), "calldate"),
        (json.dumps({**missed(), "billsec": "-7"}).encode(), "billsec"),
        (b"{" + b" " * 300_000 + b"}", "body"),
    ],
)
def test_what_cannot_be_read_is_400_and_names_the_field(
    stage: Stage, capsys: pytest.CaptureFixture[str], body: bytes, field: str
) -> None:
    product, _ = stage
    answered = product.send("missed", "POST", body=body, headers={"content-type": "application/json"})
    assert answered["status_code"] == 400
    assert [error["field"] for error in answered["errors"]] == [field]
    assert all(error["expected"] for error in answered["errors"])
    assert '"BadInput":[1.0]' in capsys.readouterr().out


def test_unknown_fields_are_kept_and_ignored(stage: Stage) -> None:
    product, _ = stage
    assert product.post("missed", missed(colour="green"))["status"] == "done"
    assert "green" in json.dumps(dict(entry(product).events))


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (missed(client="anonymous"), "hidden_number"),
        (missed(client=LINE), "own_number"),
        (missed(client="+380509998877"), "blocked_number"),
        (missed(client="102"), "internal_call"),
    ],
)
def test_calls_that_are_none_of_the_crms_business_are_journalled_with_the_reason(payload: dict[str, Any], reason: str) -> None:
    with product_on_twin(blocked_numbers=["050 999 88 77"]) as (product, twin):
        answered = product.post("missed", payload)
        assert (answered["status_code"], answered["status"], answered["reason"]) == (200, "ignored", reason)
        assert json.loads(entry(product).decision)["reason"] == reason
        assert not twin.requests
        assert product.keep_promises() == 0


def test_the_journal_says_what_was_written_and_which_rules_asked_for_it(stage: Stage) -> None:
    product, _ = stage
    answered = product.post("missed", missed())
    decision = json.loads(entry(product).decision)
    assert (decision["situation"], decision["rules"]) == ("in_missed_new", answered["rules"])
    states = [json.loads(text) for text in entry(product).effects.values()]
    assert len(states) == 4
    assert all(state["state"] == "done" and state["id"] and state["rules"] for state in states)


# --- stored, then promised, then worked on ---


class Forgetful(MemoryStore):
    """A store that takes no events."""

    def accept(self, *args: Any, **kwargs: Any) -> Any:
        raise TimeoutError


def test_an_event_that_cannot_be_stored_is_asked_for_again() -> None:
    twin = PipedriveTwin()
    with serve(twin) as running, world(document(twin, running.url), store=Forgetful()) as product:
        assert product.post("missed", missed())["status_code"] == 500
        assert not product.queue.promised
        assert not twin.requests


# --- once ---


def test_a_repeated_delivery_changes_nothing(stage: Stage) -> None:
    product, twin = stage
    first, second = product.post("missed", missed()), product.post("missed", missed())
    product.keep_promises()
    assert (first["status"], second["status"]) == ("done", "duplicate")
    assert len(twin.writes("create", "lead")) == len(twin.writes("task")) == 1


def test_the_end_before_the_answer_comes_to_the_same(stage: Stage) -> None:
    product, twin = stage
    product.post("in.after", after_call())
    product.post("in.answer", answer())
    product.keep_promises()
    assert [write.kind for write in twin.writes("create")] == ["organization", "contact", "lead"]
    assert len(twin.writes("task")) == 1


def test_a_moment_at_which_nothing_is_due_costs_no_crm_request_and_no_promise(stage: Stage) -> None:
    product, twin = stage
    assert product.post("in.before", before_call())["reason"] == "nothing_due"
    assert not twin.requests
    assert not product.queue.promised


def test_the_promise_is_made_before_any_work(stage: Stage) -> None:
    product, twin = stage
    twin.misbehave(Fault("hang", seconds=0.01, times=None))
    product.post("missed", missed())
    assert product.queue.promised[0][1] == timedelta(seconds=90)
    assert timedelta(seconds=30) < product.queue.promised[0][1]
    assert timedelta(seconds=30) < LEASE


def test_a_known_clients_open_lead_gets_the_call_and_nothing_is_created(stage: Stage) -> None:
    product, twin = stage
    contact = twin.seed_contact(phone="067 123 45 67", owner=twin.seed_user(name="other"))
    lead = twin.seed_lead(contact=contact, owner="1")
    product.post("in.after", after_call())
    assert not twin.writes("create")
    assert {write.fields["targets"][0][1] for write in twin.writes("task")} == {lead}


def test_a_lead_converted_during_the_call_is_looked_for_again(stage: Stage) -> None:
    """The answer found an open lead; when the call ends a manager has converted it already."""
    product, twin = stage
    contact = twin.seed_contact(phone=CLIENT)
    lead = twin.seed_lead(contact=contact)
    product.post("in.answer", answer())
    twin.set_status("lead", lead, "converted")
    product.clock.sleep(60)
    product.post("in.after", after_call())
    product.keep_promises()
    assert len(twin.writes("create", "lead")) == 1
    assert lead not in {target[1] for write in twin.writes("task") for target in write.fields["targets"]}


def test_the_client_as_first_seen_stands_for_the_whole_call(stage: Stage) -> None:
    """What a manager does meanwhile makes no existing client of a new one, whose call has begun as a new one's."""
    product, twin = stage
    situation = product.post("in.answer", answer())["situation"]
    twin.seed_lead(contact=twin.seed_contact(phone=CLIENT))
    assert product.post("in.after", after_call())["situation"] == situation
    assert len(twin.writes("create", "lead")) == 1


def test_a_call_does_not_meet_its_own_records(stage: Stage) -> None:
    """It looks again after it has made them; the client was a new one all the same."""
    product, twin = stage
    twin.misbehave(Fault("status", method="POST", path="activities", status=404, times=2))
    assert product.post("in.after", after_call())["reason"] == "record_gone"
    product.keep_promises()
    assert json.loads(entry(product).decision)["situation"] == "in_answered_new"
    assert len(twin.writes("create", "lead")) == len(twin.writes("task")) == 1


def test_records_that_somebody_has_deleted_are_made_again(stage: Stage) -> None:
    product, twin = stage
    product.post("missed", missed())
    for kind in ("lead", "contact", "organization"):
        twin.remove(kind, twin.records(kind)[0]["id"])
    product.clock.sleep(3600)
    product.post("missed", missed("ua1_-1772708400.2"))
    assert len(twin.writes("create", "lead")) == 2
    assert product.keep_promises() == 2


def test_a_callback_task_that_somebody_deleted_is_not_open() -> None:
    with product_on_twin(tasks={"dedupe_open_callback": True}) as (product, twin):
        product.post("missed", missed())
        (task,) = twin.tasks()
        twin.remove("task", task["id"])
        product.clock.sleep(3600)
        assert product.post("missed", missed("ua1_-1772708400.2"))["status"] == "done"
        assert len(twin.writes("task")) == 2


# --- when the CRM fails ---


@pytest.mark.parametrize("fault", ["status", "html", "garbage", "empty", "hang"])
def test_a_failing_crm_delays_and_loses_nothing(stage: Stage, fault: Any) -> None:
    product, twin = stage
    twin.misbehave(Fault(fault, seconds=0.01, times=3))
    assert product.post("missed", missed())["status_code"] == 202
    product.keep_promises()
    assert {kind: len(twin.writes("create", kind)) for kind in ("contact", "lead")} == {"contact": 1, "lead": 1}
    assert len(twin.writes("task")) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_rate_limit_cools_the_connection_down_for_everybody(stage: Stage, status: int) -> None:
    product, twin = stage
    twin.misbehave(Fault("status", status=status, times=1))
    assert product.post("missed", missed())["reason"] == "crm_unavailable"
    asked = len(twin.requests)
    assert product.post("missed", missed("ua1_-1772704801.2", "+380671110000"))["reason"] == "cooling_down"
    assert len(twin.requests) == asked
    product.keep_promises()
    assert len(twin.writes("create", "lead")) == 2


def test_a_crm_that_asks_for_an_hours_quiet_uses_up_one_try(stage: Stage) -> None:
    product, twin = stage
    twin.misbehave(Fault("status", status=503, headers={"Retry-After": "3600"}))
    product.post("missed", missed())
    assert product.keep_promises() == 2
    assert len(twin.writes("create", "lead")) == 1


@pytest.mark.parametrize("path", ["persons", "organizations", "leads", "activities"])
def test_a_crm_that_goes_down_between_two_writes_gets_the_rest_later(stage: Stage, path: str) -> None:
    product, twin = stage
    twin.misbehave(Fault("status", method="POST", path=path))
    assert product.post("missed", missed())["status_code"] == 202
    product.keep_promises()
    assert [write.kind for write in twin.writes("create")] == ["organization", "contact", "lead"]
    assert len(twin.writes("task")) == 1


def test_a_refused_write_fails_alone_and_stands_in_the_dead_letter_queue(stage: Stage) -> None:
    """The organization is refused for good; contact, lead and task are written, and a person can see why: the CRM's words
    stand in the journal, where erasing reaches them."""
    product, twin = stage
    twin.misbehave(Fault("refuse", method="POST", path="organizations", words="Name is too silly", times=None))
    answered = product.post("missed", missed())
    states = {effect["key"]: effect["state"] for effect in answered["effects"]}
    assert (answered["status_code"], answered["status"]) == (200, "failed")
    assert states == {"contact": "done", "organization": "failed", "lead": "done", "task:callback": "done"}
    assert product.queue.buried[0][1] == "refused by the CRM: create organization"
    assert "Name is too silly" in effect_state(entry(product).effects["organization"]).words
    product.keep_promises()
    assert len(product.queue.buried) == 1


def test_a_refused_write_is_buried_once_for_all_events_of_its_call(stage: Stage) -> None:
    product, twin = stage
    twin.misbehave(Fault("refuse", method="POST", path="organizations", words="No", times=None))
    product.post("in.answer", answer())
    product.post("in.after", after_call())
    product.keep_promises()
    assert len(product.queue.buried) == 1
    assert len([seen for seen in twin.requests if seen.method == "POST" and "organizations" in seen.path]) == 1


def test_a_message_that_is_no_promise_does_not_hold_up_the_others(stage: Stage) -> None:
    product, twin = stage
    twin.misbehave(Fault("status", status=503, times=1))
    product.queue.promise("not ours", timedelta(0))
    product.post("missed", missed())
    product.keep_promises(rounds=20)
    assert len(twin.writes("create", "lead")) == 1
    assert [body for body, _ in product.queue.buried] == ["not ours"]


def test_a_redriven_event_tries_what_was_refused_and_nothing_else(stage: Stage) -> None:
    product, twin = stage
    twin.misbehave(Fault("refuse", method="POST", path="activities", words="No", times=1))
    product.post("missed", missed())
    product.keep_promises()
    body = json.loads(product.queue.buried[0][0]) | {"redriven": True}
    product.queue.promise(json.dumps(body), timedelta(0))
    product.keep_promises()
    assert len(twin.writes("task")) == len(twin.writes("create", "lead")) == 1


def test_refused_credentials_park_everything_with_one_alarm_until_the_crm_is_connected_again(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    product, twin = stage
    twin.replace_api_token("another-token")
    for index in range(3):
        answered = product.post("missed", missed(f"ua1_-177270480{index}.1", f"+38067111000{index}"))
        assert (answered["status_code"], answered["reason"]) == (202, "crm_unauthorised")
    records = product.queue.deliver(product.clock)
    parked = function("retry").handler({"Records": records}, Context())
    assert parked == {"batchItemFailures": []}
    assert capsys.readouterr().out.count('"CrmUnauthorised":[1.0]') == 1
    product.queue.acknowledge(records, set())
    project = product.service.projects.get("demo")
    assert project is not None
    assert [lack.code for lack in reconnect(product.store, product.service.projects, project)] == ["unauthorised"]
    product.secrets.put("demo", "api_token", "another-token")
    assert reconnect(product.store, product.service.projects, project) == ()
    product.keep_promises()
    assert len(twin.writes("create", "lead")) == 3


def test_nothing_is_begun_that_could_not_end_in_time(stage: Stage) -> None:
    product, twin = stage
    answered = product.post("in.after", after_call(), seconds=6.0)
    assert (answered["status_code"], answered["reason"]) == (202, "out_of_time")
    assert not twin.ledger
    product.keep_promises()
    assert len(twin.writes("create", "lead")) == 1


def test_eight_tries_take_more_than_six_hours_and_then_a_person_sees_the_event(stage: Stage) -> None:
    product, twin = stage
    twin.misbehave(Fault("status", status=503, times=None))
    product.post("missed", missed())
    begun = product.clock.now()
    product.keep_promises(rounds=20)
    assert product.clock.now() - begun > timedelta(hours=6)
    assert len(PAUSES) == 7
    assert [reason for _, reason in product.queue.buried] == ["received too often"]
    assert entry(product).settled == frozenset()


def test_outgoing_calls_have_their_own_function(stage: Stage) -> None:
    product, twin = stage
    twin.seed_lead(contact=twin.seed_contact(phone=CLIENT))
    answered = product.post("out.after", outgoing())
    assert answered["situation"].startswith("out_answered_existing")
    assert [write.fields["completed"] for write in twin.writes("task")] == [True]


def test_get_and_form_deliveries_are_read_like_json(stage: Stage) -> None:
    product, twin = stage
    query = {key: value for key, value in missed().items() if value}
    assert product.send("missed", "GET", query=query)["status"] == "done"
    assert len(twin.writes("task")) == 1


def test_neither_numbers_nor_secrets_are_in_the_log(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever goes wrong: what cannot be read, who is not known, what the CRM refuses in words of its own."""
    product, twin = stage
    product.post("missed", missed(calldate="yesterday"))
    product.post("missed", missed(), secret="a-secret-of-somebody-else-0123456789")
    twin.misbehave(Fault("refuse", method="POST", path="leads", words=f"{CLIENT} is known, token twin-api-token"))
    product.post("missed", missed())
    product.keep_promises()
    told = product.log.getvalue() + capsys.readouterr().out
    assert '"BadInput":[1.0]' in told
    hidden = (CLIENT[1:], SECRET, "a-secret-of-somebody-else", "twin-api-token")
    assert not [word for word in hidden if word in told]


class Segments:
    """X-Ray's recorder as far as the product speaks to it; the real one needs Lambda's daemon."""

    def __init__(self) -> None:
        self.provider, self.annotations = self, dict[str, str]()

    @contextmanager
    def in_subsegment(self, name: str) -> Iterator[Segments]:
        self.annotations["subsegment"] = name
        yield self

    def put_annotation(self, key: str, value: str) -> None:
        self.annotations[key] = value


def test_a_traced_invocation_carries_project_and_call(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    product, _ = stage
    segments = Segments()
    monkeypatch.setattr(product.service.observer, "_tracer", segments)
    product.post("missed", missed())
    assert not segments.annotations
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1")
    product.post("missed", missed("ua1_-1772704801.2"))
    assert segments.annotations == {"subsegment": "event", "project": "demo", "call": "ua1_-1772704801.2"}
