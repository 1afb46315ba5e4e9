"""Options that providers charge for otherwise than by token prices. Tollgate could not limit what they cost, so it refuses them.

The operator may let them pass (TOLLGATE_UNPRICED_OPTIONS=pass): then they are counted at the token prices, which is too little. Prices:
https://platform.claude.com/docs/en/about-claude/pricing and https://platform.openai.com/docs/pricing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway import bodies
from gateway.errors import Unsupported
from gateway.types import Endpoint, Request

# By the body's top level: the values that cost more, None for any but null. What is not here costs nothing, or less, besides its tokens.
_DEARER: dict[Endpoint, dict[str, frozenset[str] | None]] = {
    Endpoint.CHAT: {
        "service_tier": frozenset({"priority"}),
        "web_search_options": None,  # by the search
        "audio": None,  # audio tokens have prices of their own
    },
    Endpoint.MESSAGES: {
        "speed": frozenset({"fast"}),
        "inference_geo": frozenset({"us"}),
    },
}
_TOOLS = ("web_search", "code_execution")  # Anthropic's own: by the search, by the hour
_SOUND = "input_audio"


def refuse(request: Request) -> None:
    """Raises `Unsupported` for a request with an option whose price Tollgate does not know."""
    dearer = _DEARER.get(request.endpoint)
    if dearer is None:
        return
    for name in dearer.keys() & request.raw.keys():
        value = msgspec.json.decode(request.raw[name])
        values = dearer[name]
        if value is not None and (values is None or (isinstance(value, str) and value in values)):
            raise _refusal(name, f"“{name}”" if values is None else f"“{name}”: “{value}”")
    body: Any = request.body
    for tool in body.tools or ():
        kind = tool.get("type")
        if isinstance(kind, str) and kind.startswith(_TOOLS):
            raise _refusal("tools", f"The tool “{kind}”")
    for message in body.messages:
        if isinstance(message.content, list) and any(map(_is_sound, message.content)):
            raise _refusal("messages", "Audio")


def _is_sound(part: bodies.Part) -> bool:
    return part.type == _SOUND


def _refusal(param: str, what: str) -> Unsupported:
    return Unsupported(
        f"{what} is charged otherwise than by the model's token prices, so its cost could not be limited. Leave it out.",
        param=param,
        code="option_unpriced",
    )
