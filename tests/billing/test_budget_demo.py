"""The demonstration's budgets: valid, made once, and not such that they stop it."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from billing import sentences, standing
from billing.models import Budget, BudgetRaise

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def var_dir(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path


def seed() -> None:
    call_command("seed_demo", "--json", "--simulator-url", "http://127.0.0.1:9100")


def test_every_budget_is_valid_and_says_what_it_is_for():
    seed()
    own = Budget.objects.filter(tenant__slug__in=["acme", "globex"])
    for row in [*own, *BudgetRaise.objects.filter(budget__in=own)]:
        row.full_clean()
    said = {(budget.tenant.slug, budget.name): sentences.blocking(budget) for budget in own}
    key = str(own.get(name="Support bot").api_key)
    assert said == {
        ("acme", "All of Acme"): "Block when the whole tenant spends more than $25 a month",
        ("acme", "Each customer"): "Block each end user who uses more than 200,000 tokens a day",
        ("acme", "Free customers together"): "Block when all users of tier free together spend more than $5 a day",
        ("acme", "Support bot"): f"Block when API key “{key}” makes more than 60 requests a minute",
        ("acme", "Answers to customers"): "Block when task chat-support costs more than $10 a week",
        ("globex", "All of Globex"): "Block when the whole tenant spends more than $4 a month",
        ("globex", "Each task"): "Block each task that uses more than 500,000 tokens a day",
    }
    raised = own.get(name="Answers to customers")
    amount, until = standing.amount_in_force(raised, timezone.now())
    assert (amount, until) == (15, raised.raises.get().ends_at)


def test_a_second_run_leaves_alone_what_a_person_changed_or_deleted():
    seed()
    # Not all there are: what tests in a browser have written is committed, and stays.
    budgets, raises = Budget.objects.filter(tenant__slug="acme"), BudgetRaise.objects.filter(tenant__slug="acme")
    budgets.filter(name="All of Acme").update(amount=1)
    budgets.get(name="Each customer").delete()
    seed()
    assert budgets.get(name="All of Acme").amount == 1
    assert not budgets.filter(name="Each customer").exists()
    assert [item.budget.name for item in raises] == ["Answers to customers"]
