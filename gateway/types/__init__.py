"""What crosses borders inside the gateway: frozen, typed, without Django; one concept a module."""

from gateway.types.catalog import Model, Provider, Secret
from gateway.types.facts import Cheaper, Conversation, Facts, Health, Signals
from gateway.types.plans import Attempt, Cascade, Dropped, Plan
from gateway.types.policies import CachePolicy, Caching, ContentPolicy, ContextPolicy, PrefixPolicy
from gateway.types.requests import ContextChange, Labels, Request
from gateway.types.rules import Choice, Condition, Rule, Task
from gateway.types.snapshot import Key, Measured, SemanticStanding, Snapshot
from gateway.types.wire import Endpoint, ProviderAnswer, Surface, Usage, WireRequest

__all__ = [
    "Attempt",
    "CachePolicy",
    "Caching",
    "Cascade",
    "Cheaper",
    "Choice",
    "Condition",
    "ContentPolicy",
    "ContextChange",
    "ContextPolicy",
    "Conversation",
    "Dropped",
    "Endpoint",
    "Facts",
    "Health",
    "Key",
    "Labels",
    "Measured",
    "Model",
    "Plan",
    "PrefixPolicy",
    "Provider",
    "ProviderAnswer",
    "Request",
    "Rule",
    "Secret",
    "SemanticStanding",
    "Signals",
    "Snapshot",
    "Surface",
    "Task",
    "Usage",
    "WireRequest",
]
