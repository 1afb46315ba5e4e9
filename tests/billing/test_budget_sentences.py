"""What a budget says in plain words, for every scope with and without a subject, every metric and every window."""

from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from billing import sentences
from billing.models import Budget
from tenants.models import ApiKey

KEY = ApiKey(name="Support bot", prefix="tg-abc")

SUBJECTS: dict[tuple[str, bool], dict[str, Any]] = {
    ("tenant", False): {},
    ("key", True): {"api_key": KEY},
    ("key", False): {},
    ("end_user", True): {"subject": "customer 7"},
    ("end_user", False): {},
    ("tier", True): {"subject": "free"},
    ("tier", False): {},
    ("task", True): {"subject": "summarise"},
    ("task", False): {},
    ("model", True): {"subject": "gpt-4o-mini"},
    ("model", False): {},
    ("tag", True): {"subject": "beta"},
    ("tag", False): {},
}
WHO = {
    ("tenant", False): "Block when the whole tenant ",
    ("key", True): "Block when API key “Support bot (tg-abc…)” ",
    ("key", False): "Block each API key that ",
    ("end_user", True): "Block when end user “customer 7” ",
    ("end_user", False): "Block each end user who ",
    ("tier", True): "Block when all users of tier free together ",
    ("tier", False): "Block when all users of one tier together ",
    ("task", True): "Block when task summarise ",
    ("task", False): "Block each task that ",
    ("model", True): "Block when model gpt-4o-mini ",
    ("model", False): "Block each model that ",
    ("tag", True): "Block when tag “beta” ",
    ("tag", False): "Block each tag that ",
}
DOES = {
    "usd": {"tenant": "spends", "key": "spends", "end_user": "spends", "tier": "spend"},
    "tokens": {"tier": "use"},
    "requests": {"tenant": "makes", "key": "makes", "end_user": "makes", "tier": "make"},
}
OF_THINGS = {"usd": "costs", "tokens": "uses", "requests": "gets"}
MANY = {"usd": "$50", "tokens": "50 tokens", "requests": "50 requests"}
ONE = {"usd": "$1", "tokens": "1 token", "requests": "1 request"}
WINDOWS = {
    "minute": "a minute",
    "hour": "an hour",
    "day": "a day",
    "week": "a week",
    "month": "a month",
    "total": "in total",
}


def budget(scope: str, has_subject: bool, **fields: Any) -> Budget:
    return Budget(scope=scope, **{"amount": Decimal(50), **SUBJECTS[scope, has_subject], **fields})


def test_the_tables_above_leave_nothing_out():
    assert {scope for scope, _ in SUBJECTS} == set(Budget.Scope.values)
    assert set(SUBJECTS) == set(WHO)
    assert (set(MANY), set(WINDOWS)) == (set(Budget.Metric.values), set(Budget.Window.values))


@pytest.mark.parametrize(("scope", "has_subject", "metric", "window"), [
    (*who, metric, window) for who, metric, window in product(SUBJECTS, MANY, WINDOWS)
])  # fmt: skip
def test_says_who_does_more_than_how_much_in_which_window(scope: str, has_subject: bool, metric: str, window: str):
    verb = DOES[metric].get(scope, OF_THINGS[metric])
    for amount, quantity in ((50, MANY[metric]), (1, ONE[metric])):
        said = sentences.blocking(budget(scope, has_subject, metric=metric, window=window, amount=Decimal(amount)))
        assert said == f"{WHO[scope, has_subject]}{verb} more than {quantity} {WINDOWS[window]}"


def test_reads_as_one_would_say_it():
    assert [
        sentences.blocking(budget("tier", True, metric="usd", window="day")),
        sentences.blocking(budget("tenant", False, metric="usd", window="month", amount=Decimal(25))),
        sentences.blocking(budget("end_user", False, metric="tokens", window="day", amount=Decimal(200_000))),
        sentences.blocking(budget("key", True, metric="requests", window="minute", amount=Decimal(60))),
        sentences.blocking(budget("model", False, metric="requests", window="hour", amount=Decimal(1))),
        sentences.blocking(budget("task", True, metric="usd", window="total", amount=Decimal("0.5"))),
    ] == [
        "Block when all users of tier free together spend more than $50 a day",
        "Block when the whole tenant spends more than $25 a month",
        "Block each end user who uses more than 200,000 tokens a day",
        "Block when API key “Support bot (tg-abc…)” makes more than 60 requests a minute",
        "Block each model that gets more than 1 request an hour",
        "Block when task summarise costs more than $0.50 in total",
    ]


ALWAYS = {
    ("tenant", False): "of the whole tenant",
    ("key", True): "of API key “Support bot (tg-abc…)”",
    ("key", False): "of any API key",
    ("end_user", True): "of end user “customer 7”",
    ("end_user", False): "of any end user",
    ("tier", True): "of users of tier free",
    ("tier", False): "of users of any tier",
    ("task", True): "for task summarise",
    ("task", False): "for any task",
    ("model", True): "to model gpt-4o-mini",
    ("model", False): "to any model",
    ("tag", True): "with tag “beta”",
    ("tag", False): "with any tag",
}


@pytest.mark.parametrize(("scope", "has_subject"), ALWAYS)
@pytest.mark.parametrize("metric", MANY)
def test_nothing_allowed_is_said_as_such(scope: str, has_subject: bool, metric: str):
    said = sentences.blocking(budget(scope, has_subject, metric=metric, window="day", amount=Decimal(0)))
    assert said == f"Block every request {ALWAYS[scope, has_subject]}"


def test_names_are_taken_as_they_are():
    said = sentences.blocking(budget("end_user", True, subject="%(does)s 100 % <b>", metric="usd", window="day"))
    assert said == "Block when end user “%(does)s 100 % <b>” spends more than $50 a day"


@pytest.mark.parametrize(
    ("metric", "amount", "text"),
    [
        ("usd", "50.000000", "$50"),
        ("usd", "0.5", "$0.50"),
        ("usd", "1234567.891", "$1,234,567.891"),
        ("usd", "0.000001", "$0.000001"),
        ("usd", "0.000000001", "$0.000000001"),
        ("usd", "100", "$100"),
        ("usd", "0", "$0"),
        ("usd", "9E+6", "$9,000,000"),
        ("tokens", "200000.000000", "200,000 tokens"),
        ("tokens", "1", "1 token"),
        ("tokens", "0", "0 tokens"),
        ("requests", "1.000000", "1 request"),
        ("requests", "60", "60 requests"),
        ("requests", "9007199254740991", "9,007,199,254,740,991 requests"),
    ],
)
def test_an_amount_has_its_unit_and_every_digit(metric: str, amount: str, text: str):
    assert sentences.quantity(metric, Decimal(amount)) == text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, ""),
        ({"cheaper_at": 80}, "From 80 % on, the cheapest model of the route answers."),
        ({"cheaper_at": 80, "cheaper_model": "gpt-4o-mini"}, "From 80 % on, gpt-4o-mini answers."),
        ({"cached_only_at": 95}, "From 95 % on, only cached answers are given."),
        (
            {"cheaper_at": 80, "cached_only_at": 95},
            "From 80 % on, the cheapest model of the route answers. From 95 % on, only cached answers are given.",
        ),
    ],
)
def test_says_what_happens_before_it_blocks(fields: dict[str, Any], said: str):
    assert sentences.before_blocking(Budget(amount=Decimal(1), **fields)) == said
