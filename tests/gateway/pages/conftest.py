from __future__ import annotations

import pytest

from tests.cast import Cast, ConsoleClient, cast, in_console

__all__ = ["cast"]


@pytest.fixture
def ada(cast: Cast) -> ConsoleClient:
    return in_console(cast.ada, cast.acme.tenant)
