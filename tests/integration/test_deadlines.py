"""Deadlines through the real handlers on virtual time: what is waited for, and what follows a task that is late (design 10)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest

from patchcord.service.claims import Claims
from patchcord.service.deadlines import MemoryDeadlines, NotStarted, Watch
from patchcord.service.edge import task_deadline
from patchcord.service.overdue import CrmNotNow, EscalationRefused, LookFailed
from patchcord.service.projects import save
from patchcord.store.port import CallKey
from sandbox.twins.base import Fault, ManualClock, Write, serve
from sandbox.twins.pipedrive import PipedriveTwin
from tests.executions import look, run, run_all, wait_until
from tests.harness import SECRET, START, Context, World, world
from tests.integration.demo import CLIENT, after_call, document, missed, outgoing

CALL = "ua1_-1772704800.1"
ENDED = datetime(2026, 3, 5, 10, 0, 30, tzinfo=UTC)
"""When the missed call ended: 30 seconds after 12:00 in Kyiv."""
FOR_ANNA = {"in_missed_existing": {"task": {"kind": "callback", "assignee": "anna"}}}
"""The responsible calls a known client back; a new client's callback is the senior manager's own."""

Stage = tuple[World, PipedriveTwin]


@contextmanager
def stage(known: bool = True, **settings: Any) -> Iterator[Stage]:
    """The product on a twin; of a known client Anna has an open lead."""
    clock = ManualClock(START)
    twin = PipedriveTwin(clock=clock)
    with serve(twin) as running:
        told = document(twin, running.url, rows=FOR_ANNA, **settings)
        if known:
            contact = twin.seed_contact(phone=CLIENT, name="Client", owner=told["employees"]["anna"]["crm_user"])
            twin.seed_lead(name="Lead", owner=told["employees"]["anna"]["crm_user"], contact=contact)
        with world(told, manual=clock) as product:
            yield product, twin


def watches(product: World) -> list[Watch]:
    return list(product.deadlines.started.values())


def the_watch(product: World) -> Watch:
    (found,) = watches(product)
    return found


def overdue_writes(twin: PipedriveTwin) -> list[Write]:
    """The tasks and notes beyond the callback itself, and changes of tasks."""
    return [write for write in twin.ledger if write.do in {"task", "note"} or (write.do, write.kind) == ("update", "task")][1:]


def states(product: World) -> dict[str, str]:
    entry = product.store.entry(CallKey("demo", "ringostat", CALL))
    assert entry is not None
    return {key: json.loads(text)["state"] for key, text in entry.effects.items()}


def user(product: World, name: str) -> str:
    project = product.service.projects.get("demo")
    assert project is not None
    return project.settings.employees[name].crm_user or ""


def give(product: World, task: str, name: str) -> None:
    """Somebody gives a task to somebody else, in the CRM."""
    project = product.service.projects.get("demo")
    assert project is not None
    product.service.projects.crm(project).assign_task(task, user(product, name))


# --- what is waited for ---


def test_an_open_task_is_waited_for_until_it_is_due() -> None:
    with stage() as (product, twin):
        answered = product.post("missed", missed())
        assert answered["status"] == "done"
        (task,) = twin.tasks()
        assert the_watch(product) == Watch(
            CallKey("demo", "ringostat", CALL), "task:callback", task["id"], ENDED + timedelta(hours=4)
        )


def test_the_execution_knows_no_number_no_name_and_no_secret() -> None:
    with stage() as (product, _):
        product.post("missed", missed())
        state = the_watch(product).tree()
        assert set(state) == {"project", "provider", "call", "effect", "task", "due_at", "round"}
        told = json.dumps(state) + the_watch(product).name
        assert not any(word in told for word in (CLIENT, CLIENT[1:], "Anna", "Shevchenko", SECRET))


@pytest.mark.parametrize(("hint", "payload"), [("in.after", after_call()), ("out.after", outgoing())])
def test_a_completed_task_is_not_waited_for(hint: str, payload: dict[str, Any]) -> None:
    with stage() as (product, twin):
        product.post(hint, payload)
        assert [task["completed"] for task in twin.tasks()] == [True]
        assert watches(product) == []


@pytest.mark.parametrize("close", [False, True])
def test_where_nothing_follows_nothing_is_started(close: bool) -> None:
    """An execution that can do nothing costs for nothing."""
    with stage(tasks={"on_overdue": "none", "close_when_reached": close}) as (product, twin):
        product.post("missed", missed())
        assert len(twin.tasks()) == 1
        assert watches(product) == []


def test_a_later_event_of_the_call_starts_nothing_more() -> None:
    started: list[Watch] = []

    class Counting(MemoryDeadlines):
        def start(self, watch: Watch) -> None:
            started.append(watch)

    clock = ManualClock(START)
    twin = PipedriveTwin(clock=clock)
    with serve(twin) as running, world(document(twin, running.url), manual=clock, deadlines=Counting()) as product:
        product.post("missed", missed())
        product.post("missed", missed())
        product.post("in.after", missed(recording="https://app.ringostat.com/recordings/1.ogg", has_recording="1"))
        product.keep_promises()
        assert len(started) == 1


def test_business_hours_and_holidays_count() -> None:
    """O-06, O-48: Thursday 12:00:30 in Kyiv, eight working hours, Friday is a day off: Monday at 11:00:30."""
    hours = {"days": "mon-fri", "from": "09:00", "to": "18:00", "holidays": ["2026-03-06"]}
    with stage(tasks={"deadline": "PT8H", "deadline_clock": "business"}, working_hours=hours) as (product, _):
        product.post("missed", missed())
        assert the_watch(product).tree()["due_at"] == "2026-03-09T09:00:30Z"


@pytest.mark.parametrize(
    ("due_at", "text"),
    [
        (datetime(2026, 3, 5, 14, 0, 30, tzinfo=UTC), "2026-03-05T14:00:30Z"),
        (datetime(2026, 3, 5, 14, 0, 30, 1, tzinfo=UTC), "2026-03-05T14:00:31Z"),
    ],
)
def test_nobody_looks_before_the_task_is_due(due_at: datetime, text: str) -> None:
    assert Watch(CallKey("p", "ringostat", "c"), "task:callback", "1", due_at).tree()["due_at"] == text


def test_if_the_wait_cannot_begin_the_promise_begins_it() -> None:
    class Failing(MemoryDeadlines):
        failures = 2

        def start(self, watch: Watch) -> None:
            if self.failures:
                self.failures -= 1
                raise NotStarted("ThrottlingException")
            super().start(watch)

    clock = ManualClock(START)
    twin = PipedriveTwin(clock=clock)
    with serve(twin) as running, world(document(twin, running.url), manual=clock, deadlines=Failing()) as product:
        answered = product.post("missed", missed())
        assert (answered["status_code"], answered["reason"]) == (202, "deadline_not_watched")
        product.keep_promises()
        assert len(watches(product)) == 1
        assert len(twin.writes("task")) == 1


def test_a_task_is_watched_although_something_else_of_the_call_cannot_be_written() -> None:
    """Boris took the call: Anna shall review it. Completing the callback waits for the CRM; the deadline runs."""
    with stage(tasks={"close_when_reached": True}) as (product, twin):
        product.post("missed", missed())
        twin.misbehave(Fault("status", method="PATCH", path="activities", status=503))
        assert product.post("in.after", after_call(call="ua1_-1772705400.5", who="boris"))["status_code"] == 202
        assert {watch.effect for watch in watches(product)} == {"task:callback", "task:review_call"}


def test_a_call_that_looks_again_does_not_meet_its_own_task() -> None:
    """O-08: what spares a second callback is one of an earlier call; else nobody would miss this one when it is late."""
    with stage(tasks={"dedupe_open_callback": True}) as (product, twin):
        product.post("missed", missed())
        twin.misbehave(Fault("status", method="PATCH", path="activities", status=404))
        product.post("in.after", missed(has_recording="1", recording="https://app.ringostat.com/recordings/1.ogg"))
        product.keep_promises()
        assert run_all(product) == [["remind_senior"]]


# --- what follows ---


def test_a_task_that_was_done_in_time_ends_it() -> None:
    with stage() as (product, twin):
        product.post("missed", missed())
        twin.finish_task(the_watch(product).task)
        assert run_all(product) == [["completed_or_gone"]]
        assert overdue_writes(twin) == []


def test_a_task_that_cannot_be_seen_yet_is_looked_at_again() -> None:
    """A deadline of seconds, and a CRM that shows new tasks a little later: it is not taken for deleted."""
    with stage(tasks={"deadline": "PT5S"}) as (product, twin):
        product.post("missed", missed())
        twin.misbehave(Fault("status", method="GET", path="activities", status=404))
        wait_until(product, the_watch(product).due_at.isoformat())
        with pytest.raises(CrmNotNow, match="not_visible_yet"):
            look(product, the_watch(product).tree())
        assert overdue_writes(twin) == []


def test_a_task_that_was_deleted_ends_it() -> None:
    with stage() as (product, twin):
        product.post("missed", missed())
        twin.remove("task", the_watch(product).task)
        assert run_all(product) == [["completed_or_gone"]]
        assert overdue_writes(twin) == []


def test_the_senior_manager_is_reminded_by_a_task_of_his_own() -> None:
    """The default: at the same record, due after as long again, naming who is late and until when."""
    with stage() as (product, twin):
        product.post("missed", missed())
        assert run_all(product) == [["remind_senior"]]
        callback, reminder = twin.tasks()
        assert (reminder["assignee"], reminder["completed"]) == (user(product, "olena"), False)
        assert reminder["title"] == f"Overdue: {callback['title']}"
        assert "Not done by 05.03.2026 16:00" in reminder["text"]
        assert "Anna Shevchenko" in reminder["text"]
        assert reminder["targets"] == callback["targets"]
        assert reminder["due_at"] == "2026-03-05T18:00:00Z"  # four hours later, as far as Pipedrive's minutes can say
        assert states(product)["overdue:task:callback:1"] == "done"


@pytest.mark.parametrize(
    ("language", "title"), [("uk", "Прострочено: "), ("ru", "Просрочено: "), ("pl", "Po terminie: "), ("en", "Overdue: ")]
)
def test_the_reminder_speaks_the_projects_language(language: str, title: str) -> None:
    with stage(integration={"enabled": True, "language": language}) as (product, twin):
        product.post("missed", missed())
        run_all(product)
        assert twin.tasks()[1]["title"].startswith(title)


@pytest.mark.parametrize("action", ["remind_senior", "reassign", "note"])
def test_of_a_late_senior_manager_a_note_tells(action: str) -> None:
    """A new client's callback is the senior manager's; a second task would remind nobody but him."""
    with stage(known=False, tasks={"on_overdue": action}) as (product, twin):
        product.post("missed", missed())
        assert run_all(product) == [[action]]
        (note,) = overdue_writes(twin)
        assert note.do == "note"
        assert "Not done by 05.03.2026 16:00" in str(note.fields)
        assert len(twin.tasks()) == 1


def test_it_counts_with_whom_the_task_is_by_now() -> None:
    """Anna's task was given to the senior manager in the CRM: it is he who is late."""
    with stage() as (product, twin):
        product.post("missed", missed())
        twin.state.activities[int(the_watch(product).task)]["owner_id"] = int(user(product, "olena"))
        run_all(product)
        assert [write.do for write in overdue_writes(twin)] == ["note"]


