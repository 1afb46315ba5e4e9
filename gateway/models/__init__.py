"""The gateway's tables, one concept a module."""

from gateway.models.catalog import Model, Provider
from gateway.models.earlier_answers import EarlierAnswer
from gateway.models.request_log import RequestLog
from gateway.models.routing import RoutingRule, RoutingTarget, Task, TaskFallback

__all__ = ["EarlierAnswer", "Model", "Provider", "RequestLog", "RoutingRule", "RoutingTarget", "Task", "TaskFallback"]
