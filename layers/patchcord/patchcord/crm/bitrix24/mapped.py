"""The fields a project maps its parameters to, and what they want to be given (crm_bitrix24.md 7).

Bitrix24 takes a list's element by its id and ignores what it does not know, both in silence. So what the fields are is
read along with the first write that needs it, in the same batch, and what turns out to be of another type is written again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from patchcord.crm.bitrix24.declaration import DECLARATION
from patchcord.crm.bitrix24.rest import Command, Results, Row
from patchcord.crm.bitrix24.writing import describe_fields, typed
from patchcord.model.records import RecordKind

LOG = logging.getLogger(__name__)


class MappedFields:
    """What is known of the fields of each kind, as long as the connection lives."""

    def __init__(self) -> None:
        self._rows: dict[RecordKind, Mapping[str, Row]] = {}

    def rows(self, kind: RecordKind) -> Mapping[str, Row]:
        """Descriptions by field id, empty when they have not been read."""
        return self._rows.get(kind, {})

    def descriptions(self, kinds: Iterable[RecordKind]) -> dict[str, Command]:
        """The commands that read what is not known yet."""
        return {_key(kind): describe_fields(kind) for kind in kinds if kind not in self._rows}

    def remember(self, results: Results) -> None:
        """Keep the descriptions that came along."""
        for kind in RecordKind:
            self.keep(kind, results.values.get(_key(kind)))

    def keep(self, kind: RecordKind, described: Any) -> None:
        """Keep the result of `crm.item.fields`."""
        fields = described.get("fields") if isinstance(described, dict) else None
        if isinstance(fields, dict):
            self._rows[kind] = {name: row for name, row in fields.items() if isinstance(row, dict)}

    def typed(self, kind: RecordKind, fields: Mapping[str, str]) -> dict[str, Any]:
        """The values as their fields want them; as texts as long as that is not known."""
        rows = self._rows.get(kind)
        if rows is None:
            return dict(fields)
        for field in fields:
            if field not in rows:
                LOG.warning("bitrix24: a %s has no field %s, its value is not kept", DECLARATION.kinds[kind], field)
        return {field: typed(value, rows[field]) for field, value in fields.items() if field in rows}


def changed(again: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """The values that have to be written again."""
    return {field: value for field, value in again.items() if sent.get(field) != value}


def _key(kind: RecordKind) -> str:
    return f"fields_{kind.value}"
