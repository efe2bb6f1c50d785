"""The local stand: its day from the first webhook to the last promise, and what of it can be seen where."""

from __future__ import annotations

import io
import re
import shlex
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from requests import Response

from patchcord.model.phone import masked
from patchcord.model.vendors import VENDORS
from patchcord.telephony.port import HttpRequest, Reading
from patchcord.telephony.ringostat import read
from patchcord.telephony.ringostat.webhook_number import read_inquiry
from sandbox import demo, display
from sandbox.__main__ import LOG, ROOT, Options, Stand, played_day, run
from sandbox.office import FILES
from sandbox.player import mango_day
from sandbox.player.beside import Submission
from sandbox.player.beside_day import BESIDE, LOST
from sandbox.player.day import AD, DAY, scenes
from sandbox.player.delivery import Delivery, Person
from sandbox.player.mango import Account, MangoCall
from sandbox.player.outcome import Outcome
from sandbox.player.ringostat import ScriptedCall, Style, compose
from sandbox.player.routed import Routed, Routing
from sandbox.player.scene import REACHED, Expected, Scene, known, new_clients, rings
from sandbox.player.webhook_number import Asking, Question, question
from sandbox.twins.base import Seen, Write

WHOLE: tuple[Scene[Any], ...] = (*DAY, *BESIDE, *LOST)
DUE = 11
"""How many tasks Ringostat's day leaves behind in Pipedrive (tests/unit/test_script.py names them)."""
OVERDUE = "Overdue"
HOSTILE = "<script>alert(1)</script>"
LINK = re.compile(r"http://127\.0\.0\.1:\d+/v1/recordings/demo/[\w.-]+")
WIDTH = 140


def screen(width: int = WIDTH) -> tuple[display.Screen, io.StringIO]:
    output = io.StringIO()
    return display.Screen(file=output, width=width), output


# --- the day ---


@dataclass
class Day:
    """What the day has left behind, looked at while everything still ran."""

    ledger: tuple[Write, ...] = ()
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    requests: tuple[Seen, ...] = ()
    failures: list[str] = field(default_factory=list)
    log: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    tried: list[dict[str, Any]] = field(default_factory=list)
    page: str = ""
    journal: list[dict[str, Any]] = field(default_factory=list)
    links: dict[str, Response] = field(default_factory=dict)
    destination: str = ""
    beside: list[dict[str, Any]] = field(default_factory=list)
    callbacks: list[Any] = field(default_factory=list)

    def look(self, stand: Stand) -> None:
        twin, people = stand.demo.twin, stand.demo.people
        self.ledger, self.tasks, self.requests = twin.ledger, twin.tasks(), twin.requests
        self.records = {kind.value: twin.records(kind.value) for kind in demo.profile_kinds(stand.demo.vendor)}
        self.hidden = stand.demo.secrets
        self.names = (*(person.name for person in people), *stand.demo.client_names)
        self._try(stand) if stand.demo.office is None else self._try_mango(stand)
        self.page = requests.get(stand.addresses.journal, timeout=10).text
        self.journal = requests.get(f"{stand.addresses.journal}.json", timeout=10).json()
        self.failures, self.log = stand.host.failures, stand.logs.lines

    def _try(self, stand: Stand) -> None:
        """The commands that are printed, the first twice; and a call whose id is meant for the browser of whoever reads the
        journal."""
        _, _, _, parameters, address = shlex.split(stand.question)
        form = dict([parameters.split("=")])
        self.destination = requests.post(address, data=form, timeout=10).json()["destination"]
        hooks = stand.addresses.hooks
        for _ in range(2):
            self.tried.append(curled(stand.command))
        self.beside = [curled(command) for command in stand.beside]
        self.callbacks = [] if stand.demo.ringostat is None else list(stand.demo.ringostat.callbacks)
        call = {"uniqueid": HOSTILE, "caller_number": demo.BLOCKED, "dst": demo.MAIN_LINE, "disposition": "BUSY"}
        self.tried.append(requests.post(f"{hooks}ringostat/in/after", json=call, timeout=10).json())

    def _try_mango(self, stand: Stand) -> None:
        """The command that is printed, twice; and the links to recordings that stand in the CRM."""
        for _ in range(2):
            self.tried.append(signed_and_sent(stand.command))
        assert stand.demo.office is not None
        self.callbacks = [command.body for command in stand.demo.office.twin.ledger if command.path == "commands/callback"]
        for link in LINK.findall(repr(self.ledger)):
            self.links[link] = requests.get(link, timeout=10, allow_redirects=False)


