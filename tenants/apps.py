from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = _("Tenants")

    def ready(self) -> None:
        from django.contrib.auth.models import Group, User

        from tenants import audit, models
        from tenants.accounts import events

        events.connect()
        audit.connect()
        audit.track(User, many_to_many=("groups", "user_permissions"))
        audit.track(Group, many_to_many=("permissions",))
        for model in (
            models.Tenant,
            models.Membership,
            models.ApiKey,
            models.ApiKeySecret,
            models.EndUser,
            models.Invitation,
            models.ManagementKey,
            models.SsoConnection,
        ):
            audit.track(model)
