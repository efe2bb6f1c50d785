"""Smart routing through the real handlers: every shape of question and answer, every trouble of the CRM, always in time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from patchcord.model.vendors import VENDORS
from patchcord.scenarios.profiles import effective, merge
from patchcord.service.gate import LONG_AGO, Gate, NotNow, kept_for_routing, look_up_cost, share_of, window_of
from patchcord.store.memory import MemoryStore
from patchcord.store.port import CallKey, Granted
from sandbox.telephony.mango_twin import MangoTwin
from sandbox.telephony.mango_twin import serve as serve_mango
from sandbox.twins import twin_class
from sandbox.twins.base import Fault, ManualClock, Twin, serve
from tests.harness import MANGO_KEY, MANGO_SALT, START, World, world
from tests.integration.demo import CLIENT, LINE, after_call, answer, document, missed, outgoing

BUDGET = timedelta(seconds=0.6)
SLACK = 0.5
"""Seconds that a busy machine may take beyond the budget; an answer that waited for the CRM would take far longer."""
ASKED = {"caller_number": CLIENT.removeprefix("+"), "dst": LINE.removeprefix("+"), "uniqueid": "call-1"}


@dataclass
class Asked:
    """A project that routes, on a twin where Boris is responsible for the client."""

    product: World
    twin: Twin

    def destination(self, **asked: str) -> str:
        """Who is to be rung, in Ringostat's words."""
        reply = self.product.route({**ASKED, **asked})
        assert reply["statusCode"] == 200
        return str(json.loads(reply["body"])["destination"])

    def journal(self, call: str = "call-1", provider: str = "ringostat") -> Mapping[str, str]:
        """What the call's journal says of the answer."""
        entry = self.product.store.entry(CallKey("demo", provider, call))
        assert entry is not None
        events = [json.loads(body) for body in entry.events.values()]
        (told,) = [event["extra"] for event in events if event.get("extra", {}).get("route")]
        return dict(told)


@contextmanager
def asked(vendor: str = "pipedrive", known: bool = True, **settings: Any) -> Iterator[Asked]:
    twin: Twin = twin_class(vendor)(clock=(clock := ManualClock(START)))
    with serve(twin) as running:
        connection = twin.connection(running.url)
        base = document(twin, running.url, crm={"vendor": vendor, "options": dict(connection.options)})
        boris = base["employees"]["boris"]["crm_user"]
        if known:
            contact = twin.seed_contact(phone=CLIENT, name="A client", owner=boris)
            words = effective({"crm": {"vendor": vendor}}).vendor.words
            for kind in {kind.value for kind in words.values()} & {"lead", "deal"}:
                seed = twin.seed_lead if kind == "lead" else twin.seed_deal
                seed(phone=CLIENT, name="A request", owner=boris, contact=contact)
        routing = {"enabled": True} if effective({"crm": {"vendor": vendor}}).routing.supported else {}
        body = merge({**base, "routing": {**routing, "timeout": f"PT{BUDGET.total_seconds()}S"}}, settings)
        with world(body, manual=clock, secrets=connection.secrets) as product:
            product.service.projects.get("demo")
            yield Asked(product, twin)


# --- questions and answers in every shape (P-WR-01…03, telephony.md 1.7) ---


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_parameters_in_the_address_are_understood(method: str) -> None:
    with asked() as here:
        reply = here.product.route(method=method, query=ASKED)
        assert json.loads(reply["body"]) == {"destination": "acme_boris"}


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_form_is_understood(method: str) -> None:
    with asked() as here:
        form = {"content-type": "application/x-www-form-urlencoded"}
        reply = here.product.route(method=method, body=urlencode(ASKED).encode(), headers=form)
        assert json.loads(reply["body"]) == {"destination": "acme_boris"}


