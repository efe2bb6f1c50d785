"""Which settings are valid: the constraints V-01…V-27 with their codes (rules.md 3.2).

A constraint looks at the effective settings and, where it has to, at facts that only the CRM or the telephony can tell.
An unknown fact (None) is not held against anybody; the connection check brings it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from zoneinfo import available_timezones

from phonenumbers import SUPPORTED_REGIONS

from patchcord.model.effects import TaskKind
from patchcord.model.employees import Employee, direction_identity, sip_login
from patchcord.model.events import ATTRIBUTION, Moment
from patchcord.model.phone import is_hidden, is_short, try_phone
from patchcord.model.records import RecordKind
from patchcord.model.settings import FORM_FIELDS, Row, RowName, Settings, TaskRule, weekdays
from patchcord.scenarios.profiles import Finding
from patchcord.scenarios.reactivation import LONGEST

CALL_PARAMETERS = frozenset({"line", "call_id", "status", "department", "recording", "duration", "waiting", "employee"})
PARAMETERS = frozenset(ATTRIBUTION) | CALL_PARAMETERS
"""What can be passed on to CRM fields (O-25)."""

ROLES = frozenset(
    {
        "answering",
        "last_handler",
        "first_handler",
        "caller",
        "dispatching",
        "distributed",
        "responsible",
        "senior",
        "acting_user",
        "round_robin",
        "keep",
        "none",
    }
)
REPEATING = frozenset({"always_create_process", "create_if_none_open"})
TRACE_ROLES = frozenset({"answering", "responsible", "caller"})
HANDLERS = frozenset({"answering", "first_handler", "last_handler"})

MISSED_ROWS = frozenset(
    {RowName.IN_MISSED_NEW, RowName.IN_MISSED_IVR_NEW, RowName.IN_MISSED_GROUP_NEW, RowName.IN_MISSED_EXISTING}
)
OUT_ROWS = frozenset(name for name in RowName if name.value.startswith("out_"))
UNKNOWN_ROWS = frozenset({RowName.IN_ANSWERED_UNKNOWN, RowName.OUT_UNKNOWN})
OTHER_ROWS = frozenset({RowName.IN_ANSWERED_BY_OTHER, RowName.OUT_ANSWERED_BY_OTHER})
ADMIN_ROLES = frozenset({"admin", "administrator", "owner"})

SHORTEST_LOOK_UP, LONGEST_LOOK_UP = timedelta(seconds=0.2), timedelta(seconds=10)
LONGEST_RING = 300
LONGEST_REPLY_KEY = 60

LONGEST_LINK_DAYS = 3650
MOST_CLICKS = 600
MOST_REPETITIONS = 10
HTTPS_ADDRESS = re.compile(r"https://(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+(?::\d{1,5})?(?:/[A-Za-z0-9._~-]+)*/?")
"""An address to which paths can be added: without credentials, query or fragment."""

SITE_ORIGIN = re.compile(r"https://(?:[a-z0-9-]+\.)*[a-z0-9-]+(?::\d{1,5})?|http://(?:localhost|127\.0\.0\.1)(?::\d{1,5})?")
"""A site as browsers name it; one without https only on the developer's own machine."""
MOST_FORMS_A_MINUTE = 1000

SECRET_OPTIONS = frozenset(
    {
        "access_token", "api_key", "api_token", "apikey", "app_token", "client_secret", "grant", "key", "partner_token",
        "password", "refresh_token", "secret", "token", "user_token", "webhook",
    }
)  # fmt: skip
"""What vendors call the secrets that they are opened with."""
SHA_256 = re.compile(r"[0-9a-f]{64}")
LOGIN_IN_ADDRESS = re.compile(r"://[^/?#\s]*@|/rest/\d+/\w+")
"""A login before a host, or the key in the address of a Bitrix24 webhook."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the settings do not say themselves; None and empty mean not known.

    `activating` says that the integration is being switched on, which asks for more (V-03, V-04, V-27).
    `field_types` by CRM field id; `greeting_seconds` and `wait_for_end` of the PBX's distribution scheme (V-20).
    """

    activating: bool = False
    crm_user_role: str | None = None
    api_methods: frozenset[str] | None = None
    field_types: Mapping[str, str] = field(default_factory=dict)
    known_fields: frozenset[str] | None = None
    registered_webhooks: int | None = None
    greeting_seconds: int | None = None
    wait_for_end: bool | None = None
    leads_enabled: bool | None = None
    other_integration: bool | None = None


