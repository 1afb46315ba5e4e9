"""A task's context policy in the admin: edited on the task's page, checked, kept within the tenant; and what it did, in the request log."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.urls import reverse

from gateway.models import ContextPolicy, Model, Task
from tests.cast import Cast, at_work, request_row

pytestmark = pytest.mark.django_db

NONE = {"fallbacks-TOTAL_FORMS": 0, "fallbacks-INITIAL_FORMS": 0}
PLAIN = {
    "is_active": "on",
    "keep_messages": 10,
    "block_messages": 10,
    "fits_budget": "on",
    "max_input_tokens": "",
    "relevant_turns": 0,
    "least_similarity_percent": 30,
    "embedding_wait_ms": 100,
    "summary_model": "",
    "summary_tokens": 400,
}


def form(task: Task, **fields: Any) -> dict[str, Any]:
    """The task's page as it is, and a new policy on it; a field of None is an empty box or one that is not ticked."""
    values = {name: value for name, value in {**PLAIN, **fields}.items() if value is not None}
    return {
        "slug": task.slug,
        "name": task.name,
        "description": "",
        "urgency": task.urgency,
        "default_model": str(task.default_model_id),
        "is_active": "on",
        "context_policy-TOTAL_FORMS": 1,
        "context_policy-INITIAL_FORMS": 0,
        **NONE,
        **{f"context_policy-0-{name}": value for name, value in values.items()},
    }


def save(person: Any, task: Task, **fields: Any) -> Any:
    return at_work(person).post(reverse("admin:gateway_task_change", args=[task.pk]), form(task, **fields))


def test_is_made_on_the_tasks_page_and_belongs_to_its_tenant(cast: Cast):
    task = cast.acme.task
    response = save(cast.olga, task, keep_messages=6, summarises="on", summary_model=str(cast.acme.model.pk))
    assert response.status_code == 302, response.content.decode()
    policy = ContextPolicy.objects.get(task=task)
    assert (policy.tenant, policy.keep_messages, policy.summary_model) == (cast.acme.tenant, 6, cast.acme.model)
    history = at_work(cast.olga).get(reverse("admin:gateway_task_history", args=[task.pk])).content.decode()
    assert "keep the last messages" in html.unescape(history).lower()


def test_the_page_explains_every_field(cast: Cast):
    ContextPolicy.objects.create(task=cast.acme.task)
    page = at_work(cast.olga).get(reverse("admin:gateway_task_change", args=[cast.acme.task.pk])).content.decode()
    text = html.unescape(page)
    for field in ContextPolicy._meta.get_fields():
        if getattr(field, "help_text", "") and field.editable:
            assert str(field.help_text) in text, field.name


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"summarises": "on"}, "summary_model", "Name the model that writes the summaries"),
        (
            {"relevant_turns": 2, "keep_messages": "", "fits_budget": None},
            "keep_messages",
            "Nothing would ever be left out",
        ),
        ({"max_input_tokens": 4000, "fits_budget": None}, "max_input_tokens", "only says something if the token limit"),
        ({"max_input_tokens": 20}, "max_input_tokens", "greater than or equal to 500"),
        ({"keep_messages": 0}, "keep_messages", "greater than or equal to 1"),
        ({"block_messages": 0}, "block_messages", "greater than or equal to 1"),
        ({"least_similarity_percent": 101}, "least_similarity_percent", "less than or equal to 100"),
    ],
)
def test_what_makes_no_sense_is_refused_beside_its_field(cast: Cast, fields: dict[str, Any], field: str, message: str):
    response = save(cast.olga, cast.acme.task, **fields)
    assert response.status_code == 200
    errors = response.context["inline_admin_formsets"][1].formset.errors
    assert message in str(errors[0][field])
    assert not ContextPolicy.objects.filter(task=cast.acme.task).exists()


def test_another_tenants_model_writes_no_summaries(cast: Cast):
    response = save(cast.olga, cast.acme.task, summarises="on", summary_model=str(cast.globex.model.pk))
    assert "belongs to another tenant" in html.unescape(response.content.decode())
    assert not ContextPolicy.objects.filter(task=cast.acme.task).exists()


def test_a_model_that_cannot_chat_writes_no_summaries(cast: Cast):
    mute = Model.objects.create(
        tenant=cast.acme.tenant, provider=cast.acme.provider, name="mute", capabilities=["embeddings"]
    )
    response = save(cast.olga, cast.acme.task, summarises="on", summary_model=str(mute.pk))
    assert "cannot chat" in html.unescape(response.content.decode())


def test_only_who_may_edit_the_task_may_edit_its_policy(cast: Cast):
    for person, task in ((cast.vera, cast.acme.task), (cast.charlie, cast.acme.task), (cast.ada, cast.task)):
        had = ContextPolicy.objects.filter(task=task).count()
        assert save(person, task, keep_messages=3).status_code in (403, 404)
        assert ContextPolicy.objects.filter(task=task, keep_messages=3).count() == 0
        assert ContextPolicy.objects.filter(task=task).count() == had


def test_the_request_log_shows_what_became_of_the_context(cast: Cast):
    row = request_row(cast.acme.tenant, cast.acme.key.api_key, context_tokens_before=12_000, context_tokens_after=7_200)
    address = reverse("admin:gateway_requestlog_change", args=[row.pk])
    page = at_work(cast.ada).get(address).content.decode()
    assert "left about 7,200 of 12,000 input tokens as sent (40% less to the model)" in page
    other = reverse("admin:gateway_requestlog_change", args=[cast.acme.request.pk])
    assert "tokens as sent" not in at_work(cast.ada).get(other).content.decode()
