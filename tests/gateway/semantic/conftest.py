from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.semantic.memory import Memory


@pytest.fixture
def memory(django_db_setup: None, django_db_blocker: Any) -> Iterator[Memory]:
    """A tenant of the test's own, committed: searches have connections of their own."""
    with django_db_blocker.unblock():
        made = Memory.build()
        yield made
        made.tenant.delete()


@pytest.fixture
def neighbour(memory: Memory) -> Iterator[Memory]:
    """Another tenant."""
    made = Memory.build()
    yield made
    made.tenant.delete()
