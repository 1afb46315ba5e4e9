"""How long a tenant's requests are kept; indexes for what the audit trail is filtered by."""

import django.core.validators
from django.db import migrations, models

INDEXES = """
CREATE INDEX auditlog_logentry_tenant_json ON auditlog_logentry ((additional_data -> 'tenant_id'), timestamp DESC, id DESC);
CREATE INDEX auditlog_logentry_additional ON auditlog_logentry USING gin (additional_data jsonb_path_ops);
"""
DROP = "DROP INDEX auditlog_logentry_tenant_json, auditlog_logentry_additional;"


class Migration(migrations.Migration):
    dependencies = [("tenants", "0008_row_level_security"), ("auditlog", "0017_add_actor_email")]
    operations = [
        migrations.AddField(
            model_name="tenant",
            name="log_days",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Older requests are deleted; their sums stay on the dashboards. Empty: as the installation keeps them.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(36500),
                ],
                verbose_name="request log kept (days)",
            ),
        ),
        migrations.AddField(
            model_name="tenant", name="log_kept_from", field=models.DateTimeField(editable=False, null=True)
        ),
        migrations.RunSQL(INDEXES, DROP),
    ]
