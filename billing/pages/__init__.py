"""The console's pages of what is used and limited that are no model's. Each registers itself with `tenants.sites.console`."""

from billing.pages import cards

__all__ = ["cards"]
