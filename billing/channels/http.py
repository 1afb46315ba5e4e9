"""A POST of JSON as both kinds of webhook send it."""

from __future__ import annotations

from collections.abc import Mapping

from billing.channels.base import DeliveryError
from tenants import outbound, outbound_aiohttp

GONE = 410


def post(url: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    """Raises `DeliveryError` unless the answer is 2xx. 410 says that there will never be one."""
    try:
        status = outbound_aiohttp.post(url, body=body, headers={"Content-Type": "application/json", **(headers or {})})
    except outbound.OutboundError as error:
        raise DeliveryError(str(error), is_permanent=error.is_permanent) from error
    if 200 <= status < 300:
        return
    if status == GONE:
        raise DeliveryError("HTTP 410: the receiver is gone.", is_gone=True)
    hint = " (redirects are not followed)" if 300 <= status < 400 else ""
    raise DeliveryError(f"HTTP {status}{hint}")
