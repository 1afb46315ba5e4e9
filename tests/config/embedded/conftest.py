"""Folders and services of their own: these tests kill servers, so they share none with the rest of the run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.embedded import layout as layouts
from config.embedded import lock, session
from config.embedded.layout import Layout
from config.embedded.session import Services


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path that other users may traverse."""
    path = Path(tempfile.mkdtemp(prefix="tg-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def layout(folder: Path) -> Iterator[Layout]:
    """A prepared and locked layout, as the services' `start` expects it."""
    made = layouts.of(folder / "var")
    made.prepare()
    held = lock.acquire(made.lock_file)
    yield made
    held.release()


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    path = Path(tempfile.mkdtemp(prefix="tg-"))
    path.chmod(0o711)
    running = session.start(path, durable=False)
    yield running
    running.stop()
    shutil.rmtree(path, ignore_errors=True)
