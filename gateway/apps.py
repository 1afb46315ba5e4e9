from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GatewayConfig(AppConfig):
    name = "gateway"
    verbose_name = _("Gateway")

    def ready(self) -> None:
        from django.utils.translation import gettext, ngettext

        from gateway import models, votes, wording
        from gateway.semantic import hits
        from tenants import audit

        audit.track(models.Provider)
        audit.track(models.Model)
        audit.track(models.Task)
        audit.track(models.TaskFallback)
        audit.track(models.ContextPolicy)
        audit.track(models.CachePolicy)
        audit.track(models.ContentPolicy)
        audit.track(models.RoutingRule)
        audit.track(models.RoutingTarget)
        audit.track(models.QualityModel)
        audit.track(models.SemanticWatch)
        audit.track(models.JudgePolicy)
        audit.track(models.JudgeBudget)

        wording.speak(gettext, ngettext)
        votes.follow(hits.hear)
