"""Names and times as keys hold them, and what both stores check before they write: no tenant reaches another's data."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from patchcord.store.port import CallKey, Claim

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
DAY = timedelta(days=1)

PROJECT = re.compile(r"[a-z0-9-]{1,40}")
PROVIDER = re.compile(r"[a-z0-9_-]{1,40}")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
LONGEST_NAME = 1_000
"""Bytes of a call's id, client or connection: a hash key holds 2,048."""

RECENT_WINDOWS = range(4, 12)
"""Windows back from now that each `take` forgets: not the last ones, the callers' clocks differ a little."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept after they were last written."""

    journal: timedelta = timedelta(days=90)
    clients: timedelta = timedelta(days=400)
    connections: timedelta = timedelta(days=2)


DEFAULT_RETENTION = Retention()


def project_name(project: str) -> str:
    """The project, raises ValueError unless it is `[a-z0-9-]{1,40}`: tenants are told apart by it."""
    if not PROJECT.fullmatch(project):
        raise ValueError(f"not a project: {project[:60]!r}")
    return project


def text_name(name: str) -> str:
    """Any text that fits into a key, raises ValueError for a longer one or one that is not Unicode."""
    if len(name.encode()) > LONGEST_NAME:
        raise ValueError(f"a name of {len(name)} characters")
    return name


def call_key(key: CallKey) -> CallKey:
    """The key, raises ValueError for a project or a provider that is none."""
    project_name(key.project)
    text_name(key.call)
    if not PROVIDER.fullmatch(key.provider):
        raise ValueError(f"not a provider: {key.provider[:60]!r}")
    return key


def day_name(day: str) -> str:
    """The day, raises ValueError unless it is `YYYY-MM-DD`."""
    if not DATE.fullmatch(day):
        raise ValueError(f"not a day: {day[:60]!r}")
    return day


def millis(at: datetime) -> int:
    """Whole milliseconds since 1970; a TypeError for a time without zone."""
    return (at - EPOCH) // MILLISECOND


def moment(milliseconds: int) -> datetime:
    """The time of `millis`."""
    return EPOCH + milliseconds * MILLISECOND


def stamp(at: datetime) -> str:
    """ISO in UTC, always of the same length, so that the order of texts is the order of times."""
    return (EPOCH + (at - EPOCH)).isoformat(timespec="microseconds")


def same_project(key: CallKey, claim: Claim) -> None:
    """A claim of one tenant never writes to a call of another; ValueError."""
    if key.project != claim.project:
        raise ValueError("the claim is of another project than the call")


def window_of(now: datetime, window: timedelta) -> tuple[int, int]:
    """The window's length in milliseconds and its number; ValueError for no length."""
    length = window // MILLISECOND
    if length < 1:
        raise ValueError("a window without length")
    return length, millis(now) // length


def units_of(units: int, most: int) -> int:
    """What is really taken: a request bigger than the bucket takes all of it. ValueError for nonsense."""
    if most < 1 or units < 0:
        raise ValueError(f"{units} units of {most}")
    return min(units, most)


def page_token(at: str, key: CallKey) -> str:
    """Where the next page begins. It names no project, so that a forged one stays in the reader's own."""
    return urlsafe_b64encode(f"{at}#{key.provider}#{key.call}".encode()).decode()


def page_start(project: str, token: str) -> tuple[str, CallKey]:
    """What `page_token` made; ValueError for anything else."""
    try:
        at, provider, call = urlsafe_b64decode(token.encode()).decode().split("#", 2)
        datetime.fromisoformat(at)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not the start of a page") from error
    return at, call_key(CallKey(project, provider, call))


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)
