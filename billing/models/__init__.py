"""How much a tenant may use, how much it has used, and who is told."""

from billing.models.alerts import Alert, AlertChannel, AlertDelivery
from billing.models.budgets import Budget, BudgetRaise
from billing.models.plans import Plan, PlanTier, Subscription
from billing.models.usage import DailyUsage

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertDelivery",
    "Budget",
    "BudgetRaise",
    "DailyUsage",
    "Plan",
    "PlanTier",
    "Subscription",
]
