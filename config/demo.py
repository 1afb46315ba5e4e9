"""What the demonstration consists of. `manage.py seed_demo` puts it into the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_noop as _

OPERATOR_EMAIL = "operator@tollgate.local"
ADMIN_EMAIL = "admin@acme.example"
DEMO_TASK = "task/summarise"
DEMO_MODELS = {"openai": "gpt-6-luna", "anthropic": "claude-haiku-5-5"}


@dataclass(frozen=True)
class Person:
    email: str
    name: str
    role: str


@dataclass(frozen=True)
class DemoTenant:
    slug: str
    name: str
    timezone: str
    plan: str
    people: tuple[Person, ...]
    end_users: dict[str, str]  # external id → tier
    keys: tuple[str, ...] = ("Demo",)


@dataclass(frozen=True)
class DemoProvider:
    name: str
    kind: str
    variable: str  # the environment variable with the real credential
    simulator_path: str  # what follows the simulator's URL


@dataclass(frozen=True)
class DemoModel:
    name: str
    provider: str
    context_window: int
    max_output_tokens: int | None
    capabilities: tuple[str, ...]
    quality: int | None = None


@dataclass(frozen=True)
class DemoPlan:
    slug: str
    name: str
    description: str
    price_usd_per_month: Decimal
    limits: dict[str, int | Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class DemoTask:
    slug: str
    name: str
    urgency: str
    chain: tuple[str, ...]  # the default model, then the fallbacks


@dataclass(frozen=True)
class DemoRule:
    name: str
    tenant: str  # a slug; empty: the operator's
    targets: dict[str, int]  # model → weight
    says: dict[str, Any]  # fields of the row
    position: int = 100


@dataclass(frozen=True)
class DemoBudget:
    name: str
    tenant: str  # a slug
    scope: str
    metric: str
    window: str
    amount: Decimal
    subject: str = ""
    key: str = ""  # a key's name
    thresholds: tuple[int, ...] = (80,)
    cheaper_at: int | None = None
    raised_to: Decimal | None = None  # for a week
    reason: str = ""


@dataclass(frozen=True)
class DemoCache:
    """A cache policy of a tenant's for one task: the exact cache."""

    tenant: str  # a slug
    task: str
    ttl_seconds: int
    scope: str = "tenant"


@dataclass(frozen=True)
class DemoChannel:
    """An e-mail address for alerts, as if it were confirmed."""

    name: str
    tenant: str  # a slug
    address: str


