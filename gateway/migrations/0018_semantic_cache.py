"""One table for answers that are given again: to questions that mean the same, and where no model can answer.

What was kept for the latter moves over. `halfvec` takes vectors of any length; each row says which scope it can be compared in.
"""

import datetime as dt
import hashlib
import json
import zlib
from decimal import Decimal

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import pgvector.django.halfvec
import tenants.encryption
import tenants.ids
from django.db import migrations, models

from tenants.rls import EnableTenantRls

# Vectors stay in the row, so that comparing many of them fetches nothing from elsewhere; what is long leaves it as soon as a row is
# longer than 2 kB. Room is left on each page for rows whose hits are counted. A scope says much about whose it is: without knowing that,
# PostgreSQL takes a large scope for a small one and compares all of it.
STORAGE = """
ALTER TABLE gateway_semanticentry ALTER embedding SET STORAGE MAIN;
ALTER TABLE gateway_semanticentry ALTER body SET STORAGE EXTERNAL;
ALTER TABLE gateway_semanticentry SET (toast_tuple_target = 1024, fillfactor = 92, autovacuum_analyze_scale_factor = 0.02);
CREATE STATISTICS semantic_entry_scopes (dependencies, mcv) ON tenant_id, scope FROM gateway_semanticentry;
"""

TRIGGER = (
    "CREATE TRIGGER raise_config_version AFTER INSERT OR DELETE OR UPDATE OF task, check_percent, judge, usd_per_day, threshold, measure, base, is_off "
    "ON gateway_semanticwatch FOR EACH ROW EXECUTE FUNCTION tollgate_raise_config_version()"
)
KEPT = dt.timedelta(days=30)


