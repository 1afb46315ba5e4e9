"""Django's request and response for /v1/, without what is not used there, made in a few microseconds.

Stock Django works the whole of `META` out for each request, and converts each header of each answer with a check for line breaks, an
encoding and a case-insensitive mapping. Here `META` and all else is made when somebody asks for it, and headers take the long way only
where they are not plain printable ASCII.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import lru_cache
from http.cookies import SimpleCookie
from io import BytesIO
from typing import Any

import msgspec
from django.core.handlers.asgi import ASGIRequest
from django.http.response import HttpResponseBase, ResponseHeaders


class LeanRequest(ASGIRequest):
    """A request whose body is here. `lower_headers`: names in lower case to values."""

    def __init__(self, scope: dict[str, Any], body: bytes, lower_headers: dict[str, str]) -> None:
        self.scope = scope
        self.path = self.path_info = scope["path"]  # nothing is mounted at another address than the root
        self.method = scope["method"]
        self._body = body
        self.lower_headers = lower_headers

    def _set_content_type_params(self, meta: Mapping[str, str]) -> None:
        """Nothing here goes by it: one that Python's parser stumbles over is none, and no charset that it names is gone by."""
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]
        except (ValueError, LookupError, TypeError):
            self.content_type, self.content_params = "", {}
        self._encoding = None

    def __getattr__(self, name: str) -> Any:
        """Whatever has not been made yet: all of it is, once."""
        if "META" in self.__dict__:
            raise AttributeError(name)
        body = self._body
        super().__init__(self.scope, BytesIO(body))
        self._body = body
        return getattr(self, name)


def encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI takes them. Raises `BadHeaderError` for line breaks, as Django does."""
    text = "".join(headers.values())
    if not (text.isascii() and text.isprintable()):
        headers = ResponseHeaders(headers)
    return [(_encoded_name(name), value.encode("latin-1")) for name, value in headers.items()]


def lines(headers: Mapping[str, str]) -> bytes:
    """Headers as lines of an answer's head, each ended. Raises as `encoded` does."""
    text = "".join(headers.values())
    if text.isascii() and text.isprintable():
        return "".join([f"{name}: {value}\r\n" for name, value in headers.items()]).encode("latin-1")
    return b"".join([b"%b: %b\r\n" % line for line in encoded(headers)])


@lru_cache(maxsize=500)
def _encoded_name(name: str) -> bytes:
    return name.lower().encode("latin-1")


class LeanResponse(HttpResponseBase):
    """What every answer under /v1/ has: a status and headers, by names in lower case."""

    closed = False
    cookies = SimpleCookie()  # none are set here
    settled: Awaitable[None] | None = None  # whoever sends the response awaits it then, and in any case

    def __init__(self, content_type: str, status: int = 200) -> None:
        self.status_code = status
        self.headers = {"content-type": content_type}  # type: ignore[assignment]


class WholeResponse(LeanResponse):
    """An answer whose body is here."""

    streaming = False

    def __init__(self, content: bytes, content_type: str = "application/json", status: int = 200) -> None:
        super().__init__(content_type, status)
        self.content = content

    @classmethod
    def of(cls, told: dict[str, Any]) -> WholeResponse:
        """As JSON."""
        return cls(msgspec.json.encode(told))
