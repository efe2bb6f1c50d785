"""Reading Ringostat's webhooks: telephony.md 1 and 6, D-07, D-09, D-24, P-ST-03."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchcord.model.employees import Agent
from patchcord.model.events import ATTRIBUTION, CallType, Event, MissPlace, Moment, Outcome, Part, Participation
from patchcord.model.timeline import fold
from patchcord.telephony import ringostat
from patchcord.telephony.port import BadInput, HttpRequest, Problem, Reading, Telephony
from patchcord.telephony.ringostat.names import ALIASES, VISIT
from patchcord.telephony.ringostat.reader import STEPS
from patchcord.telephony.ringostat_setup import main, webhooks

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "specs" / "telephony" / "ringostat"
NOW = datetime(2025, 10, 9, 10, 40, tzinfo=UTC)
START = datetime(2025, 10, 9, 9, 47, 25, 501605, tzinfo=UTC)
KYIV = Reading("UA", "Europe/Kyiv")
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}

CALL = {"uniqueid": "ua18_-1760003245.1", "call_type": "in", "call_timestamp": "1760003245501605", "dst": "380441112233"}
RING = CALL | {"caller_number": "380671112233", "utm_source": "google", "refferrer": "https://www.example/"}
ANSWER = CALL | {"caller_number": "380671112233", "connected_with": "acme_olena", "employee_number": 331851, "billsec": None}
FORWARD = CALL | {"caller_number": "380671112233", "connected_with": "acme_petro", "employee_number": "331841"}
END = RING | {
    "disposition": "PROPER",
    "connected_with": "acme_olena",
    "employee_number": "331851",
    "employee_fio": "Олена Коваль",
    "extension_number": "101",
    "waittime": "9",
    "billsec": "184",
    "duration": "193",
    "has_recording": "1",
    "recording": "https://app.example/r.ogg?token=0",
    "recording_wav": "https://app.example/r.wav?token=0",
}
MISSED = CALL | {
    "caller_number": "380671112233",
    "disposition": "NO ANSWER",
    "connected_with": "",
    "employee_number": "-1",
    "billsec": "0",
}
OUT = CALL | {
    "call_type": "out",
    "caller": '"Olena Koval" <acme_olena>',
    "caller_number": "380441112233",
    "outbound_number": "380441112233",
    "dst": "380931112233",
    "disposition": "ANSWERED",
    "billsec": "23",
}


def post(payload: object, headers: Mapping[str, str] = JSON, query: Mapping[str, str] | None = None) -> HttpRequest:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return HttpRequest("POST", NOW, query or {}, headers, body)


def parsed(payload: object, hint: str = "in.after", reading: Reading = KYIV) -> Event:
    return ringostat.read(post(payload), hint, reading)


def refused(payload: object, hint: str = "in.after", headers: Mapping[str, str] = JSON) -> tuple[Problem, ...]:
    with pytest.raises(BadInput) as caught:
        ringostat.read(post(payload, headers), hint, KYIV)
    return caught.value.problems


def agent_of(event: Event, part: Part) -> Agent:
    (taken,) = event.parts
    assert taken.part is part
    return taken.agent


class TestSamples:
    """Each shared sample, the way a customer's webhook would send it."""

    @pytest.mark.skipif(not SAMPLES.exists(), reason="the shared samples are not beside the repository")
    @pytest.mark.parametrize(
        ("name", "hint", "key", "call_type", "client", "outcome", "parts"),
        [
            ("01_before_call_incoming", "in.before", "ring", "in", "+380671112233", None, []),
            ("02_on_answer", "in.answer", "answer:sip:acme_olena", "in", "+380671112233", None, ["answered"]),
            ("03_forwarding_step", "in.forward", "forward:sip:acme_petro", "in", "+380671112233", None, ["offered"]),
            ("04_after_call_incoming_answered", "in.after", "end+recording", "in", "+380671112233", "answered", ["answered"]),
            ("05_after_call_incoming_missed", "missed", "end", "in", "+380671112233", "missed", []),
            ("06_after_call_outgoing_form_encoded", "out.after", "end+recording", "out", "+380931112233", "answered", ["caller"]),
            ("07_after_call_callback_client_no_answer", "in.after", "end", "out", "+380671112233", "no_answer", ["caller"]),
            ("11_after_call_nested_variant", "in.after", "end+recording", "in", "+380671112233", "answered", ["answered"]),
        ],
    )
    def test_sample(
        self, name: str, hint: str, key: str, call_type: str, client: str, outcome: str | None, parts: list[str]
    ) -> None:
        http = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))["http"]
        body = http["body_raw"] if "body_raw" in http else json.dumps(http["body"])
        event = ringostat.read(post(body.encode(), http["headers"]), hint, KYIV)
        assert (event.key, event.call_type, event.client, event.outcome) == (key, call_type, client, outcome)
        assert [item.part for item in event.parts] == parts
        assert event.line == "+380441112233"


