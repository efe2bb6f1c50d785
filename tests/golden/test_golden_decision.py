"""The golden rows at decision level: events, fold, decide. One test a row."""

from __future__ import annotations

import pytest

from tests.golden import decision
from tests.golden.rows import SHARED, Row, load

ROWS = load(SHARED) if SHARED.is_file() else []

pytestmark = pytest.mark.skipif(not ROWS, reason="the golden cases do not lie beside this checkout (shared/reference)")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row(row: Row) -> None:
    later = decision.LATER.get(row.kind)
    if later is not None:
        pytest.skip(later)
    assert decision.run(row) == []


def test_the_file_has_rows_of_every_crm_with_a_public_logic() -> None:
    """A file that was cut off would pass as well."""
    assert len(ROWS) >= 150
    assert len({row.id for row in ROWS}) == len(ROWS)
    assert len({row.crm for row in ROWS}) >= 10
