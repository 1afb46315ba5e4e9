import pytest

from billing.models import Alert, AlertChannel
from tenants.models import Tenant
from tests.cast import Cast
from tests.cast import cast as cast
from tests.dashboards.conftest import _nothing_of_other_tests as _nothing_of_other_tests


@pytest.fixture
def acme(cast: Cast) -> Tenant:
    """With no alerts and nobody to tell."""
    AlertChannel.objects.all().delete()
    Alert.objects.all().delete()
    return cast.acme.tenant
