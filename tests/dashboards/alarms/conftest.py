import pytest

from tenants.models import Tenant
from tests.billing.alert_ledger import forget_all
from tests.cast import Cast
from tests.cast import cast as cast
from tests.dashboards.conftest import _nothing_of_other_tests as _nothing_of_other_tests


@pytest.fixture
def acme(cast: Cast) -> Tenant:
    """With no alerts and nobody to tell."""
    forget_all()
    return cast.acme.tenant