def test_a_note_at_the_client_is_all_where_that_is_wanted() -> None:
    with stage(tasks={"on_overdue": "note"}) as (product, twin):
        product.post("missed", missed())
        assert run_all(product) == [["note"]]
        (note,) = overdue_writes(twin)
        assert note.do == "note"
        assert "Anna Shevchenko" in str(note.fields)


def test_a_task_is_handed_over_with_a_note() -> None:
    with stage(tasks={"on_overdue": "reassign"}) as (product, twin):
        product.post("missed", missed())
        assert run_all(product) == [["reassign"]]
        (callback,) = twin.tasks()
        assert callback["assignee"] == user(product, "olena")
        note, _ = overdue_writes(twin)
        assert "Handed over: Anna Shevchenko" in str(note.fields)


def test_a_task_that_somebody_took_back_is_handed_over_again() -> None:
    with stage(tasks={"on_overdue": "reassign", "overdue_repetitions": 2}) as (product, twin):
        product.post("missed", missed())
        state = the_watch(product).tree()
        wait_until(product, state["due_at"])
        again = look(product, state)
        give(product, twin.tasks()[0]["id"], "boris")
        assert run(product, again) == ["reassign"]
        (callback,) = twin.tasks()
        assert callback["assignee"] == user(product, "olena")
        assert "Handed over: Boris Shevchenko" in str(overdue_writes(twin)[-2].fields)


