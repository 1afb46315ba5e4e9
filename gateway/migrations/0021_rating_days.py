"""Votes and judgements by days, and the notes of which days have changed. What there is already is noted, to be added up by a worker."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from tenants.rls import EnableTenantRls, with_owners_rights

QUARTER = "date_bin('15 minutes', {}, '2000-01-01 00:00Z')"
# Table → when its answer was asked for, and which of its rows count.
RATED = {
    "feedback": ("asked_at", "matched_at IS NOT NULL"),
    "judgement": ("answered_at", "status IN ('scored', 'invalid')"),
}
# In order, so that what is added up at once is of few days.
FUNCTION = """
CREATE OR REPLACE FUNCTION tollgate_note_{table}() RETURNS trigger LANGUAGE plpgsql {definer} AS $$
DECLARE
    {entered}
BEGIN
    {leave}
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO gateway_ratingchange (tenant_id, at) SELECT DISTINCT tenant_id, {quarter} FROM now_there WHERE {counts} ORDER BY 1, 2;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO gateway_ratingchange (tenant_id, at) SELECT DISTINCT tenant_id, {quarter} FROM was_there WHERE {counts} ORDER BY 1, 2;
    END IF;
    {enter_again}
    RETURN NULL;
END $$;
"""
TRIGGERS = """
CREATE TRIGGER note_inserted AFTER INSERT ON gateway_{table} REFERENCING NEW TABLE AS now_there
    FOR EACH STATEMENT EXECUTE FUNCTION tollgate_note_{table}();
CREATE TRIGGER note_updated AFTER UPDATE ON gateway_{table} REFERENCING OLD TABLE AS was_there NEW TABLE AS now_there
    FOR EACH STATEMENT EXECUTE FUNCTION tollgate_note_{table}();
CREATE TRIGGER note_deleted AFTER DELETE ON gateway_{table} REFERENCING OLD TABLE AS was_there
    FOR EACH STATEMENT EXECUTE FUNCTION tollgate_note_{table}();
INSERT INTO gateway_ratingchange (tenant_id, at) SELECT DISTINCT tenant_id, {quarter} FROM gateway_{table} WHERE {counts} ORDER BY 1, 2;
"""
# A day of UTC lies in two days of another zone at most: in those of its first moment and of its last. The lock waits for a worker that adds days
# up by the old zone, and has the next one wait until the new one is there.
ZONES = """
CREATE OR REPLACE FUNCTION tollgate_note_time_zone() RETURNS trigger LANGUAGE plpgsql {definer} AS $$
DECLARE
    {entered}
BEGIN
    {leave}
    LOCK TABLE gateway_ratingday IN ROW EXCLUSIVE MODE;
    INSERT INTO gateway_ratingchange (tenant_id, at) SELECT DISTINCT NEW.id, (day + time) AT TIME ZONE 'UTC'
        FROM gateway_ratingday CROSS JOIN (VALUES (time '00:00'), (time '23:59')) AS of (time) WHERE tenant_id = NEW.id AND zone = 'UTC' ORDER BY 2;
    {enter_again}
    RETURN NULL;
END $$;
"""
ZONES_TRIGGER = """
CREATE TRIGGER note_time_zone AFTER UPDATE OF timezone ON tenants_tenant FOR EACH ROW
    WHEN (OLD.timezone IS DISTINCT FROM NEW.timezone) EXECUTE FUNCTION tollgate_note_time_zone();
"""


def make_functions(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        for table in RATED:
            cursor.execute(with_owners_rights(schema_editor.connection, _of(FUNCTION, table)))
        cursor.execute(with_owners_rights(schema_editor.connection, ZONES))


def make_triggers(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        for table in RATED:
            cursor.execute(_of(TRIGGERS, table))
        cursor.execute(ZONES_TRIGGER)


def _of(text, table):
    at, counts = RATED[table]
    for name, value in {"{table}": table, "{quarter}": QUARTER.format(at), "{counts}": counts}.items():
        text = text.replace(name, value)
    return text


def drop(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        for table in RATED:
            cursor.execute(f"DROP FUNCTION tollgate_note_{table} CASCADE")
        cursor.execute("DROP FUNCTION tollgate_note_time_zone CASCADE")


COUNTS = (
    "up", "down", "good", "judged", "invalid", "good_up", "good_down", "bad_up", "bad_down", "points", "squares",
)


class Migration(migrations.Migration):

    dependencies = [
        ('gateway', '0020_judge'),
        ('tenants', '0014_management_keys'),
    ]

    operations = [
        migrations.CreateModel(
            name='RatingChange',
            fields=[
                ('seq', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.tenant')),
            ],
            options={'indexes': [models.Index(fields=['tenant', 'at'], name='rating_change_of_tenant')]},
        ),
        migrations.CreateModel(
            name='RatingDay',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('zone', models.CharField(max_length=64)),
                ('day', models.DateField()),
                ('task', models.CharField(blank=True, max_length=60)),
                ('model', models.CharField(blank=True, max_length=120)),
                ('provider', models.CharField(blank=True, max_length=60)),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, size=None)),
                ('band', models.SmallIntegerField()),
                *((name, models.IntegerField()) for name in COUNTS),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant', verbose_name='tenant')),
            ],
            options={'indexes': [models.Index(fields=['tenant', 'zone', 'band', 'day'], name='rating_day_of_tenant')]},
        ),
        EnableTenantRls('RatingChange', console='SELECT'),
        EnableTenantRls('RatingDay', console='SELECT'),
        migrations.RunPython(make_functions, drop),
        migrations.RunPython(make_triggers, migrations.RunPython.noop),
    ]
