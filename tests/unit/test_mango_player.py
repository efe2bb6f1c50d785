"""The MANGO player: what it composes is what the reference shows, signed, and in any order that is asked for."""

from __future__ import annotations

import ast
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs

import pytest

from sandbox.player import delivery, mango, mango_call, mango_legs
from sandbox.player.beside import Click
from sandbox.player.delivery import Delivery, Person
from sandbox.player.mango import Account, MangoCall, Ping, Recording
from sandbox.player.mango_day import DAY, LOST, scenes
from sandbox.player.scene import NOMINAL, TOGETHER, Scene

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "specs" / "telephony" / "mango"
BEGUN = datetime(2026, 3, 2, 9, tzinfo=UTC)
ACCOUNT = Account("key-of-the-account", "salt-of-the-account")
ANNA = Person("anna", "7001", "Anna Koval", "101")
BORIS = Person("boris", "7002", "Boris Melnyk", "0102")
CALL = MangoCall(
    start=BEGUN, client="+380671112233", line="+380442220010", account=ACCOUNT, people=(ANNA,), talk=60, recording="kept"
)


def form(sent: Delivery) -> dict[str, str]:
    fields = parse_qs(sent.body.decode(), keep_blank_values=True, strict_parsing=True)
    assert {len(values) for values in fields.values()} == {1}
    return {name: values[0] for name, values in fields.items()}


def told(sent: Delivery) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(form(sent)["json"]))


def of(path: str, call: MangoCall) -> list[dict[str, Any]]:
    return [told(sent) for sent in call.deliveries() if sent.hint == path]


def legs(call: MangoCall) -> list[dict[str, Any]]:
    return of("events/call", call)


def summary(call: MangoCall) -> dict[str, Any]:
    (only,) = of("events/summary", call)
    return only


def is_signed(sent: Delivery, account: Account) -> bool:
    """Worked out anew: plain SHA-256 of key, text and salt."""
    fields = form(sent)
    assert set(fields) == {"vpbx_api_key", "sign", "json"}
    text = fields["vpbx_api_key"] + fields["json"] + account.salt
    return fields["vpbx_api_key"] == account.key and fields["sign"] == hashlib.sha256(text.encode()).hexdigest()


# --- as the reference shows it ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(MangoCall):
    """A call with the ids of a sample."""

    entry: str
    legs: Mapping[str, str]
    tape: str = ""
    sip_domain: str = "acme.mangosip.ru"

    @property
    def id(self) -> str:
        return self.entry

    @property
    def recording_id(self) -> str:
        return self.tape

    def leg_id(self, name: str) -> str:
        return self.legs.get(name, name)


OPERATOR, COLLEAGUE = Person("user101", "300049012", "", "101"), Person("user102", "300049013", "", "102")
IVR, AT_101 = "MToxMDAwNjA4NTo4MTozMTI2OTQyNDA6MQ==", "MToxMDAwNjA4NTo4MTozMTI2OTU1Nzk="


def sample(entry: str, legs: Mapping[str, str], **facts: Any) -> Sample:
    usual = {"client": "+79031112233", "line": "+74951234567", "start": datetime.fromtimestamp(1760003245, UTC)}
    account = Account("test0vpbx0key0000000000000000000", "test0vpbx0salt000000000000000000")
    return Sample(entry=entry, legs=legs, account=account, **{**usual, **facts})


ROUTED = sample(
    "NTAwOTQxMTAyMg==",
    {"menu": IVR, "talk0": AT_101},
    people=(OPERATOR,),
    wait=9,
    talk=181,
    tracked=True,
    command="rt-01J9X0",
    recording="kept",
    tape="MToxMDAwNjA4NTo1MDA5NDExMDIyOjE=",
)
CLICKED = {"client": "+79039998877", "way": "callback", "menu": 0, "command": "c2c-77", "people": (OPERATOR,), "wait": 35}
SAMPLED: Mapping[str, Sample] = {
    "01_routed_by_crm_answered": ROUTED,
    "02_missed_in_ivr": sample("NTAwOTQxMTAyMw==", {"menu": "leg-ivr-2"}, wait=14, tracked=True),
    "03_missed_in_group": sample(
        "NTAwOTQxMTAyNA==",
        {"menu": "leg-ivr-3", "queue": "leg-q-3", "rung0": "leg-a-3a"},
        group="303",
        rung=(OPERATOR, COLLEAGUE),
        wait=44,
    ),
    "04_outgoing_answered": sample(
        "NTAwOTQxMTAyNQ==",
        {"out": "leg-o-4"},
        client="+79039998877",
        way="out",
        menu=0,
        people=(OPERATOR,),
        wait=12,
        talk=60,
    ),
    "05_blind_transfer": sample(
        "NTAwOTQxMTAyNg==",
        {"talk0": "leg-5a", "talk1": "leg-5b"},
        people=(OPERATOR, COLLEAGUE),
        menu=0,
        wait=5,
        talk=135,
        handed_over=25,
    ),
    "06_recording_late": ROUTED,
    "07_dtmf": replace(ROUTED, menu=13, wait=20, digits="123456789"),
    "08_click_to_call": sample("NTAwOTQxMTAyOQ==", {"own": "leg-8a", "client": "leg-8b"}, **CLICKED),
}