@pytest.mark.parametrize("nth", [0, 1], ids=["note", "task"])
def test_a_task_that_was_handed_over_although_the_answer_was_lost_is_not_the_senior_managers_fault(nth: int) -> None:
    with stage(tasks={"on_overdue": "reassign"}) as (product, twin):
        product.post("missed", missed())
        state = the_watch(product).tree()
        wait_until(product, state["due_at"])
        twin.misbehave(Fault("lose_answer", method="POST|PATCH|PUT", path="notes|activities", skip=nth))
        with pytest.raises(CrmNotNow):
            look(product, state)
        wait_until(product, "2026-03-05T20:00:00Z")
        assert run(product, state) == ["reassign"]
        assert twin.tasks()[0]["assignee"] == user(product, "olena")
        (note,) = (write for write in overdue_writes(twin) if write.do == "note")
        assert "Handed over: Anna Shevchenko" in str(note.fields)
        assert set(states(product).values()) == {"done"}


def test_it_is_repeated_as_often_and_as_late_as_the_project_says() -> None:
    with stage(tasks={"overdue_repetitions": 3, "overdue_every": "PT30M"}) as (product, twin):
        product.post("missed", missed())
        assert run_all(product) == [["remind_senior"] * 3]
        assert product.clock.now() >= ENDED + timedelta(hours=5)
        assert len(twin.tasks()) == 4
        assert {key for key in states(product) if key.startswith("overdue")} == {f"overdue:task:callback:{n}" for n in (1, 2, 3)}


