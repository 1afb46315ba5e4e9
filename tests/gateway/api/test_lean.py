"""The lean request and response are Django's to whoever looks closer."""

from __future__ import annotations

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.http.response import BadHeaderError

from gateway.api.lean import LeanRequest, WholeResponse, encoded

SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/v1/usage",
    "query_string": b"by=model&by=key",
    "headers": [(b"content-type", b"application/json"), (b"x-tollgate-user", b"ann")],
    "client": ("192.0.2.7", 4711),
    "server": ("127.0.0.1", 8000),
    "scheme": "http",
}


def test_a_request_knows_its_address_and_body_without_being_looked_at():
    request = LeanRequest(SCOPE, b"{}", {"x-tollgate-user": "ann"})
    assert (request.method, request.path, request.path_info, request.body) == ("POST", "/v1/usage", "/v1/usage", b"{}")
    assert "META" not in vars(request)


def test_what_else_is_asked_of_it_is_there_as_in_django_s_own():
    request = LeanRequest(SCOPE, b'{"a": 1}', {})
    assert isinstance(request, ASGIRequest)
    assert request.GET.getlist("by") == ["model", "key"]
    assert request.META["REMOTE_ADDR"] == "192.0.2.7"
    assert request.headers["X-Tollgate-User"] == "ann"
    assert (request.content_type, request.body, request.resolver_match) == ("application/json", b'{"a": 1}', None)
    with pytest.raises(AttributeError):
        request.session  # noqa: B018


def test_headers_are_encoded_as_django_would():
    response = WholeResponse(b"{}", status=201)
    response.headers["x-tollgate-model"] = "gpt-4o"
    assert (response.status_code, response.content) == (201, b"{}")
    assert encoded(response.headers) == [(b"content-type", b"application/json"), (b"x-tollgate-model", b"gpt-4o")]
    assert encoded({"X-Model": "größe"}) == [(b"x-model", "größe".encode("latin-1"))]
    assert encoded({"x-model": "模型"}) == [(b"x-model", b"=?utf-8?b?5qih5Z6L?=")]


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b=c", "a\nb"])
def test_a_line_break_in_a_header_is_refused(value: str):
    with pytest.raises(BadHeaderError):
        encoded({"x-tollgate-model": value})
