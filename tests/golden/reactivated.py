"""Golden rows that switch the integration on again: the decision, and the same through the real handlers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from patchcord.scenarios.profiles import merge
from patchcord.scenarios.reactivation import resent
from patchcord.service.projects import save, secret_hash
from sandbox.twins import twin_class
from sandbox.twins.base import ManualClock, serve
from tests.golden.compare import Action, differences
from tests.golden.rows import Row, document, settings_of
from tests.golden.seeds import Seeds
from tests.harness import NOBODY, SECRET, world

CLIENT = "+38067000{:04}"


def run(row: Row) -> list[str]:
    """What differs between the row and the decision."""
    found = resent(_calls(row), _now(row), settings_of(row), bool(row.event.get("resend")))
    return differences(row.expected, row.must_not, _actions(row, found.sent, found.left))


def run_through(row: Row) -> list[str]:
    """What differs between the row and which calls' clients stand in the CRM, after they came in while it was off."""
    calls, now = _calls(row), _now(row)
    clock = ManualClock(min(calls) - timedelta(days=1))
    twin = twin_class(row.crm)(clock=clock)
    with serve(twin) as running:
        connection = twin.connection(running.url)
        tick = {"resend": {"on_reactivation": bool(row.event.get("resend"))}}
        on = merge(merge(document(row), Seeds(row, twin).settings(connection.options)), tick)
        off = merge(on, {"integration": {"enabled": False}})
        with world(on, manual=clock, secrets=connection.secrets) as product:
            telephony = {"telephony": {"provider": "ringostat", "secrets": [secret_hash(SECRET)], "base_url": NOBODY}}
            clock.advance(timedelta(minutes=2))
            save(product.store, "demo", merge(off, telephony), "test", clock())
            clock.advance(timedelta(minutes=2))
            for number, at in enumerate(calls):
                clock.advance(max(at + timedelta(seconds=30) - clock(), timedelta(0)))
                product.post("missed", _missed(number, at))
            clock.advance(max(now - clock(), timedelta(0)))
            save(product.store, "demo", merge(on, telephony), "test", clock())
            clock.advance(timedelta(minutes=2))
            product.reconcile()
            product.keep_promises()
            written = [str(write.fields.get("phone")) for write in twin.writes("create") if write.fields.get("phone")]
    sent = [at for phone in dict.fromkeys(written) for number, at in enumerate(calls) if CLIENT.format(number) == phone]
    return differences(row.expected, row.must_not, _actions(row, sent, [at for at in calls if at not in sent]))


def _missed(number: int, at: datetime) -> dict[str, Any]:
    return {
        "uniqueid": f"kept-{number}",
        "call_type": "in",
        "call_timestamp": str(int(at.timestamp() * 1_000_000)),
        "caller_number": CLIENT.format(number),
        "dst": "+380442220000",
        "disposition": "NO ANSWER",
        "billsec": "0",
        "duration": "30",
    }


def _calls(row: Row) -> list[datetime]:
    return [_utc(str(text), row) for text in row.event.get("stored_calls") or ()]


def _now(row: Row) -> datetime:
    return _utc(str(row.event.get("now") or row.project["now"]), row)


def _utc(text: str, row: Row) -> datetime:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(row.project["timezone"]))).astimezone(UTC)


def _actions(row: Row, sent: Any, left: Any) -> list[Action]:
    """In the row's words: the calls as it writes them."""
    texts = {_utc(str(text), row): str(text) for text in row.event.get("stored_calls") or ()}
    told = (("resend", sent), ("skip", left))
    return [{"do": do, "calls": [texts[at] for at in calls]} for do, calls in told if calls]
