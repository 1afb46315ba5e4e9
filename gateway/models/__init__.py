"""The gateway's tables, one concept a module."""

from gateway.models.catalog import Model, Provider
from gateway.models.context_policy import ContextPolicy
from gateway.models.request_log import RequestLog
from gateway.models.routing import RoutingRule, RoutingTarget, Task, TaskFallback

__all__ = ["ContextPolicy", "Model", "Provider", "RequestLog", "RoutingRule", "RoutingTarget", "Task", "TaskFallback"]
