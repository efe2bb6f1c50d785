"""The stand's parts: what it reads of a template, how it calls functions, what it does with queues, logs and the environment."""

from __future__ import annotations

import io
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from textwrap import dedent
from typing import Any

import boto3
import pytest
from moto import mock_aws
from werkzeug.test import Client, EnvironBuilder
from werkzeug.wrappers import Request, Response

from sandbox import aws
from sandbox.host import Context, Host, Logs, Poller, PortTaken, collected, payload, records, response_of, served, succeeded
from sandbox.template import (
    REGION,
    Function,
    Queue,
    Route,
    Schedule,
    Source,
    Stack,
    UnreadableTemplate,
    arn,
    load,
    parse,
    stack_of,
)

ROOT = Path(__file__).parents[2]
HOOK = Route("POST", "/v1/hooks/{project}/{secret}/in/{moment}")
FUNCTION = Function("Demo", "stage-demo", "functions/demo", "app.handler", 30, 512, {}, (HOOK,))


def request(method: str = "POST", path: str = "/v1", **how: Any) -> Request:
    return Request(EnvironBuilder(method=method, path=path, **how).get_environ())


# --- the template ---


@pytest.fixture(scope="module")
def stack() -> Stack:
    return load(ROOT / "template.yaml", {"EndpointUrl": "http://127.0.0.1:1", "Stage": "test"})


def test_environment_is_resolved(stack: Stack) -> None:
    environment = stack.environment
    assert environment["PATCHCORD_JOURNAL_TABLE"] == "patchcord-test-journal"
    assert environment["PATCHCORD_QUEUE_URL"] == aws.queue_url("patchcord-test-retry")
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert not [value for value in environment.values() if "${" in value]


def test_functions_have_what_globals_say(stack: Stack) -> None:
    incoming = next(function for function in stack.functions if function.id == "IncomingCall")
    assert (incoming.name, incoming.timeout, incoming.memory) == ("patchcord-test-incoming-call", 30, 512)
    assert {route.key for route in incoming.routes} == {
        f"{method} /v1/hooks/{{project}}/{{secret}}/ringostat/in/{{moment}}" for method in ("GET", "POST")
    }


def test_sources_name_their_queue(stack: Stack) -> None:
    retry = next(function for function in stack.functions if function.id == "Retry")
    assert retry.sources == (Source("patchcord-test-retry", 10, partial=True),)


def test_queues_and_tables(stack: Stack) -> None:
    retry = next(queue for queue in stack.queues if queue.redrive)
    assert retry.redrive is not None
    assert retry.redrive["deadLetterTargetArn"].endswith(":patchcord-test-dead-letter")
    assert retry.attributes["VisibilityTimeout"] == "180"
    journal = next(table for table in stack.tables if table.name == "patchcord-test-journal")
    assert journal.expires == "expires"
    assert journal.request["GlobalSecondaryIndexes"][0]["IndexName"] == "by_day"


def test_state_machines_have_their_definition_and_who_may_start_them(stack: Stack) -> None:
    (machine,) = stack.machines
    assert stack.environment["PATCHCORD_DEADLINES_ARN"] == arn("states", f"stateMachine:{machine.name}")
    states = json.loads(machine.definition(ROOT))["States"]
    function = next(function for function in stack.functions if function.id == "TaskDeadline")
    assert {state["Resource"] for state in states.values() if state["Type"] == "Task"} == {
        arn("lambda", f"function:{function.name}")
    }
    assert machine.role == "arn:aws:iam::123456789012:role/TaskDeadlineMachineRole"


def test_schedules_name_their_function(stack: Stack) -> None:
    function = next(function for function in stack.functions if function.id == "Reconcile")
    expected = Schedule("patchcord-test-reconcile", "rate(15 minutes)", arn("lambda", f"function:{function.name}"))
    assert stack.schedules == (expected,)


