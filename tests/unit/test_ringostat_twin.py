"""The stand's twin of Ringostat's API, asked by the product's own client and without it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests

from patchcord.telephony.errors import NotAdmitted, Refused
from patchcord.telephony.ringostat.api import RingostatApi
from sandbox.player.ringostat import ScriptedCall, listed
from sandbox.telephony.ringostat_twin import RingostatTwin, serve

KEY = "key-of-the-twin-0123456789"
BEGUN = datetime(2026, 3, 2, 9, tzinfo=UTC)
CALL = ScriptedCall(start=BEGUN, client="+380671112233", line="+380442220010", status="NO ANSWER")


@pytest.fixture
def twin() -> RingostatTwin:
    return RingostatTwin(KEY, "110070", ("anna", "boris"), [dict(listed(CALL))])


@pytest.fixture
def url(twin: RingostatTwin) -> Iterator[str]:
    with serve(twin) as address:
        yield address


def test_who_is_online(url: str) -> None:
    assert RingostatApi(KEY, url).online() == ("anna", "boris")


def test_a_wrong_key_opens_nothing(url: str, twin: RingostatTwin) -> None:
    with pytest.raises(NotAdmitted):
        RingostatApi("another-key", url).call_back("110070", "+380671112233", "anna", first="client")
    assert twin.callbacks == []


def test_a_call_that_is_asked_for(url: str, twin: RingostatTwin) -> None:
    RingostatApi(KEY, url).call_back("110070", "+380671112233", "anna", first="client")
    (asked,) = twin.callbacks
    assert (asked["caller"], asked["callee"], asked["direction"]) == ("380671112233", "anna", "out")


def test_another_project_or_method_is_an_error_in_a_200(url: str, twin: RingostatTwin) -> None:
    with pytest.raises(Refused):
        RingostatApi(KEY, url).call_back("1", "+380671112233", "anna", first="client")
    told = {"jsonrpc": "2.0", "id": 1, "method": "Api\\V2\\Nothing", "params": {}}
    answer = requests.post(f"{url}/a/v2", json=told, headers={"Auth-key": KEY}, timeout=5)
    assert (answer.status_code, "error" in answer.json()) == (200, True)
    assert twin.callbacks == []


def test_the_list_tells_of_a_period(url: str) -> None:
    api, hour = RingostatApi(KEY, url), timedelta(hours=1)
    (row,) = api.calls(BEGUN - hour, BEGUN + hour).rows
    assert (row["uniqueid"], row["calldate"], row["disposition"]) == (CALL.id, "2026-03-02T11:00:00+0200", "NO ANSWER")
    assert api.calls(BEGUN + hour, BEGUN + 2 * hour).rows == ()


def test_nothing_else_is_there(url: str) -> None:
    assert requests.get(f"{url}/calls/export", headers={"Auth-key": KEY}, timeout=5).status_code == 404
