from collections.abc import Callable

import pytest

from tests.billing.alert_receiver import allow_loopback, make_receiver, receiver
from tests.cast import Cast, ConsoleClient, cast, in_console

__all__ = ["allow_loopback", "cast", "make_receiver", "receiver"]


@pytest.fixture
def console(cast: Cast) -> Callable[[str], ConsoleClient]:
    """`console("vera")` is Vera in Acme's console."""
    return lambda name: in_console(getattr(cast, name), cast.acme.tenant)
