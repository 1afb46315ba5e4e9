"""`aiohttp`'s way out, held to what `tenants.outbound` allows: webhooks. Apart, as a gateway process has no use for that library."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from tenants import outbound
from tenants.outbound import Failed, NotPublic, OutboundError, Refused

TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 * 1024


def post(url: str, *, body: bytes, headers: Mapping[str, str], timeout_seconds: float = TIMEOUT_SECONDS) -> int:
    """Send a POST and return the answer's status. Not to be called on an event loop; there is `post_async`."""
    return asyncio.run(post_async(url, body=body, headers=headers, timeout_seconds=timeout_seconds))


async def post_async(
    url: str, *, body: bytes, headers: Mapping[str, str], timeout_seconds: float = TIMEOUT_SECONDS
) -> int:
    """Send a POST and return the answer's status. Raises `Refused` or `Failed`.

    Everything together takes at most `timeout_seconds`. A redirect is an answer like any other and is not followed. The answer's
    body is read politely, up to 64 KiB, and thrown away.
    """
    host = outbound.host_of(url)
    outbound.literal(host)
    session = aiohttp.ClientSession(
        connector=connector(force_close=True),
        timeout=aiohttp.ClientTimeout(total=timeout_seconds),
        auto_decompress=False,
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "tollgate", "Accept-Encoding": "identity"},
    )
    try:
        async with session:
            response = await session.post(URL(url), data=body, headers=dict(headers), allow_redirects=False)
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):  # the status is what counts
                await _read(response)
            response.close()
            return response.status
    except TimeoutError as error:
        raise Failed(f"{host} did not answer within {timeout_seconds:g} seconds.") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _failure(host, error) from error


def connector(**options: Any) -> aiohttp.TCPConnector:
    """A connector whose every connection goes to an address that may be called. `options` are aiohttp's.

    A session on it must neither follow redirects to other schemes nor trust the environment's proxies: behind a proxy, the
    addresses seen here would be the proxy's.
    """
    return aiohttp.TCPConnector(resolver=_Resolver(), socket_factory=outbound.guarded_socket, **options)


class _Resolver(AbstractResolver):
    """Looks names up in threads of its own: the loop's are waited for when it ends, however long a name server takes."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(outbound.LOOKUPS_AT_ONCE, thread_name_prefix="outbound-lookup")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().run_in_executor(self._threads, outbound.look_up, host, port)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _type, protocol, _name, address in found
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


async def _read(response: aiohttp.ClientResponse) -> None:
    left = MAX_ANSWER_BYTES
    while left > 0 and (chunk := await response.content.read(left)):
        left -= len(chunk)


def _failure(host: str, error: Exception) -> OutboundError:
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, NotPublic):
        return outbound.refusal(host)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return Failed(f"The certificate of {host} is not valid.")
    if isinstance(error, aiohttp.ClientConnectorError):
        return Failed(f"{host} cannot be reached.")
    if isinstance(error, aiohttp.InvalidURL):
        return Refused("This is not an address that can be called.", is_permanent=True)
    return Failed(f"{host} broke off the connection.")
