"""The playground's page and its tokens: who gets them, what is offered, and how it is switched off and on."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from billing import limits, subjects
from billing.models import DailyUsage
from gateway.models import Model
from tenants import api_keys, playground
from tenants.ids import uuid7
from tenants.models import ApiKey
from tests.billing.usage import today
from tests.cast import Cast, in_console, logged_in

pytestmark = pytest.mark.django_db


def page(client: Any) -> str:
    return f"{client.home}playground/"


def keys(cast: Cast) -> list[ApiKey]:
    return list(ApiKey.objects.filter(tenant=cast.acme.tenant, kind="playground").order_by("created_at"))


@pytest.mark.parametrize("name", ["alice", "ada", "bob"])
def test_those_who_may_get_the_page_and_a_token_that_says_who_they_are(cast: Cast, name: str):
    person = getattr(cast, name)
    client = in_console(person, cast.acme.tenant)
    assert client.get(page(client)).status_code == 200
    response = client.post(f"{page(client)}token/")
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert response.json()["expires_in"] == 600
    said = playground.read(response.json()["token"])
    assert said is not None
    assert (said.tenant_id, said.person) == (cast.acme.tenant.pk, person.username)


def test_a_viewer_may_not_and_is_not_shown_the_way(cast: Cast):
    vera = in_console(cast.vera, cast.acme.tenant)
    assert vera.get(page(vera)).status_code == 403
    assert vera.post(f"{page(vera)}token/").status_code == 403
    assert vera.post(f"{page(vera)}on/").status_code == 403
    assert "/playground/" not in vera.get(vera.home).content.decode()
    bob = in_console(cast.bob, cast.acme.tenant)
    assert "/playground/" in bob.get(bob.home).content.decode()
    assert keys(cast) == []


def test_to_charlie_it_does_not_exist_and_his_own_is_his_own(cast: Cast):
    stranger = in_console(cast.charlie, cast.acme.tenant)
    for address in ("playground/", "playground/token/", "playground/on/"):
        assert stranger.get(stranger.home + address).status_code == 404
        assert stranger.post(stranger.home + address).status_code == 404
    own = in_console(cast.charlie, cast.globex.tenant)
    content = own.get(page(own)).content.decode()
    assert cast.globex.model.name in content
    assert cast.model.name in content  # the operator's
    for text in (cast.acme.model.name, cast.acme.task.slug, cast.acme.end_user.external_id, str(cast.acme.tenant.pk)):
        assert text not in content
    assert keys(cast) == []


def test_the_token_is_given_to_nobody_elses_form(cast: Cast):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.ada)
    assert client.post(f"/t/{cast.acme.tenant.slug}/playground/token/").status_code == 403
    assert logged_in(cast.ada).get(f"/t/{cast.acme.tenant.slug}/playground/token/").status_code == 405
    assert keys(cast) == []


def test_the_first_token_makes_the_key_and_the_second_does_not(cast: Cast):
    ada, bob = in_console(cast.ada, cast.acme.tenant), in_console(cast.bob, cast.acme.tenant)
    ada.get(page(ada))
    assert keys(cast) == []
    ada.post(f"{page(ada)}token/")
    bob.post(f"{page(bob)}token/")
    (key,) = keys(cast)
    assert (key.created_by, key.scopes) == (cast.ada, ["chat", "embeddings", "feedback"])
    assert (key.usd_per_month, key.max_concurrency) == (Decimal(20), 20)


def test_a_tenant_has_one_playground_key(cast: Cast):
    from django.db import IntegrityError, transaction

    first = playground.open_for(cast.acme.tenant, by=cast.ada)
    assert playground.open_for(cast.acme.tenant, by=cast.bob) == first
    first.pk = None  # type: ignore[assignment]
    with pytest.raises(IntegrityError), transaction.atomic():
        first.save(force_insert=True)
    assert playground.open_for(cast.globex.tenant, by=cast.charlie).tenant == cast.globex.tenant


def test_its_key_is_not_among_the_applications_keys_but_has_its_page(cast: Cast):
    key = playground.open_for(cast.acme.tenant, by=cast.ada)
    ada = in_console(cast.ada, cast.acme.tenant)
    listed = ada.get(reverse("admin:tenants_apikey_changelist")).content.decode()
    assert cast.acme.key.api_key.name in listed
    assert str(key.pk) not in listed
    assert ada.get(reverse("admin:tenants_apikey_change", args=[key.pk])).status_code == 200
    choices = subjects.of(cast.acme.tenant, limits.KEY)
    assert str(key.pk) in [choice.value for choice in choices]  # a budget may be about it
    assert "1 key can call" in ada.get(ada.home).content.decode()


def test_what_it_may_call_is_offered_and_nothing_else(cast: Cast):
    Model.objects.create(
        tenant=cast.acme.tenant, provider=cast.acme.provider, name="embedder", capabilities=["embeddings"]
    )
    Model.objects.create(
        tenant=cast.acme.tenant, provider=cast.acme.provider, name="asleep", capabilities=["chat"], is_active=False
    )
    own = Model.objects.create(
        tenant=cast.acme.tenant, provider=cast.acme.provider, name=cast.model.name, capabilities=["chat"], context_window=8192,
        input_usd_per_mtok="0.25", output_usd_per_mtok="10",
    )  # fmt: skip
    bob = in_console(cast.bob, cast.acme.tenant)
    response = bob.get(page(bob))
    names = [offer.name for offer in response.context["offered"].models]
    assert {cast.acme.model.name, own.name} <= set(names)
    assert len(names) == len(set(names))
    assert not {"embedder", "asleep", cast.globex.model.name} & set(names)
    about = response.context["settings"]["about"]
    assert (
        about[own.name]
        == f"at {cast.acme.provider.name} · $0.25 in, $10.00 out per million tokens · 8k tokens of context"
    )
    assert about[f"task/{cast.task.slug}"].startswith(f"Summarise. {cast.model.name}, then gpt-4o-")

    key = playground.open_for(cast.acme.tenant, by=cast.bob)
    key.allowed_models, key.allowed_tasks = [own.name], [cast.task.slug]
    key.save()
    offered = bob.get(page(bob)).context["offered"]
    assert [offer.name for offer in [*offered.tasks, *offered.models]] == [f"task/{cast.task.slug}", own.name]


def test_without_a_model_it_says_where_to_get_one(cast: Cast):
    Model.objects.update(is_active=False)
    bob = in_console(cast.bob, cast.acme.tenant)
    content = bob.get(page(bob)).content.decode()
    assert "Connect a provider first" in content
    assert "playground/page.js" not in content


def test_what_it_has_used_this_month_is_shown(cast: Cast):
    key = playground.open_for(cast.acme.tenant, by=cast.ada)
    for subject, cost in ((str(key.pk), "1.25"), (str(cast.acme.key.api_key.pk), "7")):
        DailyUsage.objects.create(
            tenant=cast.acme.tenant, day=today(cast.acme.tenant), dimension="key", subject=subject, requests=1, input_tokens=1,
            cache_read_tokens=0, output_tokens=1, cost_usd=cost,
        )  # fmt: skip
    ada = in_console(cast.ada, cast.acme.tenant)
    response = ada.get(page(ada))
    assert (response.context["settings"]["used"], response.context["spent"]["most"]) == (1.25, "20.00")


def test_revoking_its_key_switches_it_off_until_an_admin_switches_it_on(cast: Cast):
    api_keys.revoke(playground.open_for(cast.acme.tenant, by=cast.ada))
    bob, ada = in_console(cast.bob, cast.acme.tenant), in_console(cast.ada, cast.acme.tenant)
    for client, may in ((bob, False), (ada, True)):
        content = client.get(page(client)).content.decode()
        assert "The playground is switched off" in content
        assert ("Switch it on again" in content) is may
        assert client.post(f"{page(client)}token/").status_code == 409
    assert bob.post(f"{page(bob)}on/").status_code == 403
    assert len(keys(cast)) == 1
    assert ada.post(f"{page(ada)}on/").status_code == 302
    assert [key.revoked_at is None for key in keys(cast)] == [False, True]
    assert bob.post(f"{page(bob)}token/").status_code == 200


def test_names_cannot_break_out_of_the_page(cast: Cast):
    evil = "</script><script>alert(1)</script>"
    cast.acme.task.name = evil
    cast.acme.task.save()
    cast.acme.end_user.external_id = '"><img src=x onerror=alert(1)>'
    cast.acme.end_user.save()
    bob = in_console(cast.bob, cast.acme.tenant)
    content = bob.get(page(bob)).content.decode()
    assert evil not in content
    assert "<img src=x" not in content
    assert "\\u003C/script\\u003E" in content


def test_an_operator_in_the_console_may_try_it_as_themselves(cast: Cast):
    olga = in_console(cast.olga, cast.acme.tenant)
    said = playground.read(olga.post(f"{page(olga)}token/").json()["token"])
    assert said is not None
    assert said.person == cast.olga.username


def test_the_way_to_a_trace_is_told_once_it_is_written_and_to_its_tenant_only(cast: Cast):
    request = cast.acme.request
    bob = in_console(cast.bob, cast.acme.tenant)
    found = bob.get(f"{page(bob)}requests/{request.request_id}/")
    assert found.json() == {"url": f"{bob.home}gateway/requestlog/{request.request_id}/change/"}
    assert bob.get(found.json()["url"]).status_code == 200
    assert "no-store" in found["Cache-Control"]
    for request_id in (uuid7(), cast.globex.request.request_id):
        response = bob.get(f"{page(bob)}requests/{request_id}/")
        assert (response.status_code, response.content) == (204, b"")
