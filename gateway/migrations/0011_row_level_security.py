"""Row-level security of the data plane's tables.

The request log's policies stand on the whole and not on its partitions: the console may read the whole, and has no rights in a partition.
"""

from django.db import migrations

from tenants.rls import EnableTenantRls


class Migration(migrations.Migration):
    dependencies = [
        ("gateway", "0010_context"),
        ("billing", "0005_row_level_security"),
        ("tenants", "0008_row_level_security"),
    ]
    operations = [
        *(
            EnableTenantRls(model, shares_unowned=True)
            for model in ("Provider", "Model", "Task", "TaskFallback", "ContextPolicy", "RoutingRule", "RoutingTarget")
        ),
        EnableTenantRls("QualityModel", console="SELECT", shares_unowned=True),
        EnableTenantRls("LabeledAnswer", console="SELECT"),
        EnableTenantRls("EarlierAnswer", console="SELECT, DELETE"),
        EnableTenantRls("RequestLog", console="SELECT"),
    ]
