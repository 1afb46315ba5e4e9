from __future__ import annotations

import pytest

from billing import ledger_questions, lookback
from tenants.models import Tenant
from tests.billing.alert_ledger import forget_all
from tests.cast import Cast, cast

__all__ = ["cast"]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of a few rows are known, however long a busy machine takes for them."""
    for module in (ledger_questions, lookback):
        monkeypatch.setattr(module, "TIMEOUT_MS", 60_000)


@pytest.fixture
def acme(cast: Cast) -> Tenant:
    """Acme, with a budget of 100 USD for the whole tenant. Nobody is told of anything, and nothing was told."""
    forget_all()
    return cast.acme.tenant


@pytest.fixture
def unlimited(cast: Cast) -> None:
    """Nothing limits Acme but what the test adds."""
    cast.acme.budget.delete()
