"""The bench's counting, its verdicts and its samples. Nothing here depends on time; `make bench` does that."""

from __future__ import annotations

import base64
import json

import pytest

from bench import __main__ as command
from bench import crm_requests, deciding, figures, round_trips, startup
from bench.cpu import package_of, recorded, replayed
from bench.figures import Figure, Measure
from bench.samples import EVENTS, row
from patchcord.model.timeline import fold
from patchcord.scenarios.decide import decide
from sandbox.twins import has_twin
from tests.golden.rows import settings_of

OK, BROKEN, SHOWN = Figure("a", "1", holds=True), Figure("b", "2", holds=False), Figure("c", "3")


class TestFigures:
    @pytest.mark.parametrize(("measured", "holds"), [(1.5, True), (1.51, False)])
    def test_a_cost_is_limited_by_its_floor(self, measured: float, holds: bool) -> None:
        figure = figures.times_floor("x", measured * 2, 2.0, "ms", 1.5)
        assert figure.ratio == pytest.approx(measured)
        assert figure.holds is holds

    @pytest.mark.parametrize(("measured", "holds"), [(8, True), (9, False)])
    def test_a_count_is_limited(self, measured: int, holds: bool) -> None:
        assert figures.counted("x", measured, 8).holds is holds

    def test_what_is_only_shown_has_no_verdict(self) -> None:
        shown = (figures.times_floor("x", 9.0, 1.0, "ms"), figures.counted("x", 9))
        assert [figure.holds for figure in shown] == [None, None]
        assert figures.all_hold(shown)

    def test_one_broken_limit_is_enough(self) -> None:
        assert figures.all_hold([OK, SHOWN])
        assert not figures.all_hold([OK, BROKEN, SHOWN])

    def test_the_table_has_every_figure_and_verdict(self) -> None:
        lines = figures.table({"first": [OK], "second": [BROKEN, SHOWN]}).splitlines()
        assert [line.split() for line in lines[2:]] == [
            ["first"],
            ["a", "1", "ok"],
            [],
            ["second"],
            ["b", "2", "FAILS"],
            ["c", "3"],
        ]

    def test_runs_take_turns(self) -> None:
        turns: list[str] = []

        def run(name: str) -> float:
            turns.append(name)
            return float(len(turns))

        taken = figures.interleaved(3, {"a": lambda: run("a"), "b": lambda: run("b")})
        assert turns == ["a", "b"] * 3
        assert taken == {"a": [1, 3, 5], "b": [2, 4, 6]}


