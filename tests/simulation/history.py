"""What happens in one history, as data: who calls whom, what arrives how, and what fails when. It prints as a script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

FREEZES = (5, 40, 61, 200, 3700)
"""Seconds for which a worker stands still: shorter and longer than a claim, which ends after 60."""


@dataclass(frozen=True, slots=True)
class Office:
    """A project: its CRM, its telephony, whether the CRM's search lags, which clients (by number) it knows already, and what
    follows an overdue task."""

    vendor: str = "pipedrive"
    provider: str = "ringostat"
    lags: bool = False
    known: tuple[int, ...] = ()
    overdue: str = "remind_senior"


@dataclass(frozen=True, slots=True)
class Scene:
    """One call, form, dialogue or question of a client, beginning `at` a second of the history.

    `late` says by how many seconds the n-th of its deliveries is late, `again` after how many it is repeated (0: never),
    `lost` which of them never arrive.
    """

    sort: str
    office: int = 0
    client: int = 0
    at: int = 0
    late: tuple[int, ...] = ()
    again: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CrmTrouble:
    """What a CRM does to its n-th request: a sort of `sandbox.twins.base.Fault`, a status, `slow` or `time_out`."""

    sort: str
    office: int = 0
    nth: int = 0
    times: int = 1


@dataclass(frozen=True, slots=True)
class WorkerTrouble:
    """What befalls the worker that does the n-th request to AWS or a CRM: `dies_before`, `dies_after`, or `freezes` for so
    many seconds and goes on, although its claim may have run out."""

    sort: str
    nth: int = 0
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """One history. `paces` are the milliseconds that requests take, one after another and from the beginning again; `skews`
    are the seconds by which the containers' clocks are wrong; with two `versions` every second container is of a later one;
    `saved` is the second in which the settings are saved anew, `jump` the one in which all clocks go on by an hour."""

    offices: tuple[Office, ...] = (Office(),)
    scenes: tuple[Scene, ...] = ()
    crm: tuple[CrmTrouble, ...] = ()
    workers: tuple[WorkerTrouble, ...] = ()
    paces: tuple[int, ...] = (5,)
    skews: tuple[int, ...] = (0,)
    versions: int = 1
    saved: int | None = None
    jump: int | None = None

    def script(self) -> str:
        """The history as JSON, without what is as usual."""
        return json.dumps(_short(self), ensure_ascii=False, indent=1)


def _short(item: Any) -> Any:
    if isinstance(item, tuple):
        return [_short(one) for one in item]
    if not hasattr(item, "__dataclass_fields__"):
        return item
    usual = {known.name: known.default for known in fields(item)}
    told = {name: getattr(item, name) for name in asdict(item)}
    return {name: _short(value) for name, value in told.items() if value != usual[name]}


def history_of(tree: Mapping[str, Any]) -> History:
    """The inverse of `History.script`, from parsed JSON."""
    kinds = {"offices": Office, "scenes": Scene, "crm": CrmTrouble, "workers": WorkerTrouble}
    told: dict[str, Any] = {}
    for name, value in tree.items():
        kind = kinds.get(name)
        if kind is not None:
            told[name] = tuple(kind(**{key: _tuples(item) for key, item in one.items()}) for one in value)
        else:
            told[name] = _tuples(value)
    return History(**told)


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
