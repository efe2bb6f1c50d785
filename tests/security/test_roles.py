"""IAM: each role's rights are the checked-in list, name what they are for, and are what the functions really use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import UTC, timedelta
from itertools import count
from typing import Any

import boto3
import pytest
from moto import mock_aws

from patchcord.store.dynamo import DynamoStore, Tables, create_tables
from sandbox.twins.base import Fault
from tests.harness import Context, function
from tests.integration.demo import answer as answered
from tests.mango_scenarios import SCENARIOS
from tests.ringostat_server import row
from tests.security.doors import DOORS, FORM, MANGO, PBX, Door
from tests.security.roles import in_words, rights, text
from tests.security.stage import Stage, stack, stage
from tests.unit.test_template import ROOT, functions, listed, resources, statements, template

WITHOUT_ARN = {
    ("xray:PutTraceSegments", "X-Ray has no resources"),
    ("xray:PutTelemetryRecords", "X-Ray has no resources"),
    ("xray:GetSamplingRules", "X-Ray has no resources"),
    ("xray:GetSamplingTargets", "X-Ray has no resources"),
    *(
        (f"logs:{action}", "log deliveries have no resources; Step Functions logs through one")
        for action in (
            "CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery", "ListLogDeliveries",
            "PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups",
        )
    ),
}  # fmt: skip
"""Every action that is allowed on `*`, and why no ARN is possible."""

SELDOM = {
    ("dynamodb:UpdateItem", "ConnectionsTable"): "MANGO is asked within its limits",
    ("dynamodb:DeleteItem", "ConnectionsTable"): "a lease is given back: of a grant that was refreshed, of a refused click",
    ("dynamodb:GetItem", "ConnectionsTable"): "what MANGO's interface told is kept for a while",
    ("dynamodb:GetItem", "ClientsTable"): "what a client's calls have left, for routing and the contact book",
    ("dynamodb:GetItem", "JournalTable"): "an event that is repeated, a form without an id",
    ("dynamodb:Query", "JournalTable/index/by_day"): "what was kept while the integration was off",
}
"""Rights on DynamoDB that not every function uses on the way below, and what they are for."""


def test_the_list_is_what_the_template_says() -> None:
    """`python -m tests.security.roles > tests/security/roles.txt` writes it; the change is to be looked at."""
    assert (ROOT / "tests/security/roles.txt").read_text("utf-8") == text()


def test_nothing_but_roles_of_our_own_gives_rights() -> None:
    """No policy templates of SAM, no managed policies of AWS, no function without a role of ours, no other sort of identity."""
    for kind in ("AWS::Serverless::Function", "AWS::Serverless::StateMachine"):
        for properties in resources(kind).values():
            assert "Role" in properties and "Policies" not in properties
    assert "Policies" not in template()["Globals"]["Function"]
    own = set(resources("AWS::IAM::ManagedPolicy"))
    for properties in resources("AWS::IAM::Role").values():
        assert {policy["Ref"] for policy in properties.get("ManagedPolicyArns", ())} <= own
    kinds = {it["Type"] for it in template()["Resources"].values() if it["Type"].startswith("AWS::IAM::")}
    assert kinds == {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy"}


def test_only_the_service_itself_takes_a_role() -> None:
    machines = {it["Role"]["Fn::GetAtt"][0] for it in resources("AWS::Serverless::StateMachine").values()}
    for role, properties in resources("AWS::IAM::Role").items():
        (statement,) = properties["AssumeRolePolicyDocument"]["Statement"]
        service = "states" if role in machines else "lambda"
        assert (statement["Principal"], statement["Action"]) == ({"Service": f"{service}.amazonaws.com"}, "sts:AssumeRole")


def test_no_wildcard_where_an_arn_is_possible() -> None:
    known = {action for action, _ in WITHOUT_ARN}
    for role in resources("AWS::IAM::Role"):
        for statement in statements(role):
            assert set(statement) == {"Effect", "Action", "Resource"} and statement["Effect"] == "Allow"
            for action in listed(statement["Action"]):
                assert "*" not in action
                for resource in map(in_words, listed(statement["Resource"])):
                    assert resource != "*" or action in known, (role, action)
                    assert "*" not in resource.removeprefix("*") or resource.startswith("parameter/patchcord/${Stage}/")
    assert known == {action for _, action, resource in rights() if resource == "*"}


def test_only_the_way_in_and_the_alarms_are_open_to_others() -> None:
    """No bucket, queue or topic policy lets anybody else in; a function is called by this API, this queue, this schedule."""
    kinds = {it["Type"] for it in template()["Resources"].values()}
    assert not {kind for kind in kinds if kind.endswith("Policy")} - {"AWS::IAM::ManagedPolicy"}
    assert "AWS::Lambda::Url" not in kinds
    assert all("FunctionUrlConfig" not in properties for properties in functions().values())
    assert all("SourceArn" in properties for properties in resources("AWS::Lambda::Permission").values())


# --- what is really used ---

OPERATIONS = {"TransactWriteItems": "UpdateItem"}
"""A transaction asks for the rights of its parts."""
TABLES = {"projects": "ProjectsTable", "journal": "JournalTable", "clients": "ClientsTable", "connections": "ConnectionsTable"}
NUMBERS = count()


class Watched:
    """A DynamoDB client that notes for which function it was asked for what."""

    def __init__(self) -> None:
        self.client: Any = boto3.client("dynamodb", region_name="eu-central-1")
        self.used: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self.function = "nobody"
        self.client.meta.events.register("provide-client-params.dynamodb.*", self._note)

    def _note(self, params: Any, model: Any, **_: Any) -> None:
        items = params.get("TransactItems", ())
        targets = [item["Update"]["TableName"] for item in items] or list(params.get("RequestItems", ())) or [params["TableName"]]
        index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
        action = OPERATIONS.get(model.name, model.name)
        self.used[self.function] |= {(f"dynamodb:{action}", TABLES[name.split("-")[0]] + index) for name in targets}


@pytest.fixture(scope="module")
def used() -> Iterator[dict[str, set[tuple[str, str]]]]:
    """What each function asked of DynamoDB while every door was used, the promises were kept, and everything was listed."""
    with mock_aws():
        watched, number = Watched(), next(NUMBERS)
        tables = Tables(*(f"{name}-{number}" for name in TABLES))
        create_tables(watched.client, tables)
        with stage(store=DynamoStore(watched.client, tables)) as here:
            for door in DOORS:
                watched.function = next(it.id for it in stack().functions if any(route.key == door.route for route in it.routes))
                here.product.service.projects.forget()  # each function is a container of its own
                assert door.knock(here).status < 400
            _behind_the_doors(watched, here)
        yield watched.used


def _behind_the_doors(watched: Watched, here: Stage) -> None:
    """A whole call of MANGO's, an event that waits for the CRM, a call that no webhook told of."""
    ours = here.product.service.projects
    watched.function = "PbxEvents"
    for path, told in SCENARIOS[0].events:
        Door(f"POST {MANGO}", {**PBX, "path": path}, told, sort=FORM).knock(here)
    here.product.clock.skip(600)
    Door(f"POST {MANGO}", {**PBX, "path": SCENARIOS[0].events[-1][0]}, SCENARIOS[0].events[-1][1], sort=FORM).knock(here)
    watched.function = "IncomingCall"
    here.twin.misbehave(Fault("status", status=503, times=None))
    door = next(door for door in DOORS if door.route.startswith("POST") and "/in/" in door.route)
    Door(door.route, {**door.place, "moment": "answer"}, answered("ua1_-1772704800.77")).knock(here)
    here.twin.behave()
    watched.function = "Retry"
    ours.forget()
    here.keep_promises()
    here.product.clock.skip(4 * 3600)
    here.telephony.calls = [row("lost-1", here.product.clock.now() - timedelta(minutes=40), "+380631112233")]
    here.telephony.zone = UTC
    watched.function = "Reconcile"
    ours.forget()
    with redirect_stdout(here.product.log):
        assert function("reconcile").handler({}, Context(300))["projects"]["demo"]["missing"] == 1


@pytest.mark.parametrize("name", sorted(functions()))
def test_a_function_has_the_rights_it_uses(used: dict[str, set[tuple[str, str]]], name: str) -> None:
    granted = {(action, resource) for role, action, resource in rights() if role == f"{name}Role"}
    assert used.get(name, set()) <= granted


@pytest.mark.parametrize("name", sorted(set(functions()) - {"TaskDeadline"}))
def test_a_function_uses_the_rights_it_has(used: dict[str, set[tuple[str, str]]], name: str) -> None:
    """On DynamoDB; those for a case that does not arise here are named with the case."""
    granted = {(action, resource) for role, action, resource in rights() if role == f"{name}Role"}
    idle = {right for right in granted - used.get(name, set()) if right[0].startswith("dynamodb:")}
    assert idle <= set(SELDOM)
