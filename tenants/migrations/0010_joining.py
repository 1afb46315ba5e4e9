"""Invitations, and single sign-on by tenant."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import tenants.encryption
import tenants.ids
from django.conf import settings
from django.db import migrations, models

from tenants.rls import EnableTenantRls

# Whose a domain is, no tenant says of itself: its console cannot, whatever the code does.
GUARD = """
CREATE FUNCTION tollgate_approved_by_operators() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'domains are approved by operators' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER tollgate_approved_on_insert BEFORE INSERT ON tenants_ssoconnection FOR EACH ROW
    WHEN (current_user = 'tollgate_console' AND NEW.approved_domains <> '{}') EXECUTE FUNCTION tollgate_approved_by_operators();
CREATE TRIGGER tollgate_approved_on_update BEFORE UPDATE ON tenants_ssoconnection FOR EACH ROW
    WHEN (current_user = 'tollgate_console' AND NEW.approved_domains <> OLD.approved_domains)
    EXECUTE FUNCTION tollgate_approved_by_operators();
"""
DROP_GUARD = """
DROP TRIGGER tollgate_approved_on_update ON tenants_ssoconnection;
DROP TRIGGER tollgate_approved_on_insert ON tenants_ssoconnection;
DROP FUNCTION tollgate_approved_by_operators;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0009_log_days'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SsoConnection',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(help_text='As people know it, such as “Acme login”.', max_length=60, verbose_name='name')),
                ('issuer', models.CharField(help_text='Its address, under which /.well-known/openid-configuration is found.', max_length=300, validators=[django.core.validators.URLValidator(schemes=['https', 'http'])], verbose_name='issuer')),
                ('client_id', models.CharField(max_length=200, verbose_name='client id')),
                ('client_secret', tenants.encryption.EncryptedTextField(blank=True, help_text='Encrypted at rest, never shown again.', verbose_name='client secret')),
                ('domains', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=120, validators=[django.core.validators.RegexValidator('^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$', 'A domain looks like acme.example.')]), default=list, help_text='Whose addresses it vouches for, separated by commas. They count once an operator has approved them.', size=None, verbose_name='e-mail domains')),
                ('approved_domains', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=120, validators=[django.core.validators.RegexValidator('^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$', 'A domain looks like acme.example.')]), blank=True, default=list, help_text="Set by operators, who know that the domains are the tenant's.", size=None, verbose_name='approved domains')),
                ('joins_as', models.CharField(blank=True, choices=[('owner', 'Owner'), ('admin', 'Admin'), ('developer', 'Developer'), ('viewer', 'Viewer')], help_text='Whoever signs in with one of the domains becomes a member in this role. Empty: one has to be invited.', max_length=12, verbose_name='role of those who join')),
                ('is_required', models.BooleanField(default=False, help_text='The console opens only for those who have signed in through it. Operators get in without.', verbose_name='require single sign-on')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('tenant', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='sso', to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'single sign-on',
                'verbose_name_plural': 'single sign-on',
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('email', models.EmailField(max_length=254, verbose_name='e-mail')),
                ('role', models.CharField(choices=[('owner', 'Owner'), ('admin', 'Admin'), ('developer', 'Developer'), ('viewer', 'Viewer')], default='developer', max_length=12, verbose_name='role')),
                ('token_sha256', models.CharField(editable=False, max_length=64, unique=True)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='invited')),
                ('sent_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='last sent')),
                ('expires_at', models.DateTimeField(verbose_name='expires')),
                ('accepted_at', models.DateTimeField(editable=False, null=True, verbose_name='accepted')),
                ('revoked_at', models.DateTimeField(editable=False, null=True, verbose_name='revoked')),
                ('invited_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='invited by')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'invitation',
                'verbose_name_plural': 'invitations',
                'ordering': ['-created_at'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('accepted_at', None), ('revoked_at', None)), fields=('tenant', 'email'), name='invitation_once_per_address', violation_error_message='This address has been invited already. Send the invitation again instead.')],
            },
        ),
        EnableTenantRls("Invitation", console="SELECT, INSERT, UPDATE"),
        EnableTenantRls("SsoConnection"),
        migrations.RunSQL(GUARD, DROP_GUARD),
    ]