class TestMoments:
    def test_before_the_call(self) -> None:
        event = parsed(RING, "in.before")
        assert (event.moment, event.key, event.at, event.started_at) == (Moment.RING, "ring", NOW, START)
        assert event.parts == ()
        assert event.attribution == {"utm_source": "google", "referrer": "https://www.example/"}

    def test_on_answer_the_employee_is_known_by_id_and_login_only(self) -> None:
        """telephony.md 1.4."""
        event = parsed(ANSWER, "in.answer")
        assert (event.moment, event.outcome) == (Moment.ANSWER, None)
        assert agent_of(event, Part.ANSWERED) == Agent(provider_id="331851", sip="acme_olena")

    def test_an_answer_is_at_start_plus_waiting(self) -> None:
        assert parsed(ANSWER | {"waittime": 9}, "in.answer").at == START + timedelta(seconds=9)
        assert parsed(ANSWER, "in.answer").at == NOW

    def test_forwarding_rings_an_agent(self) -> None:
        event = parsed(FORWARD, "in.forward")
        assert (event.moment, event.key) == (Moment.RING, "forward:sip:acme_petro")
        assert agent_of(event, Part.OFFERED).provider_id == "331841"

    def test_d24_after_an_answered_call(self) -> None:
        event = parsed(END)
        assert (event.moment, event.outcome, event.status) == (Moment.END, Outcome.ANSWERED, "PROPER")
        assert (event.wait_seconds, event.talk_seconds, event.total_seconds) == (9, 184, 193)
        assert event.at == START + timedelta(seconds=193)
        who = Agent(provider_id="331851", sip="acme_olena", extension="101", name="Олена Коваль")
        assert event.parts == (Participation(Part.ANSWERED, who, START + timedelta(seconds=9)),)

    def test_d24_after_a_missed_call_the_agent_was_offered_it(self) -> None:
        assert parsed(MISSED).parts == ()
        assert agent_of(parsed(MISSED | {"connected_with": "acme_olena"}), Part.OFFERED).sip == "acme_olena"
        assert parsed(MISSED | {"disposition": "Wrong extension"}).missed_in is MissPlace.IVR

    def test_an_outgoing_call_has_a_caller(self) -> None:
        event = parsed(OUT, "out.after")
        assert (event.client, event.line, event.outcome) == ("+380931112233", "+380441112233", Outcome.ANSWERED)
        assert agent_of(event, Part.CALLER) == Agent(sip="acme_olena", name="Olena Koval")
        assert parsed(OUT | {"disposition": None, "billsec": None}, "out.before").key == "ring"

    @pytest.mark.parametrize("connected", ["380931112233", "380441112233"])
    def test_neither_client_nor_line_is_the_employee_who_called(self, connected: str) -> None:
        event = parsed(OUT | {"caller": "380441112233", "connected_with": connected, "employee_number": 7}, "out.after")
        assert agent_of(event, Part.CALLER) == Agent(provider_id="7")

    @pytest.mark.parametrize(
        ("extra", "moment", "key"),
        [
            ({"category_mark": "5"}, Moment.END, "rated"),
            ({"category_mark": "5", "recording": "https://a/b.ogg"}, Moment.RECORDING, "rated"),
        ],
    )
    def test_a_rating_has_no_outcome(self, extra: dict[str, str], moment: Moment, key: str) -> None:
        event = parsed({"uniqueid": "c1", "employee_number": "1"} | extra, "in.rated")
        assert (event.moment, event.key, event.outcome, event.parts) == (moment, key, None, ())
        assert event.extra == {"category_mark": "5"}

    def test_a_rating_does_not_stand_over_the_end_which_has_the_talk_time(self) -> None:
        rated = parsed({"uniqueid": CALL["uniqueid"], "disposition": "ANSWERED"}, "in.rated")
        assert fold([parsed(END), rated]).talk_seconds == 184
        assert parsed(END, "in.rated").outcome is Outcome.ANSWERED


