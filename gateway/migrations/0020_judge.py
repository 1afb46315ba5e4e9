"""Answers that models judge, what comes of it for routing, when circuit breakers were open, and the tags of answers that were rated."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import tenants.encryption
import tenants.ids
from decimal import Decimal
from django.db import migrations, models

from tenants.rls import BindTable, EnableTenantRls

TRIGGERS = {
    "judgepolicy": "task, is_active, share_percent, rubric, judge, teaches",
    "judgebudget": "usd_per_day, usd_per_month",
    "measuredquality": "task, model, quality, answers, source",
}


def trigger(table, columns):
    return (
        f"CREATE TRIGGER raise_config_version AFTER INSERT OR DELETE OR UPDATE OF {columns} ON gateway_{table} "
        "FOR EACH ROW EXECUTE FUNCTION tollgate_raise_config_version()",
        f"DROP TRIGGER raise_config_version ON gateway_{table}",
    )


class Migration(migrations.Migration):

    dependencies = [
        ('gateway', '0019_traces_and_content'),
        ('tenants', '0014_management_keys'),
    ]

    operations = [
        migrations.AddField(
            model_name='feedback',
            name='tags',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, size=None, verbose_name='tags'),
        ),
        migrations.CreateModel(
            name='BreakerChange',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('entry', models.CharField(max_length=40, unique=True)),
                ('provider_id', models.UUIDField()),
                ('upstream_id', models.CharField(max_length=200)),
                ('state', models.CharField(max_length=10, verbose_name='state')),
                ('at', models.DateTimeField(verbose_name='at')),
            ],
            options={
                'verbose_name': 'change of a circuit breaker',
                'verbose_name_plural': 'changes of circuit breakers',
                'ordering': ['-at'],
                'indexes': [models.Index(fields=['provider_id', 'upstream_id', 'at'], name='breaker_change_of_model')],
            },
        ),
        migrations.CreateModel(
            name='JudgeBudget',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('usd_per_day', models.DecimalField(decimal_places=4, default=Decimal('1'), help_text='For judges of all tasks together. Answers beyond it are not judged.', max_digits=10, validators=[django.core.validators.MinValueValidator(Decimal('0'))], verbose_name='most a day (USD)')),
                ('usd_per_month', models.DecimalField(decimal_places=4, default=Decimal('20'), help_text="By the calendar of the tenant's time zone.", max_digits=10, validators=[django.core.validators.MinValueValidator(Decimal('0'))], verbose_name='most a month (USD)')),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'budget of judges',
                'verbose_name_plural': 'budgets of judges',
                'constraints': [models.UniqueConstraint(fields=('tenant',), name='judge_budget_once')],
            },
        ),
        migrations.CreateModel(
            name='Judgement',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('request_id', models.UUIDField(verbose_name='request id')),
                ('task', models.CharField(blank=True, max_length=60, verbose_name='task')),
                ('model', models.CharField(max_length=120, verbose_name='model')),
                ('provider', models.CharField(max_length=60, verbose_name='provider')),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, size=None, verbose_name='tags')),
                ('judge', models.CharField(blank=True, max_length=120, verbose_name='judge')),
                ('status', models.CharField(choices=[('waiting', 'Waiting'), ('scored', 'Scored'), ('invalid', 'No valid verdict'), ('dropped', 'Not judged')], default='waiting', max_length=10, verbose_name='state')),
                ('score', models.PositiveSmallIntegerField(help_text="1 to 5, by the task's rubric.", null=True, verbose_name='score')),
                ('is_good', models.BooleanField(null=True, verbose_name='good')),
                ('faults', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), default=list, size=None, verbose_name='faults')),
                ('is_self', models.BooleanField(default=False, verbose_name='judged by itself')),
                ('why', models.CharField(blank=True, help_text='Why there is no score.', max_length=200, verbose_name='why')),
                ('answer_characters', models.PositiveIntegerField(default=0, verbose_name='length of the answer (characters)')),
                ('sealed', tenants.encryption.EncryptedTextField(blank=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('cost_nanousd', models.PositiveBigIntegerField(default=0)),
                ('answered_at', models.DateTimeField(verbose_name='answer of')),
                ('judged_at', models.DateTimeField(null=True, verbose_name='judged')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'judgement',
                'verbose_name_plural': 'judgements',
                'ordering': ['-answered_at'],
                'indexes': [models.Index(condition=models.Q(('status', 'waiting')), fields=['due_at'], name='judgement_due'), models.Index(fields=['tenant', 'answered_at'], name='judgement_by_answer')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'request_id'), name='judgement_once')],
            },
        ),
        migrations.CreateModel(
            name='JudgePolicy',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('task', models.CharField(blank=True, help_text='Its slug. Empty: models that are asked for by name.', max_length=60, verbose_name='task')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('share_percent', models.DecimalField(decimal_places=2, default=Decimal('5'), help_text='Always the same ones of a hundred: a larger share has all those of a smaller one, and more.', max_digits=5, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('100'))], verbose_name='answers to judge (%)')),
                ('rubric', models.TextField(help_text='What makes an answer of this task good, and what makes it bad, as you would tell a new colleague.', max_length=4000, verbose_name='rubric')),
                ('judge', models.CharField(help_text='The model or task/… that judges, best one that answers none of these requests itself: models favour their own answers. Keys that are restricted to some models need it among them.', max_length=120, validators=[django.core.validators.RegexValidator('^[A-Za-z0-9][A-Za-z0-9._:/@+?=&-]*$', 'Use letters, digits and . _ : / @ + - only, beginning with a letter or digit.')], verbose_name='judge')),
                ('teaches', models.BooleanField(default=False, help_text='Keeps prompt and answer of what was judged among the labelled answers. Off, they are forgotten once they are judged.', verbose_name='let cascades learn from it')),
                ('changed_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'judge of a task',
                'verbose_name_plural': 'judges',
                'ordering': ['tenant', 'task'],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'task'), name='judge_policy_once', violation_error_message='This task has a judge already.')],
            },
        ),
        migrations.CreateModel(
            name='MeasuredQuality',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('task', models.CharField(blank=True, max_length=60, verbose_name='task')),
                ('model', models.CharField(max_length=120, verbose_name='model')),
                ('quality', models.PositiveSmallIntegerField(validators=[django.core.validators.MaxValueValidator(100)], verbose_name='quality')),
                ('answers', models.PositiveIntegerField(verbose_name='answers')),
                ('source', models.CharField(choices=[('corrected', 'judge, corrected by votes'), ('judge', 'judge'), ('votes', 'votes')], max_length=10, verbose_name='measured by')),
                ('measured_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='measured')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'measured quality',
                'verbose_name_plural': 'measured qualities',
                'ordering': ['tenant', 'task', 'model'],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'task', 'model'), name='measured_quality_once')],
            },
        ),
        EnableTenantRls("JudgePolicy"),
        EnableTenantRls("JudgeBudget"),
        EnableTenantRls("Judgement", console="SELECT"),
        EnableTenantRls("MeasuredQuality", console="SELECT"),
        # A console sees those of the providers that it sees.
        BindTable(
            "gateway_breakerchange", visible="EXISTS (SELECT FROM gateway_provider AS p WHERE p.id = provider_id)"
        ),
        *(migrations.RunSQL(*trigger(*item)) for item in TRIGGERS.items()),
    ]
