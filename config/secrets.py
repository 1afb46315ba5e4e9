"""Secrets that a development install makes for itself and keeps under `var/`, so that a second start opens its own data."""

import contextlib
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured


def make_folder(folder: Path) -> None:
    """Make it and its parents. Raises `ImproperlyConfigured` where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"cannot write to {folder}: {error.strerror}; set TOLLGATE_VAR to a folder that can be written"
        ) from error


def kept(path: Path, fresh: str) -> str:
    """The text of `path`; written with `fresh` (mode 0600) if there is none. Safe against two processes at once.

    Raises `ImproperlyConfigured` where it can be neither read nor written.
    """
    if path.exists():
        return path.read_text().strip()
    make_folder(path.parent)
    try:
        _write_once(path, fresh)
    except OSError as error:
        raise ImproperlyConfigured(
            f"cannot write to {path.parent}: {error.strerror}; set TOLLGATE_VAR to a folder that can be written"
        ) from error
    return path.read_text().strip()


def _write_once(path: Path, fresh: str) -> None:
    with contextlib.suppress(FileExistsError):
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            os.write(descriptor, fresh.encode())
        finally:
            os.close(descriptor)
        try:
            os.link(draft, path)  # fails if another process was first; whole or not at all
        finally:
            draft.unlink()


def secret_key(folder: Path) -> str:
    """Django's SECRET_KEY of this install."""
    return kept(folder / "secret_key", secrets.token_urlsafe(48))


def encryption_key(folder: Path) -> str:
    """The Fernet key of this install."""
    return kept(folder / "encryption_key", Fernet.generate_key().decode())
