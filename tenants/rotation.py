"""Bringing every stored secret under the newest encryption key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import connection, models, transaction

from tenants import encryption
from tenants.encryption import EncryptedTextField, UndecryptableError

SECRETS_WITHIN = {"secret", "seed"}  # of an authenticator app, of recovery codes


@dataclass(frozen=True)
class Unreadable:
    """A stored secret that opens with none of the configured keys."""

    table: str
    column: str
    row: Any

    def __str__(self) -> str:
        return f"{self.table}.{self.column} of row {self.row}"


@dataclass
class Rotation:
    """How many values were written anew, or which ones stood in the way."""

    rewritten: int = 0
    unreadable: list[Unreadable] = field(default_factory=list)


def rotate() -> Rotation:
    """Re-encrypt all encrypted columns with the first of `settings.ENCRYPTION_KEYS`.

    All or nothing: if a value opens with no key, nothing is changed and the result names each of them. Rows are locked
    meanwhile. Not an edit: it leaves no audit entry, though the triggers raise configuration versions. Safe to run twice.
    """
    result = Rotation()
    with transaction.atomic():
        for model in apps.get_models():
            for column in model._meta.concrete_fields:
                if isinstance(column, EncryptedTextField) and not model._meta.proxy:
                    _rotate_column(model, column, result)
        _rotate_authenticators(result)
        if result.unreadable:
            transaction.set_rollback(True)
            result.rewritten = 0
    return result


def _rotate_authenticators(result: Rotation) -> None:
    """Second factors keep their secrets within a JSON column (`tenants.accounts.adapter.MfaAdapter`)."""
    for row in Authenticator.objects.select_for_update().order_by("pk"):
        for name in SECRETS_WITHIN & row.data.keys():
            try:
                row.data[name] = encryption.encrypt(encryption.decrypt(row.data[name]))
            except UndecryptableError:
                result.unreadable.append(Unreadable(Authenticator._meta.db_table, f"data.{name}", row.pk))
                continue
            Authenticator.objects.filter(pk=row.pk).update(data=row.data)
            result.rewritten += 1


def _rotate_column(model: type[models.Model], column: EncryptedTextField, result: Rotation) -> None:
    """The ciphertext is read and written as it stands, past the field, which would open it."""
    table, key = model._meta.db_table, model._meta.pk
    assert key is not None
    quote = connection.ops.quote_name
    name, key_name, table_name = quote(str(column.column)), quote(str(key.column)), quote(table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {key_name}, {name} FROM {table_name} WHERE {name} <> '' FOR UPDATE")  # noqa: S608
        for row, token in cursor.fetchall():
            try:
                fresh = encryption.encrypt(encryption.decrypt(token))
            except UndecryptableError:
                result.unreadable.append(Unreadable(table, str(column.column), row))
                continue
            cursor.execute(f"UPDATE {table_name} SET {name} = %s WHERE {key_name} = %s", [fresh, row])  # noqa: S608
            result.rewritten += 1
