"""Reads template.yaml as far as the stand needs it: functions, tables, queues, state machines, schedules, with every reference
resolved.

Resources that the stand does not run (roles, alarms, logs) are left alone. What it would have to run and cannot read
raises UnreadableTemplate, so that a template that has outgrown the stand says so instead of half working.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

REGION = "eu-central-1"
ACCOUNT = "123456789012"
PSEUDO: Mapping[str, str] = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
DEFAULT_TIMEOUT, DEFAULT_MEMORY = 3, 128
"""What Lambda takes when a function says nothing."""

Tree = dict[str, Any]


class UnreadableTemplate(Exception):
    """The template asks for something that the stand does not know."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the HTTP API; `method` is ANY for all of them."""

    method: str
    path: str

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Source:
    """A queue whose messages go to a function. `partial`: the function names the failed ones."""

    queue: str
    batch_size: int
    partial: bool


@dataclass(frozen=True, slots=True)
class Function:
    """A function as it is deployed; `timeout` in seconds, `memory` in MB, `code` relative to the template."""

    id: str
    name: str
    code: str
    handler: str
    timeout: int
    memory: int
    environment: Mapping[str, str] = field(hash=False)
    routes: tuple[Route, ...] = ()
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the arguments of `create_table`, and the attribute that says when an item expires."""

    name: str
    request: Mapping[str, Any]
    expires: str | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue with the attributes of `create_queue`; `redrive` is its policy."""

    name: str
    attributes: Mapping[str, str]
    redrive: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """A state machine: its definition's file, relative to the template, and what stands for the names in it."""

    name: str
    type: str
    file: str
    substitutions: Mapping[str, str]
    role: str

    def definition(self, root: Path) -> str:
        """The definition as it is deployed."""
        text = (root / self.file).read_text("utf-8")
        return re.sub(r"\$\{(\w+)\}", lambda found: self.substitutions[found[1]], text)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Something that calls a function (its ARN) again and again; `expression` as EventBridge takes it."""

    name: str
    expression: str
    function: str


@dataclass(frozen=True, slots=True)
class Stack:
    """What the stand runs of a template."""

    functions: tuple[Function, ...]
    tables: tuple[Table, ...]
    queues: tuple[Queue, ...]
    machines: tuple[Machine, ...] = ()
    schedules: tuple[Schedule, ...] = ()

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of all functions: they share one process, so they must agree."""
        shared: dict[str, str] = {}
        for function in self.functions:
            for name, value in function.environment.items():
                if shared.setdefault(name, value) != value:
                    raise UnreadableTemplate(f"{function.id} wants another {name} than the functions before it")
        return shared


def arn(service: str, name: str) -> str:
    """The ARN of something in the stand's account."""
    return f"arn:aws:{service}:{'' if service == 'iam' else REGION}:{ACCOUNT}:{name}"


# --- YAML ---


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags: `!Sub x` becomes `{"Fn::Sub": "x"}`."""


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> Tree:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        text = loader.construct_scalar(node)
        return {name: str(text).split(".", 1) if suffix == "GetAtt" else text}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _tagged)


def parse(text: str) -> Tree:
    """The template's text as a tree, its references still in it."""
    loader = _Loader(text)
    try:
        tree = loader.get_single_data()
    finally:
        loader.dispose()
    if not isinstance(tree, dict) or "Resources" not in tree:
        raise UnreadableTemplate("this is no template: it has no Resources")
    return tree


# --- references ---


@dataclass
class _Resolver:
    """Answers the template's own functions. `parameters` are the given ones over the template's defaults."""

    tree: Tree
    parameters: Mapping[str, str]
    known: Tree = field(init=False)

    def __post_init__(self) -> None:
        defaults = {name: it["Default"] for name, it in self.tree.get("Parameters", {}).items() if "Default" in it}
        self.known = {**PSEUDO, **defaults, **self.parameters}

    def value(self, node: Any) -> Any:
        """The node with every reference below it resolved."""
        if isinstance(node, list):
            return [self.value(item) for item in node]
        if not isinstance(node, dict):
            return node
        (name, inner), *more = node.items() or [("", None)]
        answer = self._functions().get(name) if not more else None
        if answer is not None:
            return answer(inner)
        if name.startswith("Fn::"):
            raise UnreadableTemplate(f"the stand does not know {name}")
        return {key: self.value(item) for key, item in node.items()}

    def _functions(self) -> Mapping[str, Callable[[Any], Any]]:
        return {
            "Ref": self._ref,
            "Fn::Sub": self._sub,
            "Fn::GetAtt": lambda path: self._attribute(*path),
            "Fn::If": lambda parts: self.value(parts[1] if self._holds(parts[0]) else parts[2]),
            "Fn::Equals": lambda parts: self.value(parts[0]) == self.value(parts[1]),
            "Fn::Not": lambda parts: not self.value(parts[0]),
            "Condition": self._holds,
        }

    def _holds(self, condition: str) -> bool:
        return bool(self.value(self.tree["Conditions"][condition]))

    def _ref(self, name: str) -> Any:
        if name in self.known:
            return self.known[name]
        kind, properties = self._resource(name)
        if kind == "AWS::DynamoDB::Table":
            return self.value(properties["TableName"])
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self.value(properties['QueueName'])}"
        if kind == "AWS::Serverless::StateMachine":
            return arn("states", f"stateMachine:{self.value(properties['Name'])}")
        return name

    def _attribute(self, resource: str, attribute: str) -> str:
        kind, properties = self._resource(resource)
        if kind == "AWS::SQS::Queue":
            name = str(self.value(properties["QueueName"]))
            return {"Arn": arn("sqs", name), "QueueName": name}[attribute]
        if kind == "AWS::DynamoDB::Table" and attribute == "Arn":
            return arn("dynamodb", f"table/{self.value(properties['TableName'])}")
        if kind == "AWS::Serverless::Function" and attribute == "Arn":
            return arn("lambda", f"function:{self.value(properties.get('FunctionName', resource))}")
        if kind == "AWS::IAM::Role" and attribute == "Arn":
            return arn("iam", f"role/{self.value(properties.get('RoleName', resource))}")
        raise UnreadableTemplate(f"the stand does not know {resource}.{attribute}")

    def _sub(self, text: str) -> str:
        return re.sub(r"\$\{([^!{}]+)\}", lambda found: self._named(found[1]), text).replace("${!", "${")

    def _named(self, name: str) -> str:
        resource, dot, attribute = name.partition(".")
        return str(self._attribute(resource, attribute) if dot else self._ref(name))

    def _resource(self, name: str) -> tuple[str, Tree]:
        if name not in self.tree["Resources"]:
            raise UnreadableTemplate(f"the template has nothing called {name}")
        resource = self.tree["Resources"][name]
        return resource["Type"], resource.get("Properties", {})


