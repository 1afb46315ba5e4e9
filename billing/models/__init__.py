"""How much a tenant may use, how much it has used, and who is told."""

from billing.models.alert_settings import AlertSettings
from billing.models.alerts import Alert, AlertDelivery, AlertsSeen
from billing.models.budgets import Budget, BudgetRaise
from billing.models.channels import AlertChannel, Severity
from billing.models.plans import Plan, PlanTier, Subscription
from billing.models.usage import DailyUsage

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertDelivery",
    "AlertSettings",
    "AlertsSeen",
    "Budget",
    "BudgetRaise",
    "DailyUsage",
    "Plan",
    "PlanTier",
    "Severity",
    "Subscription",
]
