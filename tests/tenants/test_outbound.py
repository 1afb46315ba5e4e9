"""Addresses that tenants give lead to the public internet and nowhere else, however they are written and whatever they answer."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from config.env import Environment
from tenants import outbound, outbound_aiohttp
from tests.gateway.live import wait_until

if TYPE_CHECKING:
    from tests.billing.alert_receiver import Receiver

pytest_plugins = ["tests.billing.alert_receiver"]

LOOPBACK = ["127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.0.0.01",
            "localhost", "LOCALHOST", "localhost.", "①②⑦.0.0.1", "127。0。0。1", "0", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]", "[::127.0.0.1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::1%25lo]"]  # fmt: skip
INSIDE = ["10.1.2.3", "100.64.0.1", "100.127.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192",
          "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
          "240.0.0.1", "255.255.255.255", "0.1.2.3", "::", "::1", "::7f00:1", "::ffff:8.8.8.8", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
          "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
          "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1", "fe80::1%eth0"]  # fmt: skip
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "192.0.1.1",
    "2606:4700:4700::1111",
    "2a00:1450::1",
]


def post(url: str, **options: Any) -> int:
    return outbound_aiohttp.post(url, body=b"{}", headers={"X-Test": "1"}, **options)


@pytest.mark.parametrize("host", LOOPBACK)
def test_no_spelling_of_loopback_is_called(receiver: Receiver, host: str):
    url = f"http://{host}:{receiver.port}/hook"
    with pytest.raises(outbound.Refused):
        outbound.check(url)
    with pytest.raises(outbound.Refused):
        post(url)
    assert receiver.connections == 0


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_is_not_public_is_refused_for_good(address: str):
    host = f"[{address.replace('%', '%25')}]" if ":" in address else address
    for call in (outbound.check, post):
        with pytest.raises(outbound.Refused, match="not an address on the public internet") as caught:
            call(f"https://{host}/hook")
        assert caught.value.is_permanent


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address: str):
    outbound.check(f"https://[{address}]/" if ":" in address else f"https://{address}/")


@given(st.ip_addresses())
def test_nothing_that_python_knows_as_not_global_is_allowed(address: Any):
    if not address.is_global or address.is_multicast:
        assert not outbound.is_allowed(address)


@given(st.integers(0, 2**32 - 1))
def test_no_ipv6_address_that_carries_an_ipv4_address_is_allowed(number: int):
    for form in (
        number,
        0xFFFF << 32 | number,
        0x64FF9B << 96 | number,
        0x2002 << 112 | number << 80,
        0x20010000 << 96 | number,
    ):
        assert not outbound.is_allowed(ipaddress.IPv6Address(form))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.com/", "must begin with https"),
        ("file:///etc/passwd", "must begin with https"),
        ("gopher://127.0.0.1:6379/_FLUSHALL", "must begin with https"),
        ("example.com/hook", "must begin with https"),
        ("", "must begin with https"),
        ("https:///hook", "names no host"),
        ("https://user:word@example.com/", "user name or password"),
        ("https://token@example.com/", "user name or password"),
        ("https://example.com@127.0.0.1/", "user name or password"),
        ("https://example.com:99999/", "not an address that can be called"),
        ("https://127.0.0.1\\@example.com/", "not an address that can be called"),
        ("https://[::1/", "not an address that can be called"),
    ],
)
def test_what_is_no_address_to_call_is_refused_with_the_reason(url: str, why: str):
    for call in (outbound.check, post):
        with pytest.raises(outbound.Refused, match=why) as caught:
            call(url)
        assert caught.value.is_permanent
        assert "word" not in str(caught.value).replace("password", "")


def test_a_name_that_is_unknown_and_one_that_leads_inside_cannot_be_told_apart():
    said = []
    for host in ("localhost", "no-such-name.invalid", "a" * 70 + ".example", "127.0.0.1%00.example.com"):
        with pytest.raises(outbound.Refused) as caught:
            post(f"http://{host}:1/")
        assert not caught.value.is_permanent
        said.append(str(caught.value).replace(host, "HOST"))
    assert set(said) == {"HOST does not lead to addresses on the public internet."}


class Names:
    """A name server of our own, in place of the system's: a list of answers a name, one for each look-up, the last for ever."""

    def __init__(self, answers: dict[str, list[list[str]]]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.system = socket.getaddrinfo

    def __call__(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host not in self.answers:
            return self.system(host, port, *args, **kwargs)
        self.asked.append(host)
        left = self.answers[host]
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [found for address in addresses for found in self.system(address, port, type=socket.SOCK_STREAM)]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, list[list[str]]]], Names]:
    def use(answers: dict[str, list[list[str]]]) -> Names:
        made = Names(answers)
        monkeypatch.setattr(socket, "getaddrinfo", made)
        return made

    return use


def test_one_bad_address_among_several_refuses_the_name(receiver: Receiver, names: Any):
    names({"two.example": [["1.1.1.1", "127.0.0.1"]], "six.example": [["2606:4700:4700::1111", "::1"]]})
    for host in ("two.example", "six.example"):
        with pytest.raises(outbound.Refused):
            outbound.check(f"http://{host}:{receiver.port}/")
        with pytest.raises(outbound.Refused):
            post(f"http://{host}:{receiver.port}/")
    assert receiver.connections == 0


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    receiver: Receiver, allow_loopback: None, names: Any
):
    """The name server says something else the second time; there is no second time."""
    answers = names({"rebinding.example": [["127.0.0.1"], ["10.0.0.1"]]})
    assert post(f"http://rebinding.example:{receiver.port}/hook") == 200
    assert answers.asked == ["rebinding.example"]
    assert receiver.received[0].headers["host"] == f"rebinding.example:{receiver.port}"
    with pytest.raises(outbound.Refused):
        post(f"http://rebinding.example:{receiver.port}/hook")
    assert receiver.connections == 1


