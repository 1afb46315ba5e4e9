"""How many tokens the parts of a request have, on the scale by which the reserve step admits it (`gateway.tokens.likely`). Pure.

Each message is weighed once, so that leaving some out is a subtraction. The sum is exact as long as images or tool blocks are, or are
not, among what stays; where that changes, `whole` tells.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from gateway import tokens
from gateway.context.turns import Message
from gateway.types import Request


class Size(NamedTuple):
    """Quarter tokens as `tokens.of_request` counts, thousandths of a token as `tokens.upper_bound` does."""

    quarters: int
    per_mille: int


class Meter:
    """Sizes of one request's messages. `kind` is the provider's whose bound applies."""

    def __init__(self, request: Request, messages: Iterable[Message], *, kind: str) -> None:
        self._body: Any = request.body
        self._kind = kind
        self._is_text_only = tokens.is_text_only(request.body)
        given = list(messages)
        self._sizes: dict[
            int, tuple[Message, Size]
        ] = {}  # by identity, with the message, so that it stays the only one of its id
        for message in given:
            self._size(message)
        self._base = self._rest(request)
        self.total = self.tokens(given)

    def tokens(self, messages: Iterable[Message]) -> int:
        """The request's, were these its messages."""
        quarters, per_mille = self._base
        for message in messages:
            size = self._size(message)
            quarters += size.quarters
            per_mille += size.per_mille
        bound = tokens.with_overhead(-(-per_mille // 1000), self._body, kind=self._kind)
        return max(-(-quarters // tokens.BYTES_PER_TOKEN), bound // 2)

    def weigh(self, message: Message) -> int:
        """Thousandths of a token that the message adds, to be added up: the same in every request that has it."""
        size = self._size(message)
        bound = tokens.with_overhead(size.per_mille, None, kind=self._kind)
        return max(size.quarters * 1000 // tokens.BYTES_PER_TOKEN, bound // 2)

    def _rest(self, request: Request) -> Size:
        """The request without its messages."""
        quarters = tokens.of_request(request.body) * tokens.BYTES_PER_TOKEN
        quarters -= sum(size.quarters for _, size in self._sizes.values())
        if self._is_text_only:
            texts = sum(size.per_mille for _, size in self._sizes.values())
            return Size(quarters, tokens.weight(request.content) - texts)
        rest = {name: msgspec.json.decode(value) for name, value in request.raw.items() if name != "messages"}
        return Size(quarters, tokens.weight_of({**rest, "messages": []}))

    def _size(self, message: Message) -> Size:
        known = self._sizes.get(id(message))
        if known is None:
            known = self._sizes[id(message)] = message, self._measure(message)
        return known[1]

    def _measure(self, message: Message) -> Size:
        content = message.data.get("content")
        images = size = 0
        if isinstance(content, str):
            size = len(content.encode("utf-8", "replace"))
        for block in message.blocks:
            text = block.get("text")
            size += len(text.encode("utf-8", "replace")) if isinstance(text, str) else 0
            images += block.get("type") in ("image", "image_url")
        quarters = size + tokens.BYTES_PER_TOKEN * (images * tokens.IMAGE_TOKENS + tokens.MESSAGE_TOKENS)
        per_mille = tokens.weight(bytes(message.raw)) if self._is_text_only else tokens.weight_of(message.data)
        return Size(quarters, per_mille)


def whole(body: Any, content: bytes, *, kind: str) -> int:
    """Tokens of a whole request, as the reserve step estimates them."""
    return tokens.likely(body, tokens.upper_bound(body, content, kind=kind))