@pytest.mark.skipif(not SAMPLES.exists(), reason="the samples do not lie beside this checkout (shared/specs)")
@pytest.mark.parametrize("name", SAMPLED)
def test_the_samples_of_the_reference_are_composed_to_the_byte(name: str) -> None:
    exchanges = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))["http"]
    events = [exchange for exchange in exchanges if "direction" not in exchange]
    composed = {(sent.hint, sent.body.decode()) for sent in SAMPLED[name].deliveries()}
    assert events
    for event in events:
        assert (event["path"].split("{tenant_secret}/")[1], event["body_raw"]) in composed


# --- the envelope ---


def test_every_delivery_of_the_day_is_signed_and_goes_to_its_path() -> None:
    for scene in calls(date(2026, 3, 2)):
        for sent in scene.deliveries:
            assert (sent.method, sent.provider) == ("POST", "mango")
            assert sent.headers == {"content-type": "application/x-www-form-urlencoded"}
            if scene.spoilt in {None, "json", "secret"}:
                assert is_signed(sent, ACCOUNT), scene.shows


def test_what_is_spoilt_is_spoilt_in_its_own_way() -> None:
    whole = CALL.deliveries()[0]
    forged, cut, garbled = (CALL.deliveries(how)[0] for how in ("signature", "cut", "json"))
    assert form(forged)["json"] == form(whole)["json"]
    assert not is_signed(forged, ACCOUNT)
    assert whole.body.startswith(cut.body)
    assert not is_signed(cut, ACCOUNT)
    assert is_signed(garbled, ACCOUNT)
    with pytest.raises(ValueError, match="Expecting"):
        told(garbled)


def test_the_salt_is_sent_to_nobody_and_seen_in_no_repr() -> None:
    assert all(ACCOUNT.salt.encode() not in sent.body for sent in CALL.deliveries())
    assert ACCOUNT.salt not in repr(CALL)
    assert ACCOUNT.key not in repr(CALL)


def test_numbers_may_come_as_texts() -> None:
    for sent in replace(CALL, as_texts=True).deliveries():
        assert not any(isinstance(value, int) for value in told(sent).values())
    numbers, texts = legs(CALL)[0], legs(replace(CALL, as_texts=True))[0]
    assert (numbers["seq"], numbers["timestamp"]) == (int(texts["seq"]), int(texts["timestamp"])) == (1, int(BEGUN.timestamp()))


# --- legs ---


def test_an_answered_call_goes_from_the_menu_to_the_employee() -> None:
    states = [(event["location"], event["call_state"], event["seq"]) for event in legs(CALL)]
    assert states == [
        ("ivr", "Appeared", 1),
        ("ivr", "Disconnected", 2),
        ("abonent", "Appeared", 1),
        ("abonent", "Connected", 2),
        ("abonent", "Disconnected", 3),
    ]
    menu, employee = legs(CALL)[0], legs(CALL)[3]
    assert menu["from"] == {"number": "380671112233"}
    assert menu["to"] == {"number": "380442220010", "line_number": "380442220010"}
    assert employee["from"]["taken_from_call_id"] == menu["call_id"]
    assert employee["to"]["extension"] == "101"


def test_a_queue_stands_between_the_menu_and_the_employees() -> None:
    events = legs(replace(CALL, group="300", rung=(BORIS,), wait=24))
    queue = next(event for event in events if event["location"] == "queue")
    rung = [event for event in events if event["location"] == "abonent" and event["call_state"] == "Appeared"]
    assert [event["to"]["extension"] for event in rung] == ["0102", "101"]
    assert {event["from"]["taken_from_call_id"] for event in rung} == {queue["call_id"]}
    assert {event["to"]["acd_group"] for event in (queue, *rung)} == {"300"}