def test_the_repetition_counts_business_hours_too() -> None:
    """Due on Thursday at 17:30 in Kyiv, again an hour of work later: on Friday at 9:30."""
    tasks = {"deadline": "PT5H29M30S", "deadline_clock": "business", "overdue_repetitions": 2, "overdue_every": "PT1H"}
    with stage(tasks=tasks, working_hours={"days": "mon-fri"}) as (product, _):
        product.post("missed", missed())
        state = the_watch(product).tree()
        wait_until(product, state["due_at"])
        again = look(product, state)
        assert (again["next"], again["round"], again["due_at"]) == ("again", 2, "2026-03-06T07:30:00Z")


def test_a_reminder_that_is_done_ends_the_repetitions() -> None:
    with stage(tasks={"overdue_repetitions": 3}) as (product, twin):
        product.post("missed", missed())
        state = the_watch(product).tree()
        wait_until(product, state["due_at"])
        again = look(product, state)
        twin.finish_task(twin.tasks()[1]["id"])
        assert run(product, again) == ["escalation_completed"]
        assert len(twin.tasks()) == 2


def test_the_senior_manager_to_whom_it_was_handed_over_may_be_late_as_well() -> None:
    with stage(tasks={"on_overdue": "reassign", "overdue_repetitions": 2}) as (product, twin):
        product.post("missed", missed())
        assert run_all(product) == [["reassign", "reassign"]]
        assert [write.do for write in overdue_writes(twin)] == ["note", "update", "note"]
        assert "Olena Shevchenko" in str(overdue_writes(twin)[2].fields)


def test_a_record_that_was_converted_since_is_not_written_to() -> None:
    """The lead is gone by the time the callback is late: the reminder belongs to what the client has now."""
    with stage() as (product, twin):
        product.post("missed", missed())
        (lead,) = twin.records("lead")
        callback = dict(twin.tasks()[0])
        twin.remove("lead", lead["id"])
        assert run_all(product) == [["remind_senior"]]
        reminder = twin.tasks()[-1]
        assert reminder["title"] == f"Overdue: {callback['title']}"
        assert reminder["targets"] != callback["targets"]
        assert states(product)["overdue:task:callback:1"] == "done"


