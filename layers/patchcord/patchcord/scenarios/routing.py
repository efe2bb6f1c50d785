"""Which employee a caller is put through to (seed 001, S4-24…S4-27; design 9).

Pure: whoever calls `route` knows the earlier talks beforehand and asks the CRM only when `route` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from patchcord.model.employees import Employee
from patchcord.model.events import CallType
from patchcord.model.phone import try_phone
from patchcord.model.records import PRIMARY_KINDS, Client, Record, RecordKind
from patchcord.model.settings import Block, Settings
from patchcord.model.talks import Talk
from patchcord.scenarios.matches import open_record
from patchcord.scenarios.people import owner_of
from patchcord.scenarios.routes import (
    FAILED,
    KIND_RULES,
    NOT_ASKED,
    SOURCE_RULES,
    STICKINESS,
    AskCrm,
    Caller,
    FoundIn,
    Reason,
    Records,
    Route,
    Source,
    main_directions,
    nobody,
    refused,
)


def route(
    caller: Caller,
    settings: Settings,
    now: datetime,
    talks: Iterable[Talk] = (),
    records: Records = NOT_ASKED,
    last_owner: str | None = None,
) -> Route | AskCrm:
    """Whom the caller is put through to; AskCrm when that cannot be told without the client's records.

    `now` is aware UTC; `talks` are the client's earlier calls in any order; `last_owner` is the key of the employee who was
    last known as the client's responsible, used when the CRM failed and `routing.last_owner` allows it.
    """
    inquiry = _Inquiry(caller, settings, now, tuple(talks), records, last_owner)
    reason = refused(caller, settings)
    answer = _chosen(inquiry) if reason is None else nobody(reason)
    if isinstance(answer, Route) and inquiry.only_sticky:
        return replace(answer, next="number_scheme")
    return answer


def routes(settings: Settings) -> bool:
    """Whether the project routes callers at all."""
    on = settings.routing.enabled or settings.distribute_to_responsible
    return on or bool(settings.scheme.blocks) or settings.stickiness.everywhere.enabled


def needs_talks(settings: Settings) -> bool:
    """Whether anything in the project looks at earlier calls, so that they must be remembered."""
    return settings.stickiness.everywhere.enabled or _has_block_by_calls(settings)


@dataclass(frozen=True, slots=True)
class _Inquiry:
    caller: Caller
    settings: Settings
    now: datetime
    talks: tuple[Talk, ...]
    records: Records
    last_owner: str | None

    @property
    def blocks(self) -> tuple[tuple[int, Block], ...]:
        """The blocks that are ours to ask, with their numbers; without a scheme O-42 stands for one block by CRM."""
        scheme = self.settings.scheme.blocks
        if not scheme and (self.settings.routing.enabled or self.settings.distribute_to_responsible):
            scheme = (Block(type="responsible_by_crm"),)
        ours = ((number, block) for number, block in enumerate(scheme, 1) if block.type != "webhook")
        return tuple((number, block) for number, block in ours if self.caller.block in {None, str(number), block.type})

    @property
    def sticky(self) -> bool:
        """Whether the global stickiness is at work: the scheme's own block by calls wins over it (S1-31)."""
        on = self.settings.stickiness.everywhere.enabled and not _has_block_by_calls(self.settings)
        return on and self.caller.block in {None, STICKINESS}

    @property
    def only_sticky(self) -> bool:
        """Then the telephony goes on with the scheme of the number, not with a block after ours (S1-24)."""
        return self.caller.block == STICKINESS or (self.sticky and not self.blocks)

    def latest(self, counts: Callable[[Talk], bool], days: int | None) -> Talk | None:
        """The last talk that counts, of those within so many days of 24 hours."""
        young = (talk for talk in self.talks if self.now - talk.at <= timedelta(days=days or 0))
        return max(filter(counts, young), key=lambda talk: talk.at, default=None)

    def offer(self, employee: Employee | None, block: Block) -> Route:
        """An active employee with a direction of the sort that the block wants; else nobody."""
        if employee is None or not employee.active:
            return nobody(Reason.OWNER_UNUSABLE)
        directions = main_directions(employee, self.settings.phone.default_region)
        wanted = {"first": ("sip:", "+"), "sip": ("sip:",), "number": ("+",)}[block.direction]
        direction = next((direction for direction in directions if direction.startswith(wanted)), None)
        if direction is None:
            return nobody(Reason.OWNER_UNUSABLE)
        return Route(employee.key, directions, direction, ring_seconds=block.ring_seconds)

    def offer_key(self, key: str | None, block: Block) -> Route:
        """`offer` for an employee's key; somebody who left the settings is nobody."""
        return self.offer(self.settings.employees.get(key or ""), block)


def _has_block_by_calls(settings: Settings) -> bool:
    return any(block.type == "responsible_by_calls" for block in settings.scheme.blocks)


def _chosen(inquiry: _Inquiry) -> Route | AskCrm:
    """The first answer with somebody; after `tried` only who comes behind him, and nobody twice (D-37)."""
    tried, seen = inquiry.caller.tried, set[str]()
    best: Route | None = None
    empty: list[Route] = []
    for answer in _answers(inquiry):
        if isinstance(answer, AskCrm):
            return answer
        whom = answer.employee or answer.direction
        if whom is None:
            empty.append(answer)
        elif whom not in seen:
            seen.add(whom)
            if whom == tried:
                empty.append(nobody(Reason.NOT_PICKED_UP))
            best = None if whom == tried else best or answer
        if best is not None and tried is None:
            return best
    return best or _most_telling(empty, inquiry.caller)


