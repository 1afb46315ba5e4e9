"""The limits of a key are part of the configuration, too."""

from django.db import migrations

COLUMNS = (
    "tenant_id, name, secret_sha256, scopes, allowed_models, allowed_tasks, requests_per_minute, max_concurrency, expires_at, revoked_at"
)
LIMITS = "tokens_per_minute, tokens_per_month, usd_per_month"


def trigger(columns: str) -> str:
    return (
        "DROP TRIGGER raise_config_version ON tenants_apikey; "
        f"CREATE TRIGGER raise_config_version AFTER INSERT OR DELETE OR UPDATE OF {columns} ON tenants_apikey "
        "FOR EACH ROW EXECUTE FUNCTION tollgate_raise_config_version()"
    )


class Migration(migrations.Migration):
    dependencies = [("tenants", "0003_key_limits")]
    operations = [migrations.RunSQL(trigger(f"{COLUMNS}, {LIMITS}"), trigger(COLUMNS))]
