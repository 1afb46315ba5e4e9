"""Keys of the management API, and results of requests that may be sent twice."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import tenants.encryption
import tenants.ids
from django.conf import settings
from django.db import migrations, models

from tenants.rls import EnableTenantRls


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0013_key_secrets'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ManagementKey',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(help_text='What uses this key, such as “terraform”.', max_length=80, verbose_name='name')),
                ('role', models.CharField(choices=[('owner', 'Owner'), ('admin', 'Admin'), ('developer', 'Developer'), ('viewer', 'Viewer')], default='admin', max_length=12, verbose_name='role')),
                ('subjects', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), blank=True, default=list, help_text='What it may see and change, as far as the role may. Empty: all of that.', size=None, verbose_name='only')),
                ('prefix', models.CharField(editable=False, max_length=16, verbose_name='prefix')),
                ('secret_sha256', models.CharField(editable=False, max_length=64, unique=True)),
                ('expires_at', models.DateTimeField(blank=True, help_text='Refused from then on.', null=True, verbose_name='expires')),
                ('revoked_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='revoked')),
                ('last_used_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='last used')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('created_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='made by')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'management key',
                'verbose_name_plural': 'management keys',
                'ordering': ['-created_at'],
            },
        ),
        migrations.CreateModel(
            name='KeptResult',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('asked_by', models.CharField(max_length=80)),
                ('key', models.CharField(max_length=200)),
                ('request_sha256', models.CharField(max_length=64)),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('body', tenants.encryption.EncryptedTextField(blank=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'kept result',
                'verbose_name_plural': 'kept results',
                'indexes': [models.Index(fields=['created_at'], name='kept_result_age')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'asked_by', 'key'), name='kept_result_once')],
            },
        ),
        EnableTenantRls("ManagementKey", console="SELECT, INSERT, UPDATE"),
        EnableTenantRls("KeptResult"),
    ]