Findings = Iterator[Finding]


def check(settings: Settings, facts: Facts | None = None) -> tuple[Finding, ...]:
    """Everything that is wrong with the settings, errors first."""
    known = facts or Facts()
    found = [finding for constraint in CONSTRAINTS for finding in constraint(settings, known)]
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: finding.severity))


def _creating(settings: Settings) -> Iterable[tuple[str, tuple[RecordKind, ...]]]:
    return ((f"rows.{name.value}.create", row.create) for name, row in settings.rows.items() if row.create)


def lead_needs_company(settings: Settings, facts: Facts) -> Findings:
    """V-01 (S0-22): a lead that carries no phone needs a contact or an organization beside it."""
    if RecordKind.LEAD in settings.vendor.phone_kinds:
        return
    for place, kinds in _creating(settings):
        if RecordKind.LEAD in kinds and not {RecordKind.CONTACT, RecordKind.ORGANIZATION} & set(kinds):
            yield Finding("LEAD_NEEDS_CONTACT_OR_ORGANIZATION", place, "a lead also needs a contact or an organization")


def lead_and_deal(settings: Settings, facts: Facts) -> Findings:
    """V-02 (S0-23)."""
    for place, kinds in _creating(settings):
        if {RecordKind.LEAD, RecordKind.DEAL} <= set(kinds):
            yield Finding("LEAD_AND_DEAL_EXCLUSIVE", place, "create either a lead or a deal, not both")


def deal_needs_contact(settings: Settings, facts: Facts) -> Findings:
    """V-26: else the next call cannot find the deal."""
    if RecordKind.DEAL in settings.vendor.phone_kinds:
        return
    for place, kinds in _creating(settings):
        if RecordKind.DEAL in kinds and RecordKind.CONTACT not in kinds:
            yield Finding("DEAL_NEEDS_CONTACT", place, "a deal carries no phone number, so it needs a contact")


def senior_manager(settings: Settings, facts: Facts) -> Findings:
    """V-03 (S3-31)."""
    if settings.senior_manager is not None and settings.senior is None:
        yield Finding("SENIOR_MANAGER_UNKNOWN", "senior_manager", f"{settings.senior_manager!r} is no employee")
    elif _activates(settings, facts) and (settings.senior is None or not settings.senior.known):
        yield Finding("SENIOR_MANAGER_REQUIRED", "senior_manager", "name an active employee who is bound to a CRM user")


def bound_employee(settings: Settings, facts: Facts) -> Findings:
    """V-04 (S3-30)."""
    if _activates(settings, facts) and not any(employee.known for employee in settings.employees.values()):
        yield Finding("EMPLOYEE_WITH_CRM_USER_REQUIRED", "employees", "bind at least one active employee to a CRM user")


def _activates(settings: Settings, facts: Facts) -> bool:
    return settings.integration.enabled or facts.activating


def deadlines(settings: Settings, facts: Facts) -> Findings:
    """V-05 (S0-10)."""
    places = [("tasks.deadline", settings.tasks.deadline), ("missed_tasks.deadline", settings.missed_tasks.deadline)]
    places += [(f"rows.{name.value}.task.due_in", row.task.due_in) for name, row in settings.rows.items() if row.task]
    places += [("tasks.overdue_every", settings.tasks.overdue_every)]
    for place, value in places:
        if value is not None and value <= timedelta(0):
            yield Finding("DEADLINE_MUST_BE_POSITIVE", place, "must be longer than nothing, such as PT4H")


