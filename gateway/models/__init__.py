"""The gateway's tables, one concept a module."""

from gateway.models.catalog import Model, Provider
from gateway.models.context_policy import ContextPolicy
from gateway.models.earlier_answers import EarlierAnswer
from gateway.models.log_changes import LogChange
from gateway.models.quality import LabeledAnswer, QualityModel
from gateway.models.request_log import RequestLog
from gateway.models.routing import Task, TaskFallback
from gateway.models.rules import RoutingRule, RoutingTarget

__all__ = [
    "ContextPolicy",
    "EarlierAnswer",
    "LabeledAnswer",
    "LogChange",
    "Model",
    "Provider",
    "QualityModel",
    "RequestLog",
    "RoutingRule",
    "RoutingTarget",
    "Task",
    "TaskFallback",
]