class TestTheUrlIsOnlyAHint:
    """design 3: a mis-configured webhook still does the right thing."""

    @pytest.mark.parametrize("hint", sorted(set(STEPS) - {"in.rated"}))
    def test_a_result_is_the_end_wherever_it_is_posted(self, hint: str) -> None:
        assert parsed(END, hint) == parsed(END, "in.after")

    @pytest.mark.parametrize("hint", sorted(STEPS))
    def test_an_outgoing_call_is_outgoing_wherever_it_is_posted(self, hint: str) -> None:
        event = parsed(OUT, hint)
        assert (event.call_type, event.client) == (CallType.OUT, "+380931112233")

    def test_without_call_type_the_url_tells_the_way(self) -> None:
        assert parsed(OUT | {"call_type": None}, "out.after").client == "+380931112233"
        assert parsed(END | {"call_type": ""}, "in.after").call_type is CallType.IN
        assert parsed(END | {"call_type": "new"}, "in.after").call_type is CallType.IN

    def test_a_status_in_the_middle_of_a_call_is_no_end(self) -> None:
        assert parsed(FORWARD | {"disposition": "BUSY"}, "in.forward").moment is Moment.RING
        assert parsed(ANSWER | {"disposition": "ANSWERED", "billsec": 0, "duration": 9}, "in.answer").moment is Moment.ANSWER

    def test_a_transient_status_is_no_end(self) -> None:
        event = parsed(END | {"disposition": "IN PROGRESS", "billsec": None, "duration": None})
        assert (event.moment, event.outcome, event.key) == (Moment.RING, None, "ring")

    def test_an_end_without_a_result_does_not_take_the_place_of_the_end(self) -> None:
        event = parsed(RING)
        assert (event.moment, event.outcome, event.key) == (Moment.END, None, "end:open")
        assert parsed(RING, "missed").outcome is Outcome.MISSED

    def test_d24_callback_and_transit(self) -> None:
        answered = parsed(END | {"call_type": "callback"})
        assert (answered.call_type, answered.outcome) == (CallType.IN, Outcome.ANSWERED)
        silent = parsed(MISSED | {"call_type": "callback", "disposition": "CLIENT NO ANSWER"})
        assert (silent.call_type, silent.outcome, silent.client) == (CallType.OUT, Outcome.NO_ANSWER, "+380671112233")
        assert parsed(END | {"call_type": "transitin"}).call_type is CallType.IN
        assert parsed(OUT | {"call_type": "transitout"}).call_type is CallType.OUT


