"""A linked set of records in one batch (crm_bitrix24.md 4, 7). There is no transaction: what was made before a failure stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from patchcord.crm.bitrix24 import writing
from patchcord.crm.bitrix24.declaration import VENDOR, Connection
from patchcord.crm.bitrix24.mapped import MappedFields, changed
from patchcord.crm.bitrix24.reading import text_id
from patchcord.crm.bitrix24.rest import Command, Rest, Results, earlier, unknown_shape
from patchcord.crm.bitrix24.writing import Link
from patchcord.crm.errors import CrmError, Rejected
from patchcord.crm.port import Created, Draft
from patchcord.model.records import RecordKind, Ref

OPERATION = "create records"


class Creation:
    """One set on its way into the CRM. `refs` is what exists of it so far."""

    def __init__(self, rest: Rest, mapped: MappedFields, connection: Connection, drafts: Sequence[Draft]) -> None:
        self._rest = rest
        self._mapped = mapped
        self._connection = connection
        self._drafts = writing.in_creation_order(drafts)
        self._sent: dict[str, dict[str, Any]] = {}
        self.refs: dict[str, Ref] = {}

    def carry_out(self) -> Created:
        """One request; a second one when mapped fields turn out to want something else than text."""
        failure = self._attempt()
        if failure is not None and isinstance(failure[1], Rejected) and self._changed(failure[0]):
            failure = self._attempt()
        failure = failure or self._correct()
        return Created(self.refs, *failure) if failure else Created(self.refs)

    def _attempt(self) -> tuple[str, CrmError] | None:
        """Make what does not exist yet; the draft that stopped it, and why."""
        pending = [draft for draft in self._drafts if draft.key not in self.refs]
        commands = self._mapped.descriptions(dict.fromkeys(draft.kind for draft in pending if draft.fields))
        for draft in pending:
            try:
                commands[_key(self._drafts, draft)] = self._command(draft)
            except CrmError as error:
                return draft.key, error
        joins = [(draft, *join) for draft in pending for join in self._joins(draft)]
        try:
            results = self._rest.run({**commands, **{key: join for _, key, join in joins}}, OPERATION, halt=True)
        except CrmError as error:
            return pending[0].key, error
        self._mapped.remember(results)
        unjoined = ((draft.key, results.errors[key]) for draft, key, _ in joins if key in results.errors)
        return self._made(pending, results) or next(unjoined, None)

    def _command(self, draft: Draft) -> Command:
        if draft.kind is RecordKind.LEAD and not self._connection.has_leads:
            raise Rejected(VENDOR, OPERATION, "the portal works without leads", 400)
        writing.check_fields(draft.fields)
        self._sent[draft.key] = self._mapped.typed(draft.kind, draft.fields)
        fields = writing.item_fields(draft, self._links(draft), self._connection)
        return writing.add_item(draft.kind, {**fields, **self._sent[draft.key]})

    def _links(self, draft: Draft) -> dict[RecordKind, Link]:
        """What the draft is linked to, whichever of the two names the other; the first of a kind counts."""
        named: list[Ref | str] = list(draft.links)
        named += [other.key for other in self._drafts if draft.key in other.links]
        links: dict[RecordKind, Link] = {}
        for link in named:
            found = self._link(draft, link)
            if found is not None:
                links.setdefault(*found)
        return links

    def _link(self, draft: Draft, link: Ref | str) -> tuple[RecordKind, Link] | None:
        ref = link if isinstance(link, Ref) else self.refs.get(link)
        if ref is not None:
            return ref.kind, writing.whole(ref.id, "link")
        before = self._drafts[: self._drafts.index(draft)]
        other = next((one for one in before if one.key == link), None)
        return (other.kind, earlier(_key(self._drafts, other), "item", "id")) if other else None

    def _joins(self, draft: Draft) -> Iterator[tuple[str, Command]]:
        """A new company of contacts that exist: the link stands in the contact. Last, so that it stops nothing."""
        if draft.kind is not RecordKind.ORGANIZATION:
            return
        key = _key(self._drafts, draft)
        for link in draft.links:
            if isinstance(link, Ref) and link.kind is RecordKind.CONTACT:
                fields = {"companyId": earlier(key, "item", "id")}
                yield f"{key}_{link.id}", writing.update_item(link.kind, writing.whole(link.id, "link"), fields)

    def _made(self, pending: Sequence[Draft], results: Results) -> tuple[str, CrmError] | None:
        for draft in pending:
            try:
                made = results.needed(_key(self._drafts, draft))
                self.refs[draft.key] = Ref(draft.kind, _item_id(made))
            except CrmError as error:
                return draft.key, error
        return None

    def _changed(self, key: str) -> bool:
        draft = next(draft for draft in self._drafts if draft.key == key)
        return bool(changed(self._mapped.typed(draft.kind, draft.fields), self._sent.get(key, {})))

    def _correct(self) -> tuple[str, CrmError] | None:
        """Write again what a field did not take as text."""
        commands = dict(self._corrections())
        if not commands:
            return None
        drafts = {_key(self._drafts, draft): draft.key for draft in self._drafts}
        try:
            results = self._rest.run(commands, OPERATION, halt=False)
        except CrmError as error:
            return drafts[next(iter(commands))], error
        return next(((drafts[key], error) for key, error in results.errors.items()), None)

    def _corrections(self) -> Iterator[tuple[str, Command]]:
        for draft in self._drafts:
            fields = changed(self._mapped.typed(draft.kind, draft.fields), self._sent[draft.key])
            if fields:
                key = writing.existing(self.refs[draft.key].id)
                yield _key(self._drafts, draft), writing.update_item(draft.kind, key, fields)


def _key(drafts: Sequence[Draft], draft: Draft) -> str:
    """The draft's name in the batch."""
    return f"r{drafts.index(draft)}"


def _item_id(made: Any) -> str:
    """The id of what was created; without one it is not known whether it was."""
    item = made.get("item") if isinstance(made, dict) else None
    key = text_id(item.get("id")) if isinstance(item, dict) else None
    if key is None:
        raise unknown_shape(OPERATION)
    return key
