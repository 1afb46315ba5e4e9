"""Requests that are nearly HTTP, by the thousand, over raw sockets: odd targets, headers, lengths and chunks. Each connection ends in time,
with one answer at most for one request, in the format of its address, and never with a fault of ours.

Whatever a request is made of, it says `connection: close`, or breaks the protocol: so the server ends the connection. Behind every request
comes another one, to an address that is nowhere else, which must not be answered: it is within the body, or behind the end.
"""

from __future__ import annotations

import random
import re
import select
import socket
import time
from collections import Counter
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 20.0
WAITS_SECONDS = 1.0
SMUGGLED = b"GET /v1/smuggled HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
METHODS = (
    [b"GET"] * 6
    + [b"POST"] * 6
    + [b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"CONNECT", b"PRI", b"FOO", b"get", b""]
)
PATHS = [
    b"/v1/models", b"/v1/chat/completions", b"/v1/messages", b"/v1/embeddings", b"/v1/usage", b"/v1/budgets", b"/v1/cache",
    b"/v1/feedback", b"/v1/route/explain", b"/v1/nothing", b"/api/v1/budgets", b"/api/v1/keys", b"/api/v1/requests",
    b"/api/v1/nothing", b"/api/schema/", b"/account/login/", b"/account/password/reset/", b"/admin/", b"/t/fuzzed/",
    b"/t/fuzzed/api/v1/budgets", b"/static/x.css", b"/healthz", b"/readyz", b"/metrics", b"/", b"/nothing", b"/feedback/x",
    b"/invitation/x/", b"/alerts/confirm/x/", b"/account/sso/x/",
]  # fmt: skip
ENDS = [b""] * 40 + [
    b"?", b"?a=b", b"?a=\xff", b"?a=%ff%00", b"?"+b"a=b&" * 1500, b"?limit=%00", b"?from=\xc3\xa9", b"?next=//evil", b"/%00",
    b"/%ff", b"/\0", b"%", b"%zz", b"%0d%0aX:%20y", b"/../..", b"/%2e%2e/%2e%2e/", b"//", b";a=b", b"#x", b" b", b"\tb",
    b"/"+b"a" * 3000, b"/\xf0\x9f\x99\x82",
]  # fmt: skip
WHOLE_TARGETS = [
    b"*",
    b"",
    b"v1/models",
    b"http://localhost/v1/models",
    b"http://evil:99999999/v1/models",
    b"https://[/v1",
    b"//",
    b"localhost:80",
]
VERSIONS = [b"HTTP/1.1"] * 12 + [
    b"HTTP/1.0",
    b"HTTP/2.0",
    b"HTTP/0.9",
    b"HTTP/1.2",
    b"HTTP/9.9",
    b"http/1.1",
    b"HTTP/1.1 ",
    b"ICY/1.0",
    b"",
]
NAMES = [
    b"content-type", b"cookie", b"authorization", b"x-api-key", b"accept", b"accept-language", b"accept-encoding", b"origin",
    b"referer", b"range", b"if-none-match", b"if-modified-since", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host",
    b"x-forwarded-port", b"x-tollgate-user", b"x-tollgate-tags", b"x-tollgate-feature", b"x-tollgate-least-similarity",
    b"idempotency-key", b"traceparent", b"tracestate", b"anthropic-version", b"cache-control", b"content-encoding", b"te",
    b"trailer", b"upgrade", b"expect", b"host", b"hx-request", b"hx-current-url", b"x-csrftoken", b"x-http-method-override",
    b"content_length", b"forwarded", b"via", b"x-a", b"", b"x a", b"x\xff", b"x\0",
]  # fmt: skip
VALUES = [
    b"", b"a", b"\xff\xfe", b"\xc3\xa9", b"a\0b", b"a\tb", b"a\r b", b"a\nb", b"'\"`;--", b"{{7*7}}", b"x" * 5000, b"0", b"-1",
    b"1e999", b"nan", b"*/*;q=zz", b";;=;", b"a=b; " * 300, b"Bearer \xff", b"Basic !!", b"http://[::1", b"//", b"bytes=-1-",
    b"00-\xff-zz-1", b"100-continue", b"websocket", b"h2c", b"gzip, gzip", b"max-age=99999999999999999999, only-if-cached",
    b"multipart/form-data; boundary=x", b"application/json", b"application/json; charset=hex",
    b"multipart/form-data", b"multipart/form-data; boundary=\xff",
    b"multipart/form-data; boundary=x; charset=idna", b"a/b; x*=nope''y", b"a/b; x*9999999999999=y",
    b"a/b; x*0*=utf-8''y; x*1=z; x*=q", b"application/x-www-form-urlencoded; charset=utf-7", b"evil.example",
]  # fmt: skip
BODIES = [
    b"",
    b"{}",
    b"\xff\0",
    b'{"model":"gpt-4o","max_tokens":5,"messages":[{"role":"user","content":"x"}]}',
    b"a=b&" * 50,
    b"--x\r\n\r\n--x--\r\n",
    b"--x\r\ncontent-disposition: form-data; name*0*=utf-8''a; name*1=b; name*=c\r\n\r\na\r\n--x--\r\n",
]
CHUNKED = b"transfer-encoding: chunked"
PLAIN = re.compile(rb"/(healthz|readyz|metrics)(?![\w%])")


class Odd(AssertionError):
    """An answer that nobody should see, or none."""


