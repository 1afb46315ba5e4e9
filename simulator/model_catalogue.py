"""The models that the simulator lists. Any other name answers as well; the list is there for clients that choose from it."""

from __future__ import annotations

from typing import Any

CREATED = 1_735_689_600
CREATED_AT = "2025-01-01T00:00:00Z"
OPENAI_MODELS = (
    "sim-gpt", "gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-5.5",
    "gpt-6-sol", "gpt-6-luna", "o3", "o4-mini", "text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002",
)  # fmt: skip
ANTHROPIC_MODELS = (
    "sim-claude", "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-opus-5", "claude-sonnet-5", "claude-opus-4-5",
    "claude-sonnet-4-5", "claude-haiku-4-5",
)  # fmt: skip
ANTHROPIC_PAGE = 20


def openai_model(model: str) -> dict[str, Any]:
    return {"id": model, "object": "model", "created": CREATED, "owned_by": "simulator"}


def openai_list() -> dict[str, Any]:
    return {"object": "list", "data": [openai_model(model) for model in OPENAI_MODELS]}


def anthropic_model(model: str) -> dict[str, Any]:
    return {
        "type": "model",
        "id": model,
        "display_name": model.partition("?")[0].replace("-", " ").title(),
        "created_at": CREATED_AT,
        "lifecycle": "active",
        "max_input_tokens": 1_000_000,
        "max_tokens": 64_000,
    }


def anthropic_list(*, limit: int, after: str | None, before: str | None) -> dict[str, Any]:
    """A page of the list, by the cursors that the provider has."""
    names = list(ANTHROPIC_MODELS)
    if after in names:
        names = names[names.index(after) + 1 :]
    if before in names:
        names = names[: names.index(before)]
    shown = names[-limit:] if before and not after else names[:limit]
    return {
        "data": [anthropic_model(model) for model in shown],
        "has_more": len(shown) < len(names),
        "first_id": shown[0] if shown else None,
        "last_id": shown[-1] if shown else None,
    }