def moments(settings: Settings, facts: Facts) -> Findings:
    """V-06: each row knows only some moments."""
    for name, row in settings.rows.items():
        if row.at is not None and row.at not in _possible(name):
            words = ", ".join(moment.value for moment in _possible(name))
            yield Finding("MOMENT_NOT_POSSIBLE", f"rows.{name.value}.at", f"must be one of {words}")


def _possible(name: RowName) -> tuple[Moment, ...]:
    if name in {RowName.IN_RINGING_NEW, RowName.IN_RINGING_EXISTING}:
        return (Moment.RING,)
    if name in MISSED_ROWS or name in {RowName.OUT_UNANSWERED, RowName.OUT_UNKNOWN}:
        return (Moment.END,)
    if name in {RowName.FORM_NEW, RowName.FORM_EXISTING}:
        return (Moment.SUBMIT,)
    if name in {RowName.MESSENGER_NEW, RowName.MESSENGER_EXISTING}:
        return (Moment.DISPATCH,)
    return Moment.ANSWER, Moment.END


def people(settings: Settings, facts: Facts) -> Findings:
    """V-07: who can own what a row makes; and every name must be an employee."""
    for name, row in settings.rows.items():
        for place, word in _words(f"rows.{name.value}", row):
            yield from _person(settings, name, place, word)


def other_people(settings: Settings, facts: Facts) -> Findings:
    """The people named outside the rows: roles, or employees (O-17, O-21)."""
    for place, word in (("forms.owner", settings.forms.owner), ("messenger.owner", settings.messenger.owner)):
        if word not in ROLES and word.removeprefix("fixed:") not in settings.employees:
            yield Finding("EMPLOYEE_UNKNOWN", place, f"{word!r} is neither a role nor an employee")
    for name, row in settings.rows.items():
        if row.log_assignee not in TRACE_ROLES:
            words = ", ".join(sorted(TRACE_ROLES))
            yield Finding("TRACE_FOR_NOT_POSSIBLE", f"rows.{name.value}.log_assignee", f"must be one of {words}")


def call_entities(settings: Settings, facts: Facts) -> Findings:
    """P-BX-05: only some CRMs keep calls beside tasks."""
    for name, row in settings.rows.items():
        if row.call_entity and not settings.vendor.call_entity:
            yield Finding("CALL_ENTITY_NOT_IN_CRM", f"rows.{name.value}.call_entity", f"{settings.vendor.title} has none")


def region(settings: Settings, facts: Facts) -> Findings:
    """O-09: with a wrong region no local number would be read."""
    if settings.phone.default_region not in SUPPORTED_REGIONS:
        yield Finding("REGION_UNKNOWN", "phone.default_region", "must be an ISO country code in capitals such as UA")


def _words(place: str, row: Row) -> Iterator[tuple[str, str]]:
    if row.owner is not None:
        yield f"{place}.owner", row.owner
    if row.task is not None:
        yield f"{place}.task.assignee", row.task.assignee


def _person(settings: Settings, name: RowName, place: str, word: str) -> Findings:
    bare = word.removeprefix("fixed:")
    if word not in ROLES and bare not in settings.employees:
        yield Finding("EMPLOYEE_UNKNOWN", place, f"{bare!r} is neither a role nor an employee")
    elif word in HANDLERS and (name in MISSED_ROWS or name is RowName.OUT_UNANSWERED):
        yield Finding("OWNER_NOT_POSSIBLE", place, "nobody answers in this situation")
    elif word == "distributed" and name not in MISSED_ROWS:
        yield Finding("OWNER_NOT_POSSIBLE", place, "only a missed call was distributed without being taken")
    elif word == "caller" and name not in OUT_ROWS:
        yield Finding("OWNER_NOT_POSSIBLE", place, "only an outgoing call has a caller of ours")


def task_kinds(settings: Settings, facts: Facts) -> Findings:
    """V-08."""
    for name, row in settings.rows.items():
        if row.task is not None and not _fits(name, row.task):
            yield Finding("TASK_NOT_POSSIBLE", f"rows.{name.value}.task", f"{row.task.kind.value} has no meaning in this row")


