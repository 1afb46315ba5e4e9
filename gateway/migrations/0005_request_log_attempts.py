"""Several attempts of one request: which one tells how it ended, and which were the first call of their model."""

from django.db import migrations

ADD = """
ALTER TABLE gateway_requestlog
    ADD COLUMN is_final boolean NOT NULL DEFAULT true,
    ADD COLUMN opens_model boolean NOT NULL DEFAULT true;
"""
DROP = "ALTER TABLE gateway_requestlog DROP COLUMN is_final, DROP COLUMN opens_model;"


class Migration(migrations.Migration):
    dependencies = [("gateway", "0004_request_log_limits")]
    operations = [migrations.RunSQL(ADD, DROP)]
