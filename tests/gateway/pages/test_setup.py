"""A new tenant is led from nothing to its first answer: what is done is found from facts, and everybody is told what they may do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from billing.models import DailyUsage
from gateway import onboarding
from gateway.models import Model, Provider
from gateway.onboarding import Step
from gateway.snippets import Chat, Embedding
from tenants import api_keys
from tenants.models import ApiKey, Membership, Tenant
from tests.billing.usage import today, used
from tests.cast import Cast, in_console, logged_in
from tests.pages import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def initech(cast: Cast) -> Tenant:
    """A tenant that has nothing yet. Alice owns it, Bob is a developer, Vera looks on."""
    tenant = Tenant.objects.create(name="Initech", slug="initech", timezone="Europe/Vienna")
    for name, role in (("alice", "owner"), ("bob", "developer"), ("vera", "viewer")):
        Membership.objects.create(tenant=tenant, user=getattr(cast, name), role=role)
    return tenant


@pytest.fixture
def no_shared_models(cast: Cast) -> None:
    Model.objects.filter(tenant=None).update(is_active=False)


def step(tenant: Tenant) -> Step | None:
    return onboarding.progress(tenant, timezone.now()).step


def own_model(tenant: Tenant, **fields: Any) -> Model:
    provider = Provider.objects.create(tenant=tenant, name="ours", kind="openai-compatible", base_url="http://x/v1")
    priced = {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}
    values = {"name": "ours-1", "capabilities": ["chat"], **priced, **fields}
    return Model.objects.create(tenant=tenant, provider=provider, **values)


def answered(tenant: Tenant) -> None:
    DailyUsage.objects.create(
        tenant=tenant, day=today(tenant), dimension="tenant", subject="", requests=1, input_tokens=5,
        cache_read_tokens=0, output_tokens=5, cost_usd=1,
    )  # fmt: skip


@pytest.mark.usefixtures("no_shared_models")
def test_the_steps_follow_from_what_there_is(cast: Cast, initech: Tenant):
    assert step(initech) is Step.PROVIDER
    model = own_model(initech)
    assert step(initech) is Step.KEY
    key = api_keys.create(initech, name="bot").api_key
    assert step(initech) is Step.REQUEST
    api_keys.revoke(key)
    assert step(initech) is Step.KEY
    Provider.objects.filter(pk=model.provider_id).update(is_active=False)
    assert step(initech) is Step.PROVIDER
    answered(initech)
    assert step(initech) is None


@pytest.mark.usefixtures("no_shared_models")
def test_a_model_without_a_price_is_none_to_call(cast: Cast, initech: Tenant, settings: Any):
    own_model(initech, input_usd_per_mtok=None, output_usd_per_mtok=None)
    found = onboarding.progress(initech, timezone.now())
    assert (found.step, found.unpriced) == (Step.PROVIDER, ("ours-1",))
    content = text_of(in_console(cast.alice, initech).get("/t/initech/setup/"))
    assert "Without a price nothing is sent to: ours-1." in content
    settings.GATEWAY_DEFAULT_PRICE = "1,2"
    assert step(initech) is Step.KEY


def test_the_operators_models_are_enough(cast: Cast, initech: Tenant):
    found = onboarding.progress(initech, timezone.now())
    assert (found.step, found.is_on_shared_models) == (Step.KEY, True)
    content = text_of(in_console(cast.alice, initech).get("/t/initech/setup/"))
    assert "You need no provider of your own." in content
    assert "Connect one of your own all the same" in content


def test_a_key_that_can_call_nothing_is_none(cast: Cast, initech: Tenant):
    api_keys.create(initech, name="accountant", scopes=["usage", "models"])
    assert step(initech) is Step.KEY


def test_whoever_comes_first_is_led_there_and_may_put_it_off(cast: Cast, initech: Tenant):
    alice = in_console(cast.alice, initech)
    home = alice.get("/t/initech/")
    assert (home.status_code, home["Location"]) == (302, "/t/initech/setup/")
    assert alice.post("/t/initech/setup/later/")["Location"] == "/t/initech/"
    content = text_of(alice.get("/t/initech/"))
    assert "1 of 3 steps are done." in content
    assert 'href="/t/initech/setup/"' in content
    assert alice.get("/t/initech/setup/").status_code == 200
    assert in_console(cast.alice, initech).get("/t/initech/").status_code == 302  # after signing in anew
    api_keys.create(initech, name="bot")
    assert in_console(cast.alice, initech).get("/t/initech/").status_code == 200  # it has begun


def test_nobody_is_led_there_who_can_do_nothing_about_it(cast: Cast, initech: Tenant):
    vera = text_of(in_console(cast.vera, initech).get("/t/initech/"))
    assert "Somebody with the role of a developer or an admin can go on." in vera
    assert in_console(cast.olga, initech).get("/t/initech/").status_code == 200
    content = text_of(in_console(cast.vera, initech).get("/t/initech/setup/"))
    assert "Somebody with the role of a developer can make one." in content
    assert "Make the key" not in content


@pytest.mark.usefixtures("no_shared_models")
def test_developers_are_told_that_an_admin_connects_providers(cast: Cast, initech: Tenant):
    content = text_of(in_console(cast.bob, initech).get("/t/initech/setup/"))
    assert "An admin of this tenant can connect a provider." in content
    assert "gateway/provider/connect" not in content


def test_a_key_is_made_with_the_usual_rights_and_shown_with_the_code_to_call(cast: Cast, initech: Tenant):
    response = in_console(cast.bob, initech).post("/t/initech/setup/key/", {"name": "support bot"})
    assert response.status_code == 201
    assert "no-store" in response["Cache-Control"]
    secret = re.search(r'id="secret">(tg-[A-Za-z0-9_-]{43})<', response.content.decode())
    assert secret is not None
    key = ApiKey.objects.get(tenant=initech)
    assert (key.name, key.created_by, key.scopes) == ("support bot", cast.bob, ["chat", "embeddings", "models"])
    assert key.secrets.get().secret_sha256 == api_keys.digest(secret[1])
    names = [snippet.name for snippet in response.context["snippets"]]
    assert names == ["curl", "python-openai", "node-openai", "python-anthropic", "node-anthropic"]
    assert all(secret[1] in snippet.code for snippet in response.context["snippets"])
    assert f"key={key.pk}" in response.content.decode()
    assert 'data-reload-to="/t/initech/setup/"' in response.content.decode()
    again = text_of(in_console(cast.bob, initech).get("/t/initech/setup/"))
    assert secret[1] not in again
    assert "$TOLLGATE_API_KEY" in again


def test_a_key_needs_a_name(cast: Cast, initech: Tenant):
    response = in_console(cast.alice, initech).post("/t/initech/setup/key/", {"name": ""})
    assert "This field is required." in text_of(response)
    assert in_console(cast.alice, initech).get("/t/initech/setup/key/").status_code == 302
    assert not ApiKey.objects.filter(tenant=initech).exists()


@pytest.mark.parametrize(("person", "status"), [("vera", 403), ("charlie", 404)])
def test_others_make_no_key(cast: Cast, initech: Tenant, person: str, status: int):
    response = in_console(getattr(cast, person), initech).post("/t/initech/setup/key/", {"name": "x"})
    assert response.status_code == status
    assert not ApiKey.objects.filter(tenant=initech).exists()


def test_once_answered_the_setup_says_so_and_home_is_an_overview(cast: Cast, initech: Tenant):
    answered(initech)
    alice = in_console(cast.alice, initech)
    assert "Everything is set up" in text_of(alice.get("/t/initech/setup/"))
    content = text_of(alice.get("/t/initech/"))
    assert "steps are done" not in content
    assert "$1.00" in content


def test_the_overview_shows_today_budgets_alerts_and_requests(cast: Cast):
    used(
        cast.acme, today(cast.acme.tenant), "tenant", "", requests=7, cost_usd="60", input_tokens=900, output_tokens=100
    )
    ada = in_console(cast.ada, cast.acme.tenant)
    content = text_of(ada.get(ada.home))
    assert "$60.00" in content
    assert "7 requests · 1,000 tokens" in content
    assert "$60.00 of $100 used, 60 %" in content
    assert reverse("admin:gateway_requestlog_change", args=[cast.acme.request.pk]).removeprefix("/admin") in content
    assert "Connect a provider" in content
    vera = in_console(cast.vera, cast.acme.tenant)
    assert "Connect a provider" not in text_of(vera.get(vera.home))


def test_another_tenants_figures_are_nowhere(cast: Cast):
    used(cast.globex, today(cast.globex.tenant), "tenant", "", requests=7, cost_usd="7654.25")
    ada = in_console(cast.ada, cast.acme.tenant)
    for address in (ada.home, f"{ada.home}setup/"):
        content = text_of(ada.get(address))
        assert "7,654" not in content
        assert cast.globex.model.name not in content


def test_the_first_call_is_one_that_the_key_may_make(cast: Cast, initech: Tenant):
    now = timezone.now()
    own_model(initech)
    models = onboarding.usable_models(initech, now)
    assert [model.name for model in models][:1] == ["ours-1"]
    assert onboarding.first_call(models) == Chat("ours-1")

    def key(**fields: Any) -> ApiKey:
        return api_keys.create(initech, name="k", **fields).api_key

    assert onboarding.first_call(models, key(allowed_models=[cast.model.name])) == Chat(cast.model.name)
    assert onboarding.first_call(models, key(allowed_models=["gone"])) is None
    assert onboarding.first_call(models, key(scopes=["embeddings"])) is None
    Model.objects.create(
        provider=cast.provider, name="vectors", upstream_id="text-embedding-3-small", capabilities=["embeddings"]
    )
    assert onboarding.first_call(onboarding.usable_models(initech, now), key(scopes=["embeddings"])) == Embedding(
        "vectors"
    )
    assert logged_in(cast.alice).get("/t/initech/setup/").status_code == 200


def test_an_own_model_hides_the_operators_of_that_name_also_when_it_cannot_be_called(cast: Cast, initech: Tenant):
    own_model(initech, name=cast.model.name, input_usd_per_mtok=None, output_usd_per_mtok=None)
    assert cast.model.name not in [model.name for model in onboarding.usable_models(initech, timezone.now())]
