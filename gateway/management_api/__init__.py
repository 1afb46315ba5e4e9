"""The management API of keys, providers, models, tasks, rules, caches and the request log (`tenants.management_api` says how it works)."""
