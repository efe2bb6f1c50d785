"""The effective settings of a project: its document laid over the CRM's profile (rules.md 3.3).

Plain frozen dataclasses: pydantic builds and checks them when a document is saved or loaded (scenarios/profiles.py),
and nothing of it is needed to decide. Words for people are roles such as `senior`, or the key of an employee.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, time, timedelta
from functools import cached_property
from typing import Literal

from patchcord.model.effects import TaskKind
from patchcord.model.employees import Directory, Employee
from patchcord.model.events import Moment
from patchcord.model.hours import WorkingHours
from patchcord.model.phone import StorageFormat, try_phone
from patchcord.model.records import RecordKind
from patchcord.model.words import Word

STRICT = {"extra": "forbid"}
"""Unknown keys are refused: a misspelt setting must not be silently ignored."""

Language = Literal["en", "uk", "ru", "pl"]
TraceKind = Literal["task_completed", "call", "note"]
NoOpenPrimary = Literal["create_primary_reuse_contact", "log_on_contact", "nothing"]
Repeat = Literal["never_create_process", "always_create_process", "create_if_none_open"]
CreateFor = Literal["nothing", "client", "client_and_process"]


class RowName(Word):
    """The situations of rules.md 3.1."""

    IN_RINGING_NEW = "in_ringing_new"
    IN_RINGING_EXISTING = "in_ringing_existing"
    IN_ANSWERED_NEW = "in_answered_new"
    IN_MISSED_NEW = "in_missed_new"
    IN_MISSED_IVR_NEW = "in_missed_ivr_new"
    IN_MISSED_GROUP_NEW = "in_missed_group_new"
    IN_ANSWERED_BY_RESPONSIBLE = "in_answered_existing_by_responsible"
    IN_ANSWERED_BY_OTHER = "in_answered_existing_by_other"
    IN_MISSED_EXISTING = "in_missed_existing"
    IN_ANSWERED_UNKNOWN = "in_answered_unknown_employee"
    OUT_ANSWERED_NEW = "out_answered_new"
    OUT_ANSWERED_BY_RESPONSIBLE = "out_answered_existing_by_responsible"
    OUT_ANSWERED_BY_OTHER = "out_answered_existing_by_other"
    OUT_UNANSWERED = "out_unanswered"
    OUT_UNKNOWN = "out_unknown_employee"
    FORM_NEW = "form_new"
    FORM_EXISTING = "form_existing"
    MESSENGER_NEW = "messenger_new"
    MESSENGER_EXISTING = "messenger_existing"


@dataclass(frozen=True)
class TaskRule:
    """The task of a row. Without `due_in` the project's deadline holds (C-21); `assignee` is a role or an employee."""

    __pydantic_config__ = STRICT
    kind: TaskKind
    state: Literal["open", "completed"] = "open"
    assignee: str = "responsible"
    due_in: timedelta | None = None
    attach_to: tuple[str, ...] = ()
    describe_direction: bool = False
    recording_link: bool = True
    title: str | None = None
    board: str | None = None


@dataclass(frozen=True)
class Row:
    """One row of the matrix. `attach_to` empty: the profile's default; `create` None: inherited where rules.md says so."""

    __pydantic_config__ = STRICT
    create: tuple[RecordKind, ...] | None = None
    at: Moment | None = None
    owner: str | None = None
    utm: bool = False
    log: tuple[TraceKind, ...] = ()
    log_assignee: str = "answering"
    attach_to: tuple[str, ...] = ()
    call_entity: bool = False
    task: TaskRule | None = None
    no_open_primary: NoOpenPrimary | None = None
    repeat: Repeat | None = None
    popup: tuple[str, ...] = ()
    update_open_primary: bool = False
    lead_name_contains_id: bool = False
    tags: tuple[str, ...] = ()


EMPTY_ROW = Row()


@dataclass(frozen=True)
class Vendor:
    """What the planner must know of the CRM; comes with the profile and cannot be changed by a project.

    `words` maps the words its users read to the neutral kinds; `phone_kinds` carry a phone number of their own;
    `lead_links` is what a lead can be linked to. `plans` lists the plans that suffice, lowest first (S2-06).
    `owners`: its records belong to somebody. `call_entity`: it has calls of their own beside tasks. `only_crm_employees`:
    whoever has no CRM account does not count as a handler (S4-04, D-22).
    """

    __pydantic_config__ = STRICT
    title: str
    words: dict[str, RecordKind]
    phone_kinds: tuple[RecordKind, ...] = (RecordKind.CONTACT,)
    lead_links: tuple[RecordKind, ...] = (RecordKind.CONTACT, RecordKind.ORGANIZATION)
    tasks: bool = True
    owners: bool = True
    only_crm_employees: bool = False
    call_entity: bool = False
    extra_field_type: str | None = None
    api_methods: tuple[str, ...] = ()
    webhooks: int | None = None
    plans: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReusedContact:
    """How the trace of a call is written when a new primary record was made for a contact that existed (P-BX-08)."""

    __pydantic_config__ = STRICT
    attach_to: tuple[str, ...] = ()
    call_entity: bool = True