def _fits(name: RowName, task: TaskRule) -> bool:
    if task.kind in {TaskKind.REVIEW_CALL, TaskKind.ACQUAINT}:
        return name in OTHER_ROWS
    if task.kind is TaskKind.OVERDUE:
        return False  # made when another task is late, never for a call
    return task.kind is not TaskKind.CHECK_SETTINGS or name in UNKNOWN_ROWS


def field_mapping(settings: Settings, facts: Facts) -> Findings:
    """V-10 (P-ZC-10): known parameters, existing target fields of the right type, none of them twice."""
    for kind, pairs in settings.fields.extra.items():
        place = f"fields.extra.{kind.value}"
        yield from _targets(settings, place, [target for _, target in pairs], facts)
        yield from _parameters(place, [parameter for parameter, _ in pairs])
    yield from _targets(settings, "utm_fields", list(settings.utm_fields.values()), facts)
    yield from _parameters("utm_fields", list(settings.utm_fields))
    for kind, pairs in settings.forms.mapping.items():
        yield from _targets(settings, f"forms.mapping.{kind.value}", [target for _, target in pairs], facts)


def _targets(settings: Settings, place: str, targets: list[str], facts: Facts) -> Findings:
    wanted = settings.vendor.extra_field_type
    for target, count in Counter(targets).items():
        if count > 1:
            yield Finding("FIELD_MAPPED_TWICE", place, f"{target!r} receives more than one parameter")
        if facts.known_fields is not None and target not in facts.known_fields:
            yield Finding("FIELD_NOT_FOUND", place, f"{target!r} is no field of the CRM")
        if wanted is not None and facts.field_types.get(target, wanted) != wanted:
            yield Finding("FIELD_TYPE_MUST_BE_STRING", place, f"{target!r} must be a field of type String")


def _parameters(place: str, parameters: list[str]) -> Findings:
    for parameter, count in Counter(parameters).items():
        if parameter not in PARAMETERS:
            yield Finding("PARAMETER_UNKNOWN", place, f"{parameter!r} is none of {', '.join(sorted(PARAMETERS))}")
        elif count > 1:
            yield Finding("PARAMETER_MAPPED_TWICE", place, f"{parameter!r} has more than one target")


def routing(settings: Settings, facts: Facts) -> Findings:
    """V-13, C-12."""
    if settings.routing.enabled and not settings.routing.supported:
        yield Finding("ROUTING_NOT_SUPPORTED", "routing.enabled", f"{settings.vendor.title} cannot route by the responsible")
    if settings.routing.enabled and settings.routing.supported and not settings.routing.priority:
        yield Finding("ROUTING_PRIORITY_EMPTY", "routing.priority", "name at least one kind of record")
    if len(set(settings.routing.priority)) < len(settings.routing.priority):
        yield Finding("ROUTING_PRIORITY_REPEATS", "routing.priority", "names a kind of record twice")
    for index, block in enumerate(settings.scheme.blocks):
        place = f"scheme.blocks.{index}"
        if block.type != "responsible_by_crm":
            continue
        if not settings.routing.supported:
            yield Finding("ROUTING_NOT_SUPPORTED", place, f"{settings.vendor.title} cannot route so")
        elif not (block.priority or settings.routing.priority):
            yield Finding("ROUTING_PRIORITY_EMPTY", f"{place}.priority", "name at least one kind of record")
        if len(set(block.priority)) < len(block.priority):
            yield Finding("ROUTING_PRIORITY_REPEATS", f"{place}.priority", "names a kind of record twice")


def routing_answer(settings: Settings, facts: Facts) -> Findings:
    """O-45, O-46, P-WR-01: an answer that the telephony can wait for and find."""
    if not SHORTEST_LOOK_UP <= settings.routing.timeout <= LONGEST_LOOK_UP:
        yield Finding("ROUTING_TIMEOUT_NOT_POSSIBLE", "routing.timeout", "must be 0.2 to 10 seconds, such as PT2.5S")
    if not 1 <= len(settings.routing.reply_key.strip()) <= len(settings.routing.reply_key) <= LONGEST_REPLY_KEY:
        yield Finding("REPLY_KEY_NOT_POSSIBLE", "routing.reply_key", f"must be a name of 1 to {LONGEST_REPLY_KEY} characters")
    rings = [(f"scheme.blocks.{index}", block.ring_seconds) for index, block in enumerate(settings.scheme.blocks)]
    for place, seconds in [*rings, ("stickiness.global", settings.stickiness.everywhere.ring_seconds)]:
        if not 1 <= seconds <= LONGEST_RING:
            yield Finding("RING_TIME_NOT_POSSIBLE", f"{place}.ring_seconds", f"must be 1 to {LONGEST_RING} seconds")


