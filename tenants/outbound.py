"""HTTP to addresses that tenants give: their webhooks, and providers of their own. It reaches the public internet and nothing else.

What a name leads to decides, not how it is written: every address is judged when the socket for it is made, so there is no second
look-up between the check and the connection, and no spelling, redirect or proxy variable leads around it. The operator may open
networks of their own (`TOLLGATE_OUTBOUND_ALLOW`). This module decides where to; what is sent, and when again, is the caller's.

A name that is unknown and one that leads inside look the same to a tenant, who could otherwise ask for the names of our network.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from aiohappyeyeballs import start_connection
from django.conf import settings
from django.utils.translation import gettext as _
from yarl import URL

LOOKUP_SECONDS = 5.0
LOOKUPS_AT_ONCE = 8
EYEBALLS_DELAY_SECONDS = 0.25

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The IANA special-purpose registries. Written out, for `ipaddress.is_global` says yes to 192.0.0.0/24 and multicast. Public
# anycast blocks among them (AMT, AS112, the 6to4 relay) serve no HTTP and are left out with the rest.
_NOT_PUBLIC_V4 = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
]  # fmt: skip
# Of IPv6 only 2000::/3 is given out. All that carries an IPv4 address inside lies outside of it (mapped ::ffff:0:0/96, compatible
# ::/96, NAT64 64:ff9b::/96) or is named here: Teredo is in 2001::/23, 6to4 is 2002::/16.
_PUBLIC_V6 = ipaddress.ip_network("2000::/3")
_NOT_PUBLIC_V6 = [
    ipaddress.ip_network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]


class OutboundError(Exception):
    """A call that did not come to an answer. The text is for the tenant: it names no address of ours and nothing that was sent.

    OutboundError
    ├── Refused   the guard does not let the call out; no connection was made
    └── Failed    no connection, no answer in time, or one that is no HTTP
    """

    def __init__(self, text: str, *, is_permanent: bool = False) -> None:
        super().__init__(text)
        self.is_permanent = is_permanent  # trying again cannot help


class Refused(OutboundError):
    pass


class Failed(OutboundError):
    pass


class NotPublic(OSError):
    """The name is not known, or leads where no call may go. An OSError, as aiohttp hands those on as the cause of its own errors."""


def check(url: str) -> None:
    """Raises `Refused` unless every address that the URL leads to now may be called. Looks the name up, for at most 5 seconds.

    For forms, so that a mistake is told early. It protects nothing by itself: what a name leads to may change, so a call goes
    through what looks at what it connects to: `connected`, or one of the libraries' clients that are held to this module.
    """
    host = host_of(url)
    if literal(host) is not None:
        return
    try:
        addresses(host, 0)
    except NotPublic as error:
        raise refusal(host) from error


def addresses(host: str, port: int) -> list[str]:
    """The addresses of `host`, all of which may be called, for clients that connect to one of them and to nothing else.

    Looks the name up, for at most 5 seconds. Raises `NotPublic` where it is not known, or where one of them may not be called.
    """
    pool = ThreadPoolExecutor(1)
    try:
        found = pool.submit(look_up, host, port).result(LOOKUP_SECONDS)
    except TimeoutError as error:
        raise NotPublic(f"{host} was not found in time") from error
    finally:
        pool.shutdown(wait=False)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


async def connected(host: str, port: int) -> socket.socket:
    """A TCP connection to an address of `host` that may be called, as a socket that does not block.

    Raises `NotPublic`, or another `OSError` if there is no connection. How long that may take is the caller's to say.
    """
    found = await asyncio.get_running_loop().run_in_executor(_lookups(), look_up, host, port)
    return await start_connection(found, happy_eyeballs_delay=EYEBALLS_DELAY_SECONDS, socket_factory=guarded_socket)


@cache
def _lookups() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="outbound-lookup")


def is_allowed(address: Address) -> bool:
    """Whether the address is on the public internet, or in a network that the operator opened."""
    if any(address in network for network in settings.OUTBOUND_ALLOW):
        return True
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    return address in _PUBLIC_V6 and not any(address in network for network in _NOT_PUBLIC_V6)


def host_of(url: str) -> str:
    """The URL's host as it is going to be looked up; raises `Refused` for a URL that is none of ours to call."""
    try:
        parsed = URL(url)
        host = parsed.raw_host
    except ValueError as error:
        raise Refused(_("This is not an address that can be called."), is_permanent=True) from error
    if parsed.scheme not in ("http", "https"):
        raise Refused(_("The address must begin with https:// or http://."), is_permanent=True)
    if not host:
        raise Refused(_("The address names no host."), is_permanent=True)
    if parsed.user is not None or parsed.password is not None:
        raise Refused(_("The address must not hold a user name or password."), is_permanent=True)
    return host


def literal(host: str) -> Address | None:
    """The address that `host` is, if it is one and no name; raises `Refused` if it may not be called."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if not is_allowed(address):
        raise Refused(_("%(host)s is not an address on the public internet.") % {"host": host}, is_permanent=True)
    return address


def look_up(host: str, port: int) -> list[tuple[Any, Any, Any, Any, Any]]:
    """What the system's resolver knows. Raises `NotPublic` if that is nothing, or if one of the addresses may not be called."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, ValueError) as error:
        raise NotPublic(f"{host} is not known") from error
    if not found or not all(is_allowed(ipaddress.ip_address(item[4][0])) for item in found):
        raise NotPublic(f"{host} leads to an address that may not be called")
    return found


def open_socket(host: str, port: int, timeout_seconds: float) -> socket.socket:
    """A connection to the first of the host's addresses that answers. Raises `OSError`, without one, if any of them may not be called."""
    literal(host)
    failed: OSError = NotPublic(f"{host} is not known")
    for family, kind, protocol, _name, address in look_up(host, port):
        made = socket.socket(family, kind, protocol)
        made.settimeout(timeout_seconds)
        try:
            made.connect(address)
            return made
        except OSError as error:
            made.close()
            failed = error
    raise failed


def guarded_socket(address_info: Any) -> socket.socket:
    """The last look: aiohttp asks no resolver about addresses, but it makes every socket here, for the address it then connects to."""
    family, kind, protocol, _name, address = address_info
    if not is_allowed(ipaddress.ip_address(address[0])):
        raise NotPublic(f"{address[0]} may not be called")
    return socket.socket(family=family, type=kind, proto=protocol)


def refusal(host: str) -> Refused:
    return Refused(f"{host} does not lead to addresses on the public internet.")
