"""A refused request is let go of at once, not when the garbage collector comes by: it holds on to its tenant's configuration."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.errors import NotFound
from gateway.pipeline import run


class Held(SimpleNamespace):
    """What may be referred to weakly."""


async def test_what_was_refused_while_planning_is_gone_with_its_error(monkeypatch: pytest.MonkeyPatch):
    async def is_current(snapshot: Any) -> bool:
        return True

    def plan(*_: Any) -> Any:
        raise NotFound("There is no such model.")

    monkeypatch.setattr(run.router, "plan", plan)
    monkeypatch.setattr(run.signals, "of", lambda *_: None)
    monkeypatch.setattr(run.context_optimizer, "policy_of", lambda *_: None)
    runtime: Any = SimpleNamespace(snapshots=SimpleNamespace(is_current=is_current))
    exchange: Any = Held(context_policy=None, snapshot=Held(), key=None)
    snapshot = weakref.ref(exchange.snapshot)
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(NotFound) as caught:
            await run._admit(exchange, Held(), runtime)  # type: ignore[arg-type]
        del exchange, caught
        assert snapshot() is None
    finally:
        gc.enable()