def block_targets(settings: Settings, facts: Facts) -> Findings:
    """O-46: a block that names whom it rings names somebody."""
    departments = {name for employee in settings.employees.values() for name in employee.departments}
    for index, block in enumerate(settings.scheme.blocks):
        place = f"scheme.blocks.{index}.to"
        if block.type not in {"employee", "department", "number"}:
            continue
        if not block.to:
            yield Finding("BLOCK_TARGET_REQUIRED", place, f"a block of type {block.type} says whom it rings")
        elif block.type == "employee" and block.to not in settings.employees:
            yield Finding("EMPLOYEE_UNKNOWN", place, f"{block.to!r} is no employee")
        elif block.type == "department" and block.to not in departments:
            yield Finding("DEPARTMENT_EMPTY", place, f"no employee belongs to {block.to!r}", "warning")
        elif block.type == "number" and try_phone(block.to, settings.phone.default_region) is None:
            yield Finding("NUMBER_NOT_READABLE", place, "is no possible phone number")


def stickiness(settings: Settings, facts: Facts) -> Findings:
    """V-14 and the hours that O-47 needs."""
    everywhere = settings.stickiness.everywhere
    if everywhere.enabled and not (everywhere.period_days or 0) > 0:
        yield Finding("STICKINESS_PERIOD_REQUIRED", "stickiness.global.period_days", "must be at least one day")
    if everywhere.enabled and everywhere.working_hours_only and settings.working_hours is None:
        yield Finding("WORKING_HOURS_REQUIRED", "working_hours", "stickiness works in working hours only")
    for index, block in enumerate(settings.scheme.blocks):
        if block.type == "responsible_by_calls" and not (block.call_types and (block.period_days or 0) > 0):
            yield Finding("STICKINESS_PERIOD_REQUIRED", f"scheme.blocks.{index}", "name call types and a period of days")


def hours(settings: Settings, facts: Facts) -> Findings:
    """O-06, O-48."""
    if settings.tasks.deadline_clock == "business" and settings.working_hours is None:
        yield Finding("WORKING_HOURS_REQUIRED", "working_hours", "business deadlines count working hours")
    if settings.timezone not in available_timezones():
        yield Finding("TIME_ZONE_UNKNOWN", "timezone", "must be an IANA name such as Europe/Kyiv")
    if settings.working_hours is not None:
        try:
            weekdays(settings.working_hours.days)
        except ValueError as error:
            yield Finding("WORKING_HOURS_INVALID", "working_hours.days", str(error))
        if settings.working_hours.opens >= settings.working_hours.closes:
            yield Finding("WORKING_HOURS_INVALID", "working_hours", "must open before it closes")


def missed_tasks(settings: Settings, facts: Facts) -> Findings:
    """V-15 (S2-28)."""
    wanted = settings.missed_tasks
    if wanted.enabled and not (wanted.board and wanted.user and wanted.title and wanted.deadline is not None):
        yield Finding("MISSED_TASK_FIELDS_REQUIRED", "missed_tasks", "board, user, title and deadline are all needed")
    if wanted.enabled and wanted.user and wanted.user not in settings.employees:
        yield Finding("EMPLOYEE_UNKNOWN", "missed_tasks.user", f"{wanted.user!r} is no employee")


def plan(settings: Settings, facts: Facts) -> Findings:
    """V-16 (S2-06)."""
    own = settings.integration.plan
    if settings.vendor.plans and own is not None and own not in settings.vendor.plans:
        yield Finding("PLAN_TOO_LOW", "integration.plan", f"{settings.vendor.plans[0]} or higher is needed")


