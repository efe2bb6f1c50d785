"""What a project may be set to, who is let in, and under which name its clients stand in keys (design 1.5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchcord.scenarios.profiles import InvalidSettings, effective
from patchcord.service.clients import client_key
from patchcord.service.projects import Project, save, secret_hash
from patchcord.store.memory import MemoryStore

SECRET = "s3cret-of-the-project-0123456789"
SETTINGS = effective({"crm": {"vendor": "pipedrive"}})


def project(*hashes: str) -> Project:
    telephony = replace(SETTINGS.telephony, secrets=hashes)
    return Project("demo", 1, replace(SETTINGS, telephony=telephony), "client secret")


def test_both_secrets_of_a_rotation_are_admitted() -> None:
    both = project(secret_hash("the-next-secret-0123456789"), secret_hash(SECRET))
    assert both.admits(SECRET)
    assert not both.admits("")


@given(st.integers(0, 63), st.sampled_from("0123456789abcdef"))
def test_a_secret_is_compared_to_its_last_character(place: int, other: str) -> None:
    known = secret_hash(SECRET)
    stored = known[:place] + other + known[place + 1 :]
    assert project(stored).admits(SECRET) is (stored == known)


@given(st.text("abc", min_size=1), st.text("abc", min_size=1), st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_a_number_has_another_key_in_every_project(one: str, other: str, number: str) -> None:
    """So that nobody finds numbers in the keys by hashing all there are."""
    assert (client_key(one, number) == client_key(other, number)) is (one == other)


def test_settings_with_errors_are_refused_whole() -> None:
    """V-03: nobody to whom what nobody else can be given would belong."""
    store = MemoryStore()
    with pytest.raises(InvalidSettings, match="SENIOR_MANAGER_REQUIRED"):
        save(store, "demo", {"crm": {"vendor": "pipedrive"}, "integration": {"enabled": True}}, "test", datetime.now(UTC))
    assert store.document("demo") is None