def test_a_rule_that_is_switched_off_calls_nobody() -> None:
    rule = {"ScheduleExpression": "rate(1 day)", "State": "DISABLED", "Targets": [{"Arn": "a"}]}
    assert stack_of({"Resources": {"R": {"Type": "AWS::Events::Rule", "Properties": rule}}}, {}).schedules == ()
    with pytest.raises(UnreadableTemplate, match="no schedule"):
        stack_of({"Resources": {"R": {"Type": "AWS::Events::Rule", "Properties": {"Targets": []}}}}, {})


def test_the_templates_own_functions() -> None:
    tree = parse(
        dedent("""
        Parameters: {Stage: {Type: String, Default: dev}}
        Conditions: {IsProd: !Equals [!Ref Stage, prod], IsNot: !Not [!Condition IsProd]}
        Resources:
          Q: {Type: "AWS::SQS::Queue", Properties: {QueueName: !Sub "q-${Stage}"}}
          F:
            Type: AWS::Serverless::Function
            Properties:
              CodeUri: f
              Handler: app.handler
              Environment:
                Variables:
                  URL: !Ref Q
                  ARN: !GetAtt Q.Arn
                  BOTH: !Sub "${Q.QueueName} ${AWS::Region} ${!Literal}"
                  SIZE: !If [IsProd, 9, 1]
                  NOT: !If [IsNot, yes, no]
        """)
    )
    (function,) = stack_of(tree, {"Stage": "prod"}).functions
    assert function.environment == {
        "URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/q-prod",
        "ARN": f"arn:aws:sqs:{REGION}:123456789012:q-prod",
        "BOTH": f"q-prod {REGION} ${{Literal}}",
        "SIZE": "9",
        "NOT": "False",
    }
    assert (function.timeout, function.memory) == (3, 128)


def function_tree(**properties: Any) -> dict[str, Any]:
    own = {"CodeUri": "f", "Handler": "app.handler", **properties}
    return {"Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": own}}}


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"Events": {"E": {"Type": "Kinesis", "Properties": {}}}}, "Kinesis"),
        ({"FunctionName": {"Fn::Cidr": []}}, "Fn::Cidr"),
        ({"FunctionName": {"Ref": "Nothing"}}, "Nothing"),
        ({"FunctionName": {"Fn::GetAtt": ["F", "Version"]}}, "F.Version"),
    ],
)
def test_what_the_stand_cannot_read_is_told(properties: dict[str, Any], words: str) -> None:
    with pytest.raises(UnreadableTemplate, match=words):
        stack_of(function_tree(**properties), {})


def test_no_template_is_told() -> None:
    with pytest.raises(UnreadableTemplate):
        parse("just: a file")


def test_functions_of_one_process_must_agree() -> None:
    first, second = (Function(id, id, "f", "app.handler", 3, 128, {"A": id}) for id in ("one", "two"))
    with pytest.raises(UnreadableTemplate, match="two wants another A"):
        _ = Stack((first, second), (), ()).environment


# --- payload format 2.0 ---


def test_payload_of_json() -> None:
    event = payload(request(json={"a": "ї"}, headers={"X-Mark": "1"}, query_string="e=1&e=2&x=%20"), HOOK, {"project": "demo"})
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", HOOK.key, "/v1")
    assert event["rawQueryString"] == "e=1&e=2&x=%20"
    assert event["queryStringParameters"] == {"e": "1,2", "x": " "}
    assert event["pathParameters"] == {"project": "demo"}
    assert event["headers"]["x-mark"] == "1"
    assert (json.loads(event["body"]), event["isBase64Encoded"]) == ({"a": "ї"}, False)
    http = event["requestContext"]["http"]
    assert (http["method"], http["path"]) == ("POST", "/v1")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"a=1"),
        ("application/octet-stream", b"\xff"),
        ("text/plain", b"\xff\xfe"),
        ("", b"x"),
    ],
)
def test_what_is_no_text_comes_in_base64(content_type: str, body: bytes) -> None:
    from base64 import b64decode

    event = payload(request(data=body, content_type=content_type), HOOK, {})
    assert event["isBase64Encoded"]
    assert b64decode(event["body"]) == body


