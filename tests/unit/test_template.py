"""What template.yaml promises: rights, encryption, the way of a promise, logs, alarms, and payloads that fit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from patchcord.service.deadlines import watch_of
from patchcord.service.wishes import wish_of

ROOT = Path(__file__).parents[2]
Tree = dict[str, Any]


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags: `!Sub x` becomes `{"Fn::Sub": "x"}`."""


def _tag(loader: Loader, suffix: str, node: yaml.Node) -> Tree:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", _tag)


@cache
def template() -> Tree:
    loaded: Tree = yaml.load((ROOT / "template.yaml").read_text("utf-8"), Loader)
    return loaded


def resources(kind: str) -> Tree:
    """The properties of all resources of a type, by logical id."""
    return {id: it.get("Properties", {}) for id, it in template()["Resources"].items() if it["Type"] == kind}


def functions() -> Tree:
    """The properties of the functions, with what Globals add."""
    common = template()["Globals"]["Function"]
    return {id: {**common, **own} for id, own in resources("AWS::Serverless::Function").items()}


def routes(function: str) -> set[str]:
    """`POST /path` of a function."""
    events = functions()[function].get("Events", {}).values()
    return {f"{it['Properties']['Method']} {it['Properties']['Path']}" for it in events if it["Type"] == "HttpApi"}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def arn(id: str) -> Tree:
    return {"Fn::GetAtt": [id, "Arn"]}


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def statements(role: str) -> Iterator[Tree]:
    """What a role may do: its own policies and the managed ones of this template."""
    properties = resources("AWS::IAM::Role")[role]
    documents = [policy["PolicyDocument"] for policy in properties["Policies"]]
    managed = resources("AWS::IAM::ManagedPolicy")
    documents += [managed[policy["Ref"]]["PolicyDocument"] for policy in properties.get("ManagedPolicyArns", ())]
    for document in documents:
        yield from document["Statement"]


