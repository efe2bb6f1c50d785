"""MANGO's signature, the same in both directions: plain SHA-256 of key, JSON text and salt, not HMAC (telephony.md 3.1)."""

from __future__ import annotations

import hashlib
import hmac


def sign(key: str, json_text: str, salt: str) -> str:
    """The lower-case hex digest over the JSON text exactly as it is sent or was received."""
    return hashlib.sha256(_bytes(key + json_text + salt)).hexdigest()


def is_signed(key: str, json_text: str, salt: str, given: str) -> bool:
    """Whether `given` is the signature; how long the comparison takes tells nothing of the right one."""
    return hmac.compare_digest(sign(key, json_text, salt).encode(), _bytes(given))


def _bytes(text: str) -> bytes:
    """The text in UTF-8. A stray surrogate makes a wrong signature, not an error."""
    return text.encode("utf-8", "surrogatepass")
