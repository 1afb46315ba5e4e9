"""What the console may do with alerts and their deliveries. Alerts and channels that are there already go on as they did."""

from django.db import migrations

from tenants.rls import EnableTenantRls


class Migration(migrations.Migration):
    dependencies = [("billing", "0006_alerts_and_channels")]
    operations = [
        migrations.RunSQL(
            "UPDATE billing_alert SET severity = 'critical' WHERE threshold >= 100", migrations.RunSQL.noop
        ),
        migrations.RunSQL(
            "UPDATE billing_alertchannel SET confirmed_at = created_at WHERE kind = 'email'", migrations.RunSQL.noop
        ),
        EnableTenantRls("Alert", console="SELECT, UPDATE (budget_id, resolved_at)"),
        EnableTenantRls("AlertDelivery", console="SELECT, DELETE, UPDATE (status, attempts, next_attempt_at)"),
        EnableTenantRls("AlertsSeen", console="SELECT, INSERT, UPDATE (seen_at)"),
    ]
