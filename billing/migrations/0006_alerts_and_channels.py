"""Alerts of any kind, told to whom a budget names; addresses that are confirmed; up to when people have looked."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import tenants.encryption
import tenants.ids
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0005_row_level_security'),
        ('tenants', '0008_row_level_security'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AlertsSeen',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('seen_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'alerts seen',
                'verbose_name_plural': 'alerts seen',
            },
        ),
        migrations.RemoveConstraint(
            model_name='alertdelivery',
            name='alert_delivery_once_per_channel',
        ),
        migrations.AddField(
            model_name='alert',
            name='data',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='alert',
            name='kind',
            field=models.CharField(choices=[('budget', 'Budget'), ('channel', 'Alert channel')], default='budget', max_length=20, verbose_name='kind'),
        ),
        migrations.AddField(
            model_name='alert',
            name='resolved_at',
            field=models.DateTimeField(null=True, verbose_name='over since'),
        ),
        migrations.AddField(
            model_name='alert',
            name='severity',
            field=models.CharField(choices=[('info', 'Information'), ('warning', 'Warning'), ('critical', 'Critical')], default='warning', max_length=10, verbose_name='severity'),
        ),
        migrations.AddField(
            model_name='alert',
            name='text',
            field=models.TextField(blank=True, verbose_name='message'),
        ),
        migrations.AddField(
            model_name='alertchannel',
            name='confirmation_sent_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='alertchannel',
            name='confirmed_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='address confirmed'),
        ),
        migrations.AddField(
            model_name='alertchannel',
            name='former_secret',
            field=tenants.encryption.EncryptedTextField(blank=True, editable=False),
        ),
        migrations.AddField(
            model_name='alertchannel',
            name='former_until',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='alertchannel',
            name='minimum_severity',
            field=models.CharField(choices=[('info', 'Information'), ('warning', 'Warning'), ('critical', 'Critical')], default='info', help_text='Of alerts that are not about budgets: only those that are at least this bad.', max_length=10, verbose_name='of other alerts, from'),
        ),
        migrations.AddField(
            model_name='alertchannel',
            name='off_because',
            field=models.CharField(blank=True, editable=False, max_length=200, verbose_name='switched off because'),
        ),
        migrations.AddField(
            model_name='alertdelivery',
            name='notice',
            field=models.CharField(choices=[('raised', 'Begun'), ('resolved', 'Over')], default='raised', max_length=10, verbose_name='notice'),
        ),
        migrations.AddField(
            model_name='budget',
            name='channel_ids',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), blank=True, help_text='Who is told: these channels. Empty: all of them.', null=True, size=None, verbose_name='alert channels'),
        ),
        migrations.AlterField(
            model_name='alert',
            name='amount',
            field=models.DecimalField(decimal_places=9, max_digits=28, null=True, verbose_name='amount'),
        ),
        migrations.AlterField(
            model_name='alert',
            name='crossed_at',
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name='since'),
        ),
        migrations.AlterField(
            model_name='alert',
            name='dimension',
            field=models.CharField(blank=True, max_length=10),
        ),
        migrations.AlterField(
            model_name='alert',
            name='metric',
            field=models.CharField(blank=True, max_length=10, verbose_name='metric'),
        ),
        migrations.AlterField(
            model_name='alert',
            name='threshold',
            field=models.PositiveSmallIntegerField(null=True, verbose_name='threshold (%)'),
        ),
        migrations.AlterField(
            model_name='alert',
            name='used',
            field=models.DecimalField(decimal_places=9, max_digits=28, null=True, verbose_name='used'),
        ),
        migrations.AlterField(
            model_name='alert',
            name='window',
            field=models.CharField(blank=True, max_length=10, verbose_name='per'),
        ),
        migrations.AlterField(
            model_name='alert',
            name='window_start',
            field=models.DateTimeField(null=True, verbose_name='window from'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.UniqueConstraint(condition=models.Q(('resolved_at', None), models.Q(('kind', 'budget'), _negated=True)), fields=('tenant', 'kind', 'source', 'subject'), name='alert_one_episode_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'budget'), _negated=True), models.Q(('amount__isnull', False), ('threshold__isnull', False), ('used__isnull', False), ('window_start__isnull', False)), _connector='OR'), name='alert_of_a_budget_is_whole'),
        ),
        migrations.AddConstraint(
            model_name='alertdelivery',
            constraint=models.UniqueConstraint(fields=('alert', 'channel', 'notice'), name='alert_delivery_once_per_notice'),
        ),
        migrations.AddField(
            model_name='alertsseen',
            name='tenant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant', verbose_name='tenant'),
        ),
        migrations.AddField(
            model_name='alertsseen',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='alertsseen',
            constraint=models.UniqueConstraint(fields=('tenant', 'user'), name='alerts_seen_once_per_person'),
        ),
    ]