def test_a_hidden_callers_task_has_no_record_for_a_note() -> None:
    with stage(known=False, hidden={"create_task": True}) as (product, twin):
        product.post("missed", missed(client="anonymous"))
        assert [task["targets"] for task in twin.tasks()] == [[]]
        assert run_all(product) == [["nobody_to_tell"]]


def changed(product: World, twin: PipedriveTwin, **settings: Any) -> None:
    """Save other settings, and let what was read before grow old."""
    body = json.loads(product.store.document("demo").body)  # type: ignore[union-attr]
    save(product.store, "demo", {**body, **settings}, "test", product.clock.now())


@pytest.mark.parametrize(
    ("settings", "outcome"),
    [
        ({"tasks": {"on_overdue": "none"}}, "switched_off"),
        ({"integration": {"enabled": False}}, "switched_off"),
        ({"rows": {"in_missed_existing": {"task": None}}}, "not_asked_for_any_more"),
    ],
)
def test_what_was_switched_off_meanwhile_is_not_done(settings: dict[str, Any], outcome: str) -> None:
    with stage() as (product, twin):
        product.post("missed", missed())
        changed(product, twin, **settings)
        assert run_all(product) == [[outcome]]
        assert overdue_writes(twin) == []


def test_a_call_that_nobody_knows_any_more_ends_it() -> None:
    with stage() as (product, _):
        state = {"project": "demo", "provider": "ringostat", "call": "long-ago", "effect": "task:callback", "task": "1"}
        assert run(product, {**state, "due_at": "2026-03-05T10:00:00Z", "round": 1}) == ["not_in_journal"]
        assert run(product, {**state, "project": "nobody", "due_at": "2026-03-05T10:00:00Z", "round": 1}) == ["no_project"]


# --- what stands in the way ---


def test_a_crm_that_is_down_is_asked_again() -> None:
    with stage() as (product, twin):
        product.post("missed", missed())
        twin.misbehave(Fault("status", method="GET", path="activities", status=503, times=3))
        assert run_all(product) == [["remind_senior"]]
        assert len(twin.tasks()) == 2


def test_an_answer_that_was_lost_is_looked_for() -> None:
    with stage() as (product, twin):
        product.post("missed", missed())
        twin.misbehave(Fault("lose_answer", method="POST", path="activities"))
        assert run_all(product) == [["remind_senior"]]
        assert len(twin.tasks()) == 2


def test_a_note_whose_answer_was_lost_is_looked_for() -> None:
    with stage(tasks={"on_overdue": "note"}) as (product, twin):
        product.post("missed", missed())
        twin.misbehave(Fault("lose_answer", method="POST", path="notes"))
        assert run_all(product) == [["note"]]
        assert [write.do for write in overdue_writes(twin)] == ["note"]


def test_a_look_that_is_repeated_writes_nothing_twice() -> None:
    """The function's answer was lost on its way to the state machine."""
    with stage(tasks={"on_overdue": "reassign"}) as (product, twin):
        product.post("missed", missed())
        state = the_watch(product).tree()
        wait_until(product, state["due_at"])
        assert look(product, state) == look(product, state)
        assert [write.do for write in overdue_writes(twin)] == ["note", "update"]


def test_two_looks_at_the_same_time_do_not_both_write() -> None:
    with stage() as (product, _):
        product.post("missed", missed())
        watch = the_watch(product)
        wait_until(product, watch.tree()["due_at"])
        project = product.service.projects.get("demo")
        assert project is not None
        claims = Claims(product.store, product.clock)
        claim = claims.take(project, CLIENT, watch.key)
        with pytest.raises(CrmNotNow, match="client_busy"):
            look(product, watch.tree())
        claims.give_back(claim, watch.key, {})
        assert run_all(product) == [["remind_senior"]]


