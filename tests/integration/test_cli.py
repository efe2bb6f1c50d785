"""The command line from outside: over HTTP to the stand's AWS, as a person beside a running `make run` uses it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
import requests
from moto import mock_aws

from cli.connection import TABLES, Target, connected, names_of
from cli.failures import Exit, Failure
from patchcord.store.port import CallKey
from sandbox.__main__ import ROOT, Options, Stand, standing
from tests.integration.demo import after_call

CLIENT, CALL = "+380671230001", "ua1_-1772704800.77"
SECRET = "secret-of-the-stand-0123456789"


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    """A stand without its day, and one answered call of a new client, carried out."""
    with standing(Options(secret=SECRET)) as made:
        today = datetime.now(UTC)
        told = {"dst": "+380442220010", "connected_with": "demo_anna", "calldate": f"{today:%Y-%m-%d %H:%M:%S}"}
        body = after_call(CALL, CLIENT) | told
        answer = requests.post(f"{made.demo.hooks(made.url)}ringostat/in/after", json=body, timeout=20)
        assert answer.json()["status"] == "done", answer.text
        yield made


def patchcord(stand: Stand, *arguments: str) -> tuple[int, Any, str]:
    """The command in a process of its own, with nothing of this one's environment that names the product."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PATCHCORD_", "POWERTOOLS_"))}
    run = subprocess.run(
        [str(ROOT / "bin/patchcord"), *arguments, "--stand", stand.aws, "--json"],
        capture_output=True, text=True, check=False, cwd="/", env=kept, timeout=60,
    )  # fmt: skip
    return run.returncode, json.loads(run.stdout) if run.stdout else None, run.stderr


def test_a_call_from_the_journal_to_its_erasure(stand: Stand) -> None:
    code, calls, said = patchcord(stand, "calls")
    assert (code, said) == (0, "")
    assert [(it["call"], it["situation"], it["status"]) for it in calls] == [(f"ringostat:{CALL}", "in_answered_new", "done")]

    code, told, _ = patchcord(stand, "explain", CALL)
    assert code == 0 and told["effects"] and all(it["state"] == "done" for it in told["effects"])

    written = len(stand.demo.twin.ledger)
    code, tried, _ = patchcord(stand, "dry-run", str(ROOT / "events/incoming_call.json"))
    assert code == 0 and "create lead" in {it["what"] for it in tried["effects"]}

    code, matched, _ = patchcord(stand, "employees", "match")
    assert code == 1 and [it["employee"] for it in matched["employees"] if it["state"] == "unmatched"] == ["nora"]

    code, saved, _ = patchcord(stand, "project", "set", "tasks.deadline", "PT5H")
    assert code == 0 and saved["version"] == 2

    code, hooks, _ = patchcord(stand, "webhooks", "--secret", SECRET, "--base", stand.url)
    assert code == 0 and f"{stand.demo.hooks(stand.url)}ringostat/missed" in {it["url"] for it in hooks}

    code, erased, _ = patchcord(stand, "erase", CLIENT, "--yes")
    assert code == 0 and erased["calls"] == [f"ringostat:{CALL}"] and erased["in_crm"]
    assert patchcord(stand, "explain", CALL)[0] == 3
    assert len(stand.demo.twin.ledger) == written


def test_dead_letters_go_back_into_the_queue(stand: Stand) -> None:
    connection = connected(Target(stand=stand.aws))
    connection.queue.bury(json.dumps({"project": "demo", "provider": "ringostat", "call": "gone", "event": "end"}), "for a test")
    code, told, _ = patchcord(stand, "redrive")
    assert (code, told) == (0, {"moved": 1})


def test_the_deadlines_of_a_stack_are_watched_by_its_own_machine() -> None:
    outputs = [{"OutputKey": name, "OutputValue": "x"} for name in TEMPLATE["Outputs"]]
    parameters = [{"ParameterKey": "Stage", "ParameterValue": "prod"}]
    stack = {"StackId": "arn:aws-cn:cloudformation:cn-north-1:1234:stack/x/y", "Outputs": outputs, "Parameters": parameters}
    assert names_of(stack).deadlines == "arn:aws-cn:states:cn-north-1:1234:stateMachine:patchcord-prod-task-deadline"


def test_a_stand_that_is_not_there_is_exit_4() -> None:
    with pytest.raises(Failure) as refused:
        connected(Target(stand="http://127.0.0.1:9"))
    assert refused.value.code is Exit.UNREACHABLE


def test_where_the_product_is_must_be_said() -> None:
    with pytest.raises(Failure) as refused:
        connected(Target(), {})
    assert refused.value.code is Exit.USAGE and "PATCHCORD_PROJECTS_TABLE" in str(refused.value)
    with pytest.raises(Failure):
        connected(Target("patchcord-dev", "http://127.0.0.1:9"))


TEMPLATE: dict[str, Any] = {
    "Parameters": {"Stage": {"Type": "String"}},
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
    "Outputs": {
        **{f"{table}TableName": {"Value": f"patchcord-test-{table.lower()}"}
           for table in ("Projects", "Journal", "Clients", "Connections")},
        "RetryQueueUrl": {"Value": {"Ref": "Queue"}},
        "DeadLetterQueueUrl": {"Value": {"Ref": "Queue"}},
        "ApiUrl": {"Value": "https://abc.example"},
    },
}  # fmt: skip
"""The parameters and outputs of template.yaml, as far as the command line reads them."""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        yield


def test_a_deployed_stack_is_found_by_its_name(aws: None) -> None:
    from patchcord.store.dynamo import Tables, create_tables

    parameters: Any = [{"ParameterKey": "Stage", "ParameterValue": "test"}]
    boto3.client("cloudformation").create_stack(StackName="ours", TemplateBody=json.dumps(TEMPLATE), Parameters=parameters)
    create_tables(boto3.client("dynamodb"), Tables(*(f"patchcord-test-{table}" for table in TABLES)))
    connection = connected(Target("ours"))
    assert connection.base == "https://abc.example"
    assert connection.store.entry(CallKey("demo", "ringostat", "1")) is None
    connection.secrets.put("demo", "api_token", "t")
    assert (
        boto3.client("ssm").get_parameter(Name="/patchcord/test/demo/api_token", WithDecryption=True)["Parameter"]["Value"] == "t"
    )


def test_no_such_stack_and_a_foreign_one(aws: None) -> None:
    with pytest.raises(Failure) as refused:
        connected(Target("nothing"))
    assert refused.value.code is Exit.MISSING
    with pytest.raises(Failure) as foreign:
        names_of({"Outputs": []})
    assert foreign.value.code is Exit.MISSING


def test_the_template_has_what_the_command_line_reads() -> None:
    import yaml

    text = (ROOT / "template.yaml").read_text("utf-8")
    outputs = yaml.compose(text.split("\nOutputs:\n", 1)[1], Loader=yaml.BaseLoader)
    assert isinstance(outputs, yaml.MappingNode)
    assert {key.value for key, _ in outputs.value} >= TEMPLATE["Outputs"].keys()
    assert "PATCHCORD_PARAMETERS: !Sub /patchcord/${Stage}\n" in text
