"""A key's secrets become rows of their own, so that a key can be rotated while its former secret is still accepted."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import tenants.ids
from tenants.rls import EnableTenantRls

KEY_COLUMNS = (
    "tenant_id, name, scopes, allowed_models, allowed_tasks, requests_per_minute, max_concurrency, expires_at, revoked_at, "
    "tokens_per_minute, tokens_per_month, usd_per_month"
)


def key_trigger(columns):
    return (
        "DROP TRIGGER raise_config_version ON tenants_apikey; "
        f"CREATE TRIGGER raise_config_version AFTER INSERT OR DELETE OR UPDATE OF {columns} ON tenants_apikey "
        "FOR EACH ROW EXECUTE FUNCTION tollgate_raise_config_version()"
    )


COPY = """
INSERT INTO tenants_apikeysecret (id, tenant_id, api_key_id, prefix, secret_sha256, last_used_at, created_by_id, created_at)
SELECT gen_random_uuid(), tenant_id, id, prefix, secret_sha256, last_used_at, created_by_id, created_at FROM tenants_apikey
"""
DROP_COLUMN = "ALTER TABLE tenants_apikey DROP COLUMN secret_sha256"
# Former secrets, which are still accepted, are lost on the way back.
ADD_COLUMN = """
ALTER TABLE tenants_apikey ADD COLUMN secret_sha256 varchar(64);
UPDATE tenants_apikey AS k SET secret_sha256 = s.secret_sha256 FROM tenants_apikeysecret AS s
    WHERE s.api_key_id = k.id AND s.ends_at IS NULL;
ALTER TABLE tenants_apikey ALTER COLUMN secret_sha256 SET NOT NULL,
    ADD CONSTRAINT tenants_apikey_secret_sha256_key UNIQUE (secret_sha256);
"""
SECRET_TRIGGER = """
CREATE TRIGGER raise_config_version AFTER INSERT OR DELETE OR UPDATE OF api_key_id, secret_sha256, prefix, ends_at
    ON tenants_apikeysecret FOR EACH ROW EXECUTE FUNCTION tollgate_raise_config_version()
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0012_playground_key"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="ApiKeySecret",
            fields=[
                ("id", models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("prefix", models.CharField(max_length=16, verbose_name="prefix")),
                ("secret_sha256", models.CharField(editable=False, max_length=64, unique=True)),
                ("ends_at", models.DateTimeField(blank=True, help_text="Empty: as long as the key itself.", null=True, verbose_name="accepted until")),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="last used")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("api_key", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="secrets", to="tenants.apikey", verbose_name="API key")),
                ("created_by", models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL, verbose_name="created by")),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="tenants.tenant", verbose_name="tenant")),
            ],
            options={
                "verbose_name": "secret of an API key",
                "verbose_name_plural": "secrets of API keys",
                "ordering": ["-created_at", "-id"],
                "constraints": [models.UniqueConstraint(condition=models.Q(("ends_at", None)), fields=("api_key",), name="api_key_one_lasting_secret")],
            },
        ),
        EnableTenantRls("ApiKeySecret"),
        migrations.RunSQL(COPY, migrations.RunSQL.noop),
        migrations.RunSQL(SECRET_TRIGGER, "DROP TRIGGER raise_config_version ON tenants_apikeysecret"),
        migrations.RunSQL(key_trigger(KEY_COLUMNS), key_trigger(f"{KEY_COLUMNS}, secret_sha256")),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(DROP_COLUMN, ADD_COLUMN)],
            state_operations=[migrations.RemoveField("apikey", "secret_sha256")],
        ),
        migrations.AlterField(
            "apikey",
            "prefix",
            models.CharField(editable=False, help_text="The beginning of its secret, to tell keys apart.", max_length=16, verbose_name="prefix"),
        ),
    ]
