"""What the demonstration's history looks like: whose applications ask for what, how busy they are, what went wrong on which days.

`manage.py seed_traffic` makes requests of it (`config.management.traffic_rows`). All of it is invented.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Workload:
    """One application's requests. `share` is of the tenant's; tokens are medians of log-normal distributions; `exact` and `semantic`: the
    shares that caches answer, None where it does not use them; `prefix`: the share of input that providers have cached.
    """

    share: float
    key: str
    endpoint: str
    task: str  # empty: a model is named
    feature: str
    models: dict[str, float]
    input_tokens: int
    output_tokens: int
    streams: float = 0.0
    exact: float | None = None
    semantic: float = 0.0
    prefix: float = 0.0
    has_users: bool = True
    is_by_night: bool = False
    tags: tuple[tuple[str, float], ...] = ()
    spread: float = 0.6


@dataclass(frozen=True)
class Traffic:
    """A tenant's. `growth`: how much busier the last day is than the first; `weekend`: how busy its weekends are beside other days."""

    tenant: str
    share: float
    users: int
    prefix: str  # of end users' names, which go on with a number
    workloads: tuple[Workload, ...]
    growth: float = 1.5
    weekend: float = 0.35
    first_user: int = 1


@dataclass(frozen=True)
class Incident:
    """Something that went wrong: so many days ago, from an hour of UTC on, for so long. `fails`: the share of a provider's calls that
    failed; `slower`: how many times as long the others took.
    """

    provider: str
    days_ago: int
    hour: float
    hours: float
    fails: float
    slower: float = 1.0
    status: int = 503
    error_type: str = "upstream_overloaded"


@dataclass(frozen=True)
class Speed:
    """How fast a model answers: milliseconds to the first token, tokens a second."""

    first_ms: float
    tokens_per_second: float


SPEEDS = {
    "claude-haiku-5-5": Speed(380, 160),
    "claude-sonnet-5-5": Speed(720, 85),
    "claude-opus-5-5": Speed(1400, 55),
    "gpt-6-luna": Speed(330, 180),
    "gpt-6.1-sol": Speed(900, 75),
    "gpt-4o-mini": Speed(420, 110),
    "text-embedding-3-small": Speed(60, 1e9),
}
# What answers when a model cannot.
NEXT = {
    "claude-haiku-5-5": "gpt-6-luna",
    "claude-sonnet-5-5": "gpt-6.1-sol",
    "claude-opus-5-5": "gpt-6.1-sol",
    "gpt-6-luna": "claude-haiku-5-5",
    "gpt-6.1-sol": "claude-sonnet-5-5",
    "gpt-4o-mini": "claude-haiku-5-5",
}
INCIDENTS = (
    Incident("anthropic", 71, 13.0, 2.5, 0.55, 1.6),
    Incident("openai", 48, 7.5, 1.0, 0.85, 1.2, 500, "upstream_failed"),
    Incident("openai", 33, 15.0, 4.0, 0.12, 2.8, 504, "upstream_timeout"),
    Incident("anthropic", 12, 9.0, 3.0, 0.3, 1.5, 429, "upstream_rate_limited"),
    Incident("anthropic", 4, 14.0, 1.5, 0.7, 2.0),
    Incident("openai", 1, 10.0, 0.75, 0.5, 2.2, 504, "upstream_timeout"),
)
CHAT, MESSAGES, EMBEDDINGS = "chat.completions", "messages", "embeddings"
TRAFFIC = (
    Traffic(
        tenant="acme",
        share=0.72,
        users=6000,
        prefix="customer-",
        first_user=1001,
        workloads=(
            Workload(
                0.34, "Support bot", MESSAGES, "chat-support", "help-center",
                {"claude-sonnet-5-5": 0.62, "gpt-6.1-sol": 0.07, "gpt-6-luna": 0.31}, 1400, 260,
                streams=0.92, exact=0.06, semantic=0.21, prefix=0.55, tags=(("web", 0.7), ("beta", 0.08)),
            ),
            Workload(
                0.27, "Website", CHAT, "summarise", "article-summary", {"claude-haiku-5-5": 0.9, "gpt-6-luna": 0.1}, 2600, 180,
                streams=0.4, exact=0.38, semantic=0.17, tags=(("web", 1.0),),
            ),
            Workload(
                0.2, "Back office", CHAT, "classify", "ticket-triage", {"gpt-6-luna": 1.0}, 420, 12,
                exact=0.51, has_users=False, tags=(("triage", 1.0), ("eu", 0.5)),
            ),
            Workload(
                0.09, "Back office", CHAT, "extract", "invoices", {"gpt-6-luna": 0.5, "claude-haiku-5-5": 0.5}, 3300, 420,
                exact=0.02, has_users=False, is_by_night=True, tags=(("finance", 1.0),),
            ),
            Workload(
                0.06, "Website", EMBEDDINGS, "", "search", {"text-embedding-3-small": 1.0}, 60, 0,
                exact=0.6, has_users=False, spread=0.4,
            ),
            Workload(
                0.04, "Demo", CHAT, "", "", {"claude-opus-5-5": 0.25, "claude-sonnet-5-5": 0.35, "gpt-4o-mini": 0.4}, 900, 350,
                streams=0.5, has_users=False,
            ),
        ),
    ),
    Traffic(
        tenant="globex",
        share=0.28,
        users=1500,
        prefix="u-",
        growth=2.2,
        weekend=0.8,
        workloads=(
            Workload(
                0.6, "Demo", CHAT, "chat-support", "assistant", {"gpt-6-luna": 0.75, "claude-haiku-5-5": 0.25}, 1000, 220,
                streams=0.85, exact=0.03, semantic=0.12, prefix=0.3, tags=(("mobile", 0.8), ("web", 0.2)),
            ),
            Workload(
                0.3, "Demo", CHAT, "summarise", "digest", {"claude-haiku-5-5": 1.0}, 1900, 150,
                exact=0.2, is_by_night=True, tags=(("mobile", 1.0),),
            ),
            Workload(0.1, "Batch", CHAT, "classify", "moderation", {"gpt-4o-mini": 1.0}, 300, 8, exact=0.08, has_users=False),
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Failure:
    """What goes wrong on an ordinary day: its share of requests, and how it ends."""

    share: float
    status: int
    outcome: str
    error_type: str
    message: str
    reaches_provider: bool = True
    refused_by: str = field(default="")


FAILURES = (
    Failure(0.0016, 400, "refused", "invalid_request", "messages: Expected `array`, got `str`.", False),
    Failure(
        0.0012,
        404,
        "refused",
        "model_not_found",
        "There is no model “gpt-5”. GET /v1/models lists what there is.",
        False,
    ),
    Failure(
        0.0021,
        429,
        "refused",
        "rate_limit_exceeded",
        "Too many requests in a minute.",
        False,
        "key:requests_per_minute",
    ),
    Failure(0.0018, 429, "refused", "budget_spent", "The budget “Each customer” is used up.", False, "Each customer"),
    Failure(0.0007, 400, "upstream_error", "content_filter", "The prompt was refused by the content policy."),
    Failure(0.0011, 400, "upstream_error", "context_length_exceeded", "The prompt is too long for the model."),
    Failure(0.0009, 504, "upstream_error", "upstream_timeout", "The provider took too long."),
    Failure(0.0006, 200, "cut", "upstream_broke_off", "The provider broke off its answer."),
    Failure(0.0045, 499, "client_left", "", ""),
)
