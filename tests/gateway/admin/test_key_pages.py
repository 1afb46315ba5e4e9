"""Keys in the console: what each may do in plain words, its use beside its budget, and rights of names that the tenant has."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from gateway.models import Model
from tenants import api_keys
from tenants.models import ApiKey
from tests.billing.usage import today, used
from tests.cast import Cast, at_work
from tests.pages import text_of

pytestmark = pytest.mark.django_db

ADD = "/admin/tenants/apikey/add/"


def form(**fields: Any) -> dict[str, Any]:
    return {"name": "new bot", "scopes": ["chat"], "allowed_models-mode": "all", "allowed_tasks-mode": "all", **fields}


def change(key: ApiKey) -> str:
    return reverse("admin:tenants_apikey_change", args=[key.pk])


def test_the_list_shows_what_a_key_spent_beside_its_own_budget(cast: Cast):
    key = cast.acme.key.api_key
    ApiKey.objects.filter(pk=key.pk).update(usd_per_month=10, last_used_at=timezone.now() - dt.timedelta(minutes=3))
    api_keys.create(cast.acme.tenant, name="free bot", scopes=["usage"], allowed_models=["a", "b"])
    used(cast.acme, today(cast.acme.tenant), "key", str(key.pk), cost_usd="8.5")
    content = text_of(at_work(cast.ada).get(reverse("admin:tenants_apikey_changelist")))
    assert "85 %" in content
    assert "$8.50 of $10" in content
    assert "3 minutes ago" in content
    assert "Read usage" in content
    assert "only 2 models" in content


def test_the_form_offers_the_tenants_names_in_lists_to_tick(cast: Cast):
    content = text_of(at_work(cast.ada).get(ADD))
    for name in (cast.model.name, cast.acme.model.name, cast.task.slug, cast.acme.task.slug):
        assert f'value="{name}"' in content
    assert cast.globex.model.name not in content
    assert "Embeddings: turn texts into vectors" in content


def test_ticked_names_are_kept_and_all_is_an_empty_list(cast: Cast):
    client = at_work(cast.ada)
    only = {"allowed_models-mode": "only", "allowed_models": [cast.acme.model.name, cast.model.name]}
    assert client.post(ADD, form(**only)).status_code == 201
    key = ApiKey.objects.get(name="new bot")
    assert (set(key.allowed_models), key.allowed_tasks) == ({cast.acme.model.name, cast.model.name}, [])
    assert (
        client.post(change(key), form(allowed_models=[cast.model.name])).status_code == 302
    )  # all, whatever is ticked
    key.refresh_from_db()
    assert key.allowed_models == []


def test_only_these_and_none_ticked_is_no_answer(cast: Cast):
    response = at_work(cast.ada).post(ADD, form(**{"allowed_models-mode": "only"}))
    assert "Tick at least one, or choose all." in text_of(response)
    assert not ApiKey.objects.filter(name="new bot").exists()


@pytest.mark.parametrize("field", ["allowed_models", "allowed_tasks"])
def test_a_name_that_is_not_offered_is_refused(cast: Cast, field: str):
    theirs = {"allowed_models": cast.globex.model.name, "allowed_tasks": cast.globex.task.slug}[field]
    response = at_work(cast.ada).post(ADD, form(**{f"{field}-mode": "only", field: [theirs]}))
    assert "is not one of the available choices" in text_of(response)
    assert not ApiKey.objects.filter(name="new bot").exists()


def test_a_name_that_is_gone_stays_ticked_so_that_saving_widens_nothing(cast: Cast):
    key = cast.acme.key.api_key
    ApiKey.objects.filter(pk=key.pk).update(allowed_models=["gone-model"])
    client = at_work(cast.ada)
    content = text_of(client.get(change(key)))
    assert "no longer there" in content
    kept = form(name="renamed", **{"allowed_models-mode": "only", "allowed_models": ["gone-model"]})
    assert client.post(change(key), kept).status_code == 302
    key.refresh_from_db()
    assert (key.name, key.allowed_models) == ("renamed", ["gone-model"])


def test_a_key_does_not_begin_after_its_end(cast: Cast):
    past = {"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}
    client = at_work(cast.ada)
    assert "This is over already. To end a key now, revoke it." in text_of(client.post(ADD, form(**past)))
    key = cast.acme.key.api_key
    ApiKey.objects.filter(pk=key.pk).update(expires_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    renamed = form(name="renamed", expires_at_0="2020-01-01", expires_at_1="01:00:00")  # as it is, in Vienna
    assert client.post(change(key), renamed).status_code == 302


def test_what_a_key_may_do_comes_with_the_code_to_call_it(cast: Cast):
    Model.objects.filter(pk=cast.acme.model.pk).update(input_usd_per_mtok=1, output_usd_per_mtok=2)
    client = at_work(cast.ada)
    response = client.post(ADD, form(usd_per_month="5"))
    content = text_of(response)
    assert f'"model": "{cast.acme.model.name}"' in content  # one of its own before the operator's
    assert "http://testserver/v1/chat/completions" in content
    assert "data-arrivals" in content
    assert response.context["snippets"][0].code.count("tg-") == 1
    shown = text_of(client.get(change(ApiKey.objects.get(name="new bot"))))
    assert "$TOLLGATE_API_KEY" in shown


def test_a_key_that_can_call_nothing_comes_without_code(cast: Cast):
    content = text_of(at_work(cast.ada).post(ADD, form(scopes=["usage"])))
    assert "data-snippets" not in content
    assert "data-arrivals" not in content


def test_viewers_look_at_keys_and_at_no_secret(cast: Cast):
    client = at_work(cast.vera)
    content = text_of(client.get(change(cast.acme.key.api_key)))
    assert cast.acme.key.api_key.prefix in content
    assert "Rotate</a>" not in content
    assert client.post(ADD, form()).status_code == 403
    assert client.post(change(cast.acme.key.api_key), form(name="mine")).status_code == 403
    cast.acme.key.api_key.refresh_from_db()
    assert cast.acme.key.api_key.name == "Acme bot"
