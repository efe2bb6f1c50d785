"""The settings of our links to recordings: what is in force, and what is refused (O-59)."""

from __future__ import annotations

from typing import Any

import pytest

from patchcord.scenarios.constraints import check
from patchcord.scenarios.profiles import effective


def refused(**recording: Any) -> list[tuple[str, str]]:
    """What is wrong with the settings of recordings: codes and fields."""
    document = {"crm": {"vendor": "pipedrive"}, "recording": recording}
    return [(finding.code, finding.field) for finding in check(effective(document)) if finding.field.startswith("recording.")]


def test_defaults() -> None:
    rules = effective({"crm": {"vendor": "megaplan"}}).recording
    assert (rules.own_links, rules.link_days, rules.base_url) == (False, 365, None)


@pytest.mark.parametrize(
    "recording",
    [
        {"link_days": 1},
        {"link_days": 3650, "own_links": True},
        {"base_url": "https://calls.acme.example"},
        {"base_url": "https://acme.example:8443/pbx/"},
    ],
)
def test_what_is_accepted(recording: dict[str, Any]) -> None:
    assert refused(**recording) == []


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_a_link_ends_but_not_at_once(days: int) -> None:
    assert refused(link_days=days) == [("LINK_DAYS_NOT_POSSIBLE", "recording.link_days")]


@pytest.mark.parametrize(
    "address",
    [
        "http://calls.acme.example",
        "calls.acme.example",
        "https://user:word@calls.acme.example",
        "https://calls.acme.example?x=1",
        "https://calls.acme.example/#x",
        "https://",
        "https://calls.acme.example\n",
        "",
    ],
)
def test_the_address_is_one_to_which_paths_can_be_added(address: str) -> None:
    assert refused(base_url=address) == [("ADDRESS_NOT_POSSIBLE", "recording.base_url")]