@pytest.mark.parametrize("parameters", [ASKED, [ASKED]])
def test_json_rpc_is_answered_with_json_rpc(parameters: Any) -> None:
    with asked() as here:
        reply = here.product.route({"jsonrpc": "2.0", "id": "7", "method": "route", "params": parameters})
        assert json.loads(reply["body"]) == {"jsonrpc": "2.0", "id": "7", "result": {"destination": "acme_boris"}}


@pytest.mark.parametrize(
    ("settings", "found", "nobody"),
    [
        ({"reply": "text"}, "acme_boris", ""),
        ({"reply": "json", "reply_key": "goes_to"}, '{"goes_to": "acme_boris"}', '{"goes_to": ""}'),
        (
            {"reply": "json_rpc"},
            '{"jsonrpc": "2.0", "id": null, "result": {"destination": "acme_boris"}}',
            '{"jsonrpc": "2.0", "id": null, "result": {"destination": ""}}',
        ),
    ],
)
def test_the_answer_has_the_shape_that_ringostat_was_told_to_expect(settings: dict[str, str], found: str, nobody: str) -> None:
    for known, expected in ((True, found), (False, nobody)):
        with asked(known=known, routing=settings) as here:
            reply = here.product.route(ASKED)
            assert (reply["statusCode"], reply["body"]) == (200, expected)
            sort = "text/plain; charset=utf-8" if settings["reply"] == "text" else "application/json"
            assert reply["headers"]["content-type"] == sort


def test_the_address_may_name_the_shape() -> None:
    with asked() as here:
        assert here.product.route(ASKED, query={"reply": "text"})["body"] == "acme_boris"


def test_a_number_is_told_in_international_form() -> None:
    """P-WR-02; the block may want a number where there is a SIP account too."""
    scheme = {"blocks": [{"type": "responsible_by_crm", "direction": "number"}]}
    directions = {"boris": {"main_directions": ["sip:acme_boris", "+380441110102"]}}
    with asked(scheme=scheme, employees=directions) as here:
        assert here.destination() == "380441110102"


def test_the_address_may_name_a_block() -> None:
    """O-46: the first block would find Boris, the second is Anna's."""
    with asked(scheme={"blocks": [{"type": "responsible_by_crm"}, {"type": "employee", "to": "anna"}]}) as here:
        for block, expected in (("1", "acme_boris"), ("2", "acme_anna"), ("employee", "acme_anna"), ("9", "")):
            reply = here.product.route({**ASKED, "uniqueid": f"call-{block}"}, block=block)
            assert json.loads(reply["body"])["destination"] == expected


@pytest.mark.parametrize("body", [b"{", b'{"caller_number": "abc def"}', b'{"jsonrpc": "2.0", "params": 3}', b"\xff\xfe"])
def test_a_question_that_nobody_can_read_is_refused_by_name(body: bytes) -> None:
    with asked() as here:
        reply = here.product.route(body=body, headers={"content-type": "application/json"})
        assert reply["statusCode"] == 400
        assert json.loads(reply["body"])["errors"]


def test_a_stranger_is_told_nothing() -> None:
    with asked() as here:
        assert here.product.route(ASKED, secret="x" * 30)["statusCode"] == 404
        assert not here.twin.requests


# --- in time, whatever the CRM does (design 1.4, D-20) ---

FAULTS = {
    "slow": Fault("late", seconds=5.0),
    "hanging": Fault("hang"),
    "too many requests": Fault("status", status=429),
    "server error": Fault("status", status=500),
    "unavailable": Fault("status", status=503),
    "a page instead of JSON": Fault("html"),
    "nothing": Fault("empty"),
    "garbage": Fault("garbage"),
}


@pytest.mark.parametrize("vendor", [vendor for vendor in VENDORS if vendor not in {"sendpulse", "megaplan", "altegio"}])
@pytest.mark.parametrize("trouble", FAULTS)
def test_whatever_the_crm_does_the_answer_is_in_time(vendor: str, trouble: str) -> None:
    with asked(vendor) as here:
        here.twin.misbehave(*[FAULTS[trouble]] * 20)
        begun = time.monotonic()
        assert here.destination() == ""
        assert time.monotonic() - begun < BUDGET.total_seconds() + SLACK
        here.twin.behave()
        assert here.journal()["reason"] == "crm_failed"
        assert here.journal()["failure"]


