"""Several calls in one (crm_salesforce.md 6.4, 8.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sandbox.twins.salesforce.state import Row
from sandbox.twins.salesforce.wire import Call, Fault, Reply, body_of

MOST_PARTS, MOST_QUERIES = 25, 5
REFERENCE = re.compile(r"@\{(\w+)\.(\w+)\}")
NO_PARTS = re.compile(r"/(search|parameterizedSearch|composite(/batch)?)$")
ROLLED_BACK = "The transaction was rolled back since another operation in the same transaction failed."


class _Unknown(Exception):
    """A reference to a part that gave nothing."""


def composite(call: Call) -> Reply:
    """`POST /composite`: one call, whatever is in it. The outer status is 200 even when every part failed."""
    body = body_of(call)
    parts = _parts(body, "compositeRequest")
    _check_parts(parts)
    before, replies = deepcopy(call.state.tables), list[Reply]()
    known: dict[str, Any] = {}
    for part in parts:
        reply = _part(call, part, known)
        replies.append(reply)
        if reply.status < 300:
            known[part["referenceId"]] = reply.body
        elif body.get("allOrNone"):
            call.state.tables = before
            call.written.clear()
            replies = [*(_halted() for _ in replies[:-1]), reply, *(_halted() for _ in parts[len(replies) :])]
            break
    answers = [
        {
            "body": reply.body,
            "httpHeaders": dict(reply.headers),
            "httpStatusCode": reply.status,
            "referenceId": part["referenceId"],
        }
        for part, reply in zip(parts, replies, strict=True)
    ]
    return Reply(200, {"compositeResponse": answers})


def _parts(body: Row, name: str) -> list[Row]:
    parts = body.get(name)
    if not isinstance(parts, list) or not 1 <= len(parts) <= MOST_PARTS or not all(isinstance(part, dict) for part in parts):
        raise Fault("JSON_PARSER_ERROR", f"{name} must be a list of 1 to {MOST_PARTS} calls")
    return parts


def _check_parts(parts: list[Row]) -> None:
    names = [part.get("referenceId") for part in parts]
    if not all(isinstance(name, str) and re.fullmatch(r"[A-Za-z]\w*", name) for name in names):
        raise Fault("JSON_PARSER_ERROR", "each part needs a referenceId of letters and digits")
    if len(set(names)) < len(names):
        raise Fault("INVALID_INPUT", "duplicate referenceId provided")
    queries = [part for part in parts if re.search(r"/(query|composite/sobjects)\b", str(part.get("url")))]
    if len(queries) > MOST_QUERIES:
        raise Fault("LIMIT_EXCEEDED", f"at most {MOST_QUERIES} queries or collections are allowed")


def _part(call: Call, part: Row, known: Mapping[str, Any]) -> Reply:
    try:
        url = REFERENCE.sub(lambda found: _referred(found, known), str(part.get("url")))
        body = _resolved(part.get("body"), known)
    except _Unknown as unknown:
        return _failed(Fault("PROCESSING_HALTED", f"Invalid reference specified. No value for {unknown}"))
    if NO_PARTS.search(urlsplit(url).path):
        return _failed(Fault("INVALID_INPUT", "this resource cannot be a part of a composite request"))
    own = {name.lower(): str(value) for name, value in (part.get("httpHeaders") or {}).items()}
    headers = {**call.headers, **own} if call.twin.org.part_headers else call.headers
    return run_part(replace(call, method=str(part.get("method")), headers=headers, data=body), url)


def _referred(found: re.Match[str], known: Mapping[str, Any]) -> str:
    body = known.get(found[1])
    if not isinstance(body, dict) or found[2] not in body:
        raise _Unknown(f"{found[1]}.{found[2]}")
    return str(body[found[2]])


def _resolved(node: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(node, str):
        return REFERENCE.sub(lambda found: _referred(found, known), node)
    if isinstance(node, dict):
        return {name: _resolved(value, known) for name, value in node.items()}
    return [_resolved(item, known) for item in node] if isinstance(node, list) else node


def _halted() -> Reply:
    return _failed(Fault("PROCESSING_HALTED", ROLLED_BACK))


def _failed(fault: Fault) -> Reply:
    return Reply(fault.status, fault.body)


def run_part(call: Call, url: str) -> Reply:
    """Carry out one part, as if it had come alone."""
    target = urlsplit(url)
    query = dict(parse_qsl(target.query, keep_blank_values=True))
    try:
        return call.twin.dispatch(replace(call, query=query), unquote(target.path))
    except Fault as fault:
        return _failed(fault)


def batch(call: Call) -> Reply:
    """`POST /composite/batch`: calls that know nothing of each other; each counts against the daily limit (6.4)."""
    body = body_of(call)
    parts = _parts(body, "batchRequests")
    results: list[Row] = []
    for number, part in enumerate(parts):
        if body.get("haltOnError") and any(result["statusCode"] >= 400 for result in results):
            fault = Fault("BATCH_PROCESSING_HALTED", "Batch processing halted per request", status=412)
            results.append({"statusCode": 412, "result": fault.body})
            continue
        if number and call.twin.org.batch_parts_count:
            call.twin.calls.take(call.twin.clock())
        url = str(part.get("url"))
        path = url if url.startswith("/") else f"/services/data/{url}"
        reply = run_part(replace(call, method=str(part.get("method")), data=part.get("richInput") or {}), path)
        results.append({"statusCode": reply.status, "result": reply.body})
    return Reply(200, {"hasErrors": any(result["statusCode"] >= 400 for result in results), "results": results})
