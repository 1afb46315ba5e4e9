"""Row-level security of who uses Tollgate, and of what other packages' tables say about it."""

from django.conf import settings
from django.db import migrations, models

from tenants.rls import BindTable, EnableTenantRls, GrantToConsole, MakeTenantFunctions

MEMBERS = "id IN (SELECT user_id FROM tenants_membership WHERE tenant_id = (SELECT tollgate_tenant()))"
ENTRIES = "(additional_data ->> 'tenant_id') = (SELECT tollgate_tenant())::text"


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0007_console_role"),
        ("auditlog", "0017_add_actor_email"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AddField("membership", "last_opened_at", models.DateTimeField(editable=False, null=True)),
        MakeTenantFunctions(),
        EnableTenantRls("Tenant", column="id", console="SELECT, UPDATE (name, timezone)"),
        EnableTenantRls("Membership", console="SELECT, UPDATE (role), DELETE"),  # whom to add an invitation says
        EnableTenantRls("ApiKey"),
        EnableTenantRls("EndUser"),
        BindTable("auth_user", visible=MEMBERS),
        BindTable("auditlog_logentry", visible=ENTRIES, console="SELECT, INSERT", sequence="auditlog_logentry_id_seq"),
        GrantToConsole("django_content_type"),
        migrations.RunSQL(
            "CREATE INDEX auditlog_logentry_tenant ON auditlog_logentry ((additional_data ->> 'tenant_id'), timestamp DESC)",
            "DROP INDEX auditlog_logentry_tenant",
        ),
    ]
