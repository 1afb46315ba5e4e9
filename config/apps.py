"""Django's view of this app, and of the admin, whose default site is the operators'."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Tollgate"


class OperatorAdminConfig(admin.AdminConfig):
    """`admin.site` is the operators' site, at /admin/. The consoles' is `tenants.sites.console`."""

    default = False  # of this module
    default_site = "tenants.sites.OperatorSite"
