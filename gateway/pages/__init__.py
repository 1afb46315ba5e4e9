"""The console's pages about the gateway, and the one behind a feedback link. Found by the console's addresses, as every app's pages are."""

from gateway.pages import (
    arriving,
    budget_subjects,
    cards,
    content,
    contexts,
    explain_box,
    judges,
    playground,
    rule_editing,
    rules,
    setup,
    tasks,
)

__all__ = [
    "arriving",
    "budget_subjects",
    "cards",
    "content",
    "contexts",
    "explain_box",
    "judges",
    "playground",
    "rule_editing",
    "rules",
    "setup",
    "tasks",
]
