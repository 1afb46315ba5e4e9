"""The management API of budgets, alerts and statements (`tenants.management_api` says how it works)."""
