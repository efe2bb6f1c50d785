"""What nobody sends by mistake: bodies and values that break readers."""

from __future__ import annotations

import gzip
import json
from typing import Any

BOMB = gzip.compress(b'{"uniqueid":"' + b"0" * 50_000_000 + b'"}', mtime=0)
"""50 MB in 50 KB."""
SURROGATE = "\ud800"

UNREADABLE: dict[str, bytes] = {
    "empty text": b" ",
    "half an object": b'{"uniqueid": "1"',
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "an object in a list": b'[{"uniqueid": "1"}]',
    "nested lists": b"[" * 100_000,
    "nested objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "nested to the twenty-first level": b'{"a":' * 21 + b"1" + b"}" * 21,
    "256 KB and more": b'{"uniqueid": "' + b"0" * (256 * 1024) + b'"}',
    "a gzip bomb": BOMB,
    "gzip": gzip.compress(b'{"uniqueid": "1"}', mtime=0),
    "UTF-16": '{"uniqueid": "1"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"uniqueid": "1"}'.encode("utf-16-le"),
    "UTF-32": '{"uniqueid": "1"}'.encode("utf-32"),
    "overlong UTF-8": b'{"uniqueid": "\xc0\xafetc\xc0\xafpasswd"}',
    "cut UTF-8": b'{"uniqueid": "\xd0"}',
    "a surrogate in UTF-8": b'{"uniqueid": "\xed\xa0\x80"}',
    "latin-1": '{"uniqueid": "ü"}'.encode("latin-1"),
    "NUL": b"\0",
    "bytes": bytes(range(256)),
    "a whole number of 10,000 digits": b'{"uniqueid": ' + b"9" * 10_000 + b"}",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "many form fields": b"&".join(b"a%d=1" % number for number in range(1_001)),
}
"""Bodies that no door can read."""

VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "zero": 0,
    "a negative number": -1,
    "a huge number": 10**300,
    "infinity": float("inf"),
    "not a number": float("nan"),
    "an empty text": "",
    "blanks": " \t\r\n ",
    "an empty list": [],
    "a list": ["a", 1, None],
    "an object": {"a": {"b": [1]}},
    "NUL": "\0",
    "a lone surrogate": SURROGATE,
    "a surrogate in the middle": f"a{SURROGATE}b",
    "line ends": "a\r\nb\nc",
    "control characters": "".join(map(chr, range(32))) + "\x7f\x85",
    "right to left": "\u202e\u2066abc\u2069",
    "nothing to see": "\u200b\u200d\ufeff\u2060",
    "emoji": "👩‍👩‍👧‍👦🇺🇦",
    "digits of other scripts": "٠٦٧١٢٣٤٥٦٧",
    "full-width digits": "０６７１２３４５６７",
    "200 digits": "1" * 200,
    "10,000 letters": "x" * 10_000,
    "quotes": "'\"`\\",
    "a path": "../../../../etc/passwd",
    "a key's separator": "other#lease#x",
    "an expression": "${7*7}{{7*7}}#{7*7}<%= 7*7 %>",
    "markup": "<script>alert(1)</script>",
    "a log line": '\n{"level":"INFO","message":"event processed"}',
}
"""Values for one field."""


def text_of(told: Any) -> bytes:
    """JSON with whatever Python can write: also infinity, and surrogates as escapes."""
    return json.dumps(told).encode()
