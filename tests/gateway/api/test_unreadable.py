"""What Django, or the parser before it, cannot make a request of, over real sockets: a 400 in the format of its address, and the end."""

from __future__ import annotations

import json

import pytest

from tests.gateway.api.test_wire import BODY, connection, statuses, told
from tests.gateway.live import World

# What Python's parser of content types stumbles over, each in its own way.
CONTENT_TYPES = {
    "an encoding that is none": b"multipart/form-data; name*=nope''x",
    "an encoding with a NUL": b"multipart/form-data; name*=%00''x",
    "a number that is too long": b"multipart/form-data; name*" + b"9" * 5000 + b"=x",
    "parts that do not go together": b"multipart/form-data; x*0*=utf-8''a; x*1=b; x*=utf-8''c",
    "a charset that is not for text": b"multipart/form-data; boundary=x; charset=hex",
    "a charset for names only": b"multipart/form-data; boundary=x; charset=idna",
}
FORM = b'--x\r\ncontent-disposition: form-data; name="login"\r\n\r\na\r\n--x--\r\n'


def post(path: str, content_type: bytes, *lines: bytes, body: bytes = FORM) -> bytes:
    head = [b"POST %b HTTP/1.1" % path.encode(), b"host: localhost", b"content-type: " + content_type, *lines]
    return b"\r\n".join([*head, b"content-length: %d" % len(body), b"connection: close", b"", body])


@pytest.mark.parametrize("name", CONTENT_TYPES)
@pytest.mark.parametrize("path", ["/account/login/", "/api/v1/budgets", "/t/acme/", "/static/none.css", "/nowhere"])
def test_a_content_type_that_cannot_be_read_is_a_400(world: World, name: str, path: str):
    before = len(world.gateway.log())
    answer = told(world.gateway, post(path, CONTENT_TYPES[name]))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert statuses(answer) == [400]
    if path.startswith("/api/"):
        assert (
            b'{"error": {"code": "invalid", "message": "This request cannot be read, not even its headers."}}' in body
        )
    else:
        assert b"This cannot be read" in body
        assert b"content-security-policy: " in head.lower()
    log = world.gateway.log(since=before)
    assert f"Bad Request: {path}" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("name", CONTENT_TYPES)
def test_calls_do_not_go_by_it(world: World, name: str):
    key = b"authorization: Bearer " + world.secret.encode()
    assert statuses(told(world.gateway, post("/v1/chat/completions", CONTENT_TYPES[name], key, body=BODY))) == [200]
    line = b"content-type: " + CONTENT_TYPES[name]
    usage = b"\r\n".join([b"GET /v1/usage?group_by= HTTP/1.1", b"host: x", key, line, b"connection: close", b"", b""])
    assert statuses(told(world.gateway, usage)) == [200]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_do_not_go_by_it_either(world: World, path: str):
    assert statuses(told(world.gateway, post(path, CONTENT_TYPES["an encoding that is none"]))) == [200]


def get(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "connection: close", "", ""]).encode("latin-1")


def test_a_host_name_that_is_not_ours_is_told_so_in_the_format_of_its_address(world: World):
    page = told(world.gateway, get("/account/login/", "host: evil.example"))
    assert statuses(page) == [400]
    assert b"does not go by that host name" in page
    script = told(world.gateway, get("/api/v1/budgets", "host: evil.example"))
    assert statuses(script) == [400]
    assert b'{"error": {"code": "invalid", "message": "This Tollgate does not go by that host name.' in script


def test_more_fields_than_are_taken_are_told_so(world: World):
    answer = told(world.gateway, get("/account/login/?" + "a=b&" * 5000, "host: localhost"))
    assert statuses(answer) == [400]
    assert b"That is more than is taken at once." in answer