TENANTS = (
    DemoTenant(
        slug="acme",
        name="Acme",
        timezone="Europe/Vienna",
        plan="team",
        people=(
            Person("alice@acme.example", "Alice", "owner"),
            Person(ADMIN_EMAIL, "Ada", "admin"),
            Person("bob@acme.example", "Bob", "developer"),
            Person("vera@acme.example", "Vera", "viewer"),
        ),
        end_users={"customer-1001": "free", "customer-1002": "free", "customer-2001": "paid"},
        keys=("Demo", "Support bot"),
    ),
    DemoTenant(
        slug="globex",
        name="Globex",
        timezone="America/New_York",
        plan="free",
        people=(
            Person("charlie@globex.example", "Charlie", "owner"),
            Person("admin@globex.example", "Gwen", "admin"),
            Person("dan@globex.example", "Dan", "developer"),
            Person("vic@globex.example", "Vic", "viewer"),
        ),
        end_users={"u-1": "free", "u-2": "paid"},
    ),
)
TIERS = {"free": 50_000, "paid": 500_000}  # tokens a day
PLANS = (
    DemoPlan(
        "free",
        "Free",
        _("To try it out."),
        Decimal(0),
        {
            "max_input_tokens": 4_096,
            "max_output_tokens": 1_024,
            "tokens_per_month": 1_000_000,
            "usd_per_month": Decimal(5),
            "requests_per_minute": 60,
            "max_concurrency": 5,
        },
    ),
    DemoPlan(
        "team",
        "Team",
        _("For one product in production."),
        Decimal(99),
        {
            "max_input_tokens": 4_096,
            "max_output_tokens": 1_024,
            "tokens_per_month": 100_000_000,
            "usd_per_month": Decimal(500),
            "requests_per_minute": 600,
            "max_concurrency": 50,
        },
    ),
    DemoPlan(
        "enterprise",
        "Enterprise",
        _("Limits by contract."),
        Decimal(999),
        {"usd_per_month": Decimal(10_000), "requests_per_minute": 6_000, "max_concurrency": 500},
    ),
)
PROVIDERS = (
    DemoProvider("openai", "openai", "OPENAI_API_KEY", "/v1"),
    DemoProvider("anthropic", "anthropic", "ANTHROPIC_API_KEY", ""),
)
CHAT = ("chat", "streaming", "tools", "vision", "json_schema")
MODELS = (
    DemoModel("gpt-6.1-sol", "openai", 1_050_000, 128_000, (*CHAT, "reasoning"), 90),
    DemoModel("gpt-6-luna", "openai", 1_050_000, 128_000, (*CHAT, "reasoning"), 72),
    DemoModel("gpt-4o-mini", "openai", 128_000, 16_384, CHAT, 55),
    DemoModel("text-embedding-3-small", "openai", 8_192, None, ("embeddings",)),
    DemoModel("claude-opus-5-5", "anthropic", 1_000_000, 64_000, (*CHAT, "reasoning"), 95),
    DemoModel("claude-sonnet-5-5", "anthropic", 1_000_000, 64_000, (*CHAT, "reasoning"), 88),
    DemoModel("claude-haiku-5-5", "anthropic", 1_000_000, 64_000, (*CHAT, "reasoning"), 74),
)
TASKS = (
    DemoTask("summarise", _("Summarise a text"), "real-time", ("claude-haiku-5-5", "gpt-6-luna")),
    DemoTask("classify", _("Put a text into a category"), "real-time", ("gpt-6-luna", "claude-haiku-5-5")),
    DemoTask("chat-support", _("Answer a customer"), "real-time", ("claude-sonnet-5-5", "gpt-6.1-sol", "gpt-4o-mini")),
    DemoTask("extract", _("Extract fields from a document"), "background", ("gpt-6.1-sol", "claude-sonnet-5-5")),
)
RULES = (
    DemoRule(_("Extraction on small models"), "", {"gpt-6-luna": 1, "claude-haiku-5-5": 1}, {"tasks": ["extract"]}),
    DemoRule(
        _("A retired model's name"), "", {"gpt-6-luna": 1, "claude-haiku-5-5": 1}, {"requested_models": ["gpt-3.5*"]}
    ),
    DemoRule(
        _("Free customers get the cheapest good model"),
        "acme",
        {"gpt-6-luna": 1, "claude-haiku-5-5": 1, "gpt-4o-mini": 1},
        {"tasks": ["chat-support"], "tiers": ["free"], "strategy": "cheapest", "quality_floor": 60},
        position=10,
    ),
    DemoRule(
        _("Try out support on another model"),
        "acme",
        {"claude-sonnet-5-5": 9, "gpt-6.1-sol": 1},
        {"tasks": ["chat-support"], "strategy": "weighted", "escapes_refusals": True},
        position=20,
    ),
)
CACHES = (DemoCache("acme", "chat-support", 3600), DemoCache("acme", "classify", 86_400))
CHANNELS = (DemoChannel(_("On call"), "acme", "on-call@acme.example"),)
# Amounts that show something and that a demonstration does not use up.
BUDGETS = (
    DemoBudget(_("All of Acme"), "acme", "tenant", "usd", "month", Decimal(25), thresholds=(50, 80, 95)),
    DemoBudget(_("Each customer"), "acme", "end_user", "tokens", "day", Decimal(200_000)),
    DemoBudget(_("Free customers together"), "acme", "tier", "usd", "day", Decimal(5), subject="free"),
    DemoBudget(_("Support bot"), "acme", "key", "requests", "minute", Decimal(60), key="Support bot", thresholds=()),
    DemoBudget(
        _("Answers to customers"),
        "acme",
        "task",
        "usd",
        "week",
        Decimal(10),
        subject="chat-support",
        cheaper_at=90,
        raised_to=Decimal(15),
        reason=_("Launch week"),
    ),
    DemoBudget(_("All of Globex"), "globex", "tenant", "usd", "month", Decimal(4)),
    DemoBudget(_("Each task"), "globex", "task", "tokens", "day", Decimal(500_000)),
)
