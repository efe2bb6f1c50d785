"""Who may come in: the signed envelope, the limits of a product, the block after invalid requests (telephony.md 3.1)."""

from __future__ import annotations

import hmac
import json
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NoReturn

from werkzeug.wrappers import Request

from sandbox.telephony.mango_twin import wire
from sandbox.telephony.mango_twin.wire import Refusal, TooFast
from sandbox.twins.base import Window

Body = dict[str, Any]

FIELDS = ("vpbx_api_key", "sign", "json")
SECOND, TWO_SECONDS, BLOCK = timedelta(seconds=1), timedelta(seconds=2), timedelta(minutes=2)
ALL = "all"
LIMITS = {
    ALL: (10, SECOND),
    "callback": (4, SECOND),
    "hangup": (4, SECOND),
    "recording start": (4, SECOND),
    "recording access": (10, SECOND),
    "users": (1, TWO_SECONDS),
    "transfer": (1, TWO_SECONDS),
    "route": (1, TWO_SECONDS),
    "stats start": (1, TWO_SECONDS),
    "stats result": (50, SECOND),
}
"""How many requests in which span, for one product."""
LIMITED = {
    "commands/callback": "callback",
    "commands/callback_group": "callback",
    "commands/call/hangup": "hangup",
    "commands/recording/start": "recording start",
    "queries/recording/post": "recording access",
    "queries/recording/link": "recording access",
    "config/users/request": "users",
    "commands/transfer": "transfer",
    "commands/route": "route",
    "stats/request": "stats start",
    "stats/calls/request": "stats start",
    "stats/result": "stats result",
    "stats/calls/result": "stats result",
}
"""The path's own limit; paths that are not named have only the product's."""


class Block:
    """Shut from the second invalid request until two minutes after the first."""

    def __init__(self) -> None:
        self._first: datetime | None = None
        self._shut = False

    def holds(self, now: datetime) -> bool:
        if self._first is not None and now >= self._first + BLOCK:
            self._first, self._shut = None, False
        return self._shut

    def count(self, now: datetime) -> bool:
        """Count an invalid request; True when it is one too many."""
        self._shut = self.holds(now) or self._first is not None
        self._first = self._first or now
        return self._shut


class Limits:
    """The windows of one product."""

    def __init__(self) -> None:
        self._windows = {name: Window(units, span) for name, (units, span) in LIMITS.items()}

    def take(self, path: str, now: datetime) -> None:
        """Count a request. Raises TooFast when there is no room for it."""
        names = (ALL, LIMITED[path]) if path in LIMITED else (ALL,)
        if not all(self._windows[name].take(now) for name in names):
            raise TooFast


class Gate:
    """The door of one product."""

    def __init__(self, key: str, salt: str) -> None:
        self._key, self._salt = key, salt
        self.block = Block()
        self.limits = Limits()

    def body(self, request: Request, path: str, now: datetime) -> Body:
        """What a signed POST asks for. Raises Refusal (3101, 3102, 3103, 3104, 3105, 3400) or TooFast."""
        if request.method != "POST":
            raise Refusal(wire.NOT_POST)
        for name in FIELDS:
            if not request.form.get(name):
                raise Refusal(wire.MISSING, name)
        text = request.form["json"]
        self.check(request.form["vpbx_api_key"], text, request.form["sign"])
        self.limits.take(path, now)
        return _parsed(text)

    def check(self, key: str, signed: str, sign: str) -> None:
        """Raises Refusal when the key is not the account's or `sign` is not the SHA-256 of key, `signed` and salt."""
        if not hmac.compare_digest(key.encode(), self._key.encode()):
            raise Refusal(wire.BAD_KEY)
        expected = sha256(f"{self._key}{signed}{self._salt}".encode()).hexdigest()
        if not hmac.compare_digest(sign.encode(), expected.encode()):
            raise Refusal(wire.BAD_SIGN)


def _parsed(text: str) -> Body:
    try:
        body = json.loads(text, parse_constant=_no_constant)
    except ValueError:
        raise Refusal(wire.BAD_JSON) from None
    if not isinstance(body, dict):
        raise Refusal(wire.BAD_FORMAT, "json")
    return body


def _no_constant(name: str) -> NoReturn:
    """NaN and Infinity are no JSON."""
    raise ValueError(name)
