"""The end users of days that are over, packed; and the way to a few users' rollups over a long time."""

import django.db.models.deletion
from django.db import migrations, models

from tenants.rls import EnableTenantRls

TABLES = [f"dashboards_cell_{level}_users" for level in ("quarter", "day", "utc_day")]
INDEXES = "".join(f"CREATE INDEX {table}_series ON {table} (series_id, bucket);\n" for table in TABLES)
DROP = "".join(f"DROP INDEX {table}_series;\n" for table in TABLES)
# Packed already: compressing again costs time at each reading and saves little.
STORAGE = "ALTER TABLE dashboards_userday ALTER COLUMN entries SET STORAGE EXTERNAL;"


class Migration(migrations.Migration):
    dependencies = [("dashboards", "0001_rollups")]
    operations = [
        migrations.CreateModel(
            name="UserDay",
            fields=[
                ("pk", models.CompositePrimaryKey("level", "tenant_id", "bucket", blank=True, editable=False, primary_key=True, serialize=False)),
                ("level", models.SmallIntegerField()),
                ("bucket", models.DateTimeField()),
                ("entries", models.BinaryField()),
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
        EnableTenantRls("UserDay", console="SELECT"),
        migrations.RunSQL(STORAGE + INDEXES, DROP),
    ]
