from __future__ import annotations

import pytest

from gateway.admin import estimates
from tests.cast import cast

__all__ = ["cast"]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list's few rows are counted, however long a busy machine takes for them."""
    monkeypatch.setattr(estimates, "COUNT_TIMEOUT_MS", 60_000)
