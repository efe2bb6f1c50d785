"""The way out to MANGO, spoken with its twin: what is sent, what is never sent, what answers mean (telephony.md 3)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import requests
from werkzeug.wrappers import Request, Response

from patchcord.model.events import CallType
from patchcord.service.limits import StoreLimits
from patchcord.store.memory import MemoryStore
from patchcord.telephony.errors import Invalid, Missing, NotAdmitted, NotReady, Refused, TelephonyError, Unavailable
from patchcord.telephony.mango.addresses import file_address
from patchcord.telephony.mango.client import Account, Mango
from patchcord.telephony.mango.records import Group, calls_of, groups_of, users_of
from patchcord.telephony.mango.refusals import trouble_of
from patchcord.wire import Answer, read_answer
from sandbox.telephony.mango_twin import MangoTwin, Part, serve
from sandbox.twins.base import Fault, ManualClock
from tests.harness import VirtualClock

LAYER = Path(__file__).resolve().parents[2] / "layers" / "patchcord"
NOON = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
SECOND, TWO_MINUTES = timedelta(seconds=1), timedelta(minutes=2)
LEG = "MToxMDAwNjA4NTo4MTozMTI2OTQyNDA6MQ=="
CLIENT, LINE = "79031112233", "74951234567"


class Ear(MangoTwin):
    """The twin, which also remembers the forms as they came."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock=clock)
        self.forms: list[dict[str, str]] = []

    def answer(self, request: Request) -> Response:
        self.forms.append(dict(request.form))
        return super().answer(request)

    def said(self) -> dict[str, object]:
        """The last request's parameters."""
        said: dict[str, object] = json.loads(self.forms[-1]["json"])
        return said


class Line:
    """MANGO's twin, and a client that keeps its limits in a store, on one clock."""

    def __init__(self, twin: Ear, url: str, clock: ManualClock) -> None:
        self.twin, self.url, self.clock = twin, f"{url}/vpbx", clock
        self.store = MemoryStore(now=clock)
        self.mango = self.client()

    def client(self, salt: str = "", time_out: float = 3.0) -> Mango:
        account = Account(self.twin.key, salt or self.twin.salt)
        limits = StoreLimits(self.store, "acme", "mango", VirtualClock(self.clock))
        return Mango(account, limits, base_url=self.url, time_out=time_out)

    def statuses(self) -> list[int | None]:
        return [seen.status for seen in self.twin.requests]


@pytest.fixture
def line() -> Iterator[Line]:
    clock = ManualClock(NOON)
    twin = Ear(clock)
    twin.seed_employee(extension="0511", name="Анна", email="anna@acme.example", user_id=7, numbers=("sip:user1@acme", CLIENT))
    twin.seed_group(extension="303", name="Продажи", operators=("0511",))
    twin.open_call(LEG, "entry")
    with serve(twin) as running:
        yield Line(twin, running.url, clock)


# --- commands: what goes onto the wire


