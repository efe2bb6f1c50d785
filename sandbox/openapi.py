"""docs/openapi.json: the product's HTTP interface, made of the routes in template.yaml and of what their handlers say of
themselves. `make openapi` writes it anew; a test fails when it is stale.

    python -m sandbox.openapi > docs/openapi.json
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from patchcord.scenarios.dialling import Code
from patchcord.service import accept, click_to_call, forms
from patchcord.service.links import LONGEST
from patchcord.service.projects import PROJECT_NAME
from patchcord.telephony.form_fields import FORM
from patchcord.telephony.mango.envelope import KEY_SECRET, SALT_SECRET
from patchcord.telephony.ringostat.names import ALIASES
from patchcord.telephony.site import DISPATCH, FORM_ENCODED, JSON, LONGEST_FORM
from sandbox.template import Tree, parse

ROOT = Path(__file__).resolve().parents[1]
PROBLEM, PLAIN = "application/problem+json", "text/plain"
VALUE: Tree = {"type": ["string", "number", "boolean", "null"]}
"""Texts and numbers are the same on these wires."""

PARAMETERS: Mapping[str, Tree] = {
    "project": {"type": "string", "pattern": f"^{PROJECT_NAME.pattern}$", "example": "acme"},
    "secret": {"type": "string", "minLength": 1, "description": "One of the project's secrets. It is never logged."},
    "moment": {"type": "string", "minLength": 1, "example": "after", "description": "A hint; what the payload says counts."},
    "path": {"type": "string", "minLength": 1, "example": "events/call", "description": "The event's name; it has slashes."},
    "form": {"type": "string", "minLength": 1, "maxLength": LONGEST_FORM, "description": "Which form of the site it is."},
    "block": {"type": "string", "minLength": 1, "description": "A block of the routing scheme: its number or kind."},
    "token": {"type": "string", "minLength": 1, "maxLength": LONGEST, "description": "Made by us, sealed, for a time."},
}
BUTTONS = ("ALREADY_DIALLING", "TOO_MANY_CALLS", "TELEPHONY_REFUSED", "TELEPHONY_UNAVAILABLE")
"""What click-to-call says beside the reasons for not dialling."""

TITLES = {
    200: "Taken; nothing more will happen by itself.",
    202: "Taken and promised; it is finished later.",
    204: "The site may send.",
    302: "To the provider's own server.",
    400: "It could not be read; `errors` names each field.",
    403: "The sender is not the project's.",
    404: "There is nothing here: an unknown project, a wrong secret, or no such route.",
    409: "Nobody can be rung now.",
    413: "The form is too large.",
    415: "Neither JSON nor form fields.",
    422: "Who or what is meant is not known.",
    429: "Too many; `retry-after` says when.",
    500: "It could not be stored. Please send it again.",
    502: "The telephony refused.",
    503: "The project is not set up, or the telephony cannot be asked.",
}
TAKEN = (200, 202, 400, 404, 500, 503)
ANSWERS: Mapping[str, tuple[int, ...]] = {
    "ringostat": (*TAKEN, 403),
    "mango": (*TAKEN, 403),
    "forms": (*TAKEN, 204, 403, 413, 415, 429),
    "dispatch": TAKEN,
    "routing": (200, 400, 404, 503),
    "recordings": (202, 302, 404, 502, 503),
    "calls": (200, 400, 404, 429, 502, 503, *sorted({status.value for status in click_to_call.STATUS.values()})),
}
"""The statuses of each way in, as their modules' docstrings say."""


def _object(properties: Mapping[str, Tree], **more: Any) -> Tree:
    return {"type": "object", "properties": dict(properties), **more}


TEXT: Tree = {"type": "string"}
NAMES: Tree = {"type": "array", "items": TEXT}
SCHEMAS: Mapping[str, Tree] = {
    "Problem": _object(
        {
            "type": {"const": "about:blank"},
            "title": TEXT,
            "status": {"type": "integer"},
            "errors": {"type": "array", "items": _object(dict.fromkeys(("field", "expected", "got"), TEXT))},
            "code": {"enum": sorted([*(code.value for code in Code), *BUTTONS])},
        },
        required=["type", "title", "status"],
    ),
    "Nothing": _object({"message": TEXT}, required=["message"], description="API Gateway's own answer."),
    "Outcome": _object(
        {
            "status": {"enum": ["accepted", "acknowledged", *(status.value for status in sorted(accept.FINISHED))]},
            **dict.fromkeys(("call", "event", "situation", "reason"), TEXT),
            "rules": NAMES,
            "effects": {
                "type": "array",
                "items": _object({**dict.fromkeys(("key", "what", "state"), TEXT), "id": {"type": ["string", "null"]}}),
            },
        },
        required=["status"],
    ),
    "Accepted": _object({"status": {"const": "accepted"}}, required=["status"], additionalProperties=False),
    "Direction": {"type": "object", "description": "In the shape that the project has chosen: an object, or JSON-RPC's."},
    "Dialling": _object(
        {"status": {"enum": ["dialling", "repeated"]}, "call": TEXT, "order": NAMES, "account": {}, "employee": {}},
        required=["status"],
    ),
    "Call": _object(dict.fromkeys(ALIASES, VALUE), description="What Ringostat sends; other fields are kept."),
    "Form": _object(dict.fromkeys(FORM, VALUE), description="Any fields; these are understood."),
    "Dispatch": _object(dict.fromkeys(DISPATCH, VALUE), required=["phone", "dialogue"]),
    "Click": _object(
        {**{name: {"type": "string", "maxLength": click_to_call.LONGEST} for name in ("to", "employee", "sip", "key")},
         "first": {"enum": ["client", "employee"]}},
        required=["to"],
    ),
    "Signed": _object(
        {"vpbx_api_key": TEXT, "sign": {"type": "string", "description": "SHA-256 of key, json and salt."}, "json": TEXT},
        required=["vpbx_api_key", "sign", "json"],
        description=f"MANGO's envelope; the project's secrets {KEY_SECRET} and {SALT_SECRET} are its key and salt.",
    ),
}  # fmt: skip
BODIES: Mapping[str, tuple[str, tuple[str, ...], int]] = {
    "ringostat": ("Call", (JSON, FORM_ENCODED), accept.LARGEST_BODY),
    "mango": ("Signed", (FORM_ENCODED,), accept.LARGEST_BODY),
    "forms": ("Form", (JSON, FORM_ENCODED), forms.LARGEST_FORM),
    "dispatch": ("Dispatch", (JSON,), accept.LARGEST_BODY),
    "routing": ("Call", (JSON, FORM_ENCODED), accept.LARGEST_BODY),
    "calls": ("Click", (JSON,), accept.LARGEST_BODY),
}
"""Schema, content types and the largest body in bytes of each way in."""

