"""Tasks and rules in the admin: sentences, and chains in order."""

import html
from typing import Any

import pytest
from django.urls import reverse

from gateway.models import Model, RoutingRule, RoutingTarget, Task
from tests.cast import Cast, logged_in

pytestmark = pytest.mark.django_db


def other_model(cast: Cast) -> Model:
    return Model.objects.get(name=cast.model.name.replace("gpt-4o-mini", "gpt-4o"))


def chain(prefix: str, *rows: dict[str, Any], initial: int = 0) -> dict[str, Any]:
    form: dict[str, Any] = {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": initial}
    for number, row in enumerate(rows):
        form |= {f"{prefix}-{number}-{name}": value for name, value in row.items()}
    return form


def test_a_rule_reads_as_a_sentence(cast: Cast):
    RoutingRule.objects.filter(pk=cast.acme.rule.pk).update(tasks=[])
    content = html.unescape(logged_in(cast.olga).get(reverse("admin:gateway_routingrule_changelist")).content.decode())
    assert f"If task/{cast.task.slug} → {cast.model.name}, then {other_model(cast).name}" in content
    assert f"For every request → {cast.acme.model.name}" in content


def test_the_list_changes_positions(cast: Cast):
    rows = logged_in(cast.olga).get(reverse("admin:gateway_routingrule_changelist"), {"q": cast.rule.name})
    assert 'name="form-0-position"' in rows.content.decode()
    form = chain("form", {"id": str(cast.rule.pk), "position": 5}, initial=1) | {"_save": "Save"}
    response = logged_in(cast.olga).post(f"{reverse('admin:gateway_routingrule_changelist')}?q={cast.rule.name}", form)
    assert response.status_code == 302
    cast.rule.refresh_from_db()
    assert cast.rule.position == 5


def test_targets_without_a_position_go_to_the_end_in_their_order(cast: Cast):
    form = {"name": "Fresh", "position": 10, "is_active": "on", "requested_models": "gpt-4o"} | chain(
        "targets",
        {"position": "", "model": str(cast.model.pk)},
        {"position": 4, "model": str(other_model(cast).pk)},
    )
    response = logged_in(cast.olga).post(reverse("admin:gateway_routingrule_add"), form)
    assert response.status_code == 302, response.content.decode()
    rule = RoutingRule.objects.get(name="Fresh")
    assert [(target.position, target.model) for target in rule.targets.order_by("position")] == [
        (4, other_model(cast)),
        (5, cast.model),
    ]


def test_targets_can_be_sorted_anew(cast: Cast):
    first, second = cast.rule.targets.order_by("position")
    form = {"name": cast.rule.name, "position": 100, "is_active": "on", "tasks": [cast.task.slug]} | chain(
        "targets",
        {"id": str(first.pk), "rule": str(cast.rule.pk), "position": 2, "model": str(first.model_id)},
        {"id": str(second.pk), "rule": str(cast.rule.pk), "position": 1, "model": str(second.model_id)},
        initial=2,
    )
    address = reverse("admin:gateway_routingrule_change", args=[cast.rule.pk])
    assert logged_in(cast.olga).post(address, form).status_code == 302
    assert list(cast.rule.targets.order_by("position")) == [second, first]


def test_a_model_is_a_target_once(cast: Cast):
    twice = [{"position": number, "model": str(cast.model.pk)} for number in (1, 2)]
    form = {"name": "Twice", "position": 10, "is_active": "on"} | chain("targets", *twice)
    response = logged_in(cast.olga).post(reverse("admin:gateway_routingrule_add"), form)
    assert response.status_code == 200
    assert not RoutingRule.objects.filter(name="Twice").exists()


def test_a_rule_for_a_task_and_a_model_could_not_match(cast: Cast):
    form = {"name": "Both", "position": 10, "tasks": [cast.task.slug], "requested_models": "gpt-4o"} | chain("targets")
    response = logged_in(cast.olga).post(reverse("admin:gateway_routingrule_add"), form)
    assert "this rule could not match" in response.content.decode()


def test_another_tenants_target_is_refused_beside_it(cast: Cast):
    foreign = {"position": 1, "model": str(cast.globex.model.pk)}
    form = {"name": "Mixed", "position": 10, "tenant": str(cast.acme.tenant.pk)} | chain("targets", foreign)
    response = logged_in(cast.olga).post(reverse("admin:gateway_routingrule_add"), form)
    assert "belongs to another tenant" in response.content.decode()
    assert not RoutingTarget.objects.filter(rule__name="Mixed").exists()


def test_a_fallback_is_another_model_than_the_default(cast: Cast):
    form = {
        "slug": "fresh",
        "name": "Fresh",
        "urgency": "background",
        "default_model": str(cast.model.pk),
        "is_active": "on",
    } | chain("fallbacks", {"position": 1, "model": str(cast.model.pk)})
    response = logged_in(cast.olga).post(reverse("admin:gateway_task_add"), form)
    assert "a fallback must be another one" in html.unescape(response.content.decode())
    assert not Task.objects.filter(slug="fresh").exists()


def test_a_task_is_renamed_to_no_taken_slug(cast: Cast):
    own = Task.objects.create(tenant=cast.acme.tenant, slug="second", name="Second", default_model=cast.model)
    form = {
        "slug": cast.acme.task.slug,
        "name": "Second",
        "urgency": "background",
        "default_model": str(cast.model.pk),
    } | chain("fallbacks")
    response = logged_in(cast.olga).post(reverse("admin:gateway_task_change", args=[own.pk]), form)
    assert "There is a task of this slug already." in response.content.decode()


def test_angle_brackets_in_explanations_are_shown_and_not_taken_for_tags(cast: Cast):
    content = logged_in(cast.olga).get(reverse("admin:gateway_task_change", args=[cast.task.pk])).content.decode()
    assert "Called as task/&lt;slug&gt;." in content
    assert "Applications ask for task/&lt;slug&gt; and leave the model to Tollgate." in content
    assert "<slug>" not in content
