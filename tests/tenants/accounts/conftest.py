"""Fixtures of signing in. What the throttles have counted is forgotten before each test, passwords are hashed quickly."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache

from tests.cast import cast


@pytest.fixture(autouse=True)
def nothing_counted(settings: Any) -> None:
    cache.clear()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


__all__ = ["cast"]
