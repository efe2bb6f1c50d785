"""Writes are told once a request, as things stand at its end: a batch makes a record and links it in several commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.twins.base import changed

if TYPE_CHECKING:
    from sandbox.twins.bitrix24.twin import Bitrix24Twin

Words = Callable[[], Mapping[str, Any]]
Key = tuple[str, str]


@dataclass
class _Made:
    do: str
    kind: str
    words: Words


@dataclass
class _Touched:
    sort: str
    kind: str
    before: Mapping[str, Any]
    words: Words


class Recorder:
    """What this request has made and changed so far. Keys are a table and an id in it."""

    def __init__(self, twin: Bitrix24Twin) -> None:
        self._twin = twin
        self._open: dict[Key, _Made | _Touched] = {}

    def made(self, key: Key, do: str, kind: str, words: Words) -> None:
        self._open[key] = _Made(do, kind, words)

    def touched(self, key: Key, sort: str, words: Words, kind: str = "") -> None:
        """Call it before the change. `sort` is what an update is told of: a record kind, task, log or note; `kind` is the
        sort of task."""
        self._open.setdefault(key, _Touched(sort, kind or sort, words(), words))

    def flush(self) -> None:
        """Put it all into the ledger."""
        writes, self._open = self._open, {}
        for (_, identity), write in writes.items():
            if isinstance(write, _Made):
                self._twin.wrote(write.do, write.kind, identity, write.words())
            else:
                self._tell_change(identity, write)

    def _tell_change(self, identity: str, write: _Touched) -> None:
        difference = changed(write.before, write.words())
        if write.sort == "task" and difference.pop("completed", None):
            self._twin.wrote("complete_task", write.kind, identity, {"completed": True})
        if difference:
            self._twin.wrote("update", write.sort, identity, difference)
