"""What is known of a model by its name and by what its provider lists: a proposal for its row in the catalog, which people may change.

Prices and context windows come from the genai-prices catalog, abilities from what the provider says, else from the families of names
below. A name of no known family is taken for a chat model that streams, and nothing more is promised.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass

from billing import prices
from gateway.models import Model
from gateway.models.catalog import MODEL_NAME
from gateway.probes import Listed

Can = Model.Capability
PROPOSED = 4  # models that are ticked from the beginning

CHAT = frozenset({Can.CHAT, Can.STREAMING})
_FULL = CHAT | {Can.TOOLS, Can.VISION, Can.JSON_SCHEMA}
_THINKS = _FULL | {Can.REASONING}
_NO_TEXT = re.compile(
    r"whisper|tts|dall-e|image|audio|realtime|transcri|translat|moderation|sora|video|-live|computer-use|rerank|ocr|guard"
    r"|-instruct(-\d+)?$|^(davinci|babbage|ada|curie)|text-davinci|speech|flux|stable-diffusion",
    re.IGNORECASE,
)
_FAMILIES: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), frozenset(capabilities))
    for pattern, capabilities in (
        (r"embed|(^|/)(bge|e5|gte|voyage)-", {Can.EMBEDDINGS}),
        (r"claude-(2|instant|v1)", CHAT),
        (r"claude-3-(5|haiku|opus|sonnet)", CHAT | {Can.TOOLS, Can.VISION}),
        (r"claude-", _THINKS),
        (r"gpt-3\.5", CHAT | {Can.TOOLS}),
        (r"gpt-4(-32k|-\d{4})?$", CHAT | {Can.TOOLS}),
        (r"gpt-4-turbo|gpt-4-vision", CHAT | {Can.TOOLS, Can.VISION}),
        (r"gpt-4o|gpt-4\.|chatgpt-4o", _FULL),
        (r"gpt-oss", CHAT | {Can.TOOLS, Can.REASONING}),
        (r"gpt-[5-9]|(^|/)o[134](-|$)", _THINKS),
        (r"deepseek-(r|reasoner)|qwq|thinking|reason", CHAT | {Can.REASONING}),
        (r"deepseek|mistral|qwen|llama-[34]|llama3|command-r|grok", CHAT | {Can.TOOLS}),
        (r"gemini", _FULL),
    )
)


@dataclass(frozen=True)
class Proposal:
    """A model as it would be added. `price` None: one has to be entered, or requests are refused. `price_ref` as in `Model`."""

    upstream_id: str
    name: str
    capabilities: frozenset[str]
    context_window: int | None
    max_output_tokens: int | None
    price: prices.Price | None
    price_ref: str
    title: str = ""

    @property
    def is_text(self) -> bool:
        """Whether it can be used here at all: it writes, or makes vectors of, texts."""
        return bool(self.capabilities)


def propose(listed: Listed, *, kind: str, base_url: str, at: dt.datetime) -> Proposal:
    """What is known of one model of a provider of that kind at that URL."""
    capabilities = listed.capabilities if listed.capabilities is not None else capabilities_of(listed.id)
    catalog_id = kind if kind in prices.CATALOGED_KINDS else prices.provider_at(base_url)
    price_ref = "" if kind in prices.CATALOGED_KINDS or not catalog_id else f"{catalog_id}:{listed.id}"
    price = prices.resolve(kind=kind, upstream_id=listed.id, price_ref=price_ref, at=at)
    window = listed.context_window
    if window is None and catalog_id:
        window = prices.context_window(provider_id=catalog_id, upstream_id=listed.id)
    return Proposal(
        upstream_id=listed.id,
        name=_name(listed.id),
        capabilities=capabilities,
        context_window=window,
        max_output_tokens=listed.max_output_tokens,
        price=price,
        price_ref=price_ref if price is not None else "",
        title=listed.name,
    )


def capabilities_of(upstream_id: str) -> frozenset[str]:
    """By the model's name; nothing for one that is not about text."""
    if _NO_TEXT.search(upstream_id):
        return frozenset()
    return next((found for pattern, found in _FAMILIES if pattern.search(upstream_id)), CHAT)


def first_choice(proposals: Iterable[Proposal], listed: Iterable[Listed]) -> frozenset[str]:
    """The models to offer ticked: all of a short list, else the newest ones that chat and have a price, each family once."""
    usable = [item for item in proposals if item.is_text]
    if len(usable) <= PROPOSED:
        return frozenset(item.upstream_id for item in usable)
    made = {item.id: item.created_at or 0 for item in listed}
    chatting = [item for item in usable if item.price is not None and Can.CHAT in item.capabilities]
    chosen: dict[str, str] = {}
    for item in sorted(
        chatting, key=lambda item: (made.get(item.upstream_id, 0), _version(item.upstream_id)), reverse=True
    ):
        chosen.setdefault(_family(item.upstream_id), item.upstream_id)
    return frozenset(list(chosen.values())[:PROPOSED])


def _version(upstream_id: str) -> tuple[float, int, str]:
    """What comes later where nobody says when a model was made: the higher number, then the shorter name."""
    number = re.search(r"\d+(\.\d+)?", upstream_id)
    return float(number[0]) if number else 0.0, -len(upstream_id), upstream_id


def _family(upstream_id: str) -> str:
    """The name without what tells its versions apart: gpt-5.4-mini and gpt-5-mini-2025-08-07 are gpt-mini."""
    return re.sub(r"[-_.]?\d[\d.]*|-latest|-preview", "", upstream_id)


def _name(upstream_id: str) -> str:
    """What applications could call it: the same, as far as names may be."""
    cleaned = re.sub(r"[^A-Za-z0-9._:/@+?=&-]", "-", upstream_id)
    cleaned = re.sub(r"^[^A-Za-z0-9]+", "", cleaned)[:120]
    return (
        cleaned if re.match(MODEL_NAME.regex, cleaned) and not cleaned.startswith("task/") else f"model-{cleaned}"[:120]
    )