ANSWER = {"forms": "Accepted", "routing": "Direction", "calls": "Dialling"}
"""The schema of a success, where it is not Outcome."""


def document(tree: Tree) -> Tree:
    """The interface of a parsed template, OpenAPI 3.1."""
    paths: Tree = {}
    for function, route, properties in _routes(tree):
        method = properties["Method"].lower()
        paths.setdefault(properties["Path"].replace("+}", "}"), {})[method] = _operation(function, route, properties, tree)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Patchcord", "version": "1", "description": tree["Description"]},
        "paths": paths,
        "components": _components(),
    }


def _routes(tree: Tree) -> Iterator[tuple[str, str, Tree]]:
    for id, resource in tree["Resources"].items():
        for name, event in resource.get("Properties", {}).get("Events", {}).items():
            if event["Type"] == "HttpApi":
                yield id, name, event["Properties"]


def way_of(path: str) -> str:
    """Which way in a route is: the word that tells its handlers apart."""
    parts = path.split("/")
    return parts[5] if parts[2] == "hooks" else parts[2]


def _operation(function: str, route: str, properties: Tree, tree: Tree) -> Tree:
    path, method = properties["Path"], properties["Method"]
    way = way_of(path)
    operation: Tree = {
        "operationId": f"{function}{route}",
        "summary": tree["Resources"][function]["Properties"]["Description"],
        "parameters": [*_in_path(path), *_in_query(way, method), *_in_headers(way)],
        "responses": {str(status): _answer(way, status, method) for status in sorted(ANSWERS[way])},
    }
    if way in BODIES and method in {"POST", "PUT"}:
        operation["requestBody"] = _body(*BODIES[way])
    return operation


def _in_path(path: str) -> list[Tree]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in re.findall(r"\{(\w+)\+?\}", path)]


def _in_query(way: str, method: str) -> list[Tree]:
    """What a GET says, it says in the address."""
    if method != "GET" or way not in {"ringostat", "routing"}:
        return []
    return [{"name": "call", "in": "query", "style": "form", "explode": True, "schema": _reference("Call")}]


def _in_headers(way: str) -> list[Tree]:
    names = {"forms": ("origin", forms.SECRET_HEADER), "calls": ("idempotency-key",)}.get(way, ())
    return [{"name": name, "in": "header", "schema": TEXT} for name in names]


def _body(schema: str, sorts: tuple[str, ...], largest: int) -> Tree:
    content = {sort: {"schema": _reference(schema)} for sort in sorts}
    return {"required": True, "description": f"At most {largest} bytes, UTF-8, not packed.", "content": content}


def _answer(way: str, status: int, method: str) -> Tree:
    """A refusal is the same everywhere."""
    if status >= 400 and method != "HEAD":
        return {"$ref": f"#/components/responses/{status}"}
    sorts = () if status == 204 else _success(way) if status < 400 else _refusal(status)
    content = {sort: {"schema": schema} if method != "HEAD" else {} for sort, schema in dict(sorts).items()}
    return {"description": TITLES[status], **({"content": content} if content else {})}


def _success(way: str) -> Tree:
    if way == "recordings":
        return {PLAIN: TEXT}
    success = {JSON: _reference(ANSWER.get(way, "Outcome"))}
    return {**success, PLAIN: TEXT} if way == "routing" else success


def _refusal(status: int) -> Tree:
    ours = {PROBLEM: _reference("Problem")}
    return {**ours, JSON: _reference("Nothing")} if status == 404 else ours


def _components() -> Tree:
    refusals = {
        str(status): {"description": title, "content": {sort: {"schema": it} for sort, it in _refusal(status).items()}}
        for status, title in TITLES.items()
        if status >= 400
    }
    parameters = {name: {"name": name, "in": "path", "required": True, "schema": it} for name, it in PARAMETERS.items()}
    return {"schemas": dict(SCHEMAS), "parameters": parameters, "responses": refusals}


def _reference(schema: str) -> Tree:
    return {"$ref": f"#/components/schemas/{schema}"}


def text() -> str:
    """The document as it is checked in."""
    return json.dumps(document(parse((ROOT / "template.yaml").read_text("utf-8"))), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