def test_a_look_that_stood_still_writes_nothing_more() -> None:
    """By then another worker has looked for what it had written, found nothing, and written the reminder itself."""
    with stage() as (product, twin), pytest.MonkeyPatch.context() as patch:
        product.post("missed", missed())
        watch = the_watch(product)
        wait_until(product, watch.tree()["due_at"])
        project, begin = product.service.projects.get("demo"), product.store.begin
        assert project is not None
        http = product.service.projects.crm(project).http
        http.deadline = None  # as in a container of its own

        def begin_and_stand_still(*how: Any) -> Any:
            begun = begin(*how)
            http.clock = lambda: monotonic() + 61
            return begun

        patch.setattr(product.store, "begin", begin_and_stand_still)
        with pytest.raises(CrmNotNow):
            look(product, watch.tree())
        assert overdue_writes(twin) == []


def test_a_refused_escalation_fails_visibly_and_is_not_tried_again() -> None:
    with stage() as (product, twin):
        product.post("missed", missed())
        twin.misbehave(Fault("refuse", method="POST", path="activities", words=f"no task for {CLIENT}", times=None))
        state = the_watch(product).tree()
        assert run(product, state) == ["EscalationRefused"]
        assert states(product)["overdue:task:callback:1"] == "failed"
        requests = len(twin.requests)
        with pytest.raises(EscalationRefused) as refused:
            look(product, state)
        assert CLIENT not in str(refused.value)
        assert twin.count("POST", "activities") and len(twin.requests) == requests + 1  # only the task was read


def test_a_connection_that_is_shut_off_alarms_once_and_is_tried_for_hours() -> None:
    with stage() as (product, twin):
        product.post("missed", missed())
        twin.replace_api_token("another")
        assert run(product, the_watch(product).tree()) == ["CrmNotNow"]
        assert product.clock.now() > ENDED + timedelta(hours=10)
        assert product.log.getvalue().count("CRM connection shut off") == 1


def test_with_too_little_time_left_nothing_is_begun() -> None:
    with stage() as (product, twin):
        product.post("missed", missed())
        state = the_watch(product).tree()
        before = len(twin.requests)
        with pytest.raises(CrmNotNow, match="out_of_time"):
            look(product, state, seconds=3)
        assert len(twin.requests) == before


def test_what_nobody_foresaw_says_nothing_of_the_client() -> None:
    """An error's text stands in the execution's history, where everybody can read it who sees the machine."""

    class Broken:
        def __init__(self, product: World) -> None:
            self.observer = product.service.observer

        def look(self, watch: Watch, deadline: Any) -> Any:
            raise KeyError(CLIENT)

    with stage() as (product, _):
        product.post("missed", missed())
        broken: Any = Broken(product)
        with pytest.raises(LookFailed, match=r"^KeyError$"):
            task_deadline(broken, the_watch(product).tree(), Context())


def test_neither_numbers_nor_names_are_logged() -> None:
    with stage(tasks={"on_overdue": "reassign", "overdue_repetitions": 2}) as (product, _):
        product.post("missed", missed())
        run_all(product)
        logged = product.log.getvalue()
        assert "deadline looked at" in logged
        assert not any(word in logged for word in (CLIENT, CLIENT[1:], "Shevchenko"))


def test_the_next_call_of_the_client_is_not_held_up_by_a_look_that_died() -> None:
    """An escalation that was intended and has no result is nothing that a decision for the client waits for."""
    with stage() as (product, twin):
        product.post("missed", missed())
        twin.misbehave(Fault("status", method="POST", path="activities", status=503))
        state = the_watch(product).tree()
        wait_until(product, state["due_at"])
        with pytest.raises(CrmNotNow):
            look(product, state)
        assert states(product)["overdue:task:callback:1"] == "intended"
        product.clock.skip(60)
        recorded = missed(has_recording="1", recording="https://app.ringostat.com/recordings/1.ogg", voicemail="1")
        assert product.post("in.after", recorded)["status_code"] == 200
        assert states(product)["overdue:task:callback:1"] == "intended"
        assert product.post("in.after", after_call(call="ua1_-1772719300.1"))["status"] == "done"
        assert run(product, state) == ["remind_senior"]


# --- closing the task when the client was reached ---


def reached(product: World, hint: str, payload: dict[str, Any]) -> dict[str, Any]:
    product.clock.skip(600)
    return product.post(hint, payload)


