"""A provider's models are chosen from its own list, with what is known of each; a tenant's people choose at their own providers only."""

from __future__ import annotations

import html
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from gateway.admin.provider_models import key_of
from gateway.models import Model, Provider
from tests.cast import Cast, at_work, logged_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("simulator")]

PARTLY = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def server(provider: Provider) -> Provider:
    """The same, of unknown make: nothing of its models is in the price catalog."""
    provider.kind = "openai-compatible"
    provider.save()
    return provider


def page(provider: Provider, name: str) -> str:
    return reverse(f"admin:gateway_provider_{name}", args=[provider.pk])


def text(response: Any) -> str:
    return html.unescape(response.content.decode())


def fields(upstream_id: str, **values: Any) -> dict[str, Any]:
    """A model's form, filled in."""
    filled = {"upstream_id": upstream_id, "name": upstream_id, "capabilities": ["chat"], **values}
    return {f"{key_of(upstream_id)}-{name}": value for name, value in filled.items()}


def test_the_list_says_what_is_known_and_proposes_a_few(cast: Cast, provider: Provider):
    response = at_work(cast.ada).get(page(provider, "model_list"))
    rows = {row.upstream_id: row for row in response.context["rows"]}
    assert rows["gpt-4o"].price == "$2.50 in, $10.00 out"
    assert (rows["gpt-4o"].window, rows["sim-gpt"].price) == ("128,000", "")
    assert rows["text-embedding-3-small"].capabilities == "Embeddings"
    assert "needs a price" in text(response)
    assert sum(row.is_ticked for row in rows.values()) == 4
    assert all(row.editor is not None for row in rows.values() if row.is_ticked)


def test_what_is_there_already_is_marked_and_nothing_is_proposed_any_more(cast: Cast, provider: Provider):
    Model.objects.create(
        tenant=cast.acme.tenant, provider=provider, name="best", upstream_id="gpt-4o", capabilities=["chat"]
    )
    rows = at_work(cast.ada).get(page(provider, "model_list")).context["rows"]
    assert [row.upstream_id for row in rows if row.is_added] == ["gpt-4o"]
    assert not [row for row in rows if row.is_ticked]


def test_a_connection_that_fails_says_why_and_models_can_still_be_named(cast: Cast, provider: Provider, simulator: Any):
    simulator.behave(fault="401")
    content = text(at_work(cast.ada).get(page(provider, "model_list")))
    assert "does not accept this key" in content
    assert "data-by-hand" in content


def test_ticked_models_are_added_as_they_were_proposed(cast: Cast, provider: Provider):
    response = at_work(cast.ada).post(page(provider, "models"), {"chosen": ["gpt-4o", "text-embedding-3-small"]})
    assert response.status_code == 302
    made = {model.name: model for model in Model.objects.filter(provider=provider)}
    assert {model.tenant for model in made.values()} == {cast.acme.tenant}
    assert set(made["gpt-4o"].capabilities) == {"chat", "streaming", "tools", "vision", "json_schema"}
    assert (made["gpt-4o"].context_window, made["gpt-4o"].input_usd_per_mtok) == (128_000, None)
    assert made["gpt-4o"].price_at(timezone.now()) is not None
    assert made["text-embedding-3-small"].capabilities == ["embeddings"]


def test_what_was_corrected_is_kept(cast: Cast, provider: Provider):
    corrected = fields(
        "gpt-4o",
        name="smart",
        capabilities=["chat", "tools"],
        context_window="9000",
        input_usd_per_mtok="1.5",
        output_usd_per_mtok="3",
    )
    response = at_work(cast.ada).post(
        page(provider, "models"), {"chosen": "gpt-4o", "from": "setup", **corrected}, **PARTLY
    )
    assert response["HX-Redirect"].endswith("/setup/")
    made = Model.objects.get(provider=provider)
    assert (made.name, made.upstream_id, made.capabilities, made.context_window) == (
        "smart",
        "gpt-4o",
        ["chat", "tools"],
        9000,
    )
    assert (made.input_usd_per_mtok, made.output_usd_per_mtok) == (Decimal("1.5"), Decimal(3))


