"""Several calls in one (crm_creatio.md 12)."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sandbox.twins.base import Refused
from sandbox.twins.creatio.state import Row

if TYPE_CHECKING:
    from sandbox.twins.creatio.twin import CreatioTwin

MOST_PARTS = 100


def run(twin: CreatioTwin, body: Any, *, go_on: bool) -> Row:
    """The answer to `POST /$batch`. The first failure stops the rest unless `go_on`; the rest is not answered."""
    parts = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(parts, list) or not 1 <= len(parts) <= MOST_PARTS or not all(isinstance(part, dict) for part in parts):
        raise Refused(400, f"A batch holds 1 to {MOST_PARTS} requests.")
    responses: list[Row] = []
    saved: dict[str, tuple[Any, int, int]] = {}
    for part in parts:
        group = str(part.get("atomicityGroup", ""))
        saved.setdefault(group, (deepcopy(twin.state.tables), len(twin.pending), len(responses)))
        answer = _part(twin, part)
        responses.append(answer)
        if answer["status"] < 400:
            continue
        if group and twin.site.rolls_back:
            _roll_back(twin, parts, responses, group, saved[group])
        if not go_on:
            break
    return {"responses": responses}


def _roll_back(twin: CreatioTwin, parts: list[Row], responses: list[Row], group: str, saved: tuple[Any, int, int]) -> None:
    """All or nothing: the others of the group depended on the one that failed (3)."""
    tables, written, first = saved
    twin.state.tables = tables
    del twin.pending[written:]
    failed = responses[-1]
    others = [part for part in parts if part.get("atomicityGroup") == group and part.get("id") != failed["id"]]
    del responses[first:]
    responses += [{"id": part.get("id"), "status": 424, "headers": {}} for part in others]
    responses.append(failed)


def _part(twin: CreatioTwin, part: Row) -> Row:
    target = urlsplit(str(part.get("url")))
    query = dict(parse_qsl(target.query.replace("+", "%2B"), keep_blank_values=True))
    headers = {str(name).lower(): str(value) for name, value in (part.get("headers") or {}).items()}
    exact = "ieee754compatible=true" in headers.get("content-type", "").lower()
    resource = unquote(target.path).rpartition("/odata/")[2]
    try:
        status, body = twin.carried_out(str(part.get("method")), resource, query, part.get("body"), exact=exact)
    except Refused as refused:
        status, body = refused.status, twin.error_body(refused.words)
    answer: Row = {"id": part.get("id"), "status": status, "headers": {"odata-version": "4.0"}}
    return answer if body is None else {**answer, "body": body}