# --- resources ---


def load(path: Path, parameters: Mapping[str, str]) -> Stack:
    """The template at `path` with these parameters over its defaults. Raises UnreadableTemplate."""
    return stack_of(parse(path.read_text("utf-8")), parameters)


def stack_of(tree: Tree, parameters: Mapping[str, str]) -> Stack:
    """What the stand runs of a parsed template."""
    resolver = _Resolver(tree, parameters)
    common = tree.get("Globals", {}).get("Function", {})
    functions = _of(tree, "AWS::Serverless::Function")
    tables = _of(tree, "AWS::DynamoDB::Table")
    queues = _of(tree, "AWS::SQS::Queue")
    return Stack(
        tuple(_function(resolver, id, common, properties) for id, properties in functions),
        tuple(_table(resolver, properties) for _, properties in tables),
        tuple(_queue(resolver.value(properties)) for _, properties in queues),
        tuple(_machine(resolver, properties) for _, properties in _of(tree, "AWS::Serverless::StateMachine")),
        tuple(
            schedule
            for id, properties in _of(tree, "AWS::Events::Rule")
            for schedule in _schedules(id, resolver.value(properties))
        ),
    )


def _of(tree: Tree, kind: str) -> Iterator[tuple[str, Tree]]:
    return ((id, it["Properties"]) for id, it in tree["Resources"].items() if it["Type"] == kind)


def _function(resolver: _Resolver, id: str, common: Tree, own: Tree) -> Function:
    properties = {**common, **own}
    variables = {**_variables(common), **_variables(own)}
    events = [resolver.value(event) for event in own.get("Events", {}).values()]
    return Function(
        id=id,
        name=resolver.value(properties.get("FunctionName", id)),
        code=properties["CodeUri"],
        handler=properties["Handler"],
        timeout=int(properties.get("Timeout", DEFAULT_TIMEOUT)),
        memory=int(properties.get("MemorySize", DEFAULT_MEMORY)),
        environment={name: str(value) for name, value in resolver.value(variables).items()},
        routes=tuple(_route(event["Properties"]) for event in events if _sort(id, event) == "HttpApi"),
        sources=tuple(_source(event["Properties"]) for event in events if event["Type"] == "SQS"),
    )


def _variables(properties: Tree) -> Tree:
    variables: Tree = properties.get("Environment", {}).get("Variables", {})
    return variables


def _sort(id: str, event: Tree) -> str:
    sort = str(event["Type"])
    if sort not in {"HttpApi", "SQS"}:
        raise UnreadableTemplate(f"the stand does not run the {sort} event of {id}")
    return sort


def _route(properties: Tree) -> Route:
    return Route(properties.get("Method", "ANY").upper(), properties["Path"])


def _source(properties: Tree) -> Source:
    partial = "ReportBatchItemFailures" in properties.get("FunctionResponseTypes", ())
    return Source(properties["Queue"].rsplit(":", 1)[1], int(properties.get("BatchSize", 10)), partial)


def _table(resolver: _Resolver, properties: Tree) -> Table:
    wanted = ("TableName", "BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    request = resolver.value({name: properties[name] for name in wanted if name in properties})
    expiry = properties.get("TimeToLiveSpecification", {})
    return Table(request["TableName"], request, expiry.get("AttributeName") if expiry.get("Enabled") else None)


def _queue(properties: Tree) -> Queue:
    wanted = ("VisibilityTimeout", "MessageRetentionPeriod", "DelaySeconds", "ReceiveMessageWaitTimeSeconds")
    attributes = {name: str(properties[name]) for name in wanted if name in properties}
    return Queue(properties["QueueName"], attributes, properties.get("RedrivePolicy"))


def _machine(resolver: _Resolver, properties: Tree) -> Machine:
    wanted = ("Name", "Type", "DefinitionUri", "DefinitionSubstitutions", "Role")
    known = resolver.value({name: properties[name] for name in wanted if name in properties})
    substitutions = known.get("DefinitionSubstitutions", {})
    return Machine(known["Name"], known.get("Type", "STANDARD"), known["DefinitionUri"], substitutions, known["Role"])


def _schedules(id: str, properties: Tree) -> Iterator[Schedule]:
    """The functions that a rule calls; a rule that is switched off calls none."""
    if "ScheduleExpression" not in properties:
        raise UnreadableTemplate(f"the stand does not run the rule {id}: it is no schedule")
    if properties.get("State", "ENABLED") == "ENABLED":
        for target in properties["Targets"]:
            yield Schedule(properties.get("Name", id), properties["ScheduleExpression"], target["Arn"])
