"""What a request will probably cost with each model. Strategies and cost caps go by it; what is charged does not."""

from __future__ import annotations

from typing import NamedTuple

from billing import prices
from gateway.types import Conversation, Model, Usage


class Case(NamedTuple):
    """A request as far as its cost goes. `output_tokens` is what it will probably get, all choices together."""

    input_tokens: int
    output_tokens: int
    conversation: Conversation

    def cost_nanousd(self, model: Model) -> int:
        """The expected cost. Input that the model has probably kept from the conversation counts at its price for cached tokens, so a
        change of models pays for what is lost."""
        if model.price is None:
            return 0
        kept = self.conversation.cached_tokens if self.conversation.model == model.name else 0
        usage = Usage(
            input_tokens=self.input_tokens,
            cache_read_tokens=min(kept, self.input_tokens),
            output_tokens=self.output_tokens,
        )
        return prices.cost_nanousd(model.price, usage)


def dollars(nanousd: int) -> str:
    """As people read a small amount: $0.0123, with as many digits as it takes to see four that count, nine at most."""
    if nanousd == 0:
        return "$0"
    digits = min(9, max(2, 13 - len(str(nanousd))))
    return f"${nanousd / 1e9:.{digits}f}"
