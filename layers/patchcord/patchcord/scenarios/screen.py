"""The filters that come before any row: blocked, own and hidden numbers, calls that are not ours to log (rules.md 3.1)."""

from __future__ import annotations

from patchcord.model.effects import Decision
from patchcord.model.events import CallType, EventKind, Moment, Outcome
from patchcord.model.settings import RowName, Settings
from patchcord.model.timeline import Timeline
from patchcord.scenarios.rules import ROW_RULES

Screened = tuple[str, tuple[str, ...]]
"""Why nothing is done, and the rules that say so."""


def screen(timeline: Timeline, settings: Settings) -> Screened | None:
    """The reason to ignore a call, form or dialogue, None if it shall be processed.

    While the integration is off events are kept, for the day it is switched on again (P-PD-12).
    """
    if not settings.integration.enabled:
        return "integration_off", ("S3-29", "P-PD-12")
    if timeline.client is not None:
        reason = _number_reason(timeline, settings)
        if reason is not None:
            return reason
    if timeline.kind is EventKind.CALL:
        return _call_reason(timeline, settings)
    if timeline.kind is EventKind.FORM:
        return _form_reason(timeline, settings)
    return _messenger_reason(timeline, settings)


def _number_reason(timeline: Timeline, settings: Settings) -> Screened | None:
    client = timeline.client or ""
    concerned = timeline.kind is EventKind.CALL or settings.blocked.scope == "all"
    if concerned and client in settings.blocked_e164:
        return "blocked_number", ("S0-36", "S0-37", "S0-38", "D-19")
    if client == timeline.line or client in settings.own_e164 or settings.directory.owns_number(client):
        return "own_number", ("D-10",)
    return None


def _call_reason(timeline: Timeline, settings: Settings) -> Screened | None:
    if timeline.hidden and not settings.hidden.create_task:
        return "hidden_number", ("D-09",)
    if timeline.call_type is CallType.INTERNAL:
        return "internal_call", ("D-10",)
    if timeline.outcome is Outcome.IGNORED:
        return "forbidden_destination", ("D-24",)
    if timeline.client is None and not timeline.hidden and timeline.reached(Moment.END):
        return "no_client_number", ("D-09",)
    return None


def _form_reason(timeline: Timeline, settings: Settings) -> Screened | None:
    if not settings.forms.enabled:
        return "forms_off", ("S0-29", "V-11")
    if timeline.client is None and settings.forms.no_phone == "skip":
        return "form_without_phone", ("D-16",)
    return None


def _messenger_reason(timeline: Timeline, settings: Settings) -> Screened | None:
    if not settings.messenger.enabled:
        return "messenger_off", ("S0-31",)
    if Moment.DISPATCH not in timeline.moments:
        return "not_dispatched", ("S0-31",)
    if timeline.client is None:
        return "dispatch_without_phone", ("V-12",)
    return None


def is_client_told(timeline: Timeline) -> bool:
    """Whether it is known by now who the client of a call is, be it somebody who hides his number."""
    return timeline.client is not None or timeline.hidden or timeline.reached(Moment.END)


def nothing_due(timeline: Timeline, settings: Settings) -> Decision | None:
    """The decision when no row of the project acts on what is known so far: it needs no work and no look-up. None otherwise."""
    if timeline.kind is not EventKind.CALL:
        return None
    if not is_client_told(timeline):
        return WAIT
    if timeline.reached(Moment.END):
        return _unanswered(timeline, settings)
    if timeline.call_type is CallType.OUT:
        return WAIT
    if timeline.reached(Moment.ANSWER):
        return None if any(row.at in {Moment.RING, Moment.ANSWER} for row in settings.rows.values()) else WAIT
    rings = (settings.row(RowName.IN_RINGING_NEW), settings.row(RowName.IN_RINGING_EXISTING))
    return None if any(row.create or row.popup for row in rings) else WAIT


WAIT = Decision("", reason="nothing_due")
"""The call goes on; a later moment will decide."""


def _unanswered(timeline: Timeline, settings: Settings) -> Decision | None:
    """D-12: most projects do nothing for an outgoing call that nobody took."""
    row = settings.row(RowName.OUT_UNANSWERED)
    acts = row.create or row.log or row.task
    if timeline.call_type is not CallType.OUT or timeline.outcome is not Outcome.NO_ANSWER or acts:
        return None
    return Decision(RowName.OUT_UNANSWERED.value, rules=ROW_RULES[RowName.OUT_UNANSWERED])