def move_earlier_answers(apps, schema_editor):
    """Each becomes an entry that is past its time and stands in until the day it would have been forgotten."""
    entries = apps.get_model("gateway", "SemanticEntry").objects
    made = []
    for row in apps.get_model("gateway", "EarlierAnswer").objects.iterator(500):
        message = {"role": "assistant", "content": row.answer}
        body = json.dumps({"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
        parts = [part.encode() for part in ("task", row.task, row.instructions, row.embedder)]
        scope = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()
        values = dict(
            tenant_id=row.tenant_id, scope=scope, kin=scope, question_sha256=bytes.fromhex(row.question_sha256), question="",
            embedder=row.embedder, embedding=row.embedding, task=row.task, surface="openai", is_stream=False,
            body=zlib.compress(body.encode()), model=row.model, provider=row.provider, request_id=row.id, input_tokens=0,
            output_tokens=0, cost_nanousd=0, answered_at=row.answered_at, expires_at=row.answered_at,
            stale_until=row.answered_at + KEPT,
        )
        made.append(entries.model(**values))
        if len(made) == 500:
            entries.bulk_create(made)
            made = []
    entries.bulk_create(made)


class Migration(migrations.Migration):

    dependencies = [
        ('gateway', '0017_connections'),
    ]

    operations = [
        migrations.CreateModel(
            name='SemanticCheck',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('request_id', models.UUIDField(help_text='Of the request that was answered from the cache.', verbose_name='request id')),
                ('entry_id', models.UUIDField()),
                ('origin', models.UUIDField(verbose_name='answer made for')),
                ('task', models.CharField(blank=True, max_length=60, verbose_name='task')),
                ('similarity', models.FloatField(verbose_name='similarity')),
                ('score', models.FloatField(null=True, verbose_name="verifier's score")),
                ('status', models.CharField(choices=[('waiting', 'Waiting'), ('right', 'Right'), ('wrong', 'Wrong'), ('unclear', 'Unclear'), ('dropped', 'Not checked')], default='waiting', max_length=10, verbose_name='result')),
                ('how', models.CharField(blank=True, help_text='The same words, a judging model, or why not at all.', max_length=200, verbose_name='found out by')),
                ('threshold', models.FloatField(null=True, verbose_name='threshold then')),
                ('sealed', tenants.encryption.EncryptedTextField(blank=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('cost_nanousd', models.PositiveBigIntegerField(default=0)),
                ('hit_at', models.DateTimeField(verbose_name='hit')),
                ('checked_at', models.DateTimeField(null=True, verbose_name='checked')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'check of a hit',
                'verbose_name_plural': 'checks of hits',
                'ordering': ['-hit_at'],
            },
        ),
        migrations.CreateModel(
            name='SemanticEntry',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('scope', models.BinaryField()),
                ('kin', models.BinaryField(default=bytes)),
                ('question_sha256', models.BinaryField()),
                ('question', models.TextField(verbose_name='question')),
                ('embedder', models.CharField(max_length=120, verbose_name='embedder')),
                ('embedding', pgvector.django.halfvec.HalfVectorField()),
                ('task', models.CharField(blank=True, max_length=60, verbose_name='task')),
                ('model_asked', models.CharField(blank=True, max_length=120, verbose_name='asked for')),
                ('api_key_id', models.UUIDField(null=True)),
                ('end_user', models.CharField(blank=True, max_length=200, verbose_name='end user')),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, size=None, verbose_name='tags')),
                ('surface', models.CharField(max_length=10)),
                ('is_stream', models.BooleanField()),
                ('body', models.BinaryField()),
                ('model', models.CharField(max_length=120, verbose_name='model')),
                ('provider', models.CharField(max_length=60, verbose_name='provider')),
                ('request_id', models.UUIDField(verbose_name='made for')),
                ('input_tokens', models.PositiveIntegerField(verbose_name='input tokens')),
                ('output_tokens', models.PositiveIntegerField(verbose_name='output tokens')),
                ('cost_nanousd', models.PositiveBigIntegerField()),
                ('answered_at', models.DateTimeField(verbose_name='answered')),
                ('expires_at', models.DateTimeField(verbose_name='fresh until')),
                ('stale_until', models.DateTimeField(verbose_name='kept until')),
                ('hits', models.PositiveIntegerField(default=0, verbose_name='hits')),
                ('last_hit_at', models.DateTimeField(null=True, verbose_name='last hit')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'semantic entry',
                'verbose_name_plural': 'semantic entries',
            },
        ),
        migrations.CreateModel(
            name='SemanticHit',
            fields=[
                ('request_id', models.UUIDField(primary_key=True, serialize=False)),
                ('entry_id', models.UUIDField()),
                ('task', models.CharField(blank=True, max_length=60, verbose_name='task')),
                ('similarity', models.FloatField(verbose_name='similarity')),
                ('score', models.FloatField(null=True, verbose_name="verifier's score")),
                ('at', models.DateTimeField(verbose_name='at')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'semantic hit',
                'verbose_name_plural': 'semantic hits',
            },
        ),
        migrations.CreateModel(
            name='SemanticLabel',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('request_id', models.UUIDField(verbose_name='request id')),
                ('task', models.CharField(blank=True, max_length=60, verbose_name='task')),
                ('similarity', models.FloatField(verbose_name='similarity')),
                ('score', models.FloatField(null=True, verbose_name="verifier's score")),
                ('is_right', models.BooleanField(verbose_name='right')),
                ('source', models.CharField(choices=[('thumb', 'Thumb of an end user'), ('check', 'Checked against a fresh answer')], max_length=10, verbose_name='source')),
                ('at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='at')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'judged hit',
                'verbose_name_plural': 'judged hits',
                'ordering': ['-at'],
            },
        ),
        migrations.CreateModel(
            name='SemanticWatch',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('task', models.CharField(blank=True, help_text='Its slug. Empty: models that are asked for by name.', max_length=60, verbose_name='task')),
                ('check_percent', models.DecimalField(decimal_places=2, default=Decimal('5'), help_text='Of a hundred hits, so many are asked again in the background. That costs what a request costs, twice if the answers have to be compared by a model, and stands in the request log under the feature shadow-check.', max_digits=5, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('100'))], verbose_name='hits to check (%)')),
                ('judge', models.CharField(blank=True, help_text='The model or task/… that compares two answers that differ. Empty: whatever the request asked for. Keys that are restricted to some models need it among them.', max_length=120, validators=[django.core.validators.RegexValidator('^[A-Za-z0-9][A-Za-z0-9._:/@+?=&-]*$', 'Use letters, digits and . _ : / @ + - only, beginning with a letter or digit.')], verbose_name='judge')),
                ('usd_per_day', models.DecimalField(decimal_places=4, default=Decimal('1'), help_text='Of this task. Hits beyond it are not checked.', max_digits=10, validators=[django.core.validators.MinValueValidator(Decimal('0'))], verbose_name='most for checks (USD a day)')),
                ('threshold', models.FloatField(editable=False, null=True, verbose_name='threshold in force')),
                ('measure', models.CharField(blank=True, choices=[('similarity', 'Similarity'), ('score', "Verifier's score")], editable=False, max_length=10, verbose_name='threshold on')),
                ('base', models.FloatField(editable=False, null=True, verbose_name="verifier's score from own labels")),
                ('is_off', models.BooleanField(default=False, editable=False, verbose_name='switched off')),
                ('why', models.CharField(blank=True, editable=False, max_length=300, verbose_name='why')),
                ('since', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='counted since')),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='changed')),
                ('told_at', models.DateTimeField(editable=False, null=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'semantic cache of a task',
                'verbose_name_plural': 'semantic caches',
                'ordering': ['tenant', 'task'],
            },
        ),
        migrations.AddIndex(
            model_name='semanticcheck',
            index=models.Index(condition=models.Q(('status', 'waiting')), fields=['due_at'], name='semantic_check_due'),
        ),
        migrations.AddIndex(
            model_name='semanticcheck',
            index=models.Index(fields=['tenant', 'task', 'checked_at'], name='semantic_check_of_task'),
        ),
        migrations.AddConstraint(
            model_name='semanticcheck',
            constraint=models.UniqueConstraint(fields=('tenant', 'request_id'), name='semantic_check_once'),
        ),
        migrations.AddIndex(
            model_name='semanticentry',
            index=models.Index(condition=models.Q(('kin', b''), _negated=True), fields=['tenant', 'kin'], name='semantic_entry_kin'),
        ),
        migrations.AddIndex(
            model_name='semanticentry',
            index=models.Index(fields=['stale_until'], name='semantic_entry_end'),
        ),
        migrations.AddConstraint(
            model_name='semanticentry',
            constraint=models.UniqueConstraint(fields=('tenant', 'scope', 'question_sha256'), name='semantic_entry_once'),
        ),
        migrations.AddIndex(
            model_name='semantichit',
            index=models.Index(fields=['tenant', 'task', 'at'], name='semantic_hit_of_task'),
        ),
        migrations.AddIndex(
            model_name='semantichit',
            index=models.Index(fields=['at'], name='semantic_hit_age'),
        ),
        migrations.AddIndex(
            model_name='semanticlabel',
            index=models.Index(fields=['tenant', 'task', '-at'], name='semantic_label_of_task'),
        ),
        migrations.AddConstraint(
            model_name='semanticlabel',
            constraint=models.UniqueConstraint(fields=('tenant', 'request_id', 'source'), name='semantic_label_once'),
        ),
        migrations.AddConstraint(
            model_name='semanticwatch',
            constraint=models.UniqueConstraint(fields=('tenant', 'task'), name='semantic_watch_once'),
        ),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
        # Searches and the worker that keeps answers work in the console's role, too: it is what binds them to one tenant.
        EnableTenantRls("SemanticEntry"),
        EnableTenantRls("SemanticHit", console="SELECT"),
        EnableTenantRls("SemanticLabel", console="SELECT"),
        EnableTenantRls("SemanticCheck", console="SELECT"),
        EnableTenantRls("SemanticWatch"),
        migrations.RunSQL(TRIGGER, "DROP TRIGGER raise_config_version ON gateway_semanticwatch"),
        migrations.RunPython(move_earlier_answers, migrations.RunPython.noop),
        migrations.DeleteModel(
            name='EarlierAnswer',
        ),
    ]