def signed_and_sent(command: str) -> dict[str, Any]:
    """What the shell and curl do with the command."""
    arguments = subprocess.run(
        ["sh", "-c", f"""curl() {{ printf '%s\\n' "$@"; }}; {command}"""], capture_output=True, text=True, check=True, timeout=20
    ).stdout.splitlines()
    *flags, url = arguments
    pairs = (text.split("=", 1) for text in flags if "=" in text)
    answer: dict[str, Any] = requests.post(url, data=dict(pairs), timeout=10).json()
    return answer


def curled(command: str) -> dict[str, Any]:
    """What curl does with the command."""
    _, _, *flags, url = shlex.split(command)
    told = list(zip(flags[::2], flags[1::2], strict=True))
    headers = dict(value.split(": ") for flag, value in told if flag == "-H")
    (body,) = (value for flag, value in told if flag == "-d")
    answer: dict[str, Any] = requests.post(url, data=body, headers=headers, timeout=10).json()
    return answer


def test_a_whole_day() -> None:
    day = Day()
    console, output = screen()
    status = run(Options(once=True), console, day.look)
    shown = output.getvalue()
    assert status == 0, shown
    assert day.failures == []
    check_screen(shown, day)
    check_new_clients(day)
    check_known_clients(day)
    check_tasks(day)
    check_trouble(day)
    check_tried(day)
    check_routing(shown, day)
    check_beside(shown, day)
    check_evening(shown, day)
    check_journal(day)
    check_log(day)


def check_screen(shown: str, day: Day) -> None:
    events = sum(len(scene.expects) for scene in WHOLE) + DUE
    assert events >= 40
    assert f"{events} of {events} events ended as their script says" in shown
    assert "0 promises left, 0 dead letters" in shown
    for scene in WHOLE:
        assert scene.shows in shown
    assert_private(shown, day)


def of_client(records: list[dict[str, Any]], phone: str, place: str = "phone") -> list[dict[str, Any]]:
    return [record for record in records if record[place] == phone]


def check_new_clients(day: Day) -> None:
    """Each new client is one contact, one organisation, one lead, and carries the ad it came from."""
    clients = [phone for phone, _ in new_clients(WHOLE)]
    assert len(clients) >= 8
    for phone in clients:
        (contact,) = of_client(day.records["contact"], phone)
        assert len(of_client(day.records["organization"], phone, "name")) == 1
        (lead,) = of_client(day.records["lead"], contact["id"], "contact")
        assert lead["open"]
        if any(scene.call.client == phone and scene.call.visit == AD for scene in DAY):
            visit = {name: AD[name] for name in demo.VISIT_FIELDS}
            assert (contact["attribution"], lead["attribution"]) == (visit, visit)
    created = Counter(write.kind for write in day.ledger if write.do == "create")
    assert created == {"contact": len(clients), "organization": len(clients), "lead": len(clients) + 3}
    markers = [write.fields["marker"] for write in day.ledger if write.do in {"create", "task"}]
    assert None not in markers
    assert len(markers) == len(set(markers))


def check_known_clients(day: Day) -> None:
    """Nobody gets a second contact; an open lead is used, a closed or missing one is replaced."""
    leads = {demo.ANNAS_CLIENT: 1, demo.BORIS_CLIENT: 1, demo.CONTACT_ONLY: 1, demo.DEAL_CLIENT: 1, demo.ARCHIVED_CLIENT: 2}
    for phone, count in leads.items():
        (contact,) = of_client(day.records["contact"], phone)
        assert len(of_client(day.records["lead"], contact["id"], "contact")) == count
    phones = {contact["phone"] for contact in day.records["contact"]}
    assert not phones & {demo.BLOCKED, demo.SECOND_LINE, "+380501112203", "+380671112210", "+380671112212"}


def check_tasks(day: Day) -> None:
    """One open task for each missed call; one task in all for each effect that the script names."""
    missed = [scene.call.client for scene in DAY if any("task:callback" in expected.writes for expected in scene.expects)]
    callbacks = [task["title"] for task in day.tasks if not task["completed"] and task["title"].startswith("Call back")]
    reached = sum(REACHED in expected.writes for scene in DAY for expected in scene.expects)
    assert (len(missed), reached) == (7, 3)
    assert len(callbacks) == len(set(callbacks)) == len(missed) - reached
    assert set(callbacks) <= {f"Call back {client}" for client in missed}
    named = [write for scene in WHOLE for expected in scene.expects for write in expected.writes]
    reminders = [task for task in day.tasks if task["title"].startswith(OVERDUE)]
    assert len(day.tasks) - len(reminders) == sum(write == "log" or write.startswith("task:") for write in named)
    assert all(task["due_at"] for task in day.tasks if not task["completed"])


