"""Labelled answers, quality models with their trigger, and the shipped model as the shared version 1."""

import django.core.validators
import django.db.models.deletion
import tenants.ids
from django.db import migrations, models
from django.utils import timezone

CREATE_TRIGGER = (
    "CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE ON gateway_qualitymodel "
    "FOR EACH ROW EXECUTE FUNCTION tollgate_raise_config_version()"
)


def add_shipped_model(apps, schema_editor):
    from gateway.quality import shipped

    content = shipped.read()
    apps.get_model("gateway", "QualityModel").objects.create(
        tenant=None,
        version=1,
        is_active=True,
        payload=content["payload"],
        metrics=content["metrics"],
        unseen=content["scores"],
        rows=content["rows"],
        trained_at=timezone.now(),
    )


class Migration(migrations.Migration):

    dependencies = [
        ('gateway', '0007_earlier_answers'),
        ('tenants', '0006_counted_since'),
    ]

    operations = [
        migrations.CreateModel(
            name='LabeledAnswer',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('task', models.CharField(blank=True, max_length=60, verbose_name='task')),
                ('request_id', models.UUIDField(help_text="Of the request that was answered; an imported row's is made from its texts.", verbose_name='request id')),
                ('prompt', models.TextField(verbose_name='prompt')),
                ('answer', models.TextField(blank=True, verbose_name='answer')),
                ('is_good', models.BooleanField(verbose_name='good')),
                ('source', models.CharField(choices=[('thumbs', 'Thumb of an end user'), ('judge', 'Judged by a model'), ('import', 'Imported')], max_length=10, verbose_name='source')),
                ('weight', models.FloatField(default=1.0, validators=[django.core.validators.MinValueValidator(0)], verbose_name='weight')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('tenant', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'labelled answer',
                'verbose_name_plural': 'labelled answers',
                'ordering': ['-changed_at'],
                'indexes': [models.Index(fields=['tenant', '-changed_at'], name='gateway_lab_tenant__2f65cb_idx')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'request_id', 'source'), name='labeled_answer_once', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('weight__gt', 0)), name='labeled_answer_weighs_something')],
            },
        ),
        migrations.CreateModel(
            name='QualityModel',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(verbose_name='version')),
                ('is_active', models.BooleanField(default=False, verbose_name='in force')),
                ('payload', models.JSONField(verbose_name='numbers')),
                ('metrics', models.JSONField(help_text='On answers it was not trained on.', verbose_name='measured')),
                ('unseen', models.JSONField(default=list, help_text='[probability, 1 if good] each, from a model that did not learn from it; the threshold is chosen on them.', verbose_name='scores of answers not trained on')),
                ('rows', models.PositiveIntegerField(help_text='Labelled answers.', verbose_name='trained on')),
                ('trained_at', models.DateTimeField(verbose_name='trained')),
                ('tenant', models.ForeignKey(blank=True, help_text="Empty: the operator's, for every tenant.", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'quality model',
                'verbose_name_plural': 'quality models',
                'ordering': ['tenant', '-version'],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'version'), name='quality_model_version_once', nulls_distinct=False), models.UniqueConstraint(condition=models.Q(('is_active', True)), fields=('tenant',), name='quality_model_one_in_force', nulls_distinct=False)],
            },
        ),
        migrations.RunSQL(CREATE_TRIGGER, "DROP TRIGGER raise_config_version ON gateway_qualitymodel"),
        migrations.RunPython(add_shipped_model, migrations.RunPython.noop),
    ]
