"""Changes of the request log that wait to be added up, and indexes for looking through one end user's requests and through errors."""

import django.db.models.deletion
from django.db import migrations, models

from tenants.rls import EnableTenantRls

INDEXES = """
CREATE INDEX gateway_requestlog_end_user ON gateway_requestlog (tenant_id, end_user, accepted_at DESC) WHERE end_user <> '';
CREATE INDEX gateway_requestlog_not_ok ON gateway_requestlog (tenant_id, accepted_at DESC) WHERE outcome <> 'ok';
"""
DROP = "DROP INDEX gateway_requestlog_end_user, gateway_requestlog_not_ok;"


class Migration(migrations.Migration):
    dependencies = [("gateway", "0012_prefix_cache"), ("tenants", "0008_row_level_security")]
    operations = [
        migrations.CreateModel(
            name="LogChange",
            fields=[
                ("seq", models.BigAutoField(primary_key=True, serialize=False)),
                ("accepted_at", models.DateTimeField()),
                ("record_id", models.UUIDField()),
                ("was", models.JSONField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
        ),
        EnableTenantRls("LogChange", console="SELECT"),
        migrations.RunSQL(INDEXES, DROP),
    ]
