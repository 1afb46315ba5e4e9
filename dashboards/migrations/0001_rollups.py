"""The rollups, by level: minutes, quarters of an hour, days of the tenant's zone, days of UTC."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from tenants.rls import EnableTenantRls

COUNTS = (
    "requests", "answered", "client_left", "errors",
    "errors_rate_limit", "errors_timeout", "errors_content_filter", "errors_model", "errors_provider", "errors_budget",
    "errors_request", "errors_tollgate",
    "calls", "failed_calls", "retries", "fallbacks", "escalations",
    "cache_hits", "cache_semantic", "cache_stale", "cache_misses", "cache_bypassed", "cache_repeats",
    "timed", "slow", "latency_us",
    "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens",
    "context_tokens_before", "context_tokens_after",
)
AMOUNTS = ("cost_usd", "saved_exact_usd", "saved_semantic_usd", "saved_prefix_usd", "saved_cascade_usd")
MARKS = ("estimated", "unpriced")
STEPS = (
    "authenticate", "validate", "context", "prefix", "fingerprint", "route", "reserve", "flight", "semantic", "prepare", "provider",
    "first_byte", "stream", "process", "judge", "pause",
)
SKETCHES = ("latency", "ttft", "speed", "cost", "own")
LEVELS = {1: "minute", 2: "quarter", 3: "day", 4: "utc_day"}
KEY = "level smallint NOT NULL, tenant_id uuid NOT NULL, shape smallint NOT NULL, bucket timestamptz NOT NULL, series_id integer NOT NULL"

COLUMNS = ",\n    ".join(
    [f"{name} bigint" for name in COUNTS]
    + [f"{name} numeric(30,9)" for name in AMOUNTS]
    + [f"{name} bigint" for name in MARKS]
    + [f"step_{name}_us bigint" for name in STEPS]
    + [f"{name} bytea" for name in SKETCHES]
)
CELLS = f"""
CREATE TABLE dashboards_cell (
    {KEY},
    {COLUMNS},
    PRIMARY KEY (level, tenant_id, shape, bucket, series_id)
) PARTITION BY LIST (level);
"""
# End users' rows are the most by far, and are kept apart so that nobody else's questions read over them. Rows of a bucket that still goes on are
# updated all the time: with room on their page they need no new entry in the index.
END_USERS = 11
PARTITIONS = "\n".join(
    f"""
CREATE TABLE dashboards_cell_{name} PARTITION OF dashboards_cell FOR VALUES IN ({level}) PARTITION BY LIST (shape);
CREATE TABLE dashboards_cell_{name}_users PARTITION OF dashboards_cell_{name} FOR VALUES IN ({END_USERS}) WITH (fillfactor = 80);
CREATE TABLE dashboards_cell_{name}_others PARTITION OF dashboards_cell_{name} DEFAULT WITH (fillfactor = 80);
"""
    for level, name in LEVELS.items()
)


class Migration(migrations.Migration):
    initial = True
    dependencies = [("gateway", "0013_request_log_changes"), ("tenants", "0008_row_level_security")]
    operations = [
        migrations.CreateModel(
            name="Series",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("shape", models.SmallIntegerField()),
                ("labels", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
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
            options={
                "verbose_name_plural": "series",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "shape", "labels"), name="series_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Calendar",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="tenants.tenant",
                    ),
                ),
                ("zone", models.CharField(max_length=64)),
                ("exact_from", models.DateField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Cell",
            fields=[
                ("pk", models.CompositePrimaryKey("level", "tenant_id", "shape", "bucket", "series_id", blank=True, editable=False, primary_key=True, serialize=False)),
                ("level", models.SmallIntegerField()),
                ("shape", models.SmallIntegerField()),
                ("bucket", models.DateTimeField()),
                ("series_id", models.IntegerField()),
                ("tenant", models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="tenants.tenant")),
            ],
            options={"db_table": "dashboards_cell", "managed": False},
        ),
        migrations.RunSQL(CELLS + PARTITIONS, "DROP TABLE dashboards_cell"),
        *(EnableTenantRls(model, console="SELECT") for model in ("Series", "Calendar", "Cell")),
    ]
