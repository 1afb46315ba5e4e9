"""`manage.py import_labels FILE --tenant slug | --shared`: answers known to be good or bad, to train the cascade's classifier on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from gateway.quality import labels, versions
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Import labelled answers: a line of JSON each, with prompt, answer, good, and perhaps task and weight."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        owner = parser.add_mutually_exclusive_group(required=True)
        owner.add_argument("--tenant", metavar="slug", help="the tenant whose model they train")
        owner.add_argument("--shared", action="store_true", help="they train the shared model")
        parser.add_argument("--train", action="store_true", help="train at once instead of with the daily task")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = None if options["shared"] else Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None and not options["shared"]:
            raise CommandError(f"There is no tenant {options['tenant']}.")
        try:
            with options["file"].open(encoding="utf-8") as lines, transaction.atomic():
                count = labels.import_lines(tenant.id if tenant else None, lines)
        except OSError as error:
            raise CommandError(f"Cannot read {options['file']}: {error.strerror}") from error
        except (labels.BadLabelsError, UnicodeDecodeError) as error:
            raise CommandError(f"{options['file']}, {error}. Nothing was imported.") from error
        self.stdout.write(f"{count} labels imported for {tenant.slug if tenant else 'the shared model'}")
        if options["train"]:
            self.stdout.write(describe(versions.train_tenant(tenant) if tenant else versions.train_shared()))


def describe(trained: versions.Trained | None) -> str:
    if trained is None:
        return "not trained: too few labels, or none that are new"
    verb = "in force" if trained.model.is_active else "kept, not in force: worse than the one that is"
    return f"version {trained.model.version} {verb} ({trained.metrics.as_json()}, before {trained.before.as_json()})"
