"""Cache policies, and what caches did for a request in its log."""

import django.core.validators
import django.db.models.deletion
import tenants.ids
from decimal import Decimal
from django.db import migrations, models

from tenants.rls import EnableTenantRls

CREATE_TRIGGER = (
    "CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE ON gateway_cachepolicy "
    "FOR EACH ROW EXECUTE FUNCTION tollgate_raise_config_version()"
)
ADD = """
ALTER TABLE gateway_requestlog
    ADD COLUMN cache_reason varchar(200) NOT NULL DEFAULT '',
    ADD COLUMN saved_usd numeric(20, 9),
    ADD COLUMN cache_age_ms bigint,
    ADD COLUMN cache_similarity double precision;
"""
DROP = (
    "ALTER TABLE gateway_requestlog DROP COLUMN cache_reason, DROP COLUMN saved_usd, DROP COLUMN cache_age_ms, "
    "DROP COLUMN cache_similarity;"
)


class Migration(migrations.Migration):

    dependencies = [
        ('gateway', '0013_request_log_changes'),
        ('tenants', '0008_row_level_security'),
    ]

    operations = [
        migrations.CreateModel(
            name='CachePolicy',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('is_active', models.BooleanField(default=True, help_text="Off: nothing of this is cached, whatever the tenant's other policy says.", verbose_name='active')),
                ('exact', models.BooleanField(default=True, help_text='The very same request again is answered without calling a model, at no cost; and of the same requests at the same time only one calls a model.', verbose_name='exact cache')),
                ('ttl_seconds', models.PositiveIntegerField(default=3600, help_text='So long an answer is given again. 3600 is an hour, 86400 a day.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(31536000)], verbose_name='fresh for (seconds)')),
                ('stale_seconds', models.PositiveIntegerField(default=86400, help_text='So long afterwards it is still given, marked as stale, where no model can answer. 0: never. It takes up room meanwhile.', validators=[django.core.validators.MaxValueValidator(31536000)], verbose_name='stands in for (seconds)')),
                ('scope', models.CharField(choices=[('tenant', 'The whole tenant: who asks the same gets the same answer'), ('end_user', 'Each end user: nobody gets what was answered to another')], default='tenant', help_text='No other tenant ever gets it. Choose each end user where answers depend on who asks though the request does not show it, or where nobody may find out what others have asked; requests that name no end user are then not cached.', max_length=10, verbose_name='shared by')),
                ('max_temperature', models.DecimalField(decimal_places=2, default=Decimal('0.3'), help_text='A request that asks for a higher one wants variety and is not cached. One that names none is: it did not ask for variety.', max_digits=3, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('2'))], verbose_name='highest temperature')),
                ('with_tools', models.BooleanField(default=False, help_text='Also keep answers that call tools, and answer requests from the cache whose tools the provider runs itself, such as a web search.', verbose_name='with tools')),
                ('embeddings', models.BooleanField(default=True, help_text='Of the same text they are the same; takes more room than answers do.', verbose_name='embeddings')),
                ('max_entry_kilobytes', models.PositiveIntegerField(default=256, help_text='What is larger is not kept.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(8192)], verbose_name='largest answer (kB)')),
                ('max_megabytes', models.PositiveIntegerField(default=64, help_text='Of the whole tenant, in Redis. When it is full, the oldest answers go. Only said here, in the policy for all tasks.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(65536)], verbose_name='room for all answers (MB)')),
                ('semantic', models.BooleanField(default=False, help_text='A question that means the same as an earlier one is given its answer.', verbose_name='semantic cache')),
                ('semantic_threshold', models.DecimalField(decimal_places=3, default=Decimal('0.95'), help_text='Of two questions, as the cosine of their embeddings. A caller may ask for more, never for less.', max_digits=4, validators=[django.core.validators.MinValueValidator(Decimal('0.5')), django.core.validators.MaxValueValidator(Decimal('1'))], verbose_name='least similarity')),
                ('target_false_percent', models.DecimalField(decimal_places=2, default=Decimal('2'), help_text='Of a hundred hits. The similarity that is asked for follows what is measured.', max_digits=4, validators=[django.core.validators.MinValueValidator(Decimal('0.1')), django.core.validators.MaxValueValidator(Decimal('50'))], verbose_name='wrong answers tolerated (%)')),
                ('semantic_verified', models.BooleanField(default=True, help_text='A trained check decides, too, so that a lower similarity will do. Numbers, dates, names and negations must agree in any case.', verbose_name='check hits')),
                ('semantic_agent_turns', models.BooleanField(default=False, help_text="Also where the last message is a tool's result. Rarely wise: what matters there is in the details.", verbose_name="agents' turns, too")),
                ('semantic_max_age_seconds', models.PositiveIntegerField(default=86400, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(31536000)], verbose_name='oldest answer (seconds)')),
                ('prefix', models.BooleanField(default=True, help_text='Has the provider keep the beginning of requests, where that costs less than it saves. Answers are made anew each time. On where no policy says otherwise.', verbose_name='prefix cache')),
                ('prefix_ttl', models.CharField(choices=[('auto', 'Whichever is worth it'), ('5m', '5 minutes'), ('1h', '1 hour')], default='auto', max_length=4, verbose_name='kept by the provider for')),
                ('task', models.ForeignKey(blank=True, help_text='Empty: every request that no other policy is about, and models that are asked for by name.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='gateway.task', verbose_name='task')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant', verbose_name='tenant')),
            ],
            options={
                'verbose_name': 'cache policy',
                'verbose_name_plural': 'cache policies',
                'ordering': ['tenant', 'task'],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'task'), name='cache_policy_once_per_task', nulls_distinct=False, violation_error_message='The tenant has a cache policy for this already.')],
            },
        ),
        EnableTenantRls("CachePolicy"),
        migrations.RunSQL(CREATE_TRIGGER, "DROP TRIGGER raise_config_version ON gateway_cachepolicy"),
        migrations.RunSQL(ADD, DROP),
    ]
