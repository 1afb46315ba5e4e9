"""Fixtures of signing in. What the throttles have counted is forgotten before each test."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache

from tests.cast import cast

CENTURY_SECONDS = 100 * 365 * 86_400


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def codes_last(settings: Any) -> None:
    """What an authenticator app shows is good for as long as a test takes: within half a minute there would be one that ends in between."""
    settings.MFA_TOTP_PERIOD = CENTURY_SECONDS


__all__ = ["cast"]
