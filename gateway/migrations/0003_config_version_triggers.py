"""Raise the tenants' configuration version whenever one of these tables changes."""

from django.db import migrations

TABLES = ["gateway_provider", "gateway_model", "gateway_task", "gateway_taskfallback", "gateway_routingrule", "gateway_routingtarget"]


class Migration(migrations.Migration):
    dependencies = [("gateway", "0002_request_log"), ("tenants", "0002_config_version_triggers")]
    operations = [
        migrations.RunSQL(
            f"CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION tollgate_raise_config_version()",
            f"DROP TRIGGER raise_config_version ON {table}",
        )
        for table in TABLES
    ]
