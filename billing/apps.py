from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = _("Billing")

    def ready(self) -> None:
        from billing import models
        from tenants import audit

        for model in (
            models.Plan,
            models.PlanTier,
            models.Subscription,
            models.Budget,
            models.BudgetRaise,
            models.AlertChannel,
            models.AlertSettings,
        ):
            audit.track(model)
