"""The decision: which situation a call, form or dispatch is, and what shall be done for it (rules.md 3.1, design 5).

Pure. Called again at every event of a call, with the client as it was before the call: the effects whose moment has
not come are left out, those that are done already are recognised by their keys.
"""

from __future__ import annotations

from dataclasses import replace

from patchcord.model.effects import Decision, TaskKind
from patchcord.model.events import CallType, EventKind, MissPlace, Moment, Outcome
from patchcord.model.records import Client, RecordKind
from patchcord.model.settings import Row, RowName, Settings, TaskRule
from patchcord.model.timeline import Timeline
from patchcord.scenarios.matches import Match, match, open_record
from patchcord.scenarios.people import People
from patchcord.scenarios.plan import Plan, rules_of
from patchcord.scenarios.screen import WAIT, is_client_told, screen


def decide(timeline: Timeline, client: Client, settings: Settings) -> Decision:
    """The situation and the effects that are due by now.

    `client` is the client as found, without the records this very call has made.
    """
    screened = screen(timeline, settings)
    if screened is not None:
        return Decision("ignored", reason=screened[0], rules=screened[1])
    whole = _whole(timeline, client, settings)
    due = tuple(effect for effect in whole.effects if timeline.reached(effect.at))
    return Decision(whole.situation, due, whole.rules, whole.reason)


def _whole(timeline: Timeline, client: Client, settings: Settings) -> Decision:
    if timeline.kind is EventKind.FORM:
        return _form(timeline, client, settings)
    if timeline.kind is EventKind.MESSENGER:
        return _messenger(timeline, client, settings)
    if not is_client_told(timeline):
        return WAIT
    if timeline.hidden:
        return _hidden(timeline, client, settings)
    if timeline.call_type is CallType.OUT:
        return _outgoing(timeline, client, settings)
    return _incoming(timeline, client, settings)


def _plan(
    name: RowName,
    timeline: Timeline,
    client: Client,
    settings: Settings,
    found: Match | None = None,
    people: People | None = None,
) -> Plan:
    people = people or People(timeline, settings, found.responsible_record if found else None)
    plan = Plan(timeline, client, settings, people, name, rules_of(name))
    if found is not None:
        plan.at_places_of(found)
    return plan


# --- incoming calls ---


def _incoming(timeline: Timeline, client: Client, settings: Settings) -> Decision:
    if timeline.outcome is None:
        return _ringing(timeline, client, settings)
    if timeline.outcome is Outcome.ANSWERED:
        return _answered_existing(timeline, client, settings) if client.is_known else _answered_new(timeline, client, settings)
    return _missed_existing(timeline, client, settings) if client.is_known else _missed_new(timeline, client, settings)


def _ringing(timeline: Timeline, client: Client, settings: Settings) -> Decision:
    name = RowName.IN_RINGING_EXISTING if client.is_known else RowName.IN_RINGING_NEW
    plan = _plan(name, timeline, client, settings, match(client, settings))
    if not client.is_known:
        _create_while_ringing(plan)
    plan.popup(settings.row(name))
    return plan.decision()


def _create_while_ringing(plan: Plan) -> None:
    """What is made as soon as a new client's call comes in; made up for later if that event was lost (S2-02, D-08)."""
    row = plan.settings.row(RowName.IN_RINGING_NEW)
    if row.create:
        plan.create(row.create, Moment.RING, row.owner, row)


def _answered_new(timeline: Timeline, client: Client, settings: Settings) -> Decision:
    people = People(timeline, settings)
    name = _answered_by_whom(people, settings) or RowName.IN_ANSWERED_NEW
    plan = _plan(name, timeline, client, settings, None, people)
    usual, row = settings.row(RowName.IN_ANSWERED_NEW), settings.row(name)
    _create_while_ringing(plan)
    if _waits_for_crm_employee(plan):
        return plan.decision()
    kinds = row.create if row.create is not None else usual.create
    if kinds:
        plan.create(kinds, row.at or usual.at or Moment.END, row.owner, row)
        plan.update_owner_on_transfer(row)
    plan.write_visit_fields()
    plan.trace(row, visit_data=True)
    plan.task(row.task)
    return plan.decision()


def _answered_by_whom(people: People, settings: Settings) -> RowName | None:
    """The unknown row when nobody who talked is a known employee (D-22), None otherwise."""
    if people.handlers or settings.vendor.only_crm_employees:
        return None
    return RowName.IN_ANSWERED_UNKNOWN


def _waits_for_crm_employee(plan: Plan) -> bool:
    """S4-04: only CRM employees count, so nothing is made until one of them takes the call or it ends."""
    return plan.settings.vendor.only_crm_employees and not (plan.people.handlers or plan.timeline.reached(Moment.END))