@dataclass(frozen=True)
class Integration:
    __pydantic_config__ = STRICT
    enabled: bool = False
    language: Language = "en"
    acting_user: str | None = None
    plan: str | None = None


@dataclass(frozen=True)
class Tasks:
    """O-05…O-08. `titles` replaces the built-in title of a task kind.

    `on_overdue` is what follows an open task that was not done in time; `overdue_repetitions` how often, `overdue_every`
    after how long again (None: the deadline's own length). `close_when_reached`: a later talk completes the callback task.
    """

    __pydantic_config__ = STRICT
    deadline: timedelta = timedelta(hours=4)
    deadline_clock: Literal["wall", "business"] = "wall"
    titles: dict[TaskKind, str] = field(default_factory=dict)
    dedupe_open_callback: bool = False
    on_overdue: Literal["none", "note", "remind_senior", "reassign"] = "remind_senior"
    overdue_repetitions: int = 1
    overdue_every: timedelta | None = None
    close_when_reached: bool = False


@dataclass(frozen=True)
class PhoneRules:
    """O-09…O-12."""

    __pydantic_config__ = STRICT
    default_region: str = "UA"
    storage_format: StorageFormat = StorageFormat.E164
    search: Literal["normalised", "listed_formats"] = "normalised"
    search_formats: tuple[str, ...] = ()


@dataclass(frozen=True)
class BlockedRules:
    __pydantic_config__ = STRICT
    scope: Literal["calls", "all"] = "all"


FORM_FIELDS = ("phone", "name", "first_name", "last_name", "email", "company", "submission", "submitted_at")
"""What a form is understood to say; the visit's data comes beside it, everything else is the form's own."""


