"""Django's view of this app, and of the admin, whose default site is the operators'."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Tollgate"


class OperatorAdminConfig(admin.SimpleAdminConfig):
    """`admin.site` is the operators' site, at /admin/. The consoles' is `tenants.sites.console`.

    The apps' `admin` modules are not imported at start-up but by those who need them (`config.interactive`).
    """

    default = False  # of this module
    default_site = "tenants.sites.OperatorSite"

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_pages, checks.Tags.admin)


def _check_pages(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[checks.CheckMessage]:
    """Django's check of what is registered with the sites, which is nothing before it is loaded."""
    from config import interactive

    interactive.load_pages()
    return check_admin_app(app_configs, **options)
