"""`make vendors`: docs/vendors.md, from the declarations and the contract suite's results."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

from patchcord.crm.port import Declaration, DuePrecision
from patchcord.model.effects import LogKind
from patchcord.model.records import RecordKind
from patchcord.model.vendors import VENDORS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "vendors.md"
CHECKED = frozenset(VENDORS) - {"bitrix24", "retailcrm", "sendpulse"}
"""The vendors whose requests are held against a machine-readable contract (shared/specs)."""

HEAD = """# The CRMs

Made by `make vendors` from each vendor's declaration and from the one contract suite, run against its twin. A vendor's
own page says how to connect it, what is created, and what is assumed.

Grade A: the suite passes, and every request is checked against a machine-readable contract of the vendor. Grade B: the
suite passes, and the requests follow the written reference. None has been tried with a live account yet.
"""

DUE = {DuePrecision.MINUTE: "to the minute", DuePrecision.DATE: "a date only", DuePrecision.NONE: "in its text"}


def declarations() -> Iterator[Declaration]:
    """The vendors that are there, in their usual order."""
    for vendor in VENDORS:
        if find_spec(f"patchcord.crm.{vendor}") is not None:
            declaration: Declaration = import_module(f"patchcord.crm.{vendor}").DECLARATION
            yield declaration


def results(report: Path) -> dict[str, Counter[str]]:
    """Per vendor how many of the suite's tests passed, failed and were skipped."""
    counts: dict[str, Counter[str]] = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        module = case.get("classname", "").split(".")
        vendor = next((part.removeprefix("test_") for part in module if part.startswith("test_")), "")
        children = {child.tag for child in case}
        outcome = "failed" if children & {"failure", "error"} else "skipped" if "skipped" in children else "passed"
        counts.setdefault(vendor.removesuffix("_twin"), Counter())[outcome] += 1
    return counts


def page(found: Iterable[Declaration], counts: dict[str, Counter[str]]) -> str:
    """The whole page."""
    vendors = list(found)
    tables = (
        _table("What it has", ("CRM", *(kind.value for kind in RecordKind), "tasks' deadline", "calls as"), map(_kinds, vendors)),
        _table(
            "Requests and limits",
            ("CRM", "look-up", "linked create", "open task", "completed task", "limit", "search may lag"),
            map(_requests, vendors),
        ),
        _table(
            "How sure",
            ("CRM", "grade", "tests passed", "skipped", "failed"),
            (_grade(vendor, counts.get(vendor.vendor, Counter())) for vendor in vendors),
        ),
    )
    return "\n".join([HEAD, *tables, *_assumptions(vendors)])


def _table(title: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"## {title}", "", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows), ""])


def _kinds(vendor: Declaration) -> tuple[str, ...]:
    words = (vendor.kinds.get(kind, "–") + (" ☎" if kind in vendor.phone_kinds else "") for kind in RecordKind)
    logs = ", ".join(sorted(kind.value for kind in LogKind if kind in vendor.logs)) or "–"
    return (f"[{vendor.title}](vendors/{vendor.vendor}.md)", *words, DUE[vendor.due] if vendor.tasks else "no tasks", logs)


def _requests(vendor: Declaration) -> tuple[str, ...]:
    floor, rate = vendor.requests, vendor.rate
    task, completed = (str(floor.task), str(floor.completed_task)) if vendor.tasks else ("–", "–")
    lag = f"{vendor.search_lag.total_seconds() / 60:g} min" if vendor.search_lag else "no"
    limit = f"{rate.units} in {rate.window.total_seconds():g} s"
    return vendor.title, str(floor.look_up), str(floor.create), task, completed, limit, lag


def _grade(vendor: Declaration, count: Counter[str]) -> tuple[str, ...]:
    grade = "–" if count["failed"] or not count["passed"] else "A" if vendor.vendor in CHECKED else "B"
    return vendor.title, grade, str(count["passed"]), str(count["skipped"]), str(count["failed"])


def _assumptions(vendors: Iterable[Declaration]) -> Iterator[str]:
    yield "## What is assumed\n"
    for vendor in vendors:
        yield f"### {vendor.title}\n"
        yield "\n".join(f"* {sentence}" for sentence in vendor.assumed) + "\n"


def main(arguments: list[str]) -> int:
    PAGE.write_text(page(declarations(), results(Path(arguments[0]))), "utf-8")
    sys.stdout.write(f"wrote {PAGE.relative_to(PAGE.parents[1])}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
