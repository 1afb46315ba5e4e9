"""Judges in the console: set by owners and admins, read by everybody, of one's own tenant only."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import timezone

from gateway import selectors
from gateway.models import JudgeBudget, JudgePolicy
from tests.cast import Cast, ConsoleClient, in_console
from tests.dashboards import ratings
from tests.dashboards.ratings import Answer
from tests.pages import text_of

pytestmark = pytest.mark.django_db
FORM = {"is_active": "on", "share_percent": "10", "rubric": "Names the menu."}


def test_a_judge_is_set_for_a_task_and_holds_in_the_configuration(cast: Cast, ada: ConsoleClient):
    task, model = cast.acme.task, cast.model.name
    page = f"{ada.home}judges/task/{task.slug}/"
    assert f"{model} · " in text_of(ada.get(page))
    response = ada.post(page, {**FORM, "judge": model}, follow=True)
    assert f"From now on 10 of a hundred answers are judged by {model}." in text_of(response)
    policy = JudgePolicy.objects.get()
    assert (policy.tenant, policy.task, policy.judge) == (cast.acme.tenant, task.slug, model)
    snapshot = selectors.preview(cast.acme.tenant)
    assert snapshot.judged == {task.slug: 0.1}
    limits = {item.window: item for item in snapshot.limits.limits if item.subject == "tollgate:judge"}
    assert {window: item.amount for window, item in limits.items()} == {"day": 10**9, "month": 20 * 10**9}
    assert selectors.preview(cast.globex.tenant).judged == {}


def test_a_judge_of_its_own_answers_is_warned_of(cast: Cast, ada: ConsoleClient):
    own = cast.acme.task.default_model.name
    response = ada.post(f"{ada.home}judges/task/{cast.acme.task.slug}/", {**FORM, "judge": own}, follow=True)
    assert "Models favour those" in text_of(response)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rubric": "  "}, "This field is required."),
        ({"judge": "nothing"}, "Select a valid choice. nothing is not one of the available choices."),
        ({"share_percent": "101"}, "Ensure this value is less than or equal to 100."),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(cast: Cast, ada: ConsoleClient, change: dict[str, str], message: str):
    response = ada.post(f"{ada.home}judges/models/", {**FORM, "judge": cast.model.name, **change})
    assert message in text_of(response)
    assert not JudgePolicy.objects.exists()


def test_the_list_says_what_was_found(cast: Cast, ada: ConsoleClient):
    assert "Nothing is judged yet." in text_of(ada.get(f"{ada.home}judges/"))
    slug = cast.acme.task.slug
    JudgePolicy.objects.create(tenant=cast.acme.tenant, task=slug, rubric="x", judge="wise")
    ratings.put(
        cast.acme.tenant.pk, [Answer(timezone.now(), slug, score=5)] * 3 + [Answer(timezone.now(), slug, score=1)]
    )
    text = text_of(ada.get(f"{ada.home}judges/"))
    assert "5 % of answers, judged by wise" in text
    assert "75 % good (30 – 95 %), 4 scores" in text


def test_the_budget_is_set_on_the_page(cast: Cast, ada: ConsoleClient):
    response = ada.post(f"{ada.home}judges/", {"usd_per_day": "0.5", "usd_per_month": "7"}, follow=True)
    assert "Judges spend no more than that from now on." in text_of(response)
    row = JudgeBudget.objects.get()
    assert (row.tenant, row.usd_per_day, row.usd_per_month) == (cast.acme.tenant, Decimal("0.5"), 7)


def test_a_viewer_reads_and_changes_nothing(cast: Cast):
    vera = in_console(cast.vera, cast.acme.tenant)
    for page in ("judges/", "judges/models/", f"judges/task/{cast.acme.task.slug}/"):
        assert vera.get(vera.home + page).status_code == 200
        assert (
            vera.post(
                vera.home + page, {**FORM, "judge": cast.model.name, "usd_per_day": 1, "usd_per_month": 1}
            ).status_code
            == 403
        )
    assert not JudgePolicy.objects.exists()
    assert not JudgeBudget.objects.exists()


def test_a_task_that_is_not_there_is_not_found(cast: Cast, ada: ConsoleClient):
    assert ada.get(f"{ada.home}judges/task/{cast.globex.task.slug}-none/").status_code == 404
