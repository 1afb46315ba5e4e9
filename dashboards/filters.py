"""What a dashboard is narrowed down to."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

STATUS_CLASS = re.compile(r"^[1-5]xx\Z")


@dataclass(frozen=True)
class Filters:
    """For each dimension the values that count; none: all. A record must satisfy every dimension that has some.

    `key` is an API key's id, `stream` "true" or "false", `error` a kind of `dashboards.errors`; `status` takes codes and classes, such as
    "429" or "5xx"; with several tags a record must have one of them. An empty string is a value, too: requests without a task.
    """

    task: tuple[str, ...] = ()
    endpoint: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    end_user: tuple[str, ...] = ()
    feature: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    outcome: tuple[str, ...] = ()
    error: tuple[str, ...] = ()
    error_type: tuple[str, ...] = ()
    stream: tuple[str, ...] = ()
    cache: tuple[str, ...] = ()

    @property
    def values(self) -> dict[str, list[str]]:
        """Dimension → values, of those that are narrowed down."""
        found = {item.name: list(getattr(self, item.name)) for item in fields(self)}
        return {name: values for name, values in found.items() if values}
