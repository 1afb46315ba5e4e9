"""The gateway's tables, one concept a module."""

from gateway.models.catalog import Model, Provider
from gateway.models.request_log import RequestLog
from gateway.models.routing import Task, TaskFallback
from gateway.models.rules import RoutingRule, RoutingTarget

__all__ = ["Model", "Provider", "RequestLog", "RoutingRule", "RoutingTarget", "Task", "TaskFallback"]
