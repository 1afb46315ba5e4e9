"""The console's pages of the data plane that are no model's. Each registers itself with `tenants.sites.console`."""

from gateway.pages import arriving, cards, setup

__all__ = ["arriving", "cards", "setup"]