def test_payload_leaves_out_what_is_not_there() -> None:
    event = payload(request("GET"), Route("GET", "/v1"), {})
    assert not {"body", "queryStringParameters", "pathParameters"} & set(event)


def test_answers() -> None:
    told = response_of({"statusCode": 202, "headers": {"X-A": "1"}, "body": "ok"})
    assert (told.status_code, told.headers["x-a"], told.get_data(as_text=True)) == (202, "1", "ok")
    assert response_of({"plain": 1}).get_json() == {"plain": 1}
    assert response_of({"statusCode": 200, "body": "/w==", "isBase64Encoded": True}).get_data() == b"\xff"


# --- the host ---

HANDLERS = """
    def handler(event, context):
        if "detail-type" in event:
            return {"event": event}
        if "Records" in event:
            bad = [it["messageId"] for it in event["Records"] if it["body"] == "bad"]
            if any(it["body"] == "crash" for it in event["Records"]):
                raise ValueError("crashed")
            return {"batchItemFailures": [{"itemIdentifier": id} for id in bad]}
        if event["pathParameters"]["moment"] == "crash":
            raise ValueError("crashed")
        return {"path": event["pathParameters"], "left": context.get_remaining_time_in_millis(), "name": context.function_name}
"""


def host_of(folder: Path, *functions: Function, pages: Any = None) -> Host:
    for function in functions:
        code = folder / function.code
        code.mkdir(parents=True)
        (code / "app.py").write_text(dedent(HANDLERS))
    return Host(Stack(functions, (), ()), folder, Logs(io.StringIO()), pages or {})


def test_routes_lead_to_their_function(tmp_path: Path) -> None:
    client = Client(host_of(tmp_path, FUNCTION))
    answer = client.post("/v1/hooks/demo/s%2Fx/in/after")
    assert answer.status_code == 404  # an encoded slash is a slash: one segment more
    told = client.post("/v1/hooks/demo/s%20x/in/after").get_json()
    assert told["path"] == {"project": "demo", "secret": "s x", "moment": "after"}
    assert told["name"] == "stage-demo"
    assert 29_000 < told["left"] <= 30_000


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/hooks/demo/s/in/after"), ("POST", "/v1/hooks/demo/s"), ("POST", "/")])
def test_what_has_no_route_is_not_found(tmp_path: Path, method: str, path: str) -> None:
    answer = Client(host_of(tmp_path, FUNCTION)).open(path, method=method)
    assert (answer.status_code, answer.get_json()) == (404, {"message": "Not Found"})


def test_an_exception_is_a_500_and_loud(tmp_path: Path) -> None:
    host = host_of(tmp_path, FUNCTION)
    answer = Client(host).post("/v1/hooks/demo/s/in/crash")
    assert (answer.status_code, answer.get_json()) == (500, {"message": "Internal Server Error"})
    assert host.failures == ["Demo"]
    assert "ValueError: crashed" in json.loads(host.logs.lines[-1])["trace"]


def test_pages_of_the_stand_come_first(tmp_path: Path) -> None:
    client = Client(host_of(tmp_path, FUNCTION, pages={"/_stand/x": lambda _: response_of({"page": True})}))
    assert client.get("/_stand/x").get_json() == {"page": True}


def test_modules_do_not_share_a_name(tmp_path: Path) -> None:
    other = Function("Other", "stage-other", "functions/other", "app.handler", 1, 128, {}, (Route("ANY", "/other/{moment}"),))
    client = Client(host_of(tmp_path, FUNCTION, other))
    assert client.put("/other/x").get_json()["name"] == "stage-other"
    assert client.post("/v1/hooks/a/b/in/c").get_json()["name"] == "stage-demo"


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)), served(lambda *_: [], "127.0.0.1", port):
            pass


def test_the_context_tells_the_time_left() -> None:
    context = Context("f", 128, time.monotonic() - 1)
    assert context.get_remaining_time_in_millis() == 0
    assert context.invoked_function_arn == f"arn:aws:lambda:{REGION}:123456789012:function:f"


