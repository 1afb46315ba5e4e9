"""The role that console requests work in. By itself, so that migrations of other databases on the server wait no longer than for this."""

from django.db import migrations

from tenants.rls import MakeConsoleRole


class Migration(migrations.Migration):
    dependencies = [("tenants", "0006_counted_since")]
    operations = [MakeConsoleRole()]