def test_a_model_without_a_known_price_needs_one_which_may_be_nothing(cast: Cast, server: Provider, settings: Any):
    client = at_work(cast.ada)
    for filled in ({}, fields("llama")):
        response = client.post(page(server, "models"), {"chosen": "llama", **filled}, **PARTLY)
        assert "Requests to a model without a price are refused." in text(response)
    half = client.post(page(server, "models"), {"chosen": "llama", **fields("llama", input_usd_per_mtok="1")}, **PARTLY)
    assert "needs both an input and an output price" in text(half)
    assert not Model.objects.filter(provider=server).exists()
    free = fields("llama", input_usd_per_mtok="0", output_usd_per_mtok="0")
    assert client.post(page(server, "models"), {"chosen": "llama", **free}).status_code == 302
    settings.GATEWAY_DEFAULT_PRICE = "1,2"
    assert client.post(page(server, "models"), {"chosen": "qwen"}).status_code == 302


def test_all_are_added_or_none(cast: Cast, provider: Provider):
    wrong = fields("gpt-4o-mini", name="not a name")
    response = at_work(cast.ada).post(
        page(provider, "models"), {"chosen": ["gpt-4o", "gpt-4o-mini"], **wrong}, **PARTLY
    )
    assert "Some models need another look." in text(response)
    assert f'id="editor-{key_of("gpt-4o-mini")}" hx-swap-oob="true"' in " ".join(text(response).split())
    assert "Use letters, digits and" in text(response)
    assert not Model.objects.filter(provider=provider).exists()


def test_a_name_is_taken_once_in_the_tenant_and_once_in_the_choice(cast: Cast, provider: Provider):
    taken = fields("gpt-4o", name=cast.acme.model.name)
    client = at_work(cast.ada)
    assert "There is a model of this name already." in text(
        client.post(page(provider, "models"), {"chosen": "gpt-4o", **taken})
    )
    both = {"chosen": ["gpt-4o", "gpt-4o-mini"], **fields("gpt-4o", name="x"), **fields("gpt-4o-mini", name="x")}
    assert "Two of the chosen models have this name." in text(client.post(page(provider, "models"), both))
    assert not Model.objects.filter(provider=provider).exists()


def test_nothing_ticked_is_said(cast: Cast, provider: Provider):
    assert "Tick at least one model." in text(at_work(cast.ada).post(page(provider, "models"), {}, **PARTLY))


def test_a_models_form_is_filled_in_with_what_the_list_said(cast: Cast, provider: Provider):
    query = {"chosen": "claude-new", "window": "5000", "output": "100", "can": "chat,vision,nonsense", "by_hand": "1"}
    editor = at_work(cast.ada).get(page(provider, "model_editor"), query).context["editor"]
    initial = editor.form.initial
    assert (initial["context_window"], initial["max_output_tokens"], initial["capabilities"]) == (
        5000,
        100,
        ["chat", "vision"],
    )
    odd = {"chosen": "x", "window": "9" * 40, "output": "-1"}
    initial = at_work(cast.ada).get(page(provider, "model_editor"), odd).context["editor"].form.initial
    assert (initial["context_window"], initial["max_output_tokens"]) == (None, None)
    assert at_work(cast.ada).get(page(provider, "model_editor")).status_code == 204


def test_an_operator_adds_the_operators_models(cast: Cast, provider: Provider):
    Provider.objects.filter(pk=cast.provider.pk).update(base_url=provider.base_url)
    client = logged_in(cast.olga)
    assert client.get(page(cast.provider, "model_list")).context["rows"]
    assert client.post(page(cast.provider, "models"), {"chosen": "o3"}).status_code == 302
    made = Model.objects.get(name="o3")
    assert (made.tenant, made.provider) == (None, cast.provider)