COMMANDS: dict[str, tuple[Callable[[Mango], None], str, dict[str, object]]] = {
    "route": (
        lambda mango: mango.route(LEG, "0511", "rt-1"),
        "commands/route",
        {"command_id": "rt-1", "call_id": LEG, "to_number": "0511"},
    ),
    "route to a SIP address": (
        lambda mango: mango.route(LEG, "sip:user1@acme.mangosip.ru", "rt-1"),
        "commands/route",
        {"command_id": "rt-1", "call_id": LEG, "to_number": "sip:user1@acme.mangosip.ru"},
    ),
    "callback": (
        lambda mango: mango.callback("0511", "+79039998877", "c2c-77", line_number=LINE),
        "commands/callback",
        {"command_id": "c2c-77", "from": {"extension": "0511"}, "to_number": "79039998877", "line_number": LINE},
    ),
    "callback by the usual line": (
        lambda mango: mango.callback("0511", CLIENT, "c2c-77"),
        "commands/callback",
        {"command_id": "c2c-77", "from": {"extension": "0511"}, "to_number": CLIENT},
    ),
    "callback to a group": (
        lambda mango: mango.callback_group("303", CLIENT, "cg-1", line_number=f"+{LINE}"),
        "commands/callback_group",
        {"command_id": "cg-1", "from": "303", "to": CLIENT, "line_number": LINE},
    ),
    "hangup": (
        lambda mango: mango.hangup(LEG, "h-1"),
        "commands/call/hangup",
        {"command_id": "h-1", "call_id": LEG},
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_accepted_as_it_was_meant(line: Line, name: str) -> None:
    order, path, body = COMMANDS[name]
    order(line.mango)
    (command,) = line.twin.ledger
    assert (command.path, command.body) == (path, body)
    (result,) = line.twin.results()
    assert result.body == {"command_id": body["command_id"], "result": 1000}


def test_json_is_compact_and_the_form_has_three_fields(line: Line) -> None:
    line.mango.route(LEG, "0511", "rt-1")
    (form,) = line.twin.forms
    assert set(form) == {"vpbx_api_key", "sign", "json"}
    assert form["json"] == f'{{"command_id":"rt-1","call_id":"{LEG}","to_number":"0511"}}'


WRONG: dict[str, Callable[[Mango], object]] = {
    "no command id": lambda mango: mango.route(LEG, "101", ""),
    "a command id of 129 bytes": lambda mango: mango.route(LEG, "101", "x" * 129),
    "a command id of 65 letters of two bytes": lambda mango: mango.route(LEG, "101", "ж" * 65),
    "a command id on two lines": lambda mango: mango.route(LEG, "101", "a\nb"),
    "no call": lambda mango: mango.route("", "101", "rt"),
    "a call of 129 bytes": lambda mango: mango.hangup("x" * 129, "h"),
    "no number": lambda mango: mango.route(LEG, "", "rt"),
    "a number with blanks": lambda mango: mango.route(LEG, "7 903 111", "rt"),
    "a number in other digits": lambda mango: mango.route(LEG, "٧٩٠٣", "rt"),
    "a number on two lines": lambda mango: mango.route(LEG, "79031112233\n", "rt"),
    "a number in letters": lambda mango: mango.callback("101", "anna", "c2c"),
    "a SIP address without host": lambda mango: mango.route(LEG, "sip:anna", "rt"),
    "a SIP address with a blank": lambda mango: mango.route(LEG, "sip:an na@acme", "rt"),
    "a SIP address without end": lambda mango: mango.route(LEG, "sip:a@" + "x" * 128, "rt"),
    "an extension in letters": lambda mango: mango.callback("anna", CLIENT, "c2c"),
    "an extension like a phone number": lambda mango: mango.callback(CLIENT, CLIENT, "c2c"),
    "no line for a group": lambda mango: mango.callback_group("303", CLIENT, "cg", line_number=""),
    "a line by address": lambda mango: mango.callback("101", CLIENT, "c2c", line_number="sip:line@acme"),
    "no recording": lambda mango: mango.recording(""),
    "another action": lambda mango: mango.recording("r", "delete"),
    "a period backwards": lambda mango: mango.ask_calls(NOON, NOON - SECOND),
    "an empty period": lambda mango: mango.ask_calls(NOON, NOON),
    "more than a month": lambda mango: mango.ask_calls(NOON, NOON + timedelta(days=31, seconds=1)),
    "a period without zone": lambda mango: mango.ask_calls(NOON.replace(tzinfo=None), NOON),
    "a limit of its own": lambda mango: mango.ask_calls(NOON, NOON + SECOND, limit=7),
    "an offset below zero": lambda mango: mango.ask_calls(NOON, NOON + SECOND, offset=-1),
    "no key": lambda mango: mango.calls(""),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_would_be_refused_is_not_sent(line: Line, name: str) -> None:
    with pytest.raises(Invalid) as invalid:
        WRONG[name](line.mango)
    assert line.twin.requests == ()
    assert CLIENT not in str(invalid.value)
    assert "nothing was sent" in str(invalid.value)


# --- limits


def test_a_second_route_within_two_seconds_is_dropped(line: Line) -> None:
    line.mango.route(LEG, "0511", "rt-1")
    line.clock.advance(timedelta(milliseconds=1999))
    with pytest.raises(Unavailable) as late:
        line.mango.route(LEG, "0511", "rt-2")
    assert late.value.retry_after == timedelta(seconds=2)
    assert len(line.twin.requests) == 1
    line.clock.advance(timedelta(milliseconds=1))
    line.mango.route(LEG, "0511", "rt-3")
    assert line.statuses() == [200, 200]


def test_a_patient_route_waits_its_turn(line: Line) -> None:
    line.mango.route(LEG, "0511", "rt-1")
    line.mango.route(LEG, "0511", "rt-2", patience=timedelta(seconds=3))
    assert timedelta(seconds=2) <= line.clock() - NOON <= timedelta(seconds=3)
    assert line.statuses() == [200, 200]


def test_functions_share_the_limit(line: Line) -> None:
    line.mango.route(LEG, "0511", "rt-1")
    with pytest.raises(Unavailable):
        line.client().route(LEG, "0511", "rt-2")


@pytest.mark.parametrize(
    "order",
    [
        lambda mango: mango.callback("0511", CLIENT, "c"),
        lambda mango: mango.callback_group("303", CLIENT, "c", line_number=LINE),
        lambda mango: mango.hangup(LEG, "c"),
        lambda mango: mango.groups(),
        lambda mango: mango.users(),
        lambda mango: mango.ask_calls(NOON, NOON + SECOND),
    ],
)
def test_many_requests_never_meet_a_limit(line: Line, order: Callable[[Mango], object]) -> None:
    for _ in range(12):
        order(line.mango)
    assert set(line.statuses()) == {200}


def test_somebody_else_s_request_does_not_drop_a_route(line: Line) -> None:
    line.mango.groups()
    line.mango.route(LEG, "0511", "rt-1")
    assert [command.path for command in line.twin.ledger] == ["commands/route"]


# --- refusals


@pytest.mark.parametrize("edition", ["2017", "2026", "2026-table"])
def test_after_a_wrong_request_its_path_rests(line: Line, edition: str) -> None:
    line.twin.edition = edition  # type: ignore[assignment]
    with pytest.raises(Missing) as missing:
        line.mango.recording("r", young=False)
    assert missing.value.code == 3320
    line.clock.advance(TWO_MINUTES - 5 * SECOND)
    with pytest.raises(Unavailable):
        line.mango.recording("r", young=False)
    assert len(line.twin.requests) == 1
    assert line.mango.groups()
    line.clock.advance(5 * SECOND)
    with pytest.raises(Missing):
        line.mango.recording("r", young=False)
    assert len(line.twin.requests) == 3


@pytest.mark.parametrize("edition", ["2017", "2026", "2026-table"])
def test_after_a_wrong_signature_everything_rests(line: Line, edition: str) -> None:
    line.twin.edition = edition  # type: ignore[assignment]
    with pytest.raises(NotAdmitted) as refused:
        line.client(salt="another-salt").groups()
    assert refused.value.code == 3102
    assert "another-salt" not in str(refused.value)
    for order in (line.mango.groups, lambda: line.mango.route(LEG, "0511", "rt")):
        with pytest.raises(Unavailable):
            order()
    assert len(line.twin.requests) == 1
    line.clock.advance(TWO_MINUTES)
    assert line.mango.groups()


def test_a_blocked_account_is_left_alone_for_two_minutes(line: Line) -> None:
    for _ in range(2):
        requests.get(f"{line.url}/groups", timeout=5)
    with pytest.raises(NotAdmitted):
        line.mango.groups()
    with pytest.raises(Unavailable):
        line.mango.users()
    assert len(line.twin.requests) == 3
    line.clock.advance(TWO_MINUTES)
    assert line.mango.users()


def test_a_limit_that_others_used_up(line: Line) -> None:
    line.twin.misbehave(Fault("status", path="groups", status=429, headers={"Retry-After": "30"}))
    with pytest.raises(Unavailable) as busy:
        line.mango.groups()
    assert busy.value.retry_after == timedelta(seconds=30)
    with pytest.raises(Unavailable):
        line.mango.groups()
    assert len(line.twin.requests) == 1
    line.clock.advance(timedelta(seconds=30))
    assert line.mango.groups()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=500),
        Fault("status", status=503),
        Fault("html", status=200),
        Fault("html", status=502),
        Fault("garbage"),
        Fault("empty"),
        Fault("lose_answer"),
    ],
)
def test_a_failure_of_theirs_is_unavailable(line: Line, fault: Fault) -> None:
    line.twin.misbehave(fault)
    with pytest.raises(Unavailable):
        line.mango.users()
    assert len(line.mango.users()) == 1