def check_trouble(day: Day) -> None:
    """The CRM did say 429 once and did lose one answer."""
    assert Counter(seen.status for seen in day.requests)[429] == 1
    assert [seen.path for seen in day.requests if seen.status is None] == ["/api/v2/organizations"]


def check_tried(day: Day) -> None:
    first, again, hostile = day.tried
    assert (first["status"], first["situation"]) == ("done", "in_answered_new")
    assert (again["status"], again["reason"]) == ("duplicate", "repeated_delivery")
    assert (hostile["status"], hostile["reason"]) == ("ignored", "blocked_number")


def check_routing(shown: str, day: Day) -> None:
    """Who was rung stands on the screen, and for each call that was asked for in the journal."""
    asked = [scene.expects[0].routed for scene in DAY if scene.call.asks]
    routed = [answer for answer in asked if answer is not None]
    assert len(routed) == 8
    somebody = [answer for answer in routed if answer.direction]
    assert f"{len(somebody)} of {len(routed)} callers to somebody, slowest " in shown
    told = [answer for call in reversed(day.journal) for answer in call["routing"]]
    assert sorted((answer["source"], answer["reason"]) for answer in told[:-1]) == sorted((it.source, it.reason) for it in routed)
    assert [answer["ms"] >= 2000 for answer in told if "late" in answer] == [True]
    assert (day.destination, told[-1]["route"], told[-1]["source"]) == ("demo_anna", "anna", "stickiness")
    assert "anna (by_crm, found, " in day.page


def check_beside(shown: str, day: Day) -> None:
    """A form, a dispatch and a click come to what the script says; the commands that are printed work, too."""
    assert "forms       3: 2 of people, 1 of a robot" in shown
    assert "messenger   2 clients sent to the CRM: 1 new, 1 whom it knew" in shown
    assert "caught up   1 event missing among " in shown
    form, click = day.beside
    assert form == {"status": "accepted"}
    assert (click["status"], click["order"]) == ("dialling", ["client", "sip:demo_boris"])
    asked = [(f"+{call['caller']}", call["callee"]) for call in day.callbacks]
    assert asked == [(demo.ANNAS_CLIENT, "demo_anna"), (demo.BORIS_CLIENT, "demo_boris")]
    robots = [scene.call.client for scene in BESIDE if isinstance(scene.call, Submission) and scene.call.robot]
    assert not {contact["phone"] for contact in day.records["contact"]} & set(robots)
    calls = {call["call"]: call for call in day.journal}
    assert calls["form:callback:try-1"]["situation"] == "form_new"
    (trapped,) = (call for name, call in calls.items() if name.startswith("spam:"))
    assert (trapped["reason"], trapped["effects"]) == ("honeypot", [])


def check_evening(shown: str, day: Day) -> None:
    """Each open task was looked at once: a task for the senior manager, or a note where it is she who is late."""
    written = [effect for call in day.journal for effect in call["effects"] if effect["key"].startswith("overdue:")]
    tasks = [effect for effect in written if effect["what"] == "open task: overdue"]
    assert (len(written), len(tasks)) == (8, 1)
    (reminder,) = (task for task in day.tasks if task["title"].startswith(OVERDUE))
    assert (reminder["id"], reminder["completed"]) == (tasks[0]["id"], False)
    assert f"{DUE} tasks due: 3 done by then, of the others came 1 task for the senior manager and 7 notes" in shown


def check_journal(day: Day) -> None:
    calls = {call["call"]: call for call in day.journal}
    assert len(calls) == len(day.journal) == len([scene for scene in WHOLE if not scene.spoilt]) + 5
    assert calls["try-1"]["situation"] == "in_answered_new"
    assert calls["try-1"]["client"] == masked("+380631234567")
    assert [effect["key"] for effect in calls["try-1"]["effects"]] == ["organization", "contact", "lead", "log"]
    assert {state for call in day.journal for state in call["events"].values()} == {"carried out"}
    assert "&lt;script&gt;" in day.page
    assert HOSTILE not in day.page
    assert_private(day.page, day)


