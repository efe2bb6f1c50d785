"""Asking Ringostat where a recording is: what is sent, and what each answer means (telephony.md 2)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

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
from patchcord.telephony.ringostat import api as module
from patchcord.telephony.ringostat.api import Listing, RingostatApi
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


# --- the list of calls

BEGIN, END = datetime(2026, 3, 5, 10, 0, tzinfo=UTC), datetime(2026, 3, 5, 12, 0, tzinfo=UTC)


def listed(server: RingostatServer, *minutes: float) -> list[str]:
    """Calls that began so many minutes after BEGIN."""
    for minute in minutes:
        server.add(f"call-{minute:g}", (BEGIN + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S+0000"))
    return [f"call-{minute:g}" for minute in minutes]


def ids(listing: Listing) -> list[str]:
    return [row["uniqueid"] for row in listing.rows]


def test_calls_of_a_period_come_oldest_first_and_whole(pair: Pair) -> None:
    server, api = pair
    listed(server, 30, 0, 119, -1, 120)
    listing = api.calls(BEGIN, END)
    assert (ids(listing), listing.cut) == (["call-0", "call-30", "call-119"], ())
    assert {"call_type", "caller_number", "dst", "disposition", "billsec"} <= set(server.asked[0]["fields"].split(","))


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_whatever_zone_the_list_is_read_in_nothing_is_missed(pair: Pair, zone: str) -> None:
    server, api = pair
    server.zone = ZoneInfo(zone)
    assert set(listed(server, 0, 60, 119)) == set(ids(api.calls(BEGIN, END)))
    assert server.asked[0]["from"] == "2026-03-04 10:00:00"


def test_a_zone_that_is_known_needs_no_margin() -> None:
    with ringostat() as (server, url):
        server.zone = ZoneInfo("Europe/Kyiv")
        api = RingostatApi(AUTH_KEY, url, zone="Europe/Kyiv")
        assert ids(api.calls(BEGIN, END)) == [] == listed(server)
        assert (server.asked[0]["from"], server.asked[0]["to"]) == ("2026-03-05 12:00:00", "2026-03-05 14:00:00")


def test_live_calls_are_left_out(pair: Pair) -> None:
    server, api = pair
    server.add("live", "2026-03-05T11:00:00+0000", disposition="IN PROGRESS")
    server.add("nothing", "2026-03-05T11:00:00+0000", disposition=None)
    assert ids(api.calls(BEGIN, END)) == []


def test_too_many_calls_are_asked_for_in_parts(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    server, api = pair
    monkeypatch.setattr(module, "MOST_CALLS", 4)
    server.most = 4
    wanted = listed(server, *range(0, 120, 10))
    listing = api.calls(BEGIN, END)
    assert (ids(listing), listing.cut) == (wanted, ())
    assert len(server.asked) > 4


def test_a_list_without_end_is_told_as_cut_off(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    server, api = pair
    monkeypatch.setattr(module, "MOST_CALLS", 1)
    listed(server, 60)
    server.answer = Response(json.dumps([{"uniqueid": "x", "disposition": "PROPER", "calldate": "2026-03-05T11:00:00+0000"}]))
    listing = api.calls(BEGIN, END)
    assert listing.cut
    assert len(server.asked) <= module.MOST_REQUESTS


@pytest.mark.parametrize(("begin", "end"), [(END, BEGIN), (BEGIN, BEGIN), (BEGIN.replace(tzinfo=None), END)])
def test_what_is_no_period_is_not_asked_for(pair: Pair, begin: datetime, end: datetime) -> None:
    with pytest.raises(Invalid):
        pair[1].calls(begin, end)
    assert not pair[0].asked


# --- dialling and contacts


def test_who_is_online(pair: Pair) -> None:
    server, api = pair
    server.online = ["demo_anna", "demo_boris"]
    assert api.online() == ("demo_anna", "demo_boris")


@pytest.mark.parametrize("body", ['{"a": 1}', "[1]", "<html>", ""])
def test_a_list_of_logins_that_is_none(pair: Pair, body: str) -> None:
    server, api = pair
    server.answer = Response(body)
    with pytest.raises(Unavailable):
        api.online()


@pytest.mark.parametrize(("first", "swapped", "digit"), [("client", False, 1), ("employee", False, 0), ("employee", True, 1)])
def test_a_callback_says_who_is_rung_first(pair: Pair, first: Any, swapped: bool, digit: int) -> None:
    server, api = pair
    api.call_back("110070", "+380671234567", "demo_anna", first=first, swapped=swapped)
    (told,) = server.callbacks
    assert (told["caller"], told["callee"], told["manager_dst"]) == ("380671234567", "demo_anna", digit)


def test_a_refusal_comes_with_status_200_and_without_numbers(pair: Pair) -> None:
    server, api = pair
    server.refusal = "The number +380671234567 is not allowed"
    with pytest.raises(Refused) as refused:
        api.call_back("110070", "+380671234567", "demo_anna", first="client")
    assert "is not allowed" in str(refused.value)
    assert "380671234567" not in str(refused.value)


def test_contacts_are_put_into_the_book(pair: Pair) -> None:
    server, api = pair
    api.sync_contacts("110070", [{"externalId": "C1", "fullName": "A client"}])
    assert server.contacts == {"C1": {"projectId": "110070", "externalId": "C1", "fullName": "A client"}}
    with pytest.raises(NotAdmitted):
        api.sync_contacts("1", [])