@pytest.mark.parametrize(
    ("hint", "payload"),
    [
        ("out.after", outgoing()),
        ("in.after", after_call(call="ua1_-1772705400.5", who="boris")),
        ("in.after", after_call(call="ua1_-1772705400.6", who="nobody_we_know")),
    ],
    ids=["called back", "called again", "whoever took it"],
)
def test_a_talk_completes_the_callback_and_ends_the_wait(hint: str, payload: dict[str, Any]) -> None:
    with stage(tasks={"close_when_reached": True}) as (product, twin):
        product.post("missed", missed())
        callback = the_watch(product)
        answered = reached(product, hint, payload)
        assert answered["status"] == "done"
        assert "close:callback" in {effect["key"] for effect in answered["effects"]}
        assert {task["id"]: task["completed"] for task in twin.tasks()}[callback.task] is True
        assert run(product, callback.tree()) == ["completed_or_gone"]


def test_by_default_a_talk_leaves_the_callback_to_its_owner() -> None:
    with stage() as (product, twin):
        product.post("missed", missed())
        reached(product, "out.after", outgoing())
        assert {task["id"]: task["completed"] for task in twin.tasks()}[the_watch(product).task] is False
        assert twin.writes("complete_task") == []


@pytest.mark.parametrize(
    ("hint", "payload"),
    [
        ("out.after", outgoing(disposition="NO ANSWER", billsec="0")),
        ("missed", missed(call="ua1_-1772705400.7")),
        ("out.before", {k: v for k, v in outgoing().items() if k not in {"disposition", "billsec", "duration", "waittime"}}),
    ],
    ids=["not reached", "missed again", "still ringing"],
)
def test_only_a_talk_that_has_ended_completes_it(hint: str, payload: dict[str, Any]) -> None:
    with stage(tasks={"close_when_reached": True}) as (product, twin):
        product.post("missed", missed())
        reached(product, hint, payload)
        assert twin.writes("complete_task") == []


def test_a_callback_that_is_done_already_is_left_alone() -> None:
    with stage(tasks={"close_when_reached": True}) as (product, twin):
        product.post("missed", missed())
        twin.finish_task(the_watch(product).task)
        answered = reached(product, "out.after", outgoing())
        assert "close:callback" not in {effect["key"] for effect in answered["effects"]}


def test_a_completed_callback_is_not_asked_about_again() -> None:
    with stage(tasks={"close_when_reached": True}) as (product, twin):
        product.post("missed", missed())
        reached(product, "out.after", outgoing())
        asked = twin.count("GET", f"activities/{the_watch(product).task}")
        reached(product, "out.after", outgoing(call="ua1_-1772706000.9"))
        assert twin.count("GET", f"activities/{the_watch(product).task}") == asked
        assert len(twin.writes("complete_task")) == 1


def test_the_callback_is_known_from_the_first_ring_to_the_end() -> None:
    """The client is looked at once a call, when it is answered; the task is completed when the call has ended."""
    rows = {**FOR_ANNA, "in_answered_new": {"at": "answer"}}
    clock = ManualClock(START)
    twin = PipedriveTwin(clock=clock)
    with serve(twin) as running:
        told = document(twin, running.url, rows=rows, tasks={"close_when_reached": True})
        with world(told, manual=clock) as product:
            product.post("missed", missed())
            product.clock.skip(600)
            call = "ua1_-1772705400.5"
            product.post("in.answer", {k: v for k, v in after_call(call=call).items() if k not in {"disposition", "billsec"}})
            assert twin.writes("complete_task") == []
            product.post("in.after", after_call(call=call))
            assert len(twin.writes("complete_task")) == 1


def test_a_callback_deleted_while_it_is_completed_is_no_failure() -> None:
    with stage(tasks={"close_when_reached": True}) as (product, twin):
        product.post("missed", missed())
        twin.misbehave(Fault("status", method="PATCH", path="activities", status=404))
        assert reached(product, "out.after", outgoing())["status"] == "done"


def test_completing_is_journalled_and_repeated_after_an_outage() -> None:
    with stage(tasks={"close_when_reached": True}) as (product, twin):
        product.post("missed", missed())
        twin.misbehave(Fault("status", method="PATCH", path="activities", status=503))
        assert reached(product, "out.after", outgoing())["status_code"] == 202
        product.keep_promises()
        assert len(twin.writes("complete_task")) == 1