@pytest.mark.parametrize("vendor", ["pipedrive", "hubspot", "kommo", "bitrix24", "retailcrm"])
def test_a_key_that_is_not_accepted_any_more_is_told_in_time(vendor: str) -> None:
    """These twins are reached with a key that nothing renews."""
    with asked(vendor) as here:
        here.twin.misbehave(Fault("expired_token", times=None))
        assert here.destination() == ""
        assert here.journal()["failure"] == "unauthorised"


@pytest.mark.parametrize("vendor", ["salesforce", "zoho_crm", "zoho_desk", "creatio"])
def test_an_expired_token_is_renewed_while_the_caller_waits(vendor: str) -> None:
    with asked(vendor, routing={"timeout": "PT5S"}) as here:
        here.twin.misbehave(Fault("expired_token"))
        assert here.destination() == "acme_boris"


def test_a_late_answer_is_called_late() -> None:
    with asked() as here:
        here.twin.misbehave(Fault("hang"))
        here.destination()
        here.twin.behave()
        told = here.journal()
        assert (told["late"], told["failure"], told["route"]) == ("yes", "too_late", "nobody")
        assert int(told["ms"]) >= 500


@pytest.mark.parametrize(("allowed", "expected"), [(True, "acme_boris"), (False, "")])
def test_the_last_known_owner_stands_in_if_the_project_says_so(allowed: bool, expected: str) -> None:
    """D-20."""
    with asked(routing={"last_owner": allowed}) as here:
        here.product.post("in.after", after_call(who="boris"))
        here.twin.misbehave(Fault("hang"))
        assert here.destination(uniqueid="call-2") == expected
        here.twin.behave()


def test_a_client_who_calls_again_at_once_is_put_through_although_the_crms_search_lags() -> None:
    """S1-05: what we have made a moment ago we know ourselves."""
    with asked(known=False) as here:
        here.twin.search_lag = timedelta(minutes=4)
        here.product.post("in.after", after_call(who="boris"))
        assert here.destination(uniqueid="call-2") == "acme_boris"
        assert here.journal("call-2")["source"] == "by_crm"


@pytest.mark.parametrize("vendor", [vendor for vendor in VENDORS if vendor not in {"sendpulse", "megaplan", "altegio"}])
def test_every_crm_tells_who_is_responsible(vendor: str) -> None:
    """S1-05."""
    with asked(vendor, routing={"timeout": "PT5S"}) as here:
        assert here.destination() == "acme_boris"
        assert here.journal()["source"] == "by_crm"


# --- who is asked, and how often ---


@pytest.mark.parametrize(
    ("number", "reason"),
    [("380501119999", "blocked_number"), (LINE, "own_number"), ("", "hidden_number"), ("anonymous", "hidden_number")],
)
def test_blocked_own_and_hidden_numbers_ask_nobody(number: str, reason: str) -> None:
    """S0-36, D-09, D-10."""
    with asked(blocked_numbers=["+380501119999"]) as here:
        assert here.destination(caller_number=number) == ""
        assert here.journal()["reason"] == reason
        assert not here.twin.requests


def test_what_routing_has_found_is_not_looked_for_again() -> None:
    with asked() as here:
        here.destination()
        looked = len(here.twin.requests)
        here.product.post("in.answer", answer("call-1", who="boris"))
        here.product.post("in.after", after_call("call-1", who="boris"))
        searches = [seen for seen in here.twin.requests[looked:] if "search" in seen.path]
        assert searches == []
        assert here.twin.writes("task") or here.twin.writes("log")


def test_what_another_call_has_made_since_routing_looked_is_seen() -> None:
    """A client calls twice; the first call was looked at while he was new and ends after the second one."""
    with asked(known=False) as here:
        here.destination()
        here.product.clock.sleep(10)
        here.product.post("missed", missed("call-2"))
        here.product.post("missed", missed("call-1"))
        assert len(here.twin.writes("create", "lead")) == 1