def rights(function: str) -> set[tuple[str, str]]:
    """(action, resource) pairs of a function; resources as JSON."""
    return {
        (action, json.dumps(resource))
        for statement in statements(functions()[function]["Role"]["Fn::GetAtt"][0])
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


FUNCTIONS = sorted(functions())
READING = ["ClickToCall", "Recording", "SmartRouting", "TaskDeadline"]
"""Functions that carry out no event."""
PERFORMING = sorted(set(FUNCTIONS) - set(READING))
INTAKE = sorted(id for id in PERFORMING if routes(id))
TABLES = sorted(resources("AWS::DynamoDB::Table"))
EVENTS = sorted((ROOT / "events").glob("*.json"))


# --- functions ---


def test_every_function_has_its_own_role() -> None:
    roles = [properties["Role"]["Fn::GetAtt"] for properties in functions().values()]
    assert roles == [[f"{id}Role", "Arn"] for id in functions()]
    machines = [properties["Role"]["Fn::GetAtt"][0] for properties in resources("AWS::Serverless::StateMachine").values()]
    assert {role for role, _ in roles} | set(machines) == set(resources("AWS::IAM::Role"))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_code_stands_where_its_name_says(function: str) -> None:
    assert functions()[function]["CodeUri"] == f"functions/{snake(function)}"
    assert functions()[function]["Handler"] == "app.handler"


def test_every_handler_is_in_the_template() -> None:
    known = {properties["CodeUri"] for properties in functions().values()}
    assert {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("functions/*/app.py")} <= known


@pytest.mark.parametrize("function", FUNCTIONS)
def test_runtime_tracing_and_layer(function: str) -> None:
    properties = functions()[function]
    assert (properties["Runtime"], properties["Architectures"]) == ("python3.13", ["arm64"])
    assert properties["Tracing"] == "Active"
    assert properties["Layers"] == [{"Ref": "PatchcordLayer"}]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_logs_are_kept_for_a_while_and_written_by_their_function_only(function: str) -> None:
    group = functions()[function]["LoggingConfig"]["LogGroup"]["Ref"]
    assert group == f"{function}Logs"
    assert resources("AWS::Logs::LogGroup")[group]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    writes = [(action, resource) for action, resource in rights(function) if action.startswith("logs:")]
    assert sorted(writes) == [("logs:CreateLogStream", json.dumps(arn(group))), ("logs:PutLogEvents", json.dumps(arn(group)))]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_has_an_alarm_for_its_errors(function: str) -> None:
    alarms = [it for it in resources("AWS::CloudWatch::Alarm").values() if it["MetricName"] == "Errors"]
    assert [{"Name": "FunctionName", "Value": {"Ref": function}}] in [alarm["Dimensions"] for alarm in alarms]


def test_environment_says_where_everything_is() -> None:
    """`sam local` resolves parameters only, so a name must be the same text here and at its resource."""
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    tables = resources("AWS::DynamoDB::Table")
    for id, properties in tables.items():
        assert variables[f"PATCHCORD_{snake(id).upper().removesuffix('_TABLE')}_TABLE"] == properties["TableName"]
    queues = resources("AWS::SQS::Queue")
    for variable, queue in (("PATCHCORD_QUEUE_URL", "RetryQueue"), ("PATCHCORD_DEAD_LETTER_QUEUE_URL", "DeadLetterQueue")):
        url, name = variables[variable]["Fn::Sub"], queues[queue]["QueueName"]["Fn::Sub"]
        assert url == f"https://sqs.${{AWS::Region}}.${{AWS::URLSuffix}}/${{AWS::AccountId}}/{name}"
    assert variables["AWS_ENDPOINT_URL"] == {"Ref": "EndpointUrl"}
    assert template()["Parameters"]["EndpointUrl"]["Default"] == ""
    assert "Fn::If" not in json.dumps(variables)


def test_nothing_personal_is_logged_or_traced() -> None:
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    for name in ("LOGGER_LOG_EVENT", "TRACER_CAPTURE_RESPONSE", "TRACER_CAPTURE_ERROR"):
        assert variables[f"POWERTOOLS_{name}"] == "false"


# --- rights ---


@pytest.mark.parametrize("function", FUNCTIONS)
def test_rights_name_what_they_are_for(function: str) -> None:
    assert all("*" not in action for action, _ in rights(function))
    assert {action.split(":")[0] for action, resource in rights(function) if resource == '"*"'} == {"xray"}


@pytest.mark.parametrize("function", INTAKE)
def test_intake_cannot_take_promises_away(function: str) -> None:
    assert {action for action, _ in rights(function) if action.startswith("sqs:")} == {"sqs:SendMessage"}


def parameter(name: str) -> str:
    """A parameter below any project, as `rights` shows it."""
    prefix = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    return json.dumps({"Fn::Sub": f"{prefix}{variables['PATCHCORD_PARAMETERS']['Fn::Sub']}/{name}"})


@pytest.mark.parametrize("function", PERFORMING)
def test_only_grants_are_written_to_the_parameter_store(function: str) -> None:
    assert {(action, resource) for action, resource in rights(function) if action.startswith("ssm:")} == {
        ("ssm:GetParameter", parameter("*")),
        ("ssm:PutParameter", parameter("*/grant*")),
    }


def test_opening_a_recording_touches_neither_journal_nor_clients_nor_queues_nor_the_crms_secrets() -> None:
    secrets = ("client_key", "mango_key", "mango_salt", "ringostat_api_key")
    connections = json.dumps(arn("ConnectionsTable"))
    assert {(action, resource) for action, resource in rights("Recording") if not action.startswith(("logs:", "xray:"))} == {
        ("dynamodb:Query", json.dumps(arn("ProjectsTable"))),
        ("dynamodb:GetItem", connections),
        ("dynamodb:UpdateItem", connections),
        *(("ssm:GetParameter", parameter(f"*/{name}")) for name in secrets),
    }


def test_a_click_reaches_neither_clients_nor_queues_nor_the_crms_secrets() -> None:
    tables = {"ProjectsTable": ["Query"], "JournalTable": ["UpdateItem"]}
    tables["ConnectionsTable"] = ["GetItem", "UpdateItem", "DeleteItem"]
    used = {(f"dynamodb:{action}", json.dumps(arn(table))) for table, actions in tables.items() for action in actions}
    secrets = {("ssm:GetParameter", parameter(f"*/{n}")) for n in ("client_key", "mango_key", "mango_salt", "ringostat_api_key")}
    found = {(action, resource) for action, resource in rights("ClickToCall") if not action.startswith(("logs:", "xray:"))}
    assert found == used | secrets


def test_catching_up_comes_every_quarter_of_an_hour_and_reads_days() -> None:
    (rule,) = resources("AWS::Events::Rule").values()
    assert rule["ScheduleExpression"] == "rate(15 minutes)"
    assert [target["Arn"] for target in rule["Targets"]] == [arn("Reconcile")]
    (allowed,) = (it for it in resources("AWS::Lambda::Permission").values() if it["FunctionName"] == {"Ref": "Reconcile"})
    assert allowed["SourceArn"] == arn("ReconcileSchedule")
    assert ("dynamodb:Query", json.dumps({"Fn::Sub": "${JournalTable.Arn}/index/by_day"})) in rights("Reconcile")


def test_putting_callers_through_changes_no_client_and_promises_nothing() -> None:
    tables = {"ProjectsTable": ["Query"], "ClientsTable": ["GetItem"], "JournalTable": ["GetItem", "UpdateItem"]}
    tables["ConnectionsTable"] = ["GetItem", "UpdateItem", "DeleteItem"]
    used = {(f"dynamodb:{action}", json.dumps(arn(table))) for table, actions in tables.items() for action in actions}
    kept = {("ssm:GetParameter", parameter("*")), ("ssm:PutParameter", parameter("*/grant*"))}
    found = {(action, resource) for action, resource in rights("SmartRouting") if not action.startswith(("logs:", "xray:"))}
    assert found == used | kept


def test_looking_at_a_task_touches_no_queues_and_starts_no_execution() -> None:
    tables = {"ProjectsTable": ["Query"], "JournalTable": ["GetItem", "UpdateItem"], "ClientsTable": ["GetItem", "UpdateItem"]}
    tables["ConnectionsTable"] = ["GetItem", "UpdateItem", "DeleteItem"]
    used = {(f"dynamodb:{action}", json.dumps(arn(table))) for table, actions in tables.items() for action in actions}
    kept = {("ssm:GetParameter", parameter("*")), ("ssm:PutParameter", parameter("*/grant*"))}
    found = {(action, resource) for action, resource in rights("TaskDeadline") if not action.startswith(("logs:", "xray:"))}
    assert found == used | kept


@pytest.mark.parametrize("function", PERFORMING)
def test_an_execution_is_started_of_the_one_machine_only(function: str) -> None:
    started = {(action, resource) for action, resource in rights(function) if action.startswith("states:")}
    assert started == {("states:StartExecution", json.dumps({"Ref": "TaskDeadlineMachine"}))}


@pytest.mark.parametrize(
    ("table", "actions"),
    [
        ("ProjectsTable", {"Query"}),
        ("JournalTable", {"GetItem", "UpdateItem"}),
        ("ClientsTable", {"GetItem", "UpdateItem"}),
        ("ConnectionsTable", {"GetItem", "UpdateItem", "DeleteItem"}),
    ],
)
@pytest.mark.parametrize("function", PERFORMING)
def test_tables_are_used_as_the_store_does(function: str, table: str, actions: set[str]) -> None:
    more = {("Retry", "JournalTable"): {"BatchGetItem"}, ("Reconcile", "ProjectsTable"): {"GetItem"}}.get(
        (function, table), set()
    )
    allowed = {action for action, resource in rights(function) if resource == json.dumps(arn(table))}
    assert allowed == {f"dynamodb:{action}" for action in actions | more}


# --- the way in ---


def test_routes() -> None:
    hooks = "/v1/hooks/{project}/{secret}/ringostat"
    expected = {"IncomingCall": "in/{moment}", "MissedCall": "missed", "OutgoingCall": "out/{moment}"}
    for function, tail in expected.items():
        assert routes(function) == {f"{method} {hooks}/{tail}" for method in ("GET", "POST")}
    assert routes("ClickToCall") == {"POST /v1/calls/{project}/{secret}"}
    assert routes("Recording") == {f"{method} /v1/recordings/{{project}}/{{token}}" for method in ("GET", "HEAD")}


def test_routes_of_forms_and_dialogues() -> None:
    hooks, site = "/v1/hooks/{project}/{secret}/ringostat", "/v1/forms/{project}/{form}"
    assert routes("FormSubmission") == {f"GET {hooks}/form", f"POST {hooks}/form", f"POST {site}", f"OPTIONS {site}"}
    told = {f"{method} {hooks}/chat/{{moment}}" for method in ("GET", "POST")}
    assert routes("MessengerDispatch") == {*told, "POST /v1/dispatch/{project}/{secret}"}


def test_forms_cannot_use_up_what_the_telephony_needs() -> None:
    """Anybody may send them."""
    (api,) = resources("AWS::Serverless::HttpApi").values()
    own = api["RouteSettings"]
    assert set(own) == {"POST /v1/forms/{project}/{form}"}
    for limits in own.values():
        assert 0 < limits["ThrottlingRateLimit"] <= api["DefaultRouteSettings"]["ThrottlingRateLimit"] / 2
        assert 0 < limits["ThrottlingBurstLimit"] <= api["DefaultRouteSettings"]["ThrottlingBurstLimit"] / 2


def test_access_logs_do_not_hold_the_secret() -> None:
    (api,) = resources("AWS::Serverless::HttpApi").values()
    logged = json.loads(api["AccessLogSettings"]["Format"])
    assert set(logged.values()) == {"$context.requestId", "$context.routeKey", "$context.status", "$context.responseLatency"}
    group = api["AccessLogSettings"]["DestinationArn"]["Fn::GetAtt"][0]
    assert resources("AWS::Logs::LogGroup")[group]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_requests_are_throttled() -> None:
    (api,) = resources("AWS::Serverless::HttpApi").values()
    assert api["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0
    assert api["DefaultRouteSettings"]["ThrottlingBurstLimit"] > 0


# --- the promises ---


def test_a_promise_stays_hidden_while_it_is_worked_on() -> None:
    assert resources("AWS::SQS::Queue")["RetryQueue"]["VisibilityTimeout"] >= 6 * functions()["Retry"]["Timeout"]


def test_a_promise_ends_in_the_dead_letter_queue() -> None:
    queues = resources("AWS::SQS::Queue")
    redrive = queues["RetryQueue"]["RedrivePolicy"]
    assert redrive == {"deadLetterTargetArn": arn("DeadLetterQueue"), "maxReceiveCount": 8}
    assert "RedrivePolicy" not in queues["DeadLetterQueue"]
    for queue in queues.values():
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
        assert queue["SqsManagedSseEnabled"] is True


def test_retry_takes_promises_and_reports_each_failure() -> None:
    (source,) = (it["Properties"] for it in functions()["Retry"]["Events"].values())
    assert source["Queue"] == arn("RetryQueue")
    assert source["BatchSize"] == 10
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"]["MaximumConcurrency"] >= 2
    taking = {f"sqs:{action}" for action in ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes")}
    queue = json.dumps(arn("RetryQueue"))
    assert {action for action, resource in rights("Retry") if resource == queue} == {*taking, "sqs:SendMessage"}


# --- the deadlines ---


def machine() -> Tree:
    (found,) = resources("AWS::Serverless::StateMachine").values()
    return dict(found)


def test_the_machine_is_the_one_that_the_functions_start() -> None:
    properties = machine()
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["PATCHCORD_DEADLINES_ARN"]["Fn::Sub"].endswith(f":stateMachine:{properties['Name']['Fn::Sub']}")
    assert properties["Type"] == "STANDARD"
    assert (ROOT / properties["DefinitionUri"]).is_file()
    definition = json.loads((ROOT / properties["DefinitionUri"]).read_text("utf-8"))
    assert properties["DefinitionSubstitutions"] == {"TaskDeadlineArn": arn("TaskDeadline")}
    assert definition["States"]["Look"]["Resource"] == "${TaskDeadlineArn}"


def test_the_machine_invokes_its_function_only_and_logs_no_data() -> None:
    properties = machine()
    allowed = {
        (action, json.dumps(statement["Resource"]))
        for statement in statements(properties["Role"]["Fn::GetAtt"][0])
        for action in listed(statement["Action"])
    }
    assert all("*" not in action for action, _ in allowed)
    assert {pair for pair in allowed if not pair[0].startswith(("logs:", "xray:"))} == {
        ("lambda:InvokeFunction", json.dumps(arn("TaskDeadline")))
    }
    assert properties["Tracing"] == {"Enabled": True}
    assert properties["Logging"]["IncludeExecutionData"] is False
    (destination,) = properties["Logging"]["Destinations"]
    group = resources("AWS::Logs::LogGroup")[destination["CloudWatchLogsLogGroup"]["LogGroupArn"]["Fn::GetAtt"][0]]
    assert group["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/states/")
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_the_machine_waits_longer_than_the_function_may_run() -> None:
    look = json.loads((ROOT / machine()["DefinitionUri"]).read_text("utf-8"))["States"]["Look"]
    assert look["TimeoutSeconds"] > functions()["TaskDeadline"]["Timeout"]


# --- tables ---


@pytest.mark.parametrize("table", TABLES)
def test_table_is_on_demand_encrypted_and_recoverable(table: str) -> None:
    properties = resources("AWS::DynamoDB::Table")[table]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["SSESpecification"]["SSEEnabled"] is True
    assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True


@pytest.mark.parametrize("table", TABLES)
def test_table_outlives_the_stack(table: str) -> None:
    resource = template()["Resources"][table]
    assert resource["DeletionPolicy"] in {"Retain", "RetainExceptOnCreate"}
    assert resource["UpdateReplacePolicy"] == "Retain"
    assert resource["Properties"]["DeletionProtectionEnabled"] == {"Fn::If": ["IsProd", True, False]}
    assert template()["Conditions"]["IsProd"] == {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}


def test_only_settings_never_expire() -> None:
    kept = {"AttributeName": "expires", "Enabled": True}
    specifications = {id: it.get("TimeToLiveSpecification") for id, it in resources("AWS::DynamoDB::Table").items()}
    assert specifications == {"ProjectsTable": None, "JournalTable": kept, "ClientsTable": kept, "ConnectionsTable": kept}


def keys(schema: list[dict[str, str]]) -> list[str]:
    return [key["AttributeName"] for key in schema]


def test_keys_are_those_of_the_store() -> None:
    tables = resources("AWS::DynamoDB::Table")
    schemas = {id: keys(it["KeySchema"]) for id, it in tables.items()}
    id = ["id"]
    assert schemas == {"ProjectsTable": ["project", "version"], "JournalTable": id, "ClientsTable": id, "ConnectionsTable": id}
    (index,) = tables["JournalTable"]["GlobalSecondaryIndexes"]
    assert (index["IndexName"], keys(index["KeySchema"])) == ("by_day", ["day", "at"])
    assert index["Projection"] == {"ProjectionType": "ALL"}


# --- alarms ---


@pytest.mark.parametrize("alarm", sorted(resources("AWS::CloudWatch::Alarm")))
def test_alarm_tells_somebody(alarm: str) -> None:
    actions = resources("AWS::CloudWatch::Alarm")[alarm]["AlarmActions"]
    assert actions == [{"Ref": id} for id in resources("AWS::SNS::Topic")]


def test_somebody_is_told_only_if_named() -> None:
    (subscription,) = (it for it in template()["Resources"].values() if it["Type"] == "AWS::SNS::Subscription")
    assert subscription["Properties"]["Endpoint"] == {"Ref": "AlarmEmail"}
    assert template()["Conditions"][subscription["Condition"]] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}]}