class TestTransport:
    """telephony.md 1.2."""

    @pytest.mark.parametrize(
        "request_",
        [
            post(END),
            post(END, {"content-type": "application/json; charset=utf-8"}),
            post(b"\xef\xbb\xbf" + json.dumps(END).encode()),
            post(END, FORM),
            post(END, {}),
            post(urlencode(END).encode(), FORM),
            post(urlencode(END).encode() + b"&", {}),
            HttpRequest("GET", NOW, {key: str(value) for key, value in END.items()}),
            post({"uniqueid": END["uniqueid"], "additional_call_data": {k: v for k, v in END.items() if k != "uniqueid"}}),
            post(urlencode({f"additional_call_data[{k}]": v for k, v in END.items()}).encode(), FORM),
            post(urlencode({"additional_call_data": json.dumps(END)}).encode(), FORM),
            post({k: v for k, v in END.items() if k != "dst"}, query={"dst": "380441112233", "e": "in.after", "token": "s"}),
            post(END, query={"dst": "380501112233"}),
            post(END | {"billsec": 184, "waittime": 9.0, "has_recording": True, "call_timestamp": 1760003245501605}),
        ],
    )
    def test_every_way_of_sending_says_the_same(self, request_: HttpRequest) -> None:
        assert ringostat.read(request_, "in.after", KYIV) == parsed(END)

    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            (b"[1]", JSON),
            (b'"x"', JSON),
            (b"null", JSON),
            (b"{", JSON),
            (b"hello", {}),
            (b"\xff\xfe{}", JSON),
            (b"a=%FF", FORM),
            (b"[" * 100_000, JSON),
            (b'{"a":' + b"[" * 20 + b"]" * 20 + b"}", JSON),
            (b'{"a":' + b"9" * 5000 + b"}", JSON),
            (b'{"a":"' + b"x" * 300_000 + b'"}', JSON),
            (b"&".join(b"a=1" for _ in range(1001)), FORM),
        ],
    )
    def test_what_is_no_object_is_refused(self, body: bytes, headers: dict[str, str]) -> None:
        assert [problem.field for problem in refused(body, headers=headers)] == ["body"]

    def test_twenty_levels_are_fine(self) -> None:
        assert "a" in parsed(b'{"uniqueid":"1","a":' + b"[" * 19 + b"1" + b"]" * 19 + b"}").extra

    def test_a_form_may_begin_with_a_name_in_braces(self) -> None:
        reading = replace(KYIV, key_map={"Отдел": "department"})
        assert ringostat.read(post("{{Отдел}}=Sales&uniqueid=1".encode(), FORM), "in.after", reading).department == "Sales"

    @pytest.mark.parametrize("body", [b"", b"  ", b"{}"])
    def test_nothing_at_all_lacks_a_call_id(self, body: bytes) -> None:
        assert refused(body) == (Problem("uniqueid", "the id of the call", "nothing"),)


