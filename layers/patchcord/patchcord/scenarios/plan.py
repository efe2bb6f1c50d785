"""Building the effects of one decision: what is created, where traces and tasks are attached, who gets them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from patchcord.model.effects import (
    AddRecording,
    CompleteTask,
    CreateRecord,
    CreateTask,
    Decision,
    Effect,
    LogCall,
    LogKind,
    Made,
    ShowPopup,
    Target,
    TaskKind,
    UpdateRecord,
)
from patchcord.model.employees import Agent
from patchcord.model.events import CallType, Moment
from patchcord.model.phone import Phone, formatted, read_phone
from patchcord.model.records import PRIMARY_KINDS, Client, RecordKind
from patchcord.model.settings import Row, RowName, Settings, TaskRule
from patchcord.model.timeline import Timeline
from patchcord.scenarios.due import due_after
from patchcord.scenarios.matches import Match
from patchcord.scenarios.people import People
from patchcord.scenarios.rules import ROW_RULES
from patchcord.scenarios.talks import is_talk
from patchcord.scenarios.texts import Texts, texts_of

ORDER = (RecordKind.ORGANIZATION, RecordKind.CONTACT, RecordKind.LEAD, RecordKind.DEAL)
"""What is created before what can be linked to it."""
WHICH_FORM = frozenset({"form", "form_id", "form_name", "company"})
"""What a form says of itself, and what names the organization."""
HANDLER_ROLES = frozenset({"answering", "first_handler"})


@dataclass
class Plan:
    """The effects of one decision while they are gathered. `places` is where traces and tasks can be attached."""

    timeline: Timeline
    client: Client
    settings: Settings
    people: People
    name: RowName
    rules: tuple[str, ...] = ()
    effects: list[Effect] = field(default_factory=list)
    places: dict[str, Target] = field(default_factory=dict)
    new_owner: str | None = None
    reused_contact: bool = False

    @cached_property
    def texts(self) -> Texts:
        """The call's texts; composed only when something is to be written."""
        return texts_of(self.timeline, self.settings)

    def decision(self) -> Decision:
        """What was gathered, with the late recordings of D-28, and an earlier callback task that is done by now."""
        self.close_callback()
        if self.timeline.recording_late and self._recording() is not None:
            self.effects.extend(self._late_recordings())
        return Decision(self.name.value, tuple(self.effects), self.rules)

    # --- places ---

    def at_places_of(self, found: Match) -> None:
        """Attach to the records that exist."""
        if found.primary is not None:
            self.places["primary"] = found.primary.ref
        if found.contact is not None:
            self.places["contact"] = found.contact.ref
        if found.organization is not None:
            self.places["organization"] = found.organization.ref

    def targets(self, wanted: tuple[str, ...]) -> tuple[Target, ...]:
        """The wanted places as far as there are any, else the best one there is."""
        chosen = tuple(self.places[word] for word in wanted or self.settings.attach_to if word in self.places)
        return chosen or tuple(self.places[word] for word in ("primary", "contact", "organization") if word in self.places)[:1]

    # --- people ---

    def person(self, word: str | None) -> str | None:
        """The employee key for a role; the responsible for a record made now is its owner (C-03, D-05)."""
        if word == "responsible" and self.new_owner is not None:
            return self.new_owner
        return self.people.role(word)

    # --- records ---

    def create(self, kinds: tuple[RecordKind, ...], at: Moment, owner: str | None, row: Row) -> None:
        """Create the kinds that the client lacks, linked to each other and to what exists."""
        self.new_owner = self.person(owner)
        kept = "contact" in self.places
        for kind in ORDER:
            if kind in kinds and (kind in PRIMARY_KINDS or kind.text not in self.places):
                self._create_one(kind, at, row)
        self.reused_contact = kept and any(kind in PRIMARY_KINDS for kind in kinds)

    def _create_one(self, kind: RecordKind, at: Moment, row: Row) -> None:
        # a kind appears at most once in a call, so its name is a key that no later event can change
        made = Made(kind, kind.text)
        attribution = dict(self.timeline.attribution) if row.utm and self.settings.fields.default else {}
        pipeline, stage = self._pipeline(kind)
        self.effects.append(
            CreateRecord(
                key=made.key,
                at=at,
                rules=self.rules,
                kind=kind,
                name=self._name(kind, row),
                owner=self.new_owner,
                creator=self.new_owner,
                phone=self._phone(kind),
                email=self.timeline.person_email if kind is not RecordKind.ORGANIZATION else None,
                links=self._links(kind),
                attribution=attribution,
                fields=self._fields(kind, attribution),
                pipeline=pipeline,
                stage=stage,
                tags=row.tags,
            )
        )
        self.places["primary" if kind in PRIMARY_KINDS else kind.text] = made

    def _name(self, kind: RecordKind, row: Row) -> str:
        name = self.texts.name("lead" if kind in PRIMARY_KINDS else kind.text)
        if row.lead_name_contains_id and kind in PRIMARY_KINDS and "{lead_id}" not in name:
            return f"{name} {{lead_id}}"
        return name

    def _phone(self, kind: RecordKind) -> str | None:
        if self.timeline.client is None or kind not in self.settings.vendor.phone_kinds or kind is RecordKind.ORGANIZATION:
            return None
        return formatted(self._number(self.timeline.client), self.settings.phone.storage_format)

    def _number(self, e164: str) -> Phone:
        return read_phone(e164, self.settings.phone.default_region)

    def _links(self, kind: RecordKind) -> tuple[Target, ...]:
        if kind is RecordKind.CONTACT:
            wanted: tuple[RecordKind, ...] = (RecordKind.ORGANIZATION,)
        elif kind is RecordKind.LEAD:
            wanted = self.settings.vendor.lead_links
        else:
            wanted = (RecordKind.CONTACT, RecordKind.ORGANIZATION) if kind is RecordKind.DEAL else ()
        return tuple(self.places[other.text] for other in wanted if other.text in self.places)

    def _fields(self, kind: RecordKind, attribution: Mapping[str, str]) -> dict[str, str]:
        wanted = self.settings.fields.extra.get(kind, ())
        parameters = {**attribution, **self._call_parameters()} if wanted else {}
        fields = {target: parameters[name] for name, target in wanted if name in parameters}
        incoming = self.timeline.call_type is not CallType.OUT
        if self.settings.save_source_line and incoming and self.timeline.line and self._is_client_card(kind):
            fields[self.settings.source_line_field] = self.timeline.line
        if self._is_client_card(kind):
            fields.update(self._form_fields(RecordKind.CONTACT))
        return {**fields, **self._form_fields(kind)}

    def _is_client_card(self, kind: RecordKind) -> bool:
        """The contact; a lead stands in for it where no contact is made (S4-32)."""
        return kind is RecordKind.CONTACT or (kind is RecordKind.LEAD and "contact" not in self.places)

    def _form_fields(self, kind: RecordKind) -> dict[str, str]:
        form = self.timeline.form
        return {target: form[name] for name, target in self.settings.forms.mapping.get(kind, ()) if name in form}

    def _call_parameters(self) -> dict[str, str]:
        call = self.timeline
        values = {
            "line": call.line,
            "call_id": call.call,
            "status": call.status,
            "department": call.department,
            "recording": self._recording(),
            "duration": None if call.talk_seconds is None else str(call.talk_seconds),
            "waiting": None if call.wait_seconds is None else str(call.wait_seconds),
            "employee": self.people.author("answering"),
        }
        return {name: value for name, value in values.items() if value}

    def _pipeline(self, kind: RecordKind) -> tuple[str | None, str | None]:
        """O-27: the first rule whose parameters all hold, else the process of S4-22, else the project's default."""
        if kind not in PRIMARY_KINDS:
            return None, None
        rules = self.settings.pipelines.rules
        parameters = {**self.timeline.attribution, **self._call_parameters()} if rules else {}
        for rule in rules:
            if all(parameters.get(name) == value for name, value in rule.when.items()):
                return rule.pipeline, rule.stage
        process, default = self.settings.process, self.settings.pipelines.default
        return process.kind or default.pipeline, process.status or default.stage

    # --- changes of existing records ---

    def fill_empty_visit_data(self, found: Match) -> None:
        """Write the visit's data into an open record that has none (O-26, D-25); never over a value."""
        record = found.primary
        if not self.settings.existing.fill_empty_utm or record is None or record.attribution is None:
            return
        missing = {name: value for name, value in self.timeline.attribution.items() if not record.attribution.get(name)}
        if missing:
            fields = {
                target: missing[name] for name, target in self.settings.fields.extra.get(record.kind, ()) if name in missing
            }
            self._update("utm", record.ref, "utm", ("S3-50", "D-25"), attribution=missing, fields=fields)

    def write_visit_fields(self) -> None:
        """Write the chosen visit data into the contact's own fields (O-53, S2-30)."""
        chosen = {
            target: self.timeline.attribution[name]
            for name, target in self.settings.utm_fields.items()
            if name in self.timeline.attribution
        }
        if chosen and "contact" in self.places:
            self._update("visit_fields", self.places["contact"], "fields", ("S2-30", "S2-32"), fields=chosen)

    def update_owner_on_transfer(self, row: Row) -> None:
        """Give the records made for this call to the last handler (O-38, D-26)."""
        handlers = self.people.handlers
        if not self.settings.update_owner_on_transfer or row.owner not in HANDLER_ROLES or len(handlers) < 2:
            return
        last = handlers[-1][1].key
        if last == self.new_owner:
            return
        for target in self.places.values():
            if isinstance(target, Made):
                self._update(f"owner:{target.key}", target, "owner", ("S4-36", "D-26"), owner=last)

    def add_form(self, target: Target) -> None:
        """Add a form's information to the open record (S0-27)."""
        fields = self._form_fields(target.kind)
        self._update("form", target, "form", ("S0-27",), at=Moment.SUBMIT, fields=fields, note=self.texts.form())

    def tell_form(self) -> None:
        """What a form says beyond its own name and beyond mapped fields, as a note at the new record: it would be lost (D-16)."""
        target = self.places.get("primary") or self.places.get("contact")
        mapped = {name for pairs in self.settings.forms.mapping.values() for name, _ in pairs}
        if isinstance(target, Made) and set(self.timeline.form) - WHICH_FORM - mapped:
            self._update("form", target, "form", ("S0-28", "D-16"), at=Moment.SUBMIT, note=self.texts.form())

    def _update(
        self,
        key: str,
        target: Target,
        about: str,
        rules: tuple[str, ...],
        *,
        at: Moment = Moment.END,
        owner: str | None = None,
        attribution: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        note: str = "",
    ) -> None:
        self.effects.append(
            UpdateRecord(
                key=key,
                at=at,
                rules=rules,
                target=target,
                about=about,
                owner=owner,
                attribution=attribution or {},
                fields=fields or {},
                note=note,
            )
        )

    # --- traces and tasks ---

    def trace(self, row: Row, *, visit_data: bool = False) -> None:
        """Write down that the call took place, in the ways the row names (D-01, O-56)."""
        reused = self.settings.reused_contact if self.reused_contact else None
        targets = self.targets((reused.attach_to if reused else ()) or row.attach_to)
        if not targets or not self.timeline.reached(Moment.END):
            return
        for kind in row.log:
            if kind == "task_completed":
                self._completed_task(row, targets, visit_data)
            else:
                self._log(LogKind(kind), row, targets, visit_data)
        if row.call_entity and (reused is None or reused.call_entity):
            self._log(LogKind.CALL_ENTITY, row, targets[:1], visit_data)

    def _completed_task(self, row: Row, targets: tuple[Target, ...], visit_data: bool) -> None:
        agent = self._last_agent()
        self.effects.append(
            CreateTask(
                key="log",
                at=Moment.END,
                rules=_with(self.rules, "D-01"),
                kind=TaskKind.CALL_LOG,
                completed=True,
                assignee=self._log_assignee(row),
                targets=targets,
                title=self.texts.title("call_log", agent),
                text=self._text(agent, visit_data=visit_data),
                recording=self._recording(),
                visit_data=visit_data,
            )
        )

    def _log_assignee(self, row: Row) -> str | None:
        if row.log_assignee == "responsible":
            return self.person("responsible")
        return self.people.author(row.log_assignee) or self.settings.senior_manager

    def _log(self, kind: LogKind, row: Row, targets: tuple[Target, ...], visit_data: bool) -> None:
        agent = self._last_agent()
        entity = kind is LogKind.CALL_ENTITY
        self.effects.append(
            LogCall(
                key="log:call_entity" if entity else "log",
                at=Moment.END,
                rules=_with(self.rules, "P-BX-05" if entity else "D-01"),
                kind=kind,
                targets=targets,
                title=self.texts.title("log", agent),
                text=self._text(agent, visit_data=visit_data),
                author=None if entity else self.people.author(row.log_assignee),
                assignee=self.person("responsible") if entity else None,
                recording=self._recording(),
            )
        )

    def task(self, rule: TaskRule | None, assignee: str | None = None, at: Moment = Moment.END) -> None:
        """The row's task, for whom the row says or for `assignee` (an employee key)."""
        if rule is None or not self.timeline.reached(at) or not self.settings.vendor.tasks or self._suppressed(rule):
            return
        agent = self._last_agent()
        direction = agent.direction if rule.describe_direction and agent is not None else None
        recording = self._recording() if rule.recording_link else None
        completed = rule.state == "completed"
        due_in = None if completed else rule.due_in or self.settings.tasks.deadline
        self.effects.append(
            CreateTask(
                key=f"task:{rule.kind.value}",
                at=at,
                rules=self.rules,
                kind=rule.kind,
                completed=completed,
                assignee=assignee or self.person(rule.assignee),
                targets=self.targets(rule.attach_to),
                title=self.texts.title(rule.kind.value, agent, rule.title),
                text=self._text(agent, direction=direction),
                due_in=due_in,
                due_at=None if due_in is None else self._due_at(due_in),
                recording=recording,
                direction=direction,
                board=rule.board,
            )
        )

    def _suppressed(self, rule: TaskRule) -> bool:
        """O-08: no second callback task while one is open."""
        return rule.kind is TaskKind.CALLBACK and self.settings.tasks.dedupe_open_callback and self.client.open_callback

    def _due_at(self, due_in: timedelta) -> datetime | None:
        start = self.timeline.ended_at
        return None if start is None else due_after(start, due_in, self.settings)

    def _last_agent(self) -> Agent | None:
        if self.timeline.call_type is CallType.OUT:
            return self.timeline.caller
        return self.timeline.handlers[-1] if self.timeline.handlers else None

    def _text(self, agent: Agent | None, *, direction: str | None = None, visit_data: bool = False) -> str:
        text = self.texts.description(agent, direction=direction)
        return f"{text}\n{self.texts.visit()}" if visit_data and self.timeline.attribution else text

    def _recording(self) -> str | None:
        return self.timeline.recording if self.settings.recording.share == "link" else None

    def _late_recordings(self) -> list[Effect]:
        recording = self._recording() or ""
        return [
            AddRecording(
                key=f"recording:{effect.key}", at=Moment.RECORDING, rules=("D-28",), effect=effect.key, recording=recording
            )
            for effect in self.effects
            if isinstance(effect, CreateTask | LogCall) and effect.recording is not None
        ]

    # --- a task of an earlier call ---

    def close_callback(self) -> None:
        """The client was spoken with, so the open callback task is done (`tasks.close_when_reached`)."""
        wanted = self.settings.tasks.close_when_reached and self.settings.vendor.tasks
        if wanted and self.client.callback is not None and is_talk(self.timeline):
            self.effects.append(CompleteTask(key="close:callback", at=Moment.END, rules=self.rules, task=self.client.callback))

    # --- pop-up ---

    def popup(self, row: Row) -> None:
        """What is shown while the phone rings; pointless afterwards (S2-17, S2-19)."""
        if row.popup and self.timeline.moments == {Moment.RING}:
            self.effects.append(ShowPopup(key="popup", at=Moment.RING, rules=self.rules, shows=row.popup))


def _with(rules: tuple[str, ...], rule: str) -> tuple[str, ...]:
    return rules if rule in rules else (*rules, rule)


def rules_of(name: RowName) -> tuple[str, ...]:
    """The statements behind a situation."""
    return ROW_RULES[name]
