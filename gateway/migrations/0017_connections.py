"""What people recognise a provider's credential by, and what the last test of the connection found. Neither is configuration of the gateway."""

from django.db import migrations, models

COLUMNS = "tenant_id, name, kind, base_url, credential, is_active"


def trigger(event: str) -> str:
    return (
        "DROP TRIGGER raise_config_version ON gateway_provider; "
        f"CREATE TRIGGER raise_config_version AFTER INSERT OR DELETE OR {event} ON gateway_provider "
        "FOR EACH ROW EXECUTE FUNCTION tollgate_raise_config_version()"
    )


class Migration(migrations.Migration):
    dependencies = [("gateway", "0016_feedback")]
    operations = [
        migrations.AddField(
            "provider", "credential_hint", models.CharField(blank=True, default="", editable=False, max_length=24, verbose_name="credential"), preserve_default=False
        ),
        migrations.AddField("provider", "tested_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="tested")),
        migrations.AddField(
            "provider", "test_fault", models.CharField(blank=True, default="", editable=False, max_length=20), preserve_default=False
        ),
        migrations.RunSQL(trigger(f"UPDATE OF {COLUMNS}"), trigger("UPDATE")),
    ]