class TestNames:
    """telephony.md 1.3, parser rules."""

    @pytest.mark.parametrize(
        ("name", "alias"), [(name, alias) for name, aliases in ALIASES.items() for alias in aliases if name in END]
    )
    def test_aliases(self, name: str, alias: str) -> None:
        payload = {key: value for key, value in END.items() if key != name} | {alias.upper(): END[name]}
        assert parsed(payload) == parsed(END)

    @pytest.mark.parametrize("alias", ["phone", "number_e164", "E164", "userfield", "caller"])
    def test_aliases_of_the_client_on_incoming_calls(self, alias: str) -> None:
        payload = {key: value for key, value in END.items() if key != "caller_number"}
        assert parsed(payload | {alias: "+380671112233"}).client == "+380671112233"

    def test_pst03_on_outgoing_calls_e164_is_not_the_client(self) -> None:
        assert parsed(OUT | {"E164": "+380671112233"}).client == "+380931112233"
        assert (
            parsed({key: value for key, value in OUT.items() if key != "dst"} | {"callee": "380931112233"}).client
            == "+380931112233"
        )

    def test_canonical_before_map_before_alias_and_root_before_nested(self) -> None:
        reading = replace(KYIV, key_map={"Воронка": "department", "status": "department", "result": "status"})
        assert parsed({"uniqueid": "1", "status": "Sales", "result": "BUSY"}, reading=reading).status == "BUSY"
        assert parsed({"uniqueid": "1", "{{воронка}}": "Sales"}, reading=reading).department == "Sales"
        both = {"uniqueid": "1", "call_id": "2", "additional_call_data": {"uniqueid": "3"}}
        assert parsed(both).call == "1"
        mapped = replace(KYIV, key_map={"id": "uniqueid"})
        assert parsed({"call_id": "2", "id": "4"}, reading=mapped).call == "4"
        assert parsed({"call_id": "2", "id": "4", "uniqueid": "5"}, reading=mapped).call == "5"

    def test_the_map_wins_over_a_canonical_name_it_uses_otherwise(self) -> None:
        reading = replace(KYIV, key_map={"dst": "caller_number", "line": "dst"})
        event = parsed({"uniqueid": "1", "dst": "380671112233", "line": "380441112233"}, reading=reading)
        assert (event.client, event.line) == ("+380671112233", "+380441112233")

    @pytest.mark.parametrize("junk", ["", None, -1, "-1", "(none)", "(not set)", "(direct)", "null", "NULL", "undefined", "  "])
    def test_junk_is_absent(self, junk: object) -> None:
        event = parsed(END | {"utm_source": junk, "department": junk, "employee_number": junk, "billsec": junk, "x": junk})
        assert "utm_source" not in event.attribution
        assert (event.department, event.talk_seconds, event.extra) == (None, None, {})
        assert agent_of(event, Part.ANSWERED).provider_id is None
        assert parsed({"uniqueid": "1", "disposition": junk, "status": "BUSY"}).status == "BUSY"

    def test_direct_is_kept_where_the_project_wants_it(self) -> None:
        reading = replace(KYIV, keep_direct=True)
        event = parsed(END | {"utm_source": "(direct)", "department": "(direct)"}, reading=reading)
        assert (event.attribution["utm_source"], event.department) == ("(direct)", None)

    @pytest.mark.parametrize("escaped", ["Bob &amp; Co", "Bob &amp;amp; Co", "Bob &#38; Co", "Bob & Co", "Bob\u00a0&amp;\x00Co"])
    def test_html_is_unescaped(self, escaped: str) -> None:
        assert parsed(END | {"employee_fio": escaped}).parts[0].agent.name == "Bob & Co"

    def test_an_address_keeps_its_parameters(self) -> None:
        assert parsed(END | {"landing": "https://a/?x=1&copy=2"}).attribution["landing"] == "https://a/?x=1&copy=2"
        assert parsed(END | {"x": "&#" + "9" * 9000 + ";", "y": "\ud800"}).extra["x"].startswith("&#9")

    def test_every_neutral_name_of_the_visit_is_read(self) -> None:
        """O-23, O-25."""
        assert set(VISIT.values()) == set(ATTRIBUTION)
        assert parsed({"uniqueid": "1"} | dict.fromkeys(VISIT, "x")).attribution == dict.fromkeys(ATTRIBUTION, "x")

    def test_extra_fields_are_bounded_and_hold_no_secret(self) -> None:
        event = parsed({"uniqueid": "1", "token": "s", "Auth-Key": "s", "list": [1, {"a": None}], "long": "x" * 2000})
        assert event.extra == {"list": '[1, {"a": null}]', "long": "x" * 1000}
        assert len(parsed({"uniqueid": "1"} | {f"f{place}": "x" for place in range(300)}).extra) == 100


