"""`manage.py restart`, which `make restart` runs: a running `manage.py up` replaces its processes by new ones, and no request fails."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from config.embedded import layout as layouts
from config.embedded import restarts
from config.embedded.errors import EmbeddedServiceError


class Command(BaseCommand):
    help = "Replace the gateway processes, the worker and beat of a running `manage.py up`, one after another, with the present code."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--seconds", type=float, default=1800, help="how long to wait for it (default: %(default)s)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit status 0 once all processes are new ones; 1, with one line, where that failed."""
        try:
            restarts.ask(layouts.of(Path(settings.VAR_DIR)), seconds=options["seconds"])
        except EmbeddedServiceError as error:
            self.stderr.write(f"tollgate: {error}")
            sys.exit(1)
        self.stdout.write("All processes have been replaced.")