def click_to_call(settings: Settings, facts: Facts) -> Findings:
    """V-17 (S2-25)."""
    account = settings.click_to_call.sip_account
    own = {sip_login(direction) for employee in settings.employees.values() for direction in _directions(employee)}
    if account is not None and sip_login(account) not in own:
        yield Finding("SIP_ACCOUNT_NOT_IN_PROJECT", "click_to_call.sip_account", "belongs to no employee of the project")
    for place in settings.click_to_call.regions:
        if place not in SUPPORTED_REGIONS:
            yield Finding("REGION_UNKNOWN", "click_to_call.regions", "must be ISO country codes in capitals such as UA")
    if not 1 <= settings.click_to_call.per_minute <= MOST_CLICKS:
        yield Finding("RATE_NOT_POSSIBLE", "click_to_call.per_minute", f"must be 1 to {MOST_CLICKS}")


def resending(settings: Settings, facts: Facts) -> Findings:
    """O-49, O-61."""
    days = {"resend.days": settings.resend.days, "events.retention": settings.events.retention}
    for place, told in days.items():
        if told is not None and not 1 <= told <= LONGEST:
            yield Finding("RESEND_DAYS_NOT_POSSIBLE", place, f"must be 1 to {LONGEST}")


def list_zone(settings: Settings, facts: Facts) -> Findings:
    """The zone of Ringostat's list of calls (telephony.md 2)."""
    zone = settings.telephony.list_zone
    if zone is not None and zone not in available_timezones():
        yield Finding("TIME_ZONE_UNKNOWN", "telephony.list_zone", "must be an IANA name such as Europe/Kyiv")


def process(settings: Settings, facts: Facts) -> Findings:
    """V-18 (S4-22, S4-23), V-25."""
    wants = [
        ("answered_new", settings.answered_new == "client_and_process"),
        ("missed_new", settings.missed_new == "client_and_process"),
        ("repeat_calls", settings.repeat_calls in REPEATING),
        *((f"rows.{name.value}.repeat", row.repeat in REPEATING) for name, row in settings.rows.items()),
    ]
    complete = settings.process.kind and settings.process.status
    for place, wanted in wants:
        if wanted and not complete:
            yield Finding("PROCESS_KIND_AND_STATUS_REQUIRED", place, "needs process.kind and process.status")


def miss_owners(settings: Settings, facts: Facts) -> Findings:
    """V-19 (S4-39, S4-41)."""
    creates = bool(settings.row(RowName.IN_MISSED_NEW).create)
    for place, key in (("ivr_missed_owner", settings.ivr_missed_owner), ("group_missed_owner", settings.group_missed_owner)):
        if key is None:
            continue
        employee = settings.senior if key == "senior" and key not in settings.employees else settings.employees.get(key)
        if employee is None or not employee.known:
            yield Finding("MISSED_OWNER_NOT_ACTIVE", place, "must be an active employee who is bound to a CRM user")
        elif not creates:
            yield Finding("MISSED_OWNER_WITHOUT_CREATION", place, "acts only while missed calls create a client", "warning")


def distribution(settings: Settings, facts: Facts) -> Findings:
    """V-20 (S4-29, S4-30): these live in the PBX, so they can only be warned about. What is known of the PBX comes before what
    the settings say of it."""
    if not settings.distribute_to_responsible:
        return
    told = facts.greeting_seconds
    if (settings.routing.greeting.total_seconds() if told is None else told) < 5:
        yield Finding("GREETING_TOO_SHORT", "distribute_to_responsible", "the greeting must last 5 seconds or more", "warning")
    if facts.wait_for_end is False:
        yield Finding("GREETING_MUST_BE_AWAITED", "distribute_to_responsible", "set 'wait for the end' to yes", "warning")


def one_integration(settings: Settings, facts: Facts) -> Findings:
    """V-21 (P-BX-13)."""
    if facts.other_integration:
        yield Finding("OTHER_INTEGRATION_ACTIVE", "integration", "only one kind of integration may be used in a CRM account")