# --- Invoke, and whoever asks for it ---


def test_a_function_is_invoked_by_its_name(tmp_path: Path) -> None:
    host = host_of(tmp_path, FUNCTION)
    for name in ("stage-demo", arn("lambda", "function:stage-demo")):
        answer, succeeded_ = host.invoked(name, batch("good"))
        assert (answer, succeeded_) == ({"batchItemFailures": []}, True)
    with pytest.raises(KeyError):
        host.invoked("nobody", {})
    assert host.failures == []


def test_an_invocation_that_fails_tells_the_class_of_the_error(tmp_path: Path) -> None:
    host = host_of(tmp_path, FUNCTION)
    answer, succeeded_ = host.invoked("stage-demo", {"Records": [{"messageId": "a", "body": "crash"}]})
    assert not succeeded_
    assert answer["errorType"] == "ValueError"
    assert host.failures == ["Demo"]


def test_a_schedule_calls_its_function(tmp_path: Path) -> None:
    host = host_of(tmp_path, FUNCTION)
    host.stack = Stack((FUNCTION,), (), (), (), (Schedule("daily", "rate(1 day)", arn("lambda", "function:stage-demo")),))
    (told,) = host.tick()
    assert told["event"]["detail-type"] == "Scheduled Event"
    assert told["event"]["resources"] == [arn("events", "rule/daily")]


def behind(environ: Any, start_response: Any) -> Any:
    return Response("moto")(environ, start_response)


def test_invoke_is_answered_in_front_of_moto() -> None:
    front = aws.Lambda(behind)
    client, path = Client(front), f"/2015-03-31/functions/{arn('lambda', 'function:f')}/invocations"
    assert client.post(path, data="{}").text == "moto"  # nobody is there yet
    front.invoked = lambda name, event: ({"name": name, **event}, True)
    answer = client.post(path.replace(":", "%3A"), data='{"a": 1}')
    assert (answer.status_code, answer.get_json()) == (200, {"name": arn("lambda", "function:f"), "a": 1})
    assert "x-amz-function-error" not in answer.headers
    assert client.post("/", data="{}").text == "moto"


def test_invoke_says_that_a_function_failed_and_that_there_is_none() -> None:
    front = aws.Lambda(behind)

    def invoked(name: str, event: dict[str, Any]) -> tuple[Any, bool]:
        if name != "f":
            raise KeyError(name)
        return {"errorType": "CrmNotNow", "errorMessage": "rate_limit"}, False

    front.invoked = invoked
    client = Client(front)
    failed = client.post("/2015-03-31/functions/f/invocations", data="{}")
    assert (failed.status_code, failed.headers["x-amz-function-error"]) == (200, "Unhandled")
    assert failed.get_json()["errorType"] == "CrmNotNow"
    unknown = client.post("/2015-03-31/functions/g/invocations", data="{}")
    assert (unknown.status_code, unknown.headers["x-amzn-errortype"]) == (404, "ResourceNotFoundException")


# --- queues ---


def batch(*ids: str) -> dict[str, Any]:
    return records([{"MessageId": id, "ReceiptHandle": f"r-{id}", "Body": "{}"} for id in ids], "q")


@pytest.mark.parametrize(
    ("answer", "partial", "left"),
    [
        (None, True, ["r-a", "r-b"]),
        ({}, True, ["r-a", "r-b"]),
        ({"batchItemFailures": []}, True, ["r-a", "r-b"]),
        ({"batchItemFailures": [{"itemIdentifier": "a"}]}, True, ["r-b"]),
        ({"batchItemFailures": [{"itemIdentifier": "a"}]}, False, ["r-a", "r-b"]),
        ({"batchItemFailures": [{"itemIdentifier": "x"}]}, True, []),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, True, []),
        ({"batchItemFailures": [{}]}, True, []),
    ],
)
def test_which_messages_are_done(answer: Any, partial: bool, left: list[str]) -> None:
    assert succeeded(batch("a", "b"), answer, partial=partial) == left


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        client = boto3.client("sqs")
        client.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "0"})
        yield client
        client.close()


