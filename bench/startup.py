"""Start-up of each function in a fresh process, beside a process that only imports boto3 and makes a DynamoDB client."""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import statistics
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from bench.figures import Figure, times_floor
from bench.samples import row
from patchcord.scenarios.profiles import merge
from patchcord.service.clock import SystemClock
from patchcord.service.projects import save, secret_hash
from patchcord.store.dynamo import DynamoStore, Tables
from patchcord.store.secrets import ParameterSecrets
from sandbox.aws import create, environment, moto
from sandbox.template import load
from sandbox.twins import twin_class
from sandbox.twins.base import serve
from tests.golden.rows import document as row_document
from tests.golden.seeds import Seeds

ROOT = Path(__file__).parents[1]
ROUNDS = 15
INVOKED = 3
"""In so many of the rounds the functions are invoked too."""
MOST = 1.5
FLOOR = "floor"
PROJECT = "demo"
"""The project that the payloads in `events` name."""
CALL_ID = re.compile(r"\d{10}\.\d{7}")
"""A call's id in the payloads of `events`."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of the processor for one fresh process."""

    start: float
    invocations: tuple[float, ...] = ()
    statuses: tuple[int, ...] = ()


# --- what a function talks to


@dataclass(frozen=True, slots=True)
class Stand:
    """AWS and the CRM on this machine. `shared` is a process's environment without what template.yaml gives its function."""

    shared: Mapping[str, str]
    functions: Mapping[str, Mapping[str, str]]

    def environment(self, what: str) -> dict[str, str]:
        """The environment of a function by its name; the floor has the shared one."""
        return {**self.shared, **self.functions.get(what, {})}


@contextmanager
def stand(secret: str) -> Iterator[Stand]:
    """moto's server and a twin, with the project of the payloads in `events`."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    one = row("new, answered")
    with moto() as endpoint, serve(twin := twin_class(one.crm)()) as running:
        stack = load(ROOT / "template.yaml", {"EndpointUrl": endpoint, "Stage": "bench"})
        connection = twin.connection(running.url)
        document = merge(row_document(one), Seeds(one, twin).settings(connection.options))
        telephony = {"telephony": {"provider": "ringostat", "secrets": [secret_hash(secret)]}}
        with environment(stack.environment):
            create(stack)
            _save(stack.environment, {**document, **telephony}, connection.secrets)
            functions = {Path(function.code).name: function.environment for function in stack.functions}
            python_path = os.pathsep.join(map(str, (ROOT / "layers" / "patchcord", ROOT)))
            yield Stand({**os.environ, "PYTHONPATH": python_path}, functions)


def _save(variables: Mapping[str, str], document: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
    """The project's settings and secrets, where the functions look for them."""
    names = ("PROJECTS", "JOURNAL", "CLIENTS", "CONNECTIONS")
    store = DynamoStore(boto3.client("dynamodb"), Tables(*(variables[f"PATCHCORD_{name}_TABLE"] for name in names)))
    save(store, PROJECT, document, "bench", SystemClock().now())
    kept = ParameterSecrets(variables["PATCHCORD_PARAMETERS"], client=boto3.client("ssm"))
    for name, value in {"client_key": "key-of-the-hashes", **secrets}.items():
        kept.put(PROJECT, name, value)


# --- the functions and what they are sent


def functions() -> list[str]:
    """The names of all functions."""
    return sorted(path.parent.name for path in ROOT.glob("functions/*/app.py"))


def payload_of(name: str) -> dict[str, Any] | None:
    """The first payload for this function in `events`, None if there is none."""
    paths = sorted(ROOT.glob(f"events/{name}*.json"))
    found: dict[str, Any] | None = json.loads(paths[0].read_text("utf-8")) if paths else None
    return found


def another_call(payload: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The payload as of another call of the same client."""
    body = payload.get("body")
    if payload.get("isBase64Encoded") and isinstance(body, str):
        text = CALL_ID.sub(_numbered(number), base64.b64decode(body).decode())
        return {**payload, "body": base64.b64encode(text.encode()).decode()}
    found: dict[str, Any] = json.loads(CALL_ID.sub(_numbered(number), json.dumps(payload)))
    return found


def _numbered(number: int) -> str:
    return f"1772705520.{number:07}"


def secret_of_payloads() -> str:
    """The secret that stands in the addresses of the payloads, all but that of click-to-call, which has its own."""
    paths = (payload.get("pathParameters") or {} for name in functions() if (payload := payload_of(name)))
    found = Counter(str(path["secret"]) for path in paths if "secret" in path)
    return found.most_common(1)[0][0] if found else "no-secret"


# --- the runs


def run(what: str, environment: Mapping[str, str], payloads: Sequence[Mapping[str, Any]] = ()) -> Taken:
    """One fresh process: the floor, or a function with these invocations. Raises CalledProcessError when it fails."""
    folder = what if what == FLOOR else str(ROOT / "functions" / what)
    command = [sys.executable, str(Path(__file__).with_name("cold.py")), folder]
    done = subprocess.run(command, input=json.dumps(payloads), env=dict(environment), capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.strip().splitlines()[-1])
    return Taken(told["start"], tuple(told.get("invocations", ())), tuple(told.get("statuses", ())))


def measure() -> Sequence[Figure]:
    """Each function's start beside the floor, and what its first invocation takes beyond a later one."""
    names = [FLOOR, *functions()]
    taken: dict[str, list[Taken]] = defaultdict(list)
    with stand(secret_of_payloads()) as place:
        for name in names:
            run(name, place.environment(name))  # writes the bytecode, which a deployed layer has
        for number in range(ROUNDS):
            for name in names:
                taken[name].append(run(name, place.environment(name), _invocations(name, number)))
    floor = _start(taken[FLOOR])
    return [_started(name, _start(taken[name]), floor) for name in names[1:]] + [
        figure for name in names[1:] if (figure := _first(name, taken[name], floor)) is not None
    ]


def _invocations(name: str, number: int) -> list[dict[str, Any]]:
    payload = None if name == FLOOR or number >= INVOKED else payload_of(name)
    place = functions().index(name) if payload else 0
    return [another_call(payload, number * 1000 + place * 10 + turn) for turn in range(2)] if payload else []


def _start(taken: Sequence[Taken]) -> float:
    return statistics.median(one.start for one in taken)


def _started(name: str, seconds: float, floor: float) -> Figure:
    return times_floor(f"{name}: import", seconds * 1000, floor * 1000, "ms", MOST)


def _first(name: str, taken: Sequence[Taken], floor: float) -> Figure | None:
    """The first invocation beyond the second; None for a function that did not take its payload."""
    invoked = [one for one in taken if one.invocations and set(one.statuses) <= {200, 202}]
    if not invoked:
        return None
    extra = statistics.median(one.invocations[0] - one.invocations[1] for one in invoked)
    return times_floor(f"{name}: first invocation, beyond a later one", extra * 1000, floor * 1000, "ms")