class TestCommand:
    @pytest.fixture(autouse=True)
    def measures(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = {"good": Measure("good", "Good", lambda: [OK]), "bad": Measure("bad", "Bad", lambda: [BROKEN])}
        monkeypatch.setattr(command, "measures", lambda: found)

    @pytest.mark.parametrize(("arguments", "status"), [((), 1), (("bad",), 1), (("good",), 0)])
    def test_the_status_says_whether_all_limits_hold(
        self, arguments: tuple[str, ...], status: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert command.main(arguments) == status
        assert ("every limit holds" in capsys.readouterr().out) is (status == 0)

    def test_an_unknown_measure_is_refused(self) -> None:
        with pytest.raises(SystemExit):
            command.main(["nonsense"])


class TestSamples:
    def test_every_situation_of_the_mix_is_what_it_is_called(self) -> None:
        settings = settings_of(row(deciding.MIX[0]))
        calls = deciding.sample(settings, calls=1)
        decided = [decide(fold(call.events), call.client, settings).situation for call in calls]
        assert dict(zip(deciding.MIX, decided, strict=True)) == {
            "new, answered": "in_answered_new",
            "new, answered and transferred": "in_answered_new",
            "known, by other": "in_answered_existing_by_other",
            "new, missed": "in_missed_new",
            "known, missed": "in_missed_existing",
            "outgoing": "out_answered_existing_by_responsible",
            "outgoing, recording later": "out_answered_existing_by_responsible",
        }

    def test_calls_and_clients_differ(self) -> None:
        calls = deciding.sample(settings_of(row(deciding.MIX[0])), calls=2)
        assert len({call.events[0].call for call in calls}) == len(calls)
        assert len({call.client.phone for call in calls}) == len(calls)
        assert all(len(call.events) == len(call.bodies) for call in calls)


class TestRoundTrips:
    def test_each_request_is_counted_by_name(self) -> None:
        with round_trips.stand(row("new, missed")) as place:
            (operations,) = place.deliver(row("new, missed"))
        updates = ["UpdateItem"] * 2  # the claim, the event
        writes = ["UpdateItem", "TransactWriteItems", "TransactWriteItems"]  # the rate; intents
        assert list(operations) == [*updates, "SendMessage", *writes, "StartExecution", "TransactWriteItems"]

    def test_without_an_open_task_no_deadline_is_waited_for(self) -> None:
        with round_trips.stand(row("new, missed"), more={"tasks": {"on_overdue": "none"}}) as place:
            (operations,) = place.deliver(row("new, missed"))
        assert "StartExecution" not in operations
        assert all("StartExecution" not in one for one in _operations("outgoing"))

    @pytest.mark.parametrize("situation", ["new, answered", "new, missed", "known, by responsible", "known, missed", "outgoing"])
    def test_no_event_takes_more_than_its_limit(self, situation: str) -> None:
        assert max(round_trips.per_event(situation)) <= round_trips.MOST[situation]

    @pytest.mark.parametrize("situation", ["new, answered", round_trips.OWN_INDEX])
    def test_what_is_stored_makes_no_difference(self, situation: str) -> None:
        assert round_trips.per_event(situation, 1) == round_trips.per_event(situation, 30)

    def test_kept_promises_cost_one_request_a_batch(self) -> None:
        assert round_trips.promises_kept() == 1 / round_trips.BATCH

    def test_settings_are_read_again_by_one_request(self) -> None:
        assert round_trips.settings_again() == 1


def _operations(situation: str) -> list[tuple[str, ...]]:
    with round_trips.stand(row(situation)) as place:
        return place.deliver(row(situation))


class TestCrmRequests:
    @pytest.mark.parametrize("situation", crm_requests.SITUATIONS)
    def test_pipedrive_is_at_its_floor(self, situation: str) -> None:
        least = {"new, answered": 5, "new, missed": 5, "known, by other": 3, "blocked": 0}.get(
            situation, 2
        )  # crm_pipedrive.md 14
        assert crm_requests.count_of("pipedrive", situation) == crm_requests.Count(least, least)

    def test_every_vendor_with_a_twin_is_counted(self) -> None:
        assert "pipedrive" in crm_requests.vendors()
        assert all(has_twin(vendor) for vendor in crm_requests.vendors())

    def test_its_situations_are_known(self) -> None:
        assert set(crm_requests.SITUATIONS) <= set(EVENTS)


class TestCpu:
    @pytest.mark.parametrize("name", ["new, answered", "known, by responsible"])
    def test_a_repeated_event_takes_the_recorded_way(self, name: str) -> None:
        situation = recorded(name)
        with replayed(situation) as deliver:
            for number in range(2):
                deliver(number)
                assert situation.aws.asked == situation.aws.recorded
                assert situation.crm.asked == situation.crm.recorded

    @pytest.mark.parametrize(
        ("path", "package"),
        [
            ("/x/lib/python3.11/site-packages/botocore/hooks.py", "botocore"),
            ("/x/layers/patchcord/patchcord/service/perform.py", "patchcord.service"),
            ("/x/lib/python3.11/json/encoder.py", "standard library"),
            ("~", "built in"),
        ],
    )
    def test_files_belong_to_packages(self, path: str, package: str) -> None:
        assert package_of(path) == package


class TestStartup:
    def test_every_function_with_a_payload_is_invoked(self) -> None:
        assert {"incoming_call", "missed_call", "outgoing_call", "retry"} <= set(startup.functions())
        assert startup.payload_of("incoming_call") is not None

    @pytest.mark.parametrize("name", ["incoming_call", "missed_call", "outgoing_call"])
    def test_two_invocations_are_of_two_calls(self, name: str) -> None:
        payload = startup.payload_of(name)
        assert payload is not None
        bodies = [startup.another_call(payload, number)["body"] for number in (1, 2)]
        read = [base64.b64decode(body).decode() if payload["isBase64Encoded"] else body for body in bodies]
        assert read[0] != read[1] == read[0].replace("1772705520.0000001", "1772705520.0000002")

    def test_promises_are_of_another_call_too(self) -> None:
        payload = startup.payload_of("retry")
        assert payload is not None
        record = startup.another_call(payload, 7)["Records"][0]
        assert json.loads(record["body"])["call"] == "ua18_-1772705520.0000007"
