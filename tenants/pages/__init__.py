"""The console's pages about the tenant itself. Each registers itself with `tenants.sites.console`."""

from tenants.pages import cards, home, management_keys, team

__all__ = ["cards", "home", "management_keys", "team"]
