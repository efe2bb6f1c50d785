"""`batch`: commands in order, with references to earlier results and their traps (crm_bitrix24.md 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.twins.base import Refused
from sandbox.twins.bitrix24.state import flag
from sandbox.twins.bitrix24.wire import Call, Result, as_mapping, error_body, parse_query

MOST = 50
REFERENCE = re.compile(r"\$result((?:\[[^\[\]]*\])+)")


def batch(call: Call) -> Result:
    commands = as_mapping(call.get("cmd"))
    if len(commands) > MOST:
        raise Refused(400, f"Max batch length exceeded {MOST}", "ERROR_BATCH_LENGTH_EXCEEDED")
    results: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    totals: dict[str, int] = {}
    following: dict[str, int] = {}
    for key, command in commands.items():
        try:
            found = _run(call, str(command), results)
        except Refused as refused:
            errors[key] = error_body(refused)
            if flag(call.get("halt")):
                break
            continue
        results[key] = found.value
        totals |= {} if found.total is None else {key: found.total}
        following |= {} if found.next is None else {key: found.next}
    times = {key: call.twin.time_of("batch") for key in results}
    return Result({"result": results or [], "result_error": errors or [], "result_total": totals or [],
                   "result_next": following or [], "result_time": times or []})  # fmt: skip


def _run(call: Call, command: str, results: Mapping[str, Any]) -> Result:
    method, _, query = command.partition("?")
    if method.lower() == "batch":
        raise Refused(405, "Method is not allowed in batch", "ERROR_BATCH_METHOD_NOT_ALLOWED")
    # what stands behind a bare # is a fragment of the address and is lost
    params = parse_query(query.partition("#")[0])
    lists = call.twin.account.resolves_lists
    resolved = {name: _resolved(value, results, lists) for name, value in params.items()}
    return call.twin.work(method, replace(call, params=resolved))


def _resolved(value: Any, results: Mapping[str, Any], lists: bool) -> Any:
    if isinstance(value, dict):
        return {name: _resolved(inner, results, lists) for name, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner, results, lists) for inner in value]
    if not isinstance(value, str):
        return value
    whole = REFERENCE.fullmatch(value)
    if whole:
        found = _followed(whole[1], results, value)
        return found if lists or not isinstance(found, list | dict) else ""
    return REFERENCE.sub(lambda match: _as_text(_followed(match[1], results, match[0])), value)


def _followed(path: str, results: Mapping[str, Any], literal: str) -> Any:
    """The value at the path, or the last one that is there; the literal text if the command has no result (4)."""
    first, *steps = re.findall(r"\[([^\[\]]*)\]", path)
    if first not in results:
        return literal
    node = results[first]
    for step in steps:
        below = as_mapping(node)
        if step not in below:
            break
        node = below[step]
    return node


def _as_text(value: Any) -> str:
    return "Array" if isinstance(value, list | dict) else str(value)
