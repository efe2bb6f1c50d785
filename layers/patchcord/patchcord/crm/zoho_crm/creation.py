"""Creating a linked set of records: all in one composite, or one after another (crm_zohocrm.md 7, 12, 13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from patchcord.crm.errors import CrmError, Transient
from patchcord.crm.port import Created, Draft
from patchcord.crm.zoho_crm import reading, writing
from patchcord.crm.zoho_crm.api import MOST_AMENDS, Amended, Api, amendment, duplicate, misses_reference, path_of
from patchcord.crm.zoho_crm.declaration import DECLARATION, MODULES, VENDOR, Together
from patchcord.crm.zoho_crm.queries import Part
from patchcord.model.records import RecordKind, Ref
from patchcord.wire import Answer

ORDER = (RecordKind.ORGANIZATION, RecordKind.CONTACT, RecordKind.LEAD, RecordKind.DEAL)
MOST_PARTS = 5
OPERATION = "create records"


class Creation:
    """One set on its way into Zoho: what is made so far, and the values that Zoho asked for."""

    def __init__(self, api: Api, drafts: Sequence[Draft]) -> None:
        self._api = api
        self._drafts = sorted(drafts, key=lambda draft: ORDER.index(draft.kind))
        self._refs: dict[str, Ref] = {}
        self._amended: dict[str, Amended] = {draft.key: {} for draft in drafts}

    def run(self) -> Created:
        """A text that looks like a reference would be filled in by Zoho inside a composite, so it goes by itself."""
        parts = len(self._drafts) + sum(len(contacts_of(draft)) for draft in self._drafts)
        fits = 1 < parts <= MOST_PARTS and "@{" not in repr(self._drafts)
        if self._api.connection.composite is Together.ALWAYS and self._api.takes_references and fits:
            return self._together()
        return self._singly()

    # --- in one composite

    def _together(self) -> Created:
        """A refused part is amended and the whole sent again; a duplicate stands in for what it duplicates (3, 13)."""
        failed = self._drafts[0].key
        try:
            for _ in range(MOST_AMENDS):
                makers = self._makers()
                parts = [part for _, part in makers]
                answers = self._api.composite(parts, OPERATION, "composite", rollback=True) if parts else []
                errors = [self._api.error(answer, OPERATION) for answer in answers]
                wrong = reading.failed_part(answers, [error is not None for error in errors])
                if wrong is None:
                    return self._made(makers, answers)
                if misses_reference(answers[wrong], parts[wrong].json["data"][0]):
                    self._api.takes_references = False
                    return self._singly()
                draft = makers[wrong][0]
                failed = draft.key if draft else failed
                if draft is None or not self._amend(draft, parts[wrong], answers[wrong]):
                    return Created(self._refs, failed, errors[wrong])
        except CrmError as error:
            return Created(self._refs, failed, error)
        return Created(self._refs, failed, Transient(VENDOR, OPERATION, "Zoho goes on asking for other values"))

    def _made(self, makers: Sequence[tuple[Draft | None, Part]], answers: Sequence[Answer]) -> Created:
        for (draft, _), answer in zip(makers, answers, strict=True):
            if draft is not None:
                self._refs[draft.key] = Ref(draft.kind, reading.new_id(answer, OPERATION))
        return Created(self._refs)

    def _makers(self) -> list[tuple[Draft | None, Part]]:
        """The parts that are still to be done, and whose record each one makes (None: it only links)."""
        pending = [draft for draft in self._drafts if draft.key not in self._refs]
        places = {draft.key: f"r{number}" for number, draft in enumerate(pending)}
        later = {draft.key: Ref(draft.kind, f"@{{{places[draft.key]}:$.data[0].details.id}}") for draft in pending}
        known = {**self._refs, **later}
        makers: list[tuple[Draft | None, Part]] = [(draft, self._part(draft, known, places[draft.key])) for draft in pending]
        links = [(draft, ref) for draft in self._drafts for ref in contacts_of(draft)]
        return makers + [(None, link_part(f"l{number}", ref, known[draft.key])) for number, (draft, ref) in enumerate(links)]

    def _amend(self, draft: Draft, part: Part, answer: Answer) -> bool:
        """Whether the refusal says how it can be done: the record that exists already, or another value of a field."""
        existing = duplicate(answer)
        if existing is not None:
            self._refs[draft.key] = Ref(draft.kind, existing)
            return True
        better = amendment(answer, part.json["data"][0], draft.fields)
        self._amended[draft.key] = {**self._amended[draft.key], **better}
        return bool(better)

    # --- one after another

    def _singly(self) -> Created:
        for draft in (draft for draft in self._drafts if draft.key not in self._refs):
            try:
                self._refs[draft.key] = Ref(draft.kind, self._one(draft))
                for ref in contacts_of(draft):
                    self._api.call(link_part("link", ref, self._refs[draft.key]), "update contact", "write")
            except CrmError as error:
                return Created(self._refs, draft.key, error)
        return Created(self._refs)

    def _one(self, draft: Draft) -> str:
        def part(amended: Amended) -> Part:
            self._amended[draft.key] = amended
            return self._part(draft, self._refs)

        return self._api.write(part, draft.fields, f"create {DECLARATION.kinds[draft.kind]}", duplicates=True)

    # --- parts

    def _part(self, draft: Draft, known: Mapping[str, Ref], name: str = "record") -> Part:
        links = linked(draft, self._drafts, known)
        company = _company(draft, self._drafts)
        body = writing.record_body(draft, links, company, self._api.connection, self._amended[draft.key])
        return Part(name, "POST", f"/{MODULES[draft.kind]}", {"data": [body]})


def contacts_of(draft: Draft) -> list[Ref]:
    """Existing contacts that a new account is linked to: the link stands in the contact (7)."""
    if draft.kind is not RecordKind.ORGANIZATION:
        return []
    return [link for link in draft.links if isinstance(link, Ref) and link.kind is RecordKind.CONTACT]


def link_part(name: str, contact: Ref, account: Ref) -> Part:
    body = {"data": [{"Account_Name": writing.reference(account.id, "account")}]}
    return Part(name, "PUT", path_of(MODULES[RecordKind.CONTACT], contact.id), body)


def linked(draft: Draft, drafts: Sequence[Draft], known: Mapping[str, Ref]) -> dict[RecordKind, str]:
    """What the draft is linked to so far, whichever of the two names the other; the first of each kind counts."""
    own = [link if isinstance(link, Ref) else known.get(link) for link in draft.links]
    naming = [other for other in drafts if draft.key in other.links and ORDER.index(other.kind) < ORDER.index(draft.kind)]
    others = [known.get(other.key) for other in naming]
    return {ref.kind: ref.id for ref in reversed((*own, *others)) if ref is not None}


def _company(draft: Draft, drafts: Sequence[Draft]) -> str:
    """The name of the account in the same set, which a lead carries as a text (7)."""
    return next((other.name for other in drafts if other.kind is RecordKind.ORGANIZATION and other.key in draft.links), "")
