"""What people said of answers. Only votes write it, so the console reads."""

import django.contrib.postgres.fields
import django.db.models.deletion
import tenants.ids
from django.db import migrations, models

from tenants.rls import EnableTenantRls


class Migration(migrations.Migration):

    dependencies = [
        ('gateway', '0014_caching'),
        ('tenants', '0012_playground_key'),
    ]

    operations = [
        migrations.CreateModel(
            name='Feedback',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('request_id', models.UUIDField(verbose_name='request id')),
                ('voter', models.CharField(max_length=80)),
                ('end_user', models.CharField(blank=True, max_length=200, verbose_name='end user')),
                ('source', models.CharField(choices=[('api', 'An application, by API key'), ('token', "The answer's reader, by token"), ('playground', 'Somebody in the playground')], max_length=10, verbose_name='given by')),
                ('rating', models.CharField(choices=[('up', 'Thumb up'), ('down', 'Thumb down')], max_length=4, verbose_name='rating')),
                ('reasons', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), default=list, size=None, verbose_name='reasons')),
                ('comment', models.CharField(blank=True, max_length=2000, verbose_name='comment')),
                ('created_at', models.DateTimeField(verbose_name='first given')),
                ('changed_at', models.DateTimeField(verbose_name='last changed')),
                ('asked_at', models.DateTimeField(verbose_name='answer of')),
                ('matched_at', models.DateTimeField(null=True)),
                ('task', models.CharField(blank=True, max_length=60, verbose_name='task')),
                ('model', models.CharField(blank=True, max_length=120, verbose_name='model')),
                ('provider', models.CharField(blank=True, max_length=60, verbose_name='provider')),
                ('cache', models.CharField(blank=True, max_length=12, verbose_name='cache')),
                ('api_key', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.apikey', verbose_name='API key')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'feedback',
                'verbose_name_plural': 'feedback',
                'ordering': ['-changed_at'],
                'indexes': [models.Index(fields=['tenant', '-changed_at'], name='feedback_newest'), models.Index(fields=['tenant', 'asked_at'], name='feedback_by_answer'), models.Index(condition=models.Q(('matched_at', None)), fields=['created_at'], name='feedback_unmatched')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'request_id', 'voter'), name='one_vote_per_voter_and_answer')],
            },
        ),
        EnableTenantRls("Feedback", console="SELECT"),
    ]