def _most_telling(empty: list[Route], caller: Caller) -> Route:
    """Of several blocks without anybody the first that had more to tell than that nothing was found."""
    if not empty:
        return nobody(Reason.ROUTING_OFF if caller.block is None else Reason.NO_SUCH_BLOCK)
    return next((answer for answer in empty if answer.reason is not Reason.NOT_FOUND), empty[0])


def _answers(inquiry: _Inquiry) -> Iterator[Route | AskCrm]:
    """What the global stickiness and each block in turn would answer; a block is looked at only when its turn comes."""
    if inquiry.sticky:
        yield _sticky(inquiry)
    for number, block in inquiry.blocks:
        if block.type == "responsible_by_crm":
            answer = _by_crm(inquiry, number, block)
        elif block.type == "responsible_by_calls":
            answer = _by_calls(inquiry, block)
        else:
            answer = _from(Source.FIXED, _fixed(inquiry, block))
        yield replace(answer, block=number) if isinstance(answer, Route) and answer.found else answer


def _from(source: Source, offer: Route, found_in: FoundIn | None = None) -> Route:
    """An offer with where it comes from; nobody stays nobody."""
    return replace(offer, source=source, found_in=found_in, rules=SOURCE_RULES[source]) if offer.found else offer


def _by_crm(inquiry: _Inquiry, number: int, block: Block) -> Route | AskCrm:
    """S1-07…S1-15: the first kind of which there is an open record decides, whether or not its owner can be rung (C-11)."""
    settings, records = inquiry.settings, inquiry.records
    if not settings.routing.supported:
        return nobody(Reason.NOT_SUPPORTED)
    if records is NOT_ASKED:
        return AskCrm(number)
    if records is FAILED:
        return _without_crm(inquiry, block)
    client, unusable = Client(inquiry.caller.client, records), None
    for kind in block.priority or settings.routing.priority:
        record = _record(client, kind, settings)
        if record is None:
            continue
        offer = inquiry.offer(owner_of(record, settings), block)
        if offer.found:
            rules = (*SOURCE_RULES[Source.BY_CRM], *KIND_RULES.get(kind, ()))
            flag = settings.distribute_to_responsible and not settings.scheme.blocks
            return replace(_from(Source.BY_CRM, offer, kind), rules=("S4-24", "S4-25", "S4-26") if flag else rules)
        if not settings.routing.continue_on_unmapped_owner:
            return offer
        unusable = offer
    return unusable or nobody(Reason.NOT_FOUND)


def _record(client: Client, kind: RecordKind, settings: Settings) -> Record | None:
    """The open record of a kind; of contacts rather one with an open primary record (D-06), unless the first counts (S4-25)."""
    if kind is RecordKind.CONTACT and settings.matches.policy != "first_found":
        busy = {record.contact for record in client.records if record.kind in PRIMARY_KINDS and record.open}
        contacts = tuple(contact for contact in client.of(kind) if contact.id in busy)
        client = replace(client, records=contacts) if contacts else client
    return open_record(client, kind, settings)


def _without_crm(inquiry: _Inquiry, block: Block) -> Route:
    """D-20: as if nothing was found, unless the project wants the last known owner then (design 9)."""
    known = inquiry.last_owner if inquiry.settings.routing.last_owner else None
    offer = _from(Source.LAST_OWNER, inquiry.offer_key(known, block))
    return replace(offer, reason=Reason.CRM_FAILED) if offer.found else nobody(Reason.CRM_FAILED)


def _by_calls(inquiry: _Inquiry, block: Block) -> Route:
    """S1-25…S1-29: whoever spoke with the client last."""
    talk = inquiry.latest(lambda talk: talk.successful and talk.way in block.call_types, block.period_days)
    return _talked(inquiry, talk, block, Source.BY_CALLS)


def _sticky(inquiry: _Inquiry) -> Route:
    """S1-20…S1-23: whoever called the client last, with or without success (C-20); of incoming calls only the talks."""
    rules, calendar = inquiry.settings.stickiness.everywhere, inquiry.settings.calendar
    if rules.working_hours_only and not (calendar is not None and calendar.contains(inquiry.now)):
        return nobody(Reason.OUTSIDE_HOURS)

    def counts(talk: Talk) -> bool:
        return talk.way is CallType.OUT or (not rules.outgoing_only and talk.way is CallType.IN and talk.successful)

    block = Block(type="responsible_by_calls", ring_seconds=rules.ring_seconds)
    return _talked(inquiry, inquiry.latest(counts, rules.period_days), block, Source.STICKINESS)


def _talked(inquiry: _Inquiry, talk: Talk | None, block: Block, source: Source) -> Route:
    if talk is None:
        return nobody(Reason.NOT_FOUND)
    return _from(source, inquiry.offer_key(talk.employee, block), "call_history")


def _fixed(inquiry: _Inquiry, block: Block) -> Route:
    """O-46: an employee, the first of a department who can be rung, or a number."""
    if block.type == "employee":
        return inquiry.offer_key(block.to, block)
    if block.type == "department":
        staff = (employee for employee in inquiry.settings.employees.values() if block.to in employee.departments)
        offers = (inquiry.offer(employee, block) for employee in staff)
        return next((offer for offer in offers if offer.found), nobody(Reason.OWNER_UNUSABLE))
    phone = try_phone(block.to, inquiry.settings.phone.default_region)
    if phone is None:
        return nobody(Reason.NOT_FOUND)
    return Route(None, (phone.e164,), phone.e164, ring_seconds=block.ring_seconds)