def _answered_existing(timeline: Timeline, client: Client, settings: Settings) -> Decision:
    found = match(client, settings)
    people = People(timeline, settings, found.responsible_record)
    unknown = _answered_by_whom(people, settings)
    name = unknown or (RowName.IN_ANSWERED_BY_RESPONSIBLE if people.responsible_took_part() else RowName.IN_ANSWERED_BY_OTHER)
    creates = _creates_primary(settings, client, found, settings.row(name))
    if creates and unknown is None:
        # whoever answers becomes the new record's responsible, so there is nothing for him to review (D-05, P-BX-09)
        name = RowName.IN_ANSWERED_BY_RESPONSIBLE
    row = settings.row(name)
    plan = _plan(name, timeline, client, settings, found, people)
    if _waits_for_crm_employee(plan):
        return plan.decision()
    if creates:
        usual = settings.row(RowName.IN_ANSWERED_NEW).at or Moment.END
        _create_primary(plan, Moment.END if unknown else row.at or usual, row)
    elif _leaves_alone(settings, found, row):
        return plan.decision()
    plan.fill_empty_visit_data(found)
    plan.write_visit_fields()
    plan.trace(row)
    plan.task(row.task)
    return plan.decision()


def _by_whom(timeline: Timeline, settings: Settings, found: Match) -> RowName:
    people = People(timeline, settings, found.responsible_record)
    return RowName.IN_ANSWERED_BY_RESPONSIBLE if people.responsible_took_part() else RowName.IN_ANSWERED_BY_OTHER


def _creates_primary(settings: Settings, client: Client, found: Match, row: Row) -> bool:
    """Whether an existing client gets a new primary record (O-31, O-36)."""
    if settings.primary_entity is None:
        return False
    repeat = row.repeat or settings.repeat_calls
    if repeat is not None:
        none_open = open_record(client, settings.primary_entity, settings) is None
        return repeat == "always_create_process" or (repeat == "create_if_none_open" and none_open)
    policy = row.no_open_primary or settings.no_open_primary
    return found.primary is None and policy == "create_primary_reuse_contact"


def _leaves_alone(settings: Settings, found: Match, row: Row) -> bool:
    return found.primary is None and (row.no_open_primary or settings.no_open_primary) == "nothing"


def _create_primary(plan: Plan, at: Moment, row: Row) -> None:
    """A new primary record on the existing contact; a contact is made too when there is none (D-05)."""
    primary = plan.settings.primary_entity
    if primary is None:
        return
    usual = plan.settings.row(RowName.IN_ANSWERED_NEW).create or ()
    kinds = (primary, RecordKind.CONTACT) if RecordKind.CONTACT in usual else (primary,)
    plan.rules = (*plan.rules, "D-05")
    plan.create(kinds, at, row.owner, row)


def _missed_new(timeline: Timeline, client: Client, settings: Settings) -> Decision:
    name, row = _missed_row(timeline, settings)
    plan = _plan(name, timeline, client, settings)
    _create_while_ringing(plan)
    if name is RowName.IN_MISSED_IVR_NEW and settings.ivr_missed_owner is None and settings.ivr_missed == "nothing":
        return plan.decision()
    substitute = plan.people.missed_substitute() if row.owner == "senior" else None
    if row.create:
        plan.create(row.create, Moment.END, substitute.key if substitute else row.owner, row)
    plan.write_visit_fields()
    plan.trace(row)
    plan.task(row.task, substitute.key if substitute and row.task and row.task.assignee == "senior" else None)
    return plan.decision()


def _missed_row(timeline: Timeline, settings: Settings) -> tuple[RowName, Row]:
    """The row of a new client's missed call; a menu's or group's own person overrides its owner (S4-39, S4-41, D-38)."""
    usual = settings.row(RowName.IN_MISSED_NEW)
    special = {MissPlace.IVR: RowName.IN_MISSED_IVR_NEW, MissPlace.GROUP: RowName.IN_MISSED_GROUP_NEW}
    name = special.get(timeline.missed_in or MissPlace.EMPLOYEE)
    if name is None:
        return RowName.IN_MISSED_NEW, usual
    row = settings.rows.get(name, usual)
    owner = settings.ivr_missed_owner if name is RowName.IN_MISSED_IVR_NEW else settings.group_missed_owner
    return name, row if owner is None else replace(row, owner=owner)


def _missed_existing(timeline: Timeline, client: Client, settings: Settings) -> Decision:
    found, row = match(client, settings), settings.row(RowName.IN_MISSED_EXISTING)
    plan = _plan(RowName.IN_MISSED_EXISTING, timeline, client, settings, found)
    if _creates_primary(settings, client, found, row):
        _create_primary(plan, Moment.END, row)
    elif _leaves_alone(settings, found, row):
        return plan.decision()
    plan.fill_empty_visit_data(found)
    plan.write_visit_fields()
    plan.trace(row)
    plan.task(row.task)
    return plan.decision()


