"""Asking Ringostat where a recording is: what is sent, and what each answer means (telephony.md 2)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.wrappers import Response

from patchcord.telephony.errors import (
    Invalid,
    Missing,
    NotAdmitted,
    NotReady,
    Refused,
    TelephonyError,
    Unavailable,
)
from patchcord.telephony.ringostat.api import RingostatApi
from tests.ringostat_server import AUTH_KEY, RingostatServer, ringostat

CALL = "ua18_-1772705520.1204417"
DAY = "2026-03-05"


@pytest.fixture
def pair() -> Iterator[tuple[RingostatServer, RingostatApi]]:
    with ringostat() as (server, url):
        yield server, RingostatApi(AUTH_KEY, url)


Pair = tuple[RingostatServer, RingostatApi]


def test_the_calls_recording_is_found(pair: Pair) -> None:
    server, api = pair
    server.add("ua18_-1772705520.9")
    address = server.add(CALL)
    assert api.recording(CALL, DAY) == address
    (query,) = server.asked
    assert query["filters"] == f"uniqueid={CALL}"
    assert query["export_type"] == "json"


@pytest.mark.parametrize("at", ["2026-03-04T00:10:00+1400", "2026-03-06T13:50:00+1400", "2026-03-04T12:10:00-1200"])
def test_whatever_zone_the_period_is_read_in_the_call_is_in_it(pair: Pair, at: str) -> None:
    server, api = pair
    address = server.add(CALL, at)
    assert api.recording(CALL, DAY) == address
    assert server.asked[0]["from"] == "2026-03-04 00:00:00"
    assert server.asked[0]["to"] == "2026-03-06 23:59:59"


def test_a_filter_that_is_ignored_does_no_harm(pair: Pair) -> None:
    server, api = pair
    server.filters = False
    server.add("ua18_-1772705520.9")
    address = server.add(CALL)
    assert api.recording(CALL, DAY) == address


@pytest.mark.parametrize("absent", [None, "", "-1", -1])
def test_the_other_format_is_taken_where_there_is_but_that(pair: Pair, absent: object) -> None:
    server, api = pair
    server.add(CALL, recording=absent, recording_wav="https://app.ringostat.com/recordings/x.wav")
    assert api.recording(CALL, DAY) == "https://app.ringostat.com/recordings/x.wav"


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"recording": None, "has_recording": "1"}, NotReady),
        ({"recording": None, "has_recording": 1}, NotReady),
        ({"recording": "", "has_recording": "0", "disposition": "IN PROGRESS"}, NotReady),
        ({"recording": "", "has_recording": "0"}, Missing),
        ({"recording": "-1", "has_recording": None, "disposition": None}, Missing),
        ({"uniqueid": "ua18_-1"}, Missing),
    ],
)
def test_no_recording(pair: Pair, row: dict[str, Any], error: type[TelephonyError]) -> None:
    server, api = pair
    server.add(CALL, **row)
    with pytest.raises(error) as raised:
        api.recording(CALL, DAY)
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response("", 401), NotAdmitted),
        (Response("", 403), NotAdmitted),
        (Response("", 429), Unavailable),
        (Response("<html>", 502, mimetype="text/html"), Unavailable),
        (Response("", 302, {"location": "https://elsewhere.example"}), Refused),
        (Response("", 400), Refused),
        (Response('{"error": "no such project"}', mimetype="application/json"), Refused),
        (Response("{}", mimetype="application/json"), Unavailable),
        (Response("not JSON", mimetype="application/json"), Unavailable),
        (Response("", 200), Unavailable),
    ],
)
def test_what_an_answer_means(pair: Pair, answer: Response, error: type[TelephonyError]) -> None:
    server, api = pair
    server.answer = answer
    with pytest.raises(error) as raised:
        api.recording(CALL, DAY)
    assert type(raised.value) is error
    assert AUTH_KEY not in str(raised.value)


def test_the_pause_it_asks_for_is_told(pair: Pair) -> None:
    server, api = pair
    server.answer = Response("", 429, {"retry-after": "7"})
    with pytest.raises(Unavailable) as raised:
        api.recording(CALL, DAY)
    assert raised.value.retry_after == timedelta(seconds=7)


def test_a_list_need_not_be_called_json(pair: Pair) -> None:
    server, api = pair
    server.answer = Response(f'[7, {{"uniqueid": "{CALL}", "recording": "https://app.ringostat.com/r"}}]', mimetype="text/html")
    assert api.recording(CALL, DAY) == "https://app.ringostat.com/r"


def test_a_wrong_key_is_not_admitted_and_shown_nowhere() -> None:
    with ringostat() as (_, url):
        api = RingostatApi("another-key-0123456789", url)
        with pytest.raises(NotAdmitted):
            api.recording(CALL, DAY)
    assert "another-key" not in repr(api)


def test_nobody_there() -> None:
    with ringostat() as (_, url):
        gone = url
    with pytest.raises(Unavailable):
        RingostatApi(AUTH_KEY, gone).recording(CALL, DAY)


@pytest.mark.parametrize(
    ("call", "day"),
    [("", DAY), ("a,b", DAY), ("a=b", DAY), ("a b", DAY), ("дзвінок", DAY), ("x" * 129, DAY), (CALL, ""), (CALL, "0001-01-01")],
)
def test_what_cannot_be_asked_is_not_sent(pair: Pair, call: str, day: str) -> None:
    server, api = pair
    with pytest.raises(Invalid):
        api.recording(call, day)
    assert not server.asked
