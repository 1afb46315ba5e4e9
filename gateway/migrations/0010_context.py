"""Context policies of tasks, and what they did to a request in its log."""

import django.core.validators
import django.db.models.deletion
import tenants.ids
from django.db import migrations, models

ADD = """
ALTER TABLE gateway_requestlog
    ADD COLUMN context_tokens_before bigint,
    ADD COLUMN context_tokens_after bigint;
"""
DROP = "ALTER TABLE gateway_requestlog DROP COLUMN context_tokens_before, DROP COLUMN context_tokens_after;"
CREATE_TRIGGER = (
    "CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE ON gateway_contextpolicy "
    "FOR EACH ROW EXECUTE FUNCTION tollgate_raise_config_version()"
)


class Migration(migrations.Migration):

    dependencies = [
        ('gateway', '0009_routing'),
        ('tenants', '0006_counted_since'),
    ]

    operations = [
        migrations.CreateModel(
            name='ContextPolicy',
            fields=[
                ('id', models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('is_active', models.BooleanField(default=True, help_text="Off, or without a policy, conversations go to the model as they come. What was left out stands in the answer's header x-tollgate-context.", verbose_name='active')),
                ('keep_messages', models.PositiveIntegerField(blank=True, default=10, help_text='At least so many of the latest messages stay, and all instructions (system, developer). A tool call always stays together with its results. Empty: nothing is left out for being old.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='keep the last messages')),
                ('block_messages', models.PositiveIntegerField(default=10, help_text="Older messages go only once there are so many of them, and then all at once: in between, the beginning of the conversation stays the same and the provider's prompt cache goes on serving it. 1 saves most, and caches least.", validators=[django.core.validators.MinValueValidator(1)], verbose_name='leave out in blocks of')),
                ('fits_budget', models.BooleanField(default=True, help_text='Leave out the oldest messages of conversations that are longer than the plan or the next field allows for one request, instead of refusing them. Parts marked with cache_control go only for this reason.', verbose_name='fit the token limit')),
                ('max_input_tokens', models.PositiveIntegerField(blank=True, help_text="Of one request, by Tollgate's estimate. Empty: the plan's limit alone.", null=True, validators=[django.core.validators.MinValueValidator(500)], verbose_name='most input tokens')),
                ('relevant_turns', models.PositiveSmallIntegerField(default=0, help_text="Most exchanges, of those that would be left out, that stay because they resemble the user's last message. 0: none. What is brought back changes with each question, so less is served from the provider's prompt cache.", validators=[django.core.validators.MaxValueValidator(50)], verbose_name='bring back relevant turns')),
                ('least_similarity_percent', models.PositiveSmallIntegerField(default=30, help_text='Exchanges that resemble the question less (by the cosine of their embeddings) are not brought back.', validators=[django.core.validators.MaxValueValidator(100)], verbose_name='least similarity (%)')),
                ('embedding_wait_ms', models.PositiveIntegerField(default=100, help_text='If the comparison is not ready by then, the request goes on without it; the next one will have it.', validators=[django.core.validators.MaxValueValidator(5000)], verbose_name='wait for embeddings (ms)')),
                ('summarises', models.BooleanField(default=False, help_text='A model sums it up, in the background: requests never wait for it, and carry the summary once it is there. It is made under the key and the end user of the request that needs it, counts towards their limits and budgets, and stands in the request log under the feature context-summary.', verbose_name='summarise what is left out')),
                ('summary_tokens', models.PositiveIntegerField(default=400, validators=[django.core.validators.MinValueValidator(50), django.core.validators.MaxValueValidator(8000)], verbose_name='most tokens of a summary')),
                ('collapses_whitespace', models.BooleanField(default=False, help_text="Runs of spaces and of blank lines become one, in everything but the user's last message, code between fences, JSON and the arguments of tools.", verbose_name='collapse blank space')),
                ('drops_repetition', models.BooleanField(default=False, help_text='A long paragraph that stands in an earlier message already is replaced by a short reference to it.', verbose_name='drop repetition')),
                ('summary_model', models.ForeignKey(blank=True, help_text='A cheap one will do. Keys that are restricted to some models need this one among them.', null=True, on_delete=django.db.models.deletion.RESTRICT, related_name='+', to='gateway.model', verbose_name='summary model')),
                ('task', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='context_policy', to='gateway.task', verbose_name='task')),
                ('tenant', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'context policy',
                'verbose_name_plural': 'context',
            },
        ),
        migrations.RunSQL(CREATE_TRIGGER, "DROP TRIGGER raise_config_version ON gateway_contextpolicy"),
        migrations.RunSQL(ADD, DROP),
    ]
