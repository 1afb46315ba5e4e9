"""GET /v1/models: what the key may name as `model`, models and tasks alike, in the caller's format."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from drf_spectacular.utils import extend_schema_view

from gateway.api import schemas
from gateway.api.base import GatewayView
from gateway.api.lean import WholeResponse
from gateway.errors import InvalidRequest, NotFound
from gateway.pipeline.router import TASK_PREFIX
from gateway.types import Key, Snapshot, Surface

MAX_PAGE = 1000
DEFAULT_PAGE = 1000


class Entry(NamedTuple):
    """`created_at` is Unix seconds."""

    name: str
    created_at: int
    owner: str


def entries(snapshot: Snapshot, key: Key) -> list[Entry]:
    """What the key may use, tasks first, by name."""
    tasks = [
        Entry(TASK_PREFIX + task.slug, task.chain[0].created_at, "tollgate")
        for task in snapshot.tasks.values()
        if not key.allowed_tasks or task.slug in key.allowed_tasks
    ]
    models = [
        Entry(model.name, model.created_at, model.provider.name)
        for model in snapshot.models.values()
        if not key.allowed_models or model.name in key.allowed_models
    ]
    return sorted(tasks) + sorted(models)


class _CatalogView(GatewayView):
    scope = "models"

    async def usable(self, snapshot: Snapshot, digest: str) -> list[Entry]:
        """The entries as of the configuration in force, for a key that is still valid in it."""
        snapshot = await self.current(snapshot, digest)
        return entries(snapshot, snapshot.keys[digest])


@extend_schema_view(get=schemas.list_models)
class ModelsView(_CatalogView):
    """The models and tasks that this key may use."""

    async def get(self, snapshot: Snapshot, digest: str) -> WholeResponse:
        usable = await self.usable(snapshot, digest)
        if self.surface is Surface.OPENAI:
            return WholeResponse.of({"object": "list", "data": [_openai(entry) for entry in usable]})
        page, has_more = _page(usable, self.request.GET)
        return WholeResponse.of(
            {
                "data": [_anthropic(entry) for entry in page],
                "has_more": has_more,
                "first_id": page[0].name if page else None,
                "last_id": page[-1].name if page else None,
            }
        )


@extend_schema_view(get=schemas.retrieve_model)
class ModelView(_CatalogView):
    """One model or task."""

    async def get(self, snapshot: Snapshot, digest: str, name: str) -> WholeResponse:
        for entry in await self.usable(snapshot, digest):
            if entry.name == name:
                return WholeResponse.of(_openai(entry) if self.surface is Surface.OPENAI else _anthropic(entry))
        raise NotFound(f"There is no model “{name}”. GET /v1/models lists what there is.", code="model_not_found")


def _page(usable: list[Entry], query: Any) -> tuple[list[Entry], bool]:
    """Anthropic's paging: `limit`, and the id `after_id` or `before_id` which the page lies."""
    try:
        limit = int(query.get("limit", DEFAULT_PAGE))
    except ValueError:
        limit = 0
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidRequest(f"limit takes a whole number from 1 to {MAX_PAGE}.", param="limit")
    names = [entry.name for entry in usable]
    for param in ("after_id", "before_id"):
        if query.get(param) and query[param] not in names:
            raise InvalidRequest(f"{param} names no model of the list.", param=param)
    start = names.index(query["after_id"]) + 1 if query.get("after_id") else 0
    end = names.index(query["before_id"]) if query.get("before_id") else len(names)
    if query.get("before_id") and not query.get("after_id"):
        first = max(0, end - limit)
        return usable[first:end], first > 0
    return usable[start : min(end, start + limit)], start + limit < end


def _openai(entry: Entry) -> dict[str, Any]:
    return {"id": entry.name, "object": "model", "created": entry.created_at, "owned_by": entry.owner}


def _anthropic(entry: Entry) -> dict[str, Any]:
    created = dt.datetime.fromtimestamp(entry.created_at, dt.UTC).isoformat().replace("+00:00", "Z")
    return {"type": "model", "id": entry.name, "display_name": entry.name, "created_at": created}
