"""How a request came to its attempts, what was asked and answered where a tenant stores it, and traces that wait to be exported."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import gateway.models.content
import tenants.encryption
import tenants.ids
from django.db import migrations, models

from tenants.rls import EnableTenantRls

TRIGGER = (
    "CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE ON gateway_contentpolicy "
    "FOR EACH ROW EXECUTE FUNCTION tollgate_raise_config_version()"
)
# What is encrypted does not get smaller by being compressed once more.
STORAGE = "ALTER TABLE gateway_requestcontent ALTER COLUMN sealed SET STORAGE EXTERNAL"


class Migration(migrations.Migration):

    dependencies = [
        ('gateway', '0018_semantic_cache'),
        ('tenants', '0014_management_keys'),
    ]

    operations = [
        migrations.CreateModel(
            name='ContentErasure',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('end_user', models.CharField(blank=True, help_text="Empty: everybody's.", max_length=200, verbose_name='end user')),
                ('before', models.DateTimeField(default=django.utils.timezone.now, verbose_name='asked before')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'deletion of content',
                'verbose_name_plural': 'deletions of content',
            },
        ),
        migrations.CreateModel(
            name='TraceExport',
            fields=[
                ('seq', models.BigAutoField(primary_key=True, serialize=False)),
                ('accepted_at', models.DateTimeField()),
                ('request_id', models.UUIDField()),
                ('noted_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ContentPolicy',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('is_on', models.BooleanField(default=False, help_text='Off, nothing more is stored; what is there stays until its days are over, or until it is deleted.', verbose_name='store prompts and answers')),
                ('tasks', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, default=list, help_text='Their slugs, comma separated. Empty: of every request.', size=None, verbose_name='only of these tasks')),
                ('redacts', models.BooleanField(default=True, help_text='E-mail addresses, phone and card numbers, IBANs, IP addresses, API keys and passwords are replaced before anything is stored. The model gets the request as it was sent.', verbose_name='leave personal data and secrets out')),
                ('days', models.PositiveSmallIntegerField(default=30, help_text='Older content is deleted; the request stays in the log without it.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(365)], verbose_name='kept for (days)')),
                ('secret', tenants.encryption.EncryptedTextField(default=gateway.models.content._new_secret, editable=False)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'stored content',
                'verbose_name_plural': 'stored content',
                'constraints': [models.UniqueConstraint(fields=('tenant',), name='content_policy_once_per_tenant')],
            },
        ),
        migrations.CreateModel(
            name='RequestContent',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False, verbose_name='request id')),
                ('accepted_at', models.DateTimeField(verbose_name='time')),
                ('end_user', models.CharField(blank=True, max_length=200, verbose_name='end user')),
                ('task', models.CharField(blank=True, max_length=60, verbose_name='task')),
                ('sealed', models.BinaryField()),
                ('prompt_bytes', models.PositiveIntegerField(verbose_name='prompt (bytes)')),
                ('answer_bytes', models.PositiveIntegerField(verbose_name='answer (bytes)')),
                ('is_cut', models.BooleanField(verbose_name='cut')),
                ('redactions', models.JSONField(default=dict, verbose_name='left out')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'content of a request',
                'verbose_name_plural': 'content of requests',
                'indexes': [models.Index(fields=['tenant', 'accepted_at'], name='content_by_age'), models.Index(condition=models.Q(('end_user', ''), _negated=True), fields=['tenant', 'end_user'], name='content_of_end_user')],
            },
        ),
        EnableTenantRls("ContentPolicy", console="SELECT, INSERT, UPDATE"),
        EnableTenantRls("RequestContent", console="SELECT, DELETE"),
        EnableTenantRls("ContentErasure", console="SELECT, INSERT"),
        EnableTenantRls("TraceExport", console="SELECT"),
        migrations.RunSQL(TRIGGER, "DROP TRIGGER raise_config_version ON gateway_contentpolicy"),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
        migrations.RunSQL(
            "ALTER TABLE gateway_requestlog ADD COLUMN trail jsonb", "ALTER TABLE gateway_requestlog DROP COLUMN trail"
        ),
    ]
