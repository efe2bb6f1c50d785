"""MANGO's signature: the vendor's published vectors, and what is no signature (telephony.md 3.1)."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from patchcord.telephony.mango.sign import is_signed, sign

KEY, SALT = "<YOUR_API_KEY>", "<YOUR_API_SALT>"
PUBLISHED = (
    (
        '{"command_id":"your-command-id","call_id":"<CALL_ID>"}',
        "2d1d01246f52cec1fdb44f2a4d7091dc54f67e318369c0628201d66b5d336ef0",
    ),
    (
        '{"key":"<REQUEST_KEY>"}',
        "515069b8c079df62f408e36dd7933912b8e86d833c5927ee77eb4b68d766c4f5",
    ),
    (
        '{"command_id":"your-command-id","from":{"extension":"<extension>","number":""},"to_number":"<to_number>"}',
        "afdeb462cd5e0e422a9c9220390124608df06a4472cb1add6ebd6e24184bd15a",
    ),
    (
        '{"date_from":"1445288400","date_to":"1445374859","from":{"extension":"","number":""},"to":{"extension":"","number":""}}',
        "94e263aa0aa65d77481b86e9224fa2230265faa387322e40716389406982c0fb",
    ),
)
JSON, SIGN = PUBLISHED[0]


@pytest.mark.parametrize(("json_text", "signature"), PUBLISHED)
def test_the_published_vectors(json_text: str, signature: str) -> None:
    assert sign(KEY, json_text, SALT) == signature
    assert is_signed(KEY, json_text, SALT, signature)


@pytest.mark.parametrize(
    ("key", "json_text", "salt", "given"),
    [
        (KEY, JSON + " ", SALT, SIGN),
        (KEY, JSON, SALT + "x", SIGN),
        (KEY + "x", JSON, SALT, SIGN),
        (KEY, JSON, SALT, SIGN.upper()),
        (KEY, JSON, SALT, SIGN[:-1]),
        (KEY, JSON, SALT, ""),
        (KEY, JSON, SALT, "подпись"),
        (KEY, JSON, SALT, "\ud800"),
        (KEY, JSON + "\ud800", SALT, SIGN),
        (KEY, JSON, SALT, hmac.new(SALT.encode(), (KEY + JSON).encode(), hashlib.sha256).hexdigest()),
    ],
)
def test_anything_else_is_no_signature(key: str, json_text: str, salt: str, given: str) -> None:
    assert not is_signed(key, json_text, salt, given)


def test_letters_are_signed_as_utf_8() -> None:
    text = '{"name":"Анна"}'
    assert sign("k", text, "s") == hashlib.sha256(f"k{text}s".encode()).hexdigest()