def lead_mode(settings: Settings, facts: Facts) -> Findings:
    """V-22: a CRM in deal mode has no leads."""
    if facts.leads_enabled is not False:
        return
    if settings.primary_entity is RecordKind.LEAD:
        yield Finding("LEADS_NOT_AVAILABLE", "primary_entity", "the CRM account works without leads")
    for place, kinds in _creating(settings):
        if RecordKind.LEAD in kinds:
            yield Finding("LEADS_NOT_AVAILABLE", place, "the CRM account works without leads")


def employees(settings: Settings, facts: Facts) -> Findings:
    """V-23 (P-EM-01…05)."""
    region = settings.phone.default_region
    everyone = settings.employees.values()
    yield from _twice(
        "DIRECTION_NOT_UNIQUE",
        (
            (employee.key, identity)
            for employee in everyone
            for identity in dict.fromkeys(direction_identity(text, region)[1] for text in _directions(employee))
        ),
    )
    yield from _twice("EMAIL_NOT_UNIQUE", ((employee.key, employee.email.lower()) for employee in everyone if employee.email))
    yield from _twice("NAME_NOT_UNIQUE", ((employee.key, employee.name) for employee in everyone if employee.name))
    yield from _twice("EXTENSION_NOT_UNIQUE", ((employee.key, employee.extension) for employee in everyone if employee.extension))
    for employee in everyone:
        place = f"employees.{employee.key}"
        if not employee.main_directions:
            yield Finding("MAIN_DIRECTION_REQUIRED", f"{place}.main_directions", "at least one is needed")
        if employee.extension and (len(employee.extension) < 3 or not employee.extension.isdigit()):
            yield Finding("EXTENSION_TOO_SHORT", f"{place}.extension", "must have three digits or more")


def _directions(employee: Employee) -> tuple[str, ...]:
    return (*employee.main_directions, *employee.other_directions)


def _twice(code: str, owned: Iterable[tuple[str, str]]) -> Findings:
    seen: dict[str, str] = {}
    for key, value in owned:
        if value in seen:
            yield Finding(code, f"employees.{key}", f"the same value stands at {seen[value]}")
        seen.setdefault(value, key)


def administrator(settings: Settings, facts: Facts) -> Findings:
    """V-27 (S3-25, P-KM-07)."""
    if facts.activating and facts.crm_user_role is not None and facts.crm_user_role.lower() not in ADMIN_ROLES:
        yield Finding("ADMIN_OR_OWNER_REQUIRED", "integration", "connect with an account of an administrator or the owner")


def api_methods(settings: Settings, facts: Facts) -> Findings:
    """P-RC-05."""
    missing = set(settings.vendor.api_methods) - (facts.api_methods or frozenset())
    if facts.api_methods is not None and missing:
        yield Finding("API_METHODS_MISSING", "crm", f"allow the API key: {', '.join(sorted(missing))}")


def webhooks(settings: Settings, facts: Facts) -> Findings:
    """S2-16."""
    wanted, registered = settings.vendor.webhooks, facts.registered_webhooks
    if wanted is not None and registered is not None and registered < wanted:
        yield Finding("FOUR_WEBHOOKS_EXPECTED", "telephony", f"{registered} of {wanted} webhooks are registered", "warning")


def numbers(settings: Settings, facts: Facts) -> Findings:
    """O-13: a blocked number or line that cannot be read would never match (D-19)."""
    for place, texts in (("blocked_numbers", settings.blocked_numbers), ("lines", settings.lines)):
        for index, text in enumerate(texts):
            readable = not is_hidden(text) and not is_short(text) and try_phone(text, settings.phone.default_region)
            if not readable and not text.lower().startswith("sip:"):
                yield Finding("NUMBER_NOT_READABLE", f"{place}.{index}", "is no possible phone number")


def senders(settings: Settings, facts: Facts) -> Findings:
    """A list of senders that cannot be read would let nobody in."""
    for index, sender in enumerate(settings.telephony.senders):
        try:
            ip_network(sender)
        except ValueError:
            yield Finding("ADDRESS_NOT_POSSIBLE", f"telephony.senders.{index}", "must be such as 81.88.80.132 or 81.88.82.0/24")