def own(cast: Cast, provider: Provider) -> Model:
    return Model.objects.create(tenant=cast.acme.tenant, provider=provider, name="own", capabilities=["chat"])


def model_form(**values: Any) -> dict[str, Any]:
    return {"name": "own", "capabilities": ["chat"], "breaker": "auto", "is_active": "on", **values}


def test_admins_change_and_delete_models_at_their_own_providers(cast: Cast, provider: Provider):
    model, client = own(cast, provider), at_work(cast.ada)
    change = reverse("admin:gateway_model_change", args=[model.pk])
    assert "None is known, so requests to this model are refused." in text(client.get(change))
    values = model_form(provider=str(provider.pk), upstream_id="gpt-4o", context_window="1000")
    assert client.post(change, values).status_code == 302
    model.refresh_from_db()
    assert (model.upstream_id, model.context_window, model.tenant) == ("gpt-4o", 1000, cast.acme.tenant)
    assert "from the catalog: genai-prices openai:gpt-4o" in text(client.get(change))
    assert client.post(reverse("admin:gateway_model_delete", args=[model.pk]), {"post": "yes"}).status_code == 302
    assert not Model.objects.filter(pk=model.pk).exists()


def test_no_model_of_a_tenants_is_put_at_the_operators_provider_or_at_anothers(cast: Cast, provider: Provider):
    """It would be served with the operator's key, at a price of the tenant's own choice."""
    model, client = own(cast, provider), at_work(cast.ada)
    for theirs in (cast.provider, cast.globex.provider):
        values = model_form(provider=str(theirs.pk), input_usd_per_mtok="0", output_usd_per_mtok="0")
        for address in (reverse("admin:gateway_model_add"), reverse("admin:gateway_model_change", args=[model.pk])):
            response = client.post(address, {**values, "name": "cheap"})
            assert "Select a valid choice" in text(response)
        content = text(client.get(reverse("admin:gateway_model_add")))
        assert theirs.name not in content
    model.refresh_from_db()
    assert (model.provider, Model.objects.filter(name="cheap").exists()) == (provider, False)


def test_what_the_operator_made_for_the_tenant_at_a_provider_of_the_operators_is_looked_at(cast: Cast):
    model = own(cast, cast.provider)
    client = at_work(cast.ada)
    change = reverse("admin:gateway_model_change", args=[model.pk])
    assert client.get(change).status_code == 200
    assert client.post(change, model_form(provider=str(cast.provider.pk))).status_code == 403
    assert client.post(reverse("admin:gateway_model_delete", args=[model.pk]), {"post": "yes"}).status_code == 403
    assert client.post(reverse("admin:gateway_model_breaker", args=[model.pk, "open"])).status_code == 403
    model.refresh_from_db()
    assert model.breaker == "auto"


def test_without_a_provider_of_its_own_a_tenant_is_led_to_connecting_one(cast: Cast):
    cast.acme.rule.delete()
    cast.acme.task.delete()
    cast.acme.provider.delete()
    client = at_work(cast.ada)
    response = client.get(reverse("admin:gateway_model_add"))
    assert (response.status_code, response["Location"]) == (302, client.at(reverse("admin:gateway_provider_connect")))


@pytest.mark.parametrize("person", ["bob", "vera"])
def test_others_change_no_model(cast: Cast, provider: Provider, person: str):
    model, client = own(cast, provider), at_work(getattr(cast, person))
    assert client.get(reverse("admin:gateway_model_add")).status_code == 403
    assert client.post(reverse("admin:gateway_model_change", args=[model.pk]), model_form(name="x")).status_code == 403
    assert client.post(reverse("admin:gateway_model_delete", args=[model.pk]), {"post": "yes"}).status_code == 403
    assert Model.objects.get(pk=model.pk).name == "own"
