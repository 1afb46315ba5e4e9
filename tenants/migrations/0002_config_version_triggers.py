"""Raise a tenant's configuration version in the same transaction as any edit, whoever makes it."""

from django.db import migrations

CREATE = """
CREATE FUNCTION tollgate_raise_config_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old_tenant text := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) ->> 'tenant_id' END;
    new_tenant text := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) ->> 'tenant_id' END;
BEGIN
    IF (TG_OP <> 'INSERT' AND old_tenant IS NULL) OR (TG_OP <> 'DELETE' AND new_tenant IS NULL) THEN
        UPDATE tenants_tenant SET config_version = config_version + 1;  -- the operator's: it concerns everyone
    ELSE
        UPDATE tenants_tenant SET config_version = config_version + 1 WHERE id IN (old_tenant::uuid, new_tenant::uuid);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION tollgate_raise_own_config_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.config_version := OLD.config_version + 1;
    RETURN NEW;
END $$;

CREATE TRIGGER raise_config_version BEFORE UPDATE OF name, slug, timezone, is_active ON tenants_tenant
    FOR EACH ROW EXECUTE FUNCTION tollgate_raise_own_config_version();
CREATE TRIGGER raise_config_version AFTER INSERT OR DELETE OR UPDATE OF
    tenant_id, name, secret_sha256, scopes, allowed_models, allowed_tasks, requests_per_minute, max_concurrency, expires_at, revoked_at
    ON tenants_apikey FOR EACH ROW EXECUTE FUNCTION tollgate_raise_config_version();
"""

DROP = """
DROP TRIGGER raise_config_version ON tenants_apikey;
DROP TRIGGER raise_config_version ON tenants_tenant;
DROP FUNCTION tollgate_raise_own_config_version;
DROP FUNCTION tollgate_raise_config_version;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
