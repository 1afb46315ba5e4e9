"""`manage.py rotate_encryption`: after a new key was put in front of TOLLGATE_ENCRYPTION_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants import config_versions, rotation


class Command(BaseCommand):
    help = (
        "Re-encrypt every stored secret with the newest of TOLLGATE_ENCRYPTION_KEYS. All or nothing; safe to run twice."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        result = rotation.rotate()
        if result.unreadable:
            rows = "\n".join(f"  {unreadable}" for unreadable in result.unreadable)
            raise CommandError(
                f"{len(result.unreadable)} secret(s) open with none of TOLLGATE_ENCRYPTION_KEYS; nothing was changed:\n{rows}\n"
                "Add the key they were written with, or enter them again in the admin."
            )
        config_versions.publish()
        self.stdout.write(
            f"{result.rewritten} secret(s) are now encrypted with the newest key. The older keys can be dropped."
        )
