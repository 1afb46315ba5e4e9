"""The gateway's tables, one concept a module."""

from gateway.models.breaker_changes import BreakerChange
from gateway.models.cache_policy import CachePolicy
from gateway.models.catalog import Model, Provider
from gateway.models.content import ContentErasure, ContentPolicy, RequestContent
from gateway.models.context_policy import ContextPolicy
from gateway.models.feedback import Feedback
from gateway.models.judging import JudgeBudget, Judgement, JudgePolicy, MeasuredQuality
from gateway.models.log_changes import LogChange
from gateway.models.quality import LabeledAnswer, QualityModel
from gateway.models.rating_days import RatingChange, RatingDay
from gateway.models.request_log import RequestLog
from gateway.models.routing import Task, TaskFallback
from gateway.models.rules import RoutingRule, RoutingTarget
from gateway.models.semantic import SemanticEntry, SemanticHit
from gateway.models.semantic_checks import SemanticCheck, SemanticLabel, SemanticWatch
from gateway.models.trace_exports import TraceExport

__all__ = [
    "BreakerChange",
    "CachePolicy",
    "ContentErasure",
    "ContentPolicy",
    "ContextPolicy",
    "Feedback",
    "JudgeBudget",
    "JudgePolicy",
    "Judgement",
    "LabeledAnswer",
    "LogChange",
    "MeasuredQuality",
    "Model",
    "Provider",
    "QualityModel",
    "RatingChange",
    "RatingDay",
    "RequestContent",
    "RequestLog",
    "RoutingRule",
    "RoutingTarget",
    "SemanticCheck",
    "SemanticEntry",
    "SemanticHit",
    "SemanticLabel",
    "SemanticWatch",
    "Task",
    "TaskFallback",
    "TraceExport",
]
