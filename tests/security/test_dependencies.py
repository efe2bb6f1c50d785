"""What we did not write: pinned to the letter, few, each for a reason, and on AWS installed by its hash."""

from __future__ import annotations

import re
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.harness import REPOSITORY

LAYER = REPOSITORY / "layers/patchcord/requirements.txt"
LOCK = LAYER.with_name("requirements.lock")
FILES = (LAYER, *sorted((REPOSITORY / "requirements").glob("*.txt")))
PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][0-9A-Za-z.]*")

WANTED = {
    "aws-lambda-powertools": "logging, metrics, traces, batches, parameters",
    "aws-xray-sdk": "the traces of powertools",
    "boto3": "AWS",
    "phonenumbers": "every country's numbers",
    "pydantic": "settings are checked when they are saved or loaded",
    "requests": "the CRMs and the telephony over HTTP",
    "tzdata": "Lambda's image has no zone files",
}
"""What the functions run with, and why; everything else in the layer is needed by one of these."""

MOST = 21
"""Packages in the layer. One more is a decision: it runs with the functions' rights."""


def lines(path: Path) -> list[str]:
    texts = (line.partition(" #")[0].strip() for line in path.read_text("utf-8").splitlines())
    return [text for text in texts if text and not text.startswith("#")]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(path: Path) -> dict[str, str]:
    found = (line.split("==") for line in lines(path) if not line.startswith("-r "))
    return {canonical(name): version for name, version in found}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_requirement_is_pinned_and_comes_from_the_usual_index(path: Path) -> None:
    """No ranges, addresses, options or other indexes: what is installed is what was tried."""
    assert lines(path)
    for line in lines(path):
        assert PINNED.fullmatch(line) or re.fullmatch(r"-r [./a-z]+\.txt", line), line


def test_the_layer_holds_what_is_wanted_and_what_that_needs() -> None:
    needed: set[str] = set()
    left = list(WANTED)
    while left:
        name = canonical(left.pop())
        if name in needed:
            continue
        needed.add(name)
        asked = (Requirement(text) for text in distribution(name).requires or ())
        left += [it.name for it in asked if it.marker is None or it.marker.evaluate({"extra": "", "python_version": "3.13"})]
    assert set(pins(LAYER)) == needed
    assert len(needed) <= MOST


def test_every_wanted_package_is_imported() -> None:
    modules = {"aws-lambda-powertools": "aws_lambda_powertools", "aws-xray-sdk": "", "tzdata": ""}
    text = "\n".join(path.read_text("utf-8") for path in (REPOSITORY / "layers/patchcord/patchcord").rglob("*.py"))
    for package in WANTED:
        module = modules.get(package, package)
        assert not module or re.search(rf"^\s*(import|from) {module}\b", text, re.M), package


def test_no_file_pins_a_package_otherwise_than_the_layer() -> None:
    """The tests run what the functions run."""
    layer = pins(LAYER)
    dev = pins(REPOSITORY / "requirements/dev.txt")
    assert not {name for name in layer.keys() & dev.keys() if layer[name] != dev[name]}


def test_the_layer_is_installed_by_hashes() -> None:
    """`make lock` writes them after a change of the pins; an index that hands out another file stops the build."""
    locked = [re.fullmatch(r"(\S+)==(\S+) --hash=sha256:[0-9a-f]{64}", line) for line in lines(LOCK)]
    assert all(locked)
    assert {canonical(found[1]): found[2] for found in locked if found} == pins(LAYER)
    (installing,) = re.findall(r"^\t(\$\(PIP\).*requirements\.lock)$", LAYER.with_name("Makefile").read_text("utf-8"), re.M)
    assert "--require-hashes" in installing
