"""Links to recordings that are ours: only what we made for a project is read, and only for as long as we said."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchcord.service import links
from patchcord.service.links import LONGEST, LONGEST_TEXT, Recording, read_token, recording_address, recording_token

SECRET = "key-of-the-hashes"
NOW = datetime(2026, 3, 5, 10, 0, tzinfo=UTC)
UNTIL = NOW + timedelta(days=365)
MANGO = Recording("mango", "MTg2MTMzODMzMA==", "MToxMDA2NzY2ODoyMjgyMjYyMTY6MA==")
RINGOSTAT = Recording("ringostat", "ua18_-1760003245.1098915", "", "2025-10-09")
TOKEN = recording_token(SECRET, MANGO, UNTIL)

secrets = st.text(st.characters(exclude_categories=("Cs", "Cc")))
"""HMAC takes a key and the same key with zero bytes after it for one."""
texts = st.text(max_size=LONGEST_TEXT // 4)
recordings = st.builds(Recording, texts, texts, texts, texts)
moments = st.integers(0, 10**11).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def decoded(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def encoded(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


@given(recordings, moments, secrets)
def test_what_was_put_in_comes_out(what: Recording, now: datetime, secret: str) -> None:
    token = recording_token(secret, what, now + timedelta(seconds=1))
    assert read_token(secret, token, now) == what


@pytest.mark.parametrize("what", [MANGO, RINGOSTAT])
def test_token_is_short_and_needs_no_escaping(what: Recording) -> None:
    token = recording_token(SECRET, what, UNTIL)
    assert len(token) < 130
    assert links.ALPHABET.fullmatch(token)


@given(recordings, secrets, secrets)
def test_another_secret_reads_nothing(what: Recording, ours: str, theirs: str) -> None:
    token = recording_token(ours, what, UNTIL)
    assert (read_token(theirs, token, NOW) is not None) == (ours == theirs)


@given(st.integers(0, len(decoded(TOKEN)) - 1), st.integers(1, 255))
def test_no_byte_may_be_another(place: int, change: int) -> None:
    sealed = bytearray(decoded(TOKEN))
    sealed[place] ^= change
    assert read_token(SECRET, encoded(bytes(sealed)), NOW) is None


@given(st.integers(0, len(TOKEN) - 1), st.characters())
def test_no_character_may_be_another(place: int, character: str) -> None:
    token = TOKEN[:place] + character + TOKEN[place + 1 :]
    assert (read_token(SECRET, token, NOW) is not None) == (token == TOKEN)


@given(st.integers(0, len(TOKEN) - 1))
def test_nothing_may_be_missing(length: int) -> None:
    assert read_token(SECRET, TOKEN[:length], NOW) is None
    assert read_token(SECRET, TOKEN[-length:] if length else "", NOW) is None


@given(st.text(min_size=1))
def test_nothing_may_be_added(more: str) -> None:
    assert read_token(SECRET, TOKEN + more, NOW) is None
    assert read_token(SECRET, more + TOKEN, NOW) is None


@given(st.text() | st.binary().map(encoded))
def test_what_we_did_not_make_is_refused(token: str) -> None:
    assert read_token(SECRET, token, NOW) is None


@pytest.mark.parametrize(
    "token",
    [
        "A" * (LONGEST + 1),
        "A" * 5,  # no whole number of bytes
        TOKEN + "=",
        TOKEN + "\n",
        TOKEN.replace("A", "А"),  # Cyrillic
        f" {TOKEN}",
    ],
)
def test_other_spellings_are_refused(token: str) -> None:
    assert read_token(SECRET, token, NOW) is None


def test_a_byte_has_one_spelling() -> None:
    """Unpadded base64 leaves bits of the last character unused; another character with the same bytes is another link."""
    token = recording_token(SECRET, Recording("mango", "x", "yz"), UNTIL)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same = [other for last in alphabet if (other := token[:-1] + last) != token and decoded(other) == decoded(token)]
    assert same
    assert [read_token(SECRET, other, NOW) for other in same] == [None] * len(same)


def test_an_ended_link_is_refused() -> None:
    assert read_token(SECRET, TOKEN, UNTIL - timedelta(microseconds=1)) == MANGO
    assert read_token(SECRET, TOKEN, UNTIL) is None
    assert read_token(SECRET, TOKEN, UNTIL + timedelta(days=1)) is None


def test_another_version_is_refused_though_the_seal_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(links, "VERSION", 2)
        token = recording_token(SECRET, MANGO, UNTIL)
        assert read_token(SECRET, token, NOW) == MANGO
    assert read_token(SECRET, token, NOW) is None


def test_the_longest_recording_fits_and_nothing_longer() -> None:
    longest = Recording(*["я" * (LONGEST_TEXT // 2)] * 4)
    assert read_token(SECRET, recording_token(SECRET, longest, UNTIL), NOW) == longest
    full = recording_token(SECRET, Recording(*["x" * LONGEST_TEXT] * 4), UNTIL)
    assert len(full) <= LONGEST
    with pytest.raises(ValueError, match="256 bytes"):
        recording_token(SECRET, Recording("mango", "x" * (LONGEST_TEXT + 1), ""), UNTIL)


def test_the_secret_itself_seals_nothing() -> None:
    import hashlib
    import hmac

    sealed = decoded(TOKEN)
    body, seal = sealed[: -links.SEAL], sealed[-links.SEAL :]
    assert seal != hmac.digest(SECRET.encode(), body, hashlib.sha256)[: links.SEAL]


@pytest.mark.parametrize("base", ["https://calls.acme.example", "https://calls.acme.example/"])
def test_address(base: str) -> None:
    assert recording_address(base, "acme", TOKEN) == f"https://calls.acme.example/v1/recordings/acme/{TOKEN}"