def test_a_blind_transfer_makes_the_new_leg_appear_twice() -> None:
    call = replace(CALL, people=(ANNA, BORIS), menu=0)
    new = [event for event in legs(call) if event["call_id"] == call.leg_id("talk1")]
    assert [event["call_state"] for event in new] == ["Appeared", "Appeared", "Connected", "Disconnected"]
    assert new[0]["from"]["extension"] == "101"
    assert new[1]["from"] == {"number": "380671112233", "taken_from_call_id": call.leg_id("talk0")}
    assert [event.get("transfer") for event in new] == [None, "blind", "blind", "blind"]
    (left,) = (event for event in legs(call) if "was_transferred" in event["from"])
    assert (left["call_id"], left["call_state"]) == (call.leg_id("talk0"), "Disconnected")


def test_a_consultation_makes_the_new_leg_connect_twice() -> None:
    call = replace(CALL, people=(ANNA, BORIS), transfer="consultative")
    new = [event for event in legs(call) if event["call_id"] == call.leg_id("talk1")]
    assert [event["call_state"] for event in new] == ["Appeared", "Connected", "Connected", "Disconnected"]
    assert [event["from"].get("extension") for event in new] == ["101", "101", None, None]
    (held,) = (event for event in legs(call) if event["call_state"] == "OnHold")
    assert held["to"]["hold_initiator"] is True


def test_a_click_to_call_begins_with_an_inverted_leg() -> None:
    call = replace(CALL, way="callback", menu=0, wait=17, command="c-1")
    own, client = legs(call)[0], next(event for event in legs(call) if event["call_id"] == call.leg_id("client"))
    assert (own["from"], own["to"]["extension"]) == ({"number": "380671112233"}, "101")
    assert (client["from"]["extension"], client["to"]) == ("101", {"number": "380671112233"})
    assert {event["callback_initiator"] for event in legs(call)} == {"API"}
    assert of("result/callback", call) == [{"command_id": "c-1", "result": 1000}]
    assert summary(call)["call_direction"] == 2


def test_a_hidden_number_is_not_there_at_all() -> None:
    call = replace(CALL, client=None, people=(), talk=0, rung=(ANNA,), recording="none")
    assert [event["from"].get("number") for event in legs(call)] == [None] * 4
    assert summary(call)["from"] == {}


# --- summaries ---


def test_the_summary_of_an_answered_call_names_who_answered_first() -> None:
    end = summary(replace(CALL, people=(ANNA, BORIS)))
    assert end["to"]["extension"] == "101"
    assert (end["talk_time"] - end["create_time"], end["end_time"] - end["talk_time"]) == (8, 60)
    assert (end["call_direction"], end["entry_result"], end["line_number"]) == (1, 1, "380442220010")


UNANSWERED = replace(CALL, people=(), talk=0, wait=30, recording="none")


@pytest.mark.parametrize(
    ("call", "to", "result", "reason"),
    [
        (UNANSWERED, {}, 1, 1170),
        (replace(UNANSWERED, group="300", rung=(ANNA,)), {"extension": "300"}, 0, 1163),
        (replace(UNANSWERED, rung=(BORIS, ANNA)), {"extension": "0102", "number": "sip:boris@demo.mangosip.ru"}, 0, 1111),
        (replace(UNANSWERED, way="out", menu=0, people=(ANNA,)), {"number": "380671112233"}, 0, 1111),
        (replace(UNANSWERED, rung=(ANNA,), reason=1192), {"extension": "101", "number": "sip:anna@demo.mangosip.ru"}, 0, 1192),
    ],
)
def test_the_summary_of_an_unanswered_call_tells_where_it_was_lost(
    call: MangoCall, to: Mapping[str, str], result: int, reason: int
) -> None:
    end = summary(call)
    assert (end["to"], end["talk_time"], end["entry_result"], end["disconnect_reason"]) == (to, 0, result, reason)


def test_an_internal_call_has_no_line() -> None:
    end = summary(replace(CALL, way="internal", people=(ANNA, BORIS), client=None, recording="none"))
    assert (end["call_direction"], end["from"]["extension"], end["to"]["extension"]) == (0, "101", "0102")
    assert "line_number" not in end


# --- recordings ---