class TestNumbers:
    @pytest.mark.parametrize("hidden", ["", None, "anonymous", "Private", "sip:anonymous@anonymous.invalid", '"x" <unknown>'])
    def test_d09_hidden_callers(self, hidden: str | None) -> None:
        event = parsed(END | {"caller_number": hidden})
        assert (event.client, event.client_hidden, event.call_type) == (None, True, CallType.IN)

    def test_d09_a_number_the_webhook_does_not_carry_is_not_hidden(self) -> None:
        event = parsed({"uniqueid": "1", "connected_with": "acme_olena"}, "in.answer")
        assert (event.client, event.client_hidden) == (None, False)

    @pytest.mark.parametrize(
        "written",
        ["380671112233", "+380671112233", "0671112233", "+38 (067) 111-22-33", '"Support" <380671112233>',
         "&quot;Support&quot; &lt;380671112233&gt;", "&amp;quot;S&amp;quot; &amp;lt;380671112233&amp;gt;",
         "sip:+380671112233@pbx.example", "tel:+380671112233", 380671112233, 380671112233.0],
    )  # fmt: skip
    def test_every_notation_is_the_same_client(self, written: object) -> None:
        assert parsed(END | {"caller_number": written}).client == "+380671112233"

    def test_the_notation_with_a_plus_sign_needs_no_guess(self) -> None:
        """telephony.md 1.4: one message has both. Without it a caller from Düsseldorf would be read as one from Emden."""
        both = RING | {"caller_number": "49211123456", "E164": "+49211123456"}
        assert parsed(both, "in.before", Reading("DE", "Europe/Berlin")).client == "+49211123456"

    @pytest.mark.parametrize("short", ["101", "sip:acme_petro@pbx.example", "acme_petro"])
    def test_a_colleague_is_no_client(self, short: str) -> None:
        for payload in (END | {"caller_number": short}, OUT | {"dst": short}):
            event = parsed(payload)
            assert (event.call_type, event.client, event.client_hidden) == (CallType.INTERNAL, None, False)
            assert event.parts[0].part is (Part.ANSWERED if payload["call_type"] == "in" else Part.CALLER)

    @pytest.mark.parametrize(("field", "payload"), [("caller_number", END), ("dst", OUT)])
    @pytest.mark.parametrize("impossible", ["12345678901234567890", "hello", "9" * 500, "+999999999999", ["380671112233"]])
    def test_an_impossible_number_is_refused_by_name_only(
        self, field: str, payload: dict[str, object], impossible: object
    ) -> None:
        (problem,) = refused(payload | {field: impossible})
        assert problem.field == field
        assert str(impossible) not in str(problem)

    @pytest.mark.parametrize(
        ("line", "expected"),
        [("380441112233", "+380441112233"), ("sip:sales@pbx.example", "sip:sales@pbx.example"), ("7001", "7001"), ("-1", None)],
    )
    def test_the_line(self, line: str, expected: str | None) -> None:
        assert parsed(END | {"dst": line}).line == expected
        assert parsed(OUT | {"outbound_number": line, "caller_number": line}).line == expected

    @pytest.mark.parametrize(
        ("connected", "expected"),
        [
            ("sip:Acme_Olena@pbx.example", Agent(sip="acme_olena")),
            ('"Олена" <acme_olena>', Agent(sip="acme_olena", name="Олена")),
            ("380501112233", Agent(number="+380501112233")),
            ("101", Agent(extension="101")),
        ],
    )
    def test_directions_of_agents(self, connected: str, expected: Agent) -> None:
        assert agent_of(parsed(CALL | {"connected_with": connected}, "in.answer"), Part.ANSWERED) == expected


