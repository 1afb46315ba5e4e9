"""The marks of one request, for each model that may get it: what `rule` says to what `memory` knows of the prefixes that `reading` found.

Made before the request is admitted, since a mark may make its input dearer; told to the memory only when a model is called. What the
provider then says it has read and written corrects what is believed of its cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from billing.prices import Rates
from gateway.prefix import caches, reading, rule
from gateway.prefix.caches import LOOKBACK_BLOCKS, Cache, Style
from gateway.prefix.marks import NONE, Marks
from gateway.prefix.memory import Prefix, PrefixMemory, Tenant
from gateway.prefix.reading import Prompt
from gateway.prefix.rule import Place
from gateway.types import Model, PrefixPolicy, Request, Usage

TAKES_KEY = "prompt_cache_key"  # a capability
MOST_TURNS_BACK = 24  # messages before the last among which a conversation's turn before is looked for
LEAST_SEEN = (
    10.0  # conversations of which it must be known how they went on before a provider's own caching is switched off
)


def cache_of(model: Model) -> Cache | None:
    """What the model's provider offers; None if nothing is known of it."""
    return caches.of(model.provider.kind, model.upstream_id, TAKES_KEY in model.capabilities)


class Decision:
    """Marks by model, and what there is to remember once a call is made."""

    __slots__ = ("_found", "_is_new_here", "_marks", "_memory", "_now", "_prompt", "_sent", "_tenant", "_told")

    def __init__(
        self,
        request: Request,
        models: Iterable[Model],
        policy: PrefixPolicy,
        *,
        memory: PrefixMemory,
        tenant: Tenant,
        now: float,
        has_own: bool,
        key: Callable[[Prompt], str],
    ) -> None:
        """`has_own`: the caller has marked something, so no mark is added. `key`: makes the name of requests that begin the same."""
        self._memory = memory
        self._tenant = tenant
        self._now = now
        offers = [(model, cache_of(model)) for model in models if model.price is not None]
        follows = not has_own and any(cache is not None and cache.lifetimes for _, cache in offers)
        self._prompt = reading.read(request, follows=follows)
        self._marks: dict[str, Marks] = {}
        self._found: dict[str, _Found] = {}
        self._told: dict[str, list[tuple[Prefix, str]]] = {}
        self._sent: list[tuple[Prefix, str]] = []
        self._is_new_here = False  # a conversation that has gone on before, but not here
        memory.pass_time(now)
        likely = reading.likely_tokens(self._prompt.size)
        for model, cache in offers:
            if cache is None or likely < cache.least_tokens or model.name in self._marks:
                continue
            marks = NONE
            if cache.lifetimes and not has_own:
                found = self._found[model.name] = _Found(self._prompt, tenant, model)
                marks = self._decided(request, model, cache, policy, found)
            if cache.style is not Style.MARKS and "prompt_cache_key" not in request.raw:
                marks = Marks(
                    head=marks.head, last=marks.last, is_explicit=marks.is_explicit, cache_key=key(self._prompt)
                )
            self._marks[model.name] = marks

    def marks(self, model: Model) -> Marks:
        return self._marks.get(model.name, NONE)

    def _decided(self, request: Request, model: Model, cache: Cache, policy: PrefixPolicy, found: _Found) -> Marks:
        prompt, now, tenant = self._prompt, self._now, self._tenant
        assert model.price is not None
        lifetimes = cache.lifetimes if policy.lifetime not in cache.lifetimes else (policy.lifetime,)
        going_on = tenant.odds_of_going_on(prompt.head, found.before, prompt.is_opening, now)
        if found.last is not None:
            going_on = _most(going_on, tenant.odds_of(found.last, now))
        of_head = _most(tenant.odds_of(found.head, now), going_on) if found.head_key else going_on
        of_tools = _most(tenant.odds_of(found.tools, now), of_head) if found.tools_key else of_head
        before_size = 0
        if found.before is not None and found.before.kept(now):
            before_size = prompt.size_up_to(found.before_at)
        head_size = prompt.head_size if prompt.has_system or prompt.may_mark_tools else 0
        tokens = reading.likely_tokens
        places = [
            Place(tokens(prompt.tools_size if found.tools_key else 0), of_tools, _kept(found.tools, now)),
            Place(tokens(head_size), of_head, _kept(found.head, now)),
            Place(tokens(before_size), going_on, _kept(found.before, now) if before_size else ""),
            Place(tokens(prompt.size if prompt.turn >= 0 else 0), going_on, _kept(found.last, now)),
        ]
        rates = model.price.rates_for(tokens(prompt.size))
        if cache.style is Style.BREAKPOINTS:
            return self._breakpoints(places, cache, rates, lifetimes)
        tools, head, before, last = rule.choose(places, rates, least_tokens=cache.least_tokens, lifetimes=lifetimes)
        if before and last:
            messages: list[Any] = request.body.messages  # type: ignore[attr-defined]
            if reading.blocks(messages[found.before_at + 1 :]) < LOOKBACK_BLOCKS:
                before = ""  # the last mark finds it
        return Marks(tools=tools, head=head, before=before, before_at=found.before_at if before else -1, last=last)

    def _breakpoints(self, places: list[Place], cache: Cache, rates: Rates, lifetimes: tuple[str, ...]) -> Marks:
        """OpenAI caches up to the last message by itself. A breakpoint after the instructions costs nothing on top of that; without the
        rest it has to pay, and the rest is given up only where it is known not to."""
        head, before, last = places[1:]
        prompt = self._prompt
        chosen = rule.choose([head, before, last], rates, least_tokens=cache.least_tokens, lifetimes=lifetimes)
        seen = self._tenant.ends_seen(prompt.head, prompt.is_opening)
        is_explicit = not (chosen[1] or chosen[2]) and seen >= LEAST_SEEN
        lifetime = lifetimes[0]
        is_marked = prompt.has_system and head.tokens >= cache.least_tokens and (bool(chosen[0]) or not is_explicit)
        return Marks(head=lifetime if is_marked else "", last="" if is_explicit else lifetime, is_explicit=is_explicit)

    def sent(self, model: Model) -> Marks:
        """A model is called: its marks. However often it is called, the request has been here once."""
        marks = self.marks(model)
        told = self._told.get(model.name)
        if told is None:
            told = self._told[model.name] = self._tell(model, marks)
        for prefix, lifetime in told:
            prefix.keep(lifetime, self._now)
        self._sent = told
        return marks

    def _tell(self, model: Model, marks: Marks) -> list[tuple[Prefix, str]]:
        """Let the memory know that the request's prefixes were here; returns those that are marked."""
        found = self._found.get(model.name)
        if found is None:
            return []
        memory, tenant, prompt, now = self._memory, self._tenant, self._prompt, self._now
        told = []
        if found.tools_key:
            told.append((memory.arrive(tenant, found.tools_key, now), marks.tools))
        if found.head_key:
            told.append((memory.arrive(tenant, found.head_key, now), marks.head))
        if found.before is not None and (marks.before or marks.last):
            told.append((found.before, found.before.kept(now)))
        turn = memory.go_on(tenant, found.last_key, prompt.head, found.before, is_opening=prompt.is_opening, now=now)
        told.append((turn, marks.last))
        self._is_new_here = (
            found.before is None and found.last is None and len(prompt.sizes) > 2 and bool(prompt.answers)
        )
        return [item for item in told if item[1]]

    def answered(self, usage: Usage) -> None:
        """The call has ended. A provider that has not said that it read or wrote anything keeps nothing, as far as is known."""
        if not (usage.cache_read_tokens or usage.cache_write_5m_tokens or usage.cache_write_1h_tokens):
            for prefix, _ in self._sent:
                prefix.lose()
        elif self._is_new_here and self._has_read_more_than_the_head(usage):
            prompt = self._prompt
            self._memory.went_on_elsewhere(self._tenant, prompt.head, is_opening=prompt.answers == 1)
        self._sent = []
        self._is_new_here = False

    def _has_read_more_than_the_head(self, usage: Usage) -> bool:
        """By shares of the prompt, as bytes are no tokens: nearer to where the turn before ended than to the head's end."""
        prompt = self._prompt
        size = prompt.size
        head, before = prompt.head_size / size, prompt.size_up_to(len(prompt.sizes) - 3) / size
        return before > head and usage.cache_read_tokens / usage.input_tokens > (head + before) / 2


