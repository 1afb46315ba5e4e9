"""`manage.py seed_demo`: two tenants with people, keys, limits and a catalog, to look at and to call."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection, transaction

from config import demo
from config.management import demo_rows
from config.management.demo_secrets import DemoSecrets

LOCK = 0x7011_DE40  # one seeder at a time


class Command(BaseCommand):
    help = (
        "Make the demonstration's tenants, people, keys, plans and catalog. Idempotent: a second run brings back deleted logins "
        "and keys, follows the simulator to a new address, and leaves alone what a person changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--simulator-url", default="", help="answers in place of the providers without a key in the environment"
        )
        parser.add_argument("--json", action="store_true", help="print one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        kept = DemoSecrets(Path(settings.VAR_DIR) / "demo.json")
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            result = self._seed(kept, options["simulator_url"].rstrip("/"))
            kept.save()  # before the commit: a secret in the database that nobody knows would be worse than an unused one
        if options["json"]:
            self.stdout.write(json.dumps(result))
        else:
            self.stdout.write("\n".join(f"{name.replace('_', ' '):<18}{value}" for name, value in result.items()))

    def _seed(self, kept: DemoSecrets, simulator_url: str) -> dict[str, str]:
        is_first = not demo_rows.is_seeded()
        if is_first:
            demo_rows.plans()
            demo_rows.tenants()
        demo_rows.people(kept)
        upstream = demo_rows.providers(kept, simulator_url=simulator_url, environment=os.environ)
        if is_first:
            demo_rows.catalog()
        demo_rows.keys(kept)
        if is_first:
            demo_rows.budgets()
            demo_rows.caches()
            demo_rows.channels()
        first = demo.TENANTS[0]
        return {
            "operator_email": demo.OPERATOR_EMAIL,
            "operator_password": demo_rows.password_of(kept, demo.OPERATOR_EMAIL),
            "admin_email": demo.ADMIN_EMAIL,
            "admin_password": demo_rows.password_of(kept, demo.ADMIN_EMAIL),
            "api_key": kept.api_key(f"{first.slug}/{first.keys[0]}") or "",
            "model": demo.DEMO_MODELS["anthropic" if upstream.startswith("anthropic") else "openai"],
            "task": demo.DEMO_TASK,
            "upstream": upstream,
        }