class TestTimes:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"call_timestamp": "1760003245501605", "calldate": "2001-01-01 00:00:00"}, START),
            ({"call_timestamp": 1760003245501}, START.replace(microsecond=501000)),
            ({"call_timestamp": 1760003245}, START.replace(microsecond=0)),
            ({"call_timestamp": "1760003245.5"}, START.replace(microsecond=0)),
            ({"calldate": "2025-10-09 12:47:25"}, START.replace(microsecond=0)),
            ({"calldate": "2025-10-09T12:47:25+0300"}, START.replace(microsecond=0)),
            ({"calldate": "2025-10-09T09:47:25Z"}, START.replace(microsecond=0)),
            ({"calldate": "09.10.2025 12:47:25"}, START.replace(microsecond=0)),
            ({"calldate": "2025/10/09 12:47"}, START.replace(second=0, microsecond=0)),
            ({"date": "1760003245"}, START.replace(microsecond=0)),
            ({}, None),
        ],
    )
    def test_notations(self, fields: dict[str, object], expected: datetime | None) -> None:
        assert parsed({"uniqueid": "1"} | fields).started_at == expected

    @pytest.mark.parametrize(
        ("zone", "local", "utc"),
        [
            ("America/Chicago", "2024-10-08 17:47:25", "2024-10-08T22:47:25+00:00"),
            ("Europe/Kyiv", "2024-10-27 03:30:00", "2024-10-27T00:30:00+00:00"),
            ("Europe/Kyiv", "2025-03-30 03:30:00", "2025-03-30T01:30:00+00:00"),
        ],
    )
    def test_local_times_also_when_the_clocks_change(self, zone: str, local: str, utc: str) -> None:
        event = parsed({"uniqueid": "1", "calldate": local}, reading=Reading("UA", zone))
        assert event.started_at == datetime.fromisoformat(utc)

    @pytest.mark.parametrize(
        "value",
        [
            "2009-12-31 12:00:00",
            "2025-10-10 15:00:00",
            "yesterday",
            "1",
            "9" * 17,
            "9" * 30,
            "0001-01-01T00:00:00+03:00",
            "10/09/2025",
        ],
    )
    @pytest.mark.parametrize("field", ["calldate", "call_timestamp"])
    def test_impossible_times_are_refused(self, field: str, value: str) -> None:
        assert [problem.field for problem in refused(RING | {"call_timestamp": None, field: value})] == [field]

    @pytest.mark.parametrize("field", ["waittime", "billsec", "duration"])
    @pytest.mark.parametrize("value", ["-5", "86401", "nine", "NaN", "inf", "1e300", {}])
    def test_impossible_durations_are_refused(self, field: str, value: object) -> None:
        assert [problem.field for problem in refused(END | {field: value})] == [field]

    def test_milliseconds_stand_in_for_seconds(self) -> None:
        assert parsed(END | {"duration": None, "duration_ms": "193412"}).total_seconds == 193
        assert parsed(END | {"duration": "193.9"}).total_seconds == 193