@dataclass(frozen=True)
class Forms:
    """O-15…O-18. `mapping` pairs a form's field with a CRM field, per record kind.

    The rest is about the address that a site's own forms are sent to: `origins` are the sites that may, `honeypot` the
    field that only robots fill in, `field_names` the site's own names of FORM_FIELDS and of the visit's data.
    """

    __pydantic_config__ = STRICT
    enabled: bool = False
    mapping: dict[RecordKind, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    owner: str = "senior"
    no_phone: Literal["create", "skip"] = "create"
    origins: tuple[str, ...] = ()
    honeypot: str = "website"
    per_address_a_minute: int = 10
    field_names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Messenger:
    """O-19…O-22. `dispatch_on` and `on_appeal_close`: which of the telephony's own events about a dialogue, Ringostat's or
    MANGO's, count as the pressed button (S0-31); by default none does."""

    __pydantic_config__ = STRICT
    enabled: bool = True
    create_if: Literal["no_data", "no_open_primary"] = "no_data"
    owner: str = "dispatching"
    name_template: str = ""
    dispatch_on: Literal["button", "start", "end"] = "button"
    on_appeal_close: bool = False


@dataclass(frozen=True)
class Fields:
    """O-23…O-25: which parameters go into which CRM fields, per record kind."""

    __pydantic_config__ = STRICT
    default: bool = True
    extra: dict[RecordKind, tuple[tuple[str, str], ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Existing:
    __pydantic_config__ = STRICT
    fill_empty_utm: bool = False


@dataclass(frozen=True)
class Stage:
    __pydantic_config__ = STRICT
    pipeline: str | None = None
    stage: str | None = None


@dataclass(frozen=True)
class PipelineRule:
    """`when` holds if every named parameter has the given value; written `if` in the document."""

    __pydantic_config__ = STRICT
    when: dict[str, str]
    pipeline: str
    stage: str | None = None


@dataclass(frozen=True)
class Pipelines:
    __pydantic_config__ = STRICT
    default: Stage = Stage()
    rules: tuple[PipelineRule, ...] = ()


@dataclass(frozen=True)
class Process:
    """O-37: which process is made and in which status (S4-22)."""

    __pydantic_config__ = STRICT
    kind: str | None = None
    status: str | None = None


@dataclass(frozen=True)
class Matches:
    __pydantic_config__ = STRICT
    policy: Literal["latest_updated", "first_found", "oldest"] = "latest_updated"


@dataclass(frozen=True)
class Names:
    """O-57 and the names of the other records. Placeholders are those of scenarios/texts."""

    __pydantic_config__ = STRICT
    contact: str | None = None
    organization: str | None = None
    lead: str | None = None
    auto_client_in: str | None = None
    auto_client_out: str | None = None


@dataclass(frozen=True)
class Hidden:
    __pydantic_config__ = STRICT
    create_task: bool = False


@dataclass(frozen=True)
class RecordingRules:
    """O-59. `own_links`: Ringostat's recordings too are linked through us (MANGO's always are, telephony.md 0, fact 9);
    `link_days` is how long such a link works; `base_url` the address of our API if it has a domain of its own.
    """

    __pydantic_config__ = STRICT
    share: Literal["link", "none"] = "link"
    own_links: bool = False
    link_days: int = 365
    base_url: str | None = None


@dataclass(frozen=True)
class MissedTasks:
    """O-52, S2-28: tasks for missed calls with a fixed user."""

    __pydantic_config__ = STRICT
    enabled: bool = False
    board: str | None = None
    user: str | None = None
    title: str | None = None
    deadline: timedelta | None = None


@dataclass(frozen=True)
class Routing:
    """O-42…O-45. `timeout` is how long a look-up may take in all; rules.md proposes 2 s, the product promises 2.5 s (design 9).
    `last_owner`: when the CRM fails, the last known owner counts.

    `reply` and `reply_key` are what the telephony was told to expect (telephony.md 1.7); `greeting` is how long MANGO's
    greeting lasts, which is the time there is for an answer (S4-29, telephony.md 3.8).
    """

    __pydantic_config__ = STRICT
    enabled: bool = False
    supported: bool = True
    priority: tuple[RecordKind, ...] = ()
    continue_on_unmapped_owner: bool = False
    timeout: timedelta = timedelta(seconds=2.5)
    last_owner: bool = False
    reply: Literal["text", "json", "json_rpc"] = "json"
    reply_key: str = "destination"
    greeting: timedelta = timedelta(seconds=8)


@dataclass(frozen=True)
class Block:
    """O-46: one block of the forwarding scheme. `to` is an employee's key, a department or a number; `direction` is which of
    the employee's main directions is rung: the first, or the first that is a SIP account or a number."""

    __pydantic_config__ = STRICT
    type: Literal["responsible_by_crm", "responsible_by_calls", "employee", "department", "number", "webhook"]
    priority: tuple[RecordKind, ...] = ()
    call_types: tuple[Literal["in", "out"], ...] = ()
    period_days: int | None = None
    ring_seconds: int = 30
    to: str | None = None
    direction: Literal["first", "sip", "number"] = "first"


@dataclass(frozen=True)
class Scheme:
    __pydantic_config__ = STRICT
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class GlobalStickiness:
    """O-47, S1-19…S1-24."""

    __pydantic_config__ = STRICT
    enabled: bool = False
    period_days: int | None = None
    ring_seconds: int = 20
    working_hours_only: bool = True
    outgoing_only: bool = True


@dataclass(frozen=True)
class Stickiness:
    __pydantic_config__ = STRICT
    everywhere: GlobalStickiness = GlobalStickiness()


@dataclass(frozen=True)
class Hours:
    """O-48. `days` such as `mon-fri` or `mon,wed,sat`; times are `HH:MM` in the project's zone."""

    __pydantic_config__ = STRICT
    days: str = "mon-fri"
    opens: time = time(9)
    closes: time = time(18)
    holidays: tuple[date, ...] = ()


@dataclass(frozen=True)
class Resend:
    """O-49: whether calls of the time while the integration was off are sent again, and how many days back, today included."""

    __pydantic_config__ = STRICT
    on_reactivation: bool = False
    days: int = 3


@dataclass(frozen=True)
class ClickToCall:
    """O-50. `secrets` are SHA-256 hashes of the secrets that a CRM's button calls with, apart from the webhooks'; `regions`
    the countries (ISO) that may be dialled, `phone.default_region` alone if empty. `swap_legs`: Ringostat rings the other
    side first than expected (telephony.md 2 is not sure of it)."""

    __pydantic_config__ = STRICT
    sip_account: str | None = None
    first_leg: Literal["client", "employee"] = "client"
    secrets: tuple[str, ...] = ()
    per_minute: int = 20
    regions: tuple[str, ...] = ()
    swap_legs: bool = False


@dataclass(frozen=True)
class Retention:
    """O-61: for how many days events can be sent again; as many as `resend.days` if not set."""

    __pydantic_config__ = STRICT
    retention: int | None = None


@dataclass(frozen=True)
class Softphone:
    """P-API-01. `contacts`: clients and the links to their records are put into Ringostat Smart Phone's contact book."""

    __pydantic_config__ = STRICT
    contacts: bool = False


@dataclass(frozen=True)
class Connection:
    """How the project's CRM is reached. Secrets are not here: they stand in the parameter store."""

    __pydantic_config__ = STRICT
    vendor: str
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Telephony:
    """How the provider's events are read. `secrets` are SHA-256 hashes of the secrets in the webhook address; `senders`
    the addresses or networks that events may come from, any if empty. `base_url` is where the provider's own interface
    is, if it is not at its usual address; `project_id` the id of the Ringostat project, which some of its requests need;
    `list_zone` the time zone in which its list of calls reads a period, if it is known (telephony.md 2)."""

    __pydantic_config__ = STRICT
    provider: Literal["ringostat", "mango"] = "ringostat"
    key_map: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    keep_direct: bool = False
    base_url: str | None = None
    project_id: str | None = None
    list_zone: str | None = None


@dataclass(frozen=True)
class Settings:
    """Everything that decides. Field names are the keys of rules.md 3.3."""

    __pydantic_config__ = STRICT
    crm: Connection
    vendor: Vendor
    telephony: Telephony = Telephony()
    timezone: str = "Europe/Kyiv"
    integration: Integration = Integration()
    senior_manager: str | None = None
    employees: dict[str, Employee] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    tasks: Tasks = Tasks()
    phone: PhoneRules = PhoneRules()
    blocked_numbers: tuple[str, ...] = ()
    blocked: BlockedRules = BlockedRules()
    forms: Forms = Forms()
    messenger: Messenger = Messenger()
    fields: Fields = Fields()
    existing: Existing = Existing()
    pipelines: Pipelines = Pipelines()
    save_source_line: bool = False
    source_line_field: str = "Номер линии MANGO OFFICE"
    primary_entity: RecordKind | None = None
    no_open_primary: NoOpenPrimary = "create_primary_reuse_contact"
    converted_lead: Literal["create_new_lead", "log_in_deal"] = "create_new_lead"
    logging_lookup: tuple[RecordKind, ...] = (RecordKind.LEAD,)
    attach_to: tuple[str, ...] = ("primary",)
    reused_contact: ReusedContact = ReusedContact()
    matches: Matches = Matches()
    rows: dict[RowName, Row] = field(default_factory=dict)
    repeat_calls: Repeat | None = None
    process: Process = Process()
    answered_new: CreateFor | None = None
    missed_new: CreateFor | None = None
    update_owner_on_transfer: bool = False
    ivr_missed_owner: str | None = None
    ivr_missed: Literal["as_missed", "nothing"] = "as_missed"
    group_missed_owner: str | None = None
    create_on_outgoing: bool = False
    distribute_to_responsible: bool = False
    routing: Routing = Routing()
    scheme: Scheme = Scheme()
    stickiness: Stickiness = Stickiness()
    working_hours: Hours | None = None
    resend: Resend = Resend()
    click_to_call: ClickToCall = ClickToCall()
    missed_tasks: MissedTasks = MissedTasks()
    utm_fields: dict[str, str] = field(default_factory=dict)
    names: Names = Names()
    hidden: Hidden = Hidden()
    recording: RecordingRules = RecordingRules()
    events: Retention = Retention()
    softphone: Softphone = Softphone()

    @cached_property
    def directory(self) -> Directory:
        return Directory(self.employees.values(), self.phone.default_region)

    @cached_property
    def senior(self) -> Employee | None:
        """The fallback person (O-04)."""
        return self.employees.get(self.senior_manager or "")

    @cached_property
    def blocked_e164(self) -> frozenset[str]:
        """The blocked numbers after normalisation (D-19)."""
        return self._numbers(self.blocked_numbers)

    @cached_property
    def own_e164(self) -> frozenset[str]:
        """The project's own lines (D-10)."""
        return self._numbers(self.lines)

    @cached_property
    def calendar(self) -> WorkingHours | None:
        """The working hours in the project's time zone (O-48)."""
        if self.working_hours is None:
            return None
        hours = (self.working_hours.opens, self.working_hours.closes)
        return WorkingHours(
            zone=self.timezone,
            week=dict.fromkeys(weekdays(self.working_hours.days), hours),
            holidays=frozenset(self.working_hours.holidays),
        )

    def _numbers(self, texts: tuple[str, ...]) -> frozenset[str]:
        phones = (try_phone(text, self.phone.default_region) for text in texts)
        return frozenset(phone.e164 for phone in phones if phone is not None)

    def row(self, name: RowName) -> Row:
        return self.rows.get(name, EMPTY_ROW)


WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def weekdays(text: str) -> tuple[int, ...]:
    """`mon-fri`, `fri-mon` or `mon,wed,sat` as numbers from 0. Raises ValueError for other words."""
    days: list[int] = []
    for part in text.lower().replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first not in WEEK or (last and last not in WEEK):
            raise ValueError(f"{part!r} is no day or range of days such as mon-fri")
        begin = WEEK.index(first)
        length = (WEEK.index(last or first) - begin) % len(WEEK) + 1
        days.extend((begin + step) % len(WEEK) for step in range(length))
    return tuple(dict.fromkeys(days))
