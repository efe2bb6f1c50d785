"""What all twins share: ledger, faults, control pages, request log, clock, server."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
import requests
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from sandbox.twins.base import (
    Connection,
    Fault,
    Ids,
    ManualClock,
    Refused,
    RunningTwin,
    Status,
    Twin,
    Window,
    Write,
    changed,
    digits,
    html_page,
    iso,
    json_answer,
    neutral_fields,
    plain_text,
    recording_in,
    serve,
)

NOON = datetime(2026, 9, 12, 12, 0, tzinfo=UTC)


class Notebook(Twin):
    """The smallest CRM: contacts that have a name."""

    vendor: ClassVar[str] = "notebook"
    title: ClassVar[str] = "Note & book"

    def rules(self) -> Iterable[Rule]:
        yield Rule("/contacts", methods=["GET"], endpoint=self.list_contacts)
        yield Rule("/contacts", methods=["POST"], endpoint=self.create_contact)
        yield Rule("/contacts/<int:key>", methods=["GET"], endpoint=self.get_contact)

    def forget(self) -> None:
        self.names: dict[str, str] = {}

    def list_contacts(self, request: Request) -> Response:
        return json_answer(self.names)

    def get_contact(self, request: Request, key: int) -> Response:
        if str(key) not in self.names:
            raise Refused(404, "no such contact", "GONE")
        return json_answer({"name": self.names[str(key)]})

    def create_contact(self, request: Request) -> Response:
        key = self.seed_contact(name=str(request.get_json()["name"]))
        self.wrote("create", "contact", key, {"name": self.names[key]})
        return json_answer({"id": key}, 201)

    def refusal(self, status: int, words: str, code: str = "") -> Response:
        return json_answer({"error": words, "code": code}, status)

    def unauthorised(self) -> Response:
        return self.refusal(401, "who are you")

    def no_right(self) -> Response:
        return self.refusal(403, "not you")

    def too_many(self) -> Response:
        return json_answer({"error": "slow down"}, 429, {"Retry-After": "2"})

    def connection(self, url: str) -> Connection:
        return Connection({"base_url": url}, {})

    def seed_user(self, *, name: str, email: str = "", active: bool = True, admin: bool = False) -> str:
        return "1"

    def seed_contact(
        self,
        *,
        phone: str | None = None,
        name: str = "",
        owner: str | None = None,
        organization: str | None = None,
        updated: datetime | None = None,
        attribution: Mapping[str, str] | None = None,
    ) -> str:
        key = str(self.ids.number("contact"))
        self.names[key] = name
        return key

    def seed_organization(
        self,
        *,
        phone: str | None = None,
        name: str = "",
        owner: str | None = None,
        updated: datetime | None = None,
        attribution: Mapping[str, str] | None = None,
    ) -> str:
        return self.seed_contact(name=name)

    def seed_lead(
        self,
        *,
        phone: str | None = None,
        name: str = "",
        owner: str | None = None,
        status: Status = "open",
        contact: str | None = None,
        organization: str | None = None,
        updated: datetime | None = None,
        attribution: Mapping[str, str] | None = None,
    ) -> str:
        return self.seed_contact(name=name)

    def seed_deal(
        self,
        *,
        phone: str | None = None,
        name: str = "",
        owner: str | None = None,
        status: Status = "open",
        contact: str | None = None,
        organization: str | None = None,
        pipeline: str | None = None,
        stage: str | None = None,
        updated: datetime | None = None,
        attribution: Mapping[str, str] | None = None,
    ) -> str:
        return self.seed_contact(name=name)

    def seed_task(
        self,
        *,
        title: str,
        text: str = "",
        completed: bool = False,
        assignee: str | None = None,
        due_at: datetime | None = None,
        targets: Sequence[tuple[str, str]] = (),
        updated: datetime | None = None,
    ) -> str:
        return self.seed_contact(name=title)

    def seed_field(self, kind: str, name: str, field_type: str = "text", options: Sequence[str] = ()) -> str:
        return name

    def set_owner(self, kind: str, record_id: str, owner: str) -> None: ...

    def set_status(self, kind: str, record_id: str, status: Status) -> None: ...

    def finish_task(self, task_id: str) -> None: ...

    def remove(self, kind: str, record_id: str) -> None:
        del self.names[record_id]

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [{"kind": kind, "id": key, "name": name} for key, name in self.names.items()]

    def tasks(self) -> list[dict[str, Any]]:
        return []


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def running(clock: ManualClock) -> Iterator[RunningTwin]:
    with serve(Notebook(clock=clock)) as running:
        yield running


@pytest.fixture
def http(running: RunningTwin) -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def post(http: requests.Session, running: RunningTwin, name: str = "Olena") -> requests.Response:
    return http.post(f"{running.url}/contacts", json={"name": name}, timeout=5)


# ---- serving


def test_it_answers_and_keeps_the_ledger_and_the_request_log(running: RunningTwin, http: requests.Session) -> None:
    assert post(http, running).status_code == 201
    assert http.get(f"{running.url}/contacts/1?x=%2B1", timeout=5).json() == {"name": "Olena"}
    assert running.twin.ledger == (Write("create", "contact", "1", {"name": "Olena"}),)
    assert running.twin.ledger[0].at == NOON
    assert [(seen.method, seen.path, seen.query, seen.status) for seen in running.twin.requests] == [
        ("POST", "/contacts", "", 201),
        ("GET", "/contacts/1", "x=%2B1", 200),
    ]
    assert running.twin.count("GET") == 1
    assert running.twin.count(path="^/contacts") == 2
    assert running.twin.writes("create", "contact") == list(running.twin.ledger)
    assert running.twin.writes("task") == []


def test_a_refusal_of_a_handler_has_the_vendors_shape(running: RunningTwin, http: requests.Session) -> None:
    answer = http.get(f"{running.url}/contacts/7", timeout=5)
    assert (answer.status_code, answer.json()) == (404, {"error": "no such contact", "code": "GONE"})


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("DELETE", "/contacts", 405)])
def test_unknown_calls_have_the_vendors_shape(running: RunningTwin, method: str, path: str, status: int) -> None:
    answer = requests.request(method, running.url + path, timeout=5)
    assert answer.status_code == status
    assert "error" in answer.json()


def test_one_connection_serves_many_requests_quickly(running: RunningTwin, http: requests.Session) -> None:
    post(http, running)
    began = time.perf_counter()
    for _ in range(200):
        with http.get(f"{running.url}/contacts", stream=True, timeout=5) as answer:
            assert answer.raw.version == 11
            assert answer.headers.get("Connection") != "close"
            assert answer.json() == {"1": "Olena"}
    assert time.perf_counter() - began < 4


def test_many_clients_at_once_get_ids_of_their_own(running: RunningTwin) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: requests.post(f"{running.url}/contacts", json={"name": str(n)}, timeout=5), range(40)))
    assert len({answer.json()["id"] for answer in answers}) == 40
    assert len(running.twin.ledger) == 40


def test_a_stopped_twin_answers_nobody_and_can_start_again() -> None:
    twin = Notebook()
    with requests.Session() as http:
        with serve(twin) as first:
            post(http, first)
        with pytest.raises(requests.ConnectionError):
            http.get(f"{first.url}/contacts", timeout=5)
        with serve(twin) as second:
            assert http.get(f"{second.url}/contacts", timeout=5).json() == {"1": "Olena"}


def test_it_can_be_called_as_wsgi_without_a_server() -> None:
    from werkzeug.test import Client

    assert Client(Notebook()).get("/contacts").get_json() == {}


def test_reset_forgets_everything(running: RunningTwin, http: requests.Session) -> None:
    post(http, running)
    running.twin.misbehave(Fault("status", times=None))
    running.twin.reset()
    assert (running.twin.ledger, running.twin.requests, running.twin.faults, running.twin.records("contact")) == ((), (), (), [])
    assert post(http, running).json() == {"id": "1"}


# ---- misbehaviour


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (Fault("status", status=500, words="broken"), 500, '"broken"'),
        (Fault("status", status=429), 429, '"slow down"'),
        (Fault("html", status=502, words="Bad <gateway>"), 502, "<h1>Bad &lt;gateway&gt;</h1>"),
        (Fault("refuse", words="name is too odd"), 400, '"name is too odd"'),
        (Fault("expired_token"), 401, '"who are you"'),
        (Fault("missing_right"), 403, '"not you"'),
        (Fault("garbage"), 200, '{"success": true'),
        (Fault("empty"), 200, ""),
    ],
    ids=lambda given: given.kind if isinstance(given, Fault) else "",
)
def test_each_wrong_answer_comes_once_and_writes_nothing(
    running: RunningTwin, http: requests.Session, fault: Fault, status: int, body: str
) -> None:
    running.twin.misbehave(fault)
    answer = post(http, running)
    assert (answer.status_code, body in answer.text) == (status, True)
    assert running.twin.ledger == ()
    assert post(http, running).status_code == 201


def test_429_has_the_vendors_headers_and_those_of_the_fault(running: RunningTwin, http: requests.Session) -> None:
    running.twin.misbehave(Fault("status", status=429, headers={"X-More": "1"}))
    headers = post(http, running).headers
    assert (headers["Retry-After"], headers["X-More"]) == ("2", "1")


def test_garbage_is_not_json(running: RunningTwin, http: requests.Session) -> None:
    running.twin.misbehave(Fault("garbage"))
    with pytest.raises(requests.JSONDecodeError):
        post(http, running).json()


def test_a_lost_answer_is_a_write_without_an_answer(running: RunningTwin, http: requests.Session) -> None:
    post(http, running)
    running.twin.misbehave(Fault("lose_answer", "POST"))
    with pytest.raises(requests.ConnectionError):
        post(http, running)
    assert len(running.twin.ledger) == 2
    assert running.twin.requests[-1].status is None
    assert post(http, running).status_code == 201


def test_an_answer_can_be_wrong_after_the_write(running: RunningTwin, http: requests.Session) -> None:
    running.twin.misbehave(Fault("status", status=504, after_write=True))
    assert post(http, running).status_code == 504
    assert len(running.twin.ledger) == 1


def test_a_late_answer_is_the_right_one(running: RunningTwin, http: requests.Session) -> None:
    running.twin.misbehave(Fault("late", seconds=0.15))
    began = time.perf_counter()
    assert post(http, running).status_code == 201
    assert time.perf_counter() - began >= 0.15


def test_waiting_holds_up_nobody_else(running: RunningTwin) -> None:
    running.twin.misbehave(Fault("late", "POST", seconds=0.4))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(requests.post, f"{running.url}/contacts", json={"name": "slow"}, timeout=5)
        time.sleep(0.05)
        began = time.perf_counter()
        requests.get(f"{running.url}/contacts", timeout=5)
        assert time.perf_counter() - began < 0.3
        assert slow.result().status_code == 201


@pytest.mark.parametrize(("after_write", "written"), [(False, 0), (True, 1)])
def test_a_hanging_request_times_out_and_does_not_hold_up_the_stop(after_write: bool, written: int) -> None:
    with serve(Notebook()) as running:
        running.twin.misbehave(Fault("hang", after_write=after_write))
        with pytest.raises(requests.Timeout):
            requests.post(f"{running.url}/contacts", json={"name": "x"}, timeout=0.2)
        assert len(running.twin.ledger) == written
        began = time.perf_counter()
    assert time.perf_counter() - began < 2


def test_faults_are_chosen_by_method_and_path_and_count(running: RunningTwin, http: requests.Session) -> None:
    running.twin.misbehave(Fault("status", "POST", "^/contacts$", skip=1, times=2))
    statuses = [post(http, running).status_code for _ in range(4)]
    assert statuses == [201, 503, 503, 201]
    assert running.twin.faults == ()


def test_a_standing_fault_ends_when_told_to_behave(running: RunningTwin, http: requests.Session) -> None:
    running.twin.misbehave(Fault("status", "GET", times=None))
    assert [http.get(f"{running.url}/contacts", timeout=5).status_code for _ in range(3)] == [503] * 3
    running.twin.behave()
    assert http.get(f"{running.url}/contacts", timeout=5).status_code == 200


@pytest.mark.parametrize("wrong", [{"kind": "sulk"}, {"kind": "late", "seconds": "long"}, {"kind": "late", "path": "("}])
def test_a_fault_that_is_none_is_refused(running: RunningTwin, wrong: dict[str, str]) -> None:
    answer = requests.post(f"{running.url}/_twin/faults", json=wrong, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]


# ---- control pages


def test_faults_can_be_set_listed_and_taken_back_over_http(running: RunningTwin, http: requests.Session) -> None:
    control = f"{running.url}/_twin/faults"
    assert http.post(control, json=[{"kind": "refuse", "words": "no"}, {"kind": "empty"}], timeout=5).json() == {"armed": 2}
    assert [fault["kind"] for fault in http.get(control, timeout=5).json()] == ["refuse", "empty"]
    assert post(http, running).status_code == 400
    http.delete(control, timeout=5)
    assert post(http, running).status_code == 201


@pytest.mark.parametrize("body", ["{", '"late"', '{"kind": "late", "what": 1}', "{}"])
def test_nonsense_is_refused(running: RunningTwin, body: str) -> None:
    assert requests.post(f"{running.url}/_twin/faults", data=body, timeout=5).status_code == 400


def test_the_ledger_can_be_read_over_http(running: RunningTwin, http: requests.Session) -> None:
    post(http, running, "Олена")
    (write,) = http.get(f"{running.url}/_twin/ledger", timeout=5).json()
    assert (write["do"], write["kind"], write["fields"]) == ("create", "contact", {"name": "Олена"})
    assert http.get(f"{running.url}/_twin/requests", timeout=5).json()[0]["path"] == "/contacts"


def test_the_page_escapes_what_clients_wrote(running: RunningTwin, http: requests.Session) -> None:
    post(http, running, "<script>alert(1)</script>")
    page = http.get(f"{running.url}/_twin/", timeout=5).text
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Note &amp; book" in page


def test_control_pages_are_no_vendor_calls(running: RunningTwin, http: requests.Session) -> None:
    running.twin.misbehave(Fault("status", times=None))
    assert http.get(f"{running.url}/_twin", timeout=5).status_code == 200
    assert http.get(f"{running.url}/_twin/secrets", timeout=5).status_code == 404
    assert http.get(f"{running.url}/contacts/_twin/ledger", timeout=5).status_code == 503
    assert running.twin.count() == 1
    assert http.post(f"{running.url}/_twin/reset", timeout=5).status_code == 200
    assert running.twin.count() == 0


# ---- clock, lag, ids, windows


def test_search_shows_what_is_older_than_the_lag(clock: ManualClock) -> None:
    twin = Notebook(clock=clock, search_lag=timedelta(seconds=5))
    assert not twin.searchable(NOON)
    clock.advance(timedelta(seconds=5))
    assert twin.searchable(NOON)


def test_ids_are_the_same_in_every_run() -> None:
    one, two = Ids("a"), Ids("a")
    assert [one.number("x"), one.number("x"), one.number("y")] == [1, 2, 1]
    assert one.uuid("lead") == two.uuid("lead") != one.uuid("lead")
    assert len(one.hex("field")) == 40


def test_a_window_rolls(clock: ManualClock) -> None:
    window = Window(2, timedelta(seconds=2))
    assert window.take(clock())
    clock.advance(timedelta(seconds=1))
    assert window.take(clock())
    assert not window.take(clock())
    assert window.reset_in(clock()) == timedelta(seconds=1)
    clock.advance(timedelta(seconds=1))
    assert window.remaining(clock()) == 1
    assert Window(1, timedelta(seconds=2)).reset_in(clock()) == timedelta(0)


# ---- words


@pytest.mark.parametrize(
    ("text", "link"),
    [
        (
            '<p>Call, <a href="https://pbx.example/rec/5f2c.mp3?a=1&amp;b=2">listen</a></p>',
            "https://pbx.example/rec/5f2c.mp3?a=1&b=2",
        ),
        (
            "Landing https://shop.example/?utm=1\nRecording: https://app.example/recordings/1.ogg",
            "https://app.example/recordings/1.ogg",
        ),
        ('<a href="https://pbx.example/x1">listen</a>', "https://pbx.example/x1"),
        ("Landing https://shop.example/", None),
        ("nothing", None),
    ],
)
def test_the_recording_is_found_in_a_text(text: str, link: str | None) -> None:
    assert recording_in(text) == link


def test_html_becomes_plain_text() -> None:
    assert plain_text("<p>Missed &lt;call&gt;</p><p>Line: <b>1</b><br>Two</p>") == "Missed <call>\nLine: 1\nTwo"


def test_fields_by_name_become_neutral() -> None:
    named = {"utm_source": "google", "patchcord_utm_term": "x", "Patchcord_marker": "c1:lead", "Comment": "hi", "client_id": ""}
    assert neutral_fields(named) == {
        "attribution": {"utm_source": "google", "utm_term": "x"},
        "marker": "c1:lead",
        "fields": {"Comment": "hi"},
    }


def test_an_update_is_what_changed() -> None:
    before = {"owner": "1", "name": "a", "attribution": {"utm_source": "g"}}
    after = {"owner": "2", "name": "a", "attribution": {"utm_source": "g", "utm_term": "t"}}
    assert changed(before, after) == {"owner": "2", "attribution": {"utm_term": "t"}}
    assert changed(before, before) == {}


def test_small_words() -> None:
    assert digits("+380 (50) 123-45-67") == "380501234567"
    assert iso(datetime(2026, 9, 12, 15, 0, tzinfo=UTC)) == "2026-09-12T15:00:00Z"
    assert html_page(403, "a & b").get_data(as_text=True).count("a &amp; b") == 1