class TestIdentity:
    @pytest.mark.parametrize("value", [None, "", "x" * 201, "a\x00b", "a\nb", {"a": 1}])
    def test_a_call_needs_a_printable_id(self, value: object) -> None:
        assert {problem.field for problem in refused(END | {"uniqueid": value})} == {"uniqueid"}

    def test_every_problem_is_named_under_the_senders_name(self) -> None:
        payload = {"call_id": "x" * 201, "phone": "12345678901234567890", "dialog": "-5", "date": "never"}
        assert {problem.field for problem in refused(payload)} == set(payload)

    def test_d07_keys_tell_events_apart_and_repeated_deliveries_do_not(self) -> None:
        keys = [
            parsed(payload, hint).key
            for payload, hint in (
                (RING, "in.before"),
                (FORWARD, "in.forward"),
                (FORWARD | {"connected_with": "acme_olena"}, "in.forward"),
                (ANSWER, "in.answer"),
                (CALL, "in.answer"),
                (CALL | {"connected_with": "380501112233"}, "in.answer"),
                (END, "in.after"),
                (END | {"has_recording": "0"}, "in.after"),
            )
        ]
        assert len(set(keys)) == len(keys)
        assert not any("380501112233" in key for key in keys)
        later = replace(post(CALL), received_at=NOW + timedelta(hours=1))
        assert ringostat.read(later, "in.answer", KYIV).key == parsed(CALL, "in.answer").key

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({}, "https://app.example/r.ogg?token=0"),
            ({"recording": ""}, "https://app.example/r.wav?token=0"),
            ({"recording": "javascript:alert(1)"}, "https://app.example/r.wav?token=0"),
            ({"recording": "r.ogg", "recording_wav": "ftp://a/b"}, None),
            ({"recording": "https://a/" + "x" * 2000, "recording_wav": None}, None),
            ({"recording": "https://a/b?c=1&amp;d=2"}, "https://a/b?c=1&d=2"),
            ({"has_recording": 0}, None),
            ({"has_recording": False}, None),
            ({"has_recording": None}, "https://app.example/r.ogg?token=0"),
        ],
    )
    def test_recordings(self, fields: dict[str, object], expected: str | None) -> None:
        event = parsed(END | fields)
        assert event.recording == expected
        assert event.key == ("end+recording" if expected else "end")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([str(value) for value in END.values()]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from([*ALIASES, "additional_call_data", *(alias for aliases in ALIASES.values() for alias in aliases)])
payloads = st.dictionaries(names | st.text(), values, max_size=12)


def try_read(request: HttpRequest, hint: str) -> None:
    try:
        event = ringostat.read(request, hint, KYIV)
    except BadInput as bad:
        assert bad.problems
        assert str(bad)
    else:
        assert event.call
        assert event.key
        json.dumps(event.extra, ensure_ascii=False).encode()


@given(payloads, st.sampled_from(sorted(STEPS)), st.booleans())
def test_arbitrary_payloads_raise_nothing_but_bad_input(payload: dict[str, Any], hint: str, whole: bool) -> None:
    try_read(post(END | payload if whole else payload), hint)


@given(st.binary() | st.text().map(str.encode), st.sampled_from([JSON, FORM, {}]), st.sampled_from(sorted(STEPS)))
def test_arbitrary_bodies_raise_nothing_but_bad_input(body: bytes, headers: dict[str, str], hint: str) -> None:
    try_read(post(body, headers), hint)


EVENTS = [
    parsed(RING, "in.before"),
    parsed(FORWARD, "in.forward"),
    parsed(ANSWER, "in.answer"),
    parsed(END | {"has_recording": "0"}),
    parsed(END),
    parsed({"uniqueid": CALL["uniqueid"], "category_mark": "5"}, "in.rated"),
]


@given(st.permutations(EVENTS), st.lists(st.sampled_from(EVENTS)))
def test_the_order_and_number_of_events_does_not_matter(events: list[Event], again: list[Event]) -> None:
    """design 5; D-28: the recording came with the second end."""
    timeline = fold([*again, *events])
    assert timeline == fold(EVENTS)
    assert (timeline.outcome, timeline.talk_seconds, timeline.recording_late) == (Outcome.ANSWERED, 184, True)
    assert [agent.sip for agent in (*timeline.offered_to, *timeline.handlers)] == ["acme_petro", "acme_olena"]


def test_the_package_is_a_telephony() -> None:
    provider: Telephony = ringostat
    provider.verify(post(END), "in.after", lambda name: None)
    event = provider.read(post(END), "in.after", KYIV)
    assert event is not None
    assert event.provider == "ringostat"


class TestSetup:
    def test_every_url_has_a_hint_and_every_parameter_is_read_or_kept(self) -> None:
        hooks = webhooks("https://api.example/", "acme", "s/1")
        tails = [hook.url.removeprefix("https://api.example/v1/hooks/acme/s%2F1/ringostat/").replace("/", ".") for hook in hooks]
        calls = [hook for hook, tail in zip(hooks, tails, strict=True) if tail in STEPS]
        assert sorted(tails) == sorted([*STEPS, "form", "chat.start", "chat.end"])
        assert all("uniqueid" in hook.parameters for hook in calls)
        assert all((hook.method, hook.data_format) == ("POST", "JSON") for hook in hooks)
        assert sum(hook.required for hook in hooks) == 3

    @pytest.mark.parametrize("base", ["", "api.example", "ftp://a", "https://", "https://a/?x=1"])
    def test_a_wrong_base_is_refused(self, base: str) -> None:
        with pytest.raises(ValueError, match="base"):
            webhooks(base, "acme", "s")
        with pytest.raises(ValueError, match="empty"):
            webhooks("https://a.example", "", "s")

    def test_the_command_prints_them(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--base", "https://a.example", "--project", "acme", "--secret", "s"]) == 0
        printed = capsys.readouterr().out
        assert printed.count("https://a.example/v1/hooks/acme/s/ringostat/") == 11
        with pytest.raises(SystemExit):
            main(["--base", "nowhere", "--project", "acme", "--secret", "s"])


def test_an_address_that_nobody_has_printed_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match="address"):
        ringostat.read(post(END), "in.foo", KYIV)
