"""Rules ask for more than a task or a model, and tasks and rules choose by strategies."""

import django.contrib.postgres.fields
import django.core.validators
from decimal import Decimal
from django.db import migrations, models

# A rule named one task by its row, and one model; now it names several of either.
MOVE = """
UPDATE gateway_routingrule SET tasks = ARRAY[task.slug] FROM gateway_task task WHERE task.id = task_id;
UPDATE gateway_routingrule SET requested_models = ARRAY[requested_model] WHERE requested_model <> '';
"""
MOVE_BACK = """
UPDATE gateway_routingrule rule SET task_id = (
    SELECT id FROM gateway_task task WHERE task.slug = rule.tasks[1] AND (task.tenant_id = rule.tenant_id OR task.tenant_id IS NULL)
    ORDER BY task.tenant_id NULLS LAST LIMIT 1
);
UPDATE gateway_routingrule SET requested_model = requested_models[1] WHERE cardinality(requested_models) > 0;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('gateway', '0008_quality'),
        ('tenants', '0006_counted_since'),
    ]

    operations = [
        migrations.AddField(
            model_name='model',
            name='quality',
            field=models.PositiveSmallIntegerField(blank=True, help_text='0 to 100, as you judge it; rules and tasks may ask for a least. Empty: not known.', null=True, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='quality'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='budget',
            field=models.CharField(blank=True, help_text="A budget's name. Empty, with a share: any budget.", max_length=120, verbose_name='budget'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='budget_share',
            field=models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)], verbose_name='used from (%)'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='cascade_target',
            field=models.DecimalField(decimal_places=2, default=Decimal('5'), help_text='The greatest share of answers that may be accepted although wrong.', max_digits=5, validators=[django.core.validators.MinValueValidator(Decimal('0.1')), django.core.validators.MaxValueValidator(Decimal('50'))], verbose_name='cascade: most wrong (%)'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='cascade_threshold',
            field=models.DecimalField(blank=True, decimal_places=3, help_text='The probability, from 0 to 1, that an answer is good; below it the next model answers. Empty: as labelled answers say, so that no more wrong ones are accepted than allowed.', max_digits=4, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('1'))], verbose_name='cascade: accept from'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='escapes_refusals',
            field=models.BooleanField(default=False, help_text='When a model refuses for its content policy.', verbose_name='ask the next model after a refusal'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='first_byte_ms',
            field=models.PositiveIntegerField(blank=True, help_text='A model that takes longer is given up for the next one.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='time to the first byte (ms)'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='from_time',
            field=models.TimeField(blank=True, null=True, verbose_name='from'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='max_input_tokens',
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name='input tokens up to'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='max_request_usd',
            field=models.DecimalField(blank=True, decimal_places=6, help_text='By its expected cost. Models that would cost more are left out.', max_digits=12, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0'))], verbose_name='most a request may cost (USD)'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='metadata',
            field=models.JSONField(blank=True, default=dict, help_text="All of these values in the request's metadata, such as plan = pro. Empty: any.", verbose_name='metadata'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='min_input_tokens',
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name='input tokens from'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='needs',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('tools', 'Tools'), ('vision', 'Images'), ('json_schema', 'JSON schema'), ('streaming', 'Streaming')], max_length=20), blank=True, default=list, help_text='The request uses all of these. None: any request.', size=None, verbose_name='needs'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='quality_floor',
            field=models.PositiveSmallIntegerField(blank=True, help_text='Models below it, or of unknown quality, are left out. In a cascade, the cheap one may be below it.', null=True, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='least quality'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='replay_similarity',
            field=models.DecimalField(decimal_places=3, default=Decimal('0.85'), help_text='From 0.5 to 1, the same question. The answer is marked as given before.', max_digits=4, validators=[django.core.validators.MinValueValidator(Decimal('0.5')), django.core.validators.MaxValueValidator(Decimal('1'))], verbose_name='least similarity of its question'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='replays_when_down',
            field=models.BooleanField(default=False, help_text='An earlier answer to the same question, if there is one.', verbose_name='answer from earlier when all models fail'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='requested_models',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=120), blank=True, default=list, help_text='One of these names, separated by commas; * stands for anything, as in gpt-4*. Empty: any.', size=None, verbose_name='requested models'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='strategy',
            field=models.CharField(choices=[('fixed', 'In the order given'), ('cheapest', 'Cheapest first'), ('fastest', 'Fastest first'), ('weighted', 'By weight, the same for a whole conversation (A/B)'), ('cascade', 'Cascade: the cheap one first, a better one if its answer is not good enough')], default='fixed', max_length=12, verbose_name='strategy'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='tags',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), blank=True, default=list, help_text='At least one of these tags. Empty: any.', size=None, verbose_name='tags'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='tasks',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, default=list, help_text='One of these tasks. None: any.', size=None, verbose_name='tasks'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='tiers',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, help_text='One of these tiers, such as free, paid. Empty: any.', size=None, verbose_name='end-user tiers'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='to_time',
            field=models.TimeField(blank=True, help_text='Not included. Earlier than “from”: over midnight.', null=True, verbose_name='to'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='weekdays',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(choices=[(0, 'Mon'), (1, 'Tue'), (2, 'Wed'), (3, 'Thu'), (4, 'Fri'), (5, 'Sat'), (6, 'Sun')]), blank=True, default=list, help_text="In the tenant's time zone. Hours over midnight belong to the day on which they begin. None: every day.", size=None, verbose_name='weekdays'),
        ),
        migrations.AddField(
            model_name='routingtarget',
            name='weight',
            field=models.PositiveIntegerField(default=1, help_text='For the strategy by weight. 0: only when the others fail.', verbose_name='weight'),
        ),
        migrations.AddField(
            model_name='task',
            name='cascade_target',
            field=models.DecimalField(decimal_places=2, default=Decimal('5'), help_text='The greatest share of answers that may be accepted although wrong.', max_digits=5, validators=[django.core.validators.MinValueValidator(Decimal('0.1')), django.core.validators.MaxValueValidator(Decimal('50'))], verbose_name='cascade: most wrong (%)'),
        ),
        migrations.AddField(
            model_name='task',
            name='cascade_threshold',
            field=models.DecimalField(blank=True, decimal_places=3, help_text='The probability, from 0 to 1, that an answer is good; below it the next model answers. Empty: as labelled answers say, so that no more wrong ones are accepted than allowed.', max_digits=4, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('1'))], verbose_name='cascade: accept from'),
        ),
        migrations.AddField(
            model_name='task',
            name='escapes_refusals',
            field=models.BooleanField(default=False, help_text='When a model refuses for its content policy.', verbose_name='ask the next model after a refusal'),
        ),
        migrations.AddField(
            model_name='task',
            name='first_byte_ms',
            field=models.PositiveIntegerField(blank=True, help_text='A model that takes longer is given up for the next one.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='time to the first byte (ms)'),
        ),
        migrations.AddField(
            model_name='task',
            name='likely_output_tokens',
            field=models.PositiveIntegerField(default=300, help_text='How long an answer usually is; expected costs are worked out with it.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='likely output tokens'),
        ),
        migrations.AddField(
            model_name='task',
            name='max_request_usd',
            field=models.DecimalField(blank=True, decimal_places=6, help_text='By its expected cost. Models that would cost more are left out.', max_digits=12, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0'))], verbose_name='most a request may cost (USD)'),
        ),
        migrations.AddField(
            model_name='task',
            name='quality_floor',
            field=models.PositiveSmallIntegerField(blank=True, help_text='Models below it, or of unknown quality, are left out. In a cascade, the cheap one may be below it.', null=True, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='least quality'),
        ),
        migrations.AddField(
            model_name='task',
            name='replay_similarity',
            field=models.DecimalField(decimal_places=3, default=Decimal('0.85'), help_text='From 0.5 to 1, the same question. The answer is marked as given before.', max_digits=4, validators=[django.core.validators.MinValueValidator(Decimal('0.5')), django.core.validators.MaxValueValidator(Decimal('1'))], verbose_name='least similarity of its question'),
        ),
        migrations.AddField(
            model_name='task',
            name='replays_when_down',
            field=models.BooleanField(default=False, help_text='An earlier answer to the same question, if there is one.', verbose_name='answer from earlier when all models fail'),
        ),
        migrations.AddField(
            model_name='task',
            name='strategy',
            field=models.CharField(choices=[('fixed', 'In the order given'), ('cheapest', 'Cheapest first'), ('fastest', 'Fastest first'), ('weighted', 'By weight, the same for a whole conversation (A/B)'), ('cascade', 'Cascade: the cheap one first, a better one if its answer is not good enough')], default='fixed', max_length=12, verbose_name='strategy'),
        ),
        migrations.AddConstraint(
            model_name='model',
            constraint=models.CheckConstraint(condition=models.Q(('quality', None), ('quality__lte', 100), _connector='OR'), name='model_quality_to_100'),
        ),
        migrations.RunSQL(MOVE, MOVE_BACK),
        migrations.RemoveField(
            model_name='routingrule',
            name='requested_model',
        ),
        migrations.RemoveField(
            model_name='routingrule',
            name='task',
        ),
    ]
