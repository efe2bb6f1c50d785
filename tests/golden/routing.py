"""Golden rows that ask whom a caller is put through to: decision level, no I/O."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from patchcord.model.events import CallType
from patchcord.model.phone import is_hidden, try_phone
from patchcord.model.settings import Settings
from patchcord.model.talks import Talk
from patchcord.scenarios.profiles import effective, merge
from patchcord.scenarios.routes import FAILED, NOT_ASKED, AskCrm, Caller, Records, Route
from patchcord.scenarios.routing import route
from tests.golden import mango
from tests.golden.compare import Action, differences
from tests.golden.rows import Row, client_number, client_of, document


def run(row: Row) -> list[str]:
    """What differs between the row and the answer. A look-up writes nothing, so `any_crm_write` cannot be violated."""
    settings = settings_of(row)
    forbidden = [pattern for pattern in row.must_not if pattern != "any_crm_write"]
    return differences(expected(row, settings), forbidden, [in_row_words(answer(row, settings), row)])


def settings_of(row: Row) -> Settings:
    """The row's project. `event.block` is the scheme's only block. A row of Ringostat's that names neither a block nor the
    global stickiness speaks of the block by CRM (SR-01); with MANGO the flag of S4-24 says whether there is one (MP-29)."""
    return effective(written(row))


def written(row: Row) -> dict[str, Any]:
    """The row's settings document."""
    base = document(row)
    if "block" in row.event:
        return merge(base, {"scheme": {"blocks": [row.event["block"]]}})
    settings = effective(base)
    meant = settings.routing.supported and not settings.stickiness.everywhere.enabled and not mango.is_mangos(row)
    return merge({"routing": {"enabled": True}}, base) if meant else base


def answer(row: Row, settings: Settings) -> Route:
    """The final answer: the CRM is asked only when the decision wants it."""
    first = _ask(row, settings, NOT_ASKED)
    if isinstance(first, Route):
        return first
    last = _ask(row, settings, FAILED if row.event.get("crm") else client_of(row, settings).records)
    assert isinstance(last, Route), "the records are there, and still the CRM is wanted"
    return last


def _ask(row: Row, settings: Settings, records: Records) -> Route | AskCrm:
    return route(
        caller_of(row, settings), settings, utc(str(row.event.get("at") or row.project["now"]), row), talks_of(row), records
    )


def caller_of(row: Row, settings: Settings) -> Caller:
    number, region = client_number(row), settings.phone.default_region
    leg = row.event.get("first_leg") or {}
    return Caller(
        client=_e164(number, region),
        hidden=is_hidden(number),
        line=_e164(row.event.get("line"), region),
        tried=leg["to"] if leg.get("picked_up") is False else None,
    )


def _e164(text: str | None, region: str) -> str | None:
    phone = try_phone(text, region)
    return None if phone is None else phone.e164


def talks_of(row: Row) -> tuple[Talk, ...]:
    """The earlier calls; their times are in the project's zone."""
    history: list[dict[str, Any]] = row.event.get("call_history") or []
    return tuple(
        Talk(str(call["by"]), CallType(call["direction"]), utc(str(call["at"]), row), call["result"] == "answered")
        for call in history
    )


def utc(text: str, row: Row) -> datetime:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(row.project["timezone"]))).astimezone(UTC)


def in_row_words(found: Route, row: Row) -> Action:
    if found.found:
        told: Action = {"do": "route", "to": found.employee, "found_in": found.found_in}
        return told | {"directions": list(found.directions), "ring_seconds": found.ring_seconds}
    if found.next == "number_scheme":
        return {"do": "route_number_scheme"}
    return {"do": "end_call" if row.event.get("remaining_blocks") == 0 else "route_next_block"}


def expected(row: Row, settings: Settings) -> list[Action]:
    """The expected answer with the vendor's kind (ticket, order) as the neutral one."""
    words = settings.vendor.words
    return [
        {**action, "found_in": words.get(action["found_in"], action["found_in"])} if "found_in" in action else action
        for action in row.expected
    ]
