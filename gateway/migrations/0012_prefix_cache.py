"""What a provider's prompt cache saved, in the log of requests; and models of compatible servers that take a prompt_cache_key."""

import django.contrib.postgres.fields
from django.db import migrations, models

ADD = "ALTER TABLE gateway_requestlog ADD COLUMN prefix_saved_usd numeric(20, 9) NOT NULL DEFAULT 0;"
DROP = "ALTER TABLE gateway_requestlog DROP COLUMN prefix_saved_usd;"


class Migration(migrations.Migration):
    dependencies = [("gateway", "0011_row_level_security")]
    operations = [
        migrations.RunSQL(ADD, DROP),
        migrations.AlterField(
            model_name='model',
            name='capabilities',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('chat', 'Chat'), ('embeddings', 'Embeddings'), ('streaming', 'Streaming'), ('tools', 'Tools'), ('vision', 'Images'), ('json_schema', 'JSON schema'), ('reasoning', 'Reasoning'), ('prompt_cache_key', 'Prompt cache key (compatible servers)')], max_length=20), help_text='What the model can do; a request that needs more is not sent to it.', size=None, verbose_name='capabilities'),
        ),
    ]
