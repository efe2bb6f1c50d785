"""The client index: what we made or saw for a number, merged over a CRM whose search lags (design 6)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from patchcord.crm.port import Crm
from patchcord.model.events import CallType
from patchcord.model.records import Record, Ref
from patchcord.model.talks import Talk
from patchcord.service.clock import SKEW
from patchcord.service.journal import record_of, record_tree

MOST_MADE = 20
"""A client's latest own records that are remembered; older ones the CRM's search has long found."""


MOST_TALKS = 20
"""A client's latest calls that are remembered for routing."""


@dataclass(frozen=True, slots=True)
class Made:
    """A record that one of our calls made, and when."""

    record: Record
    call: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Index:
    """What is known of a client without asking the CRM.

    `callback` is the id of our last callback task. `doubtful` names the calls of which it is not known what they have
    written, in the order in which they came into doubt: until they are finished nothing else may be decided for the client.
    `talks` are the latest calls by their id, `owner` is the employee who was last seen as the client's responsible: both for
    smart routing.
    """

    made: tuple[Made, ...] = ()
    callback: str | None = None
    doubtful: tuple[str, ...] = ()
    talks: tuple[tuple[str, Talk], ...] = ()
    owner: str | None = None

    def dump(self) -> str:
        made = [{"record": record_tree(item.record), "call": item.call, "at": item.at.isoformat()} for item in self.made]
        talks = [[call, talk.employee, talk.way, talk.at.isoformat(), talk.successful] for call, talk in self.talks]
        tree = {"made": made, "callback": self.callback, "doubtful": self.doubtful, "talks": talks, "owner": self.owner}
        return json.dumps({name: value for name, value in tree.items() if value or name == "made"})

    def with_talk(self, call: str, talk: Talk) -> Index:
        """The index with a call in it; what was known of the same call before is replaced."""
        others = [(other, kept) for other, kept in self.talks if other != call]
        latest = sorted([*others, (call, talk)], key=lambda item: (item[1].at, item[0]))
        return replace(self, talks=tuple(latest[-MOST_TALKS:]))

    def with_doubt(self, call: str, doubtful: bool) -> Index:
        """The index with or without this call among the doubtful ones; one that is known as doubtful keeps its place."""
        if doubtful:
            return self if call in self.doubtful else replace(self, doubtful=(*self.doubtful, call))
        return replace(self, doubtful=tuple(other for other in self.doubtful if other != call))

    def with_made(self, records: Iterable[Record], call: str, at: datetime) -> Index:
        """The index with records that a call has made; repeating it changes nothing."""
        known = {item.record.ref for item in self.made}
        new = tuple(Made(record, call, at) for record in records if record.ref not in known)
        return replace(self, made=(*self.made, *new)[-MOST_MADE:])

    def made_by_others_since(self, call: str, at: datetime) -> bool:
        """Whether another call has made something for this client since then."""
        return any(item.call != call and item.at >= at for item in self.made)


def index_of(text: str | None) -> Index:
    """The stored index, empty when there is none."""
    if text is None:
        return Index()
    tree = json.loads(text)
    made = tuple(Made(record_of(item["record"]), item["call"], datetime.fromisoformat(item["at"])) for item in tree["made"])
    talks = tuple(
        (call, Talk(employee, CallType(way), datetime.fromisoformat(at), successful))
        for call, employee, way, at, successful in tree.get("talks", ())
    )
    return Index(made, tree.get("callback"), tuple(tree.get("doubtful", ())), talks, tree.get("owner"))


def lag_of(crm: Crm) -> timedelta:
    """How long what was made may be missing in the CRM's search, by whosever clock it was made."""
    return crm.declaration.search_lag + SKEW


def merged(index: Index, found: Iterable[Record], now: datetime, lag: timedelta) -> tuple[Record, ...]:
    """The CRM's answer, completed by what we made so lately that its search may not know it yet.

    A record that the CRM does tell of is taken as the CRM tells it; once the lag is over, what it does not tell of is
    gone.
    """
    records = tuple(found)
    told = {record.ref for record in records}
    young = (item.record for item in index.made if now - item.at < lag)
    return records + tuple(record for record in young if record.ref not in told)


def before_call(records: Iterable[Record], own: frozenset[Ref]) -> tuple[Record, ...]:
    """The records without those that this very call has made."""
    return tuple(record for record in records if record.ref not in own)


def client_key(secret: str, e164: str) -> str:
    """The number as it may stand in keys and logs: a keyed hash."""
    return hmac.new(secret.encode(), e164.encode(), hashlib.sha256).hexdigest()[:32]