def test_a_name_that_passed_the_form_is_looked_at_again_when_it_is_called(receiver: Receiver, names: Any):
    names({"rebinding.example": [["1.1.1.1"], ["127.0.0.1"]]})
    url = f"http://rebinding.example:{receiver.port}/"
    outbound.check(url)
    with pytest.raises(outbound.Refused):
        post(url)
    assert receiver.connections == 0


def test_the_operator_may_open_a_network(receiver: Receiver, allow_loopback: None):
    outbound.check(receiver.url)
    assert post(receiver.url) == 200
    assert (receiver.received[0].path, receiver.received[0].body) == ("/hook", b"{}")
    with pytest.raises(outbound.Refused):
        post(f"http://[::ffff:127.0.0.1]:{receiver.port}/hook")
    with pytest.raises(outbound.Refused):
        post("http://10.0.0.1/")


def test_the_list_of_open_networks_is_read_from_the_environment():
    read = Environment({"TOLLGATE_OUTBOUND_ALLOW": "10.20.0.0/16, fd00::/8,192.168.1.7"}).networks
    assert [str(network) for network in read("TOLLGATE_OUTBOUND_ALLOW")] == [
        "10.20.0.0/16",
        "fd00::/8",
        "192.168.1.7/32",
    ]
    assert Environment({}).networks("TOLLGATE_OUTBOUND_ALLOW") == []
    with pytest.raises(ImproperlyConfigured, match=r"^TOLLGATE_OUTBOUND_ALLOW takes networks such as"):
        Environment({"TOLLGATE_OUTBOUND_ALLOW": "10.0.0.1/8"}).networks("TOLLGATE_OUTBOUND_ALLOW")


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest/meta-data/", None])
def test_a_redirect_is_an_answer_and_is_not_followed(
    make_receiver: Callable[[], Receiver], allow_loopback: None, location: str | None
):
    first, second = make_receiver(), make_receiver()
    first.status, first.answer_headers = 302, {"location": location or second.url}
    assert post(first.url) == 302
    assert (first.connections, second.connections) == (1, 0)


def test_the_environments_proxies_are_not_asked(
    make_receiver: Callable[[], Receiver], allow_loopback: None, monkeypatch: pytest.MonkeyPatch
):
    target, proxy = make_receiver(), make_receiver()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert post(target.url) == 200
    assert (target.connections, proxy.connections) == (1, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "0x7f.1", "127.1"])
async def test_a_session_of_ones_own_is_guarded_by_the_connector(receiver: Receiver, host: str):
    async with aiohttp.ClientSession(connector=outbound_aiohttp.connector(limit=5)) as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"http://{host}:{receiver.port}/")
    assert receiver.connections == 0


async def test_even_a_redirect_that_is_followed_leads_nowhere_else(
    make_receiver: Callable[[], Receiver], settings: Any, names: Any
):
    """For who forgets to switch redirects off: the operator opened one address, and the other one stays shut."""
    first = make_receiver()
    names({"open.example": [["127.0.0.2"]]})
    settings.OUTBOUND_ALLOW = [ipaddress.ip_network("127.0.0.2/32")]
    first.status, first.answer_headers = 302, {"location": f"http://127.0.0.1:{first.port}/inside"}
    async with aiohttp.ClientSession(connector=outbound_aiohttp.connector()) as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"http://open.example:{first.port}/")
    assert [received.path for received in first.received] == ["/"]


def test_who_does_not_answer_is_not_waited_for(receiver: Receiver, allow_loopback: None):
    receiver.is_hanging = True
    with pytest.raises(outbound.Failed, match=r"127\.0\.0\.1 did not answer within 0\.3 seconds\."):
        post(receiver.url, timeout_seconds=0.3)
    wait_until(lambda: len(receiver.received) == 1)  # it hears of it in a thread of its own


def test_an_answer_without_end_is_read_no_further_than_needed(receiver: Receiver, allow_loopback: None):
    receiver.answer_body = b"x" * (16 * 1024 * 1024)
    assert post(receiver.url) == 200


def test_a_body_that_stops_half_way_does_not_undo_the_status(receiver: Receiver, allow_loopback: None):
    receiver.answer_headers = {"content-length": "1000"}
    assert post(receiver.url, timeout_seconds=20) == 200


def test_nobody_there_is_a_failure_to_be_tried_again(allow_loopback: None):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(outbound.Failed, match=r"127\.0\.0\.1 cannot be reached\.") as caught:
            post(f"http://127.0.0.1:{free.getsockname()[1]}/")
    assert not caught.value.is_permanent


def test_something_that_speaks_no_http_is_a_failure(allow_loopback: None, mail_server: Any):
    with pytest.raises(outbound.Failed, match=r"127\.0\.0\.1 broke off the connection\."):
        post(f"http://127.0.0.1:{mail_server.port}/")


def test_plain_http_behind_https_is_a_failure(receiver: Receiver, allow_loopback: None):
    with pytest.raises(outbound.Failed):
        post(receiver.url.replace("http:", "https:"))
    assert receiver.received == []
