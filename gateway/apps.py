from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GatewayConfig(AppConfig):
    name = "gateway"
    verbose_name = _("Gateway")

    def ready(self) -> None:
        from gateway import models
        from tenants import audit

        for model in (models.Provider, models.Model, models.Task, models.TaskFallback):
            audit.track(model)
        for model in (models.RoutingRule, models.RoutingTarget):
            audit.track(model)
