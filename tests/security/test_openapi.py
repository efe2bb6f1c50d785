"""The HTTP interface as it is documented, and schemathesis against it: whatever is sent, the answer is one that is documented."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any
from urllib.parse import parse_qsl

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import validate
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from sandbox.openapi import text
from tests.harness import REPOSITORY
from tests.security.doors import DOORS, MANGO, Door, signed
from tests.security.stage import SECRETS, Stage, stack, stage

DOCUMENT = REPOSITORY / "docs" / "openapi.json"
EXAMPLES = 30
PHASES = [Phase.generate]
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
SCHEMA: Any = schemathesis.openapi.from_dict(json.loads(text()))
OPERATIONS = {operation.ok().label: operation.ok() for operation in SCHEMA.get_all_operations()}


@pytest.fixture(scope="module")
def here() -> Iterator[Stage]:
    with stage() as opened:
        yield opened


def test_the_document_is_fresh_and_valid() -> None:
    """`make openapi` writes it."""
    assert DOCUMENT.read_text("utf-8") == text()
    validate(json.loads(text()))


def test_every_route_is_documented() -> None:
    routes = {route.key.replace("+}", "}") for function in stack().functions for route in function.routes}
    assert set(OPERATIONS) == routes


@pytest.mark.parametrize("admitted", [True, False], ids=["admitted", "stranger"])
@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_whatever_is_sent_is_answered_as_documented(here: Stage, label: str, admitted: bool) -> None:
    """With the project's own secret and signature, and with whatever schemathesis takes for one."""
    door = next(door for door in DOORS if door.route.replace("+}", "}") == label)
    seen: set[int] = set()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=PHASES,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[label].as_strategy())
    def send(case: Any) -> None:
        if admitted:
            let_in(case, door)
        with redirect_stdout(here.product.log):
            seen.add(case.call_and_validate(app=here.site, base_url="https://hooks.example", checks=CHECKS).status_code)

    send()
    here.keep_promises()
    assert not {status for status in seen if status >= 500}
    assert seen - {404} if admitted else seen <= {400, 403, 404}
    assert not [secret for secret in SECRETS if secret in here.log]
    here.records()


def let_in(case: Any, door: Door) -> None:
    """Give a generated request what opens its door; MANGO's is signed."""
    case.path_parameters = {**case.path_parameters, **door.place}
    case.headers.update(door.headers or {})
    if MANGO in door.route and isinstance(case.body, dict):
        text = str(case.body.get("json", ""))
        case.body = dict(parse_qsl(signed(text).decode(), keep_blank_values=True))
