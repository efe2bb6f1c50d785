"""The mutation check itself: its faults fit the code, and it says "not caught" when nobody notices (docs/mutation.md)."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.mutation.faults import Fault, Stale, applied, changed, load
from tests.mutation.runner import SIMULATION, Trees, Verdict, run, sound, tried

ROOT = Path(__file__).resolve().parents[2]
FAULTS = load()
READ: Mapping[str, Callable[[str], object]] = {".py": ast.parse, ".json": json.loads, ".yaml": yaml.compose}

CODE = "def double(number: int) -> int:\n    return 2 * number\n"
TEST = "from code_under_test import double\n\n\ndef test_double() -> None:\n    assert double(4) == 8\n"
HARMLESS = Fault("harmless", "", "", "code_under_test.py", "2 * number", "number * 2", ("test_it.py",))


@pytest.fixture
def trees(tmp_path: Path) -> Iterator[Trees]:
    """Copies of a tree with one function and one test."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "code_under_test.py").write_text(CODE)
    (source / "test_it.py").write_text(TEST)
    yield Trees(source, tmp_path / "copies", 1)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_fits_its_file_and_can_be_loaded(fault: Fault) -> None:
    """A text that cannot be read would be noticed by every check, whatever it is for."""
    text = changed(fault, ROOT)
    assert READ[Path(fault.file).suffix](text) is not None
    assert text != (ROOT / fault.file).read_text(encoding="utf-8")


def test_every_fault_has_a_name_of_its_own_a_harm_and_checks_that_exist() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 40
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    for fault in FAULTS:
        assert fault.harm.endswith(".")
        assert fault.checks
        for check in fault.checks:
            file, *names = check.split("::")
            assert file.startswith(SIMULATION) or (ROOT / file).is_file()
            assert not names or f"def {names[-1].split('[')[0]}(" in tests, f"{fault.name}: there is no {check}"


@pytest.mark.parametrize(
    ("new", "verdict", "by"),
    [
        ("number * 2", Verdict.MISSED, ""),
        ("3 * number", Verdict.CAUGHT, "test_it.py::test_double"),
        ("[number for _ in iter(int, 1)]", Verdict.HUNG, "tests"),
        ("2 * (", Verdict.BROKEN, "tests: "),
    ],
)
def test_a_fault_is_caught_by_a_test_that_fails_or_never_ends(trees: Trees, new: str, verdict: Verdict, by: str) -> None:
    longest = 3.0 if verdict is Verdict.HUNG else 60.0
    seen = tried(replace(HARMLESS, new=new), trees, longest).seen
    assert seen.verdict is verdict
    assert seen.by.startswith(by)
    with trees.one() as tree:
        assert (tree / HARMLESS.file).read_text() == CODE  # the fault is gone


def test_checks_that_fail_without_a_fault_prove_nothing(trees: Trees) -> None:
    assert sound([HARMLESS], trees, jobs=1) == []
    (seen,) = sound([replace(HARMLESS, checks=("test_it.py", "test_nowhere.py"))], trees, jobs=2)
    assert seen.verdict is Verdict.BROKEN


def test_the_simulation_is_a_check_too(trees: Trees) -> None:
    with trees.one() as tree:
        (tree / "tests").mkdir()
        (tree / "tests" / "simulation.py").write_text("import sys\nsys.exit(sys.argv[1:] == ['--n', '2'])\n")
        assert run(("test_it.py", "simulation --n 2"), tree).by == "simulation --n 2"
        assert run(("test_it.py", "simulation --n 3"), tree).verdict is Verdict.MISSED


def test_a_fault_whose_text_is_gone_or_comes_twice_is_stale(tmp_path: Path) -> None:
    for text in ("", "2 * number; 2 * number"):
        (tmp_path / HARMLESS.file).write_text(text)
        with pytest.raises(Stale), applied(HARMLESS, tmp_path):
            pass