@pytest.mark.parametrize(
    ("namespace", "metric", "dimension", "value", "threshold"),
    [
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}, 0),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", {"Fn::GetAtt": ["RetryQueue", "QueueName"]}, 3600),
        ("AWS/ApiGateway", "5xx", "ApiId", {"Ref": "HooksApi"}, 0),
        ("AWS/States", "ExecutionsFailed", "StateMachineArn", {"Ref": "TaskDeadlineMachine"}, 0),
        ("Patchcord", "CrmUnauthorised", "service", {"Fn::Sub": "patchcord-${Stage}"}, 0),
    ],
)
def test_alarm_for(namespace: str, metric: str, dimension: str, value: Tree, threshold: int) -> None:
    (alarm,) = (it for it in resources("AWS::CloudWatch::Alarm").values() if it["MetricName"] == metric)
    assert alarm["Namespace"] == namespace
    assert alarm["Dimensions"] == [{"Name": dimension, "Value": value}]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", threshold)


def test_own_metric_is_the_one_the_functions_write() -> None:
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    alarm = resources("AWS::CloudWatch::Alarm")["CrmUnauthorisedAlarm"]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == alarm["Namespace"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == alarm["Dimensions"][0]["Value"]


# --- the payloads in events/ ---


def owner(path: Path) -> str:
    """The function of `incoming_call.json` or `incoming_call_<provider>.json`."""
    (function,) = (id for id in FUNCTIONS if path.stem == snake(id) or path.stem.startswith(f"{snake(id)}_"))
    return function


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_payload_fits_its_function(path: Path) -> None:
    function, payload = owner(path), json.loads(path.read_text("utf-8"))
    if "Records" in payload:
        queue = resources("AWS::SQS::Queue")["RetryQueue"]["QueueName"]["Fn::Sub"].replace("${Stage}", "*")
        assert all(fnmatchcase(record["eventSourceARN"], f"arn:aws:sqs:*:{queue}") for record in payload["Records"])
        assert function == "Retry"
        return
    if function == "TaskDeadline":
        assert watch_of(payload).tree() == payload
        return
    if function == "Reconcile":
        assert wish_of(payload).project == payload["project"]
        return
    assert payload["version"] == "2.0"
    assert payload["routeKey"] in routes(function)
    method, template_path = payload["routeKey"].split(" ", 1)
    assert payload["requestContext"]["http"]["method"] == method
    assert payload["rawPath"] == template_path.replace("+}", "}").format_map(payload["pathParameters"])


def test_every_function_has_a_payload() -> None:
    assert {owner(path) for path in EVENTS} == set(FUNCTIONS)
