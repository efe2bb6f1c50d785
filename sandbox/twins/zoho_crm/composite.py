"""`POST /crm/v8/__composite_requests`: up to five parts in one call (crm_zohocrm.md 12)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from sandbox.twins.zoho_crm.state import Row
from sandbox.twins.zoho_crm.wire import Call, Reply, Wrong

MOST_PARTS = 5
REFERENCE = re.compile(r"@\{([A-Za-z0-9]\w*):\$([^}]*)\}")
STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


def composite(call: Call) -> Reply:
    body = call.body()
    parts = body.get("__composite_requests")
    if call.part or not isinstance(parts, list) or not parts:
        raise _wrong("INVALID_DATA", "invalid data", "__composite_requests", expected_data_type="jsonarray")
    if len(parts) > MOST_PARTS:
        raise _wrong("INVALID_DATA", "too many sub requests", "__composite_requests", maximum_length=MOST_PARTS)
    rollback, parallel = body.get("rollback_on_fail", False), body.get("parallel_execution", True)
    if rollback and parallel:
        where = [{"api_name": name, "json_path": f"$.{name}"} for name in ("rollback_on_fail", "parallel_execution")]
        raise Wrong(400, "AMBIGUITY_DURING_PROCESSING", "ambiguity while processing", ambiguity_due_to=where)
    names = [str(part.get("sub_request_id") or number) for number, part in enumerate(parts)]
    if len(set(names)) < len(names):
        raise _wrong("DUPLICATE_DATA", "duplicate sub_request_id", "sub_request_id")
    if not rollback:
        return Reply(200, {"__composite_requests": [entry(reply) for reply in _all(call, parts, names, parallel=parallel)]})
    return _together(call, parts, names)


def _wrong(code: str, words: str, name: str, **details: Any) -> Wrong:
    return Wrong(400, code, words, api_name=name, json_path=f"$.{name}", **details)


def _all(call: Call, parts: list[Row], names: list[str], *, parallel: bool) -> list[Reply]:
    done: dict[str, Reply] = {}
    for name, part in zip(names, parts, strict=True):
        done[name] = run(call, part, {} if parallel else done)
    return list(done.values())


def _together(call: Call, parts: list[Row], names: list[str]) -> Reply:
    """With rollback: everything or nothing. What came before the failure is taken back, what would come is not begun."""
    done: dict[str, Reply] = {}
    with call.twin.transaction() as transaction:
        for name, part in zip(names, parts, strict=True):
            done[name] = run(call, part, done)
            if done[name].status >= 400:
                transaction.fail()
                break
    if not transaction.failed:
        return Reply(200, {"__composite_requests": [entry(reply) for reply in done.values()]})
    back = {"code": "ROLLBACK_PERFORMED", "details": {}, "message": "rolled back", "status": "error"}
    stopped = {"code": "PROCESSING_STOPPED", "details": {}, "message": "processing stopped", "status": "error"}
    *before, last = done.values()
    entries = [*(back for _ in before), entry(last), *(stopped for _ in parts[len(done) :])]
    return Reply(400, {"__composite_requests": entries})


def entry(reply: Reply) -> Row:
    """A part's answer inside the composite's."""
    response = {"status_code": reply.status, "headers": {}, "body": reply.body or {}}
    words = "composite sub request executed successfully"
    return {"code": "SUCCESS", "details": {"response": response}, "message": words, "status": "success"}


def run(call: Call, part: Row, done: Mapping[str, Reply]) -> Reply:
    """One part, with the references to earlier parts filled in."""
    try:
        uri = filled(str(part.get("uri")), done)
        query = filled(part.get("params") or {}, done)
        body = part.get("body")
        body = filled(body, done) if call.twin.account.body_references else body
        if any(str(name).lower() == "authorization" for name in part.get("headers") or {}):
            raise _wrong("NOT_SUPPORTED", "restricted header", "headers", restricted_headers=["authorization"])
    except Wrong as wrong:
        return Reply(wrong.status, wrong.body)
    path, _, text = uri.partition("?")
    pairs = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in query.items()}
    inner = {"query": {**dict(parse_qsl(text)), **pairs}, "headers": part.get("headers") or {}, "payload": body}
    return call.twin.perform(str(part.get("method")), path, call.user, call.scopes, part=True, **inner)


def filled(node: Any, done: Mapping[str, Reply]) -> Any:
    """The node with each `@{id:$.path}` replaced; raises for what refers to nothing."""
    if isinstance(node, dict):
        return {name: filled(value, done) for name, value in node.items()}
    if isinstance(node, list):
        return [filled(value, done) for value in node]
    return REFERENCE.sub(lambda found: _referred(found, done), node) if isinstance(node, str) else node


def _referred(found: re.Match[str], done: Mapping[str, Reply]) -> str:
    value: Any = done[found[1]].body if found[1] in done else None
    for step in STEP.finditer(found[2]):
        try:
            value = value[step[1]] if step[1] else value[int(step[2])]
        except (KeyError, IndexError, TypeError):
            value = None
    if value is None:
        raise _wrong("INVALID_REFERENCE", "invalid reference", "body", reference=found[0])
    return value if isinstance(value, str) else json.dumps(value)