def test_what_was_begun_before_the_crm_went_down_is_finished_before_the_clients_next_call() -> None:
    """The lead is told as gone after contact and organization were written; so somebody looks again, and that fails."""
    with asked(known=False) as here:
        here.twin.search_lag = timedelta(seconds=240)
        here.destination()
        here.twin.misbehave(Fault("status", method="POST", path="leads", status=404), Fault("status", method="GET", status=500))
        assert here.product.post("missed", missed("call-1"))["status_code"] == 202
        here.product.clock.sleep(10)
        here.product.post("missed", missed("call-2"))
        here.product.keep_promises()
        assert len(here.twin.writes("create", "lead")) == len(here.twin.writes("create", "contact")) == 1


def test_routing_does_not_hide_an_open_callback_task() -> None:
    """O-08: whoever was missed twice is called back once, also when somebody looked for his responsible in between."""
    with asked(tasks={"dedupe_open_callback": True}) as here:
        here.product.post("in.after", missed("call-0"))
        here.destination()
        here.product.post("in.after", missed("call-1"))
        assert len([task for task in here.twin.writes("task") if not task.fields.get("completed")]) == 1


def test_a_block_by_calls_reads_the_index_and_asks_no_crm() -> None:
    """S1-17: the talk is remembered while its call is processed."""
    block = {"type": "responsible_by_calls", "call_types": ["in", "out"], "period_days": 7}
    with asked(scheme={"blocks": [block]}) as here:
        here.product.post("in.after", after_call("call-0", who="anna"))
        looked = len(here.twin.requests)
        assert here.destination() == "acme_anna"
        assert len(here.twin.requests) == looked


def test_an_unanswered_outgoing_call_counts_for_stickiness_only() -> None:
    """C-20, S1-20, S1-29; it is remembered without asking the CRM."""
    sticky = {"global": {"enabled": True, "period_days": 7, "working_hours_only": False}}
    missed = {"disposition": "NO ANSWER", "billsec": "0", "who": "anna"}
    with asked(stickiness=sticky) as here:
        here.product.post("out.after", outgoing(**missed))
        assert not here.twin.requests
        assert here.destination() == "acme_anna"
    block = {"type": "responsible_by_calls", "call_types": ["in", "out"], "period_days": 7}
    with asked(scheme={"blocks": [block]}) as here:
        here.product.post("out.after", outgoing(**missed))
        assert here.destination() == ""


def test_whoever_did_not_pick_up_is_not_rung_again() -> None:
    """D-37: the telephony asks anew after the ring time; a question that is only sent twice gets the same answer."""
    scheme = {"blocks": [{"type": "responsible_by_crm", "ring_seconds": 20}, {"type": "employee", "to": "anna"}]}
    with asked(scheme=scheme) as here:
        assert here.destination() == "acme_boris"
        assert here.destination() == "acme_boris"
        here.product.clock.skip(20)
        assert here.destination() == "acme_anna"


def test_routing_has_a_share_of_its_own_in_the_crms_limit() -> None:
    """Design 6: events use up what they may, and the caller's look-up still goes through."""
    with asked() as here:
        project = here.product.service.projects.get("demo")
        assert project is not None
        crm = here.product.service.projects.crm(project)
        events = Gate(here.product.store, "demo", crm, here.product.clock, kept_free=kept_for_routing(crm))
        whole = crm.declaration.rate.units // 3 - kept_for_routing(crm)
        events.reserve(whole)
        begun = here.product.clock.now()
        assert here.destination() == "acme_boris"
        assert here.product.clock.now() == begun


