"""The operators' admin of the data plane: catalog, routing, API keys and the request log."""

from gateway.admin import (
    api_keys,
    caches,
    catalog,
    feedback,
    judging,
    providers,
    quality,
    request_log,
    routing,
    rules,
    semantic,
)

__all__ = [
    "api_keys",
    "caches",
    "catalog",
    "feedback",
    "judging",
    "providers",
    "quality",
    "request_log",
    "routing",
    "rules",
    "semantic",
]
