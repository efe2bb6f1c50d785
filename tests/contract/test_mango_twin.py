"""The MANGO OFFICE stand-in against its reference (telephony.md 3), by plain requests."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
import requests

from sandbox.telephony.mango_twin import Leg, MangoTwin, Part, serve
from sandbox.twins.base import Fault, ManualClock

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
START = int(NOON.timestamp())
CLIENT, LINE = "79031112233", "74951234567"
SOUND = b"ID3\x04\x00 the client says hello"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
Json = dict[str, Any]


def sign(twin: MangoTwin, text: str) -> str:
    return sha256((twin.key + text + twin.salt).encode()).hexdigest()


@dataclass
class Client:
    """Talks to one twin; `call` moves its clock so far before each request that no limit is met."""

    twin: MangoTwin
    url: str
    clock: ManualClock

    def post(self, path: str, body: object = None, **form: str) -> requests.Response:
        """Signed as MANGO wants it; `form` replaces fields, an empty one is left out."""
        text = form.get(
            "json", body if isinstance(body, str) else json.dumps(body or {}, separators=(",", ":"), ensure_ascii=False)
        )
        fields = {"vpbx_api_key": self.twin.key, "sign": sign(self.twin, text), "json": text} | form
        filled = {name: value for name, value in fields.items() if value}
        return requests.post(f"{self.url}/vpbx/{path}", data=filled, timeout=10, allow_redirects=False)

    def call(self, path: str, body: object = None) -> Any:
        """The JSON of an answer that has to be 200."""
        self.clock.advance(timedelta(seconds=2))
        answer = self.post(path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def code(self, path: str, body: object = None, **form: str) -> tuple[int, int]:
        """Status and code of a refusal, after the time in which it cannot be one too many."""
        self.clock.advance(timedelta(minutes=2))
        answer = self.post(path, body, **form)
        return answer.status_code, answer.json()["code"]

    def result(self, path: str, **body: Any) -> int:
        """The code of the result of an accepted command."""
        assert self.call(f"commands/{path}", {"command_id": "c-1"} | body) == {"result": 1000}
        (told,) = self.twin.results()
        assert told.path == f"result/{path}"
        assert told.body["command_id"] == "c-1"
        code = told.body["result"]
        assert isinstance(code, int)
        return code


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def twin(clock: ManualClock) -> MangoTwin:
    return MangoTwin(clock=clock)


@pytest.fixture
def api(twin: MangoTwin, clock: ManualClock) -> Iterator[Client]:
    with serve(twin) as running:
        yield Client(running.twin, running.url, clock)


@pytest.fixture
def staffed(twin: MangoTwin) -> MangoTwin:
    twin.seed_employee(extension="101", name="Анна", email="anna@acme.example", numbers=["sip:user101@acme.mangosip.ru"])
    twin.seed_employee(extension="0511", name="Пётр", numbers=["79990000511"], department="Продажи")
    twin.seed_group(extension="303", name="Отдел продаж", operators=["0511", "101"])
    return twin


# --- the envelope (3.1)


def test_a_signed_request_over_the_raw_json_is_answered(api: Client) -> None:
    spaced = '{ "extension" : "101",\n "note":"Привет \\u0041" }'
    assert api.call("config/users/request", spaced) == {"users": []}


def test_a_signature_that_the_vendor_published_is_taken(clock: ManualClock) -> None:
    text = '{"command_id":"your-command-id","call_id":"<CALL_ID>"}'
    published = "2d1d01246f52cec1fdb44f2a4d7091dc54f67e318369c0628201d66b5d336ef0"
    with serve(MangoTwin(clock=clock, key="<YOUR_API_KEY>", salt="<YOUR_API_SALT>")) as running:
        answer = Client(running.twin, running.url, clock).post("commands/call/hangup", text, sign=published)
        assert answer.json() == {"result": 1000}


def test_a_trailing_slash_does_not_matter(api: Client) -> None:
    assert api.call("incominglines/") == {"result": 1000, "lines": []}


def test_only_post_is_taken(api: Client) -> None:
    answer = requests.get(f"{api.url}/vpbx/groups", timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (400, 3101)


@pytest.mark.parametrize("field", ["vpbx_api_key", "sign", "json"])
def test_each_of_the_three_fields_is_needed(api: Client, field: str) -> None:
    assert api.code("groups", **{field: ""} if field != "json" else {"json": "", "sign": "0" * 64}) == (400, 3103)


def test_a_json_body_instead_of_the_form_is_missing_everything(api: Client) -> None:
    answer = requests.post(f"{api.url}/vpbx/groups", json={"vpbx_api_key": api.twin.key}, timeout=10)
    assert answer.json()["code"] == 3103


def test_a_foreign_key_is_refused(api: Client) -> None:
    assert api.code("groups", vpbx_api_key="somebody-else") == (400, 3105)


@pytest.mark.parametrize("change", [str.upper, lambda text: text[:-1], lambda text: "0" * 64])
def test_another_signature_is_refused(api: Client, change: Any) -> None:
    assert api.code("groups", {}, sign=change(sign(api.twin, "{}"))) == (400, 3102)


def test_an_hmac_is_no_signature(api: Client) -> None:
    wrong = hmac.new(api.twin.salt.encode(), (api.twin.key + "{}").encode(), sha256).hexdigest()
    assert api.code("groups", {}, sign=wrong) == (400, 3102)


@pytest.mark.parametrize("text", ["{", "{'a':1}", '{"a":NaN}', "x"])
def test_broken_json_is_refused(api: Client, text: str) -> None:
    assert api.code("groups", text) == (400, 3400)


def test_json_that_is_no_object_is_of_bad_format(api: Client) -> None:
    assert api.code("groups", "[]") == (400, 3104)


def test_an_unknown_path_does_not_exist(api: Client) -> None:
    assert api.code("commands/dance", {"command_id": "c"}) == (404, 3300)


def test_editions_differ_in_the_status_and_agree_in_the_code(clock: ManualClock) -> None:
    answers = {}
    for edition in ("2017", "2026", "2026-table"):
        with serve(MangoTwin(clock=clock, edition=edition)) as running:
            api = Client(running.twin, running.url, clock)
            bad, missing = api.post("commands/sms"), None
            clock.advance(2 * MINUTE)
            missing = api.post("queries/recording/post", {"recording_id": "r", "action": "play"})
            clock.advance(2 * MINUTE)
            table = requests.get(f"{running.url}/vpbx/groups", timeout=10)
            answers[edition] = [(one.status_code, sorted(one.json())) for one in (bad, missing, table)]
            assert (bad.json()["code"], missing.json()["code"]) == (3103, 3320)
    assert answers["2017"] == [(420, ["code"])] * 3
    assert answers["2026"] == [(400, ["code", "message"]), (404, ["code", "message"]), (400, ["code", "message"])]
    assert answers["2026-table"] == [(400, ["code", "message"]), (500, ["code", "message"]), (200, ["message", "result"])]


# --- the limits (3.1)


LIMITS = [
    ("commands/callback", {"command_id": "c", "from": {"extension": "101"}, "to_number": CLIENT}, 4, 1),
    ("commands/call/hangup", {"command_id": "c", "call_id": "leg"}, 4, 1),
    ("commands/recording/start", {"command_id": "c", "call_id": "leg", "call_party_number": "101"}, 4, 1),
    ("config/users/request", {}, 1, 2),
    ("commands/route", {"command_id": "c", "call_id": "leg", "to_number": "101"}, 1, 2),
    ("commands/transfer", {"command_id": "c", "call_id": "l", "method": "blind", "to_number": "101", "initiator": "101"}, 1, 2),
    ("stats/request", {"date_from": START, "date_to": START}, 1, 2),
    ("groups", {}, 10, 1),
]


@pytest.mark.parametrize(("path", "body", "units", "seconds"), LIMITS)
def test_a_limit_is_answered_with_429(api: Client, path: str, body: Json, units: int, seconds: int) -> None:
    assert [api.post(path, body).status_code for _ in range(units)] == [200] * units
    over = api.post(path, body)
    assert over.status_code == 429
    assert over.json() == {"name": "Service Unavailable", "message": "Rate limit exceeded.", "code": 0, "status": 429}
    api.clock.advance(timedelta(seconds=seconds, milliseconds=-1))
    assert api.post(path, body).status_code == 429
    api.clock.advance(timedelta(milliseconds=1))
    assert api.post(path, body).status_code == 200


def test_both_statistics_share_their_limit(api: Client) -> None:
    api.call("stats/request", {"date_from": START, "date_to": START})
    page = {"start_date": "21.11.2026", "end_date": "21.11.2026", "limit": 1, "offset": 0}
    assert api.post("stats/calls/request", page).status_code == 429


def test_all_requests_of_the_product_share_ten_a_second(api: Client) -> None:
    paths = ["groups", "incominglines"] * 5
    assert [api.post(path).status_code for path in paths] == [200] * 10
    assert api.post("stats/result", {"key": "k"}).status_code == 429


def test_a_request_over_the_limit_is_no_invalid_one(api: Client) -> None:
    for _ in range(4):
        api.post("config/users/request")
    assert api.post("groups").status_code == 200


# --- the block (3.1)


def test_the_second_invalid_request_shuts_everything_until_two_minutes_after_the_first(api: Client) -> None:
    assert api.post("groups", "{").json()["code"] == 3400
    assert api.post("groups").status_code == 200
    api.clock.advance(90 * SECOND)
    assert api.post("groups", {}, sign="0").status_code == 401
    assert api.post("groups").status_code == 401
    api.clock.advance(30 * SECOND - timedelta(milliseconds=1))
    assert api.post("groups").json()["status"] == 401
    api.clock.advance(timedelta(milliseconds=1))
    assert api.post("groups").status_code == 200


def test_one_invalid_request_in_two_minutes_is_forgiven(api: Client) -> None:
    for _ in range(3):
        assert api.post("groups", "{").json()["code"] == 3400
        api.clock.advance(2 * MINUTE)
    assert api.post("groups").status_code == 200


def test_what_does_not_exist_counts_unless_told_otherwise(api: Client, clock: ManualClock) -> None:
    ask = {"recording_id": "r", "action": "download"}
    assert [api.post("queries/recording/post", ask).status_code for _ in range(2)] == [404, 401]
    with serve(MangoTwin(clock=clock, missing_counts=False)) as running:
        mild = Client(running.twin, running.url, clock)
        assert [mild.post("queries/recording/post", ask).status_code for _ in range(2)] == [404, 404]
        assert [mild.post("groups", "{").status_code for _ in range(2)] == [400, 401]


def test_a_result_of_32xx_is_no_invalid_request(api: Client, staffed: MangoTwin) -> None:
    staffed.open_call("leg", "entry")
    assert [api.result("route", call_id="leg", to_number="999") for _ in range(3)] == [3200] * 3
    assert api.post("groups").status_code == 200


# --- parameters of commands (3.5)


CALLBACK = {"command_id": "c", "from": {"extension": "101"}, "to_number": CLIENT}
ROUTE = {"command_id": "c", "call_id": "leg", "to_number": "101"}
TRANSFER = ROUTE | {"method": "blind", "initiator": "101"}
GROUP = {"command_id": "c", "from": "303", "to": CLIENT, "line_number": LINE}
SMS = {"command_id": "c", "from_extension": "101", "to_number": CLIENT, "text": "Hello"}
REFUSED = [
    ("callback", CALLBACK, "command_id", 3103),
    ("callback", CALLBACK, "from", 3103),
    ("callback", CALLBACK | {"from": {}}, None, 3103),
    ("callback", CALLBACK | {"from": "101"}, None, 3104),
    ("callback", CALLBACK | {"from": {"extension": "anna"}}, None, 3104),
    ("callback", CALLBACK, "to_number", 3103),
    ("callback", CALLBACK | {"to_number": "+79031112233"}, None, 3104),
    ("callback", CALLBACK | {"to_number": "7 903 1112233"}, None, 3104),
    ("callback", CALLBACK | {"to_number": 79031112233}, None, 3104),
    ("callback", CALLBACK | {"to_number": "7" * 129}, None, 3104),
    ("callback", CALLBACK | {"command_id": "я" * 65}, None, 3104),
    ("callback", CALLBACK | {"line_number": "sip:line@acme.mangosip.ru"}, None, 3104),
    ("callback", CALLBACK | {"sip_headers": {"Call-Info/answer-after": "0" * 65}}, None, 3104),
    ("callback", CALLBACK | {"sip_headers": {"From/display-name": "x"}}, None, 3104),
    ("callback_group", GROUP, "line_number", 3103),
    ("route", ROUTE, "call_id", 3103),
    ("route", ROUTE | {"call_id": "x" * 129}, None, 3104),
    ("route", ROUTE | {"to_number": ""}, None, 3103),
    ("route", ROUTE | {"sip_headers": {"From/display-name": "Ж" * 33}}, None, 3104),
    ("transfer", TRANSFER, "initiator", 3103),
    ("transfer", TRANSFER | {"method": "warm"}, None, 3104),
    ("call/hangup", {"command_id": "c"}, None, 3103),
    ("recording/start", {"command_id": "c", "call_id": "leg"}, None, 3103),
    ("play/start", {"command_id": "c", "call_id": "leg"}, None, 3103),
    ("play/start", {"command_id": "c", "call_id": "leg", "internal_id": "x"}, None, 3104),
    ("sms", SMS, "text", 3103),
    ("sms", SMS | {"text": "x" * 613}, None, 3104),
    ("sms", SMS | {"text": "ж" * 269}, None, 3104),
]


@pytest.mark.parametrize(("path", "body", "without", "code"), REFUSED)
def test_bad_parameters_are_refused_at_once(
    api: Client, staffed: MangoTwin, path: str, body: Json, without: str | None, code: int
) -> None:
    given = {name: value for name, value in body.items() if name != without}
    assert api.code(f"commands/{path}", given) == (400, code)
    assert staffed.results() == []
    assert staffed.ledger == ()


def test_a_command_id_of_128_bytes_is_kept_as_it_is(api: Client, staffed: MangoTwin) -> None:
    api.call("commands/callback", CALLBACK | {"command_id": "я" * 64})
    assert staffed.results()[0].body == {"command_id": "я" * 64, "result": 1000}


# --- commands and their results (3.5)


def test_an_accepted_command_stands_in_the_ledger_and_its_result_is_taken_once(api: Client, staffed: MangoTwin) -> None:
    body = {"command_id": "c2c-77", "from": {"extension": "101", "number": ""}, "to_number": CLIENT}
    assert api.call("commands/callback", body) == {"result": 1000}
    assert [(one.path, one.body, one.at) for one in staffed.ledger] == [("commands/callback", body, NOON + 2 * SECOND)]
    assert [one.body for one in staffed.results()] == [{"command_id": "c2c-77", "result": 1000}]
    assert staffed.results() == []


def test_a_callback_needs_an_employee_and_a_line_of_the_account(api: Client, staffed: MangoTwin) -> None:
    ends = {"to_number": CLIENT, "line_number": LINE}
    assert api.result("callback", **ends, **{"from": {"extension": 101}}) == 1000
    assert api.result("callback", **ends, **{"from": {"extension": "102"}}) == 3100
    assert api.result("callback", to_number="777", **{"from": {"extension": "101"}}) == 3200
    staffed.seed_line(number="78001112233")
    assert api.result("callback", **ends, **{"from": {"extension": "101"}}) == 3100


def test_a_group_callback_needs_a_group_at_one_end(api: Client, staffed: MangoTwin) -> None:
    assert api.result("callback_group", **{"from": CLIENT, "to": "303", "line_number": LINE}) == 1000
    assert api.result("callback_group", **{"from": CLIENT, "to": "101", "line_number": LINE}) == 3100


def test_a_route_ends_the_leg_and_makes_a_new_one(api: Client, staffed: MangoTwin) -> None:
    staffed.open_call("leg-1", "entry", "ivr")
    assert api.result("route", call_id="leg-1", to_number="0511", sip_headers={"From/display-name": "Ж" * 32}) == 1000
    old, new = staffed.legs
    assert (old.call_id, old.over) == ("leg-1", True)
    assert new == Leg(new.call_id, "entry", "abonent", extension="0511", taken_from_call_id="leg-1", command_id="c-1")
    assert api.result("route", call_id="leg-1", to_number="101") == 4101


def test_a_route_to_a_group_leads_into_its_queue(api: Client, staffed: MangoTwin) -> None:
    staffed.open_call("leg-1", "entry", "queue")
    assert api.result("route", call_id="leg-1", to_number="303") == 1000
    assert (staffed.legs[1].place, staffed.legs[1].extension) == ("queue", "303")


def test_a_ringing_leg_can_be_picked_up_and_a_talking_one_cannot(api: Client, staffed: MangoTwin) -> None:
    staffed.open_call("rings", "entry", "abonent", extension="101")
    staffed.open_call("talks", "entry", "abonent", extension="101", connected=True)
    assert api.result("route", call_id="rings", to_number="0511") == 1000
    assert api.result("route", call_id="talks", to_number="0511") == 4100


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("route", {"to_number": "101"}),
        ("call/hangup", {}),
        ("transfer", {"to_number": "101", "method": "hold", "initiator": "101"}),
        ("recording/start", {"call_party_number": "101"}),
        ("play/start", {"after_play_time": 20}),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_leg_that_is_over_or_unknown_gives_4101_after_the_answer(
    api: Client, staffed: MangoTwin, path: str, more: Json, known: bool
) -> None:
    if known:
        staffed.open_call("gone", "entry")
        staffed.close_call("gone")
    assert api.result(path, call_id="gone", **more) == 4101


def test_hangup_ends_a_leg_but_not_one_in_a_queue(api: Client, staffed: MangoTwin) -> None:
    staffed.open_call("ivr", "entry", "ivr")
    staffed.open_call("queue", "entry", "queue")
    assert api.result("call/hangup", call_id="queue") == 4100
    assert api.result("call/hangup", call_id="ivr") == 1000
    assert api.result("call/hangup", call_id="ivr") == 4101


def test_a_transfer_is_an_employees_and_of_a_talk(api: Client, staffed: MangoTwin) -> None:
    to = {"method": "hold", "to_number": "0511"}
    staffed.open_call("rings", "entry", "abonent", extension="101")
    staffed.open_call("talks", "entry", "abonent", extension="101", connected=True)
    assert api.result("transfer", call_id="rings", initiator="101", **to) == 4100
    assert api.result("transfer", call_id="talks", initiator=CLIENT, **to) == 4100
    assert api.result("transfer", call_id="talks", initiator="0511", **to) == 4100
    assert api.result("transfer", call_id="talks", initiator="101", method="hold", to_number="999") == 3200
    assert api.result("transfer", call_id="talks", initiator="101", **to) == 1000
    over = [staffed.legs[1].over]
    assert api.result("transfer", call_id="talks", initiator="101", method="blind", to_number="303") == 1000
    assert [*over, staffed.legs[1].over] == [False, True]
    assert [(leg.extension, leg.taken_from_call_id) for leg in staffed.legs[2:]] == [("0511", "talks"), ("303", "talks")]


def test_a_recording_starts_once_and_for_an_employee(api: Client, staffed: MangoTwin) -> None:
    staffed.open_call("ivr", "entry")
    staffed.open_call("talks", "entry", "abonent", connected=True)
    assert api.result("recording/start", call_id="ivr", call_party_number="101") == 4100
    assert api.result("recording/start", call_id="talks", call_party_number=CLIENT) == 3330
    assert api.result("recording/start", call_id="talks", call_party_number="79990000511") == 1000
    assert api.result("recording/start", call_id="talks", call_party_number="101") == 4102


def test_a_file_is_played_to_who_waits(api: Client, staffed: MangoTwin) -> None:
    staffed.seed_sound(7)
    staffed.open_call("ivr", "entry")
    staffed.open_call("talks", "entry", "abonent", connected=True)
    assert api.result("play/start", call_id="ivr", internal_id=7, after_play_time="20") == 1000
    assert api.result("play/start", call_id="ivr", internal_id=8) == 3340
    assert api.result("play/start", call_id="talks", internal_id=7) == 4100


def test_an_sms_is_an_employees_and_not_to_a_short_number(api: Client, staffed: MangoTwin) -> None:
    assert api.result("sms", from_extension="101", to_number=CLIENT, text="ж" * 268, sms_sender="ACME") == 1000
    assert api.result("sms", from_extension="101", to_number="0511", text="Hello") == 3100
    assert api.result("sms", from_extension="999", to_number=CLIENT, text="Hello") == 3100


def test_results_can_come_as_text(clock: ManualClock) -> None:
    with serve(MangoTwin(clock=clock, results_as_text=True)) as running:
        Client(running.twin, running.url, clock).call("commands/route", ROUTE)
        assert running.twin.results()[0].body["result"] == "4101"


# --- employees, groups, lines (3.6)


def test_employees_show_what_was_asked_for(api: Client, staffed: MangoTwin) -> None:
    plain = api.call("config/users/request", {"extension": "0511"})["users"]
    number = {"number": "79990000511", "protocol": "tel", "order": 0, "wait_sec": 120, "status": "on"}
    assert plain == [
        {
            "general": {"name": "Пётр", "email": "", "department": "Продажи", "position": ""},
            "telephony": {"extension": "0511", "outgoingline": None, "numbers": [number]},
        }
    ]
    more = api.call("config/users/request", {"ext_fields": ["general.user_id", "general.sips", "groups", "telephony.dial_alg"]})
    anna = more["users"][0]
    assert anna["general"]["sips"] == [{"number": "user101@acme.mangosip.ru"}]
    assert anna["telephony"]["dial_alg"] == 1
    assert anna["groups"] == [api.call("groups")["groups"][0]["id"]]
    assert [user["general"]["user_id"] for user in more["users"]] == [300043101, 300043102]


def test_an_employee_keeps_the_id_given_and_may_have_no_extension(api: Client) -> None:
    assert api.twin.seed_employee(extension="", name="Ольга", user_id=300049012) == "300049012"
    (user,) = api.call("config/users/request", {"ext_fields": ["general.user_id"]})["users"]
    assert (user["general"]["user_id"], user["telephony"]["extension"]) == (300049012, "")


def test_groups_show_their_operators_on_demand(api: Client, staffed: MangoTwin) -> None:
    other = staffed.seed_group(extension="304", name="Склад")
    (group,) = api.call("groups", {"operator_extension": "101", "show_users": 1})["groups"]
    assert (group["extension"], group["name"]) == ("303", "Отдел продаж")
    assert [(one["extension"], one["order"], one["name"]) for one in group["operators"]] == [
        ("0511", 1, "Пётр"),
        ("101", 2, "Анна"),
    ]
    assert [one["extension"] for one in api.call("groups", {"operator_id": group["operators"][1]["id"]})["groups"]] == ["303"]
    (store,) = api.call("groups", {"group_id": other})["groups"]
    assert store["extension"] == "304"
    assert "operators" not in store


def test_lines_show_phone_numbers_and_sip_lines(api: Client) -> None:
    api.twin.seed_line(number=LINE)
    api.twin.seed_line(number="sip:main@acme.mangosip.ru", name="main", comment="сайт")
    first, second = api.call("incominglines")["lines"]
    assert (first["number"], first["name"], first["schema_name"]) == (LINE, None, "По умолчанию")
    assert (second["number"], second["name"], second["comment"], second["region"]) == (
        "sip:main@acme.mangosip.ru",
        "main",
        "сайт",
        "sip",
    )


# --- recordings (3.6)


GET_IT = {"recording_id": "MToxMDAwNjA4NTo1MDA5NDExMDIyOjE=", "action": "download"}


def test_a_recording_is_behind_a_link_that_opens_once(api: Client) -> None:
    api.twin.add_recording(GET_IT["recording_id"], entry_id="entry", ready_at=NOON, content=SOUND)
    answer = api.post("queries/recording/post", GET_IT)
    assert answer.status_code == 302
    where = answer.headers["Location"]
    assert where.startswith(f"{api.url}/files/")
    file = requests.get(where, timeout=10)
    assert (file.status_code, file.content, file.headers["Content-Type"]) == (200, SOUND, "audio/mpeg")
    assert requests.get(where, timeout=10).status_code == 404
    assert api.post("queries/recording/post", GET_IT).headers["Location"] != where


def test_a_link_that_nobody_opens_dies(api: Client) -> None:
    api.twin.add_recording(GET_IT["recording_id"], entry_id="entry", ready_at=NOON)
    where = api.post("queries/recording/post", GET_IT).headers["Location"]
    api.clock.advance(5 * MINUTE)
    assert requests.get(where, timeout=10).status_code == 404


def test_a_recording_that_is_not_ready_is_not_found(api: Client) -> None:
    api.twin.add_recording(GET_IT["recording_id"], entry_id="entry", ready_at=NOON + 3 * MINUTE)
    assert api.code("queries/recording/post", GET_IT) == (404, 3320)
    api.clock.advance(MINUTE)
    assert api.post("queries/recording/post", GET_IT).status_code == 302


def test_a_recording_needs_id_and_action(api: Client) -> None:
    assert api.code("queries/recording/post", {"action": "play"}) == (400, 3103)
    assert api.code("queries/recording/post", GET_IT | {"action": "delete"}) == (400, 3104)


def test_files_can_claim_another_host(clock: ManualClock) -> None:
    with serve(MangoTwin(clock=clock, files_url="https://files.mango-office.ru")) as running:
        api = Client(running.twin, running.url, clock)
        running.twin.add_recording(GET_IT["recording_id"], entry_id="entry", ready_at=NOON, content=SOUND)
        where = api.post("queries/recording/post", GET_IT).headers["Location"]
        assert where.startswith("https://files.mango-office.ru/")
        token = where.rpartition("/")[2]
        assert requests.get(f"{running.url}/files/{token}", timeout=10).content == SOUND


def link(api: Client, recording_id: str, expires: int, salt: str | None = None) -> str:
    text = api.twin.key + str(expires) + recording_id + (salt or api.twin.salt)
    made = sha256(text.encode()).hexdigest()
    return f"{api.url}/vpbx/queries/recording/link/{recording_id}/play/{api.twin.key}/{expires}/{made}"


def test_a_link_without_login_is_signed_ends_and_is_off_by_default(twin: MangoTwin, clock: ManualClock, api: Client) -> None:
    off = requests.get(link(api, "a/b=", START + 60), timeout=10)
    assert (off.status_code, off.json()["code"]) == (400, 4001)
    with serve(MangoTwin(clock=clock, links=True)) as running:
        on = Client(running.twin, running.url, clock)
        running.twin.add_recording("a/b=", entry_id="entry", ready_at=NOON, content=SOUND)
        assert requests.get(link(on, "a/b=", START + 60), timeout=10).content == SOUND
        assert requests.get(link(on, "a/b=", START + 60, "other"), timeout=10).json()["code"] == 3102
        clock.advance(2 * MINUTE)
        assert requests.get(link(on, "a/b=", START + 120), timeout=10).json()["code"] == 3100


# --- statistics (3.6)


@pytest.fixture
def history(staffed: MangoTwin) -> MangoTwin:
    """An answered call of a group with a blind transfer, a call lost in the menu, one out, one within the company."""
    group = (Part("0511", wait=20, group="303"), Part("101", wait=5, talk=60, group="303", recordings=("r-1", "r-2")))
    moved = Part("0511", wait=4, talk=30, blind=True)
    staffed.add_call(entry_id="E1", started=NOON, client=CLIENT, line=LINE, parts=(*group, moved), menu=3)
    staffed.add_call(entry_id="E2", started=NOON + MINUTE, client="79990001122", line=LINE, menu=14, recalled=1)
    out = (Part("101", wait=12, talk=60),)
    staffed.add_call(entry_id="E3", started=NOON + 2 * MINUTE, direction="out", client="79039998877", line=LINE, parts=out)
    inside = (Part("0511", wait=9),)
    staffed.add_call(entry_id="E4", started=NOON + timedelta(hours=10), direction="internal", client="101", parts=inside)
    return staffed


def csv(api: Client, **order: Any) -> list[list[str]]:
    key = api.call("stats/request", {"date_from": START, "date_to": str(START + 86400)} | order)["key"]
    answer = api.post("stats/result", {"key": key})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    return [line.split(";") for line in answer.text.splitlines()]


def test_the_csv_has_a_row_for_each_part_and_no_heading(api: Client, history: MangoTwin) -> None:
    rows = csv(api, fields="entry_id, records, start, answer, from_number, to_extension, disconnect_reason, location")
    assert rows[:4] == [
        ["E1", "[]", str(START + 3), "0", CLIENT, "0511", "1111", "abonent"],
        ["E1", "[r-1,r-2]", str(START + 23), str(START + 28), CLIENT, "101", "1110", "abonent"],
        ["E1", "[]", str(START + 88), str(START + 92), CLIENT, "0511", "1110", "abonent"],
        ["E2", "[]", str(START + 60), "0", "79990001122", "", "1170", "ivr"],
    ]
    assert [row[0] for row in rows[4:]] == ["E3", "E4"]


def test_the_csv_has_eleven_columns_unless_told_otherwise(api: Client, history: MangoTwin) -> None:
    row = csv(api, to={"number": "79039998877"})[0]
    start, sip = START + 120, "sip:user101@acme.mangosip.ru"
    assert row == ["[]", str(start), str(start + 72), str(start + 12), "101", sip, "", "79039998877", "1110", LINE, "abonent"]


def test_the_csv_is_filtered_by_its_ends(api: Client, history: MangoTwin) -> None:
    def found(**order: Any) -> list[str]:
        return [row[0] for row in csv(api, fields="entry_id", **order)]

    blank = {"extension": "", "number": ""}
    assert found(**{"from": blank, "to": blank}) == ["E1", "E1", "E1", "E2", "E3", "E4"]
    assert found(call_party={"extension": "101"}) == ["E1", "E3", "E4"]
    assert found(**{"from": {"extension": "101"}}) == ["E3"]
    assert found(call_party={"number": CLIENT}, date_to=START + 59) == ["E1", "E1", "E1"]


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"date_to": START}, 3103),
        ({"date_from": "yesterday", "date_to": START}, 3104),
        ({"date_from": START, "date_to": START - 1}, 3100),
        ({"date_from": START, "date_to": START + 31 * 86400 + 1}, 3100),
        ({"date_from": START, "date_to": START, "fields": "start, end"}, 3104),
        ({"date_from": START, "date_to": START, "call_party": {"number": "1"}, "to": {"number": "2"}}, 3100),
    ],
)
def test_the_csv_is_ordered_properly(api: Client, order: Json, code: int) -> None:
    assert api.code("stats/request", order) == (400, code)


def test_a_csv_takes_its_time_is_announced_and_forgotten(clock: ManualClock) -> None:
    with serve(MangoTwin(clock=clock, report_delay=7 * SECOND)) as running:
        api = Client(running.twin, running.url, clock)
        key = api.call("stats/request", {"date_from": START, "date_to": START, "request_id": "r-9"})["key"]
        waiting = api.post("stats/result", {"key": key})
        assert (waiting.status_code, waiting.content) == (204, b"")
        assert running.twin.results() == []
        clock.advance(7 * SECOND)
        assert [(one.path, one.body) for one in running.twin.results()] == [("result/stat", {"key": key, "request_id": "r-9"})]
        assert api.post("stats/result", {"key": key}).status_code == 200
        assert api.post("stats/result", {"key": key + "x"}).status_code == 404
        clock.advance(MINUTE)
        assert api.post("stats/result", {"key": key}).status_code == 404
        assert api.post("stats/result", {"key": key}).status_code == 404, "an unknown key is no invalid request"


ORDER = {"start_date": "21.11.2026 00:00:00", "end_date": "22.11.2026 23:59:59", "limit": "100", "offset": "0"}


def contexts(api: Client, **order: Any) -> list[Json]:
    answer = api.call("stats/calls/result/", api.call("stats/calls/request/", ORDER | order))
    assert (answer["result"], answer["status"]) == (1000, "complete")
    return [context for day in answer["data"] for context in day["list"]]


def test_the_json_has_a_block_for_each_day_newest_first(api: Client, history: MangoTwin) -> None:
    answer = api.call("stats/calls/result", api.call("stats/calls/request", ORDER))
    assert [(day["period"], day["total_calls_count"]) for day in answer["data"]] == [("2026-11-22", 1), ("2026-11-21", 3)]
    assert [day["total_talks_duration"] for day in answer["data"]] == [0, 150]
    assert [[one["entry_id"] for one in day["list"]] for day in answer["data"]] == [["E4"], ["E3", "E2", "E1"]]


def test_a_context_tells_the_call_and_its_legs(api: Client, history: MangoTwin) -> None:
    call = contexts(api)[-1]
    told = {name: value for name, value in call.items() if name != "context_calls"}
    assert told == {
        "entry_id": "E1",
        "context_type": 1,
        "context_status": 1,
        "caller_id": None,
        "caller_name": CLIENT,
        "caller_number": CLIENT,
        "called_number": LINE,
        "context_start_time": START,
        "duration": 122,
        "talk_duration": 90,
        "context_init_type": 0,
        "recall_status": 2,
        "cost": 0,
    }
    group, moved = call["context_calls"]
    assert (group["call_type"], group["call_abonent_info"], group["ModeGroup"]) == ("group", "Отдел продаж", True)
    assert (group["call_start_time"], group["call_answer_time"], group["call_end_time"]) == (START + 3, START + 28, START + 88)
    assert group["recording_id"] == ["r-1", "r-2"]
    assert [(one["call_abonent_info"], one["call_answer_time"], one["call_end_reason"]) for one in group["members"]] == [
        ("Пётр", None, 1111),
        ("Анна", START + 28, 1110),
    ]
    assert (moved["call_type"], moved["call_abonent_id"], moved["BlindTransfer"]) == ("user", 300043102, True)
    assert (moved["talk_duration"], moved["members"]) == (30, None)
    assert (moved["DirectionInbound"], moved["DirectionOutbound"]) == (True, False)


def test_outgoing_and_lost_calls_in_the_json(api: Client, history: MangoTwin) -> None:
    inside, out, lost, _ = contexts(api)
    assert (inside["context_type"], inside["caller_id"], inside["called_number"]) == (3, 300043102, "101")
    assert (out["context_type"], out["caller_name"], out["called_number"]) == (2, "Анна", "79039998877")
    assert (out["caller_number"], out["context_calls"][0]["call_type"]) == ("sip:user101@acme.mangosip.ru", "number")
    assert (out["context_calls"][0]["DirectionInbound"], out["context_calls"][0]["DirectionOutbound"]) == (False, True)
    assert (lost["context_status"], lost["duration"], lost["recall_status"], lost["context_calls"]) == (0, 14, 1, [])


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ({"context_type": 1}, ["E2", "E1"]),
        ({"context_type": [2, 3]}, ["E4", "E3"]),
        ({"context_status": 0}, ["E4", "E2"]),
        ({"context_type": 1, "context_status": 0, "recall_status": 2}, []),
        ({"user_ids": [300043101]}, ["E3", "E1"]),
        ({"group_ids": [10051191]}, ["E1"]),
        ({"search_string": "9990001"}, ["E2"]),
        ({"limit": 1, "offset": 2}, ["E2"]),
        ({"start_date": "2026-11-21 15:01:00", "end_date": "21.11.2026 15:02:00"}, ["E3", "E2"]),
        ({"start_date": "22.11.2026"}, ["E4"]),
    ],
)
def test_the_json_is_filtered_and_paged(api: Client, history: MangoTwin, order: Json, found: list[str]) -> None:
    assert [one["entry_id"] for one in contexts(api, **order)] == found


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"limit": None}, 3103),
        ({"limit": 25}, 3104),
        ({"offset": None}, 3103),
        ({"end_date": None}, 3103),
        ({"start_date": "soon"}, 3104),
        ({"end_date": "23.12.2026"}, 3100),
        ({"recall_status": 1}, 3100),
        ({"search_string": "79"}, 3104),
    ],
)
def test_the_json_is_ordered_properly(api: Client, change: Json, code: int) -> None:
    assert api.code("stats/calls/request", ORDER | change) == (400, code)


def test_the_json_says_how_far_it_is(clock: ManualClock) -> None:
    with serve(MangoTwin(clock=clock, report_delay=7 * SECOND)) as running:
        api = Client(running.twin, running.url, clock)
        key = api.call("stats/calls/request", ORDER)
        assert api.call("stats/calls/result", key) == {"result": 1000, "status": "work", "data": []}
        clock.advance(5 * SECOND)
        assert api.call("stats/calls/result", key) == {"result": 1000, "status": "complete", "data": []}
        assert api.call("stats/calls/result", {"key": "other"})["status"] == "not-found"
        clock.advance(MINUTE)
        assert api.call("stats/calls/result", key)["status"] == "not-found"


# --- misbehaviour and the request log


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        (Fault("status", status=503), 503, '{"code": 5008, "message": "Service temporarily unavailable"}'),
        (Fault("status", status=429), 429, "Rate limit exceeded."),
        (Fault("html", status=502), 502, "<!DOCTYPE html>"),
        (Fault("garbage"), 200, '{"result":1000,"data":['),
        (Fault("empty"), 200, ""),
    ],
)
def test_a_wrong_answer_comes_once_and_nothing_is_done(
    api: Client, staffed: MangoTwin, fault: Fault, status: int, text: str
) -> None:
    staffed.misbehave(fault)
    answer = api.post("commands/callback", CALLBACK)
    assert (answer.status_code, text in answer.text) == (status, True)
    assert staffed.ledger == ()
    assert api.call("commands/callback", CALLBACK) == {"result": 1000}


def test_a_fault_hits_its_path_only(api: Client, staffed: MangoTwin) -> None:
    staffed.misbehave(Fault("empty", path="/commands/route"))
    assert api.call("groups")["result"] == 1000
    assert api.post("commands/route", ROUTE).content == b""


@pytest.mark.parametrize(("kind", "done"), [("lose_answer", 1), ("hang", 0)])
def test_the_connection_ends_without_an_answer(api: Client, staffed: MangoTwin, kind: Any, done: int) -> None:
    staffed.misbehave(Fault(kind, seconds=0.01))
    with pytest.raises(requests.ConnectionError):
        api.post("commands/callback", CALLBACK)
    assert len(staffed.ledger) == len(staffed.results()) == done
    assert staffed.requests[-1].status is None


def test_a_late_answer_is_the_right_one(api: Client) -> None:
    api.twin.misbehave(Fault("late", seconds=0.01))
    assert api.call("groups") == {"result": 1000, "groups": []}


def test_a_fault_that_mango_does_not_have_is_refused(twin: MangoTwin) -> None:
    with pytest.raises(ValueError, match="expired_token"):
        twin.misbehave(Fault("expired_token"))


def test_the_request_log_has_every_request_and_no_body(api: Client) -> None:
    api.post("groups")
    api.post("groups", {}, sign="0")
    seen = [(one.method, one.path, one.status) for one in api.twin.requests]
    assert seen == [("POST", "/vpbx/groups", 200), ("POST", "/vpbx/groups", 400)]


def test_reset_forgets_everything(api: Client, history: MangoTwin) -> None:
    history.misbehave(Fault("empty", times=None))
    for _ in range(2):
        api.post("groups", "{")
    history.reset()
    assert (history.ledger, history.requests, history.legs, history.results()) == ((), (), (), [])
    assert api.post("config/users/request").json() == {"users": []}
    assert contexts(api) == []