def test_events_leave_a_share_of_the_limit_to_routing() -> None:
    """The window holds just what this event takes, and routing's share is in it: so the event waits for the next one."""
    with asked() as here:
        project = here.product.service.projects.get("demo")
        assert project is not None
        crm = here.product.service.projects.crm(project)
        window, requests, clock = window_of(crm), crm.declaration.requests, here.product.clock
        clock.sleep((window - (clock.now() - LONG_AGO) % window).total_seconds())  # later in a window its share is free for all
        taken, begun = share_of(crm) - look_up_cost(crm) - requests.create - requests.task, clock.now()
        assert here.product.store.take("demo", "pipedrive", taken, share_of(crm), window, begun) == Granted()
        here.product.post("missed", missed("call-2", "+380671110000"))
        assert here.product.clock.now() > begun


def test_a_look_up_that_heeds_no_time_out_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs of requests bound neither the look-up of a name nor many requests after another."""
    with asked() as here:
        project = here.product.service.projects.get("demo")
        assert project is not None
        crm = here.product.service.projects.crm(project, "routing")
        monkeypatch.setattr(type(crm), "find", lambda *asked: time.sleep(3 * BUDGET.total_seconds() + SLACK))
        begun = time.monotonic()
        assert here.destination() == ""
        assert time.monotonic() - begun < BUDGET.total_seconds() + SLACK
        assert here.journal()["failure"] == "too_late"


def test_a_connection_that_cools_down_is_left_alone() -> None:
    with asked() as here:
        here.product.store.cool_down("demo", "pipedrive", START + timedelta(minutes=1))
        assert here.destination() == ""
        assert not here.twin.requests
        assert here.journal()["failure"] == "cooling_down"
        with pytest.raises(NotNow):
            project = here.product.service.projects.get("demo")
            assert project is not None
            Gate(here.product.store, "demo", here.product.service.projects.crm(project), here.product.clock).spend(1)


# --- MANGO is told (telephony.md 3.8, S4-24) ---


@dataclass
class Greeted:
    """A MANGO project on Megaplan; Boris is responsible for the client."""

    product: World
    twin: Twin
    pbx: MangoTwin

    def rings(self, entry: str = "entry-1", after: float = 0, **more: Any) -> None:
        """The first leg of an incoming call, in the greeting, heard of `after` seconds later."""
        self.pbx.open_call(f"leg-{entry}", entry)
        told = {
            "entry_id": entry,
            "call_id": f"leg-{entry}",
            "timestamp": int(self.product.clock.now().timestamp()),
            "seq": 1,
            "call_state": "Appeared",
            "location": "ivr",
            "from": {"number": CLIENT.removeprefix("+")},
            "to": {"number": LINE.removeprefix("+"), "line_number": LINE.removeprefix("+")},
            **more,
        }
        self.product.clock.skip(after)
        assert self.product.mango("events/call", told)["status_code"] == 200

    @property
    def commands(self) -> list[dict[str, Any]]:
        return [dict(command.body) for command in self.pbx.ledger if command.path == "commands/route"]

    def extras(self, entry: str = "entry-1") -> list[Mapping[str, str]]:
        kept = self.product.store.entry(CallKey("demo", "mango", entry))
        assert kept is not None
        return [json.loads(body).get("extra", {}) for body in kept.events.values()]


@contextmanager
def greeted(store: MemoryStore | None = None, **settings: Any) -> Iterator[Greeted]:
    clock = ManualClock(START)
    twin: Twin = twin_class("megaplan")(clock=clock)
    pbx = MangoTwin(clock=clock, key=MANGO_KEY, salt=MANGO_SALT)
    pbx.seed_employee(extension="102", name="Boris")
    with serve(twin) as running, serve_mango(pbx) as calling:
        connection = twin.connection(running.url)
        base = document(twin, running.url, distribute_to_responsible=True, routing={"timeout": "PT5S"})
        base["crm"]["options"] = dict(connection.options)
        base["employees"]["boris"]["extension"] = "102"
        base["telephony"] = {"provider": "mango", "base_url": f"{calling.url}/vpbx"}
        twin.seed_contact(phone=CLIENT, name="A client", owner=base["employees"]["boris"]["crm_user"])
        with world(merge(base, settings), manual=clock, secrets=connection.secrets, store=store) as product:
            yield Greeted(product, twin, pbx)


def test_the_responsible_is_sent_for_while_the_greeting_plays() -> None:
    with greeted() as here:
        here.rings()
        (command,) = here.commands
        assert (command["to_number"], command["call_id"]) == ("102", "leg-entry-1")


def test_the_result_closes_the_calls_journal() -> None:
    with greeted() as here:
        here.rings()
        for result in here.pbx.results():
            here.product.mango(result.path, result.body)
        assert {"command": "route", "result": "1000"} in here.extras()


def test_a_leg_that_is_told_of_twice_is_sent_for_once() -> None:
    with greeted() as here:
        here.rings()
        here.product.clock.skip(3)
        here.rings(timestamp=int(START.timestamp()))
        assert len(here.commands) == 1


@pytest.mark.parametrize(("late", "sent"), [(0, 1), (6.5, 1), (7.1, 0), (60, 0)])
def test_a_command_that_would_be_late_is_not_sent(late: float, sent: int) -> None:
    """S4-29: the greeting lasts eight seconds here."""
    with greeted() as here:
        here.rings(after=late)
        assert len(here.commands) == sent
    fixed = {"blocks": [{"type": "employee", "to": "boris"}]}  # nobody is asked, so nobody notices that the time is over
    with greeted(scheme=fixed) as here:
        here.rings(after=late)
        assert len(here.commands) == sent


def test_one_command_goes_in_two_seconds_and_the_next_one_waits() -> None:
    """telephony.md 0, fact 8: two callers at once, both within their greetings."""
    with greeted() as here:
        here.rings("entry-1")
        here.rings("entry-2")
        first, second = [command.at for command in here.pbx.ledger if command.path == "commands/route"]
        assert second - first >= timedelta(seconds=2)


def test_of_many_callers_at_once_those_who_come_too_late_are_left_to_the_scheme() -> None:
    with greeted(routing={"greeting": "PT4S"}) as here:
        begun = int(here.product.clock.now().timestamp())
        for number in range(4):
            here.rings(f"entry-{number}", timestamp=begun)
        ends = START + timedelta(seconds=4)
        assert len(here.commands) == 2
        assert all(command.at < ends for command in here.pbx.ledger)


@pytest.mark.parametrize(
    "more",
    [
        {"location": "queue"},
        {"location": "abonent", "to": {"extension": "101"}},
        {"call_state": "Disconnected", "seq": 2},
        {"from": {"number": CLIENT.removeprefix("+"), "taken_from_call_id": "leg-0"}},
        {"callback_initiator": "API"},
    ],
)
def test_only_the_first_leg_in_the_menu_is_a_chance(more: dict[str, Any]) -> None:
    with greeted() as here:
        here.rings(**more)
        assert here.commands == []


def test_a_flag_that_is_off_sends_for_nobody() -> None:
    """S4-24."""
    with greeted(distribute_to_responsible=False) as here:
        here.rings()
        assert here.commands == []
        assert not here.twin.requests


def test_a_pbx_that_does_not_answer_loses_no_event() -> None:
    with greeted(telephony={"base_url": "http://127.0.0.1:9/vpbx"}) as here:
        here.rings()
        assert {"command": "route", "sent": "no"}.items() <= here.extras()[1].items()
        assert here.extras()[-1]["leg"] == "leg-entry-1"


class Unreadable(MemoryStore):
    """A store that cannot tell what is known of a client."""

    def client(self, project: str, client: str) -> str | None:
        raise TimeoutError


def test_whatever_happens_to_routing_the_event_is_stored_and_carried_out() -> None:
    with greeted(store=Unreadable(), routing={"last_owner": True}) as here:
        here.rings()
        assert here.extras()[-1]["leg"] == "leg-entry-1"
        assert "caller not put through" in here.product.log.getvalue()
