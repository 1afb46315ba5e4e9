"""`requests`, for a library that brings no client of its own, held to what `tenants.outbound` lets out: tenants' identity providers.

Every socket is made for an address that was looked at. No redirects, no proxies of the environment, no answer that is long or takes long.
"""

from __future__ import annotations

import socket
import time
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from tenants import outbound

TOTAL_SECONDS = 10.0
CONNECT_SECONDS = 5.0
MAX_ANSWER_BYTES = 1024 * 1024
CHUNK_BYTES = 64 * 1024


class TooLong(requests.RequestException):
    """The answer is too large, or takes too long."""


class _Guarded(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        try:
            return outbound.open_socket(self.host, self.port or self.default_port, CONNECT_SECONDS)
        except (OSError, outbound.OutboundError) as error:
            raise NewConnectionError(self, str(error)) from error


class _GuardedTls(_Guarded, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTls


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> urllib3.ProxyManager:
        raise requests.exceptions.InvalidProxyURL("no proxies here")

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        deadline = time.monotonic() + TOTAL_SECONDS
        response = super().send(request, *args, **{**kwargs, "stream": True, "timeout": CONNECT_SECONDS})
        body = bytearray()
        for chunk in response.iter_content(CHUNK_BYTES):
            body += chunk
            if len(body) > MAX_ANSWER_BYTES or time.monotonic() > deadline:
                response.close()
                raise TooLong("the answer is too long, or takes too long")
        response._content = bytes(body)
        return response


def session() -> requests.Session:
    """A session whose calls end within ten seconds and raise `requests.RequestException` for whatever goes wrong."""
    made = requests.Session()
    made.trust_env = False
    made.max_redirects = 0
    for scheme in ("http://", "https://"):
        made.mount(scheme, _Adapter())
    made.headers["User-Agent"] = "tollgate"
    return made