def check_log(day: Day) -> None:
    assert len(day.log) > sum(len(scene.expects) for scene in DAY)
    assert (ROOT / LOG).read_text("utf-8").splitlines() == list(day.log)
    for line in day.log:
        assert_private(line, day, people=True)


# --- the day with MANGO ---


@pytest.mark.skipif(not (shutil.which("sh") and shutil.which("openssl")), reason="the command to try needs a shell and openssl")
def test_a_whole_day_of_mango() -> None:
    day = Day()
    console, output = screen()
    status = run(Options(once=True, crm="megaplan", telephony="mango"), console, day.look)
    shown = output.getvalue()
    assert status == 0, shown
    assert day.failures == []
    for scene in (*mango_day.DAY, *mango_day.BESIDE, *mango_day.LOST):
        assert scene.shows in shown
    assert [asked["from"]["extension"] for asked in day.callbacks] == [demo.ANNA.extension]
    assert "caught up     1 event missing among 1 listed call" in shown
    assert "2 tasks due: 1 done by then, of the others came 1 task for the senior manager" in shown
    assert "0 promises left, 0 dead letters" in shown
    check_mango_clients(day)
    check_put_through(shown, day)
    check_mango_journal(day)
    check_recordings(day)
    assert_private(shown + day.page, day)
    for line in day.log:
        assert_private(line, day, people=True)


def check_mango_clients(day: Day) -> None:
    """Each client who called us is one contact, but for the one who got lost in the menu (telephony.md 3.9)."""
    contacts = Counter(contact["phone"] for contact in day.records["contact"])
    played = (*mango_day.DAY, *mango_day.LOST)
    calls = [scene.call for scene in played if isinstance(scene.call, MangoCall) and scene.spoilt is None]
    callers = {call.client for call in calls if call.way == "in" and not call.lost_in_menu}
    known = {demo.ANNAS_CLIENT, demo.BORIS_CLIENT, demo.CONTACT_ONLY, demo.DEAL_CLIENT, demo.ARCHIVED_CLIENT}
    assert len(callers - known) >= 12
    assert contacts == Counter((callers | known) - {None, demo.BLOCKED, demo.SECOND_LINE})
    markers = Counter(write.fields["marker"] for write in day.ledger if write.do in {"create", "log", "task"})
    assert set(markers.values()) == {1}


def check_mango_journal(day: Day) -> None:
    """Every call that was not spoilt is there, and everything that was heard of it is carried out. The command that is
    printed is accepted twice, and carried out once."""
    calls = {call["call"]: call for call in day.journal}
    heard = [scene for scene in mango_day.DAY if scene.spoilt is None and scene.call.id]
    assert len(heard) <= len(calls)
    assert {state for call in calls.values() if call["call"] != "try-1" for state in call["events"].values()} == {"carried out"}
    assert [(answer["status"], answer["reason"]) for answer in day.tried] == [("accepted", "events_may_follow")] * 2
    assert list(calls["try-1"]["events"]) == ["summary"]


def check_put_through(shown: str, day: Day) -> None:
    """The callers of this very moment were sent for or not, MANGO has told of each command, and Megaplan was asked once."""
    assert "2 of 3 callers to somebody" in shown
    told = [call for call in day.journal if call["routing"]]
    assert len(told) == len([scene for scene in mango_day.DAY if scene.live]) == 3
    ways = Counter(answer["source"] for call in told for answer in call["routing"])
    assert ways == {"by_crm": 1, "stickiness": 1, "nobody": 1}
    results = [key for call in told for key in call["events"] if key.startswith("result:route:")]
    commands = [key for call in told for key in call["events"] if key.startswith("command:route:")]
    assert len(results) == len(commands) == 2
    assert [key.split(":")[-1] for key in results] == [key.split(":")[-1] for key in commands]


def check_recordings(day: Day) -> None:
    """The links in the CRM are ours, and lead to where MANGO has the file for the moment."""
    assert len(day.links) == 2
    for answer in day.links.values():
        assert answer.status_code == 302
        assert answer.headers["location"].startswith(FILES)


def assert_private(text: str, day: Day, *, people: bool = False) -> None:
    """No number of anybody in any notation, no e-mail, no token, no secret; in logs no name either."""
    days: tuple[Scene[Any], ...] = (*WHOLE, *mango_day.DAY, *mango_day.LOST)
    numbers = {scene.call.client for scene in days} | {
        demo.MAIN_LINE,
        demo.SECOND_LINE,
        demo.BLOCKED,
        "+380631234567",
        "+380631234568",
    }
    for number in filter(None, numbers):
        for digits in (number.removeprefix("+"), number.removeprefix("+38"), number.removeprefix("+380")):
            assert digits not in text
    for secret in day.hidden:
        assert secret not in text
    assert "@" not in text
    if people:
        for name in (part for whole in day.names for part in whole.split()):
            assert not re.search(rf"\b{name}\b", text)


