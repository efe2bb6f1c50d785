"""docs/security.md names tests; each of them exists, and each file of this folder is named."""

from __future__ import annotations

import ast
import re

import pytest

from tests.harness import REPOSITORY

PAGE = (REPOSITORY / "docs/security.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_each_named_test_exists(file: str, test: str) -> None:
    path = REPOSITORY / "tests" / (file if "/" in file else f"security/{file}")
    functions = [node.name for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)]
    assert test in functions


def test_each_file_of_tests_is_on_the_page() -> None:
    files = {path.name for path in (REPOSITORY / "tests/security").glob("test_*.py")} - {"test_page.py"}
    assert files == {file for file, _ in NAMED if "/" not in file}


def test_each_threat_has_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| threat")]
    assert len(rows) > 40
    assert not [row for row in rows if not re.search(r"`[\w/]+\.py::test_\w+`", row)]
