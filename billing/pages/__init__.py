"""The console's pages about limits, alerts and statements. Each registers itself with `tenants.sites.console`."""

from billing.pages import alerts, budget, budget_editing, budgets, cards, channels, plan, raises, statements

__all__ = ["alerts", "budget", "budget_editing", "budgets", "cards", "channels", "plan", "raises", "statements"]
