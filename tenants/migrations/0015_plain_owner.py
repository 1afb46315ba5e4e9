"""Functions as a login that is no superuser can make and restore them: made by an earlier one, they still had `SET app.tenant_id`."""

from django.db import migrations

from tenants.rls import MakeTenantFunctions


class MakeThemAgain(MakeTenantFunctions):
    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        pass


class Migration(migrations.Migration):
    dependencies = [("tenants", "0014_management_keys")]
    operations = [MakeThemAgain()]