@pytest.mark.parametrize(
    ("recording", "codes", "files"),
    [("none", [], 0), ("kept", [None, 1000], 1), ("short", [None, 4002], 0), ("file_only", [], 1)],
)
def test_a_recording_is_kept_too_short_or_heard_of_late(recording: Recording, codes: list[int | None], files: int) -> None:
    call = replace(CALL, recording=recording)
    assert [event.get("completion_code") for event in of("events/recording", call)] == codes
    added = of("events/record/added", call)
    assert [event["recording_id"] for event in added] == [call.recording_id] * files
    assert all(datetime.fromtimestamp(event["timestamp"], UTC) == call.ready > call.end + TOGETHER for event in added)


# --- order ---


def keys(call: MangoCall) -> list[tuple[str, str]]:
    return [(sent.hint, form(sent)["json"]) for sent in call.deliveries()]


def test_the_order_of_arrival_changes_nothing_but_the_order() -> None:
    sent = keys(CALL)
    assert keys(replace(CALL, order="backwards")) == sent[::-1]
    first, *rest = keys(replace(CALL, order="summary_first"))
    assert first[0] == "events/summary"
    assert sorted([first, *rest]) == sorted(sent)
    assert Counter(keys(replace(CALL, order="twice"))) == Counter(sent * 2)
    assert [path for path, _ in keys(replace(CALL, order="summary_only"))] == ["events/summary"]


def test_nothing_arrives_before_it_happened() -> None:
    for scene in DAY:
        arrived = [sent.at for sent in scene.deliveries]
        assert arrived == sorted(arrived), scene.shows
        for sent in scene.deliveries:
            happened = told(sent).get("timestamp") if scene.spoilt is None else None
            assert happened is None or datetime.fromtimestamp(int(happened), UTC) <= sent.at


def test_every_state_of_every_leg_of_the_day_has_a_number_of_its_own() -> None:
    seen: Counter[tuple[str, int]] = Counter()
    for scene in DAY:
        if isinstance(scene.call, MangoCall) and scene.spoilt is None and scene.call.order != "twice":
            seen.update((event["call_id"], int(event["seq"])) for event in legs(scene.call))
    assert set(seen.values()) == {1}
    assert all(len(call_id.encode()) <= 128 for call_id, _ in seen)


def test_a_call_that_is_sent_for_leaves_the_greeting_at_once() -> None:
    """telephony.md 3.8: the result of the command, the end of the menu's leg, and a leg that names the command."""
    heard = replace(CALL, menu=8, wait=15)
    sent = heard.sent_for("pc:route:1:entry")
    assert of("result/route", heard) == []
    assert of("result/route", sent) == [{"command_id": "pc:route:1:entry", "result": 1000}]
    menu, employee = (next(leg for leg in legs(sent) if leg["location"] == place) for place in ("ivr", "abonent"))
    assert employee["timestamp"] - menu["timestamp"] == 1
    assert employee["command_id"] == "pc:route:1:entry"
    assert employee["from"]["taken_from_call_id"] == menu["call_id"]
    assert (heard.end - sent.end, sent.talk) == (timedelta(seconds=7), heard.talk)


# --- the day ---


def calls(day: date) -> list[Scene[MangoCall | Ping]]:
    """What MANGO tells of a day; a click in the CRM is none of its deliveries."""
    return [cast(Scene[MangoCall | Ping], scene) for scene in scenes(day, ACCOUNT) if not isinstance(scene.call, Click)]


def test_of_a_lost_call_nothing_comes_but_what_the_statistics_tell() -> None:
    (lost,) = (scene for scene in calls(NOMINAL) if scene.lost)
    assert [(sent.door, sent.hint) for sent in lost.deliveries] == [("list", "events/summary")]


def test_the_day_moves_and_is_signed_by_whose_it_is() -> None:
    moved = calls(NOMINAL + timedelta(days=3))
    for scene, before in zip(moved, (*DAY, *LOST), strict=True):
        assert scene.call.start - before.call.start == timedelta(days=3)
        assert scene.call.account == ACCOUNT
    assert len({scene.call.id for scene in moved}) == len(moved)


def test_the_ping_is_no_call() -> None:
    (sent,) = Ping(start=BEGUN, account=ACCOUNT).deliveries()
    assert (sent.path, told(sent)) == ("mango/ping", {})


def test_the_player_knows_no_stand() -> None:
    """Tests of the product may compose calls of their own with it."""
    players = {module.__name__ for module in (delivery, mango, mango_call, mango_legs)}
    for module in (delivery, mango, mango_call, mango_legs):
        tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
        imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {name for name in imported if name.startswith(("sandbox", "patchcord"))} <= players
