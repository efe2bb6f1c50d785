"""Links to recordings that are ours: a token that names a recording, made for one project and for a limited time.

MANGO's own links are for one use and short-lived, so a task in the CRM carries our address instead, and the provider is
asked for its own only when somebody opens it (telephony.md 0, fact 9; 3.6). Whoever holds the link may listen, as with
the provider's link: it is made so that nobody can guess or change one.

A token is URL-safe base64 without padding of: the version (1 byte), when it ends (5 bytes, Unix seconds), the four texts
of the recording (each with its length in 1 byte before it), and the first 16 bytes of an HMAC-SHA256 over all of that.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import astuple, dataclass
from datetime import datetime

VERSION = 1
EXPIRY = slice(1, 6)
TEXTS = 6
"""Where the recording's texts begin."""

SEAL = 16
"""Bytes kept of the HMAC: 128 bits, half of it, which RFC 2104 (5) still finds strong."""

LONGEST_TEXT = 255
LONGEST = (TEXTS + 4 * (1 + LONGEST_TEXT) + SEAL) * 4 // 3 + 1
"""Characters of the longest token there can be; a longer one is not looked at."""

LABEL = b"patchcord: links to recordings"
ALPHABET = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording by its provider's ids: of the call, and of the recording where it has one of its own.

    `day` is the call's day in UTC (`YYYY-MM-DD`), for providers that are asked by period.
    """

    provider: str
    call: str
    id: str
    day: str = ""


def recording_token(secret: str, what: Recording, until: datetime) -> str:
    """The token that stands for a recording until then (aware, whole seconds count).

    `secret` is the project's `client_secret`. Raises ValueError for an id of more than 255 bytes: no provider has such.
    """
    body = bytes([VERSION]) + int(until.timestamp()).to_bytes(EXPIRY.stop - EXPIRY.start, "big")
    body += b"".join(_packed(text) for text in astuple(what))
    return base64.urlsafe_b64encode(body + _seal(secret, body)).rstrip(b"=").decode()


def read_token(secret: str, token: str, now: datetime) -> Recording | None:
    """What the token stands for; None if we did not make it for this project, or if its time is over."""
    sealed = _decoded(token)
    if sealed is None or len(sealed) < TEXTS + SEAL:
        return None
    body, seal = sealed[:-SEAL], sealed[-SEAL:]
    if not hmac.compare_digest(seal, _seal(secret, body)) or body[0] != VERSION:
        return None
    if now.timestamp() >= int.from_bytes(body[EXPIRY], "big"):
        return None
    return Recording(*_unpacked(body[TEXTS:]))


def recording_address(base: str, project: str, token: str) -> str:
    """The link for people. `base` is the address of our API, with or without a slash at its end."""
    return f"{base.rstrip('/')}/v1/recordings/{project}/{token}"


def _seal(secret: str, body: bytes) -> bytes:
    """The seal of a body. Its key is derived: the secret itself hashes clients' numbers and does nothing else."""
    key = hmac.digest(secret.encode(), LABEL, hashlib.sha256)
    return hmac.digest(key, body, hashlib.sha256)[:SEAL]


def _decoded(token: str) -> bytes | None:
    """The bytes of a token in the one spelling that we give it: the decoder would also take others."""
    if len(token) > LONGEST or not ALPHABET.fullmatch(token):
        return None
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except binascii.Error:
        return None
    return sealed if base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() == token else None


def _packed(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) > LONGEST_TEXT:
        raise ValueError(f"an id of {len(encoded)} bytes does not fit into a link")
    return bytes([len(encoded)]) + encoded


def _unpacked(packed: bytes) -> list[str]:
    """The texts again. What comes here carries our seal, so it is whole."""
    texts: list[str] = []
    while packed:
        end = 1 + packed[0]
        texts.append(packed[1:end].decode())
        packed = packed[end:]
    return texts
