"""Lists in pages: newest first, by a cursor that new rows do not shift."""

from __future__ import annotations

from typing import Any

from rest_framework import exceptions
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

DEFAULT_SIZE, MOST = 50, 200


class Pages(CursorPagination):
    """`?limit=` rows, `next` and `previous` as addresses. A view's `ordering` may be another one."""

    page_size = DEFAULT_SIZE
    max_page_size = MOST
    page_size_query_param = "limit"
    ordering: Any = ("-id",)  # ids are made in the order of time

    def get_page_size(self, request: Request) -> int:
        text = request.query_params.get("limit")
        if text is None:
            return DEFAULT_SIZE
        if not text.isdecimal() or not 1 <= int(text[:6]) <= MOST:
            raise exceptions.ValidationError({"limit": [f"A whole number from 1 to {MOST}."]})
        return int(text)

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        return tuple(getattr(view, "ordering", self.ordering))
