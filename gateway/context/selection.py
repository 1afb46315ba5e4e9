"""What stays of a conversation, and what that comes to: the state that the steps of context optimisation change in turn. No I/O."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.context import boilerplate, fitting, window
from gateway.context.measuring import Meter
from gateway.context.turns import Conversation, Kind, Message
from gateway.types import ContextPolicy


class Selection:
    """What the window leaves at first. `budget` None: there is none. `messages` are those that stay, `units` what they belong to."""

    def __init__(self, conversation: Conversation, policy: ContextPolicy, *, meter: Meter, budget: int | None) -> None:
        self.conversation = conversation
        self.meter = meter
        self.budget = budget
        self._policy = policy
        self._marked = [index for index, unit in enumerate(conversation.units) if unit.first < conversation.marked]
        fixed = [*conversation.messages[: conversation.marked], conversation.messages[conversation.last_words]]
        self._fixed = {id(message) for message in fixed}
        self.is_fitted = False
        self._choose(self._window() if policy.keep_messages is not None else 0, self._marked)

    def _choose(self, cut: int, also: Iterable[int]) -> None:
        self.cut, self.also = cut, list(also)
        self.units = self.conversation.kept(cut, self.also)
        self.messages = self._messages(self.units)
        self.count = len(self.messages)
        if self._policy.drops_repetition:
            self.messages = boilerplate.without_repetition(self.messages, may_edit=self._may_edit)
        self.size = self.meter.tokens(self.messages) if self.budget is not None else 0

    def _messages(self, units: list[int]) -> list[Message]:
        spans = (self.conversation.units[index] for index in units)
        return [message for unit in spans for message in self.conversation.messages[unit.first : unit.end]]

    def _may_edit(self, message: Message) -> bool:
        return id(message) not in self._fixed and message.data.get("role") not in ("system", "developer")

    @property
    def is_whole(self) -> bool:
        return self.count == len(self.conversation.messages)

    @property
    def keeps_marks(self) -> bool:
        """Whether something stays only because it is marked for the provider's cache."""
        return bool(self._marked) and self._marked == self.also[: len(self._marked)]

    @property
    def room(self) -> int | None:
        """Tokens that may still be added; None: any number."""
        return None if self.budget is None else self.budget - self.size

    def cut_to_budget(self) -> None:
        """Only if need be; and what is marked goes only if the rest does not suffice."""
        if self.budget is None or self.size <= self.budget:
            return
        self.is_fitted = True
        by_blocks = max(self.cut, self._fitting(self.budget))
        for also in (self._marked, []):
            cut = fitting.first_that_fits(
                self.conversation,
                least=by_blocks,
                budget=self.budget,
                size_at=lambda place, also=also: self.meter.tokens(  # type: ignore[misc]
                    self._messages(self.conversation.kept(place, also))
                ),
            )
            self._choose(cut, also)
            if self.size <= self.budget:
                break

    def earlier_cut(self) -> int:
        """Where the cut was a block ago: up to there, there may be a summary already."""
        if self.is_fitted and self.budget is not None:
            return self._fitting(self.budget, blocks_ago=1)
        return self._window(blocks_ago=1) if self._policy.keep_messages is not None else 0

    def bring_back(self, units: Iterable[int]) -> bool:
        """Keep these units, too, if there is room for them; whether they are kept."""
        before = self.cut, self.also
        self._choose(self.cut, [*self.also, *units])
        if self.budget is None or self.size <= self.budget:
            return True
        self._choose(*before)
        return False

    def insert(self, turn: list[Message]) -> bool:
        """Put a turn of our own before the first round that is not marked, if there is one and room for it; whether it was put there."""
        place = self._first_free_ask()
        if place is None:
            return False
        size = self.meter.tokens(turn) - self.meter.tokens(())
        if self.room is not None and size > self.room:
            return False
        self.messages = [*self.messages[:place], *turn, *self.messages[place:]]
        self.size += size
        return True

    def _first_free_ask(self) -> int | None:
        all_units = self.conversation.units
        bound = all_units[self._marked[-1]].round if self.keeps_marks else -1
        place = 0
        for index in self.units:
            if all_units[index].kind is Kind.ASK and all_units[index].round > bound:
                return place
            place += all_units[index].size
        return None

    def _window(self, blocks_ago: int = 0) -> int:
        keep, block = self._policy.keep_messages, self._policy.block_messages
        assert keep is not None
        return window.cut(self.conversation, keep=keep, block=block, blocks_ago=blocks_ago)

    def _fitting(self, budget: int, blocks_ago: int = 0) -> int:
        return fitting.cut(self.conversation, budget=budget, meter=self.meter, blocks_ago=blocks_ago)
