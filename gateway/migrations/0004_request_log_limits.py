"""What the limits did to a request: whose tier it counted in, which limit refused it, and the output cap that was sent."""

from django.db import migrations

ADD = """
ALTER TABLE gateway_requestlog
    ADD COLUMN tier varchar(40) NOT NULL DEFAULT '',
    ADD COLUMN refused_by varchar(80) NOT NULL DEFAULT '',
    ADD COLUMN output_cap bigint;
"""
DROP = "ALTER TABLE gateway_requestlog DROP COLUMN tier, DROP COLUMN refused_by, DROP COLUMN output_cap;"


class Migration(migrations.Migration):
    dependencies = [("gateway", "0003_config_version_triggers")]
    operations = [migrations.RunSQL(ADD, DROP)]
