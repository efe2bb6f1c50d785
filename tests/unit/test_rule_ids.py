"""Each rule that decides something is named by a test or a golden row; each other one belongs to a group with a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden.decision import LATER
from tests.golden.rows import SHARED, load

TESTS = Path(__file__).resolve().parents[1]
RULES = SHARED.with_name("rules.md")
LONGEST_RANGE = 8
"""A longer range is the title of a file, not a claim to have tested each of them."""

PREFIX = r"(?:S\d|[DVOC]|P-[A-Z]+)-"
ID = re.compile(rf"(?<![\w-])({PREFIX})(\d\d)(?:…(?:\1)?(\d\d))?(?!\d)")

DECIDING = """
S0-02…S0-38 S0-40 S0-42…S0-43
S1-01…S1-18 S1-20…S1-31
S2-01…S2-06 S2-13 S2-16…S2-17 S2-19…S2-21 S2-23…S2-34
S3-01…S3-06 S3-11 S3-15…S3-23 S3-25 S3-28 S3-30…S3-32 S3-35…S3-54 S3-56…S3-58
S4-01…S4-47
P-PD-01 P-PD-03…P-PD-07 P-PD-09…P-PD-15 P-HS-01…P-HS-10 P-ZC-01…P-ZC-07 P-ZC-09…P-ZC-11 P-ZD-01…P-ZD-04
P-BX-01…P-BX-13 P-BX-15 P-KM-01…P-KM-05 P-KM-07 P-RC-01…P-RC-05 P-EM-01…P-EM-05 P-MG-02 P-WR-01…P-WR-03 P-API-01
V-01…V-27
O-01…O-02 O-04…O-62
C-01…C-32
D-01…D-38
"""

EXCLUDED = {
    "screens and steps in somebody's cabinet, nothing to decide": """
        S0-01 S0-39 S0-41 S1-19 S3-55 P-SR-01 S2-07…S2-12 S2-14…S2-15 S2-18 S2-22 S3-13…S3-14 S3-24 S3-27 S3-29 S3-33…S3-34 S4-48
        P-EM-06…P-EM-08 P-ZC-08 P-ZD-06 P-MG-01""",
    "the intake's: test_statuses.py and test_ringostat.py": "S3-08…S3-10 P-ST-01…P-ST-03 P-WH-01…P-WH-04",
    "the connection's: records are written by the account that activated": "S3-26 O-03",
    "told in general, or by a page that was cut off or repeats a seed": """
        S3-07 S3-12 P-PD-02 P-PD-08 P-PD-16 P-ZD-05 P-BX-14 P-KM-06 P-SF-01 P-SP-01 P-MA-01…P-MA-02""",
}


def ids(text: str, longest: int = 99) -> Iterator[str]:
    """All ids of a text; `S4-01…S4-03` and `S4-01…03` are three, unless the range is longer than `longest`."""
    for prefix, first, last in ID.findall(text):
        numbers = range(int(first), int(last or first) + 1)
        if len(numbers) <= longest:
            yield from (f"{prefix}{number:02}" for number in numbers)


def named_by_tests() -> set[str]:
    """The ids in all test files but this one, without what a file says of itself in its first docstring."""
    files = (path for path in TESTS.rglob("*.py") if path != Path(__file__).resolve())
    bodies = (path.read_text("utf-8").split('"""', 2)[-1] for path in files)
    return {found for body in bodies for found in ids(body, LONGEST_RANGE)}


def named_by_golden_rows() -> set[str]:
    """The ids of the golden rows that are run; none when the file is not there."""
    rows = [row for row in load(SHARED) if row.kind not in LATER] if SHARED.is_file() else []
    told = (f"{' '.join(row.body['rules'])} {row.body.get('contradiction', '')}" for row in rows)
    return {found for text in told for found in ids(text)}


def test_every_deciding_rule_is_named() -> None:
    missing = set(ids(DECIDING)) - named_by_tests() - named_by_golden_rows()
    assert sorted(missing) == []


def test_no_rule_is_both_deciding_and_excluded() -> None:
    groups = [set(ids(DECIDING)), *(set(ids(text)) for text in EXCLUDED.values())]
    assert sum(map(len, groups)) == len(set().union(*groups))


@pytest.mark.skipif(not RULES.is_file(), reason="rules.md does not lie beside this checkout (shared/reference)")
def test_every_rule_of_the_catalogue_is_in_a_group_and_nothing_else_is_named() -> None:
    lines = RULES.read_text("utf-8").splitlines()
    catalogue = {found.group(1) for text in lines if (found := re.match(rf"\| ({PREFIX}\d\d) \|", text))}
    grouped = set(ids(DECIDING)).union(*(ids(text) for text in EXCLUDED.values()))
    assert grouped == catalogue
    assert named_by_tests() | named_by_golden_rows() <= catalogue


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("S0-04…06", ["S0-04", "S0-05", "S0-06"]),
        ("(P-ZD-01…P-ZD-02, D-24)", ["P-ZD-01", "P-ZD-02", "D-24"]),
        ("golden PD-15, ISO-88 and XP-ST-01", []),
    ],
)
def test_reading_ids(text: str, found: list[str]) -> None:
    assert list(ids(text)) == found
