"""Raise the tenants' configuration version whenever a budget changes."""

from django.db import migrations

TABLES = ["billing_budget", "billing_budgetraise"]


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_budgets"), ("tenants", "0002_config_version_triggers")]
    operations = [
        migrations.RunSQL(
            f"CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION tollgate_raise_config_version()",
            f"DROP TRIGGER raise_config_version ON {table}",
        )
        for table in TABLES
    ]
