"""The console's pages about the tenant itself. Each registers itself with `tenants.sites.console`."""

from tenants.pages import cards, home, team

__all__ = ["cards", "home", "team"]