def test_a_late_answer_is_not_waited_for(line: Line) -> None:
    line.twin.misbehave(Fault("late", seconds=60))
    with pytest.raises(Unavailable, match="no answer"):
        line.client(time_out=0.2).groups()


def test_nobody_there() -> None:
    clock = ManualClock(NOON)
    limits = StoreLimits(MemoryStore(now=clock), "acme", "mango", VirtualClock(clock))
    for address, error in (("http://127.0.0.1:9", Unavailable), ("http://", Invalid)):
        with pytest.raises(error):
            Mango(Account("k", "s"), limits, base_url=address).groups()


def test_a_redirection_is_not_followed(line: Line) -> None:
    line.twin.misbehave(Fault("html", status=302, words="", headers={"Location": f"{line.url}/groups"}))
    with pytest.raises((Refused, Unavailable)):
        line.mango.groups()
    assert len(line.twin.requests) == 1


def answer(status: int, body: object = None, content_type: str = "application/json", **headers: str) -> Answer:
    """An answer as it is read."""
    raw = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    return read_answer(status, {"Content-Type": content_type, **headers}, raw.encode())


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (answer(200, {"result": 1000}), None),
        (answer(200, {"result": "1000"}), None),
        (answer(200, {"code": 1001}), None),
        (answer(200, "", "text/plain"), None),
        (answer(204), None),
        (answer(302, "", Location="https://files.mango-office.ru/x"), None),
        (answer(420, {"code": 3104}), Refused),
        (answer(420, '{"code":"3104"}', "text/html"), Refused),
        (answer(200, {"result": 3103}), Refused),
        (answer(500, {"code": 3300}), Missing),
        (answer(404, {"code": 3320}), Missing),
        (answer(420, {"code": 4101}), Missing),
        (answer(420, {"code": 4100}), Missing),
        (answer(420, {"code": 4102}), Refused),
        (answer(420, {"code": 4290}), Unavailable),
        (answer(420, {"code": 4200}), Unavailable),
        (answer(420, {"code": 2219}), Refused),
        (answer(200, {"code": 5008}), Unavailable),
        (answer(420, {"code": 9999}), Refused),
        (answer(401, {"code": 0}), NotAdmitted),
        (answer(403, "no", "text/plain"), NotAdmitted),
        (answer(404, "no", "text/plain"), Missing),
        (answer(420, {"code": "none"}), Refused),
        (answer(429, {"code": 0}), Unavailable),
        (answer(500, "", "text/html"), Unavailable),
        (answer(200, "<html>", "text/html"), Unavailable),
    ],
)
def test_the_code_decides_whatever_the_status(given: Answer, kind: type[TelephonyError] | None) -> None:
    trouble = trouble_of("groups", given)
    assert (trouble and type(trouble.error)) == kind


