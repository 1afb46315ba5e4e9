"""Scripts of the tests: clients of the management API with a key of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.test import Client

from tenants import management_keys
from tenants.models import ManagementKey, Tenant
from tenants.roles import Role

HOME = "/api/v1/"


class Script:
    """Calls the API with a key (None: without one), or within a console with the client that is given."""

    def __init__(self, secret: str = "", *, client: Client | None = None, home: str = HOME) -> None:
        self.client, self.home = client or Client(), home
        self.headers = {"authorization": f"Bearer {secret}"} if secret else {}
        self.key: ManagementKey | None = None

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(self.home + path, query, headers=self.headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("post", path, body, headers)

    def patch(self, path: str, body: Any = None) -> Any:
        return self._send("patch", path, body, {})

    def delete(self, path: str) -> Any:
        return self._send("delete", path, None, {})

    def send(self, method: str, path: str, body: Any = None) -> Any:
        return self.get(path) if method == "get" else self._send(method, path, body, {})

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        spelled = {name.replace("_", "-"): value for name, value in headers.items()}
        text = "" if body is None else json.dumps(body)
        send = getattr(self.client, method)
        return send(self.home + path, text, content_type="application/json", headers={**self.headers, **spelled})


def script(tenant: Tenant, role: str = "admin", *, by: Any = None, subjects: Sequence[str] = ()) -> Script:
    made = management_keys.create(
        tenant, name=f"{role} script", role=Role(role), subjects=subjects, by=by, by_role=Role.OWNER
    )
    client = Script(made.secret)
    client.key = made.key
    return client


def error_of(response: Any, status: int) -> dict[str, Any]:
    """What a refusal says, which must have that status and the API's one format."""
    assert response.status_code == status, response.content
    assert response["Content-Type"].startswith("application/json")
    body: dict[str, Any] = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) <= {"code", "message", "fields"}
    return body["error"]  # type: ignore[no-any-return]
