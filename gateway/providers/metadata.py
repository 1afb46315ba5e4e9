"""Tollgate's own labels in `metadata` do not go to the provider, which would refuse them."""

from __future__ import annotations

from collections.abc import Container

import msgspec

LABELS = frozenset({"user_id", "feature", "tags"})


def without_labels(raw: dict[str, msgspec.Raw], *, keep: Container[str]) -> None:
    """Take the labels, but those in `keep`, out of a raw body's `metadata`, and the field itself once nothing is left in it."""
    given = msgspec.json.decode(raw["metadata"])
    if not isinstance(given, dict) or not (LABELS & given.keys()):
        return
    rest = {name: value for name, value in given.items() if name not in LABELS or name in keep}
    if rest:
        raw["metadata"] = msgspec.Raw(msgspec.json.encode(rest))
    else:
        del raw["metadata"]