def test_words_are_scrubbed() -> None:
    told = answer(420, {"code": 3104, "message": f"salt0of0the0account +{CLIENT} anna@acme.example"})
    trouble = trouble_of("groups", told, "salt0of0the0account")
    assert trouble is not None
    assert trouble.rest == TWO_MINUTES
    assert not any(secret in str(trouble.error) for secret in ("salt0of", CLIENT, "anna"))


# --- who there is


def test_groups_and_users(line: Line) -> None:
    (group,) = line.mango.groups()
    (user,) = line.mango.users()
    assert (group.name, group.extension) == ("Продажи", "303")
    assert (user.user_id, user.name, user.email, user.extension) == ("7", "Анна", "anna@acme.example", "0511")
    assert user.numbers == ("sip:user1@acme", CLIENT)
    assert CLIENT not in repr(user)
    assert "anna@" not in repr(user)


def test_what_is_odd_is_left_empty() -> None:
    told = {"groups": [{"id": 1, "name": None, "extension": 303}, {"id": 2}, "x", None]}
    assert groups_of(told) == (Group("1", "", "303"),)
    assert groups_of({"groups": None}) == ()
    (user,) = users_of({"users": [{"general": None, "telephony": {"extension": "", "numbers": [{"number": None}, 7]}}]})
    assert (user.user_id, user.extension, user.numbers) == ("", "", ())
    odd_call = {"entry_id": "e", "context_start_time": "x", "context_calls": [{"recording_id": "r"}, {"members": 5}]}
    (call,) = calls_of({"data": {"list": [odd_call, {"entry_id": ""}, 3]}})
    assert (call.started_at, call.recordings, call.call_type) == (None, ("r",), None)
    assert calls_of({"data": [{"list": [{"entry_id": "e", "context_start_time": 10**17}]}]})[0].started_at is None


