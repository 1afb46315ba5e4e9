"""Models in the admin: their price, and what is refused."""

import html
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from gateway.admin.prices import usd_per_mtok
from gateway.models import Model
from tests.cast import Cast, logged_in

pytestmark = pytest.mark.django_db

ADD = "/admin/gateway/model/add/"


def form(cast: Cast, **fields: Any) -> dict[str, Any]:
    return {
        "name": "fresh",
        "provider": str(cast.provider.pk),
        "capabilities": ["chat", "streaming"],
        "breaker": "auto",
        "is_active": "on",
        **fields,
    }


@pytest.mark.parametrize(
    ("picodollars", "text"),
    [
        (2_000_000, "$2.00"),
        (150_000, "$0.15"),
        (75_000, "$0.075"),
        (0, "$0.00"),
        (1, "$0.000001"),
        (20_000_000, "$20.00"),
    ],
)
def test_a_rate_has_the_digits_it_needs(picodollars: int, text: str):
    assert usd_per_mtok(picodollars) == text


def test_the_list_shows_the_catalogs_price_the_override_and_what_is_unknown(cast: Cast):
    Model.objects.filter(pk=cast.acme.model.pk).update(input_usd_per_mtok="1.5", output_usd_per_mtok="3")
    content = logged_in(cast.olga).get(reverse("admin:gateway_model_changelist"), {"q": "-model"}).content.decode()
    assert "$1.50 / $3.00 *" in content
    assert "none: refused" in content
    content = (
        logged_in(cast.olga).get(reverse("admin:gateway_model_changelist"), {"q": cast.model.name}).content.decode()
    )
    assert "$0.15 / $0.60" in content


def test_a_model_is_made_with_its_capabilities(cast: Cast):
    assert logged_in(cast.olga).post(ADD, form(cast)).status_code == 302
    assert Model.objects.get(name="fresh").capabilities == ["chat", "streaming"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "task/x"}, "Names that begin with “task/” are kept for tasks."),
        ({"name": "a name"}, "Use letters, digits and"),
        ({"capabilities": []}, "Choose at least one; a model without any is never used."),
        ({"input_usd_per_mtok": "1"}, "A price override needs both an input and an output price."),
        ({"input_usd_per_mtok": "-1", "output_usd_per_mtok": "1"}, "greater than or equal to 0"),
    ],
)
def test_what_is_wrong_is_said(cast: Cast, fields: dict[str, Any], message: str):
    response = logged_in(cast.olga).post(ADD, form(cast, **fields))
    assert message in html.unescape(response.content.decode())
    assert not Model.objects.filter(name=fields.get("name", "fresh")).exists()


def test_a_name_is_taken_once_among_the_operators_and_once_in_a_tenant(cast: Cast):
    response = logged_in(cast.olga).post(ADD, form(cast, name=cast.model.name))
    assert "There is a model of this name already." in response.content.decode()
    hides = form(cast, name=cast.model.name, tenant=str(cast.acme.tenant.pk), provider=str(cast.acme.provider.pk))
    assert logged_in(cast.olga).post(ADD, hides).status_code == 302


def test_another_tenants_provider_is_refused(cast: Cast):
    mixed = form(cast, tenant=str(cast.acme.tenant.pk), provider=str(cast.globex.provider.pk))
    response = logged_in(cast.olga).post(ADD, mixed)
    assert "belongs to another tenant" in response.content.decode()
    with pytest.raises(ValidationError, match="belongs to another tenant"):
        Model(
            name="x", provider=cast.acme.provider, capabilities=["chat"]
        ).full_clean()  # the operator's, on a tenant's