@pytest.mark.parametrize("path", ["/v1/usage", "/v1/budgets"])
def test_more_parameters_than_are_taken_are_told_callers_so(world: World, path: str):
    reply = world.get(f"{path}?{'a=b&' * 5000}")
    assert (reply.status, reply.json()["error"]["code"]) == (400, "invalid_request")
    assert "more parameters than are taken" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    "target",
    [
        "/v1/models?a=\xff",
        "/account/login/?a=\xff",
        "/v1/\xff",
        "/\xff",
        "/v1/\0",
        "",
        "nothing",
        "/v1/a b",
        "/v1/a\tb",
    ],
)
def test_an_address_that_is_none_is_a_400_of_the_servers(world: World, target: str):
    answer = told(world.gateway, get(target, "host: localhost"))
    assert statuses(answer) == [400]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "bad_http"


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.3"])
def test_who_offers_another_protocol_is_answered_in_this_one(world: World, protocol: str):
    """As Java's client does with its first request; the connection stays, and nothing is said of it in the log."""
    before = len(world.gateway.log())
    offer = f"connection: Upgrade\r\nupgrade: {protocol}\r\n".encode()
    lines = (b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\n" % world.secret.encode(),)
    first = b"".join([*lines, offer, b"content-length: %d\r\n\r\n" % len(BODY), BODY])
    with connection(world.gateway) as client:
        for request in (first, first.replace(offer, b"connection: close\r\n")):
            client.sendall(request)
            received = b""
            while b'"usage"' not in received:
                piece = client.recv(65536)
                assert piece, received
                received += piece
            assert statuses(received) == [200]
    assert world.gateway.log(since=before) == ""


def test_the_body_behind_such_an_offer_is_its_own_and_no_other_request(world: World):
    """Where a proxy in front has let it pass for one."""
    inner = b"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\n\r\n" % world.secret.encode()
    outer = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: h2c\r\ncontent-length: %d\r\n\r\n"
    assert statuses(told(world.gateway, outer % len(inner) + inner)) == [401]
    assert statuses(told(world.gateway, outer % len(inner), inner)) == [401]
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner)
    head = outer.replace(b"content-length: %d", b"transfer-encoding: chunked")
    assert statuses(told(world.gateway, head + chunks)) == [401]


def test_offers_that_come_at_once_are_answered_one_after_the_other(world: World):
    offer = "GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
    last = offer.replace("connection: upgrade", "connection: upgrade, close")
    assert statuses(told(world.gateway, (offer + offer + last).encode())) == [401, 401, 401]


@pytest.mark.parametrize("target", ["localhost:80", "/v1/models"])
def test_nobody_is_connected_through(world: World, target: str):
    answer = told(world.gateway, f"CONNECT {target} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}".encode())
    assert statuses(answer) == [405]
    assert b"This is no proxy." in answer


@pytest.mark.parametrize("path", ["/api/v1/budgets", "/api/schema/", "/account/login/"])
def test_what_a_caller_accepts_is_disregarded_where_it_cannot_be_read(world: World, path: str):
    plain = statuses(told(world.gateway, get(path, "host: localhost", "accept: */*")))
    odd = get(path, "host: localhost", "accept: a/b; x*0*=utf-8''y; x*1=z; x*=q")
    assert statuses(told(world.gateway, odd)) == plain
    assert plain[0] < 500


def test_a_form_with_a_part_that_cannot_be_read_is_a_400(world: World):
    before = len(world.gateway.log())
    # Of the others Django may leave the part out, and then misses the form's token.
    parameters = {
        b"name*0*=utf-8''a; name*1=b; name*=c": {400},
        b"name*=nope''a": {400, 403},
        b"name*" + b"9" * 5000 + b"=a": {400, 403},
    }
    for parameter, possible in parameters.items():
        part = b"--x\r\ncontent-disposition: form-data; %b\r\n\r\na\r\n--x--\r\n" % parameter
        cookie = b"cookie: csrftoken=" + b"a" * 32  # with one, the form is read for its token
        answer = told(world.gateway, post("/account/login/", b"multipart/form-data; boundary=x", cookie, body=part))
        (status,) = statuses(answer)
        assert status in possible
    assert "Internal Server Error" not in world.gateway.log(since=before)


@pytest.mark.parametrize("path", ["/account/login/", "/api/v1/budgets", "/t/acme/", "/v1/models"])
def test_too_many_parameters_are_a_400_whatever_the_content_type(world: World, path: str):
    many = "&".join(f"a{number}=" for number in range(1001))
    answer = told(
        world.gateway, post(f"{path}?{many}", b"application/x-www-form-urlencoded; charset=latin-1", body=b"")
    )
    assert statuses(answer) == [405 if path == "/v1/models" else 400]
    assert b"Internal Server Error" not in answer