# --- recordings


def test_the_address_of_a_recording_is_fresh_and_not_opened(line: Line) -> None:
    line.twin.add_recording("r", entry_id="e", ready_at=NOON)
    first, second = line.mango.recording("r"), line.mango.recording("r", "play")
    assert first != second
    assert {seen.path for seen in line.twin.requests} == {"/vpbx/queries/recording/post"}
    assert line.twin.said() == {"recording_id": "r", "action": "play"}
    assert requests.get(first, timeout=5).content == b"ID3 recording"


def test_a_recording_on_mango_s_file_server(line: Line) -> None:
    line.twin.files_url = "https://files.mango-office.ru/vpbx"
    line.twin.reset()
    line.twin.add_recording("r", entry_id="e", ready_at=NOON)
    assert line.mango.recording("r").startswith("https://files.mango-office.ru/vpbx/")


def test_a_recording_that_is_not_stored_yet(line: Line) -> None:
    line.twin.add_recording("r", entry_id="e", ready_at=NOON + SECOND)
    with pytest.raises(NotReady) as early:
        line.mango.recording("r")
    assert early.value.retry_after == timedelta(minutes=1)
    line.clock.advance(TWO_MINUTES)
    assert line.mango.recording("r")


def test_an_answer_without_an_address_is_not_ready(line: Line) -> None:
    line.twin.misbehave(Fault("empty"))
    with pytest.raises(NotReady):
        line.mango.recording("r")


ASKED = "https://app.mango-office.ru/vpbx/queries/recording/post"


@pytest.mark.parametrize(
    "location",
    [
        "https://files.mango-office.ru/a?b=c",
        "https://mango-office.ru/a",
        "https://FILES.Mango-Office.ru:443/a",
        "/files/a",
    ],
)
def test_addresses_of_mango(location: str) -> None:
    assert file_address("recording", ASKED, location).endswith(location)


@pytest.mark.parametrize(
    "location",
    [
        "",
        "http://files.mango-office.ru/a",
        "https://mango-office.ru.evil.example/a",
        "https://evilmango-office.ru/a",
        "https://evil.example/mango-office.ru",
        "//evil.example/a",
        "https://user@files.mango-office.ru/a",
        "https://files.mango-office.ru@evil.example/a",
        "https://files.mango-office.ru:8443/a",
        "https://files.mango-office.ru:port/a",
        "https://files.mango-office.ru\\@evil.example/a",
        "https://evil.example\\.mango-office.ru/a",
        "https://files.mango-office.ru/a\r\nSet-Cookie: a=b",
        "https://files.mango-office.ru/a b",
        "https://files.mango-оffice.ru/a",
        "https://[files.mango-office.ru/a",
        "javascript:alert(1)",
        "data:text/html,x",
    ],
)
def test_any_other_address_is_refused(location: str) -> None:
    with pytest.raises(Refused):
        file_address("recording", ASKED, location)


def test_a_stand_s_own_files_are_let_through_and_no_neighbour_s() -> None:
    asked = "http://127.0.0.1:8080/vpbx/queries/recording/post"
    assert file_address("recording", asked, "http://127.0.0.1:8080/files/a") == "http://127.0.0.1:8080/files/a"
    for other in ("http://127.0.0.1:8081/files/a", "https://127.0.0.1:8080/files/a", "http://a@127.0.0.1:8080/files/a"):
        with pytest.raises(Refused):
            file_address("recording", asked, other)


# --- statistics


