"""Forms and dispatches by HTTP, through the routes of template.yaml: what a browser, a softphone and Ringostat really send."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from sandbox.host import Host, Logs
from sandbox.template import load
from sandbox.twins.base import ManualClock, serve
from sandbox.twins.pipedrive import PipedriveTwin
from tests.harness import SECRET, START, world
from tests.integration.demo import document
from tests.integration.test_forms import FORM, RINGOSTATS, SITE, made

ROOT = Path(__file__).parents[2]
HOOKS = f"/v1/hooks/demo/{SECRET}/ringostat"
KINDS = ["contact", "lead", "organization"]


class Stack:
    """The template's functions behind its routes, and what they have made in the CRM."""

    def __init__(self, twin: PipedriveTwin) -> None:
        self.twin = twin
        self.host = Host(load(ROOT / "template.yaml", {"Stage": "test"}), ROOT, Logs(io.StringIO()))

    def ask(self, method: str, path: str, **how: Any) -> Response:
        return self.host.answer(Request(EnvironBuilder(method=method, path=path, **how).get_environ()))


@pytest.fixture
def stack() -> Iterator[Stack]:
    clock = ManualClock(START)
    twin = PipedriveTwin(clock=clock)
    more = {"forms": {"enabled": True, "origins": [SITE]}, "messenger": {"dispatch_on": "end"}}
    with serve(twin) as running, world(document(twin, running.url, **more), manual=clock):
        yield Stack(twin)


def test_a_browser_asks_and_sends(stack: Stack) -> None:
    asked = stack.ask("OPTIONS", "/v1/forms/demo/callback", headers={"origin": SITE, "access-control-request-method": "POST"})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, SITE)
    sent = stack.ask("POST", "/v1/forms/demo/callback", json=FORM, headers={"origin": SITE})
    assert (sent.status_code, sent.get_json()) == (200, {"status": "accepted"})
    assert made(stack.twin) == KINDS


def test_a_plain_form_sends_fields(stack: Stack) -> None:
    sent = stack.ask("POST", "/v1/forms/demo/callback", data=FORM, headers={"origin": SITE})
    assert sent.status_code == 200
    assert made(stack.twin) == KINDS


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_form_is_sent_in_no_other_way(stack: Stack, method: str) -> None:
    assert stack.ask(method, "/v1/forms/demo/callback", headers={"origin": SITE}).status_code == 404


def test_ringostat_sends_forms_and_dialogues(stack: Stack) -> None:
    assert stack.ask("POST", f"{HOOKS}/form", json=RINGOSTATS).status_code == 200
    assert stack.ask("GET", f"{HOOKS}/form", query_string=RINGOSTATS).get_json()["status"] == "duplicate"
    dialogue = {"dialog_id": "7", "client_phone": "380509998877"}
    assert stack.ask("POST", f"{HOOKS}/chat/start", json=dialogue).get_json()["reason"] == "not_dispatched"
    assert stack.ask("POST", f"{HOOKS}/chat/end", json=dialogue).get_json()["situation"] == "messenger_new"
    assert made(stack.twin) == sorted(KINDS * 2)


def test_a_softphone_presses_the_button(stack: Stack) -> None:
    pressed = {"phone": "+380671234567", "dialogue": "7", "pressed_by": "anna"}
    answered = stack.ask("POST", f"/v1/dispatch/demo/{SECRET}", json=pressed)
    assert answered.get_json()["situation"] == "messenger_new"
    assert made(stack.twin) == KINDS
