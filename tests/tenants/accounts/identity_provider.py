"""A small OpenID Connect provider on a real socket: what a tenant's own one does, and what a hostile one might."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "tollgate", "s3cret-of-the-client"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class IdentityProvider:
    """`claims` is who signs in. `faults` are what it does wrong: "issuer", "audience", "expired", "down", "long", "slow"."""

    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    faults: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)  # paths, in order
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def person(self, sub: str, email: str, **more: Any) -> None:
        self.claims = {"sub": sub, "email": email, "email_verified": True, "given_name": sub.capitalize(), **more}

    def authorize(self, location: str) -> str:
        """What the person's browser does at the provider: signs in and is sent back. Returns where to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": "https://somebody-else.example" if "issuer" in self.faults else self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def token(self, form: dict[str, str]) -> dict[str, Any] | None:
        asked = self.codes.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier", "").encode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=").decode()
        is_right = (
            asked is not None
            and form.get("client_secret") == CLIENT_SECRET
            and challenge == asked["code_challenge"]
            and form.get("redirect_uri") == asked["redirect_uri"]
        )
        if not is_right:
            return None
        now = int(time.time())
        token = {
            "iss": self.url,
            "aud": "another client" if "audience" in self.faults else CLIENT_ID,
            "iat": now,
            "exp": now - 10 if "expired" in self.faults else now + 300,
            **self.claims,
        }
        signed = jwt.encode(token, KEY, algorithm="RS256", headers={"kid": "1"})
        return {"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "id_token": signed}


class _Handler(BaseHTTPRequestHandler):
    provider: IdentityProvider

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.provider.asked.append(path)
        if "down" in self.provider.faults:
            self._answer({}, status=503)
        elif path == "/.well-known/openid-configuration":
            padding = "x" * 2_000_000 if "long" in self.provider.faults else ""
            self._answer({**self.provider.configuration(), "padding": padding})
        elif path == "/userinfo" and self.headers["authorization"] == "Bearer opaque":
            self._answer(self.provider.claims)
        elif path == "/moved/.well-known/openid-configuration":
            self.send_response(302)
            self.send_header("location", f"{self.provider.url}/.well-known/openid-configuration")
            self.end_headers()
        else:
            self._answer({"error": "not found"}, status=404)

    def do_POST(self) -> None:
        self.provider.asked.append(self.path)
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        answer = self.provider.token({name: values[0] for name, values in parse_qs(body).items()})
        self._answer(answer or {"error": "invalid_grant"}, status=200 if answer else 400)

    def _answer(self, content: dict[str, Any], *, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def running() -> Iterator[IdentityProvider]:
    provider = IdentityProvider()
    handler = type("Handler", (_Handler,), {"provider": provider})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