def test_calls_are_asked_for_and_fetched(line: Line) -> None:
    parts = (Part("0511", wait=5, group="303"), Part("0511", wait=5, talk=60, group="303", recordings=("r1", "r2")))
    line.twin.add_call(entry_id="e1", started=NOON, client=CLIENT, line=LINE, parts=parts)
    line.twin.add_call(entry_id="e2", started=NOON + SECOND, client=CLIENT, line=LINE, menu=4)
    line.twin.add_call(entry_id="e3", started=NOON, direction="out", client=CLIENT, parts=(Part("0511", talk=9),))
    key = line.mango.ask_calls(NOON, NOON + timedelta(days=1), limit=50, offset=0)
    calls = line.mango.calls(key)
    assert calls is not None
    by_entry = {call.entry_id: call for call in calls}
    assert set(by_entry) == {"e1", "e2", "e3"}
    answered, lost, out = by_entry["e1"], by_entry["e2"], by_entry["e3"]
    assert (answered.call_type, answered.answered, answered.talk_seconds) == (CallType.IN, True, 60)
    assert (answered.caller, answered.started_at, answered.recordings) == (CLIENT, NOON, ("r1", "r2"))
    assert {leg.type for top in answered.legs for leg in top.all()} == {"group", "user"}
    talkers = [leg for top in answered.legs for leg in top.all() if leg.talk_seconds and leg.type == "user"]
    assert [(leg.abonent_id, leg.answered_at) for leg in talkers] == [("7", NOON + 10 * SECOND)]
    assert (lost.answered, lost.talk_seconds, lost.recordings) == (False, 0, ())
    assert (out.call_type, out.called, out.caller_id) == (CallType.OUT, CLIENT, "7")
    assert CLIENT not in repr(calls)


def test_the_period_is_written_in_moscow_s_time(line: Line) -> None:
    kyiv = timezone(timedelta(hours=2))
    line.mango.ask_calls(datetime(2026, 3, 9, 23, 30, tzinfo=kyiv), datetime(2026, 3, 10, 23, 30, tzinfo=UTC), limit=5, offset=10)
    assert line.twin.said() == {"start_date": "10.03.2026 00:30:00", "end_date": "11.03.2026 02:30:00", "limit": 5, "offset": 10}


def test_calls_that_are_not_counted_yet(line: Line) -> None:
    line.twin.report_delay = timedelta(seconds=20)
    line.twin.reset()
    key = line.mango.ask_calls(NOON, NOON + SECOND)
    asked = line.clock()
    while line.mango.calls(key) is None:
        assert line.clock() - asked < timedelta(seconds=60)
    assert line.clock() - asked >= timedelta(seconds=20)
    assert sum(seen.path.endswith("/stats/calls/result/") for seen in line.twin.requests) <= 6
    assert line.mango.calls(key) == ()


def test_a_key_that_is_forgotten_is_missing(line: Line) -> None:
    key = line.mango.ask_calls(NOON, NOON + SECOND)
    line.clock.advance(timedelta(minutes=2))
    with pytest.raises(Missing):
        line.mango.calls(key)
    with pytest.raises(Missing):
        line.mango.calls("never")


# --- secrets, start-up


def test_secrets_are_shown_nowhere(line: Line, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recording = tmp_path / "traffic.jsonl"
    monkeypatch.setenv("PATCHCORD_RECORD", str(recording))
    line.mango.route(LEG, "0511", "rt-1")
    with suppress(NotAdmitted):
        line.client(salt="another-salt-of-theirs").users()
    traffic = recording.read_text(encoding="utf-8")
    paths = [json.loads(row)["url"].removeprefix(line.url) for row in traffic.splitlines()]
    assert paths == ["/commands/route", "/config/users/request"]
    for secret in (line.twin.key, line.twin.salt, line.twin.forms[0]["sign"], line.twin.forms[1]["sign"]):
        assert secret not in traffic
    assert line.twin.key not in repr(Account(line.twin.key, line.twin.salt))
    assert line.twin.salt not in repr(Account(line.twin.key, line.twin.salt))


def test_importing_the_client_loads_no_http_library() -> None:
    unwanted = "{'requests', 'urllib3', 'boto3', 'pydantic'}"
    code = f"import sys, patchcord.telephony.mango.client; print(sorted({unwanted} & set(sys.modules)))"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(LAYER)}
    )
    assert shown.stdout.strip() == "[]"