def recordings(settings: Settings, facts: Facts) -> Findings:
    """O-59: our links to recordings must work, for a while, from wherever the CRM is read."""
    if not 1 <= settings.recording.link_days <= LONGEST_LINK_DAYS:
        yield Finding("LINK_DAYS_NOT_POSSIBLE", "recording.link_days", f"must be 1 to {LONGEST_LINK_DAYS}")
    base = settings.recording.base_url
    if base is not None and not HTTPS_ADDRESS.fullmatch(base):
        yield Finding("ADDRESS_NOT_POSSIBLE", "recording.base_url", "must be an address such as https://calls.acme.example")


def overdue(settings: Settings, facts: Facts) -> Findings:
    """An overdue task is told of at least once where it is told of, and not for ever."""
    if not 1 <= settings.tasks.overdue_repetitions <= MOST_REPETITIONS:
        yield Finding("REPETITIONS_NOT_POSSIBLE", "tasks.overdue_repetitions", f"must be 1 to {MOST_REPETITIONS}")


def site_forms(settings: Settings, facts: Facts) -> Findings:
    """S0-29: what guards the address of the site's own forms, and the site's names of what a form says."""
    rules = settings.forms
    for index, origin in enumerate(rules.origins):
        if not SITE_ORIGIN.fullmatch(origin.lower()):
            words = "must be a site such as https://www.acme.example, without a path"
            yield Finding("ORIGIN_NOT_POSSIBLE", f"forms.origins.{index}", words)
    if not 1 <= rules.per_address_a_minute <= MOST_FORMS_A_MINUTE:
        yield Finding("FORM_RATE_NOT_POSSIBLE", "forms.per_address_a_minute", f"must be 1 to {MOST_FORMS_A_MINUTE}")
    if not rules.honeypot.strip() or rules.honeypot in rules.field_names or rules.honeypot in FORM_FIELDS:
        yield Finding("HONEYPOT_NOT_POSSIBLE", "forms.honeypot", "must be the name of a field that is asked for nothing else")
    for wire, meant in rules.field_names.items():
        if meant not in FORM_FIELDS and meant not in ATTRIBUTION:
            words = f"is none of {', '.join((*FORM_FIELDS, *ATTRIBUTION))}"
            yield Finding("FORM_FIELD_UNKNOWN", f"forms.field_names.{wire}", f"{meant!r} {words}")


def no_secrets(settings: Settings, facts: Facts) -> Findings:
    """Settings are shown, copied and kept in all versions: whatever opens a CRM stands in the parameter store."""
    for name, value in settings.crm.options.items():
        if name.lower() in SECRET_OPTIONS or LOGIN_IN_ADDRESS.search(value):
            yield Finding("SECRET_IN_SETTINGS", f"crm.options.{name}", "is a secret: patchcord project secret keeps it")
    kept = {"telephony.secrets": settings.telephony.secrets, "click_to_call.secrets": settings.click_to_call.secrets}
    for place, hashes in kept.items():
        for index, text in enumerate(hashes):
            if not SHA_256.fullmatch(text):
                yield Finding("SECRET_IN_SETTINGS", f"{place}.{index}", "must be the SHA-256 of a secret, in small hexadecimal")


CONSTRAINTS: tuple[Callable[[Settings, Facts], Findings], ...] = (
    lead_needs_company,
    lead_and_deal,
    deal_needs_contact,
    senior_manager,
    bound_employee,
    deadlines,
    overdue,
    moments,
    people,
    other_people,
    call_entities,
    region,
    task_kinds,
    field_mapping,
    routing,
    routing_answer,
    block_targets,
    stickiness,
    hours,
    missed_tasks,
    plan,
    click_to_call,
    resending,
    list_zone,
    process,
    miss_owners,
    distribution,
    one_integration,
    lead_mode,
    employees,
    administrator,
    api_methods,
    webhooks,
    numbers,
    senders,
    recordings,
    site_forms,
    no_secrets,
)
