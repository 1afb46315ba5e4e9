"""Functions as a login that is no superuser can make and restore them: made by an earlier one, they still had `SET app.tenant_id`."""

from importlib import import_module

from django.db import migrations

make_functions = import_module("gateway.migrations.0021_rating_days").make_functions


class Migration(migrations.Migration):
    dependencies = [("gateway", "0021_rating_days")]
    operations = [migrations.RunPython(make_functions, migrations.RunPython.noop)]
