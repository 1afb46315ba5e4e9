from __future__ import annotations

import pytest

from billing import ledger_questions, lookback
from tests.cast import cast

__all__ = ["cast"]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of a few rows are known, however long a busy machine takes for them."""
    for module in (ledger_questions, lookback):
        monkeypatch.setattr(module, "TIMEOUT_MS", 60_000)