class _Found:
    """What the memory has of a request's prefixes with one model."""

    __slots__ = ("before", "before_at", "head", "head_key", "last", "last_key", "tools", "tools_key")

    def __init__(self, prompt: Prompt, tenant: Tenant, model: Model) -> None:
        scope = hash((model.provider.id, model.upstream_id))
        known = tenant.prefixes
        self.tools_key = hash((scope, prompt.tools)) if prompt.may_mark_tools and prompt.has_system else 0
        self.head_key = hash((scope, prompt.head)) if prompt.head else 0
        self.last_key = hash((scope, prompt.ends[-1]))
        self.tools = known.get(self.tools_key)
        self.head = known.get(self.head_key)
        self.last = known.get(self.last_key)
        self.before: Prefix | None = None
        self.before_at = -1
        count = len(prompt.ends)
        for at in range(count - 2, max(-1, count - 2 - MOST_TURNS_BACK), -1):
            self.before = known.get(hash((scope, prompt.ends[at])))
            if self.before is not None:
                self.before_at = at
                break


def _kept(prefix: Prefix | None, now: float) -> str:
    return "" if prefix is None else prefix.kept(now)


def _most(first: rule.Odds, second: rule.Odds) -> rule.Odds:
    """What begins with another prefix comes back at least as often as that."""
    return rule.Odds(*map(max, first, second))
