"""Questions as people ask a support desk, made from parts: many of them alike, and some that ask the same in other words."""

from __future__ import annotations

import itertools
import random

WANTS = {
    "reset": ["reset", "recover", "get back", "restore"],
    "change": ["change", "update", "edit", "correct"],
    "cancel": ["cancel", "stop", "end", "call off"],
    "find": ["find", "see", "look up", "check"],
    "pay": ["pay for", "settle", "pay"],
    "return": ["return", "send back", "give back"],
    "report": ["report", "complain about", "tell you about"],
    "share": ["share", "give someone else access to", "let a colleague use"],
    "download": ["download", "export", "get a copy of"],
    "delete": ["delete", "remove", "get rid of"],
    "upgrade": ["upgrade", "extend", "get more out of"],
    "connect": ["connect", "link", "set up"],
}
THINGS = [
    "password", "e-mail address", "phone number", "delivery address", "payment method", "credit card", "invoice",
    "subscription", "order", "parcel", "refund", "gift card", "loyalty points", "account", "profile picture",
    "notification settings", "language", "time zone", "two-factor code", "API key", "team", "licence", "trial period",
    "contract", "warranty", "appointment", "booking", "flight", "seat", "hotel room", "rental car", "insurance policy",
    "claim", "tax form", "salary statement", "expense report", "calendar", "printer", "router", "tablet", "headset",
    "firmware", "backup", "shared folder", "spreadsheet", "dashboard", "report", "domain name", "certificate",
]  # fmt: skip
WHERE = [
    "", "in the app", "on the website", "on my phone", "for my business account", "without logging in", "before the end of the month",
    "from abroad", "for a customer in Vienna", "after the last update", "on the family plan", "with the free plan", "in dark mode",
]  # fmt: skip
FRAMES = [
    "How do I {want} my {thing} {where}?",
    "How can I {want} my {thing} {where}?",
    "I want to {want} my {thing} {where}. What do I have to do?",
    "Is there a way to {want} my {thing} {where}?",
    "Please help me {want} the {thing} {where}.",
    "What is the quickest way to {want} a {thing} {where}?",
    "I cannot {want} my {thing} {where}, what is wrong?",
    "Can you {want} my {thing} {where}?",
]


def made(count: int, seed: int) -> list[str]:
    """So many different questions, the same for the same seed."""
    draw = random.Random(seed)
    words = list(itertools.chain.from_iterable(WANTS.values()))
    found: dict[str, None] = {}
    while len(found) < count:
        parts = {"want": draw.choice(words), "thing": draw.choice(THINGS), "where": draw.choice(WHERE)}
        text = draw.choice(FRAMES).format(**parts)
        found[text.replace(" ?", "?").replace(" .", ".").replace(" ,", ",")] = None
    return list(found)