# --- the command ---


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(once=True, crm="nonsense"), "no twin of 'nonsense'"),
        (Options(once=True, telephony="nonsense"), "no player of 'nonsense'"),
    ],
)
def test_what_cannot_be_played_is_told(options: Options, words: str) -> None:
    console, output = screen()
    assert run(options, console) == 2
    assert words in output.getvalue()


def test_vendors_of_the_stand_are_the_products() -> None:
    assert set(demo.DEMOS) <= set(VENDORS)
    assert "pipedrive" in demo.vendors()


def test_no_call_lies_in_the_future() -> None:
    for hour in range(24):
        now = datetime(2026, 3, 3, hour, tzinfo=UTC)
        day = played_day(now)
        played = (*scenes(day), *mango_day.scenes(day, Account("key", "salt")))
        assert all(delivery.at < now for scene in played for delivery in scene.deliveries)
        assert now.date() - day <= timedelta(days=1)


def test_each_delivery_has_its_expectation() -> None:
    for scene in WHOLE:
        assert len(scene.deliveries) == len(scene.expects), scene.shows
    ids = [scene.call.id for scene in scenes(date(2026, 3, 29))]
    assert len(ids) == len(set(ids))


def test_a_narrow_screen_gets_a_list_and_differences_are_told() -> None:
    scene = DAY[0]
    outcome = Outcome(scene=scene, delivery=scene.deliveries[0], expected=scene.expects[0], http=500, status="refused")
    for width in (40, 80, display.WIDE, 200):
        console, output = screen(width)
        console.print(display.day([outcome], width))
        lines = output.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        assert "not as scripted: HTTP status is 500, not 200" in " ".join(output.getvalue().split())
    ending = display.Ending("Pipedrive", (), 1, 0, ("Retry",))
    first, failures, queues = display.differences([outcome], ending)
    assert "09:02:10 in/before" in first
    assert "Retry" in failures
    assert "1 promises" in queues
    assert not ending.clean


def test_what_the_evening_leaves_is_told() -> None:
    (lost,) = LOST
    found = Outcome(scene=lost, delivery=lost.deliveries[0], expected=lost.expects[0], http=200, status="done")
    run_ = {"status": "done", "listed": 5, "missing": 1}
    as_wanted = replace(found, situation="in_answered_new", expected=Expected(200, "done", "in_answered_new"))
    clean = display.Ending("Pipedrive", (), 0, 0, (), (run_,))
    assert clean.clean
    assert display.differences([as_wanted], clean) == []
    more, failed = replace(clean, runs=({**run_, "missing": 2},)), replace(clean, runs=({**run_, "status": "failed"},))
    assert display.differences([as_wanted], more) == ["catching up has taken in 2 events, but 1 were lost"]
    assert display.differences([as_wanted], failed)[0].startswith("catching up has ended as failed")
    waited = replace(clean, waited=3)
    assert not waited.clean
    assert display.differences([as_wanted], waited) == ["3 deadlines are waited for that no script knows"]


def test_whoever_is_rung_instead_of_the_scripted_one_is_told() -> None:
    scene = next(scene for scene in DAY if scene.call.asks)
    found = Routing("route:all", Routed("demo_boris", "stickiness", "found"), "boris", 12, ("S1-20",))
    boris, anna = rings("demo_boris", "stickiness"), rings("demo_anna")
    right = Outcome(scene=scene, delivery=scene.deliveries[0], expected=boris, http=200, status=boris.status, routing=found)
    assert right.problems == ()
    wrong = replace(right, expected=anna)
    assert wrong.problems == ("routed is demo_boris (stickiness, found), not demo_anna (by_crm, found)",)
    assert replace(wrong, routing=None).problems == ("routed is nothing, not demo_anna (by_crm, found)",)
    for width in (80, 200):
        console, output = screen(width)
        console.print(display.day([right], width))
        assert "boris is rung: demo_boris" in " ".join(output.getvalue().split())
        assert "12" in output.getvalue()


