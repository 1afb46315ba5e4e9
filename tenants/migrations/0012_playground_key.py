"""Keys of applications and the playground's, of which a tenant has one; and the scope for feedback."""

import django.contrib.postgres.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0011_cache_scope'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='apikey',
            name='kind',
            field=models.CharField(choices=[('application', "An application's"), ('playground', "The playground's")], default='application', editable=False, max_length=12, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='apikey',
            name='scopes',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('chat', 'Chat: /v1/chat/completions and /v1/messages'), ('embeddings', 'Embeddings: /v1/embeddings'), ('models', 'Models: list the catalog'), ('usage', "Usage: the whole tenant's, by key, end user, task, model"), ('cache', 'Cache: what it holds, and purging it'), ('feedback', 'Feedback: rate answers at /v1/feedback')], max_length=20), help_text='What the key may do. At least one.', size=None, verbose_name='scopes'),
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'playground'), ('revoked_at', None)), fields=('tenant',), name='one_playground_key_per_tenant'),
        ),
    ]
