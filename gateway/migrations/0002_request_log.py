"""The request log, partitioned by day. It is unmanaged: the state comes from the first migration, the table from here."""

import datetime as dt

from django.db import migrations

CREATE = """
CREATE TABLE gateway_requestlog (
    accepted_at timestamptz NOT NULL,
    id uuid NOT NULL,
    request_id uuid NOT NULL,
    attempt smallint NOT NULL,
    tenant_id uuid NOT NULL,
    api_key_id uuid NOT NULL,
    endpoint varchar(24) NOT NULL,
    end_user varchar(200) NOT NULL,
    task varchar(60) NOT NULL,
    feature varchar(120) NOT NULL,
    tags varchar(64)[] NOT NULL,
    model_asked varchar(120) NOT NULL,
    model_served varchar(120) NOT NULL,
    provider varchar(60) NOT NULL,
    is_stream boolean NOT NULL,
    status smallint NOT NULL,
    outcome varchar(16) NOT NULL,
    error_type varchar(64) NOT NULL,
    error_message varchar(500) NOT NULL,
    finish_reason varchar(40) NOT NULL,
    cache varchar(12) NOT NULL,
    input_tokens bigint NOT NULL,
    cache_read_tokens bigint NOT NULL,
    cache_write_5m_tokens bigint NOT NULL,
    cache_write_1h_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    usage_source varchar(10) NOT NULL,
    cost_usd numeric(20, 9) NOT NULL,
    is_priced boolean NOT NULL,
    latency_ms double precision NOT NULL,
    ttft_ms double precision,
    steps_us jsonb NOT NULL,
    PRIMARY KEY (accepted_at, id)
) PARTITION BY RANGE (accepted_at);
CREATE INDEX gateway_requestlog_tenant_time ON gateway_requestlog (tenant_id, accepted_at DESC);
CREATE INDEX gateway_requestlog_id ON gateway_requestlog (id);
CREATE TABLE gateway_requestlog_default PARTITION OF gateway_requestlog DEFAULT;
"""


def make_partitions(apps, schema_editor):
    from gateway import partitions

    partitions.keep(dt.datetime.now(dt.UTC).date(), retention_days=36_500)


class Migration(migrations.Migration):
    dependencies = [("gateway", "0001_initial")]
    operations = [
        migrations.RunSQL(CREATE, "DROP TABLE gateway_requestlog"),
        migrations.RunPython(make_partitions, migrations.RunPython.noop),
    ]