def test_a_second_look_into_the_crm_is_told() -> None:
    scene = next(scene for scene in DAY if scene.call.asks)
    wanted = known("in_answered_existing_by_responsible")
    answer = scene.deliveries[2]
    once = Outcome(scene=scene, delivery=answer, expected=wanted, http=200, status="done", situation=wanted.situation)
    assert once.problems == ()
    assert replace(once, requests=2).problems == ("requests to the CRM is 2, not nothing",)


# --- the composer ---

ANNA = Person("demo_anna", "331851", "Anna Koval", "101")
CALL = ScriptedCall(
    start=datetime(2026, 3, 2, 9, tzinfo=UTC), client="+380671112233", line="+380442220010", people=(ANNA,), talk=60, visit=AD
)


def events_of(call: ScriptedCall) -> Iterator[Any]:
    """What the product reads of each delivery of a call."""
    for delivery in compose(call):
        yield read(received(delivery), ".".join(delivery.path.split("/")[1:]), Reading("UA", "Europe/Kyiv"))


def received(delivery: Delivery) -> HttpRequest:
    late = delivery.at + timedelta(hours=1)
    return HttpRequest(delivery.method, late, delivery.query, delivery.headers, delivery.body)


@pytest.mark.parametrize("style", ["form", "get", "nested"])
@pytest.mark.parametrize("way", ["in", "out"])
def test_every_style_says_the_same(style: Style, way: Any) -> None:
    call = replace(CALL, way=way)
    assert list(events_of(replace(call, style=style))) == list(events_of(call))


def test_times_of_a_transfer_follow_each_other() -> None:
    boris = Person("demo_boris", "331852", "Boris Melnyk")
    events = list(events_of(replace(CALL, people=(ANNA, boris))))
    assert [event.key for event in events] == ["ring", "answer:sip:demo_anna", "answer:sip:demo_boris", "end+recording"]
    times = [event.at for event in events[1:]]  # a ring tells no time of its own
    assert times == sorted(times)


def test_paths_follow_the_way() -> None:
    assert [it.path for it in compose(replace(CALL, way="out"))] == ["ringostat/out/before", "ringostat/out/after"]
    steps = compose(replace(CALL, rung=(ANNA,), talk=0, steps=("before", "forward", "missed", "rated")))
    assert [it.path.removeprefix("ringostat/") for it in steps] == ["in/before", "in/forward", "missed", "in/rated"]


@pytest.mark.parametrize(
    ("asking", "answer", "direction"),
    [
        ("json", '{"destination": "demo_anna"}', "demo_anna"),
        ("json", '{"destination": ""}', ""),
        ("json", '{"goes_to": "demo_anna"}', 'unreadable: {"goes_to": "demo_anna"}'),
        ("json", "demo_anna", "unreadable: demo_anna"),
        ("get", "demo_anna", "demo_anna"),
        ("json_rpc", '{"jsonrpc": "2.0", "id": "call-1", "result": {"destination": "demo_anna"}}', "demo_anna"),
        ("json_rpc", '{"jsonrpc": "2.0", "id": "2", "result": {}}', 'unreadable: {"jsonrpc": "2.0", "id": "2", "result": {}}'),
        ("json_rpc", '{"destination": "demo_anna"}', 'unreadable: {"destination": "demo_anna"}'),
    ],
)
def test_an_answer_is_read_in_the_shape_that_was_asked_for(asking: Asking, answer: str, direction: str) -> None:
    asked = question(asking, "call-1", CALL.start, {"caller_number": "380671112233"})
    assert asked.direction(answer) == direction


@pytest.mark.parametrize("asking", ["json", "get", "json_rpc"])
def test_a_question_tells_who_calls_and_for_which_call(asking: Asking) -> None:
    asked, *rest = replace(CALL, asks=asking).deliveries()
    assert isinstance(asked, Question)
    inquiry = read_inquiry(received(asked), Reading("UA", "Europe/Kyiv"))
    assert (inquiry.client, inquiry.line, inquiry.call) == (CALL.client, CALL.line, CALL.id)
    assert inquiry.is_rpc is (asking == "json_rpc")
    assert rest == list(CALL.deliveries())


def test_the_player_knows_no_stand() -> None:
    """Tests of the product may compose calls of their own with it."""
    own = {"sandbox.player.delivery", "sandbox.player.webhook_number"}
    for code in (compose.__code__, question.__code__):
        source = Path(code.co_filename).read_text("utf-8")
        assert set(re.findall(r"^(?:from|import) ((?:sandbox|patchcord)\S*)", source, re.M)) <= own
