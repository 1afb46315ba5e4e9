import django.db.models.deletion
import pgvector.django.vector
from django.db import migrations, models
from pgvector.django import VectorExtension

import tenants.ids


class Migration(migrations.Migration):
    dependencies = [("gateway", "0006_model_breaker"), ("tenants", "0006_counted_since")]

    operations = [
        VectorExtension(),
        migrations.CreateModel(
            name="EarlierAnswer",
            fields=[
                ("id", models.UUIDField(default=tenants.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("task", models.CharField(max_length=60, verbose_name="task")),
                ("instructions", models.CharField(max_length=64)),
                ("question_sha256", models.CharField(max_length=64)),
                ("embedder", models.CharField(max_length=120)),
                ("embedding", pgvector.django.vector.VectorField()),
                ("answer", models.TextField(verbose_name="answer")),
                ("model", models.CharField(max_length=120, verbose_name="model")),
                ("provider", models.CharField(max_length=60, verbose_name="provider")),
                ("answered_at", models.DateTimeField(verbose_name="answered")),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="tenants.tenant", verbose_name="tenant"
                    ),
                ),
            ],
            options={
                "verbose_name": "earlier answer",
                "verbose_name_plural": "earlier answers",
                "indexes": [models.Index(fields=["tenant", "task", "answered_at"], name="earlier_answer_age")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "task", "instructions", "embedder", "question_sha256"),
                        name="earlier_answer_once",
                    )
                ],
            },
        ),
    ]