def _hidden(timeline: Timeline, client: Client, settings: Settings) -> Decision:
    """D-09: no look-up, no records; a missed call is a task for the senior manager that stands alone (O-58)."""
    if timeline.outcome is not Outcome.MISSED:
        return Decision("ignored", reason="hidden_number", rules=("D-09",))
    plan = _plan(RowName.IN_MISSED_NEW, timeline, client, settings)
    plan.rules = ("D-09",)
    plan.task(TaskRule(kind=TaskKind.CALLBACK, assignee="senior"))
    return plan.decision()


# --- outgoing calls ---


def _outgoing(timeline: Timeline, client: Client, settings: Settings) -> Decision:
    found = match(client, settings)
    if timeline.outcome is None:
        return Decision("out_ringing", reason="not_ended", rules=("S0-43",))
    if timeline.outcome is not Outcome.ANSWERED:
        return _called(RowName.OUT_UNANSWERED, timeline, client, settings, found)
    people = People(timeline, settings, found.responsible_record)
    if not client.is_known:
        return _called(RowName.OUT_ANSWERED_NEW, timeline, client, settings, found)
    if people.caller is None:
        return _called(RowName.OUT_UNKNOWN, timeline, client, settings, found)
    mine = people.responsible_took_part()
    name = RowName.OUT_ANSWERED_BY_RESPONSIBLE if mine else RowName.OUT_ANSWERED_BY_OTHER
    return _called(name, timeline, client, settings, found)


def _called(name: RowName, timeline: Timeline, client: Client, settings: Settings, found: Match) -> Decision:
    row = settings.row(name)
    plan = _plan(name, timeline, client, settings, found if _logs_outgoing(settings, found) else None)
    if row.create and not client.is_known:
        plan.create(row.create, row.at or Moment.END, row.owner or "caller", row)
    if not plan.places:
        return plan.decision()
    plan.trace(row)
    plan.task(row.task)
    return plan.decision()


def _logs_outgoing(settings: Settings, found: Match) -> bool:
    """S0-43: outgoing calls are logged on an open record; on a contact only where contacts are looked up for logging."""
    return found.primary is not None or RecordKind.CONTACT in settings.logging_lookup


# --- forms and messenger ---


def _form(timeline: Timeline, client: Client, settings: Settings) -> Decision:
    found = match(client, settings)
    if found.primary is not None:
        plan = _plan(RowName.FORM_EXISTING, timeline, client, settings, found)
        row = settings.row(RowName.FORM_EXISTING)
        if row.update_open_primary:
            plan.add_form(found.primary.ref)
        plan.task(row.task, at=Moment.SUBMIT)
        return plan.decision()
    row = settings.row(RowName.FORM_NEW)
    plan = _plan(RowName.FORM_NEW, timeline, client, settings, found)
    owner = settings.forms.owner if row.owner == "senior" else row.owner
    _create_for_dispatch(plan, row, Moment.SUBMIT, owner)
    if found.contact is not None and not plan.effects:
        # a CRM without a record of its own for a request: the client's card takes the form, or it would be lost (D-16)
        plan.name, plan.rules = RowName.FORM_EXISTING, rules_of(RowName.FORM_EXISTING)
        plan.add_form(found.contact.ref)
    else:
        plan.tell_form()
    plan.task(row.task, at=Moment.SUBMIT)
    return plan.decision()


def _messenger(timeline: Timeline, client: Client, settings: Settings) -> Decision:
    found = match(client, settings)
    has_data = bool(client.records) if settings.messenger.create_if == "no_data" else found.primary is not None
    if has_data:
        return _plan(RowName.MESSENGER_EXISTING, timeline, client, settings, found).decision()
    row = settings.row(RowName.MESSENGER_NEW)
    plan = _plan(RowName.MESSENGER_NEW, timeline, client, settings, found)
    owner = settings.messenger.owner if row.owner == "dispatching" else row.owner
    _create_for_dispatch(plan, row, Moment.DISPATCH, owner)
    return plan.decision()


def _create_for_dispatch(plan: Plan, row: Row, at: Moment, owner: str | None) -> None:
    """The row's records; of a client with a contact only the primary record is missing (C-28, D-05)."""
    kinds = row.create or ()
    if "contact" in plan.places:
        kinds = tuple(kind for kind in kinds if kind not in {RecordKind.CONTACT, RecordKind.ORGANIZATION})
    if kinds:
        plan.create(kinds, at, owner, row)
