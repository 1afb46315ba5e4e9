"""Fixtures of signing in. What the throttles have counted is forgotten before each test."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from tests.cast import cast


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    cache.clear()


__all__ = ["cast"]