def run(url: str, keys: tuple[str, str], *, count: int, number: int) -> bool:
    """Send so many and print what came of them; whether all was well. The same number makes the same requests."""
    address = urlsplit(url)
    made = random.Random(number)
    statuses, began, slowest, odd = Counter[str](), time.monotonic(), 0.0, 0
    for _ in range(count):
        request = _request(made, keys)
        sent_at = time.monotonic()
        try:
            answer = _told((address.hostname or "", address.port or 0), _cut(made, request))
            statuses[_checked(request, answer)] += 1
        except Odd as found:
            odd += 1
            print(f"{found}\n    of {request[:1500]!r}")
        slowest = max(slowest, time.monotonic() - sent_at)
        if odd >= 20:
            break
    told = ", ".join(f"{status}: {times}" for status, times in sorted(statuses.items()))
    print(
        f"{sum(statuses.values())} requests in {time.monotonic() - began:.0f} s (slowest {slowest:.2f} s): {told}; odd: {odd}"
    )
    return not odd and statuses["200"] > 0


def _request(made: random.Random, keys: tuple[str, str]) -> bytes:
    target = made.choice(PATHS) + made.choice(ENDS) if made.random() < 0.9 else made.choice(WHOLE_TARGETS)
    key = keys[target.startswith(b"/api/")].encode()
    lines = [b"host: localhost", b"connection: close"]
    lines += [b"authorization: Bearer " + key] if made.random() < 0.7 else []
    for _ in range(made.choice([0, 1, 1, 1, 2, 3])):
        lines.append(made.choice(NAMES) + made.choice([b": "] * 9 + [b":", b" : ", b""]) + made.choice(VALUES))
    if made.random() < 0.1:  # on top of `close`, in a line of its own or instead of it
        lines += [b"connection: upgrade, close", b"upgrade: " + made.choice([b"h2c", b"websocket", b"\xff"])]
    if made.random() < 0.02:
        lines += [b"x-many: a"] * 300
    made.shuffle(lines)
    body = made.choice(BODIES) if made.random() < 0.7 else SMUGGLED
    framing, body = _framed(made, body)
    head = b" ".join([made.choice(METHODS), target, made.choice(VERSIONS)])
    end = made.choice([b"\r\n"] * 30 + [b"\n", b"\r"])
    return end.join([head, *lines, *framing, b"", b""]) + body + SMUGGLED


def _framed(made: random.Random, body: bytes) -> tuple[list[bytes], bytes]:
    """The lines that say how long the body is, rightly for the most part, and the body."""
    length = b"content-length: %d" % len(body)
    chunks = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    match made.choice(
        ["length"] * 8 + ["chunked"] * 4 + ["none", "twice", "both", "odd", "size", "trailer", "extension", "expect"]
    ):
        case "length":
            return [length], body
        case "chunked":
            return [CHUNKED], chunks + b"0\r\n\r\n"
        case "none":
            return [], body
        case "twice":
            return [length, made.choice([length, b"content-length: 1", b"content-length: 0"])], body
        case "both":
            return [length, CHUNKED], chunks + b"0\r\n\r\n"
        case "odd":
            values = [b"-1", b"+2", b"0x2", b"2, 2", b" ", b"\xff", b"9" * 30, b"1_0", b"2 2", b"02"]
            return [b"content-length: " + made.choice(values)], body
        case "size":
            sizes = [b"-1", b"+2", b"0x2", b"zz", b"f" * 17, b"", b" 2", b"2 ", b"\xff", b"00000002"]
            return [CHUNKED], made.choice(sizes) + b"\r\n{}\r\n0\r\n\r\n"
        case "trailer":
            return [CHUNKED, b"trailer: x-a"], chunks + b"0\r\nx-tollgate-user: mallory\r\n\r\n"
        case "extension":
            return [CHUNKED], b"2;a=" + b"b" * made.choice([1, 100, 20_000]) + b"\r\n{}\r\n0\r\n\r\n"
        case _:
            return [length, b"expect: 100-continue"], body


def _cut(made: random.Random, request: bytes) -> list[bytes]:
    """In one piece for the most part."""
    cuts = sorted(made.randrange(len(request)) for _ in range(made.choice([0, 0, 0, 1, 3])))
    return [request[start:end] for start, end in zip([0, *cuts], [*cuts, len(request)], strict=True)]


def _told(address: tuple[str, int], pieces: list[bytes]) -> bytes:
    """All that is answered until the connection ends, which it has to in time."""
    received = b""
    with socket.create_connection(address, timeout=TIMEOUT_SECONDS) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in pieces:
                client.sendall(piece)
            if not select.select([client], [], [], WAITS_SECONDS)[0]:
                client.shutdown(socket.SHUT_WR)  # it waits for more, and is told that there will be none
            while piece := client.recv(65536):
                received += piece
        except TimeoutError:
            raise Odd(f"no end in {TIMEOUT_SECONDS:.0f} s, after {received[-300:]!r}") from None
        except OSError:
            pass  # closed while something was still being sent
    return received


def _checked(request: bytes, answer: bytes) -> str:
    """The status, as text. Raises `Odd`."""
    answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    heads = re.findall(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n", answer)
    if not answer:
        return "closed"
    if not heads or not answer.startswith(b"HTTP/1.1 "):
        raise Odd(f"no answer: {answer[:300]!r}")
    if len(heads) > 1 or b"/v1/smuggled" in answer:
        raise Odd(f"{len(heads)} answers: {answer[-600:]!r}")
    head, _, body = answer.partition(b"\r\n\r\n")
    if heads[0] >= b"500":
        raise Odd(f"a fault: {answer[:600]!r}")
    if b"text/plain" in head and not PLAIN.search(request.partition(b"\r\n")[0]):
        raise Odd(f"plain text: {answer[:600]!r}")
    if heads[0] >= b"400" and not body and not request.startswith(b"HEAD") and heads[0] != b"405":
        raise Odd(f"nothing said: {answer[:600]!r}")
    return str(heads[0], "ascii")
