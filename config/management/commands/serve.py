"""`manage.py serve`: one gateway process. More of them are more of these; `manage.py up`, systemd, Compose or Kubernetes start them."""

from __future__ import annotations

import socket
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import listening, serving


class Command(BaseCommand):
    help = "Serve the API and the console from one process; SIGTERM drains and stops it."
    requires_system_checks: list[str] = []  # they would ask the database, which may be away
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="the port to listen on (default: %(default)s)")
        parser.add_argument("--fd", type=int, help="a bound socket to listen on instead, by its file descriptor")

    def handle(self, *args: Any, **options: Any) -> None:
        drain = serving.Drain(settings.DRAIN_DELAY_SECONDS, settings.DRAIN_SECONDS)
        with self._listener(options) as listener:
            serving.run(listener, drain, with_pages=settings.CONSOLE_AT_START)

    def _listener(self, options: dict[str, Any]) -> socket.socket:
        """The socket that was named, or passed by systemd, or one of its own."""
        try:
            if options["fd"] is not None:
                return socket.socket(fileno=options["fd"])
            return listening.passed() or listening.bound(options["host"], options["port"])
        except OSError as error:
            raise CommandError(f"cannot listen on {options['host']}:{options['port']}: {error.strerror}") from error
