"""The demonstration's passwords and keys, kept in `VAR_DIR/demo.json` (mode 0600) so that each run names the same ones."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

PASSWORD_BYTES = 12


class DemoSecrets:
    """Reads at once; what is missing is made when it is asked for; nothing is written before `save`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[str, dict[str, Any]] = {}
        with contextlib.suppress(FileNotFoundError, ValueError):  # a damaged file is replaced
            kept = json.loads(path.read_text())
            if isinstance(kept, dict):
                self._kept = {name: part for name, part in kept.items() if isinstance(part, dict)}

    def password(self, email: str) -> str:
        return str(self._part("passwords").setdefault(email, secrets.token_urlsafe(PASSWORD_BYTES)))

    def api_key(self, name: str) -> str | None:
        value = self._part("api_keys").get(name)
        return str(value) if value else None

    def keep_api_key(self, name: str, secret: str) -> None:
        self._part("api_keys")[name] = secret

    def seeded(self, provider: str) -> str | None:
        """A fingerprint of the provider as it was last seeded."""
        value = self._part("providers").get(provider)
        return str(value) if value else None

    def keep_seeded(self, provider: str, fingerprint: str) -> None:
        self._part("providers")[provider] = fingerprint

    def save(self) -> None:
        """Write all, whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(self._kept, file, indent=1)
        draft.replace(self._path)

    def _part(self, name: str) -> dict[str, Any]:
        return self._kept.setdefault(name, {})
