"""What Django cannot make a request of is a 400 like any other.

Django works the content type out while it makes a request, before anything that answers errors: what its parser stumbles over (an encoding
that does not exist in `name*=…''…`, numbered parts of a value that do not go together) would be the server's bare “Internal Server Error”.
Here such a request is made all the same, without a content type, and refused further in, where the answer gets its headers, its format
(`tenants.console.errors.bad_request`) and its line in the log. The same parser reads the headers of a form's parts, and what a caller
accepts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.urls import get_resolver

UNREADABLE = (ValueError, LookupError, TypeError)  # by trying: all of these come out of Python's parser
EXTENDED = re.compile(r"\*[0-9]*\*?\s*=")  # a parameter of RFC 2231: what it stumbles over


class Request(ASGIRequest):
    is_unreadable = False

    def __init__(self, scope: dict[str, Any], body_file: Any) -> None:
        super().__init__(scope, body_file)
        if EXTENDED.search(self.META.get("HTTP_ACCEPT", "")):
            del self.META["HTTP_ACCEPT"]  # may be disregarded (RFC 9110, 12.5.1), and no type has such a parameter

    def parse_file_upload(self, META: Any, post_data: Any) -> Any:
        try:
            return super().parse_file_upload(META, post_data)
        except UNREADABLE as error:
            raise MultiPartParserError("the headers of a part cannot be read") from error

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]
            b"a".decode(
                self.encoding or "utf-8", "replace"
            )  # there are codecs that are not for text, or for names only
        except (*UNREADABLE, SuspiciousOperation):  # the latter for too many parameters, which a charset has it look at
            self.content_type, self.content_params = "", {}
            self._encoding = None
            self.is_unreadable = True


class Handler(ASGIHandler):
    request_class = Request


class ReadableMiddleware:
    """Outside of all that looks at what was sent, inside of what puts headers on every answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if getattr(request, "is_unreadable", False):
            # Not raised: that would be a traceback in the log for whoever sends it.
            handler: Callable[..., HttpResponseBase] = get_resolver().resolve_error_handler(400)
            return handler(request, exception=BadRequest())
        return self.get_response(request)
