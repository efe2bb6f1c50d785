"""The golden rows end to end: the provider's webhooks through the functions, judged by the CRM twin's ledger. One test a row."""

from __future__ import annotations

import pytest

from tests.golden import twin
from tests.golden.rows import SHARED, Row, load

ROWS = [row for row in load(SHARED) if twin.skipped(row) is None] if SHARED.is_file() else []

pytestmark = pytest.mark.skipif(not ROWS, reason="the golden cases do not lie beside this checkout (shared/reference)")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row(row: Row) -> None:
    assert twin.run(row) == []


def test_calls_are_among_them() -> None:
    """Rows that never reach a twin prove nothing of one."""
    assert sum(row.kind == "call" for row in ROWS) >= 20