@pytest.mark.parametrize(("sent", "kept"), [(("good", "bad"), ["bad"]), (("good", "crash"), ["crash", "good"])])
def test_a_batch_loses_only_what_succeeded(tmp_path: Path, sqs: Any, sent: tuple[str, ...], kept: list[str]) -> None:
    source = Source("q", 10, partial=True)
    host = host_of(tmp_path, FUNCTION)
    for body in sent:
        sqs.send_message(QueueUrl=aws.queue_url("q"), MessageBody=body)
    assert Poller(host, FUNCTION, source).poll()
    found = sqs.receive_message(QueueUrl=aws.queue_url("q"), MaxNumberOfMessages=10).get("Messages", [])
    assert sorted(message["Body"] for message in found) == kept
    assert host.failures == (["Demo"] if "crash" in sent else [])


def test_the_shape_of_a_record(sqs: Any) -> None:
    sqs.send_message(
        QueueUrl=aws.queue_url("q"), MessageBody="{}", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}}
    )
    received = sqs.receive_message(
        QueueUrl=aws.queue_url("q"), MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"]
    )
    (record,) = records(received["Messages"], "q")["Records"]
    assert record["eventSourceARN"] == f"arn:aws:sqs:{REGION}:123456789012:q"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"] == {"a": {"dataType": "String", "stringValue": "b"}}


def test_hurried_clients_wait_shorter(sqs: Any) -> None:
    asked: list[dict[str, Any]] = []
    with aws.hurried(60):
        client = boto3.client("sqs")
        client.meta.events.register("before-call.sqs.SendMessage", lambda params, **_: asked.append(json.loads(params["body"])))
        client.send_message(QueueUrl=aws.queue_url("q"), MessageBody="{}", DelaySeconds=90)
        client.send_message(QueueUrl=aws.queue_url("q"), MessageBody="{}")
        client.close()
    assert [request.get("DelaySeconds") for request in asked] == [2, None]


def test_the_stacks_queues_are_made(sqs: Any) -> None:
    redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:123456789012:dead", "maxReceiveCount": 8}
    aws.create(Stack((), (), (Queue("first", {"VisibilityTimeout": "5"}, redrive), Queue("dead", {}))))
    told = sqs.get_queue_attributes(QueueUrl=aws.queue_url("first"), AttributeNames=["All"])["Attributes"]
    assert (json.loads(told["RedrivePolicy"]), told["VisibilityTimeout"]) == (redrive, "5")
    assert aws.waiting(sqs, aws.queue_url("first")) == 0


# --- environment and logs ---


def test_nothing_of_the_shell_leads_to_a_real_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "https://elsewhere.example")
    before = dict(os.environ)
    with aws.environment({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}):
        assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_SQS", "AWS_SESSION_TOKEN"} & set(os.environ)
        assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
        assert "127.0.0.1" in os.environ["NO_PROXY"]
    assert dict(os.environ) == before


def test_lines_of_threads_do_not_mix() -> None:
    logs = Logs(io.StringIO())

    def write(word: str) -> None:
        for _ in range(200):
            print(word * 20, file=logs)

    threads = [threading.Thread(target=write, args=(word,)) for word in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(logs.lines)) == ["a" * 20, "b" * 20, "c" * 20]
    assert len(logs.lines) == 600


def test_what_is_printed_goes_into_the_log(tmp_path: Path) -> None:
    screen = io.StringIO()
    with redirect_stdout(screen), collected(tmp_path / "deep" / "stand.log") as logs:
        sys.stdout.write("to stdout\n")
        sys.stderr.write("to stderr\n")
    assert logs.lines == ("to stdout", "to stderr")
    assert (tmp_path / "deep" / "stand.log").read_text() == "to stdout\nto stderr\n"
    assert screen.getvalue() == ""
